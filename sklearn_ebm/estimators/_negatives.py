"""Negatives of a classifier: their choice by name, and settings that they exclude."""

from __future__ import annotations

from typing import Any

from sklearn_ebm._utils.validation import positive_integer
from sklearn_ebm.learning.compatibility import refuse_negatives
from sklearn_ebm.losses.negatives import CLASS_NEGATIVES
from sklearn_ebm.losses.negatives.base import Negatives
from sklearn_ebm.losses.negatives.class_base import ClassNegatives


def resolve_negatives(negatives: Any, n_negatives: Any, parts: Any) -> ClassNegatives | None:
    """Return how wrong classes are drawn, or None; raise ValueError if the parts exclude it.

    Parameters
    ----------
    negatives : None, str or ClassNegatives
        The parameter of the classifier.
    n_negatives : int or None
        Number of negatives of a part given by name.
    parts : Parts
        Energy, loss and solver.

    Returns
    -------
    ClassNegatives or None
        The part.
    """
    if negatives is None:
        if n_negatives is not None:
            raise ValueError(
                f"n_negatives={n_negatives!r} has no effect with negatives=None, which compares "
                "with all classes; set negatives='sampled', or leave n_negatives=None."
            )
        return None
    if isinstance(negatives, Negatives):
        raise ValueError(
            f"negatives={negatives!r} draws numbers, but the answers of a classifier are classes; "
            f"use one of the names {', '.join(CLASS_NEGATIVES.names)}."
        )
    chosen = CLASS_NEGATIVES.resolve(negatives, **_settings(negatives, n_negatives))
    chosen.validate()
    refuse_negatives(parts.energy, parts.loss, parts.solver)
    return chosen


def _settings(negatives: Any, n_negatives: Any) -> dict[str, Any]:
    """Parameters of the classifier that belong to negatives given by name."""
    if n_negatives is None:
        return {}
    if not isinstance(negatives, str):
        raise ValueError(
            f"n_negatives={n_negatives!r} and the object negatives={negatives!r} both set the "
            "number; leave n_negatives=None and set it in the object (negatives__n_negatives)."
        )
    if negatives in CLASS_NEGATIVES and not CLASS_NEGATIVES.accepts(negatives, "n_negatives"):
        raise ValueError(
            f"negatives={negatives!r} has no n_negatives, because it compares with the classes of "
            "the mini-batch; leave n_negatives=None and set the batch size, "
            "solver=Adam(batch_size=...), or use negatives='sampled'."
        )
    return {"n_negatives": positive_integer("n_negatives", n_negatives)}


def refuse_stream(negatives: ClassNegatives | None) -> None:
    """Raise ValueError if negatives cannot be drawn in a stream."""
    if negatives is not None and not negatives.covers_all:
        raise ValueError(
            "partial_fit has access to some samples only, and negatives='in_batch' would never "
            "compare with classes that occur in other calls; use negatives='sampled'."
        )
