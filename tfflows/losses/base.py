"""The contract of a loss: the model, a batch and a seed in, one number for each row out."""

from collections.abc import Callable

import keras
import tensorflow as tf

from tfflows.losses.reduction import weighted_mean

__all__ = ["CallableLoss", "DensityLoss", "Loss", "log_prob_by_seed"]


def log_prob_by_seed(model, x, context, seed, **arguments) -> tf.Tensor:
    """Return the log density that `model` gives each row, by the seed if it draws for them."""
    drawn = {} if model.exact else {"seed": seed}
    return model(x, context=context, **arguments, **drawn)


@keras.saving.register_keras_serializable(package="tfflows")
class Loss:
    r"""What training minimizes: the weighted mean over rows of a number for each.

    .. math:: L = \frac{\sum_n w_n\, \ell_n}{\sum_n w_n}

    A subclass implements `rows`. Training calls it within a Keras call of the model, so that
    dropout is active and losses that layers add count; it weighs, averages and differentiates.

    Parameters
    ----------
    name : str, optional
        Name of the loss; by default that of the class.

    Examples
    --------
    The reverse Kullback-Leibler divergence from a standard normal, by 64 draws a step:

    >>> import tensorflow as tf, tfflows
    >>> class FromNormal(Loss):
    ...     needs_data = False
    ...     def rows(self, model, x, context, seed):
    ...         z, log_q = model.rsample_and_log_prob(64, seed, context)
    ...         return log_q + tf.reduce_sum(tf.square(z) / 2, -1)
    >>> flow = tfflows.Flow([tfflows.layers.Shift(3.0)], event_shape=2)
    >>> flow.compile(keras.optimizers.Adam(0.1), loss=FromNormal())
    >>> history = flow.fit(epochs=2, steps_per_epoch=50, verbose=0).history
    >>> history["loss"][1] < history["loss"][0]
    True
    """

    #: Whether `rows` needs events; without, `fit` may run on steps alone.
    needs_data = True
    #: Whether `rows_and_log_weights` has log weights of draws, for metrics of them.
    draws = False
    #: Whether `rows` takes a keyword `extra`, the part of a step of what `fit` was given as extra.
    takes_extra = False

    def __init__(self, name: str | None = None):
        self.name = name or type(self).__name__

    def rows(self, model, x, context, seed) -> tf.Tensor:
        """Return the loss of each row.

        Parameters
        ----------
        model : DensityModel
            The model. ``model(x, context=context)`` is its log density (with ``seed=seed`` for a
            model that draws), ``model.distribution(context)`` its distribution.
        x : tf.Tensor or None
            Events ``[rows, *event_shape]``; None where `fit` was given none.
        context : tf.Tensor or None
            Contexts ``[rows, *context_shape]``.
        seed : tf.Tensor
            Two int32, others in each step of a run; `tfflows.random` draws from it.

        Returns
        -------
        tf.Tensor
            One number for each row, or for each draw where there are no rows.
        """
        raise NotImplementedError(
            f"{type(self).__name__} does not implement `rows(model, x, context, seed)`."
        )

    def rows_and_log_weights(self, model, x, context, seed, extra=None) -> tuple:
        """Return what `rows` does, and ``log p - log q`` of draws, or None where there are none."""
        given = {} if extra is None else {"extra": extra}
        return self.rows(model, x, context, seed, **given), None

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        return {"name": self.name}

    @classmethod
    def from_config(cls, config: dict) -> "Loss":
        """Build the loss from `get_config`'s answer."""
        return cls(**config)


@keras.saving.register_keras_serializable(package="tfflows")
class DensityLoss(Loss):
    """A loss that is a function of the log density of each row.

    A subclass implements `of`. Training computes the log density once, for the loss and for the
    metrics.

    Parameters
    ----------
    name : str, optional
        Name of the loss; by default that of the class.

    Raises
    ------
    TypeError
        If a subclass overrides `rows`.

    Examples
    --------
    >>> import tensorflow as tf
    >>> class Clipped(DensityLoss):
    ...     def of(self, context, log_prob):
    ...         return tf.minimum(-log_prob, 50.0)
    >>> float(Clipped()(None, tf.constant([-1.0, -99.0])))
    25.5
    """

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if cls.rows is not DensityLoss.rows:
            raise TypeError(
                f"{cls.__name__} overrides `rows`, and training asks a DensityLoss for `of` alone. "
                "Subclass tfflows.losses.Loss, or implement `of(context, log_prob)`."
            )

    def of(self, context, log_prob) -> tf.Tensor:
        """Return the loss of each row.

        Parameters
        ----------
        context : tf.Tensor or None
            Contexts ``[rows, *context_shape]``.
        log_prob : tf.Tensor
            Log densities ``[rows]``, in nats.
        """
        raise NotImplementedError(f"{type(self).__name__} does not implement `of`.")

    def rows(self, model, x, context, seed) -> tf.Tensor:
        """Return the loss of each row, from the log density that the model gives it."""
        return self.of(context, log_prob_by_seed(model, x, context, seed))

    def __call__(self, context, log_prob, sample_weight=None) -> tf.Tensor:
        """Return the weighted mean over rows of known log densities."""
        return weighted_mean(self.of(context, log_prob), sample_weight)


class CallableLoss(DensityLoss):
    """Keras's ``f(y, log_prob)``, a function or a ``keras.losses.Loss``, as a loss.

    Parameters
    ----------
    function : callable or keras.losses.Loss
        Takes the context, or zeros where there is none, and the log densities; returns one value
        for each row.
    """

    def __init__(self, function: Callable):
        super().__init__(
            getattr(function, "name", None)
            or getattr(function, "__name__", type(function).__name__)
        )
        self.function = function

    def of(self, context, log_prob):
        """Return the loss of each row.

        Raises
        ------
        ValueError
            If the function returns anything else than one value for each row.
        """
        function = self.function
        values = (function.call if isinstance(function, keras.losses.Loss) else function)(
            tf.zeros_like(log_prob) if context is None else context, log_prob
        )
        values = tf.convert_to_tensor(values)
        if values.shape.rank != log_prob.shape.rank:
            raise ValueError(
                "the loss must return one value for each row, so that sample weights can apply; it "
                f"returned shape {tuple(values.shape)} for log densities of shape "
                f"{tuple(log_prob.shape)}. Drop the mean."
            )
        return values
