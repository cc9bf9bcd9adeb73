"""The flow: a chain of bijector layers over a base distribution."""

import warnings

import keras
import numpy as np
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from tfflows.distributions import FlowDistribution, StandardNormal
from tfflows.layers.base import BijectorLayer, not_outside
from tfflows.layers.masked_autoregressive import revive
from tfflows.layers.standardize import Standardize
from tfflows.layers.static import Static
from tfflows.models.base_distribution import BaseDistribution
from tfflows.models.by_rows import ROWS, ByRows
from tfflows.models.density_model import DensityModel
from tfflows.saving import versions
from tfflows.saving.probing import only_looking, unchanged
from tfflows.training.multi_step import is_xla_error

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
    bijectors : sequence of BijectorLayer or tfb.Bijector
        As in ``tfb.Chain``: the first is nearest the data, the last nearest the base. TFP
        bijectors stand in the list as they are; their variables train.
    event_shape : int or tuple of int
        Shape of an event.
    context_shape : int or tuple of int, optional
        Shape of a context, which reaches every layer that has parameters.
    base : tfd.Distribution, optional
        Distribution of the latent points; by default standard normal. Its variables train.
    context_network : keras.Model or keras.layers.Layer, optional
        Embeds contexts ``[B, *context_shape]`` once, for all layers.
    standardize_context : bool
        Whether `adapt` and `fit` standardize the context.
    **kwargs
        Keras's own arguments: ``name``, ``dtype``.

    Raises
    ------
    TypeError
        If an entry is neither a layer nor a TFP bijector.
    ValueError
        If a layer stands in the list twice, or shapes or types do not fit together.

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
        base: tfd.Distribution | None = None,
        context_network=None,
        standardize_context: bool = True,
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
            if standardize_context:
                self.context_standardize = Standardize(
                    "keep", dtype=self.variable_dtype, name="context_standardize"
                )
                self.context_standardize.build(self.context_shape)
            if context_network is not None:
                inner_context = self._probe_context_network()
        shape = self.event_shape
        for layer in self.bijector_layers:
            shape = self._build_layer(layer, shape, inner_context)
        self._refuse_shared_weights()
        self._latent_shape = shape
        self.base = BaseDistribution(
            StandardNormal(shape, self.variable_dtype) if base is None else base
        )
        self._given_base = base is not None
        self._may_compile = True
        self.base.check(shape, self.variable_dtype)
        if self.base.is_bounded and any(not isinstance(b, Static) for b in self.bijector_layers):
            warnings.warn(
                f"the base {self.base.distribution.name} has bounded support, and layers may map "
                "data outside it, where the density is zero. Use an unbounded base, or see that "
                "the layers stay within the box.",
                stacklevel=2,
            )
        self.built = True

    def _as_layer(self, entry) -> BijectorLayer:
        if isinstance(entry, BijectorLayer):
            return entry
        if isinstance(entry, tfb.Bijector):
            return Static(entry, dtype=self.variable_dtype)
        hint = f" Did you mean {entry.__name__}()?" if isinstance(entry, type) else ""
        raise TypeError(
            "a flow is made of tfflows layers and TFP bijectors; got "
            f"{entry!r} of type {type(entry).__name__}.{hint}"
        )

    def _probe_context_network(self) -> tuple:
        made_up = tf.zeros([1, *self.context_shape], self.variable_dtype)
        # This may be its first call, which draws its weights.
        with unchanged(getattr(self.context_network, "variables", ())):
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
        return tuple(layer.latent_shape(shape))

    def _refuse_shared_weights(self) -> None:
        owners = {}
        for layer in self.bijector_layers:
            for weight in layer.weights:
                owner = owners.setdefault(id(weight), layer)
                if owner is not layer:
                    raise ValueError(
                        f"the layers {owner.name!r} and {layer.name!r} share the weight "
                        f"{weight.path!r}: one object stands in both. Build separate ones."
                    )

    # the distribution

    def embed(self, context):
        """Return the context as the layers see it: standardized, then embedded, once."""
        context = self._context(context)
        if context is None:
            return None
        if self.context_standardize is not None:
            context = self.context_standardize.bijector().inverse(context)
        if self.context_network is not None:
            rank = len(self.context_shape)
            batch = tf.shape(context)[: context.shape.rank - rank]
            rows = (
                tf.reshape(context, tf.concat([[-1], self.context_shape], 0))
                if (context.shape.rank != rank + 1)
                else context
            )
            features = tf.cast(self.context_network(rows), self.variable_dtype)
            if context.shape.rank != rank + 1:
                features = tf.reshape(features, tf.concat([batch, features.shape[1:]], 0))
            context = features
        return context

    def bijector(self, context=None) -> tfb.Bijector:
        """Return the chain of bijectors, latent to data, that the weights describe now."""
        return self._chain(self.embed(context))

    def _chain(self, context) -> tfb.Bijector:
        chain = [layer.bijector(context) for layer in self.bijector_layers]
        # A chain of nothing would answer in float32 whatever it is asked about. By default the name
        # lists all parts, and in a program each operation carries it.
        return tfb.Chain(chain, name="chain") if chain else tfb.Identity()

    def distribution(self, context=None) -> tfd.TransformedDistribution:
        """Return the transformed distribution that the weights describe now.

        It is valid until the weights change; the model's own calls always follow them.

        Parameters
        ----------
        context : array or tf.Tensor, optional
            Contexts ``[..., *context_shape]``, the batch of the distribution.
        """
        return self._over_base(self.bijector(context), context)

    def _over_base(self, bijector, context):
        base = self.base.distribution
        if context is not None:
            # Each context has its own events, also where no layer makes use of it.
            context = tf.convert_to_tensor(context)
            batch_rank = context.shape.rank - len(self.context_shape)
            known = bijector.experimental_batch_shape(x_event_ndims=len(self._latent_shape))
            if known.rank is not None and known.rank < batch_rank:
                base = tfd.BatchBroadcast(base, with_shape=tf.shape(context)[:batch_rank])
        return FlowDistribution(base, bijector, name=self.name)

    # Where a layer goes through the coordinates one after the other, the public calls run compiled
    # programs; inside graphs of others the operations stand as they are.

    def _sequential(self, direction: str) -> bool:
        """Whether a layer takes one step for each coordinate in a direction, and XLA may run it."""
        return (
            self._may_compile
            and tf.executing_eagerly()
            and len(self._latent_shape) == len(self.event_shape)
            and any(direction in layer.sequential for layer in self.bijector_layers)
        )

    def _by_rows(self, direction, context):
        embedded = self.embed(context)
        rank = (
            0
            if embedded is None
            else embedded.shape.rank - (context.shape.rank - len(self.context_shape))
        )
        return ByRows(self._chain, embedded, rank, direction, self._latent_shape, self.event_shape)

    def _draw(self, name, function, shape, seed, context):
        if not self._sequential("forward"):
            return super()._draw(name, function, shape, seed, context)

        def compiled(shape, seed, context):
            distribution = self._over_base(self._by_rows("forward", context), context)
            if name == "sample":
                return distribution.sample(shape, seed=seed)
            return distribution.experimental_sample_and_log_prob(shape, seed=seed)

        return self._or_plainly(
            lambda: super(Flow, self)._draw(f"compiled {name}", compiled, shape, seed, context),
            lambda: super(Flow, self)._draw(name, function, shape, seed, context),
        )

    def _by_chunks(self, name, function, x, context, batch_size=None, *shapes):
        direction = {"forward": "forward", "inverse": "inverse", "log_prob": "inverse"}.get(name)
        small = batch_size is not None and batch_size < ROWS
        if small or direction is None or not self._sequential(direction):
            return super()._by_chunks(name, function, x, context, batch_size, *shapes)

        def compiled(x, context):
            bijector = self._by_rows(direction, context)
            if name == "log_prob":
                return self._over_base(bijector, context).log_prob(x)
            return bijector.forward(x) if name == "forward" else self._inside(bijector, x)

        return self._or_plainly(
            lambda: super(Flow, self)._by_chunks(
                f"compiled {name}", compiled, x, context, batch_size, *shapes, in_blocks=True
            ),
            lambda: super(Flow, self)._by_chunks(name, function, x, context, batch_size, *shapes),
        )

    def _or_plainly(self, compiled, plainly):
        """Return what `compiled` returns; if XLA cannot compile it, what `plainly` returns."""
        try:
            return compiled()
        except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError) as error:
            if not is_xla_error(error):
                raise
            self._may_compile = False
            return plainly()

    # points

    def forward(self, z, context=None, batch_size: int | None = None):
        """Map latent points ``[..., *latent shape]`` to data.

        Parameters
        ----------
        z : array or tf.Tensor
            Latent points.
        context : array or tf.Tensor, optional
            Contexts ``[..., *context_shape]``.
        batch_size : int, optional
            Rows to map at once.
        """
        return self._by_chunks(
            "forward", self._forward, z, context, batch_size, "z", self._latent_shape
        )

    def _forward(self, z, context):
        return self.bijector(context).forward(tf.identity(z))

    def inverse(self, x, context=None, batch_size: int | None = None):
        """Map data ``[..., *event_shape]`` to latent points.

        Parameters
        ----------
        x : array or tf.Tensor
            Events; those outside the range of the bijectors are mapped to NaN.
        context : array or tf.Tensor, optional
            Contexts ``[..., *context_shape]``.
        batch_size : int, optional
            Rows to map at once.
        """
        return self._by_chunks("inverse", self._inverse, x, context, batch_size)

    def _inverse(self, x, context):
        return self._inside(self.bijector(context), tf.identity(x))

    def _inside(self, bijector, x):
        z = bijector.inverse(x)
        if not any(layer.bounded for layer in self.bijector_layers):
            return z
        return not_outside(z, bijector.inverse_log_det_jacobian(x, len(self.event_shape)))

    def intermediate(self, z, context=None, batch_size: int | None = None) -> list:
        """Return the points on the way from latent to data: `z`, then after each bijector.

        Parameters
        ----------
        z : array or tf.Tensor
            Latent points.
        context : array or tf.Tensor, optional
            Contexts ``[..., *context_shape]``.
        batch_size : int, optional
            Rows to map at once.

        Returns
        -------
        list of tf.Tensor
            One more than there are bijectors; the last are the data.
        """
        return self._by_chunks(
            "intermediate", self._intermediate, z, context, batch_size, "z", self._latent_shape
        )

    def _intermediate(self, z, context):
        context = self.embed(context)
        points = [tf.identity(z)]
        for layer in reversed(self.bijector_layers):
            points.append(layer.bijector(context).forward(points[-1]))
        return points

    # data

    @property
    def unadapted_layers(self) -> list[str]:
        """Names of the layers, that of the context's standardization last, that wait for data."""
        layers = [*self.bijector_layers, self.context_standardize]
        return [layer.name for layer in layers if layer is not None and layer.needs_adapt]

    def adapt_parts(self, x, context, sample_weight):
        """Adapt layer by layer from the data on, each to the data as those before it leave them."""
        if self.context_standardize is not None:
            self.context_standardize.adapt(context, None, sample_weight)
        adapting = _last(self.bijector_layers, lambda layer: layer.adapts)
        for index, layer in enumerate(self.bijector_layers[: adapting + 1]):
            layer.adapt(x, self._embedded(context), sample_weight)
            if index < adapting:
                x = self._pull_back(layer, x, context)

    def adapt_without_data(self, context=None):
        """Let the layers stay at their start; the context is standardized if it is given."""
        standardize = self.context_standardize
        if context is not None and standardize is not None and standardize.needs_adapt:
            standardize.adapt(context)
        for layer in self.bijector_layers:
            layer.keep_start()

    def inspect(self, x, context):
        """Warn where many values lie outside the box, or the turn, in which a layer bends them."""
        for layer in self.bijector_layers[:1]:
            _warn_around(layer, x)
        boxed = _last(self.bijector_layers, lambda layer: _box(layer) is not None)
        for layer in self.bijector_layers[: boxed + 1]:
            _warn_outside(layer, x)
            x = self._pull_back(layer, x, context)

    def _embedded(self, context):
        return None if context is None else self.embed(context)

    def _pull_back(self, layer, x, context):
        parts = []
        # What keeps statistics of what it maps learns them in training, not on the way there.
        with only_looking([*layer.variables, *getattr(self.context_network, "variables", ())]):
            for start in range(0, len(x), 65536):
                rows = slice(start, start + 65536)
                c = None if context is None else self.embed(context[rows])
                parts.append(layer.bijector(c).inverse(tf.constant(x[rows])).numpy())
        return np.concatenate(parts)

    def outside_support(self, x, context=None) -> np.ndarray:
        """Say for each row of `x` whether the density is zero there."""
        # Weights that exploded send latent points so far that their square overflows: the density
        # is zero then, too, but not for want of support.
        z = self.inverse(x, context).numpy().reshape(len(x), -1)
        near = ~(np.abs(z) >= 1e18).any(1)
        return near & super().outside_support(x, context)

    def first_non_finite(self, x, context=None) -> str:
        """Name the first layer whose output is not finite for a row of `x`, if any."""
        for start in range(0, len(x), 65536):
            part = slice(start, start + 65536)
            c = None if context is None else self.embed(tf.constant(context[part]))
            value = tf.constant(x[part])
            for layer in self.bijector_layers:
                value = layer.bijector(c).inverse(tf.identity(value))
                bad = ~np.isfinite(value.numpy()).reshape(len(value), -1).all(1)
                if bad.any():
                    return (
                        f"The layer {layer.name!r} is the first whose output is not finite "
                        f"({int(bad.sum())} rows, first: row {start + int(bad.argmax())})."
                    )
        return ""

    def components(self) -> list:
        """Return the layers, the first nearest the data, and the base distribution."""
        return [*self.bijector_layers, self.base.distribution]

    # saving

    def _endpoints(self):
        def forward(z, context=None):
            return {"x": self._forward(z, context)}

        def inverse(x, context=None):
            return {"z": self._inverse(x, context)}

        return [
            *super()._endpoints(),
            self._endpoint("forward", forward, self._rows_spec(self._latent_shape, "z")),
            self._endpoint("inverse", inverse, self._rows_spec(self.event_shape, "x")),
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
            "standardize_context": self.standardize_context,
        }

    @classmethod
    def from_config(cls, config):
        """Build the flow from `get_config`'s answer."""
        with versions.reading(config) as config:
            config["bijectors"] = [revive(b) for b in config["bijectors"]]
            for key in ("dtype", "context_network", "base"):
                config[key] = revive(config[key])
            return cls(**config)


