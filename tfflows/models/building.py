"""How a density model, the first argument of each function, gets its weights."""

import tensorflow as tf

__all__ = ["build", "build_from_config", "get_build_config"]


def build(self, x_shape=None, context_shape=None):
    """Create the weights by one density of a blank event; where that fails, nothing is built."""
    if self.built:
        return
    shapes = self.event_shape, self.context_shape
    x, context = (None if s is None else tf.zeros([1, *s], self.variable_dtype) for s in shapes)
    self.built = True
    try:
        self._log_density(x, context)
    except BaseException:
        self.built = False
        raise


def get_build_config(self):
    """Return the shapes, which say to Keras that the model is to be built when it is loaded."""
    return {"event_shape": self.event_shape, "context_shape": self.context_shape}


def build_from_config(self, config):
    """Build from what the constructor was given."""
    self.build()
