"""The tfflows code that does what the maker of a TFP object meant."""

import keras
import numpy as np
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from tfflows.diagnostics import networks
from tfflows.interop.row_by_row import fault_of_distribution
from tfflows.interop.tfp_classes import is_a, parameters_of, public_name
from tfflows.interop.tfp_networks import argument_of
from tfflows.interop.tfp_parts import parts_of

__all__ = ["ADOPT", "DENSITY_MODEL", "FLOW", "NETWORK", "SIMPLEX", "code_for"]

_FIT = """\
{model}.compile(optimizer="adam")  # the loss is the mean of -log p(x)
{model}.fit(x, epochs=10)
"""

_ADOPTED = """\
import tfflows

model = tfflows.DistributionModel(td)  # your distribution; its own variables become weights
"""

ADOPT = _ADOPTED + _FIT.format(model="model")

SIMPLEX = """\
import tfflows
from tensorflow_probability import bijectors as tfb
from tfflows import layers, univariates

chain = [tfb.IteratedSigmoidCentered(), layers.MaskedAutoregressive(univariates.Affine())]
flow = tfflows.Flow(chain, event_shape=3)  # as many as x has columns, which add up to one
""" + _FIT.format(model="flow")

FLOW = """\
import tfflows

flow = tfflows.MAF(event_shape=2)  # as many as x has columns; or NSF, RealNVP, ...
""" + _FIT.format(model="flow")

NETWORK = """\
from tensorflow_probability import bijectors as tfb
from tfflows import conditioners

network = conditioners.AutoregressiveNetwork(params=2, event_shape=2, hidden_units=[64, 64])
bijector = tfb.MaskedAutoregressiveFlow(network)
"""

DENSITY_MODEL = """\
import keras
import tensorflow as tf
import tfflows
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd


class Gaussian(tfflows.DensityModel):
    def __init__(self, **kwargs):
        super().__init__(event_shape=(), context_shape=1, **kwargs)
        self.network = keras.layers.Dense(2)

    def distribution(self, context=None):
        loc, log_scale = tf.unstack(self.network(context), axis=-1)
        return tfd.Normal(loc, tf.exp(log_scale))


model = Gaussian()
model.compile(optimizer="adam")
model.fit(x, context=c, epochs=10)
"""

_STRUCTURE = {
    *("frozen_variable", "missing_function", "wrong_base", "shared_network"),
    *("missing_permutation", "broken_masks", "does_not_run", "depends_on_batch"),
}
_LEARNING = ("layers.Masked", "layers.Coupling", "layers.ActNorm")
_FEW = 64


_BLOCKS = """\
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd
import tfflows

td = tfd.TransformedDistribution(
    tfd.Blockwise(td.distribution),  # one vector of the parts, one after the other
    tfb.Blockwise(td.bijector.bijectors, block_sizes={sizes}),
)
model = tfflows.DistributionModel(td)
"""

_JOINED = """\
from tensorflow_probability import distributions as tfd
import tfflows

td = tfd.Blockwise(td)  # one vector of the parts, one after the other
model = tfflows.DistributionModel(td)
"""

_TOGETHER = """\
from tensorflow_probability import distributions as tfd
import tfflows

td = tfd.Independent(td, reinterpreted_batch_ndims={rank})  # coordinates of one event
model = tfflows.DistributionModel(td)
"""


def code_for(thing, findings) -> str:
    """Return code for a distribution or bijector: adopt it, or build what was meant anew.

    Parameters
    ----------
    thing : tfd.Distribution or tfb.Bijector
        What was looked at.
    findings : sequence of Finding
        What was found.
    """
    names = {finding.name for finding in findings}
    if networks.holds_several_arrays(thing):
        return _one_vector(thing)
    if "not_one_to_one" in names or ("depends_on_batch" in names and not _normalizes(thing)):
        return _prebuilt(thing)
    if not _STRUCTURE & names and isinstance(thing, tfd.Distribution):
        use = _use("model", _trains(thing))
        if "batch_of_distributions" in names:
            return _TOGETHER.format(rank=thing.batch_shape.rank) + use
        return _ADOPTED + use
    if not networks.bijectors_in(thing):
        return _distribution(thing)
    return _flow(thing, "does_not_run" in names)


def _trains(thing) -> bool:
    """Say whether anything of an object trains, once it has the weights that it will have."""
    kinds = (tf.Variable, keras.Variable, keras.layers.Layer)
    return any(isinstance(part.value, kinds) for part in parts_of(thing)) or any(
        networks.networks_in(networks.function_of(b)) for b in networks.bijectors_in(thing)
    )


