"""The command ``tfflows``: fit a density to a table, sample from it, score rows, export it.

Only the standard library is imported here, so that ``tfflows --help`` answers at once; a command
imports TensorFlow when it runs.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

from tfflows_cli.errors import CommandError, name_columns, one_line, warnings_as_lines
from tfflows_cli.parser import build_parser

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments without the program's name; those of the process by default.

    Returns
    -------
    int
        0 on success, 1 where a check fails, 2 after an error (one line on stderr), 130 after an
        interrupt.

    Raises
    ------
    SystemExit
        From ``--help``, ``--version`` and malformed arguments, as argparse does.
    """
    arguments = build_parser().parse_args(argv)
    name_columns(())
    try:
        run = importlib.import_module(f"tfflows_cli.{arguments.command}").run
        with warnings_as_lines():
            code = run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader of our output has gone (`tfflows score ... | head`); nothing is wrong, but
        # the interpreter must not try to flush to it again on its way out.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (CommandError, ValueError, OSError, FloatingPointError) as error:
        print(f"tfflows: error: {one_line(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as stopped:
        # What was interrupted may say how to go on.
        print(": ".join(("tfflows: interrupted", *map(str, stopped.args))), file=sys.stderr)
        return 130
    return code or 0
