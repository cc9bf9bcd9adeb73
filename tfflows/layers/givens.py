"""Stages of learned rotations of pairs of coordinates."""

import math

import keras
import numpy as np

from tfflows.bijectors import checks
from tfflows.bijectors.linear import Linear
from tfflows.bijectors.orthogonal import PlaneRotations
from tfflows.layers.householder import check_several
from tfflows.layers.raw_parameters import RawParameterLayer

__all__ = ["Givens", "pairing"]


@keras.saving.register_keras_serializable(package="tfflows")
class Givens(RawParameterLayer):
    r"""Learned rotations of pairs of coordinates, in stages of disjoint pairs.

    .. math:: z = G_S \cdots G_1 x, \qquad
        \begin{pmatrix} (G x)_i \\ (G x)_j \end{pmatrix} =
        \begin{pmatrix} \cos\theta & -\sin\theta \\ \sin\theta & \cos\theta \end{pmatrix}
        \begin{pmatrix} x_i \\ x_j \end{pmatrix}, \qquad
        \log\left|\det \frac{\partial z}{\partial x}\right| = 0

    with an angle for each of the D / 2 pairs of a stage, in which one of an odd number of
    coordinates rests. Who meets whom changes from stage to stage, so that as few of them as
    possible let every latent coordinate depend on every coordinate of the data:
    :math:`\lceil \log_2 D \rceil`, and one more if D is odd. It starts as the identity.

    Parameters
    ----------
    stages : int, optional
        Number of stages S; by default as many as that takes.
    hidden_units : sequence of int
        Widths of the network that moves the angles with the context, where there is one.
    activation : str or callable
        Activation of that network.
    **kwargs
        Keras's own arguments.

    Raises
    ------
    ValueError
        If `stages` is no positive integer, or the event has one coordinate.

    References
    ----------
    Golub and Van Loan (2013), "Matrix Computations", 5.1; that no fewer stages are enough: Knödel
    (1975), "New gossips and telephones", Discrete Mathematics 13, 95.

    Examples
    --------
    >>> import math, tensorflow as tf
    >>> layer = Givens()
    >>> layer.build(event_shape=(2,))
    >>> _ = layer.raw.value.assign([[math.pi / 2]])
    >>> print(layer(tf.constant([[1.0, 2.0]])).numpy().round(5))
    [[-2.  1.]]
    """

    def __init__(
        self, stages: int | None = None, hidden_units=(64, 64), activation="relu", **kwargs
    ):
        super().__init__(hidden_units, activation, **kwargs)
        self.stages = None if stages is None else checks.positive_integer("stages", stages)

    def build(self, event_shape, context_shape=None):
        """Create the angles for events of `event_shape`."""
        super().build(event_shape, context_shape)
        self._size = check_several(self, self.event_shape)
        self._pairs = pairing(self._size, self.stages)
        self.raw = self.add_raw(self._pairs.shape[:2])
        self.built = True

    def bijector(self, context=None):
        """Return the bijector that the weights describe now."""
        rotations = PlaneRotations(self.raw(context), self._pairs, self._size)
        return Linear([rotations], self.event_shape, name="givens")

    @property
    def adjacency(self) -> np.ndarray | None:
        """Which coordinates have met, directly or through others."""
        return met(self._size, self._pairs) if self.built else None

    def get_config(self):
        """Return the constructor's arguments."""
        return {**super().get_config(), "stages": self.stages}


def pairing(size: int, stages: int | None = None) -> np.ndarray:
    """Return the pairs of each stage ``[S, P, 2]``, by default of as few as let all meet.

    Examples
    --------
    >>> pairing(4).tolist()
    [[[0, 1], [2, 3]], [[0, 3], [1, 2]]]
    """
    least = math.ceil(math.log2(size)) + size % 2
    return np.stack([_stage(size, k % least) for k in range(stages or least)])


def met(size: int, pairs) -> np.ndarray:
    """Return which coordinates (columns) each coordinate (row) depends on after all stages."""
    depends = np.eye(size, dtype=bool)
    for i, j in np.swapaxes(pairs, 1, 2):
        depends[i] = depends[j] = depends[i] | depends[j]
    return depends


def _stage(size: int, k: int) -> np.ndarray:
    # i + j = 2^(k + 1) - 1 modulo D. Two stages move i by the difference of two such numbers, and
    # every number is a sum of differences of growing powers of two: its runs of ones.
    first = np.arange(size)
    second = (2 ** (k + 1) - 1 - first) % size
    return np.stack([first, second], -1)[first < second]
