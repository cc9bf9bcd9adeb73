"""The contract of a univariate family: raw numbers in, an increasing scalar bijector out."""

from typing import TYPE_CHECKING, Any

import keras

from tfflows.bijectors.base import Bijector
from tfflows.univariates.declaration import Option, constructor, taken
from tfflows.univariates.raw import as_raw

__all__ = ["Univariate"]

_OF_KERAS = {"name", "trainable", "dtype"}


@keras.saving.register_keras_serializable(package="tfflows")
class Univariate:
    r"""A family of increasing scalar functions, described by `parameter_size` raw numbers.

    A masked autoregressive or coupling layer is a network that produces raw numbers and a family
    that turns them into a bijector for each dimension. All of the raw line is allowed, so the
    family squashes the numbers itself. Raw zeros are the identity (or, for families of
    interchangeable parts, a documented start near it).

    A subclass sets `parameter_size` and implements `bijector`. Or it declares: `bijector_class` and
    its options, each by `tfflows.univariates.declaration.option`. Then the constructor with its
    checks, `bijector` and `get_config` follow. The bijector is given the raw numbers, as `raw`, and
    the options that it takes; a family whose bijector has other parameters says what they are in
    ``_arguments(raw)``.

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

    The same, declared, in a unit of choice:

    >>> from tfflows.univariates.declaration import option
    >>> class TranslateBy(Univariate):
    ...     bijector_class = tfb.Shift
    ...     parameter_size = 1
    ...     unit: float = option(1.0)
    ...     def _arguments(self, raw):
    ...         return {"shift": raw[..., 0] * self.unit}
    >>> TranslateBy(unit=3)
    TranslateBy(unit=3.0)
    >>> TranslateBy(unit=3).bijector(tf.ones([5, 3, 1])).forward(1.0).shape
    TensorShape([5, 3])
    """

    #: Class of the bijectors of a declared family; None where `bijector` is written by hand.
    bijector_class: type | None = None

    #: Number of raw parameters per dimension, P.
    parameter_size: int

    #: Circumference of the circle that the values are points of; None for values on the line.
    #: Networks that see such values see the cosine and the sine of the angle.
    period: float | None = None

    _options: dict[str, Option] = {}  # noqa: RUF012

    if TYPE_CHECKING:
        # A declared family gets its constructor when its class is made, unseen by type checkers.
        def __init__(self, *args: Any, **kwargs: Any) -> None: ...

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        declared = {name: value for name, value in vars(cls).items() if isinstance(value, Option)}
        if declared:
            cls._options = {**cls._options, **declared}
            for name, made in declared.items():
                setattr(cls, name, made.default)
            if "__init__" not in vars(cls):
                cls.__init__ = constructor(cls, cls._options)

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

        Raises
        ------
        ValueError
            If the last axis of `raw` is not `parameter_size`.
        """
        if self.bijector_class is None:
            raise NotImplementedError(f"{type(self).__name__} does not implement `bijector(raw)`.")
        raw = as_raw(raw, self.parameter_size, type(self).__name__)
        options = taken(self.bijector_class, {name: getattr(self, name) for name in self._options})
        return self.bijector_class(**{**options, **self._arguments(raw)})

    def _arguments(self, raw) -> dict:
        """Return what raw numbers ``[..., D, P]`` are to the bijector, by parameter."""
        return {"raw": raw}

    def get_config(self) -> dict:
        """Return the constructor's arguments as plain Python data."""
        return {name: getattr(self, name) for name in self._options}

    @classmethod
    def from_config(cls, config: dict) -> "Univariate":
        """Build the family from `get_config`'s answer."""
        return cls(**config)

    def __repr__(self) -> str:
        options = {k: v for k, v in self.get_config().items() if k not in _OF_KERAS}
        arguments = ", ".join(f"{key}={value!r}" for key, value in options.items())
        return f"{type(self).__name__}({arguments})"
