"""The contracts of an energy of classes, and of everything that is learned by its gradient."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.base import BaseEstimator

from sklearn_ebm._utils.html_repr import Documented
from sklearn_ebm._utils.parameters import Array, Params, Shapes, refuse_lone_traits
from sklearn_ebm._utils.rows import Rows
from sklearn_ebm.losses.curvature import Curvature


class Traits(NamedTuple):
    """Properties of an energy that hold for all parameters, as learning needs to know them.

    Attributes
    ----------
    linear : bool
        Whether F is linear in the parameters. A convex loss then has a duality gap.
    nonnegative : bool
        Whether F ≥ 0 for all parameters, as for a distance. Some losses need it.
    normalized : bool
        Whether ∫ Σ_z exp(−G(x, y, z)) dy = 1 for all parameters, with y in standard deviations.
        Only then is the partition function left out at β = 1. For continuous y.
    stochastic : bool
        Whether ``solver="auto"`` learns it from mini-batches: for energies with many parameters and
        many minima, for which many inexact steps on a few samples go further than exact steps.
    stacked : bool
        Whether it is learned by density stacking, on held-out samples, instead of by gradients.
    takes_solver : bool
        Whether a solver moves parameters of it, or of a part of it.
    batches_because : str or None
        Why it can only be learned from mini-batches, as a clause that fits after "because"; None if
        exact steps are possible.
    float32_steps : bool
        Whether steps on mini-batches may use the samples in float32, whatever their dtype.
    threads : bool
        Whether its methods may run in several threads at the same time.
    stateful : bool
        Whether learning changes more than the parameters. A fit that continues an earlier one then
        learns with a copy.
    needs_all_classes : bool
        Whether `initialized` or `start` needs samples of every class.
    coefficients : bool
        Whether the parameter ``coef`` is shown as ``coef_``, as by linear models.
    redundant_binary_templates : bool
        Whether two classes have one template each, although the difference would be enough. The
        penalty then counts twice, so that C has the meaning of scikit-learn's binary estimators.
    """

    linear: bool = False
    nonnegative: bool = False
    normalized: bool = False
    stochastic: bool = False
    stacked: bool = False
    takes_solver: bool = True
    batches_because: str | None = None
    float32_steps: bool = True
    threads: bool = True
    stateful: bool = False
    needs_all_classes: bool = False
    coefficients: bool = False
    redundant_binary_templates: bool = False


class Templates:
    """Shortcuts of an energy that is linear in one template for each class.

    F(x, y) = −⟨θ_y, φ(x)⟩. Solvers use the second derivatives, predictions for two classes the
    difference. Every entry may be missing; this class itself has none of them.

    Attributes
    ----------
    features : callable or None
        ``X -> φ(X)``, (n, p), dense or CSR. The parameters are then one array (k, p), where k is
        `n_templates`.
    gram : callable or None
        ``(X, weight) -> Σᵢ wᵢ φ(xᵢ) φ(xᵢ)ᵀ``.
    difference : callable or None
        ``(params, X) -> F(x, 1) − F(x, 0)`` for two classes, (n,), if that takes less work than
        both energies. Arrays are of the library of X.
    """

    features: Callable[..., Any] | None = None
    gram: Callable[[Any, npt.NDArray[np.float64]], Array] | None = None
    difference: Callable[[Params, Any], Array] | None = None

    def n_templates(self, n_answers: int) -> int:
        """Return the number of templates: one for each class, unless they are tied."""
        return n_answers

    def normal_matrix(
        self, X: Any, curvature: Curvature, weight: npt.NDArray[np.float64]
    ) -> Array | None:
        """Σᵢ wᵢ (∂Fᵢ/∂W)ᵀ Bᵢ (∂Fᵢ/∂W) over the samples; None if it is not written.

        Parameters
        ----------
        X : ndarray or CSR of shape (n_samples, n_features)
        curvature : Curvature
            B: second derivatives of the loss in the energies of each sample, as
            `template_curvature` returned them.
        weight : ndarray of shape (n_samples,)

        Returns
        -------
        ndarray of shape (size, size) or None
            In the order of `Energy.shapes`.
        """
        return None

    def curvature_diagonal(self, X: Any, curvature: Array) -> Params | None:
        """Σᵢ hᵢ (∂Fᵢ/∂W)² for weighted second derivatives h (n, k); None if not written."""
        return None

    def template_curvature(self, curvature: Curvature) -> Curvature:
        """Return second derivatives in −⟨θ, φ⟩ from those in the energies.

        They are the same, unless there are fewer templates than classes.
        """
        return curvature

    def standardized(self, X: Any, weight: npt.NDArray[np.float64]) -> Energy | None:
        """Return the same energy with parameters in which every column counts equally.

        The fast solver needs it; None if there is no such energy.
        """
        return None

    def centered(self, params: Params) -> Params:
        """Return the parameters with the same differences of energies, in a gauge of their own.

        Losses of differences leave a common shift of all energies of a sample open; learning ends
        with this choice. The penalty must not rise.
        """
        return params


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
    pullback_into : callable or None
        (dE, gradient by parameter) -> None: the pullback written into arrays in the dtype of the
        energies, which spares steps on mini-batches a copy. None where not written.
    """

    energies: Array
    pullback: Callable[[Array], Params]
    pushforward: Callable[[Params], Array] | None = None
    pullback_into: Callable[[Array, Params], None] | None = None


