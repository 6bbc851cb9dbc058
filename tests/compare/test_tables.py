"""A table for a comparison: the target, the task, rows left out, and what is said about them."""

from dataclasses import replace

import numpy as np
import pandas
import polars
import pytest
import scipy.sparse

from sklearn_ebm.compare.columns import DataError
from sklearn_ebm.compare.tables import make_table, without_rare_classes


def table_of(cells, n_rows=24, **options):
    """A table with a target of repeated cells."""
    X = np.arange(n_rows)[:, None] ** 1.5
    return make_table(X, [cells[i % len(cells)] for i in range(n_rows)], **options)


@pytest.mark.parametrize(
    ("cells", "classes", "values"),
    [
        (["b", "a", "b "], ("a", "b"), ["a", "b"]),
        ([2, 1, 2], ("1", "2"), [1, 2]),
        (["2", "1", "1.0"], ("1", "2"), [1, 2]),
        ([True, False, True], ("False", "True"), [False, True]),
        (["TRUE", "True", "false"], ("False", "True"), [False, True]),
        (["TRUE", "True", "maybe"], ("TRUE", "True", "maybe"), ["TRUE", "True", "maybe"]),
        (["01", "1"], ("01", "1"), ["01", "1"]),
        (["1", "2", "other"], ("1", "2", "other"), ["1", "2", "other"]),
        ([1, "1", "a"], ("1", "a"), ["1", "a"]),
        (["10%", "20%"], ("10%", "20%"), ["10%", "20%"]),
        (["NA", "EU", "AS"], ("AS", "EU", "NA"), ["AS", "EU", "NA"]),
        (["fault, bearing", "ok"], ("fault, bearing", "ok"), ["fault, bearing", "ok"]),
        (pandas.Categorical(["u", "v", "u"] * 8), ("u", "v"), ["u", "v"]),
        (pandas.Series([1, 3, 2] * 8, dtype="Int64"), ("1", "2", "3"), [1, 2, 3]),
    ],
)
def test_classes_are_the_labels_as_they_are_given(cells, classes, values):
    table = table_of(cells)
    assert table.classes == classes and table.values.tolist() == values
    assert len(table.labels) == 24
    given = [str(cells[i % len(cells)]).strip().lower() for i in range(3)]
    read = [str(table.values[label]).lower() for label in table.labels[:3]]
    assert [one.removesuffix(".0") for one in given] == read


@pytest.mark.parametrize(
    ("cells", "n_left_out"),
    [
        (["a", None, "b"], 8),
        (["yes", "no", "?", "#N/A"], 12),
        (["0", "1", "NA"], 8),
        ([0.0, np.nan, 1.0], 8),
        (pandas.Series([1, None, 2] * 8, dtype="Int64"), 8),
        ([1.5, 2.0, None], 8),
    ],
)
def test_rows_without_a_label_are_left_out(cells, n_left_out):
    table = table_of(cells)
    assert len(table.X) == len(table.labels) == 24 - n_left_out
    assert table.notes[0] == f"{n_left_out} rows without a label were left out."
    assert not table.classes or len(table.classes) == 2


def test_a_class_that_may_be_a_missing_label_is_named():
    (note,) = table_of(["NA", "EU", "AS"]).notes
    assert note.startswith('"NA" of the target "y" was taken as a class')


@pytest.mark.parametrize(
    ("cells", "numbers", "note"),
    [
        (["103200,0", "950,5", "1.200,0"], [103200, 950.5, 1200], "decimal commas"),
        (["$8.91", "$1,003.50", "$7"], [8.91, 1003.5, 7], "in $"),
        (["61.3 °C", "58 °C", "7 °C"], [61.3, 58, 7], "unit °C removed"),
        (["1.5", "NA", "2"], [1.5, 2, 1.5], "2 different numbers"),
        ([1.5, 2.0, 0.0], [1.5, 2, 0], "3 different numbers"),
    ],
)
def test_quantities_are_read_as_columns_are(cells, numbers, note):
    table = table_of(cells)
    assert table.classes == () and len(table.values) == 0
    np.testing.assert_array_equal(table.labels[:3], numbers)
    name, kind, written = table.columns[-1]
    assert (name, kind) == ("y", "target") and note in written
    assert "because its numbers have fractions" in table.notes[-1]
    assert "--task classification" in table.notes[-1]


