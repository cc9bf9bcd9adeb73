"""Forward-mode differentiation, which gradients that need a tape of their own have to refuse."""

import tensorflow as tf

__all__ = ["refuse_forward_mode"]


def refuse_forward_mode(what: str) -> None:
    """Raise a NotImplementedError where no tape records, as in forward-mode accumulators.

    There a gradient that asks a tape would be told zero.

    Parameters
    ----------
    what : str
        What has no such derivative.

    Examples
    --------
    >>> refuse_forward_mode("a root search")
    """
    one = tf.ones([])
    with tf.GradientTape() as tape:
        tape.watch(one)
        twice = one + one
    if tape.gradient(twice, one) is None:
        raise NotImplementedError(
            f"{what} has no forward-mode derivative; use tf.GradientTape instead of "
            "tf.autodiff.ForwardAccumulator."
        )
