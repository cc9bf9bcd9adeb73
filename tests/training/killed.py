"""A training run to be killed, and the one who kills it.

`kills` starts a process that trains a flow with `Resume`, kills it, and starts it over and over.
The processes are forks of one that has imported TensorFlow and done nothing with it, which saves
the seconds that the import takes.
"""

import contextlib
import os
import pathlib
import random
import signal
import subprocess
import sys
import time


def train(folder, result, jit="plain"):
    """Train, say ``training`` after the first steps, and write the final weights."""
    import keras
    import numpy as np

    import tfflows

    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3000, 2)).astype("float32") @ np.array([[1, 0.8], [0, 0.5]], "float32")
    flow = tfflows.MAF(2, transforms=2, hidden_units=(32, 32))
    flow.compile(keras.optimizers.Adam(1e-2), jit_compile=jit == "jit")

    class Herald(keras.callbacks.Callback):
        follows_blocks = True
        silent = True

        def on_train_batch_end(self, batch, logs=None):
            if self.silent:
                print("training", flush=True)
            self.silent = False

    history = flow.fit(
        x,
        epochs=150,
        batch_size=32,
        validation_split=0.1,
        verbose=0,
        callbacks=[
            Herald(),
            tfflows.training.Resume(folder, share=1.0),
            keras.callbacks.EarlyStopping(patience=40, restore_best_weights=True),
            keras.callbacks.ReduceLROnPlateau(patience=2, factor=0.7),
        ],
    )
    np.savez(result, *flow.get_weights(), loss=history.history["loss"])


def serve():
    """Fork for each line of stdin a process that trains; say how each ended."""
    import tfflows  # noqa: F401

    for line in sys.stdin:
        child = os.fork()
        if not child:
            train(*line.split("\t")[:3])
            os._exit(0)
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        print("ended", os.waitstatus_to_exitcode(status), flush=True)


class Forks:
    """The process that forks, seen from the one who kills."""

    def __enter__(self):
        self.process = subprocess.Popen(
            [sys.executable, __file__, "serve"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    def start(self, folder, result, jit):
        """Begin to train, and return the number of the process once it does."""
        print(folder, result, jit, "", sep="\t", file=self.process.stdin, flush=True)
        child = int(self.process.stdout.readline())
        assert self.process.stdout.readline() == "training\n"
        return child

    def code(self):
        """Wait for the end, and return the exit code."""
        word, code = self.process.stdout.readline().split()
        assert word == "ended"
        return int(code)


def differing(one, other):
    """Return the names of the arrays of two files that are not the same, bit by bit."""
    import numpy as np

    with np.load(one) as one, np.load(other) as other:
        names = sorted({*one.files, *other.files})
        return [name for name in names if one[name].tobytes() != other[name].tobytes()]


def kills(room, number, jit="plain", seed=0, span=0.4):
    """Kill training runs `number` times at random moments; return what was seen.

    A run that ends is compared with one that nobody touched, and the next begins.
    """
    room, rng = pathlib.Path(room), random.Random(seed)
    whole = room / "whole.npz"
    seen = {"kills": 0, "kills while writing": 0, "runs": 0, "starts": 0, "differing": []}
    with Forks() as forks:
        forks.start(room / "whole", whole, jit)
        assert forks.code() == 0
        ended = True
        # The last run must end, too: its weights are the ones to compare.
        while seen["kills"] < number or not ended:
            run = seen["runs"]
            folder, result = room / f"run{run}", room / f"run{run}.npz"
            child = forks.start(folder, result, jit)
            seen["starts"] += 1
            if seen["kills"] < number:
                time.sleep(rng.uniform(0.0, span))
                # A write takes a thousandth of a second; every second kill waits for one.
                while seen["kills"] % 2 and not (_writes(folder) or result.exists()):
                    pass
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
            code = forks.code()
            ended = code == 0
            if code == -signal.SIGKILL:
                seen["kills"] += 1
                seen["kills while writing"] += _writes(folder)
            else:
                assert code == 0, code
                seen["runs"] += 1
                seen["differing"] += differing(whole, result)
    return seen


def _writes(folder):
    return any(name.startswith(".resume-") for name in os.listdir(folder))


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve()
    else:
        print(kills(sys.argv[1], int(sys.argv[2]), *sys.argv[3:4]))
