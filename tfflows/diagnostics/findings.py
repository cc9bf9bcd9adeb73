"""What can be wrong with a distribution or a bijector of TFP's."""

import keras
import numpy as np
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from tfflows.diagnostics import networks, permutations
from tfflows.diagnostics.diagnosis import Finding
from tfflows.diagnostics.jacobian import jacobian
from tfflows.diagnostics.masks import cyclic
from tfflows.interop.dry_runs import dummy_events, first_that_runs, restore_variables
from tfflows.interop.row_by_row import fault_of_bijector, fault_of_distribution
from tfflows.interop.tfp_classes import is_a, public_name
from tfflows.interop.tfp_networks import argument_of
from tfflows.interop.tfp_parts import parts_of
from tfflows.interop.variable_tracking import state_of

__all__ = ["CURED", "listed", "of_tfp", "variables_of"]

#: What a `tfflows.DistributionModel` around the very same object puts right.
CURED = ("unreached_variables", "unbuilt_network")


def of_tfp(thing) -> list[Finding]:
    """Return what is wrong with a distribution or a bijector, and what is good to know."""
    if networks.holds_several_arrays(thing):
        return [*frozen_variables(thing), *several_arrays(thing)]
    static = [
        *frozen_variables(thing),
        *missing_functions(thing),
        *wrong_base(thing),
        *unbuilt_networks(thing),
        *shared_networks(thing),
        *permutations.of_chain(networks.bijectors_in(thing)),
    ]
    # What runs the object comes last: running it gives lazy networks their weights.
    running = []
    if not any(f.name in ("missing_function", "wrong_base") for f in static):
        with restore_variables(state_of(thing)):
            running = [
                *does_not_run(thing),
                *rows_that_meet(thing),
                *not_one_to_one(thing),
                *broken_masks(thing),
                *stale_cache(thing),
            ]
    return [
        *static,
        *running,
        *batches(thing),
        *unreached_variables(thing),
        *linear_networks(thing),
    ]


def frozen_variables(thing):
    """Find Keras variables that TFP read once."""
    for part in parts_of(thing):
        if isinstance(part.value, keras.Variable) and public_name(part.holder) is not None:
            owner = public_name(part.holder).partition(".")[2]
            yield Finding(
                "frozen_variable",
                f"{part.where} is a keras.Variable ({part.value.path!r}). {owner} reads it once "
                "and keeps that value: its gradient is None, and it never trains.",
            )


def several_arrays(thing):
    """Say what a joint distribution, or a bijector of lists, cannot be part of."""
    yield Finding(
        "several_arrays",
        f"the events of {thing.name} are not single arrays, and a density model is one of rows of "
        "numbers. tfd.Blockwise joins the parts to one vector, and tfb.Blockwise maps each part of "
        "it by its own bijector.",
    )


def missing_functions(thing):
    """Find bijectors of networks that were given none."""
    for bijector in networks.bijectors_in(thing):
        moves = is_a(networks.inner(bijector), *networks.MOVING)
        if moves and networks.function_of(bijector) is None:
            yield Finding(
                "missing_function",
                f"{bijector.name} was made without shift_and_log_scale_fn or bijector_fn. TFP "
                "takes it and fails at the first call: 'NoneType' object is not callable.",
            )


