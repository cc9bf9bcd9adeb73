"""The contract of a univariate family: raw numbers in, an increasing scalar bijector out."""

import keras

from tfflows.bijectors.base import Bijector

__all__ = ["Univariate"]


@keras.saving.register_keras_serializable(package="tfflows")
class Univariate:
    r"""A family of increasing scalar functions, described by `parameter_size` raw numbers.

    A masked autoregressive or coupling layer is a network that produces raw numbers and a family
    that turns them into a bijector for each dimension. A subclass sets `parameter_size` and
    implements `bijector`; all of the raw line is allowed, so the family squashes the numbers
    itself. Raw zeros are the identity (or, for families of interchangeable parts, a documented
    start near it).

    Examples
    --------
    >>> import tensorflow as tf
    >>> from tensorflow_probability import bijectors as tfb
    >>> class Translate(Univariate):
    ...     parameter_size = 1
    ...     def bijector(self, raw):
    ...         return tfb.Shift(raw[..., 0])
    >>> Translate().bijector(tf.ones([5, 3, 1])).inverse(tf.ones([5, 3])).shape
    TensorShape([5, 3])
    """

    #: Number of raw parameters per dimension, P.
    parameter_size: int

    #: Circumference of the circle that the values are points of; None for values on the line.
    #: Networks that see such values see the cosine and the sine of the angle.
    period: float | None = None

    @property
    def box(self) -> float | None:
        """Half-width of the box outside which the maps are straight lines; None without one."""
        return None if self.period is not None else getattr(self, "bound", None)

    def build(self, event_shape, dtype=None) -> None:
        """Create the weights of a family that owns any; most own none.

        A family with weights is a Keras layer, too, and the layer that is given it calls this.

        Parameters
        ----------
        event_shape : tuple of int
            Shape of an event.
        dtype : str, optional
            Type of the weights.
        """

    def bijector(self, raw) -> Bijector:
        """Build the scalar bijector, latent to data, that raw parameters describe.

        Parameters
        ----------
        raw : tf.Tensor
            Unconstrained numbers of shape ``[..., D, P]``.

        Returns
        -------
        tfb.Bijector
            A bijector with ``forward_min_event_ndims=0`` acting on ``[..., D]``.
        """
        raise NotImplementedError(f"{type(self).__name__} does not implement `bijector(raw)`.")

    def get_config(self) -> dict:
        """Return the constructor's arguments as plain Python data."""
        return {}

    @classmethod
    def from_config(cls, config: dict) -> "Univariate":
        """Build the family from `get_config`'s answer."""
        return cls(**config)

    def __repr__(self) -> str:
        arguments = ", ".join(f"{key}={value!r}" for key, value in self.get_config().items())
        return f"{type(self).__name__}({arguments})"
