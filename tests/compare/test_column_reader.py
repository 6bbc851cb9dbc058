"""The first step of a pipeline: what the cells of each column are taken for."""

import datetime
import decimal
import pickle

import numpy as np
import pandas
import polars
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone

from sklearn_ebm.compare.cells import numbers
from sklearn_ebm.compare.column_reader import ColumnReader
from sklearn_ebm.compare.columns import DataError

OTHER = ["red", "green", "blue", "red", "red", "blue"] * 5


def read(cells, name="x", **others):
    """The note about a column, and its typed cells; None if it is left out."""
    n_rows = max(len(cells), *(len(other) for other in others.values()), 1)
    columns = {name: cells, "other": OTHER, **others}
    frame = pandas.DataFrame(
        {
            key: pandas.Series([*each][:n_rows] + [None] * (n_rows - len(each)))
            for key, each in columns.items()
        }
    )
    reader = ColumnReader().fit(frame)
    note = next(each for each in reader.columns_ if each.name == name)
    typed = reader.transform(frame)
    return note.kind, note.note, typed[name] if name in typed else None


@pytest.mark.parametrize(
    ("cells", "expected", "note"),
    [
        (["1.5", "2", None], [1.5, 2, np.nan], ""),
        (["93,5", "1", "0,25"], [93.5, 1, 0.25], "decimal commas"),
        (["1.234,5", "2", "3,25"], [1234.5, 2, 3.25], "decimal commas; thousands dots removed"),
        (["$1,234.50", "$8.91", "−$3"], [1234.5, 8.91, -3], "in $; thousands commas removed"),
        (["1'234'567", "12", "5"], [1234567, 12, 5], "thousands marks removed"),
        (["1 234,5", "12", "5"], [1234.5, 12, 5], "decimal commas; thousands blanks removed"),
        (["61.3 °C", "--", "58 °C"], [61.3, np.nan, 58], 'unit °C removed; "--" is missing'),
        (["45%", " 5 % ", "7"], [45, 5, 7], "unit % removed"),
        (["2 m²", "3.5 m²", "4"], [2, 3.5, 4], "unit m² removed"),
        (["1e3", "5E-1", "-2"], [1000, 0.5, -2], ""),
        (["12 EUR", "EUR 3", "4"], [12, 3, 4], "in EUR"),
        (["NA", "2", "n/a", "3"], [np.nan, 2, np.nan, 3], '"NA" is missing; "n/a" is missing'),
        (["inf", "1", "2", *"3456789", *"012"], [np.nan, 1, 2], 'became missing: "inf" (1)'),
    ],
)
def test_numbers_are_read_as_they_are_written(cells, expected, note):
    kind, found, values = read(cells)
    assert kind == "number" and (note in found if note else not found)
    assert values.dtype == np.float64
    np.testing.assert_array_equal(values[: len(expected)], expected)


@pytest.mark.parametrize(
    ("others", "expected", "reason"),
    [
        ({}, 1.234, "for no cell shows otherwise"),
        ({"price": ["0,5", "12,25", "7"]}, 1234, "as other columns show"),
        ({"price": ["0.5", "12.25", "7"]}, 1.234, "as other columns show"),
    ],
)
def test_doubtful_marks_are_decided_by_the_table(others, expected, reason):
    kind, note, values = read(["1.234", "5.678", "9"], **others)
    assert kind == "number" and values[0] == expected
    assert f'"1.234" is {expected:g}, {reason}' in note


def test_the_separator_of_a_file_tells_its_decimal_mark():
    frame = pandas.DataFrame({"x": ["1,234", "5,678", "9"]})
    assert ColumnReader().fit_transform(frame)["x"][0] == 1234
    frame.attrs["decimal"] = ","
    assert ColumnReader().fit_transform(frame)["x"][0] == 1.234
    # A cell that tells is stronger.
    frame.loc[2, "x"] = "1,234,567"
    assert ColumnReader().fit_transform(frame)["x"][0] == 1234


def test_words_among_many_numbers_become_missing():
    cells = [*map(str, np.arange(30) ** 2), "unknown", "unknown", "broken"]
    kind, note, values = read(cells)
    assert kind == "number" and np.isnan(values[30:33]).all() and values[29] == 841
    assert note == 'became missing: "unknown" (2), "broken" (1)'


def test_numbers_among_many_different_words_are_text():
    tickets = [*map(str, np.arange(30) ** 2), *(f"PC {i} A/{i}" for i in range(22))]
    assert read(tickets)[0] in ("text", "left out")


