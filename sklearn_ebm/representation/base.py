"""Base class of representations: energies E(x, z) of samples and their latent codes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array, issparse
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from sklearn_ebm._utils.html_repr import HoldsDocumented
from sklearn_ebm._utils.parameters import Array
from sklearn_ebm._utils.validation import row_weights, verbosity
from sklearn_ebm.estimators._callbacks import CallbackSupportMixin, FitCallbacks, with_callbacks
from sklearn_ebm.estimators._parts import unchanged_if_it_fails
from sklearn_ebm.estimators._progress import ProgressLine
from sklearn_ebm.learning.learn import Start


class Representation(
    HoldsDocumented,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    CallbackSupportMixin,
    BaseEstimator,
    ABC,
):
    """An energy E(x, z) of samples x and latent codes z, learned without a target.

    F(x) = min_z E(x, z).

    `transform` returns the code of lowest energy, `inverse_transform` the sample that it stands
    for.
    """

    verbose: int

    # Whether codes have many zeros, so that they may be sparse matrices.
    _sparse_codes = False

    @property
    def _energy_of_variance(self) -> float:
        """Energy of half the square of an error of 1."""
        return 1.0

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
        """Learn the energy. If the input is invalid, the estimator is left unchanged.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples.
        y : None
            Not used.
        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights; a weight of 2 equals repeating the sample in the objective. Fits with
            random mini-batches or starts draw other ones for repeated samples.

        Returns
        -------
        self
            The fitted estimator.
        """
        with unchanged_if_it_fails(self):
            return self._watched_fit(X, y, sample_weight)

    # Inside of what restores the state, so that callbacks end their work first.
    @with_callbacks
    def _watched_fit(self, X: Any, y: Any, sample_weight: Any) -> Self:
        self._validate()
        rows = self._rows(X, reset=True)
        task = FitCallbacks(self, X, y, sample_weight, self._fitted_state)
        self._learn(rows, row_weights(sample_weight, rows.shape[0]), task)
        task.end()
        return self

    def _fitted_state(self, learned: Start) -> dict[str, Any]:
        """Attributes that the estimator needs if learning ends with these parameters."""
        return {}

    def transform(self, X: Any) -> Any:
        """Compute the codes: those of lowest energy, or those of the encoder.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        ndarray or csr_array of shape (n_samples, n_components)
            The codes.
        """
        check_is_fitted(self)
        return self._output(self._codes(self._rows(X, reset=False)))

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
        X : array-like or sparse matrix of shape (n_samples, n_components)
            Codes, as `transform` returns them; sparse ones of estimators with `sparse_output`.

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
        away = rows - self._decoded(self._codes(rows)).astype(rows.dtype, copy=False)
        return 0.5 * np.einsum("nd,nd->n", away, away)

    @classmethod
    def _sized(cls, X: Array, n_components: int, random_state: Any) -> Self:
        """Return an unfitted representation of about this size that suits the scale of X.

        Subclasses with other parameters of size or scale override this.
        """
        return cls(n_components=n_components, random_state=random_state)

    @staticmethod
    def _encoder() -> Any:
        """Return a transformer of codes to features of a linear model.

        The inverse hyperbolic sine leaves small codes as they are, and keeps the few very large
        ones of samples with outliers from dominating. Subclasses whose codes are not numbers on a
        scale override this.
        """
        return FunctionTransformer(np.arcsinh)

    def _validate(self) -> None:
        """Raise ValueError if a parameter is invalid."""
        verbosity("verbose", self.verbose)

    @contextmanager
    def _progress_line(self) -> Iterator[ProgressLine | None]:
        """A line that shows the progress, if it is wanted."""
        if not self.verbose:
            yield None
            return
        with ProgressLine(type(self).__name__) as line:
            yield line

    @abstractmethod
    def _learn(self, X: Array, weight: npt.NDArray[np.float64], task: FitCallbacks) -> None:
        """Learn from validated samples and their weights, and notify the callbacks."""

    @abstractmethod
    def _codes(self, rows: Array) -> Array:
        """Codes of validated samples."""

    def _code_matrix(self, X: Any) -> Any:
        """Codes of a caller as a matrix of finite numbers, sparse if it is and may be."""
        if self._sparse_codes and issparse(X):
            return csr_array(check_array(X, accept_sparse="csr", input_name="codes"))
        kinds = [np.float64, np.float32]
        return check_array(X, dtype=kinds, ensure_2d=False, allow_nd=True, input_name="codes")

    def _output(self, codes: Any) -> Any:
        """Codes as `transform` returns them: a sparse matrix, if that is wanted."""
        return csr_array(codes) if getattr(self, "sparse_output", False) else codes

    @abstractmethod
    def _decoded(self, codes: Array) -> Array:
        """Reconstructions from codes of the right shape."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
