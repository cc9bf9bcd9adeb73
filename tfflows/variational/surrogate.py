"""A flow as the posterior of a joint distribution, over the joint's own structure."""

import inspect
from collections.abc import Callable

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfflows import layers
from tfflows.flows import NSF
from tfflows.models import Flow
from tfflows.variational.unconstrained import from_vector, of_one_type, size_of

__all__ = ["JointSurrogate", "surrogate_for"]


class JointSurrogate(tfd.TransformedDistribution):
    r"""A flow over the values of a joint distribution: what `surrogate_for` returns.

    .. math:: x = T(z), \qquad z \sim q_\theta, \qquad
        \log q(x) = \log q_\theta(z) - \log\left|\det \frac{\partial T}{\partial z}\right|

    with a flow :math:`q_\theta` over vectors of real numbers and the joint's default bijectors T,
    which carry them to its structure and supports. It follows the weights of the flow, which
    `tfflows.losses.ReverseKL` of `target_log_prob` trains in compiled blocks of steps,
    ``tfp.vi.fit_surrogate_posterior`` one by one.

    Parameters
    ----------
    joint : tfd.JointDistribution or tfp.experimental.distributions.JointDistributionPinned
        As for `surrogate_for`.
    flow : Flow
        A flow of exact layers over vectors of as many coordinates as the joint has, unconstrained.
    name : str, optional
        Name.

    Raises
    ------
    ValueError
        If the parts of the joint have several types, or types that are not floating; if its density
        has a batch; if the flow has another event shape, another type, or a context.

    Examples
    --------
    >>> import tfflows
    >>> joint = tfd.JointDistributionSequential(
    ...     [tfd.Gamma(2.0, 1.0), lambda scale: tfd.Normal(0.0, scale)])
    >>> surrogate = JointSurrogate(joint, tfflows.Flow([layers.TriangularAffine()], 2))
    >>> [part.shape for part in surrogate.sample(5, seed=0)]
    [TensorShape([5]), TensorShape([5])]
    """

    def __init__(self, joint, flow: Flow, name: str | None = None):
        dtype, bijector = of_one_type(joint), from_vector(joint)
        size = size_of(joint, bijector)
        if flow.event_shape != (size,) or flow.context_shape is not None:
            context = "" if flow.context_shape is None else " and takes a context"
            raise ValueError(
                f"the joint distribution has {size} coordinates, so its surrogate is a flow with "
                f"event_shape={size} and without a context; {flow.name!r} has event shape "
                f"{flow.event_shape}{context}."
            )
        if tf.as_dtype(flow.variable_dtype) != dtype:
            raise ValueError(
                f"the joint distribution is of {dtype.name} and {flow.name!r} of "
                f'{flow.variable_dtype}; make the flow with dtype="{dtype.name}".'
            )
        self._joint, self._flow, self._type = joint, flow, dtype
        super().__init__(
            flow.distribution(),
            bijector,
            parameters={"joint": joint, "flow": flow, "name": name},
            name=name or f"surrogate_of_{flow.name}",
        )
        self._check_density_of_draws(size)

    def _check_density_of_draws(self, size: int) -> None:
        try:
            found = f"shape {tuple(self.target_log_prob(tf.zeros([7, size], self._type)).shape)}"
        except (ValueError, tf.errors.InvalidArgumentError) as error:
            found = f"no answer ({error})"
        if found != "shape (7,)":
            raise ValueError(
                "the joint distribution must give each draw one number; for seven draws its log "
                f"density has {found}. Declare which axes belong to an event by tfd.Sample or "
                "tfd.Independent, or use a tfd.JointDistribution*AutoBatched."
            )

    @classmethod
    def _parameter_properties(cls, dtype, num_classes=None):
        return {}

    @property
    def joint(self):
        """The joint distribution, with what is pinned."""
        return self._joint

    @property
    def flow(self) -> Flow:
        """The flow, over vectors of real numbers."""
        return self._flow

    # The joint may have variables, too, and they are not those of the surrogate.

    @property
    def variables(self):
        """The variables of the flow."""
        return self.distribution.variables

    @property
    def trainable_variables(self):
        """The variables of those weights of the flow that are not frozen."""
        return self.distribution.trainable_variables

    @property
    def non_trainable_variables(self):
        """The variables of the other weights of the flow."""
        return self.distribution.non_trainable_variables

    def target_log_prob(self, z) -> tf.Tensor:
        r"""Return the joint's log density of vectors of real numbers, up to a constant.

        .. math:: \log p(T(z)) + \log\left|\det \frac{\partial T}{\partial z}\right|

        What `tfflows.losses` fit the flow to, and ``tfp.mcmc`` samples from.

        Parameters
        ----------
        z : tf.Tensor
            Vectors ``[..., D]``.

        Returns
        -------
        tf.Tensor
            Log densities ``[...]``.
        """
        z = tf.identity(z)
        log_det = self.bijector.forward_log_det_jacobian(z, event_ndims=1)
        return self._joint.unnormalized_log_prob(self.bijector.forward(z)) + log_det


