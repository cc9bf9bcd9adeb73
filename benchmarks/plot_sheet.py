"""Draw every plot, on moons, on Iris given the species and on a table of a command line's kind.

python benchmarks/plot_sheet.py sheet        writes sheet/*.png and sheet/fit.gif
"""

import sys
from pathlib import Path

import keras
import numpy as np

import tfflows
from tfflows import layers, plot, univariates


def main(folder: str = "sheet") -> None:
    out = Path(folder)
    out.mkdir(exist_ok=True)

    def save(drawn, name):
        figure = getattr(drawn, "figure", None) or drawn
        figure.savefig(out / f"{name}.png")
        print(out / f"{name}.png")

    keras.utils.set_random_seed(0)
    data = tfflows.datasets.load("moons", n=20_000, seed=0)
    flow = tfflows.NSF(2, transforms=2, hidden_units=(64, 64))
    flow.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(3e-3, 30 * 55)))
    live = plot.LiveDensity(data.val, path=out / "fit.gif", every=5, resolution=80)
    fitted = flow.fit(
        data.train,
        validation_data=data.val,
        epochs=30,
        batch_size=256,
        verbose=0,
        callbacks=[live],
    )
    save(plot.history(fitted, entropy=data.entropy), "history")
    shares = (0.5, 0.9, 0.99)
    save(plot.density(flow, x=data.test, regions=shares), "density_linear")
    save(plot.density(flow, x=data.test, regions=shares, scale="log"), "density_log")
    save(plot.marginals(data.test, flow.sample(5000, seed=0)), "marginals_moons")
    save(plot.pairs(data.test, np.asarray(flow.sample(5000, seed=0))), "pairs_moons")
    save(plot.flow(flow), "flow")
    save(plot.latent(flow, data.test), "latent_moons")
    save(plot.calibration(flow, data.test), "calibration_moons")
    save(plot.masks(flow.bijector_layers[1]), "masks")
    rng = np.random.default_rng(0)
    spline = univariates.RationalQuadraticSpline(bins=6, bound=3.0)
    save(plot.univariate(spline, rng.normal(size=spline.parameter_size)), "univariate")
    sinh = univariates.SinhArcsinh()
    save(plot.univariate(sinh, rng.normal(size=sinh.parameter_size)), "univariate_line")

    iris = tfflows.datasets.load("iris", seed=0)
    linear = [layers.Shift(hidden_units=()), layers.LU(hidden_units=())]
    flow = tfflows.Flow([layers.Standardize(), *linear], 4, 3)
    flow.compile(keras.optimizers.Adam(2e-2))
    flow.fit(iris.train, context=iris.context.train, epochs=300, batch_size=128, verbose=0)
    drawn = np.asarray(flow.sample(20, seed=0, context=iris.context.train)).reshape(-1, 4)
    save(plot.pairs(iris.train, drawn, iris.columns), "pairs_iris")
    save(plot.marginals(iris.train, drawn, iris.columns), "marginals_iris")
    save(plot.latent(flow, iris.train, iris.context.train), "latent_iris")
    save(plot.calibration(flow, iris.train, iris.context.train), "calibration_iris")

    # y given x, with a noise that grows: a table of one modeled column.
    x = rng.uniform(-2.0, 2.0, size=[4000, 1]).astype("float32")
    y = (np.sin(2.0 * x) + (0.1 + 0.3 * np.abs(x)) * rng.normal(size=x.shape)).astype("float32")
    flow = tfflows.NSF(1, 1, transforms=2, hidden_units=(32, 32))
    flow.compile(keras.optimizers.Adam(3e-3))
    flow.fit(y[:3000], context=x[:3000], epochs=40, batch_size=128, verbose=0)
    save(plot.latent(flow, y[3000:], x[3000:]), "latent_table")
    save(plot.calibration(flow, y[3000:], x[3000:]), "calibration_table")


if __name__ == "__main__":
    main(*sys.argv[1:])
