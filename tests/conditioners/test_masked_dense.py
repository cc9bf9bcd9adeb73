"""A masked layer: its product, its weights in their owner, and how a file holds its kernel."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfflows.conditioners.block_masked_matmul import BlockMaskedMatmul
from tfflows.conditioners.masked_dense import MaskedDense, WholeKernel, whole_kernels

MASK = np.triu(np.ones((6, 4), np.float32))
CUTS = {"whole": (None, None), "halves": (3, 2)}


def layer(cut="whole", **options):
    owner = keras.layers.Layer(name="owner")
    options = {"use_bias": True, "context_size": 3, "seed": 1, **options}
    return owner, MaskedDense(owner, BlockMaskedMatmul(MASK, *CUTS[cut]), index=2, **options)


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("cut", CUTS)
def test_the_formula(cut):
    owner, dense = layer(cut)
    owner.set_weights([normal(*w.shape, seed=k) for k, w in enumerate(owner.weights)])
    kernel = dense.kernel.numpy()
    assert kernel.shape == MASK.shape
    np.testing.assert_array_equal(kernel != 0.0, MASK != 0.0)
    x, context, skip = (tf.constant(normal(5, n, seed=n)) for n in (6, 3, 4))
    sizes = [at.stop - at.start for at in dense.product.columns]
    parts = [x] if cut == "whole" else [x[:, :3], x[:, 3:]]
    found = dense(parts, context, tf.split(skip, sizes, -1))
    assert [part.shape[-1] for part in found] == sizes
    offset = context @ dense.context_kernel.numpy() + dense.bias.numpy()
    np.testing.assert_allclose(dense.offset(context), offset, atol=1e-5)
    np.testing.assert_allclose(tf.concat(found, -1), x @ kernel + offset + skip, atol=1e-5)


@pytest.mark.parametrize("cut", CUTS)
def test_without_bias_and_context_nothing_is_added(cut):
    owner, dense = layer(cut, use_bias=False, context_size=None)
    assert dense.bias is None and dense.context_kernel is None and dense.offset() is None
    assert owner.weights == dense.blocks
    x = normal(5, 6)
    parts = [x] if cut == "whole" else [x[:, :3], x[:, 3:]]
    found = tf.concat(dense(list(map(tf.constant, parts))), -1)
    np.testing.assert_allclose(found, x @ dense.kernel.numpy(), atol=1e-6)


def test_weights_belong_to_the_owner_in_order():
    names = {
        "whole": ["kernel_2", "bias_2", "context_kernel_2"],
        "halves": ["kernel_2_0", "kernel_2_1", "kernel_2_2", "bias_2", "context_kernel_2"],
    }
    for cut, expected in names.items():
        owner, dense = layer(cut)
        assert [weight.name for weight in owner.weights] == expected
        for ours, weight in zip(
            [*dense.blocks, dense.bias, dense.context_kernel], owner.weights, strict=True
        ):
            assert ours is weight


def test_blocks_and_whole_kernels_start_alike_and_follow_the_seed():
    (_, whole), (_, halves), (_, other) = layer(), layer("halves"), layer(seed=2)
    np.testing.assert_array_equal(whole.kernel, halves.kernel)
    np.testing.assert_array_equal(whole.bias, halves.bias)
    np.testing.assert_array_equal(whole.context_kernel, halves.context_kernel)
    assert np.any(whole.kernel.numpy() != other.kernel.numpy())


def test_what_starts_at_zero():
    _, dense = layer(zero=True, bias_initializer="ones")
    assert not any(np.any(weight.numpy()) for weight in (*dense.blocks, dense.bias))
    assert not np.any(dense.context_kernel.numpy())
    _, dense = layer(zero_bias=True)
    assert not np.any(dense.bias.numpy())
    assert np.any(dense.kernel.numpy()) and np.any(dense.context_kernel.numpy())
    _, dense = layer(zero_bias=True, bias_initializer="ones")
    np.testing.assert_array_equal(dense.bias, np.ones(4))


def test_the_scale_is_that_of_the_kernel_alone():
    (_, one), (_, tenth) = layer(), layer(scale=0.1)
    np.testing.assert_allclose(tenth.kernel, 0.1 * one.kernel, rtol=1e-6)
    np.testing.assert_array_equal(tenth.bias, one.bias)
    np.testing.assert_array_equal(tenth.context_kernel, one.context_kernel)


def test_regularizers_and_constraints_reach_their_weights():
    _, dense = layer(
        kernel_regularizer=keras.regularizers.L2(0.1),
        kernel_constraint=keras.constraints.NonNeg(),
        bias_regularizer=keras.regularizers.L1(0.2),
        bias_constraint=keras.constraints.UnitNorm(),
    )
    for kernel in (*dense.blocks, dense.context_kernel):
        assert float(kernel.regularizer.l2) == pytest.approx(0.1)
        assert isinstance(kernel.constraint, keras.constraints.NonNeg)
    assert float(dense.bias.regularizer.l1) == pytest.approx(0.2)
    assert isinstance(dense.bias.constraint, keras.constraints.UnitNorm)


def test_products_have_the_compute_dtype_of_the_owner():
    owner = keras.layers.Layer(dtype="mixed_bfloat16")
    dense = MaskedDense(owner, BlockMaskedMatmul(MASK), use_bias=True)
    (found,) = dense([tf.ones([2, 6], tf.bfloat16)])
    assert found.dtype == dense.kernel.dtype == dense.offset().dtype == tf.bfloat16
    assert {weight.dtype for weight in owner.weights} == {"float32"}


@pytest.mark.parametrize("cut", CUTS)
def test_a_file_holds_whole_kernels_among_other_weights(cut):
    owner, dense = layer(cut)
    extra = owner.add_weight(shape=(2,), name="extra")
    stored = whole_kernels([dense], owner.weights)
    assert isinstance(stored[0], WholeKernel)
    assert [tuple(one.shape) for one in stored] == [(6, 4), (4,), (3, 4), (2,)]
    assert stored[1] is dense.bias and stored[-1] is extra
    value = normal(6, 4)
    stored[0].assign(value)
    np.testing.assert_array_equal(dense.kernel, value * MASK)
    # What the mask hides within a block is kept; what lies in no block is zero.
    found = stored[0].numpy()
    if cut == "whole":
        np.testing.assert_array_equal(found, value)
    else:
        np.testing.assert_array_equal(found[:, 2:][:3], value[:, 2:][:3])
        assert not np.any(found[3:, :2])
