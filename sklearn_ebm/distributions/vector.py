"""Distributions of targets with several columns, with estimates from seeded draws."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.utils import check_random_state

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm._utils.validation import positive_integer
from sklearn_ebm.distributions.base import ConditionalDistribution, coverage

#: Number of draws of each row for Monte Carlo estimates.
N_SAMPLES = 1000


class Estimate(NamedTuple):
    """Monte Carlo estimate for each sample.

    Attributes
    ----------
    value : ndarray of shape (n_samples,)
        The estimate.
    standard_error : ndarray of shape (n_samples,)
        Its standard error, in the same unit.
    """

    value: Array
    standard_error: Array


class VectorRegion(NamedTuple):
    """Highest-density region {y: log p(y | x) ≥ log τ} of each sample.

    Attributes
    ----------
    log_threshold : ndarray of shape (n_samples,)
        log τ, in nats.
    density : VectorDistribution
        The densities.
    """

    log_threshold: Array
    density: VectorDistribution

    def contains(self, y: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Determine whether answers lie in the region.

        Parameters
        ----------
        y : array-like of shape (n_samples, n_outputs) or (n_samples, m, n_outputs)
            One answer for each sample, or m answers for each sample.

        Returns
        -------
        ndarray of bool of shape (n_samples,) or (n_samples, m)
        """
        height = self.density.log_prob(y)
        threshold = self.log_threshold if height.ndim == 1 else self.log_threshold[:, None]
        return height >= threshold


