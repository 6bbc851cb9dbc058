"""Representations in front of linear energies: names, features, rows of the table, the command."""

import json

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ebm import EBMClassifier, LatentEBMRegressor
from sklearn_ebm.compare import Comparison, compare, preparation, regressors
from sklearn_ebm.compare.columns import DataError
from sklearn_ebm.compare.command import main
from sklearn_ebm.energies import Experts
from sklearn_ebm.representation import REPRESENTATIONS, VectorQuantizer
from sklearn_ebm.representation.code_features import CodeFeatures
from sklearn_ebm.solvers import adam

RNG = np.random.RandomState(0)
X = RNG.normal(size=(120, 4))
ALONE = {"losses": ["nll"], "baselines": [], "cv": 2}
ON_IRIS = {name: f"{name} codes + nll" for name in REPRESENTATIONS}


@pytest.fixture(autouse=True, scope="module")
def few_steps():
    """Networks learn little here, in little time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(adam, "FEWEST_STEPS", 100)
        patch.setattr(adam, "FEWEST_PASSES", 20)
        yield


@pytest.fixture(scope="module")
def iris(few_steps):
    """A comparison on iris that has run, with every representation, for a report."""
    found = Comparison(*load_iris(return_X_y=True), **ALONE, representations=True, for_report=True)
    for _ in found.run():
        pass
    return found


@pytest.fixture
def linear(monkeypatch):
    """The linear energy of regressors with so few experts that learning takes no time."""
    energy = Experts(n_latents=2, trunk="linear", n_members=1)
    monkeypatch.setitem(regressors.ENERGIES, "linear", {"energy": energy})
    return energy


# ------------------------------------------------------------------------------------ comparisons


def test_by_default_there_are_none():
    comparison = Comparison(X, [0, 1] * 60, **ALONE)
    assert [contender.model for contender in comparison.contenders] == ["nll"]


def test_every_registered_representation_has_a_row(iris):
    assert [row.model for row in iris.table.rows] == ["nll", *ON_IRIS.values()]
    for row in iris.table.rows:
        assert row.error == "" and len(row.folds) == 2
        assert row.mean("accuracy") > 0.85 and row.mean("fit_seconds") > 0
        assert row.model == "nll" or "CodeFeatures" in row.settings


def test_a_representation_that_is_registered_later_appears(monkeypatch):
    class Later(VectorQuantizer):
        pass

    monkeypatch.setitem(REPRESENTATIONS._parts, "later", Later)
    table = compare(X, X[:, 0] > 0, **ALONE, representations=["later"])
    (row,) = (row for row in table.rows if "later" in row.model)
    assert row.model == "later codes + nll" and not row.error


def test_a_row_is_what_the_pipeline_of_its_settings_scores():
    y = (X[:, 0] * X[:, 1] > 0).astype(int)
    comparison = Comparison(
        X, y, losses=["hinge"], baselines=[], cv=2, representations="vector_quantizer",
        random_state=3,
    )  # fmt: skip
    row = list(comparison.run())[1]
    expected = []
    for train, test in comparison.task.splits(comparison.data, 2, 3):
        model = make_pipeline(
            preparation.linear(X),
            CodeFeatures("vector_quantizer", random_state=3),
            EBMClassifier(loss="hinge", beta="auto", tol=1e-3, random_state=3),
        ).fit(X[train], y[train])
        expected.append(model.score(X[test], y[test]))
    assert row.model == "vector_quantizer codes + hinge"
    assert [fold["accuracy"] for fold in row.folds] == expected


def test_representations_learn_from_training_rows_only(monkeypatch):
    fitted = []
    fit_transform = CodeFeatures.fit_transform

    def recorded(self, X, y=None):
        fitted.append(X)
        return fit_transform(self, X, y)

    monkeypatch.setattr(CodeFeatures, "fit_transform", recorded)
    compare(X, [0, 1] * 60, **ALONE, representations="vector_quantizer")
    assert [len(rows) for rows in fitted] == [60, 60]
    # Columns are standardised on the same rows.
    assert all(np.allclose(rows.mean(axis=0), 0) for rows in fitted)


@pytest.mark.parametrize(
    ("losses", "used"),
    [(None, ["nll"]), ([], ["nll"]), (["hinge", "nll"], ["hinge", "nll"]), (["lvq2"], ["nll"])],
)
def test_losses_are_those_that_suit(losses, used):
    comparison = Comparison(
        X, [0, 1] * 60, energies=["prototypes"], losses=iter(losses) if losses else losses,
        baselines=[], representations=[VectorQuantizer(3)],
    )  # fmt: skip
    models = [
        contender.model for contender in comparison.contenders if " codes + " in contender.model
    ]
    assert models == [f"VectorQuantizer(n_codes=3) codes + {loss}" for loss in used]


@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["sparse_codign"], 'no representation "sparse_codign". Did you mean "sparse_coding" or'),
        ("pca", f'no representation "pca". Known are {", ".join(REPRESENTATIONS)}.'),
    ],
)
def test_unknown_names_get_one_sentence(task, names, message):
    with pytest.raises(DataError) as caught:
        Comparison(X, [0, 1] * 60, task=task, representations=names)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_a_class_is_refused():
    with pytest.raises(DataError, match="VectorQuantizer is a class; pass an object of it"):
        Comparison(X, [0, 1] * 60, representations=[VectorQuantizer])


def test_a_numeric_target_has_linear_experts(linear):
    y = X[:, 0] + 0.1 * RNG.normal(size=len(X))
    names = ["vector_quantizer", "sparse_coding"]
    comparison = Comparison(
        X, y, energies=["linear"], baselines=[], cv=2, representations=names, for_report=True
    )
    rows = list(comparison.run())
    assert [row.model for row in rows] == [
        "LatentEBM linear",
        *(f"LatentEBM {ON_IRIS[name]}" for name in names),
    ]
    for row, contender in zip(rows, comparison.contenders, strict=True):
        assert not row.error and row.mean("rmse") < np.std(y)
        assert contender is comparison.contenders[0] or isinstance(
            contender.estimator[-1], LatentEBMRegressor
        )
    assert all(kept["energies"] for folds in comparison._kept for kept in folds)


def test_a_pipeline_of_ones_own_keeps_its_distribution(linear):
    own = make_pipeline(StandardScaler(), LatentEBMRegressor(linear, random_state=0))
    comparison = Comparison(X, X[:, 0], losses=[], baselines={"mine": own}, cv=2)
    assert comparison.contenders[-1].estimator is own
    (row,) = comparison.run()
    assert not row.error and "nll" in row.folds[0]


# ----------------------------------------------------------------------------- report and command


def test_the_report_treats_them_as_energies(iris, tmp_path):
    iris.report(tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    for kept, row in zip(iris._kept, iris.table.rows, strict=True):
        assert row.model.replace(">", "&gt;") in page
        for fold in kept:
            assert fold["energies"] and fold["beta"] == 1.0 and len(fold["curve"]) > 1


def test_the_command_writes_every_row(tmp_path, capsys):
    path = tmp_path / "table.csv"
    rows = [f"{a:.3f},{b:.3f},{'yes' if a > 0 else 'no'}" for a, b in X[:, :2]]
    path.write_text("a,b,y\n" + "\n".join(rows) + "\n")
    short = ["-t", "y", "--losses", "none", "--baselines", "none", "--cv", "2", "--n-jobs", "1"]
    out = ["--out", str(tmp_path / "out")]
    assert main(["compare", str(path), *short, *out, "--representations"]) == 0
    printed = capsys.readouterr()
    saved = json.loads((tmp_path / "out.json").read_text())
    assert {row["model"] for row in saved["rows"]} == set(ON_IRIS.values())
    for place, model in enumerate(ON_IRIS.values(), 1):
        assert model in printed.out and f"[{place}/{len(ON_IRIS)}] {model}" in printed.err
    assert main(["compare", str(path), *short, "-q", "--representations=vector_quantizer"]) == 0
    assert "sparse_coding" not in capsys.readouterr().out


def test_help_names_all(capsys):
    with pytest.raises(SystemExit):
        main(["compare", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert f"of {', '.join(REPRESENTATIONS)}; without names: all" in text
