"""One bump where the answer is expected, as wide as samples like it were off."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.linear_model import Ridge

from sklearn_ebm._utils.parameters import Array, Index
from sklearn_ebm._utils.rows import Rows
from sklearn_ebm._utils.threads import Workers
from sklearn_ebm._utils.validation import positive_integer
from sklearn_ebm.energies._bank.folds import Folds, LocationPrediction, spread_over_folds
from sklearn_ebm.energies._bank.trees import LeafMeans
from sklearn_ebm.energies._gaussian.quadratics import Quadratics
from sklearn_ebm.energies.banks import BankEnergy

# Widths of the bank, as multiples of a scale at which residuals have a square of 1 on average.
FACTORS = (0.15, 0.3, 0.5, 0.8, 1.2, 2.0, 4.0)

# How strongly the width follows the scale that was learned.
POWERS = (0.8, 1.3)

# What is added to |r| before its logarithm is learned, as a part of the standard deviation of r.
SMALLEST_RESIDUAL = 0.05

# Rows in a leaf of the trees of |r|, at least.
LEAF = 5

# Scales beyond these, in units, are taken for these.
NARROWEST, WIDEST = 1e-6, 1e3

# Into how many parts the validation rows of a single fold are split.
PARTS = 5

# The precision of the normal prior of the slopes of log scales, in rows.
RIDGE = 3.0
STEPS = 30


class LogLinear(NamedTuple):
    """log s(x) = α + β·(log-scales(x) − centre), for one answer.

    Attributes
    ----------
    centre : ndarray of shape (e,)
    coef : ndarray of shape (1 + e,)
        α and β.
    """

    centre: Array
    coef: Array

    def __call__(self, columns: Array) -> Array:
        """log s of samples (n, e), (n,)."""
        result: Array = self.coef[0] + (columns - self.centre) @ self.coef[1:]
        return result

    @classmethod
    def fitted(cls, columns: Array, residual: Array, weight: npt.NDArray[np.float64]) -> LogLinear:
        """Return the likeliest for Laplace residuals: min Σ w (η + |r| exp(−η)), η = log s.

        That is convex; slopes have a normal prior around equal shares that sum to 1.
        """
        size = np.maximum(np.abs(residual), NARROWEST)
        centre = np.average(columns, axis=0, weights=weight)
        design = np.column_stack([np.ones(len(columns)), columns - centre])
        e = columns.shape[1]
        prior = np.concatenate([[0.0], np.full(e, 1 / e)])
        precision = RIDGE * np.diag(np.concatenate([[0.0], np.ones(e)]))
        coef = prior.copy()
        coef[0] = np.log(np.average(size * np.exp(-design[:, 1:] @ prior[1:]), weights=weight))
        value = _laplace(coef, design, size, weight, prior, precision)
        for _ in range(STEPS):
            ratio = weight * size * np.exp(-design @ coef)
            slope = design.T @ (weight - ratio) + precision @ (coef - prior)
            step = np.linalg.solve((design.T * ratio) @ design + precision, slope)
            # A Newton step of a convex function; halved until it falls.
            for _ in range(STEPS):
                after = _laplace(coef - step, design, size, weight, prior, precision)
                if after <= value:
                    break
                step = step / 2
            else:
                break
            coef, value = coef - step, after
        return cls(centre, coef)


def _laplace(
    coef: Array,
    design: Array,
    size: Array,
    weight: npt.NDArray[np.float64],
    prior: Array,
    precision: Array,
) -> float:
    with np.errstate(over="ignore"):
        log_scale = design @ coef
        misfit = weight @ (log_scale + size * np.exp(-log_scale))
    return float(misfit + 0.5 * (coef - prior) @ precision @ (coef - prior))


class Scales(NamedTuple):
    """What was learned of residuals.

    Attributes
    ----------
    trees : LeafMeans
        log |r| of samples by those of the other folds.
    centre : ndarray of shape (n_outputs,)
        Mean of what they say.
    sizes : ndarray of shape (powers, n_outputs)
        Standard deviation of r/exp(power (log s − centre)).
    combined : list of LogLinear
        For each answer.
    """

    trees: LeafMeans
    centre: Array
    sizes: Array
    combined: list[LogLinear]


class LocationScale(BankEnergy):
    r"""p_{g,c}(y | x) = N(y; f(x), (c s(x)^g)²): a bump at the location, a bank of its widths.

    s(x) is learned from the residuals of samples that were left out: by random trees, and by a
    combination of what they and the regressors of the location say of the uncertainty. Regressors
    that know their own standard deviation add bumps at their own means. An answer of q numbers has
    q scales, and the bank is of factors that they share.

    Parameters
    ----------
    base : "auto", regressor, or list of regressors, default="auto"
        What says where the answers are expected.
    n_estimators : int, default=100
        Random trees of each fold.

    References
    ----------
    Carroll, R. J. and Ruppert, D. (1988). Transformation and Weighting in Regression. Chapman and
    Hall. https://doi.org/10.1201/9780203735268
    """

    examples = ({"base": Ridge(), "n_estimators": 20},)
    _selective = True
    _scales: Scales | None = None

    def __init__(self, base: Any = "auto", n_estimators: int = 100) -> None:
        self.base = base
        self.n_estimators = n_estimators

    def _validate(self) -> None:
        """Raise ValueError if a setting cannot be used; the message says what to do."""
        if self.base is None:
            raise ValueError(
                "The energy 'location_scale' has base=None; it needs a location: pass 'auto', a "
                "scikit-learn regressor, or a list of them."
            )
        positive_integer("n_estimators", self.n_estimators, of="LocationScale")

    def _width(self, n_answers: int) -> int:
        """Return how many numbers of each sample inference needs."""
        processes = 0 if self._scales is None else len(self._scales.combined[0].centre) - 1
        return len(FACTORS) * (len(POWERS) + 1 + processes) * (2 + n_answers) * n_answers

    def learned(
        self,
        rows: Rows,
        folds: Folds,
        location: LocationPrediction | None,
        floor: Array,
        rng: np.random.RandomState,
    ) -> tuple[LocationScale, list[Quadratics]]:
        """Return a fitted copy, and out-of-fold elements of ``folds.validation``."""
        assert location is not None
        trees, said = self._trees(rows, folds, location, floor, rng)
        validation, located = rows.take(folds.validation), location.take(folds.validation)
        residual, estimates = validation.y - located.mean, _estimates(said, located)
        centre = np.average(said, axis=0, weights=validation.weight)
        unit = [residual * np.exp(-power * (said - centre)) for power in POWERS]
        sizes = np.sqrt(np.average(np.square(unit), axis=1, weights=validation.weight))
        combined = np.empty_like(said)
        for held in _held_out(folds):
            others = np.setdiff1d(np.arange(len(said)), held)
            fits = _fitted(estimates[others], residual[others], validation.weight[others])
            combined[held] = _combined(fits, estimates[held])
        learned = copy.copy(self)
        learned._floor = floor
        fits = _fitted(estimates, residual, validation.weight)
        learned._scales = Scales(trees, centre, sizes, fits)
        return learned, learned._bank(said, combined, located)

    def elements(self, X: Array, location: LocationPrediction | None) -> list[Quadratics]:
        """Return one Gaussian of each sample for each element of the bank."""
        assert location is not None and self._scales is not None
        said = self._scales.trees.predict(np.hstack([X, location.features]))
        combined = _combined(self._scales.combined, _estimates(said, location))
        return self._bank(said, combined, location)

    def _trees(
        self,
        rows: Rows,
        folds: Folds,
        location: LocationPrediction,
        floor: Array,
        rng: np.random.RandomState,
    ) -> tuple[LeafMeans, Array]:
        """Trees of log |r| of each fold, and their predictions of its validation rows, (m, q)."""
        residual, q = rows.y - location.mean, rows.y.shape[1]
        inputs = np.hstack([rows.X, location.features])
        validation_splits = folds.validation_splits()
        states = [rng.randint(np.iinfo(np.int32).max) for _ in validation_splits]

        def fitted(fold: int) -> tuple[ExtraTreesRegressor, Array]:
            judges, _, others = validation_splits[fold]
            others = others[rows.weight[others] > 0]
            forest = ExtraTreesRegressor(
                self.n_estimators,
                min_samples_leaf=LEAF,
                max_features=0.5,
                random_state=states[fold],
            )
            target = _log_sizes(residual[others], rows.weight[others], floor)
            forest.fit(inputs[others], target, rows.weight[others])
            return forest, forest.predict(inputs[judges]).reshape(len(judges), q)

        said = np.empty((len(folds.validation), q))
        with Workers() as workers:
            done = list(workers.map(fitted, range(len(validation_splits))))
        for (_, places, _), (_, of_fold) in zip(validation_splits, done, strict=True):
            said[places] = of_fold
        return LeafMeans.of(spread_over_folds([forest for forest, _ in done])), said

    def _bank(self, said: Array, combined: Array, location: LocationPrediction) -> list[Quadratics]:
        """Gaussians of each family and factor; the floor is theirs as well."""
        assert self._scales is not None
        families = [
            (location.mean, size * np.exp(power * (said - self._scales.centre)))
            for power, size in zip(POWERS, self._scales.sizes, strict=True)
        ]
        families.append((location.mean, np.exp(combined)))
        if location.centres is not None and location.deviations is not None:
            families += [
                (location.centres[:, k], location.deviations[:, k])
                for k in range(location.centres.shape[1])
            ]
        whole = np.ones((len(said), 1))
        every = [(*family, factor) for family in families for factor in FACTORS]
        return [
            Quadratics.of_mixture(whole, centre[:, None], self._within(factor * scale)[:, None])
            for element, (centre, scale, factor) in enumerate(every)
            if self._keeps(element)
        ]

    def _within(self, scale: Array) -> Array:
        """Scales no narrower than the floor, and so wide that they can still be told."""
        result: Array = np.clip(scale, np.maximum(self._smallest_scale, NARROWEST), WIDEST)
        return result


def _log_sizes(residual: Array, weight: npt.NDArray[np.float64], floor: Array) -> Array:
    """log |r| of each answer, for trees; as a vector where there is one answer."""
    deviation = np.sqrt(np.average(residual**2, axis=0, weights=weight))
    least = np.maximum(SMALLEST_RESIDUAL * deviation, np.maximum(floor, NARROWEST))
    sizes: Array = np.log(np.abs(residual) + least)
    return sizes[:, 0] if sizes.shape[1] == 1 else sizes


def _estimates(said: Array, location: LocationPrediction) -> Array:
    """Log scales of every regressor that provides one, (n, e, q)."""
    estimates = [said[:, None]]
    if location.deviations is not None:
        estimates.append(np.log(np.maximum(location.deviations, NARROWEST)))
    return np.concatenate(estimates, axis=1)


def _fitted(estimates: Array, residual: Array, weight: npt.NDArray[np.float64]) -> list[LogLinear]:
    """The combination of each answer."""
    return [
        LogLinear.fitted(estimates[:, :, answer], residual[:, answer], weight)
        for answer in range(residual.shape[1])
    ]


def _combined(fits: Sequence[LogLinear], estimates: Array) -> Array:
    """log s of each answer, (n, q)."""
    return np.column_stack([fit(estimates[:, :, answer]) for answer, fit in enumerate(fits)])


def _held_out(folds: Folds) -> list[Index]:
    """Places of validation rows left out together: of a fold, or a fifth of the only one."""
    of_judge = folds.of_row[folds.validation]
    present = np.unique(of_judge)
    if len(present) > 1:
        return [np.flatnonzero(of_judge == fold) for fold in present]
    return [part for part in np.array_split(np.arange(len(of_judge)), PARTS) if len(part)]
