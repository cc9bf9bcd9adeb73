"""Losses: what is minimized. A loss knows the model, and gives each row its share."""

from tfflows.losses.base import DensityLoss, Loss
from tfflows.losses.flow_matching import FlowMatching
from tfflows.losses.negative_log_likelihood import NegativeLogLikelihood
from tfflows.losses.reduction import weighted_mean, weighted_sum
from tfflows.losses.reverse_kl import ReverseKL

__all__ = [
    "DensityLoss",
    "FlowMatching",
    "Loss",
    "NegativeLogLikelihood",
    "ReverseKL",
    "weighted_mean",
    "weighted_sum",
]
