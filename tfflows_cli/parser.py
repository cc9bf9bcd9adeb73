"""Arguments of the command line."""

from __future__ import annotations

import argparse

FORMATS = ("tf_saved_model",)
FLOWS = ("nsf", "coupling-nsf", "maf", "iaf", "realnvp", "nice")

_EXAMPLES = """\
examples:
  tfflows fit moons
  tfflows fit table.csv --columns height,weight --context sex,age --out people
  tfflows sample people -n 1000 --context "sex=f,age=40" -o drawn.csv
  tfflows score people new.csv -o scores.csv
  tfflows fit table.csv --out people --resume
  tfflows export people --format tf_saved_model
  tfflows info people
"""

_FIT = """\
Fit a normalizing flow by maximum likelihood, stop early on the validation rows and keep the
best weights. All log-likelihoods are in nats per row, in the units of the data. Writes to the
output folder: model.keras, schema.json (columns and categories), metrics.json, history.png, and
density.png (two columns without context) or pairs.png. While it trains, resume.ckpt there holds
the state of the training.
"""

_DATA = """\
a data set by name (moons, circles, swiss_roll, blobs, 8gaussians, pinwheel, 2spirals,
checkerboard, rings, iris, wine, digits) or a table: .csv, .tsv, .txt, .npy, .npz, and with
the extra "tables" .xlsx, .parquet, .feather
"""


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str):
        self.exit(2, f"tfflows: error: {message} (see {self.prog} --help)\n")


