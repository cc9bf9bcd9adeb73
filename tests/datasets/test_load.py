"""Loading: names, seeds, splits, labels and bad arguments."""

import numpy as np
import pytest

from tfflows import datasets

DRAWN = (
    "moons",
    "circles",
    "swiss_roll",
    "blobs",
    "8gaussians",
    "pinwheel",
    "2spirals",
    "checkerboard",
    "rings",
)
TABLES = {"iris": (150, 4, 3), "wine": (178, 13, 3), "digits": (1797, 64, 10)}


def test_names_are_the_documented_ones():
    assert datasets.names() == (*DRAWN, *TABLES)


@pytest.mark.parametrize("name", datasets.names())
def test_parts_are_float32_finite_and_complete(name):
    data = datasets.load(name, seed=3)
    train, val, test = data
    assert all(part.dtype == np.float32 and np.isfinite(part).all() for part in data)
    rows = len(train) + len(val) + len(test)
    expected, width, _ = TABLES.get(name, (10_000, 2, None))
    assert rows == expected
    assert train.shape[1] == width == len(data.columns)
    assert len(val) == len(test) == round(0.1 * rows)
    assert train is data.train and val is data.val and test is data.test


@pytest.mark.parametrize("name", datasets.names())
def test_seed_decides_everything(name):
    first, again, other = (datasets.load(name, seed=seed, n=100) for seed in (4, 4, 5))
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(first.train, other.train)
    if first.labels is not None:
        np.testing.assert_array_equal(first.labels.train, again.labels.train)


@pytest.mark.parametrize("name", TABLES)
def test_table_rows_are_split_without_loss_and_labels_stay_with_their_rows(name):
    from sklearn import datasets as source

    data = datasets.load(name, seed=1, noise=0.0)
    table = getattr(source, f"load_{name}")()
    given = {}
    for row, label in zip(table.data.astype(np.float32), table.target, strict=True):
        given.setdefault(row.tobytes(), []).append(label)
    for rows, labels in zip(data, data.labels, strict=True):
        for row, label in zip(rows, labels, strict=True):
            given[row.tobytes()].remove(label)
    assert not any(given.values())
    assert len(data.classes) == TABLES[name][2]


def test_context_is_the_label_one_hot():
    data = datasets.load("iris", seed=0)
    for rows, labels in zip(data.context, data.labels, strict=True):
        assert rows.dtype == np.float32
        np.testing.assert_array_equal(rows.sum(axis=1), np.ones(len(labels)))
        np.testing.assert_array_equal(rows.argmax(axis=1), labels)


@pytest.mark.parametrize("name", ["swiss_roll", "checkerboard"])
def test_unlabeled_data_has_no_labels_context_or_classes(name):
    data = datasets.load(name, n=50)
    assert data.labels is None and data.context is None and data.classes == ()
    assert data.conditional_entropy is None


def test_moon_labels_name_the_nearer_arc():
    data = datasets.load("moons", n=2000)
    given_outer, given_inner = (data.log_prob(data.train, label) for label in (0, 1))
    np.testing.assert_array_equal(given_inner > given_outer, data.labels.train == 1)


def test_digits_are_dequantized_by_one_gray_level():
    noisy = datasets.load("digits", seed=2)
    plain = datasets.load("digits", seed=2, noise=0.0)
    step = noisy.train - plain.train
    assert step.min() >= 0.0 and step.max() <= 1.0 and 0.45 < step.mean() < 0.55
    assert noisy.train.max() <= 17.0


def test_n_and_splits():
    data = datasets.load("wine", n=60, splits=(0.5, 0.25, 0.25))
    assert [len(part) for part in data] == [30, 15, 15]
    tiny = datasets.load("moons", n=3)
    assert [len(part) for part in tiny] == [1, 1, 1]


@pytest.mark.parametrize("name", TABLES)
def test_tables_have_no_known_density(name):
    data = datasets.load(name)
    assert data.log_prob is None and data.entropy is None and data.conditional_entropy is None


@pytest.mark.parametrize("name", [name for name in DRAWN if name != "checkerboard"])
def test_without_noise_there_is_no_density(name):
    data = datasets.load(name, n=50, noise=0.0)
    assert np.isfinite(data.train).all()
    assert data.log_prob is None and data.entropy is None


def test_unknown_name_offers_the_nearest():
    with pytest.raises(ValueError, match=r"unknown data set 'moon'.*'moons'\?.*checkerboard"):
        datasets.load("moon")
    with pytest.raises(ValueError, match=r"'zzzz'\. Choose from moons"):
        datasets.load("zzzz")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seed": -1}, "seed must be an integer"),
        ({"seed": 0.5}, "seed must be an integer"),
        ({"n": 2}, "n must be an integer of at least 3"),
        ({"noise": -0.1}, "noise must be"),
        ({"noise": float("nan")}, "noise must be"),
        ({"splits": (0.9, 0.1)}, "splits must be"),
        ({"splits": (0.8, 0.3, 0.1)}, "splits must be"),
        ({"splits": (0.9, 0.1, 0.0)}, "splits must be"),
        ({"n": 4, "splits": (0.02, 0.49, 0.49)}, "4 rows leave none for training"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        datasets.load("moons", **arguments)


def test_more_rows_than_the_table_has():
    with pytest.raises(ValueError, match="iris has 150 rows; got n=151"):
        datasets.load("iris", n=151)


def test_checkerboard_takes_no_noise():
    with pytest.raises(ValueError, match="takes no noise"):
        datasets.load("checkerboard", noise=0.1)