def surrogate_for(
    joint, flow: Callable[..., Flow] | Flow = NSF, name: str | None = None, **options
) -> JointSurrogate:
    r"""Make a flow for the posterior of a joint distribution, over the joint's own structure.

    .. math:: q_\theta(x) \approx p(x \mid y) \propto p(x, y)

    for a joint distribution p that is pinned at the data y. Parameters with a constrained support
    pass through the joint's ``experimental_default_event_space_bijector()``. A learned shift and
    triangular matrix stand next to the data, so that the flow need not bend to reach a posterior
    far from the origin. An optimizer such as Adam moves a weight by about its learning rate in a
    step, so that rate times steps must be enough to get there.

    Parameters
    ----------
    joint : tfd.JointDistribution or tfp.experimental.distributions.JointDistributionPinned
        Any ``tfd.JointDistribution*``, pinned by ``experimental_pin`` where data are known, with
        continuous parts of known shape and one type.
    flow : callable or Flow
        What makes a flow of an event shape, such as `tfflows.NSF` or `tfflows.CouplingNSF`; or a
        flow with as many coordinates as the joint has, unconstrained.
    name : str, optional
        Name.
    **options
        Arguments of the function, such as ``transforms=2``. ``first`` takes the place of the
        triangular matrix.

    Returns
    -------
    JointSurrogate
        A distribution over the joint's structure. Fit it by its flow, as below, or by
        ``tfp.vi.fit_surrogate_posterior``.

    Raises
    ------
    TypeError
        If `flow` is neither a function nor a flow, or there are options for a flow.
    ValueError
        As for `JointSurrogate`.

    References
    ----------
    Kucukelbir et al. (2017), "Automatic Differentiation Variational Inference", arXiv:1603.00788;
    Rezende and Mohamed (2015), "Variational Inference with Normalizing Flows", arXiv:1505.05770.

    Examples
    --------
    The mean of a normal distribution, and its scale, from three numbers:

    >>> import keras, tfflows
    >>> joint = tfd.JointDistributionNamed({
    ...     "loc": tfd.Normal(0.0, 5.0),
    ...     "scale": tfd.HalfNormal(5.0),
    ...     "y": lambda loc, scale: tfd.Sample(tfd.Normal(loc, scale), 3)})
    >>> surrogate = surrogate_for(
    ...     joint.experimental_pin(y=[1.0, 2.0, 3.0]), tfflows.IAF, transforms=1, hidden_units=8)
    >>> loss = tfflows.losses.ReverseKL(surrogate.target_log_prob, samples=16)
    >>> surrogate.flow.compile(keras.optimizers.Adam(0.05), loss=loss)
    >>> history = surrogate.flow.fit(epochs=1, steps_per_epoch=100, verbose=0, seed=0)
    >>> draws = surrogate.sample(1000, seed=0)
    >>> round(float(tf.reduce_mean(draws["loc"]))), bool(tf.reduce_all(draws["scale"] > 0.0))
    (2, True)
    """
    if isinstance(flow, Flow):
        if options:
            raise TypeError(
                f"options are for a function that makes a flow; got a flow and {sorted(options)}."
            )
        return JointSurrogate(joint, flow, name)
    if not callable(flow):
        raise TypeError(
            "flow must be a function of an event shape that returns a flow, such as tfflows.NSF, "
            f"or a flow; got {flow!r}."
        )
    dtype = of_one_type(joint).name
    size = size_of(joint, from_vector(joint))
    known = inspect.signature(flow).parameters
    if "first" in known:
        options.setdefault("first", [layers.TriangularAffine(dtype=dtype)])
    if "dtype" in known:
        options.setdefault("dtype", dtype)
    return JointSurrogate(joint, flow(size, **options), name)
