"""The report without a browser: what it keeps, what the page says, and that it needs nothing."""

import html.parser
import json
import re
from importlib import metadata, resources

import numpy as np
import pandas
import pytest
import scipy.integrate
import scipy.special
import scipy.stats
from sklearn.datasets import load_iris
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LinearRegression
from sklearn.metrics import log_loss

from sklearn_ebm import EBMClassifier
from sklearn_ebm.compare import Comparison, compare
from sklearn_ebm.compare.adapters import DistributionAdapter, gaussian
from sklearn_ebm.compare.columns import DataError
from sklearn_ebm.compare.command import main
from sklearn_ebm.compare.folds import Fold, measure
from sklearn_ebm.compare.leaderboard import ComparisonTable
from sklearn_ebm.compare.report import content, page
from sklearn_ebm.compare.report.content import histogram
from sklearn_ebm.compare.report.kept import (
    LEVELS,
    MULTIPLIERS,
    N_SHOWN,
    coverage,
    curve,
    drawn,
    energy_gaps,
    kept_classes,
    kept_densities,
    over_beta,
)
from sklearn_ebm.compare.report.page import DOCUMENTATION, filled, json_text, resource
from sklearn_ebm.distributions.quantiles import QuantileDistribution
from sklearn_ebm.energies import Experts
from sklearn_ebm.metrics import (
    brier_score,
    expected_calibration_error,
    interval_coverage,
)

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
    for name in table.scoreboard.scores:
        cells = found.all("td", **{"data-score": name})
        assert [text for _, text in cells] == [row.cell(name) for row in table.ranked()]
        for (attributes, _), row in zip(cells, table.ranked(), strict=True):
            mean = row.mean(name)
            assert attributes["data-value"] == ("" if np.isnan(mean) else repr(mean))


def test_the_first_sentence_is_the_headline_and_the_rest_is_folded(comparison, tmp_path):
    text, found = read(comparison, tmp_path)
    paragraphs = found.all("p")
    assert paragraphs[0][1] == comparison.table.headline()
    assert text.index('class="headline"') < text.index("<table") < text.index("<details")
    sections = found.all("details")
    assert len(sections) >= 6 and not any("open" in attributes for attributes, _ in sections)
    (columns,) = [said for _, said in sections if said.startswith("What was done with each column")]
    for column in comparison.table.about["columns"]:
        assert column["name"] in columns and column["kind"] in columns


def test_ties_are_marked_beside_the_rank(iris, monkeypatch, tmp_path):
    third = iris.table.ranked()[2]
    monkeypatch.setattr(ComparisonTable, "tied", lambda self, row: row is third)
    _, found = read(iris, tmp_path)
    ranks = [text for attributes, text in found.all("td") if "data-score" not in attributes]
    assert ranks[:4] == ["1", "2", "3 =", "4"]


def test_notes_of_columns_stand_after_their_kind(iris, monkeypatch, tmp_path):
    notes = [{"name": "price", "kind": "number", "note": "in dollars"}]
    monkeypatch.setitem(iris.table.about, "columns", notes)
    _, found = read(iris, tmp_path)
    assert "number: in dollars" in [text for _, text in found.all("dd")]


def test_every_score_of_the_page_is_that_of_the_leaderboard(comparison, tmp_path):
    """The numbers that the charts show, as they are printed, and not only nearly."""
    data = read(comparison, tmp_path)[1].data
    scores = comparison.table.scoreboard.scores
    assert data["scores"] == {name: score.heading for name, score in scores.items()}
    for contender, row in zip(data["contenders"], comparison.table.ranked(), strict=True):
        assert contender["name"] == row.model
        assert contender["cells"] == {name: row.cell(name) for name in scores}
        if comparison.task.name == "regression":
            at = {f"coverage_{round(100 * level)}": j for j, level in enumerate(data["levels"])}
            shown = {name: contender["coverage"][at[name]] for name in at if name in scores}
            assert len(shown) == 2
        else:
            fitted = data["multipliers"].index(1)
            shown = {name: texts[fitted] for name, texts in contender["over_beta"].items()}
            assert set(shown) == {"log_loss", "brier", "ece"}
        for name, text in shown.items():
            assert text == row.cell(name).partition(" ± ")[0]


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
    assert ATTACK in [each["name"] for each in found.data["contenders"]]
    columns = [text for _, text in found.all("dt") if text in ("<b>a</b>", ATTACK, "{{data}}")]
    assert columns == ["<b>a</b>", ATTACK, "{{data}}", ATTACK]  # the last is a model


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


def made_of_classes(n_classes, n_rows=200, **options):
    rng = np.random.default_rng(1)
    y = np.arange(n_rows) % n_classes
    X = rng.normal(size=(n_rows, 3)) + 0.5 * y[:, None]
    labels = np.array([f"class {j}" for j in range(n_classes)])[y]
    return finished(X, labels, losses=["nll", "hinge"], cv=4, **options)


