"""Checks of your own losses, energies, eliminations and solvers.

`check_part` is the counterpart of scikit-learn's ``check_estimator``. It runs a list of functions,
one for each requirement of the base class. The first requirement that is violated raises an
AssertionError that states the object, the requirement and the observed values. The lists are called
``LOSS_CHECKS``, ``ENERGY_CHECKS`` and so on, each in the module of its kind.
"""

from sklearn_ebm.checks.any_part import check_part

__all__ = ["check_part"]
