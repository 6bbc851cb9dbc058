"""The kernel energy, linear in features of a Gaussian kernel."""

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

NOT_PREPARED = "A kernel energy has no parameters before it is initialized with samples."


class Kernel(Energy):
    """Kernel energy: a linear energy on features that approximate a Gaussian kernel.

    F(x, y) = −⟨w_y, φ(x)⟩ − b_y with ⟨φ(x), φ(x')⟩ ≈ exp(−γ ‖x − x'‖²),

    where w_y are the weights and b_y is the intercept of class y. The model is that of a support
    vector machine with a Gaussian kernel, but the cost is proportional to n_samples × n_components
    instead of n_samples². The features φ are fixed before learning and computed once. The energy is
    linear in the parameters, so for convex losses the duality gap bounds the error of the minimum.

    Parameters
    ----------
    n_components : int, default=1000
        Number of features. For ``"nystroem"`` it is at most the number of distinct samples. More
        features approximate the kernel better; learning stores an array of shape
        (n_samples, n_components) in the dtype of X.
    gamma : float or "scale", default="scale"
        γ of the kernel, in 1/(unit of x)². ``"scale"`` is 1/(n_features · Var(X)), as in
        `sklearn.svm.SVC`.
    approximation : {"nystroem", "fourier"}, default="nystroem"
        ``"nystroem"`` computes features from the kernel with randomly chosen samples, the
        landmarks. ``"fourier"`` computes random Fourier features, which do not depend on the
        samples and need more components for the same accuracy.
    fit_intercept : bool, default=True
        Whether the energies have the term b_y, which is not penalised.

    See Also
    --------
    sklearn.svm.SVC : Support vector machine with the exact kernel.
    sklearn.kernel_approximation.Nystroem : The features as a transformer.

    References
    ----------
    Williams, Seeger, "Using the Nyström Method to Speed Up Kernel Machines", NIPS 13 (2001).

    Rahimi, Recht, "Random Features for Large-Scale Kernel Machines", NIPS 20 (2007).

    Examples
    --------
    If both of two samples are landmarks, the kernel is exact: at γ = 1 it is e^{−1} = 0.368 between
    the samples 0 and 1:

    >>> import numpy as np
    >>> from sklearn_ebm import EBMClassifier
    >>> from sklearn_ebm.energies import Kernel
    >>> X, y = np.array([[0.0], [1.0]]), np.array([0, 1])
    >>> clf = EBMClassifier(energy=Kernel(gamma=1.0)).fit(X, y)
    >>> phi = clf.energy_.transformer.transform(X)
    >>> (phi @ phi.T).round(3)
    array([[1.   , 0.368],
           [0.368, 1.   ]])

    Classes that no linear energy separates:

    >>> clf = EBMClassifier(energy="kernel").fit([[0.0], [1.0], [2.0], [3.0]], [0, 1, 1, 0])
    >>> clf.predict([[0.0], [1.5], [3.0]]).tolist()
    [0, 1, 0]
    """

    traits = Traits(
        linear=True, redundant_binary_templates=True, class_axes={"coef": 0, "intercept": 0}
    )
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
        """Draw landmarks or frequencies, and return the energy on these features.

        Parameters
        ----------
        rows : Rows
            Samples: features ``X``, targets ``y`` (class indices or numbers) and sample weights
            ``weight``. A weight of 2 has the effect of a second copy of the sample.
        n_answers : int
            Number of classes, or of outputs.
        rng : RandomState
            Source of random numbers.

        Returns
        -------
        PreparedKernel
            The initialised energy.

        Raises
        ------
        ValueError
            If a parameter is invalid.
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
        """Not available before `initialized`, which chooses the features.

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
        raise NotImplementedError(NOT_PREPARED)

    def start(
        self,
        rows: Rows,
        n_answers: int,
        rng: np.random.RandomState,
    ) -> Params:
        """Not available before `initialized`.

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
        raise NotImplementedError(NOT_PREPARED)

    def linearize(self, params: Params, X: Any) -> Linearization:
        """Not available before `initialized`.

        Parameters
        ----------
        params : dict of str to array
            Parameters by name, see `shapes`.
        X : array or CSR of shape (n_samples, n_features)
            The input samples.

        Returns
        -------
        Linearization
            Energies of shape (n_samples, n_classes), and their derivatives.
        """
        raise NotImplementedError(NOT_PREPARED)


class PreparedKernel(Featured):
    """A kernel energy with its features, as returned by `Kernel.initialized`."""

    @property
    def traits(self) -> Traits:  # type: ignore[override]
        """The traits of the energy on the features, but without ``coef_``."""
        return super().traits._replace(coefficients=False)

    def fitted_attributes(self, params: Params, n_answers: int) -> dict[str, Array]:
        """Return no attributes, because coefficients of random features have no meaning.

        Their number also varies between folds if there are fewer samples than components.
        """
        return {}

    def _written(self, params: Params, fitted: Mapping[str, Any], n_answers: int) -> Params:
        """Return the parameters, because there are no attributes that users could change."""
        return params
