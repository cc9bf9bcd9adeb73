"""Single steps that a program of the user's own takes, on data that enter as everywhere else."""

import keras

from tfflows.inputs.arrays import check_table
from tfflows.training.compilation import check_compiled, prepare

__all__ = ["test_on_batch", "train_on_batch"]


def train_on_batch(model, x, y=None, sample_weight=None, **kwargs):
    """Take one step on a batch; y is the context, the rest as in Keras."""
    check_compiled(model, "train_on_batch")
    prepare(model)
    return keras.Model.train_on_batch(model, *check_table(model, x, y, sample_weight), **kwargs)


def test_on_batch(model, x, y=None, sample_weight=None, **kwargs):
    """Return loss and metrics of a batch; y is the context, the rest as in Keras."""
    check_compiled(model, "test_on_batch")
    prepare(model)
    return keras.Model.test_on_batch(model, *check_table(model, x, y, sample_weight), **kwargs)
