"""Generated problems with a one-dimensional target and several branches."""

from __future__ import annotations

from typing import Any

import numpy as np

from sklearn_ebm.datasets.truth import Array, GaussianBranches, checked, drawn, interval


class TwoBranches(GaussianBranches):
    """The distribution of `make_two_branches`."""

    def branches(self, X: Array) -> Array:
        """Upper and lower one at x = −1; they change places at x = √(8/3) − 1."""
        square = (1 + X) ** 2
        return np.hstack([1 - square / 4, square / 2 - 1])

    def shares(self, X: Array) -> Array:
        """0.6 − 0.3x and the rest."""
        first = np.clip(0.6 - 0.3 * X, 0, 1)  # a probability also at features that are not drawn
        return np.hstack([first, 1 - first])


class Fork(GaussianBranches):
    """The distribution of `make_fork`."""

    def branches(self, X: Array) -> Array:
        """√x, 0 and −√x."""
        root = np.sqrt(np.maximum(X, 0))
        return np.hstack([root, np.zeros_like(root), -root])

    def shares(self, X: Array) -> Array:
        """0.5, 0.2 and 0.3; before the fork the middle one alone."""
        return np.where(X > 0, [0.5, 0.2, 0.3], [0.0, 1.0, 0.0])


class Ring(GaussianBranches):
    """The distribution of `make_ring`."""

    def branches(self, X: Array) -> Array:
        """√(1 − x²) and −√(1 − x²); 0 twice outside [−1, 1]."""
        root = np.sqrt(np.maximum(1 - X**2, 0))
        return np.hstack([root, -root])


class Steps(GaussianBranches):
    """The distribution of `make_steps`."""

    n_features = 6
    _jumps = np.array([-0.6, -0.2, 0.2, 0.6])
    _levels = np.array([[1.0, 0.0], [2.0, -1.0], [0.0, -2.0], [3.0, 1.0], [2.0, 0.0]])

    def branches(self, X: Array) -> Array:
        """Upper and lower level of the step that the first feature is on."""
        return self._levels[np.searchsorted(self._jumps, X[:, 0], side="right")]

    def shares(self, X: Array) -> Array:
        """(2 + x)/4 and the rest."""
        upper = np.clip((2 + X[:, :1]) / 4, 0, 1)
        return np.hstack([upper, 1 - upper])


def make_two_branches(
    n_samples: int = 1000,
    *,
    noise: float = 0.1,
    random_state: int | np.random.RandomState | None = None,
    return_truth: bool = False,
) -> tuple[Any, ...]:
    r"""Generate two crossing parabolas with Gaussian noise.

    y = 1 − (1 + x)²/4 with probability 0.6 − 0.3x, otherwise y = −1 + (1 + x)²/2, plus noise;
    x ~ U(−1, 1). Near the crossing at x = √(8/3) − 1 ≈ 0.633 there is one answer, elsewhere two.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of samples.
    noise : float, default=0.1
        Standard deviation of the noise.
    random_state : int, RandomState instance or None, default=None
        Determines the random numbers. Pass an int for reproducible data.
    return_truth : bool, default=False
        Whether to return the exact distribution p(y | x) as well.

    Returns
    -------
    X : ndarray of shape (n_samples, 1)
        Features.
    y : ndarray of shape (n_samples,)
        Target values.
    truth : Truth
        p(y | x), in closed form; ``modes`` has 2 columns, each a smooth branch.
        Only if `return_truth`.

    Raises
    ------
    ValueError
        If `n_samples` is not a positive integer, or `noise` is not positive and finite.

    Examples
    --------
    At x = −1 the branches are 1 and −1, and the first has a probability of 9/10: its maximum
    log-density is log(0.9 / (0.1 √(2π))).

    >>> from sklearn_ebm.datasets import make_two_branches
    >>> X, y, truth = make_two_branches(random_state=0, return_truth=True)
    >>> truth.modes([[-1.0]]), truth.log_prob([[-1.0]], [1.0]).round(6)
    (array([[ 1., -1.]]), array([1.278286]))
    """
    n_samples, rng = checked(n_samples, random_state)
    return drawn(TwoBranches(noise), interval(n_samples, rng), rng, return_truth)


