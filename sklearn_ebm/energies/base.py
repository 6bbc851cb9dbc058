"""Base classes of energies of classes, and of energies that are learned by gradients."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.base import BaseEstimator

from sklearn_ebm._utils.html_repr import Documented
from sklearn_ebm._utils.parameters import Array, Index, Params, Shapes, refuse_lone_traits
from sklearn_ebm._utils.rows import Rows
from sklearn_ebm.losses.curvature import Curvature


class Traits(NamedTuple):
    """Properties of an energy that learning uses and that hold for all parameters.

    Attributes
    ----------
    linear : bool
        Whether F is linear in the parameters. The duality gap of a convex loss is then available.
    nonnegative : bool
        Whether F ≥ 0 for all parameters, as for a distance. Some losses require it.
    normalized : bool
        Whether ∫ Σ_z exp(−G(x, y, z)) dy = 1 for all parameters, where y is continuous and
        standardised. The partition function is then not computed at β = 1.
    stochastic : bool
        Whether ``solver="auto"`` uses mini-batches. They suit energies with many parameters and
        many minima, for which many inexact steps make more progress than few exact ones.
    stacked : bool
        Whether the energy is learned by density stacking: held-out samples determine the mixing
        weights of fixed densities, and no gradients are used.
    takes_solver : bool
        Whether a solver optimises parameters of the energy, or of one of its parts.
    batches_because : str or None
        The reason why the energy can only be learned from mini-batches, as a clause that fits
        after "because"; None if solvers that use all samples at once are possible.
    float32_steps : bool
        Whether steps on mini-batches may convert the samples to float32.
    threads : bool
        Whether the methods of the energy may run in several threads at the same time.
    stateful : bool
        Whether learning changes the energy object itself, not only the parameters. A fit that
        continues an earlier one then uses a copy.
    needs_all_classes : bool
        Whether `initialized` or `start` needs samples of every class.
    coefficients : bool
        Whether the fitted estimator has the parameter ``coef`` as ``coef_``, as linear models do.
    redundant_binary_templates : bool
        Whether each of two classes has a template, although their difference determines the
        prediction. The penalty is then doubled, so that ``C`` has the same meaning as in
        scikit-learn's binary estimators.
    class_axes : mapping of str to int, or None
        The axis of the classes in each parameter that has one, if the energy of a class depends on
        its own entries only, besides parameters without such an axis. `linearize` then accepts the
        entries of some classes, and learning can draw wrong classes. None if this is impossible.
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
    class_axes: Mapping[str, int] | None = None


