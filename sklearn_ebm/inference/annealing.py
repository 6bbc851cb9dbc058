"""Annealed importance sampling, from a base distribution to the Gibbs distribution."""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple, Protocol, Self

import numpy as np

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm.samplers import HMC
from sklearn_ebm.samplers.base import DiscreteSurface, Proposal, Sampler, State, Surface
from sklearn_ebm.samplers.surfaces import tempered

#: Change of the logarithm of a step size for each unit of acceptance that is missing.
RATE = 0.5


class Base(Proposal, Protocol):
    """A normalised density with draws and slopes, at which annealing begins."""

    def energies_and_slopes(self, y: Array) -> tuple[Array, Array]:
        """Negative log-densities (n_samples, m), and their derivatives in y."""


class Annealed(NamedTuple):
    """Result of annealing.

    Attributes
    ----------
    log_weights : ndarray of shape (n_samples, n_particles)
        Logarithms of the weights, whose mean is an unbiased estimate of Z.
    answers : ndarray of shape (n_samples, n_particles, n_outputs)
        Answers whose weighted distribution is the Gibbs distribution.
    """

    log_weights: Array
    answers: Array


class Bridge(Surface):
    """Energies (1 − t) U + t F between a base with the energies U and a surface with F.

    Parameters
    ----------
    surface : Surface
        The energies F.
    base : Base
        The normalised base density exp(−U).
    t : float
        Position between 0 and 1.
    """

    def __init__(self, surface: Surface, base: Base, t: float) -> None:
        self.surface = surface
        self.base = base
        self.t = t
        self.n_rows, self.n_outputs = surface.n_rows, surface.n_outputs

    def energies(self, y: Array) -> Array:
        """Compute energies (n_samples, m)."""
        return self.energies_and_slopes(y)[0]

    def energies_and_slopes(self, y: Array) -> tuple[Array, Array]:
        """Compute energies (n_samples, m), and their derivatives in y."""
        return mixed(self.base.energies_and_slopes(y), self.surface.energies_and_slopes(y), self.t)

    def __getitem__(self, rows: Any) -> Self:
        """Raise TypeError: a bridge is used for all samples at once."""
        raise TypeError("A bridge has no rows to select; select those of the surface and the base.")


def mixed(of_base: tuple[Array, Array], of_surface: tuple[Array, Array], t: float) -> Any:
    """(1 − t) times the energies and slopes of a base plus t times those of a surface."""
    return tuple((1 - t) * u + t * f for u, f in zip(of_base, of_surface, strict=True))


def anneal(
    surface: Surface,
    base: Base,
    n_particles: int,
    ladder: Array,
    rng: np.random.Generator,
    *,
    n_leapfrog: int = 5,
    step_size: Array | float = 0.5,
) -> Annealed:
    r"""Weight particles of a base that follow a ladder of distributions to the Gibbs distribution.

    .. code-block:: none

        y_0 ~ base,    log w = Σ_k (t_{k+1} − t_k)(U(y_k) − F(y_k)),
        y_{k+1}: a step of HMC from y_k for the energy (1 − t_{k+1}) U + t_{k+1} F

    The step size of each sample follows the acceptance probability of its particles.

    Parameters
    ----------
    surface : Surface
        The energies F.
    base : Base
        Normalised density exp(−U), with draws.
    n_particles : int
        Number of particles of each sample.
    ladder : ndarray of shape (n_temperatures + 1,)
        Positions t, from 0 to 1.
    rng : numpy.random.Generator
        Source of random numbers.
    n_leapfrog : int, default=5
        Number of leapfrog steps for each t.
    step_size : float or ndarray of shape (n_samples,), default=0.5
        First step size, in units of y.

    References
    ----------
    Neal, "Annealed importance sampling", Statistics and Computing 11 (2001) 125-139.
    :doi:`10.1023/A:1008923215028`
    """
    y = base._draw(n_particles, np.random.RandomState(rng.bit_generator), shared=False)
    log_weights = np.zeros(y.shape[:2])
    sizes = np.full(surface.n_rows, step_size) if np.ndim(step_size) == 0 else step_size
    with np.errstate(all="ignore"):
        for before, t in itertools.pairwise(ladder):
            of_base, of_surface = base.energies_and_slopes(y), surface.energies_and_slopes(y)
            change = of_base[0] - of_surface[0]
            log_weights += (t - before) * np.where(np.isfinite(change), change, -np.inf)
            if t == 1:
                break
            sampler = HMC(sizes, n_leapfrog, scales=None)
            state = State(y, *mixed(of_base, of_surface, t))
            result = sampler.step(Bridge(surface, base, t), state, rng)
            y = result.state.answers
            sizes = sizes * np.exp(RATE * (result.acceptance.mean(axis=1) - 0.8))
    return Annealed(log_weights, y)


def anneal_discrete(
    surface: DiscreteSurface,
    sampler: Sampler,
    n_particles: int,
    ladder: Array,
    rng: np.random.Generator,
) -> Annealed:
    """Weight particles that begin with equally probable values, with the energies t F.

    Parameters
    ----------
    surface : DiscreteSurface
        The energies F.
    sampler : Sampler
        Sampler of the steps, such as `sklearn_ebm.samplers.Gibbs`.
    n_particles : int
        Number of particles of each sample.
    ladder : ndarray of shape (n_temperatures + 1,)
        Positions t, from 0 to 1.
    rng : numpy.random.Generator
        Source of random numbers.
    """
    values = np.asarray(surface.n_values)
    y = np.floor(rng.random((surface.n_rows, n_particles, surface.n_outputs)) * values)
    log_weights = np.full(y.shape[:2], np.log(values).sum())
    state = sampler.start(surface, y)
    for before, t in itertools.pairwise(ladder):
        with np.errstate(all="ignore"):
            log_weights -= (t - before) * state.energies
        if t < 1:
            scaled = State(state.answers, t * state.energies)
            answers = sampler.step(tempered(surface, t), scaled, rng).state.answers
            state = sampler.start(surface, answers)
    return Annealed(log_weights, state.answers)
