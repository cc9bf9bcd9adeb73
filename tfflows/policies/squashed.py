"""Policies whose actions lie between bounds."""

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf
from tensorflow_probability import bijectors as tfb

from tfflows import layers, univariates
from tfflows.models import Flow

__all__ = ["FlowPolicy", "GaussianPolicy"]


def FlowPolicy(
    action_shape,
    state_shape,
    bijectors: Sequence | None = None,
    low=-1.0,
    high=1.0,
    *,
    conditional: bool = False,
    hidden_units=(64, 64),
    activation="relu",
    log_scale_bound: float = 5.0,
    standardize_context: bool | Sequence[bool] = False,
    dtype=None,
    **kwargs,
) -> Flow:
    r"""Model actions between bounds by a normal distribution of each state, a flow, and tanh.

    .. math::
        z_0 = \mu(s) + \sigma(s) \odot \epsilon, \quad
        u = (f_N \circ \dots \circ f_1)(z_0), \quad
        a = \tfrac12 (\text{low} + \text{high}) + \tfrac12 (\text{high} - \text{low}) \tanh(u)

    for a state s and standard normal :math:`\epsilon`, with the log probability

    .. math::
        \log \pi(a \mid s) = \log \mathcal N(\epsilon) - \sum_i \Big(\log \sigma_i(s)
        + \log \tfrac{\text{high}_i - \text{low}_i}{2} + \log(1 - \tanh^2 u_i)\Big)
        - \log\left|\det \frac{\partial u}{\partial z_0}\right|

    whose tanh is computed by its argument, so that it stays finite where the action is rounded to
    a bound. The bijections f are the same for all states, of few parameters, or, with
    ``conditional=True``, moved by the state.

    Parameters
    ----------
    action_shape : int or tuple of int
        Shape of an action.
    state_shape : int or tuple of int
        Shape of a state, the context of the flow.
    bijectors : sequence of BijectorLayer or tfb.Bijector, optional
        :math:`f_N, \dots, f_1`, the first nearest the action; by default three radial ones. Their
        way from latent to data should be direct: planar and autoregressive layers stand in
        `layers.Invert`.
    low, high : float or array
        The bounds, for all coordinates or each.
    conditional : bool
        Whether the bijections see the state.
    hidden_units : sequence of int
        Widths of the network that makes :math:`\mu` and :math:`\log \sigma` of the state.
    activation : str or callable
        Activation of that network.
    log_scale_bound : float
        The largest size of :math:`\log \sigma`, approached softly.
    standardize_context : bool or array of bool
        As in `Flow`, but off: no data are there when an agent begins.
    dtype
        As in Keras.
    **kwargs
        Further arguments are those of `Flow`.

    Raises
    ------
    ValueError
        If a bound is not finite or `low` is not below `high`.
    NotImplementedError
        If one of the `bijectors` is no bijection.

    References
    ----------
    Haarnoja et al. (2018), "Soft Actor-Critic: Off-Policy Maximum Entropy Deep Reinforcement
    Learning with a Stochastic Actor", arXiv:1801.01290; with flows, Mazoure et al. (2019),
    "Leveraging exploration in off-policy algorithms via normalizing flows", arXiv:1905.06893.

    Examples
    --------
    >>> import tensorflow as tf
    >>> policy = FlowPolicy(1, 3, low=-2.0, high=2.0)
    >>> states = tf.zeros([5, 3])
    >>> actions, log_prob = policy.rsample_and_log_prob(seed=0, context=states)
    >>> actions.shape, log_prob.shape, bool(tf.reduce_all(tf.abs(actions) < 2.0))
    (TensorShape([5, 1]), TensorShape([5]), True)
    >>> policy.forward(tf.zeros([5, 1]), states).shape  # without noise
    TensorShape([5, 1])
    """
    low, high = np.asarray(low, np.float64), np.asarray(high, np.float64)
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        raise ValueError(
            f"low and high must be finite, as tanh is; got {low.tolist()} and {high.tolist()}. For "
            "actions without bounds make a tfflows.Flow whose context is the state."
        )
    if bijectors is None:
        bijectors = [layers.Invert(layers.Radial(dtype=dtype)) for _ in range(3)]
    elif isinstance(bijectors, (layers.Transform, tfb.Bijector)):
        bijectors = [bijectors]
    chain = []
    for entry in bijectors:
        layer = layers.TFPBijector(entry, dtype=dtype) if isinstance(entry, tfb.Bijector) else entry
        if not getattr(layer, "bijective", True):
            raise NotImplementedError(
                f"{type(layer).__name__} is no bijection, and the log probability of an action "
                "would be a bound; use bijections alone."
            )
        keep = conditional or not isinstance(layer, layers.Transform)
        chain.append(layer if keep else layers.Unconditional(layer))
    affine = univariates.Affine(log_scale_bound)
    # The sigmoid of the interval is tanh of half its argument.
    twice = tfb.Scale(tf.constant(2.0, keras.dtype_policies.get(dtype).variable_dtype))
    return Flow(
        [
            layers.Interval(low, high, dtype=dtype),
            twice,
            *chain,
            layers.Elementwise(affine, hidden_units, activation, dtype=dtype),
        ],
        action_shape,
        state_shape,
        standardize_context=standardize_context,
        dtype=dtype,
        **kwargs,
    )


def GaussianPolicy(
    action_shape,
    state_shape,
    low=-1.0,
    high=1.0,
    *,
    hidden_units=(64, 64),
    activation="relu",
    log_scale_bound: float = 5.0,
    **kwargs,
) -> Flow:
    r"""Model actions between bounds by a normal distribution of each state, and tanh.

    .. math::
        a = \tfrac12 (\text{low} + \text{high}) + \tfrac12 (\text{high} - \text{low})
        \tanh(\mu(s) + \sigma(s) \odot \epsilon)

    the policy of the soft actor-critic; `FlowPolicy` without bijections.

    Parameters
    ----------
    action_shape, state_shape, low, high, hidden_units, activation, log_scale_bound, **kwargs
        As in `FlowPolicy`.

    Raises
    ------
    ValueError
        If a bound is not finite or `low` is not below `high`.

    References
    ----------
    Haarnoja et al. (2018), "Soft Actor-Critic: Off-Policy Maximum Entropy Deep Reinforcement
    Learning with a Stochastic Actor", arXiv:1801.01290.

    Examples
    --------
    >>> policy = GaussianPolicy(2, 3)
    >>> policy.sample(seed=0, context=[[0.0, 1.0, 2.0]]).shape
    TensorShape([1, 2])
    """
    return FlowPolicy(
        action_shape,
        state_shape,
        [],
        low,
        high,
        hidden_units=hidden_units,
        activation=activation,
        log_scale_bound=log_scale_bound,
        **kwargs,
    )
