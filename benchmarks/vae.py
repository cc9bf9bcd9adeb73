"""Fit variational autoencoders to scikit-learn's digits, with four kinds of posteriors.

The 8 x 8 gray levels are binarized, 1 where a level is above 7 of 16, and moved by at most one
pixel in each direction: the 1,257 training images in all nine ways, 180 of validation and 360 of
test in one of them, at random. A network of the image makes the parameters of the posterior of 16
latent numbers, which is a normal distribution with axes along the coordinates, alone or carried on
by planar, inverse autoregressive or Sylvester layers; another network makes logits of the pixels.
All four have the same networks and a standard normal prior; the last row has a flow (RealNVP) as
its prior. The weights are those of the best epoch by the images of validation. The numbers are nats
per test image: the negative evidence lower bound (mean over 20 draws) and the importance-weighted
estimate of the negative log-likelihood (200 draws); "gap" is their difference, by which the
posterior misses the true one.

    python benchmarks/vae.py              # three seeds of each; writes results/vae.json
    python benchmarks/vae.py --only Sylvester   # these rows alone; the others stay as they are
"""

import argparse
import json
import pathlib
import time

import keras
import numpy as np
from sklearn.datasets import load_digits

import tfflows
from tfflows import layers, univariates

RESULTS = pathlib.Path(__file__).parent / "results" / "vae.json"
LATENT, PIXELS, HIDDEN = 16, 64, 128
BATCH = 128
LINEAR = {"hidden_units": ()}  # of the features that the encoder's network makes


def data(seed: int) -> list:
    """Return binarized digits for training, validation and test."""
    images = np.pad(load_digits().images > 7, ((0, 0), (1, 1), (1, 1))).astype("float32")
    moved = np.stack([images[:, i : i + 8, j : j + 8] for i in range(3) for j in range(3)], 1)
    moved = moved.reshape(len(images), 9, PIXELS)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(moved))
    train, *held_out = np.split(moved[order], [len(moved) - 540, len(moved) - 360])
    ways = [rng.integers(0, 9, len(part)) for part in held_out]
    one_way = [part[np.arange(len(part)), way] for part, way in zip(held_out, ways, strict=True)]
    return [train.reshape(-1, PIXELS), *one_way]


def planar() -> list:
    return [layers.Invert(layers.Planar(**LINEAR)) for _ in range(8)]


def autoregressive() -> list:
    chain: list = []
    for _ in range(4):
        affine = layers.MaskedAutoregressive(univariates.Affine(), hidden_units=(HIDDEN,))
        chain += [layers.Invert(affine), layers.Reverse()]
    return chain


def sylvester() -> list:
    return [layers.Invert(layers.Sylvester(8, **LINEAR)) for _ in range(4)]


POSTERIORS = {
    "Gaussian": list,
    "planar": planar,
    "IAF": autoregressive,
    "Sylvester": sylvester,
}


def autoencoder(posterior: str, prior: bool = False) -> tfflows.Flow:
    """Return a flow of one layer, an autoencoder with that posterior."""
    encoder = tfflows.Flow(
        [*POSTERIORS[posterior](), layers.Shift(**LINEAR), layers.Scale(**LINEAR)],
        LATENT,
        PIXELS,
        context_network=keras.Sequential(
            [keras.layers.Dense(HIDDEN, "relu"), keras.layers.Dense(HIDDEN, "relu")]
        ),
        standardize_context=False,
    )
    decoder = keras.Sequential(
        [
            keras.layers.Dense(HIDDEN, "relu"),
            keras.layers.Dense(HIDDEN, "relu"),
            keras.layers.Dense(PIXELS),
        ]
    )
    base = tfflows.RealNVP(LATENT, transforms=4, hidden_units=(64,)) if prior else None
    return tfflows.Flow([layers.VAE(encoder, decoder)], PIXELS, base=base)


def fitted(posterior: str, prior: bool, seed: int, epochs: int) -> dict:
    """Return what an autoencoder reaches on the test images."""
    keras.utils.set_random_seed(seed)
    train, validation, test = data(seed)
    flow = autoencoder(posterior, prior)
    rate = keras.optimizers.schedules.CosineDecay(2e-3, epochs * -(-len(train) // BATCH))
    flow.compile(keras.optimizers.Adam(rate, clipnorm=10.0))
    best = keras.callbacks.EarlyStopping(patience=epochs, restore_best_weights=True)
    start = time.perf_counter()
    history = flow.fit(
        train,
        epochs=epochs,
        batch_size=BATCH,
        validation_data=validation,
        callbacks=[best],
        verbose=0,
        seed=seed,
    ).history
    seconds = time.perf_counter() - start
    elbo = np.mean([flow.log_prob(test, seed=number) for number in range(20)])
    log_likelihood = np.mean(flow.log_prob(test, samples=200, seed=0))
    return {
        "negative_elbo": -float(elbo),
        "negative_log_likelihood": -float(log_likelihood),
        "gap": float(log_likelihood - elbo),
        "epochs": len(history["loss"]),
        "train_loss": min(history["loss"]),
        "seconds": seconds,
        "weights": int(flow.count_params()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=25)
    parser.add_argument("--only", nargs="+", choices=[*POSTERIORS, "Sylvester, flow prior"])
    parser.add_argument("--output", type=pathlib.Path, default=RESULTS)
    arguments = parser.parse_args()
    rows = [(name, name, False) for name in POSTERIORS]
    rows.append(("Sylvester, flow prior", "Sylvester", True))
    results: dict = {name: [] for name, *_ in rows if name in (arguments.only or [name])}
    kept = json.loads(arguments.output.read_text()) if arguments.only else {}
    for seed in range(arguments.seeds):
        for name, posterior, prior in rows:
            if name in results:
                results[name].append(fitted(posterior, prior, seed, arguments.epochs))
                print(name, seed, json.dumps(results[name][-1]), flush=True)
        whole = {name: (kept | results).get(name) for name, *_ in rows}
        whole = {name: runs for name, runs in whole.items() if runs}
        arguments.output.write_text(json.dumps(whole, indent=1) + "\n")
    print(f"\n| posterior | -ELBO | -log p(x) | gap |\n{'| --- ' * 4}|")
    for name, runs in whole.items():
        cells = []
        for key in ("negative_elbo", "negative_log_likelihood", "gap"):
            values = [run[key] for run in runs]
            cells.append(f"{np.mean(values):.2f} ± {np.std(values):.2f}")
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
