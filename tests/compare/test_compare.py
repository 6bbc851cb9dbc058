"""The comparison as a function: typing of columns, folds, scores and the table."""

import datetime
import json
import sys
import time
import warnings

import numpy as np
import pandas
import polars
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.utils.validation import check_is_fitted

from sklearn_ebm.compare import Comparison, compare
from sklearn_ebm.compare.columns import DataError, raw_column, typed_columns, why_useless
from sklearn_ebm.compare.folds import (
    SCORES,
    prepare,
    prepare_for_trees,
)
from sklearn_ebm.compare.leaderboard import ComparisonTable, Row
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


# ---------------------------------------------------------------------------------------- columns


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 2, 3], [("x", False, [1, 2, 3])]),
        ([1.5, None, 3], [("x", False, [1.5, np.nan, 3])]),
        ([True, None, False], [("x", True, [2, 0, 1])]),
        (["b", "a", None], [("x", True, [2, 1, 0])]),
        (["b", 1, None], [("x", True, [2, 1, 0])]),
        (["2024-13-01", "2024-01-01"], [("x", True, [2, 1])]),
        (
            ["1970-01-01", None, "1970-12-06"],
            [
                ("x (days)", False, [0, np.nan, 339]),
                ("x (month)", True, [1, 0, 12]),
                ("x (weekday)", True, [4, 0, 7]),
            ],
        ),
        (
            np.array(["1970-01-01T00:00", "1970-01-01T12:30"], dtype="datetime64[m]"),
            [("x (hour)", False, [0, 12.5])],
        ),
        (np.array([90, 30], dtype="timedelta64[s]"), [("x", False, [90, 30])]),
        ([datetime.date(1970, 1, 1), datetime.date(1970, 1, 8)], [("x (days)", False, [0, 7])]),
    ],
)
def test_a_column_is_typed(values, expected):
    typed = typed_columns(raw_column(values, "x"))
    assert [(column.name, column.is_category) for column in typed] == [e[:2] for e in expected]
    for column, (_, _, numbers) in zip(typed, expected, strict=True):
        np.testing.assert_array_equal(column.values, numbers)


@given(
    st.lists(st.none() | st.integers(-(2**60), 2**60) | st.floats(allow_infinity=False), min_size=1)
)
def test_numbers_stay_and_only_missing_ones_are_nan(values):
    raw = raw_column(np.array(values, dtype=object), "x")
    if raw.missing.all():
        assert why_useless(raw) == "no values"
        return
    (column,) = typed_columns(raw)
    expected = [np.nan if value is None else float(value) for value in values]
    assert not column.is_category
    np.testing.assert_array_equal(column.values, expected)


@given(st.lists(st.none() | st.sampled_from(["", "a", "b", "NaN", "é", " a"]), min_size=1))
def test_codes_are_equal_where_the_text_is_and_zero_where_it_is_missing(values):
    raw = raw_column(np.array(values, dtype=object), "x")
    if raw.missing.all():
        assert why_useless(raw) == "no values"
        return
    (column,) = typed_columns(raw)
    for value, code in zip(values, column.values, strict=True):
        assert (code == 0) == (value is None)
        for other, other_code in zip(values, column.values, strict=True):
            assert (code == other_code) == (value == other)


@pytest.mark.parametrize(
    ("name", "values", "reason"),
    [
        ("x", [None, np.nan], "no values"),
        ("x", ["a", "a"], "the same value in every row"),
        ("x", [1, 1, None], ""),
        ("x", list(range(5, 35)), "it numbers the rows"),
        ("x", [value * 10 for value in range(30)], ""),
        ("customer_id", [value * 10 for value in range(30)], "it numbers the rows"),
        ("paid", [value * 10 for value in range(30)], ""),
        ("Unnamed: 0", list(range(0, 60, 2)), "it numbers the rows"),
        ("x", [1, 2, 3], ""),  # too few rows to say
    ],
)
def test_useless_columns_are_recognised(name, values, reason):
    assert why_useless(raw_column(values, name)) == reason


