"""Codebooks that follow the outputs of an encoder."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.cluster import kmeans_plusplus

from sklearn_ebm._utils.parameters import Array, Index

# Share of the running means that a mini-batch replaces, and the fraction of its fair share below
# which a code is moved to a sample.
FOLLOWING, DEAD = 0.03, 0.05

# Samples from which the codes start, and iterations of K-means at the end of learning.
STARTING, SETTLING_STEPS = 4_096, 3


def nearest(X: Array, vectors: Array) -> tuple[Index, Array]:
    """Number of the nearest vector of each sample, and all energies ½‖x − c‖², (n, n_codes)."""
    origin = vectors.mean(axis=0)  # small differences remain differences of small squares
    X, vectors = X - origin, vectors - origin
    squares = np.einsum("nd,nd->n", X, X)[:, None] + np.einsum("kd,kd->k", vectors, vectors)
    energies = np.maximum(0.5 * squares - X @ vectors.T, 0)
    return energies.argmin(axis=1), energies


def means_of_codes(X: Array, label: Index, weight: Array, n_codes: int) -> tuple[Array, Array]:
    """Total weight of the samples of each code, and their means; zero if there are none."""
    total = np.bincount(label, weight, n_codes).astype(np.float64)
    sums = np.stack([np.bincount(label, weight * column, n_codes) for column in X.T], axis=1)
    means: Array = sums / np.where(total > 0, total, 1)[:, None]
    return total, means


def whole_codes(codes: Array, n_codes: Any) -> Index:
    """Return numbers of codes as integers; raise ValueError for other values.

    `n_codes` is one number, or one for each column.
    """
    whole = codes.astype(np.intp)
    if (whole != codes).any() or (whole < 0).any() or (whole >= n_codes).any():
        raise ValueError(f"codes must be whole numbers from 0 to {np.max(n_codes) - 1}.")
    return whole


class Codebooks:
    """Vectors for each group of components, as running means of the outputs that they stand for.

    Parameters
    ----------
    n_codes : int
        Number of vectors of each group.
    groups : list of ndarray of int
        Components of each group.
    rng : RandomState
        Source of the samples that replace unused codes.

    Attributes
    ----------
    vectors : list of ndarray of shape (n_codes, n_components of the group)
        The codes.
    share : list of ndarray of shape (n_codes,)
        Running mean of the fraction of the samples that have each code.
    """

    def __init__(self, n_codes: int, groups: list[Index], rng: np.random.RandomState) -> None:
        self.n_codes = n_codes
        self.groups = groups
        self.rng = rng
        self.vectors: list[Array] = []
        self.share: list[Array] = []

    def begin(self, outputs: Array, weight: Array) -> None:
        """Place the codes on outputs that are far from each other."""
        for group in self.groups:
            some, first = np.unique(outputs[:, group].astype(np.float64), axis=0, return_index=True)
            vectors = np.resize(some, (self.n_codes, len(group)))
            if len(some) > self.n_codes:
                vectors = kmeans_plusplus(
                    some, self.n_codes, sample_weight=weight[first], random_state=self.rng
                )[0]
            self.vectors.append(vectors)
            self.share.append(np.full(self.n_codes, 1 / self.n_codes))

    def coded(self, outputs: Array) -> Index:
        """Numbers of the nearest codes, (n, n_groups)."""
        pairs = zip(self.groups, self.vectors, strict=True)
        return np.stack(
            [nearest(outputs[:, group], own.astype(outputs.dtype))[0] for group, own in pairs],
            axis=1,
        )

    def decoded(self, codes: Index, dtype: object) -> Array:
        """Vectors of the codes, side by side."""
        result = np.empty((len(codes), sum(map(len, self.groups))), dtype=dtype)  # type: ignore[call-overload]
        for group, own, column in zip(self.groups, self.vectors, codes.T, strict=True):
            result[:, group] = own[column]
        return result

    def follow(self, outputs: Array, codes: Index, weight: Array) -> None:
        """Move the codes towards the means of their samples; unused codes to samples."""
        chance = weight / weight.sum()
        for place, (group, column) in enumerate(zip(self.groups, codes.T, strict=True)):
            share, means = means_of_codes(outputs[:, group], column, chance, self.n_codes)
            vectors, before = self.vectors[place], self.share[place]
            total = (1 - FOLLOWING) * before + FOLLOWING * share
            pull = (FOLLOWING * share / np.maximum(total, 1e-12))[:, None]
            vectors += pull * (means - vectors)
            unused = np.flatnonzero(total < DEAD / self.n_codes)[: np.count_nonzero(chance)]
            drawn = self.rng.choice(len(outputs), len(unused), replace=False, p=chance)
            vectors[unused] = outputs[drawn][:, group]
            total[unused] = 1 / self.n_codes
            self.share[place] = total

    def settle(self, outputs: Array, weight: Array) -> None:
        """Move the codes to the means of their samples, by a few steps of K-means."""
        chance = weight / weight.sum()
        for _ in range(SETTLING_STEPS):
            codes = self.coded(outputs)
            for place, (group, column) in enumerate(zip(self.groups, codes.T, strict=True)):
                share, means = means_of_codes(outputs[:, group], column, chance, self.n_codes)
                self.vectors[place][share > 0] = means[share > 0]
