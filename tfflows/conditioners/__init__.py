"""Networks that turn data and context into the parameters of a transformation."""

from tfflows.conditioners.autoregressive_network import AutoregressiveNetwork
from tfflows.conditioners.dense_network import DenseNetwork
from tfflows.conditioners.residual_network import ResidualNetwork

__all__ = ["AutoregressiveNetwork", "DenseNetwork", "ResidualNetwork"]
