"""A single context is a batch of one for the networks, which see batches alone."""

import functools
from collections.abc import Callable

import tensorflow as tf
from tensorflow_probability import distributions as tfd

__all__ = ["as_batch", "of_batches"]


def as_batch(context, context_shape: tuple | None) -> tuple:
    """Return contexts with a batch axis, and whether there was none."""
    single = context is not None and context.shape.rank == len(context_shape or ())
    return (context[tf.newaxis] if single else context), single


def of_batches(distribution: Callable) -> Callable:
    """Return a ``distribution(context)`` of a model that also takes a single context.

    The context is checked, and the weights are made, before the method of a user sees it: a wrong
    shape would stay with the networks that it is the first to reach.
    """

    @functools.wraps(distribution)
    def asked(self, context=None):
        context = self._context(context)
        self.build()
        batch, single = as_batch(context, self.context_shape)
        found = distribution(self, batch)
        if not single or found.batch_shape.rank == 0:
            return found
        try:
            return found[0]
        except NotImplementedError:
            return tfd.BatchReshape(found, batch_shape=())

    return asked
