"""A joint density as a product of conditional ones, each a model of its own."""

import functools
import itertools
import math
import textwrap
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from tfflows import random
from tfflows.distributions import LiveDistribution
from tfflows.inputs.columns import columns_config
from tfflows.layers.base import batch_shape_of
from tfflows.layers.context import join_context
from tfflows.models.density_model import DensityModel

__all__ = ["Factorized"]


@keras.saving.register_keras_serializable(package="tfflows")
class Factorized(DensityModel):
    r"""A joint density as a product of conditional ones, each a model of its own.

    .. math:: p(x \mid c) = \prod_{k=1}^K p_k\big(x_{S_k} \mid x_{S_1}, \dots, x_{S_{k-1}}, c\big)

    for parts :math:`S_1, \dots, S_K` of the columns. `fit` trains all factors together; since no
    factor shares weights with another, each may as well be fitted alone, to what `factor_data`
    returns. A factor that is kept from training (``factor.trainable = False``) stays as it is.

    Parameters
    ----------
    factors : sequence of DensityModel
        The densities of the parts, of events ``(d,)``. The context of a factor holds the columns of
        all parts before its own, in their order, and then the context of the whole; a factor
        without a context is independent of all of it.
    columns : sequence of sequence of int or str, optional
        The columns of each part: by their numbers, which stand once each, or by their names, whose
        order is then that of an event. By default each part begins where the one before ends.
    context_shape : int or tuple of int, optional
        Shape ``(C,)`` of the context of the whole.
    **kwargs
        Keras's own arguments: ``name``, ``trainable``.

    Raises
    ------
    TypeError
        If a factor is no density model.
    ValueError
        If events or contexts of a factor have another shape than its place asks for, types differ,
        a model stands twice, or `columns` are not those of an event.

    Examples
    --------
    p(x1) p(x2 | x1) p(x3 | x1, x2):

    >>> import tfflows
    >>> options = {"transforms": 1, "hidden_units": (8,)}
    >>> joint = Factorized([
    ...     tfflows.NSF(1, **options),
    ...     tfflows.NSF(1, context_shape=1, **options),
    ...     tfflows.NSF(1, context_shape=2, **options),
    ... ])
    >>> joint.sample(5, seed=0).shape, joint.log_prob(tf.zeros([4, 3])).shape
    (TensorShape([5, 3]), TensorShape([4]))
    """

    def __init__(
        self,
        factors: Sequence[DensityModel],
        columns: Sequence[Sequence[int] | Sequence[str]] | None = None,
        context_shape=None,
        **kwargs,
    ):
        factors = list(factors)
        _check_models(factors)
        sizes = [math.prod(factor.event_shape) for factor in factors]
        kwargs.setdefault("dtype", factors[0].dtype_policy)
        super().__init__((sum(sizes),), context_shape, **kwargs)
        if self.context_shape is not None and len(self.context_shape) != 1:
            raise ValueError(
                f"the context of a product must have one axis; got shape {self.context_shape}."
            )
        self.factors = factors
        self.columns = None if columns is None else [list(part) for part in columns]
        names, self._indices = _as_indices(self.columns, sizes)
        self.event_columns.learn(names)
        context_size = math.prod(self.context_shape or (0,))
        for factor, before in zip(factors, itertools.accumulate(sizes, initial=0), strict=False):
            _check_context(factor, before, context_size)
            factor.build()
        order = np.concatenate(self._indices)
        self._back = np.argsort(order)
        self.built = True

    def factor_data(self, index: int, x, context=None) -> tuple[Any, Any]:
        """Return the events and the contexts of one factor, to fit it alone.

        Parameters
        ----------
        index : int
            The number of the factor.
        x : array
            Events of the whole, ``[N, D]``.
        context : array, optional
            Contexts of the whole, ``[N, C]``.

        Returns
        -------
        tuple of np.ndarray
            Events ``[N, d]`` and contexts ``[N, ...]``, None for a factor without a context.
        """
        x, part = np.asarray(x), self._indices[index]
        if self.factors[index].context_shape is None:
            return x[:, part], None
        given = [x[:, i] for i in self._indices[:index]]
        given += [] if context is None else [np.asarray(context)]
        return x[:, part], np.concatenate(given, axis=-1)

    def _given(self, index, earlier: list, context):
        """Return the context of a factor: the parts before its own, and the context of all."""
        given = [part for part in (*earlier, context) if part is not None]
        if self.factors[index].context_shape is None:
            return None
        return functools.reduce(join_context, given)

    def _parts(self, x) -> list:
        return [tf.gather(x, part, axis=-1) for part in self._indices]

    def _log_density(self, x, context=None, seed=None):
        parts, total = self._parts(x), tf.zeros([], x.dtype)
        for index, factor in enumerate(self.factors):
            given = self._given(index, parts[:index], context)
            draws = {"seed": random.fold_in(seed, index)} if factor._draws else {}
            total += factor._log_density(parts[index], given, **draws)
        return total

    def _drawn(self, shape, seed, context, draw) -> list:
        """Return what `draw` gives for each factor in turn; its first part is what was drawn."""
        shape = wanted = tf.convert_to_tensor(shape, tf.int32)
        # What is drawn is the batch of the next factor, and TFP fails at empty ones.
        shape = tf.maximum(shape, 1)
        if context is not None:
            batch = tf.convert_to_tensor(batch_shape_of(context, self.context_shape), tf.int32)
            shape = tf.concat([shape, batch], 0)
            context = tf.broadcast_to(context, tf.concat([shape, self.context_shape], 0))
        found: list = []
        for index, factor in enumerate(self.factors):
            given = self._given(index, [part for part, *_ in found], context)
            own = random.fold_in(seed, index)
            found.append(draw(factor, shape if given is None else (), own, given))
        if wanted.shape == (0,):
            return found
        return [tuple(part[: wanted[0]] for part in parts) for parts in found]

    def _joined(self, parts):
        return tf.gather(tf.concat(list(parts), -1), self._back, axis=-1)

    def _sample(self, shape, seed, context=None):
        def draw(factor, *how):
            return (factor._sample(*how),)

        return self._joined(part for (part,) in self._drawn(shape, seed, context, draw))

    def _sample_and_log_prob(self, shape, seed, context=None):
        def draw(factor, *how):
            return factor._sample_and_log_prob(*how)

        parts, log_probs = zip(*self._drawn(shape, seed, context, draw), strict=True)
        return self._joined(parts), tf.add_n([*log_probs])

    def distribution(self, context=None) -> tfd.Distribution:
        """Return a distribution that follows the weights.

        Parameters
        ----------
        context : tf.Tensor, optional
            Contexts ``[..., C]``, the batch of the distribution.
        """
        return LiveDistribution(self, self._context(context))

    def plain_distribution(self, context=None) -> tfd.Distribution:
        """Return TFP's joint distribution of the parts as one vector, valid for these weights."""

        def parts():
            drawn: list = []
            for index, factor in enumerate(self.factors):
                given = self._given(index, drawn, context)
                alone = index == 0 or given is None
                made = factor.distribution(given)
                if given is None and context is not None:
                    batch = batch_shape_of(context, self.context_shape)
                    made = tfd.BatchBroadcast(made, with_shape=batch)
                root = tfd.JointDistributionCoroutine.Root
                drawn.append((yield root(made) if alone else made))

        joint = tfd.Blockwise(tfd.JointDistributionCoroutine(parts))
        return tfd.TransformedDistribution(joint, tfb.Permute(self._back), name=self.name)

    def _source_of_draws(self, context):
        sources = []
        for factor in self.factors:
            shape = factor.context_shape
            given = None if shape is None else tf.zeros([1, *shape], self.variable_dtype)
            sources.append(factor._source_of_draws(given))
        full = tfd.FULLY_REPARAMETERIZED
        return next((s for s in sources if s.reparameterization_type != full), sources[0])

    def __repr__(self) -> str:
        """Return one line for the product, and those of each factor."""
        if not hasattr(self, "_back"):  # while it is made
            return object.__repr__(self)
        lines = [f"{type(self).__name__}(name={self.name!r}, event_shape={self.event_shape})"]
        parts: list = self._indices if self.columns is None else self.columns
        for factor, part in zip(self.factors, parts, strict=True):
            lines.append(f"  columns {', '.join(str(entry) for entry in part)}:")
            lines.append(textwrap.indent(repr(factor), "    "))
        return "\n".join(lines)

    # what the factors are, taken together

    @property
    def exact(self) -> bool:
        """Whether `log_prob` is the log density, as it is with exact factors, and not a bound."""
        return all(factor.exact for factor in self.factors)

    @property
    def estimates(self) -> bool:
        """Whether a factor estimates log-determinants."""
        return any(factor.estimates for factor in self.factors)

    @property
    def dequantizes(self) -> bool:
        """Whether all factors make data on a grid continuous."""
        return all(factor.dequantizes for factor in self.factors)

    @property
    def _draws(self) -> bool:
        return any(factor._draws for factor in self.factors)

    @property
    def unadapted_layers(self) -> list[str]:
        """Names of the layers that wait for data."""
        return [name for factor in self.factors for name in factor.unadapted_layers]

    def _each(self, x, context):
        for index, factor in enumerate(self.factors):
            yield factor, *self.factor_data(index, x, context)

    def adapt_parts(self, x, context, sample_weight):
        """Adapt each factor to its part."""
        for factor, part, given in self._each(x, context):
            factor.adapt_parts(part, given, sample_weight)

    def adapt_without_data(self, context=None):
        """Let the factors stay at their start."""
        for factor in self.factors:
            factor.adapt_without_data()

    def inspect(self, x, context):
        """Warn of what factors make of their parts."""
        for factor, part, given in self._each(x, context):
            factor.inspect(part, given)

    def outside_support(self, x, context=None) -> np.ndarray:
        """Say for each row of `x` whether the density of a part is zero there."""
        outside = np.zeros(len(x), bool)
        for factor, part, given in self._each(x, context):
            outside |= factor.outside_support(part, given)
        return outside

    def first_non_finite(self, x, context=None) -> str:
        """Name the first layer of a factor whose output is not finite; an empty string if none."""
        found = (factor.first_non_finite(*data) for factor, *data in self._each(x, context))
        return next(filter(None, found), "")

    # saving

    def get_config(self):
        """Return the constructor's arguments."""
        return {
            "name": self.name,
            "dtype": keras.saving.serialize_keras_object(self.dtype_policy),
            "trainable": self.trainable,
            "factors": [keras.saving.serialize_keras_object(factor) for factor in self.factors],
            "columns": self.columns,
            "context_shape": self.context_shape,
            **columns_config(self),
        }

    @classmethod
    def from_config(cls, config):
        """Build the model from `get_config`'s answer."""
        revive = keras.saving.deserialize_keras_object
        config = {**config, "dtype": revive(config["dtype"])}
        return cls(**{**config, "factors": [revive(factor) for factor in config["factors"]]})


