"""An energy on features that stay fixed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from sklearn_ebm._params import Params, Shapes
from sklearn_ebm.energies.base import Energy, Linearization


class Featured(Energy):
    """F(x, y) = F'(φ(x), y): an energy F' on features φ that learning does not move.

    What `Kernel` becomes once its landmarks are settled; of use for features of your own as well.

    Parameters
    ----------
    transformer : fitted transformer
        φ: its ``transform`` takes rows (n, d), dense or CSR, to features (n, p) of the same dtype.
    energy : Energy
        F', of which the parameters are.

    Examples
    --------
    Features (x, x²) and one template (0, 1) for the second class: at x = 3, F(x, 1) = −9:

    >>> import numpy as np
    >>> from sklearn.preprocessing import PolynomialFeatures
    >>> from sklearn_ebm.energies import Featured, Linear
    >>> square = PolynomialFeatures(2, include_bias=False).fit([[0.0]])
    >>> energy = Featured(square, Linear(fit_intercept=False))
    >>> params = {"coef": np.array([[0.0, 0.0], [0.0, 1.0]])}
    >>> energy.linearize(params, np.array([[3.0]])).energies
    array([[ 0., -9.]])
    """

    def __init__(self, transformer: Any, energy: Energy) -> None:
        self.transformer = transformer
        self.energy = energy

    @property
    def penalized(self) -> tuple[str, ...]:  # type: ignore[override]
        """Those of the energy on the features."""
        return self.energy.penalized

    @property
    def nonnegative(self) -> bool:  # type: ignore[override]
        """Whether the energy on the features is."""
        return self.energy.nonnegative

    @property
    def linear(self) -> bool:  # type: ignore[override]
        """Whether the energy on the features is linear in the parameters."""
        return self.energy.linear

    @property
    def stochastic(self) -> bool:  # type: ignore[override]
        """Whether the energy on the features is learnt from mini-batches."""
        return self.energy.stochastic

    def factored(self) -> tuple[Callable[[Any], Any], Energy]:
        """φ and F'."""
        return self.transformer.transform, self.energy

    def shapes(self, n_features: int, n_answers: int) -> Shapes:
        """Shapes of F' on p features."""
        return self.energy.shapes(len(self.transformer.get_feature_names_out()), n_answers)

    def start(
        self,
        X: Any,
        y: npt.NDArray[np.intp],
        weight: npt.NDArray[np.float64],
        n_answers: int,
        rng: np.random.RandomState,
    ) -> Params:
        """Where F' starts on the features."""
        return self.energy.start(self.transformer.transform(X), y, weight, n_answers, rng)

    def linearize(self, params: Params, X: Any, answers: Any = None) -> Linearization:
        """Energies of F' at the features of the rows.

        Parameters
        ----------
        params : dict
        X : ndarray or CSR of shape (n, d)
        answers : None

        Returns
        -------
        Linearization
        """
        return self.energy.linearize(params, self.transformer.transform(X), answers)

    def centered(self, params: Params) -> Params:
        """The gauge of F'."""
        return self.energy.centered(params)
