"""An energy on features that stay fixed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from functools import partial
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import clone

from sklearn_ebm._utils.array_api import namespace_of, numpy_namespace
from sklearn_ebm._utils.array_ops import cast_like
from sklearn_ebm._utils.arrays import canonical_rows
from sklearn_ebm._utils.parameters import Array, Params, Shapes
from sklearn_ebm._utils.rows import Rows
from sklearn_ebm.energies.base import Energy, Linearization, Traits

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
    def traits(self) -> Traits:  # type: ignore[override]
        """Those of the energy on the features."""
        return self.energy.traits

    @property
    def penalized(self) -> tuple[str, ...]:  # type: ignore[override]
        """Those of the energy on the features."""
        return self.energy.penalized

    def initialized(
        self,
        rows: Rows,
        n_answers: int,
        rng: np.random.RandomState,
    ) -> Energy:
        """Return the features as they are, and F' prepared for them."""
        if type(self.energy).initialized is Energy.initialized:
            return self  # no need for the features of all rows
        features = transformed(self.transformer, rows.X)
        energy = self.energy.initialized(rows._replace(X=features), n_answers, rng)
        return self if energy is self.energy else type(self)(self.transformer, energy)

    def _split_features(self) -> tuple[Callable[[Any], Any], Energy]:
        """φ and F', or φ' ∘ φ and F'' where F'(φ, y) = F''(φ'(φ), y) itself."""
        own = partial(transformed, self.transformer)
        further = self.energy._split_features()
        if further is None:
            return own, self.energy
        transform, inner = further
        return lambda X: transform(own(X)), inner

    def _width(self, n_answers: int) -> int:
        """Return what F' has, and a share of the number of features."""
        return max(self.energy._width(n_answers), _n_features(self.transformer) // FEATURE_SHARE)

    def shapes(self, n_features: int, n_answers: int) -> Shapes:
        """Shapes of F' on p features."""
        return self.energy.shapes(_n_features(self.transformer), n_answers)

    def start(
        self,
        rows: Rows,
        n_answers: int,
        rng: np.random.RandomState,
    ) -> Params:
        """Where F' starts on the features."""
        return self.energy.start(
            rows._replace(X=transformed(self.transformer, rows.X)), n_answers, rng
        )

    def linearize(self, params: Params, X: Any) -> Linearization:
        """Energies of F' at the features of the samples.

        Parameters
        ----------
        params : dict
        X : array or CSR of shape (n_samples, n_features)
            Of any library that the transformer takes.

        Returns
        -------
        Linearization
        """
        return self.energy.linearize(params, transformed(self.transformer, X))

    def fitted_attributes(self, params: Params, n_answers: int) -> dict[str, Array]:
        """Those of F', in the space of the features."""
        return self.energy.fitted_attributes(params, n_answers)

    def _written(self, params: Params, fitted: Mapping[str, Any], n_answers: int) -> Params:
        """Parameters of F' with what users wrote into its attributes."""
        return self.energy._written(params, fitted, n_answers)


def transformed(transformer: Any, X: Any) -> Any:
    """φ(x) of some samples, as an array or CSR in the dtype and library of X, (n, p)."""
    features = transformer.transform(X)
    if sparse.issparse(features):
        return canonical_rows(features).astype(X.dtype, copy=False)
    xp = namespace_of(X)
    if xp is numpy_namespace:
        return np.asarray(features, dtype=X.dtype)
    return cast_like(xp, features, X)


def _n_features(transformer: Any) -> int:
    return len(transformer.get_feature_names_out())
