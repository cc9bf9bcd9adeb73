"""Error messages of TFP and Keras, what they mean, and the code instead."""

from tfflows.diagnostics.diagnosis import Finding
from tfflows.diagnostics.prescriptions import ADOPT, DENSITY_MODEL, FLOW

__all__ = ["read"]

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
    what = "no such message is known here; bring the distribution, the bijector or the model."
    return [Finding("unknown_message", what, fault=False)], ""
