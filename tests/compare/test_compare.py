"""The comparison as a function: folds, scores, the table and the pipelines that come out."""

import json
import pickle
import sys
import time
import warnings
from dataclasses import replace

import numpy as np
import pandas
import pytest
import scipy.sparse
import sklearn
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

from sklearn_ebm import EBMClassifier
from sklearn_ebm.compare import Comparison, compare
from sklearn_ebm.compare import contenders as classifiers
from sklearn_ebm.compare.columns import DataError
from sklearn_ebm.compare.export import _text
from sklearn_ebm.compare.folds import OF_CLASSES
from sklearn_ebm.compare.leaderboard import ComparisonTable, Row, columns_by_kind
from sklearn_ebm.compare.tables import make_table
from sklearn_ebm.energies import ENERGIES, Kernel
from sklearn_ebm.learning.compatibility import suitable_losses

ONE_OF_EACH = {"losses": ["nll"], "baselines": ["LogisticRegression"], "cv": 2}


def mixed(n_rows=60):
    """Numbers, text, booleans and dates with missing values, and a label that depends on them."""
    rng = np.random.default_rng(0)
    number = rng.normal(size=n_rows)
    colour = rng.choice(["red", "green", "blue"], size=n_rows).astype(object)
    label = np.where(number + (colour == "red") > 0, "yes", "no")
    number[::7], colour[::11] = np.nan, None
    return {
        "row_id": np.arange(n_rows),
        "number": number,
        "colour": colour,
        "member": rng.random(n_rows) < 0.5,
        "day": np.datetime64("2024-01-30") + rng.integers(0, 500, n_rows),
        "nothing": np.full(n_rows, np.nan),
        "label": label,
    }


class Recorder(DummyClassifier):
    """Keeps what it was fitted on and asked to predict."""

    seen: list = []  # noqa: RUF012  # shared by the clones, which is the point

    def fit(self, X, y):
        self.seen.append((X, y))
        return super().fit(X, y)


class Failing(DummyClassifier):
    def fit(self, X, y):
        raise ValueError("It cannot be.\nDetails follow.")


class Loud(DummyClassifier):
    def fit(self, X, y):
        warnings.warn("Not there yet.", ConvergenceWarning, stacklevel=2)
        return super().fit(X, y)


class FailingOnce(DummyClassifier):
    """Fails on the folds whose first training row is below the mean."""

    def fit(self, X, y):
        if X[0, 0] < 0:
            raise ValueError("Negative.")
        return super().fit(X, y)


class Slow(DummyClassifier):
    def fit(self, X, y):
        time.sleep(0.05)
        return super().fit(X, y)

    def predict(self, X):
        time.sleep(0.01)
        return super().predict(X)


# ----------------------------------------------------------------------------------------- scores


def test_all_contenders_get_the_same_folds_and_the_folds_cover_the_rows():
    Recorder.seen.clear()
    X = np.arange(40.0).reshape(20, 2) ** 2
    compare(X, [0, 1] * 10, losses=[], baselines={"a": Recorder(), "b": Recorder()}, cv=2)
    first, second = Recorder.seen[:2], Recorder.seen[2:]
    for (X_one, y_one), (X_other, y_other) in zip(first, second, strict=True):
        assert X_one is X_other  # prepared once
        np.testing.assert_array_equal(y_one, y_other)
    assert [len(y) for _, y in first] == [10, 10]


def test_a_prior_scores_what_the_formulas_say():
    y = [0] * 12 + [1] * 4
    table = compare(np.eye(16), y, losses=[], baselines={"prior": DummyClassifier()}, cv=4)
    (row,) = table.rows
    assert row.mean("accuracy") == 0.75 and row.se("accuracy") == 0
    assert row.mean("balanced_accuracy") == row.mean("auc") == 0.5
    assert row.mean("log_loss") == pytest.approx(-0.75 * np.log(0.75) - 0.25 * np.log(0.25))
    assert row.mean("brier") == pytest.approx(0.75 * 2 * 0.25**2 + 0.25 * 2 * 0.75**2)
    assert row.mean("ece") == pytest.approx(0)


def test_times_are_of_fit_and_predict():
    own = {"slow": Slow(), "quick": DummyClassifier()}
    slow, quick = compare(np.eye(8), [0, 1] * 4, losses=[], baselines=own, cv=2).rows
    assert slow.mean("fit_seconds") >= 0.05 > quick.mean("fit_seconds") > 0
    assert slow.mean("predict_microseconds") >= 1e4 / 4 > quick.mean("predict_microseconds") > 0


