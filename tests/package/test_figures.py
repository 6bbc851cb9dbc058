"""One source for each figure: README and guide print what files of `benchmarks/results` hold.

A figure is a number that was measured: a time, a ratio of times, a share, a score. The passage that
states it links to the page of `docs/benchmarks` that includes the file, or to the file itself. A
number that Python on a page prints needs no file, because the tests run that Python.
"""

import re
from pathlib import Path
from textwrap import indent

import pytest

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"
BENCHMARKS = ROOT / "docs" / "benchmarks"
GUIDE = ROOT / "docs" / "guide"
PAGES = [
    ROOT / "README.md", ROOT / "docs" / "index.md", *sorted(BENCHMARKS.glob("*.md")),
    # compare.md has definitions only: levels, sizes and settings of models.
    *(page for page in sorted(GUIDE.glob("*.md")) if page.name != "compare.md"),
]  # fmt: skip

pytestmark = pytest.mark.skipif(not GUIDE.exists(), reason="the documentation is not installed")

BLOCK = re.DOTALL | re.MULTILINE
NUMBER = r"(?<![\w.,/^])\d+(?:,\d{3})*(?:\.\d+)?"
UNIT = r"(?:times|seconds?|minutes?|hours?|ms|s|%|points?|nats|[kMG]B|(?:mega|giga)bytes)"
FIGURE = re.compile(rf"{NUMBER}(?: ?{UNIT})?(?![\w/]|\.\d)")
SERIES = re.compile(rf"({NUMBER}(?:(?:,| and| to| –) {NUMBER})+) ?({UNIT})(?!\w)")
WORDS = r"(?:two|three|four|five|six|seven|eight|nine|ten|twenty|a hundred)"
IN_WORDS = re.compile(
    rf"\b{WORDS} (?:seconds|minutes|hours|percent|points)\b"
    rf"|\b{WORDS} times (?:as (?:fast|long|slow)|faster|slower|longer|the (?:speed|time))"
    r"|\b(?:half|third|quarter|tenth|seventh) (?:of )?(?:the|its) time\b"
)
SCORES = re.compile(r"accura|log-loss|likelihood|NLL|CRPS|RMSE|\bAU[CPR]|faster|slower")
# What looks measured and was chosen or follows from a formula: on each page, where, and why.
LEVEL = r"(?:\d+, \d+ and )?\d+ % (?:intervals?|\*?regions?\*?|quantile)"
TEMPERATURE = r"0\.3 times|margin \(0\.3|(?:multiplied|`) by 0\.3|0\.0005 σ|is 0\.001|is 0\.02"
DEFINED = {
    "README.md": [r"Python 3\.11"],
    "blend.md": [LEVEL, r"0\.005 nats|0\.05 %|2\.4 %"],  # thresholds, and the bound they give
    "calibration.md": [LEVEL, r"0\.90 from 0\.95|covers 90 %", r"off by 0\.1|0\.857"],  # formulas
    "collapse.md": [r"below 0\.1 %"],  # threshold
    "fast.md": [TEMPERATURE],  # settings
    "first_steps.md": [LEVEL, "contain 50, 80 and 90 %"],
    "partition_function.md": [r"64 points|more than 5 %|0\.016", "of 95 %"],  # settings
    "probabilities.md": [r"C = 0\.01"],
    "regressor.md": [r"0\.84|0\.68", r"20 times|0\.05 %|0\.15 to 7"],  # the data, and settings
    "solvers.md": [TEMPERATURE],
    "training.md": [r"objective 339\.99, held out 0\.8494, 0\.1 s"],  # what a line looks like
    "unknown_inputs.md": [LEVEL, "accepts 95 % of held-out"],
    "write_an_energy.md": ["turns 80 %", r"is 0\.01"],  # the formula of the energy, and a default
}


def without_code(text):
    """Text without blocks of code, formulas, comments; what a command printed stays, indented."""
    text = re.sub(r"^<!--.*?-->\n", "", text, flags=BLOCK)
    text = re.sub(
        r"^```text\n(.*?)^```$", lambda shown: indent(shown[1], "    "), text, flags=BLOCK
    )
    text = re.sub(r"^```\S.*?^```$", "", text, flags=BLOCK)
    return re.sub(r"^\$\$.*?\$\$$", "", text, flags=BLOCK)


def words_of(passage):
    """A passage without code, formulas and addresses."""
    return re.sub(r"\$[^$]*\$|`[^`]+`|\]\([^)]*\)|https?://\S+|\barXiv:\S+", "`", passage)


def passages(text):
    """Paragraphs, list items and rows of tables, each with the paragraph that leads to it."""
    lead = ""
    for block in re.split(r"\n\s*\n", without_code(text)):
        if block.lstrip().startswith("#"):
            lead = ""
        elif re.match(r"\s*(\||[-*] |\d+\. )", block):
            for part in re.split(r"\n(?=\s*(?:\||[-*] |\d+\. ))", block):
                yield part, lead
        elif block.startswith("    "):
            yield block, lead
        else:
            lead = block
            yield block, ""


def value_of(figure):
    """The value of a number as it is written, and how many decimals it has."""
    digits = re.match(r"[\d,.]+", figure)[0].replace(",", "")
    return float(digits), len(digits.partition(".")[2])


def numbers(text):
    """All numbers of a text."""
    return {value_of(number) for number in re.findall(r"\d[\d,]*(?:\.\d+)?", text)}


def holds(known, figure):
    """Whether a figure is one of the known numbers, or one of them rounded; a share may be in %."""
    value, decimals = value_of(figure)
    scales = (1, 100) if figure.endswith("%") else (1,)
    return any(
        abs(number * scale - value) <= 0.5000001 * 10**-decimals
        for number, digits in known
        for scale in scales
        if digits - (scale == 100) * 2 >= decimals
    )


