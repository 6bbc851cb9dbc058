"""From energies to answers: argmin, Gibbs probabilities, free energies, block by block."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from sklearn_ebm._utils.arrays import blocks_of, none_but, take_rows
from sklearn_ebm._utils.parameters import Array, Params
from sklearn_ebm._utils.threads import Workers
from sklearn_ebm._utils.validation import checked_rows
from sklearn_ebm.energies import ENERGIES, Energy
from sklearn_ebm.energies.base import dense
from sklearn_ebm.inference import SoftMinimum

# Products of this many numbers and more are shared out among threads.
WORTH_THREADS = 2_000_000


def _has_coef(estimator: Any) -> bool:
    """Whether the energy shows a ``coef_``, now or once it is learned."""
    energy = getattr(estimator, "energy_", None) or ENERGIES.resolve(estimator.energy)
    return energy.traits.coefficients


class Answers:
    """What a classifier says once its energies are learned: a mixin.

    Every method is inference: a function of the energies of each sample. The estimator that holds
    them, itself or its best one, is what `_model` returns.
    """

    classes_: Any
    beta_: float
    energy_: Energy
    params_: Params
    _asked_energy: str
    # The classes that rows of positive weight had, (k,); None where all had some. The energy of the
    # others is infinite: they are never predicted.
    _seen: npt.NDArray[np.bool_] | None = None

    def _model(self) -> Answers:
        """The estimator whose energies answer."""
        check_is_fitted(self)
        return self

    @property
    def _params(self) -> Params:
        """`params_`, with what users wrote into the attributes that show them."""
        return self.energy_._written(self.params_, vars(self), len(self.classes_))

    @property
    def _learnt(self) -> Params:
        """Parameters to go on from, with what users wrote; refused where some cannot be learned."""
        params = self._params
        fixed = params.keys() - self.params_.keys()
        if fixed:
            raise ValueError(
                f"{fixed.pop()}_ was written, but energy {self._asked_energy} has none that is "
                "learned, so learning cannot go on from it; set it to zero, or start anew."
            )
        return params

    @property
    def _width(self) -> int:
        return len(self._model().classes_)

    def energies(self, X: Any) -> Array:
        """F(x, y) for every class; low is good, and infinite for a class that had no samples.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Columns in the order of `classes_`.
        """
        return self._model()._of_energies(X, lambda energies: energies, self._width)

    def free_energy(self, X: Any) -> Array:
        """−(1/β) log Σ_y exp(−β F(x, y)), in the units of the energies.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        elimination = SoftMinimum(self._model().beta_)
        return self._model()._of_energies(X, lambda energies: elimination(energies).energies, None)

    def score_samples(self, X: Any) -> Array:
        """Return minus the free energy: high where some class fits x.

        Its level means something across samples for losses that pin the level of the energies, with
        any energy (``"simple"``, ``"square_square"``, ``"square_exp"``), and for ``"energy"``, with
        energies that are never negative. The others see differences or ratios only: with a
        linear energy the score then says nothing of a sample. With ``"prototypes"`` it still falls
        with the distance from all of them, but no loss says which score is low.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        return -self.free_energy(X)

    def decision_function(self, X: Any) -> Array:
        """−F(x, y) for three classes or more; F(x, classes_[0]) − F(x, classes_[1]) for two.

        Where an energy is infinite, because the class had no samples, the decision is clipped to
        the largest float: the lowest value there is for such a class.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes), or (n,) for two classes
        """
        model, of_two = self._model(), self._width == 2

        def decisions(energies: Array) -> Array:
            found = energies[:, 0] - energies[:, 1] if of_two else np.negative(energies)
            if model._seen is None:
                return found
            # Tools that rank or calibrate decisions refuse infinite ones.
            largest = np.finfo(found.dtype).max
            return np.clip(found, -largest, largest)

        return model._of_energies(X, decisions, None if of_two else self._width, differences=of_two)

    def predict(self, X: Any) -> Array:
        """The class of lowest energy.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        model = self._model()
        # Not among all energies: where those of the others overflow, one without rows would tie.
        seen = slice(None) if model._seen is None else model._seen
        best = model._of_energies(
            X, lambda energies: energies[:, seen].argmin(axis=1), None, np.intp, differences=True
        )
        return model.classes_[seen][best]

    def predict_proba(self, X: Any) -> Array:
        """Gibbs probabilities p(y | x) ∝ exp(−β F(x, y)) at β = `beta_`.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Columns in the order of `classes_`; samples sum to 1.
        """
        elimination = SoftMinimum(self._model().beta_)
        return self._model()._of_energies(X, elimination.weights, self._width, differences=True)

    def predict_log_proba(self, X: Any) -> Array:
        """Logarithm of the Gibbs probabilities, finite where they underflow.

        Of a class that had no samples it is −∞.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        beta = self._model().beta_
        elimination = SoftMinimum(beta)

        def log_probability(energies: Array) -> Array:
            return -beta * (energies - elimination(energies).energies[:, None])

        return self._model()._of_energies(X, log_probability, self._width)

    @available_if(_has_coef)  # type: ignore[untyped-decorator]
    def sparsify(self) -> Self:
        """Turn ``coef_`` into a sparse matrix, which takes less space where most of it is zero.

        Answers stay as they are; a call of `predict` and the like temporarily makes it dense.

        Returns
        -------
        self
            The fitted estimator.
        """
        model = self._model()
        for where, name in ((vars(model), "coef_"), (model.params_, "coef")):
            where[name] = sparse.csr_matrix(where[name])
        return self

    @available_if(_has_coef)  # type: ignore[untyped-decorator]
    def densify(self) -> Self:
        """Turn ``coef_`` back into an array.

        Returns
        -------
        self
            The fitted estimator.
        """
        model = self._model()
        for where, name in ((vars(model), "coef_"), (model.params_, "coef")):
            where[name] = dense(where[name])
        return self

    def _of_energies(
        self,
        X: Any,
        function: Callable[[Array], Array],
        width: int | None,
        dtype: Any = None,
        *,
        differences: bool = False,
    ) -> Array:
        """A function of the energies of each sample, block by block.

        Nothing of the size of the energies exists but the answer itself. Where only differences
        matter and there are two classes, the energy of the first counts as zero.
        """
        # Numbers that are not finite show in energies linear in x: no pass over X looks for them.
        late = self.energy_.traits.linear and self.energy_._split_features() is None
        checked = self._validated(X, ensure_all_finite=not late)
        result, finite = self._of_valid(checked, function, width, dtype, differences)
        if finite:
            return result
        if late:
            checked = self._validated(X)
        if checked.dtype == np.float32:  # float32 could not hold the energies; float64 may
            checked = checked.astype(np.float64)
            wider, finite = self._of_valid(checked, function, width, dtype, differences)
            with np.errstate(over="ignore"):
                result = wider.astype(result.dtype)
        if not finite:
            self._refuse_lost(checked, result)
        return result

    def _refuse_lost(self, X: Any, result: Array) -> None:
        """Raise ValueError where energies of a sample are NaN, or none of them is finite.

        Energies linear in x are infinite where they should be: a class may win by that.
        """
        params = self._params
        for rows in blocks_of(X, self._width):
            with np.errstate(over="ignore", invalid="ignore"):
                energies = self.energy_.linearize(params, take_rows(X, rows)).energies
            found = result[rows].reshape(len(energies), -1)
            lost = np.isnan(energies).any(axis=1) | np.isnan(found).any(axis=1)
            if not self.energy_.traits.linear:
                lost = lost | ~np.isfinite(energies).any(axis=1)
            if np.any(lost):
                raise ValueError(
                    f"Row {rows.start + int(np.argmax(lost))} of X has energies that are not "
                    "finite, so it has no answer: its numbers are too large for what was learned; "
                    "scale the features (StandardScaler) before fit and before this call."
                )

    def _validated(self, X: Any, **checks: Any) -> Any:
        return checked_rows(self, X, reset=False, **checks)

    def _of_valid(
        self,
        X: Any,
        function: Callable[[Array], Array],
        width: int | None,
        dtype: Any = None,
        differences: bool = False,
    ) -> tuple[Array, bool]:
        params = self._params
        kind = np.result_type(X.dtype, *(value.dtype for value in params.values()))
        shape = (X.shape[0],) if width is None else (X.shape[0], width)
        result = np.empty(shape, dtype=dtype or kind)
        of_two = self._difference() if differences and self._width == 2 else None

        def fill(rows: slice) -> bool:
            block = take_rows(X, rows)
            with np.errstate(over="ignore", invalid="ignore"):
                if of_two is None:
                    energies = self.energy_.linearize(params, block).energies
                else:
                    energies = np.zeros((2, block.shape[0]), dtype=X.dtype).T
                    energies[:, 1] = of_two(params, block)
                finite = bool(np.isfinite(energies.sum()))
                result[rows] = function(none_but(self._seen, energies))
            return finite

        passing = max(self.energy_._width(self._width), self._width)
        blocks = list(blocks_of(X, passing))
        size = X.nnz if sparse.issparse(X) else X.size
        if size * passing < WORTH_THREADS or not self.energy_.traits.threads:
            return result, all([fill(rows) for rows in blocks])
        with Workers() as workers:
            return result, all(list(workers.map(fill, blocks)))

    def _difference(self) -> Callable[[Params, Any], Array] | None:
        """(params, X) -> F(x, 1) − F(x, 0) of two classes, if the energy has a short way to it."""
        transform, inner = self.energy_._split_features() or (None, self.energy_)
        difference = inner.templates.difference
        if difference is None or transform is None:
            return difference
        return lambda params, X: difference(params, transform(X))

    def _energies(self, X: Any) -> Array:
        return self._of_valid(X, lambda energies: energies, self._width)[0]
