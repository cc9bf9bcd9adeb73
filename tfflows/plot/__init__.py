"""Pictures of data, densities, flows and their parts.

Every function draws on the axes it is given, or makes a figure of its own without touching
``matplotlib.pyplot``, so that it works without a display and changes no global state. In a notebook
what a function returns shows itself where it is the value of a cell, with or without ``%matplotlib
inline``; elsewhere ``IPython.display.display`` shows it, and ``savefig`` of the figure keeps it.
"""

from tfflows.plot.calibrations import calibration
from tfflows.plot.densities import density, side_by_side
from tfflows.plot.estimates import samples
from tfflows.plot.families import univariate
from tfflows.plot.histories import history
from tfflows.plot.latents import latent
from tfflows.plot.live import LiveDensity
from tfflows.plot.marginals import marginals
from tfflows.plot.networks import masks
from tfflows.plot.tables import pairs
from tfflows.plot.transformations import flow

__all__ = [
    "LiveDensity",
    "calibration",
    "density",
    "flow",
    "history",
    "latent",
    "marginals",
    "masks",
    "pairs",
    "samples",
    "side_by_side",
    "univariate",
]
