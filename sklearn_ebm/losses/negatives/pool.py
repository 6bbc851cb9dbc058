"""Negatives drawn at random from a box."""

from __future__ import annotations

from typing import Any

import numpy as np

from sklearn_ebm._utils.array_api import at_least, in_place, namespace_of, smallest_normal
from sklearn_ebm._utils.array_ops import cast_like, floating
from sklearn_ebm._utils.parameters import Array
from sklearn_ebm._utils.validation import positive_integer, positive_number
from sklearn_ebm.losses.negatives.base import RandomNegatives


class Pool(RandomNegatives):
    """Draw negatives uniformly from a box, at a distance of at least ε from the correct answer.

    A draw ȳ with ‖ȳ − y‖ < ε is moved away from y, along ȳ − y, to the distance ε. A loss with
    ``contrast="hardest"`` uses the most offending negative, with ``"all"`` the sum over all.

    Parameters
    ----------
    n_candidates : int, default=32
        Number of negatives for each correct answer.
    epsilon : float, default=0.3
        ε > 0, in standard deviations of the answers. Energies of answers closer to y than ε are not
        constrained.
    reach : float, default=3.0
        Half the side length of the box, which is centred at the mean of the answers, in standard
        deviations of the answers.

    References
    ----------
    LeCun, Chopra, Hadsell, Ranzato, Huang, "Energy-Based Models", in *Predicting Structured Data*
    (2007), section 2, which defines the most offending incorrect answer of a continuous target.
    :doi:`10.7551/mitpress/7443.003.0014`

    Examples
    --------
    The correct answer 0, followed by 100 negatives between −3 and 3 at distances of 0.5 or more:

    >>> import numpy as np
    >>> from sklearn_ebm.losses.negatives import Pool
    >>> answers = Pool(n_candidates=100, epsilon=0.5).after(
    ...     np.zeros((1, 1)), np.random.default_rng(0)
    ... )
    >>> (
    ...     answers.shape,
    ...     float(np.abs(answers[1:]).min().round(6)),
    ...     bool(np.abs(answers).max() <= 3),
    ... )
    ((101, 1), 0.5, True)
    """

    examples = ({}, {"n_candidates": 5, "epsilon": 0.1, "reach": 4.0})

    def __init__(self, n_candidates: int = 32, epsilon: float = 0.3, reach: float = 3.0) -> None:
        self.n_candidates = n_candidates
        self.epsilon = epsilon
        self.reach = reach

    def after(self, right: Array, rng: np.random.Generator) -> Array:
        """Draw negatives for correct answers (..., 1, q); return both, (..., m, q).

        Parameters
        ----------
        right : array of shape (..., 1, n_outputs)
            Correct answers, standardised to mean 0 and standard deviation 1.
        rng : numpy.random.Generator
            Source of random numbers.

        Returns
        -------
        array of shape (..., m, n_outputs)
            The correct answer, followed by m − 1 wrong answers.
        """
        xp = namespace_of(right)
        right = floating(xp, right)
        kind: Any = np.float32 if right.dtype == xp.float32 else np.float64
        shape = (*right.shape[:-2], self.n_candidates, right.shape[-1])
        # NumPy draws for every library, so that a seed always gives the same answers.
        drawn = rng.random(shape, dtype=kind)
        drawn *= 2 * self.reach
        drawn -= self.reach
        wrong = cast_like(xp, drawn, right)
        wrong -= right
        distance = xp.sum(xp.square(wrong), axis=-1, keepdims=True)
        distance = in_place(xp, "sqrt", distance)
        # A draw equal to y has no direction; it is moved along the first output.
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
        """Raise ValueError unless all parameters are positive."""
        positive_integer("n_candidates", self.n_candidates, of="Pool")
        positive_number("epsilon", self.epsilon, of="Pool")
        positive_number("reach", self.reach, of="Pool")
