"""Mixtures of Student distributions, the proposals of importance sampling."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from scipy.special import gammaln

from sklearn_ebm._utils.parameters import Array

#: Degrees of freedom: tails that are heavier than those of a Gaussian, with a finite variance.
DEGREES = 7.0


class StudentMixture:
    r"""Mixtures of multivariate Student distributions with 7 degrees of freedom.

    p(y) = Σ_k w_k t₇(y; μ_k, L_k L_kᵀ).

    Parameters
    ----------
    weights : ndarray of shape (n_samples, K)
        Mixing weights, summing to 1 for each sample.
    means : ndarray of shape (n_samples, K, n_outputs)
        Locations μ_k, in the units of y.
    factors : ndarray of shape (n_samples, K, n_outputs, n_outputs)
        Lower triangular factors L_k, in the units of y.

    Attributes
    ----------
    inverses : ndarray of shape (n_samples, K, n_outputs, n_outputs)
        Inverses of the factors.

    References
    ----------
    Cappé, Douc, Guillin, Marin, Robert, "Adaptive importance sampling in general mixture classes",
    Statistics and Computing 18 (2008) 447-459. :doi:`10.1007/s11222-008-9059-x`

    Examples
    --------
    The density of one output at the location is Γ(4)/(Γ(3.5) √(7π)) = 0.385:

    >>> import numpy as np
    >>> one = StudentMixture(np.ones((1, 1)), np.zeros((1, 1, 1)), np.ones((1, 1, 1, 1)))
    >>> np.exp(one._log_prob(np.zeros((1, 1, 1)))).round(3)
    array([[0.385]])
    """

    def __init__(self, weights: Array, means: Array, factors: Array) -> None:
        self.weights = weights
        self.means = means
        self.factors = factors
        identity = np.broadcast_to(np.eye(means.shape[2]), factors.shape)
        self.inverses = np.linalg.solve(factors, identity)
        q = means.shape[2]
        height = gammaln((DEGREES + q) / 2) - gammaln(DEGREES / 2) - q / 2 * np.log(DEGREES * np.pi)
        with np.errstate(divide="ignore"):  # a weight of 0 has the height exp(−inf)
            self._heights = np.log(weights) + height
        self._heights -= np.log(np.abs(np.diagonal(factors, axis1=2, axis2=3))).sum(axis=2)

    @property
    def n_rows(self) -> int:
        """Number of samples."""
        return len(self.weights)

    @property
    def n_outputs(self) -> int:
        """Number of outputs q."""
        return self.means.shape[2]

    def __getitem__(self, rows: Any) -> Self:
        """Select samples by a slice, or by an array of indices or of bool."""
        return type(self)(self.weights[rows], self.means[rows], self.factors[rows])

    def _standardized(self, y: Array, k: int) -> Array:
        """L_k⁻¹(y − μ_k), of shape (n_samples, m, n_outputs)."""
        return (y - self.means[:, k, None]) @ self.inverses[:, k].transpose(0, 2, 1)

    def _log_components(self, y: Array) -> tuple[Array, Array]:
        """log w_k t(y; μ_k, L_k L_kᵀ) and ‖L_k⁻¹(y − μ_k)‖², both (K, n_samples, m)."""
        n_components = self.weights.shape[1]
        squares = np.empty((n_components, *y.shape[:2]))
        for k in range(n_components):
            away = self._standardized(y, k)
            np.einsum("nmq,nmq->nm", away, away, out=squares[k])
        power = -(DEGREES + self.n_outputs) / 2
        return self._heights.T[:, :, None] + power * np.log1p(squares / DEGREES), squares

    def _log_prob(self, y: Array) -> Array:
        """Log-density (n_samples, m) of answers (n_samples, m, n_outputs)."""
        logs, _ = self._log_components(y)
        highest = logs.max(axis=0)
        return np.log(np.exp(logs - highest).sum(axis=0)) + highest

    def _draw(self, n_samples: int, rng: np.random.RandomState, *, shared: bool) -> Array:
        """Draws (n, n_samples, q), with the same random numbers in every row if `shared`."""
        n, q = self.n_rows, self.n_outputs
        n_draws = 1 if shared else n
        uniform = rng.uniform(size=(n_draws, n_samples, 1))
        noise = rng.standard_normal(size=(n_draws, n_samples, q))
        noise *= np.sqrt(DEGREES / rng.chisquare(DEGREES, size=(n_draws, n_samples, 1)))
        ends = np.cumsum(self.weights, axis=1)[:, None]
        component = (uniform * ends[..., -1:] >= ends).sum(axis=2)
        result = np.empty((n, n_samples, q))
        for k in range(self.weights.shape[1]):
            chosen = component == k
            if chosen.any():
                turned = self.means[:, k, None] + noise @ self.factors[:, k].transpose(0, 2, 1)
                result[chosen] = turned[chosen]
        return result

    def energies_and_slopes(self, y: Array) -> tuple[Array, Array]:
        """Compute −log p(y) (n_samples, m), and its derivatives in y (n_samples, m, n_outputs)."""
        logs, squares = self._log_components(y)
        highest = logs.max(axis=0)
        shares = np.exp(logs - highest)
        total = shares.sum(axis=0)
        shares *= (DEGREES + self.n_outputs) / ((DEGREES + squares) * total)
        slopes = np.zeros(y.shape)
        for k in range(self.weights.shape[1]):
            slopes += (self._standardized(y, k) * shares[k][..., None]) @ self.inverses[:, k]
        return -(np.log(total) + highest), slopes

    def responsibilities(self, y: Array) -> tuple[Array, Array]:
        """P(component k | y), and factors (7 + q)/(7 + ‖·‖²) of EM, both (K, n_samples, m)."""
        logs, squares = self._log_components(y)
        shares = np.exp(logs - logs.max(axis=0))
        shares /= shares.sum(axis=0)
        return shares, (DEGREES + self.n_outputs) / (DEGREES + squares)

    def widened(self, factor: float) -> Self:
        """Return the mixture with scales multiplied by a factor."""
        return type(self)(self.weights, self.means, self.factors * factor)
