"""Making Keras see the tf.Variables and networks inside TensorFlow Probability objects."""

import contextlib
import warnings
import weakref
from collections.abc import Callable, Iterator

import keras
import numpy as np
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from tfflows.interop.dry_runs import (
    dummy_events,
    first_that_runs,
    preserve_state,
    restore_variables,
    value_of,
)
from tfflows.interop.row_by_row import fault_of_distribution
from tfflows.interop.tfp_classes import public_name
from tfflows.interop.tfp_networks import wants_conditional_input
from tfflows.interop.tfp_parts import Part, parts_of

__all__ = [
    "adopt_distribution",
    "adopt_used",
    "as_keras_variable",
    "check_no_keras_variables",
    "state_of",
]

# One Keras variable for each tf.Variable: two of them would let an optimizer step twice.
_ADOPTED: weakref.WeakValueDictionary[int, keras.Variable] = weakref.WeakValueDictionary()


class _Constraint(keras.constraints.Constraint):
    """The constraint of a tf.Variable, any function, as Keras before 3.13 wants it."""

    def __init__(self, function: Callable):
        self.function = function

    def __call__(self, w):
        return self.function(w)


def as_keras_variable(variable: tf.Variable, name: str | None = None) -> keras.Variable:
    """Return the Keras variable that shares a tf.Variable: same storage, same everything.

    Parameters
    ----------
    variable : tf.Variable
        A concrete variable, or one made under a ``tf.distribute`` strategy.
    name : str, optional
        Name, with ``/`` between scopes; by default that of the variable.

    Returns
    -------
    keras.Variable
        With ``value is variable``, and its ``trainable``, constraint and type. The same object for
        the same variable, as long as one is alive.

    Raises
    ------
    ValueError
        If Keras makes a copy instead of sharing the variable.

    Examples
    --------
    >>> import tensorflow as tf
    >>> variable = tf.Variable([1.0, 2.0], name="scope/offset")
    >>> shared = as_keras_variable(variable)
    >>> shared.value is variable, shared.name, shared.trainable
    (True, 'offset', True)
    """
    known = _ADOPTED.get(id(variable))
    if known is not None and known.value is variable:
        return known
    *scopes, leaf = (name or variable.name.partition(":")[0]).split("/")
    with contextlib.ExitStack() as stack:
        for scope in scopes:
            stack.enter_context(keras.name_scope(scope or "scope"))
        shared = keras.Variable(variable, trainable=variable.trainable, name=leaf or "variable")
    if shared.value is not variable:
        raise ValueError(
            f"Keras {keras.__version__} made a copy of the tf.Variable {variable.name!r} instead "
            "of sharing it, so that training would not reach it; use another version of Keras."
        )
    # Keras drops it; without it the masks of TFP's autoregressive networks do not survive a step.
    constraint = variable.constraint
    if constraint is not None and not isinstance(constraint, keras.constraints.Constraint):
        constraint = _Constraint(constraint)
    shared.constraint = constraint
    _ADOPTED[id(variable)] = shared
    return shared


def check_no_keras_variables(obj: tfb.Bijector | tfd.Distribution) -> None:
    """Raise a TypeError if a keras.Variable is a parameter of a TFP object, which freezes it.

    Examples
    --------
    >>> from tensorflow_probability import bijectors as tfb
    >>> check_no_keras_variables(tfb.Shift(0.5))
    """
    for part in parts_of(obj):
        if isinstance(part.value, keras.Variable) and _freezes(part.holder):
            raise TypeError(_frozen_message(part))


def _freezes(holder: object) -> bool:
    return public_name(holder) is not None


def _frozen_message(part: Part) -> str:
    family, _, name = public_name(part.holder).partition(".")
    parameter = part.where.rpartition(".")[2]
    if family == "bijectors" and name in ("Shift", "Scale"):
        advice = f"use the layer tfflows.layers.{name}, which owns its weight, or a tf.Variable"
    else:
        advice = "use a tf.Variable, or a layer of tfflows.layers, which owns its weights"
    return (
        f"parameter {parameter!r} of {name} is a keras.Variable ({part.value.path!r}): TFP reads "
        f"it once and keeps that value, so it would never train. Instead {advice}."
    )


def state_of(obj: tfb.Bijector | tfd.Distribution) -> list[tf.Variable]:
    """Return every tf.Variable that a call of a TFP object may change, those of Keras included.

    Examples
    --------
    >>> import tensorflow as tf
    >>> from tensorflow_probability import bijectors as tfb
    >>> len(state_of(tfb.Shift(tf.Variable(0.0))))
    1
    """
    found = []
    for part in parts_of(obj):
        if isinstance(part.value, keras.layers.Layer):
            found += [variable.value for variable in part.value.variables]
        elif isinstance(part.value, keras.Variable):
            found.append(part.value.value)
        elif isinstance(part.value, tf.Variable):
            found.append(part.value)
    return list({id(variable): variable for variable in found}.values())


