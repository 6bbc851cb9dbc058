"""Estimates of losses from some of the wrong answers, which are drawn at random."""

from __future__ import annotations

from copy import copy
from typing import Any

import numpy as np
import numpy.typing as npt

from sklearn_ebm._utils.arrays import AnswerMask, right_index
from sklearn_ebm._utils.parameters import Array, Index
from sklearn_ebm.losses.base import Loss
from sklearn_ebm.losses.pairwise import PairwiseLoss


def estimated(
    loss: Loss, energies: Array, correct: AnswerMask, inclusion: npt.NDArray[np.float64]
) -> tuple[Array, Array]:
    """Estimate the value and the slope of a loss over all answers.

    .. code-block:: none

        partition function    Σ e^{−βF(ȳ)} ≈ Σ e^{−βF(ȳ)}/π   energies F(ȳ) + (log π)/β
        contrast="all"        Σ φ(F(y), F(ȳ)) ≈ Σ φ(F(y), F(ȳ))/π
        contrast="hardest"    the hardest of the drawn answers; not corrected

    The sums are over wrong answers, on the right-hand sides over those that were drawn, and these
    are unbiased. The right answer is exact.

    Parameters
    ----------
    loss : Loss
        The loss ℓ.
    energies : ndarray of shape (n_samples, m)
        Energies of m answers; overwritten.
    correct : ndarray of bool of shape (n_samples, m)
        True at the one correct answer of each sample.
    inclusion : ndarray of shape (m,)
        Probability π with which each answer is drawn for a sample of another class.

    Returns
    -------
    value : ndarray of shape (n_samples,)
        Estimate of ℓ.
    slope : ndarray of shape (n_samples, m)
        Its derivatives in the energies.

    Examples
    --------
    One of two wrong answers was drawn, with the probability ½. With energies that are all 0, the
    partition function is 1 + 1/½ = 3, as with both of them:

    >>> from sklearn_ebm._utils.arrays import correct_mask
    >>> from sklearn_ebm.losses import NLL
    >>> mask, inclusion = correct_mask(np.array([0]), 2), np.array([1.0, 0.5])
    >>> value, slope = estimated(NLL(), np.zeros((1, 2)), mask, inclusion)
    >>> np.exp(value).round(3), slope.round(3)
    (array([3.]), array([[ 0.667, -0.667]]))
    """
    if (inclusion == 1).all():
        return loss(energies, correct)
    if loss.traits.needs_partition_function:
        right = right_index(correct)
        of_right = energies[right]
        energies += (np.log(inclusion) / float(getattr(loss, "beta", 1.0))).astype(energies.dtype)
        energies[right] = of_right
        return loss(energies, correct)
    if isinstance(loss, PairwiseLoss) and loss.contrast == "all":
        return _sum_of_pairs(loss, energies, correct, inclusion)
    return loss(energies, correct)


def _sum_of_pairs(
    loss: PairwiseLoss, energies: Array, correct: AnswerMask, inclusion: npt.NDArray[np.float64]
) -> tuple[Array, Array]:
    """Estimate Σ φ(F(y), F(ȳ) − m) over all wrong answers by Σ φ/π over those that were drawn."""
    right = right_index(correct)
    offending = energies - loss._margins(correct, energies.dtype)
    of_right = np.broadcast_to(energies[right][:, None], energies.shape)
    value, slope_right, slope = loss.pair(of_right, offending, 0.0)
    weight = np.broadcast_to(1 / inclusion, energies.shape).astype(energies.dtype)
    weight[right] = 0  # the pair of the right answer with itself
    slope = weight * slope
    slope[right] = (weight * slope_right).sum(axis=1)
    return (weight * value).sum(axis=1), slope.astype(energies.dtype, copy=False)


def loss_among(loss: Loss, classes: Index) -> Loss:
    """Return the loss for some of the classes, with the margins of their pairs.

    Examples
    --------
    >>> from sklearn_ebm.losses import Hinge
    >>> loss_among(Hinge(margin=np.arange(9.0).reshape(3, 3)), np.array([0, 2])).margin
    array([[0., 2.],
           [6., 8.]])
    """
    margin: Any = getattr(loss, "margin", None)
    if np.ndim(margin) != 2:
        return loss
    other: Any = copy(loss)
    other.margin = np.asarray(margin)[np.ix_(classes, classes)]
    return other
