"""The jobs of the table: which flow, on how many rows."""

from dataclasses import asdict, dataclass

import numpy as np

__all__ = ["JOBS", "POINTS", "Job", "points"]

# Rows that are scored, and rows that are drawn.
POINTS = 10_000


@dataclass(frozen=True)
class Job:
    """A flow of autoregressive layers and the batches that train it; the same for everybody."""

    name: str
    family: str  # "affine" or "spline"
    dimensions: int
    layers: int
    hidden: tuple
    batch: int
    bins: int = 8

    @property
    def rows(self) -> int:
        """Rows of training data: whole batches, and not too few for an epoch."""
        return max(64 * self.batch, 8192)

    @property
    def steps(self) -> int:
        """Steps in an epoch."""
        return self.rows // self.batch

    @property
    def parameters(self) -> int:
        """Raw numbers for each coordinate."""
        return 2 if self.family == "affine" else 3 * self.bins - 1

    def describe(self) -> str:
        """Return the job in words."""
        kind = "affine" if self.family == "affine" else f"spline, {self.bins} bins"
        hidden = ",".join(map(str, self.hidden))
        return f"{kind}; D {self.dimensions}, L {self.layers}, hidden {hidden}, batch {self.batch}"

    def as_dict(self) -> dict:
        """Return the job as JSON can hold it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: dict) -> "Job":
        """Return the job that `as_dict` wrote."""
        return cls(**{**content, "hidden": tuple(content["hidden"])})


JOBS = {
    job.name: job
    for job in (
        Job("maf2", "affine", 2, 3, (128, 128), 32),
        Job("maf21", "affine", 21, 5, (256, 256), 256),
        Job("maf63", "affine", 63, 5, (512, 512), 256),
        Job("nsf8", "spline", 8, 3, (128, 128), 256),
    )
}


def points(dimensions: int, rows: int, seed: int = 0) -> np.ndarray:
    """Return rows of a correlated mixture of two components, of unit size in each coordinate."""
    fixed = np.random.default_rng(7)
    mixing = np.eye(dimensions) + fixed.normal(size=(dimensions, dimensions)) / dimensions**0.5
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, dimensions)) @ mixing.T
    x += np.where(random.random((rows, 1)) < 0.5, 1.5, -1.5)
    scale = np.sqrt(np.square(mixing).sum(1) + 1.5**2)
    return (x / scale).astype(np.float32)
