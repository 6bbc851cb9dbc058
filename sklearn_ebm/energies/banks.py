"""The contract of an energy that is learnt by counting: a bank of densities, and a prior on it."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from copy import copy
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp

from sklearn_ebm._utils.parameters import Array, Index, Params
from sklearn_ebm._utils.threads import Workers
from sklearn_ebm.energies._bank.backgrounds import Backgrounds
from sklearn_ebm.energies._bank.folds import Folds, Located, UnitRows
from sklearn_ebm.energies._bank.locations import Location
from sklearn_ebm.energies._gaussian.quadratics import Parabolas
from sklearn_ebm.energies.conditional import ConditionalEnergy

# Rounds of expectation maximisation.
ROUNDS = 300

# Rows whose elements are held at a time, before they are reduced.
ROWS_AT_A_TIME = 1_024

# After so many rounds, elements whose prior is as good as 0 are no longer counted.
ROUNDS_BETWEEN, VANISHED = 25, 1e-7

# What the last elements are called.
BACKGROUNDS = "backgrounds"

# An element with a smaller prior is left out.
LEAST_PRIOR = 1e-3


class Judgement(NamedTuple):
    """What rows that were not learnt from say of a bank.

    Attributes
    ----------
    log_density : ndarray of shape (m, B)
        Of the answer of each row under each element, in units.
    weight : ndarray of shape (m,)
    least : ndarray of shape (B,)
        What the prior of each element is at least.
    """

    log_density: Array
    weight: npt.NDArray[np.float64]
    least: Array

    def of(self, places: Index) -> Judgement:
        """What they say of some of the elements."""
        return Judgement(self.log_density[:, places], self.weight, self.least[places])

    def held_out(self, places: Index, groups: Index) -> Array:
        """log p(y | x) of each row under a prior of some elements, that of the other groups."""
        part, result = self.of(places), np.empty(len(self.weight))
        for group in np.unique(groups):
            mine = groups == group
            rest = Judgement(part.log_density[~mine], part.weight[~mine], part.least)
            log_prior, _ = rest.prior() if len(rest.weight) else part.prior()
            result[mine] = logsumexp(part.log_density[mine] + log_prior, axis=1)
        return result

    def prior(self) -> tuple[Array, Array]:
        """Return the most likely log prior, and the loss in each round."""
        log_prior, curve = most_likely_prior(self.log_density, self.weight, self.least)
        small = (np.exp(log_prior) < LEAST_PRIOR) & (self.least == 0)
        if small.any() and not small.all():
            kept = np.flatnonzero(~small)
            log_prior[small] = -np.inf
            log_prior[kept], curve = most_likely_prior(
                self.log_density[:, kept], self.weight, self.least[kept]
            )
        return log_prior, curve

    def loss(self, places: Index) -> float:
        """Mean −log p(y | x) of the rows under the most likely prior of some elements."""
        return float(self.of(places).prior()[1][-1])


class BankEnergy(ConditionalEnergy):
    r"""G(x, y, (b, z)) = −log ρ_b − log p_b(y, z | x): a bank of normalised densities.

    .. code-block:: none

        F(x, y) = −log Σ_b ρ_b Σ_z p_b(y, z | x)

    Each element b of the bank is a mixture of Gaussians of its own, counted from the rows. What is
    learnt by the likelihood is the prior ρ, from densities of rows that were left out. The last
    elements are backgrounds: Gaussians about the mean of all answers, whose prior never vanishes.

    Attributes
    ----------
    base : None, "auto", regressor, or list of them
        What says where the answers are expected. None is for an energy that needs no location.
        "auto" is a location with the regressors that suit the rows, the same for all members of a
        blend.
    location : Location or None
        As it was learnt; members of a blend are handed what that of the blend says.
    backgrounds : Backgrounds or None
        As they were learnt; members of a blend have none of their own.
    spoken : ndarray of int or None
        Numbers of the elements that it still gives; None for all.
    judgement : Judgement or None
        What rows that were not learnt from said of its elements.
    floor : ndarray of shape (q,) or None
        The least scale of each answer, in units.
    selective : bool
        Whether `elements` leaves out by itself what it no longer `speaks` for.
    companion : bool
        Whether the location of a blend listens to its `opinion`, besides those of regressors.
    out_of_fold : tuple of ndarray or None
        That opinion of the rows that are learnt from, while a blend is learnt.
    """

    normalized = True
    threads = True
    examples: ClassVar[tuple[dict[str, Any], ...]] = ({},)
    settled: ClassVar[tuple[str, ...]] = (
        "units", "location", "backgrounds", "judgement", "spoken", "floor",
    )  # fmt: skip
    selective: ClassVar[bool] = False
    companion: ClassVar[bool] = False
    out_of_fold: tuple[Array, Array] | None = None
    base: Any = None
    location: Location | None = None
    backgrounds: Backgrounds | None = None
    judgement: Judgement | None = None
    spoken: Index | None = None
    floor: Array | None = None

    @property
    def narrowest(self) -> Array:
        """The least scale of each answer, in units, (q,)."""
        floor: Array = self._settled("floor")
        return floor

    @property
    def least_log_density(self) -> float:
        """What log p(y | x) is at least, in nats, for answers that the backgrounds reach.

        Of transformed answers, where the regressor has a ``y_transform_``.
        """
        least = self._settled("backgrounds").least_log_density - self._settled("units").log_unit
        return float(least)

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
        """Return the densities of the bank, each with ∫ Σ_z exp(−G) dy = 1, for rows in units.

        Where ``selective``, only those that it `speaks` for, by rising numbers.
        """

    def spoken_elements(self, X: Array, location: Located | None) -> list[Parabolas]:
        """`elements` that have a prior."""
        every = self.elements(X, location)
        if self.spoken is None or self.selective:
            return every
        return [every[element] for element in self.spoken]

    def speaks(self, element: int) -> bool:
        """Whether it still gives an element."""
        return self.spoken is None or element in self.spoken

    def needed(self, log_prior: Array) -> Index:
        """Places of the elements and backgrounds that have to stay: those with a prior."""
        return np.flatnonzero(np.isfinite(log_prior))

    def restricted(self, places: Index) -> Self:
        """Return a copy that gives some of its elements only, by their places among them."""
        other = copy(self)
        other.spoken = places if self.spoken is None else self.spoken[places]
        return other

    def opinion(self, X: Array) -> tuple[Array, Array]:
        """Mean and deviation of rows in units, (n, q) each, of a companion."""
        raise NotImplementedError

    def learnt_alone(
        self, rows: UnitRows, folds: Folds, floor: Array, rng: np.random.RandomState
    ) -> tuple[Self, list[Parabolas]]:
        """`learnt`, with a location of its own where it needs one."""
        if self.base is None:
            return self.learnt(rows, folds, None, floor, rng)
        location, located = Location(self.base).learnt(rows, folds, rng)
        other, elements = self.learnt(rows, folds, located, floor, rng)
        other.location = location
        return other, elements

    def elements_alone(self, X: Array) -> list[Parabolas]:
        """`elements`, with what its own location says."""
        return self.spoken_elements(X, None if self.location is None else self.location(X))

    @property
    def labels_(self) -> list[tuple[str, int]]:
        """What each entry of the prior belongs to; the backgrounds come last."""
        spoken, backgrounds = self._settled("spoken"), self._settled("backgrounds")
        name = re.sub(r"(?<!^)(?=[A-Z])", "_", type(self).__name__).lower()
        labels = [(name, int(element)) for element in spoken]
        return labels + [(BACKGROUNDS, b) for b in range(len(backgrounds.widths))]

    def speakers(self, params: Params, X: Any) -> Iterator[tuple[tuple[str, int], Parabolas]]:
        """Each element of the bank with its prior, and the backgrounds."""
        assert self.backgrounds is not None
        rows = self.represented(X)
        elements = [*self.elements_alone(rows), *self.backgrounds.elements(len(rows))]
        for label, element, prior in zip(self.labels_, elements, params["log_prior"], strict=True):
            yield label, element._replace(levels=element.levels - prior)

    def known(self, params: Params, X: Any) -> Parabolas:
        """All elements, with the prior ``params["log_prior"]``, as one mixture of each row.

        Mixtures of a scalar are reduced to a few hundred components; how little that changes is
        said in `sklearn_ebm.distributions.reduced`.
        """
        rows, log_prior = self.represented(X), params["log_prior"]
        starts = range(0, max(len(rows), 1), ROWS_AT_A_TIME)

        def block(start: int) -> Parabolas:
            return self._known_block(log_prior, rows[start : start + ROWS_AT_A_TIME])

        with Workers() as workers:
            return Parabolas.stacked(list(workers.map(block, starts)))

    def _known_block(self, log_prior: Array, rows: Array) -> Parabolas:
        assert self.backgrounds is not None
        elements = [*self.elements_alone(rows), *self.backgrounds.elements(len(rows))]
        return Parabolas.joined(elements, log_prior).reduced()


def most_likely_prior(
    log_density: Array,
    weight: npt.NDArray[np.float64],
    least: Array,
    rounds: int = ROUNDS,
    counted: Array | float = 0.0,
) -> tuple[Array, Array]:
    """Return log ρ of a bank, by expectation maximisation on rows that were not learnt from.

    Parameters
    ----------
    log_density : ndarray of shape (m, B)
        log p_b(y | x) of each row.
    weight : ndarray of shape (m,)
    least : ndarray of shape (B,)
        What no prior goes below.
    rounds : int
    counted : ndarray of shape (B,), default=0.0
        Rows that speak for each element before any is seen.

    Returns
    -------
    log_prior : ndarray of shape (B,)
    curve : ndarray of shape (rounds,)
        Mean negative log-likelihood before each round, in nats.

    Examples
    --------
    Three of four rows are likelier under the first of two. The slope of Σ log Σ_b ρ_b p_b is 0
    where 3/(1 + ρ₁) = 3/(4 − 3ρ₁), at ρ₁ = ¾:

    >>> log_density = np.log([[0.4, 0.2], [0.4, 0.2], [0.4, 0.2], [0.1, 0.4]])
    >>> log_prior, _ = most_likely_prior(log_density, np.ones(4), np.zeros(2))
    >>> np.exp(log_prior).round(4)
    array([0.75, 0.25])
    """
    # A row that is beyond all elements speaks for none of them.
    log_density = np.maximum(log_density, np.finfo(np.float64).min)
    highest = log_density.max(axis=1)
    likelihood = np.exp(log_density - highest[:, None]) + np.finfo(np.float64).tiny
    before = np.broadcast_to(counted, log_density.shape[1]) / weight.sum()
    weight = weight / weight.sum()
    active = np.arange(log_density.shape[1])
    prior, curve = np.full(len(active), 1 / len(active)), np.empty(rounds)
    for step in range(rounds):
        if step % ROUNDS_BETWEEN == ROUNDS_BETWEEN - 1:
            alive = (prior > VANISHED) | (least[active] > 0) | (before[active] > 0)
            active, prior, likelihood = active[alive], prior[alive], likelihood[:, alive]
        total = likelihood @ prior
        curve[step] = -float(weight @ (np.log(total) + highest))
        prior = prior * ((weight / total) @ likelihood) + before[active]
        prior /= prior.sum()
    every = np.zeros(log_density.shape[1])
    every[active] = prior
    every = np.maximum(every, least)
    with np.errstate(divide="ignore"):
        return np.log(every / every.sum()), curve


def bank_of(elements: Sequence[Parabolas], y: Array) -> Array:
    """log p_b(y | x) of one answer of each row under each element, (m, B)."""
    return np.column_stack([element.log_prob(y) for element in elements])
