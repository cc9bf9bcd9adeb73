"""The inverse of an increasing function by a safeguarded search, with exact gradients."""

from collections.abc import Callable, Sequence

import tensorflow as tf

from tfflows.bijectors.forward_mode import refuse_forward_mode
from tfflows.privates import custom_gradient

__all__ = ["solve_increasing"]


def solve_increasing(
    function: Callable,
    y,
    parameters: Sequence = (),
    guess=None,
    maximum_iterations: int = 200,
) -> tuple[tf.Tensor, tf.Tensor]:
    r"""Solve ``function(x, *parameters) = y`` for x, elementwise, for an increasing function.

    Every element takes Newton steps of its own. Until a point on the other side of its root is
    known, the steps grow geometrically, so that a bracket is found however far away the root is;
    from then on, a step that leaves the bracket or does not halve the one before is replaced by a
    bisection. An element that has converged stays where it is.

    The gradients are those of the implicit function theorem, to any order:

    .. math::
        \frac{\partial x}{\partial y} = \frac{1}{f'(x; \theta)}, \qquad
        \frac{\partial x}{\partial \theta} =
        -\frac{\partial f / \partial \theta}{f'(x; \theta)} .

    The log-slope that is returned is evaluated anew at the solution, so that its gradient contains
    the way of the solution, too.

    Parameters
    ----------
    function : callable
        ``function(x, *parameters)`` returns the values and the natural logarithms of the slopes
        at ``x``, both of the shape of ``x``. It must be increasing and elementwise in ``x``.
    y : tf.Tensor
        Targets, of the shape of the solution: parameters may be broadcast to it, but not it to the
        parameters.
    parameters : sequence of tf.Tensor
        Every tensor that gradients are wanted of. What `function` captures otherwise counts as
        constant.
    guess : tf.Tensor, optional
        Where to start, of the shape of ``y``; by default at ``y`` itself.
    maximum_iterations : int
        Bound on the number of evaluations of the search.

    Returns
    -------
    x : tf.Tensor
        The solution; NaN for a target that is not finite or that no point was found to bracket,
        because it lies outside the range of the function.
    log_slope : tf.Tensor
        Logarithm of the slope of the function at the solution.

    Examples
    --------
    >>> import tensorflow as tf
    >>> def cubic(x, a):
    ...     return x**3 + a * x, tf.math.log(3.0 * x**2 + a)
    >>> x, log_slope = solve_increasing(cubic, tf.constant([0.0, 30.0, -1e6]), [tf.constant(1.0)])
    >>> print(x.numpy().round(2) + 0.0)
    [   0.    3. -100.]
    """
    y = tf.convert_to_tensor(y)
    parameters = [tf.convert_to_tensor(parameter) for parameter in parameters]
    fixed = [tf.stop_gradient(parameter) for parameter in parameters]
    target = tf.stop_gradient(y)
    guess = target if guess is None else tf.stop_gradient(tf.convert_to_tensor(guess, y.dtype))
    found = _search(lambda x: function(x, *fixed), target, guess, maximum_iterations)
    x = _with_gradient(function, tf.stop_gradient(found), y, parameters)
    return x, function(x, *parameters)[1]


