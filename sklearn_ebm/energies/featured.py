"""An energy on fixed features."""

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

# A block may have this many times as many features as energies, because features are computed for
# one block at a time and used in few operations.
FEATURE_SHARE = 8


class Featured(Energy):
    """Energy on fixed features of a fitted transformer.

    F(x, y) = F'(φ(x), y),

    where φ are the features and F' is an energy with the parameters to be learned. `Kernel` has
    this form after it has chosen its landmarks. The transformer must be fitted before it is passed;
    `sklearn.base.clone` does not reset it.

    Parameters
    ----------
    transformer : fitted transformer
        φ. Its ``transform`` maps samples of shape (n_samples, n_features), dense or CSR, to
        features of shape (n_samples, n_components).
    energy : Energy
        F'.

    Examples
    --------
    With the features (x, x²) and the coefficients (0, 1) of the second class, F(3, 1) = −9:

    >>> import numpy as np
    >>> from sklearn.preprocessing import PolynomialFeatures
    >>> from sklearn_ebm.energies import Featured, Linear
    >>> square = PolynomialFeatures(2, include_bias=False).fit([[0.0]])
    >>> energy = Featured(square, Linear(fit_intercept=False))
    >>> params = {"coef": np.array([[0.0, 0.0], [0.0, 1.0]])}
    >>> energy.linearize(params, np.array([[3.0]])).energies
    array([[ 0., -9.]])

    In a classifier:

    >>> from sklearn_ebm import EBMClassifier
    >>> clf = EBMClassifier(energy=energy).fit([[-2.0], [0.0], [1.0], [2.0]], [1, 0, 0, 1])
    >>> clf.predict([[0.5], [-3.0]]).tolist()
    [0, 1]
    """

    def __init__(self, transformer: Any, energy: Energy) -> None:
        self.transformer = transformer
        self.energy = energy

    def __sklearn_clone__(self) -> Featured:
        """Return a clone with the fitted transformer.

        The transformer is copied, not deeply, so that its parameters can be set independently.
        """
        return type(self)(copy(self.transformer), clone(self.energy))

    @property
    def traits(self) -> Traits:  # type: ignore[override]
        """The traits of the energy on the features."""
        return self.energy.traits

    @property
    def penalized(self) -> tuple[str, ...]:  # type: ignore[override]
        """The penalised parameters of the energy on the features."""
        return self.energy.penalized

    def initialized(
        self,
        rows: Rows,
        n_answers: int,
        rng: np.random.RandomState,
    ) -> Energy:
        """Return the same features, with F' initialised for them.

        Parameters
        ----------
        rows : Rows
            Samples: features ``X``, targets ``y`` and sample weights ``weight``.
        n_answers : int
            Number of classes.
        rng : RandomState
            Source of random numbers.

        Returns
        -------
        Energy
            The initialised energy.
        """
        if type(self.energy).initialized is Energy.initialized:
            return self  # the features need not be computed
        features = transformed(self.transformer, rows.X)
        energy = self.energy.initialized(rows._replace(X=features), n_answers, rng)
        return self if energy is self.energy else type(self)(self.transformer, energy)

    def _split_features(self) -> tuple[Callable[[Any], Any], Energy]:
        """Return φ and F', or φ' ∘ φ and F'' if F'(φ, y) = F''(φ'(φ), y)."""
        own = partial(transformed, self.transformer)
        further = self.energy._split_features()
        if further is None:
            return own, self.energy
        transform, inner = further
        return lambda X: transform(own(X)), inner

    def _width(self, n_answers: int) -> int:
        """Return the value of F', or a fraction of the number of features if that is more."""
        return max(self.energy._width(n_answers), _n_features(self.transformer) // FEATURE_SHARE)

    def shapes(self, n_features: int, n_answers: int) -> Shapes:
        """Shapes of the parameters of F', by name.

        Parameters
        ----------
        n_features : int
            Number of features.
        n_answers : int
            Number of classes.

        Returns
        -------
        dict of str to tuple of int
            Shape of each parameter, by name.
        """
        return self.energy.shapes(_n_features(self.transformer), n_answers)

    def start(
        self,
        rows: Rows,
        n_answers: int,
        rng: np.random.RandomState,
    ) -> Params:
        """Parameters of F' from which learning starts.

        Parameters
        ----------
        rows : Rows
            Samples: features ``X``, targets ``y`` and sample weights ``weight``.
        n_answers : int
            Number of classes.
        rng : RandomState
            Source of random numbers.

        Returns
        -------
        dict of str to ndarray
            Parameters by name.
        """
        return self.energy.start(
            rows._replace(X=transformed(self.transformer, rows.X)), n_answers, rng
        )

    def linearize(self, params: Params, X: Any) -> Linearization:
        """Energies of all classes, and their derivatives in the parameters.

        Parameters
        ----------
        params : dict of str to array
            Parameters of F' by name, see `shapes`.
        X : array or CSR of shape (n_samples, n_features)
            The input samples, in a library that the transformer supports.

        Returns
        -------
        Linearization
            Energies of shape (n_samples, n_classes), and their derivatives.
        """
        return self.energy.linearize(params, transformed(self.transformer, X))

    def fitted_attributes(self, params: Params, n_answers: int) -> dict[str, Array]:
        """Attributes of F', which refer to the features φ.

        Parameters
        ----------
        params : dict of str to array
            Parameters by name, see `shapes`.
        n_answers : int
            Number of classes.

        Returns
        -------
        dict of str to ndarray
            Attributes of the fitted estimator, by name.
        """
        return self.energy.fitted_attributes(params, n_answers)

    def _written(self, params: Params, fitted: Mapping[str, Any], n_answers: int) -> Params:
        """Parameters of F' with changes that users made to its attributes."""
        return self.energy._written(params, fitted, n_answers)


def transformed(transformer: Any, X: Any) -> Any:
    """Compute the features φ(X), an array or CSR in the dtype and library of X."""
    features = transformer.transform(X)
    if sparse.issparse(features):
        return canonical_rows(features).astype(X.dtype, copy=False)
    xp = namespace_of(X)
    if xp is numpy_namespace:
        return np.asarray(features, dtype=X.dtype)
    return cast_like(xp, features, X)


def _n_features(transformer: Any) -> int:
    return len(transformer.get_feature_names_out())
