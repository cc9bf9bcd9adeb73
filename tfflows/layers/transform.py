"""The contract of a layer: a Keras layer with two directions, and what each adds to the density."""

import functools
import math

import keras
import tensorflow as tf

from tfflows.inputs import validation
from tfflows.inputs.keywords import refuse_misspelled
from tfflows.interop.description import call_of
from tfflows.privates import forgetting_results

__all__ = ["Transform"]

_BATCH_AXES = (
    "All axes before an event are batch axes of a layer that is built; it needs no "
    "keras.layers.TimeDistributed."
)

# What the package asks a layer for. A subclass may override some of it; nobody else has a use for
# it.
_ASKED = {
    "adapts",
    "dequantizes",
    "explain_outside",
    "keep_start",
    "not_shown",
    "sequential",
    "shown",
    "unwrap",
}


def _of_events(build):
    """Return the `build` of a layer that refuses shapes of batches, and freezes all of a layer."""

    @functools.wraps(build)
    def checked(self, *args, **kwargs):
        event_shape = tuple(args[0] if args else next(iter(kwargs.values()), ()))
        if None in event_shape:
            raise ValueError(
                f"{type(self).__name__} is built for the shape of an event, which has no batch "
                f"axis: got {event_shape}, expected {event_shape[1:]}. {_BATCH_AXES}"
            )
        build(self, *args, **kwargs)
        self._built_for = event_shape
        if not self.trainable:
            # Keras hands it on to the layers inside when it changes, and they were not there yet.
            self.trainable = True
            self.trainable = False

    return checked


