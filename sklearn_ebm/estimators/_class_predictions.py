"""Prediction methods of classifiers: argmin, Gibbs probabilities, free energies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from sklearn_ebm._utils.arrays import blocks_of_predictions, none_but, take_rows
from sklearn_ebm._utils.parameters import Array, Params
from sklearn_ebm._utils.threads import Workers
from sklearn_ebm._utils.validation import checked_rows
from sklearn_ebm.energies import ENERGIES, Energy
from sklearn_ebm.energies.base import dense
from sklearn_ebm.estimators._logistic_regression import logistic_regression_of
from sklearn_ebm.inference import SoftMinimum

# Predictions with at least this number of multiplications use several threads.
WORTH_THREADS = 2_000_000


def _has_coef(estimator: Any) -> bool:
    """Whether the fitted estimator has ``coef_``."""
    energy = getattr(estimator, "energy_", None) or ENERGIES.resolve(estimator.energy)
    return energy.traits.coefficients


class ClassPredictions:
    """Prediction methods of a fitted classifier (mixin).

    Every method computes a function of the energies of each sample. `_model` returns the estimator
    whose energies are used: the object itself, or its best estimator.
    """

    classes_: Any
    beta_: float
    energy_: Energy
    params_: Params
    _asked_energy: str
    # Mask of the classes with rows of positive weight, (k,); None if all classes have such rows.
    # The energy of the other classes is infinite, so they are never predicted.
    _seen: npt.NDArray[np.bool_] | None = None

    def _model(self) -> ClassPredictions:
        """Return the estimator whose energies are used."""
        check_is_fitted(self)
        return self

    @property
    def _params(self) -> Params:
        """`params_`, updated by fitted attributes that the user has changed."""
        return self.energy_._written(self.params_, vars(self), len(self.classes_))

    @property
    def _params_to_continue(self) -> Params:
        """Parameters from which learning continues; raise ValueError if some cannot be learned."""
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
        """Compute the energy F(x, y) of each class; a low energy means a good fit.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            The input samples.

        Returns
        -------
        energies : ndarray of shape (n_samples, n_classes)
            Energies, with columns in the order of `classes_`. The energy of a class without
            training samples is infinite.
        """
        return self._model()._of_energies(X, lambda energies: energies, self._width)

    def free_energy(self, X: Any) -> Array:
        """Compute the free energy −(1/β) log Σ_y exp(−β F(x, y)) at β = `beta_`.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            The input samples.

        Returns
        -------
        free_energy : ndarray of shape (n_samples,)
            Free energy of each sample, in units of the energy.
        """
        elimination = SoftMinimum(self._model().beta_)
        return self._model()._of_energies(X, lambda energies: elimination(energies).energies, None)

    def score_samples(self, X: Any) -> Array:
        """Compute minus the free energy, which is high if at least one class fits the sample.

        Scores of different samples are comparable for losses with target values for the energies
        themselves (``"simple"``, ``"square_square"``, ``"square_exp"``), and for the loss
        ``"energy"`` with energies that are never negative. The other losses depend on differences
        or ratios of energies only: with a linear energy the score is then not informative; with
        ``energy="prototypes"`` it decreases with the distance from all prototypes, but there is no
        natural threshold.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            The input samples.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            Minus the free energy of each sample.
        """
        return -self.free_energy(X)

    def decision_function(self, X: Any) -> Array:
        """Compute the decision function: −F(x, y), or an energy difference for two classes.

        For two classes it is F(x, classes_[0]) − F(x, classes_[1]). Infinite values, for classes
        without training samples, are clipped to the largest float.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            The input samples.

        Returns
        -------
        decision : ndarray of shape (n_samples, n_classes) or (n_samples,)
            Decision values, one-dimensional for two classes.
        """
        model, of_two = self._model(), self._width == 2

        def decisions(energies: Array) -> Array:
            found = energies[:, 0] - energies[:, 1] if of_two else np.negative(energies)
            if model._seen is None:
                return found
            # Functions that rank or calibrate decision values do not accept infinite values.
            largest = np.finfo(found.dtype).max
            return np.clip(found, -largest, largest)

        return model._of_energies(X, decisions, None if of_two else self._width, differences=of_two)

    def predict(self, X: Any) -> Array:
        """Predict the class of lowest energy.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            The input samples.

        Returns
        -------
        y_pred : ndarray of shape (n_samples,)
            Predicted class labels.
        """
        model = self._model()
        # Classes without rows are omitted: if all other energies overflow, they would tie.
        seen = slice(None) if model._seen is None else model._seen
        best = model._of_energies(
            X, lambda energies: energies[:, seen].argmin(axis=1), None, np.intp, differences=True
        )
        return model.classes_[seen][best]

    def predict_proba(self, X: Any) -> Array:
        """Predict class probabilities p(y | x) ∝ exp(−β F(x, y)) at β = `beta_`.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            The input samples.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            Gibbs probabilities, with columns in the order of `classes_`; each row sums to 1.
        """
        elimination = SoftMinimum(self._model().beta_)
        return self._model()._of_energies(X, elimination.weights, self._width, differences=True)

    def predict_log_proba(self, X: Any) -> Array:
        """Predict logarithms of class probabilities, which stay finite if probabilities underflow.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            The input samples.

        Returns
        -------
        log_probabilities : ndarray of shape (n_samples, n_classes)
            Logarithms of the Gibbs probabilities, with columns in the order of `classes_`; −∞ for
            a class without training samples.
        """
        beta = self._model().beta_
        elimination = SoftMinimum(beta)

        def log_probability(energies: Array) -> Array:
            return -beta * (energies - elimination(energies).energies[:, None])

        return self._model()._of_energies(X, log_probability, self._width)

    @available_if(_has_coef)  # type: ignore[untyped-decorator]
    def sparsify(self) -> Self:
        """Convert ``coef_`` to a sparse matrix, which saves memory if most coefficients are zero.

        Predictions do not change; prediction methods temporarily convert it to a dense array.

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
        """Convert ``coef_`` to a dense array.

        Returns
        -------
        self
            The fitted estimator.
        """
        model = self._model()
        for where, name in ((vars(model), "coef_"), (model.params_, "coef")):
            where[name] = dense(where[name])
        return self

    def to_logistic_regression(self) -> LogisticRegression:
        """Convert the model to a fitted ``sklearn.linear_model.LogisticRegression``.

        For tools that know this class, such as exporters to ONNX. β is part of its coefficients
        and intercepts, so `predict` and `predict_proba` are the same for every loss; decision
        values are multiplied by β. The energy must be linear in x.

        Returns
        -------
        LogisticRegression
            A new estimator with the labels and feature names of this one. Its parameters, such as
            `C`, are the defaults, so it is not meant to be fitted again.

        Raises
        ------
        ValueError
            If the energy is not linear in x; the message names an alternative.

        Examples
        --------
        At β = 2 the coefficient 1 becomes 2, and p = 1/(1 + e⁻²) = 0.881:

        >>> from sklearn_ebm import EBMClassifier
        >>> clf = EBMClassifier(loss="hinge", beta=2.0, fit_intercept=False, tol=1e-6)
        >>> exported = clf.fit([[-1.0], [1.0]], ["no", "yes"]).to_logistic_regression()
        >>> exported.coef_.round(3)
        array([[2.]])
        >>> exported.predict_proba([[1.0]]).round(3)
        array([[0.119, 0.881]])
        """
        model = self._model()
        return logistic_regression_of(model, model._params)

    def _of_energies(
        self,
        X: Any,
        function: Callable[[Array], Array],
        width: int | None,
        dtype: Any = None,
        *,
        differences: bool = False,
    ) -> Array:
        """Compute a function of the energies of each sample, block by block to save memory.

        If only differences matter and there are two classes, the energy of the first is set to 0.
        """
        # If the energy is linear in x, values that are not finite appear in the energies, so that a
        # separate check of X is not needed.
        late = self.energy_.traits.linear and self.energy_._split_features() is None
        checked = self._validated(X, ensure_all_finite=not late)
        result, finite = self._of_valid(checked, function, width, dtype, differences)
        if finite:
            return result
        if late:
            checked = self._validated(X)
        if checked.dtype == np.float32:  # float64 may avoid an overflow
            checked = checked.astype(np.float64)
            wider, finite = self._of_valid(checked, function, width, dtype, differences)
            with np.errstate(over="ignore"):
                result = wider.astype(result.dtype)
        if not finite:
            self._refuse_lost(checked, result)
        return result

    def _refuse_lost(self, X: Any, result: Array) -> None:
        """Raise ValueError if an energy of a sample is NaN, or if none of them is finite.

        If the energy is linear in x, infinite energies are valid: they may determine the class.
        """
        params = self._params
        for rows in blocks_of_predictions(X, self._width):
            with np.errstate(over="ignore", invalid="ignore"):
                energies = self.energy_.linearize(params, take_rows(X, rows)).energies
            found = result[rows].reshape(len(energies), -1)
            lost = np.isnan(energies).any(axis=1) | np.isnan(found).any(axis=1)
            if not self.energy_.traits.linear:
                lost = lost | ~np.isfinite(energies).any(axis=1)
            if np.any(lost):
                raise ValueError(
                    f"Row {rows.start + int(np.argmax(lost))} of X has energies that are not "
                    "finite, so it cannot be classified: its values are too large for this model; "
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
        blocks = list(blocks_of_predictions(X, passing))
        size = X.nnz if sparse.issparse(X) else X.size
        if size * passing < WORTH_THREADS or not self.energy_.traits.threads:
            return result, all([fill(rows) for rows in blocks])
        with Workers() as workers:
            return result, all(list(workers.map(fill, blocks)))

    def _difference(self) -> Callable[[Params, Any], Array] | None:
        """Return the function (params, X) -> F(x, 1) − F(x, 0), if the energy provides it."""
        transform, inner = self.energy_._split_features() or (None, self.energy_)
        difference = inner.templates.difference
        if difference is None or transform is None:
            return difference
        return lambda params, X: difference(params, transform(X))

    def _energies(self, X: Any) -> Array:
        return self._of_valid(X, lambda energies: energies, self._width)[0]
