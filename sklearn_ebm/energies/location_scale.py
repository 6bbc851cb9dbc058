"""One bump where the answer is expected, as wide as rows like it were off."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import ExtraTreesRegressor

from sklearn_ebm._params import Array
from sklearn_ebm._threads import Workers
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
        residual = rows.y - location.mean
        inputs = np.hstack([rows.X, location.features])
        least = SMALLEST_RESIDUAL * np.sqrt(np.average(residual**2, axis=0, weights=rows.weight))
        target = np.log(np.abs(residual) + np.maximum(least, floor) + np.finfo(float).tiny)
        said = np.empty((len(folds.judged), rows.y.shape[1]))
        forests = []
        for judges, places, others in folds.judging():
            forest = self._forest(rng).fit(inputs[others], target[others], rows.weight[others])
            said[places] = forest.predict(inputs[judges]).reshape(len(judges), -1)
            forests.append(forest)
        learnt = copy.copy(self)
        learnt.floor = floor
        judged = rows.take(folds.judged)
        learnt.scales_ = forests
        return learnt, learnt._judging(said, location.take(folds.judged), judged, folds)
