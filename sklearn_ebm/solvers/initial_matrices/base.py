"""The contract of an initial matrix, and the curvature of the loss that all of them need."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from sklearn_ebm._curvature import Curvature
from sklearn_ebm._objective import Block, Objective
from sklearn_ebm._params import Array


class InitialMatrix(ABC):
    """A model of the inverse Hessian, as a function of the gradient.

    Attributes
    ----------
    cost : float
        What making it takes, in evaluations of the objective.
    """

    cost: float = 1.0

    @abstractmethod
    def __call__(self, gradient: Array) -> Array:
        """Model times gradient, both of shape (size,)."""


def positive_level(level: float, objective: Objective) -> float:
    """A level of curvature; where nothing bends, as between two kinks, that of a plain square."""
    return level if 1e-290 < level < np.inf else float(objective.weight.sum())


def bend_of(objective: Objective, w: Array, block: Block) -> Curvature:
    """Curvature of the loss in what the templates give, for some rows."""
    return objective.bend(objective.layout.unpack(w), block)


def row_sizes(objective: Objective, w: Array, block: Block) -> Array:
    """Weight times largest curvature of each row."""
    return block.weight * np.abs(bend_of(objective, w, block).diagonals()).max(axis=1)
