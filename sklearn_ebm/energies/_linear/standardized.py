"""The linear energy with parameters for standardised columns, which solvers use."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from sklearn_ebm._utils.array_api import namespace_of, numpy_namespace
from sklearn_ebm._utils.array_ops import cast_like, column_sums, floating
from sklearn_ebm._utils.arrays import blocks_of, column_moments, row_slices, scaled_rows, take_rows
from sklearn_ebm._utils.parameters import Array, Params, Shapes
from sklearn_ebm._utils.rows import Rows
from sklearn_ebm.energies._linear.templates import (
    template_energies,
    template_gradient,
    template_normal_matrix,
)
from sklearn_ebm.energies.base import Energy, Linearization, Templates, Traits
from sklearn_ebm.losses.curvature import Curvature

# Squares of standard deviations are clipped to this number and its inverse.
LARGEST_SQUARE = 1e280


# Largest rounding error of a column, relative to its standard deviation, from means in intercepts.
CANCELLATION = 1e-9

# Rounding error of floats, by their size in bytes.
EPSILON = {4: float(np.finfo(np.float32).eps), 8: float(np.finfo(np.float64).eps)}


class Standardized(Energy):
    """Linear energy with parameters for standardised columns.

    F(x, y) = −⟨θ_y, φ(x)⟩ with φ(x) = ((x − mean)/standard deviation, 1)

    It has the same energies as `Linear` with other parameters, for which the units and offsets of
    the columns have no effect. X is neither changed nor copied, because mean and standard deviation
    are included in the coefficients. With the coefficients w and intercepts b of `Linear`,

    .. code-block:: none

        θ_yj = deviation_j w_yj,    θ_y0 = b_y + ⟨w_y, mean⟩,    λ_j = λ / deviation_j²

    so that the penalty is also the same. `LinearTemplates.standardized` returns such an energy.

    Parameters
    ----------
    mean : ndarray of shape (n_features,)
        Means of the columns; zero for sparse matrices, and without an intercept.
    deviation : ndarray of shape (n_features,)
        Standard deviations of the columns.
    fit_intercept : bool
        Whether the last entry of φ is 1.

    Examples
    --------
    x = 5 is two standard deviations of 2 above a mean of 1, so F = −(3·2 + 0.5) = −6.5:

    >>> import numpy as np
    >>> from sklearn_ebm.energies._linear.standardized import Standardized
    >>> energy = Standardized(np.array([1.0]), np.array([2.0]), True)
    >>> energy.linearize({"coef": np.array([[3.0, 0.5]])}, np.array([[5.0]])).energies
    array([[-6.5]])
    """

    traits = Traits(linear=True, redundant_binary_templates=True)
    penalized = ("coef",)

    def __init__(self, mean: Array, deviation: Array, fit_intercept: bool) -> None:
        self.mean = mean
        self.deviation = deviation
        self.fit_intercept = fit_intercept

    @classmethod
    def of(cls, X: Any, weight: npt.NDArray[np.float64], fit_intercept: bool) -> Standardized:
        """Return the energy for the moments of weighted rows."""
        centred = fit_intercept and not sparse.issparse(X)
        return cls(*column_moments(X, weight, centred=centred), fit_intercept)

    @cached_property
    def templates(self) -> StandardizedTemplates:  # type: ignore[override]
        """Fast computations for standardised columns."""
        return StandardizedTemplates(self.mean, self.deviation, self.fit_intercept)

    def shapes(self, n_features: int, n_answers: int) -> Shapes:
        """Return one template for each answer: coef (k, d) or, with an intercept, (k, d + 1)."""
        return {"coef": (n_answers, n_features + self.fit_intercept)}

    def start(
        self,
        rows: Rows,
        n_answers: int,
        rng: np.random.RandomState,
    ) -> Params:
        """All zero."""
        return {"coef": np.zeros(self.shapes(rows.X.shape[1], n_answers)["coef"])}

    def linearize(self, params: Params, X: Any) -> Linearization:
        """Energies (n, k) of all classes in the dtype of X, pullback and pushforward."""
        xp = namespace_of(X)
        rows, folded = floating(xp, X), self.mean
        if self._cancels(4 if rows.dtype == xp.float32 else 8):
            rows, folded = rows - cast_like(xp, self.mean, rows), np.zeros_like(self.mean)

        def pullback(slope: Array) -> Params:
            gradient = template_gradient(slope, rows)
            deviation = cast_like(xp, self.deviation, gradient, xp.float64)
            if not self.fit_intercept:
                return {"coef": gradient / deviation}
            constant = -column_sums(xp, slope)[:, None]
            if folded.any():
                gradient = gradient - constant * cast_like(xp, folded, gradient, xp.float64)
            return {"coef": xp.concat([gradient / deviation, constant], axis=1)}

        def pushforward(direction: Params) -> Array:
            plain = self._plain(direction, folded)
            energies = template_energies(plain["coef"], rows)
            if self.fit_intercept:
                energies -= cast_like(xp, plain["intercept"], rows)
            return energies

        return Linearization(pushforward(params), pullback, pushforward)

    def _curvature_scale(
        self, X: Any, weight: npt.NDArray[np.float64], n_answers: int
    ) -> Params | None:
        """Return √Σᵢ wᵢ for every parameter, as columns have the standard deviation 1."""
        return {"coef": np.full(self.shapes(X.shape[1], n_answers)["coef"], np.sqrt(weight.sum()))}

    # From and to the parameters of `Linear` ------------------------------------------------------

    def to_params(self, params: Params) -> Params:
        """Convert to the parameters of `Linear`."""
        return self._plain(params, self.mean)

    def _plain(self, params: Params, mean: Array) -> Params:
        xp, coef = namespace_of(params["coef"]), params["coef"]
        deviation, mean = (
            cast_like(xp, moment, coef, xp.float64) for moment in (self.deviation, mean)
        )
        if not self.fit_intercept:
            return {"coef": coef / deviation}
        plain = coef[:, :-1] / deviation
        return {"coef": plain, "intercept": coef[:, -1] - plain @ mean}

    def _cancels(self, itemsize: int) -> bool:
        """Whether a mean is so large that it must be subtracted from the rows.

        Otherwise the energies would be differences of large numbers.
        """
        return self._farthest * EPSILON[itemsize] > CANCELLATION

    @cached_property
    def _farthest(self) -> float:
        """Largest mean, relative to the standard deviation."""
        return float(np.max(np.abs(self.mean) / self.deviation, initial=0.0))

    def from_params(self, params: Params) -> Params:
        """Convert from the parameters of `Linear`."""
        # The coefficient of a constant column is zero.
        deviation = np.where(np.isfinite(self.deviation), self.deviation, 0.0)
        coef = params["coef"].astype(np.float64) * deviation
        if not self.fit_intercept:
            return {"coef": coef}
        intercept = params["intercept"] + params["coef"] @ self.mean
        return {"coef": np.hstack([coef, intercept[:, None]])}

    def penalty_factor(self, n_answers: int) -> Params:
        """Return the penalty of each parameter relative to λ: 1/deviation², or 0 for intercepts."""
        with np.errstate(over="ignore", under="ignore", divide="ignore"):
            factor = np.clip(1 / self.deviation**2, 1 / LARGEST_SQUARE, LARGEST_SQUARE)
        factor[np.isinf(self.deviation)] = 1.0
        if self.fit_intercept:
            factor = np.append(factor, 0.0)
        return {"coef": np.tile(factor, (n_answers, 1))}

    def standardized_rows(
        self, X: Any, workers: Callable[..., Any] = map
    ) -> tuple[Energy, Any] | None:
        """Return rows in float32 and the energy with the same parameters on them.

        Dense rows are standardised, so that float32 loses no digits by cancellation. A sparse
        matrix shares its indices. None if the numbers do not fit into float32.
        """
        if sparse.issparse(X):
            largest = float(np.abs(X.data).max(initial=0.0))
            usual = self.deviation[np.isfinite(self.deviation)]
            spread = usual.max(initial=1.0) / usual.min(initial=1.0)
            if largest > 1e15 or spread > 1e15:
                return None
            if X.dtype == np.float32:
                return self, X
            data = X.data.astype(np.float32)
            return self, type(X)((data, X.indices, X.indptr), shape=X.shape, copy=False)
        rows = np.empty((X.shape[0], X.shape[1] + self.fit_intercept), dtype=np.float32)

        def fill(part: slice) -> None:
            rows[part] = self.templates.features(X[part], np.float32)

        for _ in workers(fill, row_slices(X.shape[0], 1, 4 * X.shape[1])):
            pass
        width = rows.shape[1]
        return Standardized(np.zeros(width), np.ones(width), False), rows


class StandardizedTemplates(Templates):
    """Fast computations for `Standardized`, with the same parameters."""

    def __init__(self, mean: Array, deviation: Array, fit_intercept: bool) -> None:
        self.mean = mean
        self.deviation = deviation
        self.fit_intercept = fit_intercept

    def features(self, X: Any, dtype: Any = None) -> Any:
        """Compute φ(x), dense, or CSR for CSR."""
        xp = namespace_of(X)
        if not self.fit_intercept and not self.mean.any() and (self.deviation == 1).all():
            return cast_like(xp, X, X, dtype)
        if sparse.issparse(X):
            rows = X.multiply(1 / self.deviation).tocsr()
            if self.fit_intercept:
                rows = sparse.hstack([rows, np.ones((X.shape[0], 1))], format="csr")
            return rows.astype(dtype or X.dtype, copy=False)
        if xp is not numpy_namespace:
            wide = cast_like(xp, X, X, xp.float64)
            wide = (wide - cast_like(xp, self.mean, wide)) * cast_like(xp, 1 / self.deviation, wide)
            constant = [xp.ones_like(wide[:, :1])] * int(self.fit_intercept)
            return cast_like(xp, xp.concat([wide, *constant], axis=1), X, dtype)
        rows = np.empty((X.shape[0], X.shape[1] + self.fit_intercept), dtype=dtype or X.dtype)
        rows[:, : X.shape[1]] = scaled_rows(X, self.mean, 1 / self.deviation)
        if self.fit_intercept:
            rows[:, -1] = 1
        return rows

    def normal_matrix(
        self, X: Any, curvature: Curvature, weight: npt.NDArray[np.float64]
    ) -> Array | None:
        """Σᵢ wᵢ Bᵢ ⊗ φφᵀ; see `template_normal_matrix`."""

        def rows_of(part: Any) -> Array:
            rows = self.features(X[part])
            rows = rows.toarray() if sparse.issparse(rows) else rows
            return rows.astype(curvature.diagonal.dtype, copy=False)

        return template_normal_matrix(rows_of, X.shape[1] + self.fit_intercept, curvature, weight)

    def gram(self, X: Any, weight: npt.NDArray[np.float64]) -> Array:
        """Σᵢ wᵢ φφᵀ, (p, p)."""
        total = np.zeros((X.shape[1] + self.fit_intercept,) * 2)
        for part in blocks_of(X):
            rows = self.features(take_rows(X, part))
            root = np.sqrt(weight[part])[:, None].astype(rows.dtype)
            rows = rows.multiply(root).tocsr() if sparse.issparse(rows) else rows * root
            product = rows.T @ rows
            total += product.toarray() if sparse.issparse(product) else product
        return total

    def curvature_diagonal(self, X: Any, curvature: Array) -> Params:
        """Σᵢ hᵢ φⱼ² for weighted second derivatives h (n, k)."""
        if not sparse.issparse(X):
            rows = self.features(X)
            product = curvature.astype(rows.dtype, copy=False).T @ np.square(rows)
            return {"coef": product.astype(np.float64, copy=False)}
        squares = type(X)((np.square(X.data), X.indices, X.indptr), shape=X.shape, copy=False)
        product = (
            np.asarray(squares.T @ curvature.astype(X.dtype, copy=False)).T / self.deviation**2
        )
        if self.fit_intercept:
            product = np.hstack([product, curvature.sum(axis=0)[:, None]])
        return {"coef": product.astype(np.float64, copy=False)}
