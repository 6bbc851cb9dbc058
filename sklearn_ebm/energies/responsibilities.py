"""Prior and posterior responsibilities of latent values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp, softmax

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm.energies._gaussian.quadratics import Quadratics


class Responsibilities(NamedTuple):
    """Responsibilities of the latent values for each sample.

    Attributes
    ----------
    labels : tuple of (str, int)
        Label of each column: name and element of an energy, or ensemble member and latent value.
        The same number in different members has no common meaning.
    shares : ndarray of shape (n_samples, n_labels)
        Responsibilities, with the sum 1 for each sample.

    Examples
    --------
    >>> import numpy as np
    >>> shares = np.array([[0.5, 0.25, 0.25]])
    >>> labels = (("memory", 0), ("memory", 1), ("backgrounds", 0))
    >>> Responsibilities(labels, shares).by_name()
    Responsibilities(labels=(('memory', 0), ('backgrounds', 0)),
                     shares=array([[0.75, 0.25]]))
    """

    labels: tuple[tuple[str, int], ...]
    shares: Array

    def by_name(self) -> Responsibilities:
        """Sum the columns whose labels have the same name, and keep their order."""
        names = list(dict.fromkeys(name for name, _ in self.labels))
        place = np.array([names.index(name) for name, _ in self.labels])
        sums = self.shares @ (place[:, None] == np.arange(len(names)))
        return Responsibilities(tuple((name, 0) for name in names), sums)

    def of(self, name: str) -> Responsibilities:
        """Select the columns with a name, and normalise them to the sum 1.

        Parameters
        ----------
        name : str
            Name in the labels.

        Returns
        -------
        Responsibilities
            The selected columns.

        Raises
        ------
        ValueError
            If no label has this name.
        """
        mine = [column for column, label in enumerate(self.labels) if label[0] == name]
        if not mine:
            known = ", ".join(dict.fromkeys(label for label, _ in self.labels))
            raise ValueError(f"There is no latent value of {name!r}; known: {known}.")
        some = self.shares[:, mine]
        total = some.sum(axis=1, keepdims=True)
        # If all are zero, they are taken as equal.
        shares = np.divide(some, total, out=np.full(some.shape, 1 / len(mine)), where=total > 0)
        return Responsibilities(tuple(self.labels[column] for column in mine), shares)


def prior_shares(groups: Sequence[Quadratics], beta: float) -> Array:
    """P(group | x), (n, k): ∫ Σ_{z in group} exp(−βG) dy, normalised over the groups."""
    return softmax(np.column_stack([_log_mass(group, beta) for group in groups]), axis=1)


def _log_mass(group: Quadratics, beta: float) -> Array:
    """log Σ_z ∫ exp(−βG) dy of each sample, up to a constant that is the same for all groups."""
    diagonals = np.diagonal(group.factors, axis1=-2, axis2=-1)
    mass: Array = logsumexp(np.log(diagonals).sum(axis=-1) - beta * group.levels, axis=1)
    return mass


def posterior_shares(
    groups: Sequence[Quadratics], answers: Array, beta: float, *, minimum: bool
) -> Array:
    """P(group | x, y) for answers (n, m, q): dF/dG, summed over each group, (n, m, k)."""
    if minimum:
        lowest = np.stack([group.energies(answers).min(axis=-1) for group in groups], axis=-1)
        best = lowest == lowest.min(axis=-1, keepdims=True)
        shares: Array = best / best.sum(axis=-1, keepdims=True)
        return shares
    heights = [logsumexp(-beta * group.energies(answers), axis=-1) for group in groups]
    shares = softmax(np.stack(heights, axis=-1), axis=-1)
    return shares
