"""Draws of the Gibbs distribution by Markov chains, with diagnostics."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.utils import check_random_state

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm._utils.validation import positive_integer, switch
from sklearn_ebm.exceptions import SamplingWarning
from sklearn_ebm.samplers._proposals import fitted_proposal, joined, log_weights
from sklearn_ebm.samplers._weights import disagree, summarize
from sklearn_ebm.samplers.base import DiscreteSurface, Proposal, Sampler, State, Surface
from sklearn_ebm.samplers.diagnostics import ess_bulk, ess_tail, r_hat
from sklearn_ebm.samplers.hmc import HMC
from sklearn_ebm.samplers.independence import IndependenceMetropolis
from sklearn_ebm.samplers.names import SAMPLERS
from sklearn_ebm.samplers.student_mixture import StudentMixture
from sklearn_ebm.samplers.surfaces import EnergyFunction, HasSurface, as_surface

#: Largest R-hat of chains that agree, and fewest effective draws, after Vehtari et al. (2021).
LARGEST_R_HAT, FEWEST_EFFECTIVE = 1.01, 400

#: Draws of each proposal of the check for missed modes.
N_CHECKED = 1000

#: Samples whose proposals are fitted at once.
ROWS_AT_ONCE = 64


class Diagnostics(NamedTuple):
    """Diagnostics of chains, for each sample.

    Attributes
    ----------
    acceptance : ndarray of shape (n_samples,)
        Mean acceptance probability.
    ess_bulk, ess_tail : ndarray of shape (n_samples, n_outputs)
        Effective numbers of draws for the centre and the tails of each output.
    r_hat : ndarray of shape (n_samples, n_outputs)
        Rank-normalised split R-hat of each output; NaN if all draws are equal.
    divergences : ndarray of int of shape (n_samples,)
        Number of steps with a divergence.
    missed_modes : ndarray of bool of shape (n_samples,)
        Whether a mode was probably missed: two proposals disagree about log Z, or chains that
        started from them disagree. False if this was not checked.
    """

    acceptance: Array
    ess_bulk: Array
    ess_tail: Array
    r_hat: Array
    divergences: npt.NDArray[np.intp]
    missed_modes: npt.NDArray[np.bool_]


class Draws(NamedTuple):
    """Draws of the Gibbs distribution.

    Attributes
    ----------
    draws : ndarray of shape (n_samples, n_chains, n_draws, n_outputs)
        The draws of each chain, in the unit of y.
    diagnostics : Diagnostics
        Whether they can be relied upon.
    sampler : Sampler
        The sampler with the step sizes that the warm-up found.
    """

    draws: Array
    diagnostics: Diagnostics
    sampler: Sampler


def sample(
    energy: EnergyFunction | Surface | HasSurface,
    X: npt.ArrayLike | None = None,
    *,
    start: npt.ArrayLike | None = None,
    sampler: str | Sampler = "hmc",
    n_draws: int = 1000,
    n_warmup: int = 500,
    n_chains: int = 4,
    proposal: Proposal | None = None,
    n_outputs: int | None = None,
    check_modes: bool = True,
    random_state: Any = None,
) -> Draws:
    """Draw answers from the Gibbs distribution exp(−F(x, y))/Z(x) of each sample.

    Parameters
    ----------
    energy : callable, Surface or LatentEBMRegressor
        Function from X (n, n_features) and y (n, n_outputs) to energies (n,) and their derivatives
        in y (n, n_outputs), a `sklearn_ebm.samplers.base.Surface`, or a fitted regressor with an
        energy of any form.
    X : array-like of shape (n_samples, n_features), optional
        Samples, unless `energy` is a surface.
    start : array-like of shape (n_outputs,) or (n_samples, m, n_outputs), optional
        Answers at which the chains start, in turn. By default, chains start at draws of a proposal
        that is fitted around minima of the energy, and of a wider one.
    sampler : str or Sampler, default="hmc"
        Sampler, or its name: "langevin", "mala", "hmc", "gibbs" for discrete answers,
        "independence" or "tempering". By name, "independence" alternates with `HMC`.
    n_draws : int, default=1000
        Number of draws of each chain.
    n_warmup : int, default=500
        Number of steps before, in which step sizes are adapted.
    n_chains : int, default=4
        Number of chains of each sample.
    proposal : distribution, optional
        Normalised density for each sample, for the start, the check of modes, and "independence".
    n_outputs : int, optional
        Number of outputs, if `energy` is a function and neither `start` nor `proposal` has it.
    check_modes : bool, default=True
        Whether to look for missed modes of continuous answers.
    random_state : int, RandomState or None, default=None
        Determines the random numbers. Pass an int for reproducible draws.

    Returns
    -------
    Draws
        Draws (n_samples, n_chains, n_draws, n_outputs), diagnostics and the adapted sampler.

    Raises
    ------
    ValueError
        If the number of outputs is unknown, the slopes are not the derivatives of the energies, or
        no energy is finite at the start.

    Warns
    -----
    SamplingWarning
        If trajectories diverged, R-hat is above 1.01, fewer than 400 draws are effective, nothing
        was accepted, or a mode was missed.

    See Also
    --------
    sklearn_ebm.inference.log_partition : log Z, with its standard error.

    References
    ----------
    Vehtari, Gelman, Simpson, Carpenter, Bürkner, "Rank-normalization, folding, and localization",
    Bayesian Analysis 16 (2021) 667-718. :doi:`10.1214/20-BA1221`

    Examples
    --------
    The energy (y − x)²/2 gives the distribution N(x, 1):

    >>> from sklearn_ebm.samplers import sample
    >>> def energy(X, y):
    ...     return ((y - X) ** 2)[:, 0] / 2, y - X
    >>> result = sample(energy, [[1.0], [5.0]], n_outputs=1, random_state=0)
    >>> result.draws.shape
    (2, 4, 1000, 1)
    >>> abs(result.draws.mean(axis=(1, 2)) - [[1.0], [5.0]]) < 0.1
    array([[ True],
           [ True]])
    """
    positive_integer("n_draws", n_draws, least=4)
    positive_integer("n_warmup", n_warmup, least=0)
    positive_integer("n_chains", n_chains)
    switch("check_modes", check_modes)
    surface, answers = as_surface(energy, X, n_outputs, start, proposal)
    seed = check_random_state(random_state).randint(2**31 - 1, size=4)
    rng = np.random.Generator(np.random.SFC64(seed.tolist()))
    missed = np.zeros(surface.n_rows, dtype=bool)
    if isinstance(surface, DiscreteSurface):
        chains = _discrete_start(surface, start, answers, n_chains, rng)
    else:
        needed = start is None or check_modes or (sampler == "independence" and proposal is None)
        proposals = _proposals(surface, answers, proposal, rng) if needed else []
        if check_modes:
            missed = _missed(surface, proposals, rng)
        chains = _chains(surface, None if start is None else answers, proposals, n_chains, rng)
        chains = chains.astype(answers.dtype, copy=False)
        if proposal is None and proposals:
            proposal = proposals[0]
    part = _sampler(sampler, proposal)
    state = part.start(surface, chains)
    part, state = part.warmed_up(surface, state, n_warmup, rng)
    draws, acceptance, divergences = _drawn(part, surface, state, n_draws, rng)
    diagnostics = _diagnostics(draws, acceptance, divergences, missed, check_modes)
    _warn(diagnostics, n_chains * n_draws)
    return Draws(draws, diagnostics, part)


def _sampler(choice: str | Sampler, proposal: Proposal | None) -> Sampler:
    if choice == "independence":
        return IndependenceMetropolis(proposal, HMC())
    return SAMPLERS.resolve(choice)


def _discrete_start(
    surface: DiscreteSurface, start: Any, answers: Array, n_chains: int, rng: np.random.Generator
) -> Array:
    """Answers (n_samples, n_chains, n_outputs): those of the user in turn, or random values."""
    if start is not None:
        return answers[:, np.arange(n_chains) % answers.shape[1]]
    values = np.asarray(surface.n_values)
    return np.floor(rng.random((surface.n_rows, n_chains, surface.n_outputs)) * values)


def _proposals(
    surface: Surface, answers: Array, proposal: Proposal | None, rng: np.random.Generator
) -> list[Proposal]:
    """A proposal, fitted unless the user has one, and a wider one from more distant starts."""
    blocks = [slice(i, i + ROWS_AT_ONCE) for i in range(0, surface.n_rows, ROWS_AT_ONCE)]

    def fitted(reach: float) -> StudentMixture:
        return joined(
            [fitted_proposal(surface[rows], answers[rows], rng, reach=reach) for rows in blocks]
        )

    wider = fitted(2.0).widened(1 + 1 / np.sqrt(surface.n_outputs))
    return [fitted(1.0) if proposal is None else proposal, wider]


def _missed(
    surface: Surface, proposals: list[Proposal], rng: np.random.Generator
) -> npt.NDArray[np.bool_]:
    """Samples for which the two proposals disagree about log Z."""
    source = np.random.RandomState(rng.bit_generator)
    result = np.empty(surface.n_rows, dtype=bool)
    for first in range(0, surface.n_rows, ROWS_AT_ONCE):
        rows = slice(first, first + ROWS_AT_ONCE)
        both = [
            summarize(log_weights(surface[rows], part, part._draw(N_CHECKED, source, shared=False)))
            for part in (proposal[rows] for proposal in proposals)
        ]
        result[rows] = disagree(*both)
    return result


def _chains(
    surface: Surface,
    answers: Array | None,
    proposals: list[Proposal],
    n_chains: int,
    rng: np.random.Generator,
) -> Array:
    """Starts (n_samples, n_chains, n_outputs) with finite energies: given, or from proposals."""
    if answers is not None:
        chains = answers[:, np.arange(n_chains) % answers.shape[1]].copy()
    else:
        source = np.random.RandomState(rng.bit_generator)
        parts = [part._draw(n_chains, source, shared=False) for part in proposals]
        chains = np.where(np.arange(n_chains)[:, None] % 2, parts[1], parts[0])
    with np.errstate(all="ignore"):
        finite = np.isfinite(surface.energies(chains))
    if not finite.any(axis=1).all():
        raise ValueError(
            "The energies of some samples are not finite at the start; pass `start`, answers with "
            "finite energies."
        )
    first = chains[np.arange(len(chains)), finite.argmax(axis=1)]
    return np.where(finite[..., None], chains, first[:, None])


def _drawn(
    sampler: Sampler, surface: Surface, state: State, n_draws: int, rng: np.random.Generator
) -> tuple[Array, Array, npt.NDArray[np.intp]]:
    """Draws (n, n_chains, n_draws, q), mean acceptance (n,), and numbers of divergences (n,)."""
    n, m, q = sampler.at_target(state.answers).shape
    draws = np.empty((n, m, n_draws, q), dtype=state.answers.dtype)
    acceptance, divergences = np.zeros(n), np.zeros(n, dtype=np.intp)
    for number in range(n_draws):
        state, accepted, diverged = sampler.step(surface, state, rng)
        draws[:, :, number] = sampler.at_target(state.answers)
        acceptance += sampler.at_target(accepted).mean(axis=1)
        divergences += sampler.at_target(diverged).sum(axis=1)
    return draws, acceptance / n_draws, divergences


def _diagnostics(
    draws: Array, acceptance: Array, divergences: Any, missed: Any, check_modes: bool
) -> Diagnostics:
    numbers = draws.transpose(0, 3, 1, 2)
    ratios = r_hat(numbers)
    if check_modes:
        missed = missed | (np.nan_to_num(ratios, nan=1.0) > 1.1).any(axis=1)
    return Diagnostics(
        acceptance, ess_bulk(numbers), ess_tail(numbers), ratios, divergences, missed
    )


def _warn(found: Diagnostics, n_draws: int) -> None:
    """Issue a warning for each kind of problem, with the number of samples that have it."""
    n = len(found.acceptance)
    least = np.minimum(found.ess_bulk, found.ess_tail).min(axis=1)
    worst = np.where(np.isnan(found.r_hat), 1.0, found.r_hat).max(axis=1)
    problems = (
        (found.acceptance < 0.01, "Nothing was accepted",
         "the step size is too large, or the energy is not finite around the start; pass more "
         "n_warmup or a start with lower energies."),
        (found.divergences > 0, f"{int(found.divergences.sum())} steps diverged",
         "the energy changes faster than the step size allows, so the draws leave out these "
         "places; raise target_acceptance of the sampler."),
        (worst > LARGEST_R_HAT, f"R-hat is up to {worst.max():.3f}, above {LARGEST_R_HAT},",
         "the chains disagree because they are too short or in different modes; raise n_draws, "
         "or use sampler='independence' or 'tempering'."),
        (least < FEWEST_EFFECTIVE, f"Only {least.min():.0f} of {n_draws} draws are effective",
         "means and quantiles have large errors; raise n_draws."),
        (found.missed_modes, "A mode was probably missed",
         "draws or log Z from two proposals of different widths disagree; pass answers of all "
         "modes as start, or use sampler='independence' or 'tempering'."),
    )  # fmt: skip
    for affected, finding, reason in problems:
        if affected.any():
            message = f"{finding} for {int(affected.sum())} of {n} samples: {reason}"
            warnings.warn(message, SamplingWarning, stacklevel=3)
