"""``tfflows score``."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

import numpy as np

from tfflows_cli.errors import name_columns
from tfflows_cli.schema import Schema, drop_missing
from tfflows_cli.tables import check_output, open_table, write_table


def run(arguments: Namespace) -> None:
    """Write the log density of every row, in the order of the table."""
    schema = Schema.read(Path(arguments.model))
    name_columns(schema.columns)
    table = open_table(arguments, arguments.data)
    kept = np.ones(table.rows, bool)
    if arguments.dropna:
        kept = table.complete(schema.names_in(table))
        table = drop_missing(table, schema.names_in(table))
    x, context = schema.encode(table)
    check_output(arguments.out)

    # TensorFlow is imported here, so that a mistake in the table shows at once.
    from tfflows_cli.stored import load_model

    flow = load_model(arguments.model)
    log_prob = np.asarray(flow.log_prob(x, context=context, batch_size=4096))
    # One line for each row of the table, whether it could be scored or not.
    scores = np.full(len(kept), np.nan, log_prob.dtype)
    scores[kept] = log_prob
    write_table(arguments.out, {"log_prob": scores})
    mean = log_prob.astype(np.float64).mean()
    left = f"; {np.sum(~kept)} rows have missing cells" if not kept.all() else ""
    print(f"mean log density {mean:.4f} nats over {len(x)} rows{left}", file=sys.stderr)