def test_a_model_that_fails_on_one_fold_has_no_scores():
    # Of the first two rows, one of each class, some fold leaves out the one below the mean.
    x = np.array([[-9.0], [9.0], *([[j] for j in range(6)])])
    own = {"once": FailingOnce()}
    table = compare(x, [0, 1] * 4, losses=[], baselines=own, cv=4)
    (row,) = table.rows
    assert row.folds == () and row.error == "ValueError: Negative."


def test_classifiers_of_ones_own_are_left_as_they_were():
    own = DummyClassifier()
    compare(np.eye(8), [0, 1] * 4, losses=[], baselines={"own": own}, cv=2)
    with pytest.raises(NotFittedError):
        check_is_fitted(own)


def test_the_seed_changes_the_folds():
    Recorder.seen.clear()
    for seed in (0, 0, 1):
        x = np.arange(20.0)[:, None] ** 2
        own = {"a": Recorder()}
        compare(x, [0, 1] * 10, losses=[], baselines=own, cv=2, random_state=seed)
    first, same, other = (X for X, _ in Recorder.seen[::2])
    np.testing.assert_array_equal(first, same)
    assert not np.array_equal(first, other)


def test_a_drawn_seed_is_kept():
    def recorded(random_state):
        Recorder.seen.clear()
        x, own = np.arange(20.0)[:, None] ** 2, {"a": Recorder()}
        table = compare(x, [0, 1] * 10, losses=[], baselines=own, cv=2, random_state=random_state)
        return Recorder.seen[0][0], table.about["settings"]["random_state"]

    (one, seed), (other, another) = recorded(None), recorded(None)
    assert seed != another and not np.array_equal(one, other)
    np.testing.assert_array_equal(recorded(seed)[0], one)
    generator = np.random.RandomState(0)
    assert recorded(generator)[1] == recorded(np.random.RandomState(0))[1]


def test_a_failure_and_a_warning_are_told_and_end_nothing():
    rows = []
    own = {"bad": Failing(), "loud": Loud(), "good": DummyClassifier()}
    table = compare(np.eye(8), [0, 1] * 4, losses=[], baselines=own, cv=2, on_row=rows.append)
    assert [row.model for row in rows] == ["bad", "loud", "good"]
    assert [row.model for row in table.ranked()] == ["loud", "good", "bad"]
    assert table.notes()[-2:] == [
        "loud: ConvergenceWarning: Not there yet. (2 of 2 folds)",
        "bad failed: ValueError: It cannot be.",
    ]


def test_the_reference_loss_equals_logistic_regression_on_mixed_data():
    table = compare(pandas.DataFrame(mixed()), "label", **ONE_OF_EACH)
    by_model = {row.model: row for row in table.rows}
    ebm, reference = by_model["nll"], by_model["LogisticRegression"]
    assert ebm.mean("log_loss") == pytest.approx(reference.mean("log_loss"), rel=1e-2)
    assert ebm.mean("accuracy") > 0.7


def test_losses_are_given_by_name_and_honest_probabilities_are_asked_for():
    comparison = Comparison(np.eye(8), [0, 1] * 4, losses=["nll", "hinge"], baselines=[], cv=2)
    betas = [contender.estimator.get_params()["beta"] for contender in comparison.contenders]
    assert betas == [1.0, "auto"]


def test_by_default_all_losses_and_the_installed_baselines_take_part():
    comparison = Comparison(np.eye(8), [0, 1] * 4, cv=2)
    models = {contender.model for contender in comparison.contenders}
    assert {
        "majority class",
        "LogisticRegression",
        "LinearSVC (calibrated)",
        "SGDClassifier",
        "MLPClassifier",
        "RandomForestClassifier",
        "HistGradientBoostingClassifier",
    } <= models
    assert {"nll", "hinge", "perceptron", "mee"} <= models
    assert {f"{name} + nll" for name in ENERGIES if name != "linear"} <= models
    assert not {"energy", "lvq2"} & models


def test_cheap_models_run_first():
    comparison = Comparison(np.eye(8), [0, 1] * 4, cv=2)
    models = [contender.model for contender in comparison.contenders]
    order = ["majority class", "LogisticRegression", "hinge", "kernel + nll", "mlp + nll"]
    assert models[0] == order[0] and sorted(order, key=models.index) == order


