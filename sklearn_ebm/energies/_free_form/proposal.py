r"""Proposals: normalised densities of y given x that are easy to draw from.

A Gaussian mixture of (x, y) is fitted to the training samples and conditioned on x. A wide Gaussian
is added, so that the proposal is nowhere much lower than the density of an energy:

.. code-block:: none

    q(y | x) = (1 − ε) Σ_k w_k(x) N(y; μ_k(x), L_k L_kᵀ) + ε N(y; 0, s² I)
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import cho_solve
from scipy.special import log_softmax
from sklearn.cross_decomposition import PLSRegression
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm._utils.rows import Rows

LOG_SQRT_2PI = 0.5 * np.log(2 * np.pi)

# Largest number of samples, and of directions of x, from which the mixture is fitted. There are at
# least ROWS_PER_COMPONENT samples for each component.
MOST_ROWS, MOST_DIRECTIONS, ROWS_PER_COMPONENT = 20_000, 8, 20

# Added to the variances of the mixture, in squared standard deviations.
LEAST_VARIANCE = 1e-5

# Probability ε of the wide component.
WIDE = 0.1


@dataclass(frozen=True)
class MixtureProposal:
    """Mixtures of Gaussians of y, one for each sample, whose factors are common to all samples.

    It has the methods of a ``samplers.base.Proposal``.

    Attributes
    ----------
    log_weights : ndarray of shape (n_samples, K)
        Logarithms of the mixing weights.
    means : ndarray of shape (n_samples, K, n_outputs)
        Means.
    factors : ndarray of shape (K, n_outputs, n_outputs)
        Lower triangular factors of the covariance matrices.
    """

    log_weights: Array
    means: Array
    factors: Array

    @property
    def n_rows(self) -> int:
        """Number of samples."""
        return len(self.log_weights)

    def __getitem__(self, rows: Any) -> MixtureProposal:
        """Select samples."""
        return MixtureProposal(self.log_weights[rows], self.means[rows], self.factors)

    def astype(self, dtype: Any) -> MixtureProposal:
        """Return a copy in this dtype."""
        parts = (self.log_weights, self.means, self.factors)
        return MixtureProposal(*(part.astype(dtype) for part in parts))

    def scaled(self, origin: Array, unit: Array) -> MixtureProposal:
        """Return the proposal of ``origin + unit * y``."""
        return MixtureProposal(
            self.log_weights, origin + unit * self.means, unit[:, None] * self.factors
        )

    def draw(self, n_draws: int, rng: np.random.Generator, *, stratified: bool = True) -> Array:
        """Draw answers (n, n_draws, q), with stratified components, which lowers the variance."""
        dtype: Any = self.means.dtype
        uniform = rng.random((self.n_rows, 1 if stratified else n_draws), dtype=dtype)
        normal = rng.standard_normal((self.n_rows, n_draws, self.means.shape[2]), dtype=dtype)
        if stratified:
            uniform = (np.arange(n_draws, dtype=dtype) + uniform) / n_draws
        return self._placed(uniform, normal)

    def _draw(self, n_samples: int, rng: np.random.RandomState, *, shared: bool) -> Array:
        """Independent draws (n, n_samples, q), with the same numbers in every row if `shared`."""
        rows = 1 if shared else self.n_rows
        uniform = rng.uniform(size=(rows, n_samples))
        normal = rng.standard_normal((rows, n_samples, self.means.shape[2]))
        shape = (self.n_rows, n_samples)
        return self._placed(
            np.broadcast_to(uniform, shape), np.broadcast_to(normal, (*shape, normal.shape[2]))
        )

    def _placed(self, uniform: Array, normal: Array) -> Array:
        """Turn uniform numbers (n, m) and normal numbers (n, m, q) into draws."""
        below = np.exp(self.log_weights[:, :-1], dtype=np.float64).cumsum(axis=1)
        # One search for all samples: row i is shifted by 2i, so that the rows do not overlap.
        shift = 2.0 * np.arange(len(below))[:, None]
        which = np.searchsorted((below + shift).ravel(), (uniform + shift).ravel())
        which = which.reshape(uniform.shape) - below.shape[1] * np.arange(len(below))[:, None]
        drawn = np.take_along_axis(self.means, which[:, :, None], axis=1)
        if normal.shape[2] == 1:
            return drawn + self.factors[which, :, 0] * normal
        return drawn + np.einsum("nmij,nmj->nmi", self.factors[which], normal)

    def _log_prob(self, y: Array) -> Array:
        """Log-density (n, m) of answers (n, m, q)."""
        q = self.means.shape[2]
        inverse = 1 / self.factors if q == 1 else np.linalg.inv(self.factors)
        scales = np.diagonal(self.factors, axis1=1, axis2=2)
        height = self.log_weights - np.log(scales).sum(axis=1) - q * LOG_SQRT_2PI
        if q == 1:
            logs = y - self.means[:, None, :, 0]
            logs *= inverse[:, 0, 0]
            np.square(logs, out=logs)
        else:
            # One product for each component, instead of an array (n, m, K, q).
            logs = np.empty((*y.shape[:2], len(inverse)), dtype=self.means.dtype)
            for number, factor in enumerate(inverse):
                unit = (y - self.means[:, None, number]) @ factor.T
                logs[:, :, number] = np.einsum("nmi,nmi->nm", unit, unit)
        logs *= -0.5
        logs += height[:, None].astype(logs.dtype, copy=False)
        highest = logs.max(axis=2)
        logs -= highest[:, :, None]
        np.exp(logs, out=logs)
        total: Array = np.log(logs.sum(axis=2))
        return total + highest


class JointMixture(NamedTuple):
    """A Gaussian mixture of standardised (x, y), as its parts for x and for y given x.

    Attributes
    ----------
    directions : ndarray of shape (n_features, p)
        Directions of x that the mixture depends on.
    log_weights : ndarray of shape (K,)
        Logarithms of the mixing weights.
    x_means, y_means : ndarray of shape (K, p) and (K, n_outputs)
        Means.
    x_factors : ndarray of shape (K, p, p)
        Lower triangular factors of the covariance matrices of x.
    slopes : ndarray of shape (K, n_outputs, p)
        Regression coefficients of y on x.
    factors : ndarray of shape (K, n_outputs, n_outputs)
        Lower triangular factors of the covariance matrices of y given x.
    wide : float
        Standard deviation s of the wide component.
    """

    directions: Array
    log_weights: Array
    x_means: Array
    y_means: Array
    x_factors: Array
    slopes: Array
    factors: Array
    wide: float

    def given(self, X: Array) -> MixtureProposal:
        """Return the densities of y given standardised samples (n, d)."""
        centred = (X @ self.directions)[:, None] - self.x_means
        unit = np.einsum("kij,nkj->nki", np.linalg.inv(self.x_factors), centred)
        scales = np.diagonal(self.x_factors, axis1=1, axis2=2)
        logs = self.log_weights - np.log(scales).sum(axis=1) - 0.5 * np.square(unit).sum(axis=2)
        logs = log_softmax(logs, axis=1) + np.log1p(-WIDE)
        means = self.y_means + np.einsum("kij,nkj->nki", self.slopes, centred)
        n, _, q = means.shape
        return MixtureProposal(
            np.hstack([logs, np.full((n, 1), np.log(WIDE))]),
            np.concatenate([means, np.zeros((n, 1, q))], axis=1),
            np.concatenate([self.factors, self.wide * np.eye(q)[None]]),
        )


def fitted_mixture(
    rows: Rows, n_components: int, wide: float, rng: np.random.RandomState
) -> JointMixture:
    """Fit a Gaussian mixture to standardised samples and answers.

    With many features it depends on a few directions of x only, by partial least squares.

    Parameters
    ----------
    rows : Rows
        Standardised samples and answers, with weights.
    n_components : int
        Number of components; fewer if there are few samples.
    wide : float
        Standard deviation of the wide component.
    rng : RandomState
        Source of random numbers.

    Returns
    -------
    JointMixture
        The mixture.
    """
    n, d = rows.X.shape
    unequal = np.ptp(rows.weight) > 0
    if n > MOST_ROWS or unequal:
        # Samples are drawn in proportion to their weights, because the fit has no weights.
        share = rows.weight / rows.weight.sum()
        chosen = rng.choice(n, size=min(n, MOST_ROWS), replace=bool(unequal), p=share)
        rows = rows.take(np.sort(chosen))
    directions = _directions(rows) if d > MOST_DIRECTIONS else np.eye(d)
    p = directions.shape[1]
    pairs = np.hstack([rows.X @ directions, rows.y])
    n_components = max(min(n_components, len(pairs) // ROWS_PER_COMPONENT), 1)
    mixture = GaussianMixture(
        n_components, reg_covar=LEAST_VARIANCE, random_state=rng.randint(2**31 - 1)
    )
    if len(pairs) == 1:
        pairs = np.repeat(pairs, 2, axis=0)
    with warnings.catch_warnings():
        # An approximate mixture, or one of fewer distinct samples, is a valid proposal.
        warnings.simplefilter("ignore", ConvergenceWarning)
        mixture.fit(pairs)
    covariance = mixture.covariances_
    of_x, across, of_y = covariance[:, :p, :p], covariance[:, p:, :p], covariance[:, p:, p:]
    x_factors = np.linalg.cholesky(of_x)
    slopes = np.stack(
        [
            cho_solve((factor, True), part.T).T
            for factor, part in zip(x_factors, across, strict=True)
        ]
    )
    rest = of_y - slopes @ across.transpose(0, 2, 1)
    rest = 0.5 * (rest + rest.transpose(0, 2, 1)) + LEAST_VARIANCE * np.eye(rows.y.shape[1])
    return JointMixture(
        directions, np.log(mixture.weights_), mixture.means_[:, :p], mixture.means_[:, p:],
        x_factors, slopes, np.linalg.cholesky(rest), wide,
    )  # fmt: skip


def _directions(rows: Rows) -> Array:
    """Directions of x by partial least squares, with projections of variance 1."""
    used = min(MOST_DIRECTIONS, len(rows.X) - 1, np.linalg.matrix_rank(rows.X))
    if used < 1 or not rows.y.std(axis=0).any():
        return np.zeros((rows.X.shape[1], 1))
    squares = PLSRegression(max(used, 1), scale=False).fit(rows.X, rows.y)
    directions: Array = squares.x_rotations_
    scale = (rows.X @ directions).std(axis=0)
    return directions / np.where(scale > 0, scale, 1.0)
