"""Random numbers: the same in every mode of execution, for seeds known only at run time."""

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf
import tensorflow_probability as tfp

import tfflows
from tfflows.distributions import CircularUniform, StandardNormal
from tfflows.random import bits, fold_in, normal, uniform

# Of a negative number in a seed XLA may make another one.
SEEDS = [(0, 1), (-5, 2**31 - 1), (2**31 - 1, -(2**31)), (3, -1)]
ROUNDING = {"float64": 1e-14, "float32": 2e-6, "float16": 2e-3, "bfloat16": 2e-2}
STORED = {
    "bits": [3272246379, 716464970, 1152537568],
    "fold_in": [-1022720917, 5],
    ("uniform", "float32"): [0.17734718322753906, 0.6336438655853271, 0.23911011219024658],
    ("uniform", "float64"): [0.41877808726140087, 0.9128816868150376, 0.884946444058466],
    ("normal", "float32"): [-1.3846133947372437, -1.2418283224105835, -1.691568374633789],
    ("normal", "float64"): [-0.6866870496975795, 1.1266273313957595, 0.46956828990972854],
}


def program(function, mode, rank=2):
    """Return `function` of a seed that is known only at run time, in a mode of execution."""
    if mode == "eager":
        return function
    if mode == "XLA loop":

        def looped(seed):
            # Three rounds, of which the last one gets the seed.
            start = seed - tf.constant([2, 0, 0][:rank])
            nothing = tf.nest.map_structure(tf.zeros_like, function(start))
            return tf.while_loop(
                lambda step, _: step < 3,
                lambda step, _: (step + 1, function(start + tf.stack([step, 0, 0][:rank]))),
                (0, nothing),
            )[1]

        return program(looped, "XLA", rank)
    return tf.function(
        function,
        input_signature=[tf.TensorSpec([rank], tf.int32)],
        jit_compile=mode == "XLA",
        autograph=False,
    )


every_mode = pytest.mark.parametrize("mode", ["eager", "graph", "XLA", "XLA loop"])


@every_mode
def test_every_mode_draws_what_tensorflow_draws_eagerly(mode):
    shape = [37, 3]

    def draw(seed):
        return bits(shape, seed), uniform(shape, seed), normal(shape, seed)

    run = program(draw, mode)
    for seed in SEEDS:
        words, u, z = run(tf.constant(seed))
        expected = tf.random.stateless_uniform(shape, seed, None, None, tf.uint32, alg="philox")
        np.testing.assert_array_equal(words, expected)
        np.testing.assert_array_equal(u, tf.random.stateless_uniform(shape, seed, alg="philox"))
        expected = tf.random.stateless_normal(shape, seed, alg="philox")
        np.testing.assert_allclose(z, expected, rtol=0, atol=2e-6)


@every_mode
def test_other_dtypes(mode):
    shape = [5, 3]

    def draw(seed):
        return {
            (dtype, function): function(shape, seed, dtype)
            for dtype in ("float64", "float16", "bfloat16")
            for function in (uniform, normal)
        }

    run = program(lambda seed: list(draw(seed).values()), mode)
    for seed in SEEDS:
        for (dtype, function), drawn in zip(draw(seed), run(tf.constant(seed)), strict=True):
            of_tensorflow = getattr(tf.random, f"stateless_{function.__name__}")
            expected = of_tensorflow(shape, seed, dtype=dtype, alg="philox")
            assert drawn.dtype == dtype
            np.testing.assert_allclose(
                *(tf.cast(numbers, tf.float64) for numbers in (drawn, expected)),
                rtol=0,
                atol=0 if function is uniform else ROUNDING[dtype],
            )


def test_many_draws_are_within_the_tolerance():
    z = tf.function(lambda seed: normal([400_000], seed), jit_compile=True)(tf.constant([-5, 7]))
    expected = tf.random.stateless_normal([400_000], [-5, 7], alg="philox")
    np.testing.assert_allclose(z, expected, rtol=0, atol=2e-6)
    np.testing.assert_allclose(normal([400_000], [-5, 7]), expected, rtol=0, atol=2e-6)


def test_stored_numbers():
    assert bits([3], [0, 1]).numpy().tolist() == STORED["bits"]
    assert fold_in([0, 1], 5).numpy().tolist() == STORED["fold_in"]
    for draw in (uniform, normal):
        for dtype in ("float32", "float64"):
            np.testing.assert_allclose(
                draw([3], [-7, 9], dtype),
                STORED[draw.__name__, dtype],
                rtol=0,
                atol=ROUNDING[dtype],
            )


@pytest.mark.parametrize("mode", ["eager", "graph", "XLA"])
def test_shapes(mode):
    shapes = [[], [1], [0], [0, 3], [2, 0], [3, 5], [2, 3, 7]]
    drawn = program(lambda seed: [(bits(s, seed), normal(s, seed)) for s in shapes], mode)(
        tf.constant([3, -1])
    )
    for shape, (words, z) in zip(shapes, drawn, strict=True):
        assert words.shape == shape
        expected = tf.random.stateless_normal(shape, [3, -1], alg="philox")
        np.testing.assert_allclose(z, expected, rtol=0, atol=2e-6)


def test_dynamic_shapes_share_a_program():
    @tf.function(input_signature=[tf.TensorSpec([], tf.int32), tf.TensorSpec([3], tf.int32)])
    def draw(rows, seed):
        z = normal([rows, 3], seed)
        assert z.shape.as_list() == [None, 3]
        return z

    for rows in (0, 1, 6):
        expected = normal([rows, 3], [1, 2, 5])
        np.testing.assert_allclose(draw(rows, [1, 2, 5]), expected, rtol=0, atol=2e-6)
        shape = tf.constant([rows, 3])
        np.testing.assert_array_equal(normal(shape, [1, 2, 5]), expected)


