"""The linear energy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from sklearn_ebm._utils.array_api import namespace_of
from sklearn_ebm._utils.array_ops import cast_like, column_sums, floating
from sklearn_ebm._utils.arrays import column_norms
from sklearn_ebm._utils.parameters import Array, Params, Shapes
from sklearn_ebm._utils.rows import Rows
from sklearn_ebm._utils.validation import switch
from sklearn_ebm.energies._linear.standardized import Standardized
from sklearn_ebm.energies._linear.templates import (
    template_energies,
    template_gradient,
    template_normal_matrix,
)
from sklearn_ebm.energies.base import (
    Energy,
    Linearization,
    Templates,
    Traits,
    as_written,
    dense,
)
from sklearn_ebm.losses.curvature import Curvature


class Linear(Energy):
    """Linear energy with one weight vector for each class.

    F(x, y) = −⟨w_y, x⟩ − b_y,

    where w_y are the weights and b_y is the intercept of class y. With the loss ``"nll"`` this is
    multinomial logistic regression, with ``"hinge"`` the multiclass support vector machine of
    Crammer and Singer.

    Parameters
    ----------
    fit_intercept : bool, default=True
        Whether the energies have the term b_y, which is not penalised.

    References
    ----------
    LeCun, Chopra, Hadsell, Ranzato, Huang, "Energy-Based Models", in *Predicting Structured Data*
    (2007), section 3. :doi:`10.7551/mitpress/7443.003.0014`

    Examples
    --------
    F(x, 0) = −(1·3 + 2·1) − 0.5 = −5.5 and F(x, 1) = −(0·3 − 1·1) − 0 = 1:

    >>> import numpy as np
    >>> from sklearn_ebm.energies import Linear
    >>> params = {
    ...     "coef": np.array([[1.0, 2.0], [0.0, -1.0]]),
    ...     "intercept": np.array([0.5, 0.0]),
    ... }
    >>> Linear().linearize(params, np.array([[3.0, 1.0]])).energies
    array([[-5.5,  1. ]])

    In a classifier:

    >>> from sklearn_ebm import EBMClassifier
    >>> clf = EBMClassifier(energy="linear").fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1])
    >>> clf.predict([[0.5], [2.5]]).tolist()
    [0, 1]
    """

    traits = Traits(
        linear=True,
        coefficients=True,
        redundant_binary_templates=True,
        class_axes={"coef": 0, "intercept": 0},
    )
    penalized = ("coef",)
    examples = ({}, {"fit_intercept": False})

    def __init__(self, fit_intercept: bool = True) -> None:
        self.fit_intercept = fit_intercept

    def shapes(self, n_features: int, n_answers: int) -> Shapes:
        """Shapes: ``coef`` (n_classes, n_features) and, if fitted, ``intercept`` (n_classes,).

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
        shapes: dict[str, tuple[int, ...]] = {"coef": (n_answers, n_features)}
        if self.fit_intercept:
            shapes["intercept"] = (n_answers,)
        return shapes

    def start(
        self,
        rows: Rows,
        n_answers: int,
        rng: np.random.RandomState,
    ) -> Params:
        """Parameters from which learning starts: all zero.

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
        switch("fit_intercept", self.fit_intercept, of="Linear")
        shapes = self.shapes(rows.X.shape[1], n_answers)
        return {name: np.zeros(shape) for name, shape in shapes.items()}

    @property
    def templates(self) -> Templates:  # type: ignore[override]
        """Fast computations; none for a subclass with another `linearize`."""
        if type(self).linearize is not Linear.linearize:
            return Templates()
        return LinearTemplates(self.fit_intercept)

    def linearize(self, params: Params, X: Any) -> Linearization:
        """Energies of all classes, and their derivatives in the parameters.

        Parameters
        ----------
        params : dict of str to array
            ``coef`` of shape (n_classes, n_features) and, if fitted, ``intercept`` of shape
            (n_classes,).
        X : array or CSR of shape (n_samples, n_features)
            The input samples.

        Returns
        -------
        Linearization
            Energies of shape (n_samples, n_classes), in the dtype of X and in Fortran order, with
            pullback and pushforward.
        """
        xp = namespace_of(X)
        rows = floating(xp, X)

        def pullback(slope: Array) -> Params:
            gradient: Params = {"coef": template_gradient(slope, rows)}
            if self.fit_intercept:
                gradient["intercept"] = -column_sums(xp, slope)
            return gradient

        def pushforward(direction: Params) -> Array:
            energies = template_energies(direction["coef"], rows)
            if "intercept" in direction:
                energies -= cast_like(xp, direction["intercept"], rows)
            return energies

        return Linearization(pushforward(params), pullback, pushforward)

    def _curvature_scale(
        self, X: Any, weight: npt.NDArray[np.float64], n_answers: int
    ) -> Params | None:
        """Return √Σᵢ wᵢ xᵢⱼ² for the coefficients of feature j and √Σᵢ wᵢ for the intercepts."""
        norms = column_norms(X, weight)
        scale: Params = {"coef": np.tile(norms, (n_answers, 1))}
        if self.fit_intercept:
            scale["intercept"] = np.full(n_answers, np.sqrt(weight.sum()))
        return scale

    def fitted_attributes(self, params: Params, n_answers: int) -> dict[str, Array]:
        """Coefficients and intercepts with scikit-learn's signs and shapes.

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
        coef = params["coef"]
        intercept = params.get("intercept", np.zeros(n_answers, dtype=coef.dtype))
        if n_answers == 2:
            return {"coef_": coef[1:] - coef[:1], "intercept_": intercept[1:] - intercept[:1]}
        return {"coef_": coef, "intercept_": intercept}

    def _written(self, params: Params, fitted: Mapping[str, Any], n_answers: int) -> Params:
        """Parameters with the coefficients and intercepts that users have changed.

        For two classes the attributes are differences of both templates, so a change is divided
        between these. If an intercept was not fitted but is written, it becomes a parameter.
        """
        plain = {name: dense(value) for name, value in params.items()}
        changed: Params = {}
        for attribute, old in self.fitted_attributes(plain, n_answers).items():
            new, name = as_written(attribute, fitted, old), attribute.removesuffix("_")
            if np.array_equal(new, old):
                continue
            if n_answers == 2:
                change = np.concatenate([old - new, new - old]) / 2
                new = plain.get(name, np.zeros_like(change)) + change
            changed[name] = new
        as_they_are = not changed and all(plain[name] is params[name] for name in params)
        return params if as_they_are else plain | changed


