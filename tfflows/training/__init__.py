"""The loop behind `fit`: batches and losses, not flows."""

from tfflows.training.resume import Resume

__all__ = ["Resume"]