@pytest.mark.parametrize("kind", [pandas.DataFrame, polars.DataFrame])
def test_frames_and_arrays_give_the_same_table(kind):
    data = mixed()
    frame = kind(data)
    table = make_table(frame, "label")
    assert table.number_names == ("number", "day (days)")
    assert table.category_names == ("colour", "member", "day (month)", "day (weekday)")
    assert table.classes == ("no", "yes")
    assert table.notes == (
        'Left out "row_id": it numbers the rows.',
        'Left out "nothing": no values.',
    )
    assert np.isnan(table.numbers[::7, 0]).all() and (table.categories[::11, 0] == 0).all()
    names = [name for name in data if name != "label"]
    array = np.column_stack([data[name].astype(object) for name in names])
    plain = make_table(array, frame["label"])
    np.testing.assert_array_equal(plain.numbers, table.numbers)
    np.testing.assert_array_equal(plain.categories, table.categories)
    np.testing.assert_array_equal(plain.labels, table.labels)


@pytest.mark.parametrize(
    ("y", "classes"),
    [
        (["b", "a", "b"], ("a", "b")),
        ([2, 1, 2], ("1", "2")),
        ([True, False, True], ("False", "True")),
        ([0.5, 1.5, 0.5], ("0.5", "1.5")),
        (["a", None, "b"], ("a", "b")),
        ([0.0, np.nan, 1.0], ("0", "1")),
        (pandas.Series([1, None, 2], dtype="Int64"), ("1", "2")),
        (pandas.Categorical(["u", "v", "u"]), ("u", "v")),
    ],
)
def test_any_label_type_and_rows_without_a_label(y, classes):
    table = make_table([[1.0], [2.0], [4.0]], y)
    assert table.classes == classes
    assert len(table.numbers) == len(table.labels) == 3 - len(table.notes)


def test_sparse_rows_without_a_label_are_left_out():
    table = make_table(scipy.sparse.csr_matrix(np.eye(4)), ["a", None, "b", "a"])
    np.testing.assert_array_equal(table.numbers.toarray(), np.eye(4)[[0, 2, 3]])


def test_a_sample_keeps_every_class_in_every_fold():
    y = np.repeat(["common", "rare"], [990, 10])
    table = make_table(np.arange(2000.0).reshape(1000, 2) ** 2, y)
    sample = table.sample(100, at_least=5, seed=0)
    assert sample.class_counts.tolist() == [99, 5]
    assert sample.notes[-1] == "104 of 1000 rows were drawn at random, class by class."
    np.testing.assert_array_equal(sample.numbers, table.sample(100, 5, seed=0).numbers)


# ------------------------------------------------------------------------------------ preparation


def test_preparation_learns_from_the_training_rows_only():
    table = make_table([[0.0, "a"], [2.0, "a"], [np.nan, "new"], [1e6, "a"]] * 6, [0, 1] * 12)
    train, test = np.flatnonzero(np.arange(24) % 4 < 2), np.flatnonzero(np.arange(24) % 4 >= 2)
    fold = prepare(table, train, test)
    np.testing.assert_array_equal(fold.X_train[:2], [[-1, 1], [1, 1]])
    # The median, 1, for the missing value and no column of its own for the new category.
    np.testing.assert_array_equal(fold.X_test[:2], [[0, 0], [1e6 - 1, 1]])


def test_preparation_marks_missing_values():
    table = make_table([[0.0], [2.0], [np.nan], [4.0]], [0, 1, 0, 1])
    fold = prepare(table, np.arange(4), np.arange(4))
    assert fold.X_train.shape == (4, 2)
    np.testing.assert_allclose(fold.X_train[:, 1] > 0, [False, False, True, False])


def test_trees_get_numbers_as_they_are_and_codes():
    table = make_table([[0.0, "a"], [np.nan, "b"], [5.0, None]] * 5, [0, 1, 1] * 5)
    fold = prepare_for_trees(table, np.arange(15), np.arange(3))
    np.testing.assert_array_equal(fold.X_test[:, 0], [0, np.nan, 5])
    assert len(set(fold.X_test[:, 1])) == 3


