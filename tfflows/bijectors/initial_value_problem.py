"""Solving an ordinary differential equation row by row, with the gradients of what was computed."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import tensorflow as tf

from tfflows.bijectors.forward_mode import refuse_forward_mode
from tfflows.privates import custom_gradient

__all__ = ["Trajectory", "integrate", "trajectory"]

# The tableau of Dormand and Prince: times and weights of the stages, and those of the step, which
# are also the last row of weights; the last weights are of the difference from order four.
_TIMES = (0.0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0)
_STAGES = (
    (),
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
)
_STEP = (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84)
_ERROR = (71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40)
_USED = [index for index, weight in enumerate(_STEP) if weight]

_FIRST_STEP = 0.2
_SHORTER, _LONGER, _SAFETY = 0.2, 5.0, 0.9


class Trajectory(NamedTuple):
    """The steps that a solver took.

    Attributes
    ----------
    end : tf.Tensor
        Where each row arrives, ``[rows, D]``; NaN for one that did not within the steps allowed.
    steps : tf.Tensor
        How far the time of each row goes in each round, ``[max_steps, rows]``; zero where a step is
        refused or the row has arrived.
    rounds : tf.Tensor
        Number of rounds.
    evaluations : tf.Tensor
        How often the velocity of each row was needed, int32 ``[rows]``.
    """

    end: tf.Tensor
    steps: tf.Tensor
    rounds: tf.Tensor
    evaluations: tf.Tensor


def trajectory(
    velocity: Callable,
    x,
    parameters: Sequence = (),
    backward: bool = False,
    rtol: float = 1e-5,
    atol: float = 1e-5,
    max_steps: int = 256,
) -> Trajectory:
    r"""Go with a velocity from time zero to time one, by the steps of Dormand and Prince.

    .. math:: \frac{dx}{dt} = v(t, x; \theta)

    Each row has a time and a step length of its own, so that where it arrives does not depend on
    the rows beside it. A step is taken if the difference between the formulas of order five and
    four is at most ``atol + rtol |x|``, as a root of the mean square over the coordinates.

    Parameters
    ----------
    velocity : callable
        ``velocity(t, x, *parameters)`` for times ``[...]`` and points ``[..., D]``.
    x : tf.Tensor
        Where to start, ``[rows, D]``.
    parameters : sequence of tf.Tensor
        What the velocity is made of.
    backward : bool
        Go from time one to time zero.
    rtol, atol : float
        Relative and absolute tolerance of a step.
    max_steps : int
        Rounds after which a row that has not arrived is given up.

    Returns
    -------
    Trajectory
        Where each row arrives, and how.

    References
    ----------
    Dormand and Prince (1980), "A family of embedded Runge-Kutta formulae", Journal of Computational
    and Applied Mathematics 6, 19; Hairer, Norsett and Wanner (1993), "Solving Ordinary Differential
    Equations I", section II.4, for the step length.

    Examples
    --------
    >>> import tensorflow as tf
    >>> found = trajectory(lambda t, x: x, tf.constant([[1.0], [-2.0]]))
    >>> print(found.end.numpy().round(4))
    [[ 2.7183]
     [-5.4366]]
    """
    x = tf.stop_gradient(tf.convert_to_tensor(x))
    parameters = [tf.stop_gradient(tf.convert_to_tensor(tensor)) for tensor in parameters]
    dtype, rows = x.dtype, x.shape[:1]
    direction = tf.constant(-1.0 if backward else 1.0, dtype)
    nothing = tf.zeros_like(x[:, 0])

    def time(gone):
        return 1.0 - gone if backward else gone

    def round_of_steps(number, gone, x, first, length, evaluations, steps):
        running = gone < 1.0
        rest = 1.0 - gone
        length = tf.minimum(length, rest)
        signed = direction * length
        end, slopes, _ = _advance(velocity, time(gone), signed, x, parameters, first)
        last = velocity(time(gone + length), end, *parameters)
        error = length[:, tf.newaxis] * tf.abs(_weighted(_ERROR, [*slopes, last]))
        allowed = atol + rtol * tf.maximum(tf.abs(x), tf.abs(end))
        ratio = tf.sqrt(tf.reduce_mean(tf.square(error / allowed), -1))
        # An overflow is an error larger than any.
        ratio = tf.where(tf.math.is_finite(ratio), ratio, tf.constant(1e9, dtype))
        taken = running & (ratio <= 1.0)
        factor = _SAFETY * tf.pow(tf.maximum(ratio, 1e-9), -0.2)
        # A table, and no array of tensors, which tf.vectorized_map has no loops for.
        here = tf.equal(number, tf.range(max_steps))[:, tf.newaxis]
        steps = tf.where(here, tf.where(taken, signed, nothing), steps)
        arrived = taken & (length >= rest)
        gone = tf.where(arrived, tf.ones_like(gone), tf.where(taken, gone + length, gone))
        moved = taken[:, tf.newaxis]
        return (
            number + 1,
            tf.ensure_shape(gone, rows),
            tf.ensure_shape(tf.where(moved, end, x), x.shape),
            tf.ensure_shape(tf.where(moved, last, first), x.shape),
            tf.ensure_shape(length * tf.clip_by_value(factor, _SHORTER, _LONGER), rows),
            tf.ensure_shape(evaluations + 6 * tf.cast(running, tf.int32), rows),
            tf.ensure_shape(steps, [max_steps, *rows]),
        )

    start = time(nothing)
    number, gone, end, _, _, evaluations, steps = tf.while_loop(
        lambda number, gone, *_: (number < max_steps) & tf.reduce_any(gone < 1.0),
        round_of_steps,
        (
            tf.constant(0),
            nothing,
            x,
            tf.ensure_shape(velocity(start, x, *parameters), x.shape),
            nothing + _FIRST_STEP,
            tf.ones_like(nothing, tf.int32),
            tf.zeros([max_steps, 1], dtype) + nothing,
        ),
        maximum_iterations=max_steps,
    )
    end = tf.where((gone >= 1.0)[:, tf.newaxis], end, tf.constant(float("nan"), dtype))
    return Trajectory(end, steps, number, evaluations)


def integrate(
    velocity: Callable,
    integrand: Callable,
    x,
    parameters: Sequence = (),
    backward: bool = False,
    **options,
) -> tuple[tf.Tensor, tf.Tensor]:
    r"""Go with a velocity from time zero to time one, and integrate a number along the way.

    .. math:: x(1) = x(0) + \int_0^1 v(t, x; \theta)\, dt, \qquad
        \ell = \int_0^1 g(t, x; \theta)\, dt

    The steps are those of `trajectory`, and the integral is the sum of the same formula over them.
    Gradients are those of the sums that were computed, the lengths of the steps held fixed; what
    they need of the way is found again step by step, from the points where each began.

    Parameters
    ----------
    velocity : callable
        As in `trajectory`.
    integrand : callable
        ``integrand(t, x, *parameters)`` for times ``[k, rows]`` and points ``[k, rows, D]``.
    x : tf.Tensor
        Where to start, ``[rows, D]``.
    parameters : sequence of tf.Tensor
        Every tensor that gradients are wanted of. What the functions capture otherwise counts as
        constant.
    backward : bool
        Go from time one to time zero.
    **options
        Those of `trajectory`.

    Returns
    -------
    end : tf.Tensor
        Where each row arrives, ``[rows, D]``; NaN for one that did not within the steps allowed.
    integral : tf.Tensor
        The integrals, ``[rows]``; backward they have the other sign.

    Examples
    --------
    >>> import tensorflow as tf
    >>> a = tf.constant(2.0)
    >>> with tf.GradientTape() as tape:
    ...     tape.watch(a)
    ...     end, _ = integrate(lambda t, x, a: a * x, lambda t, x, a: t, tf.ones([1, 1]), [a])
    >>> print(end.numpy().round(3), tape.gradient(end, a).numpy().round(3))  # both are exp(2)
    [[7.389]] 7.389
    """
    x = tf.convert_to_tensor(x)
    parameters = [tf.convert_to_tensor(tensor) for tensor in parameters]
    way = trajectory(velocity, x, parameters, backward, **options)
    start = tf.constant(1.0 if backward else 0.0, x.dtype)

    def step(number, time, x, parameters):
        length = tf.gather(way.steps, number)
        end, _, points = _advance(velocity, time, length, x, parameters)
        times = tf.stack([time + _TIMES[index] * length for index in _USED])
        points = tf.stack([points[index] for index in _USED])
        values = integrand(times, points, *parameters)
        weights = tf.constant([_STEP[index] for index in _USED], x.dtype)
        return end, length * tf.linalg.matvec(values, weights, transpose_a=True)

    @custom_gradient
    def followed(x, *parameters):
        nothing = tf.zeros_like(x[:, 0])

        def add(number, time, x, total):
            end, more = step(number, time, x, parameters)
            time += tf.gather(way.steps, number)
            return (number + 1, *_of_shapes((time, end, total + more), (nothing, x, nothing)))

        *_, total = tf.while_loop(
            lambda number, *_: number < way.rounds,
            add,
            (tf.constant(0), nothing + start, x, nothing),
            maximum_iterations=way.steps.shape[0],
        )
        lost = tf.reduce_any(tf.math.is_nan(way.end), -1)
        total = tf.where(lost, tf.constant(float("nan"), x.dtype), total)

        def gradient(by_end, by_integral):
            refuse_forward_mode("the solution of a differential equation")
            times = start + tf.cumsum(way.steps, exclusive=True)
            points = _points(velocity, way, times, x, parameters)

            def back(number, by_x, *by_parameters):
                at = points.read(number)
                with tf.GradientTape() as tape:
                    tape.watch([at, *parameters])
                    end, more = step(number, tf.gather(times, number), at, parameters)
                by_x, *more = tape.gradient(
                    [end, more],
                    [at, *parameters],
                    output_gradients=[by_x, by_integral],
                    unconnected_gradients="zero",
                )
                sums = [total + part for total, part in zip(by_parameters, more, strict=True)]
                return (number - 1, *_of_shapes((by_x, *sums), (x, *parameters)))

            _, by_x, *by_parameters = tf.while_loop(
                lambda number, *_: number >= 0,
                back,
                (way.rounds - 1, by_end, *(tf.zeros_like(tensor) for tensor in parameters)),
                maximum_iterations=way.steps.shape[0],
            )
            # The points along the way are constants to what would differentiate this once more.
            message = "the gradient of the solution of a differential equation has none itself"
            return tuple(
                tf.raw_ops.PreventGradient(input=tensor, message=message)
                for tensor in (by_x, *by_parameters)
            )

        return (tf.identity(way.end), total), gradient

    return followed(x, *parameters)


def _points(velocity, way: Trajectory, times, x, parameters) -> tf.TensorArray:
    """Return where each row is before each round, ``[rows, D]``."""
    found = tf.TensorArray(
        x.dtype, way.steps.shape[0], element_shape=x.shape, clear_after_read=False
    )

    def go(number, x, found):
        found = found.write(number, x)
        time, length = tf.gather(times, number), tf.gather(way.steps, number)
        end, _, _ = _advance(velocity, time, length, x, parameters)
        return number + 1, tf.ensure_shape(end, x.shape), found

    *_, found = tf.while_loop(
        lambda number, *_: number < way.rounds,
        go,
        (tf.constant(0), x, found),
        maximum_iterations=way.steps.shape[0],
    )
    return found


def _of_shapes(tensors, likes) -> list:
    """Return tensors with the static shapes of others, which a loop would lose."""
    return [tf.ensure_shape(t, like.shape) for t, like in zip(tensors, likes, strict=True)]


def _advance(velocity, time, length, x, parameters, first=None) -> tuple:
    """Return where one step leads, and the slopes and points of its stages."""
    far = length[:, tf.newaxis]
    slopes, points = [velocity(time, x, *parameters) if first is None else first], [x]
    for fraction, weights in zip(_TIMES[1:], _STAGES[1:], strict=True):
        points.append(x + far * _weighted(weights, slopes))
        slopes.append(velocity(time + fraction * length, points[-1], *parameters))
    return x + far * _weighted(_STEP, slopes), slopes, points


def _weighted(weights, slopes):
    return tf.add_n([w * slope for w, slope in zip(weights, slopes, strict=True) if w])
