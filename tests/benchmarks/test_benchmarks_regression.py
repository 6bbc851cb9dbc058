"""The benchmark of densities runs, and judges by the right figures."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.integrate import trapezoid
from scipy.special import logsumexp
from sklearn.datasets import make_friedman1, make_friedman2

from sklearn_ebm._utils.rows import Rows
from sklearn_ebm.compare.adapters import gaussian
from sklearn_ebm.datasets import ONE_TO_MANY
from sklearn_ebm.distributions import GaussianMixture
from sklearn_ebm.energies import Experts
from sklearn_ebm.energies._bank.backgrounds import BroadComponents
from sklearn_ebm.energies._bank.prior import HeldOutDensities
from sklearn_ebm.energies._gaussian.quadratics import Quadratics

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"

pytestmark = pytest.mark.skipif(not BENCHMARKS.exists(), reason="benchmarks are not installed")


@pytest.fixture
def regression_cases(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import regression  # brings all cases
    import regression_cases

    assert regression.CASES.keys() >= {"likelihood", "ablation", "pareto", "unused", "speed"}
    return regression_cases


class Exact:
    """The exact densities of a generated set, as far as they are mixtures of normal ones."""

    def __init__(self, truth):
        self.truth = truth

    def predict_modes(self, X):
        means = self.truth.branches(X)
        scales = np.broadcast_to(self.truth.widths(X), means.shape)
        return GaussianMixture(self.truth.shares(X), means, scales).modes()


def generated(regression_cases, name):
    make = ONE_TO_MANY[name]
    X, y, truth = make(400, random_state=0, return_truth=True)
    return regression_cases.data.Split(name, 0, X, y, X, y, truth)


@pytest.mark.parametrize("name", ["two_branches", "fork", "ring", "steps", "heteroscedastic"])
def test_modes_of_the_exact_density_are_all_right_and_complete(regression_cases, name):
    split = generated(regression_cases, name)
    judge = regression_cases.one_to_many.precision_and_recall
    precision, recall, n_rows = judge(Exact(split.truth), split)
    assert precision == recall == 1
    assert n_rows > 300


@pytest.mark.parametrize("name", ["inverse_sine", "skewed"])
def test_widths_are_those_of_the_noise(regression_cases, name):
    split = generated(regression_cases, name)
    judge = regression_cases.one_to_many.distinct_answers
    answers, widths, clear = judge(split.truth, split.X, split.y)
    if name == "skewed":
        expected = split.truth.noise * 2.0**split.X
        assert clear.all()
    else:  # the noise is on x, which g takes to y
        expected = split.truth.noise / np.abs(1 + 0.6 * np.pi * np.cos(2 * np.pi * answers))
        assert 50 < clear.sum() < 300
    seen = np.isfinite(answers) & clear[:, None]
    assert widths[seen] == pytest.approx(np.broadcast_to(expected, answers.shape)[seen], rel=0.02)


def test_every_missed_and_every_invented_mode_counts(regression_cases):
    split = generated(regression_cases, "two_branches")

    def upper_and_wrong(X):
        upper = split.truth.modes(X).max(axis=1)
        return SimpleNamespace(answers=np.column_stack([upper, upper + 5, upper * np.nan]))

    judged = regression_cases.one_to_many.precision_and_recall
    precision, recall, _ = judged(SimpleNamespace(predict_modes=upper_and_wrong), split)
    assert precision == recall == 0.5


def test_every_published_row_has_a_figure_of_each_method(regression_cases):
    tables = regression_cases.published
    for table in (tables.NLL, tables.RMSE):
        assert all(len(row) == len(tables.METHODS) for row in table.values())
    assert tables.published(tables.NLL, "concrete") == 3.06
    assert tables.published(tables.NLL, "wine-quality-red") is None
    assert tables.SOURCES.keys() == set(tables.METHODS)


def test_splits_share_no_rows_and_repeated_rows_are_found(regression_cases, tmp_path):
    folder = tmp_path / "regression"
    folder.mkdir()
    X, y = np.arange(20.0).reshape(10, 2), np.arange(10.0)
    X[9], y[9] = X[0], y[0]
    np.savez(folder / "tiny.npz", X=X, y=y, test_idx=np.array([[9, 1], [2, 3]], dtype=np.int32))
    options = SimpleNamespace(data=str(tmp_path), splits=None, quick=False)
    first, second = regression_cases.data.splits_of("tiny", options)
    assert first.repeated().tolist() == [True, False]
    assert not second.repeated().any()
    assert first.y.tolist() == [0, 2, 3, 4, 5, 6, 7, 8]
    assert regression_cases.data.splits_of("absent", options) == []


def test_uniform_ranks_are_uniform(regression_cases):
    text, off = regression_cases.calibration.uniformity((np.arange(1000) + 0.5) / 1000)
    assert off == 0
    assert set(text.split()) == {"1.00"}


def test_pytorch_learns_the_same_network(regression_cases):
    pytest.importorskip("torch")
    rng = np.random.RandomState(0)
    X, y, weight = rng.normal(size=(50, 3)), rng.normal(size=(50, 1)), np.ones(50)
    energy = Experts(n_members=2, hidden_layer_sizes=(8, 7)).initialized(Rows(X, y, weight), 1, rng)
    params = energy.start(Rows(X, y, weight), 1, rng)
    rows, answers = energy._standardize_rows(X), energy._standardize_answers(y)
    ours = energy.linearize_members(params, rows[None], answers[None, :, None]).energies[:, :, 0]
    expected = -np.log(np.exp(-ours).sum(axis=-1))

    import torch

    mixture = regression_cases.torch_mixture
    both = torch.tensor(np.stack([rows, rows]), dtype=torch.float32)
    found = mixture.mixture_nll(
        mixture.tensors(params), both, torch.tensor(answers[None, :, 0], dtype=torch.float32),
        energy.n_latents, float(energy.floor[0]),
    )  # fmt: skip
    assert found.detach().numpy() == pytest.approx(expected, rel=1e-4, abs=1e-4)


def fits_of(regression_cases, means, y, **more):
    """Scores of N(mean, 1) on rows with one answer each."""
    y = np.asarray(y)
    split = regression_cases.data.Split("by hand", 0, None, y, None, y)
    fit = regression_cases.fits.scores_of_density(gaussian(np.asarray(means), 1.0), split, 2.0)
    for name, value in more.items():
        setattr(fit, name, value)
    return fit


def test_scores_of_a_law_by_hand(regression_cases):
    fits = regression_cases.fits
    fit = fits_of(regression_cases, [0.0, 0.0, 0.0, 0.0], [0.0, 0.5, -1.0, 3.0])
    assert fit.nll == pytest.approx(0.5 * np.log(2 * np.pi) + np.array([0, 0.125, 0.5, 4.5]))
    assert fit.rmse == pytest.approx(np.sqrt(10.25 / 4))
    # The middle half ends at 0.674 standard deviations, nine tenths at 1.645.
    assert fits.coverage_off([fit]) == {0.5: 0.0, 0.9: pytest.approx(-0.15)}
    # P(Y ≤ y) is 0.159, 0.5, 0.691 and 0.999; the second quarter begins 0.25 too late.
    assert fits.pit_off([fit]) == pytest.approx(0.25, abs=0.01)


def test_a_perfect_law_of_rounded_answers_covers_what_it_says_once_they_are_spread(
    regression_cases,
):
    """Answers 0 and 1 with 0.3 and 0.7: all of the latter are inside of the middle half."""
    fits, rounding = regression_cases.fits, regression_cases.rounding
    y = np.repeat([0.0, 1.0], [3, 7])
    distribution = GaussianMixture(np.tile([0.3, 0.7], (10, 1)), np.tile([0.0, 1.0], (10, 1)),
                          np.full((10, 2), 1e-3))  # fmt: skip
    fit = fits.scores_of_density(
        distribution, regression_cases.data.Split("", 0, None, y, None, y), 1.0
    )
    assert fit.inside["interval", 0.5].mean() == 0.7
    assert rounding.spread_inside(fit.spread, 0.5) == pytest.approx(0.5)
    assert rounding.spread_inside(fit.spread, 0.9) == pytest.approx(0.9)


def test_rows_below_the_stated_bound_are_counted(regression_cases):
    said = []
    y = [0.0, 2.0, 3.0]  # log-densities −0.92, −2.92 and −5.42
    fits = [fits_of(regression_cases, [0.0] * 3, y, least=least) for least in (-5.0, -2.0)]
    below = regression_cases.likelihood.below_bound
    below(fits, lambda *row: said.append(row))
    assert said[0][1:] == (3, "bound -5 nats")
    below([fits_of(regression_cases, [0.0], [0.0])], lambda *row: said.append(row))
    assert len(said) == 1


def test_tables_for_the_readme(regression_cases):
    module = regression_cases.readme
    row = {"case": "likelihood", "subject": "concrete", "seconds": 3.0}
    ours = row | {"contender": "LatentEBMRegressor", "nll": 2.2, "nll ±": 0.04, "crps": 1.5}
    new = ours | {"contender": ours["contender"] + module.NEW_ROWS, "nll": 2.3}
    rival = row | {"contender": "NGBoost", "crps": 2.0, "crps ±": 0.1}
    lines = module.readme_tables([ours, new, rival], ["default"]).splitlines()
    nll = "| concrete | **2.20 ± 0.04** | 3.16 | 2.93 | 3.06 | 3.04 | 3.01 | 2.83 | 2.89 | 2.21 |"
    assert nll in lines
    assert f"| concrete{module.NEW_ROWS} | **2.30 ± 0.04** | {' | '.join('–' * 8)} |" in lines
    assert "| concrete | **1.50** | 2.00 ± 0.10 |" in lines
    assert sum("arXiv" in line or "doi" in line for line in lines) == 8


class Bank:
    """Gaussians of one place and four widths, in the form that a blend has."""

    labels_ = (("near", 0), ("near", 1), ("far", 0), ("backgrounds", 0))
    means, scales = np.array([0.0, 0.0, 3.0, 0.0]), np.array([0.1, 1.0, 0.5, 9.0])
    _backgrounds = BroadComponents(scales[3:], 1, np.array([0.001]))

    def __init__(self, y):
        least = np.append(np.zeros(3), self._backgrounds.least_prior)
        self._held_out_densities = HeldOutDensities(self.log_densities(y), np.ones(len(y)), least)

    def _standardize_rows(self, X):
        return X

    def _elements_alone(self, rows):
        for mean, scale in zip(self.means[:3], self.scales[:3], strict=True):
            one = np.ones((len(rows), 1, 1))
            there = Quadratics.of_mixture(one[..., 0], mean * one, scale * one)
            absent = Quadratics.of_mixture(0 * one[..., 0], 0 * one, 99 * one)
            yield Quadratics.joined([there, absent], np.zeros(2))

    def log_densities(self, y):
        unit = (y[:, None] - self.means) / self.scales
        return -0.5 * unit**2 - np.log(self.scales * np.sqrt(2 * np.pi))


class Blend:
    """A fitted estimator with such a bank."""

    def __init__(self, y, log_prior):
        self.energy_, self.params_ = Bank(y), {"log_prior": log_prior}

    def log_prob(self, X, y):
        return logsumexp(self.energy_.log_densities(y) + self.params_["log_prior"], axis=1)


def test_priors_without_a_part_of_the_blend(regression_cases):
    module = regression_cases.ablation
    rng = np.random.RandomState(0)
    y = np.concatenate([rng.normal(0, 1, 300), rng.normal(3, 0.5, 100)])
    blend = Blend(y, module.prior_of(Bank(y)._held_out_densities, np.ones(4, dtype=bool)))
    rows = np.zeros((5, 1))
    assert module.widths_of(blend, rows) == pytest.approx(Bank.scales)
    priors = module.priors_of(blend, rows)
    assert list(priors) == [
        module.LEARNT, "uniform weights", "near alone", "far alone", "without near",
        "without far", "without backgrounds", "one width of each part",
    ]  # fmt: skip
    left_out = {name: np.flatnonzero(np.isinf(prior)).tolist() for name, prior in priors.items()}
    assert 2 in left_out["near alone"] and 3 not in left_out["near alone"]
    assert 3 in left_out["without backgrounds"] and 2 not in left_out["without backgrounds"]
    assert left_out["one width of each part"] == [0]
    assert all(logsumexp(prior) == pytest.approx(0) for prior in priors.values())
    assert np.exp(priors[module.LEARNT])[1:3] == pytest.approx([0.75, 0.25], abs=0.05)

    before = blend.params_
    losses = module.losses_under(blend, priors, SimpleNamespace(X_test=None, y_test=y))
    assert blend.params_ is before
    assert losses[module.LEARNT] == pytest.approx(-blend.log_prob(None, y).mean())
    # No other prior is likelier on these rows, but for what the backgrounds must keep.
    assert min(losses.values()) > losses[module.LEARNT] - 0.001
    assert losses["far alone"] > losses["near alone"] > losses[module.LEARNT] + 0.05


def test_widest_used_element_of_each_part(regression_cases):
    widest = regression_cases.ablation.widest_used
    member = np.array(["a", "a", "a", "b", "backgrounds"])
    prior = np.log([0.4, 0.1, 0.0005, 0.4, 0.0995])
    kept = widest(np.array([1.0, 2.0, 3.0, 1.0, 9.0]), prior, member)
    assert kept.tolist() == [False, True, False, True, True]


def test_pareto_front_by_hand(regression_cases):
    module = regression_cases.pareto_figure
    points = {"a": (1.0, 5.0, 0), "b": (2.0, 6.0, 0), "c": (3.0, 1.0, 0), "d": (4.0, 2.0, 0)}
    assert module.dominating(points, "b") == ["a"]
    assert module.dominating(points, "d") == ["c"]
    assert module.dominating(points, "c") == []
    assert module.on_front(points).tolist() == [[1.0, 3.0], [5.0, 1.0]]


def test_pictures_name_everybody(regression_cases, tmp_path):
    pytest.importorskip("matplotlib")
    points = {f"contender {number}": (2.0**number, -number, 0.1) for number in range(9)}
    points["hopeless"] = (3.0, 1e4, 0.1)
    svg, png = regression_cases.pareto_figure.draw(
        "yacht", points, "contender 8", {"TabPFN v2": -0.7}, tmp_path / "new"
    )
    drawn = svg.read_text(encoding="utf-8")
    assert all(f"<!-- {name} -->" in drawn for name in list(points)[:-1])
    assert "<!-- hopeless ↑ 1e+04 -->" in drawn
    assert png.stat().st_size > 10_000


def test_laws_of_the_unused_sets_are_exact(regression_cases):
    module = regression_cases.unused_sets
    for distribution, make in (
        (module.Friedman1T, make_friedman1),
        (module.Friedman2S, make_friedman2),
    ):
        X, mean = make(50, random_state=0)
        assert distribution.mean(X) == pytest.approx(mean)
        row, spread = X[:1], distribution.scale(X[:1])
        grid = distribution.mean(row) + spread * np.linspace(-400, 400, 400_001)
        density = np.exp(distribution.log_prob(np.repeat(row, len(grid), axis=0), grid))
        assert trapezoid(density, grid) == pytest.approx(1, abs=1e-5)


def test_unused_sets_have_answers_with_many_values(regression_cases):
    module, options = regression_cases.unused_sets, SimpleNamespace(quick=False, splits=None)
    for name in module.UNUSED:
        splits = module.unused_splits(name, options)
        assert len(np.unique(splits[0].y)) > 100
        if name in module.REAL:
            n_rows = len(splits[0].y) + len(splits[0].y_test)
            assert sum(len(split.y_test) for split in splits) == n_rows


def test_a_tie_is_a_difference_within_its_error(regression_cases):
    said = []
    report = SimpleNamespace(figure=lambda *row: said.append(row))
    apart = np.array([-1.0, 1.0] * 50)
    for shift, outcome in ((0.0, "tie"), (0.5, "loss"), (-0.5, "win")):
        regression_cases.unused.beside("set", "NLL", "them", apart + shift, report)
        assert said[-1][3] == shift
        assert said[-1][4].startswith(f"{outcome}; ± 0.1")


def test_ngboost_is_asked_for_its_law(regression_cases, tmp_path, monkeypatch):
    (tmp_path / "ngboost.py").write_text(
        "import numpy as np\n"
        "from types import SimpleNamespace\n"
        "class NGBRegressor:\n"
        "    def __init__(self, **settings): self.rounds = settings['n_estimators']\n"
        "    def fit(self, X, y): self.mean = y.mean()\n"
        "    def pred_dist(self, X):\n"
        "        loc, scale = np.full(len(X), self.mean), np.full(len(X), float(self.rounds))\n"
        "        return SimpleNamespace(params={'loc': loc, 'scale': scale})\n",
        encoding="utf-8",
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    rivals, y = regression_cases.rivals, np.array([1.0, 3.0])
    split = regression_cases.data.Split("set", 0, np.eye(2), y, np.eye(2), y)
    options = SimpleNamespace(ngboost=sys.executable, quick=True, fits={})
    (fit,) = rivals.rivals_on([split], [rivals.NGBOOST], options)[rivals.NGBOOST]
    deviation = rivals.QUICK_ROUNDS
    assert fit.squared.tolist() == [1, 1]
    assert fit.nll == pytest.approx(np.log(deviation * np.sqrt(2 * np.pi)) + 0.5 / deviation**2)
    assert rivals.rivals_on([split], [rivals.NGBOOST], options)[rivals.NGBOOST] == [fit]


def test_ngboost_that_is_missing_is_said_once(regression_cases, tmp_path, monkeypatch, capsys):
    (tmp_path / "ngboost.py").write_text("raise ImportError('not here')", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    split = regression_cases.data.Split("set", 0, np.eye(2), np.ones(2), np.eye(2), np.ones(2))
    options = SimpleNamespace(ngboost=sys.executable, quick=True, fits={})
    rivals = regression_cases.rivals
    assert rivals.rivals_on([split, split], [rivals.NGBOOST], options) == {}
    assert capsys.readouterr().out.count("not here") == 1
    options.fits.clear()
    assert rivals.rivals_on([split], [rivals.NGBOOST], options) == {}
    assert capsys.readouterr().out == ""


def run(folder, *arguments):
    rows = folder / "rows.json"
    command = [sys.executable, str(BENCHMARKS / "regression.py"), "--quick", "--json", str(rows)]
    checkout = os.environ | {"PYTHONPATH": str(BENCHMARKS.parent)}
    done = subprocess.run(
        [*command, *arguments], env=checkout, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads(rows.read_text(encoding="utf-8"))


def test_unknown_energies_are_refused_at_once(regression_cases, monkeypatch, capsys):
    parse = sys.modules["regression"].parse
    monkeypatch.setattr(sys, "argv", ["regression.py", "--energies", "default,expert"])
    with pytest.raises(SystemExit):
        parse()
    assert "unknown energies: expert; known: default, auto, experts," in capsys.readouterr().err
    monkeypatch.setattr(sys, "argv", ["regression.py", "--energies", "experts,deep_ensemble"])
    assert parse().energies == ["experts", "deep_ensemble"]


FEW = ("--splits", "1", "--repeats", "1", "--cores", "1")


@pytest.mark.slow
def test_it_runs_without_data(tmp_path):
    sets = "two_branches,horn,wine_colour"
    cases = ("likelihood", "ablation", "pareto", "unused", "calibration", "conformal")
    table = tmp_path / "table.md"
    printed, rows = run(
        tmp_path, "--cases", ",".join(cases), "--sets", sets, "--energies", "small_experts",
        "--readme", "--figures", str(tmp_path / "pictures"), "--table", str(table), *FEW,
    )  # fmt: skip
    assert "stand-in: diabetes" in printed
    assert "experts alone" in printed and "without memory" in printed
    assert "| NLL | LatentEBMRegressor, small_experts |" in printed
    assert (tmp_path / "pictures" / "pareto-diabetes.svg").exists()
    assert {row["case"] for row in rows["figures"]} == set(cases)
    assert {row["subject"] for row in rows["figures"]} == {"diabetes", *sets.split(",")}
    unmeasured = {row["measure"] for row in rows["figures"] if row["value"] is None}
    assert all("NGBoost" in measure for measure in unmeasured)
    assert all(np.isfinite(row["value"]) for row in rows["figures"] if row["value"] is not None)
    assert len(table.read_text(encoding="utf-8").splitlines()) == 2 + len(rows["figures"])


@pytest.mark.slow
def test_every_case_runs_with_an_energy_that_counts(regression_cases, tmp_path):
    cases = sys.modules["regression"].CASES
    printed, rows = run(tmp_path, "--sets", "fork,ellipse,diabetes", "--energies", "memory", *FEW)
    assert {row["case"] for row in rows["figures"]} >= cases.keys()
    assert all(f"=== {case} took" in printed for case in cases)
    assert "seconds of log_prob" in printed
    assert "gigabytes of the process" in printed
    assert "NLL above the best unimodal one's by" in printed
