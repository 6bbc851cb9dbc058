"""Grid search: points of the grid, warm-started fits, and scores of held-out energies."""

from __future__ import annotations

import inspect
import time
import warnings
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt
from joblib import Parallel, delayed
from scipy.stats import rankdata
from sklearn import get_config
from sklearn.metrics import get_scorer
from sklearn.model_selection import ParameterGrid
from sklearn.utils.metadata_routing import get_routing_for_object

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm._utils.repeated import groups_of_equal_rows
from sklearn_ebm._utils.rows import Rows
from sklearn_ebm._utils.validation import row_weights
from sklearn_ebm.estimators._parts import (
    Index,
    Parts,
    Weights,
    learns_at_beta,
    resolve_parts,
    takes_margin,
    used_rows,
    with_class_weight,
)
from sklearn_ebm.estimators.classifier import EBMClassifier
from sklearn_ebm.learning.learn import Learned, Start, learn
from sklearn_ebm.learning.stream import Stream
from sklearn_ebm.learning.temperature_scaling import beta_of_learning, fit_beta, warn_of_no_votes


@dataclass(frozen=True)
class GridPoint:
    """A point of the grid, and its fit: the index of a path and the position in `Cs`."""

    params: dict[str, Any]
    path: int
    C: int


@dataclass(frozen=True)
class RegularizationPath:
    """A loss that is learned for each C in turn; `params` has β only if learning depends on it."""

    params: dict[str, Any]
    parts: Parts


@dataclass
class Grid:
    """All points, in the order of ``ParameterGrid`` for each loss, and the paths to learn."""

    Cs: list[float]
    points: list[GridPoint] = field(default_factory=list)
    paths: list[RegularizationPath] = field(default_factory=list)


@dataclass(frozen=True)
class Data:
    """All rows, before they are split into folds."""

    X: Any
    y: Array
    classes: Array
    answer: Index
    sample_weight: Weights | None
    class_weight: Any

    @property
    def weight(self) -> Weights:
        return row_weights(self.sample_weight, len(self.y))

    def held_out_weight(self, held_out: Index, fold: int) -> Weights | None:
        """Weights of the held-out rows of a fold; None if there are no sample weights."""
        if self.sample_weight is None:
            return None
        name = f"weight of the held-out rows of fold {fold}"
        return row_weights(self.sample_weight[held_out], len(held_out), name)

    def rows(self, kept: Index, fold: int) -> Rows:
        """Training rows of a fold, with class weights computed from these rows."""
        what = f"the training part of fold {fold}"
        weight = row_weights(self.weight[kept], len(kept), f"weight in {what}")
        answer = self.answer[kept]
        weight = with_class_weight(self.class_weight, weight, self.y[kept], self.classes, answer)
        return used_rows(self.X[kept], answer, weight, self.classes, what)


@dataclass(frozen=True)
class Fit:
    """Result of learning at one C without one fold, and the energies of the held-out rows."""

    learned: Learned
    energies: Array
    seconds: float


Folds = Sequence[tuple[Index, Index]]
Fits = list[list[list[Fit]]]  # by fold, path and C


def make_grid(
    losses: Sequence[Any], margins: Sequence[Any], betas: Sequence[Any], Cs: list[float],
    **settings: Any,
) -> Grid:  # fmt: skip
    """Return the grid; raise ValueError if parts cannot be combined."""
    grid = Grid(Cs)
    number: dict[tuple[Any, ...], int] = {}
    for i, loss in enumerate(losses):
        of_loss = range(len(margins)) if takes_margin(loss) else [None]
        axes = {"C": range(len(Cs)), "beta": range(len(betas)), "margin": of_loss}
        for at in ParameterGrid(axes):
            margin = None if at["margin"] is None else margins[at["margin"]]
            params = {"loss": loss, "margin": margin}
            if learns_at_beta(loss):
                params["beta"] = betas[at["beta"]]
            key = (i, at["margin"], at["beta"] if "beta" in params else None)
            if key not in number:
                number[key] = len(grid.paths)
                parts = resolve_parts(**{"beta": 1.0} | params | settings)
                grid.paths.append(RegularizationPath(params, parts))
            point = {"C": Cs[at["C"]], "beta": betas[at["beta"]], "loss": loss, "margin": margin}
            grid.points.append(GridPoint(point, number[key], at["C"]))
    return grid


class _FoldModel(EBMClassifier):
    """A classifier learned without one fold, with stored energies of that fold."""

    _rows: Any = None

    def remember(self, X: Any, energies: Array) -> None:
        self._rows, self._known = X, energies

    def _of_energies(
        self, X: Any, function: Callable[[Array], Array], *shape: Any, **options: Any
    ) -> Array:
        # A scorer may pass another X, whose energies are computed. Stored energies are copied,
        # because functions of the energies may work in place.
        if X is not self._rows:
            return super()._of_energies(X, function, *shape, **options)
        return function(self._known.copy(order="K"))


