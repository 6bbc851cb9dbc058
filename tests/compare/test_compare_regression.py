"""The comparison on a numeric target: distributions, contenders, scores, the command."""

import json
import sys
import types

import numpy as np
import pandas
import pytest
import scipy.sparse
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import Ridge

from sklearn_ebm import LatentEBMRegressor
from sklearn_ebm.compare import Comparison, adapters, compare, regressors
from sklearn_ebm.compare import contenders as classifiers
from sklearn_ebm.compare.adapters import (
    GaussianProcess,
    GaussianResiduals,
    Quantiles,
    gaussian,
)
from sklearn_ebm.compare.columns import DataError
from sklearn_ebm.compare.command import main
from sklearn_ebm.compare.density_scores import OF_DISTRIBUTIONS, scores_of_distribution
from sklearn_ebm.compare.folds import Fold, measure
from sklearn_ebm.compare.leaderboard import ComparisonTable, Row
from sklearn_ebm.distributions.quantiles import QuantileDistribution
from sklearn_ebm.energies import Decoder, Experts

N_ROWS = 60
# What every run needs where it is not about the energies.
RIDGE = {"losses": [], "baselines": ["Ridge"], "cv": 2}


def mixed(n_rows=N_ROWS):
    """Numbers, text and missing values, and a quantity that depends on them."""
    rng = np.random.default_rng(0)
    number = rng.normal(size=n_rows)
    colour = rng.choice(["red", "green"], size=n_rows).astype(object)
    strength = 10 + 3 * number + 2 * (colour == "red") + rng.normal(size=n_rows)
    number[::7], colour[::11], strength[5] = np.nan, None, np.nan
    return pandas.DataFrame({"number": number, "colour": colour, "strength": strength})


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "beams.csv"
    mixed().to_csv(path, index=False)
    return str(path)


@pytest.fixture
def small(monkeypatch):
    """The energies with so few units that learning takes no time."""
    tiny = {"n_members": 1, "hidden_layer_sizes": (4,)}
    experts = Experts(n_latents=2, **tiny)
    for name, energy in {
        "experts": experts,
        "experts_min": experts,
        "linear": Experts(n_latents=2, trunk="linear", n_members=1),
        "decoder": Decoder(latent="interval", n_latents=5, **tiny),
        "auto": Experts(n_latents=3, **tiny),  # the members of auto take seconds
    }.items():
        settings = regressors.ENERGIES[name] | {"energy": energy}
        monkeypatch.setitem(regressors.ENERGIES, name, settings)


def fold_of(y_test, n_train=20):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_train + len(y_test), 1))
    return Fold(
        X[:n_train],
        X[n_train:],
        rng.normal(size=n_train),
        np.asarray(y_test),
        scores_of_distribution,
    )


# --------------------------------------------------------------------------------------- adapters


def test_the_deviation_of_residuals_is_that_of_rows_left_out():
    class Memory(RegressorMixin, BaseEstimator):
        """Knows the rows it has seen by heart, and nothing else."""

        def fit(self, X, y):
            self.known_ = dict(zip(X[:, 0], y, strict=True))
            return self

        def predict(self, X):
            return np.array([self.known_.get(x, 0.0) for x in X[:, 0]])

    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(200, 1)), rng.normal(size=200)
    distribution = GaussianResiduals(Memory()).fit(X, y).distribution(X)
    np.testing.assert_array_equal(distribution.mean(), y)
    np.testing.assert_allclose(distribution.std(), np.sqrt(np.mean(y**2)))


def test_a_perfect_fit_still_has_a_law():
    X = np.arange(10.0)[:, None]
    distribution = GaussianResiduals(DummyRegressor()).fit(X, np.zeros(10)).distribution(X)
    assert (distribution.std() > 0).all() and np.isfinite(distribution.log_prob(np.zeros(10))).all()


def test_every_adapter_is_near_the_truth_on_a_line_with_noise():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(150, 1))
    y = 2 * X[:, 0] + 0.5 * rng.normal(size=150)
    linear = regressors.BASELINES["QuantileRegressor"](regressors.RunContext(0, 5, 150)).estimator
    for adapter in (GaussianResiduals(Ridge()), linear, GaussianProcess()):
        distribution = adapter.fit(X, y).distribution([[0.0], [1.0]])
        np.testing.assert_allclose(distribution.mean(), [0, 2], atol=0.2)
        np.testing.assert_allclose(distribution.std(), 0.5, atol=0.15)


