"""Comparison of energies and losses with scikit-learn's estimators."""

import os
import platform
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from numbers import Integral
from typing import Any

import joblib
import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.utils import check_random_state

from sklearn_ebm import __version__
from sklearn_ebm.compare.columns import DataError
from sklearn_ebm.compare.contenders import Contender
from sklearn_ebm.compare.folds import Fold, Outcome, measure
from sklearn_ebm.compare.leaderboard import ComparisonTable, Row, replace_file
from sklearn_ebm.compare.report import content, page, plan
from sklearn_ebm.compare.representations import Representations
from sklearn_ebm.compare.tables import make_table
from sklearn_ebm.compare.tasks import CLASSIFICATION, REGRESSION, Task


def compare(
    X: Any = None,
    y: Any = None,
    *,
    task: str = "auto",
    energies: Iterable[Any] | None = None,
    losses: Iterable[Any] | None = None,
    baselines: Iterable[str] | Mapping[str, Any] | None = None,
    representations: Representations = False,
    cv: int = 5,
    n_jobs: int | None = None,
    random_state: Any = 0,
    max_rows: int | None = None,
    drop: Sequence[str] = (),
    on_row: Callable[[Row], Any] | None = None,
    report: str | os.PathLike[str] | None = None,
) -> ComparisonTable:
    """Compare energies and losses with scikit-learn's estimators on the same folds.

    For a target of classes, `EBMClassifier` is compared with classifiers; for a numeric target,
    `LatentEBMRegressor` is compared with regressors that predict distributions.

    Parameters
    ----------
    X : data frame, array or sparse matrix of shape (n_samples, n_features), default=None
        The features, of pandas or polars if it is a data frame; with the name of a column as `y`,
        the features and the target. Numbers, text, booleans, categories and dates may be mixed,
        and values may be missing. The default is
        scikit-learn's breast cancer data, or its diabetes data for a regression.
    y : array-like of shape (n_samples,) or str
        The labels, of any type, or the name of the target column of `X`.
    task : {"auto", "classification", "regression"}
        Whether `y` contains classes or numbers. "auto" treats numbers with fractions, and integers
        with many distinct values for the number of rows, as a numeric target; a note in the table
        states the choice.
    energies : iterable of str, Energy or LatentEnergy, optional
        Energies of `EBMClassifier`, each with all compatible `losses`. The default is the linear
        energy and, unless losses are given, every other energy with ``"nll"``, its best loss.
        For a numeric target, energies of `LatentEBMRegressor`: experts, experts_min (with
        ``inference="min"``), linear (experts without a network), decoder, all by default; and
        memory, location_scale, joint and auto (the default of `LatentEBMRegressor`), which take
        longer.
    losses : iterable of str or Loss, optional
        Losses of `EBMClassifier`. The default is all losses compatible with an energy. For every
        loss except `nll`, ``beta="auto"`` is used. For a numeric target,
        losses of `LatentEBMRegressor`, by default `nll`, and `simple` for experts.
    baselines : iterable of str, or mapping of name to estimator, optional
        Names among LogisticRegression, LinearSVC, SGDClassifier, MLPClassifier and
        HistGradientBoostingClassifier, all by default; or your own classifiers, which need
        `predict_proba`. For a numeric target, names among Ridge, QuantileRegressor,
        GaussianProcessRegressor, HistGradientBoostingRegressor and NGBoost, by default those that
        are installed and not too slow for the number of rows; or your own regressors, which need
        `predict` and are combined with a Gaussian, or are a `LatentEBMRegressor` or a
        ``sklearn_ebm.compare.adapters.DistributionAdapter``.
    representations : bool or iterable of str or Representation, default=False
        Representations whose codes are features of the linear energy, besides the columns of the
        table: names such as sparse_coding, or objects; True means all names. The sizes and
        penalties of those given by name are determined by the training rows. Each is used with
        `nll`, or with those of the given `losses` that suit the linear energy.
    cv : int
        Number of shuffled folds, stratified for classes; the same for all estimators.
    n_jobs : int, optional
        Number of folds that run in parallel. Times are most accurate with one.
    random_state : int, RandomState instance or None, default=0
        Seed of the folds, of the selection of rows and of every estimator. None draws a seed, which
        is stored in `ComparisonTable.about`.
    max_rows : int, optional
        Approximate number of rows to draw for the comparison, stratified for classes.
    drop : sequence of str
        Names of columns to omit.
    on_row : callable, optional
        Function that is called with each finished `Row`.
    report : path, optional
        Path of an HTML report of the comparison, see `Comparison.report`.

    Returns
    -------
    table : ComparisonTable
        Mean and standard deviation over the folds of accuracy, log-loss, Brier score, expected
        calibration error, seconds to fit and microseconds to predict a row. For a numeric target,
        mean and standard error of the mean of negative log-likelihood (NLL), CRPS, coverage of
        intervals, root mean squared error and seconds to fit. The row of an estimator that failed
        contains its error.

    Raises
    ------
    DataError
        If the data are unsuitable, or a name is unknown; a subclass of ValueError.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_ebm.compare import compare
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
        task=task,
        energies=energies,
        losses=losses,
        baselines=baselines,
        representations=representations,
        cv=cv,
        n_jobs=n_jobs,
        random_state=random_state,
        max_rows=max_rows,
        drop=drop,
        for_report=report is not None,
    )
    for row in comparison.run():
        if on_row is not None:
            on_row(row)
    if report is not None:
        comparison.report(report)
    return comparison.table


class Comparison:
    """Comparison in steps: `run` yields the results of one model after another.

    All arguments are checked when the object is created.

    Parameters
    ----------
    X, y, task, energies, losses, baselines, representations
        As in `compare`.
    cv, n_jobs, random_state, max_rows, drop
        As in `compare`.
    source : str, default="data in memory"
        Origin of the data, for the title of tables.
    for_report : bool, default=False
        Whether to keep the predictions for held-out samples, which `report` needs.

    Attributes
    ----------
    data : Table
        The data: numeric columns, categorical columns and the target.
    task : Task
        Classification or regression, which determines the estimators and the scores.
    contenders : list of Contender
        The estimators, in the order of the run.
    table : ComparisonTable
        The results so far, one row for each estimator.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_ebm.compare import Comparison
    >>> X, y = load_iris(return_X_y=True)
    >>> comparison = Comparison(
    ...     X, y, losses=["nll"], baselines=["LogisticRegression"], cv=2
    ... )
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
        task: str = "auto",
        energies: Iterable[Any] | None = None,
        losses: Iterable[Any] | None = None,
        baselines: Iterable[str] | Mapping[str, Any] | None = None,
        representations: Representations = False,
        cv: int = 5,
        n_jobs: int | None = None,
        random_state: Any = 0,
        max_rows: int | None = None,
        drop: Sequence[str] = (),
        source: str = "data in memory",
        for_report: bool = False,
    ):
        if cv < 2:
            raise DataError(f"The number of folds, cv, is {cv}; it must be at least 2.")
        if X is None and task == "regression":
            X, y = load_diabetes(return_X_y=True)
            source = "diabetes (from scikit-learn)"
        elif X is None:
            data = load_breast_cancer()
            X, y = data.data, data.target_names[data.target]
            source = "breast cancer (from scikit-learn)"
        elif y is None:
            raise DataError("X came without y; give the labels, or the name of the target column.")
        data = make_table(X, y, task=task, drop=drop, source=source)
        self.task: Task = CLASSIFICATION if data.classes else REGRESSION
        pairs = self.task.pairs(energies, losses, representations)
        if baselines is not None:
            baselines = self.task.known_baselines(baselines)
            if not pairs and not baselines:
                raise DataError("There is nothing to compare: no losses and no baselines.")
        self.task.require_rows(data, cv, max_rows)
        seed = random_state
        if not isinstance(seed, Integral):
            seed = int(check_random_state(seed).randint(np.iinfo(np.int32).max))
        self.data = data if max_rows is None else data.sample(max_rows, at_least=cv, seed=seed)
        self.cv, self.n_jobs, self.random_state = cv, n_jobs, int(seed)
        self.contenders, notes = self.task.contenders(pairs, baselines, self.data, cv, seed)
        scoreboard = self.task.scoreboard
        self.table = ComparisonTable(about=_about(self, max_rows, notes), scoreboard=scoreboard)
        self._plan = plan(self.data, len(self.contenders), seed) if for_report else None
        self._kept: list[list[dict[str, Any] | None]] = []

    def run(self) -> Generator[Row, None, None]:
        """Run one estimator after another, and yield its row, which is also added to `table`."""
        splits = self.task.splits(self.data, self.cv, self.random_state)
        initialized: dict[Any, list[Fold]] = {}
        for contender in self.contenders:
            try:
                # Once for each fold and preprocessing, and not included in the measured time.
                if contender.prepare not in initialized:
                    initialized[contender.prepare] = [
                        self._fold(contender, train, test) for train, test in splits
                    ]
                outcomes = joblib.Parallel(n_jobs=self.n_jobs)(
                    joblib.delayed(measure)(contender.estimator, fold)
                    for fold in initialized[contender.prepare]
                )
                row = _row(contender, outcomes, self.task)
            except MemoryError as error:
                outcomes = [Outcome(None, f"{error or 'Out of memory.'}", ())]
                row = _row(contender, outcomes, self.task)
            self.table.rows.append(row)
            self._kept.append([outcome.kept for outcome in outcomes])
            yield row

    def _fold(self, contender: Contender, train: np.ndarray, test: np.ndarray) -> Fold:
        fold = contender.prepare(self.data, train, test)._replace(score=self.task.score)
        if self._plan is None:
            return fold
        return self._plan.of(fold, test, is_classes=bool(self.data.classes))

    def report(
        self, path: str | os.PathLike[str], *, command: str = "", dated: bool = True
    ) -> None:
        """Write a self-contained HTML report of the models run so far.

        It contains a sortable table, the settings of the comparison, and plots for held-out
        samples: in classification, reliability curves with a slider for β, energy gaps and learning
        curves; in regression, densities, coverage and scores.

        Parameters
        ----------
        path : path
            Path of the file.
        command : str
            Command line of the comparison, if there is one.
        dated : bool
            Whether to include the date of the comparison, or the date given by the environment
            variable ``SOURCE_DATE_EPOCH``.

        Raises
        ------
        RuntimeError
            If the `Comparison` was not created with ``for_report=True``.
        """
        if self._plan is None:
            raise RuntimeError(
                "This comparison has kept no predictions; make it with for_report=True."
            )
        tests = [test for _, test in self.task.splits(self.data, self.cv, self.random_state)]
        found = content(self.table, self._kept, self._plan, self.data, tests)
        text = page(self.table, found, command=command, dated=dated)
        replace_file(path, lambda file: file.write(text))


