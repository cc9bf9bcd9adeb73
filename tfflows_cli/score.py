"""``tfflows score``."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

import numpy as np

from tfflows_cli.quiet import quiet_import
from tfflows_cli.schema import Schema
from tfflows_cli.tables import check_output, read_table, write_table


def run(arguments: Namespace) -> None:
    """Write the log density of every row, in the order of the table."""
    schema = Schema.read(Path(arguments.model))
    x, context = schema.encode(read_table(arguments.data, arguments.key))
    check_output(arguments.out)

    # TensorFlow is imported here, so that a mistake in the table shows at once.
    with quiet_import():
        from tfflows_cli.stored import load_model

    flow = load_model(arguments.model)
    log_prob = np.asarray(flow.log_prob(x, context=context, batch_size=4096))
    write_table(arguments.out, {"log_prob": log_prob})
    mean = log_prob.astype(np.float64).mean()
    print(f"mean log density {mean:.4f} nats over {len(x)} rows", file=sys.stderr)
