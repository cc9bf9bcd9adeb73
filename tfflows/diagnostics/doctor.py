"""The doctor: what is wrong with a TFP flow that somebody brings, and the code that was meant."""

import dataclasses
import textwrap

import keras
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

__all__ = ["Diagnosis", "Finding", "doctor"]


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that was found.

    Attributes
    ----------
    name : str
        What it is called, such as ``"shared_network"``.
    what : str
        What is there, what it does, and what would be right.
    fault : bool
        Whether it makes results wrong; otherwise it is good to know.
    """

    name: str
    what: str
    fault: bool = True


class Diagnosis:
    """What the doctor found, and the tfflows code that does what was meant.

    Attributes
    ----------
    findings : tuple of Finding
        Faults first, then what is good to know.
    code : str
        Python code.
    ok : bool
        Whether there is no fault.
    """

    def __init__(self, title: str, findings, code: str = ""):
        unique = {(finding.name, finding.what): finding for finding in findings}
        self.findings = tuple(sorted(unique.values(), key=lambda finding: not finding.fault))
        self.title, self.code = title, code

    @property
    def ok(self) -> bool:
        """Whether there is no fault."""
        return not any(finding.fault for finding in self.findings)

    @property
    def faults(self) -> tuple[str, ...]:
        """Names of the faults."""
        return tuple(dict.fromkeys(f.name for f in self.findings if f.fault))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all findings."""
        return tuple(dict.fromkeys(finding.name for finding in self.findings))

    def __bool__(self) -> bool:
        """Return `ok`."""
        return self.ok

    def __str__(self) -> str:
        """Return findings and code as text."""
        lines = [self.title]
        if not self.findings:
            lines.append("  Nothing is wrong with it.")
        for finding in self.findings:
            kind = "FAULT" if finding.fault else "note "
            lines += textwrap.wrap(
                f"{kind} {finding.name}: {finding.what}",
                98,
                initial_indent="  ",
                subsequent_indent="        ",
            )
        if self.code:
            lines += ["", "In tfflows:", "", textwrap.indent(self.code, "    ").rstrip()]
        return "\n".join(lines)

    __repr__ = __str__


def doctor(thing) -> Diagnosis:
    """Look at a TFP distribution, a bijector, a Keras model or an error, and say what is wrong.

    It finds variables that training would not reach, variables that TFP froze, networks shared
    between bijectors, missing permutations, a base of the wrong event shape, broken masks, networks
    without weights or missing altogether, and answers from TFP's cache that are out of date. It
    prints tfflows code that does what was meant.

    Parameters
    ----------
    thing : tfd.Distribution, tfb.Bijector, keras.Model, keras.layers.Layer, Exception or str
        What somebody brings. Of an error, the exception or its message. Nothing of it is changed,
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
    from tfflows.diagnostics import findings, messages, models, prescriptions
    from tfflows.models import DensityModel, DistributionModel

    if isinstance(thing, (str, BaseException)):
        return Diagnosis("An error message", *messages.read(str(thing)))
    if isinstance(thing, (tfd.Distribution, tfb.Bijector)):
        found = findings.of_tfp(thing)
        return Diagnosis(_title(thing), found, prescriptions.code_for(thing, found))
    if isinstance(thing, DistributionModel):
        inner = thing.tfp_distribution
        # The model cures what a distribution by itself suffers from.
        found = [f for f in findings.of_tfp(inner) if f.fault and f.name not in findings.CURED]
        code = prescriptions.code_for(inner, found) if found else "model.check(x)"
        return Diagnosis(_title(thing), found, code)
    if isinstance(thing, DensityModel):
        waits = []
        if thing.needs_adapt:
            waits = [Finding("waits_for_data", f"{thing._waiting()} has not seen data yet.", False)]
        return Diagnosis(_title(thing), waits, "flow.check(x)  # held-out rows")
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


def _title(thing) -> str:
    # TFP joins the names of all parts of a chain.
    name = textwrap.shorten(str(getattr(thing, "name", "")).replace("_of_", " of "), 60)
    return f"{type(thing).__name__.lstrip('_')} {name!r}"
