"""The registry is complete: every public class and prebuilt flow has an example."""

import inspect

import pytest

from tfflows import bijectors, conditioners, flows, layers, models, univariates

from ..registry import ABSTRACT, EVERY

PUBLIC = {
    *(
        f"{module.__name__.removeprefix('tfflows.')}.{name}"
        for module in (bijectors, conditioners, layers, models, univariates)
        for name in module.__all__
    ),
    *flows.__all__,
}
COVERED = {name for example in EVERY.values() for name in example.covers}


def test_every_public_name_has_an_example():
    missing = PUBLIC - COVERED - ABSTRACT.keys()
    assert not missing, f"no example in tests/registry.py of {sorted(missing)}"


def test_nothing_is_named_that_is_not_public():
    assert COVERED | ABSTRACT.keys() <= PUBLIC
    assert not COVERED & ABSTRACT.keys()


@pytest.mark.parametrize("module", [bijectors, layers, univariates, conditioners, models])
def test_what_is_public_is_listed(module):
    """A class that a module imports and does not list would escape the registry."""
    found = {
        name
        for name, value in vars(module).items()
        if inspect.isclass(value) and value.__module__.startswith("tfflows")
    }
    assert found == {name for name in module.__all__ if inspect.isclass(getattr(module, name))}


def test_every_univariate_stands_in_every_structure():
    """Each family is tried in the elementwise, the autoregressive and the coupling layer."""
    for structure in ("Elementwise", "MaskedAutoregressive", "Coupling"):
        families = set()
        for example in EVERY.values():
            if f"layers.{structure}" in example.covers:
                flow = example.make("float32", None if False in example.contexts() else (2,))
                families.add(type(flow.bijector_layers[0].univariate).__name__)
        assert families == set(univariates.__all__) - {"Univariate"}, structure
