"""Layers between which the number of coordinates changes: what is added or left out is drawn."""

import keras
import tensorflow as tf

from tfflows import random
from tfflows.bijectors.checks import positive_integer
from tfflows.inputs import validation
from tfflows.layers.auxiliary import AuxiliaryDensity
from tfflows.layers.context import join_context
from tfflows.layers.masked_autoregressive import deserialize
from tfflows.layers.transform import Transform

__all__ = ["Augment", "Slice"]


class _ChangesDimension(Transform):
    """What the two share: a number of coordinates, and the density of those that are drawn."""

    #: What the density is called, in its argument and in messages.
    drawn: str

    def __init__(self, count: int, density, **kwargs):
        super().__init__(**kwargs)
        self.count = positive_integer("count", count)
        # As an attribute of its own, by which Keras finds its weights.
        setattr(self, self.drawn, density)
        self._density = AuxiliaryDensity(density, self.drawn)

    def build(self, event_shape, context_shape=None):
        """Check that the density fits vectors of `event_shape`."""
        self.event_shape = tuple(event_shape)
        self.context_shape = None if context_shape is None else tuple(context_shape)
        if len(self.event_shape) != 1:
            raise ValueError(
                f"{type(self).__name__} works on vectors; got events of shape {self.event_shape}. "
                "Flatten them first, as by tfb.Reshape."
            )
        self._build(self.event_shape[0])
        self.built = True

    @property
    def adapts(self) -> bool:
        """Whether the density takes anything from data."""
        return getattr(self, self.drawn) is not None

    @property
    def needs_adapt(self) -> bool:
        """Whether the density still waits to see data."""
        return self._density.needs_adapt

    def data_shape(self, latent_shape):
        """Return the event shape on the data side."""
        return self.event_shape

    def get_config(self):
        """Return the constructor's arguments."""
        density = getattr(self, self.drawn)
        kept = None if density is None else keras.saving.serialize_keras_object(density)
        return {**super().get_config(), "count": self.count, self.drawn: kept}

    @classmethod
    def from_config(cls, config):
        """Build the layer from `get_config`'s answer."""
        return cls(**{**config, cls.drawn: deserialize(config[cls.drawn])})


@keras.saving.register_keras_serializable(package="tfflows")
class Augment(_ChangesDimension):
    r"""More latent coordinates than data have: the others are noise.

    .. math:: z = (x, u), \quad u \sim q(u \mid x, c), \qquad
        \text{log\_weight} = -\log q(u \mid x, c)

    The layers between it and the base work in :math:`D + k` dimensions, where a path around an
    obstacle in D dimensions may be. A density of the flow is the marginal of :math:`x`, of which
    `log_prob` is a lower bound, and, with more draws, comes nearer:

    .. math:: \log p(x) = \log \int p(x, u)\,du \ge
        \mathbb{E}_q\left[\log p(x, u) - \log q(u \mid x)\right]

    The bound is tight where q is the conditional density of the noise in the flow.

    Parameters
    ----------
    count : int
        Number k of coordinates to add.
    noise : DensityModel, optional
        The density q, of events ``(k,)``: a `Flow` whose context is the event, followed by the
        context where there is one; it is trained with the rest. By default standard normal.
    **kwargs
        Keras's own arguments.

    Raises
    ------
    TypeError
        If `noise` is no model.
    ValueError
        If the count is not positive. When built: if events are no vectors, or the noise is of
        another shape, context or type, is no exact density, or cannot be drawn row by row.

    References
    ----------
    Huang, Dinh and Courville (2020), "Augmented Normalizing Flows", arXiv:2002.07101; Chen et al.
    (2020), "VFlow: More Expressive Generative Flows with Variational Data Augmentation",
    arXiv:2002.09741.

    Examples
    --------
    >>> import tensorflow as tf
    >>> import tfflows
    >>> layers = [Augment(1), tfflows.layers.LU()]
    >>> flow = tfflows.Flow(layers, event_shape=1)
    >>> flow.log_prob(tf.zeros([5, 1]), samples=10).shape, flow.sample(3, seed=0).shape
    (TensorShape([5]), TensorShape([3, 1]))
    """

    drawn = "noise"

    def __init__(self, count: int = 1, noise=None, **kwargs):
        super().__init__(count, noise, **kwargs)

    def _build(self, size):
        self._density.build((self.count,), (size,), self.context_shape, self.variable_dtype)

    def latent_shape(self, event_shape):
        """Return the event shape on the latent side."""
        return (event_shape[0] + self.count,)

    def inverse(self, x, context=None, seed=None):
        """Add what is drawn."""
        u, log_q = self._density.draw(x, context, seed)
        return join_context(x, u), -log_q

    def forward(self, z, context=None, seed=None):
        """Leave out what was added."""
        x, u = tf.split(z, [z.shape[-1] - self.count, self.count], -1)
        return x, -self._density.log_prob(u, x, context)

    def adapt(self, x, context=None, sample_weight=None):
        """Adapt the noise to standard normal noise, given the data."""
        shape = [len(x), self.count]
        u = random.normal(shape, validation.FIXED_SEED, self.variable_dtype)
        self._density.adapt(u, x, context, sample_weight)


