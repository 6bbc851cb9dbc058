"""Conversion of the data of all folds to the numbers of a report, for JSON."""

import math
import statistics
from collections.abc import Sequence
from typing import Any

import numpy as np

from sklearn_ebm.compare.leaderboard import ComparisonTable, Row, decimal
from sklearn_ebm.compare.report.kept import LEVELS, MULTIPLIERS, shown_rows
from sklearn_ebm.compare.tables import Table

# Data of one contender for each fold; None if they could not be computed.
KeptFolds = list[dict[str, Any] | None]
N_BARS = 40  # of a histogram of energy gaps


def content(table: ComparisonTable, kept: Sequence[KeptFolds], data: Table) -> dict[str, Any]:
    """Return the numbers that the page shows.

    Scores are texts with the digits of the leaderboard, so that a browser does not round them. The
    data of the folds, `kept`, are in the order of the rows of the table. The result has "task",
    "scores" (their headings), "contenders" by rank, and common data: for classes the factors of β,
    for a regression the answers of the rows with plots of densities.
    """
    scores = table.scoreboard.scores
    kept_of = dict(zip(map(id, table.rows), kept, strict=True))
    shown = np.array([], dtype=int) if data.classes else shown_rows(data.labels)
    found: dict[str, Any] = {
        "task": "classification" if data.classes else "regression",
        "scores": {name: score.heading for name, score in scores.items()},
        "contenders": [
            {
                "name": row.model,
                "cells": {name: row.cell(name) for name in scores},
                "mean": {name: _finite(row.mean(name)) for name in scores},
                "error": {name: _finite(row.se(name)) for name in scores},
                **_kept_numbers(row, kept_of[id(row)], shown),
            }
            for row in table.ranked()
            if row.folds
        ],
    }
    if data.classes:
        return found | {"n_classes": len(data.classes), "multipliers": MULTIPLIERS}
    answers = [significant(answer) for answer in data.labels[shown]]
    return found | {"target": data.target_name, "levels": LEVELS, "answers": answers}


def _finite(value: float) -> float | None:
    """Return a number, or None for NaN and infinity, which JSON does not support."""
    return float(value) if math.isfinite(value) else None


def _kept_numbers(row: Row, kept: KeptFolds, shown: np.ndarray) -> dict[str, Any]:
    """Return the numbers of the charts of one model."""
    folds = [fold for fold in kept if fold is not None]
    if len(folds) < len(kept):  # a part of the folds would mislead
        missing = ("over_beta", "beta", "gaps", "pit", "coverage", "shown")
        return {"energies": False, "curves": [], **dict.fromkeys(missing)}
    curves = [
        [[at for at, _ in fold["curve"]], [significant(value, 5) for _, value in fold["curve"]]]
        for fold in folds
        if len(fold["curve"]) > 1
    ]
    numbers = _of_numbers(row, folds, shown) if len(shown) else _of_classes(row, folds)
    return {"energies": folds[0]["energies"], "curves": curves, **numbers}


def significant(value: float, digits: int = 4) -> float:
    """Return a number rounded to significant digits."""
    return float(f"{value:.{digits}g}")


def _mean_texts(row: Row, score: str, folds: Sequence[Sequence[float]]) -> list[str]:
    """Return means over the folds of lists of scores, with the digits of the leaderboard."""
    digits = row.scoreboard.scores[score].digits
    return [decimal(statistics.fmean(values), digits) for values in zip(*folds, strict=True)]


def _of_classes(row: Row, folds: list[dict[str, Any]]) -> dict[str, Any]:
    first, beta, gaps = folds[0], None, None
    if first["energies"]:
        beta = significant(statistics.fmean(fold["beta"] for fold in folds))
        gaps = histogram([fold["gaps"] for fold in folds], first["margin"])
    return {
        "beta": beta,
        "gaps": gaps,
        "margin": first["margin"],
        "over_beta": {
            score: _mean_texts(row, score, [fold["scores"][score] for fold in folds])
            for score in first["scores"]
        },
        # Index, rows, fraction classified correctly and mean probability of bins with rows.
        "bins": [
            [
                [j, int(n), round(hits / n, 4), round(confidence / n, 4)]
                for j, (n, hits, confidence) in enumerate(sums.tolist())
                if n
            ]
            for sums in sum(fold["bins"] for fold in folds)
        ],
    }


def histogram(folds: Sequence[np.ndarray], margin: float | None) -> dict[str, Any]:
    """Return a histogram of energy gaps with about 40 bars, one of which begins at 0.

    The gaps beyond its ends, which are quantiles, are in the outermost bars.
    """
    gaps = np.concatenate(folds).astype(np.float64)
    low, high = np.quantile(gaps, [0.005, 0.98], method="nearest")
    low, high = min(low, 0.0), max(high, 1.15 * (margin or 0.0), 1e-9)
    width = (high - low) / N_BARS
    first, last = math.floor(low / width), math.ceil(high / width)
    places = np.clip(np.floor(gaps / width), first, last - 1).astype(int) - first
    counts = np.bincount(places, minlength=last - first)
    return {"width": significant(width), "first": first, "counts": counts.tolist()}


def _of_numbers(row: Row, folds: list[dict[str, Any]], shown: np.ndarray) -> dict[str, Any]:
    drawn = {index: marks for fold in folds for index, marks in fold["shown"].items()}
    return {
        "pit": sum(fold["pit"] for fold in folds).tolist(),
        "coverage": _mean_texts(row, "coverage_90", [fold["coverage"] for fold in folds]),
        "shown": [
            {name: [significant(value) for value in values] for name, values in drawn[j].items()}
            for j in shown.tolist()
        ],
    }
