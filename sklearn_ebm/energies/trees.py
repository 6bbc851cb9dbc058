"""Trees of a forest, with what it takes to find the leaves of rows and nothing else."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sklearn_ebm._params import Array

# Pairs of a row and a tree that go down side by side.
PAIRS = 16_384

# What stands for the column of a leaf.
LEAF = -1


class Trees(NamedTuple):
    """The splits of all trees of a forest, in nodes that are numbered through.

    A node takes 14 bytes, a fifth of what scikit-learn holds of it for learning and for reports.

    Attributes
    ----------
    roots : ndarray of int32 of shape (T,)
    column : ndarray of int16 of shape (nodes,)
        That is split; −1 for leaves.
    threshold : ndarray of float32 of shape (nodes,)
        Rows up to here go left. Rows are compared in float32, and so the largest float32 that is
        not above the threshold of the forest decides in the same way.
    left, right : ndarray of int32 of shape (nodes,)

    Examples
    --------
    One tree with the leaves {0, 1} and {10}, which are nodes 1 and 2:

    >>> from sklearn.ensemble import ExtraTreesRegressor
    >>> X = np.array([[0.0], [1.0], [10.0]])
    >>> forest = ExtraTreesRegressor(1, max_leaf_nodes=2, random_state=0).fit(X, [0, 0, 9])
    >>> Trees.of(forest).leaves(np.array([[0.5], [11.0]])).ravel()
    array([1, 2], dtype=int32)
    """

    roots: npt.NDArray[np.int32]
    column: npt.NDArray[np.int16]
    threshold: npt.NDArray[np.float32]
    left: npt.NDArray[np.int32]
    right: npt.NDArray[np.int32]

    @classmethod
    def of(cls, forest: Any) -> Trees:
        """Return the trees of a fitted forest of scikit-learn."""
        trees = [estimator.tree_ for estimator in forest.estimators_]
        sizes = np.array([tree.node_count for tree in trees])
        roots = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        exact = np.concatenate([tree.threshold for tree in trees])
        threshold = exact.astype(np.float32)
        threshold = np.where(threshold > exact, np.nextafter(threshold, -np.inf), threshold)
        first = np.repeat(roots, sizes)
        left = np.concatenate([tree.children_left for tree in trees]) + first
        right = np.concatenate([tree.children_right for tree in trees]) + first
        column = np.concatenate([tree.feature for tree in trees])
        column = np.where(column < 0, LEAF, column)
        return cls(
            roots.astype(np.int32),
            column.astype(np.int16 if column.max() < np.iinfo(np.int16).max else np.int32),
            threshold.astype(np.float32),
            left.astype(np.int32),
            right.astype(np.int32),
        )

    def leaves(self, X: Array) -> npt.NDArray[np.int32]:
        """Return the leaf of each row in each tree, (m, T)."""
        n_rows, n_trees = len(X), len(self.roots)
        rows = np.ascontiguousarray(X, dtype=np.float32)
        result = np.empty((n_trees, n_rows), dtype=np.int32)
        side_by_side = max(1, PAIRS // max(n_rows, 1))
        for first in range(0, n_trees, side_by_side):
            some = slice(first, first + side_by_side)
            result[some] = self._down(self.roots[some], rows)
        return np.ascontiguousarray(result.T)

    def _down(self, roots: npt.NDArray[np.int32], rows: npt.NDArray[np.float32]) -> Any:
        """Leaves of all rows in some trees, (trees, m)."""
        n_rows, n_columns = rows.shape
        found = np.repeat(roots, n_rows)
        going = np.arange(len(found))
        start = np.tile(np.arange(n_rows) * n_columns, len(roots))
        node, values = found.copy(), rows.ravel()
        while True:
            column = self.column[node]
            inner = np.flatnonzero(column >= 0)
            if len(inner) < len(node):
                found[going] = node
                going, start, node, column = going[inner], start[inner], node[inner], column[inner]
            if not len(node):
                return found.reshape(len(roots), n_rows)
            below = values.take(start + column) <= self.threshold.take(node)
            node = np.where(below, self.left.take(node), self.right.take(node))