def test_few_numbers_among_words_are_categories():
    kind, note, values = read(["12", "3.5", "unknown", "7"] * 6)
    assert (kind, note) == ("category", "4 values")
    assert values.cat.categories.tolist() == ["12", "3.5", "7", "unknown"]


def test_two_units_are_not_added_up():
    kind, _, _ = read(["2 kg", "500 g", "1 kg"] * 4)
    assert kind == "category"


@pytest.mark.parametrize(
    "word", ["M-09", "City 3", "1_0", "12:30", "5-3", "1.2.3.4", "--5", "1,23,4", "12a3", ""]
)
def test_words_that_are_no_numbers(word):
    assert np.isnan(numbers([word])[0][0])


@given(
    st.floats(-1e9, 1e9, allow_subnormal=False), st.sampled_from(".,"), st.sampled_from(["", " kg"])
)
def test_any_number_is_read_back_in_both_notations(number, mark, unit):
    word = f"{number:,.3f}".replace(",", "_").replace(".", mark)
    word = word.replace("_", ",."[mark == ","]) + unit
    values, units = numbers([word], mark)
    assert values[0] == round(number, 3) and units == [unit.strip()]


@pytest.mark.parametrize(
    ("cells", "expected", "note"),
    [
        (["2021-11-26", "2020-01-02"], "2021-11-26T00:00", "year first"),
        (["2021-11-26T10:30:05", "2020-01-02"], "2021-11-26T10:30:05", "year first"),
        (["2021-11-26T10:30:05+02:00", "2020-01-02"], "2021-11-26T08:30:05", "year first"),
        (["01.03.2022 00:37", "28.03.2022 10:00"], "2022-03-01T00:37", "day first"),
        (["01/03/2022", "12/13/2022"], "2022-01-03T00:00", "month first"),
        (["01/03/2022", "05/06/2022"], "2022-03-01T00:00", "day first, as no date shows otherwise"),
        (["3 Mar 2021", "12 Dec 2020"], "2021-03-03T00:00", "day first"),
        (["March 3, 2021", "December 12, 2020"], "2021-03-03T00:00", "month first"),
        (["03.04.21", "30.04.21"], "2021-04-03T00:00", "day first"),
        (["03/04/2021 9:05 PM", "30/04/2021 9:05 AM"], "2021-04-03T21:05", "day first"),
    ],
)
def test_dates_are_decided_by_all_cells(cells, expected, note):
    # The cell that tells the order is rare, and among others.
    kind, found, values = read([*cells[:1] * 25, cells[1], None, "NA"])
    assert (kind, found) == ("date", f'{note}; "NA" is missing')
    assert values[0] == pandas.Timestamp(expected)
    assert values.isna().sum() == len(values) - 26


def test_a_word_among_dates_becomes_missing():
    kind, note, values = read([f"2021-01-{day:02d}" for day in range(1, 29)] + ["soon"])
    assert kind == "date" and 'became missing: "soon" (1)' in note and values.isna()[28]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["yes", "no", None], [1, 0, np.nan]),
        (["Ja", "nein", "JA"], [1, 0, 1]),
        (["TRUE", "False", "NA"], [1, 0, np.nan]),
        ([True, False, None], [1, 0, np.nan]),
        (["t", "f", "t"], [1, 0, 1]),
    ],
)
def test_truths_in_words(cells, expected):
    kind, _, values = read(cells)
    assert kind == "yes/no"
    np.testing.assert_array_equal(values[:3], expected)


@pytest.mark.parametrize(
    ("cells", "levels", "note"),
    [
        (
            ["Pro", "Pro ", "basic", "Basic", "Basic"],
            ["Basic", "Pro"],
            '2 values; "basic" is "Basic"',
        ),
        (["01", "1", "01"], ["01", "1"], "2 values"),
        (["n/a", "EU", "AS"], ["AS", "EU"], '2 values; "n/a" is missing'),  # as pandas reads it
        (["yes", "no", "maybe"], ["maybe", "no", "yes"], "3 values"),
        ([1, "a", 2.0, None], ["1", "2", "a"], "3 values"),
    ],
)
def test_categories_are_words_without_blanks_and_case(cells, levels, note):
    kind, found, values = read(cells)
    assert (kind, found) == ("category", note)
    assert values.cat.categories.tolist() == levels
    assert values.isna().tolist()[: len(cells)] == [cell in (None, "n/a") for cell in cells]


def test_codes_are_found_among_numbers_that_pandas_has_read():
    reader = ColumnReader().fit(pandas.DataFrame({"plz": ["01234", "10115", "01234"] * 9}))
    typed = reader.transform(pandas.DataFrame({"plz": [1234, 10115, 7]}))
    assert typed["plz"].tolist()[:2] == ["01234", "10115"] and typed["plz"].isna()[2]


