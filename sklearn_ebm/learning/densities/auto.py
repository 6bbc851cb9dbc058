"""The choice of ``energy="auto"``: suitable energies, time budget, and comparison."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from sklearn_ebm._utils.parameters import Index
from sklearn_ebm.energies import Blend, Experts, LocationScale, Memory
from sklearn_ebm.energies._bank.folds import FitProgress
from sklearn_ebm.energies._bank.prior import HeldOutDensities
from sklearn_ebm.energies.auto_report import AutoReport
from sklearn_ebm.energies.conditional import ConditionalEnergy

# Smallest advantage of a blend over its best member, in nats, for which it is chosen.
WORTH = 0.005

# A member is removed from the blend if this changes the loss by at most this number, in nats.
WORTHLESS = 0.002


# Name of the location, and the members that need it.
LOCATION = "location"
LOCATED = ("located_memory", "residual_memory", "location_scale")

# Approximate time of each on two cores, in seconds: a constant, and a factor of the rows.
COSTS: dict[str, tuple[float, float]] = {
    "memory": (1.0, 2e-4),
    "experts": (6.0, 1e-3),
    "location": (5.0, 1e-3),
    "located_memory": (1.0, 3e-4),
    "residual_memory": (1.0, 3e-4),
    "location_scale": (0.5, 1e-4),
}


# Members whose learning may be stopped early, and the fraction of their time that is worthwhile.
CUT_SHORT = {"experts": 0.5}


class TimeBudget(FitProgress):
    """Selects the cheapest member next, and skips members that would exceed the time budget.

    Times are estimated from those of members that are learned already.

    Parameters
    ----------
    seconds : float or None
        Time budget, in seconds; None is unlimited.
    n_rows : int
        Number of rows.
    inner : FitProgress
        Callbacks that are called as well.

    Attributes
    ----------
    skipped : dict of str to str
        Skipped members, with the reason.
    """

    def __init__(self, seconds: float | None, n_rows: int, inner: FitProgress) -> None:
        self.seconds, self.inner = seconds, inner
        self.n_rows = n_rows
        self.began = time.perf_counter()
        self.skipped: dict[str, str] = {}
        self.taken: dict[str, float] = {}

    @property
    def elapsed(self) -> float:
        """Seconds since learning began."""
        return time.perf_counter() - self.began

    def stops(self, _: object = None) -> bool | str:
        """Reason for the end of learning by gradients; False while there is time."""
        over = self.seconds is not None and self.elapsed > self.seconds
        return "the time_budget is used up" if over else False

    def next_of(self, members: Sequence[str]) -> int:
        """Return the cheapest member if time is limited; the first if a cost is not known."""
        if self.seconds is None or not all(name in COSTS for name in members):
            return 0
        return int(np.argmin([self._typical(name) for name in members]))

    def skips(self, member: str) -> bool:
        """Whether a member would take too long; the first member is never skipped."""
        if self.seconds is not None and self.taken and member in COSTS:
            left, needed = self.seconds - self.elapsed, self._needed(member)
            if needed * CUT_SHORT.get(member, 1.0) > left:
                why = f"it would take about {needed:.1f} s, and {max(left, 0):.1f} s are left"
                self.skipped[member] = why
                return True
        return self.inner.skips(member)

    def _needed(self, member: str) -> float:
        """Estimated time of a member in seconds, from those of other members."""
        pace = sum(self.taken.values()) / sum(self._cost(name) for name in self.taken)
        return pace * self._typical(member)

    def _typical(self, member: str) -> float:
        """Typical time of a member, including the location if it is needed first."""
        waits = LOCATION not in self.taken and member in LOCATED
        return self._cost(member) + (self._cost(LOCATION) if waits else 0.0)

    def _cost(self, name: str) -> float:
        base, each = COSTS[name]
        return base + each * self.n_rows

    def ended(self, what: str) -> bool:
        """Store the time of a member, and call the inner callback."""
        if what in COSTS:
            self.taken[what] = self.elapsed - sum(self.taken.values())
        return self.inner.ended(what)


def suitable_members(
    n_outputs: int, n_latents: int | None, *, levels: bool = False
) -> list[tuple[str, ConditionalEnergy]]:
    """Return the members of a blend with ``members="auto"``, in the order of learning.

    Parameters
    ----------
    n_outputs : int
        Number of outputs.
    n_latents : int or None
        Number of experts; None is the default of `Experts`.
    levels : bool
        Whether the rows are levels. No memory then uses a location: out-of-fold predictions for
        equal rows in different folds differ only by their answers, which trees would exploit.

    Returns
    -------
    list of (str, ConditionalEnergy)
        Names and energies.
    """
    experts = Experts(covariance="full" if n_outputs > 1 else "diagonal")
    if n_latents is not None:
        experts.n_latents = n_latents
    located = [
        ("located_memory", Memory(base="auto", values="answers")),
        ("residual_memory", Memory(base="auto")),
    ]
    return [
        ("experts", experts),
        ("memory", Memory()),
        *([] if levels else located),
        ("location_scale", LocationScale()),
    ]


def needed(blend: Blend, held_out_densities: HeldOutDensities) -> Index:
    """Positions of the elements of useful members of a blend, and of the backgrounds.

    The member whose removal increases the loss of the validation rows least is removed, repeatedly,
    as long as the increase is at most `WORTHLESS`.
    """
    members = [name for name, _ in blend.members_]

    def places(kept: Sequence[str]) -> Index:
        return np.unique(np.concatenate([blend._places_of(name) for name in kept]))

    loss = held_out_densities.loss(places(members))
    while len(members) > 1:
        without = {
            name: held_out_densities.loss(places([other for other in members if other != name]))
            for name in members
        }
        least = min(without, key=lambda name: without[name])
        if without[least] - loss > WORTHLESS:
            break
        members.remove(least)
    return places(members)


def chosen_candidate(
    blend: Blend, held_out_densities: HeldOutDensities, groups: Index, skipped: dict[str, str]
) -> tuple[Index, AutoReport]:
    """Compare the blend and each member on rows that are held out from energies and priors.

    Parameters
    ----------
    blend : Blend
        The fitted blend.
    held_out_densities : HeldOutDensities
        Out-of-fold densities of the validation rows.
    groups : ndarray of int of shape (m,)
        Groups of validation rows that are held out together, such as folds.
    skipped : dict of str to str
        Members that were not learned, with the reason.

    Returns
    -------
    places : ndarray of int
        Positions of the elements of the chosen candidate.
    report : AutoReport
        Scores of all candidates.
    """
    assert blend._units is not None
    names = np.array([name for name, _ in blend.labels_])
    members = [name for name, _ in blend.members_]
    everything = needed(blend, held_out_densities)
    alone = [blend._places_of(name) for name in members]
    losses = [-held_out_densities.held_out(places, groups) for places in [everything, *alone]]
    weight = held_out_densities.weight / held_out_densities.weight.sum()
    nll = np.array([weight @ loss for loss in losses])
    differences = [loss - losses[0] for loss in losses]
    error = np.array([np.sqrt((weight**2) @ (off - weight @ off) ** 2) for off in differences])
    prior = np.zeros(len(names))
    prior[everything] = np.exp(held_out_densities.of(everything).prior()[0])
    shares = np.array([1.0] + [prior[names == name].sum() for name in members])
    seconds = np.array([blend.seconds_[name] for name in members])
    seconds = np.concatenate([[sum(blend.seconds_.values())], seconds])
    best = 1 + int(np.argmin(nll[1:]))
    gain = nll[best] - nll[0]
    chosen = "blend" if gain > WORTH and len(members) > 1 else members[best - 1]
    if len(members) == 1:
        reason = "the only one that was learned"
    elif chosen == "blend":
        reason = f"better than {members[best - 1]}, the best of its members, by {gain:.3f} nats"
    else:
        reason = f"a blend of all is not better by {WORTH:g} nats, but by {gain:.4f}"
    report = AutoReport(
        ("blend", *members), nll + blend._units.log_unit, error, shares, seconds, skipped, chosen,
        reason,
    )  # fmt: skip
    places = everything if chosen == "blend" else blend._places_of(chosen)
    return places, report
