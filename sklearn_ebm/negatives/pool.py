"""A pool of wrong answers, drawn at random."""

from __future__ import annotations

from typing import Any

import numpy as np

from sklearn_ebm._params import Array
from sklearn_ebm._validation import positive_integer, positive_number
from sklearn_ebm.negatives.base import Negatives


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
        ε > 0, in deviations of the answers. Energies within ε of y stay free.
    reach : float, default=3.0
        Half of the side of the box around the mean of the answers, in their deviations.

    References
    ----------
    LeCun, Chopra, Hadsell, Ranzato, Huang, "Energy-Based Models", in *Predicting Structured Data*
    (2007), section 2, for the most offending incorrect answer of continuous ones.
    :doi:`10.7551/mitpress/7443.003.0014`

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ebm.negatives import Pool
    >>> answers = Pool(n_candidates=100, epsilon=0.5).after(
    ...     np.zeros((1, 1)), np.random.default_rng(0)
    ... )
    >>> answers.shape, float(np.abs(answers[1:]).min()), bool(np.abs(answers).max() <= 3)
    ((101, 1), 0.5, True)
    """

    examples = ({}, {"n_candidates": 5, "epsilon": 0.1, "reach": 4.0})

    def __init__(self, n_candidates: int = 32, epsilon: float = 0.3, reach: float = 3.0) -> None:
        self.n_candidates = n_candidates
        self.epsilon = epsilon
        self.reach = reach

    def after(self, right: Array, rng: np.random.Generator) -> Array:
        """Right answers (..., 1, q), and wrong ones after them: (..., m, q)."""
        kind: Any = np.float32 if right.dtype == np.float32 else np.float64
        shape = (*right.shape[:-2], self.n_candidates, right.shape[-1])
        wrong = rng.random(shape, dtype=kind)
        wrong *= 2 * self.reach
        wrong -= self.reach
        wrong -= right
        distance = np.sqrt(np.square(wrong).sum(axis=-1, keepdims=True))
        lost = distance < np.sqrt(np.finfo(kind).tiny)  # on y itself: any direction is as good
        if lost.any():
            wrong[lost[..., 0], 0] = self.epsilon
            distance[lost] = self.epsilon
        wrong *= np.maximum(1, kind(self.epsilon) / distance)
        wrong += right
        return np.concatenate([right, wrong], axis=-2)

    def validate(self) -> None:
        """Raise ValueError unless all settings are positive."""
        positive_integer("n_candidates", self.n_candidates, of="Pool")
        positive_number("epsilon", self.epsilon, of="Pool")
        positive_number("reach", self.reach, of="Pool")
