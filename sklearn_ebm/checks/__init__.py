"""Checks for your own parts: what scikit-learn's ``check_estimator`` is for estimators.

Each of `check_loss`, `check_energy`, `check_latent_energy`, `check_bank_energy`,
`check_elimination` and `check_solver` runs a list of small functions, one for each promise that the
contract of the part makes. The first promise that is not kept raises an AssertionError of one
sentence: the part, what must hold, and what was found. The lists are called ``LOSS_CHECKS``,
``ENERGY_CHECKS`` and so on, each in the module of its kind.
"""

from sklearn_ebm.checks.bank_energies import check_bank_energy
from sklearn_ebm.checks.energies import check_energy
from sklearn_ebm.checks.inference import check_elimination
from sklearn_ebm.checks.latent_energies import check_latent_energy
from sklearn_ebm.checks.losses import check_loss
from sklearn_ebm.checks.solvers import check_solver

__all__ = [
    "check_bank_energy",
    "check_elimination",
    "check_energy",
    "check_latent_energy",
    "check_loss",
    "check_solver",
]
