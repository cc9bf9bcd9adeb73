"""tfflows as its users run it: plain `fit`, `log_prob` and `sample`."""

import keras
import numpy as np
import tensorflow as tf

import tfflows
from peers.base import Peer

__all__ = ["TfflowsPeer"]


class TfflowsPeer(Peer):
    def __init__(self, job):
        keras.utils.set_random_seed(0)
        kind = {"affine": tfflows.MAF, "spline": tfflows.NSF}[job.family]
        extra = {} if job.family == "affine" else {"bins": job.bins}
        self.flow = kind(
            job.dimensions,
            transforms=job.layers,
            hidden_units=job.hidden,
            activation="relu",
            **extra,
        )
        self.flow.build()
        self.flow.compile(keras.optimizers.Adam(1e-3))

    def device(self):
        found = [d for d in tf.config.list_logical_devices() if d.device_type != "CPU"]
        return found[0].name if found else "CPU"

    def weights(self):
        return sum(int(np.prod(w.shape)) for w in self.flow.trainable_weights)

    def fit(self, x, batch, epoch_done):
        class AfterEpoch(keras.callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None):
                if epoch_done(logs["loss"]):
                    self.model.stop_training = True

        # As many epochs as are wanted; the callback ends them.
        self.flow.fit(x, batch_size=batch, epochs=100_000, verbose=0, callbacks=[AfterEpoch()])

    def load(self, x):
        self.x = tf.constant(x)

    def log_prob(self):
        return self.flow.log_prob(self.x).numpy()

    def sample(self, count, seed):
        return self.flow.sample(count, seed=seed).numpy()
