"""How ``tfflows fit`` trains a flow when it is not told otherwise."""

from __future__ import annotations

import math
from argparse import Namespace
from dataclasses import asdict, dataclass

from tfflows_cli.errors import CommandError


@dataclass(frozen=True)
class Recipe:
    """Epochs, batches, steps and when to stop."""

    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    clipnorm: float
    patience: int

    @classmethod
    def of(cls, arguments: Namespace, rows: int) -> Recipe:
        """Choose what the arguments leave open by the number of training rows.

        A small table takes small batches, so that it gets as many steps in an epoch as it can
        use, and many epochs, which early stopping cuts short.
        """
        rate = arguments.learning_rate
        if rate is not None and not 0.0 < rate < float("inf"):
            raise CommandError(f"--learning-rate must be positive; got {rate}")
        epochs = arguments.epochs or max(5, min(200, round(600_000 / rows)))
        batch_size = arguments.batch_size or max(16, min(512, rows // 64))
        return cls(
            epochs=epochs,
            batch_size=batch_size,
            # The noise of a gradient falls with the root of the batch, and the step may grow so.
            learning_rate=rate or 5e-3 * math.sqrt(batch_size / 512),
            weight_decay=1e-4,
            clipnorm=5.0,
            patience=arguments.patience or max(10, epochs // 3),
        )

    def as_dict(self) -> dict[str, float]:
        """Return the settings, for the record."""
        return asdict(self)
