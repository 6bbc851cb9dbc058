"""The contract of a loss: what learning wants of the energies."""

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
    """What learning must know of a loss before it computes one.

    A loss names the traits that it has, in its class body: ``traits = Traits(convex=True)``.

    Attributes
    ----------
    convex : bool
        Whether ℓ is convex in the energies. With a linear energy the minimum is then unique.
    kinked : bool
        Of a `PairwiseLoss`: whether `pair` has a kink at temperature 0.
    contrasts : bool
        Whether ℓ looks at wrong answers at all.
    needs_partition_function : bool
        Whether ℓ needs the partition function, a sum or an integral over all answers, instead of
        some wrong ones.
    fixes_level : bool
        Whether ℓ depends on the level of the energies. The others see only their differences.
    total_push_only : bool
        Whether in a sample the push at one wrong answer may be moved to another, or given up
        against the pull at the right one, without leaving the domain of the conjugate: only their
        sum is limited. For a loss of differences. A `PairwiseLoss` need not say it: it follows from
        the contrast.
    online : bool
        Whether learning follows single samples and averages the steps, because the minimum of the
        penalised sum over samples is no use (perceptron).
    hinge_scale : float or None
        The unit of energies in which the loss is like a hinge loss with a margin of one, so that on
        sparse samples learning starts from templates that separate; None where it is not.
    needs_nonnegative : str or None
        Why the loss needs energies that are never negative, as the end of a sentence; None if it
        does not.
    needs_classes : str or None
        Why the loss has no use for continuous answers, as the end of a sentence; None if it has.

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
    """ℓ(F, y): looks at the energies of a sample and says which should fall and which should rise.

    A loss never sees x, the parameters, sample weights or the penalty. ``__init__`` only stores.
    Subclass `PairwiseLoss` instead where the loss compares the right answer with one wrong answer
    at a time: most do, and one method is then enough.

    The losses of this package take arrays of any library that follows the Array API standard, such
    as tensors of torch, and return arrays of the same library, dtype and device. They return the
    slope themselves, so tensors must not ask for gradients: steps in place would break their graph.
    A loss of your own needs NumPy only, as learning hands it NumPy's arrays.

    Attributes
    ----------
    traits : Traits
        What learning must know of the loss before it computes one.
    conjugate : callable or None
        ``(slope (n, m), correct) -> (n,)``: the convex conjugate ℓ*(g) = sup_F ⟨g, F⟩ − ℓ(F) at
        slopes that the loss, smoothed or not, can return. It gives the duality gap.
    curvature : callable or None
        ``(energies, correct) -> Curvature``: second derivatives, sample by sample. It makes
        learning faster by far; without it, only gradients are used. Of other libraries' arrays it
        returns such arrays, but the methods of `Curvature` work on NumPy's alone, as the solvers
        do.
    examples : tuple of dict
        Settings that the checks run at, one of them away from every default.
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
        """Value and slope of the loss, sample by sample.

        Parameters
        ----------
        energies : array of shape (n_samples, m)
            Energies of m answers.
        correct : array of bool of shape (n_samples, m)
            True at the one right answer of each sample. Of the library of the energies.

        Returns
        -------
        value : array of shape (n_samples,)
        slope : array of shape (n_samples, m)
            dℓ/dF, in the dtype of the energies: a new array, which the caller may work in.
        """

    def is_smooth(self, n_answers: int) -> bool:
        """Whether the slope is continuous, so that a gradient method may be used as it is."""
        return True

    def smoothed(self, temperature: float) -> Loss:
        """Return a smooth loss above this one that tends to it as T → 0; itself if smooth."""
        return self

    def surrogate(self) -> Loss | None:
        """Return a convex loss to start from; None where this one is convex itself."""
        return None

    @property
    def _total_push_only(self) -> bool:
        """`Traits.total_push_only`, or what the parameters say in its place."""
        return self.traits.total_push_only

    def _liblinear(self, n_answers: int) -> tuple[dict[str, Any], float] | None:
        """Return settings of `sklearn.svm.LinearSVC` for nearly the same loss, as a sparse start.

        Returns
        -------
        settings, unit : dict and float, or None
            Parameters of ``LinearSVC``, and the unit of the energies in which it sees a margin of
            one; None where it has no such loss.
        """
        return None

    def _validate(self, n_answers: int) -> None:
        """Raise ValueError, in one sentence, if a parameter is out of range for k answers."""


def require_positive(loss: Loss, *names: str) -> None:
    """Raise ValueError unless the named parameters are positive finite numbers."""
    for name in names:
        positive_number(name, getattr(loss, name), of=type(loss).__name__)
