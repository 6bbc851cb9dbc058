"""Base class of all losses."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

from sklearn.base import BaseEstimator

from sklearn_ebm._utils.html_repr import Documented
from sklearn_ebm._utils.parameters import Array, refuse_lone_traits
from sklearn_ebm._utils.validation import positive_number
from sklearn_ebm.losses._right_answers import Mask
from sklearn_ebm.losses.curvature import Curvature


class Traits(NamedTuple):
    """Properties of a loss that learning uses without evaluating it.

    A loss sets them in its class body, for example ``traits = Traits(convex=True)``.

    Attributes
    ----------
    convex : bool
        Whether ℓ is convex in the energies. With a linear energy the minimum is then unique.
    kinked : bool
        Whether the method `pair` of a `PairwiseLoss` has a kink at temperature 0.
    contrasts : bool
        Whether ℓ depends on the energies of wrong answers.
    needs_partition_function : bool
        Whether ℓ needs the partition function, a sum or an integral over all answers. Otherwise a
        selection of wrong answers is enough.
    fixes_level : bool
        Whether ℓ changes if all energies of a sample change by the same amount. If not, ℓ depends
        only on differences of energies.
    total_push_only : bool
        Whether the domain of the conjugate limits only the sum of the slopes at the wrong answers
        of a sample, so that slope may be moved from one wrong answer to another. Only for a loss
        of energy differences. For a `PairwiseLoss` it follows from the contrast.
    online : bool
        Whether learning takes a step for each sample and averages the parameters, instead of
        minimising the penalised sum over the samples (perceptron).
    hinge_scale : float or None
        The margin of the hinge loss that resembles this loss, in units of the energy. If it is
        given, learning on sparse samples starts from parameters that separate them.
    needs_nonnegative : str or None
        The reason why the loss needs energies F ≥ 0, as the end of a sentence; None if it accepts
        any energies.
    needs_classes : str or None
        The reason why the loss cannot be used with continuous answers, as the end of a sentence;
        None if it can.

    Examples
    --------
    >>> from sklearn_ebm.losses import Simple
    >>> traits = Simple().traits
    >>> traits.convex, traits.kinked, traits.fixes_level, traits.online
    (True, True, True, False)
    """

    convex: bool = False
    kinked: bool = False
    contrasts: bool = True
    needs_partition_function: bool = False
    fixes_level: bool = False
    total_push_only: bool = False
    online: bool = False
    hinge_scale: float | None = None
    needs_nonnegative: str | None = None
    needs_classes: str | None = None


class Loss(Documented, BaseEstimator, ABC):
    """Base class of losses ℓ(F, y), functions of the energies F of one sample and its class y.

    A loss does not depend on x, the parameters, the sample weights or the penalty. ``__init__``
    only stores its arguments. If the loss compares the correct answer with one wrong answer at a
    time, as most losses do, subclass `PairwiseLoss`, which needs a single method.

    The losses of this package accept arrays of any library that follows the Array API standard,
    such as PyTorch tensors, and return arrays of the same library, dtype and device. They compute
    the slope themselves and work in place, so tensors must have ``requires_grad=False``. A custom
    loss needs to support NumPy only, because learning passes NumPy arrays.

    Attributes
    ----------
    traits : Traits
        Properties of the loss that learning uses without evaluating it.
    conjugate : callable or None
        ``(slope, correct) -> value``, arrays of shape (n_samples, m) and (n_samples,): the convex
        conjugate ℓ*(g) = sup_F ⟨g, F⟩ − ℓ(F) at slopes that the loss or its smoothed version
        returns. It is needed for the duality gap.
    curvature : callable or None
        ``(energies, correct) -> Curvature``: the second derivatives for each sample. They make
        learning much faster; without them, only gradients are used. The arrays in the result are
        of the library of the energies, but the methods of `Curvature` need NumPy arrays.
    examples : tuple of dict
        Parameter settings that the checks use; in at least one, no parameter has its default.
    """

    traits: Traits = Traits()
    examples: ClassVar[tuple[dict[str, Any], ...]] = ({},)
    conjugate: Callable[[Array, Mask], Array] | None = None
    curvature: Callable[[Array, Mask], Curvature] | None = None

    def __init_subclass__(cls, **keywords: Any) -> None:
        """Refuse a trait that stands alone in the class body, where it would have no effect."""
        super().__init_subclass__(**keywords)
        refuse_lone_traits(cls, Traits._fields)

    @abstractmethod
    def __call__(self, energies: Array, correct: Mask) -> tuple[Array, Array]:
        """Compute the value and the slope of the loss for each sample.

        Parameters
        ----------
        energies : array of shape (n_samples, m)
            Energies of m answers.
        correct : array of bool of shape (n_samples, m)
            True at the one correct answer of each sample; an array of the library of the energies.

        Returns
        -------
        value : array of shape (n_samples,)
            ℓ, in units of the loss.
        slope : array of shape (n_samples, m)
            dℓ/dF, in the dtype of the energies: a new array, which the caller may overwrite.
        """

    def is_smooth(self, n_answers: int) -> bool:
        """Whether the slope is continuous, so that gradient methods apply without smoothing.

        Parameters
        ----------
        n_answers : int
            Number of answers.

        Returns
        -------
        bool
            True if gradient methods apply without smoothing.
        """
        return True

    def smoothed(self, temperature: float) -> Loss:
        """Return a smooth upper bound of the loss that tends to it as T → 0; itself if smooth.

        Parameters
        ----------
        temperature : float
            Temperature of the smoothing, in units of the energy; 0 is the loss itself.

        Returns
        -------
        Loss
            The smoothed loss.
        """
        return self

    def surrogate(self) -> Loss | None:
        """Return a convex loss whose minimum learning starts from; None if the loss is convex."""
        return None

    @property
    def _total_push_only(self) -> bool:
        """`Traits.total_push_only`, or its value for the parameters of the loss."""
        return self.traits.total_push_only

    def _liblinear(self, n_answers: int) -> tuple[dict[str, Any], float] | None:
        """Return settings of `sklearn.svm.LinearSVC` for nearly the same loss.

        Learning on sparse samples starts from its solution.

        Returns
        -------
        settings, unit : dict and float, or None
            Parameters of ``LinearSVC``, and the margin of its loss in units of the energy; None
            if it has no similar loss.
        """
        return None

    def _validate(self, n_answers: int) -> None:
        """Raise ValueError if a parameter is out of range for this number of answers."""


def require_positive(loss: Loss, *names: str) -> None:
    """Raise ValueError unless the named parameters are positive finite numbers."""
    for name in names:
        positive_number(name, getattr(loss, name), of=type(loss).__name__)
