"""The flow: a chain of bijector layers over a base distribution."""

import itertools
import math
import warnings
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from tfflows import random
from tfflows.diagnostics.permutations import warn_unpermuted
from tfflows.diagnostics.reach import box_of, warn_around, warn_outside
from tfflows.distributions import FlowDistribution, StandardNormal
from tfflows.inputs import validation
from tfflows.inputs.arrays import chunks
from tfflows.inputs.columns import columns_config
from tfflows.interop.dry_runs import preserve_state, restore_variables
from tfflows.layers.base import batch_shape_of
from tfflows.layers.masked_autoregressive import deserialize
from tfflows.layers.row_by_row import check_row_by_row
from tfflows.layers.standardize import standardize_of_context
from tfflows.layers.tfp_bijector import TFPBijector
from tfflows.layers.transform import Transform, not_outside
from tfflows.models import between_layers, description
from tfflows.models.base_distribution import BaseDistribution
from tfflows.models.density_model import DensityModel
from tfflows.models.one_context import as_batch
from tfflows.saving import versions
from tfflows.scoring import calls
from tfflows.scoring.split_batch import at_row
from tfflows.scoring.xla_chunks import xla_chunks

__all__ = ["Flow"]


@keras.saving.register_keras_serializable(package="tfflows")
class Flow(DensityModel):
    r"""A normalizing flow: a chain of bijectors that carries a base distribution to the data.

    .. math::
        x = (b_1 \circ \dots \circ b_K)(z), \qquad
        \log p(x) = \log p_0(z)
        + \sum_k \log\left|\det \frac{\partial b_k^{-1}}{\partial x_k}\right|

    Parameters
    ----------
    bijectors : sequence of Transform or tfb.Bijector
        As in ``tfb.Chain``: the first is nearest the data, the last nearest the base. TFP
        bijectors stand in the list as they are; their variables train. With a layer that is not
        exact, such as `tfflows.layers.Dequantize`, `log_prob` is a lower bound, or an unbiased
        estimate with `tfflows.layers.Residual` in many dimensions.
    event_shape : int or tuple of int
        Shape of an event.
    context_shape : int or tuple of int, optional
        Shape of a context, which reaches every layer that has parameters.
    base : tfd.Distribution or DensityModel, optional
        Distribution of the latent points; by default standard normal. Its variables train. Any
        exact model may be the base; one with a context sees that of the layers.
    context_network : keras.Model or keras.layers.Layer, optional
        Embeds contexts ``[B, *context_shape]`` once, for all layers.
    standardize_context : bool or array of bool
        Whether `adapt` and `fit` standardize the context, of which indicators, masks and padding
        then keep their values; or whether each of its columns.
    **kwargs
        Keras's own arguments: ``name``, ``dtype``.

    Raises
    ------
    TypeError
        If an entry is neither a layer nor a TFP bijector.
    ValueError
        If a layer stands twice, shapes or types do not fit, or a row depends on its batch.

    References
    ----------
    Papamakarios et al. (2021), "Normalizing Flows for Probabilistic Modeling and Inference",
    arXiv:1912.02762.

    Examples
    --------
    >>> import tensorflow as tf
    >>> from tensorflow_probability import bijectors as tfb
    >>> from tfflows import layers, univariates
    >>> flow = Flow(
    ...     [layers.MaskedAutoregressive(univariates.Affine()), tfb.Permute([1, 0]),
    ...      layers.MaskedAutoregressive(univariates.Affine())],
    ...     event_shape=2)
    >>> flow.sample(1000, seed=0).shape
    TensorShape([1000, 2])
    >>> round(float(flow.log_prob(tf.zeros([2]))), 4)
    -1.8379
    """

    def __init__(
        self,
        bijectors,
        event_shape,
        context_shape=None,
        base: tfd.Distribution | DensityModel | None = None,
        context_network=None,
        standardize_context: bool | Sequence[bool] = True,
        **kwargs,
    ):
        super().__init__(event_shape, context_shape, **kwargs)
        self.bijector_layers = [self._as_layer(entry) for entry in _entries(bijectors)]
        seen = set()
        for layer in self.bijector_layers:
            if id(layer) in seen:
                raise ValueError(
                    f"the layer {layer.name!r} stands in the flow twice and would share its "
                    "weights; build separate layers."
                )
            seen.add(id(layer))
        self.standardize_context = standardize_context
        self.context_standardize = None
        self.context_network = context_network
        inner_context = self.context_shape
        if self.context_shape is None:
            if context_network is not None:
                raise ValueError("context_network needs context_shape=..., the shape it embeds.")
        else:
            self.context_standardize = standardize_of_context(
                standardize_context, self.context_shape, self.variable_dtype
            )
            if context_network is not None:
                inner_context = self._probe_context_network()
        self._inner_context_rank = len(inner_context or ())
        shape = self.event_shape
        for layer in self.bijector_layers:
            shape = self._build_layer(layer, shape, inner_context)
        self._refuse_shared_weights()
        self._latent_shape = shape
        self.base = BaseDistribution(
            StandardNormal(shape, self.variable_dtype) if base is None else base
        )
        self._given_base = base is not None
        self.base.check(shape, self.variable_dtype, inner_context)
        if self._may_miss_base():
            warnings.warn(
                f"the base {self.base.given.name} has bounded support, and layers may map "
                f"data outside it, where the density is zero. {self.base.explain_outside()}",
                stacklevel=2,
            )
        self.built = True

    def _as_layer(self, entry) -> Transform:
        if isinstance(entry, Transform):
            return entry
        if isinstance(entry, tfb.Bijector):
            return TFPBijector(entry, dtype=self.variable_dtype)
        hint = f" Did you mean {entry.__name__}()?" if isinstance(entry, type) else ""
        raise TypeError(
            "a flow is made of tfflows layers and TFP bijectors; got "
            f"{entry!r} of type {type(entry).__name__}.{hint}"
        )

    def _probe_context_network(self) -> tuple:
        made_up = tf.zeros([1, *(self.context_shape or ())], self.variable_dtype)
        # This may be its first call, which draws its weights.
        with restore_variables(getattr(self.context_network, "variables", ())):
            features = self.context_network(made_up)
        if features.shape.rank is None or features.shape.rank < 2:
            raise ValueError(
                "context_network must map a batch of contexts to a batch of features, shape "
                f"(batch, features); got {tuple(features.shape)}."
            )
        return tuple(features.shape[1:])

    def _build_layer(self, layer, shape, context_shape) -> tuple:
        if layer.variable_dtype != self.variable_dtype:
            raise ValueError(
                f"the layer {layer.name!r} computes in {layer.variable_dtype} and the flow in "
                f"{self.variable_dtype}; build both with the same dtype=..."
            )
        # Keras rebuilds the layers of a loaded model before it calls the constructor.
        if not layer.built:
            layer.build(shape, context_shape)
        known = getattr(layer, "event_shape", shape)
        if tuple(known) != tuple(shape):
            raise ValueError(
                f"the layer {layer.name!r} was built for events of shape {tuple(known)}, and the "
                f"flow hands it events of shape {tuple(shape)}."
            )
        known = getattr(layer, "context_shape", context_shape)
        if known != context_shape:
            raise ValueError(
                f"the layer {layer.name!r} was built for contexts of shape {known}, and the flow "
                f"hands it contexts of shape {context_shape}."
            )
        check_row_by_row(layer, tuple(shape), context_shape)
        return tuple(layer.latent_shape(shape))

    def _refuse_shared_weights(self) -> None:
        owners: dict[int, keras.layers.Layer] = {}
        for layer in self.bijector_layers:
            for weight in layer.weights:
                owner = owners.setdefault(id(weight), layer)
                if owner is not layer:
                    raise ValueError(
                        f"the layers {owner.name!r} and {layer.name!r} share the weight "
                        f"{weight.path!r}: one object stands in both. Build separate ones."
                    )

    def _may_miss_base(self) -> bool:
        """Whether the last layer maps far points, as learned layers may make them, off the base."""
        *_, last = [None, *self.bijector_layers]
        if all(isinstance(layer, TFPBijector) for layer in self.bijector_layers):
            return False
        if last.weights or not last.bijective or last.bounded:
            return self.base.is_bounded()
        shape = last.data_shape(self._latent_shape)
        made_up = None
        if self.context_shape is not None:
            # As many contexts as points are tried.
            made_up = self._embed(tf.zeros([2, *self.context_shape], self.variable_dtype))
        return self.base.is_bounded(lambda far: last.inverse(far, made_up)[0], shape)

    # what the layers are, taken together

    @property
    def exact(self) -> bool:
        """Whether `log_prob` is the log density, as it is with exact layers, and not a bound."""
        return all(layer.exact for layer in self.bijector_layers)

    @property
    def estimates(self) -> bool:
        """Whether a layer estimates its log-determinant, so that draws are averaged as they are."""
        return any(layer.estimates for layer in self.bijector_layers)

    @property
    def dequantizes(self) -> bool:
        """Whether a layer makes data on a grid continuous."""
        return any(layer.dequantizes for layer in self.bijector_layers)

    @property
    def codimension(self) -> int:
        """How many coordinates bijections take away: of parts of a whole, one.

        What a later layer gives back, as on the way from a sphere to itself, counts as taken away.
        """
        shape, found, most = self.event_shape, 0, 0
        for layer in self.bijector_layers:
            latent = tuple(layer.latent_shape(shape))
            found += layer.bijective * (math.prod(shape) - math.prod(latent))
            shape, most = latent, max(most, found)
        return most

    @property
    def _draws(self) -> bool:
        return not self._bijective

    @property
    def _bijective(self) -> bool:
        return all(layer.bijective for layer in self.bijector_layers)

    def _sequential(self, direction: str) -> bool:
        """Whether a layer takes one step for each coordinate in a direction, and XLA may run it.

        So it does in programs of the public calls; within graphs of others the operations stand as
        they are.
        """
        return (
            self.programs.xla
            and tf.executing_eagerly()
            and any(direction in layer.sequential for layer in self.bijector_layers)
        )

    # the distribution

    def embed(self, context):
        """Return the context as the layers see it: standardized, then embedded, once."""
        return self._embed(self._context(context))

    def _embed(self, context):
        if context is None:
            return None
        if self.context_standardize is not None:
            context = self.context_standardize.inverse(context)[0]
        if self.context_network is not None:
            shape = self.context_shape or ()
            batch = tf.shape(context)[: context.shape.rank - len(shape)]
            flat = context.shape.rank == len(shape) + 1
            rows = context if flat else tf.reshape(context, [-1, *shape])
            features = tf.cast(self.context_network(rows), self.variable_dtype)
            if not flat:
                features = tf.reshape(features, tf.concat([batch, features.shape[1:]], 0))
            context = features
        return context

    def bijector(self, context=None) -> tfb.Bijector:
        """Return the chain of bijectors, latent to data, that the weights describe now.

        It is valid until they change.

        Raises
        ------
        NotImplementedError
            If a layer is no bijection.
        """
        between_layers.require_bijections(self.bijector_layers)
        return between_layers.chain(self.bijector_layers, self.embed(context))

    def distribution(self, context=None) -> FlowDistribution:
        """Return the distribution that the weights describe, whatever they become.

        Parameters
        ----------
        context : array or tf.Tensor, optional
            Contexts ``[..., *context_shape]``, the batch of the distribution.

        Raises
        ------
        NotImplementedError
            If a layer is no bijection.
        """
        between_layers.require_bijections(self.bijector_layers)
        return FlowDistribution(self, self._context(context))

    def plain_distribution(self, context=None) -> tfd.Distribution:
        """Return a ``tfd.TransformedDistribution``, valid until the weights change."""
        between_layers.require_bijections(self.bijector_layers)
        return between_layers.transformed(self, self.bijector_layers, context, self.name)

    intermediate_distribution = between_layers.intermediate_distribution

    # The ways through the layers. In a graph they compute what tfb.Chain does, bit for bit.

    def _to_latent(self, x, context, seed):
        """Return latent points, and the sum of the log weights."""
        total = tf.zeros([], x.dtype)
        for index, layer in enumerate(self.bijector_layers):
            x, log_weight = layer.inverse(x, context, _seed_of(layer, index, seed))
            total += tf.cast(log_weight, x.dtype)
        return x, total

    def _to_score(self, x, context, seed):
        """Return latent points, and the log density."""
        z, log_weight = self._to_latent(x, context, seed)
        return z, self.base.at(context).log_prob(z) + log_weight

    def _to_data(self, z, context, seed):
        """Return data, and the sum of the log weights."""
        x, total = z, tf.zeros([], z.dtype)
        for x, log_weight in self._steps_to_data(z, context, seed):
            total += tf.cast(log_weight, x.dtype)
        return x, total

    def _steps_to_data(self, z, context, seed):
        for index, layer in reversed(list(enumerate(self.bijector_layers))):
            z, log_weight = layer.forward(z, context, _seed_of(layer, index, seed))
            yield z, log_weight

    def _embed_batch(self, context) -> tuple[tf.Tensor, bool]:
        """Return the context as the layers see it, as a batch, and whether it was a single one."""
        context, single = as_batch(context, self.context_shape)
        return self._embed(context), single

    def _go(self, way, x, embedded, single, seed, xla: bool = False):
        """Go a way through the layers, or by a program of XLA for it."""
        shapes = (self.event_shape, self._latent_shape)
        shapes = shapes[::-1] if way == self._to_data else shapes
        alone = single and x.shape.rank == len(shapes[0])
        if xla:
            way = xla_chunks(way, *shapes, self._inner_context_rank)
        # A fresh tensor keeps TFP's global cache from answering with values of older weights.
        x, log_weight = way(tf.identity(x[tf.newaxis] if alone else x), embedded, seed)
        return (x[0], tf.reduce_sum(log_weight)) if alone else (x, log_weight)

    def _log_density(self, x, context=None, seed=None, xla: bool = False):
        log_prob = self._go(self._to_score, x, *self._embed_batch(context), seed, xla)[1]
        if context is not None:
            # Each context has its own density, also where no layer makes use of it.
            log_prob = _spread(log_prob, batch_shape_of(context, self.context_shape))
        # Outside the support nothing moves the density, neither the point nor a weight.
        nothing = tf.constant(-math.inf, log_prob.dtype)
        return tf.where(tf.equal(log_prob, nothing), nothing, log_prob)

    def _sample(self, shape, seed, context=None, xla: bool = False):
        embedded, single = self._embed_batch(context)
        shape = self._shape_of_latents(shape, context)
        z = self.base.at(embedded).sample(shape, seed=seed)
        z = self._of_single(z, single, len(self._latent_shape))
        return self._go(self._to_data, z, embedded, single, seed, xla)[0]

    def _sample_and_log_prob(self, shape, seed, context=None, xla: bool = False):
        embedded, single = self._embed_batch(context)
        shape = self._shape_of_latents(shape, context)
        base = self.base.at(embedded)
        z, log_prob = base.experimental_sample_and_log_prob(shape, seed=seed)
        z = self._of_single(z, single, len(self._latent_shape))
        x, log_weight = self._go(self._to_data, z, embedded, single, seed, xla)
        return x, self._of_single(log_prob, single) + log_weight

    def _shape_of_latents(self, shape, context):
        """Return the shape of latent points to draw: a conditional base adds that of contexts."""
        if context is None or self.base.conditional:
            return shape
        parts = shape, batch_shape_of(context, self.context_shape)
        return tf.concat([tf.convert_to_tensor(part, tf.int32) for part in parts], 0)

    def _of_single(self, drawn, single: bool, event_rank: int = 0):
        """Return draws without the axis of contexts, if there was a single one."""
        return tf.squeeze(drawn, -1 - event_rank) if single and self.base.conditional else drawn

    def _source_of_draws(self, context):
        return self.base.at(self.embed(context))

    # points

    def forward(self, z, context=None, batch_size: int | None = None, seed=None):
        """Map latent points ``[..., *latent shape]`` to data.

        Parameters
        ----------
        z : array or tf.Tensor
            Latent points.
        context : array or tf.Tensor, optional
            Contexts ``[..., *context_shape]``.
        batch_size : int, optional
            Rows to map at once.
        seed : int or pair of int, optional
            Seed of what layers draw that are no bijections; by default always the same.
        """
        operation = self._operation("forward", self._forward, self._latent_shape, "z", "forward")
        program, chunks, join = calls.prepare(self, operation, z, context, batch_size, seed)
        return join(list(itertools.starmap(program, chunks)))

    def _forward(self, z, context=None, seed=None, xla: bool = False):
        return self._go(self._to_data, z, *self._embed_batch(context), seed, xla)[0]

    def inverse(self, x, context=None, batch_size: int | None = None, seed=None):
        """Map data ``[..., *event_shape]`` to latent points.

        Parameters
        ----------
        x : array or tf.Tensor
            Events; those outside the range of the layers are mapped to NaN.
        context : array or tf.Tensor, optional
            Contexts ``[..., *context_shape]``.
        batch_size : int, optional
            Rows to map at once.
        seed : int or pair of int, optional
            Seed of what layers draw that are no bijections; by default always the same.
        """
        operation = self._operation("inverse", self._inverse)
        program, chunks, join = calls.prepare(self, operation, x, context, batch_size, seed)
        return join(list(itertools.starmap(program, chunks)))

    def _inverse(self, x, context=None, seed=None, xla: bool = False):
        z, log_weight = self._go(self._to_latent, x, *self._embed_batch(context), seed, xla)
        bounded = any(layer.bounded for layer in self.bijector_layers)
        return not_outside(z, log_weight) if bounded else z

    def intermediate(self, z, context=None, batch_size: int | None = None, seed=None) -> list:
        """Return the points on the way from latent to data: `z`, then after each layer.

        Parameters
        ----------
        z : array or tf.Tensor
            Latent points.
        context : array or tf.Tensor, optional
            Contexts ``[..., *context_shape]``.
        batch_size : int, optional
            Rows to map at once.
        seed : int or pair of int, optional
            As in `forward`.

        Returns
        -------
        list of tf.Tensor
            One more than there are layers; the last are the data.
        """
        operation = self._operation(
            "intermediate", self._intermediate, self._latent_shape, "z", direction=None
        )
        program, chunks, join = calls.prepare(self, operation, z, context, batch_size, seed)
        return join(list(itertools.starmap(program, chunks)))

    def _intermediate(self, z, context=None, seed=None):
        z = tf.identity(z)
        return [z, *(x for x, _ in self._steps_to_data(z, self._embed(context), seed))]

    # data

    @property
    def unadapted_layers(self) -> list[str]:
        """Names of the layers, that of the context's standardization last, that wait for data."""
        layers = [*self.bijector_layers, self.base, self.context_standardize]
        return [layer.name for layer in layers if layer is not None and layer.needs_adapt]

    def adapt_parts(self, x, context, sample_weight):
        """Adapt layer by layer from the data on, each to the data as those before it leave them."""
        if self.context_standardize is not None:
            self.context_standardize.adapt(context, None, sample_weight)
        looking = _last(self.bijector_layers, lambda layer: layer.adapts or layer.bounded)
        looking = len(self.bijector_layers) if self.base.adapts else looking
        for index, layer in enumerate(self.bijector_layers[: looking + 1]):
            if layer.adapts:
                layer.adapt(x, self.embed(context), sample_weight)
            if index < looking or layer.bounded:
                mapped, outside = self._pull_back(index, x, context)
                if outside.any():
                    lie = "row lies" if outside.sum() == 1 else "rows lie"
                    raise ValueError(
                        f"{outside.sum()} {lie} outside the range of the layer {layer.name!r} or "
                        f"on its edge, where the density is zero (first: row {outside.argmax()}). "
                        f"{layer.explain_outside(x[outside])}"
                    )
                x = mapped
        if self.base.adapts:
            self.base.adapt(x, _numpy(self.embed(context)), sample_weight)

    def adapt_without_data(self, context=None):
        """Let the layers stay at their start; the context is standardized if it is given."""
        standardize = self.context_standardize
        if context is not None and standardize is not None and standardize.needs_adapt:
            standardize.adapt(context)
        for layer in self.bijector_layers:
            layer.keep_start()
        self.base.keep_start(None if context is None else _numpy(self.embed(context)))

    def inspect(self, x, context):
        """Warn of values outside the box, or turn, of a layer, and of missing permutations."""
        warn_unpermuted(self)
        for layer in self.bijector_layers[:1]:
            warn_around(layer, x)
        boxed = _last(self.bijector_layers, lambda layer: box_of(layer) is not None)
        for index, layer in enumerate(self.bijector_layers[: boxed + 1]):
            if warn_outside(layer, x, self.bijector_layers[:index]):
                return  # what lies outside here does so in the layers behind
            x, _ = self._pull_back(index, x, context)

    def _pull_back(self, index, x, context):
        """Map rows, as the layers before one leave them, by that one; and say which are outside."""
        layer = self.bijector_layers[index]
        parts, outside = [], []
        # What keeps statistics of what it maps learns them in training, not on the way there.
        with preserve_state([*layer.variables, *getattr(self.context_network, "variables", ())]):
            for rows, part in chunks(x, context):
                seed = _seed_of(layer, index, at_row(validation.FIXED_SEED, rows.start))
                mapped, log_weight = layer.inverse(tf.constant(x[rows]), self.embed(part), seed)
                parts.append(mapped.numpy())
                outside.append(np.broadcast_to(np.isneginf(log_weight), len(mapped)))
        return np.concatenate(parts), np.concatenate(outside)

    def outside_support(self, x, context=None) -> np.ndarray:
        """Say for each row of `x` whether the density is zero there."""
        # Weights that exploded make the density zero, too, by overflow, not for want of support.
        z = self.inverse(x, context).numpy().reshape(len(x), -1)
        near = ~(np.abs(z) >= 1e18).any(1)
        return near & super().outside_support(x, context)

    def explain_outside(self, x, context=None) -> str:
        """Say what to do about rows `x` at which the density is zero."""
        embedded = self.embed(None if context is None else tf.constant(context))
        value = tf.constant(x)
        for index, layer in enumerate(self.bijector_layers):
            seed = _seed_of(layer, index, at_row(validation.FIXED_SEED, 0))
            mapped, log_weight = layer.inverse(tf.identity(value), embedded, seed)
            outside = np.broadcast_to(np.isneginf(log_weight), len(x))
            if outside.any():
                return layer.explain_outside(value.numpy()[outside])
            value = mapped
        return self.base.explain_outside()

    def first_non_finite(self, x, context=None) -> str:
        """Name the first layer whose output is not finite for a row of `x`, if any."""
        for rows, part in chunks(x, context):
            embedded = self.embed(None if part is None else tf.constant(part))
            value = tf.constant(x[rows])
            for index, layer in enumerate(self.bijector_layers):
                seed = _seed_of(layer, index, at_row(validation.FIXED_SEED, rows.start))
                value, _ = layer.inverse(tf.identity(value), embedded, seed)
                bad = ~np.isfinite(value.numpy()).reshape(len(value), -1).all(1)
                if bad.any():
                    return (
                        f"The layer {layer.name!r} is the first whose output is not finite "
                        f"({int(bad.sum())} rows, first: row {rows.start + int(bad.argmax())})."
                    )
        return ""

    def components(self) -> list:
        """Return the layers, the first nearest the data, and the base distribution.

        Empty if a layer is no bijection, so that latent points do not belong to events one by one,
        or if each context has a base of its own.
        """
        whole = self._bijective and not self.base.conditional
        return [*self.bijector_layers, self.base.distribution] if whole else []

    summary = description.summary
    __repr__ = description.represent
    _repr_html_ = description.html_of

    # saving

    def operations(self):
        """Return what the flow computes of rows: the log density, and its maps."""
        return [
            *super().operations(),
            self._operation("forward", self._forward, self._latent_shape, "z", "forward"),
            self._operation("inverse", self._inverse),
        ]

    def get_config(self):
        """Return the constructor's arguments."""
        return {
            versions.KEY: versions.installed(),
            "name": self.name,
            "dtype": keras.saving.serialize_keras_object(self.dtype_policy),
            "trainable": self.trainable,
            "bijectors": [keras.saving.serialize_keras_object(b) for b in self.bijector_layers],
            "event_shape": self.event_shape,
            "context_shape": self.context_shape,
            "base": keras.saving.serialize_keras_object(self.base) if self._given_base else None,
            "context_network": (
                None
                if self.context_network is None
                else keras.saving.serialize_keras_object(self.context_network)
            ),
            "standardize_context": np.asarray(self.standardize_context).tolist(),
            **columns_config(self),
        }

    @classmethod
    def from_config(cls, config):
        """Build the flow from `get_config`'s answer."""
        with versions.reading(config) as config:
            config["bijectors"] = [deserialize(b) for b in config["bijectors"]]
            for key in ("dtype", "context_network", "base"):
                config[key] = deserialize(config[key])
            return cls(**config)


def _entries(bijectors) -> list:
    if isinstance(bijectors, (Transform, tfb.Bijector)):
        return [bijectors]
    try:
        return list(bijectors)
    except TypeError:
        raise TypeError(
            f"bijectors must be a list of tfflows layers and TFP bijectors; got {bijectors!r}."
        ) from None


def _last(layers, has) -> int:
    return max((index for index, layer in enumerate(layers) if has(layer)), default=-1)


def _numpy(context):
    return None if context is None else context.numpy()


def _seed_of(layer, index: int, seed):
    """Return the seed that a layer draws from, by its place; a bijection draws nothing."""
    return None if layer.bijective else random.fold_in(seed, index)


def _spread(values, batch):
    """Return values spread over a batch, if they are not known to have its shape."""
    known = tf.TensorShape(tf.get_static_value(batch)) if tf.is_tensor(batch) else batch
    if known.is_fully_defined() and values.shape.is_fully_defined():
        shape = tf.broadcast_static_shape(known, values.shape)
        return values if shape == values.shape else tf.broadcast_to(values, shape)
    return tf.broadcast_to(values, tf.broadcast_dynamic_shape(tf.shape(values), batch))
