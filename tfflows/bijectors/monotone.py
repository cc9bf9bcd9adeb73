"""Any increasing function as a bijector."""

from collections.abc import Callable

import tensorflow as tf

from tfflows.bijectors.numerical_inverse import NumericalInverse, spread_over

__all__ = ["Monotone"]


class Monotone(NumericalInverse):
    r"""An increasing function from data to latent, given as TensorFlow code.

    .. math::
        z = f(x; raw), \qquad \log \frac{dz}{dx} = \log \frac{\partial f}{\partial x}

    The slope comes from automatic differentiation, latent to data from a root search, and both have
    exact gradients.

    Parameters
    ----------
    function : callable
        ``function(x, raw)`` maps data ``[..., D]`` and raw numbers ``[..., D, P]`` to latent values
        ``[..., D]``, each element by itself, increasing and differentiable in x.
    raw : tf.Tensor
        Unconstrained numbers ``[..., P]``, of known rank; the leading axes broadcast against the
        values.
    name : str, optional
        Name of the bijector.

    Raises
    ------
    ValueError
        If the function reads trainable variables, which nothing would train.

    Examples
    --------
    >>> import tensorflow as tf
    >>> b = Monotone(lambda x, raw: x + tf.nn.sigmoid(raw[..., 0]) * tf.sin(x), tf.zeros([1]))
    >>> x = tf.constant([0.0, 3.0])
    >>> print(b.forward(tf.identity(b.inverse(x))).numpy().round(4) + 0.0)
    [0. 3.]
    """

    def __init__(self, function: Callable, raw, *, name: str | None = None):
        super().__init__(raw, name=name or "monotone")
        self._function = function

    def _direct(self, y, raw):
        # Every element needs a point of its own, or its slopes would add up.
        y = spread_over(y, raw)
        with tf.GradientTape() as tape:
            tape.watch(y)
            z = self._function(y, raw)
        if tape.watched_variables():
            names = ", ".join(variable.name for variable in tape.watched_variables())
            raise ValueError(
                f"the function reads trainable variables ({names}), which no layer would train or "
                "save; make them raw parameters."
            )
        slope = tape.gradient(z, y, unconnected_gradients="zero")
        return tf.ensure_shape(z, y.shape), tf.math.log(slope)