@every_mode
def test_a_row_begins_a_longer_table(mode):
    # Other sizes differ in arithmetic alone, and each would take XLA as long to compile.
    exact = [(3,), (2, 3)] if mode.startswith("XLA") else [(), (1,), (2,), (3,), (4,), (2, 3)]

    def draw(rows, seed):
        return (
            [bits((rows, *columns), seed) for columns in exact]
            + [uniform((rows, 3), seed), uniform((rows, 3), seed, "float64")],
            [normal((rows, 3), seed), normal((rows, 3), seed, "float64")],
        )

    run = program(lambda seed: draw(6, seed), mode, rank=3)
    tables = draw(40, [-7, 9])
    for row in (0, 1, 2, 3, 4, 5, 33):
        parts = run(tf.constant([-7, 9, row]))
        for part, table in zip(parts[0], tables[0], strict=True):
            np.testing.assert_array_equal(part, table[row : row + 6])
        for part, table in zip(parts[1], tables[1], strict=True):
            np.testing.assert_allclose(part, table[row : row + 6], rtol=0, atol=2e-6)


def test_xla_compiles_one_program_for_all_seeds():
    run = program(lambda seed: (bits([6, 3], seed), normal([6, 3], seed)), "XLA", rank=3)
    first, second = (
        run.experimental_get_compiler_ir(tf.constant(seed))(stage="hlo")
        for seed in ([1, 2, 0], [-3, 4, 5])
    )
    assert first == second


def test_rows_far_down_do_not_overflow():
    row = 2**31 - 1000
    whole, part = (uniform([500, 7], [1, 2, first]) for first in (row, row + 400))
    np.testing.assert_array_equal(whole[400:], part[:100])
    assert not np.any(np.isin(part, uniform([1000, 7], [1, 2])).all(axis=1))


@every_mode
def test_fold_in(mode):
    def folded(seed):
        return fold_in(seed, 4), fold_in(seed, seed[1]), fold_in(fold_in(seed, 1), 4)

    pairs, rows = program(folded, mode), program(folded, mode, rank=3)
    for seed in SEEDS:
        expected = folded(seed)
        for by_pair, by_row, pair in zip(
            pairs(tf.constant(seed)), rows(tf.constant((*seed, 17))), expected, strict=True
        ):
            np.testing.assert_array_equal(by_pair, pair)
            np.testing.assert_array_equal(by_row, [*pair, 17])
        assert len({tuple(pair.numpy()) for pair in (*expected, tf.constant(seed))}) == 4


def test_streams_are_independent():
    z = [normal([50_000], seed) for seed in ([0, 3], fold_in([0, 3], 0), fold_in([0, 3], 1))]
    assert np.abs(np.corrcoef(z) - np.eye(3)).max() < 0.015


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("draw", "law"), [(uniform, "uniform"), (normal, "norm")])
def test_distribution(draw, law, dtype):
    x = draw([50_000, 3], [0, 11, 7], dtype).numpy().astype("float64")
    for axis in range(3):
        assert scipy.stats.kstest(x[:, axis], law).pvalue > 1e-3
    assert np.abs(np.corrcoef(x, rowvar=False) - np.eye(3)).max() < 0.015
    mean, variance = getattr(scipy.stats, law).stats()
    assert abs(x.mean() - mean) < 0.01 and abs(x.var() - variance) < 0.01
    if draw is uniform:
        assert x.min() >= 0.0 and x.max() < 1.0
    else:
        assert abs((x**3).mean()) < 0.03 and abs((x**4).mean() - 3.0) < 0.08


@every_mode
@pytest.mark.parametrize("base", [StandardNormal, CircularUniform])
def test_bases_draw_the_rows_that_a_seed_names(base, mode):
    base = base(3)
    table = base.sample(20, seed=(-4, 9))
    part, density = program(
        lambda seed: base.experimental_sample_and_log_prob(6, seed=seed), mode, rank=3
    )(tf.constant([-4, 9, 11]))
    np.testing.assert_allclose(part, table[11:17], rtol=0, atol=2e-6)
    np.testing.assert_allclose(density, base.log_prob(table[11:17]), rtol=1e-5)
    wide = tfp.distributions.BatchBroadcast(base, [2]).sample(5, seed=[-4, 9, 3])
    np.testing.assert_allclose(wide, tf.reshape(table[3:13], [5, 2, 3]), rtol=0, atol=2e-6)


def test_a_flow_draws_the_rows_that_a_seed_names():
    distribution = tfflows.RealNVP(3, transforms=2, hidden_units=(8,)).distribution()
    table = distribution.sample(20, seed=(-4, 9))
    part = distribution.sample(6, seed=(-4, 9, 11))
    np.testing.assert_allclose(part, table[11:17], rtol=0, atol=2e-6)


@pytest.mark.parametrize("seed", [3, [1], [1, 2, 3, 4], [[1, 2]]])
def test_seeds_of_other_shapes_are_refused(seed):
    for call in (bits, uniform, normal):
        with pytest.raises(ValueError, match="seed must be two ints, or two and a row"):
            call([2], seed)
    with pytest.raises(ValueError, match="seed must be two ints, or two and a row"):
        fold_in(seed, 1)


def test_other_dtypes_are_refused():
    for draw in (uniform, normal):
        with pytest.raises(ValueError, match="dtype='int32': expected float16, bfloat16, float32"):
            draw([2], [0, 1], "int32")
