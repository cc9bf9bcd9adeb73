"""The parameters of a bijector: tensors of one floating-point type, and the batch they describe."""

import tensorflow as tf

from tfflows.bijectors.base import Bijector

__all__ = ["RawBijector", "ScalarBijector", "as_parameters", "batch_of"]


class ScalarBijector(Bijector):
    """A scalar bijector that tensors describe, whose leading axes broadcast against the values.

    Parameters
    ----------
    *parameters : tf.Tensor or None
        The tensors, of one type, the first not None.
    trailing : int
        How many of their last axes belong to one map.
    name : str
        Name of the bijector.
    """

    def __init__(self, *parameters, trailing: int = 0, name: str):
        shape = batch_of(*parameters, trailing=trailing)
        super().__init__(0, batch_shape=shape, dtype=parameters[0].dtype, name=name)


class RawBijector(ScalarBijector):
    """A scalar bijector that raw numbers ``[..., P]`` describe, kept as ``self._raw``.

    Parameters
    ----------
    raw : tf.Tensor
        Unconstrained numbers, of known rank.
    name : str
        Name of the bijector.

    Raises
    ------
    ValueError
        If `raw` is not of a floating-point type, or has no axis.
    """

    def __init__(self, raw, *, name: str):
        (self._raw,) = as_parameters(raw=raw)
        if not self._raw.shape.rank:
            raise ValueError(f"expected raw parameters [..., P]; got shape {self._raw.shape}.")
        super().__init__(self._raw, trailing=1, name=name)


def as_parameters(**given) -> list:
    """Return what is given as tensors, None as None; all must be of one floating-point type.

    Examples
    --------
    >>> as_parameters(shift=[1.0, 2.0], log_scale=None)[0].shape
    TensorShape([2])
    >>> as_parameters(shift=1)
    Traceback (most recent call last):
        ...
    ValueError: expected floating-point shift; got int32.
    """
    tensors = [None if value is None else tf.convert_to_tensor(value) for value in given.values()]
    types = {
        name: tensor.dtype
        for name, tensor in zip(given, tensors, strict=True)
        if tensor is not None
    }
    if len(set(types.values())) > 1 or not all(dtype.is_floating for dtype in types.values()):
        one = " of one type" if len(types) > 1 else ""
        got = ", ".join(dtype.name for dtype in types.values())
        raise ValueError(f"expected floating-point {', '.join(types)}{one}; got {got}.")
    return tensors


def batch_of(*tensors, trailing: int = 0):
    """Return the shape that tensors without their trailing axes broadcast to, static if known.

    Examples
    --------
    >>> import tensorflow as tf
    >>> batch_of(tf.zeros([5, 1, 7]), None, tf.zeros([3, 7]), trailing=1)
    TensorShape([5, 3])
    """
    tensors = [tensor for tensor in tensors if tensor is not None]
    static, dynamic = tf.TensorShape([]), tf.constant([], tf.int32)
    for tensor in tensors:
        static = tf.broadcast_static_shape(static, tensor.shape[: tensor.shape.rank - trailing])
    if static.is_fully_defined():
        return static
    for tensor in tensors:
        shape = tf.shape(tensor)
        dynamic = tf.broadcast_dynamic_shape(dynamic, shape[: shape.shape[0] - trailing])
    return dynamic