def _fold_model(
    parts: Parts, params: dict[str, Any], learned: Learned, data: Data, beta: float
) -> _FoldModel:
    model = _FoldModel(**params)
    model.n_features_in_ = data.X.shape[1]
    stream = Stream(learned.energy, learned.params, None, 1.0, float(len(data.y)), 0)
    model.__dict__.update(model._state(parts.loss, stream, data.classes, learned.seen, beta, ""))
    return model


def learn_folds(grid: Grid, data: Data, folds: Folds, n_jobs: int | None, **settings: Any) -> Fits:
    """Learn every path without each of the folds; folds are parallel."""
    parts = [data.rows(kept, fold) for fold, (kept, _) in enumerate(folds)]
    for fold, (_, held_out) in enumerate(folds):
        data.held_out_weight(held_out, fold)  # raises before any work
    return list(
        Parallel(n_jobs=n_jobs)(
            delayed(_learn_paths)(grid, data, rows, held_out, **settings)
            for rows, (_, held_out) in zip(parts, folds, strict=True)
        )
    )


def _learn_paths(
    grid: Grid, data: Data, rows: Rows, held_out: Index, **settings: Any
) -> list[list[Fit]]:
    """Learn all fits of one fold.

    A path goes from a strong penalty to a weak one, and each fit starts from the previous one. The
    first fit starts from the first fit of the previous path, because solutions for different losses
    and margins are similar if the penalty is strong. Without a unique minimum the result would
    depend on the start, so each fit then starts independently.
    """
    order = np.argsort(grid.Cs, kind="stable").tolist()
    table: list[list[Fit]] = []
    first: Start | None = None
    for path in grid.paths:
        energy, loss, _ = path.parts
        warm = loss.traits.convex and energy.traits.linear and not loss.traits.online
        fits: dict[int, Fit] = {}
        start = first if warm else None
        for i in order:
            if loss.traits.online and fits:
                fits[i] = fits[order[0]]  # there is no penalty, so one fit serves every C
                continue
            fits[i] = _learn(path, grid.Cs[i], start, data, rows, held_out, **settings)
            start = fits[i].learned.start if warm else None
        first = fits[order[0]].learned.start if warm else first
        table.append([fits[i] for i in range(len(grid.Cs))])
    return table


def _learn(
    path: RegularizationPath, C: float, start: Start | None, data: Data, rows: Rows,
    held_out: Index,
    *, seed: int, **settings: Any,
) -> Fit:  # fmt: skip
    began = time.perf_counter()
    learned = learn(
        *path.parts, rows, n_answers=len(data.classes), C=C, start=start,
        rng=np.random.RandomState(seed), **settings,
    )  # fmt: skip
    seconds = time.perf_counter() - began
    model = _fold_model(path.parts, path.params, learned, data, 1.0)
    return Fit(learned, model.energies(data.X[held_out]), seconds)


def choose_betas(
    grid: Grid, data: Data, folds: Folds, fits: Fits, *, copies_vote: bool
) -> list[float]:
    """Return the β of each point; "auto" is the most probable β of the held-out rows of all folds.

    Rows are omitted if the training part of their fold has no row of their class, or an equal row.
    If no rows remain, equal rows are used if `copies_vote`, for folds that the user has defined.
    """
    group = groups_of_equal_rows(data.X)
    weight = with_class_weight(data.class_weight, data.weight, data.y, data.classes, data.answer)
    seen = [kept[weight[kept] > 0] for kept, _ in folds]
    votes = [
        np.isin(data.answer[held_out], data.answer[learned]) & (weight[held_out] > 0)
        for learned, (_, held_out) in zip(seen, folds, strict=True)
    ]
    without_copies = [
        vote & ~np.isin(group[held_out], group[learned])
        for vote, learned, (_, held_out) in zip(votes, seen, folds, strict=True)
    ]
    if not copies_vote or any(vote.any() for vote in without_copies):
        votes = without_copies
    order = np.concatenate(
        [held_out[vote] for (_, held_out), vote in zip(folds, votes, strict=True)]
    )
    found: dict[tuple[int, int], float] = {}

    def automatic(path: int, C: int) -> float:
        before = beta_of_learning(grid.paths[path].parts.loss)
        if not len(order):
            return before
        energies = [fold[path][C].energies[vote] for fold, vote in zip(fits, votes, strict=True)]
        return fit_beta(
            np.concatenate(energies), data.answer[order], weight[order], before, group=group[order]
        )

    for point in grid.points:
        at = (point.path, point.C)
        if isinstance(point.params["beta"], str) and at not in found:
            found[at] = automatic(*at)
    if found and not len(order):
        warn_of_no_votes(found[min(found)], stacklevel=4)
    return [
        found[point.path, point.C] if isinstance(point.params["beta"], str) else
        float(point.params["beta"])
        for point in grid.points
    ]  # fmt: skip


