"""The coupling bijector: some coordinates pass through and parametrize the map of the others."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfflows.bijectors.base import Bijector
from tfflows.bijectors.event import flatten_event, restore_event

__all__ = ["Coupling"]


class Coupling(Bijector):
    r"""A coupling bijector of any univariate family, one network evaluation in both directions.

    .. math::
        x_A = z_A, \qquad x_B = f\big(z_B;\, \theta(x_A)\big), \qquad
        \log\left|\det \frac{\partial x}{\partial z}\right| =
        \sum_{i \in B} \log f'(z_i;\, \theta_i(x_A))

    Parameters
    ----------
    parameters : callable
        Maps the coordinates that pass through, ``[..., |A|]``, to raw parameters
        ``[..., |B|, P]``.
    univariate : callable
        Maps raw parameters to a scalar bijector on ``[..., |B|]``.
    mask : sequence of bool
        True for each flattened coordinate that passes through.
    event_shape : tuple of int
        Shape of an event.
    batch_shape : optional
        Batch shape of the parameters, that of the context.
    name : str, optional
        Name of the bijector.

    References
    ----------
    Dinh, Sohl-Dickstein and Bengio (2017), "Density estimation using Real NVP", arXiv:1605.08803.

    Examples
    --------
    >>> import tensorflow as tf
    >>> from tensorflow_probability import bijectors as tfb
    >>> b = Coupling(lambda a: a[..., tf.newaxis], lambda raw: tfb.Shift(raw[..., 0]),
    ...              mask=[True, False], event_shape=(2,))
    >>> print(b.forward([[1.0, 1.0]]).numpy())
    [[1. 2.]]
    """

    def __init__(
        self,
        parameters: Callable,
        univariate: Callable,
        mask,
        event_shape: tuple,
        batch_shape=(),
        dtype=None,
        name: str = "coupling",
    ):
        mask = np.asarray(mask, bool)
        self._raw_parameters = parameters
        self._univariate = univariate
        self._passing = np.flatnonzero(mask)
        self._moving = np.flatnonzero(~mask)
        self._restoring = np.argsort(np.concatenate([self._passing, self._moving]))
        self._event_shape = tuple(event_shape)
        super().__init__(len(self._event_shape), batch_shape=batch_shape, dtype=dtype, name=name)

    def raw_parameters(self, y) -> tf.Tensor:
        """Return the raw parameters ``[..., |B|, P]`` of the scalar maps at data `y`."""
        flat = flatten_event(y, self._event_shape)
        return self._raw_parameters(tf.gather(flat, self._passing, axis=-1))

    def _transform(self, value, direction):
        flat = flatten_event(value, self._event_shape)
        passing = tf.gather(flat, self._passing, axis=-1)
        moving = tf.gather(flat, self._moving, axis=-1)
        scalar = self._univariate(self._raw_parameters(passing))
        moved = getattr(scalar, direction)(moving)
        log_det = getattr(scalar, f"{direction}_log_det_jacobian")(moving, 1)
        # A context may have spread the moved half over a larger batch.
        shape = tf.concat([tf.shape(moved)[:-1], tf.shape(passing)[-1:]], 0)
        joined = tf.concat([tf.broadcast_to(passing, shape), moved], -1)
        return restore_event(
            tf.gather(joined, self._restoring, axis=-1), self._event_shape
        ), log_det

    def _forward_and_fldj(self, x):
        return self._transform(x, "forward")

    def _inverse_and_ildj(self, y):
        return self._transform(y, "inverse")
