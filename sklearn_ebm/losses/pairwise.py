"""Base class of losses that compare the correct answer with one wrong answer at a time."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np

from sklearn_ebm._utils.array_api import constant, namespace_of
from sklearn_ebm._utils.parameters import Array
from sklearn_ebm._utils.validation import as_number
from sklearn_ebm.losses._contrast import CONTRASTS, Contrast
from sklearn_ebm.losses._right_answers import Mask, RightAnswers
from sklearn_ebm.losses.base import Loss, Traits
from sklearn_ebm.losses.curvature import Curvature


class PairwiseLoss(Loss):
    """Base class of losses on pairs of a correct and a wrong answer.

    ℓ = φ(F(y), F(ȳ) − m),

    where F(y) is the energy of the correct answer, F(ȳ) the energy of a wrong answer and m the
    margin. A subclass writes φ as its method `pair`. If its ``__init__`` has the arguments
    ``margin`` or ``contrast``, they are parameters of the loss. This class selects the wrong
    answers, applies the margins and provides the smoothed loss.

    Attributes
    ----------
    margin : float or ndarray of shape (n_classes, n_classes)
        m, in units of the energy; in an array, rows are correct classes and columns wrong ones.
        It is 0 if the loss has no such parameter.
    contrast : {"hardest", "all"}
        ``"hardest"`` takes ȳ = argmin_{y' ≠ y} F(x, y') − m, the most offending wrong answer;
        ``"all"`` takes the sum over all ȳ ≠ y.
    pair_curvature : callable or None
        ``(right, offending, temperature) -> (∂²φ/∂F², ∂²φ/∂F∂o, ∂²φ/∂o²)``, where F = F(y) and
        o = F(ȳ) − m are the first two arguments of `pair`.
    pair_conjugate : callable or None
        ``(slope_right, slope_offending) -> φ*``, the convex conjugate of φ, for a convex loss.
    """

    margin: Any
    contrast: Any = "hardest"
    pair_curvature: Callable[[Array, Array, float], tuple[Array, Array, Array]] | None = None
    pair_conjugate: Callable[[Array, Array], Array] | None = None

    @abstractmethod
    def pair(self, right: Array, offending: Array, temperature: float) -> tuple[Array, ...]:
        """Compute φ and its two partial derivatives, element by element.

        Parameters
        ----------
        right : array
            F(y), the energy of the correct answer.
        offending : array
            o = F(ȳ) − m, the energy of a wrong answer less its margin. φ must not increase with o.
        temperature : float
            Temperature of the smoothing, in units of the energy; 0 is the loss itself. A loss with
            a kink passes it to `positive_part`; other losses ignore it.

        Returns
        -------
        value : array
            φ.
        slope_right : array
            ∂φ/∂F(y).
        slope_offending : array
            ∂φ/∂o, not above 0.
        """

    @property
    def _total_push_only(self) -> bool:
        """Whether the conjugate limits only the sum of the slopes at wrong answers."""
        return not self.traits.fixes_level and self._contrast().takes_minimum

    def __call__(self, energies: Array, correct: Mask) -> tuple[Array, Array]:
        """Value (n,) and slope (n, m) of the loss; see `Loss`.

        Parameters
        ----------
        energies : array of shape (n_samples, m)
            Energies of m answers.
        correct : array of bool of shape (n_samples, m)
            True at the one correct answer of each sample.

        Returns
        -------
        value : array of shape (n_samples,)
            ℓ, in units of the loss.
        slope : array of shape (n_samples, m)
            dℓ/dF.
        """
        return self._at_temperature(energies, correct, 0.0)

    def _at_temperature(
        self, energies: Array, correct: Mask, temperature: float
    ) -> tuple[Array, Array]:
        """Value and slope with minimum and kinks smoothed at T; T = 0 is the loss itself."""
        return self._contrast().value_and_slope(self, energies, correct, temperature)

    @property
    def conjugate(self) -> Callable[[Array, Mask], Array] | None:  # type: ignore[override]
        """The convex conjugate, if the loss has ``pair_conjugate``; else None."""
        if self.pair_conjugate is None:
            return None
        return lambda slope, correct: self._contrast().conjugate(self, slope, correct)

    @property
    def curvature(self) -> Callable[[Array, Mask], Curvature] | None:  # type: ignore[override]
        """The second derivatives, if the loss has ``pair_curvature``; else None."""
        return self._curvature_at(0.0)

    def _curvature_at(self, temperature: float) -> Callable[[Array, Mask], Curvature] | None:
        """Return the function `curvature` at temperature T."""
        if self.pair_curvature is None:
            return None
        return lambda energies, correct: self._contrast().curvature(
            self, energies, correct, temperature
        )

    def is_smooth(self, n_answers: int) -> bool:
        """Whether the loss has neither a kink nor a minimum over several wrong answers.

        Parameters
        ----------
        n_answers : int
            Number of answers.

        Returns
        -------
        bool
            True if gradient methods apply without smoothing.
        """
        jumps = self._contrast().takes_minimum and n_answers > 2
        return not (jumps or self.traits.kinked)

    def smoothed(self, temperature: float) -> Loss:
        """Return the loss with minimum and kinks smoothed at temperature T > 0.

        Parameters
        ----------
        temperature : float
            Temperature of the smoothing, in units of the energy; 0 is the loss itself.

        Returns
        -------
        Loss
            The smoothed loss.
        """
        return SmoothedPairwise(self, temperature)

    def _margins(self, correct: Mask, dtype: Any) -> Any:
        """Return the margin: a number, or an array (n, m) if margins depend on the classes."""
        margin = self._margin
        if np.ndim(margin) == 0:
            return float(margin)
        xp = namespace_of(correct)
        table = constant(xp, margin, dtype, like=correct)
        return RightAnswers(xp, correct).rows_of(table)

    def _validate(self, n_answers: int) -> None:
        """Raise ValueError if margin or contrast is out of range for this number of answers."""
        self._contrast()
        name, margin = type(self).__name__, self._margin
        try:
            table = np.asarray(margin, dtype=float)
        except (TypeError, ValueError, OverflowError):
            table = np.asarray(np.nan)
        if table.ndim == 0:
            of_array = isinstance(margin, np.ndarray)
            if not 0 <= as_number(margin.item() if of_array else margin) < np.inf:
                raise ValueError(
                    f"margin={margin!r} of {name} must be a finite number that is not "
                    "negative, or a (k, k) array of class-pair margins."
                )
            return
        if table.shape != (n_answers, n_answers):
            raise ValueError(
                f"margin of {name} has shape {table.shape}, but {n_answers} classes need one "
                f"margin for each pair: shape ({n_answers}, {n_answers}), row = right class, "
                "column = wrong."
            )
        if not np.isfinite(table).all() or (table < 0).any():
            raise ValueError(
                f"margin of {name} holds negative or non-finite class-pair margins; "
                "all must be finite numbers that are not negative."
            )

    @property
    def _margin(self) -> Any:
        return getattr(self, "margin", 0.0)

    def _contrast(self) -> Contrast:
        return CONTRASTS.resolve(self.contrast)


class SmoothedPairwise(Loss):
    """Pairwise loss smoothed at temperature T: an upper bound with the same conjugate.

    Parameters
    ----------
    loss : PairwiseLoss
        The loss to be smoothed.
    temperature : float
        T > 0, in units of the energy.
    """

    def __init__(self, loss: PairwiseLoss, temperature: float) -> None:
        self.loss = loss
        self.temperature = temperature

    @property
    def traits(self) -> Traits:  # type: ignore[override]
        """The traits that the smoothed loss has in common with the loss."""
        traits = self.loss.traits
        return Traits(convex=traits.convex, fixes_level=traits.fixes_level)

    def __call__(self, energies: Array, correct: Mask) -> tuple[Array, Array]:
        """Value (n,) and slope (n, m) at temperature T."""
        return self.loss._at_temperature(energies, correct, self.temperature)

    @property
    def conjugate(self) -> Callable[[Array, Mask], Array] | None:  # type: ignore[override]
        """The conjugate of the loss, because slopes at T > 0 are in its domain."""
        return self.loss.conjugate

    @property
    def curvature(self) -> Callable[[Array, Mask], Curvature] | None:  # type: ignore[override]
        """Second derivatives at temperature T."""
        return self.loss._curvature_at(self.temperature)
