"""The base of a flow, as a Keras layer: a TFP distribution, or another model of a density."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfflows.interop.dry_runs import preserve_state
from tfflows.interop.tfp_config import from_config, to_config
from tfflows.interop.variable_tracking import adopt_distribution, state_of
from tfflows.models.density_model import DensityModel

__all__ = ["BaseDistribution"]


@keras.saving.register_keras_serializable(package="tfflows")
class BaseDistribution(keras.layers.Layer):
    """Hold the distribution of latent points, and make its variables Keras weights.

    Parameters
    ----------
    distribution : tfd.Distribution or DensityModel
        A distribution, whose tf.Variables train and are saved with the model; or a model, which
        may take the context that the layers see, and adapts to latent points as it does to data.
    **kwargs
        Keras's own arguments.
    """

    def __init__(self, distribution, **kwargs):
        super().__init__(**{"name": "base", **kwargs})
        if isinstance(distribution, BaseDistribution):
            distribution = distribution.given
        self._distribution: Any = None
        self.model: DensityModel | None = None
        if isinstance(distribution, DensityModel):
            self.model = distribution
            self.model.build()
            event_shape = self.model.event_shape
        elif isinstance(distribution, tfd.Distribution):
            self._distribution = distribution
            event_shape = tuple(distribution.event_shape)
            adopt_distribution(self, distribution, event_shape)
        else:
            raise TypeError(
                "base must be a tfp.distributions.Distribution or a tfflows.DensityModel; got "
                f"{distribution!r} of type {type(distribution).__name__}."
            )
        self.build(event_shape)

    def build(self, event_shape):
        """Note the shape of an event, for `summary`."""
        self.built = True

    def compute_output_shape(self, event_shape):
        """Return the shape of a batch of events."""
        return (None, *event_shape)

    @property
    def given(self) -> tfd.Distribution | DensityModel:
        """The distribution or the model that was given."""
        return self._distribution if self.model is None else self.model

    @property
    def conditional(self) -> bool:
        """Whether each context has a distribution of its own."""
        return self.model is not None and self.model.context_shape is not None

    @property
    def distribution(self) -> tfd.Distribution:
        """The distribution of latent points, of a base that is the same for all contexts.

        Raises
        ------
        ValueError
            If it is not.
        """
        if self.conditional:
            raise ValueError(
                f"the base {self.given.name!r} has a distribution for each context: base.at(c), "
                "with c as flow.embed(context) returns it."
            )
        return self.at(None)

    def at(self, context) -> tfd.Distribution:
        """Return the distribution given contexts as the layers see them, valid for these weights.

        Parameters
        ----------
        context : tf.Tensor or None
            Contexts ``[..., *context_shape]``, the batch of the distribution of a conditional base.
        """
        if self.model is None:
            return self._distribution
        return self.model.distribution(context if self.conditional else None)

    def check(self, event_shape, dtype, context_shape=None) -> None:
        """Raise a ValueError unless it fits latent events of shape and type, and contexts."""
        if self.model is None:
            self._check_batch(event_shape)
            own_shape, own_dtype = self._distribution.event_shape, self._distribution.dtype
        else:
            own_shape, own_dtype = self.model.event_shape, self.model.variable_dtype
            if not self.model.exact:
                raise ValueError(
                    f"the base {self.model.name!r} knows a bound of its density alone, and a base "
                    "must know the density: make one of exact layers."
                )
            if self.conditional and self.model.context_shape != context_shape:
                raise ValueError(
                    f"the base {self.model.name!r} takes contexts of shape "
                    f"{self.model.context_shape}, and the flow hands its layers and its base "
                    f"contexts of shape {context_shape}."
                )
        if tuple(own_shape) != tuple(event_shape):
            raise ValueError(
                f"base has events of shape {tuple(own_shape)}, but the layers map events to "
                f"latent points of shape {tuple(event_shape)}."
            )
        if tf.as_dtype(own_dtype) != tf.as_dtype(dtype):
            raise ValueError(
                f"base is of type {tf.as_dtype(own_dtype).name} and the flow computes in "
                f"{dtype}; give both the same dtype."
            )

    def _check_batch(self, event_shape):
        d = self._distribution
        if d.batch_shape.rank != 0:
            raise ValueError(
                f"base {d.name} has batch shape {tuple(d.batch_shape)}, so it is a batch of "
                f"distributions of events {tuple(d.event_shape)}, not one of events "
                f"{tuple(event_shape)}. Wrap it: tfd.Independent(base, "
                f"reinterpreted_batch_ndims={d.batch_shape.rank})."
            )

    def is_bounded(self, way: Callable = tf.identity, shape=None) -> bool:
        """Whether the density is zero somewhere, as far as a few far points tell.

        Parameters
        ----------
        way : callable
            Maps far points to latent ones.
        shape : tuple of int, optional
            Shape of such a point; by default that of a latent one.
        """
        d = self._distribution
        if d is None:
            return False
        shape = d.event_shape if shape is None else shape
        far = np.stack([np.full(shape, 1e3), np.full(shape, -1e3)])
        with preserve_state([*state_of(d), *self.variables]):
            value = d.log_prob(way(tf.constant(far, d.dtype))).numpy()
        return bool(np.isneginf(value).any() or np.isnan(value).any())

    def explain_outside(self) -> str:
        """Say what to do about layers that map data to where the density is zero."""
        low, high = (getattr(self._distribution, end, None) for end in ("low", "high"))
        ends = "low, high"
        if low is not None and high is not None:
            ends = ", ".join(str(np.asarray(end).tolist()) for end in (low, high))
        return (
            f"Put tfflows.layers.Invert(tfflows.layers.Interval({ends})) last in the list, nearest "
            "the base, which maps all that the layers make into its support; or use an unbounded "
            "base."
        )

    # data

    @property
    def adapts(self) -> bool:
        """Whether it takes anything from data."""
        return self.model is not None

    @property
    def needs_adapt(self) -> bool:
        """Whether it still waits for `adapt` to see data."""
        return self.model is not None and self.model.needs_adapt

    def adapt(self, z, context=None, sample_weight=None) -> None:
        """Show it the latent points of training rows, and contexts as the layers see them."""
        if self.model is not None:
            self.model.adapt_parts(z, context if self.conditional else None, sample_weight)

    def keep_start(self, context=None) -> None:
        """Stay as it is, and wait for no data."""
        if self.model is not None:
            self.model.adapt_without_data(context if self.conditional else None)

    # saving

    def get_config(self):
        """Return the constructor's arguments."""
        if self.model is None:
            distribution = to_config(self._distribution)
        else:
            distribution = keras.saving.serialize_keras_object(self.model)
        return {"name": self.name, "trainable": self.trainable, "distribution": distribution}

    @classmethod
    def from_config(cls, config):
        """Build the layer from `get_config`'s answer."""
        given = config["distribution"]
        read = keras.saving.deserialize_keras_object if "class_name" in given else from_config
        return cls(**{**config, "distribution": read(given)})
