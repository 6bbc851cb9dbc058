"""A loss that looks at some of the answers only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import clone

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm.losses._right_answers import Mask
from sklearn_ebm.losses.base import Loss, Traits
from sklearn_ebm.losses.curvature import Curvature


class Among(Loss):
    """ℓ of the energies of some answers: the others are neither right nor wrong, and never move.

    For classes of which no row counts. To push them up would be to learn from nothing, and without
    end where an intercept is free. Not public as a name; learning makes one.

    Parameters
    ----------
    loss : Loss
    seen : ndarray of bool of shape (n_classes,)
        The answers that the loss looks at.

    Examples
    --------
    Of three answers the second is not looked at: log(1 + e⁻¹) = 0.313, and its slope is 0.

    >>> from sklearn_ebm.losses import NLL
    >>> loss = Among(NLL(), np.array([True, False, True]))
    >>> value, slope = loss(np.array([[0.0, -9.0, 1.0]]), np.array([[True, False, False]]))
    >>> value.round(3), slope.round(3)
    (array([0.313]), array([[ 0.269,  0.   , -0.269]]))
    """

    def __init__(self, loss: Loss, seen: npt.NDArray[np.bool_]) -> None:
        self.loss = loss
        self.seen = seen

    @classmethod
    def of(cls, loss: Loss, seen: npt.NDArray[np.bool_]) -> Loss:
        """Return a loss among some answers, with the margins of their pairs; itself if all."""
        if seen.all():
            return loss
        margin: Any = getattr(loss, "margin", None)
        if np.ndim(margin) == 2:
            loss = clone(loss).set_params(margin=np.asarray(margin)[np.ix_(seen, seen)])
        return cls(loss, seen)

    @property
    def traits(self) -> Traits:  # type: ignore[override]
        """Those of the loss that do not depend on which answers there are."""
        known = self.loss.traits
        return Traits(convex=known.convex, fixes_level=known.fixes_level, online=known.online)

    @property
    def _total_push_only(self) -> bool:
        """Whether the loss says so."""
        return self.loss._total_push_only

    @property
    def margin(self) -> Any:
        """That of the loss."""
        return getattr(self.loss, "margin", 0.0)

    def __call__(self, energies: Array, correct: Mask) -> tuple[Array, Array]:
        """Value (n,) and slope (n, m), which is 0 for the answers that are not looked at."""
        value, slope = self.loss(energies[:, self.seen], correct[:, self.seen])
        return value, self._spread(slope)

    def _spread(self, seen: Array) -> Array:
        """Numbers (n, seen) of the answers looked at, and zeros of the others: (n, m)."""
        result = np.zeros((len(self.seen), len(seen)), dtype=seen.dtype).T
        result[:, self.seen] = seen
        return result

    @property
    def conjugate(self) -> Callable[[Array, Mask], Array] | None:  # type: ignore[override]
        """The conjugate of the loss at slopes that are 0 for the other answers."""
        inner = self.loss.conjugate
        if inner is None:
            return None
        return lambda slope, correct: inner(slope[:, self.seen], correct[:, self.seen])

    @property
    def curvature(self) -> Callable[[Array, Mask], Curvature] | None:  # type: ignore[override]
        """Second derivatives of the loss, 0 in the other answers."""
        inner = self.loss.curvature
        if inner is None:
            return None

        def curvature(energies: Array, correct: Mask) -> Curvature:
            bend = inner(energies[:, self.seen], correct[:, self.seen])
            outer = tuple((factor, self._spread(vector)) for factor, vector in bend.outer)
            return Curvature(self._spread(bend.diagonal), outer)

        return curvature

    def is_smooth(self, n_answers: int) -> bool:
        """Whether the loss is, for as many answers as it looks at."""
        return self.loss.is_smooth(int(self.seen.sum()))

    def smoothed(self, temperature: float) -> Loss:
        """Return the smooth version of the loss, among the same answers."""
        return Among(self.loss.smoothed(temperature), self.seen)

    def surrogate(self) -> Loss | None:
        """Return a convex loss to start from, among the same answers."""
        easier = self.loss.surrogate()
        return None if easier is None else Among(easier, self.seen)
