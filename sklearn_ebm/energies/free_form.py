"""Base class of energies F(x, y) of any form, whose partition function is estimated."""

from __future__ import annotations

from abc import abstractmethod
from functools import partial
from typing import Any, Self

import numpy as np
from sklearn.base import clone

from sklearn_ebm._utils.parameters import Array, Params
from sklearn_ebm._utils.rows import Rows
from sklearn_ebm._utils.validation import positive_integer, positive_number
from sklearn_ebm.distributions.base import ConditionalDistribution
from sklearn_ebm.distributions.interpolated import interpolated
from sklearn_ebm.distributions.sampled import SampledDensity
from sklearn_ebm.energies._free_form.proposal import JointMixture, MixtureProposal, fitted_mixture
from sklearn_ebm.energies._free_form.surface import PairSurface
from sklearn_ebm.energies._gaussian.units import Units, units_of
from sklearn_ebm.energies.base import Linearization
from sklearn_ebm.energies.learned import LearnedEnergy, Schedule

# Components of the proposal. On four generated problems 8 to 32 give the same densities.
COMPONENTS = 16

# Learning rate, limits of the batch size and of the passes, and about the number of samples in all
# passes: 10,000 steps with 64 samples.
LEARNING_RATE, BATCHES, ROWS_PER_BATCH = 1e-2, (64, 256), 256
PASSES, ROWS_SEEN = (30, 400), 640_000

# Weight decay, which decreases with the square of the number of samples above FEW_ROWS. Both were
# chosen on generated problems of 120 to 4,000 samples.
DECAY, FEW_ROWS = 0.1, 1_000

# The density is looked for within this number of standard deviations s of the base first.
REACH = 4.0

# The density is looked for within this number of spacings of floats at least.
MOST_SPACINGS = 1e3


