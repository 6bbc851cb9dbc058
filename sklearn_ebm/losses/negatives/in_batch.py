"""Wrong classes taken from the mini-batch itself."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sklearn_ebm.losses.negatives.class_base import ClassNegatives


class InBatch(ClassNegatives):
    """Compare with the classes of the other samples of the mini-batch, and draw no others.

    The number of wrong answers is limited by the batch size of the solver. Rare classes are wrong
    answers as rarely as they are right answers, so their estimates have a large variance; `Sampled`
    draws them more often. A mini-batch whose samples are all of one class is skipped.

    References
    ----------
    Yi et al., "Sampling-Bias-Corrected Neural Modeling for Large Corpus Item Recommendations",
    RecSys (2019) 269-277. :doi:`10.1145/3298689.3346996`

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ebm.losses.negatives import InBatch
    >>> InBatch().inclusion(np.array([3.0, 2.0]))
    array([0., 0.])

    In a classifier:

    >>> from sklearn_ebm import EBMClassifier
    >>> clf = EBMClassifier(negatives="in_batch").fit(
    ...     [[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1]
    ... )
    >>> clf.predict([[0.5], [2.5]]).tolist()
    [0, 1]
    """

    covers_all = False

    def inclusion(self, frequency: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return zeros, because no classes are drawn besides those of the batch.

        Parameters
        ----------
        frequency : ndarray of shape (n_classes,)
            Sum of the weights of the training samples of each class.

        Returns
        -------
        ndarray of shape (n_classes,)
            Zeros.
        """
        return np.zeros(len(frequency))

    def validate(self) -> None:
        """Do nothing, because there are no parameters."""
