"""The plots show what they are given, need no display and leave no global state."""

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from tfflows import datasets, plot
from tfflows.plot import style


@pytest.fixture(autouse=True)
def no_pyplot_figures():
    from matplotlib import pyplot

    before = pyplot.get_fignums()
    yield
    assert pyplot.get_fignums() == before


def _saved(figure, tmp_path):
    path = tmp_path / "figure.png"
    figure.savefig(path)
    return path.stat().st_size


def test_history_shows_both_curves_the_best_epoch_and_the_entropy(tmp_path):
    curves = {"loss": [3.0, 1.0, 0.5], "val_loss": [2.0, 0.8, 0.9]}
    ax = plot.history(curves, entropy=0.289)
    drawn = {line.get_label(): line for line in ax.lines}
    np.testing.assert_allclose(drawn["training"].get_ydata(), curves["loss"])
    np.testing.assert_allclose(drawn["validation"].get_ydata(), curves["val_loss"])
    np.testing.assert_array_equal(drawn["training"].get_xdata(), [1, 2, 3])
    assert "best: 0.800 in epoch 2" in drawn
    assert "entropy of the data: 0.289" in drawn
    assert "nats" in ax.get_ylabel()
    assert _saved(ax.figure, tmp_path) > 5000


def test_history_takes_a_keras_history_without_validation():
    class Holder:
        history = {"loss": [1.0, 0.5]}  # noqa: RUF012

    ax = plot.history(Holder())
    assert [line.get_label() for line in ax.lines] == ["training"]


def test_history_cuts_the_first_epochs_off_the_axis():
    loss = np.concatenate([np.full(4, 1e6), np.full(60, 1.0)])
    ax = plot.history({"loss": loss})
    assert ax.get_ylim()[1] < 10.0


def test_history_draws_on_given_axes_and_refuses_an_empty_history():
    ax = Figure().add_subplot()
    assert plot.history({"loss": [1.0]}, ax=ax) is ax
    with pytest.raises(ValueError, match="loss per epoch; got keys"):
        plot.history({"accuracy": [1.0]})
    with pytest.raises(ValueError, match="loss per epoch"):
        plot.history({"loss": []})


def test_density_has_the_values_and_rectangle_of_the_density(tmp_path):
    data = datasets.load("8gaussians", n=400)
    bounds = ((-4.0, 4.0), (-3.0, 5.0))
    ax = plot.density(data.log_prob, x=data.train, bounds=bounds, resolution=60, columns="ab")
    assert (*ax.get_xlim(), *ax.get_ylim()) == (-4.0, 4.0, -3.0, 5.0)
    mesh = ax.collections[0]
    values = np.asarray(mesh.get_array()).reshape(60, 60)
    across, up = np.linspace(-4, 4, 60), np.linspace(-3, 5, 60)
    expected = np.exp(data.log_prob(np.array([across[40], up[7]])))
    # The second axis of a plotted array runs along x.
    assert values[7, 40] == pytest.approx(expected, rel=1e-4)
    assert len(ax.lines[0].get_xdata()) == 320
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("a", "b")
    assert _saved(ax.figure, tmp_path) > 5000


def test_density_of_a_conditional_model_hands_every_point_the_same_context():
    class Model:
        event_shape = (2,)

        def log_prob(self, x, context=None):
            self.context = context
            return np.zeros(len(x))

    model = Model()
    plot.density(model, context=[0.0, 1.0], resolution=5)
    np.testing.assert_array_equal(model.context, np.tile([0.0, 1.0], (25, 1)))


def test_density_bad_arguments():
    def flat(x):
        return np.zeros(len(x))

    with pytest.raises(ValueError, match=r"two columns; x has shape \(7, 3\)"):
        plot.density(flat, x=np.zeros((7, 3)))
    with pytest.raises(ValueError, match="bounds must be"):
        plot.density(flat, bounds=((1.0, 0.0), (0.0, 1.0)))
    with pytest.raises(ValueError, match="a model with log_prob"):
        plot.density(3.0)
    with pytest.raises(ValueError, match=r"events of shape \(2,\); got \(3,\)"):
        plot.density(type("M", (), {"event_shape": (3,), "log_prob": flat})())


def test_pairs_draws_every_pair_once(tmp_path):
    data = datasets.load("iris")
    rng = np.random.default_rng(0)
    figure = plot.pairs(data.train, rng.normal(size=(500, 4)), data.columns)
    assert len(figure.axes) == 10
    labels = {ax.get_xlabel() for ax in figure.axes} - {""}
    assert labels == set(data.columns)
    scatter = next(ax for ax in figure.axes if ax.collections)
    colors = [to_hex(c) for c in scatter.collections[0].get_facecolors()]
    assert colors.count(style.BLUE.lower()) == colors.count(style.ORANGE.lower()) == 120
    assert _saved(figure, tmp_path) > 5000


