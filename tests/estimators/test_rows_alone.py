"""What is said of a row does not depend on the rows beside it, for every energy and question."""

import warnings

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from sklearn_ebm import LatentEBMRegressor
from sklearn_ebm.energies import (
    CONDITIONAL_ENERGIES,
    Blend,
    Decoder,
    Experts,
    Joint,
    LocationScale,
    Memory,
)
from sklearn_ebm.energies.quadratic import QuadraticEnergy
from sklearn_ebm.inference import INFERENCES

# The file as a whole takes more than ten seconds.
pytestmark = pytest.mark.slow

# Settings with few components in some rows and many in others.
MEMORY = Memory(n_trees=10, min_leaf_size=3, powers=1)
EXPERTS = Experts(2, hidden_layer_sizes=(4,), n_members=2)
OBJECTS = {
    "experts": EXPERTS,
    "decoder": Decoder(n_latents=4, hidden_layer_sizes=(4,), n_members=1),
    "joint": Joint(hidden_layer_sizes=(5,), n_components=2),
    "memory": MEMORY,
    "location_scale": LocationScale(base=Ridge(), n_estimators=5),
    "blend": Blend([MEMORY, EXPERTS, LocationScale(n_estimators=5)], base=Ridge()),
}

RNG = np.random.RandomState(0)
X = RNG.normal(size=(80, 2))
Y = np.where(X[:, 0] > 0, X[:, 0] + RNG.choice([-2.0, 2.0], size=80), 0.05 * RNG.normal(size=80))
VECTOR = np.column_stack([Y, X[:, 1] + 0.2 * RNG.normal(size=80)])
# The last two are far from all others.
NEW = np.concatenate([RNG.normal(size=(4, 2)), [[40.0, 0.0], [-40.0, 1e3]]])


def questions(reg, y):
    """Ways to ask: name, and X, y -> an array with one entry for each row."""

    def law(name, *arguments):
        return lambda X, y: getattr(reg.predict_distribution(X), name)(*arguments)

    asked = {
        "log_prob": reg.log_prob,
        "energies": reg.energies,
        "predict": lambda X, y: reg.predict(X),
        "quantiles": lambda X, y: reg.predict_quantiles(X, [0.02, 0.5, 0.9]),
        "interval": lambda X, y: reg.predict_interval(X, 0.9),
        "proba": lambda X, y: reg.predict_candidate_proba(
            X, np.zeros((1, *np.shape(y)[1:])) + y[0]
        ),
        "mean": law("mean"),
        "std": law("std"),
        "entropy": law("entropy"),
        "crps": lambda X, y: reg.predict_distribution(X).crps(y),
        "rank": lambda X, y: reg.predict_distribution(X).density_rank(y),
    }
    if isinstance(reg.energy_, QuadraticEnergy):
        asked["latent_groups"] = lambda X, y: reg.latent_responsibilities(X).shares
        asked["speakers of y"] = lambda X, y: reg.latent_responsibilities(X, y).shares
    if np.ndim(y) == 1:
        # Modes and intervals are padded: their sums say the same of all rows.
        asked["modes"] = lambda X, y: np.nansum(reg.predict_modes(X).answers, axis=1)
        asked["region"] = lambda X, y: np.nansum(np.diff(reg.predict_region(X, 0.8)), axis=(1, 2))
    else:
        asked["region"] = lambda X, y: reg.predict_region(X, 0.8).log_threshold
    return asked


def test_there_are_settings_for_every_energy():
    assert set(OBJECTS) == set(CONDITIONAL_ENERGIES)


@pytest.mark.parametrize("inference", INFERENCES)
@pytest.mark.parametrize("energy", CONDITIONAL_ENERGIES)
@pytest.mark.parametrize("answers", [Y, VECTOR], ids=["one", "two"])
def test_a_row_alone_is_the_row_among_others(energy, inference, answers):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        reg = LatentEBMRegressor(
            OBJECTS[energy], inference=inference, max_iter=3, random_state=0
        ).fit(X, answers)
    y = answers[: len(NEW)]
    for name, ask in questions(reg, y).items():
        among = ask(NEW, y)
        for row in (0, 5):
            alone = ask(NEW[[row]], y[[row]])
            if name == "proba":
                alone = reg.predict_candidate_proba(NEW[[row]], y[:1])
            np.testing.assert_allclose(
                alone[0], among[row], rtol=1e-6, atol=1e-7, err_msg=f"{name} of row {row}"
            )