def wrong_base(thing):
    """Find a base whose event is not what the bijectors work on."""
    if isinstance(thing, tfb.Bijector) or not networks.is_transformed(thing):
        return
    base = thing.distribution
    needed = int(thing.bijector.forward_min_event_ndims)
    rank = base.event_shape.rank
    if rank is not None and rank < needed:
        yield Finding(
            "wrong_base",
            f"the base {base.name} has batch shape {tuple(base.batch_shape)} and event shape "
            f"{tuple(base.event_shape)}: it is a batch of distributions of single numbers, and the "
            f"bijector needs events of rank {needed}. log_prob raises `event_ndims must be at "
            "least 1`. Right would be tfd.MultivariateNormalDiag(zeros), or tfd.Independent(base, "
            f"reinterpreted_batch_ndims={needed}).",
        )
        return
    size = networks.event_size(thing)
    if base.event_shape.is_fully_defined() and not _networks(thing) and _spreads(thing):
        yield Finding(
            "wrong_base",
            f"one event of the base {base.name} is {_count(np.prod(base.event_shape))}, and the "
            f"bijector spreads it over {size}: all of them get the same noise, and log_prob counts "
            "it for each. The base must have as many coordinates as the data, as "
            f"tfd.Sample(base, {size}) has.",
        )
        return
    for bijector in networks.bijectors_in(thing):
        for network in networks.networks_in(networks.function_of(bijector)):
            shape = getattr(network, "event_shape", None)
            wanted = None if shape is None or not np.size(shape) else int(np.prod(shape))
            given = base.event_shape[-1] if rank else None
            if None not in (wanted, given) and wanted != given:
                yield Finding(
                    "wrong_base",
                    f"the base {base.name} has events of shape {tuple(base.event_shape)}, and the "
                    f"network {network.name!r} was made for {wanted} coordinates.",
                )


def _spreads(thing) -> bool:
    """Say whether a bijector has parameters for more numbers than an event of the base has."""
    base, bijector = thing.distribution, thing.bijector
    event = base.event_shape.as_list()
    if not event:
        # A batch of distributions of single numbers: TFP draws one for each.
        return False
    try:
        if int(bijector.forward_min_event_ndims):
            return thing.batch_shape.rank != base.batch_shape.rank
        return bijector.forward(tf.zeros(event, base.dtype)).shape[-len(event) :] != event
    except ValueError:
        return True
    except (tf.errors.InvalidArgumentError, NotImplementedError):
        return False


def _count(number) -> str:
    return "a single number" if number == 1 else f"{number} numbers"


def unbuilt_networks(thing):
    """Find networks whose weights do not exist yet."""
    for network in _networks(thing):
        if not networks.has_weights(network):
            name = getattr(network, "name", type(network).__name__)
            yield Finding(
                "unbuilt_network",
                f"{name} has no weights before its first call: trainable_variables is empty, and "
                "an optimizer or a checkpoint made now misses them.",
            )


def shared_networks(thing):
    """Find a bijector, or a network, that stands in a chain more than once."""
    chain = networks.bijectors_in(thing)
    places = {}
    for place, bijector in enumerate(chain):
        places.setdefault(id(bijector), []).append(place)
    for where in places.values():
        bijector = chain[where[0]]
        if len(where) > 1 and is_a(networks.inner(bijector), *networks.MOVING):
            yield Finding(
                "shared_network",
                f"{bijector.name} stands in the chain {len(where)} times (places "
                f"{', '.join(map(str, where))}): these are one bijector with one set of weights. "
                "Each needs a network of its own.",
            )
    users = {}
    for bijector in {id(b): b for b in chain}.values():
        for network in networks.networks_in(networks.function_of(bijector)):
            users.setdefault(id(network), (network, []))[1].append(bijector.name)
    for network, names in users.values():
        if len(names) > 1:
            yield Finding(
                "shared_network",
                f"{len(names)} bijectors ({', '.join(names)}) use one network "
                f"({getattr(network, 'name', type(network).__name__)}), so that they share all "
                "weights.",
            )


def does_not_run(thing):
    """Ask for one density, and report the error."""
    try:
        _try(thing)
    except Exception as error:
        text = " ".join(str(error).split())
        yield Finding(
            "does_not_run",
            f"one made-up event ends in {type(error).__name__}: {text[:300]}",
        )


def rows_that_meet(thing):
    """Find a bijector whose answer about a row depends on the rest of its batch."""
    shape, state = _shape_of(thing), state_of(thing)
    try:
        if isinstance(thing, tfb.Bijector):
            fault = fault_of_bijector(thing, shape, thing.dtype or tf.float32, state)
        else:
            fault = fault_of_distribution(thing, (*thing.batch_shape, *thing.event_shape), state)
    except Exception:  # `does_not_run` has reported it
        return
    if fault is not None:
        yield Finding("depends_on_batch", f"{fault}")


