"""What holds for every test: a process of many files lets go of the graphs that it has traced."""

import gc
import sys

import pytest

#: So many graphs may stay; to collect them takes the time of a short test.
_KEPT = 100


@pytest.hookimpl(trylast=True)  # after the fixtures of the file
def pytest_runtest_teardown(item, nextitem):
    """Forget the gradients of functions that earlier files have traced.

    TensorFlow registers each `tf.custom_gradient` of a graph for good, and with it the graph: in a
    whole run several gigabytes, through which Python's garbage collector goes again and again.
    """
    ops = sys.modules.get("tensorflow.python.framework.ops")
    if ops is None or (nextitem is not None and nextitem.path == item.path):
        return
    registered = ops.gradient_registry._registry
    traced = [name for name in registered if name.startswith("CustomGradient-")]
    if len(traced) > _KEPT:
        for name in traced:
            del registered[name]
        gc.collect()
