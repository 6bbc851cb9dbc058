"""Base class of losses of sampled answers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from sklearn.base import BaseEstimator

from sklearn_ebm._utils.html_repr import Documented
from sklearn_ebm._utils.parameters import Array
from sklearn_ebm.losses.base import Traits
from sklearn_ebm.losses.negatives.base import Drawn, ModelNegatives


class SampledLoss(Documented, BaseEstimator, ABC):
    """Base class of losses that compare the correct answer with sampled answers.

    They are for continuous answers and energies whose partition function has no closed form. A
    `Loss` compares all answers that are passed to it; a sampled loss estimates an integral over
    all answers, and uses the density from which they were drawn.

    Attributes
    ----------
    traits : Traits
        Properties of the loss that learning uses without evaluating it.
    needs_log_density : bool
        Whether the log-density of the draws is needed, so that Markov chains cannot provide them.
    needs_independent_draws : bool
        Whether the draws must be independent of each other, not stratified or on a grid.
    examples : tuple of dict
        Parameter settings that the checks use; in at least one, no parameter has its default.
    """

    traits: Traits = Traits(needs_partition_function=True)
    needs_log_density: ClassVar[bool] = True
    needs_independent_draws: ClassVar[bool] = False
    examples: ClassVar[tuple[dict[str, Any], ...]] = ({},)

    @abstractmethod
    def __call__(self, energies: Array, drawn: Drawn) -> tuple[Array, Array]:
        """Compute the value and the slope of the loss for each sample.

        Parameters
        ----------
        energies : ndarray of shape (n_samples, 1 + m)
            Energies of the correct answer and of m sampled answers.
        drawn : Drawn
            The answers, and the log-density of the draws.

        Returns
        -------
        value : ndarray of shape (n_samples,)
            ℓ, in units of the loss.
        slope : ndarray of shape (n_samples, 1 + m)
            dℓ/dF, in the dtype of the energies.
        """

    def own_negatives(self) -> ModelNegatives | None:
        """Return the negatives that belong to the loss; None if any can be used."""
        return None

    def validate(self) -> None:
        """Raise ValueError if a parameter is invalid."""
