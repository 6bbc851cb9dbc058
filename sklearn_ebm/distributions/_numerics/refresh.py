"""Moves of draws that leave their distribution invariant, so that repeated draws separate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from sklearn_ebm._utils.parameters import Array

#: Number of moves to a new draw of the proposal, and of local moves.
N_JUMPS, N_LOCAL = 2, 2
#: Range of the step size of local moves, in standard deviations of the draws.
STEP_SIZES = 0.03, 1.0


class Moves(NamedTuple):
    """Random numbers of all moves; the first axis has the length 1 if the rows share them.

    Attributes
    ----------
    jumps : sequence of ndarray of shape (n_samples, m, n_outputs)
        Draws of the proposal.
    normal : sequence of ndarray of shape (n_samples or 1, m, n_outputs)
        Standard Gaussian numbers.
    sizes : sequence of ndarray of shape (n_samples or 1, m)
        Step sizes.
    uniform : sequence of ndarray of shape (n_samples or 1, m)
        Numbers between 0 and 1 that decide about all moves, jumps first.
    """

    jumps: Sequence[Array]
    normal: Sequence[Array]
    sizes: Sequence[Array]
    uniform: Sequence[Array]


def random_moves(
    draw: Callable[[], Array], shape: tuple[int, int, int], rng: np.random.RandomState
) -> Moves:
    """Draw the random numbers of all moves; `shape` is (n_samples or 1, m, n_outputs)."""
    jumps = [draw() for _ in range(N_JUMPS)]
    normal = [rng.standard_normal(size=shape) for _ in range(N_LOCAL)]
    least, most = (float(np.log(size)) for size in STEP_SIZES)
    logs = [rng.uniform(least, most, size=shape[:2]) for _ in range(N_LOCAL)]
    uniform = [rng.uniform(size=shape[:2]) for _ in range(N_JUMPS + N_LOCAL)]
    return Moves(jumps, normal, [np.exp(log) for log in logs], uniform)


def jumped(
    answers: Array, log_weights: Array, log_weight: Callable[[Array], Array], moves: Moves
) -> Array:
    """Independence sampler: accept a draw with the probability min(1, w(y')/w(y)).

    Parameters
    ----------
    answers : ndarray of shape (n_samples, m, n_outputs)
        Draws.
    log_weights : ndarray of shape (n_samples, m)
        Logarithms of w = exp(−F)/q at the draws.
    log_weight : callable
        log w at other answers.
    moves : Moves
        Random numbers.
    """
    for jump, uniform in zip(moves.jumps, moves.uniform[:N_JUMPS], strict=True):
        new = log_weight(jump)
        with np.errstate(invalid="ignore", divide="ignore"):
            accepted = np.log(uniform) < new - log_weights
        answers = np.where(accepted[..., None], jump, answers)
        log_weights = np.where(accepted, new, log_weights)
    return answers


def shifted(
    answers: Array, energies_and_slopes: Callable[[Array], tuple[Array, Array]], scales: Array,
    moves: Moves,
) -> Array:  # fmt: skip
    """Metropolis-adjusted Langevin steps, with a random step size for each draw.

    With u = y/scale, u' = u − ½ h² ∂F/∂u + h ξ is accepted by the ratio of Metropolis and Hastings.
    Step sizes of several orders let draws move in narrow and in wide parts of a distribution.

    Parameters
    ----------
    answers : ndarray of shape (n_samples, m, n_outputs)
        Draws.
    energies_and_slopes : callable
        Energies (n_samples, m) at answers and their derivatives (n_samples, m, n_outputs).
    scales : ndarray of shape (n_samples, n_outputs)
        Units of the outputs.
    moves : Moves
        Random numbers.

    References
    ----------
    Roberts, Tweedie, "Exponential convergence of Langevin distributions and their discrete
    approximations", Bernoulli 2 (1996) 341-363. :doi:`10.2307/3318418`
    """
    unit = scales[:, None]
    energies, slopes = energies_and_slopes(answers)
    for noise, size, uniform in zip(
        moves.normal, moves.sizes, moves.uniform[N_JUMPS:], strict=True
    ):
        h = size[..., None]
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            new = answers + unit * (h * noise - 0.5 * h**2 * (slopes * unit))
            new_energies, new_slopes = energies_and_slopes(new)
            back = ((answers - new) / unit + 0.5 * h**2 * (new_slopes * unit)) / h
            log_ratio = energies - new_energies
            log_ratio += 0.5 * (np.square(noise) - np.square(back)).sum(axis=2)
            accepted = np.log(uniform) < log_ratio
        wide = accepted[..., None]
        answers = np.where(wide, new, answers)
        energies = np.where(accepted, new_energies, energies)
        slopes = np.where(wide, new_slopes, slopes)
    return answers
