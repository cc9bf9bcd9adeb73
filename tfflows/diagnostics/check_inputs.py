"""What every line of a check looks at, computed once."""

import functools

import numpy as np
import tensorflow as tf

from tfflows.diagnostics.decomposition import Decomposition

__all__ = ["CheckInputs"]


class CheckInputs:
    """A model, the rows it is checked on, and what the lines share.

    Parameters
    ----------
    model : DensityModel
        The model.
    x, context : np.ndarray
        Held-out rows, already checked by the model's validation.
    train, train_context : np.ndarray or None
        Rows that it was fitted to.
    seed : int
        Seed of everything that is drawn.
    rows : int
        Rows that the costly lines look at.
    tolerance : float
        How far from perfect is good enough, as a difference of probabilities.
    alpha : float
        Probability that a model within the tolerance fails some line by chance.

    Attributes
    ----------
    x, context : np.ndarray
        Rows with finite densities, at most `rows` of them.
    """

    #: Lines that chance takes part in, which share `alpha`.
    chances = 9

    def __init__(self, model, x, context, train, train_context, seed, rows, tolerance, alpha):
        self.model, self.decomposition = model, Decomposition(model)
        self.all_x, self.all_context = x, context
        self.train, self.train_context = train, train_context
        self.seed, self.tolerance, self.alpha = seed, tolerance, alpha / self.chances
        self.all_log_prob = model.log_prob(x, context).numpy()
        usable = np.flatnonzero(np.isfinite(self.all_log_prob))
        if len(usable) > rows:
            usable = np.sort(self.random("rows").choice(usable, rows, replace=False))
        self.x, self.log_prob = x[usable], self.all_log_prob[usable]
        self.context = None if context is None else context[usable]
        self.index = usable
        self.eps = float(np.finfo(model.variable_dtype).eps)

    def random(self, purpose: str) -> np.random.Generator:
        """Return the generator for a purpose, independent of what was drawn for others."""
        return np.random.default_rng([self.seed, *purpose.encode()])

    def some(self, count: int, purpose: str) -> np.ndarray:
        """Return `count` of the usable rows, drawn for a purpose."""
        count = min(count, len(self.x))
        return np.sort(self.random(purpose).choice(len(self.x), count, replace=False))

    def tensors(self, chosen) -> tuple:
        """Return chosen rows and their contexts as tensors."""
        context = None if self.context is None else tf.constant(self.context[chosen])
        return tf.constant(self.x[chosen]), context

    @property
    def why_no_latent(self) -> str:
        """Why there are no latent points that belong to the rows one by one, if there are none."""
        return "the model has no latent space" if self.model.exact else "its layers draw latents"

    @property
    def flat(self) -> np.ndarray:
        """The rows as vectors, float64."""
        return self.x.reshape(len(self.x), -1).astype(np.float64)

    @functools.cached_property
    def scale(self) -> np.ndarray:
        """Standard deviation of each coordinate, one where it does not vary."""
        deviation = self.flat.std(0) if len(self.x) else np.ones(self.model.event_size)
        return np.where(deviation > 0, deviation, 1.0)

    @functools.cached_property
    def drawn(self) -> np.ndarray:
        """Events drawn from the model, one for each row, at the row's context."""
        count = () if self.context is not None else len(self.x)
        seed = int(self.random("draws").integers(2**31 - 1))
        if not len(self.x):
            return np.zeros_like(self.x)
        return self.model.sample(count, seed=seed, context=self.context).numpy()

    @property
    def flat_drawn(self) -> np.ndarray:
        """The drawn events as vectors, float64."""
        return self.drawn.reshape(len(self.drawn), -1).astype(np.float64)

    @functools.cached_property
    def walked(self) -> list:
        """Each component with the rows on its data side and on its latent side."""
        parts = []
        for start in range(0, max(len(self.x), 1), 8192):
            walk = self.decomposition.walk(*self.tensors(slice(start, start + 8192)))
            parts.append([(data.numpy(), latent.numpy()) for _, data, latent in walk])
        joined = [
            tuple(map(np.concatenate, zip(*both, strict=True))) for both in zip(*parts, strict=True)
        ]
        components = self.decomposition.components
        return [(component, *ends) for component, ends in zip(components, joined, strict=True)]

    @property
    def latent(self) -> np.ndarray | None:
        """The latent points of the rows as vectors, float64; None for a model without any."""
        if self.decomposition.base is None:
            return None
        points = self.walked[-1][2] if self.walked else self.x
        return points.reshape(len(points), -1).astype(np.float64)

    def embedded(self, chosen):
        """Return the contexts of chosen rows as the bijectors see them."""
        if self.context is None:
            return None
        return self.decomposition.embed(tf.constant(self.context[chosen]))
