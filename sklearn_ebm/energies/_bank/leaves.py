"""Weights of stored rows for new rows: the leaves of trees that they share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import sparse

from sklearn_ebm._utils.parameters import Array, Index
from sklearn_ebm.energies._bank.trees import Trees

# A block of weights holds about as many pairs of rows that share a leaf.
BLOCK_PAIRS = 2_000_000


class ForestWeights(NamedTuple):
    r"""w_i(x) = 1/T Σ_t v_i [i shares the leaf of x in tree t] / (total v of that leaf).

    The weights by which a forest with T trees averages the answers of its rows, counted from the
    leaves instead of read from the forest, so that they are known row by row. v are the weights of
    the rows. Memory and time are linear in rows times trees: what is stored is one number for each
    row and tree, and no row itself.

    Attributes
    ----------
    trees : Trees
        What tells the leaf of each row in each tree.
    shares : CSR of shape (nodes, n_samples)
        v_i over the total of the leaf and over T; rows of nodes that are no leaves are empty.

    References
    ----------
    Lin, Jeon, "Random forests and adaptive nearest neighbors", Journal of the American Statistical
    Association 101 (2006) 578-590. :doi:`10.1198/016214505000001230`

    Meinshausen, "Quantile regression forests", Journal of Machine Learning Research 7 (2006)
    983-999.

    Examples
    --------
    One tree with the leaves {0, 1} and {10}: rows 0 and 1 share the weight near them.

    >>> import numpy as np
    >>> from sklearn.ensemble import ExtraTreesRegressor
    >>> X = np.array([[0.0], [1.0], [10.0]])
    >>> forest = ExtraTreesRegressor(1, max_leaf_nodes=2, random_state=0).fit(X, [0, 0, 9])
    >>> leaves = ForestWeights.of(forest, X, np.array([3.0, 1.0, 1.0]))
    >>> leaves.weights(np.array([[0.5], [11.0]])).toarray()
    array([[0.75, 0.25, 0.  ],
           [0.  , 0.  , 1.  ]])
    """

    trees: Trees
    shares: Any

    @classmethod
    def of(cls, forest: Any, X: Array, weight: Array) -> ForestWeights:
        """Return the leaves of the rows X (n, d), not only those it was fitted to.

        Parameters
        ----------
        forest : fitted forest of scikit-learn
        X : ndarray of shape (n_samples, n_features)
        weight : ndarray of shape (n_samples,)
        """
        trees = Trees.of([forest])
        nodes = trees.leaves(X)
        member = _indicator(nodes, np.repeat(weight, nodes.shape[1]), len(trees.nodes))
        member = member.T.tocsr()
        total = np.asarray(member.sum(axis=1)).ravel() * nodes.shape[1]
        member.data /= np.repeat(total, np.diff(member.indptr))
        return cls(trees, member)

    @property
    def n_trees(self) -> int:
        """T."""
        return self.trees.n_trees

    @property
    def pairs_per_row(self) -> float:
        """Stored rows that a stored row meets in leaves, on average, counted in each tree."""
        sizes = np.diff(self.shares.indptr).astype(np.float64)
        return float(sizes @ sizes / self.shares.shape[1])

    def weights(self, X: Array) -> Any:
        """Return w_i(x) of rows (m, d) as CSR of shape (m, n_samples); each row sums to 1."""
        nodes = self.trees.leaves(X)
        return _indicator(nodes, np.ones(nodes.size), self.shares.shape[0]) @ self.shares

    def blocks(self, X: Array) -> Iterator[tuple[slice, Any]]:
        """Yield slices of the rows X, and their weights with sorted indices."""
        nodes = self.trees.leaves(X)
        step = max(1, int(BLOCK_PAIRS / self.pairs_per_row))
        for start in range(0, len(X), step):
            some = slice(start, min(start + step, len(X)))
            there = _indicator(nodes[some], np.ones(nodes[some].size), self.shares.shape[0])
            weights = there @ self.shares
            weights.sort_indices()
            yield some, weights


def _indicator(nodes: npt.NDArray[np.int32], data: Array, n_nodes: int) -> Any:
    """CSR (m, nodes) with ``data`` at the nodes of each row."""
    starts = np.arange(0, nodes.size + 1, nodes.shape[1])
    return sparse.csr_matrix((data, nodes.ravel(), starts), shape=(len(nodes), n_nodes))


class Moments(NamedTuple):
    """Mean and standard deviation of stored values under weights, (m, q) each."""

    mean: Array
    deviation: Array


def moments_of(weights: Any, values: Array) -> Moments:
    """Return the moments of values (n, q) under CSR weights (m, n) whose rows sum to 1."""
    mean = weights @ values
    row = rows_of(weights.indptr)
    variance = np.empty_like(mean)
    for answer in range(values.shape[1]):
        # About the mean: mean squares would cancel where a leaf holds almost one value.
        squares = values[weights.indices, answer] - mean[row, answer]
        squares *= squares
        squares *= weights.data
        variance[:, answer] = np.add.reduceat(squares, weights.indptr[:-1])
    return Moments(mean, np.sqrt(variance))


def rows_of(indptr: Index) -> Index:
    """The row of each entry of a CSR matrix."""
    return np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
