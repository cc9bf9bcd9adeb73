"""Adam's update of a weight as one operation of TensorFlow's instead of thirty."""

import contextlib

import keras
import tensorflow as tf

__all__ = ["one_update_per_weight"]


@contextlib.contextmanager
def one_update_per_weight(optimizer, variables):
    """While gradients are applied in here, Adam changes each weight by one operation.

    Keras writes the same formula in some thirty operations for each weight, and a training program
    takes longer to compile the more operations it has. Whatever comes before and after the update
    (clipping, decay, averages, schedules) stays Keras's. Other optimizers, and Adam where it does
    more than this formula, are left as they are.

    Parameters
    ----------
    optimizer : keras.optimizers.Optimizer
        The optimizer, built.
    variables : sequence of keras.Variable
        The weights.

    References
    ----------
    Kingma, Ba 2015, "Adam: A Method for Stochastic Optimization", arXiv:1412.6980.

    Examples
    --------
    >>> weight = keras.Variable([1.0, 2.0])
    >>> adam = keras.optimizers.Adam(0.1)
    >>> adam.build([weight])
    >>> with one_update_per_weight(adam, [weight]):
    ...     adam.apply([tf.constant([1.0, -1.0])])
    >>> weight.numpy().round(3).astype(str).tolist()
    ['0.9', '2.1']
    """
    slots = _slots(optimizer, variables)
    if slots is None:
        yield
        return
    plain = optimizer.update_step
    shared = {}

    def update_step(gradient, variable, learning_rate):
        found = slots.get(id(variable))
        if found is None or isinstance(gradient, tf.IndexedSlices):
            plain(gradient, variable, learning_rate)
            return
        dtype = variable.dtype
        if dtype not in shared:
            step = tf.cast(optimizer.iterations + 1, dtype)
            betas = [tf.constant(beta, dtype) for beta in (optimizer.beta_1, optimizer.beta_2)]
            shared[dtype] = {
                "lr": tf.cast(learning_rate, dtype),
                "beta1": betas[0],
                "beta2": betas[1],
                "beta1_power": betas[0] ** step,
                "beta2_power": betas[1] ** step,
                "epsilon": tf.constant(optimizer.epsilon, dtype),
            }
        momentum, velocity = found
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=momentum.handle,
            v=velocity.handle,
            grad=tf.cast(gradient, dtype),
            **shared[dtype],
        )

    optimizer.update_step = update_step
    try:
        yield
    finally:
        del optimizer.update_step


def _slots(optimizer, variables) -> dict | None:
    """Return both moments of each weight by the identity of its tf.Variable.

    Keras keeps them in private lists; what is public are their names, which hold the weight's.
    None if Adam is not all that this is, or if the names do not tell weights apart.
    """
    if type(optimizer) not in (keras.optimizers.Adam, keras.optimizers.AdamW):
        return None
    if optimizer.amsgrad or not optimizer.built or tf.distribute.has_strategy():
        return None
    if "update_step" in vars(optimizer):  # somebody has put one of their own there
        return None
    named: dict[str, list] = {}
    for state in optimizer.variables:
        named.setdefault(state.name, []).append(getattr(state, "value", state))
    slots = {}
    for variable in variables:
        stem = variable.path.replace("/", "_")
        found = [named.get(f"{stem}_{kind}", []) for kind in ("momentum", "velocity")]
        if any(len(states) != 1 for states in found):
            return None
        slots[id(variable.value)] = tuple(states[0] for states in found)
    return slots
