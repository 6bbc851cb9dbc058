"""Vector quantisation: the nearest of few codes, whole, by group of features, or in levels."""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
from sklearn.cluster import KMeans
from sklearn.preprocessing import OneHotEncoder
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm._utils.registry import unknown_name
from sklearn_ebm._utils.validation import positive_integer, positive_number
from sklearn_ebm.inference.soft_minimum import SoftMinimum
from sklearn_ebm.representation.base import Representation

STARTS = ("k-means++", "random")


class _Quantized(NamedTuple):
    """Codes (n, n_groups · n_levels), and what the last level leaves unexplained."""

    codes: Array
    residual: Array


class VectorQuantizer(Representation):
    r"""Vector quantisation: each sample is represented by the nearest of a few vectors.

    .. code-block:: none

        E(x, k) = ½‖x − c_k‖²,    F(x) = min_k E(x, k)

    The number of codes limits the volume of low energy, so the energy surface cannot collapse. With
    one group and one level this is K-means. With several groups of features each group has codes of
    its own (product quantisation), and F is the sum over the groups. With several levels each level
    quantises the residuals of the level before (residual quantisation); the code is then found
    level by level, so its energy is an upper bound of the minimum over all combinations.

    Parameters
    ----------
    n_codes : int, default=256
        Number of vectors of each group and level. If there are no more different samples than this,
        the vectors are these samples, some of them twice or more often.
    n_groups : int, default=1
        Number of groups of neighbouring features; at most the number of features.
    n_levels : int, default=1
        Number of levels.
    start : {"k-means++", "random"}, default="k-means++"
        Start of K-means.
    max_iter : int, default=300
        Maximum number of iterations of K-means for each group and level.
    tol : float, default=1e-4
        Relative change of the vectors at which K-means ends.
    beta : float, default=1.0
        Inverse temperature of `free_energy`, in units of 1/energy.
    random_state : int, RandomState instance or None, default=0
        Determines the start.

    Attributes
    ----------
    codebooks_ : list of list of ndarray of shape (n_codes, n_features of the group)
        The vectors c_k, by group and level.
    groups_ : list of ndarray of int
        Indices of the features of each group.
    n_iter_ : int
        Largest number of iterations of K-means.
    n_features_in_ : int
        Number of features.

    See Also
    --------
    sklearn.cluster.KMeans : Learns the vectors.

    References
    ----------
    Jégou, Douze, Schmid, "Product quantization for nearest neighbor search", IEEE Transactions on
    Pattern Analysis and Machine Intelligence 33 (2011) 117-128. :doi:`10.1109/TPAMI.2010.57`

    Examples
    --------
    Two codes, 1 and 9, are the means of two pairs of samples; x = 3 has the energy ½ (3 − 1)² = 2:

    >>> from sklearn_ebm.representation import VectorQuantizer
    >>> quantizer = VectorQuantizer(2).fit([[0.0], [2.0], [8.0], [10.0]])
    >>> sorted(quantizer.codebooks_[0][0].ravel().tolist())
    [1.0, 9.0]
    >>> quantizer.energies([[3.0]]), quantizer.inverse_transform(quantizer.transform([[3.0]]))
    (array([2.]), array([[1.]]))
    """

    def __init__(
        self,
        n_codes: int = 256,
        n_groups: int = 1,
        n_levels: int = 1,
        start: str = "k-means++",
        max_iter: int = 300,
        tol: float = 1e-4,
        beta: float = 1.0,
        random_state: Any = 0,
    ) -> None:
        self.n_codes = n_codes
        self.n_groups = n_groups
        self.n_levels = n_levels
        self.start = start
        self.max_iter = max_iter
        self.tol = tol
        self.beta = beta
        self.random_state = random_state

    @classmethod
    def _sized(cls, X: Array, n_components: int, random_state: Any) -> Self:
        return cls(n_components, random_state=random_state)

    @staticmethod
    def _encoder() -> Any:
        return OneHotEncoder(handle_unknown="ignore", sparse_output=False)

    def _learn(self, X: Array, weight: npt.NDArray[np.float64]) -> None:
        if self.n_groups > X.shape[1]:
            raise ValueError(
                f"n_groups={self.n_groups} of VectorQuantizer must be at most "
                f"n_features={X.shape[1]}."
            )
        used = weight > 0
        X, weight = X[used], weight[used]
        rng = check_random_state(self.random_state)
        self.groups_ = np.array_split(np.arange(X.shape[1]), self.n_groups)
        self.codebooks_, self.n_iter_ = [], 0
        for group in self.groups_:
            residual, levels = X[:, group], []
            for _ in range(self.n_levels):
                vectors, label = self._learned(residual, weight, rng)
                residual = residual - vectors[label]
                levels.append(vectors)
            self.codebooks_.append(levels)

    def _learned(self, X: Array, weight: Array, rng: np.random.RandomState) -> tuple[Array, Array]:
        """K-means of one group and level: the vectors, and the number of that of each sample."""
        distinct = np.unique(X, axis=0)
        if len(distinct) <= self.n_codes:  # every sample is a code; K-means would warn
            vectors = np.resize(distinct, (self.n_codes, X.shape[1])).astype(X.dtype)
            return vectors, _nearest(X, vectors)[0]
        model = KMeans(
            self.n_codes, init=self.start, n_init=1, max_iter=self.max_iter, tol=self.tol,
            random_state=rng.randint(np.iinfo(np.int32).max),
        ).fit(X, sample_weight=weight)  # fmt: skip
        self.n_iter_ = max(self.n_iter_, int(model.n_iter_))
        return model.cluster_centers_.astype(X.dtype), model.labels_

    def _validate(self) -> None:
        for name in ("n_codes", "n_groups", "n_levels", "max_iter"):
            positive_integer(name, getattr(self, name), of="VectorQuantizer")
        positive_number("tol", self.tol, of="VectorQuantizer")
        positive_number("beta", self.beta, of="VectorQuantizer")
        if self.start not in STARTS:
            raise ValueError(unknown_name("start", self.start, STARTS))

    def _quantized(self, rows: Array) -> _Quantized:
        codes, residual = [], rows.copy()
        for group, levels in zip(self.groups_, self.codebooks_, strict=True):
            for vectors in levels:
                label, _ = _nearest(residual[:, group], vectors)
                residual[:, group] -= vectors[label]
                codes.append(label)
        return _Quantized(np.stack(codes, axis=1), residual)

    def _codes(self, rows: Array) -> Array:
        return self._quantized(rows).codes

    def transform(self, X: Any) -> Any:
        """Compute the numbers of the nearest vectors.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        ndarray of int of shape (n_samples, n_groups * n_levels)
            Numbers from 0 to n_codes − 1, group by group and level by level. A linear model needs
            them one-hot encoded (`sklearn.preprocessing.OneHotEncoder`).
        """
        return super().transform(X)

    def energies(self, X: Any) -> Array:
        """Compute the energy ½‖x − reconstruction‖².

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        ndarray of shape (n_samples,)
            The minimum over the codes; for several levels, an upper bound of it.
        """
        check_is_fitted(self)
        residual = self._quantized(self._rows(X, reset=False)).residual
        result: Array = 0.5 * np.einsum("nd,nd->n", residual, residual)
        return result

    def free_energy(self, X: Any) -> Array:
        """Compute −(1/β) log Σ_k exp(−β E(x, k)), summed over the groups.

        For several levels the sum is over the codes of the last level, given the nearest vectors of
        the levels before.

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
        residual, elimination = rows.copy(), SoftMinimum(self.beta)
        total = np.zeros(len(rows), dtype=rows.dtype)
        for group, levels in zip(self.groups_, self.codebooks_, strict=True):
            for vectors in levels[:-1]:
                residual[:, group] -= vectors[_nearest(residual[:, group], vectors)[0]]
            total += elimination(_nearest(residual[:, group], levels[-1])[1]).energies
        return total

    def _decoded(self, codes: Array) -> Array:
        whole = codes.astype(np.intp)
        if (whole != codes).any() or (whole < 0).any() or (whole >= self.n_codes).any():
            raise ValueError(f"codes must be whole numbers from 0 to {self.n_codes - 1}.")
        result = np.zeros((len(codes), self.n_features_in_), dtype=self.codebooks_[0][0].dtype)
        columns = iter(whole.T)
        for group, levels in zip(self.groups_, self.codebooks_, strict=True):
            for vectors in levels:
                result[:, group] += vectors[next(columns)]
        return result

    @property
    def _n_features_out(self) -> int:
        return len(self.groups_) * self.n_levels

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []  # codes are whole numbers
        return tags


def _nearest(X: Array, vectors: Array) -> tuple[Array, Array]:
    """Number of the nearest vector of each sample, and all energies ½‖x − c‖², (n, n_codes)."""
    origin = vectors.mean(axis=0)  # small differences remain differences of small squares
    X, vectors = X - origin, vectors - origin
    squares = np.einsum("nd,nd->n", X, X)[:, None] + np.einsum("kd,kd->k", vectors, vectors)
    energies = np.maximum(0.5 * squares - X @ vectors.T, 0)
    return energies.argmin(axis=1), energies