def test_the_decimal_mark_of_other_columns_decides_about_the_target():
    frame = pandas.DataFrame({"x": ["1,5", "2,25", "4"] * 8, "y": ["1.250", "2.500", "3.125"] * 8})
    assert make_table(frame, "y", task="regression").labels[0] == 1250
    frame["x"] = frame["x"].str.replace(",", ".")
    assert make_table(frame, "y", task="regression").labels[0] == 1.25


def test_a_count_is_a_quantity_and_grades_are_classes():
    rng = np.random.default_rng(0)
    count = table_of(rng.poisson(5, 600).astype(str), n_rows=600)
    assert count.classes == () and "--task classification takes its" in count.notes[0]
    assert "whole numbers" in count.notes[0] and "fewer than 5 rows" in count.notes[0]
    grades = table_of([1, 2, 3, 4, 5], n_rows=600)
    assert grades.classes == ("1", "2", "3", "4", "5")
    assert "5 classes, because its numbers are whole and few" in grades.notes[0]
    assert "--task regression" in grades.notes[0]
    assert len(table_of([*range(24)], n_rows=2400).classes) == 24  # hours, all with many rows
    assert table_of([*range(60)], n_rows=300).classes == ()
    assert table_of([0, 1]).notes == ()


def test_the_task_can_be_given():
    assert table_of([1, 2, 3], task="regression").labels.tolist()[:3] == [1, 2, 3]
    assert table_of(["005", "120"], task="regression").labels[:2].tolist() == [5, 120]
    assert table_of(["005", "120"], task="classification").classes == ("005", "120")
    assert table_of([0.5, 1.5], task="classification").classes == ("0.5", "1.5")


@pytest.mark.parametrize(
    ("cells", "task", "message"),
    [
        (["low", "high"], "regression", 'it holds "low", which is no number'),
        (["1_0", "1", "2", "3"], "regression", "which is no number"),
        ([True, False], "regression", "which is no number"),
        (["a", "a"], "auto", 'one value only, "a"'),
        ([1.5, 1.5], "auto", 'one value only, "1.5"'),
        ([None, None], "auto", "no values"),
        ([1.5, np.inf], "auto", "infinite values"),
        ([np.datetime64("2021-01-01"), np.datetime64("2021-01-02")], "auto", "is a date"),
        (pandas.date_range("2021-01-01", periods=24, tz="UTC"), "auto", "is a date"),
        (["a", "b"], "clustering", 'no task "clustering"'),
    ],
)
def test_targets_that_cannot_be_used(cells, task, message):
    with pytest.raises(DataError, match=message):
        table_of(cells, task=task)


def test_rare_classes_are_left_out_and_named():
    y = ["a"] * 10 + ["b"] * 10 + ["rare, very"] * 3 + ["once"]
    table = make_table(np.arange(24.0)[:, None] ** 1.5, y, cv=5)
    assert table.classes == ("a", "b") and table.values.tolist() == ["a", "b"]
    assert table.class_counts.tolist() == [10, 10] and len(table.X) == 20
    assert table.notes == (
        "Classes with fewer rows than the 5 folds were left out: "
        '"once" (1 of 24 rows), "rare, very" (3 of 24 rows); '
        "merge them with other classes in the data, or use fewer folds (--cv).",
    )
    assert table.columns[-1].note == "2 classes, and 2 left out"
    assert len(make_table(np.arange(24.0)[:, None] ** 1.5, y).classes) == 4
    with pytest.raises(DataError, match=r"fewer than two classes .* \"b\" \(2 of 12 rows\)"):
        make_table(np.arange(12.0)[:, None], ["a"] * 10 + ["b"] * 2, cv=3)


def frame():
    return pandas.DataFrame(
        {
            "row_id": np.arange(36),
            "x": np.arange(36) ** 1.5,
            "word": ["a", "b", "c"] * 12,
            "label": ["u", "v", None] * 12,
        }
    )


@pytest.mark.parametrize("convert", [pandas.DataFrame, polars.from_pandas])
def test_a_frame_keeps_its_raw_columns_and_all_are_described(convert):
    table = make_table(convert(frame()), "label", drop=["word"], source="a.csv")
    assert isinstance(table.X, pandas.DataFrame) and table.source == "a.csv"
    assert table.X.columns.tolist() == ["x"] and len(table.X) == 24
    assert table.columns == (
        ("row_id", "left out", "it numbers the rows"),
        ("x", "number", ""),
        ("word", "left out", "to be dropped"),
        ("label", "target", "2 classes"),
    )
    assert table.target_name == "label"


