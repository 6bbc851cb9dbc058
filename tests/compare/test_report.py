"""The report without a browser: what it keeps, what the page says, and that it needs nothing."""

import html.parser
import json
import re
from importlib import metadata, resources

import numpy as np
import pandas
import pytest
import scipy.integrate
import scipy.stats
from sklearn.datasets import load_iris
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LinearRegression

from sklearn_ebm import EBMClassifier
from sklearn_ebm.compare import Comparison, compare
from sklearn_ebm.compare.adapters import DistributionAdapter, gaussian
from sklearn_ebm.compare.columns import DataError
from sklearn_ebm.compare.command import main
from sklearn_ebm.compare.folds import Fold, measure
from sklearn_ebm.compare.report import content, page, plan, rows
from sklearn_ebm.compare.report.kept_classes import KeepClasses, curve
from sklearn_ebm.compare.report.kept_densities import LEVELS, KeepDensities, drawn
from sklearn_ebm.compare.report.page import DOCUMENTATION, filled, json_text, resource
from sklearn_ebm.compare.tables import make_table
from sklearn_ebm.energies import Experts
from sklearn_ebm.metrics import brier_score, expected_calibration_error

RESOURCES = (
    "template.html", "report.css", "report.js", "classification.html", "classification.js",
    "regression.html", "regression.js",
)  # fmt: skip
ATTACK = "</script><script>alert(1)</script>"


