"""Lines about rows that fill no volume: columns follow from others, or rows lie on a surface."""

from tfflows.diagnostics.report import CheckResult
from tfflows.inputs.dependence import MOST, describe, find_dependences
from tfflows.inputs.surfaces import MOST as MOST_NEIGHBORED
from tfflows.inputs.surfaces import describe_surface, dimension_of, flatness

__all__ = ["dependence", "surface"]


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


def surface(inputs) -> CheckResult:
    """Look for rows that lie on curves or surfaces."""
    good = "directions in which rows have no neighbors, as on a curve; there should be none"
    name = "surface"
    if inputs.model.dequantizes:
        return CheckResult.skipped(name, good, "the flow adds noise, which makes up a volume")
    ratios = flatness(inputs.all_x)
    if not len(ratios):
        return CheckResult.skipped(
            name,
            good,
            f"needs two to {MOST_NEIGHBORED} columns without many repeated numbers, none of which "
            "is a linear function of others, and 200 rows or more",
        )
    dimension = dimension_of(ratios)
    lacking = 0 if dimension is None else len(ratios) + 1 - dimension
    known = inputs.model.codimension
    sentence = describe_surface(dimension if lacking > known else None)
    detail, _, advice = sentence.rpartition(" Drop ")
    return CheckResult(
        name,
        float(lacking),
        float(known),
        good,
        "Rows on a curve or a surface fill no volume, so that their density is unbounded.",
        f"Drop {advice}" if sentence else "",
        detail,
    )
