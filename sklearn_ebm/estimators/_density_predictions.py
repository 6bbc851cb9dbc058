"""Prediction methods of regressors: densities, modes, quantiles, regions, draws."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from operator import methodcaller
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_ebm._utils.arrays import row_slices
from sklearn_ebm._utils.parameters import Array, Params
from sklearn_ebm._utils.registry import unknown_name
from sklearn_ebm._utils.threads import Workers
from sklearn_ebm.distributions._numerics.signed_log import SignedLog
from sklearn_ebm.distributions.base import ConditionalDistribution, Modes, coverage, join_rows
from sklearn_ebm.distributions.scalar import ScalarDistribution
from sklearn_ebm.distributions.transformed import TransformedDistribution
from sklearn_ebm.distributions.vector import VectorDistribution
from sklearn_ebm.energies.conditional import ConditionalEnergy
from sklearn_ebm.energies.free_form import FreeFormEnergy
from sklearn_ebm.energies.quadratic import QuadraticEnergy
from sklearn_ebm.energies.responsibilities import (
    Responsibilities,
    posterior_shares,
    prior_shares,
)
from sklearn_ebm.estimators._conformal import Conformal
from sklearn_ebm.inference import INFERENCES
from sklearn_ebm.inference.base import Elimination
from sklearn_ebm.samplers.base import Surface

# Number of rows whose distributions are in memory at the same time, and the number of rows of each
# thread if the energy supports threads.
ROWS_AT_A_TIME, ROWS_OF_A_THREAD = 16_384, 2_048

# Number of answers of each row for latent probabilities without a closed form.
N_DRAWS = 500

PREDICTIONS = ("mode", "mean", "median")


class DensityPredictions:
    """Prediction methods of a fitted regressor (mixin).

    Every method computes a function of the energies of each sample.
    """

    energy_: ConditionalEnergy
    params_: Params
    beta_: float
    y_transform_: SignedLog | None = None
    n_outputs_: int
    y_grid_: Array
    inference: str
    prediction: str
    _conformal: Conformal | None
    _flat: bool

    def _rows(self, X: Any) -> Array:
        check_is_fitted(self)
        rows: Array = validate_data(
            self,
            X,
            dtype=[np.float64, np.float32],
            reset=False,
        )
        return rows

    def _elimination(self) -> Elimination:
        takes = INFERENCES.accepts(self.inference, "beta")
        return INFERENCES.resolve(self.inference, **({"beta": self.beta_} if takes else {}))

    def _distribution(self, rows: Array) -> ConditionalDistribution:
        if self.inference not in INFERENCES:  # set after `fit`
            raise ValueError(unknown_name("inference", self.inference, INFERENCES.names))
        minimum = not INFERENCES.accepts(self.inference, "beta")
        distribution = self.energy_.distribution(self.params_, rows, self.beta_, minimum=minimum)
        if self.y_transform_ is None:
            return distribution
        assert isinstance(distribution, ScalarDistribution)
        return TransformedDistribution(distribution, self.y_transform_)

    def _in_units(self, answers: Array) -> Array:
        """Transformed and standardised answers, (..., q), as the energy uses them."""
        inner = answers if self.y_transform_ is None else self.y_transform_(answers)
        return self.energy_._standardize_answers(inner)

    def _by_blocks(self, method: Callable[..., Array], rows: Array, *arrays: Array) -> Array:
        """Apply a method of distributions to blocks of samples and join the results."""

        def block(part: slice) -> Array:
            return method(self._distribution(rows[part]), *(array[part] for array in arrays))

        if self.energy_.traits.threads and len(rows) > ROWS_OF_A_THREAD:
            with Workers() as workers:
                parts = list(workers.map(block, _blocks(len(rows), ROWS_OF_A_THREAD)))
        else:
            parts = [block(part) for part in _blocks(len(rows), ROWS_AT_A_TIME)]
        return _joined(parts)

    def _candidates(self, y: Any, n_rows: int, name: str = "y") -> tuple[Array, bool]:
        """Answers as (n, m, q), and whether each sample has a single one."""
        answers, q = np.asarray(y, dtype=np.float64), self.n_outputs_
        single = answers.ndim == (1 if q == 1 and self._flat else 2)
        if q == 1 and self._flat and answers.ndim in (1, 2):
            answers = answers.reshape(*answers.shape, 1)
        if single:
            answers = answers[:, None]
        if answers.ndim != 3 or answers.shape[0] != n_rows or answers.shape[2] != q:
            one = f"({n_rows},)" if self._flat else f"({n_rows}, {q})"
            many = f"({n_rows}, m)" if self._flat else f"({n_rows}, m, {q})"
            raise ValueError(
                f"{name}.shape == {np.shape(y)}, expected {one} for one answer of each row, or "
                f"{many} for m of each."
            )
        _require_finite(name, answers)
        return answers, single

    def latent_energies(self, X: Any, y: Any) -> Array:
        """Compute the energy G(x, y, z) for every value of the latent variable z.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The input samples.
        y : array-like of shape (n_samples,) or (n_samples, m)
            One answer for each sample, or m answers for each. With several outputs the shape is
            (n_samples, n_outputs) or (n_samples, m, n_outputs).

        Returns
        -------
        energies : ndarray of shape (n_samples, n_latents) or (n_samples, m, n_latents)
            Energies; a low energy means a good fit. They are in nats at β = 1, for targets that are
            first transformed by ``y_transform_`` (if it is not None) and then divided by their
            standard deviation in `fit`.
        """
        rows = self._rows(X)
        answers, single = self._candidates(y, len(rows))
        parts = list(self._latent_energies(rows, answers))
        # Blocks may differ in the number of components; missing ones get the largest energy.
        depth = max(part.shape[2] for part in parts)
        latent = np.concatenate([_deepened(part, depth) for part in parts])
        return latent[:, 0] if single else latent

    def energies(self, X: Any, y: Any) -> Array:
        """Compute the energy F(x, y), with the latent variable eliminated.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The input samples.
        y : array-like of shape (n_samples,) or (n_samples, m)
            One answer for each sample, or m answers for each. With several outputs the shape is
            (n_samples, n_outputs) or (n_samples, m, n_outputs).

        Returns
        -------
        energies : ndarray of shape (n_samples,) or (n_samples, m)
            Energies; a low energy means a good fit.
        """
        rows = self._rows(X)
        answers, single = self._candidates(y, len(rows))
        eliminate = self._elimination()
        parts = [eliminate(latent).energies for latent in self._latent_energies(rows, answers)]
        free = np.concatenate(parts)
        return free[:, 0] if single else free

    def _latent_energies(self, rows: Array, answers: Array) -> Iterator[Array]:
        """G of answers (n, m, q), by blocks; the largest float for answers too far away."""
        width = self.energy_._width(self.n_outputs_)
        for part in row_slices(len(rows), width * max(answers.shape[1], 1)):
            units = self._in_units(answers[part])
            with np.errstate(over="ignore"):
                latent = self.energy_._latent_energies(self.params_, rows[part], units)
            yield np.minimum(latent, np.finfo(latent.dtype).max)

    def latent_responsibilities(self, X: Any, y: Any = None) -> Responsibilities:
        """Compute prior or posterior probabilities of the values of the latent variable.

        Without y, the result is π_z(x), the probability of z at x; with y, it is the responsibility
        r_z(x, y), the probability of z at x and y. Both are derivatives: r_z = ∂F/∂G_z, and π_z is
        the mean of r_z over p(y | x).

        .. code-block:: none

            r_z(x, y) = exp(−βG(x, y, z)) / Σ_z' exp(−βG(x, y, z'))    inference="marginal"
                      = 1 for the z of lowest energy, else 0           inference="min"
            π_z(x)    = ∫ r_z(x, y) p(y | x) dy

        Latent variables that only determine the shape of one density, such as scales and the
        indices of stored samples, are summed over.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The input samples.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            One answer for each sample. With ``inference="min"`` and without y, the integral is a
            mean over 500 quantiles, or over 500 seeded draws if the target has several columns.

        Returns
        -------
        responsibilities : Responsibilities
            ``labels`` of the latent values, and ``shares`` of shape (n_samples, n_labels).

        Raises
        ------
        ValueError
            If the energy has no latent variable.
        """
        rows = self._rows(X)
        if not isinstance(self.energy_, QuadraticEnergy):
            raise ValueError(
                f"Energy {type(self.energy_).__name__} has no latent variable, so there are no "
                "responsibilities; use energies(X, y), or an energy such as 'experts'."
            )
        minimum = not INFERENCES.accepts(self.inference, "beta")
        answers = None if y is None else self._one_answer(y, len(rows))
        if answers is None and minimum:
            answers = self._by_blocks(_spread_answers, rows)
        if not isinstance(self.energy_, QuadraticEnergy):
            raise ValueError(
                f"Energy {type(self.energy_).__name__} has no latent variable, so there are no "
                "responsibilities; use energies(X, y)."
            )
        labels: tuple[tuple[str, int], ...] = ()
        shares = []
        width = self.energy_._width(self.n_outputs_)
        depth = 1 if answers is None else answers.shape[1]
        for part in row_slices(len(rows), width * depth):
            labels, groups = zip(
                *self.energy_._latent_groups(self.params_, rows[part]), strict=True
            )
            if answers is None:
                shares.append(prior_shares(groups, self.beta_))
                continue
            units = self._in_units(answers[part])
            each = posterior_shares(groups, units, self.beta_, minimum=minimum)
            shares.append(each.mean(axis=1))
        return Responsibilities(labels, np.concatenate(shares))

    def _one_answer(self, y: Any, n_rows: int) -> Array:
        answers, single = self._candidates(y, n_rows)
        if not single:
            raise ValueError(
                f"y.shape == {np.shape(y)}, but latent_responsibilities takes one answer of each "
                "row; repeat the rows of X for several."
            )
        return answers

    def predict_distribution(self, X: Any) -> ConditionalDistribution:
        """Predict the distribution p(y | x) = exp(−βF(x, y))/Z(x) of each sample.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The input samples.

        Returns
        -------
        distribution : ConditionalDistribution
            Distributions with the methods pdf, log_prob, cdf, ppf, mean, var, std, mode, modes,
            median, interval, region, sample, crps and entropy; see `sklearn_ebm.distributions`.
        """
        return self._distribution(self._rows(X))

    def surface(self, X: Any) -> Surface:
        """Return the energies βF(x, y) of samples as functions of y, for an energy of any form.

        `sklearn_ebm.samplers.sample` and `sklearn_ebm.inference.log_partition` take it.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The input samples.

        Returns
        -------
        surface : Surface
            Energies and their derivatives in y. Answers are in the unit of y; they are transformed
            by ``y_transform_`` if it is not None.

        Raises
        ------
        ValueError
            If the energy has a density in closed form, so that no sampler is needed.
        """
        rows = self._rows(X)
        if not isinstance(self.energy_, FreeFormEnergy):
            raise ValueError(
                f"The density of energy {type(self.energy_).__name__} has a closed form, so it "
                "needs no sampler; use sample(X) or predict_distribution(X)."
            )
        return self.energy_._surface(self.params_, rows, self.beta_)

    def log_prob(self, X: Any, y: Any) -> Array:
        """Compute the log-density log p(y | x) in nats, in the unit of y.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The input samples.
        y : array-like of shape (n_samples,) or (n_samples, m)
            One answer for each sample, or m answers for each. With several outputs the shape is
            (n_samples, n_outputs) or (n_samples, m, n_outputs).

        Returns
        -------
        log_density : ndarray of shape (n_samples,) or (n_samples, m)
            Log-density of each answer.
        """
        rows = self._rows(X)
        answers, single = self._candidates(y, len(rows))
        answers = answers[..., 0] if self.n_outputs_ == 1 else answers
        answers = answers[:, 0] if single else answers
        return self._by_blocks(lambda distribution, y: distribution.log_prob(y), rows, answers)

    def predict(self, X: Any) -> Array:
        """Predict the mode, mean or median of the density, as set by `prediction`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The input samples.

        Returns
        -------
        y_pred : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Predicted values.
        """
        if self.prediction not in PREDICTIONS:  # set after `fit`
            raise ValueError(unknown_name("prediction", self.prediction, PREDICTIONS))
        answer = self._by_blocks(methodcaller(self.prediction), self._rows(X))
        return answer if self._flat or self.n_outputs_ > 1 else answer[:, None]

    def predict_modes(self, X: Any, min_probability: float = 0.05) -> Modes:
        """Predict the modes of the density and their probabilities.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The input samples.
        min_probability : float, default=0.05
            Modes of lower probability, and small ripples of the density, are merged with a
            neighbouring mode, see `sklearn_ebm.distributions.GaussianMixture.modes`.

        Returns
        -------
        modes : Modes
            ``answers`` of shape (n_samples, n_modes) or (n_samples, n_modes, n_outputs), by
            decreasing probability and padded with NaN, and ``probabilities`` of shape
            (n_samples, n_modes), padded with 0.
        """
        return self._distribution(self._rows(X)).modes(min_probability)

    def predict_candidate_proba(self, X: Any, y_candidates: Any = None) -> Array:
        """Predict Gibbs probabilities of candidate answers, exp(−βF(x, y))/Σ exp(−βF(x, y')).

        It is not called ``predict_proba``, because scikit-learn and tools for it take an estimator
        with a method of that name for a classifier.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The input samples.
        y_candidates : array-like of shape (m,) or (n_samples, m), default=None
            Candidate answers, for all samples or for each sample. With several outputs the shape is
            (m, n_outputs) or (n_samples, m, n_outputs). The default is `y_grid_`.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, m)
            Probability of each candidate; each row sums to 1.
        """
        rows = self._rows(X)
        if y_candidates is None:
            if self.n_outputs_ > 1:
                raise ValueError(
                    f"predict_candidate_proba needs y_candidates for {self.n_outputs_} answers: "
                    f"pass an array of shape (m, {self.n_outputs_})."
                )
            y_candidates = self.y_grid_
        answers = np.asarray(y_candidates, dtype=np.float64)
        if answers.ndim == (1 if self.n_outputs_ == 1 else 2):
            answers = np.broadcast_to(answers, (len(rows), *answers.shape))
        if self.n_outputs_ == 1 and answers.ndim == 2:
            answers = answers[..., None]
        if answers.ndim != 3 or len(answers) != len(rows) or answers.shape[2] != self.n_outputs_:
            shapes = "(m,) or (n, m)" if self.n_outputs_ == 1 else "(m, q) or (n, m, q)"
            raise ValueError(f"y_candidates.shape == {np.shape(y_candidates)}, expected {shapes}.")
        if answers.shape[1] == 0:
            raise ValueError(
                "y_candidates is empty; predict_candidate_proba needs one candidate or more."
            )
        _require_finite("y_candidates", answers)
        answers = answers[..., 0] if self.n_outputs_ == 1 else answers
        density = self._by_blocks(lambda distribution, y: distribution.log_prob(y), rows, answers)
        # If the density of all candidates of a row underflows, they get equal probabilities.
        density = np.maximum(density, -np.finfo(float).max)
        odds = np.exp(density - density.max(axis=1, keepdims=True))
        return odds / odds.sum(axis=1, keepdims=True)

    def predict_quantiles(self, X: Any, probabilities: npt.ArrayLike) -> Array:
        """Predict quantiles of the target, which never cross.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The input samples.
        probabilities : float or array-like of shape (m,)
            Probabilities of the quantiles, between 0 and 1.

        Returns
        -------
        quantiles : ndarray of shape (n_samples, m) or (n_samples, n_outputs, m)
            Quantiles. If `probabilities` is a number, the last axis is omitted, as in
            `numpy.quantile`.
        """
        return self._by_blocks(methodcaller("quantiles", probabilities), self._rows(X))

    def predict_interval(self, X: Any, level: float = 0.9) -> Array:
        """Predict central intervals of a given probability.

        With ``calibration="conformal"`` the coverage on new samples equals the level on average,
        even if the density is wrong; otherwise it depends on the density.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The input samples.
        level : float, default=0.9
            Probability of the intervals, above 0 and at most 1; 1 gives (−∞, ∞).

        Returns
        -------
        intervals : ndarray of shape (n_samples, 2) or (n_samples, n_outputs, 2)
            Lower and upper limits. They are infinite, with a warning, if there are too few
            calibration samples for the level.
        """
        rows = self._rows(X)
        if self._conformal is None:
            return self._by_blocks(methodcaller("interval", level), rows)
        levels = self._conformal.levels_of_intervals(coverage("level", level))
        self._conformal.warn_if_infinite(level, levels.max())
        tails = np.column_stack([(1 - levels) / 2, (1 + levels) / 2])
        quantiles = self._by_blocks(methodcaller("quantiles", tails.ravel()), rows)
        if self.n_outputs_ == 1:
            return quantiles
        each = np.arange(self.n_outputs_)
        return quantiles.reshape(len(quantiles), self.n_outputs_, -1, 2)[:, each, each]

    def predict_region(self, X: Any, level: float = 0.9) -> Any:
        """Predict the smallest set of a given probability, {y : F(x, y) ≤ τ(x)}.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The input samples.
        level : float, default=0.9
            Probability of the regions, above 0 and at most 1; 1 gives all values of y.

        Returns
        -------
        regions : ndarray of shape (n_samples, n_intervals, 2) or VectorRegion
            Disjoint intervals, padded with NaN; a region object with a method ``contains`` if the
            target has several columns.
            The region contains all values, with a warning, if there are too few calibration
            samples for the level.
        """
        distribution = self._distribution(self._rows(X))
        if self._conformal is None:
            return distribution.region(level)
        calibrated = self._conformal.level_of_regions(coverage("level", level))
        self._conformal.warn_if_infinite(level, calibrated)
        return distribution.region(max(calibrated, np.finfo(float).tiny))

    def sample(self, X: Any, n_samples: int = 1, random_state: Any = None) -> Array:
        """Draw answers from the density of each sample.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The input samples.
        n_samples : int, default=1
            Number of draws for each input sample.
        random_state : int, RandomState instance or None, default=None
            Determines the random numbers. Pass an int for reproducible draws.

        Returns
        -------
        draws : ndarray of shape (n_inputs, n_samples) or (n_inputs, n_samples, n_outputs)
            Drawn answers, for each of the n_inputs rows of X.
        """
        rng, rows = check_random_state(random_state), self._rows(X)
        # Blocks are processed in order, because they use the same generator.
        parts = [
            self._distribution(rows[part]).sample(n_samples, rng)
            for part in _blocks(len(rows), ROWS_AT_A_TIME)
        ]
        return _joined(parts)


def _blocks(n_rows: int, size: int) -> list[slice]:
    """Slices of at most `size` rows; at least one slice."""
    return [slice(start, start + size) for start in range(0, max(n_rows, 1), size)]


def _joined(parts: list[Array]) -> Array:
    """Concatenate the results for blocks of samples."""
    return parts[0] if len(parts) == 1 else join_rows(parts)


def _spread_answers(distribution: ConditionalDistribution) -> Array:
    """Answers (n, N_DRAWS, q) that represent each density, independent of the other samples."""
    if isinstance(distribution, VectorDistribution):
        return distribution.seeded_sample(N_DRAWS, 0)
    return distribution.quantiles((np.arange(N_DRAWS) + 0.5) / N_DRAWS)[..., None]


def _deepened(latent: Array, depth: int) -> Array:
    """Energies (n, m, z), padded to `depth` latent values by the largest float."""
    absent = np.finfo(latent.dtype).max
    behind = ((0, 0), (0, 0), (0, depth - latent.shape[2]))
    return np.pad(latent, behind, constant_values=absent)


def _require_finite(name: str, answers: Array) -> None:
    if not np.isfinite(answers).all():
        raise ValueError(f"{name} contains NaN or infinity; answers must be finite.")
