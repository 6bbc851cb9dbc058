"""Checks whether energy, loss and solver are compatible, and the solver "auto"."""

from __future__ import annotations

from typing import Any

import numpy as np

from sklearn_ebm.energies import ENERGIES, Energy
from sklearn_ebm.losses import LOSSES, Loss
from sklearn_ebm.losses.negatives.class_base import ClassNegatives
from sklearn_ebm.solvers import SOLVERS
from sklearn_ebm.solvers.base import Result, Solver

# Learning rates of Adam with negatives, for energies that are linear in the parameters, and others.
LINEAR_RATE, RATE = 0.03, 0.003


def refuse_unsuitable(energy: Energy, loss: Loss, solver: Solver | None) -> None:
    """Raise ValueError if energy, loss and solver are not compatible."""
    energy_name, loss_name = ENERGIES.name_of(energy), LOSSES.name_of(loss)
    if loss.traits.needs_nonnegative and not energy.traits.nonnegative:
        raise ValueError(
            f"loss {loss_name!r} cannot be minimised with energy {energy_name!r}: "
            f"{loss.traits.needs_nonnegative}, so it needs energies that are never negative, such "
            "as distances to prototypes (energy='prototypes'). Losses for "
            f"energy {energy_name!r}: {', '.join(suitable_losses(energy))}."
        )
    if loss.traits.online and not energy.traits.linear:
        raise ValueError(
            f"loss {loss_name!r} cannot be trained with energy {energy_name!r}: it averages its "
            "steps, each of full length, which is meaningful only for energies that are linear in "
            "the parameters; use loss='hinge' or 'nll', or energy='linear' or 'kernel'."
        )
    if solver is not None:
        _refuse_solver(energy, loss, solver)


def _refuse_solver(energy: Energy, loss: Loss, solver: Solver) -> None:
    """Raise ValueError if a solver cannot minimise the loss with the energy."""
    energy_name, loss_name = ENERGIES.name_of(energy), LOSSES.name_of(loss)
    solver_name = SOLVERS.name_of(solver)
    if loss.traits.online != solver.online:
        reason = (
            "its penalised minimum is W = 0, so it is trained row by row"
            if loss.traits.online
            else "that solver is for online rules such as the perceptron"
        )
        raise ValueError(
            f"loss {loss_name!r} cannot be trained by solver {solver_name!r}: {reason}; "
            "use solver='auto'."
        )
    if energy.traits.batches_because and not solver.stochastic:
        raise ValueError(
            f"energy {energy_name!r} cannot be learned by solver {solver_name!r}, because "
            f"{energy.traits.batches_because}; use solver='adam' or 'auto', which step on "
            "mini-batches."
        )
    if solver.needs_curvature and (loss.curvature is None or not energy.traits.linear):
        raise ValueError(
            f"solver {solver_name!r} needs second derivatives, which loss {loss_name!r} with "
            f"energy {energy_name!r} does not give; use solver='lbfgs' or 'auto'."
        )


def refuse_negatives(energy: Energy, loss: Loss, solver: Solver | None) -> None:
    """Raise ValueError if energy, loss or solver cannot learn from drawn classes."""
    energy_name, loss_name = ENERGIES.name_of(energy), LOSSES.name_of(loss)
    if energy.traits.class_axes is None:
        raise ValueError(
            f"energy {energy_name!r} cannot be learned with negatives, because its classes have no "
            "parameters of their own (trait class_axes); use energy='linear', 'kernel', 'mlp' or "
            "'prototypes' (not shared), or negatives=None."
        )
    if loss.traits.online:
        raise ValueError(
            f"loss {loss_name!r} cannot be learned with negatives, because it is trained row by "
            "row against all classes; use loss='hinge' or 'nll', or negatives=None."
        )
    if solver is not None and not isinstance(solver, SOLVERS["adam"]):
        raise ValueError(
            f"solver {SOLVERS.name_of(solver)!r} cannot learn with negatives, which are drawn anew "
            "for each mini-batch; use solver='auto' or 'adam', or negatives=None."
        )


def suitable_losses(energy: str | Energy) -> tuple[str, ...]:
    """Return the names of the registered losses that are compatible with an energy.

    Parameters
    ----------
    energy : str or Energy
        The energy.

    Returns
    -------
    tuple of str
        Names of losses.
    """
    part = ENERGIES.resolve(energy)
    return tuple(
        name
        for name, traits in ((name, loss().traits) for name, loss in LOSSES.items())
        if (part.traits.nonnegative or not traits.needs_nonnegative)
        and (part.traits.linear or not traits.online)
    )


def default_solver(energy: Energy, loss: Loss, negatives: ClassNegatives | None = None) -> Solver:
    """Return the solver that ``solver="auto"`` selects for an energy, a loss and negatives."""
    if negatives is not None:
        rate = LINEAR_RATE if energy.traits.linear else RATE
        return SOLVERS["adam"](learning_rate=rate)
    if loss.traits.online:
        return SOLVERS["averaged"]()
    return SOLVERS["adam" if energy.traits.stochastic else "preconditioned"]()


def refuse_overflow(result: Result, loss: Loss, dtype: Any) -> None:
    """Raise ValueError if parameters or the objective are not finite."""
    if not np.isfinite(result.w).all() or not np.isfinite(result.value):
        raise ValueError(
            f"Learning with loss {LOSSES.name_of(loss)!r} ended in energies that are not finite "
            f"in {dtype}; scale the features (StandardScaler) or the weights."
        )