def _row(contender: Contender, outcomes: list[Outcome], task: Task) -> Row:
    counts = Counter(warning for outcome in outcomes for warning in outcome.warnings)
    errors = [outcome.error for outcome in outcomes if outcome.scores is None]
    scores = () if errors else tuple(each.scores for each in outcomes if each.scores)
    return Row(
        model=contender.model,
        settings=" ".join(repr(contender.estimator).split()),
        folds=scores,
        warnings=tuple(f"{text} ({n} of {len(outcomes)} folds)" for text, n in counts.items()),
        error=errors[0] if errors else "",
        scoreboard=task.scoreboard,
    )


def _about(comparison: Comparison, max_rows: int | None, notes: list[str]) -> dict[str, Any]:
    """Return the contenders, the data and the settings of a comparison, for JSON."""
    data, task = comparison.data, comparison.task
    columns = f"{len(data.number_names)} numeric and {len(data.category_names)} categorical columns"
    about_contenders = [f"{each.model}: {each.note}" for each in comparison.contenders if each.note]
    return {
        "title": f"{data.source}: {len(data.labels)} rows, {columns}, {task.target(data)}\n"
        f"mean ± {task.scoreboard.spread} over {comparison.cv} folds, {task.scoreboard.title}",
        "task": task.name,
        "data": {
            "source": data.source,
            "rows": len(data.labels),
            "numeric_columns": list(data.number_names),
            "categorical_columns": list(data.category_names),
            **task.about_target(data),
            "notes": [*data.notes, *notes, *about_contenders],
        },
        "settings": {
            "cv": comparison.cv,
            "random_state": comparison.random_state,
            "n_jobs": comparison.n_jobs,
            "max_rows": max_rows,
        },
        **task.how(),
        "versions": {
            "sklearn_ebm": __version__,
            "python": platform.python_version(),
            **{name: version(name) for name in ("scikit-learn", "numpy", "scipy", "joblib")},
        },
        "machine": {"system": platform.platform(), "cpus": os.cpu_count()},
        "started": _now().isoformat(timespec="seconds"),
    }


def _now() -> datetime:
    """Return the current time, or SOURCE_DATE_EPOCH for reproducible output."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if not epoch:
        return datetime.now(UTC)
    if not epoch.isdecimal():
        raise DataError(f'SOURCE_DATE_EPOCH is "{epoch}"; it must be whole seconds since 1970.')
    return datetime.fromtimestamp(int(epoch), UTC)
