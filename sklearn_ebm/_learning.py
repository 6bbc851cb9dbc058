"""From parts and data to parameters: which solver, along which path, and how good the answer is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sklearn_ebm._certificate import certify
from sklearn_ebm._objective import Objective
from sklearn_ebm._params import Array, Params
from sklearn_ebm.energies import ENERGIES, Energy
from sklearn_ebm.losses import LOSSES, Loss
from sklearn_ebm.solvers import SOLVERS, Result, Solver

# The path starts at the temperature of the margin and cools by this factor.
COOLING = 0.25
COLDEST = 1e-9

# A certified gap this small is not improved upon, whatever tol asks for.
FINEST = 1e-8
SMALLEST_TOL = 1e-24
EXACT_NOISE = 1e-12

# Largest problems for which solver="auto" takes Newton steps.
NEWTON_SIZE = 300
NEWTON_ANSWERS = 10

# Up to this many energies in all, each stage is polished to rounding by Newton's method: it costs
# next to nothing, and the answer then depends on the problem alone, not on the path to it, so that
# repeated rows and weights agree to many digits.
POLISHED_ENTRIES = 5_000
POLISHING_STEPS = 30


@dataclass
class Learned:
    """What learning hands to an estimator.

    Attributes
    ----------
    params : dict of str to ndarray
    n_iter : int
        Iterations of the solver, over all stages.
    curve : ndarray
        The objective after each iteration; along a temperature path, the smooth objective.
    value : float
        The objective at the end, with the loss itself.
    gap : float or None
        Bound on (f − min f)/f; None where there is no certificate.
    converged : bool
    message : str
        Why it stopped.
    """

    params: Params
    n_iter: int
    curve: Array
    value: float
    gap: float | None
    converged: bool
    message: str


def refuse_unsuitable(energy: Energy, loss: Loss, solver: Solver | None) -> None:
    """Raise ValueError, before any work, if the parts cannot learn together."""
    energy_name, loss_name = ENERGIES.name_of(energy), LOSSES.name_of(loss)
    if loss.needs_nonnegative and not energy.nonnegative:
        raise ValueError(
            f"loss {loss_name!r} cannot be minimised with energy {energy_name!r}: "
            f"{loss.needs_nonnegative}, so it needs energies that are never negative, such as "
            "distances to prototypes (energy='prototypes', not in this version yet). Losses for "
            f"energy {energy_name!r}: {', '.join(suitable_losses(energy))}."
        )
    if solver is None:
        return
    solver_name = SOLVERS.name_of(solver)
    if loss.online != solver.online:
        reason = (
            "its penalised minimum is W = 0, so it is trained row by row"
            if loss.online
            else "that solver is for online rules such as the perceptron"
        )
        raise ValueError(
            f"loss {loss_name!r} cannot be trained by solver {solver_name!r}: {reason}; "
            "use solver='auto'."
        )
    if solver.needs_curvature and (loss.curvature is None or not energy.linear):
        raise ValueError(
            f"solver {solver_name!r} needs second derivatives, which loss {loss_name!r} with "
            f"energy {energy_name!r} does not give; use solver='lbfgs' or 'auto'."
        )


def suitable_losses(energy: str | Energy) -> tuple[str, ...]:
    """Names of the registered losses that can be minimised with an energy.

    Parameters
    ----------
    energy : str or Energy

    Returns
    -------
    tuple of str
    """
    part = ENERGIES.resolve(energy)
    return tuple(
        name for name, loss in LOSSES.items() if part.nonnegative or not loss.needs_nonnegative
    )


def learn(
    energy: Energy,
    loss: Loss,
    solver: Solver | None,
    X: Any,
    y: np.ndarray,
    weight: np.ndarray,
    *,
    n_answers: int,
    C: float,
    tol: float,
    max_iter: int,
    start: Params | None,
    rng: np.random.RandomState,
) -> Learned:
    """Minimise Σᵢ wᵢ ℓᵢ + ‖W‖²/(2C) over the parameters of an energy.

    For two answers the penalty counts twice, so that C means the same as in scikit-learn's binary
    estimators, which store one vector where an energy has two.
    """
    # 0 for C = inf, and for an online rule, whose penalised minimum is zero.
    penalty = 0.0 if loss.online else (2.0 if n_answers == 2 else 1.0) / C
    objective = Objective(energy, loss, X, y, weight, n_answers, penalty)
    if start is None:
        start = energy.start(X, y, weight, n_answers, rng)
    w = objective.layout.pack(start)
    run = _Run(objective, _choose_solver(objective, loss, solver), tol, max_iter, rng)
    surrogate = loss.surrogate()
    if surrogate is not None:
        easier = _Run(objective.with_loss(surrogate), run.solver, tol, max_iter, rng)
        w = _minimize_certified(easier, w)[0].w
    result, gap = _minimize_certified(run, w)
    if not np.isfinite(result.w).all() or not np.isfinite(result.value):
        raise ValueError(
            f"Learning with loss {LOSSES.name_of(loss)!r} ended in energies that are not finite "
            f"in {X.dtype}; scale the features (StandardScaler) or the weights."
        )
    params = objective.layout.unpack(result.w)
    if not loss.pinned:
        params = energy.centered(params)
    return Learned(
        params={name: value.astype(X.dtype) for name, value in params.items()},
        n_iter=result.n_iter,
        curve=np.asarray(result.curve),
        value=result.value,
        gap=gap,
        converged=result.converged,
        message=result.message,
    )


@dataclass
class _Run:
    """What stays the same along a path."""

    objective: Objective
    solver: Solver
    tol: float
    max_iter: int
    rng: np.random.RandomState

    def minimize(self, loss: Loss, w: Array, tol: float, spent: int) -> Result:
        return self.solver.minimize(
            self.objective.with_loss(loss),
            w,
            tol=tol,
            max_iter=max(self.max_iter - spent, 0),
            rng=self.rng,
        )


def _choose_solver(objective: Objective, loss: Loss, solver: Solver | None) -> Solver:
    """Newton steps where the Hessian is small, L-BFGS elsewhere.

    Forming the Hessian costs about k/2 evaluations, and Newton's method needs 10 to 50 times fewer
    iterations than L-BFGS along a temperature path.
    """
    if solver is not None:
        return solver
    if loss.online:
        return SOLVERS["averaged"]()
    small = objective.layout.size <= NEWTON_SIZE and objective.n_answers <= NEWTON_ANSWERS
    differentiable = loss.curvature is not None and objective.energy.linear
    return SOLVERS["newton" if small and differentiable else "lbfgs"]()


def _minimize_certified(run: _Run, w: Array) -> tuple[Result, float | None]:
    """Minimise until the certified gap is below tol, along a temperature path if need be."""
    loss = run.objective.loss
    if loss.online:
        return run.minimize(loss, w, run.tol, 0), None
    smooth = loss.is_smooth(run.objective.n_answers)
    temperature = 0.0 if smooth else _first_temperature(loss)
    if not smooth:
        # At a low temperature the slopes answer to differences that float32 does not resolve.
        run.objective = run.objective.exact()
    # A loose start is enough where the certificate will ask for more; without one, it must do.
    certifiable = loss.convex and loss.conjugate is not None
    stage_tol = (0.1 if certifiable else 1e-3) * run.tol
    if certifiable and not smooth:
        stage_tol = max(stage_tol, 1e-2)
    first = temperature
    total = Result(w, np.inf, 0, False, "max_iter was reached")
    bound = -np.inf
    while True:
        stage_loss = loss.smoothed(temperature) if temperature else loss
        stage = run.minimize(stage_loss, w, stage_tol, total.n_iter)
        w = _polish(run, stage_loss, stage.w)
        total.curve += stage.curve
        total.n_iter += stage.n_iter
        value, stage_bound, smoothing = certify(run.objective, stage_loss, w)
        bound = max(bound, stage_bound)
        if value < total.value:
            total.w, total.value = w, value
        certified = np.isfinite(bound)
        error = total.value - bound if certified else max(stage.value - value, 0.0)
        closed = certified and error <= run.tol * abs(total.value)
        if not (stage.converged or closed):
            total.message = stage.message
            break
        if error <= run.tol * abs(total.value) or (smooth and not certified):
            total.converged, total.message = True, "the gap is below tol"
            break
        # Cool while the smoothing is what keeps the gap open, but no further than tol asks for;
        # else solve more exactly.
        enough = 0.5 * max(error, run.tol * abs(value)) if certified else -np.inf
        cool = not smooth and smoothing > enough
        if certified and run.objective.noise > EXACT_NOISE:
            run.objective = run.objective.exact()  # float32 did its part; float64 finishes
            bound = -np.inf
            continue
        if temperature < COLDEST * first if cool else stage.exhausted or stage_tol < SMALLEST_TOL:
            total.message = "rounding hides any further decrease"
            total.converged = error <= FINEST * abs(total.value)
            break
        if cool:
            temperature *= COOLING
        else:
            stage_tol *= 0.1
    return total, (max(error, 0.0) / abs(total.value) if certified and total.value else None)


def _polish(run: _Run, loss: Loss, w: Array) -> Array:
    """The minimum of a stage to rounding, where that is cheap; elsewhere what came in."""
    entries = len(run.objective.y) * run.objective.n_answers
    if loss.curvature is None or not run.objective.energy.linear or entries > POLISHED_ENTRIES:
        return w
    objective = run.objective.with_loss(loss)
    newton = SOLVERS["newton"]()
    return newton.minimize(objective, w, tol=1e-25, max_iter=POLISHING_STEPS, rng=run.rng).w


def _first_temperature(loss: Loss) -> float:
    """The temperature of the margin, where the loss has one, else 1."""
    margin = float(np.max(loss.get_params().get("margin", 1.0)))
    return margin if margin > 0 else 1.0