def choose_scorer(scoring: Any, classes: Array) -> Callable[..., float]:
    """Return a scorer with all classes as ``labels``, so that a fold may lack rows of some."""
    scorer = get_scorer("accuracy" if scoring is None else scoring)
    function = getattr(scorer, "_score_func", None)
    if function is None or "labels" not in inspect.signature(function).parameters:
        return scorer
    if scorer._response_method == "predict":
        return scorer  # labels= would change which classes are averaged
    with_labels = copy(scorer)
    with_labels._kwargs = {"labels": classes} | scorer._kwargs
    return with_labels


def score_weights(scorer: Callable[..., float], weight: Weights | None) -> dict[str, Weights]:
    """Return the row weights as keyword arguments, if there are any and the scorer accepts them.

    With metadata routing, a scorer that has requested no weights does not receive them.
    """
    function = getattr(scorer, "_score_func", scorer)
    takes = "sample_weight" in inspect.signature(function).parameters
    if get_config()["enable_metadata_routing"]:
        takes &= get_routing_for_object(scorer).score.requests.get("sample_weight") is not False
    return {"sample_weight": weight} if takes and weight is not None else {}


def score_points(
    grid: Grid, data: Data, folds: Folds, fits: Fits, betas: list[float],
    scorer: Callable[..., float],
) -> tuple[Array, Array]:  # fmt: skip
    """Scores and times, (points, folds), from energies that are computed once for all β."""
    scores = np.empty((len(grid.points), len(folds)))
    seconds = np.empty_like(scores)
    for f, (_, held_out) in enumerate(folds):
        X, y = data.X[held_out], data.y[held_out]
        keywords = score_weights(scorer, data.held_out_weight(held_out, f))
        for p, point in enumerate(grid.points):
            began = time.perf_counter()
            fit = fits[f][point.path][point.C]
            path = grid.paths[point.path]
            model = _fold_model(path.parts, point.params, fit.learned, data, betas[p])
            model.remember(X, fit.energies)
            scores[p, f] = _number(scorer(model, X, y, **keywords), scorer)
            seconds[p, f] = time.perf_counter() - began
    return scores, seconds


def _number(score: Any, scorer: Callable[..., float]) -> float:
    number = (
        score.item() if isinstance(score, np.generic | np.ndarray) and score.size == 1 else score
    )
    if isinstance(number, Real):
        return float(number)
    raise ValueError(
        f"scoring must return a number, but {scorer!r} returned {score!r} ({type(score).__name__})."
    )


def results_table(
    grid: Grid, fits: Fits, betas: list[float], scores: Array, score_seconds: Array
) -> dict[str, Any]:
    """Return a table like ``GridSearchCV.cv_results_`` with the column ``fitted_beta``."""
    fit_seconds = np.array(
        [[fold[point.path][point.C].seconds for fold in fits] for point in grid.points]
    )
    table: dict[str, Any] = {}
    for name, values in (("fit_time", fit_seconds), ("score_time", score_seconds)):
        table[f"mean_{name}"], table[f"std_{name}"] = values.mean(axis=1), values.std(axis=1)
    for name in ("C", "beta", "loss", "margin"):
        table[f"param_{name}"] = _column([point.params[name] for point in grid.points])
    table["params"] = [point.params for point in grid.points]
    table["fitted_beta"] = np.array(betas)
    for f in range(scores.shape[1]):
        table[f"split{f}_test_score"] = scores[:, f]
    with np.errstate(invalid="ignore"):  # infinite scores
        mean, spread = scores.mean(axis=1), scores.std(axis=1)
    table["mean_test_score"], table["std_test_score"] = mean, spread
    table["rank_test_score"] = _ranks(mean)
    return table


def _ranks(mean: Array) -> npt.NDArray[np.int32]:
    """Return ranks of mean scores, with 1 as the best; scores that are not finite rank last.

    Warn of these like ``GridSearchCV``; raise ValueError if no score is finite.
    """
    finite = np.isfinite(mean)
    if not finite.any():
        raise ValueError(
            f"No point of the grid has a finite score ({mean[0]} is the first), so none is the "
            "best; use another scoring, or folds that it suits."
        )
    if not finite.all():
        warnings.warn(
            f"One or more of the test scores are non-finite: {mean}; these points are not chosen.",
            UserWarning,
            stacklevel=5,
        )
    comparable = np.where(finite, mean, mean[finite].min() - 1)
    return rankdata(-comparable, "min").astype(np.int32)


def _column(values: list[Any]) -> np.ma.MaskedArray[Any, Any]:
    numbers = all(isinstance(value, Real) for value in values)
    column: npt.NDArray[Any] = np.empty(len(values), dtype=float if numbers else object)
    for i, value in enumerate(values):
        column[i] = value
    return np.ma.MaskedArray(column, mask=False)
