"""A loss restricted to a subset of the answers."""

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
    """Loss restricted to the energies of some answers; its slope at all others is zero.

    Learning uses it if some classes have no sample of positive weight. The energies of such classes
    would otherwise be pushed up without limit, because an intercept is not penalised.

    Parameters
    ----------
    loss : Loss
        The loss to be restricted.
    seen : ndarray of bool of shape (n_classes,)
        True for the answers that the loss depends on.

    Examples
    --------
    The second of three answers is excluded: the value is log(1 + e⁻¹) = 0.313, and its slope is 0.

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
        """Return the restricted loss, with the margins of the remaining pairs; itself if all."""
        if seen.all():
            return loss
        margin: Any = getattr(loss, "margin", None)
        if np.ndim(margin) == 2:
            loss = clone(loss).set_params(margin=np.asarray(margin)[np.ix_(seen, seen)])
        return cls(loss, seen)

    @property
    def traits(self) -> Traits:  # type: ignore[override]
        """The traits of the loss that do not depend on the set of answers."""
        own = self.loss.traits
        return Traits(convex=own.convex, fixes_level=own.fixes_level, online=own.online)

    @property
    def _total_push_only(self) -> bool:
        """The value of the loss."""
        return self.loss._total_push_only

    @property
    def margin(self) -> Any:
        """The margin of the loss."""
        return getattr(self.loss, "margin", 0.0)

    def __call__(self, energies: Array, correct: Mask) -> tuple[Array, Array]:
        """Value (n,) and slope (n, m), which is 0 for the excluded answers."""
        value, slope = self.loss(energies[:, self.seen], correct[:, self.seen])
        return value, self._spread(slope)

    def _spread(self, seen: Array) -> Array:
        """Insert zeros for the excluded answers: (n, number of seen answers) -> (n, m)."""
        result = np.zeros((len(self.seen), len(seen)), dtype=seen.dtype).T
        result[:, self.seen] = seen
        return result

    @property
    def conjugate(self) -> Callable[[Array, Mask], Array] | None:  # type: ignore[override]
        """The conjugate of the loss, for slopes that are 0 at the excluded answers."""
        inner = self.loss.conjugate
        if inner is None:
            return None
        return lambda slope, correct: inner(slope[:, self.seen], correct[:, self.seen])

    @property
    def curvature(self) -> Callable[[Array, Mask], Curvature] | None:  # type: ignore[override]
        """Second derivatives of the loss, 0 for the excluded answers."""
        inner = self.loss.curvature
        if inner is None:
            return None

        def curvature(energies: Array, correct: Mask) -> Curvature:
            restricted = inner(energies[:, self.seen], correct[:, self.seen])
            outer = tuple((factor, self._spread(vector)) for factor, vector in restricted.outer)
            return Curvature(self._spread(restricted.diagonal), outer)

        return curvature

    def is_smooth(self, n_answers: int) -> bool:
        """Whether the loss is smooth for the number of answers that it depends on."""
        return self.loss.is_smooth(int(self.seen.sum()))

    def smoothed(self, temperature: float) -> Loss:
        """Return the smoothed loss, restricted to the same answers."""
        return Among(self.loss.smoothed(temperature), self.seen)

    def surrogate(self) -> Loss | None:
        """Return the convex loss to start from, restricted to the same answers."""
        easier = self.loss.surrogate()
        return None if easier is None else Among(easier, self.seen)
