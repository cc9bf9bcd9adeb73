"""The first layer of angles among columns that are none."""

import math

import keras
import numpy as np
import tensorflow as tf

from tfflows.bijectors.checks import check_positive
from tfflows.bijectors.cut_circle import CutCircle
from tfflows.layers.standardize import FromData

__all__ = ["Circular", "cut_where_rare"]


@keras.saving.register_keras_serializable(package="tfflows")
class Circular(FromData):
    r"""Angles, cut open where data are rare and drawn out to the line.

    .. math::
        x = c + \frac{2B}{1 + e^{-z}} \;\text{ wrapped to } [-B, B)

    Numbers that differ by whole turns are one point, with one latent and one density: none is
    outside. The density is that of one turn, whatever number names the point, and every draw lies
    in :math:`[-B, B)`. Layers and bases behind this one are those of the line, so that angles
    stand in one flow with columns of other kinds; what that costs is that the density falls to zero
    at the cut. `adapt` puts it into the middle of the widest arc that holds one percent of the
    rows. Where all columns are angles, and none of their values is rare,
    `tfflows.CircularNSF` needs no cut.

    Parameters
    ----------
    bound : float
        :math:`B`, half a turn: pi for radians, 180 for degrees.
    **kwargs
        Keras's own arguments.

    Raises
    ------
    ValueError
        If `bound` is not positive.

    References
    ----------
    Rezende et al. (2020), "Normalizing Flows on Tori and Spheres", arXiv:2002.02428, whose maps are
    those that need no cut.

    Examples
    --------
    >>> import numpy as np, tensorflow as tf
    >>> layer = Circular(180.0)
    >>> layer.build(event_shape=(1,))
    >>> layer.adapt(np.array([[170.0], [180.0], [-170.0]]))
    >>> print(layer.cut.numpy(), layer(tf.constant([[180.0], [540.0]])).numpy())
    [0.] [[0.]
     [0.]]
    """

    def __init__(self, bound: float = math.pi, **kwargs):
        super().__init__(**kwargs)
        check_positive(", half a turn", bound=bound)
        self.bound = float(bound)

    def build(self, event_shape, context_shape=None):
        """Create the cut, opposite to zero until `adapt`."""
        super().build(event_shape, context_shape)
        self.cut = self.add_weight(
            name="cut",
            shape=self.event_shape,
            initializer=keras.initializers.Constant(-self.bound),
            trainable=False,
        )
        self.built = True

    def bijector(self, context=None):
        """Return the bijector that cut and bound describe."""
        return CutCircle(tf.convert_to_tensor(self.cut), self.bound)

    @property
    def statistics(self) -> dict:
        """The cut of each coordinate."""
        return {"cut": self.cut.numpy()}

    def adapt(self, x, context=None, sample_weight=None):
        """Cut each coordinate open where rows of `x` are rare."""
        self.cut.assign(cut_where_rare(x, self.bound, sample_weight))
        self.adapted.assign(1.0)

    def get_config(self):
        """Return the constructor's arguments."""
        return {**super().get_config(), "bound": self.bound}


def cut_where_rare(x, bound: float, sample_weight=None) -> np.ndarray:
    """Return, for each column, the middle of the widest arc that holds one percent of the rows.

    Parameters
    ----------
    x : array
        Angles ``[N, ...]``.
    bound : float
        Half a turn.
    sample_weight : array, optional
        Non-negative weights ``[N]``; rows of weight zero do not count.

    Examples
    --------
    >>> print(cut_where_rare([[170.0], [180.0], [-170.0]], 180.0))
    [0.]
    """
    x = np.asarray(x, np.float64)
    kept = slice(None) if sample_weight is None else np.asarray(sample_weight) > 0
    turn = 2.0 * bound
    x = np.sort((x[kept] + bound) % turn, axis=0)
    share = max(len(x) // 100, 1)
    arcs = (np.roll(x, -share, axis=0) - x) % turn
    # One row has the whole circle to itself.
    arcs = np.where(len(x) == share, turn, arcs)
    widest = np.argmax(arcs, axis=0)[np.newaxis]
    start, arc = (np.take_along_axis(a, widest, axis=0)[0] for a in (x, arcs))
    return (start + 0.5 * arc) % turn - bound
