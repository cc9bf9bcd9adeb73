"""The base class of every bijector written here: both answers of a direction from one pass."""

import tensorflow as tf
from tensorflow_probability import bijectors as tfb

from tfflows.privates import keep_results_apart

__all__ = ["Bijector", "forward_and_log_det", "inverse_and_log_det"]


class Bijector(tfb.Bijector):
    r"""A TFP bijector whose subclasses compute a map and its log-determinant together.

    TFP asks for ``inverse(y)`` and ``inverse_log_det_jacobian(y)`` in two calls, which would run
    the network of a flow twice. A subclass overrides one or both of

    - ``_inverse_and_ildj(y) -> (x, ildj)``, data to latent, and
    - ``_forward_and_fldj(x) -> (y, fldj)``, latent to data,

    and the answer to the last ``y`` (or ``x``) is kept, so that a second question about the very
    same tensor, or about the very tensor that came out, costs nothing. Log-determinants are summed
    over the last ``forward_min_event_ndims`` axes; a scalar bijector
    (``forward_min_event_ndims=0``) returns them elementwise.

    Such a bijector equals only itself. TFP caches results in one dictionary keyed by the equality
    of bijectors; two bijectors built from the same variable at different times would otherwise
    answer for each other, with values from before a training step.

    Parameters
    ----------
    forward_min_event_ndims : int
        Rank of the smallest event the bijector acts on in the forward direction.
    inverse_min_event_ndims : int, optional
        The same for the inverse direction; by default equal to `forward_min_event_ndims`.
    batch_shape : tf.Tensor, tf.TensorShape or sequence of int, optional
        Shape of the batch of different maps that the parameters describe, for events of the
        smallest rank.
    dtype : tf.DType, optional
        Type of the values.
    is_constant_jacobian : bool, optional
        Whether the Jacobian is the same at every point.
    name : str, optional
        Name of the bijector.

    Attributes
    ----------
    increasing : bool or None
        Whether it is an increasing function of one coordinate, as ``cdf`` and ``quantile`` of a
        distribution need to know; None, the default, where it is not or that is not known.

    Examples
    --------
    >>> import tensorflow as tf
    >>> class Double(Bijector):
    ...     def __init__(self):
    ...         super().__init__(forward_min_event_ndims=0)
    ...     def _forward_and_fldj(self, x):
    ...         return 2.0 * x, tf.fill(tf.shape(x), tf.math.log(2.0))
    ...     def _inverse_and_ildj(self, y):
    ...         return y / 2.0, tf.fill(tf.shape(y), -tf.math.log(2.0))
    >>> print(Double().inverse_log_det_jacobian(tf.zeros([5, 3]), event_ndims=1).shape)
    (5,)
    """

    def __init__(
        self,
        forward_min_event_ndims: int,
        inverse_min_event_ndims: int | None = None,
        *,
        batch_shape=(),
        dtype=None,
        is_constant_jacobian: bool = False,
        name: str | None = None,
    ):
        self._own_batch_shape = batch_shape
        self._last_inverse = None
        self._last_forward = None
        super().__init__(
            forward_min_event_ndims=forward_min_event_ndims,
            inverse_min_event_ndims=(
                forward_min_event_ndims
                if inverse_min_event_ndims is None
                else inverse_min_event_ndims
            ),
            is_constant_jacobian=is_constant_jacobian,
            dtype=None if dtype is None else tf.as_dtype(dtype),
            parameters=None,
            name=name,
        )
        keep_results_apart(self)

    def _inverse_and_ildj(self, y):
        raise NotImplementedError(f"{type(self).__name__} has no inverse (data to latent) map.")

    def _forward_and_fldj(self, x):
        raise NotImplementedError(f"{type(self).__name__} has no forward (latent to data) map.")

    # The slots hold the question beside the answer: `is` on a tensor that is kept alive cannot be
    # fooled by a reused address. Inside a graph the slot also holds the graph, because the inner
    # graphs of loops and branches see outer tensors but may not give their own away.

    def _inverse_pair(self, y):
        scope = _scope()
        last = self._last_inverse
        if last is None or last[0] is not y or last[1] is not scope:
            x, ildj = self._inverse_and_ildj(y)
            last = self._last_inverse = _Answer((y, scope, (x, ildj)))
            # TFP asks a density's correction of the latent point it was given: the same pair.
            self._last_forward = _Answer((x, scope, (y, -ildj)))
        return last[2]

    def _forward_pair(self, x):
        scope = _scope()
        last = self._last_forward
        if last is None or last[0] is not x or last[1] is not scope:
            y, fldj = self._forward_and_fldj(x)
            last = self._last_forward = _Answer((x, scope, (y, fldj)))
            self._last_inverse = _Answer((y, scope, (x, -fldj)))
        return last[2]

    def _forward(self, x):
        return self._forward_pair(x)[0]

    def _inverse(self, y):
        return self._inverse_pair(y)[0]

    def _forward_log_det_jacobian(self, x):
        return self._forward_pair(x)[1]

    def _inverse_log_det_jacobian(self, y):
        return self._inverse_pair(y)[1]

    increasing: bool | None = None

    def _is_increasing(self, **kwargs):
        # TFP asks for the sake of cdf and quantile.
        if self.increasing is None:
            raise NotImplementedError(
                f"{self.name} is not known to be an increasing function of one coordinate, as cdf "
                "and quantile need it: it moves several coordinates, or the points of a circle. "
                "Of a bijector of your own, say so by the class attribute `increasing = True`."
            )
        return self.increasing

    def copy(self, **overrides):
        """Refuse: a bijector does not keep what it was made of; see `tfb.Bijector.copy`."""
        raise NotImplementedError(self._made_of_tensors("a copy"))

    def __getitem__(self, slices):
        raise NotImplementedError(self._made_of_tensors("a slice"))

    @classmethod
    def _parameter_properties(cls, dtype, num_classes=None):
        raise NotImplementedError(
            f"{cls.__name__} is made of tensors that may be anything, and of functions; what its "
            "parameters may be is in its docstring, and those that train are the weights of the "
            "layer that makes it."
        )

    def _made_of_tensors(self, wanted: str) -> str:
        return (
            f"{self.name} was made of tensors and functions that it gives away no more, so there "
            f"is no way to make {wanted} of it. Make another one of part of the tensors, or take "
            "a slice or a copy of flow.distribution(context), which is that of its contexts."
        )

    def _extra_event_ndims(self, x_event_ndims) -> int:
        return int(x_event_ndims) - int(self.forward_min_event_ndims)

    def _batch_shape(self, x_event_ndims):
        shape = self._own_batch_shape
        if tf.is_tensor(shape):
            static = tf.get_static_value(shape)
            shape = tf.TensorShape([None] * shape.shape[0] if static is None else static)
        shape = tf.TensorShape(shape)
        if shape.rank is None:
            return shape
        return shape[: max(shape.rank - self._extra_event_ndims(x_event_ndims), 0)]

    def _batch_shape_tensor(self, x_event_ndims):
        shape = tf.convert_to_tensor(self._own_batch_shape, tf.int32)
        return shape[: max(shape.shape[0] - self._extra_event_ndims(x_event_ndims), 0)]


