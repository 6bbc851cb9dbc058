"""The comparison as a command: ``python -m sklearn_ebm``."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas
import pytest

import sklearn_ebm
import sklearn_ebm.compare.comparison
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
    return [line[3:].split("  ")[0] for line in lines[start + 1 :] if not line.startswith("note")]


def test_the_command_end_to_end(table, tmp_path):
    arguments = ["compare", str(table), "--target", "income", *SHORT, "--out", str(tmp_path / "r")]
    # From the repository's root, so that the test needs no installed package.
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "sklearn_ebm", *arguments],
        capture_output=True,
        cwd=Path(sklearn_ebm.__file__).parent.parent,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        timeout=120,
    )
    output, progress = done.stdout.decode(), done.stderr.decode()
    assert done.returncode == 0, progress
    assert sorted(models(output)) == ["EBM hinge", "EBM nll"]
    assert "[1/2] EBM nll" in progress and "[2/2] EBM hinge" in progress
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
    assert about["data"]["categorical_columns"] == []


def test_a_question_mark_is_a_missing_value(tmp_path):
    (tmp_path / "x.csv").write_text("x,y\n1, ?\n?,b\n")
    frame = read_frame(tmp_path / "x.csv")
    assert frame.isna().to_numpy().tolist() == [[False, True], [True, False]]


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
        if name.split(".")[0] in ("pandas", "rich", "pyarrow", "polars"):
            raise ModuleNotFoundError(name)


def test_with_the_core_dependencies_alone_it_runs_on_embedded_data(capsys, monkeypatch):
    for name in list(sys.modules):
        if name.split(".")[0] in ("pandas", "rich", "pyarrow", "polars"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Absent(), *sys.meta_path])
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    short = ["--losses", "nll", "--baselines", "none", "--cv", "2", "--n-jobs", "1"]
    assert main(short) == 0
    output = capsys.readouterr().out
    assert output.startswith("breast cancer") and models(output) == ["EBM nll"]


def test_a_terminal_gets_a_live_table_and_a_clean_final_one(table, capsys, monkeypatch):
    pytest.importorskip("rich")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "140")
    assert main(["compare", str(table), "--target", "income", *SHORT]) == 0
    printed = capsys.readouterr()
    assert "EBM hinge" in printed.err and "2/2" in printed.err
    assert "\x1b" not in printed.out and sorted(models(printed.out)) == ["EBM hinge", "EBM nll"]


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
    assert models(printed.out) == ["EBM nll"]
    assert pandas.read_csv(out / "comparison.csv")["model"].tolist() == ["EBM nll"]
    assert len(json.loads((out / "comparison.json").read_text())["rows"]) == 1


def written(content, name="bad.csv"):
    """A maker of a file with this content."""

    def make(folder):
        (folder / name).write_bytes(content)
        return str(folder / name)

    return make


FREE_TEXT = b"comment,y\n" + b"".join(b"note number %d,%d\n" % (j, j % 2) for j in range(30))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: str(folder / "tabel.csv"), 'tabel.csv; did you mean "table.csv"?'),
        (lambda folder: str(folder / "nowhere" / "x.csv"), "x.csv; check the path."),
        (str, "is a folder; give one CSV or Parquet file in it."),
        (written(b""), "is empty; it needs a header line and rows below it."),
        (written(b"x,y\n"), "has a header but no rows below it"),
        (written(b"x,y\n1,\xff\xfe\n"), "is not text in UTF-8"),
        (written(b"x,y\n1,2\n1,2,3\n"), "cannot be read as a table: "),
        (written(b"x,y\n1,2,3\n4,5,6\n"), "has rows with more cells than its header"),
        (written(b"x,y\n1,2\n", "bad.csv.gz"), "cannot be read as a table: "),
        (
            written(gzip.compress(b"x,y\n1,2\n" * 99)[:-20], "cut.csv.gz"),
            "cannot be read as a table",
        ),
        (written(b"x,y\n1,2\n", "bad.parquet"), "cannot be read as Parquet: "),
        (written(b"x,z\n1,2\n"), 'no target column "y"; the columns are x, z.'),
        (written(b"x,y\n1,2\n2,2\n"), 'one class only, "2"'),
        (written(b"x,y\n1,1\n2,2\n3,1\n4,2\n"), "fewer rows than the 5 folds"),
        (written(FREE_TEXT), 'Column "comment" looks like free text'),
    ],
)
def test_bad_data_ends_with_status_1_and_one_sentence(table, tmp_path, make, message, capsys):
    assert main(["compare", make(tmp_path), "--target", "y"]) == 1
    printed = capsys.readouterr()
    assert message in printed.err and printed.err.startswith("sklearn_ebm: error: ")
    assert printed.out == "" and printed.err.count("\n") == 1


def test_free_text_can_be_dropped(tmp_path, capsys):
    path = written(
        FREE_TEXT.replace(b",y", b",z,y").replace(b",1", b",7,1").replace(b",0", b",5,0")
    )
    assert main(["compare", path(tmp_path), "-t", "y", "--drop", "comment", *SHORT, "-q"]) == 0
    assert len(models(capsys.readouterr().out)) == 2


def test_reading_a_table_without_pandas_says_what_to_install(table, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    assert main(["compare", str(table), "--target", "income"]) == 1
    assert 'pip install "sklearn_ebm[compare]"' in capsys.readouterr().err


def test_a_folder_that_cannot_be_made_is_told_before_the_run(table, tmp_path, capsys):
    out = str(table / "below_a_file" / "x")
    assert main(["compare", str(table), "--target", "income", "--out", out]) == 1
    assert "cannot be made" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["compare", "x.csv"], "DATA needs --target COLUMN"),
        (["--target", "y"], "--target and --drop need DATA"),
        (["--cv", "1"], "--cv: 1 is not a whole number of at least 2"),
        (["--cv", "many"], "--cv: many is not a whole number"),
        (["--max-rows", "0"], "0 is not a whole number of at least 1"),
        (["--n-jobs", "0"], "0 is not a whole number other than 0"),
        (["--losses", "hing"], 'There is no loss "hing". Did you mean "hinge"?'),
        (["--losses", "lvq2"], '"lvq2" does not suit a linear energy'),
        (["--baselines", "SVC"], 'There is no baseline "SVC". Did you mean "LinearSVC"?'),
        (["--losses", "none", "--baselines", "none"], "leave nothing to compare"),
        (["--frobnicate"], "unrecognized arguments: --frobnicate"),
        (["compete"], "invalid choice: 'compete'"),
    ],
)
def test_a_wrong_command_line_ends_with_status_2(arguments, message, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


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
    options = (
        "target drop energies losses baselines cv n-jobs random-state max-rows out quiet version"
    )
    for option in (f"--{name}" for name in options.split()):
        assert f"\n  {option} " in text or f", {option} " in text or f", {option}\n" in text
    for words in ("examples:", "exit status:", "130", "default: 5", "default: -1", "default: 0"):
        assert words in text