class Templates:
    """Optional fast computations for an energy that is linear in one template for each class.

    F(x, y) = −⟨θ_y, φ(x)⟩,

    where θ_y is the template of class y and φ(x) are features. Solvers use the second derivatives,
    and predictions for two classes use the difference. A subclass may provide only some of the
    attributes and methods; this base class provides none.

    Attributes
    ----------
    features : callable or None
        ``X -> φ(X)``, an array or CSR of shape (n_samples, p). The parameters are then one array
        of shape (k, p), where k is `n_templates`.
    gram : callable or None
        ``(X, weight) -> Σᵢ wᵢ φ(xᵢ) φ(xᵢ)ᵀ``, of shape (p, p).
    difference : callable or None
        ``(params, X) -> F(x, 1) − F(x, 0)`` for two classes, of shape (n_samples,), if it is faster
        than both energies; arrays are of the library of X.
    """

    features: Callable[..., Any] | None = None
    gram: Callable[[Any, npt.NDArray[np.float64]], Array] | None = None
    difference: Callable[[Params, Any], Array] | None = None

    def n_templates(self, n_answers: int) -> int:
        """Return the number of templates.

        Parameters
        ----------
        n_answers : int
            Number of classes.

        Returns
        -------
        int
            Number of templates; by default one for each class.
        """
        return n_answers

    def normal_matrix(
        self, X: Any, curvature: Curvature, weight: npt.NDArray[np.float64]
    ) -> Array | None:
        """Compute the Hessian of the sum of the losses in the parameters.

        Parameters
        ----------
        X : ndarray or CSR of shape (n_samples, n_features)
            The input samples.
        curvature : Curvature
            Second derivatives Bᵢ of the loss in the energies of each sample, as returned by
            `template_curvature`.
        weight : ndarray of shape (n_samples,)
            Sample weights.

        Returns
        -------
        ndarray of shape (size, size) or None
            Σᵢ wᵢ (∂Fᵢ/∂W)ᵀ Bᵢ (∂Fᵢ/∂W), with the parameters W in the order of `Energy.shapes`;
            None if it is not implemented.
        """
        return None

    def curvature_diagonal(self, X: Any, curvature: Array) -> Params | None:
        """Compute the diagonal of the Hessian of the sum of the losses.

        Parameters
        ----------
        X : ndarray or CSR of shape (n_samples, n_features)
            The input samples.
        curvature : ndarray of shape (n_samples, k)
            Second derivatives h of the loss in the output of each template, times the weights.

        Returns
        -------
        dict of str to ndarray, or None
            Σᵢ hᵢ (∂Fᵢ/∂W)², by name of the parameter; None if it is not implemented.
        """
        return None

    def template_curvature(self, curvature: Curvature) -> Curvature:
        """Convert second derivatives in the energies to second derivatives in −⟨θ, φ⟩.

        They are the same, unless there are fewer templates than classes.

        Parameters
        ----------
        curvature : Curvature
            Second derivatives in the energies.

        Returns
        -------
        Curvature
            Second derivatives in the outputs of the templates.
        """
        return curvature

    def standardized(self, X: Any, weight: npt.NDArray[np.float64]) -> Energy | None:
        """Return the same energy with parameters for standardised columns.

        `PreconditionedLBFGS` uses it.

        Parameters
        ----------
        X : ndarray or CSR of shape (n_samples, n_features)
            The input samples.
        weight : ndarray of shape (n_samples,)
            Sample weights.

        Returns
        -------
        Energy or None
            The energy; None if there is no such energy.
        """
        return None

    def centered(self, params: Params) -> Params:
        """Return parameters with the same differences of energies, in a canonical form.

        If the loss depends only on differences, a common shift of all energies of a sample is
        free, and learning returns this form. It must not increase the penalty.

        Parameters
        ----------
        params : dict of str to ndarray
            Parameters by name.

        Returns
        -------
        dict of str to ndarray
            Parameters by name.
        """
        return params


class Linearization(NamedTuple):
    """Energies of samples, and their derivatives in the parameters.

    All arguments and results are arrays of the library of the samples, on their device.

    Attributes
    ----------
    energies : array of shape (n_samples, m) or (n_samples, m, z)
        Energies of m answers (and z latent values).
    pullback : callable
        Function from derivatives in the energies, an array of their shape, to derivatives in the
        parameters, a dict of arrays; it sums over the samples.
    pushforward : callable or None
        Function from changes of the parameters, a dict of arrays, to changes of the energies. The
        solver "newton" needs it. None if it is not implemented.
    pullback_into : callable or None
        The pullback with a second argument, a dict of arrays in the dtype of the energies, to which
        it writes the result. It avoids a copy in steps on mini-batches. None if it is not
        implemented.
    answer_slopes : callable or None
        Function without arguments that returns the derivatives of the energies in continuous
        answers, of shape (n_samples, m, n_outputs). None if there are none.
    """

    energies: Array
    pullback: Callable[[Array], Params]
    pushforward: Callable[[Params], Array] | None = None
    pullback_into: Callable[[Array, Params], None] | None = None
    answer_slopes: Callable[[], Array] | None = None


