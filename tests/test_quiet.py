"""Importing tfflows shows what ``TF_CPP_MIN_LOG_LEVEL`` asks for, and changes no setting."""

import os
import subprocess
import sys

import pytest

from tfflows import quiet

OLD = b"2024-01-01 00:00:00.000000: %s tensorflow/core/util/port.cc:153] oneDNN custom operations"
NEW = b"%s0000 00:00:1700000000.000001    4242 cudart_stub.cc:31] Could not find cuda drivers"


@pytest.mark.parametrize("record", [OLD, NEW])
@pytest.mark.parametrize("level", range(4))
def test_records_of_a_level_and_above_are_wanted(record, level):
    shown = [letter for letter in "IWEF" if quiet.wanted(record % letter.encode(), level)]
    assert shown == list("IWEF")[level:]


def test_lines_that_are_no_records_are_wanted():
    assert quiet.wanted(b"package/module.py:3: DeprecationWarning: use another\n", 3)
    assert quiet.wanted(b"\n", 3)
    preface = b"WARNING: All log messages before absl::InitializeLog() is called are written\n"
    assert quiet.wanted(preface, 0) and not quiet.wanted(preface, 3)


def run(*command, **variables):
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("TF_CPP", "TF_ENABLE"))}
    environment = {**kept, "PYTHONWARNINGS": "ignore", **variables}
    return subprocess.run(
        [sys.executable, *command], env=environment, capture_output=True, text=True
    )


def test_imported_first_it_is_quiet_and_leaves_the_environment():
    done = run(
        "-c",
        "import os, tfflows\n"
        "print(os.environ.get('TF_CPP_MIN_LOG_LEVEL'), tfflows.random.uniform([3], [0, 0]).shape)",
    )
    assert (done.stdout, done.stderr) == ("None (3,)\n", "")


LOGGING = """
import os
os.write(2, b"I0000 00:00:1.0 1 a.cc:1] a note\\nE0000 00:00:1.0 1 a.cc:1] an error\\nother\\n")
"""


@pytest.mark.parametrize(
    "level, fails, shown",
    [
        (None, False, ["other"]),
        ("3", False, ["other"]),
        ("2", False, ["an error", "other"]),
        ("0", False, ["a note", "an error", "other"]),
        ("anything", False, ["a note", "an error", "other"]),
        (None, True, ["a note", "an error", "other"]),
    ],
)
def test_what_is_asked_for_is_shown_and_after_a_failure_everything(tmp_path, level, fails, shown):
    (tmp_path / "tensorflow.py").write_text(LOGGING + ("raise ImportError" if fails else ""))
    program = "import runpy, sys; sys.path.insert(0, sys.argv[1]); runpy.run_path(sys.argv[2])"
    given = {} if level is None else {"TF_CPP_MIN_LOG_LEVEL": level}
    done = run("-c", program, str(tmp_path), quiet.__file__, **given)
    records = [line.split("] ")[-1] for line in done.stderr.splitlines()]
    assert records[: len(shown)] == shown
    assert (len(records) > len(shown)) == (done.returncode == 1) == fails
