"""Comparison of energies and losses with other estimators."""

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
from scipy.sparse import issparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.utils import check_random_state

from sklearn_ebm import __version__
from sklearn_ebm.compare.columns import DataError, closest
from sklearn_ebm.compare.contenders import Contender, Representations, refuse_equal_names
from sklearn_ebm.compare.export import code
from sklearn_ebm.compare.folds import Fold, Outcome, measure
from sklearn_ebm.compare.leaderboard import ComparisonTable, Row, replace_file
from sklearn_ebm.compare.preparation import linear, linear_dense
from sklearn_ebm.compare.report import content, keeper, page
from sklearn_ebm.compare.scoreboard import Scoreboard
from sklearn_ebm.compare.tables import Table, make_table, without_rare_classes
from sklearn_ebm.compare.tasks import CLASSIFICATION, REGRESSION, Task, named

# How the features are prepared, for files and reports.
PREPARATION = {
    "all": "numbers: median for a missing value, an indicator column, standardised; categories: "
    "one-hot, rare ones together; text: components of its n-grams; dates: their parts; fitted on "
    "the training rows of each fold",
    "HistGradientBoosting": "numbers as they are, missing values included; categories as its own "
    "categorical features",
}


def compare(
    X: Any,
    y: Any,
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
    """Compare energies and losses with other estimators on the same folds.

    For a target of classes, `EBMClassifier` is compared with classifiers; for a numeric target,
    `LatentEBMRegressor` is compared with regressors that predict distributions.

    Parameters
    ----------
    X : data frame, array or sparse matrix of shape (n_samples, n_features)
        The features, of pandas or polars if it is a data frame; with the name of a column as `y`,
        the features and the target. Numbers, text, booleans, categories and dates may be mixed,
        and values may be missing.
    y : array-like of shape (n_samples,) or str
        The labels, of any type, or the name of the target column of `X`.
    task : {"auto", "classification", "regression"}
        Whether `y` contains classes or numbers. "auto" treats numbers with fractions, and integers
        with many distinct values for the number of rows, as a numeric target; a note in the table
        states the choice.
    energies : iterable of str, Energy or LatentEnergy, optional
        Energies of `EBMClassifier`, each with all compatible `losses`. The default is the linear
        energy and, unless losses are given, every other energy with ``"nll"``, its best loss.
        For a numeric target, energies of `LatentEBMRegressor`: auto (its default, with a time
        limit of 120 seconds for each fit), experts, linear (experts without a network) and decoder,
        all by default; and experts_min (with ``inference="min"``), memory, location_scale and
        joint.
    losses : iterable of str or Loss, optional
        Losses of `EBMClassifier`. The default is all losses compatible with an energy. For every
        loss except `nll`, ``beta="auto"`` is used. For a numeric target,
        losses of `LatentEBMRegressor`, by default `nll`.
    baselines : iterable of str, or mapping of name to estimator, optional
        Names among majority (the class frequencies), LogisticRegression, LinearSVC, SGDClassifier,
        MLPClassifier, RandomForestClassifier, HistGradientBoostingClassifier, LightGBM and
        CatBoost, by default those that are installed; or your own classifiers, which need
        `predict_proba`. For a numeric target, names among marginal (a density that ignores the
        features), Ridge, QuantileRegressor, GaussianProcessRegressor,
        HistGradientBoostingRegressor, LightGBM, CatBoost, QuantileForest and NGBoost, by default
        those that are installed and not too slow for the number of rows; or your own regressors,
        which need `predict` and are combined with a Gaussian, or are a `LatentEBMRegressor` or a
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
        Mean and standard error over the folds of the scores, ranked by log-loss or, for a numeric
        target, by negative log-likelihood (NLL), or CRPS if some models have no density. The row
        of an estimator that failed contains its error. `ComparisonTable.best_pipeline` is the
        best model as a pipeline that takes raw tables.

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
    ['LogisticRegression', 'nll']
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
    """Comparison in steps: `run` yields the results of one model after another, cheap ones first.

    All arguments are checked when the object is created.

    Parameters
    ----------
    X, y, task, energies, losses, baselines, representations
        As in `compare`; X may also be a `Table`, without y, and the task a `Task`.
    cv, n_jobs, random_state, max_rows, drop
        As in `compare`.
    source : str, default="data in memory"
        Origin of the data, for the title of tables.
    for_report : bool, default=False
        Whether to compute the data of a report.

    Attributes
    ----------
    data, all_data : Table
        The rows that are compared on, and all rows: raw columns, and the target.
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
    LogisticRegression
    nll
    """

    def __init__(
        self,
        X: Any,
        y: Any = None,
        *,
        task: str | Task = "auto",
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
        if not isinstance(cv, int | np.integer):
            raise DataError("cv is the number of folds; own splitters are not supported here.")
        if cv < 2:
            raise DataError(f"The number of folds, cv, is {cv}; it must be at least 2.")
        data = _data_of(X, y, task, _listed(drop), source, cv)
        known = CLASSIFICATION if data.classes else REGRESSION
        self.task = task if isinstance(task, Task) else known
        pairs, baselines = named(
            self.task, _listed(energies), _listed(losses), _listed(baselines), representations
        )
        self.task.require_rows(data, cv, max_rows)
        seed = random_state
        if not isinstance(seed, Integral):
            seed = int(check_random_state(seed).randint(np.iinfo(np.int32).max))
        self.all_data = data
        self.data = data if max_rows is None else data.sample(max_rows, at_least=cv, seed=seed)
        self.cv, self.n_jobs, self.random_state = cv, n_jobs, int(seed)
        contenders, notes = self.task.contenders(pairs, baselines, self.data, cv, seed)
        self.contenders = sorted(contenders, key=lambda contender: contender.cost)
        refuse_equal_names(contenders)
        linear(self.data.X)  # what the preparation needs is missed before the run
        about = _about(self, max_rows, notes)
        self.table = ComparisonTable([], about, self.task.scoreboard(self.data), self.pipeline)
        self._for_report = for_report
        self._kept: list[list[dict[str, Any] | None]] = []
        self._pipelines: dict[str, Pipeline] = {}

    def run(self) -> Generator[Row, None, None]:
        """Run one estimator after another, and yield its row, which is also added to `table`."""
        splits = self.task.splits(self.data, self.cv, self.random_state)
        prepared: dict[Any, list[Fold]] = {}
        for contender in self.contenders:
            prepare = self._prepare(contender)
            try:
                # Once for each fold and preparation, and not included in the measured time.
                if prepare not in prepared:
                    prepared[prepare] = [self._fold(prepare, *split) for split in splits]
                outcomes = joblib.Parallel(n_jobs=self.n_jobs)(
                    joblib.delayed(measure)(contender.estimator, fold) for fold in prepared[prepare]
                )
            except Exception as error:  # of the preparation, or of a process that was killed
                message = str(error) or "Out of memory."
                is_clear = isinstance(error, DataError | MemoryError)
                text = message if is_clear else f"{type(error).__name__}: {message}"
                outcomes = [Outcome(None, " ".join(text.split()), ())]
            row = _row(contender, outcomes, self.table.scoreboard)
            self.table.rows.append(row)
            self._kept.append([outcome.kept for outcome in outcomes])
            yield row

    def _prepare(self, contender: Contender) -> Callable[[Any], Pipeline]:
        """Return the preparation of a contender, one for all where the data are not sparse."""
        is_linear = contender.prepare is linear_dense and not issparse(self.data.X)
        return linear if is_linear else contender.prepare

    def _fold(
        self, prepare: Callable[[Any], Pipeline], train: np.ndarray, test: np.ndarray
    ) -> Fold:
        data = self.data
        preparation = prepare(data.X)
        with config_context(transform_output="default"):  # whatever the user has set
            X_train = preparation.fit_transform(data.rows(train).X)
            X_test = preparation.transform(data.rows(test).X)
        learned = data.labels if data.learned is None else data.learned
        keep = keeper(data, test) if self._for_report else None
        return Fold(X_train, X_test, learned[train], data.labels[test], self.task.score, keep)

    def pipeline(self, model: str) -> Pipeline:
        """Return a model's pipeline, fitted to all rows, also those that `max_rows` left out.

        Parameters
        ----------
        model : str
            Name of a contender.
        """
        if model not in self._pipelines:
            with config_context(transform_output="default"):
                pipeline = self.unfitted(model).fit(self.all_data.X, self.all_data.y)
            self._pipelines[model] = pipeline
        return self._pipelines[model]

    def unfitted(self, model: str) -> Pipeline:
        """Return a model's pipeline, from raw columns to answers.

        Parameters
        ----------
        model : str
            Name of a contender.
        """
        contender = self._contender(model)
        estimator = clone(contender.estimator)
        steps = estimator if isinstance(estimator, Pipeline) else make_pipeline(estimator)
        return make_pipeline(
            self._prepare(contender)(self.all_data.X), *(step for _, step in steps.steps)
        )

    def code(self, model: str, reading: str) -> str:
        """Return the lines of Python that build and fit a model's pipeline.

        Parameters
        ----------
        model : str
            Name of a contender.
        reading : str
            The expression that gives the `Table`, such as ``"make_table(frame, 'income')"``.
        """
        return code(self.unfitted(model), self._prepare(self._contender(model)).__name__, reading)

    def _contender(self, model: str) -> Contender:
        names = [contender.model for contender in self.contenders]
        if model not in names:
            hint = closest(model, names) or f"the models are {', '.join(names)}."
            raise DataError(f'There is no model "{model}"; {hint}')
        return self.contenders[names.index(model)]

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
        if not self._for_report:
            raise RuntimeError(
                "This comparison has no data for a report; make it with for_report=True."
            )
        found = content(self.table, self._kept, self.data)
        text = page(self.table, found, command=command, dated=dated)
        replace_file(path, lambda file: file.write(text))


def _data_of(X: Any, y: Any, task: str | Task, drop: Sequence[str], source: str, cv: int) -> Table:
    """Return the table of a comparison, whose classes have a row in every fold."""
    if isinstance(X, Table):
        if y is not None or drop or task in ("classification", "regression"):
            raise DataError("A Table has its target and columns; give task, y and drop to it.")
        return without_rare_classes(X, cv) if X.classes else X
    if y is None:
        raise DataError("X came without y; give the labels, or the name of their column.")
    return make_table(X, y, task=str(task), drop=drop, source=source, cv=cv)


def _listed(names: Any) -> Any:
    return [names] if isinstance(names, str) else names


def _row(contender: Contender, outcomes: list[Outcome], scoreboard: Scoreboard) -> Row:
    counts = Counter(warning for outcome in outcomes for warning in outcome.warnings)
    errors = [outcome.error for outcome in outcomes if outcome.scores is None]
    scores = () if errors else tuple(each.scores for each in outcomes if each.scores)
    return Row(
        model=contender.model,
        settings=" ".join(repr(contender.estimator).split()),
        folds=scores,
        warnings=tuple(f"{text} ({n} of {len(outcomes)} folds)" for text, n in counts.items()),
        error=errors[0] if errors else "",
        scoreboard=scoreboard,
        origin=contender.origin,
    )


def _about(comparison: Comparison, max_rows: int | None, notes: list[str]) -> dict[str, Any]:
    """Return the contenders, the data and the settings of a comparison, for JSON."""
    data, task = comparison.data, comparison.task
    used = sum(column.kind not in ("left out", "target") for column in data.columns)
    title = f"{data.source}: {len(data.labels)} rows, {used} columns, {task.target(data)}"
    about_contenders = [f"{each.model}: {each.note}" for each in comparison.contenders if each.note]
    settings = {name: getattr(comparison, name) for name in ("cv", "random_state", "n_jobs")}
    packages = ("scikit-learn", "numpy", "scipy", "joblib")
    return {
        "title": f"{title}; {comparison.cv} folds",
        "task": task.name,
        "data": {
            "source": data.source,
            "rows": len(data.labels),
            **task.about_target(data),
            "notes": [*data.notes, *notes, *about_contenders],
        },
        "columns": [column._asdict() for column in data.columns],
        "settings": {**settings, "max_rows": max_rows},
        "scores": {name: score.meaning for name, score in task.scoreboard(data).scores.items()},
        "spread": "standard error of the mean over the folds, as if they were independent; of a "
        "difference between models, that of paired differences, corrected for overlapping training "
        "rows (Nadeau and Bengio, 2003)",
        "preparation": PREPARATION,
        "versions": {
            "sklearn_ebm": __version__,
            "python": platform.python_version(),
            **{name: version(name) for name in packages},
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
