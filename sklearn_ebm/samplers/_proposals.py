"""Proposals that are fitted to a Gibbs distribution: around its minima, then to its weights."""

from __future__ import annotations

import numpy as np

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm.samplers._minima import Minima, cholesky, minima
from sklearn_ebm.samplers.base import Proposal, Surface
from sklearn_ebm.samplers.student_mixture import StudentMixture

#: Number of starts of the first descents, and of those around the best of their minima.
FIRST_STARTS, LATER_STARTS = 8, 16

#: Distances of starts: in the unit of y at first, then in standard deviations of a minimum.
FIRST_RADII, LATER_RADII = (0.5, 2.0, 8.0), (2.0, 5.0, 15.0, 40.0)

#: Most minima of a sample around which there is a component.
MOST_COMPONENTS = 12

#: Minima this much above the lowest have no component, in units of the energy.
IGNORED = 25.0

#: Share of the draws of a component that covers all minima and more.
WIDE_SHARE = 0.1

#: Rounds in which the proposal is fitted to weighted draws, and draws of each round.
ROUNDS, DRAWS = 2, 1000


def fitted_proposal(
    surface: Surface, starts: Array, rng: np.random.Generator, *, reach: float = 1.0
) -> StudentMixture:
    """Fit a mixture of Student distributions to the Gibbs distribution of each sample.

    Descents from many starts find minima. Their inverse Hessians are the first scales of the
    components; rounds of importance sampling then fit weights, locations and scales.

    Parameters
    ----------
    surface : Surface
        Energies as functions of y.
    starts : ndarray of shape (n_samples, n_starts, n_outputs)
        Answers in the neighbourhood of which minima are sought.
    rng : numpy.random.Generator
        Source of random numbers.
    reach : float, default=1.0
        Factor of the distances at which minima are sought.

    Returns
    -------
    StudentMixture

    Raises
    ------
    ValueError
        If no energy is finite for one of the samples.
    """
    q = surface.n_outputs
    noise = rng.standard_normal((surface.n_rows, FIRST_STARTS, q))
    radii = np.resize(FIRST_RADII, FIRST_STARTS)[:, None] * reach
    around = starts[:, np.arange(FIRST_STARTS) % starts.shape[1]] + radii * noise
    first = minima(surface, np.concatenate([starts, around], axis=1))
    rows = np.arange(surface.n_rows)
    best = first.energies.argmin(axis=1)
    if not np.isfinite(first.energies[rows, best]).all():
        raise ValueError(
            "The energies of some samples are not finite at any start; pass `start`, answers with "
            "finite energies."
        )
    noise = rng.standard_normal((surface.n_rows, LATER_STARTS, q))
    noise *= np.resize(LATER_RADII, LATER_STARTS)[:, None] * reach
    center, factor = first.answers[rows, best], first.factors[rows, best]
    later = minima(surface, center[:, None] + noise @ factor.transpose(0, 2, 1))
    both = Minima(*(np.concatenate(pair, axis=1) for pair in zip(first, later, strict=True)))
    return _adapted(surface, _around_minima(both), rng)


def _around_minima(found: Minima) -> StudentMixture:
    """Components around different minima, weighted by their Laplace approximations."""
    n, s, q = found.answers.shape
    energies = np.where(np.isfinite(found.energies), found.energies, np.inf)
    order = np.argsort(energies, axis=1)
    rows = np.arange(n)[:, None]
    answers, factors, energies = (
        part[rows, order] for part in (found.answers, found.factors, energies)
    )
    kept = energies <= energies[:, :1] + IGNORED
    inverses = np.linalg.solve(factors, np.broadcast_to(np.eye(q), factors.shape))
    for one in range(s - 1):
        away = answers[:, one + 1 :] - answers[:, one, None]
        distance = np.linalg.norm(away @ inverses[:, one].transpose(0, 2, 1), axis=2)
        kept[:, one + 1 :] &= ~(kept[:, one, None] & (distance < 0.5))
    kept &= np.cumsum(kept, axis=1) <= MOST_COMPONENTS
    logs = np.log(np.abs(np.diagonal(factors, axis1=2, axis2=3))).sum(axis=2) - energies
    logs = np.where(kept, logs, -np.inf)
    weights = np.exp(logs - logs.max(axis=1, keepdims=True))
    weights /= weights.sum(axis=1, keepdims=True)
    weights = 0.9 * weights + 0.1 * kept / kept.sum(axis=1, keepdims=True)
    used = np.argsort(~kept, axis=1, kind="stable")[:, : int(kept.sum(axis=1).max())]
    return with_wide_part(
        StudentMixture(weights[rows, used], answers[rows, used], factors[rows, used])
    )


def with_wide_part(mixture: StudentMixture) -> StudentMixture:
    """Add a component with the mean of a mixture and a larger covariance."""
    mean, covariance = moments(mixture)
    factor = cholesky(covariance) * (1 + 2 / np.sqrt(mixture.n_outputs))
    share = np.full((mixture.n_rows, 1), WIDE_SHARE)
    return StudentMixture(
        np.concatenate([(1 - WIDE_SHARE) * mixture.weights, share], axis=1),
        np.concatenate([mixture.means, mean[:, None]], axis=1),
        np.concatenate([mixture.factors, factor[:, None]], axis=1),
    )