@pytest.mark.parametrize(("name", "package"), [("LightGBM", "lightgbm"), ("CatBoost", "catboost")])
def test_optional_baselines(name, package, monkeypatch):
    monkeypatch.setattr(classifiers, "find_spec", lambda package: True)
    assert name in classifiers.known_baselines(None)
    monkeypatch.setattr(classifiers, "find_spec", lambda package: None)
    assert name not in classifiers.known_baselines(None)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(DataError, match=f"needs the package {package}, but: "):
        classifiers.BASELINES[name](classifiers.RunContext(0, 2, 8))


def test_energies_are_given_by_name_each_with_the_losses_that_suit_it():
    comparison = Comparison(
        np.eye(8), [0, 1] * 4, energies=["kernel", "linear"], losses=["nll", "hinge"],
        baselines=[], cv=2,
    )  # fmt: skip
    models = [contender.model for contender in comparison.contenders]
    assert models == ["nll", "hinge", "kernel + nll", "kernel + hinge"]
    every = Comparison(np.eye(8), [0, 1] * 4, energies=["kernel"], baselines=[], cv=2)
    assert [c.estimator.loss for c in every.contenders] == list(suitable_losses("kernel"))
    own = Kernel(n_components=3)
    named = Comparison(np.eye(8), [0, 1] * 4, energies=[own], losses=["nll"], baselines=[], cv=2)
    assert named.contenders[0].model == "Kernel(n_components=3) + nll"
    assert named.contenders[0].estimator.energy is own


def test_every_baseline_runs_on_mixed_data_in_parallel_as_in_sequence():
    data = pandas.DataFrame(mixed(80))
    names = ["LinearSVC", "SGDClassifier", "RandomForestClassifier", "majority"]
    names += ["HistGradientBoostingClassifier"]
    one = compare(data, "label", losses=[], baselines=names, cv=2)
    two = compare(data, "label", losses=[], baselines=names, cv=2, n_jobs=2)
    assert not any(row.error for row in one.rows)
    assert [r.mean("log_loss") for r in one.rows] == [r.mean("log_loss") for r in two.rows]


# ------------------------------------------------------------------------------------------ table


def example_table():
    scores = dict.fromkeys(OF_CLASSES.scores, 0.5)
    rows = [
        Row("worse", "W()", (scores, scores | {"log_loss": 0.7})),
        Row("<failed>", "F()", error="ValueError: no."),
        Row("better", "B()", (scores, scores), warnings=("slow",)),
    ]
    return ComparisonTable(rows, {"title": "A title", "data": {"notes": ["A note."]}})


def test_the_printed_table():
    lines = str(example_table()).splitlines()
    assert lines[:2] == [
        "A title",
        "mean ± standard error, ranked by log-loss, lowest first",
    ]
    assert lines[2].split()[:3] == ["model", "accuracy", "bal."]
    assert [line.split()[:2] for line in lines[4:7]] == [
        ["1", "better"],
        ["2=", "worse"],
        ["-", "<failed>"],
    ]
    assert "0.6000 ± 0.1000" in lines[5]
    assert lines[7:] == [
        "note: = the difference from better is within its 95 % interval",
        "note: A note.",
        "note: better: slow",
        "note: <failed> failed: ValueError: no.",
    ]


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120, 160])
def test_the_table_fits_the_terminal(width):
    lines = example_table().text(width).splitlines()
    rows = lines[2 : lines.index(next(line for line in lines if line.startswith("note")))]
    assert max(map(len, rows)) <= width and "better" in rows[2]
    hidden = [line for line in lines if "not shown for lack of width" in line]
    assert bool(hidden) == (rows != str(example_table()).splitlines()[2:7])
    shown = rows[0] + "".join(hidden)
    assert all(score.heading in shown for score in OF_CLASSES.scores.values())


def rows_of(**losses):
    return [
        Row(model, "", tuple({"log_loss": value} for value in values), origin=origin)
        for model, (origin, values) in losses.items()
    ]


def test_ties_are_those_of_paired_differences():
    # Differences from the best: 0.1 ± 0.3, a tie, and nearly always 0.1, so none. Their own spreads
    # are as large as 1, which does not matter.
    best = np.array([1.0, 2.0, 3.0, 4.0])
    near, noisy = best + 0.1, best + np.array([0.4, -0.2, 0.4, -0.2])
    table = ComparisonTable(
        rows_of(
            a=("package", best),
            b=("baseline", near + np.array([0.01, 0, 0, 0])),
            c=("floor", noisy),
        )
    )
    assert [table.tied(row) for row in table.ranked()] == [False, True, False]
    mean, error = table.difference(table.rows[2], table.rows[0])
    assert mean == pytest.approx(0.1)
    assert error == pytest.approx(np.std([0.4, -0.2, 0.4, -0.2], ddof=1) * np.sqrt(1 / 4 + 1 / 3))


