"""Words that the vocabulary has retired stay out of what users read."""

import ast
import re
from pathlib import Path

import pytest

import sklearn_ebm

PACKAGE = Path(sklearn_ebm.__file__).parent
ROOT = PACKAGE.parent
#: Retired words, and what stands for each in docs/vocabulary.md.
RETIRED = {
    "learnt": "learned", "law": "distribution", "laws": "distributions",
    "whoever": "the thing itself", "speaks": "applies", "opinion": "prediction",
    "opinions": "predictions", "judge": "validation sample", "judges": "validation samples",
    "judged": "evaluated", "judgement": "held-out densities", "ruler": "scaling",
    "twin": "float32 copy", "speak": "apply", "nobody": "the thing itself",
    "moulded": "initialised", "honour": "use", "honours": "uses",
}  # fmt: skip
WORD = re.compile(rf"\b({'|'.join(RETIRED)})\b", re.IGNORECASE)
DEVIATION = re.compile(r"(?<!standard )(?<!absolute )(?<!mean )\bdeviations?\b", re.IGNORECASE)
PAGES = [
    *ROOT.glob("README.md"), *ROOT.glob("CONTRIBUTING.md"),
    *ROOT.glob("benchmarks/results/*.md"),
    *(path for path in ROOT.glob("docs/**/*.md") if path.name != "vocabulary.md"),
]  # fmt: skip


def retired(text):
    """Words of a text, not of code in it, that are retired."""
    text = re.sub(r"```.*?```|^ *(>>>|\.\.\.).*$", "", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"``.*?``|`.*?`|\$.*?\$", "", text, flags=re.DOTALL)
    text = re.sub(r"^ *[\w, ]+ : ", "", text, flags=re.MULTILINE)  # names of parameters
    text = re.sub(r"\s+", " ", text)
    return [*WORD.findall(text), *DEVIATION.findall(text)]


def docstrings(tree):
    """Docstrings of a module, and of the public classes and functions in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            public = not getattr(node, "name", "").startswith("_")
            if public and (text := ast.get_docstring(node)):
                # The lines of an example that show what it prints are not prose.
                yield re.sub(r"^>>>.*?(\n\n|\Z)", "", text, flags=re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_pages(path):
    assert retired(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_docstrings_and_messages(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    texts = list(docstrings(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise):
            texts += [
                part.value
                for part in ast.walk(node)
                if isinstance(part, ast.Constant) and isinstance(part.value, str)
            ]
    assert [word for text in texts for word in retired(text)] == []


def test_a_retired_word_is_found():
    """Words in code do not count, and those of prose do, over the end of a line too."""
    assert retired("A law of `law` $law$ ``law`` and\n```\nlaw\n```") == ["law"]
    assert retired("a standard\ndeviation, and a deviation") == ["deviation"]
