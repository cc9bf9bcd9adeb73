"""The runs of the property suite: a cheap slice by default, the whole product as `exhaustive`."""

import pytest

from ..registry import EVERY
from .checks import (
    check_never_stale,
    check_samples,
    check_vectorized,
    check_volume,
    check_wrong_shapes,
    check_xla,
    checks_of,
    name_of,
)
from .subject import Subject

DTYPES = ("float64", "float32")

#: What these look at has nothing to do with the type of numbers: one type is enough.
TYPELESS = (check_never_stale, check_samples, check_volume, check_wrong_shapes)

#: Compiled by XLA also in the cheap slice.
COMPILED = (
    "bijector, LU",
    "autoregressive, affine",
    "coupling, spline, alternating",
    "inverted, autoregressive",
    "flow, layers and TFP",
)


def cases(dtype: str) -> list:
    """Return every example, with and without a context, and each promise that it makes."""
    found = []
    for index, (name, example) in enumerate(EVERY.items()):
        own_type = dtype == DTYPES[index % 2]
        for conditional in example.contexts():
            # Types take turns in the cheap slice.
            usual = own_type and conditional == example.contexts()[-1]
            if example.variant and not usual:
                continue
            for check in checks_of(example):
                if own_type or check not in TYPELESS:
                    slow = example.variant or not usual
                    found.append(_case(name, conditional, check, slow))
            for check in checks_of(example, costly=True):
                if check is check_xla:
                    # Compiling takes long, and types make no difference to it.
                    cheap = usual and name in COMPILED
                    if cheap or dtype == "float32":
                        found.append(_case(name, conditional, check, slow=not cheap))
                elif check is check_vectorized:
                    # The values; and layers of each kind, of which the rest is made.
                    cheap = name.startswith("bijector, ") or name in COMPILED
                    if own_type:
                        found.append(_case(name, conditional, check, slow=not (usual and cheap)))
                elif usual:
                    found.append(_case(name, conditional, check, slow=True))
    return found


def _case(name, conditional, check, slow):
    words = [name, *(["conditional"] if conditional else []), name_of(check)]
    marks = [pytest.mark.exhaustive] if slow else []
    return pytest.param((name, conditional), check, id="-".join(words), marks=marks)


def subject_of(dtype: str, request) -> Subject:
    """Return the subject that a fixture's parameter names."""
    name, conditional = request.param
    return Subject(EVERY[name], dtype, conditional)