def test_the_headline_compares_the_best_with_the_best_of_the_other_side():
    ours, theirs = ("package", [1.0, 2.0]), ("baseline", [1.5, 2.51])
    floor, second = ("floor", [1.2, 2.2]), ("package", [1.1, 2.1])
    won = ComparisonTable(rows_of(hinge=ours, floor=floor, SVC=theirs, nll=second)).headline()
    assert won == (
        "hinge has the lowest log-loss, 1.5000 ± 0.5000: 0.5050 ± 0.0087 below SVC, the best "
        "outside this package."
    )
    lost = ComparisonTable(
        rows_of(SVC=("baseline", [1.0, 2.0]), hinge=("package", [1.5, 2.0]))
    ).headline()
    assert lost.endswith(
        "0.2500 ± 0.4330 below hinge, the best of this package; the difference is within its "
        "uncertainty."
    )
    alone = ComparisonTable(rows_of(hinge=ours)).headline()
    assert alone == "hinge has the lowest log-loss, 1.5000 ± 0.5000."
    assert ComparisonTable([Row("a", "", error="No.")]).headline() == "No model could be fitted."


def test_columns_are_grouped_and_long_lists_are_shortened():
    columns = [{"name": f"x{j}", "kind": "number", "note": ""} for j in range(64)]
    columns += [{"name": "id", "kind": "left out", "note": "a text id"}]
    numbers, left_out = columns_by_kind(columns)
    assert numbers.startswith("columns, number: x0, x1,") and numbers.endswith("x63, and 52 more")
    assert left_out == "columns, left out: id (a text id)"


def test_the_table_in_a_notebook_is_escaped():
    text = example_table()._repr_html_()
    assert "&lt;failed&gt;" in text and "<failed>" not in text


def test_csv_json_and_pandas_hold_the_same(tmp_path):
    table = example_table()
    table.to_csv(tmp_path / "table.csv")
    table.to_json(tmp_path / "table.json")
    frame, content = (
        pandas.read_csv(tmp_path / "table.csv"),
        json.loads((tmp_path / "table.json").read_text()),
    )
    assert frame["model"].tolist() == ["better", "worse", "<failed>"]
    assert frame["log_loss_mean"].tolist()[:2] == pytest.approx([0.5, 0.6])
    assert frame.columns.tolist() == table.to_pandas().columns.tolist()
    assert content["about"]["title"] == "A title"
    assert content["rows"][1]["folds"][1]["log_loss"] == 0.7
    assert content["rows"][2]["log_loss_mean"] is None and content["rows"][2]["error"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["table.csv", "table.json"]


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "table.json"
    path.write_text("old")
    with pytest.raises(TypeError):
        ComparisonTable(about={"title": object()}).to_json(path)
    assert path.read_text() == "old"


def test_to_pandas_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r'pip install "sklearn_ebm\[compare\]"'):
        example_table().to_pandas()


def test_what_was_done_is_kept(tmp_path):
    table = compare(pandas.DataFrame(mixed()), "label", **ONE_OF_EACH, max_rows=40, random_state=3)
    table.to_json(tmp_path / "table.json")
    about = json.loads((tmp_path / "table.json").read_text())["about"]
    assert about["settings"] == {"cv": 2, "random_state": 3, "n_jobs": None, "max_rows": 40}
    assert sum(about["data"]["classes"].values()) == about["data"]["rows"] <= 40
    assert {"sklearn_ebm", "scikit-learn", "numpy", "python"} <= set(about["versions"])
    assert json.loads((tmp_path / "table.json").read_text())["ranked_by"] == "log_loss"
    assert set(about["scores"]) == set(OF_CLASSES.scores) - {"auc", "balanced_accuracy"}


# -------------------------------------------------------------------------------------- pipelines


def test_the_best_model_comes_out_as_a_pipeline_for_raw_rows(tmp_path):
    frame = pandas.DataFrame(mixed())
    table = compare(frame, "label", losses=["nll", "hinge"], baselines=["majority"], cv=2)
    pipeline = table.best_pipeline
    assert pipeline is table.pipeline(table.best)
    raw = frame.drop(columns="label")[:5]
    assert set(pipeline.predict(raw)) <= {"yes", "no"}
    copy = pickle.loads(pickle.dumps(pipeline))
    np.testing.assert_array_equal(copy.predict_proba(raw), pipeline.predict_proba(raw))
    assert table.pipeline("hinge")[-1].loss == "hinge"
    with pytest.raises(DataError, match='no model "hing"; did you mean "hinge"'):
        table.pipeline("hing")
    with pytest.raises(DataError, match="made without data"):
        example_table().best_pipeline  # noqa: B018


