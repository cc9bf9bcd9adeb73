"""Any TFP distribution as a model that Keras trains."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfflows.distributions import FlowDistribution, LiveDistribution
from tfflows.inputs.columns import columns_config
from tfflows.inputs.validation import as_shape
from tfflows.interop.dry_runs import (
    dummy_events,
    first_that_runs,
    preserve_state,
    restore_variables,
)
from tfflows.interop.tfp_classes import is_a, public_name
from tfflows.interop.tfp_config import from_config, to_config
from tfflows.interop.tfp_parts import parts_of
from tfflows.interop.variable_tracking import adopt_distribution, state_of
from tfflows.models.density_model import DensityModel

__all__ = ["DistributionModel"]


@keras.saving.register_keras_serializable(package="tfflows")
class DistributionModel(DensityModel):
    r"""A TFP distribution, trained by Keras.

    Everything that its ``log_prob`` uses becomes a weight of the model: tf.Variables, the weights
    of TFP's own networks (which need neither an ``event_shape`` nor a call before) and Keras layers
    behind a function. They are the distribution's own variables, not copies, so that after
    training the distribution itself gives the trained density. The constraints that hold the masks
    of ``tfb.AutoregressiveNetwork`` come along.

    Parameters
    ----------
    distribution : tfd.Distribution
        A distribution of events that are single arrays, with batch shape ``()``.
    event_shape : int or tuple of int, optional
        Shape of an event, where the distribution does not know it.
    **kwargs
        Keras's own arguments: ``name``, ``trainable``.

    Attributes
    ----------
    tfp_distribution : tfd.Distribution
        The distribution given: the very object, or after loading its rebuild.

    Raises
    ------
    TypeError
        If `distribution` is not a TFP distribution, or a keras.Variable is a parameter of it or of
        a part of it: TFP reads such a variable once and freezes it.
    ValueError
        If the distribution is a batch of distributions or a joint distribution, if its log_prob
        uses a variable that cannot become a weight or a network that wants a context, or if it was
        made outside the scope of the
        ``tf.distribute`` strategy that the model is made in; if base and bijector of a transformed
        distribution are for events of different shapes. In `get_config`: if a part of it has
        no name, such as a lambda.

    Notes
    -----
    A ``tf.train.Checkpoint`` of a distribution that was trained with TFP alone is read into the
    same distribution, built anew, before or after the model is made of it:
    ``tf.train.Checkpoint(flow=td).read(path)``. Orders and masks that TFP draws at random are not
    part of checkpoints: seed NumPy before building the network as it was seeded then.

    TFP keeps the results of bijectors in one global cache. The model, and what its
    ``distribution()`` returns, ask about a fresh tensor each time and so follow the weights. A call
    of your own distribution object on a tensor that it has seen before training is answered from
    that cache; pass ``tf.identity(x)``.

    Examples
    --------
    >>> import numpy as np, tensorflow as tf
    >>> from tensorflow_probability import bijectors as tfb, distributions as tfd
    >>> made = tfb.AutoregressiveNetwork(params=2, hidden_units=[8], activation="relu")
    >>> flow = tfd.TransformedDistribution(
    ...     tfd.MultivariateNormalDiag(loc=[0.0, 0.0]), tfb.MaskedAutoregressiveFlow(made))
    >>> model = DistributionModel(flow)
    >>> len(model.trainable_weights), model.log_prob(np.zeros([5, 2], np.float32)).shape
    (4, TensorShape([5]))
    """

    def __init__(self, distribution: tfd.Distribution, event_shape=None, **kwargs):
        if not isinstance(distribution, tfd.Distribution):
            raise TypeError(
                "DistributionModel takes a distribution of tensorflow_probability; got "
                f"{type(distribution).__name__}."
            )
        _check_single(distribution)
        _check_given_shape(distribution, event_shape)
        dtype = tf.as_dtype(distribution.dtype)
        kwargs.setdefault("dtype", dtype.name if dtype.is_floating else None)
        shape = _event_shape(distribution) if event_shape is None else event_shape
        super().__init__(shape, **kwargs)
        if dtype.is_floating and self.variable_dtype != dtype.name:
            raise ValueError(
                f"the distribution computes in {dtype.name} and the model was asked for "
                f"{self.variable_dtype}; leave dtype out, or make the distribution's parameters "
                f"{self.variable_dtype}."
            )
        self.tfp_distribution = distribution
        try:
            adopt_distribution(self, distribution, self.event_shape, scope=self.name)
        except ValueError:
            # Where shapes are the cause, TFP's message says neither of them.
            _check_latent_shape(distribution, self.event_shape, self.variables)
            raise
        _check_latent_shape(distribution, self.event_shape, self.variables)
        self.built = True

    def distribution(self, context=None) -> tfd.Distribution:
        """Return the distribution, in a form that always follows the weights.

        A tfd.TransformedDistribution comes back as one; any other kind has the methods of
        tfd.Distribution.

        Parameters
        ----------
        context : None
            A distribution of TFP has no context.

        Raises
        ------
        ValueError
            If a context is given.
        """
        self._context(context)
        transformed = public_name(self.tfp_distribution) == "distributions.TransformedDistribution"
        return (FlowDistribution if transformed else LiveDistribution)(self)

    def plain_distribution(self, context=None) -> tfd.Distribution:
        """Return the distribution that was given, which TFP's cache may answer for."""
        return self.tfp_distribution

    def components(self) -> list:
        """Return bijector and base of a transformed distribution; nothing of any other."""
        given = self.tfp_distribution
        transformed = is_a(given, "distributions.TransformedDistribution")
        return [given.bijector, given.distribution] if transformed else []

    def outside_support(self, x, context=None) -> np.ndarray:
        """Say for each row of `x` whether the density is zero there, or not a number.

        TFP answers NaN outside the range of a bijector. So do weights that have become too large,
        but then for what the distribution itself draws, too.
        """
        outside = super().outside_support(x, context)
        if not np.isfinite(self.log_prob(self.sample(1, seed=0))).all():
            return outside
        return outside | np.isnan(self.log_prob(x, context))

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        return {
            "name": self.name,
            "trainable": self.trainable,
            "event_shape": list(self.event_shape),
            "distribution": to_config(self.tfp_distribution),
            **columns_config(self),
        }

    @classmethod
    def from_config(cls, config: dict) -> "DistributionModel":
        """Build the model from `get_config`'s answer."""
        return cls(**{**config, "distribution": from_config(config["distribution"])})


