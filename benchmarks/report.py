"""Tables, pictures and the README's figures, from the JSON that `run.py` and `scaling.py` write."""

import math
import re

from environments import CONTESTANTS
from jobs import POINTS, Job

__all__ = ["machine", "markdown", "picture", "starts", "summary", "table", "update_readme"]

WHAT = {
    "train": "train step",
    "log_prob": f"{POINTS // 1000}k log_prob",
    "sample": f"{POINTS // 1000}k samples",
}


def _number(value) -> str:
    """Return three digits of a number, without an exponent."""
    if value is None:
        return "–"
    if value >= 1000:
        return f"{value:,.0f}"
    digits = 2 - math.floor(math.log10(max(value, 1e-4)))
    return f"{value:.{min(max(digits, 0), 3)}f}"


def _brief(value) -> str:
    """Return about two digits of a number."""
    return f"{value:.{0 if value >= 9.95 else 1 if value >= 0.995 else 2}f}"


def markdown(head, rows) -> str:
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]

    def line(cells):
        padded = [
            cell.ljust(width) if i < 2 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return "| " + " | ".join(padded) + " |"

    rule = ["-" * width if i < 2 else "-" * (width - 1) + ":" for i, width in enumerate(widths)]
    return "\n".join([line(head), line(rule), *(line(row) for row in rows)])


def _names(results) -> list:
    found = {name for entry in results["jobs"] for name in entry["peers"]}
    return [name for name in CONTESTANTS if name in found]


def table(results: dict) -> str:
    """Return the milliseconds of every job, the peers' as multiples of ours, and the floor."""
    names = _names(results)
    peers = [name for name in names if name != "tfflows" and "tfflows" in names]
    floored = any("floor" in entry for entry in results["jobs"])
    head = ["job", "what", *(CONTESTANTS[name].label for name in names)]
    head += [f"{CONTESTANTS[name].label} / tfflows" for name in peers]
    head += ["floor", "tfflows / floor"] if floored else []
    rows = []
    for entry in results["jobs"]:
        label = Job.from_dict(entry["job"]).describe()
        for what, words in WHAT.items():
            taken = {name: entry["peers"].get(name, {}).get(f"{what}_s") for name in names}
            if all(value is None for value in taken.values()):
                continue
            row = [label, words]
            row += [_number(value and value * 1e3) for value in taken.values()]
            ours = taken.get("tfflows")
            for name in peers:
                known = ours and taken[name]
                row.append(f"{_number(taken[name] / ours)} ×" if known else "–")
            if floored:
                floor = entry["floor"][what]["seconds"]
                row.append(_number(floor * 1e3))
                row.append(f"{_number(ours / floor)} ×" if ours else "–")
            rows.append(row)
            label = ""
    return markdown(head, rows)


def summary(results: dict) -> str:
    """Return a row for each job: milliseconds, and the others' multiples of them in brackets."""
    peers = [name for name in _names(results) if name != "tfflows"]
    rows = []
    for entry in results["jobs"]:
        cells = [Job.from_dict(entry["job"]).describe()]
        for what in WHAT:
            ours = entry["peers"]["tfflows"][f"{what}_s"]
            taken = [entry["peers"].get(name, {}).get(f"{what}_s") for name in peers]
            ratios = ", ".join(_number(value and value / ours) for value in taken)
            cells.append(f"{_number(ours * 1e3)} ({ratios})")
        rows.append(cells)
    return (
        markdown(["flow", *WHAT.values()], rows)
        + f"\n\n`python benchmarks/run.py` on {results['machine']['cores']} cores, "
        + f"{results['when'].split()[0]}, revision {results['revision']}."
    )


def starts(results: dict) -> str:
    """Return the seconds before the steady state: tracing, compiling, first calls."""
    names = _names(results)
    head = ["job", "first", *(CONTESTANTS[name].label for name in names)]
    rows = []
    for entry in results["jobs"]:
        label = Job.from_dict(entry["job"]).describe()
        for what, words in zip(WHAT, ("epoch", "log_prob", "sample"), strict=True):
            taken = [entry["peers"].get(name, {}).get(f"{what}_start_s") for name in names]
            if all(value is None for value in taken):
                continue
            rows.append([label, words, *(_seconds(value) for value in taken)])
            label = ""
    return markdown(head, rows)


def _seconds(value) -> str:
    # A first call may well be the fastest.
    return "–" if value is None else f"{max(value, 0):.1f}"


def machine(results: dict) -> str:
    """Return the machine, its rates, the load and the versions, as lines of a list."""
    m = results["machine"]
    lines = [
        f"- measured {results['when']}; {m['processor']}, {m['cores']} cores, "
        f"{m['memory_gb']:.0f} GB, {m['system']}",
        f"- load average before {m['load_before']}, after {m['load_after']}; {results['rounds']} "
        f"rounds of at least {results['seconds']} s each",
    ]
    if "calibration" in results:
        gemm, copy = (results["calibration"][k] for k in ("gemm_gflops", "copy_gb_per_s"))
        best = max(gemm, key=gemm.get)
        small, *_, large = copy
        lines.append(
            f"- best product: {gemm[best]:.0f} GFLOP/s ({best}); copying: {copy[small]:.0f} GB/s "
            f"within {small} MiB, {copy[large]:.0f} GB/s within {large} MiB"
        )
    lines.append(f"- tfflows revision: {results['revision']}")
    for name in _names(results):
        versions = results["versions"].get(name, {})
        text = ", ".join(f"{package} {number}" for package, number in versions.items())
        lines.append(f"- {CONTESTANTS[name].label}: {text}")
    for name, reason in results.get("missing", {}).items():
        lines.append(f"- {CONTESTANTS[name].label}: left out, {reason}")
    for entry in results["jobs"]:
        for peer in entry["peers"].values():
            if "failure" in peer:
                lines.append(f"- {entry['job']['name']}, failed: {peer['failure']}")
    return "\n".join(lines)


COLORS = {"tfflows": "#1f5fa8", "flowjax": "#8fb8de", "zuko": "#c9a66b", "chapter": "#a9a9a9"}


def picture(results: dict, path) -> None:
    """Draw the times of all contestants, logarithmically, the floors as black strokes."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    names = _names(results)
    jobs = results["jobs"]
    figure, axes = plt.subplots(1, 3, figsize=(17, 5), constrained_layout=True)
    width = 0.8 / len(names)
    for axis, (what, words) in zip(axes, WHAT.items(), strict=True):
        for j, entry in enumerate(jobs):
            ours = entry["peers"].get("tfflows", {}).get(f"{what}_s")
            for i, name in enumerate(names):
                value = entry["peers"].get(name, {}).get(f"{what}_s")
                if value is None:
                    continue
                at = j + (i - (len(names) - 1) / 2) * width
                axis.bar(at, value * 1e3, width * 0.92, color=COLORS[name], zorder=2)
                ratio = "" if name == "tfflows" or not ours else f"{_brief(value / ours)}×"
                axis.annotate(
                    ratio or _brief(value * 1e3),
                    (at, value * 1e3),
                    (0, 2),
                    textcoords="offset points",
                    ha="center",
                    fontsize=7,
                    fontweight="normal" if ratio else "bold",
                    color="#444444" if ratio else COLORS["tfflows"],
                )
            floor = entry.get("floor", {}).get(what)
            if floor:
                at = floor["seconds"] * 1e3
                axis.hlines(at, j - 0.42, j + 0.42, color="black", lw=1.2, zorder=3)
        axis.set_yscale("log")
        low, high = axis.get_ylim()
        axis.set_ylim(low / 1.5, high * 1.6)
        axis.set_title(f"{words}, milliseconds", fontsize=11, loc="left")
        labels = [
            f"{'MAF' if e['job']['family'] == 'affine' else 'spline'}, D {e['job']['dimensions']}\n"
            f"{e['job']['layers']} × {e['job']['hidden'][0]}"
            for e in jobs
        ]
        axis.set_xticks(range(len(jobs)), labels, fontsize=9)
        axis.grid(axis="y", color="#dddddd", lw=0.6, zorder=0)
        axis.spines[["top", "right"]].set_visible(False)
        axis.tick_params(axis="x", length=0)
    handles = [Patch(color=COLORS[name], label=CONTESTANTS[name].label) for name in names]
    handles.append(Line2D([], [], color="black", lw=1.2, label="floor of the machine"))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False)
    figure.suptitle(
        "Same flow, same batches: time of tfflows (bold), and the others as multiples of it",
        fontsize=12,
        x=0.01,
        ha="left",
    )
    figure.savefig(path, dpi=130)
    plt.close(figure)


def update_readme(path, **parts) -> None:
    """Put each part between the comments ``<!-- name -->`` and ``<!-- end name -->`` of a file."""
    text = path.read_text(encoding="utf-8")
    for name, part in parts.items():
        pattern = rf"(<!-- {name} -->\n).*?(<!-- end {name} -->)"
        text, found = re.subn(
            pattern, lambda m, part=part: f"{m[1]}{part}\n{m[2]}", text, flags=re.DOTALL
        )
        if not found:
            raise ValueError(f"{path} has no place for {name!r}.")
    path.write_text(text, encoding="utf-8")
