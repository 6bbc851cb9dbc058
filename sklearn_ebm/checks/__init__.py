"""Checks of your own losses, energies, eliminations and solvers.

They are the counterpart of scikit-learn's ``check_estimator``. Each of `check_loss`,
`check_energy`, `check_latent_energy`, `check_bank_energy`, `check_elimination` and `check_solver`
runs a list of functions, one for each requirement of the base class. The first requirement that is
violated raises an AssertionError that states the object, the requirement and the observed values.
The lists are called ``LOSS_CHECKS``, ``ENERGY_CHECKS`` and so on, each in the module of its kind.
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
