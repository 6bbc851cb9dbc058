"""The benchmark of densities runs, and judges by the right figures."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from sklearn_ebm.datasets import ONE_TO_MANY
from sklearn_ebm.distributions import GaussianMixture
from sklearn_ebm.energies import Experts

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"

pytestmark = pytest.mark.skipif(not BENCHMARKS.exists(), reason="benchmarks are not installed")


@pytest.fixture
def regression_cases(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import regression_cases.calibration
    import regression_cases.data
    import regression_cases.fits
    import regression_cases.one_to_many
    import regression_cases.published
    import regression_cases.torch_mixture

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

    judge = regression_cases.one_to_many.precision_and_recall
    precision, recall, _ = judge(SimpleNamespace(predict_modes=upper_and_wrong), split)
    assert precision == recall == 0.5


def test_bars_are_those_of_deep_ensembles_or_lower(regression_cases):
    tables = regression_cases.published
    assert tables.largest_nll("concrete") == 3.0
    assert tables.largest_nll("wine-quality-red") is None
    for table in (tables.NLL, tables.RMSE):
        assert all(len(row) == len(tables.METHODS) for row in table.values())
    for name in tables.NLL:
        assert tables.largest_nll(name) <= tables.published(tables.NLL, name)


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
    energy = Experts(n_members=2, hidden_layer_sizes=(8, 7)).prepared(X, y, weight, 1, rng)
    params = energy.start(X, y, weight, 1, rng)
    rows, answers = energy.represented(X), energy.represented_answers(y)
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


def run(folder, *arguments):
    rows = folder / "rows.json"
    command = [sys.executable, str(BENCHMARKS / "regression.py"), "--quick", "--json", str(rows)]
    checkout = os.environ | {"PYTHONPATH": str(BENCHMARKS.parent)}
    done = subprocess.run(
        [*command, *arguments], env=checkout, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads(rows.read_text(encoding="utf-8"))


def test_it_runs_without_data(tmp_path):
    sets = "two_branches,horn"
    cases = ("calibration", "conformal")
    table = tmp_path / "table.md"
    printed, rows = run(
        tmp_path, "--cases", ",".join(cases), "--sets", sets, "--splits", "1", "--table", str(table)
    )
    assert "stand-in: diabetes" in printed
    assert {row["case"] for row in rows["targets"]} == set(cases)
    judged = {row["verdict"] for row in rows["targets"] if row["must"] is not None}
    assert judged == {"not judged"}
    assert all(np.isfinite(row["value"]) for row in rows["targets"])
    assert len(table.read_text(encoding="utf-8").splitlines()) == 2 + len(rows["targets"])


@pytest.mark.slow
def test_the_other_cases_run_without_data(tmp_path):
    cases = ("likelihood", "one_to_many", "speed")
    few = ("--sets", "fork,ellipse", "--splits", "1", "--repeats", "1")
    printed, rows = run(tmp_path, "--cases", ",".join(cases), *few)
    assert {row["case"] for row in rows["targets"]} == set(cases)
    assert "seconds of log_prob" in printed
    assert "NLL above the best unimodal one's by" in printed
