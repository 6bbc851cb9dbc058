"""Second derivatives of an objective: as a product, as a matrix, by block, and as a scaling."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm.losses.curvature import Curvature
from sklearn_ebm.solvers.objective import Block, Objective


def hessian_product(objective: Objective, w: Array) -> Callable[[Array], Array]:
    """v -> ∇²f(w) v, for a linear energy and a loss with curvature."""
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
    """Curvature of the loss in what the templates give, for some samples."""
    energies = objective.energy.linearize(objective.layout.unpack(w), block.X).energies
    assert objective.loss.curvature is not None
    return objective.energy.templates.template_curvature(
        objective.loss.curvature(energies, block.correct)
    )


def hessian_of(objective: Objective, w: Array) -> Array | None:
    """∇²f(w) as a matrix, as `hessian_product`; None where the energy does not give it."""
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
    """Return the step in each parameter that changes f by about one: the solver's scaling.

    1/√(h Σᵢ wᵢ (∂Fᵢ/∂W)² + λ) with h = 1/4, the largest curvature of the log loss. It removes
    the units of the features, so that columns of very different size are no obstacle.
    """
    scaling = objective.energy._curvature_scale(objective.X, objective.weight, objective.n_answers)
    if scaling is None:
        return np.ones(objective.layout.size)
    # hypot does not overflow where the squares would.
    stiffness = np.hypot(0.5 * objective.layout.pack(scaling), np.sqrt(objective.penalty))
    return 1.0 / np.where(stiffness > 0, stiffness, 1.0)