class _Version(argparse.Action):
    """Look the version up only when it is asked for."""

    def __init__(self, option_strings, dest, **kwargs):
        super().__init__(option_strings, argparse.SUPPRESS, nargs=0, **kwargs)

    def __call__(self, parser, namespace, values, option_string=None):
        from tfflows_cli.version import version

        print(f"tfflows {version()}")
        parser.exit()


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of ``tfflows``."""
    parser = _Parser(
        prog="tfflows",
        description="Normalizing flows for tables: fit a density, sample from it, score rows.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, help="show the version and exit")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_fit(commands)
    _add_sample(commands)
    _add_score(commands)
    _add_export(commands)
    _add_info(commands)
    return parser


def _add_fit(commands) -> None:
    fit = commands.add_parser("fit", help="fit a flow to a data set or a table", description=_FIT)
    fit.add_argument("data", metavar="DATA", help=_DATA)
    fit.add_argument(
        "-o", "--out", metavar="DIR", help="output folder (default: DATA-FLOW in this folder)"
    )
    fit.add_argument(
        "--resume",
        action="store_true",
        help="go on with a fit into this folder that was interrupted, to the same weights; "
        "where there is none, begin",
    )

    data = fit.add_argument_group("data")
    data.add_argument(
        "--columns",
        type=_words,
        metavar="A,B",
        help="columns to model (default: all that are not context)",
    )
    data.add_argument(
        "--context",
        type=_words,
        metavar="A,B",
        default=(),
        help="columns to condition on: numbers, or categories (text, or at most 10 different "
        "integers) that become one-hot; A:number or A:category decides; the classes of a named "
        "data set are the column 'label'",
    )
    _add_reading(data)
    data.add_argument("--dropna", action="store_true", help=f"{_DROPNA} (default: an error)")
    data.add_argument(
        "--test",
        metavar="FILE",
        help="table with the test rows; DATA is then split into training and validation",
    )
    data.add_argument(
        "--split",
        type=_shares,
        metavar="A,B,C",
        help="shares of training, validation and test rows (default: 0.8,0.1,0.1; for a "
        "drawn data set 0.7,0.1,0.2); "
        "A,B with --test (default: 0.9,0.1)",
    )
    data.add_argument(
        "--rows",
        type=_positive,
        metavar="N",
        help="rows of a named data set (default: 60000 of a drawn one, all of a table)",
    )
    data.add_argument(
        "--noise",
        type=float,
        metavar="W",
        help="noise of a named data set; for a table the width of uniform noise added to the "
        "modeled columns, to dequantize whole numbers",
    )

    model = fit.add_argument_group("model")
    model.add_argument("--flow", choices=FLOWS, default="nsf", help="architecture (default: nsf)")
    model.add_argument("--transforms", type=_positive, metavar="N", help="number of layers")
    model.add_argument(
        "--hidden", type=_widths, metavar="W,W", help="widths of the hidden layers of the networks"
    )
    model.add_argument("--bins", type=_positive, metavar="K", help="bins of a spline")

    training = fit.add_argument_group("training")
    training.add_argument("--epochs", type=_positive, metavar="N", help="most epochs")
    training.add_argument("--batch-size", type=_positive, metavar="N", help="rows per step")
    training.add_argument(
        "--learning-rate",
        type=float,
        metavar="R",
        help="first learning rate; it falls to zero along a cosine",
    )
    training.add_argument(
        "--patience",
        type=_positive,
        metavar="N",
        help="epochs without a better validation loss after which training stops",
    )
    training.add_argument("--seed", type=_seed, default=0, help="seed of everything (default: 0)")
    training.add_argument("-q", "--quiet", action="store_true", help="show no progress")


_DROPNA = "drop the rows with missing cells in the columns of the model"


def _add_reading(command) -> None:
    """Add how tables are read."""
    command.add_argument(
        "--key",
        metavar="NAME",
        help="array of an .npz file, or sheet of an .xlsx file (default: the only one)",
    )
    command.add_argument(
        "--encoding",
        metavar="NAME",
        help="encoding of a text file (default: UTF-8, or as it is found)",
    )
    command.add_argument(
        "--decimal",
        choices=(".", ","),
        help="mark before the decimals in a text file (default: as it is found)",
    )


def _add_sample(commands) -> None:
    sample = commands.add_parser(
        "sample", help="draw rows from a fitted flow", description="Draw rows from a fitted flow."
    )
    sample.add_argument("model", metavar="DIR", help="folder that tfflows fit wrote")
    sample.add_argument(
        "-n",
        type=_positive,
        metavar="N",
        help="rows to draw (default: 1000); with --context-file, per row of it (default: 1)",
    )
    sample.add_argument(
        "-o",
        "--out",
        default="-",
        metavar="FILE",
        help=".csv or .npy file (default: CSV on stdout)",
    )
    sample.add_argument("--seed", type=_seed, default=0, help="seed of the draws (default: 0)")
    _add_reading(sample)
    context = sample.add_mutually_exclusive_group()
    context.add_argument(
        "--context",
        action="append",
        metavar="A=V,B=V",
        help="values of the context columns; may be repeated",
    )
    context.add_argument(
        "--context-file", metavar="FILE", help="table whose rows are contexts to draw for"
    )


def _add_score(commands) -> None:
    score = commands.add_parser(
        "score",
        help="log density of the rows of a table",
        description="Write the log density of each row, in nats, in the order of the table.",
    )
    score.add_argument("model", metavar="DIR", help="folder that tfflows fit wrote")
    score.add_argument("data", metavar="DATA", help="table with the columns of the fit")
    score.add_argument(
        "-o",
        "--out",
        default="-",
        metavar="FILE",
        help=".csv or .npy file (default: CSV on stdout)",
    )
    _add_reading(score)
    score.add_argument(
        "--dropna", action="store_true", help="give rows with missing cells the score nan"
    )


_EXPORT = """\
Write a fitted flow as programs that run where tfflows is not installed. tf_saved_model: a
SavedModel with the signatures log_prob (also serving_default), sample, sample_and_log_prob,
forward and inverse, for TensorFlow and TensorFlow Serving.
"""


def _add_export(commands) -> None:
    export = commands.add_parser(
        "export", help="write a fitted flow for a server", description=_EXPORT
    )
    export.add_argument("model", metavar="DIR", help="folder that tfflows fit wrote, or its file")
    export.add_argument(
        "--format", choices=FORMATS, default=FORMATS[0], help=f"format (default: {FORMATS[0]})"
    )
    export.add_argument("-o", "--out", metavar="DIR", help="folder to write (default: DIR/FORMAT)")


def _add_info(commands) -> None:
    info = commands.add_parser(
        "info",
        help="say what a file holds",
        description="Check a file and say what it holds: architecture, shapes, weights, training, "
        "versions.",
    )
    info.add_argument("model", metavar="FILE", help=".keras file, or folder that tfflows fit wrote")


def _words(text: str) -> tuple[str, ...]:
    words = tuple(word.strip() for word in text.split(","))
    if not all(words):
        raise argparse.ArgumentTypeError(f"expected names separated by commas; got {text!r}")
    if len(set(words)) < len(words):
        raise argparse.ArgumentTypeError(f"a name is given twice in {text!r}")
    return words


def _positive(text: str) -> int:
    if not text.strip().isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1; got {text!r}")
    return int(text)


def _seed(text: str) -> int:
    if not text.strip().isdecimal():
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 0; got {text!r}")
    return int(text)


def _widths(text: str) -> tuple[int, ...]:
    return tuple(_positive(word) for word in text.split(","))


def _shares(text: str) -> tuple[float, ...]:
    try:
        shares = tuple(float(word) for word in text.split(","))
    except ValueError:
        shares = ()
    if len(shares) not in (2, 3) or min(shares) <= 0 or abs(sum(shares) - 1.0) > 1e-6:
        raise argparse.ArgumentTypeError(
            f"expected two or three positive shares of sum 1, such as 0.8,0.1,0.1; got {text!r}"
        )
    return shares
