"""Metrics between samples and prototypes: ‖Ω(x − c)‖², with Ω fixed or learned."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator

from sklearn_ebm._utils.array_api import namespace_of
from sklearn_ebm._utils.array_ops import cast_like
from sklearn_ebm._utils.html_repr import Documented
from sklearn_ebm._utils.parameters import Array, Shapes
from sklearn_ebm._utils.registry import Registry

# Fraction of the scatter within clusters that is replaced by the scatter of all rows, so that the
# initial metric exists even if prototypes coincide with the rows.
SHRINKAGE = 0.05


# Negative eigenvalues of a metric up to this size, relative to the largest, are rounding errors.
ROUNDING = 1e-6


class Metric(Documented, BaseEstimator, ABC):
    """Base class of metrics A = ΩᵀΩ; the root Ω is stored in the form that is learned."""

    @abstractmethod
    def shapes(self, n_features: int) -> Shapes:
        """Shape of the parameter ``metric_shift``, if Ω is learned."""

    @abstractmethod
    def identity(self, n_features: int) -> Array:
        """Return the root of A = I."""

    @abstractmethod
    def root(self, within: Array, total: Array) -> Array:
        """Return the initial root.

        Parameters
        ----------
        within : ndarray
            Weighted mean of (x − c)(x − c)ᵀ over the rows, where c is the nearest initial prototype
            of the class, in the form of `outer`.
        total : ndarray of shape (n_features,)
            Weighted variance of each column over all rows.

        Returns
        -------
        ndarray
            Ω, scaled such that the mean energy of correct answers is about 1.
        """

    @abstractmethod
    def transform(self, rows: Any, root: Array) -> Any:
        """Ωx for each row; sparse rows remain sparse if Ω is diagonal."""

    @abstractmethod
    def back(self, rows: Any, root: Array) -> Any:
        """Ωᵀv for each row v."""

    @abstractmethod
    def outer(self, one: Any, other: Any, share: Array) -> Array:
        """Σᵢ shareᵢ oneᵢ otherᵢᵀ, or only its learned entries."""

    @abstractmethod
    def matrix(self, root: Array) -> Array:
        """A = ΩᵀΩ: (d, d), or its diagonal (d,)."""

    @abstractmethod
    def root_of(self, matrix: Array) -> Array:
        """Return an Ω with A = ΩᵀΩ; raise ValueError if there is none."""


class Euclidean(Metric):
    """The fixed metric Ω = 1."""

    def shapes(self, n_features: int) -> Shapes:
        """No parameter is learned."""
        return {}

    def identity(self, n_features: int) -> Array:
        """Return the number 1."""
        return np.ones(())

    def root(self, within: Array, total: Array) -> Array:
        """Return the number 1."""
        return np.ones(())

    def transform(self, rows: Any, root: Array) -> Any:
        """Return the rows themselves."""
        return rows

    def back(self, rows: Any, root: Array) -> Any:
        """Return the rows themselves."""
        return rows

    def outer(self, one: Any, other: Any, share: Array) -> Array:
        """Zero, because no parameter is learned."""
        return np.zeros(())

    def matrix(self, root: Array) -> Array:
        """Return the number 1."""
        return root

    def root_of(self, matrix: Array) -> Array:
        """Return the number 1."""
        return matrix


class Diagonal(Metric):
    """Diagonal metric, Ω = diag(ω)."""

    def shapes(self, n_features: int) -> Shapes:
        """Shape of ω, one number for each feature."""
        return {"metric_shift": (n_features,)}

    def identity(self, n_features: int) -> Array:
        """Return all ones."""
        return np.ones(n_features)

    def root(self, within: Array, total: Array) -> Array:
        """ω = 1/(√d · standard deviation); 0 for constant columns."""
        mixed = (1 - SHRINKAGE) * within + SHRINKAGE * total
        return _inverse(np.sqrt(mixed)) / np.sqrt(len(total))

    def transform(self, rows: Any, root: Array) -> Any:
        """ω ∘ x for each row."""
        root = cast_like(namespace_of(rows), root, rows)
        return rows.multiply(root).tocsr() if sparse.issparse(rows) else rows * root

    def back(self, rows: Any, root: Array) -> Any:
        """ω ∘ v for each row v."""
        return self.transform(rows, root)

    def outer(self, one: Any, other: Any, share: Array) -> Array:
        """Σᵢ shareᵢ oneᵢ ∘ otherᵢ."""
        if sparse.issparse(one):
            return np.asarray(one.multiply(other).T @ share).ravel()
        return share @ (one * other)

    def matrix(self, root: Array) -> Array:
        """Return ω²."""
        return np.square(root)

    def root_of(self, matrix: Array) -> Array:
        """Return ω."""
        if not ((matrix >= 0) & np.isfinite(matrix)).all():
            raise ValueError("metric_ must be non-negative and finite.")
        return np.sqrt(matrix)


class Full(Metric):
    """Full metric, Ω of shape (n_features, n_features)."""

    def shapes(self, n_features: int) -> Shapes:
        """Shape of Ω."""
        return {"metric_shift": (n_features, n_features)}

    def identity(self, n_features: int) -> Array:
        """Return the identity."""
        return np.eye(n_features)

    def root(self, within: Array, total: Array) -> Array:
        """Ω = R^(−1/2) D⁻¹/√d; D are scales of the columns, R is the scatter in these units."""
        unit = _inverse(np.sqrt(total))
        relative = (1 - SHRINKAGE) * (unit[:, None] * within * unit)
        relative[np.diag_indices_from(relative)] += SHRINKAGE
        level, axes = np.linalg.eigh(relative)
        inverse_root = (axes / np.sqrt(np.maximum(level, 0.1 * SHRINKAGE))) @ axes.T
        return inverse_root * unit / np.sqrt(len(total))

    def transform(self, rows: Any, root: Array) -> Any:
        """XΩᵀ."""
        return rows @ cast_like(namespace_of(rows), root, rows).T

    def back(self, rows: Any, root: Array) -> Any:
        """VΩ."""
        return rows @ cast_like(namespace_of(rows), root, rows)

    def outer(self, one: Any, other: Any, share: Array) -> Array:
        """Σᵢ shareᵢ oneᵢ otherᵢᵀ."""
        return (one * share[:, None]).T @ other

    def matrix(self, root: Array) -> Array:
        """Return ΩᵀΩ."""
        return root.T @ root

    def root_of(self, matrix: Array) -> Array:
        """Return the symmetric Ω."""
        level, axes = np.linalg.eigh(matrix)
        if not (level >= -ROUNDING * np.abs(level).max()).all() or not np.allclose(
            matrix, matrix.T
        ):
            raise ValueError("metric_ must be symmetric positive semi-definite.")
        return (axes * np.sqrt(level.clip(min=0))) @ axes.T


def _inverse(deviation: Array) -> Array:
    """1/standard deviation, or 0 for constant columns."""
    return np.divide(1.0, deviation, out=np.zeros_like(deviation), where=deviation > 0)


#: Every metric by its name.
METRICS: Registry[Metric] = Registry(
    "metric",
    Metric,  # type: ignore[type-abstract]
    {
        "euclidean": Euclidean,
        "diagonal": Diagonal,
        "full": Full,
    },
)
