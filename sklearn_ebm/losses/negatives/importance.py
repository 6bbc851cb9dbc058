"""Negatives drawn from a proposal, for estimates of the partition function."""

from __future__ import annotations

import numpy as np

from sklearn_ebm._utils.validation import positive_integer
from sklearn_ebm.losses.negatives.base import Batch, Drawn, ModelNegatives

# Draws of a sample with "auto": for one or two outputs, and for more.
FEW, MANY = 16, 64


class Importance(ModelNegatives):
    """Draw negatives from a proposal q(y | x), for importance sampling.

    .. code-block:: none

        Z(x) ≈ (1/m) Σ_k exp(−F(x, y_k))/q(y_k | x),   y_k ~ q(y | x)

    The proposal is a Gaussian mixture of (x, y) that is fitted before learning and conditioned on
    x. All branches of the answers receive draws, so the weights of the branches are learned
    correctly. The estimate of log Z is too low by about var(w)/(2m), where w are the weights
    relative to their mean.

    Parameters
    ----------
    n_draws : int or "auto", default="auto"
        Number m of negatives for each sample. "auto" is 16, or 64 for more than two outputs. With
        few outputs, more steps are a better use of time than more draws.

    References
    ----------
    Gustafsson, Danelljan, Timofte, Schön, "How to Train Your Energy-Based Model for Regression",
    BMVC (2020). :arxiv:`2005.01698`

    Examples
    --------
    >>> from sklearn_ebm import LatentEBMRegressor
    >>> from sklearn_ebm.losses.negatives import Importance
    >>> reg = LatentEBMRegressor("joint", negatives=Importance(n_draws=8), max_iter=20)
    >>> reg.fit([[0.0], [1.0], [2.0], [3.0]], [0.0, 1.1, 1.9, 3.0]).n_iter_
    20
    """

    examples = ({}, {"n_draws": 5})

    def __init__(self, n_draws: int | str = "auto") -> None:
        self.n_draws = n_draws

    def draw(self, batch: Batch) -> Drawn:
        """Draw negatives from the proposal.

        Parameters
        ----------
        batch : Batch
            The samples.

        Returns
        -------
        Drawn
            The correct answers and the negatives, with the log-density of the proposal.
        """
        n_draws = self.n_draws
        if isinstance(n_draws, str):
            n_draws = FEW if batch.right.shape[1] <= 2 else MANY
        wrong = batch.proposal.draw(n_draws, batch.rng, stratified=not batch.independent)
        answers = np.concatenate([batch.right[:, None], wrong], axis=1)
        return Drawn(answers, batch.proposal._log_prob(answers))

    def validate(self) -> None:
        """Raise ValueError unless there is a negative or more."""
        if self.n_draws != "auto":
            positive_integer("n_draws", self.n_draws, of="Importance")
