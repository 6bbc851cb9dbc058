"""The contract of an energy that is learnt by counting: a bank of densities, and a prior on it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from sklearn_ebm._params import Array, Index, Params
from sklearn_ebm.energies.conditional import ConditionalEnergy
from sklearn_ebm.energies.laws import Parabolas

ROUNDS = 300


class UnitRows(NamedTuple):
    """Rows to learn from, columns and answers in units.

    Attributes
    ----------
    X : ndarray of shape (n, d)
    y : ndarray of shape (n, q)
    weight : ndarray of shape (n,)
        Of mean 1.
    """

    X: Array
    y: Array
    weight: npt.NDArray[np.float64]

    def take(self, rows: Index) -> UnitRows:
        """Return some of the rows."""
        return UnitRows(self.X[rows], self.y[rows], self.weight[rows])


class Folds(NamedTuple):
    """Which rows are left out together, and which of them judge.

    Attributes
    ----------
    of_row : ndarray of int of shape (n,)
        The fold of each row, from 0 on. Rows with equal columns share one.
    judged : ndarray of int of shape (m,)
        Rows whose out-of-fold densities choose the prior; sorted.
    """

    of_row: Index
    judged: Index

    @property
    def n_folds(self) -> int:
        """How many folds there are."""
        return int(self.of_row.max()) + 1

    def judging(self) -> list[tuple[Index, Index, Index]]:
        """For each fold with judges: its judges, their places in `judged`, and the other folds."""
        of_judge = self.of_row[self.judged]
        return [
            (
                self.judged[of_judge == fold],
                np.flatnonzero(of_judge == fold),
                np.flatnonzero(self.of_row != fold),
            )
            for fold in np.unique(of_judge)
        ]


class Located(NamedTuple):
    """What a location says of rows.

    Attributes
    ----------
    mean : ndarray of shape (n, q)
        Where the answers are expected, in units.
    features : ndarray of shape (n, e)
        What else it knows, as further columns: what each regressor says, how far they are apart.
    centres, deviations : ndarray of shape (n, k, q) or None
        Mean and deviation of regressors that say how sure they are; None where none does.
    """

    mean: Array
    features: Array
    centres: Array | None = None
    deviations: Array | None = None

    def take(self, rows: Any) -> Located:
        """Return some of the rows."""
        if self.centres is None or self.deviations is None:
            return Located(self.mean[rows], self.features[rows])
        parts = self.mean, self.features, self.centres, self.deviations
        return Located(*(part[rows] for part in parts))


class BankEnergy(ConditionalEnergy):
    r"""G(x, y, (b, z)) = −log ρ_b − log p_b(y, z | x): a bank of normalised densities.

    .. code-block:: none

        F(x, y) = −log Σ_b ρ_b Σ_z p_b(y, z | x)

    Each element b of the bank is a mixture of Gaussians of its own, counted from the rows. What is
    learnt by the likelihood is the prior ρ, from densities of rows that were left out.

    Attributes
    ----------
    base : None, "auto", regressor, or list of them
        What says where the answers are expected. None is for an energy that needs no location.
        "auto" is a location with the regressors that suit the rows, the same for all members of a
        blend.
    location : Location or None
        As it was learnt; members of a blend are handed what that of the blend says.
    """

    normalized = True
    examples: ClassVar[tuple[dict[str, Any], ...]] = ({},)
    settled: ClassVar[tuple[str, ...]] = ("units", "location", "floor")
    base: Any = None
    location: Any = None
    floor: Array | None = None

    @property
    def narrowest(self) -> Array:
        """The least scale of each answer, in units, (q,)."""
        assert self.floor is not None
        return self.floor

    def known(self, params: Params, X: Any) -> Parabolas:
        """All elements, with the prior ``params["log_prior"]``, as one mixture of each row."""
        rows = self.represented(X)
        located = None if self.location is None else self.location(rows)
        return Parabolas.joined(self.elements(rows, located), params["log_prior"])

    def validate(self) -> None:
        """Raise ValueError if a setting cannot be used; the message says what to do."""

    @abstractmethod
    def learnt(
        self,
        rows: UnitRows,
        folds: Folds,
        location: Located | None,
        floor: Array,
        rng: np.random.RandomState,
    ) -> tuple[Self, list[Parabolas]]:
        """Return a copy that knows the rows, and out-of-fold elements of ``folds.judged``.

        Parameters
        ----------
        rows : UnitRows
        folds : Folds
        location : Located or None
            Out of fold, of all rows.
        floor : ndarray of shape (q,)
            The least scale of each answer, in units.
        rng : RandomState

        Returns
        -------
        learnt : BankEnergy
        elements : list of Parabolas
            One for each element of the bank, of ``len(folds.judged)`` rows.
        """

    @abstractmethod
    def elements(self, X: Array, location: Located | None) -> list[Parabolas]:
        """Return the densities of the bank, each with ∫ Σ_z exp(−G) dy = 1, for rows in units."""


def most_likely_prior(
    log_density: Array,
    weight: npt.NDArray[np.float64],
    counted: Array,
    least: Array,
    rounds: int = ROUNDS,
) -> Array:
    """Return log ρ of a bank, by expectation maximisation on rows that were not learnt from.

    Parameters
    ----------
    log_density : ndarray of shape (m, B)
        log p_b(y | x) of each row.
    weight : ndarray of shape (m,)
    counted : ndarray of shape (B,)
        Rows that speak for each element before any is seen.
    least : ndarray of shape (B,)
        What no prior goes below.
    rounds : int

    Examples
    --------
    Three of four rows are likelier under the first of two. The slope of Σ log Σ_b ρ_b p_b is 0
    where 3/(1 + ρ₁) = 3/(4 − 3ρ₁), at ρ₁ = ¾:

    >>> log_density = np.log([[0.4, 0.2], [0.4, 0.2], [0.4, 0.2], [0.1, 0.4]])
    >>> prior = most_likely_prior(log_density, np.ones(4), np.zeros(2), np.zeros(2))
    >>> np.exp(prior).round(4)
    array([0.75, 0.25])
    """
    # A row that is beyond all elements speaks for none of them.
    log_density = np.maximum(log_density, np.finfo(np.float64).min)
    highest = log_density.max(axis=1, keepdims=True)
    likelihood = np.exp(log_density - highest) + np.finfo(np.float64).tiny
    prior = np.full(log_density.shape[1], 1 / log_density.shape[1])
    for _ in range(rounds):
        share = likelihood * prior
        prior = (weight / share.sum(axis=1)) @ share + counted
        prior /= prior.sum()
    prior = np.maximum(prior, least)
    log_prior: Array = np.log(prior / prior.sum() + np.finfo(np.float64).tiny)
    return log_prior


def bank_of(elements: Sequence[Parabolas], y: Array) -> Array:
    """log p_b(y | x) of one answer of each row under each element, (m, B)."""
    return np.column_stack([element.log_prob(y) for element in elements])