def adopt_distribution(
    owner: keras.layers.Layer,
    distribution: tfd.Distribution,
    event_shape: tuple[int, ...],
    scope: str = "",
) -> None:
    """Make everything that a distribution's log_prob uses a weight of a Keras layer or model.

    Parameters
    ----------
    owner, scope
        As in `adopt_used`.
    distribution : tfd.Distribution
        The distribution.
    event_shape : tuple of int
        Shape of an event.

    Raises
    ------
    TypeError, ValueError
        As in `adopt_used`; if the density of a row depends on the rest of its batch.

    Examples
    --------
    >>> import keras, tensorflow as tf
    >>> from tensorflow_probability import distributions as tfd
    >>> layer = keras.layers.Layer()
    >>> adopt_distribution(layer, tfd.Normal(tf.Variable(0.0), 1.0), ())
    >>> len(layer.trainable_weights)
    1
    """

    def run():
        events = dummy_events((1, *event_shape), distribution.dtype)
        try:
            first_that_runs(distribution.log_prob, events)
        except tf.errors.InvalidArgumentError:
            # Strict about its support: a draw lies in it, though drawing may take long.
            distribution.log_prob(tf.identity(distribution.sample(1, seed=(0, 0))))

    adopt_used(owner, distribution, run, what="log_prob", scope=scope)
    state = [*state_of(distribution), *owner.variables]
    fault = fault_of_distribution(distribution, tuple(event_shape), state)
    if fault is not None:
        raise ValueError(f"in {distribution.name}, {fault}")


def adopt_used(
    owner: keras.layers.Layer,
    obj: tfb.Bijector | tfd.Distribution,
    run: Callable[[], object],
    what: str = "log_prob",
    scope: str = "",
) -> None:
    """Make everything that a TFP object computes with a weight of a Keras layer or model.

    Raw tf.Variables are shared by Keras variables in ``owner.adopted_variables``; Keras layers
    (also those that a lambda refers to) become sublayers in ``owner.adopted_layers``. The order is
    that of the object's parts, which a rebuild from its config repeats.

    Parameters
    ----------
    owner : keras.layers.Layer
        The layer or model; it must still take new weights (in ``build`` or ``__init__``).
    obj : tfb.Bijector or tfd.Distribution
        The object.
    run : callable
        Computes with the object once, on a made-up event, so that variables which TFP's networks
        make at their first call exist. What it changes is put back.
    what : str
        What `run` computes, for messages.
    scope : str
        First part of the paths of the weights; within ``build``, Keras has set it already.

    Raises
    ------
    TypeError
        If a keras.Variable is a parameter of a TFP object.
    ValueError
        If a variable is used that cannot become a weight, or one that was made outside the present
        ``tf.distribute`` strategy; if a network inside wants a context.
    """
    check_no_keras_variables(obj)
    _check_no_context(obj)
    _check_strategy(part.value for part in parts_of(obj) if isinstance(part.value, tf.Variable))
    made = []
    with _noting(made):
        watched = _watched(obj, run)
    layers, loose = [], []
    for part in parts_of(obj):
        value = part.value
        if isinstance(value, keras.layers.Layer):
            if value.built:
                layers.append(value)
        elif isinstance(value, keras.Variable | tf.Variable):
            loose.append(part)
    found = [part.value for part in loose]
    covered = _Ids([*found, *(v for layer in layers for v in layer.variables)])
    unnamed = [Part(v, "", None) for v in watched if v not in covered]
    _check_strategy(part.value for part in (*loose, *unnamed) if _is_raw(part.value))
    _warn_of_losses(part.holder for part in loose if _is_raw(part.value))
    names = _Names(scope, owner.name)
    owner.adopted_layers = layers
    owner.adopted_variables = [
        as_keras_variable(part.value, names.unique(part)) if _is_raw(part.value) else part.value
        for part in (*loose, *unnamed)
    ]
    own = _Ids(owner.variables)
    missing = [variable.name for variable in _watched_again(obj, run, made) if variable not in own]
    if missing:
        listed = ", ".join(name.partition(":")[0] for name in missing[:4])
        raise ValueError(
            f"{len(missing)} variables used by {what} are not weights of this "
            f"{'model' if isinstance(owner, keras.Model) else 'layer'} "
            f"({listed}{', ...' if len(missing) > 4 else ''}). Training and saving would ignore "
            "them. A function among the parameters makes new variables in each call: make its "
            "layers once, outside, and call them in it."
        )


