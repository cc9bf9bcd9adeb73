"""What builders and presets take, and what they say about other arguments."""

import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfflows
from tfflows import flows, layers, univariates

NAMES = tfflows.flows.__all__
WITHOUT_NETWORKS = {*flows.elementwise.__all__, *flows.whole_vector.__all__, "GMM"}
ON_BUILDERS = sorted({*NAMES} - {"BNAF"} - WITHOUT_NETWORKS)
SMALL = {"transforms": 2, "hidden_units": (4,)}


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_keyword(name):
    with pytest.raises(TypeError, match=rf"^{name} got .* 'hiden_units'; did you mean hidden_un"):
        getattr(tfflows, name)(2, hiden_units=(4,))
    with pytest.raises(TypeError, match=r"'zzz'; it takes event_shape, context_shape, .*dtype, "):
        getattr(tfflows, name)(2, zzz=1)


@pytest.mark.parametrize(
    ("name", "given", "meant"),
    [
        ("NSF", "bin", "bins"),
        ("MAF", "pases", "passes"),
        ("RealNVP", "masks", "mask"),
        ("CircularNSF", "bounds", "bound"),
        ("GF", "contextnetwork", "context_network"),
    ],
)
def test_the_nearest_of_all_keywords(name, given, meant):
    with pytest.raises(TypeError, match=f"'{given}'; did you mean {meant}\\?"):
        getattr(tfflows, name)(2, **{given: 3})


@pytest.mark.parametrize(
    ("name", "given"), [("NSF", "univariate"), ("IAF", "inverse"), ("NICE", "last")]
)
def test_what_a_preset_sets_itself(name, given):
    with pytest.raises(TypeError, match=f"{name} sets {given} itself; use tfflows.*Flow to choose"):
        getattr(tfflows, name)(2, **{given: None})
    assert given not in inspect.signature(getattr(tfflows, name)).parameters


@pytest.mark.parametrize(
    ("name", "given", "why"),
    [
        ("BNAF", "dropout", "its network is the bijector itself"),
        ("GF", "dropout", "no network stands between"),
        ("GF", "linear", "there is a linear map before each"),
        ("SinhArcsinhNormal", "dropout", "no network stands between"),
        ("GMM", "transforms", "it is a mixture alone"),
        ("SinhArcsinhNormal", "transforms", "it is one map"),
        ("PlanarFlow", "linear", "each of its layers acts on all coordinates"),
        ("TriangularNormal", "transforms", "linear maps after each other are"),
    ],
)
def test_what_means_nothing_to_a_flow_is_refused_with_the_reason(name, given, why):
    with pytest.raises(TypeError, match=f"{name} takes no {given}: {why}"):
        getattr(tfflows, name)(2, **{given: 1})


def test_what_one_builder_alone_takes():
    with pytest.raises(TypeError, match="CouplingFlow got an unexpected keyword argument 'order'"):
        tfflows.CircularNSF(2, coupling=True, order="random")


@pytest.mark.parametrize("name", NAMES)
def test_signatures_name_everything(name):
    signature = inspect.signature(getattr(tfflows, name))
    first, second, *_ = signature.parameters.values()
    assert (first.name, second.name, second.default) == ("event_shape", "context_shape", None)
    own = {"base"} if name == "GMM" else set()
    shared = {"hidden_units", "base", "context_network", "dtype", "name"} - own
    assert shared <= {*signature.parameters}
    assert {p.kind.name for p in signature.parameters.values()} == {
        "POSITIONAL_OR_KEYWORD",
        "KEYWORD_ONLY",
    }


def test_positions_of_a_preset():
    """Its own parameters come first, then those of the builder."""
    given = (3, 2, 2, (4, 4), 5, 3.0, "tanh", True, 0.1, True, False)
    flow = tfflows.NSF(*given)
    layer = flow.bijector_layers[1]
    assert (
        layer.univariate.get_config() | {"bins": 5, "bound": 3.0} == layer.univariate.get_config()
    )
    assert (layer.hidden_units, layer.activation, layer.residual) == ((4, 4), "tanh", True)
    assert (layer.dropout, layer.identity_start) == (0.1, False)
    assert isinstance(flow.bijector_layers[2], layers.Unconditional)


def test_an_int_is_a_single_layer():
    assert tfflows.NSF(2, hidden_units=64, transforms=1).bijector_layers[1].hidden_units == (64,)
    assert tfflows.RealNVP(2, None, 1, np.int64(8)).bijector_layers[1].hidden_units == (8,)
    assert tfflows.BNAF(2, units=4, transforms=1).bijector_layers[1].units == (4,)
    assert tfflows.UNAF(2, integrand_units=4, **SMALL).bijector_layers[1].univariate.hidden_units
    with pytest.raises(ValueError, match="hidden_units"):
        tfflows.NSF(2, hidden_units=0)


