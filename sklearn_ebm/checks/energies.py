"""Checks of energies of classes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import sparse

from sklearn_ebm._utils.parameters import Array, Params
from sklearn_ebm._utils.rows import Rows
from sklearn_ebm.checks.base import ANSWERS, PART_CHECKS, demand, demand_close, settings
from sklearn_ebm.energies import Energy


def check_energy(energy: Energy) -> None:
    """Check that an energy meets the requirements of `sklearn_ebm.energies.Energy`.

    The energy is checked with its own settings and with each of its `examples`, for 2, 3 and 7
    answers, at random parameters, on dense and sparse rows, in float64 and float32.

    Parameters
    ----------
    energy : Energy
        The energy to check.

    Raises
    ------
    AssertionError
        At the first violated requirement; the message states the energy, the
        requirement and the observed values.

    Examples
    --------
    >>> from sklearn_ebm.checks.energies import check_energy
    >>> from sklearn_ebm.energies import Linear
    >>> check_energy(Linear(fit_intercept=False))
    """
    demand(isinstance(energy, Energy), energy, "an energy must inherit from Energy", "it does not")
    for check_part in PART_CHECKS:
        check_part(energy)
    for setting in settings(energy):
        for case in energy_cases(setting):
            for check in ENERGY_CHECKS:
                check(*case)


def energy_cases(energy: Energy) -> Iterator[tuple[Energy, Array, int, Params]]:
    """Yield (prepared energy, X, n_answers, params); X has many zeros and unequal column scales."""
    for n_answers in ANSWERS:
        rng = np.random.RandomState(n_answers)
        X = rng.normal(size=(15, 4)) * [0.3, 1.0, 1.0, 5.0] * (rng.uniform(size=(15, 4)) < 0.6)
        y, weight = np.arange(len(X)) % n_answers, rng.uniform(0.5, 2, size=len(X))
        initialized = energy.initialized(Rows(X, y, weight), n_answers, rng)
        params: Params = {
            name: rng.normal(size=shape) for name, shape in initialized.shapes(4, n_answers).items()
        }
        yield initialized, X, n_answers, params


def _random_like(params: Params, seed: int) -> Params:
    rng = np.random.RandomState(seed)
    return {name: rng.normal(size=value.shape) for name, value in params.items()}


def _dot(one: Params, other: Params) -> float:
    return float(sum(np.vdot(one[name], other[name]) for name in one))


def check_start(energy: Energy, X: Array, n_answers: int, params: Params) -> None:
    """`start` returns finite parameters with the right shapes; `penalized` names some of them."""
    shapes = dict(energy.shapes(X.shape[1], n_answers))
    y = np.arange(len(X)) % n_answers
    start = energy.start(Rows(X, y, np.ones(len(X))), n_answers, np.random.RandomState(0))
    found = {name: np.shape(value) for name, value in start.items()}
    promise = f"start must give parameters of shapes {shapes}"
    demand(found == shapes, energy, promise, f"it gives {found}")
    finite = all(np.isfinite(value).all() for value in start.values())
    demand(finite, energy, "start must give finite parameters", "it does not")
    unknown = sorted(set(energy.penalized) - set(shapes))
    promise = "penalized must name parameters"
    demand(not unknown, energy, promise, f"there is no {', '.join(unknown)}")


def check_energies(energy: Energy, X: Array, n_answers: int, params: Params) -> None:
    """Energies (n, k[, z]) in the dtype of X, are finite, also in float32; inputs do not change."""
    before, stored = X.copy(), {name: value.copy() for name, value in params.items()}
    rounded: Params = {
        name: value.astype(np.float32).astype(np.float64) for name, value in params.items()
    }
    wide = energy.linearize(rounded, X.astype(np.float32).astype(np.float64)).energies
    size = 1.0 + np.abs(wide).max()
    for dtype in (np.float64, np.float32):
        narrow: Params = {name: value.astype(dtype) for name, value in params.items()}
        line = energy.linearize(narrow, X.astype(dtype))
        expected = f"(n, {n_answers}) or (n, {n_answers}, z) and dtype {np.dtype(dtype).name}"
        found = f"it has shape {line.energies.shape} and dtype {line.energies.dtype}"
        kept = line.energies.shape[:2] == (len(X), n_answers) and line.energies.dtype == dtype
        promise = f"the array of energies must have shape {expected}"
        demand(kept and line.energies.ndim in (2, 3), energy, promise, found)
        demand(np.isfinite(line.energies).all(), energy, "energies must be finite", "they are not")
    promise = "float32 must give what float64 gives, but for rounding"
    demand_close(line.energies, wide, size, energy, promise, "of an energy", 1e-5)
    energy.linearize(params, X).pullback(np.ones_like(wide))
    same = np.array_equal(before, X) and all(
        np.array_equal(stored[name], value) for name, value in params.items()
    )
    demand(same, energy, "linearize must leave its inputs as they are", "it writes on them")


def check_pullback(energy: Energy, X: Array, n_answers: int, params: Params) -> None:
    """The pullback is the derivative of ⟨dE, energies⟩ in the parameters."""
    line = energy.linearize(params, X)
    slope = np.random.RandomState(8).normal(size=line.energies.shape)
    gradient = line.pullback(slope)
    names = {name: np.shape(value) for name, value in gradient.items()}
    shapes = {name: value.shape for name, value in params.items()}
    promise = f"the pullback must give parameters of shapes {shapes}"
    demand(names == shapes, energy, promise, f"it gives {names}")
    step = 1e-6
    for name, value in params.items():
        for index in np.ndindex(value.shape):
            energies = []
            for sign in (1, -1):
                moved = {**params, name: value.copy()}
                moved[name][index] += sign * step
                energies.append(energy.linearize(moved, X).energies)
            difference = float(np.vdot(slope, energies[0] - energies[1])) / (2 * step)
            size = 1.0 + np.abs(line.energies).sum()
            promise = "the pullback must be the derivative of the energies in the parameters"
            where = f"at {name}{list(index)} the pullback is the first, central differences second:"
            demand_close(gradient[name][index], difference, size, energy, promise, where, 1e-7)


def check_pushforward(energy: Energy, X: Array, n_answers: int, params: Params) -> None:
    """⟨pushforward v, dE⟩ = ⟨v, pullback dE⟩."""
    line = energy.linearize(params, X)
    if line.pushforward is None:
        return
    direction = _random_like(params, 9)
    slope = np.random.RandomState(8).normal(size=line.energies.shape)
    forth = float(np.vdot(line.pushforward(direction), slope))
    back = _dot(direction, line.pullback(slope))
    promise = "pushforward and pullback must be adjoint: ⟨pushforward v, dE⟩ = ⟨v, pullback dE⟩"
    demand_close(forth, back, 1.0 + abs(forth), energy, promise, "the first")


def check_energy_rows(energy: Energy, X: Array, n_answers: int, params: Params) -> None:
    """Energies of a row do not depend on other rows; the pullback sums over rows."""
    line = energy.linearize(params, X)
    slope = np.random.RandomState(8).normal(size=line.energies.shape)
    size = 1.0 + np.abs(line.energies).max()
    order = np.random.RandomState(2).permutation(len(X))
    rows = np.array_split(order, 4)
    blocks = [energy.linearize(params, X[index]) for index in rows]
    mine = np.concatenate([block.energies for block in blocks])
    promise = "rows must be independent, so that blocks in another order give the same"
    demand_close(mine, line.energies[order], size, energy, promise, "of an energy")
    pieces = [block.pullback(slope[index]) for block, index in zip(blocks, rows, strict=True)]
    for name, whole in line.pullback(slope).items():
        total = sum(piece[name] for piece in pieces)
        promise = f"the pullback must be a sum over rows, in {name} too"
        demand_close(total, whole, 1.0 + np.abs(whole).max(), energy, promise, "of a sum")


def check_sparse(energy: Energy, X: Array, n_answers: int, params: Params) -> None:
    """Sparse matrices and sparse arrays give the same results as dense arrays."""
    dense = energy.linearize(params, X)
    slope = np.random.RandomState(8).normal(size=dense.energies.shape)
    gradient = dense.pullback(slope)
    weight = np.linspace(0.5, 2, len(X))
    scaling = energy._curvature_scale(X, weight, n_answers)
    for kind in (sparse.csr_matrix, sparse.csr_array, sparse.csc_matrix, sparse.csc_array):
        rows = kind(X)
        line = energy.linearize(params, rows)
        promise = f"{kind.__name__} rows must give what dense rows give"
        kept = type(line.energies) is np.ndarray
        demand(kept, energy, promise, f"the energies are a {type(line.energies).__name__}")
        pairs = [("energies", line.energies, dense.energies)]
        pairs += [(name, value, gradient[name]) for name, value in line.pullback(slope).items()]
        other = energy._curvature_scale(rows, weight, n_answers)
        if scaling is not None and other is not None:
            pairs += [(name, other[name], scaling[name]) for name in scaling]
        for name, mine, whole in pairs:
            unit = 1.0 + np.abs(whole).max()
            demand_close(mine, whole, unit, energy, promise, f"of {name}")


def check_declarations(energy: Energy, X: Array, n_answers: int, params: Params) -> None:
    """The energies are linear or nonnegative if `traits` declares it."""
    one = energy.linearize(params, X).energies
    if energy.traits.nonnegative:
        promise = "its traits have nonnegative = True, so no energy may be below 0"
        demand(one.min() >= 0, energy, promise, f"one is {one.min():.3g}")
    if energy.traits.linear:
        direction = _random_like(params, 9)
        mixed: Params = {name: 2 * value - direction[name] for name, value in params.items()}
        expected = 2 * one - energy.linearize(direction, X).energies
        promise = "its traits have linear = True, so E(2u − v) must be 2E(u) − E(v)"
        size = 1.0 + np.abs(one).max() + np.abs(expected).max()
        energies = energy.linearize(mixed, X).energies
        demand_close(energies, expected, size, energy, promise, "of an energy")


def check_curvature_scale(energy: Energy, X: Array, n_answers: int, params: Params) -> None:
    """For a linear energy, the scale of each parameter is √Σᵢ wᵢ (∂Fᵢ/∂W)²."""
    weight = np.linspace(0.5, 2, len(X))
    scale = energy._curvature_scale(X, weight, n_answers)
    if scale is None or not energy.traits.linear:
        return
    zero: Params = {name: np.zeros_like(value) for name, value in params.items()}
    for name, value in params.items():
        for index in np.ndindex(value.shape):
            unit = {**zero, name: np.zeros_like(value)}
            unit[name][index] = 1.0
            change = energy.linearize(unit, X).energies.reshape(len(X), -1)
            expected = np.sqrt(weight @ (change**2).sum(axis=1))
            promise = "_curvature_scale must be √Σᵢ wᵢ (∂Fᵢ/∂W)²"
            where = f"at {name}{list(index)} the given"
            demand_close(scale[name][index], expected, 1.0 + expected, energy, promise, where)


def check_fitted_attributes(energy: Energy, X: Array, n_answers: int, params: Params) -> None:
    """Fitted attributes are finite arrays whose names end in an underscore."""
    for name, value in energy.fitted_attributes(params, n_answers).items():
        promise = "the names of fitted attributes must end in one underscore"
        kept = name.endswith("_") and not name.endswith("__") and not name.startswith("_")
        demand(kept, energy, promise, f"there is {name!r}")
        finite = isinstance(value, np.ndarray) and np.isfinite(value).all()
        demand(finite, energy, "fitted attributes must be finite arrays", f"{name} is not")


def check_written(energy: Energy, X: Array, n_answers: int, params: Params) -> None:
    """Unchanged fitted attributes do not change the parameters."""
    fitted = energy.fitted_attributes(params, n_answers)
    promise = "_written must return the parameters themselves where nothing was written"
    same = energy._written(params, fitted, n_answers) is params
    demand(same, energy, promise, "others came back")


ENERGY_CHECKS = (
    check_start,
    check_energies,
    check_pullback,
    check_pushforward,
    check_energy_rows,
    check_sparse,
    check_declarations,
    check_curvature_scale,
    check_fitted_attributes,
    check_written,
)
