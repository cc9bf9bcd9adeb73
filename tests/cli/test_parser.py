"""Arguments, help and version: answered without TensorFlow."""

import subprocess
import sys

import pytest

import tfflows
from tfflows import datasets
from tfflows_cli import main
from tfflows_cli.parser import FLOWS, build_parser

_WITHOUT_TENSORFLOW = """
import sys
from tfflows_cli import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    assert not end.code, end.code
assert "tensorflow" not in sys.modules and "keras" not in sys.modules
assert "numpy" not in sys.modules
"""


@pytest.mark.parametrize(
    "argv",
    [
        ["--help"],
        ["--version"],
        ["fit", "--help"],
        ["sample", "-h"],
        ["score", "-h"],
        ["export", "-h"],
        ["info", "-h"],
        ["check", "-h"],
        ["plot", "-h"],
    ],
)
def test_help_and_version_do_not_import_tensorflow(argv):
    command = [sys.executable, "-c", _WITHOUT_TENSORFLOW, *argv]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "tfflows" in done.stdout
    assert done.stderr == ""


def test_every_prebuilt_flow_has_a_name():
    builders = {"autoregressiveflow", "couplingflow"}
    prebuilt = {name.lower() for name in tfflows.flows.__all__} - builders
    assert {flow.replace("-", "") for flow in FLOWS} == prebuilt


def test_every_option_of_fit_states_its_default():
    options = [action for action in _fit_actions() if action.option_strings]
    assert len(options) > 20
    for action in options:
        if action.dest not in ("help", "resume"):
            assert "(default: " in action.help, action.option_strings


def _fit_actions():
    parser = build_parser()
    (commands,) = (action for action in parser._actions if action.dest == "command")
    return commands.choices["fit"]._actions


def test_help_names_every_data_set_and_flow():
    fit = " ".join(_help(["fit", "--help"]).split())
    for name in (*datasets.names(), *FLOWS):
        assert name in fit


def _help(argv):
    done = subprocess.run(
        [sys.executable, "-m", "tfflows_cli", *argv], capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "required: COMMAND"),
        (["fit"], "required: DATA (see tfflows fit --help)"),
        (["fly"], "invalid choice: 'fly'"),
        (["fit", "moons", "--flow", "gan"], "invalid choice: 'gan'"),
        (["export", "moons-nsf", "--format", "onnx"], "(choose from"),
        (["fit", "moons", "--epochs", "0"], "whole number of at least 1; got '0'"),
        (["fit", "moons", "--hidden", "64,x"], "whole number of at least 1; got 'x'"),
        (["fit", "moons", "--split", "0.9,0.2"], "positive shares of sum 1"),
        (["fit", "moons", "--seed", "-1"], "at least 0; got '-1'"),
        (["fit", "moons", "--columns", "a,,b"], "names separated by commas"),
        (["fit", "moons", "--bounds", "a=1,0"], "expected column=low,high"),
        (["fit", "moons", "--bounds", "0,1"], "expected column=low,high"),
        (["fit", "moons", "--maps", "a=cube"], "with a map out of identity, log"),
        (["fit", "moons", "--dropout", "1"], "a share from 0 to below 1"),
        (["fit", "moons", "--context", "a,a"], "a name is given twice"),
        (["sample", "d", "--context", "a=1", "--context-file", "f"], "not allowed with"),
    ],
)
def test_malformed_arguments_are_one_line_and_code_2(argv, message, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(argv)
    assert stopped.value.code == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("tfflows: error: ") and shown.err.count("\n") == 1
    assert message in shown.err


def test_lists_are_parsed():
    arguments = build_parser().parse_args(
        ["fit", "t.csv", "--hidden", "64,32", "--columns", "a, b", "--split", "0.5,0.5"]
    )
    assert arguments.hidden == (64, 32)
    assert arguments.columns == ("a", "b")
    assert arguments.split == (0.5, 0.5)
    arguments = build_parser().parse_args(
        ["fit", "t", "--bounds", "a=0,1", "--bounds", "b,c=2,", "--maps", "a=log,b=arcsinh"]
    )
    assert arguments.bounds == [("a", 0.0, 1.0), ("b,c", 2.0, float("inf"))]
    assert arguments.maps == {"a": "log", "b": "arcsinh"}