def printed_by(path):
    """What the Python of a page prints."""
    blocks = re.findall(r"^```python\n(.*?)^```", path.read_text("utf-8"), flags=re.M | re.S)
    lines = [line for block in blocks if ">>>" in block for line in block.splitlines()]
    return "\n".join(line for line in lines if not line.startswith((">>>", "...")))


def source_of(path):
    """What a page that is linked to holds: results, or what its Python prints; None without."""
    if not path.exists():
        return None
    if path.parent == RESULTS:
        return path.read_text("utf-8")
    if path.parent == GUIDE:
        return printed_by(path)
    if path.parent != BENCHMARKS:
        return None
    included = re.findall(r"^```\{include\} (\S+)", path.read_text("utf-8"), flags=re.M)
    files = [path.parent / name for name in included]
    return "\n".join(file.read_text("utf-8") for file in files if file.exists())


def unheld(path):
    """Figures of a page that neither a source it names nor its own Python holds."""
    text, own = path.read_text("utf-8"), numbers(printed_by(path))
    for passage, lead in passages(text):
        targets = re.findall(r"\]\(([^)\s#]+\.md)[^)]*\)", f"{passage} {lead}")
        found = [source_of((path.parent / target).resolve()) for target in targets]
        known = own.union(*(numbers(source) for source in found if source))
        linked = any("benchmarks" in target for target in targets)
        words = words_of(passage)
        for pattern in DEFINED.get(path.name, ()):
            words = re.sub(pattern, "", words)
        # In "5, 6 and 7 times" the unit is that of all.
        words = SERIES.sub(lambda all: re.sub(NUMBER, rf"\g<0> {all[2]}", all[1]), words)
        figures = [
            figure
            for figure in FIGURE.findall(words)
            if re.search(rf"{UNIT}$|\.\d\d", figure)
            or ("." in figure and (linked or SCORES.search(words)))
        ]
        in_words = [] if linked else IN_WORDS.findall(words)
        yield from [figure for figure in figures if not holds(known, figure)] + in_words


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_figures_of_a_page_are_held(path):
    assert list(unheld(path)) == []


@pytest.mark.parametrize("name", DEFINED)
def test_exceptions_are_still_needed(name):
    text = without_code("\n".join(path.read_text("utf-8") for path in PAGES if path.name == name))
    text = words_of(text)
    assert [pattern for pattern in DEFINED[name] if not re.search(pattern, text)] == []


@pytest.mark.parametrize("path", sorted(RESULTS.glob("*.md")), ids=lambda path: path.name)
def test_results_say_how_they_were_made_and_are_shown(path):
    text = path.read_text("utf-8")
    scripts = re.findall(r"python (benchmarks/\w+\.py)", text)
    assert scripts and all((ROOT / script).exists() for script in scripts)
    if re.search(r"\bseconds\b|\| s \||faster", text):
        assert re.search(r"\b(?:cores?|threads?|CPU seconds)\b", text)
    assert not re.search(r"MISSED|missed|verdict|must /|\| must", text)
    assert any(path.name in page.read_text("utf-8") for page in BENCHMARKS.glob("*.md"))


@pytest.fixture
def page(tmp_path, monkeypatch):
    """A page of a guide beside one benchmark; returns how to write it and what is not held."""
    folders = {name: tmp_path / name for name in ("RESULTS", "BENCHMARKS", "GUIDE")}
    for name, folder in folders.items():
        folder.mkdir()
        monkeypatch.setitem(globals(), name, folder)
    (folders["RESULTS"] / "one.md").write_text("accuracy 0.8219, 12.4 s, unknown 0.568")
    (folders["BENCHMARKS"] / "one.md").write_text("# One\n```{include} ../RESULTS/one.md\n```\n")

    def written(text):
        path = folders["GUIDE"] / "page.md"
        path.write_text(text.replace("@", "[one](../BENCHMARKS/one.md)"))
        return list(unheld(path))

    return written


def test_a_figure_is_compared_with_the_file_it_names(page):
    assert page("Accuracy @ 0.82, and 0.822, in 12 s, 12.4 seconds; 57 % unknown.") == []
    assert page("Accuracy @ 0.83, in 13 s.") == ["0.83", "13 s"]
    assert page("Accuracy @ 0.8219, not 0.82190.") == ["0.82190"]
    assert page("| a | @ 0.82 |\n| b | 0.82 |") == ["0.82"]
    assert page("These are @:\n\n| a | 0.82 |\n| b | 0.81 |") == ["0.81"]
    assert page("These are @:\n\n- 0.82;\n- 58 %.") == ["58 %"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("It is 7.4 times faster.", ["7.4 times"]),
        ("A fit takes 39 ms. Or 3 minutes.", ["39 ms", "3 minutes"]),
        ("| letter | 0.968 |", ["0.968"]),
        ("The accuracy is 0.9.", ["0.9"]),
        ("It takes a tenth of the time, is ten times as fast.", ["tenth of the time",
                                                                "ten times as fast"]),
        ("Start at 0.5, with `C=0.01` and $0.01$ and 5 classes.", []),
        ("```python\n>>> score\n0.97\n```\nThe accuracy is 0.97, not 0.98.", ["0.98"]),
        ("```text\nNLL 1.93\n```", ["1.93"]),
        ("<!-- a -->\n- @ 0.82;\n- 0.82.\n<!-- b -->", ["0.82"]),
        ("It is 13, 5.1 and 6.0 times faster.", ["13 times", "5.1 times", "6.0 times"]),
        ("See @.\n\n```text\naccuracy 0.82\n```", []),
    ],
)  # fmt: skip
def test_a_figure_without_a_source_is_found(page, text, found):
    assert page(text) == found
