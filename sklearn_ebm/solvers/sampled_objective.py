r"""The objective for very many classes, estimated from wrong classes that are drawn.

.. code-block:: none

    batch      the classes of its samples, and drawn classes: m of k
    params     entries of these classes --energy--> F (b, m) --loss/π--> value (b,)
               entries of these classes <-pullback- dF       <--slope--

A step takes a time that depends on m, not on k.
"""

from __future__ import annotations

from copy import copy
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sklearn_ebm._utils.arrays import correct_mask
from sklearn_ebm._utils.parameters import Array, Index, Params
from sklearn_ebm.energies import Energy
from sklearn_ebm.losses import Loss
from sklearn_ebm.losses._drawn_classes import estimated, loss_among
from sklearn_ebm.losses.negatives import Sampled
from sklearn_ebm.losses.negatives._inclusion import SystematicDraws, inclusion_in_batch
from sklearn_ebm.losses.negatives.class_base import ClassNegatives
from sklearn_ebm.solvers._class_layout import ClassLayout
from sklearn_ebm.solvers.objective import Objective

# Values of the objective are estimated with this number of drawn classes, the same ones each time,
# in blocks of this number of samples.
VALUE_NEGATIVES, VALUE_ROWS = 500, 256


class Answers(NamedTuple):
    """Classes whose energies are computed for a batch.

    Attributes
    ----------
    classes : ndarray of int of shape (m,)
        The classes, sorted.
    right : ndarray of int of shape (n_samples,)
        Position of the right answer of each sample among them.
    inclusion : ndarray of shape (m,)
        Probability that each class is one of them, for samples of another class.
    """

    classes: Index
    right: Index
    inclusion: npt.NDArray[np.float64]


class Draws:
    """Draws of wrong classes for batches of some samples.

    Parameters
    ----------
    negatives : ClassNegatives
        How classes are drawn.
    y : ndarray of int of shape (n_samples,)
        Index of the correct class of each sample.
    frequency : ndarray of shape (n_classes,)
        Sum of the weights of the training samples of each class.
    """

    def __init__(
        self, negatives: ClassNegatives, y: Index, frequency: npt.NDArray[np.float64]
    ) -> None:
        self.negatives, self.y = negatives, y
        self.drawn = negatives.inclusion(frequency)
        self.systematic = SystematicDraws(self.drawn, np.random.default_rng(0))
        self.count = np.bincount(y, minlength=len(frequency))
        self._inclusion: dict[int, npt.NDArray[np.float64]] = {}

    def inclusion(self, n_rows: int) -> npt.NDArray[np.float64]:
        """Probability that each class is an answer of a sample of another class, (k,).

        Parameters
        ----------
        n_rows : int
            Number of samples of the batch. Batches have at most two sizes.
        """
        if n_rows not in self._inclusion:
            in_batch = inclusion_in_batch(self.count, len(self.y), n_rows - 1)
            self._inclusion[n_rows] = 1 - (1 - self.drawn) * (1 - in_batch)
        return self._inclusion[n_rows]

    def answers(self, y: Index, rng: np.random.Generator) -> tuple[Answers, Index]:
        """Return the answers of a batch with the classes `y`, and the drawn ones besides `y`."""
        drawn, own = self.systematic.draw(rng), np.unique(y)
        classes = np.union1d(own, drawn)
        right = np.searchsorted(classes, y)
        return Answers(classes, right, self.inclusion(len(y))[classes]), np.setdiff1d(drawn, own)

    def reorder(self, rng: np.random.Generator) -> None:
        """Draw a new order of the classes, so that other classes are drawn together."""
        self.systematic = SystematicDraws(self.drawn, rng)


class ClassGradient(NamedTuple):
    """Gradient of a step, for the classes of a batch.

    Attributes
    ----------
    classes : ndarray of int of shape (m,)
        The classes.
    params : dict of str to ndarray
        Derivatives in the parameters of the energy of these classes.
    """

    classes: Index
    params: Params