class Transform(keras.layers.Layer):
    r"""A step between data and latent points, one-to-one or not, with what it adds to the density.

    A subclass implements

    - ``build(event_shape, context_shape=None)``, which creates every weight,
    - ``inverse(x, context=None, seed=None) -> (z, log_weight)``, data to latent, and
    - ``forward(z, context=None, seed=None) -> (x, log_weight)``, latent to data,

    each of which draws what it needs to, :math:`z \sim q(z \mid x)` and :math:`x \sim p(x \mid z)`,
    and returns with it, in both directions,

    .. math:: \text{log\_weight} = \log p(x \mid z) - \log q(z \mid x)

    in a shape that broadcasts to the batch. From data, for all seeds taken together,

    .. math:: \log p(x) \ge \mathbb{E}_q\left[\log p(z) + \text{log\_weight}\right]

    with equality for an *exact* layer, whose sum is the same for every seed, and for one that
    *estimates* the log-determinant of a bijection; along samples the sum is as large as the density
    or larger, in expectation. For a bijection it is
    :math:`-\log|\det \partial x / \partial z|` and there is nothing to draw: see `BijectorLayer`.

    As a Keras layer it maps data to latent: ``layer(x, context)`` is the ``z`` of `inverse`.

    Parameters
    ----------
    **kwargs
        Keras's own arguments: ``name``, ``dtype``, ``trainable``.

    Notes
    -----
    Shapes have no batch axis: an event of a table with three columns has ``event_shape=(3,)``. The
    mathematics runs in ``self.variable_dtype``; only networks inside run in the compute type of a
    mixed policy.

    Draws come from `tfflows.random`, whose seeds have two numbers or three, the third being the row
    of a longer table at which `x` begins: so each row gets the same numbers in whichever part of
    the table it comes.

    References
    ----------
    Nielsen et al. (2020), "SurVAE Flows: Surjections to Bridge the Gap between VAEs and Flows",
    arXiv:2007.02731.

    Examples
    --------
    A density that is even in each coordinate: signs are drawn with equal probabilities, and data
    lose them on the way to latent. The layer is exact, and no bijection.

    >>> import tensorflow as tf
    >>> import tfflows
    >>> class RandomSign(Transform):
    ...     exact = True
    ...     def inverse(self, x, context=None, seed=None):
    ...         return tf.abs(x), -x.shape[-1] * tf.math.log(2.0)
    ...     def forward(self, z, context=None, seed=None):
    ...         sign = tf.sign(tfflows.random.uniform(tf.shape(z), seed) - 0.5)
    ...         return sign * z, -z.shape[-1] * tf.math.log(2.0)
    >>> print(RandomSign()(tf.constant([[-1.0, 2.0]])).numpy())
    [[1. 2.]]
    """

    #: Arguments of the constructor that `repr` shows even where they have their defaults.
    shown: tuple = ()
    #: Those that it leaves out.
    not_shown: tuple = ()

    def __init__(self, **kwargs):
        refuse_misspelled(type(self), kwargs)
        kwargs.setdefault("autocast", False)
        super().__init__(**kwargs)
        self._built_for: tuple | None = None  # the shape of an event

    def __dir__(self):
        """List what a user calls, for completion."""
        return sorted(set(super().__dir__()) - _ASKED)

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if "build" in vars(cls):
            setattr(cls, "build", _of_events(cls.build))  # noqa: B010

    def __repr__(self) -> str:
        """Return the call that makes the layer, options that have their defaults left out."""
        return call_of(self, left_out=self.not_shown, always=self.shown)

    def add_weight(self, *args, **kwargs):
        """Add a weight, as in Keras; the mathematics read it in its own type."""
        # Keras lowers the type of weights within a model of a mixed policy, whatever the layer's
        # `autocast` says.
        return super().add_weight(*args, **{"autocast": self.autocast, **kwargs})

    @_of_events
    def build(self, event_shape, context_shape=None):
        """Create every weight for events of `event_shape` and contexts of `context_shape`."""
        self.built = True

    def inverse(self, x, context=None, seed=None) -> tuple:
        """Map data to latent.

        Parameters
        ----------
        x : tf.Tensor
            Data ``[..., *event_shape]``.
        context : tf.Tensor, optional
            Context ``[..., *context_shape]``.
        seed : tf.Tensor, optional
            Seed of what is drawn, int32 ``[2]`` or ``[3]``; an exact layer needs none.

        Returns
        -------
        tuple of tf.Tensor
            Latent points ``[..., *latent shape]`` and log weights.
        """
        raise NotImplementedError(
            f"{type(self).__name__} does not implement `inverse(x, context=None, seed=None)`."
        )

    def forward(self, z, context=None, seed=None) -> tuple:
        """Map latent to data.

        Parameters
        ----------
        z : tf.Tensor
            Latent points ``[..., *latent shape]``.
        context, seed
            As in `inverse`.

        Returns
        -------
        tuple of tf.Tensor
            Data ``[..., *event_shape]``, and the log weights that `inverse` would give them.
        """
        raise NotImplementedError(
            f"{type(self).__name__} does not implement `forward(z, context=None, seed=None)`."
        )

    @property
    def exact(self) -> bool:
        """Whether the sum is the density whatever the seed, and not a bound of it."""
        return self.bijective

    @property
    def estimates(self) -> bool:
        """Whether the sum is the log density of a bijection in expectation over seeds.

        It is then an unbiased estimate, and no bound: its mean over draws is the density. The layer
        is not `exact`.
        """
        return False

    @property
    def bijective(self) -> bool:
        """Whether the layer has a ``bijector(context)``, of which TFP makes distributions."""
        return False

    def latent_shape(self, event_shape: tuple) -> tuple:
        """Return the event shape on the latent side for `event_shape` on the data side."""
        return tuple(event_shape)

    def data_shape(self, latent_shape: tuple) -> tuple:
        """Return the event shape on the data side for `latent_shape` on the latent side."""
        return tuple(latent_shape)

    @property
    def bounded(self) -> bool:
        """Whether some events are outside the range of the layer, where the density is zero."""
        return False

    def explain_outside(self, x) -> str:
        """Say what to do about rows `x` that are outside the range of the layer.

        Parameters
        ----------
        x : array
            Rows outside, or on the edge, ``[n, *event_shape]``.
        """
        return "Drop them, rescale the data, or use a layer whose range holds them."

    @property
    def sequential(self) -> frozenset:
        """The directions, of "forward" and "inverse", in which coordinates wait for others."""
        return frozenset()

    @property
    def dequantizes(self) -> bool:
        """Whether the layer makes data on a grid continuous."""
        return False

    @property
    def adapts(self) -> bool:
        """Whether the layer takes anything from data."""
        return type(self).adapt is not Transform.adapt

    @property
    def needs_adapt(self) -> bool:
        """Whether the layer still waits for `adapt` to see data."""
        return False

    @property
    def statistics(self) -> dict:
        """What the layer has taken from data, arrays by name, for a reader."""
        return {}

    def adapt(self, x, context=None, sample_weight=None) -> None:
        """Set all that the layer takes from data; most layers take nothing.

        Parameters
        ----------
        x : tf.Tensor
            Data as this layer receives it, ``[N, *event_shape]``.
        context : tf.Tensor, optional
            ``[N, *context_shape]``.
        sample_weight : tf.Tensor, optional
            Non-negative weights, ``[N]``.
        """

    def keep_start(self) -> None:
        """Count as adapted without data, at the start; most layers wait for none."""

    def __call__(self, x, context=None, **kwargs):
        """Map data to latent, building the layer for the shapes it sees if that is still due."""
        if not self.built:
            self.build(
                tuple(x.shape[1:]),
                None if context is None else tuple(tf.TensorShape(context.shape)[1:]),
            )
        if context is not None:
            kwargs["context"] = context
        return super().__call__(x, **kwargs)

    @forgetting_results()
    def call(self, x, context=None, seed=None):
        """Map data to latent; NaN outside the range of the layer."""
        if x.shape.rank is not None:
            self._check_batch(tuple(x.shape))
        seed = validation.check_seed(validation.FIXED_SEED if seed is None else seed, or_row=True)
        # A fresh tensor keeps TFP's global cache from answering with values of older weights.
        z, log_weight = self.inverse(tf.identity(x), context, seed)
        return not_outside(z, log_weight) if self.bounded else z

    def compute_output_shape(self, x_shape=None, context_shape=None, **built):
        """Return the shape of a batch of latent points."""
        # Keras asks by the names of `call` when it traces and by those of `build` in `summary`.
        if "event_shape" in built:
            return (None, *self.latent_shape(tuple(built["event_shape"])))
        if self._built_for is None:
            return (x_shape[0], *self.latent_shape(tuple(x_shape[1:])))
        self._check_batch(tuple(x_shape))
        batch = len(x_shape) - len(self._built_for)
        return (*x_shape[:batch], *self.latent_shape(self._built_for))

    def _check_batch(self, shape: tuple) -> None:
        """Raise a ValueError unless a shape is that of a batch of events as the layer knows them.

        Whoever hands `build` the shape of a batch of a known number of rows gets a layer that mixes
        them. It looks like any other, until it is called without a batch axis.
        """
        event_shape = self._built_for
        if event_shape is None:
            return
        owner = f"{type(self).__name__} was built for"
        validation.check_event_shape(shape, event_shape, owner=owner)
        if len(shape) == len(event_shape):
            raise ValueError(
                f"{owner} events of shape {event_shape}, and x of shape {shape} has no batch axis. "
                "Of one event, hand over a batch of one. If x is a batch, build a new layer for "
                f"the shape of its events, {event_shape[1:]}. {_BATCH_AXES}"
            )


def not_outside(points, log_weight):
    """Return latent points, NaN where the log weight of the way to them says "outside"."""
    outside = tf.logical_not(log_weight > -math.inf)
    extra = [1] * (points.shape.rank - outside.shape.rank)
    outside = tf.reshape(outside, tf.concat([tf.shape(outside), extra], 0)) if extra else outside
    return tf.where(outside, tf.constant(math.nan, points.dtype), points)
