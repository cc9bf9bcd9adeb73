"""Private names of Keras and TFP for which there are no public ones, each guarded by a test."""

import contextlib
import functools
import inspect
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import TypeVar, cast

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.framework.registry import Registry
from tensorflow_probability import bijectors as tfb

__all__ = [
    "MADE_ATTRIBUTES",
    "OPTIMIZER_LEFT_OUT",
    "REAL_NVP_TEMPLATE",
    "automatic_config",
    "custom_gradient",
    "drawn_order",
    "forget_restored_epoch",
    "forgetting_results",
    "is_increasing",
    "is_real_nvp_template",
    "keep_results_apart",
    "masks_of",
    "own_gradients",
    "profiles_batches",
    "restored_epoch",
]

_Method = TypeVar("_Method", bound=Callable)

#: Arguments of ``tfb.AutoregressiveNetwork``, and the attributes that keep them.
MADE_ATTRIBUTES = {
    "params": "_params",
    "event_shape": "_event_shape",
    "conditional": "_conditional",
    "conditional_event_shape": "_conditional_event_shape",
    "conditional_input_layers": "_conditional_layers",
    "hidden_units": "_hidden_units",
    "input_order": "_input_order_param",
    "hidden_degrees": "_hidden_degrees",
    "activation": "_activation",
    "use_bias": "_use_bias",
    "kernel_initializer": "_kernel_initializer",
    "bias_initializer": "_bias_initializer",
    "kernel_regularizer": "_kernel_regularizer",
    "bias_regularizer": "_bias_regularizer",
    "kernel_constraint": "_kernel_constraint",
    "bias_constraint": "_bias_constraint",
    "validate_args": "_validate_args",
}

#: How the warning begins with which Keras leaves out the state of an optimizer that does not fit.
OPTIMIZER_LEFT_OUT = "Skipping variable loading"

#: The function of TFP that makes the networks of ``tfb.RealNVP``.
REAL_NVP_TEMPLATE = "real_nvp_default_template"


# TFP keeps what bijectors have answered in one dictionary of the process, until nothing refers to
# an answer any more. An answer within a graph refers to that graph, and the graph to all of its
# tensors: neither would ever be let go.


@contextlib.contextmanager
def forgetting_results() -> Iterator[None]:
    """Let TFP's bijectors forget at the end what they answer while a graph is built in here."""
    if tf.executing_eagerly():
        yield
        return
    cache = vars(tfb.Bijector)["_cache"]
    kept, cache.storage = cache.storage, type(cache.storage)()
    try:
        with own_gradients():
            yield
    finally:
        cache.storage = kept


# In a graph, TensorFlow puts the gradient of each `tf.custom_gradient` into a registry of the
# process, for good. The gradient refers to tensors, and these to their graph.

_blocks = threading.local()


@contextlib.contextmanager
def own_gradients() -> Iterator[None]:
    """Let the gradients that a graph registers in here go with this graph."""
    if Registry.register is not _register:
        Registry.register = _register
    # By a name of its own: an error may keep this block open until the module has gone.
    blocks, depth = _blocks, getattr(_blocks, "depth", 0)
    blocks.depth = depth + 1
    try:
        yield
    finally:
        blocks.depth = depth


def custom_gradient(function: Callable) -> Callable:
    """Return `tf.custom_gradient` of a function, whose gradient goes with the graph it is in."""
    return functools.wraps(function)(own_gradients()(tf.custom_gradient(function)))


_registered = Registry.register


def _register(self, candidate, name=None):
    if not getattr(_blocks, "depth", 0) or not str(name).startswith("CustomGradient-"):
        _registered(self, candidate, name)
        return
    # The graph keeps the gradient, and the registry refers to it weakly.
    graph = tf.compat.v1.get_default_graph()
    graph.tfflows_gradients = [*getattr(graph, "tfflows_gradients", ()), candidate]
    _registered(self, _weak(candidate), name)
    weakref.finalize(graph, self._registry.pop, name, None).atexit = False


def _weak(candidate: Callable) -> Callable:
    reference = weakref.ref(candidate)

    def gradient(*arguments):
        return cast(Callable, reference())(*arguments)

    return gradient


def keep_results_apart(bijector: tfb.Bijector) -> None:
    """Let a bijector hold its answers itself, so that they go when it goes."""
    bijector._cache = type(bijector._cache)(bijector=bijector, bijector_class=type(bijector))


def automatic_config(method: _Method) -> _Method:
    """Let Keras record the constructor's arguments where a subclass inherits this `get_config`."""
    vars(method)["_is_default"] = True
    return method


def is_increasing(bijector: tfb.Bijector) -> tf.Tensor:
    """Whether a scalar bijector is increasing, for each of its batch, as TFP asks it for a cdf."""
    return tf.convert_to_tensor(bijector._internal_is_increasing())


def restored_epoch(model: keras.Model) -> int | None:
    """Return the epoch that ``BackupAndRestore`` has restored, once training has begun."""
    return model._initial_epoch


def forget_restored_epoch(model: keras.Model) -> None:
    """Forget the epoch that an earlier run was restored at: Keras would begin there again."""
    model._initial_epoch = None


def profiles_batches(callback: keras.callbacks.TensorBoard) -> bool:
    """Whether a TensorBoard callback profiles batches."""
    return callback._should_trace


def drawn_order(network: tfb.AutoregressiveNetwork) -> np.ndarray:
    """Return the place of each coordinate in the order of a built network of TFP."""
    return np.asarray(network._input_order)


def masks_of(network: tfb.AutoregressiveNetwork) -> list[np.ndarray]:
    """Return the masks of a built network, the very arrays that its constraints hold."""
    return network._masks


def is_real_nvp_template(obj: object) -> bool:
    """Whether an object is a network that TFP's `REAL_NVP_TEMPLATE` has made."""
    if type(obj).__module__.partition(".")[0] != "tensorflow":
        return False
    function = getattr(obj, "func", None)
    made_by = f"{REAL_NVP_TEMPLATE}.<locals>._fn"
    return inspect.isfunction(function) and function.__qualname__ == made_by
