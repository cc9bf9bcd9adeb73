"""The contestants and their virtual environments, one for each, below ``benchmarks/.venvs``."""

import importlib.util
import os
import subprocess
import sys
import venv
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
FOLDER = HERE / ".venvs"


@dataclass(frozen=True)
class Contestant:
    """A library, what pip needs to install for it, and how its process is started."""

    name: str
    label: str
    requirements: tuple
    packages: tuple  # whose versions a report names
    variables: dict = field(default_factory=dict)

    @property
    def python(self) -> Path:
        """Path of the interpreter of its virtual environment."""
        inside = ("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")
        return FOLDER.joinpath(self.name, *inside)

    def interpreter(self) -> str | None:
        """Return the interpreter to run it with, or None where it is not installed."""
        if self.python.exists() and (FOLDER / self.name / ".complete").exists():
            return str(self.python)
        if self.name == "tfflows" and importlib.util.find_spec("tfflows") is not None:
            return sys.executable
        return None

    def install(self, torch: str = "torch") -> None:
        """Make its virtual environment, or renew one that was left half made."""
        home = FOLDER / self.name
        mark = home / ".complete"
        if mark.exists():
            print(f"{self.name}: {home} is there already", flush=True)
            return
        print(f"{self.name}: installing into {home}", flush=True)
        venv.create(home, with_pip=True, clear=True)
        wanted = [torch if need == "torch" else need for need in self.requirements]
        command = [str(self.python), "-m", "pip", "install", "--quiet", *wanted]
        subprocess.run(command, check=True, cwd=HERE.parent)
        mark.touch()


_TENSORFLOW = ("tensorflow", "tensorflow-probability")

CONTESTANTS = {
    contestant.name: contestant
    for contestant in (
        Contestant(
            "tfflows",
            "tfflows",
            ("-e", ".[tables]"),
            ("tfflows", "keras", *_TENSORFLOW, "numpy"),
        ),
        Contestant(
            "flowjax",
            "FlowJAX",
            ("jax", "flowjax", "optax", "numpy"),
            ("flowjax", "jax", "equinox", "optax", "numpy"),
        ),
        Contestant(
            "zuko",
            "zuko",
            ("torch", "zuko", "numpy"),
            ("zuko", "torch", "numpy"),
        ),
        Contestant(
            "chapter",
            "TFP + Keras 2",
            (
                "tensorflow",
                "tf-keras",
                "tensorflow-probability",
                "numpy",
                "setuptools; python_version >= '3.12'",
            ),
            (*_TENSORFLOW, "tf-keras", "numpy"),
            {"TF_USE_LEGACY_KERAS": "1"},
        ),
    )
}


def set_up(names, torch: str) -> list:
    """Install the contestants of these names; return those that could not be."""
    failed = []
    for name in names:
        try:
            CONTESTANTS[name].install(torch)
        except (subprocess.CalledProcessError, OSError) as error:
            print(f"{name}: could not be installed ({error})", flush=True)
            failed.append(name)
    return failed
