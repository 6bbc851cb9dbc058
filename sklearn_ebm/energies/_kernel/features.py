"""Features whose inner products approximate a Gaussian kernel."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Any

import numpy as np
from scipy import sparse
from scipy.linalg import cholesky
from scipy.linalg.lapack import dtrtri
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.kernel_approximation import RBFSampler
from sklearn.metrics.pairwise import rbf_kernel

from sklearn_ebm._utils.array_api import in_place, namespace_of, numpy_namespace
from sklearn_ebm._utils.array_ops import cast_like, clip_below_zero, dots, product
from sklearn_ebm._utils.arrays import row_slices, take_rows
from sklearn_ebm._utils.html_repr import Documented
from sklearn_ebm._utils.parameters import Array

# Added to the diagonal of the kernel of the landmarks, relative to its trace, so that the inverse
# of its triangular factor is accurate.
JITTER = 1e-9

# Blocks of rows are so small that the kernel with all landmarks fits into the cache.
ROW_SHARE = 16


class KernelFeatures(ClassNamePrefixFeaturesOutMixin, TransformerMixin, Documented, BaseEstimator):
    """Base class of features of s (x − centre), rows in units of the width of the kernel.

    Products of rows in other units may overflow, or lose digits by cancellation.

    Parameters
    ----------
    centre : ndarray of shape (n_features,) or None
        Centre of the rows; None for sparse rows.
    scale : float
        Scale s = √γ.
    """

    def __init__(self, centre: Array | None, scale: float) -> None:
        self.centre = centre
        self.scale = scale

    def fit(self, X: Any, y: Any = None) -> KernelFeatures:
        """Return the features themselves; nothing is fitted."""
        return self

    def __sklearn_clone__(self) -> KernelFeatures:
        """Return a copy of the features, which need no fit."""
        return copy(self)

    def __sklearn_is_fitted__(self) -> bool:
        """True, because no fit is needed."""
        return True

    def _units(self, X: Any) -> Any:
        xp = namespace_of(X)
        scale = cast_like(xp, np.float64(self.scale), X)
        if self.centre is None:
            return X * scale
        if sparse.issparse(X):
            X = X.toarray()
        units = X - cast_like(xp, self.centre, X)
        units *= scale
        return units

    @property
    def _n_features_out(self) -> int:
        """Number p of features."""
        raise NotImplementedError

    def _in_blocks(self, X: Any, of_units: Callable[[Any, Array | None], Array]) -> Array:
        """Compute features (n, p) in the dtype of X, in blocks of rows.

        Parameters
        ----------
        X : array or CSR of shape (n_samples, n_features)
            The input samples.
        of_units : callable
            Function of rows in units of the kernel, and of an array to which it may write the
            features or None; it returns the features.

        Returns
        -------
        array of shape (n_samples, p)
            The features.
        """
        xp = namespace_of(X)
        blocks = list(row_slices(X.shape[0], self._n_features_out // ROW_SHARE)) or [slice(0)]
        if xp is not numpy_namespace:
            parts = (of_units(self._units(take_rows(X, rows)), None) for rows in blocks)
            joined: Array = xp.concat([cast_like(xp, part, X) for part in parts], axis=0)
            return joined
        result = np.empty((X.shape[0], self._n_features_out), dtype=X.dtype)
        for rows in blocks:
            place = result[rows]
            features = of_units(self._units(take_rows(X, rows)), place)
            if features is not place:
                place[...] = features
            del features  # frees memory before the next block
        return result


class NystroemFeatures(KernelFeatures):
    """Nyström features of a Gaussian kernel.

    φ(x) = R⁻ᵀ k(L, x) with k(L, L) = RᵀR,

    where L are the landmarks. Up to a rotation these are the features of Williams and Seeger and of
    `sklearn.kernel_approximation.Nystroem`; a triangular factor R is faster than the root of the
    kernel.

    Parameters
    ----------
    landmarks : ndarray or CSR of shape (m, n_features)
        Distinct rows.
    centre : ndarray of shape (n_features,) or None
        Centre of the rows; None for sparse rows.
    scale : float
        Scale √γ.

    References
    ----------
    Williams, Seeger, "Using the Nyström Method to Speed Up Kernel Machines", NIPS 13 (2001).

    Examples
    --------
    One landmark at 0 and γ = 1: φ(x) = exp(−x²), and e⁻¹ = 0.3679.

    >>> import numpy as np
    >>> from sklearn_ebm.energies._kernel.features import NystroemFeatures
    >>> NystroemFeatures(np.zeros((1, 1)), None, 1.0).transform(np.array([[1.0]])).round(4)
    array([[0.3679]])
    """

    def __init__(self, landmarks: Any, centre: Array | None, scale: float) -> None:
        super().__init__(centre, scale)
        self.landmarks = landmarks
        units = self._units(landmarks.astype(np.float64))
        kernel = rbf_kernel(units, gamma=1.0)
        kernel[np.diag_indices(len(kernel))] += JITTER * len(kernel)
        # R⁻¹ as a matrix, because products are faster than solves.
        self.inverse = inv_triangular(kernel)
        self.units = units

    @property
    def _n_features_out(self) -> int:
        """Number of features, one for each landmark."""
        return self.landmarks.shape[0]

    def transform(self, X: Any) -> Array:
        """Compute the features.

        Parameters
        ----------
        X : array or CSR of shape (n_samples, n_features)
            The input samples.

        Returns
        -------
        array of shape (n_samples, m)
            Features in the dtype of X.
        """
        # Computed in float64 for any dtype of X, because the inverse amplifies rounding errors of
        # the kernel by a factor of about a thousand, and these depend on the block.
        xp = namespace_of(X)
        landmarks = self.units
        if sparse.issparse(landmarks) and xp is not numpy_namespace:
            landmarks = landmarks.toarray()
        landmarks, inverse = (
            cast_like(xp, part, X, xp.float64) for part in (landmarks, self.inverse)
        )

        def of_units(units: Any, out: Array | None) -> Array:
            kernel = _gaussian(xp, cast_like(xp, units, X, xp.float64), landmarks)
            return product(xp, kernel, inverse, out if X.dtype == xp.float64 else None)

        return self._in_blocks(X, of_units)


class FourierFeatures(KernelFeatures):
    """Random Fourier features of a Gaussian kernel, computed by ``RBFSampler``.

    φ(x) = √(2/p) cos(⟨ω, x⟩ + b)

    with random frequencies ω and offsets b.

    Parameters
    ----------
    sampler : RBFSampler
        Fitted sampler for γ = 1.
    centre : ndarray of shape (n_features,) or None
        Centre of the rows; None for sparse rows.
    scale : float
        Scale √γ.

    References
    ----------
    Rahimi, Recht, "Random Features for Large-Scale Kernel Machines", NIPS 20 (2007).
    """

    def __init__(self, sampler: RBFSampler, centre: Array | None, scale: float) -> None:
        super().__init__(centre, scale)
        self.sampler = sampler

    @property
    def _n_features_out(self) -> int:
        """Number p of features."""
        return int(self.sampler.n_components)

    def transform(self, X: Any) -> Array:
        """Compute the features.

        Parameters
        ----------
        X : array or CSR of shape (n_samples, n_features)
            The input samples.

        Returns
        -------
        array of shape (n_samples, p)
            Features in the dtype of X.
        """
        # Computed in float64, as by the sampler.
        xp = namespace_of(X)
        frequencies = cast_like(xp, self.sampler.random_weights_, X, xp.float64)
        offsets = cast_like(xp, self.sampler.random_offset_, X, xp.float64)

        def of_units(units: Any, out: Array | None) -> Array:
            angles = cast_like(xp, units, X, xp.float64) @ frequencies
            angles += offsets
            features = in_place(xp, "cos", angles)
            features *= float(np.sqrt(2 / self._n_features_out))
            return features

        return self._in_blocks(X, of_units)


def _gaussian(xp: Any, rows: Any, landmarks: Any) -> Array:
    """Return exp(−‖x − l‖²) for all rows and landmarks, in the dtype of the rows."""
    kernel: Array
    if xp is numpy_namespace:
        kernel = rbf_kernel(rows, landmarks, gamma=1.0)
        return kernel
    # As in scikit-learn, squared distances are computed in float64, then rounded.
    one, other = (cast_like(xp, points, rows, xp.float64) for points in (rows, landmarks))
    square = -2 * one @ other.T
    square += dots(xp, one, one, axis=1)[:, None]
    square += dots(xp, other, other, axis=1)
    kernel = xp.exp(-cast_like(xp, clip_below_zero(xp, square), rows))
    return kernel


def inv_triangular(matrix: Array) -> Array:
    """Compute R⁻¹ of a positive definite matrix RᵀR.

    Examples
    --------
    >>> inv_triangular(np.array([[4.0]]))
    array([[0.5]])
    """
    factor = cholesky(matrix, overwrite_a=True, check_finite=False)
    inverse, failed = dtrtri(factor)
    assert failed == 0
    return inverse
