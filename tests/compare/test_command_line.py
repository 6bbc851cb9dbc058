"""The comparison as a command: ``python -m sklearn_ebm``."""

import gzip
import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import joblib
import numpy as np
import pandas
import pytest
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression

import sklearn_ebm
import sklearn_ebm.compare.comparison
from sklearn_ebm.compare import contenders, demonstration, export, tasks
from sklearn_ebm.compare.command import main
from sklearn_ebm.compare.files import read_frame

SHORT = ["--losses", "nll,hinge", "--baselines", "none", "--cv", "2", "--n-jobs", "1"]


@pytest.fixture
def table(tmp_path):
    """A small table with text, numbers and missing values; the path of its CSV file."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=60)
    frame = pandas.DataFrame(
        {
            "x": np.where(rng.random(60) < 0.1, np.nan, x.round(3)),
            "colour": rng.choice(["red", "green", "?"], 60),
            "income": np.where(x > 0, ">50K", "<=50K"),
        }
    )
    path = tmp_path / "table.csv"
    frame.to_csv(path, index=False)
    return path


def models(text):
    """Names in the printed table, in their order."""
    lines = text.splitlines()
    start = next(j for j, line in enumerate(lines) if line.startswith("---"))
    rows = [line for line in lines[start + 1 :] if line[:1].isdigit() or line[:1] == "-"]
    return [row[4:].split("  ")[0] for row in rows]


def test_the_command_end_to_end(table, tmp_path):
    arguments = ["compare", str(table), "--target", "income", *SHORT, "--out", str(tmp_path / "r")]
    quiet = ["-W", "error", "-W", "ignore::DeprecationWarning"]
    # From the repository's root, so that the test needs no installed package.
    done = subprocess.run(
        # Old versions of matplotlib, which skrub imports, meet deprecations.
        [sys.executable, *quiet, "-m", "sklearn_ebm", *arguments],
        capture_output=True,
        cwd=Path(sklearn_ebm.__file__).parent.parent,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        timeout=120,
    )
    output, progress = done.stdout.decode(), done.stderr.decode()
    assert done.returncode == 0, progress
    assert sorted(models(output)) == ["hinge", "nll"]
    assert "[1/2] nll: log-loss" in progress and "[2/2] hinge: log-loss" in progress
    assert not any(ord(c) < 32 and c not in "\n\r" for c in output + progress)
    saved = json.loads((tmp_path / "r.json").read_text())
    assert [row["model"] for row in saved["rows"]] == models(output)
    assert saved["about"]["data"]["source"] == "table.csv"
    assert len(pandas.read_csv(tmp_path / "r.csv")) == 2


def test_options_reach_the_comparison(table, tmp_path):
    out = str(tmp_path / "new" / "folder" / "r.csv")
    options = ["--random-state", "5", "--max-rows", "40", "--drop", "colour", "--n-jobs", "1"]
    assert main(["compare", str(table), "-t", "income", *SHORT, *options, "-q", "-o", out]) == 0
    about = json.loads((tmp_path / "new" / "folder" / "r.json").read_text())["about"]
    assert about["settings"] == {"cv": 2, "random_state": 5, "n_jobs": 1, "max_rows": 40}
    kinds = {column["name"]: column["kind"] for column in about["columns"]}
    assert kinds["x"] == "number" and kinds.get("colour", "left out") == "left out"


@pytest.mark.parametrize("suffix", [".csv.gz", ".tsv", ".parquet", ";.csv"])
def test_every_kind_of_file_gives_the_same_table(table, tmp_path, suffix, capsys):
    frame = pandas.read_csv(table)
    path = tmp_path / f"other{suffix}"
    if suffix == ".parquet":
        frame.replace("?", None).to_parquet(path)
    else:
        frame.to_csv(path, index=False, sep={".tsv": "\t", ";.csv": ";"}.get(suffix, ","))
    means = []
    for each in (table, path):
        out = str(tmp_path / "out")
        assert main(["compare", str(each), "-t", "income", *SHORT, "-q", "-o", out]) == 0
        means.append(pandas.read_csv(out + ".csv")["log_loss_mean"].tolist())
    assert means[0] == means[1]
    assert capsys.readouterr().err.count("\n") == 2  # quiet: only where the table was saved


class Absent:
    """An import hook: these packages are not installed."""

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("pandas", "skrub", "pyarrow", "polars"):
            raise ModuleNotFoundError(name)


def test_with_the_core_dependencies_alone_it_runs_on_embedded_data(capsys, monkeypatch):
    for name in list(sys.modules):
        if name.split(".")[0] in ("pandas", "skrub", "pyarrow", "polars"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Absent(), *sys.meta_path])
    X, y = make_classification(45, 4, n_redundant=0, n_informative=4, n_classes=3, random_state=0)
    monkeypatch.setattr(demonstration, "find_spec", lambda name: None)  # no matplotlib
    monkeypatch.setattr(demonstration, "load_digits", lambda return_X_y: (X, y))
    monkeypatch.setattr(demonstration, "make_inverse_sine", lambda n, random_state: (X, X[:, 0]))
    assert main([]) == 0
    printed = capsys.readouterr()
    assert printed.out.count("has the lowest") == 2
    assert {"mee", "LogisticRegression", "LatentEBM experts"} <= set(models(printed.out))


@pytest.mark.parametrize("columns", [40, 100])
def test_a_terminal_gets_one_line_of_progress(table, capsys, monkeypatch, columns):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(columns))
    assert main(["compare", str(table), "--target", "income", *SHORT]) == 0
    printed = capsys.readouterr()
    lines = printed.err.replace("\n", "").split("\r")
    assert max(map(len, lines)) < columns
    assert any("[2/2] hinge, about" in line for line in lines)
    assert not lines[-1].strip() and sorted(models(printed.out)) == ["hinge", "nll"]


def test_the_best_model_is_saved_and_its_code_printed(table, tmp_path, capsys):
    path = str(tmp_path / "new" / "model.joblib")
    arguments = [str(table), "-t", "income", *SHORT, "-q", "--save", path, "--code"]
    assert main(["compare", *arguments, "--model", "hinge"]) == 0
    printed = capsys.readouterr()
    assert printed.err.startswith("hinge, fitted to all rows: saved ") and path in printed.err
    pipeline = joblib.load(path)
    new = pandas.DataFrame({"colour": ["red", "blue"], "x": ["1.5", None]})
    assert set(pipeline.predict(new)) <= {">50K", "<=50K"}
    code = printed.out[printed.out.index("from sklearn.pipeline") :]
    names = {}
    exec(code, names)
    raw = read_frame(table)
    np.testing.assert_allclose(names["model"].predict_proba(raw), pipeline.predict_proba(raw))


def test_without_skops_joblib_saves_and_says_so(table, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(export, "find_spec", lambda name: None)
    path = str(tmp_path / "model.skops")
    assert main(["compare", str(table), "-t", "income", *SHORT, "-q", "--save", path]) == 0
    assert "model.joblib with joblib, because skops is not installed" in capsys.readouterr().err
    joblib.load(tmp_path / "model.joblib")


def test_a_saved_skops_model_predicts(table, tmp_path, capsys):
    skops = pytest.importorskip("skops.io")
    path = str(tmp_path / "model.skops")
    assert main(["compare", str(table), "-t", "income", *SHORT, "-q", "--save", path]) == 0
    pipeline = skops.load(path, trusted=skops.get_untrusted_types(file=path))
    assert len(pipeline.predict(read_frame(table))) == 60


def test_an_unknown_model_is_told_before_the_run(table, capsys):
    arguments = ["compare", str(table), "-t", "income", *SHORT, "--code", "--model", "hing"]
    assert main(arguments) == 1
    assert 'no model "hing"; did you mean "hinge"' in capsys.readouterr().err


def test_ctrl_c_prints_and_saves_what_is_finished(table, tmp_path, capsys, monkeypatch):
    measure, calls = sklearn_ebm.compare.comparison.measure, []

    def interrupted(estimator, fold):
        calls.append(estimator)
        if len(calls) == 3:  # the second model's first fold
            assert (out / "comparison.csv").exists()  # saved before, so that a kill loses nothing
            raise KeyboardInterrupt
        return measure(estimator, fold)

    monkeypatch.setattr(sklearn_ebm.compare.comparison, "measure", interrupted)
    out = tmp_path / "results"
    out.mkdir()
    assert main(["compare", str(table), "-t", "income", *SHORT, "-o", str(out)]) == 130
    printed = capsys.readouterr()
    assert "stopped after 1 of 2 models" in printed.err
    assert models(printed.out) == ["nll"]
    assert pandas.read_csv(out / "comparison.csv")["model"].tolist() == ["nll"]
    assert len(json.loads((out / "comparison.json").read_text())["rows"]) == 1


def written(content, name="bad.csv"):
    """A maker of a file with this content."""

    def make(folder):
        (folder / name).write_bytes(content)
        return str(folder / name)

    return make


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: str(folder / "tabel.csv"), 'tabel.csv; did you mean "table.csv"?'),
        (lambda folder: str(folder / "nowhere" / "x.csv"), "x.csv; check the path."),
        (str, "is a folder; give one file in it."),
        (written(b""), "is empty; it needs a header line and rows below it."),
        (written(b"x,y\n"), "has a header but no rows below it"),
        (written(b"x,y\n1,2\n1,2,3\n"), "cannot be read as a table: "),
        (written(b"x,y\n1,2,3\n4,5,6\n"), "has rows with more cells than its header"),
        (written(b"x,y\n1,2\n", "bad.csv.gz"), "cannot be read as a table: "),
        (
            written(gzip.compress(b"x,y\n1,2\n" * 99)[:-20], "cut.csv.gz"),
            "cannot be read as a table",
        ),
        (written(b"x,y\n1,2\n", "bad.parquet"), "Parquet magic bytes not found"),
        (written(b"x,z\n1,2\n"), 'no target column "y"; the columns are x, z.'),
        (written(b"x,y\n1,2\n2,2\n"), 'one value only, "2"'),
    ],
)
def test_bad_data_ends_with_status_1_and_one_sentence(table, tmp_path, make, message, capsys):
    assert main(["compare", make(tmp_path), "--target", "y"]) == 1
    printed = capsys.readouterr()
    assert message in printed.err and printed.err.startswith("sklearn_ebm: error: ")
    assert printed.out == "" and printed.err.count("\n") == 1


def test_reading_a_table_without_pandas_says_what_to_install(table, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    assert main(["compare", str(table), "--target", "income"]) == 1
    assert 'pip install "sklearn_ebm[compare]"' in capsys.readouterr().err


def test_a_folder_that_cannot_be_made_is_told_before_the_run(table, tmp_path, capsys):
    out = str(table / "below_a_file" / "x")
    assert main(["compare", str(table), "--target", "income", "--out", out]) == 1
    assert "cannot be made" in capsys.readouterr().err


DATA = ["compare", "x.csv", "-t", "y"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["compare", "x.csv"], "the following arguments are required: -t/--target"),
        (["compare", "-t", "y"], "the following arguments are required: DATA"),
        ([*DATA, "--cv", "1"], "--cv: 1 is not a whole number of at least 2"),
        ([*DATA, "--cv", "many"], "--cv: many is not a whole number"),
        ([*DATA, "--max-rows", "0"], "0 is not a whole number of at least 1"),
        ([*DATA, "--n-jobs", "0"], "0 is not a number of folds, or -1 for all cores"),
        ([*DATA, "--frobnicate"], "unrecognized arguments: --frobnicate"),
        (["compete"], "invalid choice: 'compete'"),
    ],
)
def test_a_wrong_command_line_ends_with_status_2(arguments, message, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--losses", "hing"], 'There is no loss "hing". Did you mean "hinge"?'),
        (["--losses", "lvq2"], '"lvq2" does not suit a linear energy'),
        (["--baselines", "SVC"], 'There is no baseline "SVC". Did you mean "LinearSVC"?'),
        (["--baselines", "Ridge"], "--task regression changes that."),
        (["--losses", "none", "--baselines", "none"], "There is nothing to compare"),
    ],
)
def test_names_that_do_not_suit_the_table_end_with_status_1(table, options, message, capsys):
    assert main(["compare", str(table), "-t", "income", *options]) == 1
    assert message in capsys.readouterr().err


def test_a_fit_that_keeps_what_it_has_ends_the_run_as_well(table, capsys, monkeypatch):
    class Stopped(LogisticRegression):
        def fit(self, X, y):
            warnings.warn("Training interrupted by user.", stacklevel=1)
            return super().fit(X, y)

    lookup = contenders.BASELINES | {
        "LogisticRegression": lambda context: contenders.Contender("stopped", Stopped())
    }
    monkeypatch.setattr(tasks.CLASSIFICATION.__class__, "baselines", lookup)
    monkeypatch.setattr(contenders, "BASELINES", lookup)
    arguments = ["--losses", "none", "--baselines", "majority,LogisticRegression", "--code"]
    assert main(["compare", str(table), "-t", "income", *arguments, "--n-jobs", "1"]) == 130
    printed = capsys.readouterr()
    assert "stopped after 1 of 2 models" in printed.err and "no model was saved" in printed.err


def test_a_model_that_ignores_the_features_is_told(table, capsys):
    arguments = ["--losses", "none", "--baselines", "majority", "--cv", "2", "--code", "-q"]
    assert main(["compare", str(table), "-t", "income", *arguments]) == 0
    assert "majority class ignores the features" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--version"], ["compare", "--version"]])
def test_version(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"sklearn_ebm {sklearn_ebm.__version__}\n"


def test_help_tells_every_option_with_its_default_and_the_exit_statuses(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["compare", "--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    names = [
        *["target", "drop", "energies", "losses", "baselines", "cv", "n-jobs", "random-state"],
        *["max-rows", "out", "report", "save", "code", "model", "quiet", "version"],
    ]
    for option in (f"--{name}" for name in names):
        assert f"\n  {option} " in text or f", {option} " in text or f", {option}\n" in text
    for words in ("examples:", "exit status:", "130", "default: 5", "default: -1", "default: 0"):
        assert words in text
