"""The textbook's recipe: TFP's own networks and bijectors in a legacy Keras model."""

import os

os.environ["TF_USE_LEGACY_KERAS"] = "1"

import numpy as np
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from peers.base import Peer

__all__ = ["ChapterPeer"]


class ChapterPeer(Peer):
    def __init__(self, job):
        if job.family != "affine":
            raise NotImplementedError("the recipe has affine layers only")
        tf.keras.utils.set_random_seed(0)
        chain = []
        for _ in range(job.layers):
            made = tfb.AutoregressiveNetwork(
                params=2, hidden_units=list(job.hidden), activation="relu"
            )
            chain.append(tfb.MaskedAutoregressiveFlow(shift_and_log_scale_fn=made))
            chain.append(tfb.Permute(permutation=list(range(job.dimensions))[::-1]))
        base = tfd.MultivariateNormalDiag(loc=[0.0] * job.dimensions)
        self.flow = tfd.TransformedDistribution(distribution=base, bijector=tfb.Chain(chain))
        x = tf.keras.Input(shape=(job.dimensions,), dtype=tf.float32)
        self.model = tf.keras.Model(x, self.flow.log_prob(x))
        self.model.compile(tf.keras.optimizers.Adam(1e-3), loss=lambda _, log_prob: -log_prob)

    def weights(self):
        return sum(int(np.prod(w.shape)) for w in self.model.trainable_weights)

    def fit(self, x, batch, epoch_done):
        class AfterEpoch(tf.keras.callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None):
                if epoch_done(logs["loss"]):
                    self.model.stop_training = True

        self.model.fit(
            x,
            np.zeros((len(x), 0), "float32"),
            batch_size=batch,
            epochs=100_000,
            verbose=0,
            callbacks=[AfterEpoch()],
        )

    def load(self, x):
        self.x = tf.constant(x)

    # A graph is kinder to the recipe than its own eager calls are.

    def compile_log_prob(self):
        self.density = tf.function(self.flow.log_prob).get_concrete_function(self.x)
        return True

    def log_prob(self):
        return self.density(self.x).numpy()

    def compile_sample(self, count):
        draw = tf.function(lambda seed: self.flow.sample(count, seed=seed))
        self.draw = draw.get_concrete_function(tf.constant([0, 0]))
        return True

    def sample(self, count, seed):
        return self.draw(tf.constant([0, seed])).numpy()
