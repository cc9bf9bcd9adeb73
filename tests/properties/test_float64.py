"""Every promise of everything in the registry, in float64."""

import pytest
import tensorflow as tf

from .cases import cases, subject_of

tf.get_logger().setLevel("ERROR")  # Many small programs look like retracing to TensorFlow.


# One subject is built and traced for all of its checks: pytest groups the tests of a fixture.
@pytest.fixture(scope="module")
def subject(request):
    return subject_of("float64", request)


@pytest.mark.parametrize(("subject", "check"), cases("float64"), indirect=["subject"])
def test_promise(subject, check):
    check(subject)
