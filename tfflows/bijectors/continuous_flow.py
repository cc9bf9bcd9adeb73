"""A map that follows a velocity from time zero to time one."""

import math
from collections.abc import Callable, Sequence

import tensorflow as tf

from tfflows.bijectors.base import Bijector
from tfflows.bijectors.checks import check_count, check_positive
from tfflows.bijectors.event import flatten_event, restore_event
from tfflows.bijectors.initial_value_problem import integrate, trajectory
from tfflows.bijectors.parameters import batch_of

__all__ = ["ContinuousFlow"]


class ContinuousFlow(Bijector):
    r"""The flow of an ordinary differential equation, from latent at time 0 to data at time 1.

    .. math:: \frac{dx}{dt} = v(t, x, c; \theta), \qquad
        \log\left|\det \frac{\partial x(1)}{\partial x(0)}\right| =
        \int_0^1 \operatorname{tr} \frac{\partial v}{\partial x}\, dt

    Latent to data and data to latent cost the same. The trace is exact, by one derivative for each
    coordinate, or, where probes e with :math:`\mathbb{E}[e e^\top] = 1` are given, estimated
    without bias by the mean of :math:`e^\top (\partial v / \partial x)\, e` over them (Hutchinson).

    Parameters
    ----------
    velocity : callable
        ``velocity(t, x, context, *parameters)`` returns velocities for times ``[...]``, points
        ``[..., D]`` and contexts ``[rows, C]``, or None, whose axes broadcast against each other.
    parameters : sequence of tf.Tensor
        Every tensor besides the context that gradients are wanted of. What the velocity captures
        otherwise counts as constant.
    event_shape : tuple of int
        Shape of an event of D coordinates.
    context : tf.Tensor, optional
        Contexts ``[..., C]``; the leading axes broadcast against those of the events.
    probes : tf.Tensor, optional
        Random vectors ``[probes, ..., D]``, for each event its own; without, the trace is exact.
    rtol, atol : float
        Relative and absolute tolerance of a step of the solver.
    max_steps : int
        Steps after which a row that has not arrived is given up: its point is NaN.
    dtype : tf.DType, optional
        Type of the values.
    name : str, optional
        Name of the bijector.

    Raises
    ------
    ValueError
        If a tolerance or `max_steps` is not positive.

    References
    ----------
    Chen et al. (2018), "Neural Ordinary Differential Equations", arXiv:1806.07366; Grathwohl et al.
    (2019), "FFJORD: Free-form Continuous Dynamics for Scalable Reversible Generative Models",
    arXiv:1810.01367.

    Examples
    --------
    The velocity :math:`x \log 2` doubles what it carries:

    >>> import math, tensorflow as tf
    >>> doubled = ContinuousFlow(lambda t, x, context: math.log(2.0) * x, [], (2,))
    >>> print(doubled.forward([[1.0, -3.0]]).numpy().round(4))
    [[ 2. -6.]]
    >>> print(doubled.forward_log_det_jacobian([[1.0, -3.0]]).numpy().round(4))  # 2 log 2
    [1.3863]
    """

    def __init__(
        self,
        velocity: Callable,
        parameters: Sequence = (),
        event_shape: tuple = (1,),
        context=None,
        probes=None,
        rtol: float = 1e-5,
        atol: float = 1e-5,
        max_steps: int = 256,
        dtype=None,
        name: str = "continuous_flow",
    ):
        self._velocity = velocity
        self._tensors = [tf.convert_to_tensor(tensor) for tensor in parameters]
        self._event_shape = tuple(event_shape)
        self._size = math.prod(self._event_shape)
        self._context = None if context is None else tf.convert_to_tensor(context)
        self._probes = None if probes is None else tf.convert_to_tensor(probes)
        check_positive(rtol=rtol, atol=atol)
        check_count(1, max_steps=max_steps)
        self._options = {"rtol": rtol, "atol": atol, "max_steps": int(max_steps)}
        super().__init__(
            len(self._event_shape),
            batch_shape=() if context is None else batch_of(self._context, trailing=1),
            dtype=dtype,
            name=name,
        )

    def _inverse_and_ildj(self, y):
        return self._follow(y, backward=True)

    def _forward_and_fldj(self, x):
        return self._follow(x, backward=False)

    def evaluations(self, x, backward: bool = True):
        """Return how often the velocity is asked on the way of each event.

        Parameters
        ----------
        x : tf.Tensor
            Events ``[..., *event_shape]``: data, or latent points for ``backward=False``.
        backward : bool
            From data to latent.

        Returns
        -------
        tf.Tensor
            int32 ``[...]``.
        """
        x, context, _, batch = self._rows(tf.convert_to_tensor(x, dtype_hint=self.dtype))
        velocity, parameters = self._of_rows(context)
        found = trajectory(velocity, x, parameters, backward, **self._options)
        return tf.reshape(found.evaluations, batch)

    def _follow(self, x, backward: bool):
        rows, context, probes, batch = self._rows(x)
        velocity, parameters = self._of_rows(context)

        def trace(t, x, *parameters):
            return _divergence(velocity, t, x, parameters, probes)

        end, log_det = integrate(velocity, trace, rows, parameters, backward, **self._options)
        end = tf.reshape(end, tf.concat([batch, [self._size]], 0))
        static = x.shape[: x.shape.rank - len(self._event_shape)]
        if self._context is not None:
            static = tf.broadcast_static_shape(static, self._context.shape[:-1])
        end = tf.ensure_shape(end, [*static, self._size])
        log_det = tf.ensure_shape(tf.reshape(log_det, batch), static)
        return restore_event(end, self._event_shape), log_det

    def _rows(self, x):
        """Return events, contexts and probes as rows, and the batch shape that they come from."""
        flat = flatten_event(x, self._event_shape)
        batch = tf.shape(flat)[:-1]
        if self._context is not None:
            batch = tf.broadcast_dynamic_shape(batch, tf.shape(self._context)[:-1])
        context, probes = self._context, self._probes
        if context is not None:
            context = _as_rows(context, batch)
        if probes is not None:
            size = tf.concat([tf.shape(probes)[:1], batch, [self._size]], 0)
            probes = tf.reshape(tf.broadcast_to(probes, size), [probes.shape[0], -1, self._size])
        return _as_rows(flat, batch), context, probes, batch

    def _of_rows(self, context):
        """Return the velocity with the context among its parameters, and these."""
        if context is None:
            return (lambda t, x, *weights: self._velocity(t, x, None, *weights)), self._tensors
        return self._velocity, [context, *self._tensors]


def _as_rows(values, batch):
    size = values.shape[-1]
    return tf.reshape(tf.broadcast_to(values, tf.concat([batch, [size]], 0)), [-1, size])


def _divergence(velocity, t, x, parameters, probes):
    """Return the trace of the Jacobian at points ``[k, rows, D]``, or an estimate of it."""
    size = x.shape[-1]
    if probes is None:
        directions, number = tf.eye(size, dtype=x.dtype)[:, tf.newaxis, tf.newaxis, :], 1
    else:
        directions, number = probes[:, tf.newaxis], probes.shape[0]
    directions = tf.broadcast_to(directions, tf.concat([tf.shape(directions)[:1], tf.shape(x)], 0))
    points = tf.broadcast_to(x, tf.shape(directions))
    with tf.GradientTape() as tape:
        tape.watch(points)
        values = velocity(t, points, *parameters)
    slopes = tape.gradient(
        values, points, output_gradients=directions, unconnected_gradients="zero"
    )
    return tf.reduce_sum(slopes * directions, [0, -1]) / number
