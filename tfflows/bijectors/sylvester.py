"""A map that bends several directions at once, each by what those after it say."""

import math

import tensorflow as tf

from tfflows.bijectors.base import Bijector
from tfflows.bijectors.bent import above_minus_one, bend, solve_bent, tanh_slope
from tfflows.bijectors.event import flatten_event, restore_event
from tfflows.bijectors.linear import product
from tfflows.bijectors.parameters import as_parameters, batch_of

__all__ = ["Sylvester"]


class Sylvester(Bijector):
    r"""A Sylvester map, direct from data to latent.

    .. math:: z = x + Q R \tanh(a), \quad a = \tilde R Q^\top x + b, \qquad
        \log\left|\det \frac{\partial z}{\partial x}\right| =
        \sum_m \log\left(1 + \kappa_m (1 - \tanh^2 a_m)\right), \quad
        \kappa_m = R_{mm} \tilde R_{mm}

    with M orthonormal columns Q and upper triangular R and :math:`\tilde R`. It is one-to-one if
    every :math:`\kappa_m > -1`, which is made of any number as in `Planar`; the diagonals are
    :math:`\tilde R_{mm} = e^{s_m}` and :math:`R_{mm} = \kappa_m e^{-s_m}`.

    Latent to data, :math:`a + \tilde R R \tanh(a) = \tilde R Q^\top z + b` is triangular: the last
    of its M equations knows one number alone, and so on upwards, each increasing in the number that
    is left. So M root searches in one dimension find it, whatever the weights, where iterations of
    all equations at once may fail. Newton steps from there make the solution a function of all
    parameters, whose derivatives are exact to the third order.

    Parameters
    ----------
    basis : tf.Tensor
        Q, ``[..., D, M]``, orthonormal columns.
    outer, inner : tf.Tensor
        R and :math:`\tilde R` above the diagonal, ``[..., M, M]``; on their diagonals the numbers
        of which :math:`\kappa` is made, and s.
    b : tf.Tensor
        ``[..., M]``.
    event_shape : tuple of int
        Shape of an event of D coordinates.
    name : str, optional
        Name of the bijector.

    Raises
    ------
    ValueError
        If the parameters are not floating-point numbers of one type.

    References
    ----------
    van den Berg et al. (2018), "Sylvester Normalizing Flows for Variational Inference",
    arXiv:1803.05649; there the map goes from latent to data, which is ``tfb.Invert`` of this one.

    Examples
    --------
    >>> import tensorflow as tf
    >>> outer = tf.constant([[0.0, 2.0], [0.0, 0.0]])
    >>> sylvester = Sylvester(tf.eye(2), outer, tf.zeros([2, 2]), tf.zeros([2]), (2,))
    >>> print(sylvester.inverse([[1.0, 50.0], [1.0, -50.0]]).numpy())
    [[  3.  50.]
     [ -1. -50.]]
    """

    def __init__(self, basis, outer, inner, b, event_shape: tuple, name: str = "sylvester"):
        self._basis, outer, inner, self._b = as_parameters(
            basis=basis, outer=outer, inner=inner, b=b
        )
        self._event_shape = tuple(event_shape)
        log_scale = tf.linalg.diag_part(inner)
        self._strength = above_minus_one(tf.linalg.diag_part(outer))
        self._inner = _upper(inner, tf.exp(log_scale))
        self._outer = _upper(outer, self._strength * tf.exp(-log_scale))
        super().__init__(
            len(self._event_shape),
            batch_shape=batch_of(self._b, self._strength, basis[..., 0], trailing=1),
            dtype=self._b.dtype,
            name=name,
        )

    @property
    def increasing(self) -> bool | None:
        """True of a single coordinate."""
        return True if math.prod(self._event_shape) == 1 else None

    def _along(self, flat):
        inside = product(tf.linalg.matrix_transpose(self._basis), flat)
        return product(self._inner, inside) + self._b

    def _moved(self, a):
        return product(self._basis, product(self._outer, tf.tanh(a)))

    def _inverse_and_ildj(self, y):
        flat = flatten_event(y, self._event_shape)
        a = self._along(flat)
        log_det = tf.reduce_sum(bend(a, self._strength)[1], -1)
        return restore_event(flat + self._moved(a), self._event_shape), log_det

    def _forward_and_fldj(self, x):
        flat = flatten_event(x, self._event_shape)
        a = self._solve(self._along(flat))
        log_det = tf.reduce_sum(bend(a, self._strength)[1], -1)
        return restore_event(flat - self._moved(a), self._event_shape), -log_det

    def _solve(self, target):
        """Return a of the triangular system."""
        matrix = _upper(tf.matmul(self._inner, self._outer), self._strength)
        a = tf.stop_gradient(_search(*map(tf.stop_gradient, (target, matrix, self._strength))))
        # One step from a constant has the right first derivatives; each more doubles the order.
        for _ in range(2):
            error = a + product(matrix, tf.tanh(a)) - target
            jacobian = matrix * tanh_slope(a)[..., tf.newaxis, :]
            jacobian = tf.linalg.set_diag(jacobian, 1.0 + tf.linalg.diag_part(jacobian))
            change = tf.linalg.triangular_solve(jacobian, error[..., tf.newaxis], lower=False)
            a -= change[..., 0]
        return a


def _upper(matrix, diagonal):
    return tf.linalg.set_diag(tf.linalg.band_part(matrix, 0, -1), diagonal)


def _search(target, matrix, strength):
    """Solve ``a + matrix @ tanh(a) = target``, ``[..., M]``, from the last equation upwards."""
    size = target.shape[-1]

    def step(index, a):
        given = tf.reduce_sum(tf.gather(matrix, index, axis=-2) * tf.tanh(a), -1)
        root, _ = solve_bent(
            tf.gather(target, index, axis=-1) - given, tf.gather(strength, index, axis=-1)
        )
        here = tf.one_hot(index, size, dtype=target.dtype)
        return index - 1, tf.ensure_shape(a + here * root[..., tf.newaxis], target.shape)

    _, a = tf.while_loop(
        lambda index, _: index >= 0,
        step,
        (tf.constant(size - 1), tf.zeros_like(target)),
        maximum_iterations=size,
    )
    return a
