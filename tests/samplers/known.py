"""Energies whose Gibbs distributions are known exactly."""

import numpy as np

from sklearn_ebm.distributions import VectorGaussianMixture
from sklearn_ebm.samplers import FunctionSurface
from sklearn_ebm.samplers.base import DiscreteSurface

COVARIANCE = np.array([[1.0, 1.2], [1.2, 4.0]])
PRECISION = np.linalg.inv(COVARIANCE)


def gaussian(X, y):
    """N(x, COVARIANCE) for X with two columns."""
    away = y - X
    slopes = away @ PRECISION.astype(y.dtype)
    return (away * slopes).sum(axis=1) / 2, slopes


def banana(X, y):
    """y₁ ~ N(0, 1), y₂ ~ N(y₁² − 1, ¼)."""
    first, away = y[:, 0], (y[:, 1] - y[:, 0] ** 2 + 1) / 0.25
    energies = (first**2 + 0.25 * away**2) / 2
    return energies, np.stack([first - 2 * first * away, away], axis=1)


def wall(X, y):
    """The exponential distribution: no energy below 0."""
    inside = y[:, 0] >= 0
    return np.where(inside, y[:, 0], np.inf), np.where(inside, 1.0, np.nan)[:, None]


def mixture(separation, scale):
    """Two Gaussians at ±separation on the first of two axes; log Z = log(2π scale²)."""
    means = np.array([[separation, 0.0], [-separation, 0.0]])

    def energy(X, y):
        away = y[:, None] - means
        logs = -(away**2).sum(axis=2) / (2 * scale**2)
        highest = logs.max(axis=1)
        shares = np.exp(logs - highest[:, None])
        total = shares.sum(axis=1)
        slopes = ((shares / total[:, None])[..., None] * away).sum(axis=1) / scale**2
        return -np.log(total / 2) - highest, slopes

    return energy


def spread_gaussian(q):
    """A Gaussian with standard deviations from e^-½ to e^½ and correlations 2^-|i-j|, and log Z."""
    scales = np.exp(np.linspace(-0.5, 0.5, q))
    correlation = 0.5 ** np.abs(np.subtract.outer(np.arange(q), np.arange(q)))
    covariance = correlation * np.outer(scales, scales)
    precision, mean = np.linalg.inv(covariance), np.ones(q) / np.sqrt(q)

    def energy(X, y):
        slopes = (y - mean) @ precision
        return ((y - mean) * slopes).sum(axis=1) / 2, slopes

    return energy, q / 2 * np.log(2 * np.pi) + np.linalg.slogdet(covariance)[1] / 2


def normal(n, mean, scale, q=2):
    """The density N(mean, scale² I) for n samples."""
    means = np.broadcast_to(mean, (n, 1, q))
    return VectorGaussianMixture(np.ones((n, 1)), means, np.tile(scale * np.eye(q), (n, 1, 1, 1)))


def surface(energy, n=1, q=2, dtype=np.float64):
    return FunctionSurface(energy, np.zeros((n, q), dtype=dtype), q)


class Potts(DiscreteSurface):
    """A chain of sites with 2 or 3 values and fields that depend on x; every other is a block."""

    n_values = (2, 3, 2, 3)
    n_outputs = 4
    coupling = 0.8

    def __init__(self, X, blocked=True):
        self.X = np.asarray(X, dtype=np.float64)
        self.n_rows = len(self.X)
        self.blocked = blocked

    @property
    def blocks(self):
        if not self.blocked:
            return super().blocks
        return (np.array([0, 2]), np.array([1, 3]))

    def statistics(self, y):
        """Equal neighbours, and the sum of the values: the energy is linear in them."""
        return np.stack([(y[..., 1:] == y[..., :-1]).sum(axis=-1), y.sum(axis=-1)], axis=-1)

    def energies(self, y):
        equal, total = np.moveaxis(self.statistics(y), -1, 0)
        return (-self.coupling * equal + self.X * total).astype(y.dtype)

    def __getitem__(self, rows):
        return Potts(self.X[rows], self.blocked)

    def answers(self):
        return np.stack(np.unravel_index(np.arange(36), self.n_values), axis=-1).astype(float)

    def probabilities(self):
        """Of the 36 answers, for each sample."""
        answers = np.broadcast_to(self.answers(), (self.n_rows, 36, 4))
        weights = np.exp(-self.energies(answers))
        return weights / weights.sum(axis=1, keepdims=True)
