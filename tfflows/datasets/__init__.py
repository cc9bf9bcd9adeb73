"""Toy densities and small tables to fit, each seeded, split and, where it is known, with its truth.

``load(name, seed=0)`` returns a `Dataset` that unpacks as ``train, val, test``; ``names()`` lists
what can be loaded. The two-dimensional sets carry their exact log density and entropy in nats, so
that a fitted model can be held against the best value that any model can reach.
"""

from tfflows.datasets.dataset import Dataset, Split
from tfflows.datasets.loading import load, names

__all__ = ["Dataset", "Split", "load", "names"]
