"""A model whose second argument stands where Keras has targets, under `tf.distribute`."""

import keras

__all__ = ["BuiltBySymbols"]


class BuiltBySymbols(keras.Model):
    """A Keras model that knows when it is called for the shape of its result alone.

    Under a strategy Keras builds losses and metrics by calling the model symbolically, on the first
    entry of a batch. A density has its context in the second, and has built its weights before.
    Keras has no public way to say so; what it calls is `_symbolic_build`.
    """

    #: Whether the call is one for shapes, without a context.
    asks_for_shapes = False

    def _symbolic_build(self, iterator=None, data_batch=None):
        self.asks_for_shapes = True
        try:
            super()._symbolic_build(iterator=iterator, data_batch=data_batch)
        finally:
            self.asks_for_shapes = False
