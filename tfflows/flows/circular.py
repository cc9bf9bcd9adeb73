"""Flows of angles."""

import math

from tfflows import univariates
from tfflows.flows.arguments import extends
from tfflows.flows.builders import AutoregressiveFlow, CouplingFlow
from tfflows.models import Flow

__all__ = ["CircularNSF"]


@extends(AutoregressiveFlow, CouplingFlow, fixed=("univariate", "linear"))
def CircularNSF(
    event_shape,
    context_shape=None,
    transforms: int = 3,
    hidden_units=(128, 128),
    bins: int = 8,
    bound: float = math.pi,
    coupling: bool = False,
    activation="relu",
    identity_start: bool = True,
    **kwargs,
) -> Flow:
    """Rational-quadratic splines on circles, for events whose coordinates are angles.

    Every coordinate is a point of the circle ``[-bound, bound)``, and the event one of a torus. The
    base is uniform there; splines of equal slopes at both ends bend each circle; the networks see
    cosine and sine of the angles; learned rotations stand between the layers. So the density is
    continuous everywhere on the torus, also where an angle starts anew. Values outside the interval
    are other names of points inside: the density is the same, and samples are always inside.

    Parameters
    ----------
    bins : int
        Bins of each spline.
    bound : float
        Half the circumference, in units of the data: pi for radians, 180 for degrees.
    coupling : bool
        Use couplings, which sample in one pass of each network, in the place of autoregressive
        layers.
    **kwargs
        Further arguments are those of `AutoregressiveFlow` or, with `coupling`, of `CouplingFlow`.

    References
    ----------
    Rezende et al. (2020), "Normalizing Flows on Tori and Spheres", arXiv:2002.02428.

    Examples
    --------
    >>> flow = CircularNSF(2, transforms=2, hidden_units=(16,), bound=180.0)
    >>> print(flow.log_prob([[-180.0, 0.0], [180.0, 360.0]]).numpy().round(4))
    [-11.7722 -11.7722]
    """
    builder = CouplingFlow if coupling else AutoregressiveFlow
    return builder(
        event_shape,
        context_shape,
        univariates.RationalQuadraticSpline(bins=bins, bound=bound, boundary="circular"),
        transforms,
        hidden_units,
        activation,
        identity_start=identity_start,
        **kwargs,
    )
