"""A bijector for each group of coordinates."""

import functools
from collections.abc import Sequence

import tensorflow as tf
from tensorflow_probability import bijectors as tfb

from tfflows.bijectors.base import Bijector, forward_and_log_det, inverse_and_log_det

__all__ = ["Blockwise"]


class Blockwise(Bijector):
    r"""Bijectors side by side, each on coordinates of a vector that follow one another.

    .. math:: x = (b_1(z_1), \dots, b_K(z_K)), \qquad
        \log\left|\det \frac{\partial z}{\partial x}\right|
        = \sum_k \log\left|\det \frac{\partial z_k}{\partial x_k}\right|

    Beside ``tfb.Blockwise`` it gives each direction and its log-determinant in one pass.

    Parameters
    ----------
    bijectors : sequence of tfb.Bijector
        :math:`b_1` to :math:`b_K`, of events that are vectors or scalars.
    latent_sizes, data_sizes : sequence of int
        The numbers of coordinates of each, in latent points and in data.
    name : str, optional
        Name of the bijector.

    Examples
    --------
    >>> from tfflows import bijectors
    >>> parts = Blockwise([tfb.Exp(), bijectors.Simplex()], latent_sizes=(1, 1), data_sizes=(1, 2))
    >>> print(parts.forward([0.0, 0.0]).numpy())
    [1.  0.5 0.5]
    """

    def __init__(
        self,
        bijectors: Sequence[tfb.Bijector],
        latent_sizes: Sequence[int],
        data_sizes: Sequence[int],
        name: str | None = None,
    ):
        self._parts = tuple(bijectors)
        self._latent_sizes, self._data_sizes = list(latent_sizes), list(data_sizes)
        super().__init__(forward_min_event_ndims=1, name=name or "blockwise")

    def _inverse_and_ildj(self, y):
        return self._each(inverse_and_log_det, y, self._data_sizes)

    def _forward_and_fldj(self, x):
        return self._each(forward_and_log_det, x, self._latent_sizes)

    def _each(self, way, points, sizes):
        points = tf.split(points, sizes, axis=-1)
        pairs = [way(b, part, 1) for b, part in zip(self._parts, points, strict=True)]
        mapped, log_dets = zip(*pairs, strict=True)
        # Contexts move some of the parts, and those alone have all batch axes; the log-determinant
        # of a constant Jacobian has none.
        batch = functools.reduce(tf.broadcast_dynamic_shape, (tf.shape(m)[:-1] for m in mapped))
        mapped = [_spread(m, batch) for m in mapped]
        return tf.concat(mapped, -1), sum(log_dets, tf.zeros(batch, mapped[0].dtype))

    def _forward_event_shape(self, input_shape):
        return tf.TensorShape([*input_shape[:-1], sum(self._data_sizes)])

    def _inverse_event_shape(self, output_shape):
        return tf.TensorShape([*output_shape[:-1], sum(self._latent_sizes)])

    def _forward_event_shape_tensor(self, input_shape):
        return tf.concat([input_shape[:-1], [sum(self._data_sizes)]], 0)

    def _inverse_event_shape_tensor(self, output_shape):
        return tf.concat([output_shape[:-1], [sum(self._latent_sizes)]], 0)


def _spread(points, batch):
    spread = tf.broadcast_to(points, tf.concat([batch, tf.shape(points)[-1:]], 0))
    return tf.ensure_shape(spread, [*[None] * (spread.shape.rank - 1), points.shape[-1]])