def _parts(distribution: tfd.Distribution) -> tuple:
    """Return bijector and base of a transformed distribution of arrays; nothing of any other."""
    if not is_a(distribution, "distributions.TransformedDistribution"):
        return ()
    bijector, base = distribution.bijector, distribution.distribution
    ranks = bijector.forward_min_event_ndims, bijector.inverse_min_event_ndims
    joint = any(map(tf.nest.is_nested, (*ranks, base.dtype)))
    return () if joint else (bijector, base)


def _check_given_shape(distribution: tfd.Distribution, event_shape) -> None:
    known = distribution.event_shape
    # Of any base under any bijector TFP knows the shape of the base's events alone.
    composed = public_name(distribution) == "distributions.TransformedDistribution"
    if event_shape is None or composed or not known.is_fully_defined():
        return
    given = as_shape(event_shape, "event_shape")
    if given != tuple(known):
        raise ValueError(
            f"{distribution.name} has events of shape {tuple(known)}, and event_shape={given} was "
            "given; leave event_shape out, or make the distribution of events of that shape."
        )


def _check_base_rank(distribution: tfd.Distribution) -> None:
    inside = [p.value for p in parts_of(distribution) if isinstance(p.value, tfd.Distribution)]
    for bijector, base in filter(None, map(_parts, inside)):
        rank, least = base.event_shape.rank, int(bijector.forward_min_event_ndims)
        if rank is not None and rank < least:
            raise ValueError(
                f"the bijector {bijector.name!r} maps events of rank {least} or more, and the base "
                f"{base.name} has events of shape {tuple(base.event_shape)}. Give the base the "
                "coordinates of an event, for D of them tfd.Sample(base, sample_shape=[D]) or "
                "tfd.MultivariateNormalDiag(tf.zeros([D]))."
            )


def _check_latent_shape(distribution: tfd.Distribution, event_shape: tuple, variables) -> None:
    for bijector, base in filter(None, [_parts(distribution)]):
        if not base.event_shape.is_fully_defined():
            return
        events = dummy_events((1, *event_shape), distribution.dtype)
        try:
            with preserve_state([*state_of(distribution), *variables]):
                latent: Any = first_that_runs(bijector.inverse, events)
        except (tf.errors.InvalidArgumentError, ValueError):
            return
        latent = tf.convert_to_tensor(latent[0] if isinstance(latent, tuple | list) else latent)
        if tuple(latent.shape[1:]) != tuple(base.event_shape):
            raise ValueError(
                f"base {base.name} has events of shape {tuple(base.event_shape)}, but the bijector "
                f"{bijector.name!r} maps events of shape {event_shape} to latent points of shape "
                f"{tuple(latent.shape[1:])}: one latent number would serve several coordinates. "
                "Give the base one for each."
            )


def _check_single(distribution: tfd.Distribution) -> None:
    _check_base_rank(distribution)
    if tf.nest.is_nested(distribution.dtype) or isinstance(distribution, tfd.JointDistribution):
        raise ValueError(
            f"{distribution.name} is a distribution of several arrays, and an event of a model is "
            "one array; use tfd.Blockwise to join the parts to one vector."
        )
    try:
        batch = distribution.batch_shape
    except ValueError as error:
        raise ValueError(
            f"the shapes of the parts of {distribution.name} do not fit together: {error}. Give a "
            "base as many coordinates as the parameters of the bijector have."
        ) from error
    if batch.rank != 0:
        raise ValueError(
            f"{distribution.name} has batch shape {batch}: it is a batch of distributions of "
            f"events of shape {distribution.event_shape}, and would give one density for each. If "
            "these are the coordinates of one event, wrap it in tfd.Independent(distribution, "
            f"reinterpreted_batch_ndims={batch.rank or 1})."
        )


def _event_shape(distribution: tfd.Distribution) -> tuple[int, ...]:
    shape = distribution.event_shape
    if not shape.is_fully_defined():
        try:
            # A first draw may make networks, whose weights are drawn at random.
            with restore_variables(state_of(distribution)):
                shape = distribution.sample(seed=(0, 0)).shape
        except (NotImplementedError, ValueError, tf.errors.InvalidArgumentError) as error:
            raise ValueError(
                f"{distribution.name} does not know the shape of its events; pass event_shape=..."
            ) from error
    return tuple(shape)
