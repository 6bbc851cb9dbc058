"""Base class of representations: energies E(x, z) of samples and their latent codes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_ebm._utils.html_repr import HoldsDocumented
from sklearn_ebm._utils.parameters import Array
from sklearn_ebm._utils.validation import row_weights


class Representation(
    HoldsDocumented, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator, ABC
):
    """An energy E(x, z) of samples x and latent codes z, learned without a target.

    F(x) = min_z E(x, z).

    `transform` returns the code of lowest energy, `inverse_transform` the sample that it stands
    for.
    """

    def _rows(self, X: Any, *, reset: bool) -> Array:
        rows: Array = validate_data(
            self, X, dtype=[np.float64, np.float32], reset=reset, copy=False
        )
        return rows

    @property
    @abstractmethod
    def _n_features_out(self) -> int:
        """Number of columns that `transform` returns."""

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Learn the energy.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples.
        y : None
            Not used.
        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights; a weight of 2 equals repeating the sample.

        Returns
        -------
        self
            The fitted estimator.
        """
        self._validate()
        X = self._rows(X, reset=True)
        self._learn(X, row_weights(sample_weight, len(X)))
        return self

    def transform(self, X: Any) -> Any:
        """Compute the code of lowest energy.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        ndarray of shape (n_samples, n_components)
            The codes.
        """
        check_is_fitted(self)
        return self._codes(self._rows(X, reset=False))

    @abstractmethod
    def energies(self, X: Any) -> Array:
        """Compute the energy F(x) = min_z E(x, z).

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        ndarray of shape (n_samples,)
            Low if the representation fits x.
        """

    def inverse_transform(self, X: Any) -> Array:
        """Compute the samples that codes stand for.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            Codes, as `transform` returns them.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            The reconstructions.

        Raises
        ------
        ValueError
            If the codes have another number of columns.
        """
        check_is_fitted(self)
        codes = self._code_matrix(X)
        if codes.ndim != 2 or codes.shape[1] != self._n_features_out:
            raise ValueError(
                f"codes have shape {codes.shape}, expected (n_samples, {self._n_features_out})."
            )
        return self._decoded(codes)

    def score_samples(self, X: Any) -> Array:
        """Compute minus the energy: high for samples that the representation fits.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        return -self.energies(X)

    def score(self, X: Any, y: Any = None) -> float:
        """Compute the mean of `score_samples`, as scikit-learn's density estimators do.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples.
        y : None
            Not used.

        Returns
        -------
        float
        """
        return float(self.score_samples(X).mean(dtype=np.float64))

    def reconstruction_error(self, X: Any) -> Array:
        """Compute ½‖x − reconstruction‖² of each sample.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        check_is_fitted(self)
        rows = self._rows(X, reset=False)
        away = rows - self._decoded(self._codes(rows))
        return 0.5 * np.einsum("nd,nd->n", away, away)

    @abstractmethod
    def _validate(self) -> None:
        """Raise ValueError if a parameter is invalid."""

    @abstractmethod
    def _learn(self, X: Array, weight: npt.NDArray[np.float64]) -> None:
        """Learn from validated samples and their weights."""

    @abstractmethod
    def _codes(self, rows: Array) -> Array:
        """Codes of validated samples."""

    def _code_matrix(self, X: Any) -> Any:
        """Codes of a caller as a matrix."""
        return np.asarray(X)

    @abstractmethod
    def _decoded(self, codes: Array) -> Array:
        """Reconstructions from codes of the right shape."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
