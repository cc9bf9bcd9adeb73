"""A line about columns that follow from others."""

from tfflows.diagnostics.report import CheckResult
from tfflows.inputs.dependence import MOST, describe, find_dependences

__all__ = ["dependence"]


def dependence(inputs) -> CheckResult:
    """Look for columns of the rows that are linear functions of others."""
    good = "columns that are linear functions of others; there should be none"
    name, size = "dependence", inputs.model.event_size
    if inputs.model.dequantizes:
        return CheckResult.skipped(name, good, "the flow adds noise, which makes up a volume")
    if size == 1:
        return CheckResult.skipped(name, good, "there is one column alone")
    if size > MOST or len(inputs.all_x) < max(2 * size, 20):
        return CheckResult.skipped(
            name, good, f"needs twice as many rows as columns, and at most {MOST} columns"
        )
    found = find_dependences(inputs.all_x)
    known = inputs.model.codimension
    sentence = describe(found if len(found) > known else [], inputs.model.event_columns)
    detail, _, advice = sentence.rpartition(" Drop ")
    return CheckResult(
        name,
        float(len(found)),
        float(known),
        good,
        "Rows on a line or a plane fill no volume, so that their density is unbounded.",
        f"Drop {advice}" if sentence else "",
        detail,
    )
