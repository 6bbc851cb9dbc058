"""The partition function of Boltzmann machines: exact sums, and annealed importance sampling."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp

from sklearn_ebm._utils.array_api import numpy_namespace
from sklearn_ebm._utils.array_ops import softplus_sums
from sklearn_ebm._utils.parameters import Array
from sklearn_ebm.representation._boltzmann import Machine, drawn
from sklearn_ebm.samplers._weights import summarize
from sklearn_ebm.samplers.partition import LogPartition, weighed

# Largest number of binary variables whose values are listed, and number of those that are listed
# in one block.
MOST_LISTED, LISTED_TOGETHER = 20, 8


def exact_log_partition(machine: Machine) -> float:
    """log Σ_x exp(−F(x)), by a sum over all values of x, or of h if that is shorter.

    Examples
    --------
    Without weights, Z = (1 + e^a)(1 + e^c):

    >>> machine = Machine(np.zeros((1, 1)), np.log([2.0]), np.log([4.0]))
    >>> round(float(np.exp(exact_log_partition(machine))), 6)
    15.0
    """
    weight, listed, summed = machine.astype(np.float64)
    if len(listed) > len(summed):
        weight, listed, summed = weight.T, summed, listed
    few = min(len(listed), LISTED_TOGETHER)
    low = _all_values(few)
    inputs, biases = low @ weight[:few] + summed, low @ listed[:few]
    totals = []
    for first in range(0, 2 ** (len(listed) - few), 2**LISTED_TOGETHER):
        for high in _all_values(len(listed) - few, first, 2**LISTED_TOGETHER):
            logs = softplus_sums(numpy_namespace, inputs + high @ weight[few:])
            totals.append(logsumexp(logs + biases) + high @ listed[few:])
    return float(logsumexp(totals))


def _all_values(n_bits: int, first: int = 0, most: int | None = None) -> npt.NDArray[np.float64]:
    """All vectors of zeros and ones, or some of them: the binary digits of the row number.

    Examples
    --------
    >>> _all_values(2)
    array([[0., 0.],
           [1., 0.],
           [0., 1.],
           [1., 1.]])
    """
    last = 2**n_bits if most is None else min(first + most, 2**n_bits)
    numbers = np.arange(first, last)[:, None]
    return ((numbers >> np.arange(n_bits)) & 1).astype(np.float64)


def ladder(n_temperatures: int) -> npt.NDArray[np.float64]:
    """Values of β after 0, up to 1.

    Examples
    --------
    >>> ladder(4)
    array([0.25, 0.5 , 0.75, 1.  ])
    """
    return np.arange(1, n_temperatures + 1) / n_temperatures


def annealed_log_partition(
    machine: Machine, base: Array, ladder: Array, n_particles: int, rng: np.random.Generator
) -> LogPartition:
    """Estimate log Z from the weights of `annealed`, with a standard error."""
    _, logs = annealed(machine, base, ladder, n_particles, rng)
    return weighed(summarize(logs[None]))


def annealed(
    machine: Machine, base: Any, ladder: Array, n_particles: int, rng: np.random.Generator
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64]]:
    r"""Move draws of independent features to the distribution of a machine, with weights.

    .. code-block:: none

        log f_β(x) = (1 − β) b·x + β a·x + Σ_j log(1 + exp(β (c + W x)_j))

    For each β, the weights are multiplied by the ratio of f to that of the β before, and a Gibbs
    step leaves f_β invariant (annealed importance sampling).

    Parameters
    ----------
    machine : Machine
        The parameters.
    base : ndarray of shape (n_features,)
        Log-odds b of the independent features.
    ladder : ndarray of shape (n_temperatures,)
        Values of β after 0, increasing, up to 1.
    n_particles : int
        Number of draws.
    rng : Generator
        Source of random numbers.

    Returns
    -------
    rows : ndarray of shape (n_particles, n_features)
        The draws.
    log_weights : ndarray of shape (n_particles,)
        Logarithms of weights, whose mean estimates Z.
    """
    base, machine = base.astype(np.float32), machine.astype(np.float32)
    weight, hidden, visible = machine
    rows = drawn(np.tile(base, (n_particles, 1)), rng)
    away, before = visible - base, 0.0
    log_weights = np.full(n_particles, softplus_sums(numpy_namespace, base.astype(np.float64)))
    log_weights += len(hidden) * np.log(2)
    of_before = np.full(n_particles, len(hidden) * np.log(2))
    for beta in ladder.tolist():
        inputs = machine.component_inputs(rows)
        wide = inputs.astype(np.float64)
        if before:
            of_before = softplus_sums(numpy_namespace, before * wide)
        log_weights += softplus_sums(numpy_namespace, beta * wide) - of_before
        log_weights += (beta - before) * (rows @ away)
        inputs *= np.float32(beta)
        codes = drawn(inputs, rng)
        codes *= np.float32(beta)
        features = codes @ weight
        features += base + np.float32(beta) * away
        rows, before = drawn(features, rng), beta
    return rows, log_weights
