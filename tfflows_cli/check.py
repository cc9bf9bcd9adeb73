"""``tfflows check``."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from tfflows_cli.errors import name_columns, with_names
from tfflows_cli.schema import Schema, read_rows


def run(arguments: Namespace) -> int:
    """Print the report of a check; return 1 if a line fails."""
    schema = Schema.read(Path(arguments.model))
    name_columns(schema.columns)
    x, context = read_rows(schema, arguments, arguments.data)
    train = None if arguments.train is None else read_rows(schema, arguments, arguments.train)

    # TensorFlow is imported here, so that a mistake in the tables shows at once.
    from tfflows_cli.stored import load_model

    flow = load_model(arguments.model)
    report = flow.check(x, context=context, train=train, seed=arguments.seed)
    print(with_names(report))
    return 0 if report.ok else 1