def _use(model: str, trains: bool) -> str:
    if trains:
        return _FIT.format(model=model)
    return f"{model}.log_prob(x)  # nothing in it trains; tfflows.NSF(event_shape=...) would\n"


def _normalizes(thing) -> bool:
    return any(is_a(part, "bijectors.BatchNormalization") for part in networks.bijectors_in(thing))


def _prebuilt(thing) -> str:
    return FLOW.replace("event_shape=2", f"event_shape={networks.event_size(thing) or 1}")


def _one_vector(thing) -> str:
    """Return code that makes one vector of several arrays."""
    if isinstance(thing, tfb.Bijector):
        return FLOW
    if not networks.is_transformed(thing):
        return _JOINED + _use("model", _trains(thing))
    base, bijector = thing.distribution, thing.bijector
    sizes = [shape.num_elements() for shape in tf.nest.flatten(base.event_shape)]
    if (
        is_a(bijector, "bijectors.JointMap")
        and isinstance(bijector.bijectors, (list, tuple))
        and isinstance(base, tfd.JointDistribution)
        and None not in sizes
    ):
        return _BLOCKS.format(sizes=sizes) + _use("model", _trains(thing))
    return FLOW


def _flow(thing, failed: bool = False) -> str:
    root = "bijector" if isinstance(thing, tfb.Bijector) else "td.bijector"
    paths = _paths(thing if root == "bijector" else thing.bijector, root)
    size = networks.event_size(thing)
    entries = _entries(networks.bijectors_in(thing), paths, size or 2)
    if failed and set(paths) & set(entries):
        return _prebuilt(thing)  # what could not be written down may be what fails
    body = "".join(f"        {entry},\n" for entry in entries)
    base = _base(None if root == "bijector" else thing.distribution, size or 2)
    shape = f"    event_shape={size or 2},{'' if size else '  # as many as x has columns'}\n"
    imports = ["import tfflows"]
    if "tf." in (base + body).replace("tfflows.", ""):
        imports.insert(0, "import tensorflow as tf")
    if "tfb." in body:
        imports.append("from tensorflow_probability import bijectors as tfb")
    if "tfd." in base:
        imports.append("from tensorflow_probability import distributions as tfd")
    used = [name for name in ("layers", "univariates") if f"{name}." in body]
    if used:
        imports.append(f"from tfflows import {', '.join(used)}")
    return (
        "\n".join(imports)
        + f"\n\nflow = tfflows.Flow(\n    [\n{body}    ],\n{shape}{base})\n"
        + _use("flow", _trains(thing) or any(layer in body for layer in _LEARNING))
    )


def _paths(bijector, path) -> list[str]:
    """Return the way to each bijector of a chain, chains within it included."""
    if not is_a(bijector, "bijectors.Chain"):
        return [path]
    return [
        inside
        for place, entry in enumerate(bijector.bijectors)
        for inside in _paths(entry, f"{path}.bijectors[{place}]")
    ]


def _entries(chain, paths, size) -> list[str]:
    """Return a line of code for each bijector, with a change of order between networks."""
    lines, moved = [], False
    for bijector, path in zip(chain, paths, strict=True):
        core = networks.inner(bijector)
        if is_a(core, *networks.MOVING):
            if moved:
                lines.append("layers.Reverse()")
            if is_a(core, "bijectors.RealNVP"):
                line = _coupling(core, size)
            else:
                line = f"layers.MaskedAutoregressive({_family(core)}{_sizes(core)})"
            inverted = is_a(bijector, "bijectors.Invert")
            lines.append(f"layers.Invert({line})" if inverted else line)
            moved = True
            continue
        if int(core.forward_min_event_ndims) > 0:
            moved = False
        lines.append(_other(bijector, path))
    return lines


def _sizes(core) -> str:
    """Return the arguments that make a network of the size of a given one."""
    for network in networks.networks_in(networks.function_of(core)):
        units = argument_of(network, "hidden_units")
        activation = argument_of(network, "activation")
        if callable(activation):
            activation = getattr(activation, "__name__", None)
        said = f", hidden_units={tuple(units)}" if units else ""
        return said + (f", activation={activation!r}" if isinstance(activation, str) else "")
    return ""


