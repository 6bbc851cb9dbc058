"""The linear energy with one template for two classes, for losses of energy differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from sklearn_ebm._utils.array_api import namespace_of
from sklearn_ebm._utils.array_ops import opposites
from sklearn_ebm._utils.parameters import Array, Params, Shapes
from sklearn_ebm._utils.rows import Rows
from sklearn_ebm.energies.base import Energy, Linearization, Templates, Traits
from sklearn_ebm.losses.curvature import Curvature


class Antisymmetric(Energy):
    """Linear energy with one template for two classes.

    F(x, 1) = −⟨θ, φ(x)⟩ and F(x, 0) = −F(x, 1)

    If a loss depends only on differences of energies, the penalty is smallest for opposite
    templates. One of them is then sufficient, which halves the number of parameters and of
    operations. With the templates θ₀ and θ₁ of the original energy,

    .. code-block:: none

        θ = (θ₁ − θ₀)/2,    λ (‖θ₀‖² + ‖θ₁‖²)/2 = 2λ ‖θ‖²/2,    b = B₀₀ − B₀₁ − B₁₀ + B₁₁

    where B are the second derivatives of the loss in the energies, and b those in ⟨θ, φ⟩.

    Parameters
    ----------
    inner : Energy
        The result of `Templates.standardized`, which supports any number of templates.

    Examples
    --------
    x = 5 is two standard deviations of 2 above a mean of 1, so ⟨θ, φ⟩ = 3·2 + 0.5 = 6.5:

    >>> import numpy as np
    >>> from sklearn_ebm.energies._linear.antisymmetric import Antisymmetric
    >>> from sklearn_ebm.energies._linear.standardized import Standardized
    >>> energy = Antisymmetric(Standardized(np.array([1.0]), np.array([2.0]), True))
    >>> energy.linearize({"coef": np.array([[3.0, 0.5]])}, np.array([[5.0]])).energies
    array([[ 6.5, -6.5]])
    """

    traits = Traits(linear=True, redundant_binary_templates=True)
    penalized = ("coef",)

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    @property
    def fit_intercept(self) -> bool:
        """Whether the last entry of φ is 1."""
        return bool(self.inner.fit_intercept)

    @property
    def templates(self) -> AntisymmetricTemplates:  # type: ignore[override]
        """Fast computations for the template."""
        return AntisymmetricTemplates(self.inner.templates)

    def shapes(self, n_features: int, n_answers: int) -> Shapes:
        """Shape of the template, ``coef`` (1, p)."""
        return self.inner.shapes(n_features, 1)

    def start(
        self,
        rows: Rows,
        n_answers: int,
        rng: np.random.RandomState,
    ) -> Params:
        """All zero."""
        return {name: np.zeros(shape) for name, shape in self.shapes(rows.X.shape[1], 2).items()}

    def linearize(self, params: Params, X: Any) -> Linearization:
        """Energies (n, 2) in the dtype of X, pullback and pushforward."""
        line = self.inner.linearize(params, X)

        def pullback(slope: Array) -> Params:
            difference: Array = slope[:, 1] - slope[:, 0]
            return line.pullback(difference[:, None])

        def pushforward(direction: Params) -> Array:
            return _both(line.pushforward(direction))

        return Linearization(_both(line.energies), pullback, pushforward)

    def _curvature_scale(
        self, X: Any, weight: npt.NDArray[np.float64], n_answers: int
    ) -> Params | None:
        """Return the scale of each parameter, which includes both energies."""
        scale = self.inner._curvature_scale(X, weight, 1)
        return {name: np.sqrt(2) * value for name, value in scale.items()}

    # From and to the parameters of the plain energy ----------------------------------------------

    def to_params(self, params: Params) -> Params:
        """Convert to the parameters of the original energy, two templates."""
        plain = self.inner.to_params(params)
        return {name: np.concatenate([-value, value]) for name, value in plain.items()}

    def from_params(self, params: Params) -> Params:
        """Convert from the parameters of the original energy: half the difference of both."""
        half = {name: (value[1:] - value[:1]) / 2 for name, value in params.items()}
        return self.inner.from_params(half)

    def penalty_factor(self, n_answers: int) -> Params:
        """Return the penalty of each parameter relative to λ, for both templates."""
        return {name: 2 * value for name, value in self.inner.penalty_factor(1).items()}

    def standardized_rows(
        self, X: Any, workers: Callable[..., Any] = map
    ) -> tuple[Energy, Any] | None:
        """Return rows in float32 and the energy with the same parameters on them."""
        rounded = self.inner.standardized_rows(X, workers)
        return None if rounded is None else (Antisymmetric(rounded[0]), rounded[1])


class AntisymmetricTemplates(Templates):
    """Fast computations for `Antisymmetric`.

    Parameters
    ----------
    inner : Templates
        Those of the energy with a template for each class.
    """

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def n_templates(self, n_answers: int) -> int:
        """One, for two classes."""
        return 1

    def template_curvature(self, curvature: Curvature) -> Curvature:
        """Return b, (n, 1), for a loss of energy differences.

        Its second derivatives are c [[1, −1], [−1, 1]], so b = 4c. Of the two diagonal entries,
        which differ only by rounding, the smaller one is more accurate.
        """
        diagonals = curvature.diagonals()
        least = np.minimum(diagonals[:, 0], diagonals[:, 1])
        least *= 4
        return Curvature(least[:, None])

    def features(self, X: Any, dtype: Any = None) -> Any:
        """Compute φ(x)."""
        return self.inner.features(X, dtype)

    def normal_matrix(
        self, X: Any, curvature: Curvature, weight: npt.NDArray[np.float64]
    ) -> Array | None:
        """Σᵢ wᵢ bᵢ φφᵀ."""
        return self.inner.normal_matrix(X, curvature, weight)

    def gram(self, X: Any, weight: npt.NDArray[np.float64]) -> Array:
        """Σᵢ wᵢ φφᵀ, (p, p)."""
        return self.inner.gram(X, weight)

    def curvature_diagonal(self, X: Any, curvature: Array) -> Params | None:
        """Σᵢ bᵢ φⱼ² for weighted second derivatives b (n, 1)."""
        return self.inner.curvature_diagonal(X, curvature)


def _both(energy: Array) -> Array:
    """The energies of both classes, (n, 2), in Fortran order."""
    return opposites(namespace_of(energy), energy[:, 0])
