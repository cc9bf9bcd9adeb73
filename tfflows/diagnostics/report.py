"""The report of a check: lines that print as a table and can be asserted on."""

import dataclasses
import textwrap

__all__ = ["CheckResult", "Report"]


@dataclasses.dataclass(frozen=True)
class CheckResult:
    """One thing that was looked at.

    Attributes
    ----------
    name : str
        What was looked at, such as ``"round_trip"``.
    value : float or None
        What was found; None if the line does not apply to the model.
    threshold : float or None
        The largest value that is good.
    good : str
        What the value is, and what is good.
    reason : str
        Why the threshold is where it is; for a line that does not apply, why not.
    advice : str
        What to do when the value is above it.
    detail : str
        Where it was found: the layer, the coordinate, the row.
    p_value : float or None
        For a line that chance takes part in: how likely a value this large is for a model that is
        as good as the tolerance asks.

    Examples
    --------
    >>> line = CheckResult("round_trip", 2e-6, 1e-4, "an error", "rounding", "use float64")
    >>> line.ok, line.applies
    (True, True)
    """

    name: str
    value: float | None
    threshold: float | None
    good: str
    reason: str
    advice: str = ""
    detail: str = ""
    p_value: float | None = None

    @classmethod
    def skipped(cls, name: str, good: str, why: str) -> "CheckResult":
        """Return a line that does not apply to a model, and says why."""
        return cls(name, None, None, good, why)

    @property
    def applies(self) -> bool:
        """Whether there was something to look at."""
        return self.value is not None

    @property
    def ok(self) -> bool:
        """Whether the value is good; a line that does not apply is."""
        # Written so that NaN is not good.
        return not self.applies or self.value <= self.threshold

    def __bool__(self) -> bool:
        """Return `ok`."""
        return self.ok


class Report:
    """The lines of a check, in the order in which their causes follow from each other.

    A line that fails is often the cause of failures below it: begin with the first.

    Parameters
    ----------
    lines : sequence of CheckResult
        The lines.
    title : str
        What was checked.

    Attributes
    ----------
    lines : tuple of CheckResult
        All lines.
    title : str
        What was checked.

    Examples
    --------
    >>> report = Report([CheckResult("finite", 0.0, 0.0, "rows without a density", "any is wrong")])
    >>> report.ok, report["finite"].value, report.failed
    (True, 0.0, ())
    """

    def __init__(self, lines, title: str = ""):
        self.lines = tuple(lines)
        self.title = title
        self._by_name = {line.name: line for line in self.lines}

    @property
    def ok(self) -> bool:
        """Whether every line is good."""
        return all(line.ok for line in self.lines)

    @property
    def failed(self) -> tuple[str, ...]:
        """Names of the lines that are not good, the first of them first."""
        return tuple(line.name for line in self.lines if not line.ok)

    def __getitem__(self, name: str) -> CheckResult:
        """Return the line of that name.

        Raises
        ------
        KeyError
            If there is none; the message lists those there are.
        """
        if name not in self._by_name:
            raise KeyError(f"no line {name!r}; there are {', '.join(self._by_name)}.")
        return self._by_name[name]

    def __iter__(self):
        """Iterate over the lines."""
        return iter(self.lines)

    def __len__(self) -> int:
        """Return the number of lines."""
        return len(self.lines)

    def __bool__(self) -> bool:
        """Return `ok`."""
        return self.ok

    def __str__(self) -> str:
        """Return the table, what to do about each line that failed, and a verdict."""
        rows = [("", "value", "at most", "", "what it is")]
        for line in self.lines:
            mark = "–" if not line.applies else ("ok" if line.ok else "FAIL")
            what = line.good if line.applies else line.reason
            rows.append((line.name, _number(line.value), _number(line.threshold), mark, what))
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        text = [self.title] if self.title else []
        for name, value, threshold, mark, what in rows:
            start = (
                f"{name:<{widths[0]}}  {value:>{widths[1]}}  {threshold:>{widths[2]}}  "
                f"{mark:<{widths[3]}}  "
            )
            text += textwrap.wrap(
                what, 100, initial_indent=start, subsequent_indent=" " * len(start)
            ) or [start]
        said = {}
        for line in self.lines:
            if not line.ok:
                text.append("")
                text += _paragraph(f"{line.name}: {line.detail}".rstrip(": "))
                text += _paragraph(f"Why at most {_number(line.threshold)}: {line.reason}")
                first = said.setdefault(line.advice, line.name)
                advice = line.advice if first == line.name else f"as for {first}."
                text += _paragraph(f"What to do: {advice}")
        text.append("")
        failed = self.failed
        if not failed:
            text.append("Everything is as it should be.")
        else:
            verdict = f"{len(failed)} of {len(self)} lines failed."
            if len(failed) > 1:
                verdict += f" Begin with {failed[0]!r}: those below it may follow from it."
            text.append(verdict)
        return "\n".join(text)

    __repr__ = __str__


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def _paragraph(text: str) -> list[str]:
    return textwrap.wrap(text, 98, initial_indent="  ", subsequent_indent="    ")
