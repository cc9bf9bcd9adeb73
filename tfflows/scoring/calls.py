"""Public calls of a model: inputs checked once, cut into chunks, and given to one program."""

import functools
import math
import operator
from collections.abc import Callable

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfflows.inputs import validation
from tfflows.interop.xla_errors import is_xla_error
from tfflows.scoring.operation import Operation
from tfflows.scoring.split_batch import split_batch
from tfflows.scoring.table import Table
from tfflows.scoring.xla_chunks import ROWS

__all__ = ["check_reparameterized", "draw", "prepare"]

# Enough rows that starting a program does not count, and few enough for the memory.
_ROWS_AT_ONCE = 16384

# Rows from which halves are worth their while: those of fewer take as long to start as to run.
_ROWS_FOR_HALVES = 4096


def prepare(model, operation: Operation, x, context, batch_size: int | None = None, seed=None):
    """Check the inputs of an operation, and return what computes it.

    In eager mode that is a compiled function, differentiable, and long tables are cut into chunks;
    in a graph the operation stands as it is.

    Parameters
    ----------
    model : DensityModel
        The model.
    operation : Operation
        What to compute for each row.
    x, context : array or tf.Tensor
        Rows ``[..., *event_shape]`` and their contexts.
    batch_size : int, optional
        Rows to compute at once.
    seed : int or pair of int, optional
        Seed of what is drawn, by an operation that draws.

    Returns
    -------
    program : callable
        The function to call for each chunk.
    chunks : iterable of tuple of tf.Tensor
        Its arguments, chunk after chunk.
    join : callable
        Makes one answer of the list of those for the chunks.

    Raises
    ------
    ValueError
        If a shape does not fit, or a context is missing or not wanted.
    """
    model.build()
    dtype = model.variable_dtype
    event_shape, context_shape = operation.event_shape, model.context_shape
    columns = model.event_columns if operation.argument == "x" else None
    x = validation.check_event(x, event_shape, dtype, operation.argument, columns)
    context = validation.check_context(context, context_shape, dtype, model.context_columns)
    if operation.argument == "z":
        validation.check_finite(x, "z", len(event_shape))
    validation.check_pair(x, context, event_shape, context_shape)
    if operation.draws:
        seed = validation.check_seed(validation.FIXED_SEED if seed is None else seed)
    else:
        seed = None
    if not tf.executing_eagerly():
        rows = [tf.cast(x, dtype), None if context is None else tf.cast(context, dtype)]
        return operation.function, [(*rows, *_present(seed))], operator.itemgetter(0)
    if batch_size is not None and batch_size < 1:
        raise ValueError(f"batch_size must be a positive int; got {batch_size!r}.")
    size = _ROWS_AT_ONCE if batch_size is None else batch_size
    table = Table(x, context, seed, event_shape, context_shape)
    signature = [
        tf.TensorSpec([None, *event_shape], dtype),
        *_present(None if context is None else tf.TensorSpec([None, *context_shape], dtype)),
        *_present(None if seed is None else tf.TensorSpec([3], tf.int32)),
    ]
    program = functools.partial(_program, model.programs, operation, signature, context is None)
    if operation.xla and (batch_size is None or batch_size >= ROWS):
        made = _with_fallback(model.programs, program(xla=True), program)
    else:
        made = program(halves=min(size, len(table)) >= _ROWS_FOR_HALVES)
    return made, table.chunks(size, dtype), table.join


def draw(model, operation: Operation, sample_shape, seed, context):
    """Return what an operation draws, for each context where there is one.

    Parameters
    ----------
    model : DensityModel
        The model.
    operation : Operation
        What to draw; its function takes a count, int32 ``[1]``, a seed, int32 ``[2]``, and the
        contexts, and returns tensors ``[count, *batch of the context, ...]``.
    sample_shape : int or tuple of int
        Number of draws.
    seed : int or pair of int, optional
        The same seed gives the same draws.
    context : array or tf.Tensor, optional
        Contexts ``[..., *context_shape]``.
    """
    model.build()
    shape = validation.check_sample_shape(sample_shape)
    seed = validation.check_seed(seed)
    dtype = model.variable_dtype
    context = validation.check_context(context, model.context_shape, dtype, model.context_columns)
    context = None if context is None else tf.cast(context, dtype)
    # A number of events, so that another shape of them means neither another trace nor others.
    static = isinstance(shape, tuple)
    count = [math.prod(shape)] if static else tf.reduce_prod(shape, keepdims=True)
    if not tf.executing_eagerly():
        drawn = operation.function(count, seed, context)
        return tf.nest.map_structure(lambda part: _unfold(part, shape), drawn)
    signature = [tf.TensorSpec([1], tf.int32), tf.TensorSpec([2], tf.int32)]
    if context is not None:
        inner = list(model.context_shape)
        signature.append(tf.TensorSpec([None] * (len(context.shape) - len(inner)) + inner, dtype))
    program = functools.partial(_program, model.programs, operation, signature, context is None)
    made = program()
    if operation.xla:
        made = _with_fallback(model.programs, program(xla=True), program)
    drawn = made(tf.constant(count, tf.int32), seed, *_present(context))
    return tf.nest.map_structure(lambda part: _unfold(part, shape), drawn)


def check_reparameterized(source: tfd.Distribution) -> None:
    """Raise a ValueError if samples of a distribution are not differentiable."""
    if source.reparameterization_type != tfd.FULLY_REPARAMETERIZED:
        raise ValueError(
            f"samples of {source.name} are not differentiable functions of its parameters (TFP "
            "calls them not reparameterized), so that gradients would be wrong. Use a base such as "
            "tfd.MultivariateNormalDiag."
        )


def _program(programs, operation, signature, alone: bool, xla: bool = False, halves: bool = False):
    function = operation.function
    # A signature has no room for the context that is not there.
    if alone and operation.draws:
        function = functools.partial(_without_context, function)
    elif alone:
        function = functools.partial(function, context=None)
    if xla:
        function = functools.partial(function, xla=True)
        return programs.get(f"{operation.name}, xla", function, signature)
    program = programs.get(operation.name, function, signature)
    if halves:
        return programs.get(f"{operation.name}, halves", split_batch(program), signature)
    return program


def _without_context(function, rows, seed, **options):
    return function(rows, None, seed, **options)


def _with_fallback(programs, compiled: Callable, plain: Callable) -> Callable:
    """Return a function that runs `compiled`, or what `plain` makes once XLA could not compile."""

    def run(*given):
        if programs.xla:
            try:
                return compiled(*given)
            except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError) as error:
                if not is_xla_error(error):
                    raise
                programs.xla = False
        return plain()(*given)

    return run


def _present(*values) -> list:
    return [value for value in values if value is not None]


def _unfold(drawn, shape):
    """Return draws ``[n, ...]`` as ``[*shape, ...]``."""
    if len(shape) == 1 if isinstance(shape, tuple) else shape.shape == (1,):
        return drawn
    rest = drawn.shape[1:]
    if isinstance(shape, tuple) and rest.is_fully_defined():
        return tf.reshape(drawn, [*shape, *rest])
    return tf.reshape(drawn, tf.concat([tf.cast(shape, tf.int32), tf.shape(drawn)[1:]], 0))
