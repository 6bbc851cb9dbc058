"""What the cells of a text file become: classes, numbers, truths, dates, or nothing."""

import numpy as np
import pandas
import pytest

from sklearn_ebm.compare.columns import DataError
from sklearn_ebm.compare.files import read_frame
from sklearn_ebm.compare.tables import make_table


@pytest.fixture
def table_of(tmp_path):
    """A function from columns of text to the table that is read from their file."""

    def read(task="auto", n_rows=24, **columns):
        lines = [",".join(columns)]
        lines += [
            ",".join(cells[i % len(cells)] for cells in columns.values()) for i in range(n_rows)
        ]
        path = tmp_path / "table.csv"
        path.write_text("\n".join(lines) + "\n")
        return make_table(read_frame(path), "y", task=task)

    return read


X = ["1.5", "2.5", "4.5", "8", "0.5"]


@pytest.mark.parametrize(
    ("cells", "classes", "n_left_out"),
    [
        (["NA", "EU", "AS"], ("AS", "EU", "NA"), 0),
        (["None", "some", "many"], ("None", "many", "some"), 0),
        (["null", "nan", "x"], ("nan", "null", "x"), 0),
        (["n/a", "a", ""], ("a", "n/a"), 8),
        (["yes", "no", "?", "#N/A"], ("no", "yes"), 12),
        (["01", "1"], ("01", "1"), 0),
        (["007", "7", "NA"], ("007", "7"), 8),
        (["1", "2", "other"], ("1", "2", "other"), 0),
        # One number, one truth and one missing value each, however they are written.
        (["1", "1.0", "2"], ("1", "2"), 0),
        (["0", "1", "NA"], ("0", "1"), 8),
        (["0", "1", ""], ("0", "1"), 8),
        (["TRUE", "True", "false"], ("False", "True"), 0),
        (["True", "False", "None"], ("False", "True"), 8),
        (["TRUE", "True", "maybe"], ("TRUE", "True", "maybe"), 0),
    ],
)
def test_classes_are_the_words_that_are_written(table_of, cells, classes, n_left_out):
    table = table_of(x=X, y=cells)
    assert table.classes == classes
    assert len(table.labels) == 24 - n_left_out
    words = [f'"{name}"' for name in classes if name in ("NA", "None", "null", "nan", "n/a")]
    noted = [note for note in table.notes if "was taken as a class" in note]
    assert len(noted) == bool(words) and all(word in noted[0] for word in words)


def test_labels_of_a_file_and_of_memory_are_the_same(table_of):
    words = ["NA", "01", "1", "EU"]
    table = table_of(x=X, y=words)
    given = pandas.DataFrame({"x": [float(X[i % 5]) for i in range(24)], "y": words * 6})
    np.testing.assert_array_equal(table.labels, make_table(given, "y").labels)


@pytest.mark.parametrize(
    ("cells", "numbers", "codes"),
    [
        (["01234", "1234", "501"], [], [1, 2, 3]),  # the order of their text
        (["007", "012", "NA"], [], [1, 2, 0]),
        (["NA", "EU", ""], [], [2, 1, 0]),
        (["True", "FALSE", "nan"], [], [2, 1, 0]),
        (["1", "NA", "2.5"], [1, np.nan, 2.5], []),
        (["0.5", "-0.25", "0"], [0.5, -0.25, 0], []),
        (["1e3", "null", "-2"], [1000, np.nan, -2], []),
    ],
)
def test_features_are_what_they_were_written_as(table_of, cells, numbers, codes):
    table = table_of(x=cells, y=["a", "b"])
    if numbers:
        np.testing.assert_array_equal(table.numbers[:3, 0], numbers)
        assert table.category_names == ()
    else:
        assert table.categories[:3, 0].tolist() == codes
        assert table.number_names == ()


def test_dates_stay_dates_beside_a_missing_one(table_of):
    table = table_of(when=["2024-01-01", "NA", "2024-01-03"], x=X, y=["a", "b"])
    assert "when (days)" in table.number_names


def test_a_column_of_nothing_is_left_out(table_of):
    table = table_of(x=X, empty=[""], marked=["NA", "nan"], y=["a", "b"])
    assert table.number_names == ("x",) and '"empty", "marked": no values' in table.notes[0]


def test_numbers_of_rows_with_leading_zeros_still_number_the_rows(table_of):
    rows = [f"{i:04d}" for i in range(24)]
    table = table_of(x=X, member=rows, y=["a", "b"])
    assert table.number_names == ("x",) and "it numbers the rows" in table.notes[0]


def test_a_quantity_may_have_leading_zeros(table_of):
    cells = ["005", "010", "020", "120"]
    assert table_of("regression", x=X, y=cells).labels[:4].tolist() == [5, 10, 20, 120]
    assert table_of("classification", x=X, y=cells).classes == tuple(cells)
    with pytest.raises(DataError, match='it holds "NA", which is no number'):
        table_of("regression", x=X, y=["NA", "low", "high"])


def test_text_in_memory_is_a_quantity_by_the_rules_of_files():
    """What stands for nothing is a missing label; numbers of Python's syntax are no numbers."""
    frame = pandas.DataFrame({"x": np.arange(24) ** 2, "y": ["1.5", "nan", "2", "NA"] * 6})
    table = make_table(frame.astype({"y": object}), "y", task="regression")
    assert table.labels.tolist() == [1.5, 2.0] * 6
    assert table.notes[0] == "12 rows without a label were left out."
    frame["y"] = ["1_0", "1", "2", "3"] * 6
    with pytest.raises(DataError, match='it holds "1_0", which is no number'):
        make_table(frame, "y", task="regression")


@pytest.mark.parametrize("labels", [[1, "1", "a"], [True, "True", "b"]])
def test_labels_in_memory_that_are_written_alike_are_refused(labels):
    frame = pandas.DataFrame({"x": np.arange(24) ** 2, "y": labels * 8})
    with pytest.raises(DataError, match='"y" holds labels that are written alike'):
        make_table(frame, "y")