@pytest.mark.parametrize("name", NAMES)
def test_arguments_of_flow_are_passed_on(name):
    function = getattr(tfflows, name)
    given = {"context_network": keras.layers.Dense(2, dtype="float64"), "dtype": "float64"}
    small = {"transforms": 1, "hidden_units": (4,), "nodes": 4}
    taken = inspect.signature(function).parameters
    small = {key: value for key, value in small.items() if key in taken}
    flow = function(2, 3, name="named", **given, **small)
    assert flow.name == "named" and flow.dtype == "float64"
    assert flow.context_network is not None


class TestFamilies:
    @pytest.mark.parametrize("builder", [tfflows.AutoregressiveFlow, tfflows.CouplingFlow])
    def test_one_for_each_layer(self, builder):
        given = univariates.SinhArcsinh()
        flow = builder(2, univariate=given, **SMALL)
        found = [x.univariate for x in flow.bijector_layers if hasattr(x, "univariate")]
        assert len({id(family) for family in [given, *found]}) == 3
        assert all(isinstance(family, univariates.SinhArcsinh) for family in found)

    @pytest.mark.parametrize("builder", [tfflows.AutoregressiveFlow, tfflows.CouplingFlow])
    def test_by_a_function(self, builder):
        flow = builder(2, univariate=lambda i: univariates.QuadraticSpline(bins=3 + i), **SMALL)
        found = [x.univariate.bins for x in flow.bijector_layers if hasattr(x, "univariate")]
        assert found == [3, 4]

    @pytest.mark.parametrize("builder", [tfflows.AutoregressiveFlow, tfflows.CouplingFlow])
    @pytest.mark.parametrize(
        ("given", "words"),
        [(univariates.Affine, r"did you mean `Affine\(\)`"), ("affine", "got 'affine'")],
    )
    def test_that_are_none(self, builder, given, words):
        with pytest.raises(TypeError, match=f"univariate must be a tfflows Univariate .*{words}"):
            builder(2, univariate=given)

    def test_integrands_of_a_stack_start_differently(self):
        flow = tfflows.UNAF(2, nodes=8, **SMALL)
        first, second = (
            x.univariate for x in flow.bijector_layers if isinstance(x, layers.MaskedAutoregressive)
        )
        assert (first.seed, second.seed) == (0, 100)


class TestCircles:
    """A family with a period makes a flow on a torus, whichever builder it is given to."""

    @pytest.mark.parametrize("builder", [tfflows.AutoregressiveFlow, tfflows.CouplingFlow])
    def test_any_family(self, builder):
        flow = builder(2, univariate=univariates.Moebius(), identity_start=False, **SMALL)
        assert not any(isinstance(x, layers.Standardize) for x in flow.bijector_layers)
        x = np.array([[-3.0, 0.5], [1.0, 3.0]], np.float32)
        log_prob = flow.distribution().log_prob
        np.testing.assert_allclose(log_prob(x + 2.0 * np.pi), log_prob(x), atol=1e-4)

    def test_linear_maps(self):
        with pytest.raises(ValueError, match="linear=True is for coordinates on a line"):
            tfflows.AutoregressiveFlow(2, univariate=univariates.Moebius(), linear=True)

    def test_of_several_sizes(self):
        with pytest.raises(ValueError, match=r"must have the same period .* got 2\.0, 4\.0"):
            tfflows.CouplingFlow(2, univariate=lambda i: univariates.Moebius(bound=1.0 + i % 2))


class TestOptions:
    def test_random_orders(self):
        flow = tfflows.MAF(5, order="random", seed=1, **SMALL)
        orders = [
            x.get_config()["order"]
            for x in flow.bijector_layers
            if isinstance(x, layers.MaskedAutoregressive)
        ]
        assert len(orders) == 2 and orders[0] != orders[1]

    def test_inverse(self):
        flow = tfflows.NAF(2, inverse=True, **SMALL)
        assert sum(isinstance(x, layers.Invert) for x in flow.bijector_layers) == 2

    @pytest.mark.parametrize("builder", [tfflows.AutoregressiveFlow, tfflows.CouplingFlow])
    def test_last(self, builder):
        shift = layers.Shift()
        assert builder(2, last=[shift], **SMALL).bijector_layers[-1] is shift

    def test_mask(self):
        flow = tfflows.RealNVP(3, mask=[True, False, False], **SMALL)
        assert [x.swap for x in flow.bijector_layers[1:]] == [False, True]
        assert all(x.mask == (True, False, False) for x in flow.bijector_layers[1:])

    @pytest.mark.parametrize("by_function", [False, True])
    def test_conditioner(self, by_function):
        def make(index=0):
            return keras.Sequential([keras.layers.Dense(7 + index), keras.layers.Dense(3)])

        flow = tfflows.CouplingNSF(2, 1, conditioner=make if by_function else make(), **SMALL)
        networks = [x.conditioner for x in flow.bijector_layers[1:]]
        assert [network.layers[0].units for network in networks] == [7, 8 if by_function else 7]
        assert not np.array_equal(networks[0].get_weights()[0], networks[1].get_weights()[0])
        assert flow.distribution(tf.zeros([4, 1])).log_prob(tf.zeros([4, 2])).shape == (4,)
