"""Every example of the registry, written and read back in processes of their own."""

import json
import pathlib
import subprocess
import sys

import pytest

SCRIPT = pathlib.Path(__file__).parents[2] / "benchmarks" / "artifacts.py"


@pytest.mark.exhaustive
def test_files_and_saved_models_give_the_same_numbers(tmp_path):
    rows = tmp_path / "rows.json"
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--json", str(rows)],
        capture_output=True,
        text=True,
        timeout=7200,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    for row in json.loads(rows.read_text()):
        for kind in ("keras", "served"):
            assert row[f"{kind} log_prob"] <= 1e-6, row
            assert row[f"{kind} sample"] <= 1e-6, row
        # Each variable once, and the names of what the checkpoint holds.
        assert row["served variables bytes"] <= 4 * row["parameters"] + 20_000, row
