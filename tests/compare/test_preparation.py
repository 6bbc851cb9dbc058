"""From a raw table to a prediction: the preparation is a part of the pipeline."""

import io
import pickle
import subprocess
import sys

import numpy as np
import pandas
import polars
import pytest
import scipy.sparse
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from sklearn_ebm.compare.files import read_frame
from sklearn_ebm.compare.preparation import dense, linear, trees
from sklearn_ebm.compare.tables import make_table

N_ROWS = 120


def text_of(traps, separator=","):
    """A file whose columns hold the traps, besides one that the label depends on."""
    rng = np.random.default_rng(0)
    signal = rng.normal(size=N_ROWS).round(3)
    columns = {
        "signal": [f"{each:.3f}" for each in signal],
        **{name: [cells[i % len(cells)] for i in range(N_ROWS)] for name, cells in traps.items()},
        "label": ["yes it is" if each > 0 else "no" for each in signal],
    }
    return pandas.DataFrame(columns).to_csv(sep=separator, index=False)


WORDS = "screen price refund late crash login great battery slow".split()
NOTES = [f"{WORDS[i % 9]} {WORDS[i * i % 7]} {WORDS[i // 9 % 5]} {i // 40}" for i in range(N_ROWS)]
TRAPS = {
    "money": {"pay": ["$1,200.50", "$7", "", "-$3"]},
    "units": {"temp": ["61.3 °C", "--", "58 °C"], "load": ["45%", "3%", "7%"]},
    "days": {"last": ["14/05/2023 15:10", "", "02/06/2023 02:33", "30/11/2022 00:00"]},
    "truths": {"vip": ["yes", "no", ""], "flag": ["True", "False", "True"]},
    "categories": {"plan": ["Pro", "Pro ", "basic", "Basic", ""], "plz": ["01234", "10115"]},
    "cities": {"city": [f"City {i:03d}" for i in range(115)] + ["City 001"] * 5},
    "notes": {"note": NOTES},
    "mixed": {"mixed": ["12", "3.5", "unknown", "n/a"]},
    "ids": {"id": [str(i) for i in range(N_ROWS)], "key": [f"C-{i}" for i in range(N_ROWS)]},
    "nothing": {"empty": [""], "constant": ["x"]},
}
TRAPS["all"] = {name: cells for each in list(TRAPS.values()) for name, cells in each.items()}


def same(one, other):
    np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("name", "prepare"), [*((name, linear) for name in TRAPS), ("all", trees)])
def test_a_raw_frame_is_predicted_from_as_it_was_read(tmp_path, name, prepare):
    path = tmp_path / "table.csv"
    path.write_text(text_of(TRAPS[name]), encoding="utf-8")
    ours, theirs = read_frame(path), pandas.read_csv(path)
    model = (
        LogisticRegression() if prepare is linear else HistGradientBoostingClassifier(max_iter=5)
    )
    for raw in (ours, theirs) if name == "all" else (ours,):
        table = make_table(raw, "label", cv=3)
        pipeline = make_pipeline(prepare(table.X), model).fit(table.X, table.labels)
        expected = pipeline.predict_proba(table.X)
        # The file as it is, with the target; as pandas reads it; with columns in another order.
        same(pipeline.predict_proba(raw), expected)
        if "plz" not in raw or raw is ours:  # pandas has lost the zeros of its codes
            same(pipeline.predict_proba(theirs), expected)
        same(pipeline.predict_proba(raw[raw.columns[::-1]]), expected)
        for i in (1, 2):  # a row alone
            same(pipeline.predict_proba(raw.iloc[[i]]), expected[[i]])
        if prepare is linear:
            assert pipeline.score(table.X, table.labels) > 0.9


def test_european_numbers_are_the_same_numbers(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(text_of({"pay": ["1.200,50", "7", ""]}, ";"), encoding="utf-8")
    table = make_table(read_frame(path), "label")
    pipeline = linear(table.X).fit(table.X)
    theirs = pandas.read_csv(path, sep=";", decimal=",", thousands=".").assign(
        signal=table.X["signal"]
    )
    assert theirs["pay"].max() == 1200.5
    same(pipeline.transform(theirs), pipeline.transform(table.X))


@pytest.mark.parametrize("prepare", [linear, trees])
def test_pipelines_are_cloned_and_pickled_and_take_frames_of_polars(prepare):
    raw = pandas.read_csv(io.StringIO(text_of(TRAPS["all"])))
    X = make_table(raw, "label").X
    pipeline = clone(prepare(X))
    expected = np.asarray(pipeline.fit_transform(X), dtype=float)
    again = pickle.loads(pickle.dumps(pipeline))
    same(np.asarray(again.transform(X), dtype=float), expected)
    of_polars = pipeline.transform(polars.from_pandas(X))
    same(np.asarray(of_polars, dtype=float), expected)
    assert len(pipeline.get_feature_names_out()) == expected.shape[1]


def test_linear_models_get_standardised_numbers_and_marks_of_missing_ones():
    frame = pandas.DataFrame({"x": [0.0, 2.0, np.nan, 4.0], "flag": ["yes", "no", "no", "yes"]})
    Z = linear(frame).fit_transform(frame)
    assert Z.dtype == np.float64 and Z.shape == (4, 3)
    scaled = (np.array([0, 2, 2, 4]) - 2) / np.sqrt(2)
    np.testing.assert_allclose(Z[:, 0], scaled)
    np.testing.assert_allclose(Z[:, 1], [1, -1, -1, 1])
    assert (Z[:, 2] > 0).tolist() == [False, False, True, False]


def test_categories_are_one_hot_and_rare_ones_share_a_column():
    words = ["a"] * 8 + ["b"] * 8 + ["c"] * 2 + ["d"]
    frame = pandas.DataFrame({"word": words})
    pipeline = linear(frame).fit(frame)
    Z = pipeline.transform(pandas.DataFrame({"word": ["a", "b", "c", "d", "new"]}))
    np.testing.assert_array_equal(Z, [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1], [0, 0, 1]])
    assert pipeline.get_feature_names_out()[0] == "category__word_a"


