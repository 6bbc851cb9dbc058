"""Compact trees of forests, which find the leaves of rows and predict means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sklearn_ebm._utils.parameters import Array

# Number of pairs of a row and a tree that are processed at the same time.
PAIRS = 65_536

# Pairs that have reached a leaf are removed every LEVELS levels, if at most the fraction GOING_ON
# of all pairs is left.
LEVELS, GOING_ON = 4, 0.8

# One node in adjacent memory, because the descent is limited by memory access.
NODE = np.dtype(
    [("threshold", np.float32), ("column", np.int32), ("left", np.int32), ("_", np.int32)]
)


class Trees(NamedTuple):
    """The splits of all trees of forests, in one array of nodes.

    The roots come first, then pairs of the two children of each split. A node takes 16 bytes, a
    quarter of its size in scikit-learn.

    Attributes
    ----------
    n_trees : int
        Number of trees.
    nodes : ndarray of NODE of shape (n_nodes,)
        Feature, threshold and left child of each node; the right child is the next node. The left
        child of a leaf is the leaf itself, with an infinite threshold. Rows must not have missing
        values. They are compared in float32, so the threshold is the largest float32 number that is
        not above the threshold in the forest.

    Examples
    --------
    One tree with the leaves {0, 1} and {10}, which are nodes 1 and 2:

    >>> from sklearn.ensemble import ExtraTreesRegressor
    >>> X = np.array([[0.0], [1.0], [10.0]])
    >>> forest = ExtraTreesRegressor(1, max_leaf_nodes=2, random_state=0).fit(X, [0, 0, 9])
    >>> Trees.of([forest]).leaves(np.array([[0.5], [11.0]])).ravel()
    array([1, 2], dtype=int32)
    """

    n_trees: int
    nodes: npt.NDArray[np.void]

    @classmethod
    def of(cls, forests: Sequence[Any]) -> Trees:
        """Return the trees of fitted forests of scikit-learn."""
        return cls._numbered(_trees_of(forests))[0]

    @classmethod
    def _numbered(cls, trees: Sequence[Any]) -> tuple[Trees, npt.NDArray[np.int32]]:
        """Return the trees, and the number of each node in the order of scikit-learn."""
        sizes = np.array([tree.node_count for tree in trees])
        roots = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        left = np.concatenate([tree.children_left for tree in trees])
        right = np.concatenate([tree.children_right for tree in trees])
        splits = np.flatnonzero(left >= 0)
        first = np.repeat(roots, sizes)[splits]
        number = np.empty(sizes.sum(), dtype=np.int32)
        number[roots] = np.arange(len(trees))
        below = len(trees) + 2 * np.arange(len(splits))
        number[left[splits] + first], number[right[splits] + first] = below, below + 1
        nodes = np.zeros(len(number), dtype=NODE)
        nodes["threshold"], nodes["left"] = np.inf, np.arange(len(number))
        exact = np.concatenate([tree.threshold for tree in trees])[splits]
        rounded = exact.astype(np.float32)
        split = number[splits]
        nodes["threshold"][split] = np.where(
            rounded > exact, np.nextafter(rounded, np.float32(-np.inf)), rounded
        )
        nodes["column"][split] = np.concatenate([tree.feature for tree in trees])[splits]
        nodes["left"][split] = below
        return cls(len(trees), nodes), number

    def leaves(self, X: Array) -> npt.NDArray[np.int32]:
        """Return the leaf of each row in each tree, (m, T)."""
        n_rows = len(X)
        rows = np.ascontiguousarray(X, dtype=np.float32)
        result = np.empty((self.n_trees, n_rows), dtype=np.int32)
        side_by_side = max(1, PAIRS // max(n_rows, 1))
        for first in range(0, self.n_trees, side_by_side):
            roots = np.arange(first, min(first + side_by_side, self.n_trees), dtype=np.int32)
            result[roots] = self._down(roots, rows)
        return np.ascontiguousarray(result.T)

    def _down(self, roots: npt.NDArray[np.int32], rows: npt.NDArray[np.float32]) -> Any:
        """Leaves of all rows in some trees, (trees, m)."""
        n_rows, n_columns = rows.shape
        node = np.repeat(roots, n_rows)
        start = np.tile(np.arange(n_rows) * n_columns, len(roots))
        found, going, values = node.copy(), np.arange(len(node)), rows.ravel()
        level = 0
        while len(node):
            at = self.nodes.take(node)
            level += 1
            if level % LEVELS == 0:
                onward = np.flatnonzero(at["left"] != node)
                if len(onward) < GOING_ON * len(node):
                    found[going] = node
                    going, start, at = going[onward], start[onward], at[onward]
            node = at["left"] + (values.take(start + at["column"]) > at["threshold"])
        return found.reshape(len(roots), n_rows)


class LeafMeans(NamedTuple):
    """Predictions of forests of regressors in a compact form.

    f(x) = 1/T Σ_t v_t(x),

    where T is the number of trees and v_t(x) the value of the leaf of x in tree t. For forests of
    equal size this is their mean prediction.

    Attributes
    ----------
    trees : Trees
        The trees of all forests.
    values : ndarray of shape (n_nodes, n_outputs)
        Values of the nodes.

    Examples
    --------
    >>> from sklearn.ensemble import ExtraTreesRegressor
    >>> X = np.array([[0.0], [1.0], [10.0]])
    >>> forest = ExtraTreesRegressor(1, max_leaf_nodes=2, random_state=0).fit(X, [0, 4, 9])
    >>> LeafMeans.of([forest]).predict(np.array([[0.5], [11.0]])).ravel()
    array([2., 9.])
    """

    trees: Trees
    values: Array

    @classmethod
    def of(cls, forests: Sequence[Any]) -> LeafMeans:
        """Return the leaves of fitted forests of regressors."""
        fitted = _trees_of(forests)
        trees, number = Trees._numbered(fitted)
        values = np.empty((len(number), fitted[0].n_outputs))
        values[number] = np.concatenate([tree.value[:, :, 0] for tree in fitted])
        return cls(trees, values)

    def predict(self, X: Array) -> Array:
        """Return f of rows (m, d), (m, q)."""
        leaves = self.trees.leaves(X)
        result = np.empty((len(X), self.values.shape[1]))
        for answer, values in enumerate(self.values.T):
            result[:, answer] = values.take(leaves).mean(axis=1)
        return result


def _trees_of(forests: Sequence[Any]) -> list[Any]:
    return [estimator.tree_ for forest in forests for estimator in forest.estimators_]