@pytest.mark.parametrize("n_classes", [2, 10])
def test_at_the_fitted_beta_the_scores_are_those_of_every_fold(n_classes):
    found = made_of_classes(n_classes, baselines=["LogisticRegression"])
    one = MULTIPLIERS.index(1)
    for folds, row in zip(found._kept, found.table.rows, strict=True):
        for kept, scores in zip(folds, row.folds, strict=True):
            for name, values in kept["scores"].items():
                assert values[one] == pytest.approx(scores[name], rel=1e-14)
            n, hits, confidence = kept["bins"][one].T
            assert n.sum() == 50 and hits.sum() / 50 == pytest.approx(scores["accuracy"])
            assert np.abs(hits - confidence).sum() / 50 == pytest.approx(scores["ece"])


@pytest.mark.parametrize("n_classes", [2, 100])
def test_at_another_beta_the_scores_are_those_of_powers(n_classes):
    rng = np.random.default_rng(0)
    energies = rng.normal(size=(300, n_classes)) * 3
    y = (energies + rng.gumbel(size=energies.shape)).argmax(axis=1)
    scores, bins = over_beta(scipy.special.softmax(energies, axis=1), y)
    assert MULTIPLIERS[0] == 1 / 8 and MULTIPLIERS[-1] == 8 and len(MULTIPLIERS) == 25
    for j, factor in enumerate(MULTIPLIERS):
        p = scipy.special.softmax(factor * energies, axis=1)
        codes = np.arange(n_classes)
        expected = [
            log_loss(y, p, labels=codes),
            brier_score(y, p, labels=codes),
            expected_calibration_error(y, p, labels=codes),
        ]
        np.testing.assert_allclose([scores[name][j] for name in scores], expected, rtol=1e-9)
        assert bins[j, :, 0].sum() == 300 and bins[j, :, 1].sum() == bins[0, :, 1].sum()
    # The energies are right, so β is as well.
    assert abs(np.argmin(scores["log_loss"]) - MULTIPLIERS.index(1)) <= 3


def test_a_probability_of_zero_is_clipped_at_every_beta():
    scores, bins = over_beta(np.array([[0.0, 1.0]]), np.array([0]))
    np.testing.assert_allclose(scores["log_loss"], -np.log(np.finfo(float).eps))
    assert scores["brier"] == [2.0] * 25 and bins[:, -1].tolist() == [[1.0, 0.0, 1.0]] * 25


def test_energies_have_a_beta_a_margin_and_a_curve_and_others_have_none(iris, tmp_path):
    data = read(iris, tmp_path)[1].data
    by_loss = {row.model.split()[-1]: each for row, each in zip(
        iris.table.ranked(), data["contenders"], strict=True
    )}  # fmt: skip
    hinge, nll, dummy = by_loss["hinge"], by_loss["nll"], by_loss["dummy"]
    assert hinge["energies"] and hinge["margin"] == 1.0 and hinge["beta"] > 0
    assert nll["energies"] and nll["margin"] is None and nll["beta"] == 1.0
    assert sum(hinge["gaps"]["counts"]) == sum(nll["gaps"]["counts"]) == 150
    assert len(hinge["curves"]) == 3
    assert all(len(at) == len(values) <= 60 for at, values in hinge["curves"])
    assert (dummy["energies"], dummy["beta"], dummy["gaps"], dummy["curves"]) == (
        False, None, None, [],
    )  # fmt: skip


def test_gaps_are_those_of_energies():
    X, y = np.array([[-1.0], [1.0], [2.0]]), np.array([0, 1, 1])
    estimator = EBMClassifier(loss="hinge", beta=2.0).fit(X, y)
    kept = kept_classes(estimator, Fold(X, X, y, y))
    # Two classes: the decision is F(first) − F(second), so the gap of rows of the second class.
    expected = estimator.decision_function(X) * [-1, 1, 1]
    np.testing.assert_allclose(kept["gaps"], expected, rtol=1e-6)
    assert kept["beta"] == 2.0 and kept["margin"] == 1.0


def test_gaps_do_not_end_where_probabilities_underflow():
    log_p = np.array([[0.0, -5000.0, -9000.0]])
    assert energy_gaps(log_p, np.array([0]), 0.5).tolist() == [10_000.0]


def test_a_histogram_has_a_bar_for_every_row_and_an_end_at_zero():
    gaps = [np.random.default_rng(0).normal(1, 1, size=1000), np.array([-1e30, 1e30])]
    found = histogram(gaps, margin=5.0)
    assert sum(found["counts"]) == 1002
    wrong = sum(found["counts"][: -found["first"]])
    assert wrong == (np.concatenate(gaps) < 0).sum()
    assert (found["first"] + len(found["counts"])) * found["width"] >= 5.74


@pytest.mark.slow
def test_a_page_of_many_classes_and_contenders_stays_small(tmp_path):
    names = {f"dummy {j}": EBMClassifier(max_iter=20, tol=1e-2) for j in range(15)}
    found = made_of_classes(100, 2000, baselines=names)
    text, parsed = read(found, tmp_path)
    assert len(text.encode()) < 1_000_000 and "100 classes" in text
    assert all(each["over_beta"] for each in parsed.data["contenders"])


