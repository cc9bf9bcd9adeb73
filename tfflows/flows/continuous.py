"""Flows of learned velocities."""

from collections.abc import Sequence

from tfflows import layers
from tfflows.flows.arguments import extends
from tfflows.flows.stack import stack
from tfflows.models import Flow

__all__ = ["CNF"]

_WITHOUT = {
    "dropout": "the velocity must be the same at each evaluation",
    "linear": "its layer acts on all coordinates anyway",
    "identity_start": "it starts as the identity",
    "transforms": "velocities after each other are one velocity that changes with time",
}


@extends(Flow, fixed=("bijectors",), without=_WITHOUT)
def CNF(
    event_shape,
    context_shape=None,
    hidden_units=(64, 64),
    activation="swish",
    network=None,
    frequencies: int = 3,
    trace: str = "auto",
    probes: int = 1,
    rtol: float = 1e-5,
    atol: float = 1e-5,
    max_steps: int = 256,
    *,
    first: Sequence = (),
    **kwargs,
) -> Flow:
    """Carry points from latent to data along a learned velocity: a continuous normalizing flow.

    It trains by likelihood, which solves a differential equation in each step, or by
    `losses.FlowMatching`, which does not and is many times as fast.

    Parameters
    ----------
    event_shape : int or tuple of int
        Shape of an event.
    context_shape : int or tuple of int, optional
        Shape of a context.
    hidden_units : int or sequence of int
        Widths of the network.
    activation : str or callable
        Activation of the network, smooth.
    network : keras.Model or keras.layers.Layer, optional
        A network of your own; see `layers.ContinuousFlow`.
    frequencies : int
        Number of frequencies of the time that the network sees.
    trace : str
        ``"exact"``, ``"hutchinson"`` (densities are estimates) or ``"auto"``, by the number of
        coordinates.
    probes : int
        Number of random vectors of an estimate.
    rtol, atol : float
        Relative and absolute tolerance of a step of the solver.
    max_steps : int
        Steps after which a row is given up.
    first : sequence of Transform or tfb.Bijector
        What comes before standardization, nearest the data, such as `layers.Columnwise`.
    **kwargs
        Further arguments are those of `Flow`.

    References
    ----------
    Grathwohl et al. (2019), "FFJORD: Free-form Continuous Dynamics for Scalable Reversible
    Generative Models", arXiv:1810.01367.

    Examples
    --------
    >>> CNF(2, hidden_units=(16,)).sample(5, seed=0).shape
    TensorShape([5, 2])
    """

    def layer(_, dtype):
        return [
            layers.ContinuousFlow(
                hidden_units,
                activation,
                network,
                frequencies=frequencies,
                trace=trace,
                probes=probes,
                rtol=rtol,
                atol=atol,
                max_steps=max_steps,
                dtype=dtype,
            )
        ]

    return stack(layer, event_shape, context_shape, transforms=1, first=first, **kwargs)
