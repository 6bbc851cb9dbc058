"""A drop-in comparison: energies and losses of EBMClassifier against scikit-learn's own."""

import os
import platform
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import joblib
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import StratifiedKFold

from sklearn_ebm import __version__
from sklearn_ebm.compare.columns import DataError
from sklearn_ebm.compare.contenders import (
    Contender,
    Setting,
    contenders,
    known_baselines,
    known_pairs,
)
from sklearn_ebm.compare.folds import ECE_BINS, MIN_FREQUENCY, Fold, Outcome, measure
from sklearn_ebm.compare.leaderboard import RANKED_BY, ComparisonTable, Row
from sklearn_ebm.compare.tables import Table, make_table

__all__ = ["Comparison", "ComparisonTable", "DataError", "Row", "compare"]

_HOW = {
    "ranked_by": RANKED_BY,
    "scores": {
        "accuracy": "share of rows predicted right",
        "log_loss": "mean of -log p(label), in nats",
        "brier": "mean over rows of the sum over all classes of (p - truth)^2, from 0 to 2",
        "ece": f"expected calibration error of the top class, {ECE_BINS} bins of equal width",
        "fit_seconds": "seconds of fit alone, on one thread, without preparing the data",
        "predict_microseconds": "time of predict per row, on one thread, all test rows at once",
    },
    "spread": "sd: sample standard deviation over the folds",
    "preparation": {
        "all": "numbers: median for a missing value, an indicator column, standardised; text and "
        f"booleans: one-hot, categories with fewer than {MIN_FREQUENCY} training rows together; "
        "dates: days, hour, month, day of the week; fitted on the training rows of each fold",
        "HistGradientBoostingClassifier": "numbers as they are, missing values included; the "
        "categories as its own categorical features",
    },
}


def compare(
    X: Any = None,
    y: Any = None,
    *,
    energies: Iterable[Any] | None = None,
    losses: Iterable[Any] | None = None,
    baselines: Iterable[str] | Mapping[str, Any] | None = None,
    cv: int = 5,
    n_jobs: int | None = None,
    seed: int = 0,
    max_rows: int | None = None,
    drop: Sequence[str] = (),
    on_row: Callable[[Row], Any] | None = None,
) -> ComparisonTable:
    """Compare energies and losses of `EBMClassifier` with scikit-learn's on the same folds.

    Parameters
    ----------
    X : data frame (pandas or polars), array or sparse matrix of shape (n, d), optional
        The features; with the name of a column as `y`, the features and the target. Numbers,
        text, booleans, categories and dates may be mixed, and values may be missing. Without it,
        scikit-learn's breast cancer data is taken.
    y : array-like of shape (n,) or str
        The labels, of any type, or the name of the target column of `X`.
    energies : iterable of str or Energy, optional
        Energies of `EBMClassifier`, each with all `losses` that suit it. By default the linear
        one, and, unless losses are named, every other energy with ``"nll"``, the loss that serves
        it best.
    losses : iterable of str or Loss, optional
        Losses of `EBMClassifier`. By default all that suit an energy. Every loss but `nll`
        has its inverse temperature chosen on held-out rows (``beta="auto"``).
    baselines : iterable of str, or mapping of name to classifier, optional
        Names among LogisticRegression, LinearSVC, SGDClassifier, MLPClassifier and
        HistGradientBoostingClassifier, all by default; or classifiers of your own, which need
        `predict_proba`.
    cv : int
        Number of folds, stratified and shuffled; the same for all.
    n_jobs : int, optional
        Number of folds that run at the same time. Times are most exact with one.
    seed : int
        Seed of the folds, of the drawn rows and of every classifier.
    max_rows : int, optional
        Draw about so many rows, class by class, and compare on these.
    drop : sequence of str
        Columns to leave out.
    on_row : callable, optional
        Called with each `Row` as it is finished.

    Returns
    -------
    table : ComparisonTable
        Mean and standard deviation over the folds of accuracy, log-loss, Brier score, expected
        calibration error, seconds to fit and microseconds to predict a row. A contender that
        fails has its error in its row.

    Raises
    ------
    DataError
        If the data cannot be compared on, or a name is unknown; a ValueError.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> table = compare(X, y, losses=["nll"], baselines=["LogisticRegression"], cv=2)
    >>> sorted(row.model for row in table.rows)
    ['EBM nll', 'LogisticRegression']
    >>> table.ranked()[0].mean("accuracy") > 0.9
    True
    """
    comparison = Comparison(
        X,
        y,
        energies=energies,
        losses=losses,
        baselines=baselines,
        cv=cv,
        n_jobs=n_jobs,
        seed=seed,
        max_rows=max_rows,
        drop=drop,
    )
    for row in comparison.run():
        if on_row is not None:
            on_row(row)
    return comparison.table


