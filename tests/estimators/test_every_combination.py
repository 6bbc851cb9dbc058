"""Every energy with every loss: it learns, or is refused in one sentence."""

import numpy as np
import pytest
from scipy import sparse

from sklearn_ebm import EBMClassifier
from sklearn_ebm.energies import ENERGIES, MLP, RBM, Kernel, Prototypes
from sklearn_ebm.learning.compatibility import suitable_losses
from sklearn_ebm.losses import LOSSES

# Quick settings; what is learned well is tested energy by energy.
OBJECTS = {
    "linear": ENERGIES["linear"](),
    "kernel": Kernel(n_components=30),
    "mlp": MLP((30,)),
    "prototypes": Prototypes(n_prototypes=2),
    "rbm": RBM(30),
}
PASSES = {"mlp": 300, "prototypes": 60, "rbm": 300}
SLOW = {("rbm", "square_exp"): 700}
PENALTIES = {"rbm": 10.0}  # the interaction of two weights is small where both are

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore::sklearn_ebm.exceptions.CollapseWarning"),
]


def blobs(n_classes):
    rng = np.random.RandomState(n_classes)
    y = np.arange(12 * n_classes) % n_classes
    X = 4 * rng.normal(size=(n_classes, 6))[y] + rng.normal(size=(len(y), 6))
    X /= X.std(axis=0)
    return X, y, rng.uniform(0.2, 2.0, size=len(y))


def test_there_are_quick_settings_for_every_energy():
    assert set(OBJECTS) == set(ENERGIES)


@pytest.mark.parametrize("n_classes", [2, 7])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("energy", ENERGIES)
def test_every_energy_with_every_loss(energy, loss, n_classes):
    X, y, weight = blobs(n_classes)
    clf = EBMClassifier(energy=OBJECTS[energy], loss=loss, max_iter=PASSES.get(energy))
    clf.set_params(max_iter=SLOW.get((energy, loss), clf.max_iter), C=PENALTIES.get(energy, 1.0))
    if loss not in suitable_losses(energy):
        with pytest.raises(ValueError, match=rf"^loss '{loss}' cannot be \w+ with energy") as error:
            clf.fit(X, y)
        assert "use" in str(error.value) or "Losses for energy" in str(error.value)
        return
    chance = 1 / n_classes
    for rows, settings, sample_weight in (
        (X, {}, None),
        (X.astype(np.float32), {}, weight),
        (X, {"class_weight": "balanced"}, weight),
        (sparse.csr_matrix(X), {"class_weight": {0: 2.0}}, None),
    ):
        clf.set_params(**({"class_weight": None} | settings)).fit(rows, y, sample_weight)
        assert clf.score(rows, y) > chance + 0.2 * (1 - chance)
        probabilities = clf.predict_proba(rows)
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
        assert probabilities.dtype == clf.energies(rows).dtype == rows.dtype
        assert (clf.predict(rows) == clf.classes_[clf.energies(rows).argmin(axis=1)]).all()