class GradientEnergy(Documented, BaseEstimator, ABC):
    """An energy with parameters W that are learned by gradients.

    ``__init__`` only stores its arguments; parameters are passed to the methods.

    Attributes
    ----------
    traits : Traits
        Properties that learning needs to know.
    penalized : tuple of str
        Names of the parameters that the L2 penalty acts on; intercepts stay out.
    examples : tuple of dict
        Settings at which the checks run, one of them with every parameter away from its default.
    """

    traits: Traits = Traits()
    penalized: ClassVar[tuple[str, ...]] = ()
    examples: ClassVar[tuple[dict[str, Any], ...]] = ({},)

    def __init_subclass__(cls, **keywords: Any) -> None:
        """Refuse a trait that stands alone in the class body, where it would have no effect."""
        super().__init_subclass__(**keywords)
        refuse_lone_traits(cls, Traits._fields)

    def initialized(
        self,
        rows: Rows,
        n_answers: int,
        rng: np.random.RandomState,
    ) -> Any:
        """Return the energy with everything that it takes from the samples and never moves.

        Landmarks of a kernel, for example. The returned energy is learned and predicts.

        Parameters
        ----------
        rows : Rows
            Features ``X``, the number of the class or the answer itself ``y``, and ``weight``. A
            weight has the effect of repetitions of a sample.
        n_answers : int
            Number of classes, or of outputs.
        rng : RandomState
            For what is drawn.

        Raises
        ------
        ValueError
            If a setting cannot be used; the message names the valid ones.
        """
        return self

    @abstractmethod
    def shapes(self, n_features: int, n_answers: int) -> Shapes:
        """Shape of each parameter, by name."""

    @abstractmethod
    def start(
        self,
        rows: Rows,
        n_answers: int,
        rng: np.random.RandomState,
    ) -> Params:
        """Parameters to start learning from. A weight has the effect of repetitions of a sample."""

    def _for_step(self, rng: np.random.RandomState) -> Any:
        """Return the energy for one step on a mini-batch; dropout draws its units here."""
        return self

    def _initial_state(self) -> dict[str, Any]:
        """Return all that `initialized` may have taken from the samples, by name.

        Parameters mean the same only if all of it is the same, so a warm start continues on other
        samples only if they leave it unchanged.
        """
        return dict(vars(self))

    def _width(self, n_answers: int) -> int:
        """Return how many numbers of each sample are in memory; it limits the size of blocks."""
        return n_answers


class Energy(GradientEnergy):
    """F_W(x, y) of classes y, low if x and y fit.

    Attributes
    ----------
    templates : Templates
        Shortcuts of an energy that is linear in templates; none by default.
    """

    templates: Templates = Templates()

    @abstractmethod
    def linearize(self, params: Params, X: Any) -> Linearization:
        """Energies of all classes, and their derivatives in the parameters.

        Samples and parameters may be arrays of any library that follows the Array API standard,
        such as tensors of PyTorch: the namespace of X has the functions to use, and the result is
        of its library, on its device. What `initialized` found is in NumPy and moved there. An
        energy that is written for NumPy alone is enough for arrays of NumPy. Sparse samples are
        always SciPy's.

        Parameters
        ----------
        params : dict
            Arrays of the library of X, as in `shapes`, in float64 or the dtype of X.
        X : array or CSR of shape (n_samples, n_features)

        Returns
        -------
        Linearization
            Energies in the dtype of X.
        """

    def fitted_attributes(self, params: Params, n_answers: int) -> dict[str, Array]:
        """Public attributes of the fitted estimator, such as ``coef_``."""
        return {}

    def _written(self, params: Params, fitted: Mapping[str, Any], n_answers: int) -> Params:
        """Parameters that agree with the fitted attributes after users wrote into these.

        Parameters
        ----------
        params : dict
        fitted : mapping
            The attributes of `fitted_attributes` by name, among others.
        n_answers : int

        Returns
        -------
        dict
            `params` itself if nothing was written, or if attributes are read-only.

        Raises
        ------
        ValueError
            If an attribute has another shape than before.
        """
        return params

    def _split_features(self) -> tuple[Callable[[Any], Any], Energy] | None:
        """Return φ and F' with F(x, y) = F'(φ(x), y) in the same parameters, if φ stays fixed.

        Learning then computes φ once for all samples, and learns F'. None if there is no such φ.
        """
        return None

    def _curvature_scale(
        self, X: Any, weight: npt.NDArray[np.float64], n_answers: int
    ) -> Params | None:
        """Return √Σᵢ wᵢ (∂Fᵢ/∂W)² for each parameter, the solver's scaling; None if unknown."""
        return None


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