class Page(html.parser.HTMLParser):
    """The elements of a page, with their attributes and texts."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.elements, self.open = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes), []))
        self.open.append(self.elements[-1])

    def handle_endtag(self, tag):
        while self.open and self.open.pop()[0] != tag:
            pass

    def handle_data(self, text):
        for _, _, texts in self.open:
            texts.append(text)

    def all(self, tag, **wanted):
        return [
            (attributes, "".join(texts))
            for name, attributes, texts in self.elements
            if name == tag and wanted.items() <= attributes.items()
        ]

    @property
    def data(self):
        ((_, text),) = self.all("script", id="data")
        return json.loads(text)


def finished(*arguments, **options):
    comparison = Comparison(*arguments, for_report=True, **options)
    list(comparison.run())
    return comparison


def read(comparison, folder, **options):
    path = folder / "report.html"
    comparison.report(path, **options)
    text = path.read_text(encoding="utf-8")
    return text, Page(text)


@pytest.fixture(scope="module")
def iris():
    """Three classes with names that would be markup."""
    X, y = load_iris(return_X_y=True)
    frame = pandas.DataFrame(X, columns=["<b>a</b>", ATTACK, "c & d", "{{data}}"])
    frame["kind"] = np.array(["setosa", ATTACK, 'vir"ginica'])[y]
    return finished(
        frame, "kind", losses=["nll", "hinge"],
        baselines={"dummy": DummyClassifier(), ATTACK: DummyClassifier()}, cv=3,
    )  # fmt: skip


def quantity(n_rows=60):
    rng = np.random.default_rng(0)
    frame = pandas.DataFrame(rng.normal(size=(n_rows, 2)), columns=["a", "b"])
    frame["strength"] = frame["a"] + 0.5 * rng.normal(size=n_rows)
    return frame


@pytest.fixture(scope="module")
def strengths():
    small = Experts(n_members=1, hidden_layer_sizes=(4,), n_latents=2)
    return finished(
        quantity(), "strength", energies=[small], baselines=["Ridge", "QuantileRegressor"], cv=3
    )


@pytest.fixture(params=["iris", "strengths"])
def comparison(request):
    return request.getfixturevalue(request.param)


# ------------------------------------------------------------------------------ what every page is


def test_the_page_needs_nothing_else(comparison, tmp_path):
    text, found = read(comparison, tmp_path)
    addresses = [
        (tag, value)
        for tag, attributes, _ in found.elements
        for name, value in attributes.items()
        if name in ("src", "href", "action", "srcset", "data", "poster")
    ]
    assert sorted(addresses) == [("a", DOCUMENTATION), ("link", "data:,")]
    ((_, style),) = found.all("style")
    assert "url(" not in style and "@import" not in style
    code = "".join(code for attributes, code in found.all("script") if "id" not in attributes)
    for word in ("fetch(", "XMLHttpRequest", "WebSocket", "import(", "innerHTML", "eval("):
        assert word not in code
    ((policy, _),) = found.all("meta", **{"http-equiv": "Content-Security-Policy"})
    assert "default-src 'none'" in policy["content"] and "unsafe" not in policy["content"]
    assert "{{" not in text.replace("{{data}}", "")  # the name of a column here


def test_the_table_stands_in_the_page_without_its_script(comparison, tmp_path):
    _, found = read(comparison, tmp_path)
    table = comparison.table
    columns = [each for each, _ in found.all("th", scope="col")]
    assert [each["aria-sort"] for each in columns] == ["ascending"] + ["none"] * (
        len(table.scoreboard.scores) + 1
    )
    assert [text for _, text in found.all("th", scope="row")] == [
        row.model for row in table.ranked()
    ]
    for name, score in table.scoreboard.scores.items():
        cells = found.all("td", **{"data-label": score.heading})
        assert [text for _, text in cells] == [row.cell(name) for row in table.ranked()]
        for (attributes, _), row in zip(cells, table.ranked(), strict=True):
            mean = row.mean(name)
            assert attributes["data-value"] == ("" if np.isnan(mean) else repr(mean))


def test_ids_are_unique_and_labels_lead_somewhere(comparison, tmp_path):
    _, found = read(comparison, tmp_path)
    ids = [attributes["id"] for _, attributes, _ in found.elements if "id" in attributes]
    assert len(set(ids)) == len(ids)
    for _, attributes, _ in found.elements:
        for name in ("aria-labelledby", "aria-describedby", "for"):
            assert attributes.get(name) is None or attributes[name] in ids
    # What the script looks for is there.
    task = comparison.task.name
    code = resource("report.js") + resource(f"{task}.js")
    assert set(re.findall(r'getElementById\("([\w-]+)"\)', code)) <= set(ids)


def test_what_was_compared_is_said(comparison, tmp_path):
    command = "python -m sklearn_ebm compare 'my table.csv' --target <y>"
    _, found = read(comparison, tmp_path, command=command)
    names = [text for _, text in found.all("dt")]
    said = dict(zip(names, [text for _, text in found.all("dd")], strict=True))
    about = comparison.table.about
    assert said["rows"] == str(about["data"]["rows"]) and said["random state"] == "0"
    assert said["folds"].startswith("3,") and said["command"] == command
    assert said["begun"] == about["started"] and "scikit-learn" in said["versions"]
    for row in comparison.table.rows:
        assert said[row.model] == row.settings


def test_without_a_date_the_same_comparison_is_the_same_page(comparison, tmp_path):
    text, found = read(comparison, tmp_path, dated=False)
    assert comparison.table.about["started"] not in text
    assert text == read(comparison, tmp_path, dated=False)[0]
    names = [text for _, text in found.all("dt")]
    assert "begun" not in names and "command" not in names


def test_the_date_of_reproducible_output_is_taken(monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    X, y = load_iris(return_X_y=True)
    made = Comparison(X, y, losses=["nll"], baselines=[], cv=2)
    assert made.table.about["started"] == "1970-01-02T00:00:00+00:00"
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "today")
    with pytest.raises(DataError, match="whole seconds since 1970"):
        Comparison(X, y, losses=["nll"], baselines=[], cv=2)


def test_names_from_the_data_are_text(iris, tmp_path):
    text, found = read(iris, tmp_path)
    assert ATTACK not in text and text.count("</script>") == 2
    assert len(found.all("script")) == 2
    assert not found.all("b")
    assert found.data["classes"] == [ATTACK, "setosa", 'vir"ginica']
    assert ATTACK in [each["name"] for each in found.data["contenders"]]
    columns = [text for _, text in found.all("dd") if text.startswith("4: ")]
    assert columns == [f"4: <b>a</b>, {ATTACK}, c & d, {{{{data}}}}"]


@pytest.mark.parametrize("text", ["</script>", "<!--", "]]>", "&lt;"])
def test_json_cannot_end_its_element(text):
    written = json_text({text: [text]})
    assert not set("<>&") & set(written)
    assert json.loads(written) == {text: [text]}


def test_a_value_is_no_template():
    assert filled("{{a}}-{{b}}", {"a": "{{b}}", "b": "{{a}}"}) == "{{b}}-{{a}}"
    with pytest.raises(KeyError):
        filled("{{c}}", {})


# --------------------------------------------------------------------------------------- resources


@pytest.mark.parametrize("name", RESOURCES)
def test_what_the_page_is_made_of_comes_with_the_package(name):
    text = resources.files("sklearn_ebm.compare.report").joinpath(name).read_text("utf-8")
    assert text == resource(name) and len(text) > 500 and "\r" not in text
    assert "</script" not in text or name == "template.html"


def test_an_installed_package_holds_them():
    try:
        files = [path.as_posix() for path in metadata.distribution("sklearn_ebm").files]
    except metadata.PackageNotFoundError:
        pytest.skip("sklearn_ebm is not installed")
    if any(path.endswith(".pth") for path in files):
        pytest.skip("an editable installation lists no files of the package")
    assert {f"sklearn_ebm/compare/report/{name}" for name in RESOURCES} <= set(files)


# ------------------------------------------------------------------------------------------ classes


def probabilities(data, contender):
    """What the script computes of the numbers in the page, at the fitted β."""
    n_classes = len(data["classes"])
    distances = np.array(contender["distances"])
    if n_classes == 2:
        distances = np.column_stack([np.maximum(distances, 0), np.maximum(-distances, 0)])
    weights = np.exp(-distances.reshape(-1, n_classes))
    return weights / weights.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("n_classes", [2, 10])
def test_the_numbers_of_classes_give_the_scores_of_the_table(n_classes, tmp_path):
    rng = np.random.default_rng(1)
    y = np.arange(200) % n_classes
    X = rng.normal(size=(200, 3)) + 0.5 * y[:, None]
    labels = np.array([f"class {j}" for j in range(n_classes)])[y]
    found = finished(X, labels, losses=["nll", "hinge"], baselines=["LogisticRegression"], cv=4)
    data = read(found, tmp_path)[1].data
    assert data["task"] == "classification" and data["rows"] == {"kept": 200, "of": 200}
    assert len(data["labels"]) == len(data["folds"]) == 200
    folds, label = np.array(data["folds"]), np.array(data["labels"])
    assert [each["name"] for each in data["contenders"]] == [
        row.model for row in found.table.ranked()
    ]
    for contender, row in zip(data["contenders"], found.table.ranked(), strict=True):
        p = probabilities(data, contender)
        parts = [(label[folds == j], p[folds == j]) for j in range(4)]
        loss = np.mean([-np.log(q[np.arange(len(t)), t]).mean() for t, q in parts])
        assert loss == pytest.approx(row.mean("log_loss"), abs=1e-4)
        brier = np.mean([brier_score(*part) for part in parts])
        assert brier == pytest.approx(row.mean("brier"), abs=1e-4)
        # A row may lie so near to the end of a bin that rounding moves it to the next.
        ece = np.mean([expected_calibration_error(*part) for part in parts])
        assert ece == pytest.approx(row.mean("ece"), abs=6e-3)
        assert contender["mean"]["accuracy"] == row.mean("accuracy")


def test_energies_have_a_beta_a_margin_and_a_curve_and_others_have_none(iris, tmp_path):
    data = read(iris, tmp_path)[1].data
    by_name = {each["name"]: each for each in data["contenders"]}
    hinge, nll, dummy = by_name["EBM hinge"], by_name["EBM nll"], by_name["dummy"]
    assert hinge["energies"] and hinge["margin"] == 1.0 and len(hinge["betas"]) == 3
    assert nll["energies"] and nll["margin"] is None and nll["betas"] == [1.0] * 3
    assert len(hinge["curves"]) == 3
    assert all(len(at) == len(values) <= 60 for at, values in hinge["curves"])
    assert (dummy["energies"], dummy["betas"], dummy["curves"]) == (False, None, [])


def test_distances_are_those_of_energies():
    X, y = np.array([[-1.0], [1.0], [2.0]]), np.array([0, 1, 1])
    estimator = EBMClassifier(loss="hinge", beta=2.0).fit(X, y)
    kept = KeepClasses(np.array([0, 2]))(estimator, Fold(X, X, y, y))
    # Two classes: log p₁ − log p₀ is β times the difference of the energies.
    difference = kept["distances"][:, 0] - kept["distances"][:, 1]
    np.testing.assert_allclose(difference, 2.0 * estimator.decision_function(X[[0, 2]]))
    assert kept["beta"] == 2.0 and kept["margin"] == 1.0
    assert kept["distances"].min() == 0


def test_a_probability_of_zero_is_a_finite_distance():
    class Certain(DummyClassifier):
        def predict_proba(self, X):
            return np.array([[1.0, 0.0]])

    estimator = Certain().fit([[0.0]], [0])
    kept = KeepClasses(np.array([0]))(estimator, Fold(None, np.zeros((1, 1)), None, [0]))
    assert kept["distances"].tolist() == [[0.0, 745.0]]


def test_of_many_rows_each_class_keeps_its_share(tmp_path):
    y = np.repeat([0, 1, 2], [6000, 3000, 1000])
    table = make_table(np.arange(20_000.0).reshape(-1, 2), y)
    kept = plan(table, n_contenders=5, seed=0).kept
    assert len(kept) == rows.MOST_ROWS == len(np.unique(kept))
    np.testing.assert_allclose(np.bincount(y[kept]), [1200, 600, 200], atol=1)
    again = plan(table, n_contenders=5, seed=0).kept
    other = plan(table, n_contenders=5, seed=1).kept
    assert (kept == again).all() and (kept != other).any()


def test_of_many_classes_and_contenders_fewer_rows_are_kept():
    table = make_table(np.arange(20_000.0).reshape(-1, 2), np.arange(10_000) % 26)
    kept = plan(table, n_contenders=20, seed=0).kept
    assert len(kept) * 26 * 20 <= rows.MOST_NUMBERS < (len(kept) + 1) * 26 * 20


def test_a_sample_of_the_rows_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(rows, "MOST_ROWS", 100)
    X, y = load_iris(return_X_y=True)
    found = finished(X, y, losses=["nll"], baselines=[], cv=3)
    text, parsed = read(found, tmp_path)
    assert parsed.data["rows"] == {"kept": 100, "of": 150} and len(parsed.data["labels"]) == 100
    assert len(parsed.data["contenders"][0]["distances"]) == 300
    assert "Drawn from 100 of the 150 rows" in text


@pytest.mark.slow
def test_a_page_of_many_classes_and_contenders_stays_small(tmp_path):
    y = np.arange(3000) % 10
    X = np.random.default_rng(0).normal(size=(3000, 4)) + y[:, None]
    names = {f"dummy {j}": EBMClassifier(max_iter=20, tol=1e-2) for j in range(17)}
    found = finished(X, y, task="classification", losses=[], baselines=names, cv=2)
    assert len(read(found, tmp_path)[0].encode()) < 3_000_000


def test_a_model_without_probabilities_fails_and_the_page_stands(tmp_path):
    class Mute(DummyClassifier):
        @property
        def predict_proba(self):
            raise AttributeError("It has no probabilities.")

    X, y = load_iris(return_X_y=True)
    found = finished(X, y, losses=["nll"], baselines={"mute": Mute()}, cv=2)
    _, parsed = read(found, tmp_path)
    assert [each["name"] for each in parsed.data["contenders"]] == ["EBM nll"]
    assert [text for _, text in parsed.all("th", scope="row")] == ["EBM nll", "mute"]
    assert any("mute failed" in text for _, text in parsed.all("li"))


def test_what_cannot_be_kept_leaves_the_scores(tmp_path):
    class Second(DummyClassifier):
        """Has probabilities once, for the scores."""

        def predict_proba(self, X):
            self.asked = getattr(self, "asked", 0) + 1
            if self.asked > 1:
                raise OSError("The model has gone away.")
            return super().predict_proba(X)

    X, y = load_iris(return_X_y=True)
    found = finished(X, y, losses=["nll"], baselines={"second": Second()}, cv=2, n_jobs=1)
    row = next(row for row in found.table.rows if row.model == "second")
    assert row.folds and "no curves in the report, OSError" in row.warnings[0]
    (left,) = [
        each for each in read(found, tmp_path)[1].data["contenders"] if each["name"] == "second"
    ]
    assert left["distances"] is None and left["mean"]["accuracy"] == row.mean("accuracy")


def test_a_curve_keeps_its_ends():
    points = curve(np.arange(1000.0))
    assert points[0] == (1, 0.0) and points[-1] == (1000, 999.0) and len(points) <= 60
    assert curve(()) == []


# --------------------------------------------------------------------------------------- a quantity


class Standard(DistributionAdapter):
    """Says N(0, 1) whatever it is told."""

    def fit(self, X, y):
        return self

    def distribution(self, X):
        return gaussian(np.zeros(len(X)), 1.0)


def test_what_is_kept_of_a_law_is_what_the_formulas_say():
    y = np.array([-2.0, 0.0, 0.5, 3.0])
    fold = Fold(np.zeros((4, 1)), np.zeros((4, 1)), y, y)
    kept = KeepDensities(np.arange(4), np.array([2]))(Standard().fit(None, None), fold)
    np.testing.assert_allclose(kept["pit"], scipy.stats.norm.cdf(y), atol=1e-12)
    half = scipy.stats.norm.ppf(0.5 + np.array(LEVELS) / 2)
    assert (kept["held"] == (np.abs(y) <= half[:, None])).all()
    (row,) = kept["shown"]
    np.testing.assert_allclose(row["density"], scipy.stats.norm.pdf(row["answers"]), atol=1e-12)
    marks = scipy.stats.norm.ppf([0.05, 0.25, 0.5, 0.75, 0.95])
    np.testing.assert_allclose(row["marks"], marks, atol=1e-12)
    # The curve ends in the tails, and its area is one.
    assert scipy.integrate.trapezoid(row["density"], row["answers"]) == pytest.approx(1, abs=5e-3)


def test_the_numbers_of_a_quantity(strengths, tmp_path):
    data = read(strengths, tmp_path)[1].data
    assert data["task"] == "regression" and data["target"] == "strength"
    assert len(data["answers"]) == rows.N_SHOWN and data["answers"] == sorted(data["answers"])
    by_name = {each["name"]: each for each in data["contenders"]}
    ranked = [row.model for row in strengths.table.ranked()]
    assert list(by_name) == ranked
    for row in strengths.table.ranked():
        contender = by_name[row.model]
        assert len(contender["pit"]) == 60 and 0 <= min(contender["pit"]) <= max(contender["pit"])
        at_90 = contender["coverage"][LEVELS.index(0.9)]
        # Folds of the same size: the mean over folds is that over rows.
        assert at_90 == pytest.approx(row.mean("coverage_90"), abs=1e-4)
        assert len(contender["shown"]) == rows.N_SHOWN
    quantiles, ridge = by_name["QuantileRegressor"], by_name["Ridge (Gaussian)"]
    assert quantiles["mean"]["nll"] is None and quantiles["shown"][0]["density"] == []
    assert not ridge["energies"] and by_name[ranked[0]]["mean"]["nll"] is not None
    assert sum(each["energies"] for each in data["contenders"]) == 1


def test_densities_are_those_of_the_rows_that_are_shown(tmp_path):
    class Near(DistributionAdapter):
        """Says N(x, 1): the answer itself, which is a column."""

        def fit(self, X, y):
            self.scale_ = 1.0
            return self

        def distribution(self, X):
            return gaussian(X[:, 0], 1.0)

    values = np.linspace(-1, 1, 30) / np.std(np.linspace(-1, 1, 30))
    found = finished(
        values[:, None], values, task="regression", losses=[], baselines={"near": Near()}, cv=5
    )
    data = read(found, tmp_path)[1].data
    medians = [row["marks"][2] for row in data["contenders"][0]["shown"]]
    # Columns are standardised fold by fold, so nearly the answer.
    np.testing.assert_allclose(medians, data["answers"], atol=0.2)


def test_few_rows_are_all_shown(tmp_path):
    found = finished(
        quantity(4), "strength", losses=[], baselines={"line": LinearRegression()}, cv=2
    )
    assert len(read(found, tmp_path)[1].data["answers"]) == 4


def test_a_law_is_drawn_between_its_tails():
    (row,) = drawn(gaussian(np.array([10.0]), 2.0))
    assert row["answers"] == sorted(row["answers"])
    np.testing.assert_allclose(
        [row["answers"][0], row["answers"][-1]], 10 + 2 * scipy.stats.norm.ppf([0.002, 0.998])
    )


# ------------------------------------------------------------------------------ how it is asked for


def test_nothing_is_kept_unless_a_report_is_asked_for():
    X, y = load_iris(return_X_y=True)
    made = Comparison(X, y, losses=["nll"], baselines=[], cv=2)
    list(made.run())
    assert made._kept == [[None, None]]
    assert measure(DummyClassifier(), Fold(X, X, y, y)).kept is None
    with pytest.raises(RuntimeError, match="for_report=True"):
        made.report("nowhere.html")


def test_the_scores_do_not_depend_on_the_report():
    X, y = load_iris(return_X_y=True)
    options = {"losses": ["nll"], "baselines": ["LogisticRegression"], "cv": 2}
    plain = {row.model: row.mean("log_loss") for row in compare(X, y, **options).rows}
    made = finished(X, y, **options)
    assert {row.model: row.mean("log_loss") for row in made.table.rows} == plain


def test_a_report_from_python(tmp_path):
    X, y = load_iris(return_X_y=True)
    path = tmp_path / "iris.html"
    table = compare(X, y, losses=["nll"], baselines=[], cv=2, report=path)
    assert [row.model for row in table.rows] == ["EBM nll"]
    assert Page(path.read_text(encoding="utf-8")).data["contenders"][0]["name"] == "EBM nll"


def test_a_page_from_what_was_found(iris):
    tests = [test for _, test in iris.task.splits(iris.data, iris.cv, iris.random_state)]
    found = content(iris.table, iris._kept, iris._plan, iris.data, tests)
    assert page(iris.table, found, dated=False).startswith("<!DOCTYPE html>")


SHORT = ["--losses", "nll", "--baselines", "none", "--cv", "2", "--n-jobs", "1", "-q"]


def test_a_report_from_the_command_line(tmp_path, capsys):
    path = tmp_path / "new folder" / "report.html"
    assert main(["compare", *SHORT, "--report", str(path)]) == 0
    assert f"saved {path}" in capsys.readouterr().err
    found = Page(path.read_text(encoding="utf-8"))
    (command,) = [text for _, text in found.all("dd") if text.startswith("python -m")]
    assert command.startswith("python -m sklearn_ebm compare --losses nll --baselines none")
    assert "new folder/report.html'" in command  # quoted, because of its space


def test_a_folder_gets_a_file_of_that_name(tmp_path, capsys):
    assert main(["compare", *SHORT, "--report", str(tmp_path)]) == 0
    assert (tmp_path / "report.html").exists()


def test_a_report_that_cannot_be_written_is_told_before_the_run(tmp_path, capsys):
    below = tmp_path / "file"
    below.write_text("")
    assert main(["compare", *SHORT, "--report", str(below / "report.html")]) == 1
    assert "cannot be made" in capsys.readouterr().err
