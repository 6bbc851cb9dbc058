"""Every energy of continuous answers, every way to ask: it answers, or refuses in a sentence."""

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
from sklearn_ebm.estimators._density_predictions import PREDICTIONS
from sklearn_ebm.estimators.regressor import CALIBRATIONS
from sklearn_ebm.inference import INFERENCES
from sklearn_ebm.losses import LOSSES

# Quick settings; what is learned well is tested energy by energy.
MEMORY = Memory(n_trees=2, min_leaf_size=2, powers=1, bandwidths=((0.3, 0.02), (1.2, 0.01)))
OBJECTS = {
    "experts": Experts(2, hidden_layer_sizes=(4,), n_members=2),
    "decoder": Decoder(n_latents=3, hidden_layer_sizes=(4,), n_members=1),
    "joint": Joint(hidden_layer_sizes=(4,), n_components=2),
    "memory": MEMORY,
    "location_scale": LocationScale(base=Ridge(), n_estimators=2),
    "blend": Blend(
        [MEMORY, Experts(2, hidden_layer_sizes=(3,)), LocationScale(n_estimators=2)], base=Ridge()
    ),
    "auto": "auto",
}
# The proposal does not suit an energy after two passes, or at another β, and says so.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn_ebm.exceptions.SamplingWarning")

COUNTED = ("memory", "location_scale", "blend")

RNG = np.random.RandomState(0)
X = RNG.normal(size=(30, 2))
Y = X[:, 0] + 0.3 * RNG.normal(size=30)
VECTOR = np.column_stack([Y, X[:, 1] + 0.2 * RNG.normal(size=30)])


@pytest.fixture(autouse=True)
def few_members(monkeypatch):
    """What "auto" blends, and its location, are quickly learned."""
    members = [("memory", MEMORY), ("location_scale", LocationScale(n_estimators=2))]
    monkeypatch.setattr(
        "sklearn_ebm.learning.densities.learn.suitable_members", lambda *_, **__: members
    )
    monkeypatch.setattr("sklearn_ebm.energies._bank.locations._automatic", lambda n, d: [Ridge()])


def fit(energy, y, **parameters):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return LatentEBMRegressor(OBJECTS[energy], max_iter=2, random_state=0, **parameters).fit(
            X, y
        )


def answers(reg, y):
    """Everything that it says, finite and of the right shape."""
    rows, right, q = X[:4], y[:4], np.ndim(y)
    law = reg.predict_distribution(rows)
    predicted, interval = reg.predict(rows), reg.predict_interval(rows, 0.7)
    assert predicted.shape == right.shape and interval.shape == (*right.shape, 2)
    said = [predicted, law.mean(), law.var(), law.crps(right), law.entropy()]
    said += [reg.predict_quantiles(rows, [0.1, 0.5]), reg.sample(rows, 2, random_state=0)]
    said += [reg.log_prob(rows, right), reg.energies(rows, right), reg.latent_energies(rows, right)]
    said += [reg.predict_modes(rows).answers[:, 0], reg.predict_candidate_proba(rows, y[:5])]
    assert all(np.isfinite(values).all() for values in said)
    assert not np.isnan(interval).any() and (interval[..., 0] <= interval[..., 1]).all()
    region = reg.predict_region(rows, 0.7)
    assert not np.isnan(region[:, 0] if q == 1 else region.log_threshold).any()


def test_there_are_quick_settings_for_every_energy():
    assert set(OBJECTS) == {"auto", *CONDITIONAL_ENERGIES}
    assert set(COUNTED) < set(CONDITIONAL_ENERGIES)


@pytest.mark.parametrize("beta", [1.0, 3.0, "auto"])
@pytest.mark.parametrize("inference", INFERENCES)
@pytest.mark.parametrize("energy", OBJECTS)
def test_every_energy_inference_and_beta(energy, inference, beta):
    loss = "hinge" if energy == "decoder" else "nll"  # not normalised by construction
    for y in (Y, VECTOR):
        reg = fit(energy, y, inference=inference, beta=beta, loss=loss)
        assert (reg.beta_ > 0) if beta == "auto" else (reg.beta_ == beta)
        answers(reg, y)


@pytest.mark.filterwarnings("ignore::sklearn_ebm.exceptions.CalibrationWarning")
@pytest.mark.parametrize("calibration", CALIBRATIONS)
@pytest.mark.parametrize("energy", OBJECTS)
def test_every_energy_calibration_and_prediction(energy, calibration):
    loss = "hinge" if energy == "decoder" else "nll"
    for y in (Y, VECTOR):
        reg = fit(energy, y, calibration=calibration, loss=loss, validation_fraction=0.3)
        answers(reg, y)
        law = reg.predict_distribution(X)
        for prediction in PREDICTIONS:
            reg.set_params(prediction=prediction)
            np.testing.assert_array_equal(reg.predict(X), getattr(law, prediction)())


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("energy", COUNTED)
def test_energies_that_count_have_the_likelihood_alone(energy, loss):
    if loss == "nll":
        answers(fit(energy, Y, loss=loss), Y)
        return
    with pytest.raises(ValueError, match=rf"^loss '{loss}' .*[:;] use 'nll'"):
        fit(energy, Y, loss=loss)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"solver": "lbfgs"}, "cannot learn a density"),
        ({"n_latents": 3}, "both set the latent values"),
        ({"beta": -1.0}, "beta=-1.0 must be a positive finite number"),
        ({"calibration": "split"}, "calibration='split' is not known"),
        ({"prediction": "best"}, "prediction='best' is not known"),
        ({"inference": "max"}, "inference='max' is not known"),
        ({"time_budget": 0}, "time_budget=0 must be a positive finite number"),
    ],
)
@pytest.mark.parametrize("energy", COUNTED)
def test_what_cannot_be_is_refused_in_one_sentence(energy, parameters, message):
    with pytest.raises(ValueError, match=message) as caught:
        fit(energy, Y, **parameters)
    assert str(caught.value).endswith(".")
