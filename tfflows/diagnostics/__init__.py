"""Looking at a fitted density: checks, explanations, levels, and advice on TFP objects."""

from tfflows.diagnostics.check import check
from tfflows.diagnostics.doctor import Diagnosis, Finding, doctor
from tfflows.diagnostics.explain import Explanation, explain
from tfflows.diagnostics.level import Level, level
from tfflows.diagnostics.report import Line, Report

__all__ = [
    "Diagnosis",
    "Explanation",
    "Finding",
    "Level",
    "Line",
    "Report",
    "check",
    "doctor",
    "explain",
    "level",
]