def test_notes_about_the_file_are_kept():
    raw = frame()
    raw.attrs.update(notes=["The text is old."], units={"x": "mm", "label": "g"})
    table = make_table(raw, "label")
    assert table.notes[0] == "The text is old."
    assert table.columns[1] == ("x", "number", "in mm")
    assert table.columns[-1] == ("label", "target", "2 classes; in g")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"y": "lable"}, 'no target column "lable"; did you mean "label"'),
        ({"y": "label", "drop": ["wrd"]}, 'no column to drop "wrd"; did you mean "word"'),
        ({"y": [1, 2, 3]}, "X has 36 rows and y has 3 labels"),
        ({"y": np.zeros((36, 2))}, "more than one column"),
    ],
)
def test_arguments_that_do_not_fit(options, message):
    with pytest.raises(DataError, match=message):
        make_table(frame(), **options)


def test_arrays_of_numbers_stay_arrays():
    X = np.array([[1, 5, 0], [2, 5, 0], [4, 5, 1]])
    table = make_table(X, ["a", "b", "a"])
    assert table.X.dtype == np.float64 and table.columns == (
        ("x0", "number", ""),
        ("x1", "number", "the same value in every row"),
        ("x2", "number", ""),
        ("y", "target", "2 classes"),
    )
    dropped = make_table(X, ["a", "b", "a"], drop=["x2"])
    assert dropped.X.columns.tolist() == ["x0"]  # x1 is the same in every row
    # Infinite numbers are read as missing, as in a frame.
    assert isinstance(make_table([[1.0], [np.inf], [3.0]], [0, 1, 1]).X, pandas.DataFrame)


def test_sparse_rows_stay_sparse():
    table = make_table(scipy.sparse.csc_matrix(np.eye(4)), ["a", None, "b", "a"])
    assert table.X.format == "csr" and table.columns == (("y", "target", "2 classes"),)
    np.testing.assert_array_equal(table.X.toarray(), np.eye(4)[[0, 2, 3]])
    for y, drop, message in [
        ("x", (), 'no column "x"'),
        ([0, 1, 1, 0], ["x1"], "no named columns"),
    ]:
        with pytest.raises(DataError, match=message):
            make_table(scipy.sparse.csr_matrix(np.eye(4)), y, drop=drop)
    with pytest.raises(DataError, match="missing or infinite"):
        make_table(scipy.sparse.csr_matrix([[np.nan, 1.0], [1.0, 2.0]]), [0, 1])


def test_a_sample_keeps_every_class_in_every_fold():
    y = np.repeat(["common", "rare"], [990, 10])
    table = make_table(np.arange(2000.0).reshape(1000, 2) ** 2, y)
    sample = table.sample(100, at_least=5, seed=0)
    assert sample.class_counts.tolist() == [99, 5]
    assert sample.notes[-1] == "104 of 1000 rows were drawn at random, class by class."
    np.testing.assert_array_equal(sample.X, table.sample(100, 5, seed=0).X)
    assert table.sample(1000, 5, seed=0) is table


def test_a_sample_of_a_frame_keeps_labels_beside_their_rows():
    raw = pandas.DataFrame({"x": np.arange(100.0) ** 1.5, "word": ["a", "b"] * 50})
    table = make_table(raw.assign(y=raw["x"] + 0.5), "y")
    sample = table.sample(30, 5, seed=1)
    assert len(sample.X) == 30
    np.testing.assert_array_equal(sample.labels, sample.X["x"] + 0.5)


def test_classes_that_differ_by_case_only_are_told():
    table = make_table(np.arange(8.0)[:, None], ["Yes", "yes", "No", "Yes"] * 2)
    assert 'Classes that differ by case only are different: "Yes", "yes".' in table.notes


def test_rare_classes_leave_the_labels_to_learn_from_as_well():
    y = np.array(["a"] * 2 + ["b"] * 5 + ["c"] * 5)
    table = make_table(np.arange(12.0)[:, None], y, task="classification")
    learned = table.labels.copy()
    learned[[2, 7]] = 0, 1  # wrong labels: of the rare class, and of another one
    kept = without_rare_classes(replace(table, learned=learned), 3)
    assert kept.classes == ("b", "c") and kept.rare == ("a",)
    assert kept.X.ravel().tolist() == [3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0]
    assert kept.y.tolist() == ["b"] * 5 + ["c"] * 4