def test_sparse_data_stays_sparse_and_trees_get_it_dense():
    X = scipy.sparse.random(40, 30, density=0.05, random_state=0, format="csc")
    table = make_table(X, [0, 1] * 20)
    fold = prepare(table, np.arange(30), np.arange(30, 40))
    assert scipy.sparse.issparse(fold.X_train) and fold.X_train.nnz == X.tocsr()[:30].nnz
    assert prepare_for_trees(table, np.arange(30), np.arange(30, 40)).X_test.shape == (10, 30)


def test_many_categories_stay_sparse():
    words = np.array([f"w{j}" for j in range(20)] * 8, dtype=object)
    table = make_table(words[:, None], [0, 1] * 80)
    assert scipy.sparse.issparse(prepare(table, np.arange(160), np.arange(4)).X_train)


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
    assert row.mean("accuracy") == 0.75 and row.sd("accuracy") == 0
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
    assert table.notes() == [
        "loud: ConvergenceWarning: Not there yet. (2 of 2 folds)",
        "bad failed: ValueError: It cannot be.",
    ]


def test_the_reference_loss_equals_logistic_regression_on_mixed_data():
    table = compare(pandas.DataFrame(mixed()), "label", **ONE_OF_EACH)
    by_model = {row.model: row for row in table.rows}
    ebm, reference = by_model["EBM nll"], by_model["LogisticRegression"]
    assert ebm.mean("log_loss") == pytest.approx(reference.mean("log_loss"), rel=1e-2)
    assert ebm.mean("accuracy") > 0.7


def test_losses_are_given_by_name_and_honest_probabilities_are_asked_for():
    comparison = Comparison(np.eye(8), [0, 1] * 4, losses=["nll", "hinge"], baselines=[], cv=2)
    betas = [contender.estimator.get_params()["beta"] for contender in comparison.contenders]
    assert betas == [1.0, "auto"]


def test_by_default_all_losses_and_baselines_take_part():
    comparison = Comparison()
    models = [contender.model for contender in comparison.contenders]
    assert models[-5:] == [
        "LogisticRegression",
        "LinearSVC (calibrated)",
        "SGDClassifier",
        "MLPClassifier",
        "HistGradientBoostingClassifier",
    ]
    assert {"EBM nll", "EBM hinge", "EBM perceptron", "EBM mee"} <= set(models)
    assert not {"EBM energy", "EBM lvq2"} & set(models)
    others = [f"EBM {name} nll" for name in ENERGIES if name != "linear"]
    assert models[-5 - len(others) : -5] == others
    assert comparison.data.source.startswith("breast cancer")


def test_energies_are_given_by_name_each_with_the_losses_that_suit_it():
    comparison = Comparison(
        np.eye(8), [0, 1] * 4, energies=["kernel", "linear"], losses=["nll", "hinge"],
        baselines=[], cv=2,
    )  # fmt: skip
    models = [contender.model for contender in comparison.contenders]
    assert models == ["EBM kernel nll", "EBM kernel hinge", "EBM nll", "EBM hinge"]
    every = Comparison(np.eye(8), [0, 1] * 4, energies=["kernel"], baselines=[], cv=2)
    assert [c.estimator.loss for c in every.contenders] == list(suitable_losses("kernel"))
    own = Kernel(n_components=3)
    named = Comparison(np.eye(8), [0, 1] * 4, energies=[own], losses=["nll"], baselines=[], cv=2)
    assert named.contenders[0].model == "EBM Kernel(n_components=3) nll"
    assert named.contenders[0].estimator.energy is own


def test_every_baseline_runs_on_mixed_data_in_parallel_as_in_sequence():
    data = pandas.DataFrame(mixed(80))
    names = ["LinearSVC", "SGDClassifier", "HistGradientBoostingClassifier"]
    one = compare(data, "label", losses=[], baselines=names, cv=2)
    two = compare(data, "label", losses=[], baselines=names, cv=2, n_jobs=2)
    assert not any(row.error for row in one.rows)
    assert [r.mean("log_loss") for r in one.rows] == [r.mean("log_loss") for r in two.rows]


# ------------------------------------------------------------------------------------------ table


