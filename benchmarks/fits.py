"""How the quality benchmarks fit a flow: a rate that falls to zero, the best weights kept."""

import time

import numpy as np

ROWS = 2000


def fit(flow, train, *, steps, batch, rate, val=None, weight_decay=0.0, context=None) -> float:
    """Fit by Adam whose rate falls to zero by a cosine; return the seconds that it took.

    With validation rows the weights that scored best on them after an epoch are kept.
    """
    import keras

    per_epoch = -(-len(train) // batch)
    epochs = max(1, round(steps / per_epoch))
    schedule = keras.optimizers.schedules.CosineDecay(rate, epochs * per_epoch)
    optimizer = (
        keras.optimizers.AdamW(schedule, weight_decay=weight_decay, clipnorm=10.0)
        if weight_decay
        else keras.optimizers.Adam(schedule, clipnorm=10.0)
    )
    flow.compile(optimizer)
    options = {}
    if val is not None:
        # As patient as the fit is long: the cosine would be wasted on a fit that stops half-way.
        keep = keras.callbacks.EarlyStopping(
            monitor="val_loss", patience=epochs, restore_best_weights=True
        )
        options = {"validation_data": val, "callbacks": [keep]}
    start = time.perf_counter()
    flow.fit(train, context=context, epochs=epochs, batch_size=batch, verbose=0, **options)
    return time.perf_counter() - start


def score(flow, x) -> np.ndarray:
    """Return log densities, in chunks that a root search in the density can hold."""
    return np.asarray(flow.log_prob(x, batch_size=ROWS), "float64")


def best_seconds(action, turns: int = 3) -> float:
    """Return the shortest time of an action after one that compiles."""
    action()
    times = []
    for _ in range(turns):
        start = time.perf_counter()
        np.asarray(action())
        times.append(time.perf_counter() - start)
    return min(times)


def count(flow) -> int:
    """Return the number of trainable weights."""
    return sum(int(np.prod(weight.shape)) for weight in flow.trainable_weights)
