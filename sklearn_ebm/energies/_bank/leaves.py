"""Weights of stored rows for new rows, from common leaves of trees."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import sparse

from sklearn_ebm._utils.parameters import Array, Index
from sklearn_ebm.energies._bank.trees import Trees

# Approximate number of pairs of rows with a common leaf in a block of weights.
BLOCK_PAIRS = 2_000_000


class ForestWeights(NamedTuple):
    r"""Weights of stored rows in the prediction of a forest.

    w_i(x) = 1/T Σ_t v_i [row i is in the leaf of x in tree t] / (sum of v in this leaf),

    where T is the number of trees and v are sample weights. One number is stored for each row and
    tree, so memory and time are linear in rows times trees.

    Attributes
    ----------
    trees : Trees
        Trees that find the leaves of rows.
    shares : CSR of shape (n_nodes, n_samples)
        v_i divided by the sum of the leaf and by T; empty for nodes that are not leaves.

    References
    ----------
    Lin, Jeon, "Random forests and adaptive nearest neighbors", Journal of the American Statistical
    Association 101 (2006) 578-590. :doi:`10.1198/016214505000001230`

    Meinshausen, "Quantile regression forests", Journal of Machine Learning Research 7 (2006)
    983-999.

    Examples
    --------
    One tree with the leaves {0, 1} and {10}; the weights of rows 0 and 1 are proportional to v:

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
        """Store the leaves of rows, which may differ from the training rows of the forest.

        Parameters
        ----------
        forest : fitted forest of scikit-learn
            The forest.
        X : ndarray of shape (n_samples, n_features)
            Rows to be stored.
        weight : ndarray of shape (n_samples,)
            Their sample weights.
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
        """Number of trees."""
        return self.trees.n_trees

    @property
    def pairs_per_row(self) -> float:
        """Mean number of stored rows in the leaves of a stored row, summed over the trees."""
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
        # Squared differences from the mean do not cancel if values are almost equal.
        squares = values[weights.indices, answer] - mean[row, answer]
        squares *= squares
        squares *= weights.data
        variance[:, answer] = np.add.reduceat(squares, weights.indptr[:-1])
    return Moments(mean, np.sqrt(variance))


def rows_of(indptr: Index) -> Index:
    """The row of each entry of a CSR matrix."""
    return np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