def test_the_pipeline_learns_from_all_rows_and_from_the_labels_to_learn_from():
    frame = pandas.DataFrame(mixed(200))
    options = {"losses": ["nll"], "baselines": [], "cv": 2}
    sampled = compare(frame, "label", max_rows=40, **options)
    everything = compare(frame, "label", **options)
    raw = frame.drop(columns="label")
    np.testing.assert_array_equal(
        sampled.best_pipeline.predict_proba(raw), everything.best_pipeline.predict_proba(raw)
    )
    data = Comparison(frame, "label", **options).data
    wrong = Comparison(replace(data, learned=1 - data.labels), **options)
    (row,) = wrong.run()
    assert row.mean("accuracy") < 0.3
    assert np.mean(wrong.pipeline("nll").predict(data.X) == data.y) < 0.3


def test_the_code_of_a_model_builds_the_same_pipeline():
    frame = pandas.DataFrame(mixed())
    names = ["LinearSVC", "HistGradientBoostingClassifier"]
    comparison = Comparison(
        frame, "label", losses=["hinge"], baselines=names, cv=2, representations=["sparse_coding"]
    )
    for contender in comparison.contenders:
        text = comparison.code(contender.model, "make_table(frame, 'label')")
        names = {"frame": frame}
        exec(text, names)
        X = comparison.data.X
        expected = comparison.pipeline(contender.model).predict_proba(X)
        np.testing.assert_allclose(names["model"].predict_proba(X), expected, rtol=1e-9)


def test_folds_have_the_columns_of_the_pipeline_also_in_a_sample():
    # In a sample, the numbers of rows have gaps, and might look like a feature.
    rng = np.random.default_rng(0)
    frame = pandas.DataFrame({"sample": np.arange(3000), "x": rng.normal(size=3000)})
    frame["y"] = np.where(frame["sample"] < 1500, "a", "b")
    comparison = Comparison(frame, "y", losses=["nll"], baselines=[], cv=2, max_rows=300)
    assert list(comparison.data.X.columns) == ["x"]
    (row,) = comparison.run()
    assert row.mean("accuracy") < 0.6
    assert comparison.pipeline("nll")[-1].n_features_in_ == 1


def test_rare_classes_are_left_out_of_every_table_and_of_the_code():
    y = ["a"] * 20 + ["b"] * 20 + ["c"] * 3
    X = np.arange(43.0)[:, None] ** 2
    comparison = Comparison(make_table(X, y), losses=["nll"], baselines=[])
    assert comparison.data.classes == ("a", "b") and '"c" (3 of 43 rows)' in str(comparison.table)
    (row,) = comparison.run()
    assert not row.error and np.isfinite(row.mean("log_loss"))
    assert comparison.pipeline("nll").classes_.tolist() == ["a", "b"]


def test_a_table_has_its_own_target():
    with pytest.raises(DataError, match="A Table has its target and columns"):
        Comparison(make_table(np.eye(4), [0, 1, 0, 1]), task="regression")


def test_two_models_of_one_name_are_refused():
    own = {"nll": DummyClassifier()}
    with pytest.raises(DataError, match='several models "nll"'):
        Comparison(np.eye(8), [0, 1] * 4, losses=["nll"], baselines=own, cv=2)


def test_a_column_that_is_useless_in_one_fold_is_told_and_ends_nothing():
    frame = pandas.DataFrame({"x": ["q"] * 19 + ["z"], "y": [0, 1] * 10})
    table = compare(frame, "y", losses=["nll"], baselines=["majority"], cv=5)
    assert all("No column is left" in row.error for row in table.rows)
    assert table.headline() == "No model could be fitted."


@pytest.mark.parametrize("output", ["pandas", "polars"])
def test_the_output_that_a_user_has_set_changes_nothing(output):
    frame = pandas.DataFrame(mixed())
    expected = compare(frame, "label", **ONE_OF_EACH)
    with sklearn.config_context(transform_output=output):
        found = compare(frame, "label", **ONE_OF_EACH)
    losses = [[row.mean("log_loss") for row in table.rows] for table in (expected, found)]
    assert losses[0] == losses[1]