def test_one_length_for_all_of_many_columns(monkeypatch):
    monkeypatch.setattr(adapters, "LENGTHS_OF_THEIR_OWN", 2)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3))
    y = X[:, 0] + np.sin(X[:, 1]) + rng.normal(size=60)
    for n_columns, n_axes in ((2, 1), (3, 0)):
        kernel = GaussianProcess().fit(X[:, :n_columns], y).regressor_.kernel_
        assert np.ndim(kernel.k1.k2.length_scale) == n_axes


def test_ngboost_is_used_where_it_is_installed(monkeypatch):
    class NGBRegressor:
        def __init__(self, verbose, random_state):
            assert verbose is False and random_state == 3

        def fit(self, X, y):
            self.mean = y.mean()
            return self

        def pred_dist(self, X):
            loc = np.full(len(X), self.mean)
            return types.SimpleNamespace(params={"loc": loc, "scale": np.full(len(X), 2.0)})

    module = types.ModuleType("ngboost")
    module.NGBRegressor = NGBRegressor
    monkeypatch.setitem(sys.modules, "ngboost", module)
    setting = regressors.RunContext(3, 5, 100)
    boosted = regressors.BASELINES["NGBoost"](setting).estimator
    distribution = boosted.fit(np.zeros((2, 1)), np.array([1.0, 3.0])).distribution([[0.0]])
    assert distribution.mean() == 2 and distribution.std() == 2
    monkeypatch.setattr(classifiers, "find_spec", lambda name: True)
    assert regressors.suggested_baselines(setting)[0][-1] == "NGBoost"
    monkeypatch.setattr(classifiers, "find_spec", lambda name: None)
    assert "NGBoost" not in regressors.suggested_baselines(setting)[0]
    assert regressors.BASELINES["NGBoost"](setting).model == "NGBoost (Gaussian)"


# ----------------------------------------------------------------------------------------- scores


class Known(regressors.DistributionAdapter):
    """Says N(0, 1) whatever it is told."""

    def fit(self, X, y):
        return self

    def distribution(self, X):
        return gaussian(np.zeros(len(X)), 1.0)


class Broken(Known):
    def distribution(self, X):
        return QuantileDistribution([0.1, 0.9], np.full((len(X), 2), np.nan))


def test_scores_are_what_the_formulas_say():
    y = np.array([0.0, 0.5, 1.0, 3.0])
    scores = scores_of_distribution(Known(), fold_of(y))
    assert scores["nll"] == pytest.approx(0.5 * np.log(2 * np.pi) + np.mean(y**2) / 2)
    assert scores["coverage_50"] == 0.5 and scores["coverage_90"] == 0.75
    assert scores["rmse"] == pytest.approx(np.sqrt(np.mean(y**2)))
    assert scores["crps"] == pytest.approx(gaussian(np.zeros(4), 1.0).crps(y).mean())
    assert set(scores) == set(OF_DISTRIBUTIONS.scores) and scores["fit_seconds"] >= 0


def test_a_law_without_a_density_has_no_likelihood():
    scores = scores_of_distribution(
        Quantiles(regressors.QuantileRegressor(alpha=0)), fold_of([0.0, 1.0])
    )
    assert set(OF_DISTRIBUTIONS.scores) - set(scores) == {"nll"}


def test_a_score_that_is_no_number_is_a_failure():
    outcome = measure(Broken(), fold_of([0.0]))
    assert outcome.scores is None and outcome.error == "ValueError: The score crps is nan."


def test_rows_are_ranked_by_likelihood_or_by_crps_if_some_have_none():
    def row(model, **scores):
        folds = (scores, scores)
        return Row(model, "", folds, scoreboard=OF_DISTRIBUTIONS)

    dense = [row("sharp", nll=1.0, crps=0.5), row("near", nll=2.0, crps=0.3)]
    failed = Row("failed", "", error="No.", scoreboard=OF_DISTRIBUTIONS)
    table = ComparisonTable([failed, *dense], scoreboard=OF_DISTRIBUTIONS)
    assert table.ranked_by == "nll" and "ranked by NLL, lowest" in table.title
    assert [each.model for each in table.ranked()] == ["sharp", "near", "failed"]
    table.rows.append(row("quantiles", crps=0.4))
    assert table.ranked_by == "crps" and "because some models have no NLL" in table.title
    assert [each.model for each in table.ranked()] == ["near", "quantiles", "sharp", "failed"]
    some = Row("some", "", ({"crps": 0.6}, {"nll": 1.0, "crps": 0.6}), scoreboard=OF_DISTRIBUTIONS)
    assert ComparisonTable([*dense, some], scoreboard=OF_DISTRIBUTIONS).ranked_by == "crps"
    assert table.rows[-1].cell("nll") == "–" and failed.cell("nll") == "failed"
    assert table.headline().startswith("near has the lowest CRPS")


