"""Gaussian process regression with out-of-fold predictions from a single fit."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import linalg, optimize
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils import check_consistent_length, check_random_state, column_or_1d
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_ebm._utils.arrays import row_slices
from sklearn_ebm._utils.html_repr import Documented
from sklearn_ebm._utils.parameters import Array, Index

# Smoothness ν of the Matérn terms: the first is for long distances, the others may be shorter.
SMOOTHNESS = (2.5, 2.5, 1.5)

# The standard deviation of a uniform column is its range/√12.
OF_UNIT_DEVIATION = np.sqrt(12.0)

# Means and standard deviations of the normal priors of log scales and of warping. The search starts
# at random around the means, AROUND being the scale in standard deviations, so that several
# processes find different optima, whose average is better. The terms have different means, as equal
# terms would remain equal.
AMPLITUDES = ((0.0, 2.0), (-1.0, 2.0), (-1.0, 2.0))
LENGTHS = (1.0, 0.3, 1.7)
LENGTH_DEVIATION = 1.5
AROUND = 0.3
WARPING = (0.0, 3.0)
SLOPE = (-1.0, 2.0)
NOISE = (-2.0, 3.0)

# Smallest absolute value of the warping parameter; it is practically linear.
SMALLEST_WARPING = 1e-4

# Number added to the diagonal for numerical stability, relative to the diagonal.
JITTER = 1e-10

# Bounds of the search around the means of the priors, in standard deviations.
WIDEST = 3.0

# Number of arrays of pairs of rows in memory at the same time.
ALIVE = 4

# Number of rows of a triangular system that are solved at the same time.
SOLVED_AT_A_TIME = 128

# Smallest weight of a row.
LEAST_WEIGHT = 1e-9


class InputWarping(NamedTuple):
    """Input warping: scales between logarithmic (t > 0), linear (t = 0) and mirrored (t < 0).

    .. code-block:: none

        φ(x) = √12 log(1 + (exp(t) − 1) u)/t,    u = (x − lowest)/(highest − lowest)

    Attributes
    ----------
    lowest, span : ndarray of shape (n_features,)
        Smallest value and range of each column; the range 1 for a constant column.
    """

    lowest: Array
    span: Array

    @classmethod
    def of(cls, X: Array) -> InputWarping:
        """Return the warping for the ranges of the columns."""
        span = np.ptp(X, axis=0)
        return cls(X.min(axis=0), np.where(span > 0, span, 1.0))

    def __call__(self, X: Array, warping: Array) -> Array:
        """Compute φ(x) with the parameter t of each column, linear outside the ranges, (n, d).

        Examples
        --------
        With t = log 4 the point at a third of the range is mapped to log 2/log 4 = ½ of it:

        >>> warping = InputWarping(np.zeros(1), np.ones(1))
        >>> warped = warping(np.array([[0.0], [1 / 3], [1.0]]), np.log([4.0]))
        >>> (warped / np.sqrt(12)).ravel().round(4)
        array([0. , 0.5, 1. ])
        """
        warping = _away_from_zero(warping)
        part, rise = (X - self.lowest) / self.span, np.expm1(warping)
        within = np.clip(part, 0, 1)
        slope = rise / (warping * (1 + rise * within))
        warped = np.log1p(rise * within) / warping + slope * (part - within)
        result: Array = OF_UNIT_DEVIATION * warped
        return result

    def slope(self, X: Array, warping: Array) -> Array:
        """dφ/dt of rows inside the ranges, (n, d)."""
        warping = _away_from_zero(warping)
        part, rise = (X - self.lowest) / self.span, np.expm1(warping)
        rising = (1 + rise) * part / (1 + rise * part) - np.log1p(rise * part) / warping
        result: Array = OF_UNIT_DEVIATION * rising / warping
        return result


def _away_from_zero(warping: Array) -> Array:
    """Replace a parameter t close to zero by one that is practically linear."""
    return np.where(np.abs(warping) < SMALLEST_WARPING, SMALLEST_WARPING, warping)


class Covariance(NamedTuple):
    """Covariance function of the process.

    k(x, x') = Σ_m a_m² M_m(‖(φ − φ')/l_m‖) + b² ⟨φ, φ'⟩ + 1 with Matérn's M_m

    Attributes
    ----------
    amplitude : ndarray of shape (n_terms,)
        Amplitudes a.
    length : ndarray of shape (n_terms, n_features)
        Lengths l.
    warping : ndarray of shape (n_features,)
        Parameter t of the warping φ.
    slope : float
        Amplitude b of the linear term.
    noise : float
        Standard deviation σ of answers of weight 1 around the process.
    """

    amplitude: Array
    length: Array
    warping: Array
    slope: float
    noise: float

    @classmethod
    def from_vector(cls, theta: Array) -> Covariance:
        """Return the covariance function for a vector of search parameters."""
        k = len(SMOOTHNESS)
        d = (len(theta) - k - 2) // (k + 1)
        amplitude, length, warping, others = np.split(theta, [k, k + k * d, k + k * d + d])
        slope, noise = np.exp(others)
        return cls(
            np.exp(amplitude), np.exp(length.reshape(k, d)), warping, float(slope), float(noise)
        )

    def between(self, left: Array, right: Array) -> Array:
        """k for each pair of warped rows, (n, m)."""
        result: Array = self.slope**2 * (left @ right.T) + 1
        for amplitude, length, smoothness in zip(
            self.amplitude, self.length, SMOOTHNESS, strict=True
        ):
            term = _similarities(left / length, right / length, smoothness)
            term *= amplitude**2
            result += term
        return result

    def variance(self, rows: Array) -> Array:
        """k(x, x) of warped rows, (n,)."""
        result: Array = (self.amplitude**2).sum() + self.slope**2 * (rows**2).sum(axis=1) + 1
        return result


def _distances(left: Array, right: Array) -> Array:
    """Euclidean distances of all pairs of rows, (n, m)."""
    # The squares are two further columns of one product, which saves passes over all pairs.
    ones = np.ones((max(len(left), len(right)), 1))
    of_left = np.hstack([-2 * left, (left**2).sum(axis=1)[:, None], ones[: len(left)]])
    of_right = np.hstack([right, ones[: len(right)], (right**2).sum(axis=1)[:, None]])
    squared: Array = of_left @ of_right.T
    np.maximum(squared, 0, out=squared)
    return np.sqrt(squared, out=squared)


def _similarities(left: Array, right: Array, smoothness: float) -> Array:
    """M of the distances of all pairs, (n, m), with few passes over the array."""
    unit = np.sqrt(2 * smoothness)
    scaled = _distances(unit * left, unit * right)
    decay = np.negative(scaled)
    np.exp(decay, out=decay)
    if smoothness == 1.5:
        scaled += 1
    else:
        rising = scaled / 3
        rising += 1
        scaled *= rising
        scaled += 1
    decay *= scaled
    return decay


def matern(distance: Array, smoothness: float) -> tuple[Array, Array]:
    """M(r) with ν = 3/2 or 5/2, and −dM/d(½r²).

    Examples
    --------
    (1 + √3) exp(−√3) and 3 exp(−√3):

    >>> value, fall = matern(np.array([1.0]), 1.5)
    >>> value.round(4), fall.round(4)
    (array([0.4834]), array([0.5308]))
    """
    scaled = np.sqrt(2 * smoothness) * distance
    decay = np.exp(-scaled)
    if smoothness == 1.5:
        return decay * (1 + scaled), 3 * decay
    return decay * (1 + scaled + scaled**2 / 3), decay * (1 + scaled) * (5 / 3)


def _solved_in_place(factor: Array, right: Array) -> Array:
    """Compute L⁻¹ R, (n, m), by blocks of rows, mostly with matrix products.

    Unlike a single call of SciPy's solver, products do not block other threads.
    """
    for start in range(0, len(right), SOLVED_AT_A_TIME):
        rows = slice(start, start + SOLVED_AT_A_TIME)
        right[rows] -= factor[rows, :start] @ right[:start]
        right[rows] = linalg.solve_triangular(
            factor[rows, rows], right[rows], lower=True, check_finite=False
        )
    return right


def _prior(d: int) -> tuple[Array, Array]:
    """Mean and standard deviation of the prior of each search parameter."""
    typical = 0.5 * np.log(d)
    lengths = [(typical + centre, LENGTH_DEVIATION) for centre in LENGTHS for _ in range(d)]
    parts = [*AMPLITUDES, *lengths, *[WARPING] * d, SLOPE, NOISE]
    centre, deviation = np.array(parts).T
    return centre, deviation


def negative_log_posterior(
    theta: Array, X: Array, y: Array, weight: npt.NDArray[np.float64], curve: InputWarping
) -> tuple[float, Array]:
    """Compute −log p(y, θ) up to a constant, and its gradient.

    Sums of squared differences of columns over pairs of rows are computed by matrix products,
    Σ_ij A_ij (φ_i − φ_j)² = 2 Σ_i φ_i² Σ_j A_ij − 2 φ'Aφ, so that no array is larger than (n, n).
    """
    of = Covariance.from_vector(theta)
    rows, warping_slope = curve(X, of.warping), curve.slope(X, of.warping)
    terms = [
        [of.amplitude[m] ** 2 * part for part in matern(_distances(scaled, scaled), smoothness)]
        for m, smoothness in enumerate(SMOOTHNESS)
        for scaled in [rows / of.length[m]]
    ]
    linear, noise = of.slope**2 * (rows @ rows.T), of.noise**2 / weight
    covariance = sum((value for value, _ in terms), linear + 1)
    covariance.flat[:: len(X) + 1] += noise + JITTER * np.diagonal(covariance)
    try:
        factor = linalg.cholesky(covariance, lower=True, check_finite=False)
    except linalg.LinAlgError:
        return np.inf, np.zeros_like(theta)
    inverse, _ = linalg.lapack.dpotri(factor, lower=True)
    inverse = np.tril(inverse) + np.tril(inverse, -1).T
    solved = inverse @ y
    offset, deviation = theta - _prior(X.shape[1])[0], _prior(X.shape[1])[1]
    misfit = 0.5 * y @ solved + np.log(np.diagonal(factor)).sum()
    value = misfit + 0.5 * np.square(offset / deviation).sum()
    # The gradient of the misfit is ½ Σ pull · dK.
    pull = inverse - np.outer(solved, solved)
    by_warping = of.slope**2 * (warping_slope * (pull @ rows)).sum(axis=0)
    by_length = np.empty_like(of.length)
    for m, (_, fall) in enumerate(terms):
        product = pull * fall
        total, across = product.sum(axis=1), product @ rows
        by_length[m] = (total @ rows**2 - (rows * across).sum(axis=0)) / of.length[m] ** 2
        of_warping = total @ (rows * warping_slope) - (warping_slope * across).sum(axis=0)
        by_warping -= of_warping / of.length[m] ** 2
    by_amplitude = [np.vdot(pull, term) for term, _ in terms]
    by_others = [np.vdot(pull, linear), np.diagonal(pull) @ noise]
    gradient = np.concatenate([by_amplitude, by_length.ravel(), by_warping, by_others])
    return float(value), gradient + offset / deviation**2


class GaussianProcess(RegressorMixin, Documented, BaseEstimator):
    r"""Gaussian process regression with warped inputs and sample weights w.

    .. code-block:: none

        y = f(x) + ε,  f a Gaussian process,  Var ε = σ²/w

        k(x, x') = Σ_m a_m² M_m(‖(φ(x) − φ(x'))/l_m‖) + b² ⟨φ(x), φ(x')⟩ + 1

    M are Matérn functions, two with ν = 5/2 and one with ν = 3/2, and l has a length for each
    feature. The scales a, l, b, σ and the warping φ of each feature, from linear to logarithmic,
    maximise the posterior for a subset of the rows; the process is then conditioned on all rows.
    Out-of-fold predictions of a block B of rows need no further fit:

    .. code-block:: none

        y_B − (K⁻¹_BB)⁻¹ (K⁻¹y)_B,    covariance (K⁻¹_BB)⁻¹

    Parameters
    ----------
    n_searched : int, default=700
        Number of rows for the search of the scales.
    max_iter : int, default=60
        Largest number of L-BFGS iterations.
    floor : float, default=1e-3
        Smallest σ, in units of y, which should have mean 0 and standard deviation 1.
    bent : bool, default=True
        Whether inputs are warped.
    random_state : int, RandomState instance or None, default=None
        Random numbers for the selection of rows and the start of the search.

    Attributes
    ----------
    covariance_ : Covariance
        Covariance function found by the search.
    n_iter_ : int
        Number of iterations.
    n_features_in_ : int
        Number of features.

    References
    ----------
    Rasmussen, C. E. and Williams, C. K. I. (2006). Gaussian Processes for Machine Learning. MIT
    Press. Section 5.4.2. https://doi.org/10.7551/mitpress/3206.001.0001

    Snoek, J., Swersky, K., Zemel, R. and Adams, R. (2014). Input warping for Bayesian optimization
    of non-stationary functions. ICML. https://doi.org/10.48550/arXiv.1402.0929
    """

    def __init__(
        self,
        n_searched: int = 700,
        max_iter: int = 60,
        floor: float = 1e-3,
        bent: bool = True,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_searched = n_searched
        self.max_iter = max_iter
        self.floor = floor
        self.bent = bent
        self.random_state = random_state

    def fit(self, X: Array, y: Array, sample_weight: Array | None = None) -> GaussianProcess:
        """Find the scales, and condition on all rows.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            The input samples.
        y : ndarray of shape (n_samples,)
            The target.
        sample_weight : ndarray of shape (n_samples,), optional
            Sample weights; all 1 by default.

        Returns
        -------
        self : GaussianProcess
            The fitted process.
        """
        X, y = validate_data(self, X, y, dtype=np.float64, y_numeric=True)
        weight = (
            np.ones(len(y))
            if sample_weight is None
            else column_or_1d(sample_weight, dtype=np.float64)
        )
        check_consistent_length(X, weight)
        if not weight.max() > LEAST_WEIGHT:
            raise ValueError("All values of sample_weight are zero; pass a weight above 0.")
        self.curve_ = InputWarping.of(X)
        self.covariance_ = self._searched(X, y, np.maximum(weight, LEAST_WEIGHT))
        return self.condition(X, y, np.maximum(weight, LEAST_WEIGHT))

    def _searched(self, X: Array, y: Array, weight: npt.NDArray[np.float64]) -> Covariance:
        """Maximise the posterior over the scales, on a subset of the rows."""
        rng = check_random_state(self.random_state)
        likely = rng.permutation(np.flatnonzero(weight > LEAST_WEIGHT))[: self.n_searched]
        centre, deviation = _prior(X.shape[1])
        bounds = np.column_stack([centre - WIDEST * deviation, centre + WIDEST * deviation])
        bounds[-1] = np.log(self.floor), 1.0
        if not self.bent:
            bounds[-2 - X.shape[1] : -2] = 0
        found = optimize.minimize(
            negative_log_posterior,
            np.clip(centre + AROUND * rng.normal(size=len(centre)), *bounds.T),
            args=(X[likely], y[likely], weight[likely], self.curve_),
            jac=True,
            method="L-BFGS-B",
            bounds=bounds,
            options={"maxiter": self.max_iter},
        )
        self.n_iter_ = max(found.nit, 1)
        return Covariance.from_vector(found.x)

    def condition(self, X: Array, y: Array, weight: npt.NDArray[np.float64]) -> GaussianProcess:
        """Condition on rows, with fixed scales."""
        of = self.covariance_
        self.rows_ = self.curve_(X, of.warping)
        covariance = of.between(self.rows_, self.rows_)
        self.noise_ = of.noise**2 / weight
        covariance.flat[:: len(X) + 1] += self.noise_ + JITTER * np.diagonal(covariance)
        self.factor_ = linalg.cholesky(covariance, lower=True, check_finite=False)
        self.solved_ = linalg.cho_solve((self.factor_, True), y, check_finite=False)
        self.answers_ = np.array(y)
        return self

    def out_of_fold(self, of_row: Index) -> tuple[Array, Array]:
        """Predict each row without the rows of its fold, with the scales of all rows.

        Parameters
        ----------
        of_row : ndarray of int of shape (n_samples,)
            The fold of each row.

        Returns
        -------
        mean, deviation : ndarray of shape (n_samples,)
            Means, and standard deviations of answers of weight 1.
        """
        inverse, _ = linalg.lapack.dpotri(self.factor_, lower=True)
        mean, variance = np.empty(len(of_row)), np.empty(len(of_row))
        for fold in np.unique(of_row):
            block = np.flatnonzero(of_row == fold)
            # Only the lower triangle is available; as blocks are sorted, it has theirs.
            factor = linalg.cho_factor(inverse[np.ix_(block, block)], lower=True)
            mean[block] = self.answers_[block] - linalg.cho_solve(factor, self.solved_[block])
            variance[block] = np.diagonal(linalg.cho_solve(factor, np.eye(len(block))))
        of_function = np.maximum(variance - self.noise_, 0)
        return mean, np.sqrt(of_function + self.covariance_.noise**2)

    def drop_training_answers(self) -> None:
        """Delete the arrays that only `out_of_fold` needs."""
        del self.answers_, self.noise_

    def predict(self, X: Array, return_std: bool = False) -> Array | tuple[Array, Array]:
        """Predict means and standard deviations.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            The input samples.
        return_std : bool, default=False
            Whether standard deviations are returned as well.

        Returns
        -------
        mean : ndarray of shape (n_samples,)
            Means.
        deviation : ndarray of shape (n_samples,)
            Standard deviations of answers of weight 1, if `return_std`.
        """
        check_is_fitted(self)
        of = self.covariance_
        rows = self.curve_(validate_data(self, X, dtype=np.float64, reset=False), of.warping)
        mean, deviation = np.empty(len(rows)), np.empty(len(rows))
        # Several arrays of the size of a block are in memory at the same time.
        for block in row_slices(len(rows), ALIVE * len(self.rows_)):
            between = of.between(self.rows_, rows[block])
            mean[block] = self.solved_ @ between
            if return_std:
                half = _solved_in_place(self.factor_, between)
                left = of.variance(rows[block]) - np.square(half).sum(axis=0)
                deviation[block] = np.sqrt(np.maximum(left, 0) + of.noise**2)
        return (mean, deviation) if return_std else mean
