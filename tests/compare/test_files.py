"""Files of tables: encodings, separators, headings, units, and what is said about them."""

import gzip
import zipfile

import pandas
import pytest

from sklearn_ebm.compare.columns import DataError
from sklearn_ebm.compare.files import read_frame

LINES = ["name,größe", "a,1", "b,2"]


def written(path, lines, encoding="utf-8"):
    path.write_bytes("\n".join(lines).encode(encoding))
    return path


@pytest.mark.parametrize(
    ("encoding", "called"),
    [
        ("utf-8", ""),
        ("utf-8-sig", ""),
        ("utf-16", "UTF-16"),
        ("cp1252", "Windows-1252"),
    ],
)
def test_encodings_are_found_and_said(tmp_path, encoding, called):
    frame = read_frame(written(tmp_path / "a.csv", LINES, encoding))
    assert frame.columns.tolist() == ["name", "größe"] and frame["größe"].tolist() == ["1", "2"]
    notes = frame.attrs["notes"]
    assert notes == ([f"The text is not in UTF-8; it was read as {called}."] if called else [])


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_separators_are_found_by_all_lines(tmp_path, separator):
    # The heading and the cells hold other separators as well.
    lines = [
        separator.join(['"a, b; c"', "x", "y|z"]) if separator != "|" else "a, b; c|x|y",
        *(separator.join(["k", "1", "2.5"]) for _ in range(3)),
    ]
    frame = read_frame(written(tmp_path / "a.txt", lines))
    assert frame.shape == (3, 3) and frame.iloc[0].tolist() == ["k", "1", "2.5"]
    assert frame.attrs["decimal"] == ("," if separator == ";" else "")


def test_one_column_needs_no_separator(tmp_path):
    assert read_frame(written(tmp_path / "a.csv", ["x", "1", "2"])).shape == (2, 1)


@pytest.mark.parametrize("suffix", [".csv.gz", ".csv.zip"])
def test_compressed_files(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    content = "\n".join(LINES).encode()
    if suffix.endswith("gz"):
        path.write_bytes(gzip.compress(content))
    else:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a.csv", content)
    assert read_frame(path)["größe"].tolist() == ["1", "2"]


def test_cells_stay_as_they_are_written(tmp_path):
    lines = ["code,word,empty", "007,NA,", "012, x ,1.50"]
    frame = read_frame(written(tmp_path / "a.csv", lines))
    assert frame["code"].tolist() == ["007", "012"]
    assert frame["word"].tolist() == ["NA", "x "]
    assert frame["empty"].isna().tolist() == [True, False] and frame["empty"][1] == "1.50"


def test_headings_that_are_missing_or_equal(tmp_path):
    frame = read_frame(written(tmp_path / "a.csv", [",Fe,Zn,Fe", "0,1,2,3", "1,4,5,6"]))
    assert frame.columns.tolist() == ["Unnamed: 0", "Fe", "Zn", "Fe.1"]
    assert frame.attrs["notes"] == [
        'Equal headings have numbers now, the second .1 and so on: "Fe".',
        'Columns without a heading are called "Unnamed: 0".',
    ]


def test_a_row_of_units_is_left_out(tmp_path):
    lines = ["id,Fe,pH,yield", ",mg/l,,g", "a,1.5,7,20", "b,,6.5,30", "c,2,6,25"]
    frame = read_frame(written(tmp_path / "a.csv", lines))
    assert len(frame) == 3 and frame.index.tolist() == [0, 1, 2]
    assert frame.attrs["units"] == {"Fe": "mg/l", "yield": "g"}
    assert frame.attrs["notes"] == [
        "The row below the header holds units and was left out: Fe in mg/l, yield in g."
    ]


@pytest.mark.parametrize(
    "first",
    ["a,unknown,7,20", ",mg/l,7,", "a,NA,n/a,20", "a,--,,"],
)
def test_a_row_of_data_is_no_row_of_units(tmp_path, first):
    lines = ["id,Fe,pH,yield", first, "a,1.5,7,20", "b,,6.5,30", "c,2,6,25"]
    assert len(read_frame(written(tmp_path / "a.csv", lines))) == 4


def test_excel_and_parquet(tmp_path):
    given = pandas.DataFrame({"x": [1.5, None], "word": ["NA", "b"]})
    given.to_excel(tmp_path / "a.xlsx", index=False)
    given.to_parquet(tmp_path / "a.parquet")
    for name in ("a.xlsx", "a.parquet"):
        frame = read_frame(tmp_path / name)
        assert frame["x"].isna().tolist() == [False, True] and frame["word"].tolist() == ["NA", "b"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"a,b\n", "no rows below it"),
        (b"a,b\n1,2,3\n1,2,3\n", "more cells than its header"),
        (b"a,b\n\x81\x8d\n", "it is no text"),
    ],
)
def test_files_that_cannot_be_read(tmp_path, content, message):
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_frame(path)


@pytest.mark.parametrize("name", ["a.parquet", "a.xlsx", "a.csv.gz"])
def test_broken_files_are_named(tmp_path, name):
    (tmp_path / name).write_bytes(b"x" * 100)
    with pytest.raises(DataError, match=f"{name} cannot be read"):
        read_frame(tmp_path / name)


def test_misspelt_paths_get_a_hint(tmp_path):
    written(tmp_path / "income.csv", LINES)
    with pytest.raises(DataError, match=r'did you mean "income\.csv"'):
        read_frame(tmp_path / "incom.csv")
    with pytest.raises(DataError, match="is a folder"):
        read_frame(tmp_path)


def test_the_line_that_tells_excel_the_separator_is_no_header(tmp_path):
    path = tmp_path / "excel.csv"
    path.write_text("sep=;\na;b\n1,5;x\n2,5;y\n")
    frame = read_frame(path)
    assert frame.columns.tolist() == ["a", "b"] and frame["a"].tolist() == ["1,5", "2,5"]
