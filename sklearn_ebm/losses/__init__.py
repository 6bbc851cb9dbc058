"""Losses, functions of the energies of one sample, and the registry of their names."""

from sklearn_ebm._utils.registry import Registry
from sklearn_ebm.losses.base import Loss, Traits
from sklearn_ebm.losses.energy import EnergyLoss
from sklearn_ebm.losses.hinge import Hinge
from sklearn_ebm.losses.log import Log
from sklearn_ebm.losses.lvq2 import LVQ2
from sklearn_ebm.losses.mce import MCE
from sklearn_ebm.losses.mee import MEE
from sklearn_ebm.losses.nll import NLL
from sklearn_ebm.losses.pairwise import PairwiseLoss
from sklearn_ebm.losses.perceptron import Perceptron
from sklearn_ebm.losses.simple import Simple
from sklearn_ebm.losses.square_exp import SquareExp
from sklearn_ebm.losses.square_square import SquareSquare

#: Every loss by its name.
LOSSES: Registry[Loss] = Registry(
    "loss",
    Loss,  # type: ignore[type-abstract]
    {
        "nll": NLL,
        "hinge": Hinge,
        "log": Log,
        "simple": Simple,
        "square_square": SquareSquare,
        "square_exp": SquareExp,
        "perceptron": Perceptron,
        "mce": MCE,
        "mee": MEE,
        "lvq2": LVQ2,
        "energy": EnergyLoss,
    },
)

__all__ = [
    "LVQ2",
    "MCE",
    "MEE",
    "NLL",
    "EnergyLoss",
    "Hinge",
    "Log",
    "Loss",
    "PairwiseLoss",
    "Perceptron",
    "Simple",
    "SquareExp",
    "SquareSquare",
    "Traits",
]