def not_one_to_one(thing):
    """Find two points of the base that a bijector maps to one."""
    bijector = thing if isinstance(thing, tfb.Bijector) else getattr(thing, "bijector", None)
    transformed = networks.is_transformed(thing)
    if bijector is None or not (transformed or bijector is thing) or _networks(thing):
        return
    try:
        if transformed:
            points = thing.distribution.sample(64, seed=(0, 0))
        else:
            shape = tuple(bijector.inverse_event_shape(_shape_of(thing)))
            points = np.random.default_rng(0).normal(size=(64, *shape)).astype("float32")
        points = np.asarray(points)
        # Fresh tensors: TFP would remember where an image came from.
        images = bijector.forward(tf.constant(points)).numpy()
        others = bijector.inverse(tf.constant(images))
        for other in others if isinstance(others, tuple) else (others,):
            pair = _same_image(bijector, points, images, other.numpy())
            if pair is not None:
                yield Finding(
                    "not_one_to_one",
                    f"{bijector.name} is no bijection on the support of the base: it maps "
                    f"{pair[0]:.4g} and {pair[1]:.4g} both to {pair[2]:.4g}, and its density "
                    "counts one of them. Use a map that only increases (tfb.Exp, tfb.Softplus, a "
                    "spline), or a base on the part where it does, such as tfd.HalfNormal for "
                    "tfb.Square.",
                )
                return
    except Exception:  # `does_not_run` has reported it
        return


def _same_image(bijector, points, images, others) -> tuple | None:
    """Return two different numbers, and the one that both are mapped to."""
    if others.shape != points.shape or images.shape != points.shape:
        return None
    again = bijector.forward(tf.constant(others)).numpy()
    same = np.isclose(again, images, rtol=1e-4, atol=1e-4)
    apart = np.isfinite(others) & (np.abs(others - points) > 1e-2 * (1.0 + np.abs(points)))
    # Of several coordinates that are mapped together one number does not tell.
    found = np.argwhere(same & apart) if int(bijector.forward_min_event_ndims) == 0 else []
    if not len(found):
        return None
    place = tuple(found[0])
    return points[place], others[place], images[place]


def batches(thing):
    """Say of a batch of distributions that it is no density of one event."""
    if isinstance(thing, tfd.Distribution) and thing.batch_shape.rank:
        yield Finding(
            "batch_of_distributions",
            f"its batch shape is {tuple(thing.batch_shape)}: log_prob gives one density for each "
            "of them. If they are the coordinates of one event, wrap it in tfd.Independent(td, "
            f"reinterpreted_batch_ndims={thing.batch_shape.rank}).",
            fault=False,
        )


def broken_masks(thing):
    """Find autoregressive networks in which coordinates move each other."""
    size = networks.event_size(thing)
    seen = set()
    for bijector in networks.bijectors_in(thing):
        core = networks.inner(bijector)
        if not is_a(core, "bijectors.MaskedAutoregressiveFlow") or id(core) in seen or not size:
            continue
        seen.add(id(core))
        points = np.random.default_rng(0).normal(size=(8, size))

        def inverse(x, context, core=core):
            return core.inverse(tf.identity(x))

        try:
            strength = cyclic(jacobian(inverse, tf.constant(points, thing.dtype or tf.float32)))
        except Exception:  # `does_not_run` has reported it
            continue
        if strength != 0:
            yield Finding(
                "broken_masks",
                f"in {core.name} coordinates move each other (slopes up to {strength:.2g}): the "
                "masks of its network no longer hold, its log-determinant is wrong, and the "
                "density does not integrate to one. TFP keeps masks by kernel constraints, which "
                "are lost by v.assign_sub, by Keras 3 and by some optimizers.",
            )
        elif any(isinstance(n, tfb.AutoregressiveNetwork) for n in _networks(core)):
            yield Finding(
                "masks_by_constraint",
                f"the masks of {core.name} hold only as long as every update applies the "
                "constraints of its kernels; tfflows masks in the forward pass.",
                fault=False,
            )


