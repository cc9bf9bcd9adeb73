"""Configs of TFP objects, and how Keras comes to see their variables."""

from tfflows.interop.tfp_config import from_config, to_config

__all__ = ["from_config", "to_config"]
