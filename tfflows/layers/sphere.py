"""The first layer of unit vectors: directions, and places on a globe."""

import math

import keras
import numpy as np
import tensorflow as tf

from tfflows import bijectors
from tfflows.layers.circular import cut_where_rare
from tfflows.layers.standardize import FromData

__all__ = ["Sphere"]

_CHARTS = ("line", "cylinder")


@keras.saving.register_keras_serializable(package="tfflows")
class Sphere(FromData):
    r"""Unit vectors of D coordinates, of D - 1 latent ones: heights and a longitude.

    On the sphere in three dimensions, with the height :math:`h` and the longitude
    :math:`\varphi`,

    .. math::
        x = \left(\sqrt{1 - h^2} \cos\varphi,\; \sqrt{1 - h^2} \sin\varphi,\; h\right), \qquad
        d\sigma = dh\, d\varphi

    and in more dimensions the first coordinates are again a point of a sphere, by
    `tfflows.bijectors.Sphere`. Unit vectors fill no volume; the density is with respect to the
    surface :math:`\sigma`, so that the uniform one on the sphere in three dimensions is
    :math:`1 / 4\pi`. It is zero where the length of a vector is not one to within the square root
    of the precision of the type, 3e-4 in float32; a vector within is taken for the point in its
    direction. Every draw has length one up to rounding.

    There are two charts. On the ``"line"`` the latents are :math:`2 \operatorname{artanh} h` and
    the longitude as `Circular` cuts it open where rows are rare, for layers and bases of the line,
    beside columns of other kinds; the density falls to zero at the cut and at the poles. On the
    ``"cylinder"`` they are :math:`h` and :math:`\varphi \in [-\pi, \pi)`, and the density is that
    of the latents. What comes behind must then leave heights between -1 and 1 and take
    longitudes for points of a circle, and so must the base. ``Invert(Sphere("cylinder"))`` goes
    back to the sphere, where a `Rotation` moves the poles; the example shows how.

    Parameters
    ----------
    chart : str
        ``"line"`` or ``"cylinder"``.
    **kwargs
        Keras's own arguments.

    Raises
    ------
    ValueError
        If there is no such chart; when built, if events are no vectors of three coordinates or
        more.

    References
    ----------
    Rezende et al. (2020), "Normalizing Flows on Tori and Spheres", arXiv:2002.02428.

    Examples
    --------
    >>> import tensorflow as tf
    >>> north = tf.constant([[0.0, 0.0, 1.0], [0.6, 0.0, 0.8], [0.6, 0.0, 1.0]])
    >>> print(Sphere("cylinder")(north).numpy())
    [[1.  0. ]
     [0.8 0. ]
     [nan nan]]

    A flow of the sphere to itself, whose density has no seam. The networks see cosine and sine of
    the longitude:

    >>> import math
    >>> import tensorflow_probability as tfp
    >>> from tfflows import Flow, layers, univariates
    >>> spline = univariates.RationalQuadraticSpline
    >>> def block():
    ...     height = spline(bound=1.0, boundary="learned")
    ...     angle = spline(bound=math.pi, boundary="circular")
    ...     return [
    ...         layers.Sphere("cylinder"),
    ...         layers.Coupling(height, mask=[False, True], period=2 * math.pi),
    ...         layers.Coupling(angle, mask=[True, False]),
    ...         layers.Invert(layers.Sphere("cylinder")),
    ...         layers.Rotation(),
    ...     ]
    >>> uniform = tfp.distributions.SphericalUniform(3)
    >>> flow = Flow([*block(), *block()], event_shape=3, base=uniform)
    >>> print(flow.log_prob(north).numpy().round(3))
    [-2.531 -2.531   -inf]
    """

    def __init__(self, chart: str = "line", **kwargs):
        super().__init__(**kwargs)
        if chart not in _CHARTS:
            raise ValueError(f'chart must be "line" or "cylinder"; got {chart!r}.')
        self.chart = chart
        self.cut = None

    def build(self, event_shape, context_shape=None):
        """Check that events are vectors, and create the cut, opposite to zero until `adapt`."""
        super().build(event_shape, context_shape)
        if len(self.event_shape) != 1 or self.event_shape[0] < 3:
            raise ValueError(
                "Sphere acts on unit vectors of 3 coordinates or more; events have shape "
                f"{self.event_shape}. Take Circular for angles."
            )
        if self.adapts:
            self.cut = self.add_weight(
                name="cut",
                shape=(1,),
                initializer=keras.initializers.Constant(-math.pi),
                trainable=False,
            )
        self.built = True

    def bijector(self, context=None):
        """Return the bijector, latent to data."""
        return bijectors.Sphere(None if self.cut is None else tf.convert_to_tensor(self.cut))

    @property
    def bounded(self) -> bool:
        """Whether some events are outside, as they are here."""
        return True

    def explain_outside(self, x) -> str:
        """Say what to do about rows `x` that are no unit vectors."""
        lengths = np.linalg.norm(np.asarray(x, np.float64), axis=-1)
        return (
            f"Rows must be vectors of length 1, and these have lengths from {lengths.min():.4g} "
            f"to {lengths.max():.4g}. Divide each row by its length; of places in degrees take "
            "(cos(lat) cos(lon), cos(lat) sin(lon), sin(lat))."
        )

    def latent_shape(self, event_shape):
        """Return the event shape on the latent side: one coordinate less."""
        return (event_shape[0] - 1,)

    def data_shape(self, latent_shape):
        """Return the event shape on the data side: one coordinate more."""
        return (latent_shape[0] + 1,)

    @property
    def statistics(self) -> dict:
        """The longitude of the cut, if there is one."""
        return {} if self.cut is None else {"cut": self.cut.numpy()}

    @property
    def adapts(self) -> bool:
        """Whether the layer takes anything from data, as the cut of the line is."""
        return self.chart == "line"

    @property
    def needs_adapt(self) -> bool:
        """Whether the layer still waits for `adapt` to see data."""
        return self.adapts and super().needs_adapt

    def adapt(self, x, context=None, sample_weight=None):
        """Cut the longitude open where rows of `x` are rare."""
        if self.cut is None:
            return
        x = np.asarray(x, np.float64)
        longitude = np.arctan2(x[:, 1:2], x[:, :1])
        self.cut.assign(cut_where_rare(longitude, math.pi, sample_weight))
        self.adapted.assign(1.0)

    def get_config(self):
        """Return the constructor's arguments."""
        return {**super().get_config(), "chart": self.chart}
