"""Any increasing function as a family."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from tfflows.bijectors import monotone
from tfflows.bijectors.checks import check_count
from tfflows.univariates.base import Univariate
from tfflows.univariates.raw import as_raw

__all__ = ["Monotone"]


@keras.saving.register_keras_serializable(package="tfflows")
class Monotone(Univariate):
    r"""A family made of any increasing function from data to latent, written in TensorFlow.

    .. math:: z = f(x; raw)

    The slope comes from automatic differentiation, latent to data from a root search with exact
    gradients. The family is as safe as the function: it should be increasing for all raw numbers,
    have the whole line as its range, be the identity at raw zeros (or near it, if it has
    interchangeable parts), and not overflow.

    Parameters
    ----------
    function : callable
        ``function(x, raw)`` maps data ``[..., D]`` and raw numbers ``[..., D, P]`` to latent values
        ``[..., D]``, each element by itself. To save a flow that uses it, register it with
        ``@keras.saving.register_keras_serializable()``.
    parameter_size : int
        Number of raw numbers per dimension, P.

    Raises
    ------
    TypeError
        If `function` is not callable.
    ValueError
        If `parameter_size` is not a whole number of at least 1, or the function does not increase
        or changes the shape of its values when it is tried out.

    Examples
    --------
    >>> import tensorflow as tf
    >>> def bend(x, raw):
    ...     return x + tf.nn.softplus(raw[..., 0]) * tf.tanh(x) + raw[..., 1]
    >>> family = Monotone(bend, parameter_size=2)
    >>> family.bijector(tf.zeros([3, 2])).forward(tf.zeros([5, 3])).shape
    TensorShape([5, 3])
    """

    def __init__(self, function: Callable, parameter_size: int):
        if not callable(function):
            raise TypeError(f"function={function!r}: expected a callable function(x, raw).")
        check_count(1, parameter_size=parameter_size)
        self.function = function
        self.parameter_size = int(parameter_size)
        with tf.init_scope():
            self._try_out()

    def _try_out(self):
        """Raise a ValueError if the function is not increasing on a few points."""
        x = np.linspace(-3.0, 3.0, 7)[:, None]
        raw = np.random.default_rng(0).normal(size=[4, self.parameter_size])
        raw[0] = 0.0
        raw = tf.constant(raw.astype("float32"))
        # Points enough in one dimension to tell it from the others.
        x = tf.constant(np.broadcast_to(x, [7, 4]).astype("float32"))
        z = tf.convert_to_tensor(self.function(x, tf.repeat(raw[None], 7, 0)))
        if z.shape != x.shape:
            raise ValueError(
                "function(x, raw) must return values of the shape of x; for x of shape "
                f"{tuple(x.shape)} and raw of shape {(7, *raw.shape)} it returned {tuple(z.shape)}."
            )
        steps = np.diff(z.numpy(), axis=0)
        if not np.all(steps > 0.0):
            point, which = np.argwhere(~(steps > 0.0))[0]
            raise ValueError(
                "function(x, raw) must increase in x; from "
                f"x={x[point, which].numpy():g} to x={x[point + 1, which].numpy():g} it changes by "
                f"{steps[point, which]:g} for raw={raw[which].numpy().round(3).tolist()}."
            )

    def bijector(self, raw) -> monotone.Monotone:
        """Build the map that raw parameters describe."""
        return monotone.Monotone(self.function, as_raw(raw, self.parameter_size, "Monotone"))

    def get_config(self) -> dict:
        """Return the constructor's arguments, the function by its registered name."""
        return {
            "function": keras.saving.serialize_keras_object(self.function),
            "parameter_size": self.parameter_size,
        }

    @classmethod
    def from_config(cls, config: dict) -> "Monotone":
        """Build the family from `get_config`'s answer."""
        function = config["function"]
        if not callable(function):
            function = keras.saving.deserialize_keras_object(function)
        return cls(function, config["parameter_size"])
