"""From a vector of real numbers to the values of a joint distribution."""

import tensorflow as tf
from tensorflow_probability import bijectors as tfb

__all__ = ["from_vector", "of_one_type", "size_of"]


def of_one_type(joint) -> tf.DType:
    """Return the floating type that all parts of a joint distribution have.

    Raises
    ------
    ValueError
        If they have several, or one that is not floating.

    Examples
    --------
    >>> from tensorflow_probability import distributions as tfd
    >>> of_one_type(tfd.JointDistributionSequential([tfd.Normal(0.0, 1.0)]))
    tf.float32
    """
    types = [tf.as_dtype(dtype) for dtype in tf.nest.flatten(joint.dtype)]
    if discrete := [dtype.name for dtype in types if not dtype.is_floating]:
        raise ValueError(
            "a flow draws real numbers, and the joint distribution has parts of type "
            f"{', '.join(discrete)}. Pin them (joint.experimental_pin(...)), or sum over them, as "
            "tfd.MixtureSameFamily does."
        )
    if len(set(types)) != 1:
        raise ValueError(
            "the parts of the joint distribution must have one floating type; got "
            f"{', '.join(dtype.name for dtype in types) or 'none: all of them are pinned'}."
        )
    return types[0]


def from_vector(joint) -> tfb.Bijector:
    r"""Return the bijector from vectors of real numbers to values of a joint distribution.

    A vector is cut into the parts of the joint, in its order, each part gets its shape, and the
    joint's own default bijectors carry it to the support: :math:`\log` scales to scales, for
    example.

    Parameters
    ----------
    joint : tfd.JointDistribution or tfp.experimental.distributions.JointDistributionPinned
        With parts of known shape.

    Returns
    -------
    tfb.Bijector
        From ``[..., D]`` to the structure of the joint.

    Raises
    ------
    ValueError
        If the shape of a part is not known.

    Examples
    --------
    >>> from tensorflow_probability import distributions as tfd
    >>> joint = tfd.JointDistributionNamed(
    ...     {"loc": tfd.Sample(tfd.Normal(0.0, 1.0), 2), "scale": tfd.HalfNormal(1.0)})
    >>> values = from_vector(joint).forward(tf.zeros([3]))
    >>> values["loc"].shape, bool(values["scale"] > 0.0)
    (TensorShape([2]), True)
    """
    constrain = joint.experimental_default_event_space_bijector()
    shapes = constrain.inverse_event_shape(joint.event_shape)
    flat = tf.nest.flatten(shapes)
    if not all(shape.is_fully_defined() for shape in flat):
        raise ValueError(
            "the parts of the joint distribution must have known shapes; got "
            f"{', '.join(map(str, joint.event_shape))}."
        )
    sizes = [shape.num_elements() for shape in flat]
    reshape = tf.nest.map_structure(
        lambda shape: tfb.Reshape(shape, event_shape_in=[shape.num_elements()]), shapes
    )
    order = tf.nest.pack_sequence_as(shapes, list(range(len(flat))))
    return tfb.Chain(
        [constrain, tfb.JointMap(reshape), tfb.Restructure(order), tfb.Split(sizes)],
        name="from_vector",
    )


def size_of(joint, bijector) -> int:
    """Return the number of coordinates of the vectors that `from_vector` takes.

    Examples
    --------
    >>> from tensorflow_probability import distributions as tfd
    >>> joint = tfd.JointDistributionSequential([tfd.CholeskyLKJ(3, 1.0)])
    >>> size_of(joint, from_vector(joint))
    3
    """
    return bijector.inverse_event_shape(joint.event_shape).num_elements()
