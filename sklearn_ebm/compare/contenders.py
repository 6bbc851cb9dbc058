"""Who takes part in the comparison: every loss of EBMClassifier, and scikit-learn's own."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.svm import LinearSVC

from sklearn_ebm._learning import suitable_losses
from sklearn_ebm.classifier import EBMClassifier
from sklearn_ebm.compare.columns import DataError, closest
from sklearn_ebm.compare.folds import Fold, prepare, prepare_for_trees
from sklearn_ebm.losses import LOSSES


class Setting(NamedTuple):
    """What the estimators are made for.

    The seed, the folds that a contender may cut its own training rows into, the positions of the
    categorical columns in the preparation made for trees, and the number of rows.
    """

    seed: int
    inner_folds: int
    categorical: list[int]
    n_rows: int


# The gap to the minimum at which EBMClassifier stops. On the adult data 1e-4 takes two to
# five times as long and changes accuracy, Brier score and calibration error by less than 0.001.
TOLERANCE = 1e-3

EARLY_STOPPING_ROWS = 10_000


class Contender(NamedTuple):
    """An estimator in the comparison, and how its data is prepared."""

    model: str
    estimator: Any
    prepare: Callable[..., Fold] = prepare


def _logistic_regression(setting: Setting) -> Contender:
    return Contender("LogisticRegression", LogisticRegression(max_iter=1000))


def _linear_svc(setting: Setting) -> Contender:
    # It has no probabilities of its own.
    estimator = CalibratedClassifierCV(LinearSVC(random_state=setting.seed), cv=setting.inner_folds)
    return Contender("LinearSVC (calibrated)", estimator)


def _sgd_classifier(setting: Setting) -> Contender:
    return Contender("SGDClassifier", SGDClassifier(loss="log_loss", random_state=setting.seed))


def _mlp_classifier(setting: Setting) -> Contender:
    # Its 200 passes take minutes on a large table; there a held-out tenth says when to stop. On a
    # small one that tenth is missed, and too small to say.
    many = setting.n_rows > EARLY_STOPPING_ROWS
    estimator = MLPClassifier(early_stopping=many, random_state=setting.seed)
    return Contender("MLPClassifier", estimator)


def _hist_gradient_boosting(setting: Setting) -> Contender:
    estimator = HistGradientBoostingClassifier(
        categorical_features=setting.categorical or None, random_state=setting.seed
    )
    return Contender("HistGradientBoostingClassifier", estimator, prepare_for_trees)


BASELINES: dict[str, Callable[[Setting], Contender]] = {
    "LogisticRegression": _logistic_regression,
    "LinearSVC": _linear_svc,
    "SGDClassifier": _sgd_classifier,
    "MLPClassifier": _mlp_classifier,
    "HistGradientBoostingClassifier": _hist_gradient_boosting,
}


def known_losses(losses: Iterable[Any] | None) -> list[Any]:
    """Return the losses to compare, their names checked: all that suit the energy for None.

    Raises
    ------
    DataError
        If a name is unknown, or its loss does not suit a linear energy.

    Examples
    --------
    >>> known_losses(["hinge", "nll"])
    ['hinge', 'nll']
    """
    suitable = suitable_losses("linear")
    if losses is None:
        return list(suitable)
    losses = list(losses)
    for name in losses:
        if isinstance(name, str) and name in LOSSES.names and name not in suitable:
            listed = ", ".join(suitable)
            raise DataError(
                f'The loss "{name}" does not suit a linear energy; use one of {listed}.'
            )
        if isinstance(name, str):
            _check_known(name, suitable, "loss")
    return losses


def known_baselines(baselines: Iterable[str] | Mapping[str, Any] | None) -> Any:
    """Return the baselines to compare, their names checked: all of `BASELINES` for None.

    Raises
    ------
    DataError
        If a name is unknown.
    """
    if baselines is None or isinstance(baselines, Mapping):
        return list(BASELINES) if baselines is None else baselines
    baselines = list(baselines)
    for name in baselines:
        _check_known(name, BASELINES, "baseline")
    return baselines


def _check_known(name: str, known: Iterable[str], role: str) -> None:
    if name not in known:
        hint = closest(name, known)
        hint = hint[:1].upper() + hint[1:] + " " if hint else ""
        raise DataError(f'There is no {role} "{name}". {hint}Known are {", ".join(known)}.')


def contenders(losses: Sequence[Any], baselines: Any, setting: Setting) -> list[Contender]:
    """Return the contenders in the order in which they run.

    Parameters
    ----------
    losses : sequence of str or Loss
        What `known_losses` returned.
    baselines : sequence of str, or mapping of name to estimator
        What `known_baselines` returned.
    setting : Setting

    Returns
    -------
    contenders : list of Contender
        The losses first. All but nll choose β on held-out rows: it is nll that trains the
        energies themselves for probabilities, at β = 1.
    """
    entrants = []
    for loss in losses:
        beta = 1.0 if loss == "nll" else "auto"
        estimator = EBMClassifier(loss=loss, beta=beta, tol=TOLERANCE, random_state=setting.seed)
        entrants.append(Contender(f"EBM {loss}", estimator))
    if isinstance(baselines, Mapping):
        return entrants + [Contender(name, own) for name, own in baselines.items()]
    return entrants + [BASELINES[name](setting) for name in baselines]
