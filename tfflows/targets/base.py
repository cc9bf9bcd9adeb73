"""What targets share: a log density, and what is known of it."""

import keras
import tensorflow as tf

__all__ = ["Target"]


class Target:
    r"""A density that is known up to a constant, to fit a model to without data.

    .. math:: p(z) = \frac{1}{Z}\, e^{f(z)}

    A target is a function, which `tfflows.losses.ReverseKL` takes as it stands and saves with a
    model: ``target(z)`` is :math:`f(z)`. A subclass implements `log_prob` and sets what it knows.

    Attributes
    ----------
    event_shape : tuple of int
        Shape of an event.
    log_z : float or None
        :math:`\log Z`, 0 of a density that is normalized; None where it is not known.
    entropy : float or None
        Entropy of the normalized density in nats; None where no formula tells.
    """

    event_shape: tuple = (2,)
    log_z: float | None = None
    entropy: float | None = None

    def log_prob(self, z):
        """Return the log density up to a constant, ``[...]`` for points ``[..., *event_shape]``."""
        raise NotImplementedError(f"{type(self).__name__} does not implement `log_prob(z)`.")

    def __call__(self, z):
        """Return the log density up to a constant; see `log_prob`."""
        return self.log_prob(z)

    def sample(self, sample_shape=(), seed=None):
        """Draw from the density, ``[*sample_shape, *event_shape]``, where that can be done."""
        raise NotImplementedError(f"{type(self).__name__} has no draws that are known to be exact.")

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        return {}

    @classmethod
    def from_config(cls, config: dict) -> "Target":
        """Make the target of `get_config`'s answer."""
        return cls(**config)

    def _points(self, z):
        z = tf.convert_to_tensor(z)
        size = self.event_shape[-1]
        if z.shape.rank == 0 or z.shape[-1] != size:
            raise ValueError(
                f"{type(self).__name__} is a density of points of shape (..., {size}); got "
                f"{tuple(z.shape)}."
            )
        return z


def registered(cls):
    """Register a target under its name, so that a model that is compiled with it is saved."""
    return keras.saving.register_keras_serializable(package="tfflows.targets")(cls)
