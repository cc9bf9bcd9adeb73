"""Error messages of TFP and Keras, what they mean, and the code instead."""

import re

from tfflows.diagnostics.diagnosis import Finding
from tfflows.diagnostics.prescriptions import ADOPT, DENSITY_MODEL, FLOW, SIMPLEX

__all__ = ["read"]

_SURPRISE = re.compile(
    r"(log.?prob|log.?likelihood|densit|probabilit|nll|loss)\w*.*"
    r"(positive|negative|(greater|larger|more) than (1|one|0|zero)|above (1|one|0|zero)|> ?[01])",
    re.IGNORECASE,
)
_ABOVE_ONE = (
    "a density may exceed one, so that log_prob may be positive and its negative mean, the loss, "
    "below zero: it is probability for each unit of x, not probability. Data with a deviation of "
    "0.01 have densities near 40, and in units a thousand times larger log_prob of D coordinates "
    "is 6.9 D nats lower. Only the integral is one, which check(x) tries."
)

# A part of the message, the name of the finding, what it means, the code instead.
_KNOWN = (
    (
        "KerasTensor cannot be used as input to a TensorFlow function",
        "keras_input",
        "a keras.Input went into an object of TFP's, such as td.log_prob(keras.Input(...)). A "
        "Keras model of the distribution needs none; in a functional one, call it: model(inputs).",
        ADOPT,
    ),
    (
        "does not have any trainable weights",
        "unreached_variables",
        "Keras 3 sees neither the variables of TFP nor those of Keras 2 networks: the loss stays "
        "flat.",
        ADOPT,
    ),
    (
        "No gradients provided for any variable",
        "frozen_variable",
        "a keras.Variable was passed to a bijector or a distribution of TFP's, which read it once.",
        FLOW,
    ),
    (
        "Gradients do not exist for variables",
        "frozen_variable",
        "a keras.Variable among the parameters of a TFP object was read once, and never trains.",
        FLOW,
    ),
    (
        "can be added to a Sequential model",
        "keras_2",
        "a bijector, a distribution or a layer of tfp.layers (Keras 2) stands where Keras 3 wants "
        "a layer of its own.",
        DENSITY_MODEL,
    ),
    (
        "event_ndims must be at least",
        "wrong_base",
        "the base is a batch of distributions of single numbers, such as tfd.Normal(zeros, 1), and "
        "the bijector works on vectors.",
        FLOW,
    ),
    (
        "'NoneType' object is not callable",
        "missing_function",
        "tfb.RealNVP or tfb.MaskedAutoregressiveFlow was made without a network.",
        FLOW,
    ),
    (
        "has no attribute '__internal__'",
        "keras_2",
        "code for Keras 2 meets Keras 3.",
        ADOPT,
    ),
    (
        "register_load_context_function",
        "keras_2",
        "code for Keras 2 meets Keras 3.",
        ADOPT,
    ),
    (
        "missing a required argument: 'distribution'",
        "deepcopy",
        "copy.deepcopy cannot copy a TFP distribution; save or clone a model of it instead.",
        ADOPT,
    ),
    (
        "unexpected keyword argument 'newshape'",
        "numpy_2",
        "tfb.Pad, and tfb.SoftmaxCentered which is made of it, call NumPy as versions before 2.4 "
        "allowed it. With `pip install 'numpy<2.4'` they work; for rows that add up to one, "
        "tfb.IteratedSigmoidCentered is another map, which works with any version.",
        SIMPLEX,
    ),
    (
        "has no attribute 'regularizer'",
        "unreached_variables",
        "a tf.Variable was handed to Keras 3 as if it were one of its own.",
        ADOPT,
    ),
)


def read(message: str) -> tuple[list[Finding], str]:
    """Return what a message means, and the code instead.

    Examples
    --------
    >>> findings, code = read("`event_ndims must be at least 1. Saw: 0.")
    >>> findings[0].name
    'wrong_base'
    """
    plain = message.replace("`", "")
    for part, name, what, code in _KNOWN:
        if part.replace("`", "") in plain:
            return [Finding(name, what)], code
    if _SURPRISE.search(plain):
        return [Finding("density_above_one", _ABOVE_ONE, fault=False)], ""
    what = "no such message is known here; bring the distribution, the bijector or the model."
    return [Finding("unknown_message", what, fault=False)], ""
