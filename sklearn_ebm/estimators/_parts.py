"""Common steps before learning: energy, loss, solver, labels, weights and restored state."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, NamedTuple, Self, TypeAlias

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state, compute_class_weight
from sklearn.utils.multiclass import check_classification_targets

from sklearn_ebm._utils.html_repr import HoldsDocumented
from sklearn_ebm._utils.parameters import Array
from sklearn_ebm._utils.registry import unknown_name
from sklearn_ebm._utils.rows import Rows
from sklearn_ebm._utils.validation import (
    as_number,
    checked_rows,
    n_workers,
    optional_positive_number,
    optional_whole_number,
    positive_integer,
    positive_number,
    row_weights,
    share,
    switch,
    verbosity,
)
from sklearn_ebm.energies import ENERGIES, Energy
from sklearn_ebm.estimators._labels import check_labels
from sklearn_ebm.learning.compatibility import refuse_unsuitable
from sklearn_ebm.losses import LOSSES, Loss
from sklearn_ebm.solvers import SOLVERS
from sklearn_ebm.solvers.base import Solver

Index: TypeAlias = npt.NDArray[np.intp]
Weights: TypeAlias = npt.NDArray[np.float64]

# Integer labels with at most this range are counted, instead of sorted, to find the classes.
MOST_COUNTED = 100_000

# Kinds of integer dtypes. (NumPy also treats durations, kind "m", as integers.)
WHOLE = "iu"


class Parts(NamedTuple):
    """Energy, loss and solver as objects; solver None means the automatic choice."""

    energy: Energy
    loss: Loss
    solver: Solver | None


class PartsMixin(HoldsDocumented, BaseEstimator):
    """Mixin with the tags and nested parameters of estimators that have energy, loss and solver."""

    def __sklearn_tags__(self) -> Any:
        """Return the tags, which accept sparse input."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def set_params(self, **params: Any) -> Self:
        """Set parameters, including those of an energy or loss object (``loss__margin``).

        Parameters
        ----------
        **params : dict
            Parameters by name.

        Returns
        -------
        self
            The estimator.

        Raises
        ------
        ValueError
            If, for example, ``loss__margin`` is set while `loss` is a name.
        """
        _refuse_settings_of_names(self, params)
        return super().set_params(**params)


# Checks of the parameters that are not parts, for all estimators.
CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "C": partial(positive_number, infinite=True),
    "tol": positive_number,
    "max_iter": optional_whole_number,
    "time_budget": optional_positive_number,
    "fit_intercept": switch,
    "early_stopping": switch,
    "warm_start": switch,
    "refit": switch,
    "validation_fraction": share,
    "n_iter_no_change": positive_integer,
    "n_jobs": n_workers,
    "verbose": verbosity,
}


def checked_settings(estimator: Any, *names: str) -> dict[str, Any]:
    """Return the settings with these names; raise ValueError for any that cannot be used."""
    given = estimator.get_params(deep=False)
    checked = {name: CHECKS[name](name, given[name]) for name in CHECKS if name in given}
    return {name: checked[name] for name in names}


@contextmanager
def unchanged_if_it_fails(estimator: Any) -> Iterator[None]:
    """Restore the state of an estimator if the code in this context raises."""
    before = vars(estimator).copy()
    try:
        yield
    except BaseException:
        estimator.__dict__ = before
        raise


def refuse_other_classes(before: Array, classes: Array) -> None:
    """Raise ValueError if the classes of the previous fit are not the classes of y."""
    if not np.array_equal(before, classes):
        raise ValueError(
            f"warm_start=True continues with the classes of the fit before, "
            f"{before.tolist()[:10]}, but y has {classes.tolist()[:10]}; "
            "use warm_start=False for a new start."
        )


def refuse_another_shape(same: bool) -> None:
    """Raise ValueError if a warm start is impossible because X, y or the energy has changed."""
    if not same:
        raise ValueError(
            "warm_start=True continues with the parameters of the fit before, but X, y or the "
            "energy has another shape now; use warm_start=False for a new start."
        )


def _refuse_settings_of_names(estimator: Any, params: dict[str, Any]) -> None:
    """Raise ValueError if a parameter such as ``loss__margin`` belongs to a part given by name."""
    for key in params:
        part, _, setting = key.partition("__")
        owner = params.get(part, getattr(estimator, part, None))
        parts = ("energy", "loss", "solver", "negatives")
        if setting and part in parts and isinstance(owner, str):
            own = setting in estimator.get_params(deep=False)
            direct = f"set {setting!r} of the estimator itself, or " if own else ""
            raise ValueError(
                f"{key} cannot be set while {part}={owner!r} is a name; {direct}"
                f"pass an object as {part}= and tune it as {key}."
            )


