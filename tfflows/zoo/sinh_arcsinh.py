"""A parametric density with skewness and heavy tails."""

from tfflows import layers, univariates
from tfflows.models.flow import Flow
from tfflows.zoo.compose import event_size

__all__ = ["SinhArcsinhNormal"]


def SinhArcsinhNormal(
    event_shape,
    context_shape=None,
    hidden_units=(64, 64),
    activation="relu",
    **kwargs,
) -> Flow:
    r"""Bend normal coordinates by sinh-arcsinh maps: skewness and heavy tails by few parameters.

    .. math:: x_i = \mu_i + \sigma_i \sinh\frac{\operatorname{arcsinh} u_i + \epsilon_i}{\delta_i},
        \qquad u = L z

    with standard normal z and a triangular L that gives every u the variance 1. Each coordinate has
    its own location, scale, skewness :math:`\epsilon` and tail weight :math:`\delta`, and
    :math:`L L^\top` holds the correlations of u. With a context, networks move all of them.

    Parameters
    ----------
    event_shape : int or tuple of int
        Shape of an event.
    context_shape : int or tuple of int, optional
        Shape of a context.
    hidden_units : sequence of int
        Widths of the networks of the context.
    activation : str or callable
        Activation of the networks.
    **kwargs
        Arguments of `Flow`: ``base``, ``context_network``, ``dtype``, ``name``.

    Returns
    -------
    Flow
        Standardization, sinh-arcsinh maps and, with two coordinates or more, the correlation.

    References
    ----------
    Jones and Pewsey (2009), "Sinh-arcsinh distributions", Biometrika 96, 761.

    Examples
    --------
    >>> SinhArcsinhNormal(2).sample(5, seed=0).shape
    TensorShape([5, 2])
    """
    network = {
        "hidden_units": hidden_units,
        "activation": activation,
        "dtype": kwargs.get("dtype"),
    }
    chain = [
        layers.Standardize(dtype=kwargs.get("dtype")),
        layers.Elementwise(univariates.SinhArcsinh(), **network),
    ]
    if event_size(event_shape, transforms=1) > 1:
        chain.append(layers.Correlation(**network))
    return Flow(chain, event_shape, context_shape, **kwargs)
