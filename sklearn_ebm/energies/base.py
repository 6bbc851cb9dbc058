"""The contract of an energy."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.base import BaseEstimator

from sklearn_ebm._utils.html_repr import Documented
from sklearn_ebm._utils.parameters import Array, Params, Shapes
from sklearn_ebm.losses.curvature import Curvature


class Linearization(NamedTuple):
    """Energies of some samples, and how they answer to the parameters.

    All arrays, those that go in and those that come out, are of the library of the samples, and on
    their device.

    Attributes
    ----------
    energies : array of shape (n_samples, m) or (n_samples, m, z)
        Energies of m answers (and z latent values); low where x and y fit.
    pullback : callable
        dE (same shape as energies) -> gradient by parameter, summed over the samples.
    pushforward : callable or None
        direction by parameter -> dE. None where not written; Newton products need it.
    pullback_answers : callable or None
        dE -> d(answers), sample by sample. None for classes; gradient samplers need it.
    pullback_into : callable or None
        (dE, gradient by parameter) -> None: the pullback written into arrays in the dtype of the
        energies, which spares steps on mini-batches a copy. None where not written.
    """

    energies: Array
    pullback: Callable[[Array], Params]
    pushforward: Callable[[Params], Array] | None = None
    pullback_answers: Callable[[Array], Array] | None = None
    pullback_into: Callable[[Array, Params], None] | None = None


class Energy(Documented, BaseEstimator, ABC):
    """F_W(x, y), low where x and y fit. ``__init__`` only stores; parameters W are passed in.

    Attributes
    ----------
    penalized : tuple of str
        Names of the parameters that the L2 penalty acts on; intercepts stay out.
    nonnegative : bool
        Whether F ≥ 0 for all parameters, as for a distance. Some losses need it.
    linear : bool
        Whether F is linear in the parameters. A convex loss then has a duality gap.
    difference : callable or None
        ``(params, X) -> F(x, 1) − F(x, 0)`` for two answers, (n,), where that takes less work than
        both energies; of the library of X, as `linearize`.
    stochastic : bool
        Whether ``solver="auto"`` learns it from mini-batches: for energies with many parameters and
        many minima, where single steps on few samples go further than exact ones on all.
    needs_all_classes : bool
        Whether `initialized` or `start` needs samples of every answer.
    batches_because : str or None
        Why nothing but steps on mini-batches can learn it, as a clause that fits after "because";
        None where exact steps can, too.
    rounds : bool
        Whether steps on batches may see the samples in float32, whatever their dtype.
    threads : bool
        Whether its `linearize` may run in several threads at a time.
    coefficients : bool
        Whether there is a parameter ``coef`` that is shown as ``coef_``, as linear models have it.
    redundant_binary_templates : bool
        Whether two answers have a template each where one, the difference, would say it all. Its
        penalty then counts twice, so that C means what it does in scikit-learn's binary estimators.
    features : callable or None
        ``X -> φ(X)``, (n, p), dense or CSR: what one template for each answer meets, if there are
        templates. The parameters are then one array (k, p), k being `n_templates`.
    gram : callable or None
        ``(X, weight) -> Σᵢ wᵢ φ(xᵢ) φ(xᵢ)ᵀ`` of the features that one template for each answer
        meets, where there are such features.
    examples : tuple of dict
        Settings that the checks run at, one of them away from every default.
    """

    penalized: ClassVar[tuple[str, ...]] = ()
    nonnegative: ClassVar[bool] = False
    linear: ClassVar[bool] = False
    stochastic: ClassVar[bool] = False
    needs_all_classes: ClassVar[bool] = False
    batches_because: ClassVar[str | None] = None
    threads: ClassVar[bool] = True
    rounds: ClassVar[bool] = True
    coefficients: ClassVar[bool] = False
    redundant_binary_templates: ClassVar[bool] = False
    examples: ClassVar[tuple[dict[str, Any], ...]] = ({},)
    difference: Callable[[Params, Any], Array] | None = None
    features: Callable[..., Any] | None = None
    gram: Callable[[Any, npt.NDArray[np.float64]], Array] | None = None

    def initialized(
        self,
        X: Any,
        y: npt.NDArray[np.intp],
        weight: npt.NDArray[np.float64],
        n_answers: int,
        rng: np.random.RandomState,
    ) -> Energy:
        """Return the energy that learns: what comes from the samples and never moves is settled.

        Landmarks of a kernel, for example. All other methods are those of the prepared energy,
        which is also what predicts. Weights are honoured as repetitions of samples.

        Raises
        ------
        ValueError
            If a setting cannot be used; the message says what to do.
        """
        return self

    def moulded(self) -> dict[str, Any]:
        """Return what `initialized` may have taken from the samples, by name: all attributes.

        Parameters mean the same only where all of it is the same, so that a warm start goes on
        with other samples only where they leave it as it was.
        """
        return dict(vars(self))

    def split_features(self) -> tuple[Callable[[Any], Any], Energy] | None:
        """Return φ and F' with F(x, y) = F'(φ(x), y) in the same parameters, if φ stays fixed.

        Learning then computes φ once for all samples, and learns F'. None where there is no such φ.
        """
        return None

    def training(self, rng: np.random.RandomState) -> Energy:
        """Return the energy as one step on a mini-batch sees it; dropout draws its units here."""
        return self

    def copy_for_training(self) -> Energy:
        """Return the energy to go on learning with, where an earlier fit holds this one.

        A copy where learning changes more than the parameters; itself otherwise.
        """
        return self

    def width(self, n_features: int, n_answers: int) -> int:
        """Return how many numbers of each sample pass through `linearize`; blocks keep them few."""
        return n_answers

    @abstractmethod
    def shapes(self, n_features: int, n_answers: int) -> Shapes:
        """Shape of each parameter, by name."""

    @abstractmethod
    def start(
        self,
        X: Any,
        y: npt.NDArray[np.intp],
        weight: npt.NDArray[np.float64],
        n_answers: int,
        rng: np.random.RandomState,
    ) -> Params:
        """Parameters to start learning from; honours the weights of the samples."""

    @abstractmethod
    def linearize(self, params: Params, X: Any, answers: Any = None) -> Linearization:
        """Energies of all classes (``answers=None``) or of given answers, and their derivatives.

        Samples and parameters may be arrays of any library that follows the Array API standard, as
        tensors of PyTorch do: the namespace of X has the functions to use, and the result is of its
        library, on its device. What `initialized` settled is in NumPy and moved there. An energy
        that is written for NumPy alone does for arrays of NumPy. Sparse samples are always SciPy's.

        Parameters
        ----------
        params : dict
            Arrays of the library of X, as in `shapes`, in float64 or the dtype of X.
        X : array or CSR of shape (n_samples, n_features)
        answers : None
            Given answers are for energies of answers that are no classes.

        Returns
        -------
        Linearization
            Energies in the dtype of X.
        """

    def n_templates(self, n_answers: int) -> int:
        """Return how many templates meet the features: one for each answer, unless tied."""
        return n_answers

    def curvature_scale(
        self, X: Any, weight: npt.NDArray[np.float64], n_answers: int
    ) -> Params | None:
        """Return √Σᵢ wᵢ (∂Fᵢ/∂W)² for each parameter, the solver's scaling; None where unknown."""
        return None

    def normal_matrix(
        self, X: Any, bend: Curvature, weight: npt.NDArray[np.float64]
    ) -> Array | None:
        """Σᵢ wᵢ (∂Fᵢ/∂W)ᵀ Bᵢ (∂Fᵢ/∂W) over the samples; None where it is not written.

        Parameters
        ----------
        X : ndarray or CSR of shape (n_samples, n_features)
        bend : Curvature
            B: second derivatives of the loss in the energies of each sample, as
            `template_curvature` returned them.
        weight : ndarray of shape (n_samples,)

        Returns
        -------
        ndarray of shape (size, size) or None
            In the order of `shapes`.
        """
        return None

    def template_curvature(self, bend: Curvature) -> Curvature:
        """Return second derivatives in what the templates give, from those in the energies.

        The same, unless there are fewer templates than answers.
        """
        return bend

    def curvature_diagonal(self, X: Any, bend: Array) -> Params | None:
        """Σᵢ hᵢ (∂Fᵢ/∂W)² for weighted second derivatives h (n, k); None where not written."""
        return None

    def standardized(self, X: Any, weight: npt.NDArray[np.float64]) -> Energy | None:
        """Return the same energy with parameters in which every column counts equally.

        None where the energy is not linear in templates. The fast solver needs it.
        """
        return None

    def centered(self, params: Params) -> Params:
        """Parameters of the same differences of energies, in a gauge of their own.

        Losses of differences leave a common shift of all energies of a sample open; learning ends
        with this choice. The penalty must not rise.
        """
        return params

    def fitted_attributes(self, params: Params, n_answers: int) -> dict[str, Array]:
        """Public attributes of the fitted estimator, such as ``coef_``."""
        return {}

    def written(self, params: Params, fitted: Mapping[str, Any], n_answers: int) -> Params:
        """Parameters that show as the fitted attributes do now, after users wrote into them.

        Parameters
        ----------
        params : dict
        fitted : mapping
            The attributes of `fitted_attributes` by name, among others.
        n_answers : int

        Returns
        -------
        dict
            `params` itself where nothing was written, or where attributes are for reading only.

        Raises
        ------
        ValueError
            If what was written is not of the shape that it had.
        """
        return params


def as_written(name: str, fitted: Mapping[str, Any], shown: Array) -> Array:
    """Return a fitted attribute as it is now, dense and in the dtype of what was shown; or raise.

    Examples
    --------
    >>> as_written("coef_", {"coef_": [[0, 1]]}, np.array([[0.5, 1.5]]))
    array([[0., 1.]])
    """
    if name not in fitted:
        raise AttributeError(
            f"{name} was deleted, but it is what predicts; write an array of shape {shown.shape}, "
            "or call fit again."
        )
    found = dense(fitted[name])
    if found.shape != shown.shape:
        raise ValueError(
            f"{name} has shape {found.shape} now, but this model has {name} of shape "
            f"{shown.shape}; write an array of that shape."
        )
    return found.astype(shown.dtype, copy=False)


def dense(value: Any) -> Array:
    """Return an array, or a sparse matrix as one."""
    result: Array = np.asarray(value.toarray() if sparse.issparse(value) else value)
    return result
