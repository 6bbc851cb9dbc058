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

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
GUIDE = sorted((ROOT / "docs" / "guide").glob("*.md"))
PAGES = [README, *GUIDE, ROOT / "docs" / "architecture.md", ROOT / "CONTRIBUTING.md"]
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
# What a page shows of scikit-learn itself, and the first version that has it.
NEEDS = {"probabilities.md": "1.8"}


def sessions(path):
    """Return the Python sessions of a page, as one text with the line numbers of the page."""
    lines = path.read_text(encoding="utf-8").splitlines()
    kept, inside = [], False
    for line in lines:
        fence = line.startswith("```")
        inside = line == "```python" if fence else inside
        kept.append(line if inside and not fence else "")
    return "\n".join(kept) + "\n"


WITH_SESSIONS = [path for path in PAGES if ">>> " in sessions(path)]


@pytest.mark.parametrize("path", WITH_SESSIONS, ids=lambda path: path.name)
def test_page_runs_and_prints_what_it_says(path, monkeypatch, capsys):
    needed = NEEDS.get(path.name)
    if needed and parse(sklearn.__version__) < parse(needed):
        pytest.skip(f"shows a part of scikit-learn {needed}")
    # A class written on a page is pickled by the name of its module, so there must be one.
    module = ModuleType("page")
    monkeypatch.setitem(sys.modules, "page", module)
    monkeypatch.chdir(ROOT)
    test = doctest.DocTestParser().get_doctest(
        sessions(path), vars(module), path.name, str(path), 0
    )
    report = []
    runner = doctest.DocTestRunner(optionflags=OPTIONS)
    runner.run(test, out=report.append, clear_globs=False)
    assert runner.tries > 0
    assert runner.failures == 0, "".join(report)


def test_readme_shows_an_example_with_its_output():
    assert README in WITH_SESSIONS


@pytest.mark.parametrize("path", [README, ROOT / "docs" / "guide" / "losses.md"], ids=str)
def test_every_loss_has_a_row_in_the_table(path):
    rows = re.findall(r"^\| `(\w+)`", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
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
