"""Raw numbers: the check that every family makes of them, and the soft bound that several take."""

import tensorflow as tf

__all__ = ["as_raw", "softly_bounded"]


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


def softly_bounded(raw: tf.Tensor, bound: float) -> tf.Tensor:
    r"""Return :math:`b \tanh(r / b)`, which near zero is r and never leaves ``[-b, b]``.

    Parameters
    ----------
    raw : tf.Tensor
        Raw numbers r.
    bound : float
        The bound b; positive.

    Returns
    -------
    tf.Tensor
        The bounded numbers.

    Examples
    --------
    >>> print(softly_bounded(tf.constant([0.1, 1e9]), 5.0).numpy().round(3))
    [0.1 5. ]
    """
    return bound * tf.tanh(raw / bound)
