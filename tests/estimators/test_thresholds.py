"""Numbers of rows at which something changes: each is walked over, learned, asked and pickled.

What an "auto" stands for is settled once in each fit. Parts that were learned on fewer rows, such
as folds, get what the whole gets. So the walk goes around each threshold, and around the numbers of
rows of which a fold falls below it.
"""

import pickle
import warnings

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.linear_model import Ridge

from sklearn_ebm import EBMClassifier, LatentEBMRegressor
from sklearn_ebm.energies import ENERGIES, Blend, Decoder, Experts, LocationScale, Memory
from sklearn_ebm.energies._bank.gaussian_process import Covariance, GaussianProcess, _prior

# The file as a whole takes more than ten seconds.
pytestmark = pytest.mark.slow

T = 24
FOLDS = (4, 2)


def walk(n_folds):
    """Below the threshold and at it, and where the rows beside a fold fall below it."""
    whole = T * n_folds // (n_folds - 1)
    return T - 1, T, whole - 1, whole


MEMORY = Memory(powers=1, bandwidths=((0.3, 0.02), (1.2, 0.01)))
EXPERTS = Experts(2, hidden_layer_sizes=(2,))
BLEND = Blend([MEMORY, EXPERTS], base=Ridge())

ENERGY = "sklearn_ebm.energies."
DENSITY = "sklearn_ebm.learning.densities."
#: Constants that are compared with numbers of rows, what they become here, and who is asked.
THRESHOLDS = {
    "leaf sizes": ({ENERGY + "memory.MANY_ROWS": T}, MEMORY),
    "leaf sizes of a member": ({ENERGY + "memory.MANY_ROWS": T}, BLEND),
    "trees": ({ENERGY + "memory.ROWS_IN_TREES": 2 * T}, MEMORY),
    "folds": ({ENERGY + "_bank.folds.FEW_ROWS": T}, BLEND),
    "judges": (
        {
            ENERGY + "_bank.folds.MAX_VALIDATION_ROWS": T,
            ENERGY + "_bank.folds.VALIDATION_OF_MANY": T // 3,
        },
        MEMORY,
    ),
    "levels": ({ENERGY + "_bank.folds.RETURNS": T / 9}, MEMORY),
    "boosting, processes": (
        {ENERGY + "_bank.locations.LEAST_OF_BOOSTING": T, ENERGY + "_bank.locations.FEW": 33},
        LocationScale(n_estimators=1),
    ),
    "a process, large trees": (
        {
            ENERGY + "_bank.locations.FEW": 0,
            ENERGY + "_bank.locations.MOST_OF_A_PROCESS": T,
            ENERGY + "_bank.locations.MANY": 33,
        },
        Memory(base="auto", min_leaf_size=2, powers=1, bandwidths=((0.3, 0.02),)),
    ),
    "members": ({ENERGY + "experts.MANY_ROWS": T}, EXPERTS),
    "batches": (
        {ENERGY + "experts.ROWS_PER_BATCH": 1, ENERGY + "experts.BATCHES": (2, T)},
        EXPERTS,
    ),
    "decay": ({DENSITY + "gradient_fit.FEW_ROWS": T}, EXPERTS),
    "widths": ({DENSITY + "ensemble.ROWS_FOR_WIDTHS": T // 10}, EXPERTS),
    "blocks of the objective": (
        {DENSITY + "objective.BLOCK": T},
        Decoder(n_latents=3, hidden_layer_sizes=(2,)),
    ),
    "groups": ({DENSITY + "stacking.GROUPS": T}, MEMORY),
    "rows of a bank": ({ENERGY + "banks.ROWS_AT_A_TIME": T}, MEMORY),
    "laws": ({"sklearn_ebm.estimators._density_predictions.ROWS_AT_A_TIME": T}, EXPERTS),
    "distributions of a thread": (
        {"sklearn_ebm.estimators._density_predictions.ROWS_OF_A_THREAD": T},
        MEMORY,
    ),
    "pairs of a tree": ({ENERGY + "_bank.trees.PAIRS": T}, MEMORY),
    "pairs of leaves": ({ENERGY + "_bank.leaves.BLOCK_PAIRS": 40 * T}, MEMORY),
}


def rows_of(n_rows, n_distinct=None):
    rng = np.random.RandomState(n_rows)
    X = rng.normal(size=(n_rows, 1))
    if n_distinct is not None:
        X = X[np.arange(n_rows) % n_distinct]
    return X, X[:, 0] + 0.3 * rng.normal(size=n_rows)


@pytest.fixture
def small(monkeypatch):
    """Few trees, members and folds, whatever the number of rows."""

    def few_trees(n_trees, **settings):
        return ExtraTreesRegressor(2, **settings)

    def not_searched(process, X, y, weight):
        process.n_iter_ = 1
        return Covariance.from_vector(_prior(X.shape[1])[0])

    monkeypatch.setattr(GaussianProcess, "_searched", not_searched)
    for constant, value in {
        "memory.TREES": 2, "memory.FEWEST_TREES": 1, "_bank.folds.FOLDS": FOLDS,
        "experts.MEMBERS": (1, 2),
        "_bank.locations.ExtraTreesRegressor": few_trees,
        "_bank.locations.GradientBoostingRegressor": lambda **settings: Ridge(),
        "_bank.locations._histogram": lambda *shape, **settings: Ridge(),
    }.items():  # fmt: skip
        monkeypatch.setattr(ENERGY + constant, value)
    return monkeypatch


def asked(reg, X, y):
    """What it says, and says again once it was pickled."""
    again = pickle.loads(pickle.dumps(reg))
    for method, arguments in {
        "predict": (), "log_prob": (y,),
    }.items():  # fmt: skip
        said, repeated = (getattr(model, method)(X, *arguments) for model in (reg, again))
        assert np.isfinite(said).all()
        np.testing.assert_array_equal(said, repeated)


@pytest.mark.parametrize("name", THRESHOLDS)
def test_the_regressor_over_every_threshold(name, small):
    constants, energy = THRESHOLDS[name]
    for constant, value in constants.items():
        small.setattr(constant, value)
    # Only where the number of folds itself changes, there are few of them above the threshold.
    for n_rows in walk(FOLDS[1] if name == "folds" else FOLDS[0]):
        X, y = rows_of(n_rows, 9 if name == "levels" else None)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            reg = LatentEBMRegressor(energy, max_iter=1, random_state=0).fit(X, y)
        asked(reg, X, y)


@pytest.mark.parametrize("n_rows", [19_999, 20_000])
def test_as_many_rows_as_make_leaves_large(n_rows):
    """The thresholds as they are: four fifths of the rows are fewer, and all of them are not."""
    X, y = rows_of(n_rows)
    reg = LatentEBMRegressor(Memory(n_trees=1, powers=1), random_state=0).fit(X, y)
    assert len(reg.energy_._stores) == (3 if n_rows < 20_000 else 1)
    asked(reg, X[:10], y[:10])


#: The same for classes: numbers of rows that choose β, that say whether answers can be told apart,
#: that are drawn for a model of the Hessian, and landmarks.
OF_CLASSES = {
    "sklearn_ebm.learning.temperature_scaling.ENOUGH_ROWS": T,
    "sklearn_ebm.learning.collapse.SAMPLE": T // 2,
    "sklearn_ebm.estimators._parts.MOST_COUNTED": T,
    "sklearn_ebm._utils.arrays.FEWEST_ROWS": T,
    "sklearn_ebm.estimators._class_predictions.WORTH_THREADS": T,
    "sklearn_ebm.solvers.preconditioners.kronecker.FEWEST_DRAWN": T // 2,
    "sklearn_ebm.learning.temperature_path.POLISHED_ENTRIES": T,
}


@pytest.mark.parametrize("energy", ENERGIES)
def test_the_classifier_over_every_threshold(energy, monkeypatch):
    for constant, value in OF_CLASSES.items():
        monkeypatch.setattr(constant, value)
    part = ENERGIES.resolve(energy)
    if "n_components" in part.get_params():
        part.set_params(n_components=T)
    for n_rows in walk(3):
        rng = np.random.RandomState(n_rows)
        X, y = rng.normal(size=(n_rows, 2)), np.arange(n_rows) % 3
        X += 2 * np.eye(3)[y][:, :2]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            clf = EBMClassifier(part, beta="auto", max_iter=5, random_state=0).fit(X, y)
        again = pickle.loads(pickle.dumps(clf))
        assert np.isfinite(clf.predict_proba(X)).all()
        np.testing.assert_array_equal(clf.predict_proba(X), again.predict_proba(X))
