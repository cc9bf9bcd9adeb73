"""Every promise of a univariate family, for the families here."""

import itertools
import math

import pytest
import tensorflow as tf

from tfflows import univariates
from tfflows.bijectors import Affine as AffineBijector
from tfflows.univariates import (
    Additive,
    Affine,
    Bernstein,
    CircularShift,
    CubicSpline,
    LinearRationalSpline,
    LinearSpline,
    Moebius,
    QuadraticSpline,
    RationalQuadraticSpline,
    SignedPower,
    SinhArcsinh,
    Univariate,
)

from ..registry import IMPLICIT_FAMILIES
from .properties import CHECKS, Subject

SUBJECTS = {
    "additive": Subject(Additive()),
    "affine": Subject(Affine(), raw_scale=0.7),
    "affine_tight": Subject(Affine(log_scale_bound=2.0)),
    "spline": Subject(RationalQuadraticSpline()),
    "spline_coarse": Subject(
        RationalQuadraticSpline(bins=5, bound=3.0, min_bin=1e-2, min_slope=1e-2)
    ),
    "spline_two_bins": Subject(RationalQuadraticSpline(bins=2, bound=6.0)),
    "spline_learned": Subject(RationalQuadraticSpline(boundary="learned")),
    "spline_circular": Subject(RationalQuadraticSpline(bound=math.pi, boundary="circular")),
    "linear_spline": Subject(LinearSpline()),
    "quadratic_spline": Subject(QuadraticSpline()),
    "linear_rational_spline": Subject(LinearRationalSpline(), asleep=range(23, 31)),
    "cubic_spline": Subject(CubicSpline()),
    "bernstein": Subject(Bernstein()),
    "bernstein_bounded": Subject(Bernstein(degree=7, bounded=True)),
    "sinh_arcsinh": Subject(SinhArcsinh(), raw_scale=0.5),
    "sinh_arcsinh_shape": Subject(SinhArcsinh(location_scale=False), raw_scale=0.5),
    "signed_power": Subject(SignedPower()),
    "circular_shift": Subject(CircularShift(), data=(-3.0, 3.0), turns=2.0 * math.pi),
    "moebius": Subject(Moebius()),
}

# Of those that are inverted by search, test_implicit_families.py tries the same. What neither names
# is tried as it comes.
NAMED = {type(subject.family) for subject in SUBJECTS.values()}
NAMED |= {type(make()) for make in IMPLICIT_FAMILIES.values()} | {Univariate}
SUBJECTS |= {
    name: Subject(family())
    for name, family in ((name, getattr(univariates, name)) for name in univariates.__all__)
    if family not in NAMED
}


# Families that run every check by default, and the checks that take long.
USUAL = ("additive", "affine", "spline")
COSTLY = ("compiled", "batch_is_a_loop", "unknown_batch", "gradients_are_differences")


def _cases():
    for name, check in itertools.product(SUBJECTS, CHECKS):
        promise = check.__name__.removeprefix("check_")
        slow = name not in USUAL and promise in COSTLY
        # Compiling takes longest, and is the same work in all families.
        mark = pytest.mark.exhaustive if promise == "compiled" else pytest.mark.slow
        marks = [mark] if slow else []
        yield pytest.param(name, check, id=f"{name}-{promise}", marks=marks)


@pytest.mark.parametrize(("name", "check"), list(_cases()))
def test_property(name, check):
    check(SUBJECTS[name])


def test_the_suite_catches_a_wrong_family():
    class Wrong(Univariate):
        parameter_size = 2

        def bijector(self, raw):
            return AffineBijector(raw[..., 0], raw[..., 1] + 1e-3)

    caught = []
    for check in CHECKS:
        try:
            check(Subject(Wrong()))
        except (Exception, pytest.fail.Exception):
            caught.append(check.__name__)
    assert "check_start" in caught and "check_wrong_raw" in caught
    assert "check_log_det" not in caught


@pytest.mark.parametrize("bound", [0.0, -1.0, float("inf"), float("nan")])
def test_affine_refuses_a_bad_bound(bound):
    with pytest.raises(ValueError, match=r"log_scale_bound=.*expected a positive finite"):
        Affine(log_scale_bound=bound)


def test_affine_scale_stays_in_its_bound():
    raw = tf.constant([[[0.0, 1e6], [0.0, -1e6], [0.0, 3.0]]])
    scale = (
        Affine(log_scale_bound=5.0)
        .bijector(raw)
        .forward_log_det_jacobian(tf.zeros([1, 3]), event_ndims=0)
    )
    assert scale.numpy()[0, :2].tolist() == [5.0, -5.0]
    assert 2.0 < scale.numpy()[0, 2] < 3.0


def test_additive_keeps_volumes_exactly():
    bijector = Additive().bijector(tf.random.stateless_normal([6, 3, 1], [0, 1]))
    log_det = bijector.inverse_log_det_jacobian(tf.ones([6, 3]), event_ndims=1)
    assert log_det.numpy().tolist() == [0.0] * 6


def test_affine_bijector_refuses_mixed_types():
    with pytest.raises(ValueError, match="of one type; got float32, float64"):
        AffineBijector(tf.zeros([2]), tf.zeros([2], tf.float64))
    with pytest.raises(ValueError, match="floating-point shift; got int32"):
        AffineBijector(tf.zeros([2], tf.int32))
