"""A training run to be killed, and the one who kills it.

``python killed.py FOLDER RESULT [jit]`` trains a flow with `Resume` in FOLDER and writes its final
weights to RESULT; it says ``training`` after the first steps. `kills` starts that over and over.
"""

import os
import pathlib
import random
import signal
import subprocess
import sys
import time


def main(folder, result, jit="plain"):
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
    print(f"done after {len(history.history['loss'])} epochs", flush=True)


def start(folder, result, jit):
    return subprocess.Popen(
        [sys.executable, __file__, str(folder), str(result), jit],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def differing(one, other):
    """Return the names of the arrays of two files that are not the same, bit by bit."""
    import numpy as np

    one, other = np.load(one), np.load(other)
    names = sorted({*one.files, *other.files})
    return [name for name in names if one[name].tobytes() != other[name].tobytes()]


def kills(room, number, jit="plain", seed=0, span=0.4):
    """Kill training runs `number` times at random moments; return what was seen.

    A run that ends is compared with one that nobody touched, and the next begins.
    """
    room, rng = pathlib.Path(room), random.Random(seed)
    whole = room / "whole.npz"
    process = start(room / "whole", whole, jit)
    assert process.stdout.readline() == "training\n"
    begin = time.perf_counter()
    process.wait()
    seen = {"seconds of training": round(time.perf_counter() - begin, 2)}
    seen.update({"kills": 0, "kills while writing": 0, "runs": 0, "starts": 0, "differing": []})
    ended = True
    # The last run must end, too: its weights are the ones to compare.
    while seen["kills"] < number or not ended:
        run = seen["runs"]
        folder, result = room / f"run{run}", room / f"run{run}.npz"
        process = start(folder, result, jit)
        seen["starts"] += 1
        assert process.stdout.readline() == "training\n"
        if seen["kills"] < number:
            time.sleep(rng.uniform(0.0, span))
            # A write takes a thousandth of a second; every second kill waits for one.
            while seen["kills"] % 2 and process.poll() is None and not _writes(folder):
                pass
            process.send_signal(signal.SIGKILL)
        code = process.wait()
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
    if sys.argv[1] == "kill":
        print(kills(sys.argv[2], int(sys.argv[3]), *sys.argv[4:5]))
    else:
        main(*sys.argv[1:])
