"""One bump where the answer is expected, as wide as rows like it were off."""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import ExtraTreesRegressor

from sklearn_ebm._params import Array
from sklearn_ebm.energies.banks import BankEnergy, Folds, Located, UnitRows
from sklearn_ebm.energies.laws import Parabolas

# Widths of the bank, as multiples of a scale at which residuals have a square of 1 on average.
FACTORS = (0.15, 0.3, 0.5, 0.8, 1.2, 2.0, 4.0)

# How strongly the width follows the scale that was learnt.
POWERS = (0.8, 1.3)

# What is added to |r| before its logarithm is learnt, as a part of the deviation of r.
SMALLEST_RESIDUAL = 0.05

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
        """log s of rows (n, e), (n,)."""
        result: Array = self.coef[0] + (columns - self.centre) @ self.coef[1:]
        return result

    @classmethod
    def fitted(cls, columns: Array, residual: Array, weight: npt.NDArray[np.float64]) -> LogLinear:
        """Return the likeliest for Laplace residuals: min Σ w (η + |r| exp(−η)), η = log s.

        That is convex; slopes have a normal prior around equal shares that sum to 1.
        """
        size = np.abs(residual) + np.finfo(np.float64).tiny
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


class LocationScale(BankEnergy):
    r"""p_{g,c}(y | x) = N(y; f(x), (c s(x)^g)²): a bump at the location, a bank of its widths.

    s(x) is learnt from the residuals of rows that were left out: by random trees, and by a
    combination of what they and the location say of the uncertainty. Regressors of the location
    that know their own deviation add bumps at their own means.

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

    examples = ({}, {"n_estimators": 20})
    settled = (*BankEnergy.settled, "scales_")

    def __init__(self, base: Any = "auto", n_estimators: int = 100) -> None:
        self.base = base
        self.n_estimators = n_estimators

    def width(self, n_features: int, n_answers: int) -> int:
        """Return how many numbers of each row inference needs."""
        return 60 * (1 + n_answers)

    def learnt(
        self,
        rows: UnitRows,
        folds: Folds,
        location: Located | None,
        floor: Array,
        rng: np.random.RandomState,
    ) -> tuple[LocationScale, list[Parabolas]]:
        """Return a copy that knows the rows, and out-of-fold elements of ``folds.judged``."""
        assert location is not None
        judged, residual = folds.judged, rows.y - location.mean
        inputs = np.hstack([rows.X, location.features])
        least = SMALLEST_RESIDUAL * np.sqrt(np.average(residual**2, axis=0, weights=rows.weight))
        target = np.log(np.abs(residual) + np.maximum(least, floor) + np.finfo(float).tiny)
        said = np.empty((len(judged), rows.y.shape[1]))
        learnt = copy.copy(self)
        learnt.floor, learnt.forests_ = floor, []
        for judges, places, others in folds.judging():
            others = others[rows.weight[others] > 0]
            forest = self._forest(rng).fit(
                inputs[others], target[others].squeeze(), rows.weight[others]
            )
            said[places] = forest.predict(inputs[judges]).reshape(len(judges), -1)
            learnt.forests_.append(forest)
        columns = _columns(said, location.take(judged))
        learnt.centre_ = np.average(said, axis=0, weights=rows.weight[judged])
        learnt.combined_ = _fitted(columns, residual[judged], rows.weight[judged])
        combined = np.empty_like(said)
        of_judge = folds.of_row[judged]
        for held in _parts(of_judge):
            others = np.setdiff1d(np.arange(len(judged)), held)
            apart = _fitted(columns[others], residual[judged[others]], rows.weight[judged[others]])
            combined[held] = _combined(apart, columns[held])
        learnt.sizes_ = [
            np.sqrt(
                np.average(
                    (residual[judged] * np.exp(-power * (said - learnt.centre_))) ** 2,
                    axis=0,
                    weights=rows.weight[judged],
                )
            )
            for power in POWERS
        ]
        return learnt, learnt._bank(said, combined, location.take(judged))

    def elements(self, X: Array, location: Located | None) -> list[Parabolas]:
        """Return one Gaussian of each row for each element of the bank."""
        assert location is not None
        inputs = np.hstack([X, location.features])
        said = np.mean(
            [forest.predict(inputs).reshape(len(X), -1) for forest in self.forests_], axis=0
        )
        combined = _combined(self.combined_, _columns(said, location))
        return self._bank(said, combined, location)

    def _bank(self, said: Array, combined: Array, location: Located) -> list[Parabolas]:
        families = [
            (location.mean, size * np.exp(power * (said - self.centre_)))
            for power, size in zip(POWERS, self.sizes_, strict=True)
        ]
        families.append((location.mean, np.exp(combined)))
        if location.centres is not None:
            families += list(
                zip(np.moveaxis(location.centres, 1, 0), np.moveaxis(location.deviations, 1, 0))
            )
        self.families = len(families)
        return [
            Parabolas.of_mixture(
                np.ones((len(said), 1)),
                centre[:, None],
                np.maximum(factor * scale, self.floor)[:, None],
            )
            for centre, scale in families
            for factor in FACTORS
        ]

    def _forest(self, rng: np.random.RandomState) -> ExtraTreesRegressor:
        return ExtraTreesRegressor(
            self.n_estimators,
            min_samples_leaf=5,
            max_features=0.5,
            random_state=rng.randint(np.iinfo(np.int32).max),
        )


def _columns(said, location):
    """(n, e, q)"""
    columns = [said[:, None]]
    if location.deviations is not None:
        columns.append(np.log(location.deviations + 1e-6))
    return np.concatenate(columns, axis=1)


def _fitted(columns, residual, weight):
    return [
        LogLinear.fitted(columns[:, :, k], residual[:, k], weight) for k in range(residual.shape[1])
    ]


def _combined(fits, columns):
    return np.column_stack([fit(columns[:, :, k]) for k, fit in enumerate(fits)])


def _parts(of_judge):
    folds = np.unique(of_judge)
    if len(folds) > 1:
        return [np.flatnonzero(of_judge == fold) for fold in folds]
    return [np.arange(len(of_judge))[k::5] for k in range(5)]