def _check_no_context(obj: tfb.Bijector | tfd.Distribution) -> None:
    for part in parts_of(obj):
        if isinstance(part.value, tfb.Bijector):
            functions = (part.value.parameters or {}).values()
            if any(map(wants_conditional_input, functions)):
                raise ValueError(
                    f"a network in {obj.name} wants a conditional_input, and nothing would pass it "
                    "one; use tfflows.Flow with context_shape=... and "
                    "tfflows.layers.MaskedAutoregressive or Coupling."
                )


def _is_raw(value: object) -> bool:
    return isinstance(value, tf.Variable)


class _Ids:
    """The identities of variables, of their Keras wrappers and of their copies on replicas."""

    def __init__(self, variables):
        strategy = tf.distribute.get_strategy()
        self._kept = [v.value if isinstance(v, keras.Variable) else v for v in variables]
        self._ids = {id(v) for v in self._kept}
        for variable in self._kept:
            self._ids.update(id(v) for v in strategy.experimental_local_results(variable))

    def __contains__(self, variable: object) -> bool:
        return id(variable) in self._ids


class _Names:
    """Paths for adopted variables, each used once: Keras pairs optimizer state by path."""

    def __init__(self, scope: str, owner: str):
        self._scope, self._owner = scope, owner
        self._used = set()

    def unique(self, part: Part) -> str:
        pieces = part.value.name.partition(":")[0].split("/")
        # TensorFlow may have put the scopes into the name already.
        for known in (self._owner, part.group):
            pieces = pieces[1:] if pieces[0] == known and len(pieces) > 1 else pieces
        path = "/".join(piece for piece in (self._scope, part.group, *pieces) if piece)
        name, count = path, 1
        while name in self._used:
            name, count = f"{path}_{count}", count + 1
        self._used.add(name)
        return name


def _watched(obj: tfb.Bijector | tfd.Distribution, run: Callable[[], object]) -> list[tf.Variable]:
    # This call may make weights, whose draws count.
    with restore_variables(state_of(obj)), tf.GradientTape() as tape:
        run()
    # A tape lists variables in the order of their creation.
    return list(tape.watched_variables())


@contextlib.contextmanager
def _noting(made: list) -> Iterator[None]:
    """Append each variable that is made meanwhile to `made`, with the value it is born with."""

    def creator(make, **kwargs):
        variable = make(**kwargs)
        if tf.executing_eagerly():
            made.append((variable, value_of(variable)))
        return variable

    with tf.variable_creator_scope(creator):
        yield


def _watched_again(
    obj: tfb.Bijector | tfd.Distribution, run: Callable[[], object], made: list
) -> list[tf.Variable]:
    """Run once more, and undo what the first run did to the variables made in it.

    They began to exist within that run, which may then have updated them (running statistics) or
    set them once and for all (a build that assigns). Of those that no longer have the value they
    were born with, a second run from that value changes the former and not the latter.
    """
    now = [value_of(variable) for variable, _ in made]
    moved = [
        (variable, born, value)
        for (variable, born), value in zip(made, now, strict=True)
        if not np.array_equal(born, value)
    ]
    set_for_good = moved
    for variable, born, _ in moved:
        variable.assign(born)
    try:
        state = [*state_of(obj), *(variable for variable, *_ in moved)]
        with preserve_state(state), tf.GradientTape() as tape:
            run()
            set_for_good = [
                entry for entry in moved if np.array_equal(value_of(entry[0]), entry[1])
            ]
    finally:
        for variable, _, value in set_for_good:
            variable.assign(value)
    return list(tape.watched_variables())


def _check_strategy(variables) -> None:
    strategy = tf.distribute.get_strategy()
    outside = [v.name for v in variables if not strategy.extended.variable_created_in_scope(v)]
    if not outside:
        return
    if tf.distribute.has_strategy():
        raise ValueError(
            f"{len(outside)} variables ({outside[0]}, ...) were made outside the scope of the "
            f"{type(strategy).__name__} in which this model is being built. Build the TFP object "
            "inside `with strategy.scope():` as well."
        )
    raise ValueError(
        f"{len(outside)} variables ({outside[0]}, ...) were made in the scope of a tf.distribute "
        "strategy, but this model is being built outside of it. Build the model inside "
        "`with strategy.scope():` as well."
    )


def _warn_of_losses(holders) -> None:
    for network in {id(holder): holder for holder in holders}.values():
        if getattr(network, "losses", None):
            warnings.warn(
                f"the regularization of the Keras 2 network {network.name!r} is not part of the "
                "loss; use tfflows.conditioners.AutoregressiveNetwork, whose regularizers are.",
                UserWarning,
                stacklevel=4,
            )
