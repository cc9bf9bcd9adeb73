"""The check every family makes of the raw numbers it is handed."""

import tensorflow as tf

__all__ = ["as_raw"]


def as_raw(raw, parameter_size: int, family: str) -> tf.Tensor:
    """Return raw parameters as a tensor of shape ``[..., D, P]``, or say what is wrong with them.

    Parameters
    ----------
    raw : tf.Tensor, tf.Variable, keras.Variable or array_like
        Raw parameters.
    parameter_size : int
        Number of parameters per dimension, P.
    family : str
        Name of the family, for the message.

    Returns
    -------
    tf.Tensor
        The raw parameters; read from a variable if they are one.

    Raises
    ------
    ValueError
        If they are not floating-point numbers of shape ``[..., D, P]``.

    Examples
    --------
    >>> as_raw([[0.0, 1.0]], 2, "Affine").shape
    TensorShape([1, 2])
    """
    raw = tf.convert_to_tensor(raw)
    expected = f"{family}: expected raw parameters [..., D, P] with P = {parameter_size}"
    if not raw.dtype.is_floating:
        raise ValueError(f"{expected}, of a floating-point type; got {raw.dtype.name}.")
    if raw.shape.rank is None:
        raise ValueError(f"{expected}, of known rank; got a tensor of unknown rank.")
    if raw.shape.rank < 1 or raw.shape[-1] != parameter_size:
        raise ValueError(f"{expected}; got shape {raw.shape}.")
    return raw
