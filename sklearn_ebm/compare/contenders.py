"""Classifiers of a comparison: energies with losses, and other classifiers."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple

from sklearn.calibration import CalibratedClassifierCV
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from sklearn_ebm.compare.adapters import MarginalDensity
from sklearn_ebm.compare.columns import DataError, closest
from sklearn_ebm.compare.folds import final_step
from sklearn_ebm.compare.preparation import linear, linear_dense, trees
from sklearn_ebm.energies import ENERGIES
from sklearn_ebm.estimators.classifier import EBMClassifier
from sklearn_ebm.learning.compatibility import suitable_losses
from sklearn_ebm.losses import LOSSES
from sklearn_ebm.representation import REPRESENTATIONS
from sklearn_ebm.representation.code_features import CodeFeatures

Representations = bool | str | Iterable[Any] | None


class RunContext(NamedTuple):
    """Information from which estimators are constructed.

    The seed, the number of folds into which an estimator may split its training rows, and the
    number of rows.
    """

    seed: int
    inner_folds: int
    n_rows: int

    @property
    def is_large(self) -> bool:
        """Whether early stopping can hold out rows."""
        return self.n_rows > EARLY_STOPPING_ROWS


# The parameter tol of EBMClassifier. On the adult data, 1e-4 takes two to five times as long and
# changes accuracy, Brier score and calibration error by less than 0.001.
TOLERANCE = 1e-3

EARLY_STOPPING_ROWS = 10_000


class Contender(NamedTuple):
    """An estimator of a comparison.

    The name, the estimator, the function of a table that returns the preparation of its columns, a
    note, the origin as in `Row`, and the rough time of a fit, in units of a linear model's.
    """

    model: str
    estimator: Any
    prepare: Callable[[Any], Any] = linear
    note: str = ""
    origin: str = "baseline"
    cost: float = 1.0


BASELINES: dict[str, Callable[[RunContext], Contender]] = {
    "majority": lambda context: Contender(
        "majority class", DummyClassifier(strategy="prior"), origin="floor", cost=0.1
    ),
    "LogisticRegression": lambda context: Contender(
        "LogisticRegression", LogisticRegression(max_iter=1000)
    ),
    # LinearSVC has no probabilities.
    "LinearSVC": lambda context: Contender(
        "LinearSVC (calibrated)",
        CalibratedClassifierCV(LinearSVC(random_state=context.seed), cv=context.inner_folds),
        cost=6,
    ),
    "SGDClassifier": lambda context: Contender(
        "SGDClassifier", SGDClassifier(loss="log_loss", random_state=context.seed)
    ),
    # 200 passes over many rows take minutes, so 10 % of the rows are held out for early stopping.
    # With few rows, these 10 % are needed for training, and too few for early stopping.
    "MLPClassifier": lambda context: Contender(
        "MLPClassifier",
        MLPClassifier(early_stopping=context.is_large, random_state=context.seed),
        cost=30,
    ),
    "RandomForestClassifier": lambda context: Contender(
        "RandomForestClassifier", RandomForestClassifier(random_state=context.seed), cost=10
    ),
    "HistGradientBoostingClassifier": lambda context: Contender(
        "HistGradientBoostingClassifier",
        HistGradientBoostingClassifier(
            categorical_features="from_dtype", random_state=context.seed
        ),
        trees,
        cost=10,
    ),
    "LightGBM": lambda context: Contender(
        "LightGBM",
        optional("lightgbm").LGBMClassifier(random_state=context.seed, verbose=-1),
        cost=10,
    ),
    "CatBoost": lambda context: Contender(
        "CatBoost",
        optional("catboost").CatBoostClassifier(
            random_seed=context.seed, verbose=False, allow_writing_files=False
        ),
        cost=40,
    ),
}
# The package that a baseline needs; by default it takes part if the package is installed.
PACKAGES = {
    "LightGBM": "lightgbm",
    "CatBoost": "catboost",
    "NGBoost": "ngboost",
    "QuantileForest": "quantile_forest",
}


def optional(package: str) -> Any:
    """Return an optional package; raise DataError if it is not installed."""
    try:
        return import_module(package)
    except ImportError as error:
        (name,) = (name for name, needed in PACKAGES.items() if needed == package)
        raise DataError(f'"{name}" needs the package {package}, but: {error}.') from error


def installed(names: Iterable[str]) -> list[str]:
    """Return the names of the baselines whose package, if any, is installed."""
    return [name for name in names if name not in PACKAGES or find_spec(PACKAGES[name])]


def usable(
    names: Iterable[str],
    known: Mapping[str, Callable[[RunContext], Contender]],
    context: RunContext,
) -> tuple[list[str], list[str]]:
    """Return the names of baselines that can be made, and notes on packages that are broken."""
    kept, notes = [], []
    for name in names:
        try:
            known[name](context)
        except Exception as error:  # whatever the import of a broken package raises
            notes.append(f"{name} was left out: {error}")
        else:
            kept.append(name)
    return kept, notes


# Rough time of a fit with an energy, in units of a linear model's.
COSTS = {"linear": 2.0, "kernel": 15.0, "prototypes": 10.0, "mlp": 30.0, "rbm": 40.0}
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
        if self.representation is not None:
            return f"{display_name(self.representation)} codes + {display_name(self.loss)}"
        if self.energy == "linear":
            return display_name(self.loss)
        return f"{display_name(self.energy)} + {display_name(self.loss)}"


def display_name(part: Any) -> str:
    """Return the name of a part, or the representation of an object."""
    return part if isinstance(part, str) else " ".join(repr(part).split())


def known_pairs(energies: Iterable[Any] | None, losses: Iterable[Any] | None) -> list[Pair]:
    """Return the energies and losses to compare; raise DataError for invalid names.

    No energies mean the linear energy and, if there are no losses either, every other energy with
    the default loss. No losses mean all that suit each energy.

    Examples
    --------
    >>> [pair.model for pair in known_pairs(["linear", "kernel"], ["hinge", "nll"])]
    ['hinge', 'nll', 'kernel + hinge', 'kernel + nll']
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
    """Return pairs of each energy and the losses that suit it; None means all losses."""
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

    No losses, or none that suits a linear energy, mean the likelihood.

    Examples
    --------
    >>> [
    ...     pair.loss
    ...     for pair in representation_pairs("sparse_coding", ["lvq2", "hinge"], ["hinge"])
    ... ]
    ['hinge']
    """
    names = representations
    if isinstance(names, bool):
        names = list(REPRESENTATIONS) if names else []
    names = [names] if isinstance(names, str) else list(names or ())
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
    return contender._replace(
        estimator=make_pipeline(features, contender.estimator),
        prepare=linear_dense,
        note="the columns and, beside them, the codes are features of a linear energy",
        cost=contender.cost + 20,
    )


def known_baselines(
    baselines: Iterable[str] | Mapping[str, Any] | None, known: Iterable[str] = BASELINES
) -> Any:
    """Return the baselines to compare, all installed ones for None; raise DataError if invalid."""
    if baselines is None or isinstance(baselines, Mapping):
        return installed(known) if baselines is None else baselines
    baselines = list(baselines)
    for name in baselines:
        _check_known(name, known, "baseline")
    return baselines


def _check_known(name: str, known: Iterable[str], role: str) -> None:
    if name not in known:
        hint = closest(name, known)
        hint = hint[:1].upper() + hint[1:] + " " if hint else ""
        raise DataError(f'There is no {role} "{name}". {hint}Known are {", ".join(known)}.')


def refuse_equal_names(contenders: Iterable[Contender]) -> None:
    """Raise DataError if several contenders have one name."""
    names = Counter(contender.model for contender in contenders)
    name, count = names.most_common(1)[0]
    if count > 1:
        raise DataError(f'There are several models "{name}"; give each of them once.')


def own_contender(name: str, estimator: Any) -> Contender:
    """Return a contender for a user's estimator, which may be one of this package."""
    model = final_step(estimator)
    model = getattr(model, "estimator", model)  # that of a search
    is_ours = type(model).__module__.startswith("sklearn_ebm.estimators")
    is_floor = isinstance(model, DummyClassifier | DummyRegressor | MarginalDensity)
    origin = "package" if is_ours else "floor" if is_floor else "baseline"
    return Contender(name, estimator, origin=origin)


def contenders(pairs: Sequence[Pair], baselines: Any, context: RunContext) -> list[Contender]:
    """Return the contenders of pairs and baselines.

    All losses except nll choose β on held-out rows; nll learns probabilities at β = 1.
    """
    entrants = []
    for pair in pairs:
        stochastic = ENERGIES.resolve(pair.energy).traits.stochastic
        estimator = EBMClassifier(
            energy=pair.energy,
            loss=pair.loss,
            beta=1.0 if pair.loss == "nll" else "auto",
            tol=TOLERANCE,
            early_stopping=context.is_large and stochastic,  # as for MLPClassifier
            random_state=context.seed,
        )
        cost = COSTS.get(pair.energy, 20.0) if isinstance(pair.energy, str) else 20.0
        contender = Contender(pair.model, estimator, origin="package", cost=cost)
        entrants.append(with_representation(contender, pair, context.seed))
    if isinstance(baselines, Mapping):
        return entrants + [own_contender(name, own) for name, own in baselines.items()]
    return entrants + [BASELINES[name](context) for name in baselines]
