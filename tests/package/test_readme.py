"""The README and the guide: their Python prints what they say, and their links lead somewhere."""

import doctest
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest
import sklearn
from packaging.version import parse

from sklearn_ebm.losses import LOSSES

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
DOCS = sorted(path for path in (ROOT / "docs").glob("*/*.md") if path.parent.name != "api")
PAGES = [README, *DOCS, ROOT / "docs" / "architecture.md", ROOT / "CONTRIBUTING.md"]
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
# What a page shows of scikit-learn itself, and the first version that has it.
NEEDS = {"probabilities.md": "1.8"}
# Packages of the extras that a page shows.
PACKAGES = {"mixed_tables.md": "skrub"}


def blocks(path):
    """Return the Python blocks of a page, each with the number of its first line."""
    found, inside = [], None
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.startswith("```"):
            if inside is not None:
                inside.append(line)
            continue
        if inside is not None:
            found.append((number - len(inside), "\n".join(inside) + "\n"))
            inside = None
        elif line == "```python":
            inside = []
    return found


def run(block, first_line, path, namespace):
    """Run a session and compare what it prints, or run code without prompts; return the report."""
    if ">>> " not in block:
        # Empty lines above the code give a traceback the line numbers of the page.
        exec(compile("\n" * (first_line - 1) + block, str(path), "exec"), namespace)
        return []
    test = doctest.DocTestParser().get_doctest(block, {}, path.name, str(path), first_line - 1)
    test.globs = namespace  # the constructor copies, and the page's later blocks need what it sets
    report = []
    doctest.DocTestRunner(optionflags=OPTIONS).run(test, out=report.append, clear_globs=False)
    return report


# LinearSVC of old versions counts its iterations from memory it never wrote, and warns at random;
# the page compares the coefficients themselves.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Liblinear failed:sklearn.exceptions.ConvergenceWarning"
)

WITH_BLOCKS = [path for path in PAGES if blocks(path)]
LONG = ("calibration.md", "compare.md", "first_steps.md")


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id=path.name, marks=pytest.mark.slow if path.name in LONG else ())
        for path in WITH_BLOCKS
    ],
)
def test_page_runs_and_prints_what_it_says(path, monkeypatch):
    needed = NEEDS.get(path.name)
    if needed and parse(sklearn.__version__) < parse(needed):
        pytest.skip(f"shows a part of scikit-learn {needed}")
    if path.name in PACKAGES:
        pytest.importorskip(PACKAGES[path.name])
    # A class written on a page is pickled by the name of its module, so there must be one.
    module = ModuleType("page")
    monkeypatch.setitem(sys.modules, "page", module)
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    report = []
    for first_line, block in blocks(path):
        report += run(block, first_line, path, vars(module))
    assert not report, "".join(report)


def test_blocks_are_found_and_what_they_say_is_compared(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("```python\nx = 2\n```\n\n```text\nx = 3\n```\n\n```python\n>>> x\n3\n```\n")
    assert blocks(page) == [(2, "x = 2\n"), (10, ">>> x\n3\n")]
    namespace = {}
    reports = [run(block, line, page, namespace) for line, block in blocks(page)]
    assert namespace["x"] == 2
    assert reports[0] == []
    assert "line 10" in "".join(reports[1])


def test_readme_shows_an_example_with_its_output():
    assert any(">>> " in block for _, block in blocks(README))


def test_every_loss_has_a_row_in_the_table():
    page = (ROOT / "docs" / "guide" / "losses.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)`", page, flags=re.MULTILINE)
    assert set(LOSSES) <= set(rows)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_to_files_lead_somewhere(path):
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not target.startswith(("http", "#", "mailto:")):
            assert (path.parent / target.split("#")[0]).exists(), target


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_pages_name_only_modules_that_exist(path):
    text = path.read_text(encoding="utf-8")
    for name in re.findall(r"\bsklearn_ebm((?:/\w+)*/\w+\.py)\b", text):
        assert (ROOT / f"sklearn_ebm{name}").exists(), name
