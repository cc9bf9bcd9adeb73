"""Flows of angles."""

import math

import keras

from tfflows import layers, univariates
from tfflows.distributions import CircularUniform
from tfflows.inputs.validation import as_shape
from tfflows.models.flow import Flow
from tfflows.zoo.compose import autoregressive, couplings

__all__ = ["CircularNSF"]


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
    r"""Rational-quadratic splines on circles, for events whose coordinates are angles.

    Every coordinate is a point of the circle ``[-bound, bound)``, and the event one of a torus. The
    base is uniform there; splines of equal slopes at both ends bend each circle; the networks see
    cosine and sine of the angles; learned rotations stand between the layers. So the density is
    continuous everywhere on the torus, also where an angle starts anew. Values outside the interval
    are other names of points inside: the density is the same, and samples are always inside.

    Parameters
    ----------
    event_shape : int or tuple of int
        Shape of an event.
    context_shape : int or tuple of int, optional
        Shape of a context.
    transforms : int
        Number of layers.
    hidden_units : sequence of int
        Widths of each network.
    bins : int
        Bins of each spline.
    bound : float
        Half the circumference, in units of the data: pi for radians, 180 for degrees.
    coupling : bool
        Use couplings, which sample in one pass of each network, in the place of autoregressive
        layers.
    activation : str or callable
        Activation of the networks.
    identity_start : bool
        Start at the uniform distribution; otherwise at random.
    **kwargs
        Arguments of `Flow`: ``base``, ``context_network``, ``dtype``, ``name``.

    Returns
    -------
    Flow
        Layers with rotations (and reversed orders) between them, over a `CircularUniform` base.

    References
    ----------
    Rezende et al. (2020), "Normalizing Flows on Tori and Spheres", arXiv:2002.02428.

    Examples
    --------
    >>> flow = CircularNSF(2, transforms=2, hidden_units=(16,), bound=180.0)
    >>> print(flow.log_prob([[-180.0, 0.0], [180.0, 360.0]]).numpy().round(4))
    [-11.7722 -11.7722]
    """
    dtype = kwargs.get("dtype")

    def family():
        return univariates.RationalQuadraticSpline(bins=bins, bound=bound, boundary="circular")

    def rotation():
        return [layers.Elementwise(univariates.CircularShift(bound=bound), dtype=dtype)]

    common = {
        "event_shape": event_shape,
        "transforms": transforms,
        "hidden_units": hidden_units,
        "activation": activation,
        "identity_start": identity_start,
        "flow_arguments": kwargs,
        "standardize": False,
        "between": rotation,
    }
    chain = (
        couplings(family, **common)
        if coupling
        else autoregressive(family, residual=False, **common)
    )
    if kwargs.get("base") is None:
        kwargs["base"] = CircularUniform(
            as_shape(event_shape, "event_shape"),
            bound,
            keras.dtype_policies.get(dtype).variable_dtype,
        )
    return Flow(chain, event_shape, context_shape, **kwargs)