def example_table():
    scores = dict.fromkeys(SCORES, 0.5)
    rows = [
        Row("worse", "W()", (scores, scores | {"log_loss": 0.7})),
        Row("<failed>", "F()", error="ValueError: no."),
        Row("better", "B()", (scores, scores), warnings=("slow",)),
    ]
    return ComparisonTable(rows, {"title": "A title", "data": {"notes": ["A note."]}})


def test_the_printed_table():
    lines = str(example_table()).splitlines()
    assert lines[0] == "A title"
    assert lines[1].split()[:4] == ["model", "accuracy", "log-loss", "Brier"]
    assert [line.split()[:2] for line in lines[3:6]] == [
        ["1", "better"],
        ["2", "worse"],
        ["-", "<failed>"],
    ]
    assert "0.6000 ± 0.1414" in lines[4]
    assert lines[6:] == [
        "note: A note.",
        "note: better: slow",
        "note: <failed> failed: ValueError: no.",
    ]


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
    assert about["ranked_by"] == "log_loss" and set(about["scores"]) == set(SCORES)


# ----------------------------------------------------------------------------------------- errors

FRAME = pandas.DataFrame({"height": [1.0, 2.0, 3.0, 4.0], "weight": [1, 2, 1, 2]})
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
        ((FRAME, [1, 1, 1, 1]), {}, 'one class only, "1"; a classifier needs at least two'),
        ((FRAME, [None] * 4), {}, "has no labels"),
        ((FRAME, [1, np.inf, 1, 2]), {}, 'target "y" holds infinite values'),
        ((FRAME, ["a\nb"] * 4), {}, 'one class only, "a b"'),
        ((FRAME, np.eye(4)), {}, "more than one column"),
        ((FRAME, [1, 1, 1, 2]), {"cv": 2}, r'fewer rows than the 2 folds: "2" (1); leave out or'),
        ((FRAME, [1, 1, 2, 2]), {}, "use 2 folds or fewer (cv), or leave out or merge"),
        ((FRAME, [1, 1, 2, 2]), {"cv": 1}, "cv, is 1; it must be at least 2"),
        ((FRAME, [1, 1, 2, 2]), {"cv": 2, "max_rows": 3}, "need at least 4 rows"),
        ((FRAME.iloc[:, :0], [1, 1, 2, 2]), {}, "No column is left to learn from"),
        (
            (FRAME.replace(1.0, np.inf), [1, 1, 2, 2]),
            {},
            'Column "height" holds infinite values; replace',
        ),
        ((WORDS, [0, 1] * 15), {}, 'Column "comment" looks like free text: 30 of its 30 values'),
        (
            (np.arange(60.0).reshape(30, 2) ** 2, np.linspace(0, 1, 30)),
            {"task": "classification"},
            "Classes with fewer rows than the 5 folds",
        ),
        ((WORDS, pandas.date_range("2024", periods=30)), {}, "is a date"),
        ((np.ones(3), [1, 2, 1]), {}, "X has 1 dimension(s)"),
        ((scipy.sparse.eye(4, format="csr"), "y"), {}, 'sparse matrix has no column "y"'),
        ((scipy.sparse.eye(4, format="csr") * np.nan, [1, 1, 2, 2]), {}, "missing or infinite"),
        ((), {"losses": ["hing"]}, 'no loss "hing". Did you mean "hinge"? Known are nll, '),
        ((), {"losses": ["energy"]}, '"energy" does not suit a linear energy; use one of nll'),
        ((), {"energies": ["kernal"]}, 'no energy "kernal". Did you mean "kernel"? Known are lin'),
        (
            (),
            {"energies": ["kernel", "linear"], "losses": ["energy"]},
            '"energy" does not suit these energies; use one of nll',
        ),
        ((), {"baselines": ["LinearSCV"]}, 'no baseline "LinearSCV". Did you mean "LinearSVC"?'),
        ((), {"losses": [], "baselines": []}, "nothing to compare"),
    ],
)
def test_bad_input_gets_one_clear_sentence(arguments, options, message):
    with pytest.raises(DataError) as caught:
        Comparison(*arguments, **options)
    assert message in str(caught.value) and "\n" not in str(caught.value)
