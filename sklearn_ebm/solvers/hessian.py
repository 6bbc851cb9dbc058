"""Second derivatives of an objective: products, the matrix, and a scaling of the parameters."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm.losses.curvature import Curvature
from sklearn_ebm.solvers.objective import Block, Objective


def hessian_product(objective: Objective, w: Array) -> Callable[[Array], Array]:
    """Return the function v -> ∇²f(w) v, for a linear energy and a loss with curvature."""
    params = objective.layout.unpack(w)
    pieces = []
    for block in objective.blocks():
        line = objective.energy.linearize(params, block.X)
        assert line.pushforward is not None and objective.loss.curvature is not None
        curvature = objective.loss.curvature(line.energies, block.correct)
        pieces.append((line.pushforward, curvature, line.pullback, block.weight))

    def product(v: Array) -> Array:
        direction = objective.layout.unpack(v)
        result = objective.penalty * v
        for pushforward, curvature, pullback, weight in pieces:
            change = curvature.product(pushforward(direction))
            result += objective.layout.pack(pullback(objective.weighted(change, weight)))
        return result

    return product


def loss_curvature_of(objective: Objective, w: Array, block: Block) -> Curvature:
    """Second derivatives of the loss in the outputs of the templates, for a block of samples."""
    energies = objective.energy.linearize(objective.layout.unpack(w), block.X).energies
    assert objective.loss.curvature is not None
    return objective.energy.templates.template_curvature(
        objective.loss.curvature(energies, block.correct)
    )


def hessian_of(objective: Objective, w: Array) -> Array | None:
    """Return ∇²f(w) as a matrix; None if the energy does not provide it."""
    matrix = np.diag(objective.penalty)
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        for block in objective.blocks():
            curvature = loss_curvature_of(objective, w, block)
            part = objective.energy.templates.normal_matrix(block.X, curvature, block.weight)
            if part is None:
                return None
            matrix += part
    return matrix


def scale_of(objective: Objective) -> Array:
    """Return a scale for each parameter, 1/√(its second derivative), which solvers divide by.

    The second derivative is estimated as h Σᵢ wᵢ (∂Fᵢ/∂W)² + λ with h = 1/4, the largest curvature
    of the log loss. Scaled parameters do not depend on the units of the features.
    """
    scaling = objective.energy._curvature_scale(objective.X, objective.weight, objective.n_answers)
    if scaling is None:
        return np.ones(objective.layout.size)
    # Unlike the sum of the squares, hypot does not overflow.
    stiffness = np.hypot(0.5 * objective.layout.pack(scaling), np.sqrt(objective.penalty))
    return 1.0 / np.where(stiffness > 0, stiffness, 1.0)
