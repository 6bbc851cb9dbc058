"""PyTorch modules of pairs (x, y) as energies of continuous answers."""

import copy
import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from sklearn_ebm import EBMClassifier, LatentEBMRegressor, checks
from sklearn_ebm._utils.rows import Rows
from sklearn_ebm.checks import free_form_energies
from sklearn_ebm.energies import Joint, TorchModule, TorchPairs
from sklearn_ebm.energies.torch_module import _Training

torch = pytest.importorskip("torch")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 2))
Y = X[:, 0] + 0.3 * RNG.normal(size=80)
VECTOR = np.column_stack([Y, X[:, 1] + 0.3 * RNG.normal(size=80)])


class Pairs(torch.nn.Module):
    """A network of x and y with the layers in between that are passed."""

    def __init__(self, d=2, q=1, *layers, flat=False, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.of_x, self.of_y = torch.nn.Linear(d, 8), torch.nn.Linear(q, 8, bias=False)
        self.rest = torch.nn.Sequential(*layers, torch.nn.SiLU(), torch.nn.Linear(8, 1))
        self.flat = flat

    def forward(self, x, y):
        scores = self.rest(self.of_x(x) + self.of_y(y))
        return scores[:, 0] if self.flat else scores


def initialized(energy, q=1, dtype=np.float64):
    y = Y[:, None] if q == 1 else VECTOR
    rows = Rows(X.astype(dtype), y, np.ones(80))
    return energy.initialized(rows, q, np.random.RandomState(0))


class Wide(torch.nn.Module):
    """For the checks, which have 3 features and 1 to 3 outputs."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.randn(3, 4))
        self.output = torch.nn.Parameter(torch.randn(4))

    def forward(self, x, y):
        return torch.tanh(x @ self.weight + y.sum(dim=1, keepdim=True) * y[:, :1]) @ self.output


@pytest.mark.parametrize("n_outputs", free_form_energies.OUTPUTS)
@pytest.mark.parametrize(
    "check", free_form_energies.FREE_FORM_CHECKS, ids=lambda check: check.__name__
)
def test_promises(check, n_outputs):
    torch.manual_seed(0)
    cases = list(free_form_energies.free_form_cases(TorchPairs(Wide(), n_components=2)))
    check(*cases[free_form_energies.OUTPUTS.index(n_outputs)])


def test_the_public_check_is_silent():
    checks.check_part(TorchPairs(Wide()))


@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_it_is_what_a_network_of_the_package_is(flat, dtype):
    """Energies, slopes and pullback against `Joint` with the same weights."""
    ours = initialized(Joint(hidden_layer_sizes=8, n_components=2), 2, dtype)
    theirs = initialized(TorchPairs(Pairs(q=2, flat=flat), n_components=2), 2, dtype)
    rng = np.random.RandomState(1)
    params = {n: rng.normal(size=s).astype(dtype) for n, s in ours.shapes(2, 2).items()}
    named = {
        "of_x.weight": params["x_weight"].T, "of_x.bias": params["hidden_0_bias"],
        "of_y.weight": params["y_weight"].T, "rest.1.weight": params["output_weight"].T,
        "rest.1.bias": params["output_bias"],
    }  # fmt: skip
    rows, answers = X[:9].astype(dtype), rng.normal(size=(9, 4, 2)).astype(dtype)
    one = ours.linearize_pairs(params, rows, answers)
    other = theirs.linearize_pairs(named, rows, answers)
    tolerance = 1e-9 if dtype == np.float64 else 1e-4
    np.testing.assert_allclose(other.energies, one.energies, atol=tolerance)
    np.testing.assert_allclose(other.answer_slopes(), one.answer_slopes(), atol=tolerance)
    slope = rng.normal(size=(9, 4)).astype(dtype)
    mine, found = one.pullback(slope), other.pullback(slope)
    for name, same in (("of_x.weight", "x_weight"), ("rest.1.weight", "output_weight")):
        np.testing.assert_allclose(found[name], mine[same].T, atol=10 * tolerance)
    assert {part.dtype for part in found.values()} == {np.dtype(dtype)}


@pytest.mark.filterwarnings("ignore::sklearn_ebm.exceptions.SamplingWarning")
@pytest.mark.parametrize("y", [Y, VECTOR], ids=["one", "two"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_it_learns_pickles_and_clones(y, dtype):
    module = Pairs(q=np.ndim(y))
    before = copy.deepcopy(module.state_dict())
    rows = X.astype(dtype)
    reg = LatentEBMRegressor(TorchModule(module), max_iter=100, random_state=0).fit(rows, y)
    assert reg.score(rows, y) > 0.6
    assert all(torch.equal(part, before[name]) for name, part in module.state_dict().items())
    assert {part.dtype for part in reg.params_.values()} == {np.dtype(dtype)}
    again = pickle.loads(pickle.dumps(reg))
    np.testing.assert_array_equal(again.log_prob(rows, y), reg.log_prob(rows, y))
    same = clone(reg).fit(rows, y)
    np.testing.assert_array_equal(same.log_prob(rows, y), reg.log_prob(rows, y))
    assert reg.predict_interval(rows[:3]).shape == (3, *np.shape(y)[1:], 2)


def test_a_trained_module_gives_the_energies():
    reg = LatentEBMRegressor(TorchModule(Pairs()), max_iter=5, random_state=0).fit(X, Y)
    module, energy = reg.energy_.trained(reg.params_), reg.energy_
    assert isinstance(energy, TorchPairs) and not module.training
    x, y = energy._units.rows(X), energy._units.answers(Y[:, None])
    with torch.no_grad():
        scores = module(torch.from_numpy(x), torch.from_numpy(y)).numpy()[:, 0]
    base = y[:, 0] ** 2 / 8 + 0.5 * np.log(8 * np.pi)
    np.testing.assert_allclose(reg.energies(X, Y), base - scores, atol=1e-9)


@pytest.mark.filterwarnings("ignore::sklearn_ebm.exceptions.SamplingWarning")
@pytest.mark.parametrize(
    "parts",
    [{"loss": "nce"}, {"loss": "score_matching"}, {"negatives": "persistent"}, {"loss": "hinge"}],
    ids=str,
)
def test_other_losses_and_negatives(parts):
    reg = LatentEBMRegressor(TorchModule(Pairs()), max_iter=3, random_state=0, **parts).fit(X, Y)
    assert np.isfinite(reg.log_prob(X, Y)).all()


def test_dropout_acts_in_learning_only():
    energy = initialized(TorchPairs(Pairs(2, 1, torch.nn.Dropout(0.5)), n_components=2))
    params = energy.start(Rows(X, Y[:, None], np.ones(80)), 1, None)
    answers = np.zeros((5, 3, 1))
    first, second = (energy.linearize_pairs(params, X[:5], answers).energies for _ in range(2))
    np.testing.assert_array_equal(first, second)
    rng = np.random.RandomState(0)
    copies = [energy._for_step(rng) for _ in range(2)]
    state = torch.random.get_rng_state()
    noisy = [part.linearize_pairs(params, X[:5], answers).energies for part in (*copies, copies[0])]
    assert torch.equal(state, torch.random.get_rng_state())
    np.testing.assert_array_equal(noisy[0], noisy[2])
    assert (noisy[0] != noisy[1]).any() and not energy.module.training


def test_statistics_of_batch_normalisation_are_learned():
    energy = TorchModule(Pairs(2, 1, torch.nn.BatchNorm1d(8)))
    reg = LatentEBMRegressor(energy, max_iter=3, random_state=0).fit(X, Y)
    assert reg.energy_.module.rest[0].running_mean.abs().max() > 0
    assert energy.module.rest[0].running_mean.abs().max() == 0


def test_a_warm_start_goes_on():
    reg = LatentEBMRegressor(TorchModule(Pairs()), max_iter=10, warm_start=True).fit(X, Y)
    first = reg.log_prob(X, Y).mean()
    reg.fit(X, Y)
    assert reg.log_prob(X, Y).mean() > first


def test_grid_search():
    search = GridSearchCV(
        LatentEBMRegressor(TorchModule(Pairs()), max_iter=2, random_state=0),
        {"energy__module": [Pairs(seed=1), Pairs(seed=2)]}, cv=2,
    )  # fmt: skip
    assert np.isfinite(search.fit(X, Y).cv_results_["mean_test_score"]).all()


class Returns(torch.nn.Module):
    """A module that returns something else."""

    def __init__(self, value):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))
        self.value = value

    def forward(self, x, y):
        return self.value(self.weight, x, y)


REFUSED = [
    (Returns(lambda w, x, y: w), ValueError, r"returns \(1,\) for two pairs .*one score for each"),
    (Returns(lambda w, x, y: w * x), ValueError, r"returns \(2, 3\) for two pairs"),
    (Returns(lambda w, x, y: [w]), ValueError, "returns <class 'list'> for two pairs"),
    (Returns(lambda w, x, y: x @ y), ValueError, r"cannot take two pairs, x of shape \(2, 3\)"),
    (torch.nn.Linear(3, 1), ValueError, "calls module.x, y.; modules of x alone are for EBMClass"),
    (Pairs(d=7), ValueError, r"cannot take two pairs, x of shape \(2, 3\) and y of shape \(2, 1\)"),
    (Pairs().requires_grad_(False), ValueError, "no parameters to learn"),
    ("linear", TypeError, "module='linear' must be an object of torch.nn.Module"),
]


@pytest.mark.parametrize(("module", "error", "message"), REFUSED, ids=lambda v: str(v)[:20])
def test_modules_that_cannot_be_used_are_refused(module, error, message):
    reg = LatentEBMRegressor(TorchModule(module))
    with pytest.raises(error, match=message):
        reg.fit(np.zeros((9, 3)), np.arange(9.0))


def test_a_module_of_pairs_is_not_for_a_classifier():
    with pytest.raises(ValueError, match=r"modules of pairs \(x, y\) are for LatentEBMRegressor"):
        EBMClassifier(energy=TorchModule(Pairs())).fit(X, Y > 0)
    with pytest.raises(TypeError, match="nor an object that inherits from Energy"):
        EBMClassifier(energy=TorchPairs(Pairs())).fit(X, Y > 0)


def test_energies_of_classes_still_train_with_a_seed():
    module = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Dropout(0.5)).double()
    training, params = _Training(module, 3), TorchModule(module).start(None, 3, None)
    one, other = (training.linearize(params, X).energies for _ in range(2))
    np.testing.assert_array_equal(one, other)
    assert (one == 0).any() and not module.training