def test_the_spread_is_the_standard_error_of_the_mean():
    folds = tuple(dict.fromkeys(OF_DISTRIBUTIONS.scores, value) for value in (1.0, 2.0, 3.0))
    row = Row("model", "", folds, scoreboard=OF_DISTRIBUTIONS)
    assert row.se("crps") == pytest.approx(1 / np.sqrt(3))
    assert row.cell("crps") == "2.000 ± 0.577"


# ------------------------------------------------------------------------------------- contenders


def models(**options):
    comparison = Comparison(np.eye(20), np.linspace(0, 1, 20), cv=2, **options)
    return [contender.model for contender in comparison.contenders]


def test_who_takes_part_by_default():
    names = models()
    assert {"LatentEBM auto", "LatentEBM experts", "LatentEBM linear", "LatentEBM decoder"} <= {
        *names
    }
    assert {
        "marginal density",
        "Ridge (Gaussian)",
        "QuantileRegressor",
        "GaussianProcessRegressor",
        "HistGradientBoostingRegressor",
    } <= {*names}
    assert names[0] == "marginal density" and names[-1] == "LatentEBM auto"


def test_auto_has_a_time_limit():
    comparison = Comparison(np.eye(20), np.linspace(0, 1, 20), cv=2)
    assert comparison.contenders[-1].estimator.time_budget == regressors.AUTO_SECONDS
    assert "LatentEBM auto: at most 120 s for each fold." in comparison.table.notes()


def test_energies_and_losses_by_name_or_as_objects():
    assert models(losses=["nll", "hinge"], baselines=[]) == [
        "LatentEBM experts",
        "LatentEBM experts + hinge",
    ]
    assert models(energies=["decoder", "linear"], baselines=[]) == [
        "LatentEBM linear",
        "LatentEBM decoder",
    ]
    own = Experts(n_latents=3)
    assert models(energies=[own], baselines=[]) == ["LatentEBM Experts(n_latents=3)"]
    comparison = Comparison(
        np.eye(20), np.linspace(0, 1, 20), energies=[own], losses=["nll", "log"], baselines=[], cv=2
    )
    likelihood, margin = (contender.estimator for contender in comparison.contenders)
    assert likelihood.energy is own and likelihood.beta == 1.0 and margin.beta == "auto"


def test_slow_baselines_are_left_out_of_long_tables_unless_named():
    setting = regressors.RunContext(0, 5, 6000)
    names, notes = regressors.suggested_baselines(setting)
    assert not {"QuantileRegressor", "GaussianProcessRegressor"} & set(names)
    assert notes[1] == (
        "GaussianProcessRegressor was left out, which takes long on more than 1250 rows; name it "
        "among the baselines to have it."
    )
    x = np.arange(1300.0)
    options = {"losses": [], "cv": 2}
    default = Comparison(x[:, None] ** 2, x / 3, **options)
    assert "GaussianProcessRegressor was left out" in str(default.table)
    named = Comparison(x[:, None] ** 2, x / 3, baselines=["GaussianProcessRegressor"], **options)
    assert len(named.contenders) == 1 and "was left out" not in str(named.table)


def test_regressors_of_ones_own():
    own = {
        "plain": DummyRegressor(),
        "distribution": Known(),
        "ours": LatentEBMRegressor(Experts(trunk="linear", n_members=1), max_iter=2),
    }
    table = compare(mixed(), "strength", losses=[], baselines=own, cv=2)
    assert not any(row.error for row in table.rows)
    assert table.rows[0].settings == "GaussianResiduals(regressor=DummyRegressor())"
    assert table.rows[0].mean("rmse") == pytest.approx(mixed()["strength"].std(), rel=0.2)


def test_every_contender_runs_on_mixed_columns(small):
    table = compare(mixed(), "strength", cv=2)
    assert [row.error for row in table.rows] == [""] * len(table.rows)
    assert len({round(row.mean("crps"), 6) for row in table.rows}) == len(table.rows)
    without = {row.model for row in table.rows if np.isnan(row.mean("nll"))}
    assert without == {"QuantileRegressor", "HistGradientBoostingRegressor"}
    assert table.ranked_by == "crps" and "CRPS" in table.headline()
    raw = mixed().drop(columns="strength")[:3]
    for row in table.rows:
        assert np.isfinite(table.pipeline(row.model).predict(raw)).all()


