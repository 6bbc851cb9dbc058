"""Switches and numbers that cannot be used: one sentence that names the setting, for every part."""

import math
import re

import numpy as np
import pytest

from sklearn_ebm import EBMClassifier, EBMClassifierCV, LatentEBMRegressor
from sklearn_ebm.energies import CONDITIONAL_ENERGIES, ENERGIES
from sklearn_ebm.losses import LOSSES
from sklearn_ebm.losses.negatives import NEGATIVES
from sklearn_ebm.losses.negatives.base import ModelNegatives
from sklearn_ebm.solvers import SOLVERS

RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 2))
Y = np.arange(24) % 3
T = X[:, 0] + 0.1 * RNG.normal(size=24)

NAN, INF = math.nan, math.inf
# What no number of anything may be; and for counts, what is no whole number.
NEVER = (NAN, -INF, -1, "x", True, np.True_, 10**400, [1.0, 2.0], 1j)
POSITIVE = (*NEVER, 0, INF)
COUNT = (*POSITIVE, 1.5, "1")
LIMIT = (*NEVER, INF, 1.5, "1")
SWITCH = ("False", "no", "", 0, 1, None, NAN, [])

ESTIMATORS = {
    EBMClassifier: {
        "C": (*NEVER, 0), "tol": POSITIVE, "beta": POSITIVE, "max_iter": LIMIT,
        "n_iter_no_change": COUNT, "validation_fraction": (*POSITIVE, 1, 1.5),
        "fit_intercept": SWITCH, "early_stopping": (*SWITCH, "auto"), "warm_start": SWITCH,
        "n_jobs": (NAN, 0, "x", True, 1.5), "verbose": (NAN, -1, "x", None),
        "random_state": (NAN, -1, "x", 1.5, 2**32, [1]),
    },
    EBMClassifierCV: {
        "tol": POSITIVE, "max_iter": LIMIT, "fit_intercept": SWITCH, "refit": SWITCH,
        "Cs": (NAN, -1, 0, "x", True, 1.5, [], [0.0], [NAN], ["x"], [True]),
        "betas": (NAN, 1.0, "x", [], [0.0], [NAN], ["x"], [True]),
        "cv": (-1, 0, 1, True), "n_jobs": (NAN, 0, "x", True, 1.5), "verbose": (NAN, -1, "x"),
        "random_state": (NAN, -1, "x", 2**32),
    },
    LatentEBMRegressor: {
        "C": (*NEVER, 0), "tol": POSITIVE, "beta": POSITIVE, "max_iter": LIMIT,
        "n_iter_no_change": COUNT, "validation_fraction": (*POSITIVE, 1, 1.5),
        "time_budget": POSITIVE, "n_latents": COUNT, "early_stopping": SWITCH,
        "warm_start": SWITCH, "verbose": (NAN, -1, "x"),
        "random_state": (NAN, -1, "x", 2**32),
    },
}  # fmt: skip

# Settings of parts by kind; a part has these where `__init__` does. All others are names.
NUMBERS = {
    "beta": POSITIVE, "gamma": POSITIVE, "ceiling": POSITIVE, "delta": POSITIVE,
    "margin": (NAN, -INF, -1, "x", True, np.True_, 10**400, 1j, INF),
    "n_components": COUNT, "n_prototypes": COUNT, "dropout": (*NEVER, 1, 1.5, INF),
    "hidden_layer_sizes": (NAN, -1, 0, 1.5, "x", True, (), (0,), (NAN,), (True,), None),
    "fit_intercept": SWITCH, "layer_norm": SWITCH, "shared": SWITCH,
    "memory": COUNT, "patience": COUNT, "max_inner": COUNT,
    "dense_size": (NAN, -1, "x", True, 1.5, INF, 10**400),
    "learning_rate": POSITIVE, "batch_size": COUNT, "epsilon": POSITIVE, "beta_1": (*NEVER, 1, INF),
    "beta_2": (*NEVER, 1, INF), "weight_decay": (*NEVER, INF),
    "n_candidates": COUNT, "reach": POSITIVE, "n_latents": COUNT, "n_members": COUNT,
    "input_noise": (*NEVER, INF), "answer_noise": (*NEVER, INF), "min_scale": (*NEVER, INF),
    "noise": (*NEVER, INF), "n_dimensions": COUNT, "n_trees": COUNT, "cell": POSITIVE,
    "n_estimators": COUNT, "dropped": (*NEVER, 1, INF), "max_features": (NAN, -1, 0, "x", 1.5),
    "powers": (NAN, -1, 0, "x", True, INF, [0.0]), "min_leaf_size": (NAN, -1, 0, "x", 1.5, [0]),
    "base_scale": POSITIVE, "n_draws": COUNT, "n_points": COUNT, "n_chains": COUNT,
    "n_steps": COUNT, "step_size": POSITIVE, "jump_every": (NAN, -1, 0, "x", True, 1.5, INF),
    "bandwidths": (NAN, -1, "x", [], [[NAN, 1.0]], [[-1.0, 1.0]], [["a", 1.0]], [[0.0, 0.0]]),
}  # fmt: skip
# No numbers: names of other parts.
OTHERS = {
    "contrast", "approximation", "activation", "metric", "inference", "schedule", "latent",
    "covariance", "trunk", "base", "values", "members",
}  # fmt: skip


