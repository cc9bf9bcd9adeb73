"""The loop behind `fit`: batches and losses, not flows."""

from tfflows.training.resume import Resume
from tfflows.training.trainer import Trainer

__all__ = ["Resume", "Trainer"]