def test_a_model_without_probabilities_fails_and_the_page_stands(tmp_path):
    class Mute(DummyClassifier):
        @property
        def predict_proba(self):
            raise AttributeError("It has no probabilities.")

    X, y = load_iris(return_X_y=True)
    found = finished(X, y, losses=["nll"], baselines={"mute": Mute()}, cv=2)
    _, parsed = read(found, tmp_path)
    assert [each["name"] for each in parsed.data["contenders"]] == ["nll"]
    assert [text for _, text in parsed.all("th", scope="row")][1] == "mute"
    ranks = [text for attributes, text in parsed.all("td") if "data-score" not in attributes]
    assert ranks == ["1", "–"]
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
    assert left["over_beta"] is None and left["mean"]["accuracy"] == row.mean("accuracy")


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


def test_what_is_kept_of_a_distribution_is_what_the_formulas_say():
    y = np.array([-2.0, 0.0, 0.5, 3.0])
    fold = Fold(np.zeros((4, 1)), np.zeros((4, 1)), y, y)
    kept = kept_densities(Standard().fit(None, None), fold, {2: 17})
    bars = np.floor(scipy.stats.norm.cdf(y) * 20).astype(int)
    assert kept["pit"].tolist() == np.bincount(bars, minlength=20).tolist()
    half = scipy.stats.norm.ppf(0.5 + np.array(LEVELS) / 2)
    assert kept["coverage"] == (np.abs(y) <= half[:, None]).mean(axis=1).tolist()
    row = kept["shown"][17]
    np.testing.assert_allclose(row["density"], scipy.stats.norm.pdf(row["answers"]), atol=1e-12)
    marks = scipy.stats.norm.ppf([0.05, 0.25, 0.5, 0.75, 0.95])
    np.testing.assert_allclose(row["marks"], marks, atol=1e-12)
    # The curve ends in the tails, and its area is one.
    assert scipy.integrate.trapezoid(row["density"], row["answers"]) == pytest.approx(1, abs=5e-3)


def test_coverage_is_that_of_intervals_also_where_quantiles_coincide_with_answers():
    rng = np.random.default_rng(0)
    probabilities = (0.01, *(round(0.05 * j, 2) for j in range(1, 20)), 0.99)
    values = np.sort(rng.integers(0, 12, size=(2000, len(probabilities))), axis=1).astype(float)
    distribution, y = QuantileDistribution(probabilities, values), rng.integers(0, 12, size=2000)
    found = dict(zip(LEVELS, coverage(y.astype(float), distribution), strict=True))
    for level in (0.5, 0.9):
        assert found[level] == interval_coverage(y, distribution, level=level)


def test_the_numbers_of_a_quantity(strengths, tmp_path):
    data = read(strengths, tmp_path)[1].data
    assert data["task"] == "regression" and data["target"] == "strength"
    assert len(data["answers"]) == N_SHOWN and data["answers"] == sorted(data["answers"])
    by_name = {each["name"]: each for each in data["contenders"]}
    ranked = [row.model for row in strengths.table.ranked()]
    assert list(by_name) == ranked
    for contender in by_name.values():
        assert sum(contender["pit"]) == 60 and len(contender["pit"]) == 20
        assert len(contender["shown"]) == N_SHOWN
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


def test_a_density_is_drawn_between_its_tails():
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
    (row,) = table.rows
    assert Page(path.read_text(encoding="utf-8")).data["contenders"][0]["name"] == row.model


def test_a_page_from_what_was_found(iris):
    found = content(iris.table, iris._kept, iris.data)
    assert page(iris.table, found, dated=False).startswith("<!DOCTYPE html>")


@pytest.fixture
def data(tmp_path):
    """The path of a table, and its target."""
    frame = pandas.DataFrame({"x": np.arange(40.0) ** 2, "y": ["a", "b"] * 20})
    frame.to_csv(tmp_path / "data.csv", index=False)
    return ["compare", str(tmp_path / "data.csv"), "-t", "y"]


SHORT = ["--losses", "nll", "--baselines", "none", "--cv", "2", "--n-jobs", "1", "-q"]


def test_a_report_from_the_command_line(data, tmp_path, capsys):
    path = tmp_path / "new folder" / "report.html"
    assert main([*data, *SHORT, "--report", str(path)]) == 0
    assert f"saved {path}" in capsys.readouterr().err
    found = Page(path.read_text(encoding="utf-8"))
    (command,) = [text for _, text in found.all("dd") if text.startswith("python -m")]
    assert command.startswith("python -m sklearn_ebm compare ")
    assert "-t y --losses nll --baselines none" in command
    assert "new folder/report.html'" in command  # quoted, because of its space


def test_a_folder_gets_a_file_of_that_name(data, tmp_path, capsys):
    assert main([*data, *SHORT, "--report", str(tmp_path)]) == 0
    assert (tmp_path / "report.html").exists()


def test_a_report_that_cannot_be_written_is_told_before_the_run(data, tmp_path, capsys):
    below = tmp_path / "file"
    below.write_text("")
    assert main([*data, *SHORT, "--report", str(below / "report.html")]) == 1
    assert "cannot be made" in capsys.readouterr().err
