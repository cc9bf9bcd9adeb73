"""What holds for every test: a process of many files lets go of the graphs that it has traced."""

import contextlib

_WHOLE_RUN = contextlib.ExitStack()


def pytest_collection_modifyitems():
    """Let the gradients of tests go with their graphs, as those of the package do.

    TensorFlow keeps them for good: in a whole run several gigabytes, through which Python's garbage
    collector goes again and again.
    """
    from tfflows.privates import own_gradients

    _WHOLE_RUN.enter_context(own_gradients())
