"""Arguments of the command line."""

from __future__ import annotations

import argparse

FORMATS = ("tf_saved_model",)
# The prebuilt flows: their names in Python without capitals, hyphens for people.
FLOWS = (
    "nsf",
    "coupling-nsf",
    "linear-rational-nsf",
    "circular-nsf",
    "maf",
    "iaf",
    "realnvp",
    "nice",
    "flow-plus-plus",
    "bpf",
    "naf",
    "sospf",
    "unaf",
    "bnaf",
    "gf",
    "gmm",
    "sinh-arcsinh-normal",
    "triangular-normal",
    "planar-flow",
    "radial-flow",
    "residual-flow",
    "cnf",
    "sylvester-flow",
    "householder-flow",
)
MAPS = ("identity", "log", "softplus", "arcsinh")
KINDS = ("density", "pairs", "marginals", "latent", "calibration", "history")

_EXAMPLES = """\
examples:
  tfflows fit moons
  tfflows fit table.csv --columns height,weight --context sex,age --out people
  tfflows sample people -n 1000 --context "sex=f,age=40" -o drawn.csv
  tfflows score people new.csv -o scores.csv
  tfflows check people held_out.csv --train table.csv
  tfflows plot people new.csv --kind pairs -o pairs.png
  tfflows fit table.csv --out people --resume
  tfflows export people --format tf_saved_model
  tfflows info people
"""

