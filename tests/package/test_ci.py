"""The commands that run others' tests say what failed, and cannot pass by running nothing."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import sklearn.svm
from sklearn.base import clone

CI = Path(__file__).parents[2] / ".ci"

pytestmark = pytest.mark.skipif(not CI.exists(), reason="the commands are not installed")

CASES = {
    "right.py": "print('all is well')",
    "deeper/fault.py": "import sys; print('first'); print('p is 0.9, not 0.5'); sys.exit(1)",
    "crash.py": "raise ValueError('no such thing')",
    "endless.py": "while True: pass",
}


def run_cases(folder, *options):
    command = [sys.executable, str(CI / "cases"), str(folder), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@pytest.fixture
def folder(tmp_path):
    for name, text in CASES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_quick_cases_leave_out_what_is_slow_and_show_the_last_line_of_a_fault(folder):
    ended = run_cases(folder, "--quick", "--limit", "1", "-j", "4")
    lines = sorted(ended.stdout.splitlines())
    assert ended.returncode == 1, ended.stderr
    assert lines == [
        "cases: 1 right, 2 with a fault, 1 left out as slow",
        "fault crash.py  ValueError: no such thing",
        "fault deeper/fault.py  p is 0.9, not 0.5",
        "slow  endless.py  no end after 1 s",
    ]


def test_without_quick_a_case_that_does_not_end_is_a_fault(folder):
    for name in ("crash.py", "deeper/fault.py"):
        (folder / name).unlink()
    ended = run_cases(folder, "--limit", "1")
    assert ended.returncode == 1
    assert "cases: 1 right, 1 with a fault, 0 left out as slow" in ended.stdout
    (folder / "endless.py").unlink()
    assert run_cases(folder).returncode == 0


def test_no_cases_are_no_success(tmp_path):
    assert run_cases(tmp_path).returncode == 2
    assert run_cases(tmp_path / "missing").returncode == 2


@pytest.fixture
def theirs(monkeypatch):
    monkeypatch.syspath_prepend(str(CI / "sklearn_tests"))
    import theirs

    return theirs


TABLE = """
[[theirs]]
reason = "an l1 penalty"
tests = ["test_svm::test_l1", "test_svm::test_loss[*-l1-*]"]

[[theirs]]
reason = "a parameter of old"
sklearn = "<1.8"
tests = ["test_svm::test_old"]
"""


@pytest.mark.parametrize(
    ("passed", "failed", "errors", "good", "line"),
    [
        (["a::b"], ["test_svm::test_l1[x]", "test_svm::test_loss[0-l1-x]"], [], True, "theirs: 2"),
        (["a::b"], ["test_svm::test_loss[0-l2-hinge]"], [], False, "failing and not listed: 1"),
        (["a::b"], ["test_svm::test_old"], [], False, "failing and not listed: 1"),
        (["a::b", "test_svm::test_l1"], [], [], False, "listed and passing: 1"),
        (["a::b"], [], ["a: no such module"], False, "not read: a: no such module"),
        ([], [], [], False, "passed with ours: 0"),
    ],
)  # fmt: skip
def test_a_list_that_is_too_short_or_too_long_is_no_success(
    theirs, tmp_path, capsys, passed, failed, errors, good, line
):
    (tmp_path / "theirs.toml").write_text(TABLE)
    listed = theirs.Theirs.read("1.9.1", tmp_path / "theirs.toml")
    assert listed.judge(passed, dict.fromkeys(failed, "why"), errors) is good
    assert line in capsys.readouterr().out.splitlines()


def test_a_stand_in_has_the_parameters_that_it_stands_for_and_learns_like_ours(theirs):
    import stand_ins

    from sklearn_ebm import EBMClassifier

    for module, classes in stand_ins.STAND_INS.items():
        for cls in classes:
            original = getattr(module, cls.__name__)
            assert original.__module__.startswith("sklearn.")
            assert clone(cls()).get_params() == original().get_params()
    X, y = np.array([[-1.0], [1.0], [2.0]]), [0, 1, 1]
    stand_in = stand_ins.LinearSVC(C=2.0, max_iter=500).fit(X, y)
    ours = EBMClassifier(loss="hinge", C=2.0, max_iter=500).fit(X, y)
    np.testing.assert_array_equal(stand_in.coef_, ours.coef_)
    # What it was given is what it shows, before and after.
    assert stand_in.get_params() == sklearn.svm.LinearSVC(C=2.0, max_iter=500).get_params()
    with pytest.raises(stand_ins.NoCounterpartError, match="penalty='l1'"):
        stand_ins.LinearSVC(penalty="l1").fit(X, y)