@keras.saving.register_keras_serializable(package="tfflows")
class Slice(_ChangesDimension):
    r"""Fewer latent coordinates than data have: the last are modeled given the others.

    .. math:: z = x_{\le k}, \qquad x = (z, y), \quad y \sim p(y \mid z, c), \qquad
        \text{log\_weight} = \log p(y \mid z, c)

    What comes after the layer has fewer coordinates to work on, as in flows of several scales, and
    no way back is lost: data to latent nothing is drawn, so that the layer is exact.

    Parameters
    ----------
    count : int
        Number k of coordinates that stay, the first of an event.
    rest : DensityModel, optional
        The density of the others, of events ``(D - k,)``: a `Flow` whose context is what stays,
        followed by the context where there is one; it is trained with the rest. By default standard
        normal.
    **kwargs
        Keras's own arguments.

    Raises
    ------
    TypeError
        If `rest` is no model.
    ValueError
        If the count is not positive. When built: if events are no vectors of more than k
        coordinates, or the density is of another shape, context or type, is not exact, or cannot be
        drawn row by row.

    References
    ----------
    Nielsen et al. (2020), "SurVAE Flows: Surjections to Bridge the Gap between VAEs and Flows",
    arXiv:2007.02731; several scales: Dinh, Sohl-Dickstein and Bengio (2016), "Density Estimation
    using Real NVP", arXiv:1605.08803.

    Examples
    --------
    >>> import tensorflow as tf
    >>> import tfflows
    >>> flow = tfflows.Flow([tfflows.layers.LU(), Slice(1)], event_shape=3)
    >>> flow.inverse(tf.zeros([5, 3])).shape, flow.sample(4, seed=0).shape
    (TensorShape([5, 1]), TensorShape([4, 3]))
    """

    drawn = "rest"
    exact = True

    def __init__(self, count: int = 1, rest=None, **kwargs):
        super().__init__(count, rest, **kwargs)

    def _build(self, size):
        if size <= self.count:
            raise ValueError(
                f"Slice keeps {self.count} coordinates and leaves out the others; events have "
                f"{size}, so that none is left out."
            )
        rest, kept = (size - self.count,), (self.count,)
        self._density.build(rest, kept, self.context_shape, self.variable_dtype)

    def latent_shape(self, event_shape):
        """Return the event shape on the latent side."""
        return (self.count,)

    def inverse(self, x, context=None, seed=None):
        """Leave out the last coordinates."""
        z, y = tf.split(x, [self.count, x.shape[-1] - self.count], -1)
        return z, self._density.log_prob(y, z, context)

    def forward(self, z, context=None, seed=None):
        """Draw the last coordinates."""
        y, log_prob = self._density.draw(z, context, seed)
        return join_context(z, y), log_prob

    def adapt(self, x, context=None, sample_weight=None):
        """Adapt the density of what is left out."""
        self._density.adapt(x[:, self.count :], x[:, : self.count], context, sample_weight)