def _check_models(factors) -> None:
    if not factors:
        raise ValueError("a product needs at least one factor; got none.")
    for index, factor in enumerate(factors):
        if not isinstance(factor, DensityModel):
            raise TypeError(
                f"factors must be density models such as tfflows.NSF(1); factor {index} is "
                f"{factor!r} of type {type(factor).__name__}."
            )
        if len(factor.event_shape) != 1:
            raise ValueError(
                f"factors must have events of shape (d,); those of factor {index}, {factor.name!r},"
                f" have shape {factor.event_shape}."
            )
        if any(factor is other for other in factors[:index]):
            raise ValueError(
                f"the model {factor.name!r} stands in the product twice and would share its "
                "weights; build separate models."
            )
        if factor.variable_dtype != factors[0].variable_dtype:
            raise ValueError(
                f"factor {index} computes in {factor.variable_dtype} and factor 0 in "
                f"{factors[0].variable_dtype}; build all with the same dtype=..."
            )


def _check_context(factor, before: int, context_size: int) -> None:
    wanted = before + context_size
    if factor.context_shape not in (None, (wanted,)):
        raise ValueError(
            f"the context of the factor {factor.name!r} must have shape ({wanted},), for {before} "
            f"columns of earlier parts and {context_size} of the context of the whole, or there "
            f"must be none; got {factor.context_shape}."
        )


def _as_indices(columns, sizes) -> tuple[tuple[str, ...] | None, list[np.ndarray]]:
    """Return the names of the columns, if they are given by names, and the numbers of each part."""
    consecutive = np.split(np.arange(sum(sizes)), np.cumsum(sizes)[:-1])
    if columns is None:
        return None, consecutive
    if [len(part) for part in columns] != sizes:
        raise ValueError(
            f"columns must hold {sizes} columns, as many as the events of the factors have; got "
            f"{columns}."
        )
    flat = [entry for part in columns for entry in part]
    if all(isinstance(entry, str) for entry in flat) and len(set(flat)) == len(flat):
        return tuple(flat), consecutive
    if sorted(map(str, flat)) != sorted(map(str, range(sum(sizes)))):
        raise ValueError(
            f"columns must hold each of 0..{sum(sizes) - 1} once, or different names; got "
            f"{columns}."
        )
    return None, [np.asarray(part, int) for part in columns]