class LinearTemplates(Templates):
    """Fast computations for `Linear`, whose features are x and, with an intercept, 1.

    Parameters
    ----------
    fit_intercept : bool
        Whether there is an intercept.
    """

    def __init__(self, fit_intercept: bool) -> None:
        self.fit_intercept = fit_intercept

    def difference(self, params: Params, X: Any) -> Array:
        """F(x, 1) − F(x, 0) for two classes, from the difference of both templates."""
        xp = namespace_of(X)
        template = params["coef"][0, :] - params["coef"][1, :]
        result = X @ cast_like(xp, template, X)
        if "intercept" in params:
            result += cast_like(xp, params["intercept"][0] - params["intercept"][1], X)
        return result

    def normal_matrix(
        self, X: Any, curvature: Curvature, weight: npt.NDArray[np.float64]
    ) -> Array | None:
        """Σᵢ wᵢ Bᵢ ⊗ xᵢxᵢᵀ, where xᵢ includes a 1 for the intercept; see `Templates`."""

        def rows_of(part: Any) -> Array:
            # The result is dense, and for few columns dense rows are faster than sparse products.
            rows = X[part].toarray() if sparse.issparse(X) else X[part]
            if self.fit_intercept:
                rows = np.hstack([rows, np.ones((len(rows), 1), X.dtype)])
            return rows

        k, d = curvature.diagonal.shape[1], X.shape[1]
        p = d + self.fit_intercept
        matrix = template_normal_matrix(rows_of, p, curvature, weight)
        # The vector of parameters has all coefficients first, then all intercepts.
        position = np.arange(k * p).reshape(k, p)
        order = np.concatenate([position[:, :d].ravel(), position[:, d:].ravel()])
        return matrix[np.ix_(order, order)]

    def standardized(self, X: Any, weight: npt.NDArray[np.float64]) -> Standardized:
        """Return the same energy with parameters for standardised columns."""
        return Standardized.of(X, weight, self.fit_intercept)

    def centered(self, params: Params) -> Params:
        """Coefficients and intercepts shifted to a sum of zero over the classes."""
        return {name: value - value.mean(axis=0) for name, value in params.items()}
