"""A learned Sylvester map."""

import math

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from tfflows import bijectors
from tfflows.bijectors import checks
from tfflows.bijectors.orthogonal import Reflections, rotation
from tfflows.layers.raw_parameters import RawParameterLayer
from tfflows.layers.triangular_affine import bounded_log_scale

__all__ = ["Sylvester"]

BASES = ("householder", "orthogonal", "triangular")


@keras.saving.register_keras_serializable(package="tfflows")
class Sylvester(RawParameterLayer):
    r"""A map that bends several directions at once: a planar map of M directions.

    .. math:: z = x + Q R \tanh(\tilde R Q^\top x + b), \qquad
        \log\left|\det \frac{\partial z}{\partial x}\right| =
        \sum_m \log\left(1 + R_{mm} \tilde R_{mm} (1 - \tanh^2 a_m)\right)

    with :math:`a = \tilde R Q^\top x + b`, upper triangular R and :math:`\tilde R`, whose diagonals
    are made of free numbers such that the map is one-to-one (see `bijectors.Sylvester`), and M
    orthonormal columns Q. Data to latent is direct, latent to data takes M root searches in one
    dimension; in `layers.Invert` it is the other way round, which is that of the paper and of
    variational inference. It starts near the identity.

    Parameters
    ----------
    units : int, optional
        Number of directions M, at most that of coordinates D; by default D.
    basis : str
        Where Q comes from: the first columns of a product of reflections (``"householder"``), of a
        rotation as in `Rotation` (``"orthogonal"``), or of the unit matrix (``"triangular"``; put
        `Reverse` between two of them).
    count : int, optional
        Number of reflections; by default one for each direction.
    hidden_units : sequence of int
        Widths of the network that moves the numbers with the context, where there is one.
    activation : str or callable
        Activation of that network.
    **kwargs
        Keras's own arguments.

    Raises
    ------
    ValueError
        If there is no such basis, `units` or `count` is no positive integer, `count` is given for
        another basis than reflections, or there are more units than coordinates.

    References
    ----------
    van den Berg et al. (2018), "Sylvester Normalizing Flows for Variational Inference",
    arXiv:1803.05649.

    Examples
    --------
    >>> import tensorflow as tf
    >>> layer = Sylvester(units=2)
    >>> z = layer(tf.constant([[1.0, 2.0, 3.0]]))
    >>> print(layer.bijector().forward(z).numpy().round(4))
    [[1. 2. 3.]]
    """

    def __init__(
        self,
        units: int | None = None,
        basis: str = "householder",
        count: int | None = None,
        hidden_units=(64, 64),
        activation="relu",
        **kwargs,
    ):
        super().__init__(hidden_units, activation, **kwargs)
        self.units = None if units is None else checks.positive_integer("units", units)
        self.count = None if count is None else checks.positive_integer("count", count)
        if basis not in BASES:
            raise ValueError(f"basis must be one of {', '.join(BASES)}; got {basis!r}.")
        if count is not None and basis != "householder":
            raise ValueError(
                f'count={count} is a number of reflections, and basis="{basis}" has none; leave it '
                'out, or use basis="householder".'
            )
        self.basis = basis

    def build(self, event_shape, context_shape=None):
        """Create the numbers for events of `event_shape`."""
        super().build(event_shape, context_shape)
        size = math.prod(self.event_shape)
        units = size if self.units is None else self.units
        if units > size:
            raise ValueError(
                f"units={units}: events of shape {self.event_shape} have {size} coordinates, and "
                "not more directions."
            )
        self._size, self._units = size, units
        several = size > 1
        of_basis = {
            "householder": several * (self.count or units) * size,
            "orthogonal": size * (size - 1) // 2,
            "triangular": 0,
        }[self.basis]
        triangle = units * (units + 1) // 2
        self._sizes = [of_basis, triangle, triangle, units]
        self.raw = self.add_raw((sum(self._sizes),), zero_start=False)
        self.built = True

    def bijector(self, context=None):
        """Return the bijector that the weights describe now."""
        numbers, outer, inner, b = tf.split(self.raw(context), self._sizes, axis=-1)
        outer, inner = (tfp.math.fill_triangular(part, upper=True) for part in (outer, inner))
        inner = tf.linalg.set_diag(inner, bounded_log_scale(tf.linalg.diag_part(inner)))
        return bijectors.Sylvester(self._columns(numbers), outer, inner, b, self.event_shape)

    def _columns(self, numbers):
        """Return Q ``[..., D, M]``."""
        if not self._sizes[0]:
            return tf.eye(self._size, self._units, dtype=numbers.dtype)
        if self.basis == "orthogonal":
            return rotation(numbers, self._size, "exponential")[..., : self._units]
        shape = [self._sizes[0] // self._size, self._size]
        vectors = tf.reshape(numbers, tf.concat([tf.shape(numbers)[:-1], shape], 0))
        vectors = tf.ensure_shape(vectors, [*numbers.shape[:-1], *shape])
        return Reflections(vectors).matrix[..., : self._units]

    def get_config(self):
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "units": self.units,
            "basis": self.basis,
            "count": self.count,
        }
