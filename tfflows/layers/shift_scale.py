"""Learned shifts and scales of each coordinate."""

import keras
import numpy as np
import tensorflow as tf
from tensorflow_probability import bijectors as tfb

from tfflows.layers.raw_parameters import RawParameterLayer

__all__ = ["Scale", "Shift"]


class _PerCoordinate(RawParameterLayer):
    """What Shift and Scale share: a constant start and raw parameters that move it."""

    _name_of_start: str

    def __init__(self, start, **kwargs):
        super().__init__(**kwargs)
        try:
            self.start = np.asarray(start, np.float64)
        except (TypeError, ValueError) as error:
            raise TypeError(
                f"{self._name_of_start} must be numbers, the value the layer starts from and then "
                f"learns; got {start!r}."
            ) from error
        if not np.isfinite(self.start).all():
            raise ValueError(f"{self._name_of_start} must be finite; got {self.start.tolist()}.")
        self.raw = None

    def build(self, event_shape, context_shape=None):
        """Create the parameters for events of `event_shape`."""
        super().build(event_shape, context_shape)
        try:
            np.broadcast_to(self.start, self.event_shape)
        except ValueError:
            raise ValueError(
                f"{self._name_of_start} has shape {self.start.shape}, which does not broadcast to "
                f"events of shape {self.event_shape}."
            ) from None
        self.raw = self.add_raw(self.event_shape)
        self.built = True

    def get_config(self):
        """Return the constructor's arguments."""
        return {**super().get_config(), self._name_of_start: self.start.tolist()}


@keras.saving.register_keras_serializable(package="tfflows")
class Shift(_PerCoordinate):
    r"""A learned shift of each coordinate: :math:`x = z + s`, log-determinant 0.

    Parameters
    ----------
    shift : float or array
        Where the shift starts, in units of the data.
    hidden_units : sequence of int
        Widths of the network that moves the shift with the context, where there is one.
    activation : str or callable
        Activation of that network.
    **kwargs
        Keras's own arguments.

    Examples
    --------
    >>> import tensorflow as tf
    >>> layer = Shift([0.5, 0.25])
    >>> layer.build(event_shape=(2,))
    >>> print(layer.bijector().forward(tf.zeros([2])).numpy())
    [0.5  0.25]
    """

    _name_of_start = "shift"

    def __init__(self, shift=0.0, **kwargs):
        super().__init__(shift, **kwargs)

    @property
    def shift(self) -> np.ndarray:
        """Where the shift starts."""
        return self.start

    def bijector(self, context=None):
        """Return the bijector that the weights describe now."""
        raw = self.raw(context)
        return tfb.Shift(raw + tf.constant(self.start, raw.dtype))


@keras.saving.register_keras_serializable(package="tfflows")
class Scale(_PerCoordinate):
    r"""A learned scale of each coordinate.

    .. math:: x = s_0 e^{r} z, \qquad
        \log\left|\frac{\partial x}{\partial z}\right| = \log|s_0| + r

    Parameters
    ----------
    scale : float or array
        :math:`s_0`, where the scale starts; its sign stays.
    hidden_units : sequence of int
        Widths of the network that moves the scale with the context, where there is one.
    activation : str or callable
        Activation of that network.
    **kwargs
        Keras's own arguments.

    Raises
    ------
    ValueError
        If a scale is zero.

    Examples
    --------
    >>> import tensorflow as tf
    >>> layer = Scale([1.0, 0.5])
    >>> layer.build(event_shape=(2,))
    >>> print(layer.bijector().forward(tf.ones([2])).numpy())
    [1.  0.5]
    """

    _name_of_start = "scale"

    def __init__(self, scale=1.0, **kwargs):
        super().__init__(scale, **kwargs)
        if not self.start.all():
            raise ValueError(f"scale must not be zero; got {self.start.tolist()}.")

    @property
    def scale(self) -> np.ndarray:
        """Where the scale starts."""
        return self.start

    def bijector(self, context=None):
        """Return the bijector that the weights describe now."""
        raw = self.raw(context)
        # By its logarithm: the scale itself overflows, where a density does not.
        learned = tfb.Scale(log_scale=raw)
        if (self.start == 1.0).all():
            return learned
        return tfb.Chain([tfb.Scale(tf.constant(self.start, raw.dtype)), learned], name="scale")
