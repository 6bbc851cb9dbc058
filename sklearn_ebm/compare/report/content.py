"""Conversion of the data of all folds to the numbers of a report, for JSON."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from sklearn_ebm.compare.leaderboard import ComparisonTable, Row
from sklearn_ebm.compare.report.kept_densities import LEVELS, MARKS
from sklearn_ebm.compare.report.rows import Plan
from sklearn_ebm.compare.tables import Table

# Data of one contender for each fold; None if they could not be computed.
KeptFolds = list[dict[str, Any] | None]


def content(
    table: ComparisonTable,
    kept: Sequence[KeptFolds],
    rows: Plan,
    data: Table,
    tests: Sequence[np.ndarray],
) -> dict[str, Any]:
    """Return the numbers that the page shows.

    Parameters
    ----------
    table : ComparisonTable
    kept : sequence of list
        Data of each fold, for each row of the table, in the order of the run.
    rows : Plan
        The selected rows.
    data : Table
    tests : sequence of ndarray of int
        The test rows of each fold.

    Returns
    -------
    content : dict
        "task", "rows", "contenders" by rank, and common data: for classes the labels and folds of
        the rows, for a regression the answers of the rows with plots of densities.
    """
    common = {
        "task": "classification" if data.classes else "regression",
        "rows": {"kept": len(rows.kept), "of": rows.n_rows},
        "scores": {name: list(score) for name, score in table.scoreboard.scores.items()},
    }
    order = sorted(range(len(table.rows)), key=lambda j: table.rows[j].rank())
    finished = [(table.rows[j], _in_full(kept[j])) for j in order if table.rows[j].folds]
    held = [test[np.isin(test, rows.kept)] for test in tests]
    if data.classes:
        return common | {
            "classes": list(data.classes),
            "labels": data.labels[np.concatenate(held)].tolist(),
            "folds": np.repeat(np.arange(len(held)), [len(each) for each in held]).tolist(),
            "contenders": [_scored(row) | _of_classes(folds) for row, folds in finished],
        }
    shown_in = np.concatenate([test[np.isin(test, rows.shown)] for test in tests])
    place = [int(np.flatnonzero(shown_in == row)[0]) for row in rows.shown]
    return common | {
        "target": data.target_name,
        "levels": list(LEVELS),
        "marks": list(MARKS),
        "answers": [significant(answer) for answer in data.labels[rows.shown]],
        "contenders": [_scored(row) | _of_distributions(folds, place) for row, folds in finished],
    }


def _in_full(folds: KeptFolds) -> list[dict[str, Any]]:
    """Return the data of all folds; an empty list if one is missing, as a part would mislead."""
    there = [fold for fold in folds if fold is not None]
    return there if len(there) == len(folds) else []


def _scored(row: Row) -> dict[str, Any]:
    means = {score: row.mean(score) for score in row.scoreboard.scores}
    spreads = {score: row.spread(score) for score in row.scoreboard.scores}
    return {
        "name": row.model,
        "mean": {score: finite(mean) for score, mean in means.items()},
        "spread": {score: finite(spread) for score, spread in spreads.items()},
    }


def finite(value: float) -> float | None:
    """Return a number, or None for NaN and infinity, which JSON does not support.

    Examples
    --------
    >>> finite(math.nan), finite(0.5)
    (None, 0.5)
    """
    return float(value) if math.isfinite(value) else None


def significant(value: float, digits: int = 4) -> float:
    """Return a number rounded to significant digits.

    Examples
    --------
    >>> significant(1234.56), significant(-0.00123456)
    (1235.0, -0.001235)
    """
    return float(f"{value:.{digits}g}")


def _of_classes(folds: list[dict[str, Any]]) -> dict[str, Any]:
    if not folds:
        return {"energies": False, "distances": None, "betas": None, "margin": None, "curves": []}
    betas = [fold["beta"] for fold in folds]
    return {
        "energies": folds[0]["energies"],
        "distances": packed(np.concatenate([fold["distances"] for fold in folds])),
        "betas": [significant(beta, 6) for beta in betas] if folds[0]["energies"] else None,
        "margin": folds[0]["margin"],
        "curves": _curves(folds),
    }


def packed(distances: np.ndarray) -> list[float]:
    """Return max log p − log p of each class as a flat list, row by row.

    With two classes, a single number is used: log p of the second class minus log p of the first.
    Rounding by 1e-4 changes probabilities by less than 1e-4.

    Examples
    --------
    >>> packed(np.array([[0.0, 1.5], [0.25, 0.0]]))
    [-1.5, 0.25]
    >>> packed(np.array([[0.0, 1.0, 2.00001]]))
    [0.0, 1.0, 2.0]
    """
    if distances.shape[1] == 2:
        distances = distances[:, 0] - distances[:, 1]
    return np.round(distances, 4).ravel().tolist()


def _of_distributions(folds: list[dict[str, Any]], place: list[int]) -> dict[str, Any]:
    if not folds:
        return {"energies": False, "pit": None, "coverage": None, "shown": None, "curves": []}
    shown = [row for fold in folds for row in fold["shown"]]
    held = np.concatenate([fold["held"] for fold in folds], axis=1)
    return {
        "energies": folds[0]["energies"],
        "pit": np.round(np.concatenate([fold["pit"] for fold in folds]), 4).tolist(),
        "coverage": np.round(held.mean(axis=1), 4).tolist(),
        "shown": [
            {name: [significant(value) for value in values] for name, values in shown[j].items()}
            for j in place
        ],
        "curves": _curves(folds),
    }


def _curves(folds: list[dict[str, Any]]) -> list[list[list[float]]]:
    """Return iterations and objectives of each fold, if there are learning curves."""
    return [
        [[at for at, _ in fold["curve"]], [significant(value, 5) for _, value in fold["curve"]]]
        for fold in folds
        if len(fold["curve"]) > 1
    ]
