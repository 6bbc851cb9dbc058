"""Adaptation of step sizes and scales during warm-up."""

from __future__ import annotations

import numpy as np

from sklearn_ebm._utils.parameters import Array

# Settings of dual averaging in Hoffman and Gelman (2014), section 3.2.1.
SHRINKAGE, DELAY, FORGETTING = 0.05, 10.0, 0.75

#: Weight, in numbers of draws, of the mean variance of the outputs in each variance.
PRIOR_DRAWS = 5.0

#: Largest number of doublings of the first step size.
MOST_DOUBLINGS = 60


class DualAveraging:
    """Step sizes, one for each sample, whose acceptance probability approaches a target.

    Parameters
    ----------
    start : ndarray of shape (n_samples,)
        First step sizes.
    target : float
        Acceptance probability to reach.

    References
    ----------
    Hoffman, Gelman, "The No-U-Turn Sampler", Journal of Machine Learning Research 15 (2014)
    1593-1623. :arxiv:`1111.4246`

    Examples
    --------
    With the acceptance probability exp(−h), the step size approaches log 2 for the target ½:

    >>> sizes = DualAveraging(np.array([0.01]), 0.5)
    >>> for _ in range(2000):
    ...     sizes.update(np.exp(-sizes.current))
    >>> bool(abs(sizes.average[0] - np.log(2)) < 0.01)
    True
    """

    def __init__(self, start: Array, target: float) -> None:
        self.target = target
        self.restart(start)

    def restart(self, start: Array) -> None:
        """Forget everything, and continue from other step sizes."""
        self.current = start.astype(np.float64)
        self._center = np.log(10 * self.current)
        self._error = np.zeros_like(self.current)
        self._log_average = np.log(self.current)
        self._n = 0

    def update(self, acceptance: Array) -> None:
        """Use the mean acceptance probabilities (n_samples,) of a step at the current sizes."""
        self._n += 1
        rate = 1 / (self._n + DELAY)
        self._error += rate * (self.target - acceptance - self._error)
        logs = self._center - np.sqrt(self._n) / SHRINKAGE * self._error
        self.current = np.exp(np.clip(logs, -600, 600))
        self._log_average += self._n**-FORGETTING * (logs - self._log_average)

    @property
    def average(self) -> Array:
        """Averages of the step sizes (n_samples,), for use after the warm-up."""
        return np.exp(np.clip(self._log_average, -600, 600))


class RunningScales:
    """Standard deviations of the answers of all chains, from several steps.

    Parameters
    ----------
    shared : bool
        Whether all samples have the same scales.

    Examples
    --------
    >>> scales = RunningScales(shared=False)
    >>> scales.add(np.array([[[0.0], [2.0]]]))
    >>> scales.add(np.array([[[0.0], [2.0]]]))
    >>> scales.scales()
    array([[1.]])
    """

    def __init__(self, shared: bool) -> None:
        self.shared = shared
        self.clear()

    def clear(self) -> None:
        """Forget all answers."""
        self._center: Array | None = None
        self._n = 0

    def add(self, answers: Array) -> None:
        """Add answers (n_samples, m, n_outputs)."""
        answers = answers.astype(np.float64, copy=False)
        if self._center is None:
            self._center = answers.mean(axis=1, keepdims=True)
            self._sum = np.zeros_like(self._center)
            self._squares = np.zeros_like(self._center)
        away = answers - self._center
        self._sum += away.sum(axis=1, keepdims=True)
        self._squares += np.square(away).sum(axis=1, keepdims=True)
        self._n += answers.shape[1]

    def scales(self) -> Array:
        """Return scales (n_samples, n_outputs), shrunk towards a common one; 1 if unknown."""
        if self._n < 2:
            raise ValueError("Scales need at least two answers.")
        variances = (self._squares - self._sum**2 / self._n)[:, 0] / self._n
        if self.shared:
            variances = np.broadcast_to(variances.mean(axis=0), variances.shape)
        common = variances.mean(axis=1, keepdims=True)
        variances = (self._n * variances + PRIOR_DRAWS * common) / (self._n + PRIOR_DRAWS)
        return np.sqrt(np.where(variances > 0, variances, 1))
