"""Upper bounds of free energies of sparse codes, by independent entries (mean field).

.. code-block:: none

    −(1/β) log ∫ exp(−β E(x, z)) dz  ≤  E_q[E(x, z)] − H(q)/β

for every density q of z, with its entropy H. If the entries z_j are independent with the means m_j
and variances v_j, then E_q[½‖x − Σ z_j D_j‖²] = ½‖x − Σ m_j D_j‖² + ½ Σ v_j ‖D_j‖².
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import erf, erfcx

from sklearn_ebm._utils.parameters import Array

# Bisections of the logarithm of a standard deviation.
STEPS = 30

# From this edge on, in standard deviations, a truncated normal distribution is exponential, up to a
# relative error of 1e-4; its own moments lose more digits than that.
FAR = 500.0

# Below this edge nothing is cut off, up to rounding.
NEAR = -25.0

LOG_2PI = float(np.log(2 * np.pi))


class Entries(NamedTuple):
    """Independent distributions of the entries of codes, all arrays of shape (n, n_components).

    Attributes
    ----------
    mean, variance : ndarray
        Means and variances.
    size : ndarray
        Means of the absolute values.
    entropy : ndarray
        Entropies, in nats.
    """

    mean: Array
    variance: Array
    size: Array
    entropy: Array


def normal_entries(codes: Array, curvature: Array, alpha: float, beta: float) -> Entries:
    """Normal distributions around codes, with the standard deviations of the lowest bound.

    Parameters
    ----------
    codes : ndarray of shape (n_samples, n_components)
        Means.
    curvature : ndarray of shape (n_components,)
        ‖D_j‖².
    alpha, beta : float
        Weight of the penalty, and inverse temperature.

    Returns
    -------
    Entries

    Examples
    --------
    Without a penalty the distribution is exact, with the variance 1/(β ‖D‖²):

    >>> normal_entries(np.array([[2.0]]), np.array([4.0]), 0.0, 1.0).variance.round(6)
    array([[0.25]])
    """
    # The bound is s²‖D‖²/2 + α E|m + s ε| − (log s)/β, convex in s, with derivatives
    # s ‖D‖² + α √(2/π) exp(−m²/2s²) − 1/(β s).
    pull = alpha * np.sqrt(2 / np.pi)
    root = np.sqrt(pull**2 + 4 * curvature / beta)
    low = 2 / (beta * (pull + root)) * np.ones_like(codes)  # where the exponential is 1
    flat = curvature == 0  # the upper end is then that of a penalty alone, around zero
    high = 1 / np.sqrt(beta * np.where(flat, 1, curvature))
    high = np.where(flat, 2 / (beta * (pull + root)), high)
    high = np.broadcast_to(high, codes.shape)
    for _ in range(STEPS):  # bisection of the logarithm, as the derivative increases with s
        s = np.sqrt(low * high)
        slope = s * curvature + pull * np.exp(-0.5 * (codes / s) ** 2) - 1 / (beta * s)
        low, high = np.where(slope < 0, s, low), np.where(slope < 0, high, s)
    s = np.sqrt(low * high)
    ratio = codes / s
    size = s * np.sqrt(2 / np.pi) * np.exp(-0.5 * ratio**2) + codes * erf(ratio / np.sqrt(2))
    return Entries(codes, s**2, size, 0.5 * (LOG_2PI + 1) + np.log(s))


def positive_entries(
    codes: Array, gradient: Array, curvature: Array, alpha: float, beta: float
) -> Entries:
    """Distribution of each entry given that the others are at their codes: truncated normal.

    Parameters
    ----------
    codes : ndarray of shape (n_samples, n_components)
        Codes, not negative.
    gradient : ndarray of shape (n_samples, n_components)
        Derivatives of ½‖x − Σ z_j D_j‖² in the codes.
    curvature : ndarray of shape (n_components,)
        ‖D_j‖².
    alpha, beta : float
        Weight of the penalty, and inverse temperature.

    Returns
    -------
    Entries

    Examples
    --------
    With a gradient of −α the distribution is a half-normal one, with the mean √(2/π):

    >>> one = np.array([[0.0]])
    >>> positive_entries(one, one - 1, np.array([1.0]), 1.0, 1.0).mean.round(4)
    array([[0.7979]])
    """
    curvature = np.maximum(curvature, 1e-300)
    s = 1 / np.sqrt(beta * curvature)
    centre = codes - (gradient + alpha) / curvature
    edge = -centre / s
    near = np.maximum(edge, NEAR)
    scaled = erfcx(near / np.sqrt(2))  # 2 Φ(−edge) exp(edge²/2)
    hazard = np.sqrt(2 / np.pi) / scaled
    mean = s * (hazard - edge)
    variance = s**2 * np.clip(1 + hazard * (edge - hazard), 0, 1)
    entropy = 0.5 * (LOG_2PI + 1) + np.log(0.5 * s * scaled) + 0.5 * near * (hazard - near)
    far = edge > FAR
    tail = s / np.where(far, edge, 1)  # the mean of the exponential distribution
    mean, variance = np.where(far, tail, mean), np.where(far, tail**2, variance)
    return Entries(mean, variance, mean, np.where(far, 1 + np.log(tail), entropy))
