"""The loss that fits the velocity of a continuous flow without following it."""

import itertools

import keras
import tensorflow as tf

from tfflows import random
from tfflows.losses.base import Loss
from tfflows.losses.transport import cheapest_partners

__all__ = ["FlowMatching"]


@keras.saving.register_keras_serializable(package="tfflows")
class FlowMatching(Loss):
    r"""The squared distance of a velocity from that of straight ways from latent points to data.

    .. math::
        \left\| v(t, z_t, c) - \left(z_1 - (1 - \sigma)\, z_0\right) \right\|^2, \qquad
        z_t = \left(1 - (1 - \sigma)\, t\right) z_0 + t\, z_1

    for a time t uniform in [0, 1], a draw :math:`z_0` of the base and a row of data :math:`z_1`.
    Its minimum is the velocity that carries the base to the data, blurred by :math:`\sigma`. The
    equation is not solved in training, so a step takes one evaluation of the network; densities and
    samples solve it, as ever.

    The flow has one `layers.ContinuousFlow`. Layers before it, such as `layers.Standardize`, give
    the :math:`z_1` of a row, those after it the :math:`z_0` of a draw; they must have nothing to
    train, for a loss of this kind would make data small.

    Parameters
    ----------
    sigma : float
        The standard deviation of the blur, at least 0 and below 1.
    transport : bool
        Give each row of a batch a latent point of its own by optimal transport, so that squared
        distances are least in all: ways cross less, and the solver takes fewer steps. For batches
        of some hundred rows, since the time grows as the third power of their number; not under
        XLA; and not with a context, since over rows of different contexts it would change the base
        of each.
    name : str
        Name of the loss.

    Raises
    ------
    ValueError
        If `sigma` is outside its range; in training, if the model has not exactly one
        `layers.ContinuousFlow`, other layers or the base have weights to train, or `transport`
        meets a context.

    References
    ----------
    Lipman et al. (2023), "Flow Matching for Generative Modeling", arXiv:2210.02747; Tong et al.
    (2024), "Improving and Generalizing Flow-Based Generative Models with Minibatch Optimal
    Transport", arXiv:2302.00482.

    Examples
    --------
    >>> import keras, numpy as np, tfflows
    >>> x = np.random.default_rng(0).normal(3.0, 0.5, size=(512, 2)).astype("float32")
    >>> flow = tfflows.CNF(2, hidden_units=(32,))
    >>> flow.compile(keras.optimizers.Adam(1e-2), loss=FlowMatching())
    >>> losses = flow.fit(x, epochs=5, verbose=0, seed=0).history["loss"]
    >>> losses[-1] < losses[0]
    True
    """

    def __init__(
        self,
        sigma: float = 0.0,
        transport: bool = False,
        name: str = "flow_matching",
    ):
        super().__init__(name)
        if not 0.0 <= sigma < 1.0:
            raise ValueError(f"sigma must be at least 0 and below 1; got {sigma!r}.")
        self.sigma = float(sigma)
        self.transport = bool(transport)

    def rows(self, model, x, context, seed) -> tf.Tensor:
        """Return the squared distance of the velocity at one time of the way of each row."""
        before, layer, after = _parts(model)
        if self.transport and context is not None:
            raise ValueError(
                "FlowMatching(transport=True) takes no context: an assignment over the rows of a "
                "batch would pair latent points with contexts. Use transport=False."
            )
        embedded = model.embed(context)
        streams = (random.fold_in(seed, number) for number in itertools.count())
        for inner in before:
            x, _ = inner.inverse(x, embedded, next(streams))
        data = tf.stop_gradient(x)
        latent = self._latent(model, data, embedded, next(streams))
        for inner in reversed(after):
            latent, _ = inner.forward(latent, embedded, next(streams))
        rows = tf.shape(data)[0]
        flat = [tf.reshape(part, [rows, model.event_size]) for part in (latent, data)]
        if self.transport:
            flat[0] = tf.gather(flat[0], cheapest_partners(*flat))
        latent, data = flat
        t = random.uniform([rows], next(streams), data.dtype)
        less = 1.0 - self.sigma
        point = (1.0 - less * t)[:, tf.newaxis] * latent + t[:, tf.newaxis] * data
        point = tf.reshape(point, [rows, *layer.event_shape])
        velocity = tf.reshape(layer.velocity(t, point, embedded), [rows, model.event_size])
        return tf.reduce_sum(tf.square(velocity - (data - less * latent)), -1)

    @staticmethod
    def _latent(model, data, context, seed):
        base = model.base.at(context)
        shape = [] if model.base.conditional else tf.shape(data)[:1]
        return tf.stop_gradient(base.sample(shape, seed=seed))

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "sigma": self.sigma,
            "transport": self.transport,
        }


def _parts(model) -> tuple:
    """Return the layers on the side of the data, the continuous one, and those of the base."""
    layers = list(getattr(model, "bijector_layers", ()))
    found = [index for index, layer in enumerate(layers) if hasattr(layer, "velocity")]
    if len(found) != 1:
        raise ValueError(
            "FlowMatching fits a flow with one layers.ContinuousFlow, such as tfflows.CNF(...); "
            f"{model.name!r} has {len(found)}. Train it by likelihood, or make it of one."
        )
    (index,) = found
    before, after = layers[:index], layers[index + 1 :]
    for part in (*before, *after, model.base):
        if part.trainable_variables:
            raise ValueError(
                f"FlowMatching trains the velocity alone, and {part.name!r} has weights to train: "
                "set its `trainable = False`, leave it out, or train by likelihood."
            )
    return before, layers[index], after