def settings_of(parts):
    return [
        (part, name) for part in parts.values() for name in sorted(part().get_params(deep=False))
    ]


def refused(make, fit, name, values):
    for value in values:
        with pytest.raises((ValueError, TypeError)) as refusal:
            fit(make(**{name: value}))
        message = str(refusal.value)
        assert re.search(rf"\b{name}", message), (value, message)
        assert "\n" not in message, message


def fitted(clf):
    assert "classes_" not in vars(clf)
    clf.fit(X, T if isinstance(clf, LatentEBMRegressor) else Y)


@pytest.mark.parametrize(
    ("make", "name"), [(make, name) for make, names in ESTIMATORS.items() for name in names]
)
def test_estimators_refuse_what_cannot_be_used(make, name):
    def made(**setting):
        if make is EBMClassifierCV:
            setting = {"losses": ["nll"], "Cs": [1.0], "cv": 2} | setting
        if name == "n_latents":
            setting["energy"] = "experts"
        return make(**setting)

    refused(made, fitted, name, ESTIMATORS[make][name])


@pytest.mark.parametrize("name", sorted(set(ESTIMATORS[EBMClassifier]) - {"beta"}))
def test_streams_refuse_it_too(name):
    refused(
        EBMClassifier, lambda clf: clf.partial_fit(X, Y, classes=[0, 1, 2]), name,
        ESTIMATORS[EBMClassifier][name],
    )  # fmt: skip


@pytest.mark.parametrize("value", [True, np.True_, np.False_])
@pytest.mark.parametrize("name", ["fit_intercept", "early_stopping", "warm_start"])
def test_switches_may_be_booleans_of_numpy(name, value):
    clf, reference = (
        EBMClassifier(**{name: each}, random_state=0).fit(X, Y) for each in (value, bool(value))
    )
    np.testing.assert_array_equal(clf.predict_proba(X), reference.predict_proba(X))


def test_early_stopping_of_numpy_is_refused_by_streams_too():
    with pytest.raises(ValueError, match="early_stopping=True needs all"):
        EBMClassifier(early_stopping=np.True_).partial_fit(X, Y, classes=[0, 1, 2])


@pytest.mark.parametrize(("part", "name"), settings_of(LOSSES) + settings_of(ENERGIES))
def test_losses_and_energies_refuse_what_cannot_be_used(part, name):
    if name in OTHERS:
        pytest.skip("a name")

    def fit(part):
        if LOSSES.name_of(part) in LOSSES:
            EBMClassifier("prototypes" if part.traits.needs_nonnegative else "linear", part).fit(
                X, Y
            )
        else:
            EBMClassifier(part).fit(X, Y)

    refused(part, fit, name, NUMBERS[name])


@pytest.mark.parametrize(("part", "name"), settings_of(SOLVERS))
def test_solvers_refuse_what_cannot_be_used(part, name):
    if name in OTHERS:
        pytest.skip("a name")
    loss = "perceptron" if part.online else "nll"
    refused(part, lambda solver: EBMClassifier("linear", loss, solver=solver).fit(X, Y), name,
            NUMBERS[name])  # fmt: skip


@pytest.mark.parametrize(
    ("part", "name"), settings_of(CONDITIONAL_ENERGIES) + settings_of(NEGATIVES)
)
def test_parts_of_densities_refuse_what_cannot_be_used(part, name):
    if name in OTHERS:
        pytest.skip("a name")

    def fit(part):
        negatives = {"negatives": part, "loss": "hinge", "energy": "experts"}
        if isinstance(part, ModelNegatives):
            negatives |= {"loss": "nll", "energy": "joint"}
        drawn = type(part) in NEGATIVES.values()
        LatentEBMRegressor(**(negatives if drawn else {"energy": part})).fit(X, T)

    refused(part, fit, name, NUMBERS[name])
