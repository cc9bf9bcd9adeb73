"""The distribution that a flow describes, safe from TFP's cache."""

import tensorflow as tf
from tensorflow_probability import distributions as tfd

__all__ = ["FlowDistribution"]


class FlowDistribution(tfd.TransformedDistribution):
    """A transformed distribution that never answers with results of older weights.

    TFP keeps the result of a bijector for a tensor in one global dictionary. A tensor that was
    scored before a training step and is scored again after it would get the old answer; each
    question here is asked about a fresh tensor.

    It describes the weights as they were when it was made: after training, ask the model for a new
    one.

    Examples
    --------
    >>> from tensorflow_probability import bijectors as tfb
    >>> d = FlowDistribution(tfd.Normal(0.0, 1.0), tfb.Scale(2.0))
    >>> round(float(d.log_prob(0.0)), 4)
    -1.6121
    """

    def _log_prob(self, y, **kwargs):
        if kwargs:
            return super()._log_prob(tf.identity(y), **kwargs)
        # TFP takes a detour by the forward log-determinant, which an autoregressive map that is
        # not in its cache pays for dearly.
        y = tf.identity(y)
        x = self.bijector.inverse(y)
        ildj = self.bijector.inverse_log_det_jacobian(y, event_ndims=self.event_shape.rank)
        return self.distribution.log_prob(x) + ildj

    def _prob(self, y, **kwargs):
        return super()._prob(tf.identity(y), **kwargs)

    def _log_cdf(self, y, **kwargs):
        return super()._log_cdf(tf.identity(y), **kwargs)

    def _cdf(self, y, **kwargs):
        return super()._cdf(tf.identity(y), **kwargs)

    def _log_survival_function(self, y, **kwargs):
        return super()._log_survival_function(tf.identity(y), **kwargs)

    def _survival_function(self, y, **kwargs):
        return super()._survival_function(tf.identity(y), **kwargs)
