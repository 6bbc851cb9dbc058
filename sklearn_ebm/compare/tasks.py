"""Classification and regression tasks of a comparison: estimators, folds and scores."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from sklearn.model_selection import KFold, StratifiedKFold

import sklearn_ebm.compare.contenders as classifiers
import sklearn_ebm.compare.regressors as regressors
from sklearn_ebm.compare.columns import DataError
from sklearn_ebm.compare.contenders import (
    Contender,
    Pair,
    RunContext,
    known_baselines,
    representation_pairs,
)
from sklearn_ebm.compare.density_scores import OF_DISTRIBUTIONS, scores_of_distribution
from sklearn_ebm.compare.folds import MIN_FREQUENCY, OF_CLASSES, Fold, class_scores
from sklearn_ebm.compare.representations import Representations
from sklearn_ebm.compare.scoreboard import Scoreboard
from sklearn_ebm.compare.tables import Table
from sklearn_ebm.learning.compatibility import suitable_losses
from sklearn_ebm.metrics.probabilities import N_BINS

Baselines = Iterable[str] | Mapping[str, Any] | None

_NUMBERS = (
    "numbers: median for a missing value, an indicator column, standardised; text and "
    f"booleans: one-hot, categories with fewer than {MIN_FREQUENCY} training rows together; "
    "dates: days, hour, month, day of the week; fitted on the training rows of each fold"
)
_TREES = (
    "numbers as they are, missing values included; the categories as its own categorical features"
)
_FIT_SECONDS = "seconds of fit alone, on one thread, without preparing the data"


class Task(ABC):
    """Base class of tasks: estimators, folds and scores of a comparison.

    Attributes
    ----------
    name : str
        "classification" or "regression".
    scoreboard : Scoreboard
        The scores, and the one that determines the rank.
    score : callable
        Function of an estimator and a fold that computes the scores.
    meanings : dict of str to str
        Description of each score.
    spread : str
        Description of the number after ±.
    trees : str
        Name of the model with the preprocessing for trees.
    known_pairs : callable
        Function that returns valid energies and losses to compare.
    suitable_losses : callable
        Function of an energy that returns the names of the losses that suit it.
    baselines : mapping of str to callable
        Functions that create the baselines, by name.
    """

    name: str
    scoreboard: Scoreboard
    score: Callable[[Any, Fold], dict[str, float]]
    meanings: ClassVar[dict[str, str]]
    spread: str
    trees: str
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

    def how(self) -> dict[str, Any]:
        """Return descriptions of the scores and the preprocessing for the JSON file."""
        return {
            "ranked_by": ", ".join(self.scoreboard.ranked_by),
            "scores": self.meanings,
            "spread": self.spread,
            "preparation": {"all": _NUMBERS, self.trees: _TREES},
        }


class Classification(Task):
    """Comparison of class probabilities."""

    name = "classification"
    scoreboard = OF_CLASSES
    score = staticmethod(class_scores)
    trees = "HistGradientBoostingClassifier"
    known_pairs = staticmethod(classifiers.known_pairs)
    suitable_losses = staticmethod(suitable_losses)
    baselines = classifiers.BASELINES
    spread = "sd: sample standard deviation over the folds"
    meanings: ClassVar[dict[str, str]] = {
        "accuracy": "fraction of rows classified correctly",
        "log_loss": "mean of -log p(label), in nats",
        "brier": "mean over rows of the sum over all classes of (p - truth)^2, from 0 to 2",
        "ece": f"expected calibration error of the top class, {N_BINS} bins of equal width",
        "fit_seconds": _FIT_SECONDS,
        "predict_microseconds": "time of predict per row, on one thread, all test rows at once",
    }

    def require_rows(self, table: Table, cv: int, max_rows: int | None) -> None:
        """Raise DataError if a class has too few rows to be in every fold."""
        counts = table.class_counts
        rare = [f'"{name}" ({n})' for name, n in zip(table.classes, counts, strict=True) if n < cv]
        if rare:
            shown = ", ".join(rare[:3]) + (f" and {len(rare) - 3} more" if len(rare) > 3 else "")
            fewer = f"use {counts.min()} folds or fewer (cv), or " if counts.min() > 1 else ""
            raise DataError(
                f"Classes with fewer rows than the {cv} folds: {shown}; {fewer}leave out or merge "
                "these classes in the data first."
            )
        if max_rows is not None and max_rows < cv * len(counts):
            raise DataError(
                f"max_rows is {max_rows}; {cv} folds with {len(counts)} classes need at least "
                f"{cv * len(counts)} rows."
            )

    def contenders(
        self, pairs: list[Pair], baselines: Baselines, table: Table, cv: int, seed: int
    ) -> tuple[list[Contender], list[str]]:
        """Return all requested contenders."""
        smallest = int(table.class_counts.min())
        # If possible, the rarest class of a training part is in every inner fold.
        inner_folds = max(2, min(5, smallest - -(-smallest // cv)))
        setting = _setting(table, seed, inner_folds)
        return classifiers.contenders(pairs, self.known_baselines(baselines), setting), []

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
    scoreboard = OF_DISTRIBUTIONS
    score = staticmethod(scores_of_distribution)
    trees = "HistGradientBoostingRegressor"
    known_pairs = staticmethod(regressors.known_pairs)
    suitable_losses = staticmethod(regressors.suitable_losses)
    baselines = regressors.BASELINES
    spread = "se: sample standard deviation over the folds, over the root of their number"
    meanings: ClassVar[dict[str, str]] = {
        "nll": "mean of -log p(target), in nats, of a density in 1/(unit of the target)",
        "crps": "mean continuous ranked probability score, in the unit of the target",
        "coverage_50": "fraction of rows in the central interval of probability 0.5",
        "coverage_90": "fraction of rows in the central interval of probability 0.9",
        "rmse": "root mean squared error of the mean of the distribution",
        "fit_seconds": _FIT_SECONDS,
    }

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
        setting = _setting(table, seed, inner_folds=5)
        notes: list[str] = []
        if baselines is None:
            baselines, notes = regressors.suggested_baselines(setting)
        return regressors.contenders(pairs, self.known_baselines(baselines), setting), notes

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


def _setting(table: Table, seed: int, inner_folds: int) -> RunContext:
    categorical = list(range(len(table.number_names), table.n_columns))
    return RunContext(seed, inner_folds, categorical, n_rows=len(table.labels))


CLASSIFICATION, REGRESSION = Classification(), Regression()


def check_names(
    task: str,
    energies: list[str] | None,
    losses: list[str] | None,
    baselines: list[str] | None,
    representations: Representations = None,
) -> None:
    """Raise DataError for names that are unknown for the task; with "auto", for both tasks.

    The task "auto" is determined by the data, which are not yet known.
    """
    errors = []
    for known in (CLASSIFICATION, REGRESSION):
        if task in ("auto", known.name):
            try:
                known.pairs(energies, losses, representations)
                known.known_baselines(baselines)
                return
            except DataError as error:
                errors.append(error)
    # An error that suggests a name is preferred.
    raise min(errors, key=lambda error: "Did you mean" not in str(error))
