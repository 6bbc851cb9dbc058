"""Classification and regression tasks of a comparison: estimators, folds and scores."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.model_selection import KFold, StratifiedKFold

import sklearn_ebm.compare.contenders as classifiers
import sklearn_ebm.compare.regressors as regressors
from sklearn_ebm.compare.columns import DataError
from sklearn_ebm.compare.contenders import (
    Contender,
    Pair,
    Representations,
    RunContext,
    installed,
    known_baselines,
    representation_pairs,
    usable,
)
from sklearn_ebm.compare.density_scores import OF_DISTRIBUTIONS, scores_of_distribution
from sklearn_ebm.compare.folds import OF_CLASSES, OF_RARE_CLASSES, Fold, class_scores
from sklearn_ebm.compare.scoreboard import Scoreboard
from sklearn_ebm.compare.tables import Table
from sklearn_ebm.learning.compatibility import suitable_losses

# Scores in the unit of the target.
_IN_UNIT = ("crps", "rmse")
Baselines = Iterable[str] | Mapping[str, Any] | None


class Task(ABC):
    """Base class of tasks: estimators, folds and scores of a comparison.

    Attributes
    ----------
    name : str
        "classification" or "regression".
    score : callable
        Function of an estimator and a fold that computes the scores.
    known_pairs : callable
        Function that returns valid energies and losses to compare.
    suitable_losses : callable
        Function of an energy that returns the names of the losses that suit it.
    baselines : mapping of str to callable
        Functions that create the baselines, by name.
    """

    name: str
    score: Callable[[Any, Fold], dict[str, float]]
    known_pairs: Callable[[Iterable[Any] | None, Iterable[Any] | None], list[Pair]]
    suitable_losses: Callable[[Any], Sequence[str]]
    baselines: Mapping[str, Callable[[RunContext], Contender]]

    def pairs(
        self,
        energies: Iterable[Any] | None,
        losses: Iterable[Any] | None,
        representations: Representations = None,
    ) -> list[Pair]:
        """Return the pairs to compare; raise DataError for an unknown name."""
        losses = None if losses is None else list(losses)
        suitable = self.suitable_losses("linear")
        return [
            *self.known_pairs(energies, losses),
            *representation_pairs(representations, losses, suitable),
        ]

    def known_baselines(self, baselines: Baselines) -> Any:
        """Return the baselines to compare; raise DataError for an unknown name."""
        return known_baselines(baselines, self.baselines)

    @abstractmethod
    def scoreboard(self, table: Table) -> Scoreboard:
        """Return the scores that suit the data."""

    @abstractmethod
    def require_rows(self, table: Table, cv: int, max_rows: int | None) -> None:
        """Raise DataError if there are too few rows for the folds."""

    @abstractmethod
    def contenders(
        self, pairs: list[Pair], baselines: Baselines, table: Table, cv: int, seed: int
    ) -> tuple[list[Contender], list[str]]:
        """Return the contenders, and notes on omitted ones."""

    @abstractmethod
    def splits(self, table: Table, cv: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return training and test rows of each fold."""

    @abstractmethod
    def target(self, table: Table) -> str:
        """Return a short description of the target."""

    @abstractmethod
    def about_target(self, table: Table) -> dict[str, Any]:
        """Return a description of the target for the JSON file."""


