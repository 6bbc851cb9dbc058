"""Checks for your own parts: what scikit-learn's ``check_estimator`` is for estimators.

Each of `check_loss`, `check_energy`, `check_elimination` and `check_solver` runs a list of small
functions, one for each promise that the contract of the part makes. The first promise that is not
kept raises an AssertionError of one sentence: the part, what must hold, and what was found.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, clone

from sklearn_ebm._arrays import correct_mask
from sklearn_ebm._objective import Objective
from sklearn_ebm._params import Array, ParameterLayout, Params
from sklearn_ebm.energies import Energy, Linear
from sklearn_ebm.inference import Elimination
from sklearn_ebm.losses import NLL, Loss, Perceptron
from sklearn_ebm.losses.base import Mask, split_right
from sklearn_ebm.solvers import Solver

__all__ = ["check_elimination", "check_energy", "check_loss", "check_solver"]

ANSWERS = (2, 3, 7)
ROWS = 40
# A kink shows as a change of the slope, relative to it, between points 1e-12 apart.
JUMP = 1e-3
HALVINGS = 45
TEMPERATURES = (1.0, 0.1, 0.01)


def check_loss(loss: Loss) -> None:
    """Check that a loss keeps the promises of `sklearn_ebm.losses.Loss`.

    The loss is checked as it is and at each of its `examples`, for 2, 3 and 7 answers, at random
    energies of sizes from 0.1 to 10, in float64 and float32.

    Parameters
    ----------
    loss : Loss

    Raises
    ------
    AssertionError
        At the first promise that is not kept; the message names the loss, what must hold, and what
        was found.

    See Also
    --------
    sklearn_ebm.losses.PairwiseLoss : the short way to a loss of your own.

    Examples
    --------
    A squared hinge, in ten lines, passes:

    >>> from sklearn_ebm.checks import check_loss
    >>> from sklearn_ebm.losses import PairwiseLoss, positive_part
    >>> class SquaredHinge(PairwiseLoss):
    ...     convex = True
    ...     examples = ({}, {"margin": 2.0})
    ...
    ...     def __init__(self, margin=1.0):
    ...         self.margin = margin
    ...
    ...     def pair(self, right, offending, temperature):
    ...         violation, _ = positive_part(right - offending)
    ...         return violation**2, 2 * violation, -2 * violation
    >>> check_loss(SquaredHinge())

    A slope that is half of what it should be does not:

    >>> class Slow(SquaredHinge):
    ...     def pair(self, right, offending, temperature):
    ...         violation, _ = positive_part(right - offending)
    ...         return violation**2, violation, -violation
    >>> check_loss(Slow())
    Traceback (most recent call last):
        ...
    AssertionError: Slow(): the slope must be the derivative of the value, but with 2 answers ...
    """
    _demand(isinstance(loss, Loss), loss, "a loss must inherit from Loss", "it does not")
    for setting in _settings(loss):
        for n_answers in _accepted_answers(setting):
            for check in LOSS_CHECKS:
                check(setting, *_loss_rows(setting, n_answers))


def check_energy(energy: Energy) -> None:
    """Check that an energy keeps the promises of `sklearn_ebm.energies.Energy`.

    The energy is checked as it is and at each of its `examples`, for 2, 3 and 7 answers, at random
    parameters, on dense and sparse rows, in float64 and float32.

    Parameters
    ----------
    energy : Energy

    Raises
    ------
    AssertionError
        At the first promise that is not kept; the message names the energy, what must hold, and
        what was found.

    Examples
    --------
    >>> from sklearn_ebm.checks import check_energy
    >>> from sklearn_ebm.energies import Linear
    >>> check_energy(Linear(fit_intercept=False))
    """
    _demand(isinstance(energy, Energy), energy, "an energy must inherit from Energy", "it does not")
    for setting in _settings(energy):
        for n_answers in ANSWERS:
            for check in ENERGY_CHECKS:
                check(setting, *_energy_rows(setting, n_answers))


def check_elimination(elimination: Elimination) -> None:
    """Check that an elimination keeps the promises of `sklearn_ebm.inference.Elimination`.

    Parameters
    ----------
    elimination : Elimination

    Raises
    ------
    AssertionError
        At the first promise that is not kept; the message names the part, what must hold, and what
        was found.

    Examples
    --------
    >>> from sklearn_ebm.checks import check_elimination
    >>> from sklearn_ebm.inference import SoftMinimum
    >>> check_elimination(SoftMinimum(beta=2.0))
    """
    _demand(
        isinstance(elimination, Elimination),
        elimination, "an elimination must inherit from Elimination", "it does not",
    )  # fmt: skip
    for setting in _settings(elimination):
        for n_values in ANSWERS:
            for check in ELIMINATION_CHECKS:
                check(setting, _random_energies(n_values))


def check_solver(solver: Solver) -> None:
    """Check that a solver keeps the promises of `sklearn_ebm.solvers.Solver`.

    It is given small problems with a linear energy: the negative log-likelihood, or the perceptron
    on separable rows if it is `online`.

    Parameters
    ----------
    solver : Solver

    Raises
    ------
    AssertionError
        At the first promise that is not kept; the message names the solver, what must hold, and
        what was found.

    Examples
    --------
    >>> from sklearn_ebm.checks import check_solver
    >>> from sklearn_ebm.solvers import LBFGS
    >>> check_solver(LBFGS(memory=5))
    """
    _demand(isinstance(solver, Solver), solver, "a solver must inherit from Solver", "it does not")
    for setting in _settings(solver):
        for n_answers in ANSWERS:
            for check in SOLVER_CHECKS:
                check(setting, _solver_problem(setting, n_answers))


def _demand(kept: Any, part: object, promise: str, found: str) -> None:
    if not kept:
        raise AssertionError(f"{part!r}: {promise}, but {found}.")


def _demand_close(
    one: Any, other: Any, size: Any, part: object, promise: str, where: str, tol: float = 1e-9
) -> None:
    """Demand |one − other| ≤ tol · size everywhere; the worst pair goes into the message."""
    one, other = np.asarray(one, dtype=np.float64), np.asarray(other, dtype=np.float64)
    excess = np.abs(one - other) - tol * size
    kept = excess <= 0  # false for NaN, too
    if not kept.all():
        worst = np.unravel_index(np.argmin(kept), kept.shape)
        found = f"{where} one is {one[worst]:.6g} and the other {other[worst]:.6g}"
        raise AssertionError(f"{part!r}: {promise}, but {found}.")


def _settings(part: Any) -> Iterator[Any]:
    """The part as it is, and at each of its examples, after the checks that every part shares."""
    for check in PART_CHECKS:
        check(part)
    yield part
    for example in _examples(part):
        yield clone(part).set_params(**example)


def _examples(part: Any) -> tuple[dict[str, Any], ...]:
    return getattr(part, "examples", ({},))


# Every part ---------------------------------------------------------------------------------------


def check_init_stores(part: BaseEstimator) -> None:
    """``__init__`` stores every parameter as it is, and does nothing else."""
    names = part.get_params(deep=False)
    given = {name: object() for name in names}
    promise = "__init__ must store its parameters as they are and do nothing else"
    try:
        built = type(part)(**given)
    except Exception as error:
        _demand(False, part, promise, f"it raises {type(error).__name__}")
    for name, value in given.items():
        _demand(getattr(built, name, None) is value, part, promise, f"{name} is not stored")
    extra = sorted(set(vars(built)) - set(names))
    _demand(not extra, part, promise, f"it also sets {', '.join(extra)}")


def check_copies(part: BaseEstimator) -> None:
    """Copies made by ``clone`` and by ``pickle`` have the parameters of the original."""
    for how, copied in (("clone", clone(part)), ("pickle", pickle.loads(pickle.dumps(part)))):
        promise = f"{how} must copy every parameter"
        _demand(repr(copied) == repr(part), part, promise, f"the copy is {copied!r}")


def check_examples(part: BaseEstimator) -> None:
    """One of the examples is away from every default."""
    defaults = {
        name: parameter.default
        for name, parameter in _signature(part).items()
        if parameter.default is not parameter.empty
    }
    examples = getattr(part, "examples", None)
    if examples is None or not defaults:
        return
    far = any(
        all(name in example and example[name] != defaults[name] for name in defaults)
        for example in examples
    )
    found = f"the examples are {examples} and the defaults {defaults}"
    _demand(far, part, "one of `examples` must be away from every default", found)


def _signature(part: BaseEstimator) -> dict[str, Any]:
    import inspect

    return dict(inspect.signature(type(part)).parameters)
