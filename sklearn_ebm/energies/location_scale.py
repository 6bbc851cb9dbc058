"""The energy of a Gaussian around a location, with a scale learned from residuals."""

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

# Factors c of the bank; at c = 1 the mean square of standardised residuals is 1.
FACTORS = (0.15, 0.3, 0.5, 0.8, 1.2, 2.0, 4.0)

# Powers g of the learned scale.
POWERS = (0.8, 1.3)

# Number added to |r| before the logarithm, relative to the standard deviation of r.
SMALLEST_RESIDUAL = 0.05

# Smallest number of rows in a leaf of the trees for log |r|.
LEAF = 5

# Scales are clipped to this range, in standard deviations.
NARROWEST, WIDEST = 1e-6, 1e3

# Number of parts into which the validation rows are split if they are all in one fold.
PARTS = 5

# Precision of the normal prior of the slopes of log scales, in rows, and largest number of steps.
RIDGE = 3.0
STEPS = 30


class LogLinear(NamedTuple):
    """Linear combination of e estimates of log s(x), for one output.

    log s(x) = α + Σ_j β_j (log s_j(x) − c_j)

    Attributes
    ----------
    centre : ndarray of shape (e,)
        Means c of the estimates.
    coef : ndarray of shape (1 + e,)
        α, followed by β.
    """

    centre: Array
    coef: Array

    def __call__(self, columns: Array) -> Array:
        """Compute log s from the estimates, (n, e) -> (n,)."""
        result: Array = self.coef[0] + (columns - self.centre) @ self.coef[1:]
        return result

    @classmethod
    def fitted(cls, columns: Array, residual: Array, weight: npt.NDArray[np.float64]) -> LogLinear:
        """Maximise the likelihood of Laplace residuals, with a prior of the slopes.

        The convex objective is Σ w (η + abs(r) exp(−η)) with η = log s. The prior is normal, with
        the mean 1/e for each slope.
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
            # A Newton step of a convex function, halved until the function decreases.
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
    """Fitted models of the residuals r.

    Attributes
    ----------
    trees : LeafMeans
        Trees that predict log s = log abs(r).
    centre : ndarray of shape (n_outputs,)
        Mean of their predictions.
    sizes : ndarray of shape (n_powers, n_outputs)
        Standard deviation of r/exp(power (log s − centre)).
    combined : list of LogLinear
        Combinations of the estimates of log s, one for each output.
    """

    trees: LeafMeans
    centre: Array
    sizes: Array
    combined: list[LogLinear]


class LocationScale(BankEnergy):
    r"""Gaussian around a location, with a scale that is learned from residuals.

    p_{g,c}(y | x) = N(y; f(x), (c s(x)^g)²),

    where f(x) is the location, s(x) the scale, and the elements of the bank are the combinations of
    a power g and a factor c. The scale is learned from out-of-fold residuals: by randomised trees,
    and by a combination of their predictions with the standard deviations that regressors of the
    location predict. Regressors that predict standard deviations also add Gaussians around their
    own predictions. Each output has its own scale; the factors c are the same for all outputs.

    Parameters
    ----------
    base : "auto", regressor, or list of regressors, default="auto"
        The location f(x): a regressor, or a stack of several. "auto" selects regressors that suit
        the samples.
    n_estimators : int, default=100
        Number of trees of each fold for the scale.

    References
    ----------
    Carroll, R. J. and Ruppert, D. (1988). Transformation and Weighting in Regression. Chapman and
    Hall. https://doi.org/10.1201/9780203735268

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn_ebm import LatentEBMRegressor
    >>> from sklearn_ebm.energies import LocationScale
    >>> X = np.linspace(-1, 1, 40)[:, None]
    >>> energy = LocationScale(base=Ridge(alpha=0.01), n_estimators=10)
    >>> reg = LatentEBMRegressor(energy, random_state=0).fit(X, 2 * X[:, 0])
    >>> reg.predict([[0.5]]).round(1).tolist()
    [1.0]
    """

    examples = ({"base": Ridge(), "n_estimators": 20},)
    _selective = True
    _scales: Scales | None = None

    def __init__(self, base: Any = "auto", n_estimators: int = 100) -> None:
        self.base = base
        self.n_estimators = n_estimators

    def _validate(self) -> None:
        """Raise ValueError if a parameter is invalid; the message explains what to change."""
        if self.base is None:
            raise ValueError(
                "The energy 'location_scale' has base=None; it needs a location: pass 'auto', a "
                "scikit-learn regressor, or a list of them."
            )
        positive_integer("n_estimators", self.n_estimators, of="LocationScale")

    def _width(self, n_answers: int) -> int:
        """Return the number of values kept for each sample, which limits the size of blocks."""
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
        """Fit the scales, and compute out-of-fold densities; see ``BankEnergy``.

        Parameters
        ----------
        rows : Rows
            Samples: features ``X``, targets ``y`` and sample weights ``weight``.
        folds : Folds
            Folds of the samples, and indices of the validation samples.
        location : LocationPrediction or None
            Location of the samples.
        floor : ndarray of shape (n_outputs,)
            Smallest scale of each output, in standard deviations.
        rng : RandomState
            Source of random numbers.

        Returns
        -------
        learned : BankEnergy
            A copy, fitted to all samples.
        elements : list of Quadratics
            Out-of-fold densities of the samples ``folds.validation``, for each element of the bank.
        """
        assert location is not None
        trees, predicted = self._trees(rows, folds, location, floor, rng)
        validation, located = rows.take(folds.validation), location.take(folds.validation)
        residual, estimates = validation.y - located.mean, _estimates(predicted, located)
        centre = np.average(predicted, axis=0, weights=validation.weight)
        unit = [residual * np.exp(-power * (predicted - centre)) for power in POWERS]
        sizes = np.sqrt(np.average(np.square(unit), axis=1, weights=validation.weight))
        combined = np.empty_like(predicted)
        for held in _held_out(folds):
            others = np.setdiff1d(np.arange(len(predicted)), held)
            fits = _fitted(estimates[others], residual[others], validation.weight[others])
            combined[held] = _combined(fits, estimates[held])
        learned = copy.copy(self)
        learned._floor = floor
        fits = _fitted(estimates, residual, validation.weight)
        learned._scales = Scales(trees, centre, sizes, fits)
        return learned, learned._bank(predicted, combined, located)

    def elements(self, X: Array, location: LocationPrediction | None) -> list[Quadratics]:
        """Return a Gaussian for each element of the bank and each sample; see ``BankEnergy``.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            Samples with standardised features.
        location : LocationPrediction or None
            Location of the samples.

        Returns
        -------
        list of Quadratics
            Densities of the samples, for each element of the bank in use.
        """
        assert location is not None and self._scales is not None
        predicted = self._scales.trees.predict(np.hstack([X, location.features]))
        combined = _combined(self._scales.combined, _estimates(predicted, location))
        return self._bank(predicted, combined, location)

    def _trees(
        self,
        rows: Rows,
        folds: Folds,
        location: LocationPrediction,
        floor: Array,
        rng: np.random.RandomState,
    ) -> tuple[LeafMeans, Array]:
        """Fit trees for log abs(r); return them, and their out-of-fold predictions (m, q)."""
        residual, q = rows.y - location.mean, rows.y.shape[1]
        inputs = np.hstack([rows.X, location.features])
        validation_splits = folds.validation_splits()
        states = [rng.randint(np.iinfo(np.int32).max) for _ in validation_splits]

        def fitted(fold: int) -> tuple[ExtraTreesRegressor, Array]:
            validation, _, training = validation_splits[fold]
            training = training[rows.weight[training] > 0]
            forest = ExtraTreesRegressor(
                self.n_estimators,
                min_samples_leaf=LEAF,
                max_features=0.5,
                random_state=states[fold],
            )
            target = _log_sizes(residual[training], rows.weight[training], floor)
            forest.fit(inputs[training], target, rows.weight[training])
            return forest, forest.predict(inputs[validation]).reshape(len(validation), q)

        predicted = np.empty((len(folds.validation), q))
        with Workers() as workers:
            done = list(workers.map(fitted, range(len(validation_splits))))
        for (_, places, _), (_, of_fold) in zip(validation_splits, done, strict=True):
            predicted[places] = of_fold
        return LeafMeans.of(spread_over_folds([forest for forest, _ in done])), predicted

    def _bank(
        self, predicted: Array, combined: Array, location: LocationPrediction
    ) -> list[Quadratics]:
        """Gaussians for each combination of location, scale and factor."""
        assert self._scales is not None
        families = [
            (location.mean, size * np.exp(power * (predicted - self._scales.centre)))
            for power, size in zip(POWERS, self._scales.sizes, strict=True)
        ]
        families.append((location.mean, np.exp(combined)))
        if location.centres is not None and location.deviations is not None:
            families += [
                (location.centres[:, k], location.deviations[:, k])
                for k in range(location.centres.shape[1])
            ]
        whole = np.ones((len(predicted), 1))
        elements = [(*family, factor) for family in families for factor in FACTORS]
        return [
            Quadratics.of_mixture(whole, centre[:, None], self._within(factor * scale)[:, None])
            for element, (centre, scale, factor) in enumerate(elements)
            if self._keeps(element)
        ]

    def _within(self, scale: Array) -> Array:
        """Clip scales to the smallest scale and to the largest that is accurate in floats."""
        result: Array = np.clip(scale, np.maximum(self._smallest_scale, NARROWEST), WIDEST)
        return result


def _log_sizes(residual: Array, weight: npt.NDArray[np.float64], floor: Array) -> Array:
    """log abs(r) of each output, as targets of trees; a vector for a single output."""
    deviation = np.sqrt(np.average(residual**2, axis=0, weights=weight))
    least = np.maximum(SMALLEST_RESIDUAL * deviation, np.maximum(floor, NARROWEST))
    sizes: Array = np.log(np.abs(residual) + least)
    return sizes[:, 0] if sizes.shape[1] == 1 else sizes


def _estimates(predicted: Array, location: LocationPrediction) -> Array:
    """Log scales from trees and from regressors with a standard deviation, (n, e, q)."""
    estimates = [predicted[:, None]]
    if location.deviations is not None:
        estimates.append(np.log(np.maximum(location.deviations, NARROWEST)))
    return np.concatenate(estimates, axis=1)


def _fitted(estimates: Array, residual: Array, weight: npt.NDArray[np.float64]) -> list[LogLinear]:
    """Fit the combination of log scales for each output."""
    return [
        LogLinear.fitted(estimates[:, :, answer], residual[:, answer], weight)
        for answer in range(residual.shape[1])
    ]


def _combined(fits: Sequence[LogLinear], estimates: Array) -> Array:
    """log s of each output, (n, q)."""
    return np.column_stack([fit(estimates[:, :, answer]) for answer, fit in enumerate(fits)])


def _held_out(folds: Folds) -> list[Index]:
    """Positions of validation rows by fold, or in PARTS parts if they are all in one fold."""
    validation_fold = folds.of_row[folds.validation]
    present = np.unique(validation_fold)
    if len(present) > 1:
        return [np.flatnonzero(validation_fold == fold) for fold in present]
    return [part for part in np.array_split(np.arange(len(validation_fold)), PARTS) if len(part)]
