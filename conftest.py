"""What holds for every test: a process of many files lets go of the graphs that it has traced."""

import weakref


def pytest_collection_modifyitems():
    """Let the gradient of a `tf.custom_gradient` go with the graph that it was traced in.

    TensorFlow registers each for good, and so keeps each graph with one: in a whole run several
    gigabytes, through which Python's garbage collector goes again and again. Here the graph keeps
    the gradient, and the registry refers to it weakly.
    """
    import tensorflow as tf
    from tensorflow.python.framework import registry

    def register(self, candidate, name=None):
        if str(name).startswith("CustomGradient-"):
            graph = tf.compat.v1.get_default_graph()
            graph.custom_gradients = [*getattr(graph, "custom_gradients", ()), candidate]
            reference = weakref.ref(candidate)
            registered(self, lambda *args: reference()(*args), name)
        else:
            registered(self, candidate, name)

    if registry.Registry.register.__module__ != __name__:
        registered = registry.Registry.register
        registry.Registry.register = register