def moments(mixture: StudentMixture) -> tuple[Array, Array]:
    """Mean (n_samples, q), and the covariance with the scales of the components (n, q, q)."""
    mean = np.einsum("nk,nki->ni", mixture.weights, mixture.means)
    away = mixture.means - mean[:, None]
    within = np.einsum("nk,nkia,nkja->nij", mixture.weights, mixture.factors, mixture.factors)
    return mean, within + np.einsum("nk,nki,nkj->nij", mixture.weights, away, away)


def log_weights(surface: Surface, proposal: Proposal, y: Array) -> Array:
    """Logarithms of the weights exp(−F)/q of draws, (n_samples, m); −inf where F is not finite."""
    with np.errstate(all="ignore"):
        logs = -surface.energies(y) - proposal._log_prob(y)
    return np.where(np.isfinite(logs), logs, -np.inf)


def normalized(logs: Array) -> Array:
    """Weights of logarithms, with the sum 1 in each row; equal if all are zero."""
    highest = logs.max(axis=1, keepdims=True)
    weights = np.exp(logs - np.where(np.isfinite(highest), highest, 0))
    total = weights.sum(axis=1, keepdims=True)
    return np.where(total > 0, weights / np.where(total > 0, total, 1), 1 / logs.shape[1])


def _adapted(
    surface: Surface, proposal: StudentMixture, rng: np.random.Generator
) -> StudentMixture:
    """The proposal of each sample that has the most effective draws in several rounds."""
    source = np.random.RandomState(rng.bit_generator)
    best, most = proposal, np.zeros(surface.n_rows)
    for number in range(ROUNDS + 1):
        y = proposal._draw(DRAWS, source, shared=False)
        weights = normalized(log_weights(surface, proposal, y))
        effective = 1 / np.square(weights).sum(axis=1)
        better = effective > most
        best = _mixed(best, proposal, better)
        most = np.where(better, effective, most)
        if number < ROUNDS:
            proposal = _fitted_to(proposal, y, weights)
    return best


def _mixed(one: StudentMixture, other: StudentMixture, chosen: Array) -> StudentMixture:
    """`other` in the rows that are chosen, else `one`."""
    return StudentMixture(
        np.where(chosen[:, None], other.weights, one.weights),
        np.where(chosen[:, None, None], other.means, one.means),
        np.where(chosen[:, None, None, None], other.factors, one.factors),
    )


def _fitted_to(mixture: StudentMixture, y: Array, weights: Array) -> StudentMixture:
    """One step of EM for weighted draws; the wide part, the last component, stays as it is."""
    shares, tails = mixture.responsibilities(y)
    cut = np.minimum(weights, 1 / np.sqrt(weights.shape[1]))
    shares = shares[:-1] * (cut / cut.sum(axis=1, keepdims=True))
    mass = shares.sum(axis=2)
    count = mass**2 / np.maximum(np.square(shares).sum(axis=2), 1e-300)
    shares *= tails[:-1]
    total = np.maximum(shares.sum(axis=2), 1e-300)
    means = np.einsum("knm,nmq->nkq", shares, y) / total.T[..., None]
    q = y.shape[2]
    means = _where(count, q, means, mixture.means[:, :-1])
    factors = np.empty_like(mixture.factors[:, :-1])
    for k in range(len(shares)):
        away = y - means[:, k, None]
        share = shares[k] / np.maximum(mass[k], 1e-300)[:, None]
        covariance = away.transpose(0, 2, 1) @ (share[..., None] * away)
        old = mixture.factors[:, k] @ mixture.factors[:, k].transpose(0, 2, 1)
        size = count[k][:, None, None]
        covariance = (size * covariance + q * old) / (size + q)
        factors[:, k] = cholesky(np.where(size > 3 * q, covariance, old))
    mixing = (mass / mass.sum(axis=0)).T
    mixing = 0.95 * mixing + 0.05 * mixture.weights[:, :-1] / (1 - WIDE_SHARE)
    return with_wide_part(StudentMixture(mixing, means, factors))


def _where(count: Array, q: int, means: Array, old: Array) -> Array:
    return np.where((count.T > 3 * q)[..., None], means, old)


def joined(parts: list[StudentMixture]) -> StudentMixture:
    """Join mixtures of blocks of samples; missing components have the weight 0."""
    most = max(part.weights.shape[1] for part in parts)
    weights, means, factors = [], [], []
    for part in parts:
        more = most - part.weights.shape[1]
        weights.append(np.pad(part.weights, ((0, 0), (0, more))))
        means.append(np.pad(part.means, ((0, 0), (0, more), (0, 0)), mode="edge"))
        factors.append(np.pad(part.factors, ((0, 0), (0, more), (0, 0), (0, 0)), mode="edge"))
    return StudentMixture(*(np.concatenate(arrays) for arrays in (weights, means, factors)))