class GradientEnergy(Documented, BaseEstimator, ABC):
    """Base class of energies whose parameters W are learned by gradients.

    ``__init__`` only stores its arguments; the parameters W are passed to the methods.

    Attributes
    ----------
    traits : Traits
        Properties of the energy that learning uses.
    penalized : tuple of str
        Names of the parameters with an L2 penalty; intercepts have none.
    examples : tuple of dict
        Parameter settings that the checks use; in at least one, no parameter has its default.
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
        """Return a copy of the energy with all that depends on the samples but is not learned.

        The landmarks of a kernel are an example. The returned energy is used for learning and for
        predictions.

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
        Energy
            The initialised energy, or the energy itself if nothing depends on the samples.

        Raises
        ------
        ValueError
            If a parameter is invalid; the message names the valid values.
        """
        return self

    @abstractmethod
    def shapes(self, n_features: int, n_answers: int) -> Shapes:
        """Shapes of the parameters.

        Parameters
        ----------
        n_features : int
            Number of features.
        n_answers : int
            Number of classes, or of outputs.

        Returns
        -------
        dict of str to tuple of int
            Shape of each parameter, by name.
        """

    @abstractmethod
    def start(
        self,
        rows: Rows,
        n_answers: int,
        rng: np.random.RandomState,
    ) -> Params:
        """Parameters from which learning starts.

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
        dict of str to ndarray
            Parameters by name, with the shapes of `shapes`.
        """

    def _for_step(self, rng: np.random.RandomState) -> Any:
        """Return the energy for one step on a mini-batch; dropout draws its units here."""
        return self

    def _initial_state(self) -> dict[str, Any]:
        """Return all that `initialized` may have computed from the samples, by name.

        A warm start continues on other samples only if it is the same for them; otherwise the
        parameters would not have the same meaning.
        """
        return dict(vars(self))

    def _width(self, n_answers: int) -> int:
        """Return the number of values kept for each sample, which limits the size of blocks."""
        return n_answers


class Energy(GradientEnergy):
    """Base class of energies F_W(x, y) of classes y, low if x and y fit.

    Attributes
    ----------
    templates : Templates
        Fast computations for an energy −⟨θ_y, φ(x)⟩, which is linear in a weight vector θ_y (the
        template) for each class; none by default.
    """

    templates: Templates = Templates()

    @abstractmethod
    def linearize(self, params: Params, X: Any) -> Linearization:
        """Energies of all classes, and their derivatives in the parameters.

        X and the parameters may be arrays of any library that follows the Array API standard, such
        as PyTorch tensors. The method then uses the functions of the namespace of X, converts
        NumPy arrays that `initialized` computed, and returns arrays of the library and device of X.
        An energy that supports NumPy only works with NumPy arrays. Sparse samples are SciPy arrays.

        Parameters
        ----------
        params : dict of str to array
            Parameters by name, see `shapes`; arrays of the library of X, in float64 or the dtype
            of X.
        X : array or CSR of shape (n_samples, n_features)
            The input samples.

        Returns
        -------
        Linearization
            Energies of shape (n_samples, n_classes) in the dtype of X, and their derivatives.
        """

    def fitted_attributes(self, params: Params, n_answers: int) -> dict[str, Array]:
        """Attributes of the fitted estimator that show the parameters, such as ``coef_``.

        Parameters
        ----------
        params : dict of str to ndarray
            Parameters by name, see `shapes`.
        n_answers : int
            Number of classes.

        Returns
        -------
        dict of str to ndarray
            Attributes by name.
        """
        return {}

    def _written(self, params: Params, fitted: Mapping[str, Any], n_answers: int) -> Params:
        """Return the parameters with changes that users made to the fitted attributes.

        Parameters
        ----------
        params : dict of str to ndarray
            Parameters by name.
        fitted : mapping
            Attributes of the estimator by name, with all of `fitted_attributes`.
        n_answers : int
            Number of classes.

        Returns
        -------
        dict of str to ndarray
            `params` itself if there are no changes, or if attributes are read-only.

        Raises
        ------
        ValueError
            If the shape of an attribute has changed.
        """
        return params

    def _of_classes(self, classes: Index) -> Energy:
        """Return the energy of some classes, whose parameters are their entries.

        Energies with the trait `class_axes` override it if `initialized` has stored values of each
        class.
        """
        return self

    def _split_features(self) -> tuple[Callable[[Any], Any], Energy] | None:
        """Return φ and F' with F(x, y) = F'(φ(x), y), where φ is fixed and F' has the parameters.

        Learning then computes φ once for all samples, and learns F'. None if there is no such φ.
        """
        return None

    def _curvature_scale(
        self, X: Any, weight: npt.NDArray[np.float64], n_answers: int
    ) -> Params | None:
        """Return √Σᵢ wᵢ (∂Fᵢ/∂W)² for each parameter, for scaling; None if unknown."""
        return None


def as_written(name: str, fitted: Mapping[str, Any], shown: Array) -> Array:
    """Return the current value of a fitted attribute, dense and in the original dtype.

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
    """Return an array, or a sparse matrix converted to an array."""
    result: Array = np.asarray(value.toarray() if sparse.issparse(value) else value)
    return result