def make_fork(
    n_samples: int = 1000,
    *,
    noise: float = 0.1,
    random_state: int | np.random.RandomState | None = None,
    return_truth: bool = False,
) -> tuple[Any, ...]:
    r"""Generate a fork of one branch into three, with Gaussian noise.

    y = 0 for x ≤ 0, and √x, 0 or −√x with probabilities 0.5, 0.2 and 0.3 for x > 0, plus noise;
    x ~ U(−1, 1). The branches are the equilibria of dy/dt = xy − y³, the pitchfork bifurcation.
    The mean answer 0.2√x lies on none of them.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of samples.
    noise : float, default=0.1
        Standard deviation of the noise.
    random_state : int, RandomState instance or None, default=None
        Determines the random numbers. Pass an int for reproducible data.
    return_truth : bool, default=False
        Whether to return the exact distribution p(y | x) as well.

    Returns
    -------
    X : ndarray of shape (n_samples, 1)
        Features.
    y : ndarray of shape (n_samples,)
        Target values.
    truth : Truth
        p(y | x), in closed form; ``modes`` has 3 columns, only the second of them for x ≤ 0.
        Only if `return_truth`.

    Raises
    ------
    ValueError
        If `n_samples` is not a positive integer, or `noise` is not positive and finite.

    References
    ----------
    Strogatz, *Nonlinear Dynamics and Chaos* (2018), section 3.4. :doi:`10.1201/9780429492563`

    Examples
    --------
    √0.25 = 0.5, and at x = −1 the maximum of a single Gaussian is 1/(0.1 √(2π)):

    >>> from sklearn_ebm.datasets import make_fork
    >>> X, y, truth = make_fork(random_state=0, return_truth=True)
    >>> truth.modes([[-1.0], [0.25]])
    array([[ nan,  0. ,  nan],
           [ 0.5,  0. , -0.5]])
    >>> truth.log_prob([[-1.0]], [0.0]).round(6)
    array([1.383647])
    """
    n_samples, rng = checked(n_samples, random_state)
    return drawn(Fork(noise), interval(n_samples, rng), rng, return_truth)


def make_ring(
    n_samples: int = 1000,
    *,
    noise: float = 0.1,
    random_state: int | np.random.RandomState | None = None,
    return_truth: bool = False,
) -> tuple[Any, ...]:
    r"""Generate points of the unit circle, with Gaussian noise on y.

    x = cos θ with θ ~ U(0, 2π), and y = ±√(1 − x²) plus noise. Both halves are equally likely, so
    the mean answer is 0 for every x: a regression of the mean finds no dependence.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of samples.
    noise : float, default=0.1
        Standard deviation of the noise.
    random_state : int, RandomState instance or None, default=None
        Determines the random numbers. Pass an int for reproducible data.
    return_truth : bool, default=False
        Whether to return the exact distribution p(y | x) as well.

    Returns
    -------
    X : ndarray of shape (n_samples, 1)
        Features.
    y : ndarray of shape (n_samples,)
        Target values.
    truth : Truth
        p(y | x), in closed form; ``modes`` has 2 columns, the upper and the lower half.
        Only if `return_truth`.

    Raises
    ------
    ValueError
        If `n_samples` is not a positive integer, or `noise` is not positive and finite.

    Examples
    --------
    √(1 − 0.6²) = 0.8, with probability 1/2, so the maximum of the density is 0.5/(0.1 √(2π)):

    >>> from sklearn_ebm.datasets import make_ring
    >>> X, y, truth = make_ring(random_state=0, return_truth=True)
    >>> truth.modes([[0.6]]), truth.log_prob([[0.6]], [0.8]).round(6)
    (array([[ 0.8, -0.8]]), array([0.690499]))
    """
    n_samples, rng = checked(n_samples, random_state)
    X = np.cos(rng.uniform(0, 2 * np.pi, size=(n_samples, 1)))
    return drawn(Ring(noise), X, rng, return_truth)


def make_steps(
    n_samples: int = 1000,
    *,
    noise: float = 0.1,
    random_state: int | np.random.RandomState | None = None,
    return_truth: bool = False,
) -> tuple[Any, ...]:
    r"""Generate two levels that jump, with five irrelevant features and Gaussian noise.

    All six features are U(−1, 1). The levels jump at −0.6, −0.2, 0.2 and 0.6 of the first feature;
    the others are irrelevant. The upper level has the probability (2 + x₀)/4. The levels from left
    to right are (1, 0), (2, −1), (0, −2), (3, 1) and (2, 0).

    Parameters
    ----------
    n_samples : int, default=1000
        Number of samples.
    noise : float, default=0.1
        Standard deviation of the noise.
    random_state : int, RandomState instance or None, default=None
        Determines the random numbers. Pass an int for reproducible data.
    return_truth : bool, default=False
        Whether to return the exact distribution p(y | x) as well.

    Returns
    -------
    X : ndarray of shape (n_samples, 6)
        Features.
    y : ndarray of shape (n_samples,)
        Target values.
    truth : Truth
        p(y | x), in closed form; ``modes`` has 2 columns, the upper and the lower level.
        Only if `return_truth`.

    Raises
    ------
    ValueError
        If `n_samples` is not a positive integer, or `noise` is not positive and finite.

    Examples
    --------
    In the middle the levels are 0 and −2, each with half of the answers:

    >>> import numpy as np
    >>> from sklearn_ebm.datasets import make_steps
    >>> X, y, truth = make_steps(random_state=0, return_truth=True)
    >>> truth.modes(np.zeros((1, 6))), truth.log_prob(np.zeros((1, 6)), [-2.0]).round(6)
    (array([[ 0., -2.]]), array([0.690499]))
    """
    n_samples, rng = checked(n_samples, random_state)
    return drawn(Steps(noise), interval(n_samples, rng, 6), rng, return_truth)