def _search(function, y, guess, maximum_iterations):
    dtype = y.dtype
    eps = tf.constant(2.0**-22 if dtype == tf.float32 else 2.0**-51, dtype)
    rough = tf.constant(2.0**-16 if dtype == tf.float32 else 2.0**-40, dtype)
    # Far enough for any root that can be told from infinity, near enough to leave room for sums.
    edge = tf.constant(1e-3 * float(dtype.max), dtype)
    infinity = tf.constant(float("inf"), dtype)

    def step(x, low, high, before, stretch, growth, running, bracketed):
        value, log_slope = function(x)
        rest = y - value
        low = tf.where(running & (rest > 0.0), x, low)
        high = tf.where(running & (rest < 0.0), x, high)
        bracketed = tf.math.is_finite(low) & tf.math.is_finite(high)
        newton = rest * tf.exp(-log_slope)
        newton = tf.where(tf.math.is_finite(newton), newton, tf.sign(rest) * edge)

        # At least a rounding further than Newton says, so that the far side gets a point as well:
        # on a steep slope a step can be small though the root is far.
        precision = eps * (0.01 + tf.abs(x))
        ahead = tf.sign(rest) * tf.maximum(tf.abs(newton), precision)
        # Outside a bracket: ever longer steps, bounded because a flat place sends Newton far away.
        reach = growth * growth * (1.0 + tf.abs(x))
        far = tf.clip_by_value(x + tf.clip_by_value(growth * ahead, -reach, reach), -edge, edge)
        # Within one: Newton's steps as long as they get shorter. When they do not, they may be lost
        # in rounding errors next to the root, or on a steep slope far from it: ever longer steps go
        # before halving the bracket.
        near, middle = x + ahead, 0.5 * low + 0.5 * high
        beyond = x + tf.sign(rest) * tf.maximum(stretch * before, precision)
        good = (near > low) & (near < high) & (2.0 * tf.abs(ahead) <= before)
        closer = tf.abs(beyond - x) < tf.abs(middle - x)
        near = tf.where(good, near, tf.where(closer, beyond, middle))
        following = tf.where(bracketed, near, far)
        stretch = tf.where(good, stretch, tf.minimum(2.0 * stretch, edge))

        exact = tf.abs(rest) <= eps * tf.abs(y)
        small = (tf.abs(newton) <= precision) & (tf.abs(rest) <= rough * (0.01 + tf.abs(y)))
        closed = small | (high - low <= 2.0 * precision)
        last = tf.where(exact, x, tf.clip_by_value(x + newton, low, high))
        settled = exact | closed
        following = tf.where(running, tf.where(settled, last, following), x)
        before = tf.abs(following - x)
        growth = tf.minimum(2.0 * growth, tf.constant(2.0**30, dtype))
        return (
            tf.ensure_shape(following, y.shape),
            tf.ensure_shape(low, y.shape),
            tf.ensure_shape(high, y.shape),
            tf.ensure_shape(before, y.shape),
            tf.ensure_shape(stretch, y.shape),
            growth,
            tf.ensure_shape(running & ~settled, y.shape),
            tf.ensure_shape(bracketed, y.shape),
        )

    nowhere = tf.zeros_like(y)
    x, *_, running, bracketed = tf.while_loop(
        lambda *state: tf.reduce_any(state[-2]),
        step,
        (
            tf.where(tf.math.is_finite(y), guess, nowhere),
            nowhere - infinity,
            nowhere + infinity,
            nowhere + infinity,
            nowhere + 8.0,
            tf.ones([], dtype),
            tf.math.is_finite(y),
            tf.zeros_like(y, tf.bool),
        ),
        maximum_iterations=maximum_iterations,
    )
    # A bracket that the last iteration left is narrow; without one there is nothing to tell.
    lost = (running & ~bracketed) | ~tf.math.is_finite(y)
    return tf.where(lost, tf.constant(float("nan"), dtype), x)


def _with_gradient(function, solution, y, parameters):
    """Return `solution` as a function of the target and the parameters."""

    @custom_gradient
    def implicit(y, *parameters):
        def gradient(upstream):
            refuse_forward_mode("a root search, latent to data of this bijector,")
            # The solution again, not the constant, so that this gradient has a gradient itself.
            x = _with_gradient(function, solution, y, parameters)
            with tf.GradientTape() as tape:
                for parameter in parameters:
                    tape.watch(parameter)
                value, log_slope = function(x, *parameters)
            by_y = upstream * tf.exp(-log_slope)
            by_parameters = tape.gradient(
                value, list(parameters), -by_y, unconnected_gradients="zero"
            )
            return (by_y, *by_parameters)

        return tf.identity(solution), gradient

    return implicit(y, *parameters)
