"""An invertible linear map, parametrized by its LU factors."""

from tfflows.bijectors.linear import Linear, Triangular

__all__ = ["LU"]


class LU(Linear):
    r"""An invertible affine map, direct from data to latent, whose determinant is a product.

    .. math::
        z = L U x + b, \qquad x = U^{-1} L^{-1} (z - b), \qquad
        \log\left|\det \frac{\partial z}{\partial x}\right| = \sum_i \log U_{ii}

    with L lower triangular of unit diagonal and U upper triangular of positive diagonal.

    Parameters
    ----------
    lower : tf.Tensor
        ``[..., D, D]``; only the part below the diagonal is used.
    upper : tf.Tensor
        ``[..., D, D]``; only the part above the diagonal is used.
    log_diagonal : tf.Tensor
        :math:`\log U_{ii}`, ``[..., D]``.
    bias : tf.Tensor
        b, ``[..., D]``.
    event_shape : tuple of int
        Shape of an event of D coordinates.
    name : str, optional
        Name of the bijector.

    References
    ----------
    Kingma and Dhariwal (2018), "Glow: Generative Flow with Invertible 1x1 Convolutions",
    arXiv:1807.03039; Oliva et al. (2018), "Transformation Autoregressive Networks",
    arXiv:1801.09819.

    Examples
    --------
    >>> import tensorflow as tf
    >>> b = LU(tf.zeros([2, 2]), tf.ones([2, 2]), tf.zeros([2]), tf.zeros([2]), (2,))
    >>> print(b.inverse([[1.0, 2.0]]).numpy())
    [[3. 2.]]
    """

    def __init__(self, lower, upper, log_diagonal, bias, event_shape: tuple, name: str = "lu"):
        factors = [Triangular(lower, lower=True), Triangular(upper, log_diagonal, lower=False)]
        super().__init__(factors, event_shape, bias, name)
