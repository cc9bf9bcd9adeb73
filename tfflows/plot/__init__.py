"""Pictures of data, densities, flows and their parts.

Every function draws on the axes it is given, or makes a figure of its own without touching
``matplotlib.pyplot``, so that it works without a display and changes no global state.
"""

from tfflows.plot.calibrations import calibration
from tfflows.plot.densities import density
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
    "univariate",
]