class VectorDistribution(ConditionalDistribution):
    """Base class of conditional distributions of targets with several columns.

    Quantities without a closed form are estimated from draws that are determined by `random_state`
    and use the same random numbers for every sample, so the estimate of a sample does not
    depend on other samples.
    """

    @property
    @abstractmethod
    def n_outputs(self) -> int:
        """Number of outputs q."""

    @abstractmethod
    def _log_prob(self, y: Array) -> Array:
        """log p at y (n, m, q), of shape (n_samples, m)."""

    @abstractmethod
    def _draw(self, n_samples: int, rng: np.random.RandomState, *, shared: bool) -> Array:
        """Draws (n, n_samples, q), with the same random numbers in every row if `shared`."""

    def _candidates(self, y: npt.ArrayLike) -> tuple[Array, tuple[int, ...]]:
        """Return answers as an array (n, m, q), and the shape of a result with one number each."""
        array = np.asarray(y, dtype=np.float64)
        n, q = self.n_rows, self.n_outputs
        if array.ndim not in (2, 3) or len(array) != n or array.shape[-1] != q:
            raise ValueError(
                f"y.shape == {array.shape}, expected ({n}, {q}) for one answer of each row, or "
                f"({n}, m, {q}) for m of each."
            )
        shape = array.shape[:-1]
        return array if array.ndim == 3 else array[:, None], shape

    def log_prob(self, y: npt.ArrayLike) -> Array:
        """Compute log p(y | x), in nats.

        Parameters
        ----------
        y : array-like of shape (n_samples, n_outputs) or (n_samples, m, n_outputs)
            One answer for each sample, or m answers for each sample.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, m)
        """
        answers, shape = self._candidates(y)
        return self._log_prob(answers).reshape(shape)

    @abstractmethod
    def marginal_cdf(self, y: npt.ArrayLike) -> Array:
        """Compute the marginal distribution functions P(Y_j ≤ y_j | x), inverse to `quantiles`."""

    def sample(self, n_samples: int = 1, random_state: Any = None) -> Array:
        """Draw answers.

        Parameters
        ----------
        n_samples : int, default=1
            Number of draws from each distribution.
        random_state : int, RandomState or None, default=None
            Determines the random numbers. Pass an int for reproducible draws.

        Returns
        -------
        ndarray of shape (n_distributions, n_samples, n_outputs)
        """
        positive_integer("n_samples", n_samples)
        return self._draw(n_samples, check_random_state(random_state), shared=False)

    def seeded_sample(self, n_samples: int, random_state: Any) -> Array:
        """Draw from all distributions with the same random numbers.

        Parameters
        ----------
        n_samples : int
            Number of draws from each distribution.
        random_state : int, RandomState or None
            Source of random numbers.

        Returns
        -------
        ndarray of shape (n_distributions, n_samples, n_outputs)
        """
        positive_integer("n_samples", n_samples)
        return self._draw(n_samples, check_random_state(random_state), shared=True)

    def interval(self, level: float) -> Array:
        """Estimate the central interval of each output, of shape (n_samples, n_outputs, 2)."""
        outside = (1 - coverage("level", level)) / 2
        return self.quantiles([outside, 1 - outside])

    def entropy(self, n_samples: int = N_SAMPLES, random_state: Any = 0) -> Array:
        """Estimate the entropy −E log p in nats from seeded draws.

        Parameters
        ----------
        n_samples : int, default=1000
            Number of draws for each sample. The standard error is the standard deviation of log p,
            √(q/2) for a Gaussian with q outputs, divided by √n_samples: 0.03 nats for two outputs.
        random_state : int, RandomState or None, default=0
            Seed of the draws.

        Returns
        -------
        ndarray of shape (n_samples,)
        """

        def block(part: VectorDistribution) -> Array:
            return -part._log_prob(part.seeded_sample(n_samples, random_state)).mean(axis=1)

        return self._in_blocks(block, n_samples * self.n_outputs)

    def energy_score(
        self, y: npt.ArrayLike, n_samples: int = N_SAMPLES, random_state: Any = 0
    ) -> Array:
        """Estimate the energy score E‖Y − y‖ − ½ E‖Y − Y'‖, the CRPS of vectors.

        Parameters
        ----------
        y : array-like of shape (n_samples, n_outputs) or (n_samples, m, n_outputs)
            One answer for each sample, or m answers for each sample.
        n_samples : int, default=1000
            Number of draws for each sample. The standard error is at most the standard deviation of
            Y, √(trace of the covariance), divided by √n_samples. Averaging over samples hardly
            reduces it, because all samples use the same random numbers.
        random_state : int, RandomState or None, default=0
            Seed of the draws.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, m)

        References
        ----------
        Gneiting, Raftery, "Strictly Proper Scoring Rules, Prediction, and Estimation", Journal of
        the American Statistical Association 102 (2007) 359-378.
        :doi:`10.1198/016214506000001437`
        """
        answers, shape = self._candidates(y)

        def block(part: VectorDistribution, some: Array) -> Array:
            samples = part.seeded_sample(n_samples, random_state)
            # Shifts pair each draw with several others; all n² pairs would be hardly more accurate.
            shifts = sorted({1 + (n_samples - 1) * j // 8 for j in range(8)} - {n_samples})
            distances = [
                np.linalg.norm(samples - np.roll(samples, shift, axis=1), axis=2).mean(axis=1)
                for shift in shifts
            ]
            spread = np.mean(distances, axis=0) if distances else np.zeros(part.n_rows)
            return np.stack(
                [
                    np.linalg.norm(samples - some[:, [column]], axis=2).mean(axis=1) - spread / 2
                    for column in range(some.shape[1])
                ],
                axis=1,
            )

        return self._in_blocks(block, n_samples * self.n_outputs, answers).reshape(shape)

    def region(
        self, level: float, n_samples: int = N_SAMPLES, random_state: Any = 0
    ) -> VectorRegion:
        """Estimate the smallest region of probability `level`, {y: p(y | x) ≥ τ}, from draws.

        Parameters
        ----------
        level : float
            Probability of the region, above 0 and at most 1; 1 gives all values of y.
        n_samples : int, default=1000
            Number of draws from each distribution. The standard error of the probability is
            √(level (1 − level)/n_samples).
        random_state : int, RandomState or None, default=0
            Seed of the draws.

        Returns
        -------
        VectorRegion
            Region with the attribute `log_threshold`, log τ, and the method `contains`. It contains
            y if ``density_rank(y, n_samples, random_state)`` is at most `level`.
        """
        if coverage("level", level) == 1:
            return VectorRegion(np.full(self.n_rows, -np.inf), self)
        # Number of draws above the threshold; level·n_samples is rarely an integer.
        inside = int(np.floor(level * n_samples + 1e-9))

        def block(part: VectorDistribution) -> Array:
            heights = part._log_prob(part.seeded_sample(n_samples, random_state))
            return np.sort(heights, axis=1)[:, max(n_samples - 1 - inside, 0)]

        return VectorRegion(self._in_blocks(block, n_samples * self.n_outputs), self)

    def density_rank(
        self, y: npt.ArrayLike, n_samples: int = N_SAMPLES, random_state: Any = 0
    ) -> Array:
        """Estimate P(p(Y | x) > p(y | x)): 0 at the mode, close to 1 if the density is low.

        Parameters
        ----------
        y : array-like of shape (n_samples, n_outputs) or (n_samples, m, n_outputs)
            One answer for each sample, or m answers for each sample.
        n_samples : int, default=1000
            Number of draws for each sample. The standard error of a rank r is √(r (1 −
            r)/n_samples).
        random_state : int, RandomState or None, default=0
            Seed of the draws.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, m)
        """
        answers, shape = self._candidates(y)

        def block(part: VectorDistribution, some: Array) -> Array:
            heights = np.sort(part._log_prob(part.seeded_sample(n_samples, random_state)), axis=1)
            own = part._log_prob(some)
            ranks = np.empty(own.shape)
            for column in range(own.shape[1]):
                ranks[:, column] = (heights > own[:, [column]]).mean(axis=1)
            ranks[np.isnan(own)] = np.nan
            return ranks

        return self._in_blocks(block, n_samples * self.n_outputs, answers).reshape(shape)


def probabilities_of(value: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return one probability or several, as an array of shape () or (m,); or raise ValueError."""
    wanted = np.asarray(value, dtype=np.float64)
    if wanted.ndim > 1 or not ((wanted >= 0) & (wanted <= 1)).all():
        raise ValueError(
            "probabilities must be one number or of shape (m,), and lie between 0 and 1."
        )
    return wanted
