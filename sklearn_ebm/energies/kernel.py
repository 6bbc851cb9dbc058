"""The kernel energy: linear in features of a Gaussian kernel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.kernel_approximation import RBFSampler

from sklearn_ebm._utils.arrays import column_moments
from sklearn_ebm._utils.parameters import Array, Params, Shapes
from sklearn_ebm._utils.registry import unknown_name
from sklearn_ebm._utils.rows import Rows
from sklearn_ebm._utils.validation import as_number, positive_integer, switch
from sklearn_ebm.energies._kernel.features import FourierFeatures, KernelFeatures, NystroemFeatures
from sklearn_ebm.energies._kernel.landmarks import landmarks_of, spread
from sklearn_ebm.energies.base import Energy, Linearization, Traits
from sklearn_ebm.energies.featured import Featured
from sklearn_ebm.energies.linear import Linear

APPROXIMATIONS = ("nystroem", "fourier")

NOT_PREPARED = "A kernel has features, and parameters, once it is prepared for rows."


class Kernel(Energy):
    """Linear in features of a Gaussian kernel.

    F(x, y) = −⟨w_y, φ(x)⟩ − b_y, where ⟨φ(x), φ(x')⟩ is nearly exp(−γ ‖x − x'‖²).

    What a support vector machine with a Gaussian kernel learns, at a cost that grows with n times
    `n_components` instead of n². The features are settled from the samples, computed once, and the
    energy on them is learned like a linear one: with every loss, convex, to a certified gap.

    Parameters
    ----------
    n_components : int, default=1000
        Number p of features; no more than there are distinct samples for ``"nystroem"``.
        Learning keeps n × p numbers in the dtype of X. More features come closer to the kernel.
    gamma : float or "scale", default="scale"
        γ of the kernel, in 1/(unit of x)². ``"scale"`` is 1/(d Var(X)), as in
        `sklearn.svm.SVC`.
    approximation : {"nystroem", "fourier"}, default="nystroem"
        Features next to `n_components` samples drawn as landmarks, or random Fourier features,
        which do not look at the samples and need more of them for the same accuracy.
    fit_intercept : bool, default=True
        Whether the energies have the term b_y, which is never penalised.

    See Also
    --------
    sklearn.svm.SVC : The exact kernel, without probabilities.
    sklearn.kernel_approximation.Nystroem : The features as a transformer.

    References
    ----------
    Williams, Seeger, "Using the Nyström Method to Speed Up Kernel Machines", NIPS 13 (2001).

    Rahimi, Recht, "Random Features for Large-Scale Kernel Machines", NIPS 20 (2007).

    Examples
    --------
    Two samples, both landmarks: the features of the first are (1, 0) but for rounding, and with w₁
    its kernel with the second, e^{−1} = 0.368 at γ = 1, is an inner product of features:

    >>> import numpy as np
    >>> from sklearn_ebm.energies import Kernel
    >>> X, y = np.array([[0.0], [1.0]]), np.array([0, 1])
    >>> rows = Rows(X, y, np.ones(2))
    >>> energy = Kernel(gamma=1.0).initialized(rows, 2, np.random.RandomState(0))
    >>> phi = energy.transformer.transform(X)
    >>> (phi @ phi.T).round(3)
    array([[1.   , 0.368],
           [0.368, 1.   ]])
    """

    traits = Traits(linear=True, redundant_binary_templates=True)
    penalized = ("coef",)
    examples = (
        {},
        {"n_components": 5, "gamma": 0.3, "approximation": "fourier", "fit_intercept": False},
    )

    def __init__(
        self,
        n_components: int = 1000,
        gamma: float | str = "scale",
        approximation: str = "nystroem",
        fit_intercept: bool = True,
    ) -> None:
        self.n_components = n_components
        self.gamma = gamma
        self.approximation = approximation
        self.fit_intercept = fit_intercept

    def initialized(
        self,
        rows: Rows,
        n_answers: int,
        rng: np.random.RandomState,
    ) -> PreparedKernel:
        """Return the energy on features of these samples: draws landmarks or frequencies.

        Raises
        ------
        ValueError
            If a setting cannot be used.
        """
        self._validate()
        centre, deviation = column_moments(rows.X, rows.weight, centred=not sparse.issparse(rows.X))
        scale = self._scale(rows.X, rows.weight, centre, deviation)
        middle = None if sparse.issparse(rows.X) else centre
        features: KernelFeatures
        if self.approximation == "fourier":
            sampler = RBFSampler(
                gamma=1.0, n_components=self.n_components, random_state=rng.randint(2**31 - 1)
            )
            features = FourierFeatures(sampler.fit(np.zeros((1, rows.X.shape[1]))), middle, scale)
        else:
            landmarks = landmarks_of(rows.X, rows.weight, self.n_components, rng)
            features = NystroemFeatures(landmarks, middle, scale)
        return PreparedKernel(features, Linear(fit_intercept=self.fit_intercept))

    def _validate(self) -> None:
        positive_integer("n_components", self.n_components)
        switch("fit_intercept", self.fit_intercept, of="Kernel")
        gamma = self.gamma
        if gamma != "scale" and not 0 < as_number(gamma) < np.inf:
            raise ValueError(f"gamma={gamma!r} must be a positive finite number or 'scale'.")
        if self.approximation not in APPROXIMATIONS:
            raise ValueError(unknown_name("approximation", self.approximation, APPROXIMATIONS))

    def _scale(
        self, X: Any, weight: npt.NDArray[np.float64], mean: Array, deviation: Array
    ) -> float:
        """√γ."""
        if not isinstance(self.gamma, str):
            return float(np.sqrt(self.gamma))
        return 1.0 / np.sqrt(X.shape[1]) / spread(X, weight, mean, deviation)

    def shapes(self, n_features: int, n_answers: int) -> Shapes:
        """Those of the prepared energy; before, there are no features."""
        raise NotImplementedError(NOT_PREPARED)

    def start(
        self,
        rows: Rows,
        n_answers: int,
        rng: np.random.RandomState,
    ) -> Params:
        """Those of the prepared energy."""
        raise NotImplementedError(NOT_PREPARED)

    def linearize(self, params: Params, X: Any) -> Linearization:
        """That of the prepared energy."""
        raise NotImplementedError(NOT_PREPARED)


class PreparedKernel(Featured):
    """A kernel energy with its features, as `Kernel.initialized` makes it."""

    @property
    def traits(self) -> Traits:  # type: ignore[override]
        """Those of the energy on the features, which shows no coefficients."""
        return super().traits._replace(coefficients=False)

    def fitted_attributes(self, params: Params, n_answers: int) -> dict[str, Array]:
        """None: templates of features that were drawn say nothing by themselves.

        Their number differs from fold to fold, too, where there are fewer samples than components.
        """
        return {}

    def _written(self, params: Params, fitted: Mapping[str, Any], n_answers: int) -> Params:
        """Return the parameters: nothing is shown that could be written."""
        return params
