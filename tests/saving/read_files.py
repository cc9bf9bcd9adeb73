"""Load the files of a folder in a process of its own: ``python -m tests.saving.read_files DIR``.

For each ``NAME.npz`` with events ``x`` and perhaps a ``context`` it loads ``NAME.keras`` and writes
the answers to ``NAME.keras.npz``.
"""

import pathlib
import sys

import numpy as np

import tfflows

from .. import registry  # noqa: F401  registers the models that are not of the package


def main(folder):
    for path in sorted(pathlib.Path(folder).glob("*.keras")):
        given = np.load(path.with_suffix(".npz"))
        model = tfflows.load(path)
        context = given.get("context")
        np.savez(
            path.with_suffix(".keras.npz"),
            log_prob=model.log_prob(given["x"], context=context),
            sample=model.sample(4, seed=3, context=context),
        )


if __name__ == "__main__":
    main(sys.argv[1])
