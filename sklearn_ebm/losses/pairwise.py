"""Losses that compare the right answer with one wrong answer at a time."""

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
    """ℓ = φ(F(y), F(ȳ) − m) against the most offending wrong answer, or summed over all of them.

    A new loss is one method, `pair`. ``margin`` and ``contrast`` become parameters of a loss when
    its ``__init__`` names them; this class does the rest: which wrong answer, pairs of classes with
    margins of their own, the smooth version, scatter and gather.

    Attributes
    ----------
    margin : float or ndarray of shape (n_classes, n_classes)
        m, in units of the energy; sample = right answer, column = wrong answer. A loss without such
        a parameter has the margin 0.
    contrast : {"hardest", "all"}
        ``"hardest"``: against ȳ = argmin_{y' ≠ y} F(x, y') − m; ``"all"``: summed over all ȳ ≠ y.
    pair_curvature : callable or None
        ``(right, offending, temperature) -> (∂²φ/∂F², ∂²φ/∂F∂o, ∂²φ/∂o²)``.
    pair_conjugate : callable or None
        ``(slope_right, slope_offending) -> φ*``, for a convex loss.
    """

    margin: Any
    contrast: Any = "hardest"
    pair_curvature: Callable[[Array, Array, float], tuple[Array, Array, Array]] | None = None
    pair_conjugate: Callable[[Array, Array], Array] | None = None

    @abstractmethod
    def pair(self, right: Array, offending: Array, temperature: float) -> tuple[Array, ...]:
        """φ and its two slopes, element by element.

        Parameters
        ----------
        right : array
            F(y), the energy of the right answer.
        offending : array
            o = F(ȳ) − m, the energy of a wrong answer less its margin. φ must not rise with it.
        temperature : float
            0 for the loss itself. Pass it on to `positive_part` where the loss has a kink, so that
            the solver can follow a smooth path; ignore it otherwise.

        Returns
        -------
        value, slope_right, slope_offending : array
        """

    @property
    def _total_push_only(self) -> bool:
        """Whether only the sum of the pushes counts: against the most offending answer."""
        return not self.traits.fixes_level and self._contrast().takes_minimum

    def __call__(self, energies: Array, correct: Mask) -> tuple[Array, Array]:
        """Value (n,) and slope (n, m) of the loss; see `Loss`."""
        return self._at_temperature(energies, correct, 0.0)

    def _at_temperature(
        self, energies: Array, correct: Mask, temperature: float
    ) -> tuple[Array, Array]:
        """Value and slope with minimum and kinks softened at T; T = 0 is the loss itself."""
        return self._contrast().value_and_slope(self, energies, correct, temperature)

    @property
    def conjugate(self) -> Callable[[Array, Mask], Array] | None:  # type: ignore[override]
        """The convex conjugate, where the loss gives that of its pair; None elsewhere."""
        if self.pair_conjugate is None:
            return None
        return lambda slope, correct: self._contrast().conjugate(self, slope, correct)

    @property
    def curvature(self) -> Callable[[Array, Mask], Curvature] | None:  # type: ignore[override]
        """Second derivatives, where the loss gives those of its pair; None elsewhere."""
        return self._curvature_at(0.0)

    def _curvature_at(self, temperature: float) -> Callable[[Array, Mask], Curvature] | None:
        """Return the same at temperature T."""
        if self.pair_curvature is None:
            return None
        return lambda energies, correct: self._contrast().curvature(
            self, energies, correct, temperature
        )

    def is_smooth(self, n_answers: int) -> bool:
        """Whether there is neither a kink nor a minimum over several wrong answers."""
        jumps = self._contrast().takes_minimum and n_answers > 2
        return not (jumps or self.traits.kinked)

    def smoothed(self, temperature: float) -> Loss:
        """Return the loss with minimum and kinks softened at temperature T > 0."""
        return SmoothedPairwise(self, temperature)

    def _margins(self, correct: Mask, dtype: Any) -> Any:
        """Return m: a number, or (n, m) where pairs of classes have margins of their own."""
        margin = self._margin
        if np.ndim(margin) == 0:
            return float(margin)
        xp = namespace_of(correct)
        table = constant(xp, margin, dtype, like=correct)
        return RightAnswers(xp, correct).rows_of(table)

    def _validate(self, n_answers: int) -> None:
        """Raise ValueError if margin or contrast are out of range for k answers."""
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
    """A pairwise loss at temperature T: an upper bound of it, smooth, with the same conjugate.

    Parameters
    ----------
    loss : PairwiseLoss
    temperature : float
        T > 0, in units of the energy.
    """

    def __init__(self, loss: PairwiseLoss, temperature: float) -> None:
        self.loss = loss
        self.temperature = temperature

    @property
    def traits(self) -> Traits:  # type: ignore[override]
        """Those of the loss that softening keeps."""
        known = self.loss.traits
        return Traits(convex=known.convex, fixes_level=known.fixes_level)

    def __call__(self, energies: Array, correct: Mask) -> tuple[Array, Array]:
        """Value (n,) and slope (n, m) at temperature T."""
        return self.loss._at_temperature(energies, correct, self.temperature)

    @property
    def conjugate(self) -> Callable[[Array, Mask], Array] | None:  # type: ignore[override]
        """The conjugate of the loss itself: slopes at T > 0 are dual points of it too."""
        return self.loss.conjugate

    @property
    def curvature(self) -> Callable[[Array, Mask], Curvature] | None:  # type: ignore[override]
        """Second derivatives at temperature T."""
        return self.loss._curvature_at(self.temperature)
