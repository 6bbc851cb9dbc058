"""Generated problems with two-dimensional targets on closed curves."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np

from sklearn_ebm.datasets.truth import Array, Random, Truth, checked, drawn

# The integrand along the ring is a peak, or a sum of peaks, none narrower than one width. Nodes
# 0.7 widths apart leave a relative error of 2 exp(−2π²/0.7²) = 6e-18.
_NODES_PER_WIDTH = 1 / 0.7
_BLOCK = 2**18  # numbers at a time: what stays in a cache


class NoisyEllipse(Truth):
    r"""p(y | x) = (1/2π) ∫ N(y; R(x) [a(x) cos θ, b(x) sin θ], noise² I) dθ.

    A subclass gives the semi-axes a and b, and the angle of the rotation R where there is one. The
    integral is a trapezoid rule over the period, which converges faster than any power. Its time
    grows as (a + b)/noise.
    """

    n_outputs = 2

    @abstractmethod
    def half_axes(self, X: Array) -> Array:
        """Semi-axes a(x), b(x) of shape (n_samples, 2)."""

    def angle(self, X: Array) -> Array:
        """Angle (n,) by which the ellipse is turned, in radians; 0 unless overridden."""
        return np.zeros(len(X))

    def _log_density(self, X: Array, y: Array) -> Array:
        axes = self.half_axes(X)
        along = _turned(y, -self.angle(X)) * axes
        variance = self.noise**2
        # log N = this · [cos θ, sin θ, cos² θ, sin² θ] − |y|²/2noise² − log(2π noise²)
        exponent = np.hstack([along, -0.5 * axes**2]) / variance

        # −d²(log N)/dθ² = (|c'|² + y·c − |c|²)/noise² with c'' = −c: no peak is narrower than this.
        bound = np.abs(axes[:, 0] ** 2 - axes[:, 1] ** 2)
        bound += axes.max(axis=1) * np.linalg.norm(y, axis=1)
        widths = 2 * np.pi * np.sqrt(bound / variance)
        n_nodes = np.maximum(64, np.ceil(_NODES_PER_WIDTH * widths)).astype(np.int64)

        mean = np.empty(len(y))
        order = np.argsort(-n_nodes, kind="stable")  # rows of a block share its finest rule
        while len(order):
            nodes = n_nodes[order[0]]
            rows, order = np.split(order, [max(1, _BLOCK // nodes)])
            theta = np.arange(nodes) * (2 * np.pi / nodes)
            circle = np.stack([np.cos(theta), np.sin(theta)])
            logs = exponent[rows] @ np.vstack([circle, circle**2])
            highest = logs.max(axis=1, keepdims=True)
            logs -= highest
            mean[rows] = highest[:, 0] + np.log(np.exp(logs, out=logs).mean(axis=1))
        return mean - 0.5 * np.sum(y**2, axis=1) / variance - np.log(2 * np.pi * variance)

    def _modes(self, X: Array) -> None:
        return None

    def _sample(self, X: Array, rng: Random) -> Array:
        theta = rng.uniform(0, 2 * np.pi, size=len(X))
        ring = self.half_axes(X) * np.column_stack([np.cos(theta), np.sin(theta)])
        return _turned(ring, self.angle(X)) + self.noise * rng.normal(size=(len(X), 2))


def _turned(points: Array, angle: Array) -> Array:
    """Points (n, 2), each turned about the origin by its own angle (n,)."""
    cos, sin = np.cos(angle), np.sin(angle)
    first, second = points.T
    return np.column_stack([cos * first - sin * second, sin * first + cos * second])


class Horn(NoisyEllipse):
    """The distribution of `make_horn`."""

    def half_axes(self, X: Array) -> Array:
        """[1.5x + 2(1 − x), 2x + 1.5(1 − x)] e^{2x}."""
        return np.exp(2 * X) * np.hstack([2 - 0.5 * X, 1.5 + 0.5 * X])


class TurningEllipse(NoisyEllipse):
    """The distribution of `make_ellipse`."""

    def half_axes(self, X: Array) -> Array:
        """2 and 1."""
        return np.tile([2.0, 1.0], (len(X), 1))

    def angle(self, X: Array) -> Array:
        """πx/2."""
        return 0.5 * np.pi * X[:, 0]


def make_horn(
    n_samples: int = 1000,
    *,
    noise: float = 0.05,
    random_state: int | np.random.RandomState | None = None,
    return_truth: bool = False,
) -> tuple[Any, ...]:
    r"""Generate points of an ellipse that grows with x like a horn, plus noise.

    y = [ρ₁(x) cos θ, ρ₂(x) sin θ] + noise · N(0, I), where θ ~ U(0, 2π) is not observed,
    x ~ U(0, 1), and ρ(x) = [1.5x + 2(1 − x), 2x + 1.5(1 − x)] e^{2x}. The mean of the answers is 0,
    far from all of them.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of samples.
    noise : float, default=0.05
        Standard deviation of the noise on each entry of y.
    random_state : int, RandomState instance or None, default=None
        Determines the random numbers. Pass an int for reproducible data.
    return_truth : bool, default=False
        Whether to return the exact distribution p(y | x) as well.

    Returns
    -------
    X : ndarray of shape (n_samples, 1)
        Features.
    y : ndarray of shape (n_samples, 2)
        Target values.
    truth : Truth
        p(y | x), by quadrature; ``modes`` returns None. Only if `return_truth`.

    Raises
    ------
    ValueError
        If `n_samples` is not a positive integer, or `noise` is not positive and finite.

    References
    ----------
    Canziani and LeCun, *Deep Learning*, DS-GA 1008, New York University (2020), week 15,
    https://atcold.github.io/NYU-DLSP20/en/week15/15-1/

    Examples
    --------
    At x = 0 the semi-axes are a = 2 and b = 1.5. With the noise s = 0.05 the density at the centre
    is p(0) = e^{−b²/2s²} · e^{−κ} I₀(κ) / 2πs², where κ = (a² − b²)/4s² = 175 and e^{−κ} I₀(κ) is
    (1 + 1/8κ)/√(2πκ) to five digits: log p(0) = −450 − 3.500615 + 4.153587.

    >>> from sklearn_ebm.datasets import make_horn
    >>> X, y, truth = make_horn(random_state=0, return_truth=True)
    >>> truth.log_prob([[0.0]], [[0.0, 0.0]]).round(6)
    array([-449.347028])
    """
    n_samples, rng = checked(n_samples, random_state)
    return drawn(Horn(noise), rng.uniform(size=(n_samples, 1)), rng, return_truth)


def make_ellipse(
    n_samples: int = 1000,
    *,
    noise: float = 0.1,
    random_state: int | np.random.RandomState | None = None,
    return_truth: bool = False,
) -> tuple[Any, ...]:
    r"""Generate noisy points on an ellipse that makes a quarter turn from x = 0 to x = 1.

    y = R(πx/2) [2 cos θ, sin θ] + noise · N(0, I), where θ ~ U(0, 2π) is not observed,
    x ~ U(0, 1), and R(α) is the rotation by the angle α. Answers are denser at the
    ends of the long axis.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of samples.
    noise : float, default=0.1
        Standard deviation of the noise on each entry of y.
    random_state : int, RandomState instance or None, default=None
        Determines the random numbers. Pass an int for reproducible data.
    return_truth : bool, default=False
        Whether to return the exact distribution p(y | x) as well.

    Returns
    -------
    X : ndarray of shape (n_samples, 1)
        Features.
    y : ndarray of shape (n_samples, 2)
        Target values.
    truth : Truth
        p(y | x), by quadrature; ``modes`` returns None. Only if `return_truth`.

    Raises
    ------
    ValueError
        If `n_samples` is not a positive integer, or `noise` is not positive and finite.

    Examples
    --------
    x = 1 is a quarter turn from x = 0: the density at (2, 0) becomes the density at (0, 2).

    >>> from sklearn_ebm.datasets import make_ellipse
    >>> X, y, truth = make_ellipse(random_state=0, return_truth=True)
    >>> start, end = truth.log_prob([[0.0], [1.0]], [[2.0, 0.0], [0.0, 2.0]])
    >>> bool(abs(start - end) < 1e-9)
    True
    """
    n_samples, rng = checked(n_samples, random_state)
    return drawn(TurningEllipse(noise), rng.uniform(size=(n_samples, 1)), rng, return_truth)
