"""Run the SavedModels of a folder with TensorFlow alone; every other library is hidden.

``python read_served.py FOLDER``: for each ``NAME.npz`` with events ``x`` and perhaps a ``context``
it loads the SavedModel ``NAME.served`` and writes the answers to ``NAME.served.npz``.
"""

import pathlib
import sys

HIDDEN = {"tfflows", "tfflows_cli", "tensorflow_probability", "keras", "tf_keras"}


class Hiding:
    """A finder of modules that finds none of what a serving machine does not have."""

    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in HIDDEN:
            return None
        return self.finder.find_spec(name, path, target)


def answers(served, given, tf):
    """Return what the signatures of a model answer, as arrays by name."""
    known = {key: tf.constant(given[key]) for key in ("x", "context") if key in given}
    known.update(n=tf.constant(4), seed=tf.constant(3))
    found = {}
    for name in sorted(served.signatures, key=lambda name: name == "forward"):
        signature = served.signatures[name]
        if name == "forward":
            known["z"] = found["inverse.z"]
        wanted = signature.structured_input_signature[1]
        answer = signature(**{key: known[key] for key in wanted})
        found.update({f"{name}.{key}": value for key, value in answer.items()})
    return found


def main(folder):
    sys.meta_path[:] = [Hiding(finder) for finder in sys.meta_path]
    import numpy as np
    import tensorflow as tf

    for path in sorted(pathlib.Path(folder).glob("*.served")):
        served = tf.saved_model.load(str(path))
        given = np.load(path.with_suffix(".npz"))
        found = answers(served, given, tf)
        for rows in (0, 1):
            few = {key: tf.constant(given[key][:rows]) for key in given}
            score = served.signatures["serving_default"](**few)["log_prob"]
            assert score.shape == (rows,), (path, rows, score.shape)
        np.savez(path.with_suffix(".served.npz"), **found)
    loaded = {name.partition(".")[0] for name in sys.modules}
    assert not loaded & HIDDEN, loaded & HIDDEN


if __name__ == "__main__":
    main(sys.argv[1])
