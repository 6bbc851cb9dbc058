"""A pool of wrong answers, drawn at random."""

from __future__ import annotations

from typing import Any

import numpy as np

from sklearn_ebm._utils.array_api import at_least, in_place, namespace_of, smallest_normal
from sklearn_ebm._utils.array_ops import cast_like, floating
from sklearn_ebm._utils.parameters import Array
from sklearn_ebm._utils.validation import positive_integer, positive_number
from sklearn_ebm.losses.negatives.base import Negatives


class Pool(Negatives):
    """ȳ uniform over a box, ‖ȳ − y‖ ≥ ε.

    A loss with ``contrast="hardest"`` looks at the most offending answer of the pool, with
    ``"all"`` at each of them. What was drawn nearer to y than ε is moved away from it, in the
    direction in which it lies, to the distance ε.

    Parameters
    ----------
    n_candidates : int, default=32
        Wrong answers for each right one.
    epsilon : float, default=0.3
        ε > 0, in standard deviations of the answers. Energies within ε of y stay free.
    reach : float, default=3.0
        Half of the side of the box around the mean of the answers, in their standard deviations.

    References
    ----------
    LeCun, Chopra, Hadsell, Ranzato, Huang, "Energy-Based Models", in *Predicting Structured Data*
    (2007), section 2, for the most offending incorrect answer of continuous ones.
    :doi:`10.7551/mitpress/7443.003.0014`

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ebm.losses.negatives import Pool
    >>> answers = Pool(n_candidates=100, epsilon=0.5).after(
    ...     np.zeros((1, 1)), np.random.default_rng(0)
    ... )
    >>> answers.shape, float(np.abs(answers[1:]).min().round(6)), bool(np.abs(answers).max() <= 3)
    ((101, 1), 0.5, True)
    """

    examples = ({}, {"n_candidates": 5, "epsilon": 0.1, "reach": 4.0})

    def __init__(self, n_candidates: int = 32, epsilon: float = 0.3, reach: float = 3.0) -> None:
        self.n_candidates = n_candidates
        self.epsilon = epsilon
        self.reach = reach

    def after(self, right: Array, rng: np.random.Generator) -> Array:
        """Right answers (..., 1, q), and wrong ones after them: (..., m, q)."""
        xp = namespace_of(right)
        right = floating(xp, right)
        kind: Any = np.float32 if right.dtype == xp.float32 else np.float64
        shape = (*right.shape[:-2], self.n_candidates, right.shape[-1])
        # Drawn by NumPy, whatever the library: the same answers for the same seed.
        drawn = rng.random(shape, dtype=kind)
        drawn *= 2 * self.reach
        drawn -= self.reach
        wrong = cast_like(xp, drawn, right)
        wrong -= right
        distance = xp.sum(xp.square(wrong), axis=-1, keepdims=True)
        distance = in_place(xp, "sqrt", distance)
        # Drawn on y itself: any direction is as good.
        lost = distance < float(smallest_normal(xp, right.dtype)) ** 0.5
        aside = np.zeros(right.shape[-1], dtype=kind)
        aside[0] = self.epsilon
        wrong = xp.where(lost, cast_like(xp, aside, right), wrong)
        distance = xp.where(lost, xp.ones_like(distance) * float(self.epsilon), distance)
        wrong *= at_least(xp, float(self.epsilon) / distance, 1.0)
        wrong += right
        result: Array = xp.concat([right, wrong], axis=-2)
        return result

    def validate(self) -> None:
        """Raise ValueError unless all settings are positive."""
        positive_integer("n_candidates", self.n_candidates, of="Pool")
        positive_number("epsilon", self.epsilon, of="Pool")
        positive_number("reach", self.reach, of="Pool")
