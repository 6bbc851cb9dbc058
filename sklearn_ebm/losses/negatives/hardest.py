"""The hardest of many drawn classes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sklearn_ebm._utils.parameters import Array, Index
from sklearn_ebm._utils.validation import positive_integer
from sklearn_ebm.losses.negatives._inclusion import inclusion_of
from sklearn_ebm.losses.negatives.class_base import ClassNegatives
from sklearn_ebm.losses.negatives.sampled import power_of, validate_power


class HardestSampled(ClassNegatives):
    r"""Draw many classes, and keep the hardest ones for the mini-batch.

    Candidates are drawn as by `Sampled`, and their energies F are computed without derivatives.
    The hardness of class k is its largest share in the partition functions of the samples,

    .. math:: \max_i \; e^{-F(x_i, k)} \Big/ \sum_j e^{-F(x_i, j)}.

    Half of the negatives are the hardest candidates. The other half is drawn from the remaining
    candidates, all with the same probability, which keeps estimates of sums over all wrong classes
    unbiased. The classes of the other samples of the mini-batch are added.

    Suits losses against the most offending wrong answer, such as ``"hinge"``.

    Parameters
    ----------
    n_negatives : int, default=100
        Number of classes that are kept for each mini-batch.
    n_candidates : int, default=500
        Number of classes that are drawn for each mini-batch.
    power : float, default=0.5
        Power of the frequency by which candidates are drawn, from 0 to 1.

    References
    ----------
    Blanc, Rendle, "Adaptive Sampled Softmax with Kernel Based Sampling", ICML (2018) 590-599, for
    draws that depend on the energies. :arxiv:`1712.00527`

    Examples
    --------
    Of four candidates, the second and the third are the hardest for one of two samples; one of the
    other two is drawn, with the probability ½:

    >>> import numpy as np
    >>> from sklearn_ebm.losses.negatives import HardestSampled
    >>> energies = np.array([[5.0, 0.0, 5.0, 6.0], [5.0, 5.0, 0.0, 6.0]])
    >>> index, probability = HardestSampled(n_negatives=3).kept(
    ...     energies, np.random.default_rng(0)
    ... )
    >>> sorted(index[:2].tolist()), probability
    ([1, 2], array([1. , 1. , 0.5]))
    """

    examples = ({}, {"n_negatives": 5, "n_candidates": 20, "power": 1.0})
    looks_at_energies = True

    def __init__(self, n_negatives: int = 100, n_candidates: int = 500, power: float = 0.5) -> None:
        self.n_negatives = n_negatives
        self.n_candidates = n_candidates
        self.power = power

    def inclusion(self, frequency: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Compute the probability with which each class is a candidate; see ``ClassNegatives``.

        Parameters
        ----------
        frequency : ndarray of shape (n_classes,)
            Sum of the weights of the training samples of each class.

        Returns
        -------
        ndarray of shape (n_classes,)
            π of the candidates.
        """
        n_candidates = max(self.n_candidates, self.n_negatives)
        return inclusion_of(power_of(frequency, self.power), n_candidates)

    def kept(self, energies: Array, rng: np.random.Generator) -> tuple[Index, Array]:
        """Choose the hardest candidates, and some of the others at random.

        Parameters
        ----------
        energies : ndarray of shape (n_samples, m)
            Energies of the candidates that are not in the batch.
        rng : numpy.random.Generator
            Source of random numbers.

        Returns
        -------
        index : ndarray of int of shape (n_kept,)
            The chosen columns, the hardest ones first.
        probability : ndarray of shape (n_kept,)
            Probability with which each of them was chosen, given the energies.
        """
        n_candidates = energies.shape[1]
        if n_candidates <= self.n_negatives:
            return super().kept(energies, rng)
        n_random = max(self.n_negatives // 2, 1)
        n_hardest = self.n_negatives - n_random
        share = np.exp(energies.min(axis=1, keepdims=True) - energies)
        share /= share.sum(axis=1, keepdims=True)
        order = np.argpartition(-share.max(axis=0), n_hardest)
        others = rng.choice(order[n_hardest:], n_random, replace=False)
        probability = np.ones(self.n_negatives)
        probability[n_hardest:] = n_random / (n_candidates - n_hardest)
        return np.concatenate([order[:n_hardest], others]), probability

    def validate(self) -> None:
        """Raise ValueError unless the numbers are positive and the power is from 0 to 1."""
        positive_integer("n_negatives", self.n_negatives, of="HardestSampled")
        positive_integer("n_candidates", self.n_candidates, of="HardestSampled")
        validate_power(self.power, of="HardestSampled")
