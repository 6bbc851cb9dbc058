"""Learning of Boltzmann machines: centred gradients, with expectations from Markov chains."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import sparse

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm.representation._boltzmann import Machine, drawn, gibbs_steps, probabilities

# Standard deviation of the first inputs of the components.
FIRST_INPUT = 0.2

# Smallest root of the sum of the variances of the features: they may all be constant.
SMALLEST_SPREAD = 0.1

# Largest change of the input of a component in one step, for a sample at a typical distance from
# the mean in the direction of the change.
LARGEST_CHANGE = 5.0

# Share of a new batch in the mean of the codes.
SHARE = 0.01

# The chains have lost the distribution if the mean free energies of samples and chains differ by
# more than this number and two nats log 2 for each feature. A machine that is better than the
# uniform distribution is within one log 2 for each feature, but for the noise of a batch.
NOISE = 20.0


class Settings(NamedTuple):
    """How a machine is learned.

    Attributes
    ----------
    decay : float
        Factor of the weights in the gradient, the penalty for each sample.
    n_steps : int
        Gibbs steps for each batch.
    persistent : bool
        Whether chains continue from batch to batch, instead of starting from the samples.
    """

    decay: float
    n_steps: int
    persistent: bool


class Progress(NamedTuple):
    """State between batches.

    Attributes
    ----------
    machine : Machine
        The parameters, in float32.
    codes : ndarray of shape (n_chains, n_components)
        Latent vectors of the persistent chains.
    mean : ndarray of shape (n_features,)
        Mean of the samples.
    spread : float
        Root of the sum of the variances of the features.
    mean_code : ndarray of shape (n_components,)
        Mean of P(h = 1 | x) of late batches.
    """

    machine: Machine
    codes: npt.NDArray[np.float32]
    mean: npt.NDArray[np.float32]
    spread: float
    mean_code: npt.NDArray[np.float32]

    def copy(self) -> Progress:
        """Return a copy that further steps leave as it is."""
        return Progress(
            self.machine.copy(), self.codes.copy(), self.mean, self.spread, self.mean_code.copy()
        )


def log_odds(mean: Array, count: float) -> npt.NDArray[np.float64]:
    """Log-odds of means of a number of samples, with half a sample of each value added.

    Examples
    --------
    (1½)/(½) = 3 and (½)/(1½):

    >>> np.exp(log_odds(np.array([1.0, 0.0]), 1.0)).round(6)
    array([3.      , 0.333333])
    """
    ones = mean.astype(np.float64) * count + 0.5
    return np.log(ones) - np.log(count + 1 - ones)


def first_progress(
    mean: Array, count: float, n_components: int, n_chains: int, rng: np.random.Generator
) -> Progress:
    """State before the first batch: the features are independent, with the means of the samples."""
    shape = (n_components, len(mean))
    spread = float(np.sqrt(np.maximum(mean * (1 - mean), 0).sum(dtype=np.float64)))
    spread = max(spread, SMALLEST_SPREAD)
    machine = Machine(
        np.float32(FIRST_INPUT / spread) * rng.standard_normal(shape, dtype=np.float32),
        np.zeros(n_components, dtype=np.float32),
        log_odds(mean, count).astype(np.float32),
    )
    codes = drawn(np.zeros((n_chains, n_components), dtype=np.float32), rng)
    mean_code = np.full(n_components, 0.5, dtype=np.float32)
    return Progress(machine, codes, mean.astype(np.float32), spread, mean_code)


class Statistics(NamedTuple):
    """What a step needs of samples and chains.

    Attributes
    ----------
    rows : ndarray of shape (n_samples + n_chains, n_features)
        Samples, then the features of the chains.
    expected : ndarray of shape (n_samples + n_chains, n_components)
        P(h = 1 | x) of the rows.
    weight : ndarray of shape (n_samples + n_chains,)
        Weights of the samples, and minus those of the chains; the sum is 0.
    codes : ndarray of shape (n_chains, n_components)
        Latent vectors of the chains, drawn given their features.
    gap : float
        Mean free energy of the samples minus that of the chains.
    """

    rows: npt.NDArray[np.float32]
    expected: npt.NDArray[np.float32]
    weight: npt.NDArray[np.float32]
    codes: npt.NDArray[np.float32]
    gap: float


def statistics(
    progress: Progress, X: Any, weight: Array, settings: Settings, rng: np.random.Generator
) -> Statistics:
    """Move the chains, and compute the statistics of a batch of samples.

    Weights of the samples have the mean 1 over all batches.
    """
    machine, codes = progress.machine, progress.codes
    X = (X.toarray() if sparse.issparse(X) else X).astype(np.float32, copy=False)
    if not settings.persistent:
        codes = drawn(machine.component_inputs(X), rng)
    rows = np.concatenate([X, gibbs_steps(machine, codes, settings.n_steps, rng)])
    inputs = machine.component_inputs(rows)
    n, weight = len(X), (weight / len(X)).astype(np.float32)
    total = float(weight.sum())
    free = machine.free_energies(rows, inputs)
    gap = float(weight @ free[:n]) / total - float(free[n:].mean())
    expected = probabilities(inputs.copy())
    codes = drawn(inputs[n:], rng)
    of_chains = np.full(len(codes), -total / len(codes), dtype=np.float32)
    return Statistics(rows, expected, np.concatenate([weight, of_chains]), codes, gap)


def centred_gradient(found: Statistics, mean: Array, mean_code: Array) -> Machine:
    r"""Gradient of the log-likelihood, for centred features and components.

    .. code-block:: none

        ΔW = ⟨(h − λ)(x − μ)ᵀ⟩ samples − ⟨(h − λ)(x − μ)ᵀ⟩ chains
        Δa = ⟨x⟩ samples − ⟨x⟩ chains − λᵀΔW,    Δc = ⟨h⟩ samples − ⟨h⟩ chains − ΔW μ

    For any μ and λ it is a direction in which the log-likelihood increases; with the means of x and
    h, weights and biases are nearly independent (Montavon and Müller, 2012).
    """
    features, components = found.weight @ found.rows, found.weight @ found.expected
    away = found.expected - mean_code
    away *= found.weight[:, None]
    weight = away.T @ found.rows
    weight -= np.multiply.outer(components, mean)
    return Machine(weight, components - weight @ mean, features - mean_code @ weight)


def moved(
    progress: Progress, found: Statistics, rate: float, settings: Settings, n_samples: int
) -> Progress:
    """Take one step with a learning rate; the parameters are changed in place."""
    machine, mean, mean_code = progress.machine, progress.mean, progress.mean_code
    gradient = centred_gradient(found, mean, mean_code)
    weight = gradient.weight
    if settings.decay:
        weight -= np.float32(settings.decay) * machine.weight
    norm = float(np.sqrt(np.einsum("md,md->m", weight, weight).max()))
    change = rate * norm * progress.spread
    rate *= min(1.0, LARGEST_CHANGE / change) if change > 0 else 1.0
    for part, slope in zip(machine, gradient, strict=True):
        slope *= np.float32(rate)
        part += slope
    newest = found.expected[:n_samples].mean(axis=0)
    mean_code = mean_code + np.float32(SHARE) * (newest - mean_code)
    return progress._replace(codes=found.codes, mean_code=mean_code)


def has_diverged(found: Statistics) -> bool:
    """Whether the chains have lost the distribution, or numbers overflow.

    Examples
    --------
    A feature allows 2 log 2 nats, and noise 20:

    >>> rows, codes = np.zeros((2, 1)), np.zeros((1, 1))
    >>> [
    ...     has_diverged(Statistics(rows, rows, rows[:, 0], codes, gap))
    ...     for gap in (21, 22, np.nan)
    ... ]
    [False, True, True]
    """
    return not abs(found.gap) <= NOISE + 2 * np.log(2) * found.rows.shape[1]


def one_pass(
    progress: Progress, X: Any, weight: Array, batches: Iterable[Any], rates: Iterable[float],
    settings: Settings, rng: np.random.Generator,
) -> tuple[Progress, float]:  # fmt: skip
    """One step for each batch; return the state, and the mean gap of the free energies.

    The gap is NaN if learning has diverged; the state is then of no use. `progress` itself is not
    changed.
    """
    gaps, state = [], progress.copy()
    with np.errstate(over="ignore", invalid="ignore"):
        for batch, rate in zip(batches, rates, strict=True):
            found = statistics(state, X[batch], weight[batch], settings, rng)
            if has_diverged(found):
                return state, float("nan")
            gaps.append(found.gap)
            state = moved(state, found, rate, settings, len(batch))
    return state, float(np.mean(gaps))
