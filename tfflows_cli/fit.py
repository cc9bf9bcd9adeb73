"""``tfflows fit``."""

from __future__ import annotations

import contextlib
import json
import shlex
import time
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

from tfflows_cli.errors import CommandError, name_columns
from tfflows_cli.recipe import Recipe
from tfflows_cli.schema import (
    METRICS_FILE,
    MODEL_FILE,
    RESUME_FILE,
    Schema,
    check_resolution,
    is_fit_folder,
)
from tfflows_cli.source import Source, open_source
from tfflows_cli.suspicions import warn_of_columns, warn_of_repeated_rows
from tfflows_cli.version import version

_PICTURES = ("history.png", "density.png", "pairs.png")
_PARTS = ("train", "val", "test")


def run(arguments: Namespace) -> None:
    """Fit a flow, or go on with a fit, and write its folder."""
    source = open_source(arguments)
    folder = _output_folder(arguments, source.name)
    if arguments.resume and _is_complete(folder):
        print(f"the fit in the folder {folder} is complete; there is nothing to go on with")
        return
    schema = Schema.of(source.table, _columns(arguments, source), arguments.context)
    name_columns(schema.columns)
    check_resolution(source.table, schema)
    named = source.dataset is not None
    inputs = source.encode(schema, dequantized=bool(arguments.noise) and not named)
    if not named:
        warn_of_columns(source.table, schema)
        if not arguments.noise:
            warn_of_repeated_rows(source.name, inputs)
    recipe = Recipe.of(arguments, rows=len(inputs["train"][0]))

    # TensorFlow is imported here, so that a mistake in the table or the options shows at once.
    from tfflows_cli import verdict
    from tfflows_cli.first import First, describe_maps
    from tfflows_cli.pictures import draws_like
    from tfflows_cli.training import build_flow, mean_nll, train

    first = First.of(arguments, schema, inputs, named)
    schema = schema.bounded_by(first.bounds)
    flow = build_flow(arguments, schema, first.layers())
    folder.mkdir(parents=True, exist_ok=True)
    _announce(arguments, source, schema, inputs, flow, describe_maps(schema.columns, first.maps))
    started = time.perf_counter()
    history, best = train(
        flow, recipe, inputs["train"], inputs["val"], arguments.quiet, folder, arguments.resume
    )
    seconds = time.perf_counter() - started
    schema.write(folder)
    flow.save(folder / MODEL_FILE)
    with _saved(folder, arguments):
        nll = {part: mean_nll(flow, *inputs[part]) for part in _PARTS}
        simple = verdict.baselines(inputs, first, arguments.seed)
        truth = _truth(source, schema)
        _report(nll, simple, truth)
        verdict.warn_below(nll, simple, len(inputs["train"][0]))
        drawn = draws_like(flow, inputs["test"], schema)
        if not named:
            verdict.propose_bounds(schema, first, inputs, drawn)
        checked = None
        if arguments.check:
            report = flow.check(
                inputs["test"][0],
                context=inputs["test"][1],
                train=inputs["train"],
                seed=arguments.seed,
                rows=verdict.CHECKED_ROWS,
            )
            verdict.show_failed(report)
            checked = verdict.record(report)
        metrics = {
            "nll_nats": nll,
            "baselines_nll_nats": simple,
            **truth,
            "rows": {part: len(inputs[part][0]) for part in _PARTS},
            "columns": list(schema.columns),
            "maps": list(first.maps),
            "steps": first.steps.tolist(),
            "context": [column.name for column in schema.context],
            "flow": arguments.flow,
            "weights": flow.count_params(),
            "epochs": len(history["loss"]),
            "best_epoch": best,
            "seconds": round(seconds, 2),
            "training": recipe.as_dict(),
            "seed": arguments.seed,
            "tfflows": version(),
            "check": checked,
            "history": history,
        }
        (folder / METRICS_FILE).write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")
        pictures = _draw(flow, folder, schema, inputs, drawn, history, truth["entropy_nats"])
        (folder / RESUME_FILE).unlink(missing_ok=True)
        files = ", ".join((MODEL_FILE, "schema.json", METRICS_FILE, *pictures))
        print(f"wrote {files} to the folder {folder}")


@contextlib.contextmanager
def _saved(folder: Path, arguments: Namespace) -> Iterator[None]:
    """Let an interrupt in here say that the model is there, and how to do the rest."""
    try:
        yield
    except KeyboardInterrupt as stopped:
        rows = shlex.quote(arguments.test) if arguments.test else "TABLE"
        raise KeyboardInterrupt(
            f"the flow is trained, and saved in the folder {folder}; the same command with "
            "--resume does the rest without training again, and "
            f"`tfflows check {shlex.quote(str(folder))} {rows}` is the check alone"
        ) from stopped