def test_a_broken_package_is_left_out_with_its_error(monkeypatch):
    def broken(name):
        raise RuntimeError(f"no {name} here")

    monkeypatch.setattr(classifiers, "find_spec", lambda package: True)
    monkeypatch.setattr(classifiers, "import_module", broken)
    comparison = Comparison(np.eye(8), [0, 1] * 4, losses=["nll"], cv=2)
    assert "CatBoost was left out: no catboost here" in comparison.table.notes()


def test_whose_model_a_model_is():
    own = {
        "search": GridSearchCV(EBMClassifier(), {"C": [1.0]}, cv=2),
        "other": DummyClassifier(),
        "mine": make_pipeline(StandardScaler(), Loud()),
    }
    comparison = Comparison(np.eye(8), [0, 1] * 4, losses=[], baselines=own, cv=2)
    origins = {each.model: each.origin for each in comparison.contenders}
    assert origins == {"search": "package", "other": "floor", "mine": "floor"}


def test_the_code_of_an_estimator_that_is_not_of_scikit_learn():
    class Foreign:
        def __init__(self, depth=3, inner=None):
            self.depth, self.inner = depth, inner

        def get_params(self, deep=True):
            return {"depth": self.depth, "inner": self.inner}

    assert _text(Foreign(5, Foreign())) == "Foreign(depth=5, inner=Foreign())"
    assert _text(EBMClassifier(Kernel(n_components=3))) == (
        "EBMClassifier(energy=Kernel(n_components=3))"
    )


# ----------------------------------------------------------------------------------------- errors

FRAME = pandas.DataFrame({"height": [1.0, 2.0, 3.0, 4.0], "weight": [1, 2, 1, 2]})
TEN = (np.eye(10), [0, 1] * 5)
WORDS = pandas.DataFrame({"comment": [f"text number {j}" for j in range(30)], "n": range(30)})


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((FRAME, "wieght"), {}, 'no target column "wieght"; did you mean "weight"'),
        ((FRAME, "xyz"), {}, 'no target column "xyz"; the columns are height, weight.'),
        (
            (FRAME, "weight"),
            {"drop": ["hight"]},
            'no column to drop "hight"; did you mean "height"',
        ),
        ((FRAME,), {}, "X came without y"),
        ((FRAME, [1, 2]), {}, "X has 4 rows and y has 2 labels; give one label per row."),
        ((FRAME, [1, 1, 1, 1]), {}, 'one value only, "1"; it needs at least two'),
        ((FRAME, [None] * 4), {}, "has no values"),
        ((FRAME, [1, np.inf, 1, 2]), {}, 'target "y" holds infinite values'),
        ((FRAME, ["a\nb"] * 4), {}, 'one value only, "a b"'),
        ((FRAME, np.eye(4)), {}, "more than one column"),
        (TEN, {"cv": 1}, "cv, is 1; it must be at least 2"),
        (TEN, {"cv": 2, "max_rows": 3}, "need at least 4 rows"),
        ((FRAME.iloc[:, :0], [1, 1, 2, 2]), {"cv": 2}, "no columns besides the target"),
        ((WORDS, pandas.date_range("2024", periods=30)), {}, "is a date"),
        ((np.ones(3), [1, 2, 1]), {}, "X has 1 dimension(s)"),
        ((scipy.sparse.eye(4, format="csr"), "y"), {}, 'sparse matrix has no column "y"'),
        ((scipy.sparse.eye(4, format="csr") * np.nan, [1, 1, 2, 2]), {}, "missing or infinite"),
        (
            TEN,
            {"losses": ["hing"]},
            'no loss "hing". Did you mean "hinge"? Known are nll, ',
        ),
        (
            TEN,
            {"losses": ["energy"]},
            '"energy" does not suit a linear energy; use one of nll',
        ),
        (
            TEN,
            {"energies": ["kernal"]},
            'no energy "kernal". Did you mean "kernel"? Known are lin',
        ),
        (
            TEN,
            {"energies": ["kernel", "linear"], "losses": ["energy"]},
            '"energy" does not suit these energies; use one of nll',
        ),
        (
            TEN,
            {"baselines": ["LinearSCV"]},
            'no baseline "LinearSCV". Did you mean "LinearSVC"?',
        ),
        (TEN, {"losses": [], "baselines": []}, "nothing to compare"),
    ],
)
def test_bad_input_gets_one_clear_sentence(arguments, options, message):
    with pytest.raises(DataError) as caught:
        Comparison(*arguments, **options)
    assert message in str(caught.value) and "\n" not in str(caught.value)
