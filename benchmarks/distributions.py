"""How long do conditional densities with many components take, and how exact are they?

It blends banks of kernels at stored answers with Gaussians around a location, as a blend of
energies does, and prints the seconds of the reduction and of every method of `GaussianMixture`,
with the error of those that have a reference.

    python benchmarks/distributions.py
    python benchmarks/distributions.py --rows 2000 --components 300
    python benchmarks/distributions.py --quick
"""

import argparse
import json
import time

import numpy as np
from threadpoolctl import threadpool_limits

from sklearn_ebm.distributions import GaussianMixture

#: Bandwidths of a memory, as parts of the local deviation, and widths around the location.
BANDWIDTHS = np.array([0.05, 0.12, 0.3, 0.6, 1.2])
WIDTHS = np.array([0.15, 0.3, 0.5, 0.8, 1.2, 2.0, 4.0])
BACKGROUNDS = np.array([2.0, 6.0])
MEMORIES = 3


def blend(n_rows, n_components, random_state=0):
    """Weights, means and scales (n, K) of three memories, a location and two backgrounds."""
    rng = np.random.default_rng(random_state)
    fixed = len(WIDTHS) + len(BACKGROUNDS)
    stored = max(1, (n_components - fixed) // (MEMORIES * len(BANDWIDTHS)))
    location = rng.normal(size=(n_rows, 1))
    deviation = np.exp(rng.normal(-2.0, 1.0, size=(n_rows, 1))).clip(0.02, 1.0)
    prior = rng.dirichlet(np.full(MEMORIES * len(BANDWIDTHS) + len(WIDTHS), 0.3), size=n_rows)
    prior = prior.clip(1e-6)
    prior *= 0.999 / prior.sum(axis=1, keepdims=True)
    weights, means, scales = [], [], []
    for memory in range(MEMORIES):
        share = rng.dirichlet(np.full(stored, 0.5), size=n_rows)
        answers = location + deviation * rng.standard_t(4, size=(n_rows, stored))
        for number, bandwidth in enumerate(BANDWIDTHS):
            element = memory * len(BANDWIDTHS) + number
            width = np.hypot(bandwidth * deviation, 0.002 * (1 + memory))
            weights.append(prior[:, [element]] * share)
            means.append(answers)
            scales.append(np.broadcast_to(width, answers.shape))
    around = np.concatenate([deviation * WIDTHS, np.tile(BACKGROUNDS, (n_rows, 1))], axis=1)
    weights += [prior[:, -len(WIDTHS) :], np.full((n_rows, len(BACKGROUNDS)), 5e-4)]
    means.append(np.broadcast_to(location, around.shape))
    scales.append(around)
    weights = np.concatenate(weights, axis=1)
    weights /= weights.sum(axis=1, keepdims=True)
    return weights, np.concatenate(means, axis=1), np.concatenate(scales, axis=1)


