"""``tfflows sample``."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tfflows_cli.errors import CommandError
from tfflows_cli.schema import Schema
from tfflows_cli.tables import Table, check_output, open_table, write_table


def run(arguments: Namespace) -> None:
    """Draw rows and write them, the context columns before the drawn ones."""
    schema = Schema.read(Path(arguments.model))
    contexts = _contexts(arguments, schema)
    encoded = None if contexts is None else schema.encode_context(contexts)
    check_output(arguments.out)

    # TensorFlow is imported here, so that a mistake in the arguments shows at once.
    from tfflows_cli.stored import load_model

    flow = load_model(arguments.model)
    if contexts is None:
        drawn = np.asarray(flow.sample(arguments.n or 1000, seed=arguments.seed))
        shown = {}
    else:
        given = arguments.context_file is None
        each = arguments.n or (1000 if given else 1)
        drawn = np.asarray(flow.sample(each, context=encoded, seed=arguments.seed))
        # From [each, rows, columns] to all draws of the first context, then of the second, ...
        drawn = np.swapaxes(drawn, 0, 1).reshape(-1, len(schema.columns))
        shown = {
            column.name: np.repeat(contexts.column(column.name), each) for column in schema.context
        }
    drawn = schema.within_bounds(drawn)
    columns = {name: drawn[:, k] for k, name in enumerate(schema.columns)}
    write_table(arguments.out, {**shown, **columns})


def _contexts(arguments: Namespace, schema: Schema) -> Table | None:
    """Return the contexts to draw for, one per row."""
    if not schema.context:
        if arguments.context or arguments.context_file:
            raise CommandError(f"{arguments.model} takes no context; leave --context out")
        return None
    if arguments.context_file:
        return open_table(arguments, arguments.context_file)
    names = [column.name for column in schema.context]
    if not arguments.context:
        wanted = ",".join(f"{name}=..." for name in names)
        raise CommandError(
            f"{arguments.model} needs context: --context {wanted!r}, or --context-file"
        )
    values = _parse(arguments.context)
    if unknown := [name for name in values if name not in names]:
        raise CommandError(
            f"--context: {unknown[0]!r} is no context column; the model has {', '.join(names)}"
        )
    if missing := [name for name in names if name not in values]:
        raise CommandError(f"--context: no value for {', '.join(missing)}")
    return Table("--context", {name: np.array([values[name]], dtype=object) for name in names})


def _parse(words: Sequence[str]) -> dict[str, str]:
    """Read ``a=1,b=2`` texts."""
    values: dict[str, str] = {}
    for pair in ",".join(words).split(","):
        name, equals, value = (part.strip() for part in pair.partition("="))
        if not equals or not name:
            raise CommandError(
                f"--context: expected column=value; got {pair!r}. If the comma before it belongs "
                "to a value, give the values in a table, with --context-file"
                if values
                else f"--context: expected column=value; got {pair!r}"
            )
        if name in values:
            raise CommandError(f"--context: {name!r} is given twice")
        values[name] = value
    return values
