"""What a public call of a model computes for rows, by name."""

import dataclasses
from collections.abc import Callable

from tfflows.privates import forgetting_results

__all__ = ["Operation"]


@dataclasses.dataclass(frozen=True)
class Operation:
    """What a public call of a model computes for rows.

    Attributes
    ----------
    name : str
        Name of the operation; of one model, operations of one name are the same.
    function : callable
        Maps rows ``[n, *event_shape]``, their contexts ``[n, ...]`` or ``[1, ...]``, and a seed,
        int32 ``[3]``, those that there are, to tensors ``[n, ...]``.
    event_shape : tuple of int
        Shape of a row.
    argument : str
        What messages call the rows.
    draws : bool
        Whether `function` takes a seed.
    xla : bool
        Whether its steps are so many and small that XLA had better run them; `function` then takes
        ``xla=True``.
    """

    name: str
    function: Callable
    event_shape: tuple
    argument: str = "x"
    draws: bool = False
    xla: bool = False

    def __post_init__(self):
        """Let what `function` leaves in TFP's memory of a graph go with the graph."""
        object.__setattr__(self, "function", forgetting_results()(self.function))
