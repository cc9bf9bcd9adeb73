"""The doctor: what is wrong with a TFP flow, and the code that was meant."""

import textwrap

import keras
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from tfflows.diagnostics import findings, messages, models, permutations, prescriptions
from tfflows.diagnostics.diagnosis import Diagnosis, Finding
from tfflows.diagnostics.finite import waiting_layers

__all__ = ["doctor"]


def doctor(thing) -> Diagnosis:
    """Look at a TFP distribution, a bijector, a Keras model or an error, and say what is wrong.

    It finds variables that training would not reach, variables that TFP froze, networks shared
    between bijectors, missing permutations (also in a `tfflows.Flow`), a base of the wrong event
    shape, joint distributions, maps that are not one-to-one or look at the whole batch, broken
    masks, networks without weights or missing altogether, and answers from TFP's cache that are out
    of date. It prints tfflows code that does what was meant.

    Parameters
    ----------
    thing : tfd.Distribution, tfb.Bijector, keras.Model, keras.layers.Layer, Exception or str
        The object; of an error, the exception or its message. Nothing of it is changed,
        but a network that has no weights before its first call may get them.

    Returns
    -------
    Diagnosis
        It prints; ``ok``, ``faults`` (names) and ``code`` can be asserted on.

    Raises
    ------
    TypeError
        If it is nothing of these.

    Examples
    --------
    >>> from tensorflow_probability import bijectors as tfb
    >>> network = tfb.AutoregressiveNetwork(params=2, event_shape=[2], hidden_units=[8])
    >>> layer = tfb.MaskedAutoregressiveFlow(network)
    >>> doctor(tfb.Chain([layer] * 3)).faults
    ('unbuilt_network', 'shared_network', 'missing_permutation')
    """
    if isinstance(thing, (str, BaseException)):
        return Diagnosis("An error message", *messages.read(str(thing)))
    if isinstance(thing, (tfd.Distribution, tfb.Bijector)):
        found = findings.of_tfp(thing)
        return Diagnosis(_title(thing), found, prescriptions.code_for(thing, found))
    if hasattr(thing, "unadapted_layers"):
        return _of_density_model(thing)
    if isinstance(thing, keras.layers.Layer):
        found, held = models.of_keras(thing)
        code = prescriptions.code_for(held[0], found) if held and found else ""
        return Diagnosis(_title(thing), found, code)
    if isinstance(thing, tf.Module) and models.is_keras_2(thing):
        return Diagnosis(_title(thing), *models.of_keras_2(thing))
    raise TypeError(
        "doctor takes a TFP distribution or bijector, a Keras model or layer, or an error; got "
        f"{type(thing).__name__}."
    )


def _of_density_model(model) -> Diagnosis:
    held = getattr(model, "tfp_distribution", None)
    if held is not None:
        # The model cures what a distribution by itself suffers from.
        found = [f for f in findings.of_tfp(held) if f.fault and f.name not in findings.CURED]
        code = prescriptions.code_for(held, found) if found else "model.check(x)"
        return Diagnosis(_title(model), found, code)
    found = list(permutations.of_model(model))
    if model.needs_adapt:
        what = f"{waiting_layers(model)} has not seen data yet."
        found.append(Finding("waits_for_data", what, False))
    return Diagnosis(_title(model), found, "flow.check(x)  # held-out rows")


def _title(thing) -> str:
    # TFP joins the names of all parts of a chain.
    name = textwrap.shorten(str(getattr(thing, "name", "")).replace("_of_", " of "), 60)
    return f"{type(thing).__name__.lstrip('_')} {name!r}"