@pytest.mark.parametrize(
    ("name", "cells", "why"),
    [
        ("x", [None, "", "--"], "no values"),
        ("x", ["a"] * 30, "the same value in every row"),
        ("x", [3.0] * 30, "the same value in every row"),
        ("x", ["2021-01-01"] * 30, "the same value in every row"),
        ("x", list(range(5, 35)), "it numbers the rows"),
        ("x", [f"{i}" for i in range(0, 60, 2)], "it numbers the rows"),
        ("customer_id", [value**2 for value in range(30)], "it numbers the rows"),
        ("x", [f"C-{i:04d}" for i in range(30)], "a text id: all values differ"),
        ("x", [f"{i:04d}" for i in range(30)], "a text id: all values differ"),
    ],
)
def test_columns_that_say_nothing_are_left_out(name, cells, why):
    assert read(cells, name) == ("left out", why, None)


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        ([value**2 for value in range(30)], "number"),
        (list(range(1990, 2020)), "number"),  # years
        ([1, 2, 3], "number"),  # too few rows to say
        ([*["a"] * 20, None], "category"),
        ([f"{i} words that differ" for i in range(30)], "text"),
        ([f"City {i}" for i in range(150)] * 2, "text"),
        ([f"City {i}" for i in range(60)] * 4, "category"),
    ],
)
def test_columns_that_say_something_are_kept(cells, kind):
    assert read(cells)[0] == kind


def test_rows_of_a_fold_are_numbered_too():
    rows = np.sort(np.random.default_rng(0).permutation(200)[:110])
    assert read(rows.tolist())[1] == "it numbers the rows"


def test_infinite_numbers_become_missing():
    kind, note, values = read([1.5, np.inf, -np.inf, 2.5])
    assert (kind, note) == ("number", "became missing: infinite (2)")
    np.testing.assert_array_equal(values[:4], [1.5, np.nan, np.nan, 2.5])


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (pandas.Series([1, None, 3], dtype="Int64"), "number"),
        (pandas.Series([True, None, False], dtype="boolean"), "yes/no"),
        (pandas.Series(["a", None, "b"], dtype="string"), "category"),
        (pandas.Series(["a", None, "b"], dtype="category"), "category"),
        (pandas.Series(pandas.to_datetime(["2021-01-01", None, "2021-05-05"])), "date"),
        (pandas.Series(pandas.to_datetime(["2021-01-01", "2021-05-05"], utc=True)), "date"),
        (pandas.Series(pandas.to_timedelta([90, 30], unit="s")), "number"),
        (pandas.Series([decimal.Decimal("1.5"), None, 2], dtype=object), "number"),
        (pandas.Series([datetime.date(2021, 1, 1), datetime.date(2021, 1, 8)]), "date"),
        (
            pandas.Series([datetime.datetime(2021, 1, 1, 5), None, datetime.datetime(2100, 1, 1)]),
            "date",
        ),
    ],
)
def test_types_in_memory(cells, kind):
    frame = pandas.DataFrame({"x": cells, "number": np.arange(len(cells)) ** 2.0})
    reader = ColumnReader().fit(frame)
    assert reader.columns_[0].kind == kind
    typed = reader.transform(frame)
    np.testing.assert_array_equal(typed["x"].isna(), cells.isna())


def mixed():
    return pandas.DataFrame(
        {
            " price ": ["1,5", "2,25", "--", "4"] * 6,
            "day": ["01.02.2020", "14.02.2020", None, "07.03.2020"] * 6,
            "word": ["a", "b", "c", None] * 6,
            3: [1, 2, 3, np.nan] * 6,
        }
    )


def test_columns_are_found_by_name_in_any_order_and_each_row_is_read_by_itself():
    raw = mixed()
    reader = ColumnReader().fit(raw)
    assert reader.get_feature_names_out().tolist() == ["price", "day", "word", "3"]
    assert reader.n_features_in_ == 4 and reader.feature_names_in_.tolist()[0] == "price"
    typed = reader.transform(raw)
    shuffled = raw[["word", 3, "day", " price "]].assign(extra=1)
    pandas.testing.assert_frame_equal(reader.transform(shuffled), typed)
    for i in range(4):
        pandas.testing.assert_frame_equal(reader.transform(raw.iloc[[i]]), typed.iloc[[i]])


