"""Solvers that minimise an objective over the parameters."""

from sklearn_ebm._utils.registry import Registry
from sklearn_ebm.solvers.adam import Adam
from sklearn_ebm.solvers.averaged import Averaged
from sklearn_ebm.solvers.base import Solver
from sklearn_ebm.solvers.lbfgs import LBFGS
from sklearn_ebm.solvers.newton import Newton
from sklearn_ebm.solvers.preconditioned import PreconditionedLBFGS

#: Every solver by its name.
SOLVERS: Registry[Solver] = Registry(
    "solver",
    Solver,  # type: ignore[type-abstract]
    {
        "preconditioned": PreconditionedLBFGS,
        "lbfgs": LBFGS,
        "newton": Newton,
        "averaged": Averaged,
        "adam": Adam,
    },
)

__all__ = [
    "LBFGS",
    "Adam",
    "Averaged",
    "Newton",
    "PreconditionedLBFGS",
]