def test_pairs_of_one_column_and_of_many(tmp_path):
    rng = np.random.default_rng(0)
    one = plot.pairs(rng.normal(size=(20, 1)), rng.normal(size=(30, 1)))
    assert len(one.axes) == 1
    assert _saved(one, tmp_path) > 3000
    many = plot.pairs(rng.normal(size=(20, 12)), rng.normal(size=(30, 12)), most=3)
    assert len(many.axes) == 6
    assert many.get_suptitle() == "first 3 of 12 columns"


def test_pairs_bad_arguments():
    with pytest.raises(ValueError, match=r"\(5, 2\), samples have shape \(5, 3\)"):
        plot.pairs(np.zeros((5, 2)), np.zeros((5, 3)))
    with pytest.raises(ValueError, match="expected 2 column names"):
        plot.pairs(np.zeros((5, 2)), np.zeros((5, 2)), columns=["a"])
    with pytest.raises(ValueError, match="nothing to draw"):
        plot.pairs(np.zeros((0, 2)), np.zeros((5, 2)))


def test_the_dots_of_a_density_are_explained():
    def flat(x):
        return np.zeros(len(x))

    rows = np.random.default_rng(0).normal(size=(1200, 2))

    def explained(**options):
        legend = plot.density(flat, resolution=5, **options).get_legend()
        return [] if legend is None else [text.get_text() for text in legend.get_texts()]

    assert explained() == explained(x=rows, label="") == []
    assert explained(x=rows) == ["data (500 of 1,200 rows)"]
    assert explained(x=rows[:7], label="test rows") == ["test rows (7 rows)"]


def test_densities_side_by_side_share_their_colors():
    def normal(deviation):
        return lambda x: -0.5 * np.square(x / deviation).sum(-1) - 2.0 * np.log(deviation)

    models = {"narrow": normal(0.5), "wide": normal(2.0), "standard": normal(1.0)}
    figure = plot.side_by_side(models, x=np.zeros((3, 2)), bounds=((-1, 1),) * 2, resolution=9)
    *panels, bar = figure.axes
    assert [ax.get_title() for ax in panels] == list(models)
    meshes = [ax.collections[0] for ax in panels]
    # Up to constants of the normal density, the highest is 1 / 0.5^2.
    np.testing.assert_allclose([mesh.get_clim() for mesh in meshes], [(0.0, 4.0)] * 3)
    np.testing.assert_allclose([mesh.get_array().max() for mesh in meshes], [4.0, 0.25, 1.0])
    assert bar.get_ylabel() == "density (per unit area)"
    logs = plot.side_by_side(models, bounds=((-1, 1),) * 2, resolution=9, scale="log", across=2)
    tops = [ax.collections[0].get_clim()[1] for ax in logs.axes[:3]]
    np.testing.assert_allclose(tops, [np.log(4.0)] * 3)
    (mesh,) = plot.density(models["wide"], resolution=9, peak=4.0).collections
    assert mesh.get_clim() == pytest.approx((0.0, 4.0))
    with pytest.raises(ValueError, match="peak=0"):
        plot.density(models["wide"], peak=0.0)
    with pytest.raises(ValueError, match="nothing to draw"):
        plot.side_by_side({})


@pytest.mark.parametrize("rows, expected", [(15, range(5, 8)), (20_000, range(55, 61))])
def test_bins_follow_the_rows(rows, expected):
    rng = np.random.default_rng(0)
    figure = plot.pairs(rng.normal(size=(rows, 2)), rng.normal(size=(900, 2)))
    bars, outline = figure.axes[0].patches[:-1], figure.axes[0].patches[-1]
    assert len(bars) in expected
    assert sum(bar.get_height() for bar in bars) == pytest.approx(1.0)
    assert len(outline.get_xy()) > 2 * len(bars)
    constant = plot.pairs(np.zeros((15, 1)), np.zeros((15, 1)))
    assert len(constant.axes[0].patches) > 1


def test_pairs_show_training_rows_behind_and_say_what_each_is(tmp_path):
    rng = np.random.default_rng(0)
    data, samples, train = (rng.normal(size=(n, 3)) for n in (15, 400, 120))
    figure = plot.pairs(data, samples, train=train, label="test rows")
    (legend,) = figure.legends
    texts = [text.get_text() for text in legend.get_texts()]
    assert texts == ["training rows (120)", "test rows (15)", "samples (400)"]
    behind, dots = figure.axes[1].collections
    assert len(behind.get_offsets()) == 120 and len(dots.get_offsets()) == 30
    assert behind.get_zorder() < dots.get_zorder()
    with pytest.raises(ValueError, match="same columns"):
        plot.pairs(data, samples, train=train[:, :2])
