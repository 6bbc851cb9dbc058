"""Logarithms of partition functions, with standard errors."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp
from sklearn.utils import check_random_state

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm._utils.registry import unknown_name
from sklearn_ebm._utils.validation import positive_integer
from sklearn_ebm.inference._quadrature import AGREEMENT, integrate
from sklearn_ebm.inference.annealing import anneal, anneal_discrete
from sklearn_ebm.samplers import Gibbs
from sklearn_ebm.samplers._proposals import fitted_proposal, log_weights, moments
from sklearn_ebm.samplers._weights import disagree, summarize
from sklearn_ebm.samplers.base import DiscreteSurface, Proposal, Surface
from sklearn_ebm.samplers.partition import FEWEST, MOST_SHAPE, LogPartition
from sklearn_ebm.samplers.student_mixture import StudentMixture
from sklearn_ebm.samplers.surfaces import EnergyFunction, HasSurface, as_surface

METHODS = ("auto", "exact", "quadrature", "importance", "ais")

#: Most discrete answers that are listed.
MOST_ANSWERS = 2**20

#: Largest error of a quadrature that is reliable, in nats.
LARGEST_ERROR = 0.01

#: Numbers that are computed at once.
AT_ONCE = 2_000_000


class _Settings(NamedTuple):
    proposal: Proposal | None
    start: Array
    n_draws: int
    n_particles: int
    n_temperatures: int


_Method: TypeAlias = Callable[[Surface, _Settings, np.random.Generator], LogPartition]


def log_partition(
    energy: EnergyFunction | Surface | HasSurface,
    X: npt.ArrayLike | None = None,
    method: str = "auto",
    *,
    n_outputs: int | None = None,
    start: npt.ArrayLike | None = None,
    proposal: Proposal | None = None,
    n_draws: int = 4000,
    n_particles: int = 200,
    n_temperatures: int | None = None,
    random_state: Any = 0,
) -> LogPartition:
    r"""Estimate the logarithm of the partition function of each sample.

    log Z(x) = log ∫ exp(−F(x, y)) dy, or the sum over the answers if they are discrete.

    Parameters
    ----------
    energy : callable, Surface or LatentEBMRegressor
        Function from X (n, n_features) and y (n, n_outputs) to energies (n,) and their derivatives
        in y (n, n_outputs), a `sklearn_ebm.samplers.base.Surface`, or a fitted regressor with an
        energy of any form.
    X : array-like of shape (n_samples, n_features), optional
        Samples, unless `energy` is a surface.
    method : {"auto", "exact", "quadrature", "importance", "ais"}, default="auto"
        - "exact": all discrete answers are listed, or the surface knows log Z;
        - "quadrature": for one or two outputs, until two refinements agree; the standard error is
          their difference;
        - "importance": importance sampling from a proposal. Without `proposal`, a mixture of
          Student distributions is fitted around minima of the energy;
        - "ais": annealed importance sampling from that mixture by `HMC`, or by `Gibbs` from equally
          probable answers if they are discrete;
        - "auto": the first of these that applies, and "ais" only where importance sampling is not
          reliable.
    n_outputs : int, optional
        Number of outputs, if `energy` is a function and neither `start` nor `proposal` has it.
    start : array-like of shape (n_outputs,) or (n_samples, m, n_outputs), optional
        Answers around which minima are sought; 0 by default.
    proposal : distribution, optional
        Normalised density for each sample, with tails that are not thinner than those of the Gibbs
        distribution, for example a `sklearn_ebm.distributions.VectorGaussianMixture`.
    n_draws : int, default=4000
        Number of draws of importance sampling, for each sample and proposal.
    n_particles : int, default=200
        Number of particles of "ais".
    n_temperatures : int, optional
        Number of steps of "ais"; by default 100, or 10 for each output if these are more.
    random_state : int, RandomState or None, default=0
        Determines the random numbers.

    Returns
    -------
    LogPartition
        Values, standard errors, effective numbers of draws, and whether they are reliable. Its
        method `interval` returns confidence intervals.

    Raises
    ------
    ValueError
        If the method does not suit the answers, or no energy is finite at the start.

    Notes
    -----
    Neither the weights nor their effective number show that a proposal misses a mode. So each
    estimate is compared with a second one, whose proposal is wider and was fitted to minima from
    other and more distant starts. An estimate is not reliable if they disagree by more than four
    standard errors. A mode that no descent finds remains undetected.

    References
    ----------
    Neal, "Annealed importance sampling", Statistics and Computing 11 (2001) 125-139.
    :doi:`10.1023/A:1008923215028`

    Examples
    --------
    The energy (y − x)²/2 has Z = √(2π), log Z = 0.9189:

    >>> import numpy as np
    >>> from sklearn_ebm.inference import log_partition
    >>> def energy(X, y):
    ...     return ((y - X) ** 2)[:, 0] / 2, y - X
    >>> log_partition(energy, [[1.0], [5.0]], n_outputs=1).value.round(4)
    array([0.9189, 0.9189])
    """
    if method not in METHODS:
        raise ValueError(unknown_name("method", method, METHODS))
    surface, answers = as_surface(energy, X, n_outputs, start, proposal)
    default = max(100, 10 * surface.n_outputs)
    settings = _Settings(
        proposal,
        answers,
        positive_integer("n_draws", n_draws, least=10),
        positive_integer("n_particles", n_particles, least=10),
        positive_integer("n_temperatures", default if n_temperatures is None else n_temperatures),
    )
    seed = check_random_state(random_state).randint(2**31 - 1, size=4)
    rng = np.random.Generator(np.random.SFC64(seed.tolist()))
    if isinstance(surface, DiscreteSurface):
        return _discrete(surface, method, settings, rng)
    known = surface.log_partition()
    if method == "exact" or (known is not None and method == "auto"):
        if known is None:
            raise ValueError(
                "method='exact' needs discrete answers or a surface with a closed form of log Z; "
                "use method='auto'."
            )
        return _exact(known)
    chosen: _Method = {"quadrature": _quadrature, "importance": _importance, "ais": _ais}.get(
        method, _automatic
    )
    if method == "auto" and surface.n_outputs <= 2:
        chosen = _quadrature
    width = max(n_draws, n_particles) * surface.n_outputs * 4
    return _in_blocks(chosen, surface, settings, rng, max(AT_ONCE // width, 1))


def _in_blocks(
    method: _Method, surface: Surface, settings: _Settings, rng: np.random.Generator, size: int
) -> LogPartition:
    """Apply a method to blocks of rows."""
    if surface.n_rows <= size:
        return method(surface, settings, rng)
    parts = []
    for first in range(0, surface.n_rows, size):
        rows = slice(first, first + size)
        proposal = None if settings.proposal is None else settings.proposal[rows]
        some = settings._replace(proposal=proposal, start=settings.start[rows])
        parts.append(method(surface[rows], some, rng))
    return LogPartition(*map(np.concatenate, zip(*parts, strict=True)))


def _exact(value: Array) -> LogPartition:
    n = len(value)
    return LogPartition(value, np.zeros(n), np.full(n, np.inf), np.ones(n, dtype=bool))


def _discrete(
    surface: DiscreteSurface, method: str, settings: _Settings, rng: np.random.Generator
) -> LogPartition:
    if method in ("quadrature", "importance"):
        raise ValueError(f"method={method!r} needs continuous answers; use 'exact' or 'ais'.")
    n_answers = math.prod(surface.n_values)
    known = surface.log_partition()
    if method == "exact" and known is None and n_answers > MOST_ANSWERS:
        raise ValueError(
            f"method='exact' would list {n_answers} answers; up to {MOST_ANSWERS} are possible, so "
            "use method='ais'."
        )
    if method != "ais" and (known is not None or n_answers <= MOST_ANSWERS):
        return _exact(_listed(surface, n_answers) if known is None else known)
    ladder = np.linspace(0, 1, settings.n_temperatures + 1)
    result = anneal_discrete(surface, Gibbs(), settings.n_particles, ladder, rng)
    return _summary(result.log_weights)


def _listed(surface: DiscreteSurface, n_answers: int) -> Array:
    """Sum over all answers, in blocks of answers."""
    block = max(AT_ONCE // (surface.n_rows * surface.n_outputs), 1)
    sums = []
    for first in range(0, n_answers, block):
        numbers = np.arange(first, min(first + block, n_answers))
        answers = np.stack(np.unravel_index(numbers, surface.n_values), axis=-1).astype(np.float64)
        y = np.broadcast_to(answers, (surface.n_rows, *answers.shape))
        sums.append(logsumexp(-surface.energies(y), axis=1))
    return np.asarray(logsumexp(sums, axis=0))


def _quadrature(surface: Surface, settings: _Settings, rng: np.random.Generator) -> LogPartition:
    if surface.n_outputs > 2:
        raise ValueError(
            f"method='quadrature' is for one or two outputs, and there are {surface.n_outputs}; "
            "use 'importance' or 'ais'."
        )
    value, error = integrate(surface, fitted_proposal(surface, settings.start, rng))
    error = np.where(error <= AGREEMENT, AGREEMENT, error)
    reliable = np.isfinite(value) & (error <= LARGEST_ERROR)
    return LogPartition(value, error, np.full(surface.n_rows, np.inf), reliable)


def _importance(surface: Surface, settings: _Settings, rng: np.random.Generator) -> LogPartition:
    proposal = settings.proposal
    if proposal is None:
        proposal = fitted_proposal(surface, settings.start, rng)
    own = _drawn(surface, proposal, settings, rng)
    return _checked(own, _wider(surface, settings, rng))


def _ais(surface: Surface, settings: _Settings, rng: np.random.Generator) -> LogPartition:
    base = fitted_proposal(surface, settings.start, rng)
    _, covariance = moments(base)
    size = np.sqrt(np.linalg.eigvalsh(covariance)[:, 0]) * surface.n_outputs**-0.25
    ladder = np.linspace(0, 1, settings.n_temperatures + 1)
    result = anneal(surface, base, settings.n_particles, ladder, rng, step_size=size)
    return _checked(_summary(result.log_weights), _wider(surface, settings, rng))


def _automatic(surface: Surface, settings: _Settings, rng: np.random.Generator) -> LogPartition:
    """Importance sampling, and annealing of the samples where it is not reliable."""
    found = _importance(surface, settings, rng)
    failed = np.flatnonzero(~found.reliable)
    if not len(failed):
        return found
    again = _ais(surface[failed], settings._replace(start=settings.start[failed]), rng)
    for old, new in zip(found, again, strict=True):
        old[failed] = new
    return found


def _drawn(
    surface: Surface, proposal: Proposal, settings: _Settings, rng: np.random.Generator
) -> LogPartition:
    y = proposal._draw(settings.n_draws, np.random.RandomState(rng.bit_generator), shared=False)
    return _summary(log_weights(surface, proposal, y))


def _wider(surface: Surface, settings: _Settings, rng: np.random.Generator) -> LogPartition:
    """Estimate from a wider proposal, around minima from other and more distant starts."""
    proposal: StudentMixture = fitted_proposal(surface, settings.start, rng, reach=2.0)
    proposal = proposal.widened(1 + 1 / np.sqrt(surface.n_outputs))
    return _drawn(surface, proposal, settings, rng)


def _summary(logs: Array) -> LogPartition:
    value, error, ess, shape = summarize(logs)
    return LogPartition(value, error, ess, (ess >= FEWEST) & (shape < MOST_SHAPE))


def _checked(own: LogPartition, wider: LogPartition) -> LogPartition:
    """An estimate that is not reliable where the wider proposal disagrees."""
    return own._replace(reliable=own.reliable & ~disagree(own, wider))
