"""The benchmark of the report of the default runs, and prints what a fit prints."""

import re
from functools import partial
from pathlib import Path

import pytest

from sklearn_ebm import LatentEBMRegressor

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"

pytestmark = pytest.mark.skipif(not BENCHMARKS.exists(), reason="benchmarks are not installed")


@pytest.fixture
def auto_report(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import auto_report

    return auto_report


def test_it_prints_the_report_the_likelihood_and_the_size(auto_report, monkeypatch, capsys):
    fast = partial(LatentEBMRegressor, time_budget=0.01, max_iter=1)
    monkeypatch.setattr(auto_report, "LatentEBMRegressor", fast)
    auto_report.main([])
    printed = capsys.readouterr().out
    assert printed.startswith("diabetes: 398 training samples\n\ncandidate ")
    assert "memory: the only one that was learned" in printed
    found = re.search(r"NLL of 44 test samples: (\d\.\d\d); pickled model: \d+ MB\n$", printed)
    assert 5 < float(found[1]) < 7


def test_a_set_that_is_not_there_is_left_out(auto_report, tmp_path, capsys):
    auto_report.main(["--data", str(tmp_path), "--set", "yacht"])
    assert capsys.readouterr().out == "yacht is not in the folder of --data: left out\n"