class SampledObjective(Objective):
    """The objective for very many classes, estimated from wrong classes that are drawn.

    Parameters
    ----------
    energy : Energy
        The energy F, with the trait `class_axes`.
    loss : Loss
        The loss ℓ.
    X : ndarray or CSR of shape (n_samples, n_features)
        The input samples.
    y : ndarray of int of shape (n_samples,)
        Index of the correct answer.
    weight : ndarray of shape (n_samples,)
        Sample weights, all positive.
    n_answers : int
        Number k of answers.
    penalty : float
        λ ≥ 0 of the penalised parameters.
    negatives : ClassNegatives
        How classes are drawn.
    frequency : ndarray of shape (n_answers,)
        Sum of the weights of the training samples of each class; 0 if it is not learned.

    Examples
    --------
    Three classes with parameters 0: the mean loss is log 3. This value of the objective is exact,
    because there are few classes:

    >>> from sklearn_ebm.energies import Linear
    >>> from sklearn_ebm.losses import NLL
    >>> X, y, weight = np.ones((3, 1)), np.arange(3), np.ones(3)
    >>> objective = SampledObjective(
    ...     Linear(),
    ...     NLL(),
    ...     X,
    ...     y,
    ...     weight,
    ...     3,
    ...     0.0,
    ...     negatives=Sampled(1),
    ...     frequency=np.ones(3),
    ... )
    >>> round(objective.value(np.zeros(6)) / 3, 4)
    1.0986
    """

    def __init__(
        self,
        energy: Energy,
        loss: Loss,
        X: Any,
        y: Index,
        weight: npt.NDArray[np.float64],
        n_answers: int,
        penalty: Any,
        workers: Any = map,
        *,
        negatives: ClassNegatives,
        frequency: npt.NDArray[np.float64],
    ) -> None:
        super().__init__(energy, loss, X, y, weight, n_answers, penalty, workers)
        self.layout: ClassLayout = ClassLayout(self.layout.shapes, energy.traits.class_axes or {})
        self.penalized = self.layout.mask(energy.penalized)
        self.penalty = np.where(self.penalized, penalty, 0.0)
        self._strength = float(penalty)
        self.negatives, self.frequency = negatives, frequency

    def draws(self) -> Draws:
        """Draws of wrong classes for a search."""
        return Draws(self.negatives, self.y, self.frequency)

    def on_drawn(
        self, params: Params, rows: Any, energy: Energy, draws: Draws, rng: np.random.Generator
    ) -> tuple[float, ClassGradient | None]:
        """Estimate the mean of wᵢ ℓᵢ over some samples, without the penalty, and its gradient.

        Parameters
        ----------
        params : dict
            Parameters by name, in the dtype of the samples.
        rows : ndarray of int
            The samples.
        energy : Energy
            The energy for this step; see `Energy._for_step`.
        draws : Draws
            Draws of wrong classes.
        rng : numpy.random.Generator
            Source of random numbers for the draws.

        Returns
        -------
        value : float
            The value.
        gradient : ClassGradient or None
            The gradient; None if all answers are of one class, so that nothing can be compared.
        """
        X, weight = self.X[rows], self.weight[rows]
        answers, drawn = draws.answers(self.y[rows], rng)
        factor = 1 / len(rows)
        with np.errstate(over="ignore", invalid="ignore", under="ignore"):
            if self.negatives.looks_at_energies:
                answers = self._kept(params, X, answers, drawn, rng)
            if len(answers.classes) == 1:
                return 0.0, None
            local = self.layout.of_classes(params, answers.classes)
            line = energy._of_classes(answers.classes).linearize(local, X)
            row_value, slope = self._losses(line.energies, answers)
            slope = self.weighted(slope, weight)
            slope *= factor
            value = factor * float(weight @ row_value.astype(np.float64, copy=False))
            return value, ClassGradient(answers.classes, line.pullback(slope))

    def _losses(self, energies: Array, answers: Answers) -> tuple[Array, Array]:
        mask = correct_mask(answers.right, len(answers.classes))
        loss = loss_among(self.loss, answers.classes)
        return estimated(loss, energies, mask, answers.inclusion)

    def _kept(
        self, params: Params, X: Any, answers: Answers, drawn: Index, rng: np.random.Generator
    ) -> Answers:
        """Keep some of the drawn classes, which the negatives choose by the energies."""
        if not len(drawn):
            return answers
        local = self.layout.of_classes(params, drawn)
        energies = self.energy._of_classes(drawn).linearize(local, X).energies
        index, probability = self.negatives.kept(energies, rng)
        own = np.setdiff1d(answers.classes, drawn)
        probabilities = dict(zip(drawn[index].tolist(), probability.tolist(), strict=True))
        classes = np.union1d(own, drawn[index])
        given = np.array([probabilities.get(number, 1.0) for number in classes.tolist()])
        inclusion = answers.inclusion[np.searchsorted(answers.classes, classes)] * given
        right = np.searchsorted(classes, answers.classes[answers.right])
        return Answers(classes, right, inclusion)

    def unpenalized(self) -> SampledObjective:
        """Return the objective without the penalty."""
        other = copy(self)
        other.penalty, other._strength = np.zeros_like(self.penalty), 0.0
        return other

    def penalty_at(self, w: Array) -> float:
        """(λ/2) ‖W‖² of the penalised parameters."""
        parts = (w[self.layout.slices[name]] for name in self.energy.penalized)
        squares = (float(np.einsum("i,i", part, part, dtype=np.float64)) for part in parts)
        return 0.5 * self._strength * sum(squares)

    def value(self, w: Array) -> float:
        """Estimate of the objective, with the same drawn classes each time.

        It is exact if at most VALUE_NEGATIVES classes are learned.
        """
        params = self.layout.unpack(w.astype(self.dtype, copy=False))
        draws = Draws(Sampled(VALUE_NEGATIVES), self.y, self.frequency)
        rng = np.random.default_rng(0)
        order, total = rng.permutation(len(self.y)), 0.0
        bounds = np.linspace(0, len(order), -(-len(order) // VALUE_ROWS) + 1).astype(int)
        with np.errstate(over="ignore", invalid="ignore", under="ignore"):
            for first, stop in pairwise(bounds):
                rows = np.sort(order[first:stop])
                answers, _ = draws.answers(self.y[rows], rng)
                local = self.layout.of_classes(params, answers.classes)
                energy = self.energy._of_classes(answers.classes)
                row_value, _ = self._losses(energy.linearize(local, self.X[rows]).energies, answers)
                total += float(self.weight[rows] @ row_value.astype(np.float64, copy=False))
            return total + self.penalty_at(w)
