"""The distribution: one version, a wheel with the package and nothing else, commands that exist."""

import importlib
import pkgutil
import re
import shutil
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from sklearn.utils import estimator_html_repr

import sklearn_ebm

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "sklearn_ebm"
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
README = (ROOT / "README.md").read_text(encoding="utf-8")
TOP_LEVEL = {
    "CHANGELOG.md",
    "CITATION.cff",
    "CONTRIBUTING.md",
    "LICENSE",
    "README.md",
    "benchmarks",
    "conftest.py",
    "docs",
    "pyproject.toml",
    "setup.cfg",
    "sklearn_ebm",
    "tests",
}


# Names of all `__all__`, at most: what a user types is public, the engine is not. The number grows
# only with what users can name: 74, `Descent`, the representations, `collapse_ratio`, samplers,
# energies of any form with their losses and negatives, three ways of drawing classes, and
# restricted Boltzmann machines.
MOST_NAMES = 117


def public_names():
    """Every name of an `__all__` in the package, with its module."""
    modules = [sklearn_ebm] + [
        importlib.import_module(info.name)
        for info in pkgutil.walk_packages(sklearn_ebm.__path__, "sklearn_ebm.")
        if not info.name.endswith("__main__")
    ]
    return [(module, name) for module in modules for name in getattr(module, "__all__", ())]


PUBLIC = public_names()


def tracked():
    """Return the paths that git tracks, or skip: an unpacked archive is no checkout."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listing = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    return [path for path in listing.split("\0") if path]


def installed():
    """Return the installed distribution, or skip: the tests run without one, too."""
    try:
        return metadata.distribution("sklearn_ebm")
    except metadata.PackageNotFoundError:
        pytest.skip("sklearn_ebm is not installed")


def code_blocks(text):
    return re.findall(r"^```[^\n]*\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


def test_version_is_written_in_one_place():
    assert re.fullmatch(r"\d+\.\d+\.\d+((a|b|rc|\.dev)\d+)?", sklearn_ebm.__version__)
    assert "version" not in PYPROJECT["project"]
    assert PYPROJECT["project"]["dynamic"] == ["version"]
    assigned = [
        path.relative_to(ROOT).as_posix()
        for path in PACKAGE.rglob("*.py")
        if re.search(r"^__version__\s*=", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    ]
    assert assigned == ["sklearn_ebm/__init__.py"]


def test_citation_agrees_with_the_package():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    fields = dict(re.findall(r'^([\w-]+): "?([^"\n]+)"?$', citation, flags=re.MULTILINE))
    assert fields["cff-version"] == "1.2.0"
    assert fields["version"] == sklearn_ebm.__version__
    assert fields["license"] == PYPROJECT["project"]["license"]
    assert fields["url"] == PYPROJECT["project"]["urls"]["Documentation"]
    [author] = PYPROJECT["project"]["authors"]
    assert f'authors:\n  - name: "{author["name"]}"' in citation
    for text in ((ROOT / "LICENSE").read_text(encoding="utf-8"), README):
        assert author["name"].replace("_", "\\_") in text or author["name"] in text


def test_changelog_has_the_version():
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    base = re.match(r"\d+\.\d+\.\d+", sklearn_ebm.__version__).group()
    assert f"## [{base}]" in changelog


def test_top_level_of_the_repository():
    names = {path.split("/")[0] for path in tracked()}
    assert {name for name in names if not name.startswith(".")} <= TOP_LEVEL


def test_installed_metadata():
    meta = installed().metadata
    assert meta["Version"] == sklearn_ebm.__version__
    assert meta["Requires-Python"] == ">=3.11"
    assert meta["License-Expression"] == "BSD-3-Clause"


def test_wheel_holds_the_package_and_nothing_else():
    files = [path.as_posix() for path in installed().files]
    if any(path.endswith(".pth") for path in files):
        pytest.skip("an editable installation lists no files of the package")
    files = [path for path in files if "__pycache__" not in path and ".dist-info/" not in path]
    modules = {path.relative_to(ROOT).as_posix() for path in PACKAGE.rglob("*.py")}
    stale = "install the package again: its modules are not those of this checkout"
    assert {path for path in files if path.endswith(".py")} == modules, stale
    assert all(path.startswith("sklearn_ebm/") for path in files)
    assert not [path for path in files if re.search(r"/tests?/|\.(csv|parquet|npz|pkl)$", path)]


def test_every_core_dependency_has_a_lower_bound():
    run = subprocess.run(
        [sys.executable, ROOT / ".ci" / "oldest.py"], capture_output=True, text=True, check=True
    )
    pins = dict(line.split("==") for line in run.stdout.splitlines())
    assert {"scikit-learn", "numpy", "scipy", "joblib"} <= pins.keys()


def test_public_names_are_few():
    """Their number grows on purpose or not at all."""
    names = {name for _, name in PUBLIC}
    assert len(names) <= MOST_NAMES, sorted(names)
    assert not [name for name in names if name.startswith("_")]


@pytest.mark.parametrize(
    ("module", "name"), PUBLIC, ids=lambda part: getattr(part, "__name__", part)
)
def test_public_names_are_explained(module, name):
    """On a page of the API reference, which lists modules, in a line with words."""
    index = (ROOT / "docs" / "api" / "index.md").read_text(encoding="utf-8")
    assert re.search(rf"^   {re.escape(module.__name__)}$", index, flags=re.MULTILINE)
    value = getattr(module, name)
    assert "__doc__" in vars(value) or not isinstance(value, type), "inherited"
    line = value.__doc__.strip().splitlines()[0]
    words = set(re.findall(r"(?<![\w.^({])[A-Za-z]{3,}(?![\w(])", line))
    assert len(words - {"exp", "log", "min", "max", "for", "with", "where"}) >= 2, line


@pytest.mark.parametrize("name", sklearn_ebm.__all__)
def test_html_repr_links_to_the_api_page(name):
    page = f"/api/generated/sklearn_ebm.{name}.html"  # autosummary's name for it
    assert page in estimator_html_repr(getattr(sklearn_ebm, name)())


def test_extras_named_in_the_texts_exist():
    extras = PYPROJECT["project"]["optional-dependencies"].keys()
    for name in ("README.md", "CONTRIBUTING.md", ".ci/run", "docs/conf.py"):
        text = (ROOT / name).read_text(encoding="utf-8")
        for named in re.findall(r'install[^\n]*?"\.\[([\w,]+)\]"', text):
            assert set(named.split(",")) <= extras, name


def test_readme_has_the_two_commands():
    assert "pip install . && python -m sklearn_ebm" in README
    assert 'pip install ".[test]" && pytest' in README


def test_readme_commands_exist():
    code = "\n".join(code_blocks(README)).replace("\\\n", " ")
    commands = re.findall(r"python -m sklearn_ebm\b([^\n|>#&]*)", code)
    assert commands
    for command in commands:
        words = command.split()
        subcommand = words[:1] if words and not words[0].startswith("-") else []
        run = subprocess.run(
            [sys.executable, "-m", "sklearn_ebm", *subcommand, "--help"],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        assert run.returncode == 0, f"{command}: {run.stderr}"
        for option in re.findall(r"(?<!\S)--[\w-]+", command):
            assert re.search(rf"{option}\b", run.stdout), f"{command}: no {option}"