class Comparison:
    """`compare` in steps: check everything first, then run and watch the rows come.

    The parameters are those of `compare`, and `source`, which says where the data came from.

    Attributes
    ----------
    data : Table
        The typed data.
    contenders : list of Contender
        Who takes part, in the order of the run.
    table : ComparisonTable
        The rows finished so far.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> comparison = Comparison(X, y, losses=["nll"], baselines=["LogisticRegression"], cv=2)
    >>> for row in comparison.run():
    ...     print(row.model)
    EBM nll
    LogisticRegression
    """

    def __init__(
        self,
        X: Any = None,
        y: Any = None,
        *,
        energies: Iterable[Any] | None = None,
        losses: Iterable[Any] | None = None,
        baselines: Iterable[str] | Mapping[str, Any] | None = None,
        cv: int = 5,
        n_jobs: int | None = None,
        seed: int = 0,
        max_rows: int | None = None,
        drop: Sequence[str] = (),
        source: str = "data in memory",
    ):
        pairs, baselines = known_pairs(energies, losses), known_baselines(baselines)
        if not pairs and not baselines:
            raise DataError("There is nothing to compare: no losses and no baselines.")
        if cv < 2:
            raise DataError(f"The number of folds, cv, is {cv}; it must be at least 2.")
        if X is None:
            data = load_breast_cancer()
            X, y = data.data, data.target_names[data.target]
            source = "breast cancer (from scikit-learn)"
        elif y is None:
            raise DataError("X came without y; give the labels, or the name of the target column.")
        self.data = _enough(make_table(X, y, drop=drop, source=source), cv, max_rows, seed)
        self.cv, self.n_jobs, self.seed = cv, n_jobs, seed
        smallest = int(self.data.class_counts.min())
        n_numbers, n_columns = len(self.data.number_names), self.data.n_columns
        setting = Setting(
            seed=seed,
            # The rarest class of a training part still reaches every inner fold, if it can.
            inner_folds=max(2, min(5, smallest - -(-smallest // cv))),
            categorical=list(range(n_numbers, n_columns)),
            n_rows=int(self.data.class_counts.sum()),
        )
        self.contenders = contenders(pairs, baselines, setting)
        self.table = ComparisonTable(about=_about(self, max_rows))

    def run(self) -> Generator[Row, None, None]:
        """Run the contenders one after another; yield each one's row, already in `table`."""
        splitter = StratifiedKFold(self.cv, shuffle=True, random_state=self.seed)
        splits = list(splitter.split(self.data.labels, self.data.labels))
        prepared: dict[Any, list[Fold]] = {}
        for contender in self.contenders:
            try:
                # Once per fold and kind of preparation, and outside the timed part.
                if contender.prepare not in prepared:
                    folds = [contender.prepare(self.data, train, test) for train, test in splits]
                    prepared[contender.prepare] = folds
                outcomes = joblib.Parallel(n_jobs=self.n_jobs)(
                    joblib.delayed(measure)(contender.estimator, fold)
                    for fold in prepared[contender.prepare]
                )
                row = _row(contender, outcomes)
            except MemoryError as error:
                row = _row(contender, [Outcome(None, f"{error or 'Out of memory.'}", ())])
            self.table.rows.append(row)
            yield row


def _row(contender: Contender, outcomes: list[Outcome]) -> Row:
    counts = Counter(warning for outcome in outcomes for warning in outcome.warnings)
    errors = [outcome.error for outcome in outcomes if outcome.scores is None]
    scores = () if errors else tuple(each.scores for each in outcomes if each.scores)
    return Row(
        model=contender.model,
        settings=" ".join(repr(contender.estimator).split()),
        folds=scores,
        warnings=tuple(f"{text} ({n} of {len(outcomes)} folds)" for text, n in counts.items()),
        error=errors[0] if errors else "",
    )


def _enough(data: Table, cv: int, max_rows: int | None, seed: int) -> Table:
    """Return the data, or a sample of it, with every class in every fold."""
    counts = data.class_counts
    rare = [f'"{name}" ({n})' for name, n in zip(data.classes, counts, strict=True) if n < cv]
    if rare:
        shown = ", ".join(rare[:3]) + (f" and {len(rare) - 3} more" if len(rare) > 3 else "")
        fewer = f"use {counts.min()} folds or fewer (cv), or " if counts.min() > 1 else ""
        raise DataError(
            f"Classes with fewer rows than the {cv} folds: {shown}; {fewer}leave out or merge "
            "these classes in the data first."
        )
    if max_rows is None:
        return data
    if max_rows < cv * len(counts):
        raise DataError(
            f"max_rows is {max_rows}; {cv} folds with {len(counts)} classes need at least "
            f"{cv * len(counts)} rows."
        )
    return data.sample(max_rows, at_least=cv, seed=seed)


def _about(comparison: Comparison, max_rows: int | None) -> dict[str, Any]:
    """Return what was compared on what, and how, ready for JSON."""
    data = comparison.data
    n_rows, n_classes = len(data.labels), len(data.classes)
    columns = f"{len(data.number_names)} numeric and {len(data.category_names)} categorical columns"
    return {
        "title": f"{data.source}: {n_rows} rows, {columns}, {n_classes} classes\n"
        f"mean ± sd over {comparison.cv} folds, ranked by log-loss (lower is better)",
        "data": {
            "source": data.source,
            "rows": n_rows,
            "numeric_columns": list(data.number_names),
            "categorical_columns": list(data.category_names),
            "classes": dict(zip(data.classes, data.class_counts.tolist(), strict=True)),
            "notes": list(data.notes),
        },
        "settings": {
            "cv": comparison.cv,
            "seed": comparison.seed,
            "n_jobs": comparison.n_jobs,
            "max_rows": max_rows,
        },
        **_HOW,
        "versions": {
            "sklearn_ebm": __version__,
            "python": platform.python_version(),
            **{name: version(name) for name in ("scikit-learn", "numpy", "scipy", "joblib")},
        },
        "machine": {"system": platform.platform(), "cpus": os.cpu_count()},
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }
