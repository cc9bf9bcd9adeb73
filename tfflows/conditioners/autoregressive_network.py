"""A masked autoregressive network (MADE) as a Keras 3 layer."""

from __future__ import annotations

import functools
import inspect
import random
from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from tfflows.bijectors import checks
from tfflows.bijectors.event import reshape_event
from tfflows.bijectors.masked_mlp_weights import MaskedMLPWeights
from tfflows.conditioners import linear
from tfflows.conditioners.dependency_masks import DependencyMasks
from tfflows.conditioners.masked_dense import WholeKernel, whole_kernels
from tfflows.conditioners.masked_network import MaskedNetwork
from tfflows.conditioners.masks import group_degrees, resolve_hidden_degrees, resolve_order
from tfflows.conditioners.periodic_features import circumference
from tfflows.conditioners.training_flag import TrainingFlag


@keras.saving.register_keras_serializable(package="tfflows")
class AutoregressiveNetwork(keras.layers.Layer):
    r"""A network whose outputs for a coordinate depend on the coordinates before it alone.

    Layer l computes

    .. math:: h_l = a(h_{l-1} (K_l \odot M_l) + c\, C_l + b_l),

    with fixed masks M of zeros and ones that follow from degrees: a coordinate has its place in
    the order as its degree, a hidden unit of degree d sees inputs of degree d or less, and the
    outputs for a coordinate of degree d see hidden units of degree less than d. The masks are
    applied in the forward pass, so the Jacobian is strictly triangular in the order whatever an
    optimizer does to the kernels. With a context, hidden degrees start at 0 (units that see the
    context alone), so the outputs of every coordinate, the first one included, are non-linear in
    the context. Hidden units are sorted by degree.

    An instance also serves as the ``shift_and_log_scale_fn`` of
    ``tfp.bijectors.MaskedAutoregressiveFlow`` (``params=2``; a context goes in as
    ``bijector_kwargs={"conditional_input": c}``).

    Parameters
    ----------
    params
        The number of outputs of each coordinate, P.
    event_shape
        The number of coordinates D, as an int or a shape of rank 0 or 1. Where it is given, every
        weight exists after construction; otherwise the first call tells it.
    conditional
        Whether a ``conditional_input`` is part of each call.
    conditional_event_shape
        The shape of one context, an int or a tuple; of rank other than 1 it is flattened. Required
        if ``conditional`` and ``event_shape`` is given.
    conditional_input_layers
        ``"all_layers"`` (the context enters every layer; in a residual block, its first layer) or
        ``"first_layer"``.
    hidden_units
        The widths of the hidden layers; narrower than D is allowed. Empty: the outputs are linear
        in x and in the context. With ``residual``, the first entry is the input layer and each
        further one a residual block of two masked layers.
    input_order
        ``"left-to-right"``, ``"right-to-left"``, ``"random"``, or the place of each coordinate,
        a permutation of 1..D or of 0..D-1.
    hidden_degrees
        ``"equal"``, ``"random"``, or a list of degrees for each hidden layer.
    activation
        A Keras activation that acts on each unit by itself; None is the identity.
    use_bias
        Whether layers have biases.
    kernel_initializer, bias_initializer
        Keras initializers, drawn afresh for each weight. By default both are uniform on
        +-1/sqrt(n) for a unit of n inputs, and the last biases zero: so the units bend at
        different points of the data. A kernel is masked after it is drawn; one
        of an initializer that scales with the fan-in (``keras.initializers.VarianceScaling``:
        Glorot, He, LeCun) is scaled by sqrt(inputs / inputs left by the mask) for each unit, so
        that units which see few inputs start with signals of the same size as the others.
    kernel_regularizer, bias_regularizer, kernel_constraint, bias_constraint
        As in ``keras.layers.Dense``.
    passes
        The number of groups that the order is coarsened to, from 1 to D: the number of network
        evaluations that sampling needs. 2 is a coupling; None is D.
    residual
        Whether hidden layers are residual blocks h + f(h) (all widths equal), with the activation
        before each masked layer.
    dropout
        The rate of dropout after hidden activations, in training.
    zero_output
        Whether the kernels and the bias of the last layer start at zero.
    period
        The circumference of the circle that the coordinates are points of: the first layer then
        sees the cosine and the sine of their angles, so that the outputs do not jump where an angle
        starts anew. None for coordinates on the line.
    adjacency
        What each coordinate's parameters may depend on, instead of on all coordinates before it:
        zeros and ones [D, D], entry [i, j] for what i depends on; or [D, D + C], with columns for
        a context of size C, on all of which each depends otherwise. It may have no cycle, and gives
        the order, the degrees and the passes itself: ``input_degrees`` are those of the graph, and
        ``input_order`` and ``hidden_degrees`` stay as they are by default.
    seed
        An int that fixes random orders and degrees and the initial kernels. Without one, they
        follow ``keras.utils.set_random_seed``. What was drawn is part of ``get_config()``.
    **kwargs
        Those of ``keras.layers.Layer``: ``name``, ``dtype``, ``trainable``.

    Attributes
    ----------
    input_order : tuple of int
        The degree of each coordinate in 1..D.
    input_degrees : tuple of int
        The same, coarsened to 1..passes.
    hidden_degrees : tuple of tuple of int
        The sorted degrees of the units of each hidden layer.
    kernels, biases, context_kernels, masks, layer_degrees
        The layers from the input to the output, in lists of equal length: the masked kernels
        [inputs, outputs] as tensors, the biases (or None), the kernels of the context (or None
        where it does not enter), the masks as arrays, and the pairs (degrees of inputs, degrees of
        outputs). A residual block counts as two layers. The weights of a wide layer are the blocks
        of its kernel that are not all zero (see Notes).

    Notes
    -----
    Where all hidden layers have 256 units or more and degrees are sorted, units of low and of high
    degree are kept apart, and a fourth of each kernel, which is zero, is neither stored nor
    multiplied. Its weights are then several blocks, and what an optimizer does to each weight
    as a whole (``clipnorm``, Lamb) it does to blocks; files hold whole kernels, and the optimizer's
    moments by blocks. A constraint of kernels, or a regularizer other than L1 and L2, keeps kernels
    whole.

    Raises
    ------
    ValueError
        If an argument is none of the above, or a call has an x or a context of another shape.

    References
    ----------
    Germain, Gregor, Murray, Larochelle 2015, "MADE: Masked Autoencoder for Distribution
    Estimation", arXiv:1502.03509. Papamakarios, Pavlakou, Murray 2017, "Masked Autoregressive Flow
    for Density Estimation", arXiv:1705.07057. Residual blocks: Durkan, Nash 2019, "Autoregressive
    Energy Machines", arXiv:1904.05626.

    Examples
    --------
    >>> import tensorflow as tf
    >>> from tfflows.conditioners import AutoregressiveNetwork
    >>> made = AutoregressiveNetwork(params=2, event_shape=[3], hidden_units=[8, 8])
    >>> made(tf.zeros([5, 3])).shape
    TensorShape([5, 3, 2])
    >>> made.hidden_degrees
    ((1, 1, 1, 1, 2, 2, 2, 2), (1, 1, 1, 1, 2, 2, 2, 2))
    >>> made = AutoregressiveNetwork(2, 3, conditional=True, conditional_event_shape=4)
    >>> made(tf.zeros([7, 1, 3]), conditional_input=tf.zeros([5, 4])).shape
    TensorShape([7, 5, 3, 2])
    """

    def __init__(
        self,
        params: int,
        event_shape: int | Sequence[int] | None = None,
        conditional: bool = False,
        conditional_event_shape: int | Sequence[int] | None = None,
        conditional_input_layers: str = "all_layers",
        hidden_units: Sequence[int] = (64, 64),
        input_order: str | Sequence[int] = "left-to-right",
        hidden_degrees: str | Sequence[Sequence[int]] = "equal",
        activation: str | Callable | None = "relu",
        use_bias: bool = True,
        kernel_initializer: str | dict | Callable | None = None,
        bias_initializer: str | dict | Callable | None = None,
        kernel_regularizer: str | dict | Callable | None = None,
        bias_regularizer: str | dict | Callable | None = None,
        kernel_constraint: str | dict | Callable | None = None,
        bias_constraint: str | dict | Callable | None = None,
        passes: int | None = None,
        residual: bool = False,
        dropout: float = 0.0,
        zero_output: bool = False,
        seed: int | None = None,
        period: float | None = None,
        adjacency: Sequence[Sequence[int]] | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.params = checks.positive_integer("params", params)
        self.event_shape = _event_shape(event_shape)
        self.conditional = bool(conditional)
        self.conditional_event_shape = (
            None
            if conditional_event_shape is None
            else checks.positive_integers("conditional_event_shape", conditional_event_shape)
        )
        self.conditional_input_layers = conditional_input_layers
        self.hidden_units = checks.positive_integers(
            "hidden_units", () if hidden_units is None else hidden_units
        )
        self.activation = keras.activations.get(activation)
        self.use_bias = bool(use_bias)
        self.kernel_initializer = keras.initializers.get(
            linear.KERNEL_INITIALIZER if kernel_initializer is None else kernel_initializer
        )
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)
        self.kernel_constraint = keras.constraints.get(kernel_constraint)
        self.bias_constraint = keras.constraints.get(bias_constraint)
        self.passes = passes
        self.residual = bool(residual)
        self.dropout = linear.dropout_rate(dropout)
        self.zero_output = bool(zero_output)
        self.seed = None if seed is None else int(seed)
        self.period = circumference(period)
        self.adjacency = None if adjacency is None else np.asarray(adjacency).tolist()
        self._input_order = linear.as_tuples(input_order)
        self._hidden_degrees = linear.as_tuples(hidden_degrees)
        self._dropout = (
            keras.layers.Dropout(self.dropout, seed=self.seed, dtype=self.dtype_policy)
            if self.dropout
            else None
        )
        self._mode = TrainingFlag() if self.dropout else None
        self._check_arguments()
        if self.event_shape is not None and not self.built:
            condition = (None, *self.conditional_event_shape) if self.conditional else None
            self.build((None, *self.event_shape), condition)

    def _check_arguments(self) -> None:
        if self.conditional_input_layers not in ("all_layers", "first_layer"):
            raise ValueError(
                "conditional_input_layers must be 'all_layers' or 'first_layer'; got "
                f"{self.conditional_input_layers!r}."
            )
        if not self.conditional and self.conditional_event_shape is not None:
            raise ValueError(
                f"conditional_event_shape={self.conditional_event_shape} was given, but "
                "conditional is False; pass conditional=True to make use of a context."
            )
        missing = self.conditional and self.conditional_event_shape is None
        if missing and self.event_shape is not None:
            raise ValueError(
                "conditional=True needs conditional_event_shape, the shape of one context (an int "
                "or a tuple), beside event_shape; got None."
            )
        if self.residual and len(set(self.hidden_units)) > 1:
            raise ValueError(
                "residual=True needs hidden layers of equal width, because blocks add their "
                f"input to their output; got hidden_units={list(self.hidden_units)}."
            )
        linear.check_elementwise(self.activation)
        order = (self._input_order, self._hidden_degrees, self.passes)
        if self.adjacency is not None and order != ("left-to-right", "equal", None):
            raise ValueError(
                "adjacency says in which order coordinates come; leave input_order, "
                "hidden_degrees and passes at their defaults."
            )

    @property
    def input_order(self) -> tuple[int, ...] | str:
        """The degree of each coordinate in 1..D (before the first build: as it was given)."""
        return self._input_order

    @property
    def hidden_degrees(self) -> tuple[tuple[int, ...], ...] | str:
        """The degrees of each hidden layer's units (before the first build: as given)."""
        return self._hidden_degrees

    def build(
        self,
        x_shape: Sequence[int | None],
        conditional_input_shape: Sequence[int | None] | None = None,
    ) -> None:
        """Create every weight.

        Parameters
        ----------
        x_shape
            The shape of x, batch axes included.
        conditional_input_shape
            The shape of the context, batch axes included; None without a context.

        Raises
        ------
        ValueError
            If a size is unknown, or orders, degrees or passes do not fit the number of coordinates.
        """
        if self.event_shape is None:
            self.event_shape = (linear.last_size("x", x_shape),)
        if self.conditional and self.conditional_event_shape is None:
            if conditional_input_shape is None:
                raise ValueError(self._missing_context())
            self.conditional_event_shape = (
                linear.last_size("conditional_input", conditional_input_shape),
            )
        size = self.event_shape[0] if self.event_shape else 1
        # Without a seed, what is drawn follows keras.utils.set_random_seed, which seeds `random`.
        drawn = "random" in (self._input_order, self._hidden_degrees) and self.seed is None
        seed = random.randrange(2**31) if drawn else (self.seed or 0)
        context_size = None
        if self.conditional:
            context_size = int(np.prod(self.conditional_event_shape, dtype=int))
        graph = None
        if self.adjacency is not None:
            graph = DependencyMasks(self.adjacency, size, context_size)
            self.input_degrees = graph.degrees
            hidden_degrees = graph.hidden_degrees(self.hidden_units)
        else:
            self._input_order = resolve_order(self._input_order, size, seed)
            self.input_degrees = group_degrees(self._input_order, self.passes)
            hidden_degrees = self._hidden_degrees = resolve_hidden_degrees(
                self._hidden_degrees,
                self.hidden_units,
                max(self.input_degrees),
                conditional=self.conditional,
                shared=self.residual,
                seed=seed,
            )
        self._network = MaskedNetwork(
            self,
            self.input_degrees,
            hidden_degrees,
            self.params,
            self.activation,
            residual=self.residual,
            period=self.period,
            context_size=context_size,
            context_everywhere=self.conditional_input_layers == "all_layers",
            zero_output=self.zero_output,
            graph=graph,
            use_bias=self.use_bias,
            kernel_initializer=self.kernel_initializer,
            bias_initializer=self.bias_initializer,
            kernel_regularizer=self.kernel_regularizer,
            bias_regularizer=self.bias_regularizer,
            kernel_constraint=self.kernel_constraint,
            bias_constraint=self.bias_constraint,
            seed=self.seed,
        )
        layers = self._network.layers
        self.layer_degrees = self._network.layer_degrees
        self.masks = tuple(layer.product.mask for layer in layers)
        self.biases = [layer.bias for layer in layers]
        self.context_kernels = [layer.context_kernel for layer in layers]
        if self._dropout is not None and not self._dropout.built:
            self._dropout.build((None, *self.hidden_units[:1]))

    @property
    def kernels(self) -> list[tf.Tensor]:
        """The kernel of each layer [inputs, outputs], masked, as a tensor."""
        return [layer.kernel for layer in self._network.layers]

    def call(
        self,
        x: tf.Tensor,
        conditional_input: tf.Tensor | None = None,
        training: bool | None = None,
    ) -> tf.Tensor:
        """Return the parameters of each coordinate.

        Parameters
        ----------
        x
            A tensor [..., D].
        conditional_input
            A context ``[..., *conditional_event_shape]``, broadcast against the batch axes of x.
        training
            Whether dropout is active.

        Returns
        -------
        tf.Tensor
            [..., D, params], with the batch axes of x and the context broadcast.

        Raises
        ------
        ValueError
            If x or the context is missing, not wanted, or of another shape.
        """
        x = tf.cast(tf.convert_to_tensor(x), self.compute_dtype)
        linear.check_event(self._owner(), "x", x, self.event_shape)
        size = len(self.input_degrees)
        if not self.event_shape:
            x = reshape_event(x, 0, [1])
        context = self._context(x, conditional_input)
        dropout = self._dropout
        if dropout is not None:
            dropout = functools.partial(dropout, training=training)
        h = self._network(x, context, dropout)
        return reshape_event(h, 1, [size, self.params][-len(self.event_shape) - 1 :])

    def stack(self, conditional_input: tf.Tensor | None = None) -> MaskedMLPWeights | None:
        """Return the layers as tensors, for a solver that computes them unit by unit.

        Parameters
        ----------
        conditional_input
            A context ``[..., *conditional_event_shape]``.

        Returns
        -------
        MaskedMLPWeights or None
            The network that the weights describe now; None while dropout is active, which makes
            each call another network.

        Raises
        ------
        ValueError
            If the context is missing, not wanted, or of another shape.
        """
        if self._mode is not None:
            active = tf.get_static_value(self._mode(tf.zeros([])))
            if active is None or bool(active):
                return None
        return self._network.weights(self._context(None, conditional_input))

    def _context(
        self, x: tf.Tensor | None, conditional_input: tf.Tensor | None
    ) -> tf.Tensor | None:
        """Check the context and flatten it to [..., C]."""
        if not self.conditional:
            if conditional_input is not None:
                raise ValueError(
                    f"{self._owner()} takes no conditional_input, but one of shape "
                    f"{linear.shape_of(conditional_input)} was given; construct it with "
                    "conditional=True and conditional_event_shape."
                )
            return None
        if conditional_input is None:
            raise ValueError(self._missing_context())
        context = tf.cast(tf.convert_to_tensor(conditional_input), self.compute_dtype)
        shape = self.conditional_event_shape
        linear.check_event(self._owner(), "conditional_input", context, shape)
        if x is not None:
            linear.check_batches(self._owner(), "conditional_input", x, context, len(shape))
        if len(shape) == 1:
            return context
        return reshape_event(context, len(shape), [int(np.prod(shape, dtype=int))])

    def _missing_context(self) -> str:
        shape = self.conditional_event_shape
        wanted = "" if shape is None else f" of shape ({', '.join(['...', *map(str, shape)])})"
        return f"{self._owner()} needs a conditional_input{wanted}; got None."

    def _owner(self) -> str:
        return f"AutoregressiveNetwork {self.name!r}"

    def save_own_variables(self, store: dict) -> None:
        """Write the weights, kernels as wholes, so that a file does not tell how they are kept."""
        if not self.built:
            super().save_own_variables(store)
            return
        for number, variable in enumerate(self._stored()):
            store[str(number)] = variable.numpy()

    def load_own_variables(self, store: dict) -> None:
        """Read what `save_own_variables` wrote.

        Raises
        ------
        ValueError
            If these are the weights of another network.
        """
        if not self.built:
            super().load_own_variables(store)
            return
        stored = self._stored()
        found = [np.asarray(store[str(number)]) for number in range(len(store.keys()))]
        shapes = [tuple(variable.shape) for variable in stored]
        if [value.shape for value in found] != shapes:
            raise ValueError(
                f"{self._owner()} has kernels and biases of shapes {shapes}; the file has "
                f"{[value.shape for value in found]}. Build the network as it was when saved."
            )
        for variable, value in zip(stored, found, strict=True):
            variable.assign(value)

    def _stored(self) -> list[keras.Variable | WholeKernel]:
        # What Keras would write by itself: this layer's own weights, not those of layers in it.
        own = {}
        super().save_own_variables(own)
        return whole_kernels(self._network.layers, own.values())

    def get_config(self) -> dict:
        """Return the arguments that rebuild this layer, with random orders and degrees resolved."""
        arguments = [*inspect.signature(AutoregressiveNetwork.__init__).parameters][1:-1]
        config = {
            name: keras.saving.serialize_keras_object(linear.as_lists(getattr(self, name)))
            for name in arguments
        }
        # By its name alone where it is one of Keras's.
        config["activation"] = keras.activations.serialize(self.activation)
        return {**super().get_config(), **config}


def _event_shape(event_shape: int | Sequence[int] | None) -> tuple[int, ...] | None:
    if event_shape is None:
        return None
    shape = checks.positive_integers("event_shape", event_shape)
    if len(shape) > 1:
        raise ValueError(
            f"event_shape must be an int or a shape of rank 0 or 1; got {event_shape!r}. "
            "Flatten events of higher rank first."
        )
    return shape
