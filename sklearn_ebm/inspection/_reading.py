"""Access of displays to an estimator: its classifier, energies and labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm.estimators._class_predictions import ClassPredictions

Index = npt.NDArray[np.intp]
Floats = npt.NDArray[np.float64]


class FittedEnergies(NamedTuple):
    """Energies of a fitted classifier as a function of the input of the whole pipeline."""

    classifier: Any
    energies: Callable[[Any], Array]

    @property
    def classes(self) -> Any:
        """The labels, in the order of the columns of the energies."""
        return self.classifier.classes_

    @property
    def learned(self) -> Any:
        """Indices of the classes with training rows; the others have no finite energy."""
        return slice(None) if self.classifier._seen is None else self.classifier._seen

    def of_learned_classes(self, X: Any, y: Any) -> tuple[Any, Any]:
        """Energies of the learned classes for rows with these classes, and labels of these rows."""
        energies = self.energies(X)
        if self.classifier._seen is None:
            return energies, y
        mine = self.learned[answers_of(y, self.classes)]
        return energies[mine][:, self.learned], np.asarray(y)[mine]


def read(caller: str, estimator: Any) -> FittedEnergies:
    """Return the classifier within a pipeline or a search, with the steps before it.

    Raises
    ------
    TypeError
        If there is no classifier with energies.
    """
    check_is_fitted(estimator)
    if isinstance(estimator, Pipeline):
        inner = read(caller, estimator[-1])
        if len(estimator) == 1:
            return inner
        steps = estimator[:-1]
        return FittedEnergies(inner.classifier, lambda X: inner.energies(steps.transform(X)))
    if isinstance(estimator, ClassPredictions):
        model: Any = estimator._model()
        return FittedEnergies(model, estimator.energies)
    best = getattr(estimator, "best_estimator_", None)
    if best is None:
        raise TypeError(
            f"{caller} reads the energies of an EBMClassifier or EBMClassifierCV, alone or as the "
            f"last step of a pipeline or search, but estimator={type(estimator).__name__} has none."
        )
    return read(caller, best)


def as_numbers(name: str, values: Any) -> Floats:
    """Return values as float64, or raise ValueError with their name."""
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be numbers, but {error}.") from error


def answers_of(y: Any, classes: Any, what: str = "y") -> Index:
    """Return the class index of each label, or raise ValueError."""
    labels = np.asarray(y)
    if labels.ndim != 1:
        raise ValueError(
            f"{what} must hold one label for each row, but its shape is {labels.shape}."
        )
    known = {label: number for number, label in enumerate(classes.tolist())}
    unknown = sorted({repr(label) for label in labels.tolist() if label not in known})
    if unknown:
        raise ValueError(
            f"{what} holds labels that are not among the classes {classes.tolist()[:10]}: "
            f"{', '.join(unknown[:10])}; leave these rows out."
        )
    return np.array([known[label] for label in labels.tolist()], dtype=np.intp)


def energies_and_answers(
    energies: Any, y: Any, classes: Any, what: str = ""
) -> tuple[Floats, Index, Any]:
    """Return validated energies (n, k), the index of each right answer, and the classes.

    Raises
    ------
    ValueError
        If the energies are not finite, there are no rows or less than two answers, or they do not
        match y or the classes.
    """
    table = as_numbers(f"energies{what}", energies)
    if table.ndim != 2 or table.shape[1] < 2 or not len(table):
        raise ValueError(
            f"energies{what} must have shape (n, k) with a row or more and an energy for each of "
            f"k ≥ 2 answers, but their shape is {table.shape}."
        )
    if not np.isfinite(table).all():
        raise ValueError(f"energies{what} hold NaN or infinity; leave these rows out.")
    labels: Any = np.arange(table.shape[1]) if classes is None else np.asarray(classes)
    if labels.shape != (table.shape[1],):
        raise ValueError(
            f"energies{what} have {table.shape[1]} columns, but there are {labels.size} classes; "
            "give one label for each column, in their order."
        )
    answer = answers_of(y, labels, f"y{what}")
    if len(answer) != len(table):
        raise ValueError(f"energies{what} have {len(table)} rows, but y{what} has {len(answer)}.")
    return table, answer, labels
