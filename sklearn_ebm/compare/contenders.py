"""Classifiers of a comparison: energies with losses, and classifiers of scikit-learn."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from sklearn_ebm.compare.columns import DataError, closest
from sklearn_ebm.compare.folds import Fold, prepare, prepare_dense, prepare_for_trees
from sklearn_ebm.compare.representations import CodeFeatures, Representations, chosen
from sklearn_ebm.energies import ENERGIES
from sklearn_ebm.estimators.classifier import EBMClassifier
from sklearn_ebm.learning.compatibility import suitable_losses
from sklearn_ebm.losses import LOSSES
from sklearn_ebm.representation import REPRESENTATIONS


class RunContext(NamedTuple):
    """Information from which estimators are constructed.

    The seed, the number of folds into which an estimator may split its training rows, the positions
    of the categorical columns in the preprocessing for trees, and the number of rows.
    """

    seed: int
    inner_folds: int
    categorical: list[int]
    n_rows: int


# The parameter tol of EBMClassifier. On the adult data, 1e-4 takes two to five times as long and
# changes accuracy, Brier score and calibration error by less than 0.001.
TOLERANCE = 1e-3

EARLY_STOPPING_ROWS = 10_000


class Contender(NamedTuple):
    """An estimator of a comparison, the preprocessing of its data, and a note about it."""

    model: str
    estimator: Any
    prepare: Callable[..., Fold] = prepare
    note: str = ""


def _logistic_regression(setting: RunContext) -> Contender:
    return Contender("LogisticRegression", LogisticRegression(max_iter=1000))


def _linear_svc(setting: RunContext) -> Contender:
    # LinearSVC has no probabilities.
    estimator = CalibratedClassifierCV(LinearSVC(random_state=setting.seed), cv=setting.inner_folds)
    return Contender("LinearSVC (calibrated)", estimator)


def _sgd_classifier(setting: RunContext) -> Contender:
    return Contender("SGDClassifier", SGDClassifier(loss="log_loss", random_state=setting.seed))


def _mlp_classifier(setting: RunContext) -> Contender:
    # 200 passes over many rows take minutes, so 10 % of the rows are held out for early stopping.
    # With few rows, these 10 % are needed for training, and too few for early stopping.
    many = setting.n_rows > EARLY_STOPPING_ROWS
    estimator = MLPClassifier(early_stopping=many, random_state=setting.seed)
    return Contender("MLPClassifier", estimator)


def _hist_gradient_boosting(setting: RunContext) -> Contender:
    estimator = HistGradientBoostingClassifier(
        categorical_features=setting.categorical or None, random_state=setting.seed
    )
    return Contender("HistGradientBoostingClassifier", estimator, prepare_for_trees)


BASELINES: dict[str, Callable[[RunContext], Contender]] = {
    "LogisticRegression": _logistic_regression,
    "LinearSVC": _linear_svc,
    "SGDClassifier": _sgd_classifier,
    "MLPClassifier": _mlp_classifier,
    "HistGradientBoostingClassifier": _hist_gradient_boosting,
}


# Default loss of energies other than "linear": the one with the best log-loss in the benchmarks.
BEST_LOSS = "nll"


class Pair(NamedTuple):
    """An energy and a compatible loss, by name or as objects, and a representation or None."""

    energy: Any
    loss: Any
    representation: Any = None

    @property
    def model(self) -> str:
        """Name in the table."""
        if self.energy == "linear":
            return f"EBM {display_name(self.loss)}"
        return f"EBM {display_name(self.energy)} {display_name(self.loss)}"


def display_name(part: Any) -> str:
    """Return the name of a part, or the representation of an object."""
    return part if isinstance(part, str) else " ".join(repr(part).split())


def known_pairs(energies: Iterable[Any] | None, losses: Iterable[Any] | None) -> list[Pair]:
    """Return the energies and losses to compare; raise DataError for invalid names.

    Parameters
    ----------
    energies : iterable of str or Energy, or None
        None means the linear energy with all `losses`; if these are None as well, also every other
        energy with the default loss.
    losses : iterable of str or Loss, or None
        None means all losses that suit each energy.

    Raises
    ------
    DataError
        If a name is unknown, or a loss suits none of the energies.

    Examples
    --------
    >>> [pair.model for pair in known_pairs(["linear", "kernel"], ["hinge", "nll"])]
    ['EBM hinge', 'EBM nll', 'EBM kernel hinge', 'EBM kernel nll']
    """
    if energies is None:
        pairs = known_pairs(["linear"], losses)
        if losses is None:
            pairs += [Pair(name, BEST_LOSS) for name in ENERGIES if name != "linear"]
        return pairs
    energies, losses = list(energies), None if losses is None else list(losses)
    return suitable_pairs(energies, losses, ENERGIES.names, suitable_losses)


def suitable_pairs(
    energies: Sequence[Any],
    losses: Sequence[Any] | None,
    known: Iterable[str],
    suitable_to: Callable[[Any], Sequence[str]],
) -> list[Pair]:
    """Return pairs of each energy and the losses that suit it; None means all losses.

    Raises
    ------
    DataError
        If the name of an energy or a loss is unknown, or a loss suits none of the energies.
    """
    for name in energies:
        if isinstance(name, str):
            _check_known(name, known, "energy")
    suitable = list(dict.fromkeys(name for each in energies for name in suitable_to(each)))
    of = "a linear energy" if energies == ["linear"] else "these energies"
    for loss in losses or ():
        if isinstance(loss, str) and loss in LOSSES.names and loss not in suitable:
            raise DataError(
                f'The loss "{loss}" does not suit {of}; use one of {", ".join(suitable)}.'
            )
        if isinstance(loss, str):
            _check_known(loss, suitable, "loss")
    return [
        Pair(energy, loss)
        for energy in energies
        for loss in (suitable_to(energy) if losses is None else losses)
        if not isinstance(loss, str) or loss in suitable_to(energy)
    ]


def representation_pairs(
    representations: Representations, losses: Iterable[Any] | None, suitable: Sequence[str]
) -> list[Pair]:
    """Return the linear energy on each representation, with losses that suit it.

    Parameters
    ----------
    representations : bool, str, iterable of str or Representation, or None
        True means all of them.
    losses : iterable of str or Loss, or None
        None, or none that suits a linear energy, means the likelihood.
    suitable : sequence of str
        Names of the losses that suit a linear energy.

    Raises
    ------
    DataError
        If the name of a representation is unknown, or an object is none.

    Examples
    --------
    >>> [
    ...     pair.loss
    ...     for pair in representation_pairs("sparse_coding", ["lvq2", "hinge"], ["hinge"])
    ... ]
    ['hinge']
    """
    names = chosen(representations)
    for name in names:
        if isinstance(name, str):
            _check_known(name, REPRESENTATIONS, "representation")
        try:
            REPRESENTATIONS.resolve(name)
        except TypeError as error:
            raise DataError(str(error)) from error
    suiting = [loss for loss in losses or () if not isinstance(loss, str) or loss in suitable]
    return [Pair("linear", loss, name) for name in names for loss in suiting or [BEST_LOSS]]


def with_representation(contender: Contender, pair: Pair, seed: int) -> Contender:
    """Return the contender after the representation of its pair, unchanged if there is none."""
    if pair.representation is None:
        return contender
    features = CodeFeatures(pair.representation, random_state=seed)
    model = f"EBM x + {display_name(pair.representation)} -> linear {display_name(pair.loss)}"
    return Contender(model, make_pipeline(features, contender.estimator), prepare_dense)


def known_baselines(
    baselines: Iterable[str] | Mapping[str, Any] | None, known: Iterable[str] = BASELINES
) -> Any:
    """Return the baselines to compare, all known ones for None; raise DataError if invalid.

    Raises
    ------
    DataError
        If a name is unknown.
    """
    if baselines is None or isinstance(baselines, Mapping):
        return list(known) if baselines is None else baselines
    baselines = list(baselines)
    for name in baselines:
        _check_known(name, known, "baseline")
    return baselines


def _check_known(name: str, known: Iterable[str], role: str) -> None:
    if name not in known:
        hint = closest(name, known)
        hint = hint[:1].upper() + hint[1:] + " " if hint else ""
        raise DataError(f'There is no {role} "{name}". {hint}Known are {", ".join(known)}.')


def contenders(pairs: Sequence[Pair], baselines: Any, setting: RunContext) -> list[Contender]:
    """Return the contenders in the order in which they run.

    Parameters
    ----------
    pairs : sequence of Pair
        Results of `known_pairs` and `representation_pairs`.
    baselines : sequence of str, or mapping of name to estimator
        Result of `known_baselines`.
    setting : RunContext

    Returns
    -------
    contenders : list of Contender
        Contenders, energies first. All losses except nll choose β on held-out rows; nll learns
        probabilities at β = 1.
    """
    many = setting.n_rows > EARLY_STOPPING_ROWS
    entrants = []
    for pair in pairs:
        stochastic = ENERGIES.resolve(pair.energy).traits.stochastic
        estimator = EBMClassifier(
            energy=pair.energy,
            loss=pair.loss,
            beta=1.0 if pair.loss == "nll" else "auto",
            tol=TOLERANCE,
            early_stopping=many and stochastic,  # as for MLPClassifier
            random_state=setting.seed,
        )
        entrants.append(with_representation(Contender(pair.model, estimator), pair, setting.seed))
    if isinstance(baselines, Mapping):
        return entrants + [Contender(name, own) for name, own in baselines.items()]
    return entrants + [BASELINES[name](setting) for name in baselines]