def test_sparse_columns_are_made_dense(small):
    X = scipy.sparse.random(40, 30, density=0.05, random_state=0, format="csr")
    y = np.random.default_rng(0).normal(size=40)
    names = ["Ridge", "HistGradientBoostingRegressor", "marginal"]
    table = compare(X, y, energies=["experts"], baselines=names, cv=2)
    assert [row.error for row in table.rows] == [""] * 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"energies": ["kernel"]}, 'There is no energy "kernel". Known are experts, '),
        ({"losses": ["perceptron"]}, '"perceptron" does not suit these energies; use one of nll'),
        ({"baselines": ["LinearSVC"]}, 'There is no baseline "LinearSVC". Known are marginal'),
        ({"losses": [], "baselines": []}, "nothing to compare"),
        ({"cv": 31}, f"31 folds need at least 62 rows; there are {N_ROWS - 1}."),
        ({"max_rows": 9}, "max_rows is 9; 5 folds need at least 10 rows."),
    ],
)
def test_bad_requests_get_one_clear_sentence(options, message):
    with pytest.raises(DataError) as caught:
        Comparison(mixed(), "strength", **options)
    assert message in str(caught.value) and "\n" not in str(caught.value)


# ---------------------------------------------------------------------------------------- command


def test_the_command_on_a_quantity_end_to_end(table, tmp_path, small, capsys):
    out = str(tmp_path / "result")
    few = ["--energies", "experts", "--baselines", "Ridge,QuantileRegressor"]
    status = main(
        ["compare", table, "-t", "strength", "--cv", "2", "--n-jobs", "1", "-o", out, *few]
    )
    printed = capsys.readouterr()
    assert status == 0
    lines = printed.out.splitlines()
    assert lines[0].startswith(
        f'beams.csv: {N_ROWS - 1} rows, 2 columns, a quantity, "strength", from '
    )
    assert lines[1].startswith("mean ± standard error, ranked by CRPS, because some models have no")
    for heading in ("NLL", "CRPS", "cover 50 %", "cover 90 %", "RMSE", "fit s"):
        assert heading in lines[2]
    notes = [line for line in lines if line.startswith("note: ")]
    assert any("--task classification" in note for note in notes)
    assert sum("give no density" in note for note in notes) == 1
    assert "LatentEBM experts" in printed.err and "CRPS" in printed.err

    def no_constant(name):
        raise AssertionError(f"{name} is no JSON")

    with open(out + ".json", encoding="utf-8") as file:
        saved = json.load(file, parse_constant=no_constant)
    assert saved["about"]["task"] == "regression"
    assert saved["about"]["data"]["target"]["name"] == "strength"
    assert set(saved["about"]["scores"]) == set(OF_DISTRIBUTIONS.scores)
    frame = pandas.read_csv(out + ".csv")
    assert {"nll_mean", "crps_se", "coverage_90_mean"} <= set(frame.columns)
    assert frame["nll_mean"].isna().sum() == 1


def test_the_task_of_the_command_line_overrides_the_values(tmp_path, capsys):
    path = tmp_path / "wine.csv"
    rng = np.random.default_rng(0)
    pandas.DataFrame({"x": rng.normal(size=80), "y": [3, 4, 5, 6, 7, 8, 5, 6] * 10}).to_csv(
        path, index=False
    )
    short = ["--losses", "none", "--cv", "2", "--n-jobs", "1", "-q", "-t", "y"]
    assert main(["compare", str(path), *short, "--baselines", "LogisticRegression"]) == 0
    classes = capsys.readouterr().out
    assert "6 classes" in classes and "--task regression" in classes
    numbers = ["--task", "regression", "--baselines", "Ridge"]
    assert main(["compare", str(path), *short, *numbers]) == 0
    assert 'a quantity, "y", from 3 to 8' in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        (["--energies", "kernel"], 1, "--task classification changes that"),
        (["--energies", "karnel"], 1, 'There is no energy "karnel". Known are experts'),
        (["--baselines", "Rigde"], 1, 'Did you mean "Ridge"?'),
        (["--task", "regression", "--energies", "mlp"], 1, 'There is no energy "mlp"'),
        (["--task", "ranking"], 2, "invalid choice"),
    ],
)
def test_wrong_options_for_a_quantity_are_refused(table, options, status, message, capsys):
    try:
        found = main(["compare", table, "-t", "strength", *options])
    except SystemExit as stopped:
        found = stopped.code
    assert found == status
    assert message in capsys.readouterr().err