def test_cells_that_are_not_written_as_learned_become_missing():
    reader = ColumnReader().fit(mixed())
    new = {"price": ["dear"], "day": ["soon"], "word": ["new"], "3": ["three"]}
    assert reader.transform(pandas.DataFrame(new)).isna().all(axis=None)
    new = {"price": [7.5], "day": [datetime.datetime(2020, 5, 6)], "word": ["A"], "3": ["8"]}
    typed = reader.transform(pandas.DataFrame(new)).iloc[0].tolist()
    assert typed == [7.5, pandas.Timestamp("2020-05-06"), "a", 8]


def test_a_missing_column_is_named():
    reader = ColumnReader().fit(mixed())
    with pytest.raises(DataError, match='no column "word"; did you mean "words"'):
        reader.transform(mixed().rename(columns={"word": "words"}))


def test_nothing_to_learn_from_is_an_error_that_lists_the_reasons():
    with pytest.raises(DataError, match='"x": no values; "y": the same value'):
        ColumnReader().fit(pandas.DataFrame({"x": [None, None], "y": [1, 1]}))


def test_equal_names_are_told_apart_as_pandas_does():
    frame = pandas.DataFrame([[1, 2.5, 3], [4, 7.5, 6]], columns=["a", "a", "a.1"])
    reader = ColumnReader().fit(frame)
    assert [column.name for column in reader.columns_] == ["a", "a.1", "a.1.1"]
    assert reader.transform(frame)["a.1"].tolist() == [2.5, 7.5]


def test_frames_of_polars_and_arrays_of_objects_are_read_alike():
    raw = mixed().rename(columns={" price ": "price", 3: "3"})
    typed = ColumnReader().fit_transform(raw)
    of_polars = ColumnReader().fit_transform(polars.from_pandas(raw))
    pandas.testing.assert_frame_equal(of_polars, typed)
    reader = ColumnReader().fit(raw.to_numpy(dtype=object))
    assert reader.feature_names_in_.tolist() == ["x0", "x1", "x2", "x3"]
    of_array = reader.transform(raw.to_numpy(dtype=object))
    pandas.testing.assert_frame_equal(of_array.set_axis(raw.columns, axis=1), typed)
    # A list that NumPy would write as text.
    assert ColumnReader().fit([[1, "a"], [2, None]]).columns_[0].kind == "number"


def test_one_dimension_is_refused():
    with pytest.raises(DataError, match=r"X has 1 dimension\(s\)"):
        ColumnReader().fit([1, 2, 3])


def test_readers_are_cloned_and_pickled():
    raw = mixed()
    reader = clone(ColumnReader()).fit(raw)
    again = pickle.loads(pickle.dumps(reader))
    pandas.testing.assert_frame_equal(again.transform(raw), reader.transform(raw))


def test_categories_of_a_data_frame_stay_categories():
    frame = pandas.DataFrame({"code": pandas.Categorical([3, 1, 3, 2] * 10), "x": range(40)})
    reader = ColumnReader().fit(frame)
    assert reader.columns_[0].kind == "category"
    assert reader.transform(frame)["code"].cat.categories.tolist() == ["1", "2", "3"]


def test_a_sparse_matrix_is_refused():
    with pytest.raises(DataError, match="needs no ColumnReader"):
        ColumnReader().fit(scipy.sparse.eye(3, format="csr"))


def test_names_of_digits_are_the_same_as_numbers_of_a_file():
    codes = [f"{number:05d}" for number in range(120)] * 2
    reader = ColumnReader().fit(pandas.DataFrame({"zip": codes}))
    assert reader.columns_[0].kind == "text"
    by_pandas = reader.transform(pandas.DataFrame({"zip": [int(code) for code in codes]}))
    assert by_pandas["zip"].tolist() == codes


def test_numbers_in_any_order_are_numbers():
    ages = np.random.default_rng(0).permutation(np.arange(20, 60))
    notes = ColumnReader().fit(pandas.DataFrame({"age": ages, "row": np.arange(40)})).columns_
    assert [note.kind for note in notes] == ["number", "left out"]


def test_cells_that_are_lists_are_no_error():
    frame = pandas.DataFrame({"tags": [["a"], ["b", "c"], None] * 8, "x": np.arange(24.0) ** 2})
    assert len(ColumnReader().fit(frame).transform(frame)) == 24


def test_huge_numbers_are_missing():
    reader = ColumnReader().fit(pandas.DataFrame({"x": [1.0, 2.0, 1e300]}))
    assert "infinite (1)" in reader.columns_[0].note
    assert np.isnan(reader.transform(pandas.DataFrame({"x": [1e300]}))["x"][0])
