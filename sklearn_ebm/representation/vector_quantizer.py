"""Vector quantisation: the nearest of few codes, whole, by group of features, or in levels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Self

import numpy as np
from sklearn.cluster import KMeans, kmeans_plusplus
from sklearn.preprocessing import OneHotEncoder
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from sklearn_ebm._utils.arrays import row_slices
from sklearn_ebm._utils.parameters import Array, Index
from sklearn_ebm._utils.registry import unknown_name
from sklearn_ebm._utils.threads import Workers
from sklearn_ebm._utils.validation import positive_integer, positive_number, row_weights
from sklearn_ebm.estimators._callbacks import FitCallbacks
from sklearn_ebm.estimators._parts import unchanged_if_it_fails
from sklearn_ebm.estimators._progress import ProgressLine
from sklearn_ebm.inference.soft_minimum import SoftMinimum
from sklearn_ebm.learning.samples import Weights
from sklearn_ebm.representation._codebooks import means_of_codes, nearest, whole_codes
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
        the vectors are these samples, each once.
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
    verbose : int, default=0
        Whether to show the progress.

    Attributes
    ----------
    codebooks_ : list of list of ndarray of shape (n_codes, n_features of the group)
        The vectors c_k, by group and level; fewer if there are fewer distinct samples.
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
    >>> (
    ...     quantizer.energies([[3.0]]),
    ...     quantizer.inverse_transform(quantizer.transform([[3.0]])),
    ... )
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
        verbose: int = 0,
    ) -> None:
        self.n_codes = n_codes
        self.n_groups = n_groups
        self.n_levels = n_levels
        self.start = start
        self.max_iter = max_iter
        self.tol = tol
        self.beta = beta
        self.random_state = random_state
        self.verbose = verbose

    @classmethod
    def _sized(cls, X: Array, n_components: int, random_state: Any) -> Self:
        return cls(n_components, random_state=random_state)

    @staticmethod
    def _encoder() -> Any:
        return OneHotEncoder(handle_unknown="ignore", sparse_output=False)

    def _learn(self, X: Array, weight: Weights, task: FitCallbacks) -> None:
        if self.n_groups > X.shape[1]:
            raise ValueError(
                f"n_groups={self.n_groups} of VectorQuantizer must be at most "
                f"n_features={X.shape[1]}."
            )
        used = weight > 0
        X, weight = X[used], weight[used]
        rng = check_random_state(self.random_state)
        self.groups_ = np.array_split(np.arange(X.shape[1]), self.n_groups)
        self.codebooks_: list[list[Array]] = []
        self._weights: list[list[Array]] = []
        self.n_iter_ = 0
        with self._progress_line() as line:
            self._learn_groups(X, weight, rng, task, line)

    def _learn_groups(
        self, X: Array, weight: Weights, rng: np.random.RandomState, task: FitCallbacks,
        line: ProgressLine | None,
    ) -> None:  # fmt: skip
        for number, group in enumerate(self.groups_, start=1):
            residual = X[:, group]
            self.codebooks_.append([])
            self._weights.append([])
            for level in range(1, self.n_levels + 1):
                vectors, label = self._learned(residual, weight, rng)
                residual = residual - vectors[label]
                if line is not None:
                    line.note(f"group {number}, level {level}")
                self.codebooks_[-1].append(vectors)
                self._weights[-1].append(
                    np.bincount(label, weight, len(vectors)).astype(np.float64)
                )
                task.step("codebook")

    def _learned(self, X: Array, weight: Array, rng: np.random.RandomState) -> tuple[Array, Index]:
        """K-means of one group and level: the vectors, and the number of that of each sample."""
        if not _has_more(X, self.n_codes):  # every sample is a code; K-means would warn
            distinct = np.unique(X, axis=0)
            return distinct, nearest(X, distinct)[0]
        model = KMeans(
            self.n_codes, init=self.start, n_init=1, max_iter=self.max_iter, tol=self.tol,
            random_state=rng.randint(np.iinfo(np.int32).max),
        ).fit(X, sample_weight=weight)  # fmt: skip
        self.n_iter_ = max(self.n_iter_, int(model.n_iter_))
        return model.cluster_centers_.astype(X.dtype), model.labels_

    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Move each vector to the mean of all samples that it stood for, with those of X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples, which are then forgotten. Those of the first call are learned as by `fit`.
        y : None
            Not used.
        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights.

        Returns
        -------
        self
            The fitted estimator.
        """
        if "codebooks_" not in vars(self):
            return self.fit(X, y, sample_weight)
        with unchanged_if_it_fails(self):
            self._validate()
            rows = self._rows(X, reset=False)
            weight = row_weights(sample_weight, len(rows))
            if (self.n_groups, self.n_levels) != (len(self.groups_), len(self.codebooks_[0])):
                raise ValueError(
                    f"partial_fit continues with {len(self.groups_)} groups and "
                    f"{len(self.codebooks_[0])} levels, but n_groups={self.n_groups} and "
                    f"n_levels={self.n_levels} are set now; set them back, or start with a new "
                    "estimator."
                )
            rows, weight = rows[weight > 0], weight[weight > 0]
            rng = check_random_state(self.random_state)
            books, weights = self.codebooks_, self._weights
            self.codebooks_, self._weights = [], []
            for group, levels, of_levels in zip(self.groups_, books, weights, strict=True):
                residual = rows[:, group].astype(levels[0].dtype)
                self.codebooks_.append([])
                self._weights.append([])
                for vectors, before in zip(levels, of_levels, strict=True):
                    vectors, before = self._completed(vectors, before, residual, rng)
                    label, _ = nearest(residual, vectors)
                    vectors, total = _moved(vectors, before, residual, label, weight)
                    residual = residual - vectors[label]
                    self.codebooks_[-1].append(vectors)
                    self._weights[-1].append(total)
        return self

    def _completed(
        self, vectors: Array, before: Array, X: Array, rng: np.random.RandomState
    ) -> tuple[Array, Array]:
        """Vectors and their weights, with samples as further vectors if there were too few."""
        missing = self.n_codes - len(vectors)
        if missing <= 0:
            return vectors, before
        _, first = np.unique(np.concatenate([vectors, X]), axis=0, return_index=True)
        new = X[np.sort(first[first >= len(vectors)]) - len(vectors)]
        if len(new) > missing:
            new = kmeans_plusplus(new, missing, random_state=rng)[0]
        return np.concatenate([vectors, new]), np.concatenate([before, np.zeros(len(new))])

    def _validate(self) -> None:
        super()._validate()
        for name in ("n_codes", "n_groups", "n_levels", "max_iter"):
            positive_integer(name, getattr(self, name), of="VectorQuantizer")
        positive_number("tol", self.tol, of="VectorQuantizer")
        positive_number("beta", self.beta, of="VectorQuantizer")
        if self.start not in STARTS:
            raise ValueError(unknown_name("start", self.start, STARTS))

    def _by_blocks(self, function: Callable[[Array], Any], rows: Array) -> list[Any]:
        """Results for blocks of samples, whose energies of all codes are moderately many."""
        check_is_fitted(self)
        most = max(len(vectors) for levels in self.codebooks_ for vectors in levels)
        parts = list(row_slices(max(len(rows), 1), most, rows.shape[1], rows.itemsize))
        with Workers() as workers:
            return list(workers.map(lambda part: function(rows[part]), parts))

    def _quantized(self, rows: Array) -> _Quantized:
        parts = self._by_blocks(self._quantized_block, rows)
        return _Quantized(*(np.concatenate(each) for each in zip(*parts, strict=True)))

    def _quantized_block(self, rows: Array) -> _Quantized:
        codes, residual = [], rows.copy()
        for group, levels in zip(self.groups_, self.codebooks_, strict=True):
            for vectors in levels:
                label, _ = nearest(residual[:, group], vectors)
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
        elimination = SoftMinimum(self.beta)

        def of_block(rows: Array) -> Array:
            residual, total = rows.copy(), np.zeros(len(rows), dtype=rows.dtype)
            for group, levels in zip(self.groups_, self.codebooks_, strict=True):
                for vectors in levels[:-1]:
                    residual[:, group] -= vectors[nearest(residual[:, group], vectors)[0]]
                total += elimination(nearest(residual[:, group], levels[-1])[1]).energies
            return total

        return np.concatenate(self._by_blocks(of_block, self._rows(X, reset=False)))

    def _decoded(self, codes: Array) -> Array:
        sizes = [len(vectors) for levels in self.codebooks_ for vectors in levels]
        whole = whole_codes(codes, np.array(sizes))
        result = np.zeros((len(codes), self.n_features_in_), dtype=self.codebooks_[0][0].dtype)
        columns = iter(whole.T)
        for group, levels in zip(self.groups_, self.codebooks_, strict=True):
            for vectors in levels:
                result[:, group] += vectors[next(columns)]
        return result

    @property
    def _n_features_out(self) -> int:
        return len(self.groups_) * len(self.codebooks_[0])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []  # codes are whole numbers
        return tags


def _has_more(X: Array, count: int) -> bool:
    """Whether there are more than `count` distinct samples."""
    found: set[bytes] = set()
    for row in X + 0.0:  # −0 becomes 0
        found.add(row.tobytes())
        if len(found) > count:
            return True
    return False


def _moved(
    vectors: Array, before: Array, X: Array, label: Index, weight: Array
) -> tuple[Array, Array]:
    """Vectors as means of the samples before and of these, and the weights of all samples."""
    added, means = means_of_codes(X, label, weight, len(vectors))
    total = before + added
    share = np.where(added > 0, added / np.where(total > 0, total, 1), 0)[:, None]
    return (vectors + share * (means - vectors)).astype(vectors.dtype), total
