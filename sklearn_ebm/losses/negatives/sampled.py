"""Wrong classes drawn by their frequency."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sklearn_ebm._utils.validation import as_number, positive_integer
from sklearn_ebm.losses.negatives._inclusion import inclusion_of
from sklearn_ebm.losses.negatives.class_base import ClassNegatives


class Sampled(ClassNegatives):
    r"""Draw classes without replacement, by a power of their frequency.

    π_k = min(1, c f_k^α), where f_k is the frequency of class k, α the power, and c gives the sum
    `n_negatives`. The classes of the other samples of the mini-batch are added.

    With as many negatives as classes, every class is certain, and learning is exact. Otherwise the
    value and the gradient of ``"nll"`` have a bias, because the logarithm of an unbiased estimate
    of the partition function is not unbiased; it falls with the number of negatives.

    Parameters
    ----------
    n_negatives : int, default=100
        Number of classes that are drawn for each mini-batch.
    power : float, default=0.5
        α, from 0 to 1: 0 draws all classes equally often, 1 by their frequency.

    References
    ----------
    Bengio, Senécal, "Adaptive Importance Sampling to Accelerate Training of a Neural Probabilistic
    Language Model", IEEE Transactions on Neural Networks 19 (2008) 713-722.
    :doi:`10.1109/TNN.2007.912312`

    Jean, Cho, Memisevic, Bengio, "On Using Very Large Target Vocabulary for Neural Machine
    Translation", ACL (2015) 1-10. :doi:`10.3115/v1/P15-1001`

    Mikolov, Sutskever, Chen, Corrado, Dean, "Distributed Representations of Words and Phrases and
    their Compositionality" (2013), for powers of the frequency. :arxiv:`1310.4546`

    Examples
    --------
    Frequencies 16, 4 and 4 have the roots 4, 2 and 2, so one draw has the probabilities ½, ¼ and ¼:

    >>> import numpy as np
    >>> from sklearn_ebm.losses.negatives import Sampled
    >>> Sampled(n_negatives=1, power=0.5).inclusion(np.array([16.0, 4.0, 4.0]))
    array([0.5 , 0.25, 0.25])

    In a classifier:

    >>> from sklearn_ebm import EBMClassifier
    >>> clf = EBMClassifier(negatives="sampled", n_negatives=1)
    >>> clf = clf.fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1])
    >>> clf.predict([[0.5], [2.5]]).tolist()
    [0, 1]
    """

    examples = ({}, {"n_negatives": 5, "power": 1.0})

    def __init__(self, n_negatives: int = 100, power: float = 0.5) -> None:
        self.n_negatives = n_negatives
        self.power = power

    def inclusion(self, frequency: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Compute the probability with which each class is drawn; see ``ClassNegatives``.

        Parameters
        ----------
        frequency : ndarray of shape (n_classes,)
            Sum of the weights of the training samples of each class.

        Returns
        -------
        ndarray of shape (n_classes,)
            π.
        """
        return inclusion_of(power_of(frequency, self.power), self.n_negatives)

    def validate(self) -> None:
        """Raise ValueError unless there is at least one negative and the power is from 0 to 1."""
        positive_integer("n_negatives", self.n_negatives, of="Sampled")
        validate_power(self.power, of="Sampled")


def power_of(frequency: npt.NDArray[np.float64], power: float) -> npt.NDArray[np.float64]:
    """f^α of classes with samples, relative to the largest; 0 for the others.

    Examples
    --------
    >>> power_of(np.array([4.0, 1.0, 0.0]), 0.5)
    array([1. , 0.5, 0. ])
    """
    seen = frequency > 0
    result: npt.NDArray[np.float64] = np.zeros(len(frequency))
    result[seen] = (frequency[seen] / frequency.max()) ** power
    return result


def validate_power(power: float, *, of: str) -> None:
    """Raise ValueError unless the power is a number from 0 to 1."""
    if not 0 <= as_number(power) <= 1:
        raise ValueError(f"power={power!r} of {of} must be a number from 0 to 1.")
