"""The pages of the documentation: all can be reached, and what they show fits into the column."""

import ast
import doctest
import re
from pathlib import Path

import pytest

import sklearn_ebm

PACKAGE = Path(sklearn_ebm.__file__).parent
ROOT = PACKAGE.parent
DOCS = ROOT / "docs"
README = ROOT / "README.md"
GENERATED = {"_build", "auto_examples", "generated", "examples"}
PAGES = sorted(
    path for path in DOCS.rglob("*.md") if not GENERATED & set(path.relative_to(DOCS).parts)
)
PUBLIC = sorted(
    path
    for path in PACKAGE.rglob("*.py")
    if not any(re.match(r"_[^_]", part) for part in path.relative_to(PACKAGE).parts)
)
EXAMPLES = sorted((DOCS / "examples").glob("*/plot_*.py"))
#: Characters of a line of code, and inches of a figure, in a window 1280 pixels wide.
WIDTH, INCHES = 88, 7.2

pytestmark = pytest.mark.skipif(not DOCS.exists(), reason="the documentation is not installed")


def name(path):
    return path.relative_to(ROOT).as_posix()


def fenced(text):
    """Lines inside fences, with their numbers and the words after the opening fence."""
    found, fence = [], None
    for number, line in enumerate(text.splitlines(), start=1):
        if match := re.match(r"(`{3,}|:{3,})(.*)", line):
            fence = None if fence is not None else match[2].strip()
        elif fence is not None:
            found.append((number, fence, line))
    return found


def listed(page):
    """Pages that the toctrees of a page list."""
    entries = [
        re.sub(r"^.*<(.*)>$", r"\1", line)
        for _, fence, line in fenced(page.read_text(encoding="utf-8"))
        if fence == "{toctree}" and line and not line.startswith(":")
    ]
    return [(page.parent / f"{entry}.md").resolve() for entry in entries]


def test_every_page_is_in_a_toctree():
    reached, todo = set(), [DOCS / "index.md"]
    while todo:
        page = todo.pop()
        if page not in reached and page.exists():
            reached.add(page)
            todo += listed(page)
    assert reached == set(PAGES)


def too_long(text):
    """Lines of code of a page that are shown and longer than the column."""
    return [
        f"line {number}: {len(line)} characters"
        for number, fence, line in fenced(text)
        if not fence.startswith("{") and len(line) > WIDTH
    ]


# Its tables are what the command prints.
@pytest.mark.parametrize("path", [*PAGES, README], ids=name)
def test_no_line_of_code_is_cut_off(path):
    assert not too_long(path.read_text(encoding="utf-8"))


def test_a_line_that_is_cut_off_is_found():
    long = "x" * (WIDTH + 1)
    text = f"{long}\n```python\n{long}\n```\n```{{eval-rst}}\n{long}\n```\n"
    assert too_long(text) == [f"line 3: {WIDTH + 1} characters"]


@pytest.mark.parametrize("path", EXAMPLES, ids=name)
def test_no_line_of_a_script_of_the_gallery_is_cut_off(path):
    text = path.read_text(encoding="utf-8")
    start, prose = ast.parse(text).body[0].end_lineno, False
    for number, line in enumerate(text.splitlines()[start:], start=start + 1):
        prose = line.startswith("#") and (prose or line.startswith("# %%"))
        assert prose or len(line) <= WIDTH, number


@pytest.mark.parametrize("path", [*EXAMPLES, *PAGES], ids=name)
def test_figures_are_as_wide_as_the_column(path):
    text = path.read_text(encoding="utf-8")
    widths = [float(width) for width in re.findall(r"figsize=\(([\d.]+),", text)]
    assert widths or path not in EXAMPLES
    assert not [width for width in widths if width > INCHES]


def test_the_gallery_has_the_order_of_the_guide():
    conf = (DOCS / "conf.py").read_text(encoding="utf-8")
    order = re.search(r"for chapter in (\(.*?\))\n", conf)[1]
    assert set(ast.literal_eval(order)) == {path.parent.name for path in EXAMPLES}


def docstrings(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            if text := ast.get_docstring(node):
                yield text


@pytest.mark.parametrize("path", PUBLIC, ids=name)
def test_no_line_of_an_example_in_a_docstring_is_cut_off(path):
    parser = doctest.DocTestParser()
    for text in docstrings(path):
        for example in parser.get_examples(text):
            lines = [f">>> {line}" for line in example.source.splitlines()]
            lines += example.want.splitlines()
            assert not [line for line in lines if len(line) > WIDTH]


def test_the_readme_is_short_and_begins_with_a_picture():
    lines = README.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 120
    pictures = [number for number, line in enumerate(lines, start=1) if line.startswith("![")]
    assert len(pictures) == 2
    assert pictures[0] < 12


def test_every_picture_is_shown():
    pages = [path.read_text(encoding="utf-8") for path in [*PAGES, README]]
    pages += [path.read_text(encoding="utf-8") for path in ROOT.glob("benchmarks/results/*.md")]
    for picture in (DOCS / "images").iterdir():
        assert any(picture.name in page for page in pages), picture.name