def inverse_and_log_det(bijector: tfb.Bijector, y, event_ndims: int) -> tuple:
    r"""Map data to latent, and return the log-determinant of that map.

    .. math:: z = b^{-1}(x), \qquad \log\left|\det \frac{\partial z}{\partial x}\right|

    One pass through a `Bijector` of this package, TFP's two calls for any other.

    Parameters
    ----------
    bijector : tfb.Bijector
        The bijector.
    y : tf.Tensor
        Points ``[..., *event_shape]``. TFP answers for a tensor that it has seen with what it
        answered then: pass ``tf.identity(y)`` where weights may have changed since.
    event_ndims : int
        Rank of an event, at least ``bijector.inverse_min_event_ndims``.

    Returns
    -------
    tuple of tf.Tensor
        The latent points, and log-determinants of a shape that broadcasts to the batch: ``[]``
        where the Jacobian is the same everywhere.

    Examples
    --------
    >>> import tensorflow as tf
    >>> from tensorflow_probability import bijectors as tfb
    >>> z, log_det = inverse_and_log_det(tfb.Scale(2.0), tf.ones([5, 3]), event_ndims=1)
    >>> z.shape, round(float(log_det), 4)
    (TensorShape([5, 3]), -2.0794)
    """
    if not isinstance(bijector, Bijector):
        return bijector.inverse(y), bijector.inverse_log_det_jacobian(y, event_ndims)
    y = tf.convert_to_tensor(y, dtype_hint=bijector.dtype)
    x, log_det = bijector._inverse_and_ildj(y)
    return x, _summed(log_det, y, event_ndims, bijector.inverse_min_event_ndims)


def forward_and_log_det(bijector: tfb.Bijector, x, event_ndims: int) -> tuple:
    r"""Map latent to data, and return the log-determinant of that map.

    .. math:: x = b(z), \qquad \log\left|\det \frac{\partial x}{\partial z}\right|

    The forward twin of `inverse_and_log_det`.

    Parameters
    ----------
    bijector : tfb.Bijector
        The bijector.
    x : tf.Tensor
        Latent points ``[..., *latent shape]``.
    event_ndims : int
        Rank of a latent point, at least ``bijector.forward_min_event_ndims``.

    Returns
    -------
    tuple of tf.Tensor
        The data, and log-determinants of a shape that broadcasts to the batch.

    Examples
    --------
    >>> import tensorflow as tf
    >>> from tensorflow_probability import bijectors as tfb
    >>> x, log_det = forward_and_log_det(tfb.Scale(2.0), tf.ones([5, 3]), event_ndims=1)
    >>> x.shape, round(float(log_det), 4)
    (TensorShape([5, 3]), 2.0794)
    """
    if not isinstance(bijector, Bijector):
        return bijector.forward(x), bijector.forward_log_det_jacobian(x, event_ndims)
    x = tf.convert_to_tensor(x, dtype_hint=bijector.dtype)
    y, log_det = bijector._forward_and_fldj(x)
    return y, _summed(log_det, x, event_ndims, bijector.forward_min_event_ndims)


def _summed(log_det, points, event_ndims: int, min_event_ndims: int):
    """Return the sum over the axes of an event over which the bijector has not summed itself."""
    extra = event_ndims - min_event_ndims
    if extra == 0:
        return log_det
    rank = points.shape.rank
    axes = slice(rank - event_ndims, rank - min_event_ndims)
    shape = points.shape[axes]
    shape = shape if shape.is_fully_defined() else tf.shape(points)[axes]
    # That of a constant Jacobian may lack the axes.
    return tf.reduce_sum(tf.ones(shape, log_det.dtype) * log_det, list(range(-extra, 0)))


class _Answer:
    """A question, where it was asked, and its answer; opaque to TensorFlow's object tracking."""

    __slots__ = ("items",)

    def __init__(self, items):
        self.items = items

    def __getitem__(self, index):
        return self.items[index]


def _scope():
    return None if tf.executing_eagerly() else tf.compat.v1.get_default_graph()
