"""The layer between data and a code from which a network makes them again."""

import math

import keras
import numpy as np
import tensorflow as tf

from tfflows import random
from tfflows.inputs import validation
from tfflows.interop.dry_runs import restore_variables
from tfflows.layers.auxiliary import AuxiliaryDensity
from tfflows.layers.context import flatten_context, join_context
from tfflows.layers.masked_autoregressive import deserialize
from tfflows.layers.transform import Transform

__all__ = ["VAE"]

_LIKELIHOODS = ("bernoulli", "normal")


@keras.saving.register_keras_serializable(package="tfflows")
class VAE(Transform):
    r"""A variational autoencoder: an encoder draws latent points, a decoder draws data from them.

    .. math:: z \sim q(z \mid x, c), \quad x \sim p(x \mid z, c), \qquad
        \text{log\_weight} = \log p(x \mid z, c) - \log q(z \mid x, c)

    The layers between it and the base, and the base, are the prior. A density of the flow is the
    marginal of :math:`x`, of which `log_prob` is a lower bound (ELBO), and, with more draws, comes
    nearer:

    .. math:: \log p(x) = \log \int p(z)\,p(x \mid z)\,dz \ge
        \mathbb{E}_q\left[\log p(z) + \text{log\_weight}\right]

    so that `fit`, which maximizes `log_prob`, trains prior, encoder and decoder together.

    Parameters
    ----------
    encoder : DensityModel
        The density q, of events ``(k,)``: a `Flow` whose context is the flattened event, followed
        by the context where there is one. Its draws should be fast, as those of inverse
        autoregressive, inverted planar and inverted Sylvester layers are.
    decoder : keras.layers.Layer or DensityModel
        A network that maps ``[n, k]``, latent points followed by the context where there is one, to
        logits or means, as many as an event has coordinates; or a model of the events with that
        context, such as a `Flow`.
    likelihood : str
        What the network's numbers are: logits of coordinates that are 0 or 1 (``"bernoulli"``), or
        means of normal distributions, each coordinate with a learned deviation (``"normal"``). Not
        used if the decoder is a model.
    **kwargs
        Keras's own arguments.

    Raises
    ------
    TypeError
        If the encoder is no model, or the decoder neither a layer nor a model.
    ValueError
        If there is no such likelihood. When built: if the decoder returns another number of
        coordinates, or a model is of another shape, context or type, is no exact density, or cannot
        be drawn row by row.

    References
    ----------
    Kingma and Welling (2014), "Auto-Encoding Variational Bayes", arXiv:1312.6114; with flows as
    posteriors, Rezende and Mohamed (2015), arXiv:1505.05770; as a layer of a flow, Nielsen et al.
    (2020), "SurVAE Flows: Surjections to Bridge the Gap between VAEs and Flows", arXiv:2007.02731.

    Examples
    --------
    >>> import keras, tensorflow as tf, tfflows
    >>> encoder = tfflows.IAF(2, 16, transforms=1, hidden_units=(8,), standardize_context=False)
    >>> decoder = keras.Sequential([keras.layers.Dense(8, "relu"), keras.layers.Dense(16)])
    >>> prior = tfflows.RealNVP(2, transforms=2, hidden_units=(8,))
    >>> vae = tfflows.Flow([VAE(encoder, decoder)], event_shape=16, base=prior)
    >>> x = tf.ones([5, 16])  # of zeros and ones
    >>> vae.log_prob(x, samples=10).shape, vae.inverse(x).shape, vae.sample(3, seed=0).shape
    (TensorShape([5]), TensorShape([5, 2]), TensorShape([3, 16]))
    """

    def __init__(self, encoder, decoder, likelihood: str = "bernoulli", **kwargs):
        super().__init__(**kwargs)
        if not isinstance(decoder, keras.layers.Layer):
            raise TypeError(
                f"the decoder must be a Keras layer or model, or a tfflows model; got {decoder!r}."
            )
        if likelihood not in _LIKELIHOODS:
            raise ValueError(
                f"likelihood must be one of {', '.join(map(repr, _LIKELIHOODS))}; got "
                f"{likelihood!r}. For another one the decoder is a tfflows model of the events."
            )
        if encoder is None:
            raise TypeError("the encoder must be a tfflows model; got None.")
        self._posterior = AuxiliaryDensity(encoder, "encoder")
        self.encoder, self.decoder, self.likelihood = encoder, decoder, likelihood
        models = hasattr(decoder, "rsample_and_log_prob")
        self._decoder = AuxiliaryDensity(decoder, "decoder") if models else None

    def build(self, event_shape, context_shape=None):
        """Check that encoder and decoder fit events of `event_shape`."""
        self.event_shape = tuple(event_shape)
        self.context_shape = None if context_shape is None else tuple(context_shape)
        self._latent_shape = tuple(self.encoder.event_shape)
        if len(self._latent_shape) != 1:
            raise ValueError(
                f"the encoder must draw vectors; its events have shape {self._latent_shape}."
            )
        dtype = self.variable_dtype
        self._posterior.build(self._latent_shape, self.event_shape, self.context_shape, dtype)
        if self._decoder is not None:
            self._decoder.build(self.event_shape, self._latent_shape, self.context_shape, dtype)
        else:
            self._check_network()
            if self.likelihood == "normal":
                self.log_scale = self.add_weight(
                    shape=self.event_shape, initializer="zeros", name="log_scale"
                )
        self.built = True

    def _check_network(self):
        size = self._latent_shape[0] + math.prod(self.context_shape or (0,))
        # This may be its first call, which draws its weights.
        with restore_variables(self.decoder.variables):
            found = self.decoder(tf.zeros([1, size], self.variable_dtype)).shape[1:]
        if found.num_elements() != math.prod(self.event_shape):
            raise ValueError(
                f"the decoder returns numbers of shape {tuple(found)} for each row; expected one "
                f"for each coordinate of events of shape {self.event_shape}."
            )

    def inverse(self, x, context=None, seed=None):
        """Draw latent points from the encoder."""
        z, log_q = self._posterior.draw(x, context, seed)
        return z, self._log_likelihood(x, z, context) - log_q

    def forward(self, z, context=None, seed=None):
        """Draw data from the decoder."""
        if self._decoder is not None:
            x, log_p = self._decoder.draw(z, context, seed)
        else:
            numbers = self._decode(z, context)
            x = self._draw(numbers, seed)
            log_p = self._of_numbers(x, numbers)
        return x, log_p - self._posterior.log_prob(z, x, context)

    def _log_likelihood(self, x, z, context):
        if self._decoder is not None:
            return self._decoder.log_prob(x, z, context)
        return self._of_numbers(x, self._decode(z, context))

    def _decode(self, z, context):
        """Return the numbers that the network makes of latent points, in the shape of events."""
        given = join_context(z, flatten_context(context, self.context_shape))
        batch = tf.shape(given)[:-1]
        rows = given if given.shape.rank == 2 else tf.reshape(given, [-1, given.shape[-1]])
        numbers = tf.cast(self.decoder(rows), z.dtype)
        numbers = tf.reshape(numbers, tf.concat([batch, self.event_shape], 0))
        return tf.ensure_shape(numbers, [*given.shape[:-1], *self.event_shape])

    def _draw(self, numbers, seed):
        shape = tf.shape(numbers)
        if self.likelihood == "normal":
            scale = tf.exp(tf.convert_to_tensor(self.log_scale))
            return numbers + scale * random.normal(shape, seed, numbers.dtype)
        ones = random.uniform(shape, seed, numbers.dtype) < tf.sigmoid(numbers)
        return tf.cast(ones, numbers.dtype)

    def _of_numbers(self, x, numbers):
        """Return the log likelihood of events by the numbers of the network."""
        axes = list(range(-len(self.event_shape), 0))
        if self.likelihood == "normal":
            log_scale = tf.convert_to_tensor(self.log_scale)
            noise = (x - numbers) * tf.exp(-log_scale)
            constant = tf.constant(0.5 * math.log(2 * math.pi), x.dtype)
            return tf.reduce_sum(-0.5 * noise * noise - log_scale - constant, axes)
        each = x * numbers - tf.math.softplus(numbers)
        outside = tf.reduce_any(_between(x), axes)
        return tf.where(outside, tf.constant(-math.inf, x.dtype), tf.reduce_sum(each, axes))

    def latent_shape(self, event_shape):
        """Return the event shape on the latent side."""
        return tuple(self.encoder.event_shape)

    def data_shape(self, latent_shape):
        """Return the event shape on the data side."""
        return self.event_shape

    @property
    def bounded(self) -> bool:
        """Whether some events have the probability zero: those of other numbers than 0 and 1."""
        return self._decoder is None and self.likelihood == "bernoulli"

    @property
    def dequantizes(self) -> bool:
        """Whether data are discrete, so that no density of theirs has spikes."""
        return self.bounded if self._decoder is None else self.decoder.dequantizes

    def explain_outside(self, x) -> str:
        """Say which numbers of rows `x` are neither 0 nor 1, and what to do."""
        others = np.asarray(x)[_between(np.asarray(x))]
        found = f"; among the others is {others[0]:.6g}" if len(others) else ""
        return (
            f'With likelihood="bernoulli" coordinates are 0 or 1{found}. Binarize them, such as '
            'gray levels by x > x.max() / 2, or use likelihood="normal".'
        )

    @property
    def needs_adapt(self) -> bool:
        """Whether encoder or decoder still wait to see data."""
        return self._posterior.needs_adapt or (
            self._decoder is not None and self._decoder.needs_adapt
        )

    def keep_start(self) -> None:
        """Let encoder and decoder stay at their start."""
        for density in (self._posterior, self._decoder):
            if density is not None:
                density.model.adapt_without_data()

    def adapt(self, x, context=None, sample_weight=None):
        """Show the encoder what it draws from, and a decoder that is a model the data."""
        given = join_context(
            tf.reshape(x, [len(x), -1]), flatten_context(context, self.context_shape)
        )
        self.encoder.adapt_without_data(given)
        if self._decoder is not None:
            z, _ = self._posterior.draw(x, context, tf.constant(validation.FIXED_SEED))
            self._decoder.adapt(x, z, context, sample_weight)

    def get_config(self):
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "encoder": keras.saving.serialize_keras_object(self.encoder),
            "decoder": keras.saving.serialize_keras_object(self.decoder),
            "likelihood": self.likelihood,
        }

    @classmethod
    def from_config(cls, config):
        """Build the layer from `get_config`'s answer."""
        models = {key: deserialize(config[key]) for key in ("encoder", "decoder")}
        return cls(**{**config, **models})


def _between(x):
    return (x != 0) & (x != 1)