def _coupling(core, size) -> str:
    masked = core.parameters.get("num_masked")
    if masked is None:
        masked = int(np.round(size * (core.parameters.get("fraction_masked") or 0.5)))
    passing = np.arange(size) < masked if masked >= 0 else np.arange(size) >= size + masked
    if passing.all() or not passing.any():
        return f"layers.Coupling({_family(core)})"
    mask = f"[{', '.join(map(str, passing.tolist()))}]"
    return f"layers.Coupling({_family(core)}, mask={mask})"


def _family(core) -> str:
    """Return the family of what a ``bijector_fn`` makes, as far as its code tells; else affine."""
    function = (core.parameters or {}).get("bijector_fn")
    code = getattr(function, "__code__", None)
    spline = code is not None and "RationalQuadraticSpline" in code.co_names
    return f"univariates.{'RationalQuadraticSpline' if spline else 'Affine'}()"


def _other(bijector, path) -> str:
    """Return code for a bijector that is no network; where that is too long, the way to it."""
    name = public_name(bijector)
    try:
        if is_a(networks.inner(bijector), "bijectors.BatchNormalization"):
            return "layers.ActNorm()"
        if name in ("bijectors.Shift", "bijectors.Scale") and _learned(bijector):
            kind = name.partition(".")[2]
            value = _numbers(getattr(bijector, kind.lower()))
            return f"layers.{kind}({value})"
        if name == "bijectors.Permute":
            return f"layers.Permute({_numbers(bijector.permutation)})"
        return _call("tfb", bijector)
    except ValueError:
        return path


def _learned(bijector) -> bool:
    values = (bijector.parameters or {}).values()
    return any(isinstance(value, (tf.Variable, keras.Variable)) for value in values)


def _call(module, thing) -> str:
    """Return the call that makes a TFP object of simple parameters."""
    name = public_name(thing)
    if name is None:
        raise ValueError("an object of a class of its own")
    given = {
        key: value
        for key, value in parameters_of(thing).items()
        if value is not None and key not in ("name", "validate_args", "allow_nan_stats", "dtype")
    }
    arguments = ", ".join(f"{key}={_value(value)}" for key, value in given.items())
    return f"{module}.{name.partition('.')[2]}({arguments})"


def _value(value) -> str:
    if isinstance(value, (bool, int, float, str)):
        return repr(value)
    if isinstance(value, (tf.Variable, keras.Variable)):
        return f"tf.Variable({_numbers(value)})"
    if isinstance(value, tfd.Distribution):
        return _call("tfd", value)
    return _numbers(value)


def _numbers(value) -> str:
    try:
        array = np.asarray(value)
    except (TypeError, ValueError) as error:
        raise ValueError("not an array") from error
    if array.dtype.kind not in "fiub" or array.size > _FEW:
        raise ValueError("not a few numbers")
    # The shortest digits that are the same float.
    return "[" * array.ndim + _joined(array) + "]" * array.ndim if array.ndim else str(array.item())


def _joined(array) -> str:
    if array.ndim == 1:
        return ", ".join(str(entry) for entry in array)
    return "], [".join(_joined(entry) for entry in array)


def _base(base, size) -> str:
    """Return the argument for a base that is not the standard normal one."""
    if base is None or fault_of_distribution(base, (*base.batch_shape, *base.event_shape)):
        return ""
    learned = any(isinstance(v, (tf.Variable, keras.Variable)) for v in base.parameters.values())
    if not learned and is_a(base, "distributions.MultivariateNormalDiag", "distributions.Normal"):
        standard = np.all(base.mean().numpy() == 0) and np.all(base.stddev().numpy() == 1)
        if standard:
            return ""
    try:
        made = _call("tfd", base)
    except ValueError:
        made = "td.distribution"
    # One event of as many coordinates as the data have.
    if base.batch_shape.rank:
        made = f"tfd.Independent({made}, reinterpreted_batch_ndims={base.batch_shape.rank})"
    elif base.event_shape.num_elements() == 1 and (size > 1 or not base.event_shape.rank):
        made = f"tfd.Sample({made}, {size})"
    return f"    base={made},\n"


def _distribution(thing) -> str:
    """Return code for a distribution without bijectors."""
    try:
        made = _call("tfd", thing)
    except ValueError:
        return ADOPT
    head = "import tensorflow as tf\nimport tfflows\n"
    return (
        f"{head}from tensorflow_probability import distributions as tfd\n\n"
        f"td = {made}\nmodel = tfflows.DistributionModel(td)\n" + _use("model", _trains(thing))
    )