def _entries(bijectors) -> list:
    if isinstance(bijectors, (BijectorLayer, tfb.Bijector)):
        return [bijectors]
    try:
        return list(bijectors)
    except TypeError:
        raise TypeError(
            f"bijectors must be a list of tfflows layers and TFP bijectors; got {bijectors!r}."
        ) from None


def _box(layer):
    """Return the half-width of the box a layer bends the data in, or None."""
    return getattr(getattr(layer, "univariate", None), "box", None)


def _period(layer):
    """Return the circumference of the circle a layer turns and bends, or None."""
    return getattr(getattr(layer, "univariate", None), "period", None)


def _last(layers, has) -> int:
    return max((index for index, layer in enumerate(layers) if has(layer)), default=-1)


def _warn_outside(layer, x) -> None:
    bound = _box(layer)
    if bound is None:
        return
    share = float(np.mean(np.abs(x) > bound))
    if share > 0.01:
        warnings.warn(
            f"{100 * share:.1f} % of the values that reach the layer {layer.name!r} lie outside "
            f"its box of ±{bound}, where it is linear. Put tfflows.layers.Standardize() nearest "
            "the data, or widen bound=.",
            stacklevel=6,
        )


def _warn_around(layer, x) -> None:
    period = _period(layer)
    if period is None or not len(x):
        return
    span = float(np.max(np.max(x, axis=0) - np.min(x, axis=0)))
    if span > 1.001 * period:
        warnings.warn(
            f"the values span {span:.6g}, more than one turn of {period:.6g}, and the layer "
            f"{layer.name!r} takes values that differ by whole turns for one point. Are they in "
            "other units? bound= is half a turn: pi for radians, 180 for degrees.",
            stacklevel=6,
        )
