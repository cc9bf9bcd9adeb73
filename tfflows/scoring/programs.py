"""The compiled programs of a model."""

import tensorflow as tf

__all__ = ["Programs"]


class Programs:
    """Compiled functions of a model by name and signature; opaque to Keras's tracking.

    Attributes
    ----------
    xla : bool
        Whether XLA has compiled all that it was given.
    """

    __slots__ = ("_by_key", "xla")

    def __init__(self):
        self._by_key = {}
        self.xla = True

    def get(self, name: str, function, signature):
        """Return the program of a function, which is traced with its first call."""
        key = (name, *signature)
        if key not in self._by_key:
            # A signature means one trace for all sizes.
            self._by_key[key] = tf.function(function, input_signature=signature, autograph=False)
        return self._by_key[key]
