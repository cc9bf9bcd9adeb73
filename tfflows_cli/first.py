"""What stands before all else in the flow of a table: dequantization, and a map for each column."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import dataclass

import numpy as np

from tfflows import layers
from tfflows_cli.errors import CommandError, warn
from tfflows_cli.schema import Schema
from tfflows_cli.source import Part

# How far from the grid, in steps, a number may be, as in the layer that dequantizes.
_TOLERANCE = 1e-3
# How far beyond a bound on which rows lie the map has its end: as a share of the range or the step.
_MARGIN = 1e-3


@dataclass(frozen=True)
class First:
    """The first layers.

    Attributes
    ----------
    steps : np.ndarray
        Step of the grid on which each column stands; 0 for a continuous one.
    maps : tuple of str
        Map of each column.
    lower, upper : np.ndarray
        The ends of the maps that have any.
    bounds : dict
        Columns that cannot leave an interval, and its ends, None where there is none.
    """

    steps: np.ndarray
    maps: tuple[str, ...]
    lower: np.ndarray
    upper: np.ndarray
    bounds: dict[str, tuple[float, float | None]]

    @classmethod
    def of(
        cls, arguments: Namespace, schema: Schema, inputs: dict[str, Part], named: bool
    ) -> First:
        """Choose what the arguments leave open, by the training rows.

        What a column can be is the business of all rows: one that is positive in the training rows
        alone is not taken to be positive.
        """
        every = np.concatenate([x for x, _ in inputs.values()]).astype(np.float64)
        steps = np.zeros(len(schema.columns))
        if arguments.noise and not named:
            steps = _steps(arguments.noise, schema, every)
        first = cls(steps, (), np.zeros(len(steps)), np.ones(len(steps)), {})
        train = first.continuous(inputs["train"][0], arguments.seed)
        low, high = every.min(axis=0), every.max(axis=0)
        given = {} if isinstance(arguments.maps, str) else arguments.maps
        declared = {name: ends for name, *ends in arguments.bounds}
        for option, names in (("--maps", given), ("--bounds", declared)):
            if unknown := [name for name in names if name not in schema.columns]:
                raise CommandError(f"{option}: {unknown[0]!r} is no modeled column")
        maps, lower, upper, bounds = [], first.lower, first.upper, {}
        chosen = ("identity",) * len(steps)
        if arguments.maps != "none" and arguments.flow != "circular-nsf":
            chosen = layers.Columnwise.choose(train, low > 0)
        for k, name in enumerate(schema.columns):
            kind, ends = given.get(name, chosen[k]), declared.get(name)
            if ends is None and steps[k] and low[k] == 0 and arguments.maps == "auto":
                # Counts: nothing that is drawn may be below zero.
                ends = [0.0, np.inf]
            if ends is not None:
                lower[k], upper[k] = _check_bounds(name, every[:, k], *ends)
                bounds[name] = (ends[0], ends[1] if np.isfinite(ends[1]) else None)
                size = steps[k] or (
                    upper[k] - lower[k]
                    if np.isfinite(upper[k])
                    else np.median(train[:, k]) - lower[k]
                )
                if low[k] == lower[k]:
                    lower[k] -= _MARGIN * size
                if np.isfinite(upper[k]):
                    upper[k] += steps[k] + (_MARGIN * size if high[k] == upper[k] else 0.0)
                    kind = "logit"
                else:
                    upper[k] = 1.0 + lower[k]
                    shifted = train[:, k : k + 1] - lower[k]
                    kind = layers.Columnwise.choose(shifted, [True])[0]
                    kind = "softplus" if kind == "identity" else kind
            elif kind in ("log", "softplus") and low[k] <= 0:
                raise CommandError(
                    f"--maps: {kind} takes positive numbers, and column {name!r} goes down to "
                    f"{low[k]:g}; say where it ends with --bounds, such as {name}={low[k]:g},"
                )
            maps.append(kind)
        return cls(steps, tuple(maps), lower, upper, bounds)

    def continuous(self, x: np.ndarray, seed: int) -> np.ndarray:
        """Return rows with noise in the cells of their grid, float64."""
        noise = np.random.default_rng([seed, 1]).random(x.shape)
        return x.astype(np.float64) + self.steps * noise

    @property
    def log_volume(self) -> float:
        """Logarithm of the volume of a cell of the grid."""
        return float(np.log(self.steps[self.steps > 0]).sum())

    def layers(self) -> list:
        """Return new layers."""
        made: list = [layers.Dequantize(step=self.steps)] if self.steps.any() else []
        if set(self.maps) != {"identity"}:
            made.append(layers.Columnwise(self.maps, self.lower, self.upper))
        return made


def _steps(step: float, schema: Schema, x: np.ndarray) -> np.ndarray:
    """Return the step for the columns on the grid, 0 for others."""
    number = x / step
    rounding = 4 * np.finfo(np.float32).eps * np.abs(number)
    on = (np.abs(number - np.round(number)) <= _TOLERANCE + rounding).all(axis=0)
    if not on.any():
        raise CommandError(
            f"--noise {step:g}: no modeled column stands on the multiples of {step:g} alone; give "
            "the step of the grid that the numbers are on"
        )
    if not on.all():
        others = ", ".join(repr(schema.columns[k]) for k in np.flatnonzero(~on))
        warn(f"--noise {step:g}: not on the multiples of {step:g}, and taken as it is: {others}")
    return np.where(on, step, 0.0)


def _check_bounds(name: str, x: np.ndarray, low: float, high: float) -> tuple[float, float]:
    outside = int(np.sum((x < low) | (x > high)))
    if outside:
        raise CommandError(
            f"--bounds: {outside:,} rows of column {name!r} lie outside [{low:g}, {high:g}]; they "
            f"reach from {x.min():g} to {x.max():g}"
        )
    return low, high


def describe_maps(columns, maps) -> str:
    """Return the columns that have a map, and which, for people."""
    shown = [
        f"{name} {kind}" for name, kind in zip(columns, maps, strict=True) if kind != "identity"
    ]
    return ", ".join(shown)
