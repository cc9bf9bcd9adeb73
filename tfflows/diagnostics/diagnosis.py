"""What the doctor says: findings, and the code that was meant."""

import dataclasses
import textwrap

__all__ = ["Diagnosis", "Finding"]


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
