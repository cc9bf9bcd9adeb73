"""Pictures of fits: the training history, a density in the plane, a table against samples.

Every function draws on the axes it is given, or makes a figure of its own without touching
``matplotlib.pyplot``, so that it works without a display and changes no global state.
"""

from tfflows.plot.densities import density
from tfflows.plot.histories import history
from tfflows.plot.tables import pairs

__all__ = ["density", "history", "pairs"]