class Classification(Task):
    """Comparison of class probabilities."""

    name = "classification"
    score = staticmethod(class_scores)
    known_pairs = staticmethod(classifiers.known_pairs)
    suitable_losses = staticmethod(suitable_losses)
    baselines = classifiers.BASELINES

    def scoreboard(self, table: Table) -> Scoreboard:
        """Return all scores, those for rare classes only if a class has half of its share."""
        counts = table.class_counts
        has_rare = 2 * len(counts) * counts.min() < counts.sum()
        return OF_CLASSES if has_rare else OF_CLASSES.without(*OF_RARE_CLASSES)

    def require_rows(self, table: Table, cv: int, max_rows: int | None) -> None:
        """Raise DataError if a sample cannot have every class in every fold."""
        n_classes = len(table.classes)
        if max_rows is not None and max_rows < cv * n_classes:
            raise DataError(
                f"max_rows is {max_rows}; {cv} folds with {n_classes} classes need at least "
                f"{cv * n_classes} rows."
            )

    def contenders(
        self, pairs: list[Pair], baselines: Baselines, table: Table, cv: int, seed: int
    ) -> tuple[list[Contender], list[str]]:
        """Return the requested contenders, or all whose package is installed."""
        smallest = int(table.class_counts.min())
        # If possible, the rarest class of a training part is in every inner fold.
        inner_folds = max(2, min(5, smallest - -(-smallest // cv)))
        context = RunContext(seed, inner_folds, len(table.labels))
        notes: list[str] = []
        if baselines is None:
            baselines, notes = usable(installed(self.baselines), self.baselines, context)
        return classifiers.contenders(pairs, baselines, context), notes

    def splits(self, table: Table, cv: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return stratified folds."""
        splitter = StratifiedKFold(cv, shuffle=True, random_state=seed)
        return list(splitter.split(table.labels, table.labels))

    def target(self, table: Table) -> str:
        """Return the number of classes as text."""
        return f"{len(table.classes)} classes"

    def about_target(self, table: Table) -> dict[str, Any]:
        """Return the classes and their numbers of rows."""
        return {"classes": dict(zip(table.classes, table.class_counts.tolist(), strict=True))}


class Regression(Task):
    """Comparison of conditional distributions of a numeric target."""

    name = "regression"
    score = staticmethod(scores_of_distribution)
    known_pairs = staticmethod(regressors.known_pairs)
    suitable_losses = staticmethod(regressors.suitable_losses)
    baselines = regressors.BASELINES

    def scoreboard(self, table: Table) -> Scoreboard:
        """Return all scores, with digits that suit the unit of the target."""
        size = float(np.std(table.labels))
        digits = max(0, 3 - math.floor(math.log10(size))) if size > 0 else 3
        in_unit = {name: OF_DISTRIBUTIONS.scores[name]._replace(digits=digits) for name in _IN_UNIT}
        return Scoreboard({**OF_DISTRIBUTIONS.scores, **in_unit}, OF_DISTRIBUTIONS.ranked_by)

    def require_rows(self, table: Table, cv: int, max_rows: int | None) -> None:
        """Raise DataError if a fold would have fewer than two rows."""
        least, n_rows = 2 * cv, len(table.labels)
        if n_rows < least:
            raise DataError(f"{cv} folds need at least {least} rows; there are {n_rows}.")
        if max_rows is not None and max_rows < least:
            raise DataError(f"max_rows is {max_rows}; {cv} folds need at least {least} rows.")

    def contenders(
        self, pairs: list[Pair], baselines: Baselines, table: Table, cv: int, seed: int
    ) -> tuple[list[Contender], list[str]]:
        """Return the requested estimators, or all that are fast enough for the number of rows."""
        context = RunContext(seed, 5, len(table.labels))
        notes: list[str] = []
        if baselines is None:
            baselines, notes = regressors.suggested_baselines(context)
        return regressors.contenders(pairs, baselines, context), notes

    def splits(self, table: Table, cv: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return folds of shuffled rows."""
        return list(KFold(cv, shuffle=True, random_state=seed).split(table.labels))

    def target(self, table: Table) -> str:
        """Return the name and the range of the target as text."""
        low, high = table.labels.min(), table.labels.max()
        return f'a quantity, "{table.target_name}", from {low:g} to {high:g}'

    def about_target(self, table: Table) -> dict[str, Any]:
        """Return the name and the range of the target."""
        low, high = float(table.labels.min()), float(table.labels.max())
        return {"target": {"name": table.target_name, "least": low, "greatest": high}}


CLASSIFICATION, REGRESSION = Classification(), Regression()


def named(
    task: Task, energies: Any, losses: Any, baselines: Any, representations: Representations = None
) -> tuple[list[Pair], Any]:
    """Return the pairs and the baselines of a task that have these names.

    Raises
    ------
    DataError
        If a name is unknown. If it is one of the other task, the error says how to choose that.
    """
    try:
        pairs = task.pairs(energies, losses, representations)
        if baselines is not None:
            baselines = task.known_baselines(baselines)
    except DataError as error:
        other = REGRESSION if isinstance(task, Classification) else CLASSIFICATION
        try:
            other.pairs(energies, losses, representations)
            other.known_baselines(baselines)
        except DataError:
            raise error from None
        raise DataError(
            f"{error} The names are those of a {other.name}, and the target was taken for a "
            f"{task.name}; --task {other.name} changes that."
        ) from None
    if not pairs and baselines is not None and not baselines:
        raise DataError("There is nothing to compare: no losses and no baselines.")
    return pairs, baselines