def _columns(arguments: Namespace, source: Source) -> tuple[str, ...] | None:
    """Columns to model; the labels of a named data set are none of them unless asked for."""
    if arguments.columns is None and source.dataset is not None:
        return source.dataset.columns
    return arguments.columns


def _output_folder(arguments: Namespace, name: str) -> Path:
    """Choose the folder to write: new, empty, or one of an earlier fit."""
    folder = Path(arguments.out or f"{name}-{arguments.flow}")
    if folder.exists() and not folder.is_dir():
        raise CommandError(f"{folder} is a file; choose a folder with --out")
    ours = is_fit_folder(folder) or (folder / RESUME_FILE).is_file()
    if folder.is_dir() and any(folder.iterdir()) and not ours:
        raise CommandError(
            f"{folder} holds other files and was not written by tfflows fit; "
            "choose another folder with --out"
        )
    if ours and not (arguments.resume or arguments.force):
        held, hint = "a fit", "replace it with --force"
        if not _is_complete(folder):
            held, hint = "an interrupted fit", "go on with it by --resume, or " + hint
        raise CommandError(f"{folder} holds {held}: {hint}, or choose another folder with --out")
    return folder


def _is_complete(folder: Path) -> bool:
    """Whether a fit into the folder came to its end, and none after it was interrupted."""
    return (folder / METRICS_FILE).is_file() and not (folder / RESUME_FILE).is_file()


def _truth(source: Source, schema: Schema) -> dict[str, float | None]:
    """Entropy of a named data set and the NLL of its true density on the same test rows."""
    data = source.dataset
    unknown: dict[str, float | None] = {"entropy_nats": None, "true_density_test_nll_nats": None}
    if data is None or data.log_prob is None or schema.columns != data.columns:
        return unknown
    if not schema.context:
        return {
            "entropy_nats": data.entropy,
            "true_density_test_nll_nats": float(-data.log_prob(data.test).mean()),
        }
    if data.labels is None or [column.name for column in schema.context] != ["label"]:
        return unknown
    return {
        "entropy_nats": data.conditional_entropy,
        "true_density_test_nll_nats": float(-data.log_prob(data.test, data.labels.test).mean()),
    }


def _announce(arguments, source, schema, inputs, flow, maps: str) -> None:
    rows = " + ".join(f"{len(inputs[part][0])}" for part in _PARTS)
    shown = ", ".join(schema.columns[:6]) + (", ..." if len(schema.columns) > 6 else "")
    print(f"data     {source.name}: {rows} rows (train + val + test), columns {shown}")
    if schema.context:
        print("context  " + "; ".join(column.describe() for column in schema.context))
    if maps:
        print(f"maps     {maps}")
    print(f"model    {arguments.flow}, {flow.count_params():,} weights", flush=True)


def _report(
    nll: dict[str, float],
    simple: dict[str, dict[str, float]],
    truth: dict[str, float | None],
) -> None:
    for name, values in {"NLL": nll, **simple}.items():
        shown = ", ".join(f"{part} {values[part]:.4f}" for part in _PARTS)
        print(f"{name:<9}{shown} nats per row" if name == "NLL" else f"  {name:<12}{shown}")
    if truth["entropy_nats"] is not None:
        print(
            f"entropy  {truth['entropy_nats']:.4f} nats: no model can do better on average "
            f"(the true density scores {truth['true_density_test_nll_nats']:.4f} on the test rows)"
        )


def _draw(flow, folder: Path, schema: Schema, inputs, drawn, history, entropy) -> list[str]:
    """Draw the pictures and return their names."""
    from tfflows import plot
    from tfflows_cli.pictures import figure, save

    x, context = inputs["test"]
    for name in _PICTURES:
        (folder / name).unlink(missing_ok=True)
    made = {"history.png": plot.history(history, entropy=entropy).figure}
    if len(schema.columns) == 2 and context is None and not flow.dequantizes:
        made["density.png"] = figure("density", flow, schema, inputs["test"], label="test rows")
    elif len(drawn):
        made["pairs.png"] = plot.pairs(
            x, drawn, schema.columns, train=inputs["train"][0], label="test rows"
        )
    for name, picture in made.items():
        save(picture, folder / name)
    return list(made)