def stale_cache(thing):
    """Change a variable and look whether the answer about a kept tensor follows."""
    bijector = thing if isinstance(thing, tfb.Bijector) else getattr(thing, "bijector", None)
    if not isinstance(bijector, tfb.Bijector):
        return
    try:
        event, _ = _try(bijector, _shape_of(thing))
    except Exception:  # `does_not_run` has reported it
        return
    for variable in variables_of(thing):
        if not variable.dtype.is_floating:
            continue
        # TFP forgets an answer as soon as nobody holds it.
        held = bijector.inverse(event)
        value = variable.numpy()
        try:
            variable.assign_add(0.25 * tf.ones_like(variable))
            again, fresh = _ask(bijector, event), _ask(bijector, tf.identity(event))
        finally:
            variable.assign(value)
        if np.array_equal(again, held) and not np.array_equal(again, fresh):
            yield Finding(
                "stale_cache",
                "as long as an earlier answer about a tensor is held, TFP's cache repeats it: "
                f"asked again after {variable.name.partition(':')[0]} changed, it "
                "answered with the old value. Pass tf.identity(x), or let tfflows ask.",
                fault=False,
            )
            return


def unreached_variables(thing):
    """Find variables that ``trainable_variables`` does not list."""
    known = {id(variable) for variable in thing.trainable_variables}
    used = [v for v in variables_of(thing) if v.trainable]
    missing = [variable for variable in used if id(variable) not in known]
    if missing:
        yield Finding(
            "unreached_variables",
            f"{len(missing)} of {len(used)} variables ({listed(missing)}) are not in its "
            "trainable_variables, so that a training loop over these leaves them as they are.",
        )
    if used and not missing:
        yield Finding(
            "invisible_to_keras",
            f"a Keras 3 model that holds it sees none of its {len(used)} variables: `fit` runs, "
            "the loss stays flat, and save_weights writes nothing.",
            fault=False,
        )


def linear_networks(thing):
    """Find networks without a non-linearity, which is TFP's default."""
    needed = ("activation", "hidden_units")
    for network in _networks(thing):
        if isinstance(network, tfb.AutoregressiveNetwork) and not all(
            argument_of(network, name) for name in needed
        ):
            yield Finding(
                "linear_network",
                f"{network.name} has no hidden layer with an activation (TFP's default), so that "
                "shifts and log-scales are linear in the coordinates.",
                fault=False,
            )


def _networks(thing) -> list:
    found = [
        network
        for bijector in networks.bijectors_in(thing)
        for network in networks.networks_in(networks.function_of(bijector))
    ]
    return list({id(network): network for network in found}.values())


def variables_of(thing) -> list[tf.Variable]:
    """Return every tf.Variable behind an object, those of Keras layers included."""
    found = []
    for part in parts_of(thing):
        if isinstance(part.value, keras.layers.Layer):
            found += [variable.value for variable in part.value.variables]
        elif isinstance(part.value, tf.Variable):
            found.append(part.value)
    return list({id(variable): variable for variable in found}.values())


def listed(variables) -> str:
    """Return the names of the first variables as text."""
    names = [variable.name.partition(":")[0] for variable in variables[:3]]
    return ", ".join(names) + (", ..." if len(variables) > 3 else "")


def _shape_of(thing) -> tuple:
    """Return the shape of an event, guessed where the object does not know it."""
    if isinstance(thing, tfd.Distribution) and thing.event_shape.is_fully_defined():
        return tuple(thing.event_shape)
    return (networks.event_size(thing) or 2,)


def _try(thing, shape=None) -> tuple:
    """Return an event on which the object runs, and its answer."""
    shape = _shape_of(thing) if shape is None else shape
    bijector = thing if isinstance(thing, tfb.Bijector) else None
    events = dummy_events((1, *shape), thing.dtype or tf.float32, bijector)
    kept = []

    def ask(event):
        kept.append(event)
        return _ask(thing, event)

    answer = first_that_runs(ask, events)
    return kept[-1], answer


def _ask(thing, event) -> np.ndarray:
    if isinstance(thing, tfd.Distribution):
        return thing.log_prob(event).numpy()
    return thing.inverse(event).numpy()