_FIT = """\
Fit a normalizing flow by maximum likelihood, stop early on the validation rows and keep the
best weights. All log-likelihoods are in nats per row, in the units of the data. Writes to the
output folder: model.keras, schema.json (columns and categories), metrics.json, history.png, and
density.png (two columns without context) or pairs.png. Beside the NLL stand those of a Gaussian
and of independent columns, and the flow is checked on the test rows. While it trains, resume.ckpt
in the folder holds the state of the training.
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
    _add_check(commands)
    _add_plot(commands)
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
        "--force", action="store_true", help="replace the fit that the folder holds (default: ask)"
    )
    fit.add_argument(
        "--resume",
        action="store_true",
        help="go on with a fit into this folder that was interrupted, to the same weights; "
        "where there is none, begin",
    )
    fit.add_argument(
        "--no-check",
        dest="check",
        action="store_false",
        help="skip the check after the fit (default: check, and print the lines that fail)",
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
        "data set are the column 'label' (default: none)",
    )
    _add_reading(data)
    data.add_argument("--dropna", action="store_true", help=f"{_DROPNA} (default: an error)")
    data.add_argument(
        "--test",
        metavar="FILE",
        help="table with the test rows; DATA is then split into training and validation "
        "(default: the last share of DATA)",
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
        help="noise of a named data set; for a table the step of the grid, such as 1 for whole "
        "numbers, on which columns stand: these are dequantized, and draws are on the grid again "
        "(default: none)",
    )
    data.add_argument(
        "--bounds",
        type=_bounds,
        action="extend",
        default=[],
        metavar="A=L,H",
        help="ends of what a column can be, such as share=0,1 or price=0, (no upper end); draws "
        "stay within; may be repeated (default: none)",
    )
    data.add_argument(
        "--maps",
        type=_maps,
        default="auto",
        metavar="auto|none|A=M,B=M",
        help=f"map of a column before all else: {', '.join(MAPS)} (default: auto, by the skewness "
        "and the tails of the training rows)",
    )

    model = fit.add_argument_group("model")
    model.add_argument("--flow", choices=FLOWS, default="nsf", help="architecture (default: nsf)")
    model.add_argument(
        "--transforms",
        type=_positive,
        metavar="N",
        help="number of layers (default: that of the flow, 3 of nsf and maf)",
    )
    model.add_argument(
        "--hidden",
        type=_widths,
        metavar="W,W",
        help="widths of the hidden layers of the networks (default: those of the flow, 128,128 of "
        "nsf and 64,64 of maf)",
    )
    model.add_argument("--bins", type=_positive, metavar="K", help="bins of a spline (default: 8)")
    model.add_argument(
        "--bound",
        type=float,
        metavar="B",
        help="half-width of the box in which splines bend, in standard deviations (default: 5); "
        "of circular-nsf half a turn in units of the data (default: pi)",
    )
    model.add_argument(
        "--linear",
        action="store_true",
        help="learned linear maps of all columns between the layers, good for ten columns and "
        "more (default: none)",
    )
    model.add_argument(
        "--dropout",
        type=_share,
        metavar="P",
        help="share of the hidden units that is dropped in training, against overfitting "
        "(default: 0)",
    )

    training = fit.add_argument_group("training")
    training.add_argument(
        "--epochs",
        type=_positive,
        metavar="N",
        help="most epochs (default: 5 to 200, fewer for more rows)",
    )
    training.add_argument(
        "--batch-size",
        type=_positive,
        metavar="N",
        help="rows per step (default: 16 to 512, a 64th of the rows)",
    )
    training.add_argument(
        "--learning-rate",
        type=float,
        metavar="R",
        help="first learning rate; it falls to zero along a cosine (default: 0.005 with batches "
        "of 512, less with smaller ones)",
    )
    training.add_argument(
        "--patience",
        type=_positive,
        metavar="N",
        help="epochs without a better validation loss after which training stops (default: a "
        "third of the epochs, at least 10)",
    )
    training.add_argument("--seed", type=_seed, default=0, help="seed of everything (default: 0)")
    training.add_argument(
        "-q", "--quiet", action="store_true", help="show no progress (default: show it)"
    )


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
        help="values of the context columns; may be repeated; for values with commas there is "
        "--context-file",
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


_CHECK = """\
Look for what is silently wrong with a fitted flow, on rows that it was not fitted to: round trips,
log-determinants, calibration, draws against data, overfitting. Exit code 1 if a line fails.
"""


def _add_check(commands) -> None:
    check = commands.add_parser(
        "check", help="look for what is wrong with a fitted flow", description=_CHECK
    )
    check.add_argument("model", metavar="DIR", help="folder that tfflows fit wrote")
    check.add_argument("data", metavar="DATA", help="table with rows that it was not fitted to")
    check.add_argument(
        "--train", metavar="FILE", help="table with the training rows, to look for overfitting"
    )
    _add_reading(check)
    check.add_argument("--dropna", action="store_true", help=f"{_DROPNA} (default: an error)")
    check.add_argument("--seed", type=_seed, default=0, help="seed of what is drawn (default: 0)")


_PLOT = """\
Draw a picture of a fitted flow. density: two columns without context; pairs and marginals: draws
against the rows of DATA; latent: the rows in latent space, which should look like the base;
calibration: whether stated probabilities come true; history: the losses of the training.
"""


def _add_plot(commands) -> None:
    plot = commands.add_parser("plot", help="draw a fitted flow", description=_PLOT)
    plot.add_argument("model", metavar="DIR", help="folder that tfflows fit wrote")
    plot.add_argument(
        "data", metavar="DATA", nargs="?", help="table with rows to draw; history needs none"
    )
    plot.add_argument(
        "--kind", choices=KINDS, default="pairs", help="what to draw (default: pairs)"
    )
    plot.add_argument(
        "-o", "--out", metavar="FILE", help=".png, .pdf or .svg file (default: KIND.png)"
    )
    _add_reading(plot)
    plot.add_argument("--dropna", action="store_true", help=f"{_DROPNA} (default: an error)")
    plot.add_argument("--seed", type=_seed, default=0, help="seed of the draws (default: 0)")


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


def _maps(text: str) -> str | dict[str, str]:
    if text in ("auto", "none"):
        return text
    maps = dict(word.strip().rpartition("=")[::2] for word in text.split(","))
    for name, kind in maps.items():
        if not name or kind not in MAPS:
            raise argparse.ArgumentTypeError(
                f"expected auto, none, or column=map with a map out of {', '.join(MAPS)}; "
                f"got {text!r}"
            )
    return maps


def _bounds(text: str) -> list[tuple[str, float, float]]:
    name, _, ends = text.rpartition("=")
    try:
        low, high = (
            float(word) if word.strip() else default
            for word, default in zip(ends.split(","), (float("-inf"), float("inf")), strict=True)
        )
    except ValueError:
        low, high = 1.0, 0.0
    if not name or not low < high or low == float("-inf"):
        raise argparse.ArgumentTypeError(
            f"expected column=low,high such as share=0,1, or column=low, for no upper end; "
            f"got {text!r}"
        )
    return [(name, low, high)]


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0.0 <= share < 1.0:
        raise argparse.ArgumentTypeError(f"expected a share from 0 to below 1; got {text!r}")
    return share


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
