"""Checks of your own parts: what scikit-learn's ``check_estimator`` is for estimators.

`check_part` runs a list of small functions, one for each rule of the contract of a loss, an energy,
an elimination or a solver. The first rule that the part breaks raises an AssertionError of one
sentence: the part, the rule, and what was found. The lists are called ``LOSS_CHECKS``,
``ENERGY_CHECKS`` and so on, each in the module of its kind.
"""

from sklearn_ebm.checks.any_part import check_part

__all__ = ["check_part"]
