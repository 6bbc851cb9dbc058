"""Conversion of the data of all folds to the numbers of a report, for JSON."""

import math
import statistics
from collections.abc import Sequence
from typing import Any

import numpy as np

from sklearn_ebm.compare.leaderboard import ComparisonTable, Row
from sklearn_ebm.compare.report.kept_classes import MULTIPLIERS
from sklearn_ebm.compare.report.kept_densities import LEVELS, shown_rows
from sklearn_ebm.compare.tables import Table

# Data of one contender for each fold; None if they could not be computed.
KeptFolds = list[dict[str, Any] | None]
# Number of bars of a histogram of energy gaps.
N_BARS = 40


def content(table: ComparisonTable, kept: Sequence[KeptFolds], data: Table) -> dict[str, Any]:
    """Return the numbers that the page shows.

    Scores are texts with the digits of the leaderboard, so that a browser does not round them.

    Parameters
    ----------
    table : ComparisonTable
    kept : sequence of list
        Data of each fold, for each row of the table, in the order of the run.
    data : Table

    Returns
    -------
    content : dict
        "task", "scores" (their headings), "contenders" by rank, and common data: for classes the
        factors of β, for a regression the answers of the rows with plots of densities.
    """
    common = {
        "task": "classification" if data.classes else "regression",
        "scores": {name: score.heading for name, score in table.scoreboard.scores.items()},
    }
    kept_of = dict(zip(map(id, table.rows), kept, strict=True))
    finished = [(row, _in_full(kept_of[id(row)])) for row in table.ranked() if row.folds]
    if data.classes:
        return common | {
            "n_classes": len(data.classes),
            "multipliers": list(MULTIPLIERS),
            "contenders": [_scored(row) | _of_classes(row, folds) for row, folds in finished],
        }
    shown = shown_rows(data.labels)
    return common | {
        "target": data.target_name,
        "levels": list(LEVELS),
        "answers": [significant(answer) for answer in data.labels[shown]],
        "contenders": [
            _scored(row) | _of_distributions(row, folds, shown.tolist()) for row, folds in finished
        ],
    }


def _in_full(folds: KeptFolds) -> list[dict[str, Any]]:
    """Return the data of all folds; an empty list if one is missing, as a part would mislead."""
    there = [fold for fold in folds if fold is not None]
    return there if len(there) == len(folds) else []


def _scored(row: Row) -> dict[str, Any]:
    scores = row.scoreboard.scores
    return {
        "name": row.model,
        "cells": {score: row.cell(score) for score in scores},
        "mean": {score: finite(row.mean(score)) for score in scores},
        "error": {score: finite(row.se(score)) for score in scores},
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


def _mean_texts(row: Row, score: str, folds: Sequence[Sequence[float]]) -> list[str]:
    """Return means over the folds of lists of scores, with the digits of the leaderboard."""
    digits = row.scoreboard.scores[score].digits
    return [f"{statistics.fmean(values):.{digits}f}" for values in zip(*folds, strict=True)]


def _of_classes(row: Row, folds: list[dict[str, Any]]) -> dict[str, Any]:
    if not folds:
        return {"energies": False, "over_beta": None, "beta": None, "gaps": None, "curves": []}
    first = folds[0]
    of_energies: dict[str, Any] = {"energies": False, "beta": None, "gaps": None, "margin": None}
    if first["energies"]:
        of_energies = {
            "energies": True,
            "beta": significant(statistics.fmean(fold["beta"] for fold in folds)),
            "gaps": histogram([fold["gaps"] for fold in folds], first["margin"]),
            "margin": first["margin"],
        }
    return of_energies | {
        "over_beta": {
            score: _mean_texts(row, score, [fold["scores"][score] for fold in folds])
            for score in first["scores"]
        },
        "bins": [_bins(sums) for sums in sum(fold["bins"] for fold in folds)],
        "curves": _curves(folds),
    }


def _bins(sums: np.ndarray) -> list[list[float]]:
    """Return index, rows, fraction classified correctly and mean probability of non-empty bins."""
    return [
        [j, int(n), round(hits / n, 4), round(confidence / n, 4)]
        for j, (n, hits, confidence) in enumerate(sums.tolist())
        if n
    ]


def histogram(folds: Sequence[np.ndarray], margin: float | None) -> dict[str, Any]:
    """Return a histogram of energy gaps with about 40 bars, one of which begins at 0.

    The gaps beyond its ends, which are quantiles, are in the outermost bars.

    Examples
    --------
    >>> found = histogram([np.array([-10.0, 10.0]), np.array([29.0, 30.0])], margin=None)
    >>> found["width"], found["first"], sum(found["counts"])
    (1.0, -10, 4)
    """
    gaps = np.concatenate(folds).astype(np.float64)
    low, high = np.quantile(gaps, [0.005, 0.98], method="nearest")
    low, high = min(low, 0.0), max(high, 1.15 * (margin or 0.0), 1e-9)
    width = (high - low) / N_BARS
    first, last = math.floor(low / width), math.ceil(high / width)
    places = np.clip(np.floor(gaps / width), first, last - 1).astype(int) - first
    counts = np.bincount(places, minlength=last - first)
    return {"width": significant(width), "first": first, "counts": counts.tolist()}


def _of_distributions(row: Row, folds: list[dict[str, Any]], shown: list[int]) -> dict[str, Any]:
    if not folds:
        return {"energies": False, "pit": None, "coverage": None, "shown": None, "curves": []}
    drawn = {index: marks for fold in folds for index, marks in fold["shown"].items()}
    return {
        "energies": folds[0]["energies"],
        "pit": sum(fold["pit"] for fold in folds).tolist(),
        "coverage": _mean_texts(row, "coverage_90", [fold["coverage"] for fold in folds]),
        "shown": [
            {name: [significant(value) for value in values] for name, values in drawn[j].items()}
            for j in shown
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