def test_dates_become_time_and_phases():
    days = pandas.date_range("2022-01-01", periods=730, freq="D")
    frame = pandas.DataFrame({"day": days})
    pipeline = linear(frame).fit(frame)
    Z, names = pipeline.transform(frame), pipeline.get_feature_names_out().tolist()
    trend = Z[:, [name.endswith("total_seconds") for name in names]].ravel()
    np.testing.assert_allclose(np.diff(trend), np.diff(trend).mean(), rtol=1e-2)
    weekday = Z[:, ["weekday" in name for name in names]]
    assert weekday.shape[1] == 2
    np.testing.assert_allclose(weekday[7:], weekday[:-7], atol=1e-6)
    hours = Z[:, ["hour" in name for name in names]]
    assert not hours.any()  # it does not vary


def test_preparation_learns_from_the_training_rows_only():
    frame = pandas.DataFrame({"x": [0.0, 2.0] * 6 + [1e6, np.nan], "word": ["a"] * 13 + ["new"]})
    Z = linear(frame).fit(frame[:12]).transform(frame[12:])
    np.testing.assert_array_equal(Z, [[1e6 - 1], [0]])


def test_trees_get_numbers_as_they_are_and_codes():
    frame = pandas.DataFrame({"x": [0.0, np.nan, 5.0] * 5, "word": ["a", "b", None] * 5})
    typed = trees(frame).fit_transform(frame)
    assert [str(dtype) for dtype in typed.dtypes] == ["float64", "category"]
    np.testing.assert_array_equal(
        typed.to_numpy(dtype=float)[:3], [[0, 0], [np.nan, 1], [5, np.nan]]
    )
    new = pandas.DataFrame({"x": [1.0], "word": ["new"]})
    assert trees(frame).fit(frame).transform(new).iloc[0].isna().tolist() == [False, True]
    forest = RandomForestClassifier(5, random_state=0)
    make_pipeline(trees(frame), forest).fit(frame, [0, 1, 1] * 5).predict(new)


def test_small_tables_of_text_need_no_warning():
    frame = pandas.DataFrame({"note": [f"{WORDS[i % 9]} {WORDS[i % 7]} {i}" for i in range(24)]})
    assert linear(frame).fit_transform(frame).shape == (24, 6)


def test_arrays_of_numbers_need_neither_pandas_nor_skrub():
    code = (
        "import sys, numpy, scipy.sparse\n"
        "class Missing:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name in ('pandas', 'skrub'):\n"
        "            raise ImportError(name)\n"
        "sys.meta_path.insert(0, Missing())\n"
        "from sklearn_ebm.compare.preparation import linear, trees\n"
        "from sklearn_ebm.compare.tables import make_table\n"
        "X = numpy.array([[0.0, 1.0], [2.0, numpy.nan], [4.0, 5.0]])\n"
        "for labels in (['a', 'b', 'a'], [0.5, 1.5, 2.0], numpy.array([True, False, True])):\n"
        "    table = make_table(X, labels)\n"
        "    assert linear(table.X).fit_transform(table.X).shape == (3, 3)\n"
        "    numpy.testing.assert_array_equal(trees(table.X).fit_transform(table.X), X)\n"
        "S = make_table(scipy.sparse.csr_matrix(numpy.eye(3)), [0, 1, 1]).X\n"
        "assert linear(S).fit_transform(S).nnz == 3\n"
        "assert trees(S).fit_transform(S).tolist() == numpy.eye(3).tolist()\n"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, timeout=120)


def test_a_frame_without_skrub_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "skrub", None)
    with pytest.raises(ValueError, match=r'needs skrub: pip install "sklearn_ebm\[compare\]"'):
        linear(pandas.DataFrame({"x": [1.5]}))


def test_columns_without_values_in_the_training_rows_are_kept():
    X = np.array([[0.0, np.nan], [2.0, np.nan], [1.0, 3.0]])
    assert linear(X).fit(X[:2]).transform(X).shape[0] == 3


def test_sparse_rows_that_are_too_large_stay_sparse():
    with pytest.raises(MemoryError, match="too large"):
        dense(scipy.sparse.csr_matrix((10**6, 10**6)))
