"""Losses: what is minimized. A loss knows the model, and gives each row its share."""

from tfflows.losses.annealing import AdaptiveAnnealing, Annealing
from tfflows.losses.base import DensityLoss, Loss
from tfflows.losses.fab import FAB
from tfflows.losses.flow_matching import FlowMatching
from tfflows.losses.forward_kl import ForwardKL
from tfflows.losses.importance_weighted import ImportanceWeighted
from tfflows.losses.negative_log_likelihood import NegativeLogLikelihood
from tfflows.losses.reduction import weighted_mean, weighted_sum
from tfflows.losses.reverse_kl import ReverseKL
from tfflows.losses.target_loss import TargetLoss
from tfflows.losses.variational import Variational

__all__ = [
    "FAB",
    "AdaptiveAnnealing",
    "Annealing",
    "DensityLoss",
    "FlowMatching",
    "ForwardKL",
    "ImportanceWeighted",
    "Loss",
    "NegativeLogLikelihood",
    "ReverseKL",
    "TargetLoss",
    "Variational",
    "weighted_mean",
    "weighted_sum",
]
