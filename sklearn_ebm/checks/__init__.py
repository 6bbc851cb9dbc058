"""Checks for your own parts: what scikit-learn's ``check_estimator`` is for estimators.

Each of `check_loss`, `check_energy`, `check_elimination` and `check_solver` runs a list of small
functions, one for each promise that the contract of the part makes. The first promise that is not
kept raises an AssertionError of one sentence: the part, what must hold, and what was found.
"""

from sklearn_ebm.checks.base import PART_CHECKS
from sklearn_ebm.checks.energies import ENERGY_CHECKS, check_energy
from sklearn_ebm.checks.inference import ELIMINATION_CHECKS, check_elimination
from sklearn_ebm.checks.losses import LOSS_CHECKS, check_loss
from sklearn_ebm.checks.solvers import SOLVER_CHECKS, check_solver

__all__ = [
    "ELIMINATION_CHECKS",
    "ENERGY_CHECKS",
    "LOSS_CHECKS",
    "PART_CHECKS",
    "SOLVER_CHECKS",
    "check_elimination",
    "check_energy",
    "check_loss",
    "check_solver",
]
