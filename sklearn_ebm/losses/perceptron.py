"""The perceptron loss."""

from __future__ import annotations

from sklearn_ebm._utils.array_api import in_dtype, namespace_of
from sklearn_ebm._utils.parameters import Array
from sklearn_ebm.inference import Minimum
from sklearn_ebm.losses._right_answers import Mask, RightAnswers
from sklearn_ebm.losses.base import Loss, Traits
from sklearn_ebm.losses.nll import NLL


class Perceptron(Loss):
    """Perceptron loss.

    F(y) − min_{y'} F(y'),

    where F(y) is the energy of the correct answer and the minimum is over all answers. The loss is
    zero if the correct answer has the lowest energy; there is no margin. The penalised sum of this
    loss over the samples has its minimum at zero parameters, so it is not minimised. Learning uses
    the online rule instead: it makes a step for each sample with a positive loss and averages the
    parameters. If some parameters separate the samples, learning continues until a pass makes no
    mistake or ``max_iter`` is reached; see `sklearn_ebm.solvers.Averaged`.

    References
    ----------
    Freund, Schapire, "Large Margin Classification Using the Perceptron Algorithm", Machine Learning
    37 (1999) 277-296. :doi:`10.1023/A:1007662407062`

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ebm.losses import Perceptron
    >>> Perceptron()(np.array([[2.0, 0.5, 1.0]]), np.array([[True, False, False]]))
    (array([1.5]), array([[ 1., -1.,  0.]]))

    In a classifier with the default linear energy:

    >>> from sklearn_ebm import EBMClassifier
    >>> clf = EBMClassifier(loss="perceptron").fit(
    ...     [[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1]
    ... )
    >>> clf.predict([[0.5], [2.5]]).tolist()
    [0, 1]
    """

    traits = Traits(convex=True, online=True)

    def __call__(self, energies: Array, correct: Mask) -> tuple[Array, Array]:
        """Value (n,) and slope (n, m): 1 at y and −1 at ŷ = argmin F if they differ, else 0.

        Parameters
        ----------
        energies : array of shape (n_samples, m)
            Energies of m answers.
        correct : array of bool of shape (n_samples, m)
            True at the one correct answer of each sample.

        Returns
        -------
        value : array of shape (n_samples,)
            ℓ, in units of the loss.
        slope : array of shape (n_samples, m)
            dℓ/dF.
        """
        xp = namespace_of(energies, correct)
        lowest, weights = Minimum()(energies)
        value = RightAnswers(xp, correct).take(energies) - lowest
        return value, in_dtype(xp, correct, energies.dtype) - weights

    def is_smooth(self, n_answers: int) -> bool:
        """False: the slope jumps where the answer of lowest energy changes.

        Parameters
        ----------
        n_answers : int
            Number of answers.

        Returns
        -------
        bool
            True if gradient methods apply without smoothing.
        """
        return False

    def smoothed(self, temperature: float) -> Loss:
        """Return F(y) − soft minimum of F at T: the negative log-likelihood at β = 1/T.

        Parameters
        ----------
        temperature : float
            Temperature of the smoothing, in units of the energy; 0 is the loss itself.

        Returns
        -------
        Loss
            The smoothed loss.
        """
        return NLL(beta=1 / temperature)