def resolve_parts(
    energy: Any, loss: Any, solver: Any, *, margin: Any, beta: Any, fit_intercept: Any
) -> Parts:
    """Return the three parts as objects; raise ValueError if they cannot be combined."""
    refuse_beta(beta)
    chosen_loss = LOSSES.resolve(loss, **_settings_of_loss(loss, margin, beta))
    chosen_energy = ENERGIES.resolve(energy, **_settings_of_energy(energy, fit_intercept))
    automatic = isinstance(solver, str) and solver == "auto"
    if isinstance(solver, str) and not automatic and solver not in SOLVERS:
        raise ValueError(unknown_name("solver", solver, ("auto", *SOLVERS.names)))
    parts = Parts(chosen_energy, chosen_loss, None if automatic else SOLVERS.resolve(solver))
    refuse_unsuitable(*parts)
    return parts


def _settings_of_energy(energy: Any, fit_intercept: Any) -> dict[str, Any]:
    """Parameters of the classifier that belong to an energy given by name."""
    takes = isinstance(energy, str) and ENERGIES.accepts(energy, "fit_intercept")
    if not fit_intercept and isinstance(energy, str) and energy in ENERGIES and not takes:
        raise ValueError(
            f"energy {energy!r} has no intercept; leave fit_intercept=True, which it does not use."
        )
    if not fit_intercept and not isinstance(energy, str):
        raise ValueError(
            "fit_intercept=False is for an energy given by name; set it in the object instead: "
            f"energy={type(energy).__name__}(fit_intercept=False)."
        )
    return {"fit_intercept": switch("fit_intercept", fit_intercept)} if takes else {}


def _settings_of_loss(loss: Any, margin: Any, beta: Any) -> dict[str, Any]:
    """Parameters of the classifier that belong to a loss given by name."""
    settings = margin_of_loss(loss, margin)
    if learns_at_beta(loss) and not isinstance(beta, str):
        settings["beta"] = beta
    return settings


def refuse_beta(beta: Any) -> None:
    """Raise ValueError unless β is a positive finite number or "auto"."""
    if not isinstance(beta, str):
        positive_number("beta", beta)
    elif beta != "auto":
        raise ValueError(f"beta={beta!r} must be a positive number or 'auto'.")


def margin_of_loss(loss: Any, margin: Any) -> dict[str, Any]:
    """Return the margin of an estimator as a parameter of its loss, which must be a name."""
    settings: dict[str, Any] = {}
    if margin is not None:
        if not isinstance(loss, str):
            raise ValueError(
                f"margin={margin!r} and the object loss={loss!r} both set the "
                "margin; leave margin=None and set it in the object (loss__margin)."
            )
        if loss in LOSSES and not takes_margin(loss):
            raise ValueError(
                f"loss {loss!r} has no margin; leave margin=None or use one of: "
                f"{', '.join(losses_with_margin())}."
            )
        settings["margin"] = margin
    return settings


def losses_with_margin() -> tuple[str, ...]:
    """Names of the losses with a margin."""
    return tuple(name for name in LOSSES if LOSSES.accepts(name, "margin"))


def takes_margin(loss: Any) -> bool:
    """Whether the margin of the classifier applies: the loss is given by name and has a margin."""
    return isinstance(loss, str) and LOSSES.accepts(loss, "margin")


def learns_at_beta(loss: Any) -> bool:
    """Whether learning depends on the β of the classifier, not only the probabilities."""
    return isinstance(loss, str) and LOSSES.accepts(loss, "beta")


def encode(estimator: Any, X: Any, y: Any) -> tuple[Any, Array, Array, Index]:
    """Return validated features and labels, the classes, and the class index of each row."""
    check_labels(y)
    X, y = checked_rows(estimator, X, y, multi_output=False)
    classes, answer = classes_and_answers(y)
    # Integers are always class labels, so a second sort is avoided, unless there are so many
    # classes that scikit-learn warns.
    if y.dtype.kind not in WHOLE or 2 * len(classes) > len(y):
        check_classification_targets(y)
    return X, y, classes, answer


def classes_and_answers(y: Array) -> tuple[Array, Index]:
    """Return the sorted distinct labels, and the index of the label of each row.

    Like `numpy.unique` with its inverse. Integers of a small range are counted instead of sorted,
    which takes less time and memory.

    Examples
    --------
    >>> classes, answer = classes_and_answers(np.array([7, 3, 7]))
    >>> classes.tolist(), answer.tolist()
    ([3, 7], [1, 0, 1])
    """
    if y.dtype.kind not in WHOLE:
        return np.unique(y, return_inverse=True)
    least, most = int(y.min()), int(y.max())
    if most - least > MOST_COUNTED or most > np.iinfo(np.intp).max:
        return np.unique(y, return_inverse=True)
    seen = np.zeros(most - least + 1, dtype=bool)
    position = np.subtract(y, least, dtype=np.intp, casting="unsafe")
    seen[position] = True
    number = np.cumsum(seen) - 1
    np.take(number, position, out=position)
    return (np.flatnonzero(seen) + least).astype(y.dtype), position


