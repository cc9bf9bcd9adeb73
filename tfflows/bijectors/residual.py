"""The identity plus a network that brings no two points further apart."""

import math
from collections.abc import Sequence

import tensorflow as tf

from tfflows.bijectors.base import Bijector
from tfflows.bijectors.by_halves import inverse_and_log_det_of
from tfflows.bijectors.event import flatten_event, restore_event
from tfflows.bijectors.fixed_point import solve_adjoint, solve_shifted
from tfflows.bijectors.forward_mode import refuse_forward_mode
from tfflows.bijectors.lipschitz import Contraction
from tfflows.bijectors.parameters import as_parameters, batch_of
from tfflows.bijectors.roulette import estimated_log_det
from tfflows.privates import custom_gradient

__all__ = ["Residual"]


class Residual(Bijector):
    r"""A residual map, direct from data to latent.

    .. math:: z = x + g(x), \qquad |g(x) - g(y)| \le c\,|x - y|, \qquad
        \log\left|\det \frac{\partial z}{\partial x}\right| = \log\det(I + J_g(x))

    with a network g of any weights, :math:`g(x) = \phi(\cdots \phi(x W_1 + b_1) \cdots) W_L + b_L`,
    whose kernels are divided by what their spectral norms have too much: see
    `bijectors.lipschitz.contracted`. The bound is computed from the kernels each time, so that it
    holds for weights that were set, loaded or moved by whatever optimizer. So z is one-to-one, and
    stretches no direction by more than 1 + c nor less than 1 - c.

    Latent to data is the fixed point of :math:`x = z - g(x)`, by steps that halve the error at
    least as fast as c says, and Newton steps where these are quicker. One more Newton step, or the
    implicit function theorem, makes it a function of all parameters.

    The Jacobian is exact, at the cost of D passes. `inverse_and_estimate` and
    `forward_and_estimate` replace it by an unbiased estimate of its log-determinant.

    Parameters
    ----------
    kernels : sequence of tf.Tensor
        :math:`W_l`, any matrices ``[D, H]``, ..., ``[H, D]``; behind ``"clipswish"``, which makes
        two numbers of one, of twice as many rows.
    biases : sequence of tf.Tensor
        :math:`b_l`, ``[..., H]``, ..., ``[..., D]``. Those of the first layer are where a context
        comes in.
    event_shape : tuple of int
        Shape of an event of D coordinates.
    steepness : sequence of tf.Tensor, optional
        A number for each hidden layer, which ``"lipswish"`` and ``"clipswish"`` need.
    activation : str
        :math:`\phi`: ``"lipswish"``, ``"clipswish"``, ``"elu"`` or ``"tanh"``.
    lipschitz : float
        c, in ``(0, 1)``.
    tolerance : float, optional
        Where the search stops, as in `bijectors.fixed_point.solve_shifted`; by default at rounding.
    maximum_iterations : int
        Bound on the number of its steps.
    name : str, optional
        Name of the bijector.

    Raises
    ------
    ValueError
        If the parameters are not floating-point numbers of one type.

    References
    ----------
    Behrmann et al. (2019), "Invertible Residual Networks", arXiv:1811.00995; Chen et al. (2019),
    "Residual Flows for Invertible Generative Modeling", arXiv:1906.02735.

    Examples
    --------
    >>> import tensorflow as tf
    >>> kernels = [tf.constant([[0.0, 100.0]]), tf.constant([[0.0], [1.0]])]
    >>> biases = [tf.zeros([2]), tf.zeros([1])]
    >>> residual = Residual(kernels, biases, (1,), activation="tanh", lipschitz=0.9)
    >>> z = residual.inverse(tf.constant([[0.0], [1.0]]))
    >>> print(residual.forward(z).numpy().round(5))
    [[0.]
     [1.]]
    """

    def __init__(
        self,
        kernels: Sequence,
        biases: Sequence,
        event_shape: tuple,
        steepness: Sequence | None = None,
        activation: str = "lipswish",
        lipschitz: float = 0.9,
        tolerance: float | None = None,
        maximum_iterations: int = 2000,
        name: str = "residual",
    ):
        number = len(kernels)
        given = as_parameters(
            **{f"kernels[{index}]": kernel for index, kernel in enumerate(kernels)},
            **{f"biases[{index}]": bias for index, bias in enumerate(biases)},
            **{f"steepness[{index}]": value for index, value in enumerate(steepness or ())},
        )
        kernels, biases, steepness = given[:number], given[number : 2 * number], given[2 * number :]
        self._most = float(lipschitz)
        self._network = Contraction(kernels, biases, steepness or None, activation, self._most)
        self._search = {"tolerance": tolerance, "maximum_iterations": maximum_iterations}
        self._event_shape = tuple(event_shape)
        super().__init__(
            len(self._event_shape),
            batch_shape=batch_of(*biases, trailing=1),
            dtype=kernels[0].dtype,
            name=name,
        )

    @property
    def increasing(self) -> bool | None:
        """True of a single coordinate."""
        return True if math.prod(self._event_shape) == 1 else None

    def _inverse_and_ildj(self, y):
        flat = flatten_event(y, self._event_shape)
        moved, slopes = self._network.linearize(flat)
        return restore_event(flat + moved, self._event_shape), self._derivative(slopes)[1]

    def _forward_and_fldj(self, x):
        z, flat = self._solved(x)
        # One step from a constant has the right first derivatives; each more doubles the order.
        for _ in range(2):
            moved, slopes = self._network.linearize(flat)
            flat -= tf.linalg.matvec(self._derivative(slopes)[0], flat + moved - z)
        log_det = self._derivative(self._network.linearize(flat)[1])[1]
        return restore_event(flat, self._event_shape), -log_det

    def _solved(self, x):
        """Return flat latent points of the whole batch, and where they come from."""
        z = flatten_event(x, self._event_shape)
        z += tf.zeros_like(self._network(z))
        return z, solve_shifted(self._network, z, self._most, **self._search)

    def _derivative(self, slopes):
        """Return the inverse of the derivative of data to latent, and its log-determinant."""
        eye = tf.eye(math.prod(self._event_shape), dtype=self.dtype)
        return inverse_and_log_det_of(eye + self._network.jacobian(slopes))

    def inverse_and_estimate(self, y, seed, terms: int = 4) -> tuple:
        r"""Map data to latent, and estimate the log-determinant of that map without bias.

        Parameters
        ----------
        y : tf.Tensor
            Points ``[..., *event_shape]``.
        seed : tf.Tensor
            Seed, int32 ``[2]`` or ``[3]``.
        terms : int
            As in `bijectors.roulette.estimated_log_det`.
        """
        flat = flatten_event(y, self._event_shape)
        moved, slopes = self._network.linearize(flat)
        z = flat + moved
        log_det = estimated_log_det(self._network, slopes, z, seed, self._most, terms)
        return restore_event(z, self._event_shape), log_det

    def forward_and_estimate(self, x, seed, terms: int = 4) -> tuple:
        r"""Map latent to data, and estimate the log-determinant of that map without bias.

        Parameters
        ----------
        x : tf.Tensor
            Latent points ``[..., *event_shape]``.
        seed, terms
            As in `inverse_and_estimate`.
        """
        z, flat = self._solved(x)
        moved, slopes = self._network.linearize(flat)
        flat = self._implicit(flat, flat + moved - z, slopes)
        _, slopes = self._network.linearize(flat)
        log_det = estimated_log_det(self._network, slopes, flat, seed, self._most, terms)
        return restore_event(flat, self._event_shape), -log_det

    def _implicit(self, solution, rest, slopes):
        """Return the solution, with gradients by way of the error, which is zero there."""
        slopes = [tf.stop_gradient(slope) for slope in slopes]
        network = self._network.frozen()

        @custom_gradient
        def solved(rest):
            def gradient(upstream):
                refuse_forward_mode("a fixed point, latent to data of a residual map,")
                return -solve_adjoint(network, slopes, upstream, **self._search)

            return tf.identity(solution), gradient

        return solved(rest)
