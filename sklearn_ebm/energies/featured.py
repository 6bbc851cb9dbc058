"""An energy on features that stay fixed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.base import clone

from sklearn_ebm._utils.array_api import namespace_of, numpy_namespace
from sklearn_ebm._utils.array_ops import cast_like
from sklearn_ebm._utils.arrays import canonical_rows
from sklearn_ebm._utils.parameters import Array, Params, Shapes
from sklearn_ebm.energies.base import Energy, Linearization

# Features exist for one block of rows at a time, and go through few operations: a block may have
# more of them than it has energies.
FEATURE_SHARE = 8


class Featured(Energy):
    """F(x, y) = F'(φ(x), y): an energy F' on features φ that learning does not move.

    What `Kernel` becomes once its landmarks are settled; of use for features of your own as well.
    The transformer is fitted once, before the energy is made, and clones keep it as it is.

    Parameters
    ----------
    transformer : fitted transformer
        φ: its ``transform`` takes samples (n, d), dense or CSR, to features (n, p).
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

    def __sklearn_clone__(self) -> Featured:
        """Return the same features, fitted, and a clone of the energy on them.

        The transformer is copied at the surface, so that its settings can be set in one of both.
        """
        return type(self)(copy(self.transformer), clone(self.energy))

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
        """Whether the energy on the features is learned from mini-batches."""
        return self.energy.stochastic

    @property
    def batches_because(self) -> str | None:  # type: ignore[override]
        """Why the energy on the features needs mini-batches."""
        return self.energy.batches_because

    @property
    def threads(self) -> bool:  # type: ignore[override]
        """Whether the energy on the features may be computed in several threads."""
        return self.energy.threads

    @property
    def coefficients(self) -> bool:  # type: ignore[override]
        """Whether the energy on the features shows a ``coef_``."""
        return self.energy.coefficients

    @property
    def redundant_binary_templates(self) -> bool:  # type: ignore[override]
        """Whether the energy on the features has a template for each of two answers."""
        return self.energy.redundant_binary_templates

    @property
    def needs_all_classes(self) -> bool:  # type: ignore[override]
        """Whether the energy on the features is prepared for answers that it has seen."""
        return self.energy.needs_all_classes

    @property
    def difference(self) -> Callable[[Params, Any], Array] | None:  # type: ignore[override]
        """F'(φ(x), 1) − F'(φ(x), 0), where F' has a short way to it."""
        of_features = self.energy.difference
        if of_features is None:
            return None
        return lambda params, X: of_features(params, self.transformed(X))

    def transformed(self, X: Any) -> Any:
        """φ(x) of some samples, as an array or CSR in the dtype of X, whatever φ returns.

        Parameters
        ----------
        X : array or CSR of shape (n_samples, n_features)

        Returns
        -------
        array or CSR of shape (n_samples, p)
            Of the library of X.
        """
        features = self.transformer.transform(X)
        if sparse.issparse(features):
            return canonical_rows(features).astype(X.dtype, copy=False)
        xp = namespace_of(X)
        if xp is numpy_namespace:
            return np.asarray(features, dtype=X.dtype)
        return cast_like(xp, features, X)

    def initialized(
        self,
        X: Any,
        y: npt.NDArray[np.intp],
        weight: npt.NDArray[np.float64],
        n_answers: int,
        rng: np.random.RandomState,
    ) -> Energy:
        """Return the features as they are, and F' prepared for them."""
        if type(self.energy).initialized is Energy.initialized:
            return self  # no need for the features of all rows
        features = self.transformed(X)
        return self._with(self.energy.initialized(features, y, weight, n_answers, rng))

    def _with(self, energy: Energy) -> Featured:
        return self if energy is self.energy else type(self)(self.transformer, energy)

    def moulded(self) -> dict[str, Any]:
        """Return what settles the features, and what F' took from them."""
        return {"transformer": self.transformer} | self.energy.moulded()

    def copy_for_training(self) -> Energy:
        """Return the features as they are, and F' to go on with."""
        return self._with(self.energy.copy_for_training())

    def training(self, rng: np.random.RandomState) -> Energy:
        """Return the features as they are, and F' as one step sees it."""
        return self._with(self.energy.training(rng))

    def split_features(self) -> tuple[Callable[[Any], Any], Energy]:
        """φ and F', or φ' ∘ φ and F'' where F'(φ, y) = F''(φ'(φ), y) itself."""
        further = self.energy.split_features()
        if further is None:
            return self.transformed, self.energy
        represent, inner = further
        return lambda X: represent(self.transformed(X)), inner

    def width(self, n_features: int, n_answers: int) -> int:
        """Return what F' has, and a share of the number of features."""
        p = self._n_features_out
        return max(self.energy.width(p, n_answers), p // FEATURE_SHARE)

    @property
    def _n_features_out(self) -> int:
        return len(self.transformer.get_feature_names_out())

    def shapes(self, n_features: int, n_answers: int) -> Shapes:
        """Shapes of F' on p features."""
        return self.energy.shapes(self._n_features_out, n_answers)

    def start(
        self,
        X: Any,
        y: npt.NDArray[np.intp],
        weight: npt.NDArray[np.float64],
        n_answers: int,
        rng: np.random.RandomState,
    ) -> Params:
        """Where F' starts on the features."""
        return self.energy.start(self.transformed(X), y, weight, n_answers, rng)

    def linearize(self, params: Params, X: Any, answers: Any = None) -> Linearization:
        """Energies of F' at the features of the samples.

        Parameters
        ----------
        params : dict
        X : array or CSR of shape (n_samples, n_features)
            Of any library that the transformer takes.
        answers : None

        Returns
        -------
        Linearization
        """
        return self.energy.linearize(params, self.transformed(X), answers)

    def centered(self, params: Params) -> Params:
        """The gauge of F'."""
        return self.energy.centered(params)

    def fitted_attributes(self, params: Params, n_answers: int) -> dict[str, Array]:
        """Those of F', in the space of the features."""
        return self.energy.fitted_attributes(params, n_answers)

    def written(self, params: Params, fitted: Mapping[str, Any], n_answers: int) -> Params:
        """Parameters of F' with what users wrote into its attributes."""
        return self.energy.written(params, fitted, n_answers)