def class_weights(
    class_weight: Any, weight: Weights, y: Any, classes: Array, answer: Index
) -> Weights:
    """Return the weight of each class, (k,); "balanced" depends on rows of positive weight."""
    if class_weight is None:
        return np.ones(len(classes))
    if isinstance(class_weight, Mapping):
        return _weights_by_label(class_weight, classes)
    if not isinstance(class_weight, str) or class_weight != "balanced":
        raise ValueError(f"class_weight={class_weight!r} must be a dict, 'balanced' or None.")
    used, of_class = weight > 0, np.ones(len(classes))
    present = np.unique(answer[used])
    of_class[present] = compute_class_weight(
        class_weight, classes=classes[present], y=y[used], **_balanced_with(weight[used])
    )
    return of_class


def _weights_by_label(class_weight: Mapping[Any, Any], classes: Array) -> Weights:
    """Return the weight of each class; a class that is not in the dict has weight 1.

    As in scikit-learn, a dict that lacks a class and contains an unknown label raises ValueError.
    scikit-learn reads both "01" and "1" as the number 1; here they are different labels.

    Examples
    --------
    >>> _weights_by_label({"1": 5.0}, np.array(["01", "1"]))
    array([1., 5.])
    """
    named = {_as_label(key, classes): (key, value) for key, value in class_weight.items()}
    for key in class_weight:
        other = named[_as_label(key, classes)][0]
        if other is not key:
            raise ValueError(
                f"class_weight names one class twice, as {key!r} and as {other!r}; leave one out."
            )
    labels = classes.tolist()
    found = [named.get(label) for label in labels]
    others = [key for label, (key, _) in named.items() if label not in labels]
    if others and None in found:
        raise ValueError(
            f"The classes, {labels[:10]}, are not in class_weight, which names "
            f"{others[0]!r} instead; a dict may leave classes out, and these have weight 1."
        )
    return np.array([1.0 if each is None else _class_weight(*each) for each in found])


def _as_label(key: Any, classes: Array) -> Any:
    """Convert a key of a dict to the type of the labels in `classes.tolist()`."""
    if classes.dtype.kind in "OU":
        return str(key)
    if classes.dtype.kind in "Mm":  # dates of Python, NumPy or pandas, in any unit
        with suppress(TypeError, ValueError):
            return np.array([key], dtype=classes.dtype).tolist()[0]
    return key


def _class_weight(label: Any, weight: Any) -> float:
    if not 0 <= as_number(weight) < np.inf:
        raise ValueError(
            f"class_weight[{label!r}]={weight!r} must be a finite number, zero or positive."
        )
    return float(weight)


def with_class_weight(
    class_weight: Any, weight: Weights, y: Any, classes: Array, answer: Index
) -> Weights:
    """Row weights multiplied by the class weights."""
    if class_weight is None:
        return weight
    return by_class(weight, class_weights(class_weight, weight, y, classes, answer), answer)


def by_class(weight: Weights, of_class: Weights, answer: Index) -> Weights:
    """Row weights times class weights (k,); raise ValueError if the products are invalid."""
    return row_weights(weight * of_class[answer], len(answer), "class_weight times sample_weight")


def positive_weight_rows(X: Any, answer: Index, weight: Weights) -> Rows:
    """Rows of positive weight; not a copy if all weights are positive."""
    used = weight > 0
    return Rows(X, answer, weight) if used.all() else Rows(X[used], answer[used], weight[used])


def _balanced_with(weight: Array) -> dict[str, Array]:
    """Return row weights as keyword arguments for scikit-learn 1.7 or later; none before."""
    known = inspect.signature(compute_class_weight).parameters
    return {"sample_weight": weight} if "sample_weight" in known else {}


def used_rows(X: Any, answer: Index, weight: Weights, classes: Array, what: str = "y") -> Rows:
    """Rows of positive weight; raise ValueError if all rows, of any weight, have the same class."""
    if (answer == answer[0]).all():
        raise ValueError(
            f"{what} holds one class only, {classes.tolist()[answer[0]]!r}; a classifier needs "
            "rows of at least two classes."
        )
    return positive_weight_rows(X, answer, weight)


def generator_and_seed(random_state: Any) -> tuple[np.random.RandomState, int]:
    """Return the generator of the folds, and one seed for all fits, in any order."""
    try:
        rng = check_random_state(random_state)
    except ValueError:
        raise ValueError(
            f"random_state={random_state!r} must be None, a whole number from 0 to 2**32 - 1, or a "
            "numpy.random.RandomState."
        ) from None
    return rng, rng.randint(np.iinfo(np.int32).max)
