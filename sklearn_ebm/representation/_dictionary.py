"""Dictionaries: where their atoms start, and how codes improve them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm._utils.registry import unknown_name

STARTS = ("data", "svd")

# Atoms whose cosine is above this number count as equal; residuals below this fraction of the
# largest entry as zero.
SAME_DIRECTION, SMALLEST_RESIDUAL = 1 - 1e-8, 1e-6

# Atoms whose gradients are one product.
ATOMS_TOGETHER = 32


def unit_rows(atoms: Array, rng: np.random.RandomState) -> Array:
    """Scale atoms to norm 1; atoms of norm 0 become random directions.

    Examples
    --------
    >>> unit_rows(np.array([[3.0, 4.0]]), np.random.RandomState(0))
    array([[0.6, 0.8]])
    """
    atoms = np.array(atoms, dtype=np.float64)
    largest = np.abs(atoms).max(axis=1, keepdims=True)
    empty = largest[:, 0] == 0
    atoms[empty] = rng.normal(size=(int(empty.sum()), atoms.shape[1]))
    atoms /= np.where(empty[:, None], 1.0, largest)  # squares of large numbers would overflow
    result: Array = atoms / np.linalg.norm(atoms, axis=1, keepdims=True)
    return result


def first_dictionary(
    start: Any,
    X: Array,
    weight: npt.NDArray[np.float64],
    n_components: int,
    rng: np.random.RandomState,
) -> Array:
    """Return the first atoms, of norm 1: samples, singular vectors, or an array.

    Samples are drawn without replacement, with their weights as probabilities. Singular vectors are
    completed by samples, and samples by random directions, if there are fewer than atoms.
    """
    if not isinstance(start, str):
        given = np.asarray(start, dtype=np.float64)
        if given.shape != (n_components, X.shape[1]) or not np.isfinite(given).all():
            raise ValueError(
                f"dictionary of shape {given.shape} must hold n_components={n_components} finite "
                f"atoms with n_features={X.shape[1]} entries each."
            )
        return unit_rows(given, rng)
    if start not in STARTS:
        raise ValueError(unknown_name("dictionary", start, STARTS))
    rows = np.flatnonzero(weight > 0)
    atoms = np.zeros((n_components, X.shape[1]))
    n_found = 0
    if start == "svd":
        root = np.sqrt(weight[rows] / weight.max())[:, None]
        vectors = np.linalg.svd(root * X[rows], full_matrices=False)[2][:n_components]
        n_found = len(vectors)
        atoms[:n_found] = vectors
    chance = weight[rows] / weight.max()
    chance /= chance.sum()
    n_drawn = min(n_components - n_found, int(np.count_nonzero(chance)))
    drawn = rng.choice(rows, n_drawn, replace=False, p=chance)
    atoms[n_found : n_found + n_drawn] = X[drawn]
    return unit_rows(atoms, rng)


def improved_dictionary(
    dictionary: Array, products: Array, targets: Array, *, positive: bool
) -> Array:
    """One sweep over the atoms, each at its optimum for the others, within the unit ball.

    Parameters
    ----------
    dictionary : ndarray of shape (n_components, n_features)
        D; the atoms are its rows.
    products : ndarray of shape (n_components, n_components)
        A = Σᵢ wᵢ zᵢ zᵢᵀ.
    targets : ndarray of shape (n_components, n_features)
        B = Σᵢ wᵢ zᵢ xᵢᵀ.
    positive : bool
        Whether atoms have no negative entries.

    Examples
    --------
    One atom and one sample x = (0, 2) with the code 1: the best atom is x, of norm at most 1:

    >>> improved_dictionary(
    ...     np.array([[1.0, 0.0]]),
    ...     np.array([[1.0]]),
    ...     np.array([[0.0, 2.0]]),
    ...     positive=False,
    ... )
    array([[0., 1.]])
    """
    atoms, curvatures = dictionary.copy(), np.diagonal(products)
    for first in range(0, len(atoms), ATOMS_TOGETHER):
        block = slice(first, first + ATOMS_TOGETHER)
        # Gradients of all atoms of a block at once, then corrected by what changed in the block.
        gradients = targets[block] - products[block] @ atoms
        changes = np.zeros_like(gradients)
        for place, gradient in enumerate(gradients):
            number = first + place
            if not curvatures[number] > 0:
                continue
            gradient = gradient - products[number, first:number] @ changes[:place]
            atom = atoms[number] + gradient / curvatures[number]
            if positive:
                np.maximum(atom, 0.0, out=atom)
            atom /= max(float(np.linalg.norm(atom)), 1.0)
            changes[place] = atom - atoms[number]
            atoms[number] = atom
    return atoms


def repeated(atoms: Array, *, positive: bool) -> npt.NDArray[np.bool_]:
    """Whether an atom has the direction of one before; of codes with signs, or the opposite one."""
    size = np.linalg.norm(atoms, axis=1, keepdims=True)
    unit = atoms / np.where(size > 0, size, 1)
    cosines = unit @ unit.T
    same = (cosines if positive else np.abs(cosines)) > SAME_DIRECTION
    return np.asarray(np.triu(same, 1).any(axis=0))


def unexplained(
    residual: Array, count: int, rng: np.random.RandomState, *, positive: bool
) -> Array:
    """Directions of the largest residuals, each without those before, then random ones."""
    atoms: Array = np.zeros((count, residual.shape[1]))
    largest = float(np.abs(residual).max(initial=0.0))
    residual = residual / (largest or 1.0)
    for atom in atoms:
        squares = np.einsum("nd,nd->n", residual, residual)
        worst = residual[squares.argmax()]
        if positive:
            worst = np.maximum(worst, 0)
        size = float(np.linalg.norm(worst))
        if not size > SMALLEST_RESIDUAL:
            break
        atom[:] = worst / size
        residual = residual - (residual @ atom)[:, None] * atom
    atoms = unit_rows(atoms, rng)
    return unit_rows(np.maximum(atoms, 0), rng) if positive else atoms
