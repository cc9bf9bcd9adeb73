"""The base of a flow, as a Keras layer that owns the variables of a TFP distribution."""

import keras
import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfflows.interop.dry_runs import preserve_state
from tfflows.interop.tfp_config import from_config, to_config
from tfflows.interop.variable_tracking import adopt_distribution, state_of

__all__ = ["BaseDistribution"]


@keras.saving.register_keras_serializable(package="tfflows")
class BaseDistribution(keras.layers.Layer):
    """Hold a TFP distribution and make its variables Keras weights.

    Parameters
    ----------
    distribution : tfd.Distribution
        The distribution; its tf.Variables train and are saved with the model.
    **kwargs
        Keras's own arguments.
    """

    distribution: tfd.Distribution

    def __init__(self, distribution, **kwargs):
        super().__init__(**{"name": "base", **kwargs})
        if isinstance(distribution, BaseDistribution):
            distribution = distribution.distribution
        if not isinstance(distribution, tfd.Distribution):
            raise TypeError(
                f"base must be a tfp.distributions.Distribution; got {distribution!r} of type "
                f"{type(distribution).__name__}."
            )
        self.distribution = distribution
        adopt_distribution(self, distribution, tuple(distribution.event_shape))
        self.build(tuple(distribution.event_shape))

    def build(self, event_shape):
        """Note the shape of an event, for `summary`."""
        self.built = True

    def compute_output_shape(self, event_shape):
        """Return the shape of a batch of events."""
        return (None, *event_shape)

    def check(self, event_shape, dtype) -> None:
        """Raise a ValueError unless the distribution fits latent events of shape and type."""
        d = self.distribution
        if d.batch_shape.rank != 0:
            raise ValueError(
                f"base {d.name} has batch shape {tuple(d.batch_shape)}, so it is a batch of "
                f"distributions of events {tuple(d.event_shape)}, not one of events "
                f"{tuple(event_shape)}. Wrap it: tfd.Independent(base, "
                f"reinterpreted_batch_ndims={d.batch_shape.rank})."
            )
        if tuple(d.event_shape) != tuple(event_shape):
            raise ValueError(
                f"base has events of shape {tuple(d.event_shape)}, but the layers map events to "
                f"latent points of shape {tuple(event_shape)}."
            )
        if tf.as_dtype(d.dtype) != tf.as_dtype(dtype):
            raise ValueError(
                f"base is of type {tf.as_dtype(d.dtype).name} and the flow computes in {dtype}; "
                "give both the same dtype."
            )

    @property
    def is_bounded(self) -> bool:
        """Whether the density is zero somewhere, as far as a few far points tell."""
        d = self.distribution
        shape = [2, *d.event_shape]
        far = np.full(shape, 1e3)
        far[1] = -1e3
        with preserve_state([*state_of(d), *self.variables]):
            value = d.log_prob(tf.constant(far, d.dtype)).numpy()
        return bool(np.isneginf(value).any() or np.isnan(value).any())

    def get_config(self):
        """Return the constructor's arguments."""
        return {
            "name": self.name,
            "trainable": self.trainable,
            "distribution": to_config(self.distribution),
        }

    @classmethod
    def from_config(cls, config):
        """Build the layer from `get_config`'s answer."""
        return cls(**{**config, "distribution": from_config(config["distribution"])})
