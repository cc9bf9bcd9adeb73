"""Looking at a fitted density: checks, explanations, levels, and advice on TFP objects."""

from tfflows.diagnostics.check import check
from tfflows.diagnostics.conformal_region import ConformalRegion, level
from tfflows.diagnostics.diagnosis import Diagnosis, Finding
from tfflows.diagnostics.doctor import doctor
from tfflows.diagnostics.explain import Explanation, explain
from tfflows.diagnostics.report import CheckResult, Report

__all__ = [
    "CheckResult",
    "ConformalRegion",
    "Diagnosis",
    "Explanation",
    "Finding",
    "Report",
    "check",
    "doctor",
    "explain",
    "level",
]
