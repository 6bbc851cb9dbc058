"""Warnings of a regressor: what cannot be learned, and how learning ended."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sklearn_ebm._utils.rows import Rows
from sklearn_ebm.energies import FreeFormEnergy
from sklearn_ebm.estimators._callbacks import FRAMES
from sklearn_ebm.exceptions import FewAnswersWarning, SamplingWarning
from sklearn_ebm.learning.densities.gradient_fit import LearnedDensity, Parts
from sklearn_ebm.losses.negatives.base import ModelNegatives
from sklearn_ebm.losses.sampled.base import SampledLoss

# Answers with fewer values than this, and than a fifth of the rows, are few.
FEW_VALUES, FEW_SHARE = 30, 0.2

# A value is an atom where it holds such a part of the rows, and so many of them: at a floor of e⁻⁷
# standard deviations a tenth gains half a nat of the mean likelihood, more than good fits differ
# by.
ATOM_SHARE, ATOM_ROWS = 0.1, 5


def warn_of_branches(estimator: Any, parts: Parts) -> None:
    """Warn if the weights of separated branches of answers cannot be learned."""
    wrong = parts.negatives
    if not isinstance(wrong, ModelNegatives) or wrong.crosses_branches:
        return
    own = isinstance(parts.loss, SampledLoss) and parts.loss.own_negatives() is not None
    source = f"loss={estimator.loss!r}" if own else f"negatives={estimator.negatives!r}"
    warnings.warn(
        f"With {source} the weights of branches of answers that are separated by a region "
        "without samples are not identified; if a sample has several answers, use loss='nll' "
        "with negatives='importance'.",
        SamplingWarning,
        stacklevel=4 + FRAMES,
    )


def warn_of_result(learned: LearnedDensity, rows: Rows, parts: Parts) -> None:
    """Warn of answers without a bounded likelihood, of divergence, and of an early end."""
    told = _unbounded(rows) if parts.likelihood else None
    if told is not None:
        limit = "it was kept finite by a lower limit of the scales"
        if isinstance(parts.energy, FreeFormEnergy):
            limit = "only the smoothness of the energy keeps it finite"
        warnings.warn(
            f"{told}, so the likelihood of a density is unbounded; {limit}. Compare by CRPS or "
            "squared error, or use EBMClassifier.",
            FewAnswersWarning,
            stacklevel=4 + FRAMES,
        )
    if learned.n_restarts and isinstance(parts.energy, FreeFormEnergy):
        times = "once" if learned.n_restarts == 1 else f"{learned.n_restarts} times"
        warnings.warn(
            f"Learning diverged {times}, and was resumed from earlier parameters, each time "
            "with half the learning rate; lower the learning_rate of the solver.",
            ConvergenceWarning,
            stacklevel=4 + FRAMES,
        )
    if not learned.converged:
        way_out = "Raise max_iter or lower the learning_rate of the solver"
        if learned.interrupted:
            way_out = "The estimator holds what was learned so far; warm_start=True goes on"
        warnings.warn(
            f"Learning stopped after {learned.n_iter} passes: {learned.message}. {way_out}.",
            ConvergenceWarning,
            stacklevel=4 + FRAMES,
        )


def _unbounded(rows: Rows) -> str | None:
    """Describe repeated values of y that make the likelihood unbounded; None if there are none."""
    n_rows = len(rows.y)
    for column in rows.y.T:
        values, place, count = np.unique(column, return_inverse=True, return_counts=True)
        if len(values) < min(FEW_VALUES, max(FEW_SHARE * n_rows, 2)):
            return f"y takes {len(values)} different values in {n_rows} rows"
        share = np.bincount(place, rows.weight / rows.weight.sum())
        if (atoms := (share >= ATOM_SHARE) & (count >= ATOM_ROWS)).any():
            atom = int(np.argmax(np.where(atoms, share, 0)))
            return f"y is {values[atom]:g} in {share[atom]:.0%} of the rows"
    return None
