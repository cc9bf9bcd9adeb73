"""``tfflows info``."""

from __future__ import annotations

import json
import math
from argparse import Namespace
from pathlib import Path

from tfflows_cli.errors import CommandError
from tfflows_cli.schema import METRICS_FILE, MODEL_FILE, Schema, is_fit_folder


def run(arguments: Namespace) -> None:
    """Say what a file holds."""
    given = Path(arguments.model)
    if not given.exists():
        raise CommandError(f"there is no file {str(given)!r}")
    file = given if given.is_file() else given / MODEL_FILE
    if given.is_dir() and not file.is_file():
        raise CommandError(f"{given} is not a folder that tfflows fit wrote")

    from tfflows_cli.stored import label_of, load_model

    label, model = label_of(file), load_model(file)
    for name, text in [
        *_about_file(file, label),
        *_about_model(model),
        *_about_training(model, label),
        *_about_fit(file.parent, model),
    ]:
        print(f"{name:<9}{text}")


def _about_file(file: Path, label: dict | None):
    size = f"{file}, {file.stat().st_size:,} bytes"
    if label is None:
        yield "file", f"{size}, written by Keras alone"
        return
    yield "file", f"{size}, format {label['format']}, checksum right"
    versions = label["versions"]
    yield "versions", ", ".join(f"{name} {number}" for name, number in versions.items())


def _about_model(model):
    shapes = [f"events {_shape(model, 'event_shape')}"]
    if getattr(model, "context_shape", None) is not None:
        shapes.append(f"context {_shape(model, 'context_shape')}")
    yield "model", f"{type(model).__name__}, {', '.join(shapes)}, {model.variable_dtype}"
    trained = sum(math.prod(weight.shape) for weight in model.trainable_weights)
    yield (
        "weights",
        f"{model.count_params():,} numbers in {len(model.weights)} arrays, "
        f"{trained:,} of them trainable",
    )
    for index, layer in enumerate(getattr(model, "bijector_layers", ())):
        yield "layers" if index == 0 else "", _about_layer(layer)
    base = getattr(model, "base", None)
    if base is not None:
        yield "base", type(base.given).__name__
    network = getattr(model, "context_network", None)
    if network is not None:
        yield "embeds", f"{type(network).__name__}, {network.count_params():,} numbers"
    given = getattr(model, "tfp_distribution", None)
    if given is not None:
        yield "holds", str(given)


def _about_layer(layer) -> str:
    kind = type(layer).__name__
    inner = getattr(layer, "univariate", None) or getattr(layer, "tfp_bijector", None)
    if inner is not None:
        kind += f"({type(inner).__name__})"
    return f"{kind}, {layer.count_params():,} numbers"


def _about_training(model, label: dict | None):
    training = (label or {}).get("training") or {}
    steps = training.get("steps") or (int(model.optimizer.iterations) if model.compiled else 0)
    if not steps:
        yield "training", "none that the file tells of"
        return
    parts = [f"{type(model.optimizer).__name__}, {steps:,} steps"]
    if training.get("epochs"):
        parts.append(f"{training['epochs']} epochs in the last fit")
    last = training.get("last") or {}
    parts.extend(f"{key} {value:.4f}" for key, value in last.items() if "loss" in key)
    yield "training", ", ".join(parts)


def _about_fit(folder: Path, model):
    if not is_fit_folder(folder):
        return
    schema = Schema.read(folder)
    yield "columns", ", ".join(schema.columns)
    for layer in getattr(model, "bijector_layers", ())[:2]:
        maps = getattr(layer, "maps", None)
        if maps is not None:
            kinds = zip(schema.columns, maps, strict=True)
            yield "maps", ", ".join(f"{name} {kind}" for name, kind in kinds if kind != "identity")
        step = getattr(layer, "step", None)
        if step is not None:
            steps = zip(schema.columns, step, strict=True)
            yield "grid", ", ".join(f"{name} {width:g}" for name, width in steps if width)
    if schema.bounds:
        yield (
            "bounds",
            ", ".join(
                f"{name} from {low:g}" + ("" if high is None else f" to {high:g}")
                for name, (low, high) in schema.bounds.items()
            ),
        )
    if schema.context:
        yield "context", "; ".join(column.describe() for column in schema.context)
    try:
        metrics = json.loads((folder / METRICS_FILE).read_text(encoding="utf-8"))
        nll = metrics["nll_nats"]
    except (OSError, ValueError, KeyError):
        return
    for name, values in {"NLL": nll, **metrics.get("baselines_nll_nats", {})}.items():
        shown = ", ".join(f"{part} {value:.4f}" for part, value in values.items())
        yield ("NLL", f"{shown} nats per row") if name == "NLL" else ("", f"{name} {shown}")
    if checked := metrics.get("check"):
        yield "check", ", ".join(checked["failed"]) + " failed" if checked["failed"] else "good"


def _shape(model, name: str) -> str:
    return str(tuple(getattr(model, name, None) or ()))