class FreeFormEnergy(LearnedEnergy):
    r"""Base class of energies F_W(x, y) of any form, for answers of 1 to about 20 numbers.

    .. code-block:: none

        F(x, y) = E_W(x, y) + ‖y‖²/(2s²) + (q/2) log(2πs²)

    A subclass writes E in one method, `linearize_pairs`, and its `shapes`. The Gaussian base of
    scale s keeps the partition function finite if E grows more slowly than ‖y‖², as networks do;
    with E = 0 the energy is normalised. There is no latent variable and one member.

    The partition function has no closed form. Learning and prediction estimate it by draws from a
    proposal: a Gaussian mixture of (x, y), conditioned on x.

    Attributes
    ----------
    base_scale : float
        Scale s of the base, in standard deviations of y; a subclass may make it a parameter.
    n_components : int
        Number of components of the proposal; a subclass may make it a parameter.
    """

    traits = LearnedEnergy.traits._replace(threads=True)
    n_members = 1
    base_scale: float = 2.0
    n_components: int = COMPONENTS
    _units: Units | None = None
    _mixture: JointMixture | None = None

    @abstractmethod
    def linearize_pairs(self, params: Params, X: Array, answers: Array) -> Linearization:
        """Energies E of pairs, without the base, and their derivatives.

        Parameters
        ----------
        params : dict of str to ndarray
            Parameters by name, see `shapes`.
        X : ndarray of shape (n_samples, n_features)
            Samples with standardised features.
        answers : ndarray of shape (n_samples, m, n_outputs)
            The m standardised answers of each sample.

        Returns
        -------
        Linearization
            Energies of shape (n_samples, m), with the pullback and ``answer_slopes``, a function
            without arguments that returns ∂E/∂y of shape (n_samples, m, n_outputs).
        """

    def start(self, rows: Rows, n_answers: int, rng: np.random.RandomState) -> Params:
        """Normal weights of variance 1/(number of rows of the array); vectors are zero.

        Parameters
        ----------
        rows : Rows
            Samples: features ``X``, targets ``y`` and sample weights ``weight``.
        n_answers : int
            Number of outputs.
        rng : RandomState
            Source of random numbers.

        Returns
        -------
        dict of str to ndarray
            Parameters by name.
        """
        return {
            name: rng.normal(size=shape) / np.sqrt(max(shape[0], 1))
            if len(shape) > 1
            else np.zeros(shape)
            for name, shape in self.shapes(rows.X.shape[1], n_answers).items()
        }

    def initialized(self, rows: Rows, n_answers: int, rng: np.random.RandomState) -> Self:
        """Return a copy with the units of the data and the proposal.

        Parameters
        ----------
        rows : Rows
            Samples: features ``X``, targets ``y`` and sample weights ``weight``.
        n_answers : int
            Number of outputs.
        rng : RandomState
            Source of random numbers.

        Returns
        -------
        FreeFormEnergy
            The initialised energy.

        Raises
        ------
        ValueError
            If a parameter is invalid.
        """
        name = type(self).__name__
        scale = positive_number("base_scale", self.base_scale, of=name)
        n_components = positive_integer("n_components", self.n_components, of=name)
        result: Self = clone(self)
        units = result._units = units_of(rows.X, rows.y, rows.weight)
        standardized = Rows(units.rows(rows.X), units.answers(rows.y), rows.weight)
        result._mixture = fitted_mixture(standardized, n_components, scale, rng)
        return result

    @property
    def _smallest_scale(self) -> Array:
        """The standard deviation of the rounding of each output, in its unit, (q,)."""
        units: Units = self._settled("_units")
        return units.resolution

    def _width(self, n_answers: int) -> int:
        """Return the number of temporary values for each answer."""
        return 256

    def _full(self, params: Params, X: Array, answers: Array) -> Linearization:
        """Energies F of pairs (n, m), including the base, and their derivatives."""
        line = self.linearize_pairs(params, X, answers)
        if not isinstance(line, Linearization) or line.energies.shape != answers.shape[:2]:
            raise ValueError(
                f"linearize_pairs of {type(self).__name__} must return a Linearization with "
                f"energies of shape (n_samples, m) = {answers.shape[:2]}."
            )
        precision = 1 / self.base_scale**2
        q = answers.shape[-1]
        level = 0.5 * q * np.log(2 * np.pi / precision)
        if q == 1:
            base = answers[..., 0] * answers[..., 0]
        else:
            base = np.einsum("nmi,nmi->nm", answers, answers)
        base *= 0.5 * precision
        base += answers.dtype.type(level)
        base += line.energies

        def answer_slopes() -> Array:
            if line.answer_slopes is None:
                raise ValueError(
                    f"linearize_pairs of {type(self).__name__} must return a Linearization with "
                    "answer_slopes, the derivatives in the answers, which predictions need."
                )
            slopes: Array = line.answer_slopes()
            return slopes + answers.dtype.type(precision) * answers

        return line._replace(energies=base, answer_slopes=answer_slopes)

    def _linearize(self, params: Params, X: Array, answers: Array) -> Linearization:
        """Energies (1, n, m, 1) of samples (1, n, d) and answers (1, n, m, q)."""
        line = self._full(params, X[0], answers[0])
        into = line.pullback_into
        return Linearization(
            line.energies[None, :, :, None],
            lambda slope: line.pullback(slope[0, :, :, 0]),
            pullback_into=None if into is None else lambda slope, out: into(slope[0, :, :, 0], out),
        )

    def _latent_energies(self, params: Params, X: Any, answers: Array) -> Array:
        """Energies (n, m, 1) of samples (n, d) and standardised answers (n, m, q)."""
        surface = self._standard_surface(params, self._standardize_rows(X), answers.shape[-1])
        return surface.energies(answers)[..., None]

    def _standard_surface(self, params: Params, X: Array, n_answers: int) -> PairSurface:
        """Energies F of standardised samples as functions of standardised answers."""
        origin, unit = np.zeros(n_answers, dtype=X.dtype), np.ones(n_answers, dtype=X.dtype)
        return PairSurface(
            partial(self._full, params), X, origin, unit, 1.0, self._width(n_answers)
        )

    def _surface(self, params: Params, X: Any, beta: float = 1.0) -> PairSurface:
        """Energies βF of samples (n, d) as functions of answers in their own units."""
        units: Units = self._settled("_units")
        return PairSurface(
            partial(self._full, params), self._standardize_rows(X), units.answer_origin,
            units.answer_unit, beta, self._width(len(units.answer_unit)),
        )  # fmt: skip

    def _proposal(self, X: Any) -> MixtureProposal:
        """The proposal of answers in their own units, for samples (n, d)."""
        units: Units = self._settled("_units")
        given = self._standard_proposal(self._standardize_rows(X))
        return given.scaled(units.answer_origin, units.answer_unit)

    def _standard_proposal(self, X: Array) -> MixtureProposal:
        """The proposal of standardised answers, for standardised samples."""
        mixture: JointMixture = self._settled("_mixture")
        return mixture.given(X)

    def distribution(
        self, params: Params, X: Any, beta: float, *, minimum: bool = False
    ) -> ConditionalDistribution:
        """The Gibbs distribution of the target, exp(−βF(x, y))/Z(x), in the units of y.

        Z is computed by quadrature for one output, and by importance sampling for several.

        Parameters
        ----------
        params : dict of str to ndarray
            Parameters by name.
        X : ndarray of shape (n_samples, n_features)
            The input samples.
        beta : float
            Inverse temperature β > 0, in 1/(unit of the energies).
        minimum : bool, default=False
            Without effect, because there is no latent variable.

        Returns
        -------
        ConditionalDistribution
            One distribution for each sample.
        """
        surface = self._surface(params, X, beta)
        if surface.n_outputs > 1:
            return SampledDensity(surface, self._proposal(X))
        reach = REACH * self.base_scale * surface.unit[0] * max(beta, 1.0) ** -0.5
        # If a few samples have nearly all of the weight, the unit is below the spacing of floats.
        reach = max(reach, MOST_SPACINGS * np.spacing(abs(surface.origin[0])))
        low = np.full(surface.n_rows, surface.origin[0] - reach)
        return interpolated(surface, low, low + 2 * reach)

    def schedule(self, n_rows: int) -> Schedule:
        """About 10,000 steps, with larger batches for many samples; see ``LearnedEnergy``.

        Parameters
        ----------
        n_rows : int
            Number of samples.

        Returns
        -------
        Schedule
            Learning rate, batch size and number of passes.
        """
        batch = int(np.clip(n_rows // ROWS_PER_BATCH, *BATCHES))
        passes = int(np.clip(ROWS_SEEN // max(n_rows, 1), *PASSES))
        decay = DECAY * min((FEW_ROWS / max(n_rows, 1)) ** 2, 1.0)
        return Schedule(LEARNING_RATE, batch, passes, decay)
