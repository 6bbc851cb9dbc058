"""The report in a real browser: sorting, the slider, no errors, no requests, narrow and dark."""

import json
import re
import shutil

import numpy as np
import pandas
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from sklearn_ebm import EBMClassifier
from sklearn_ebm.compare import Comparison
from sklearn_ebm.energies import Experts

webdriver = pytest.importorskip(
    "selenium.webdriver", reason='the browser tests need selenium: pip install ".[browser]"'
)
By = pytest.importorskip("selenium.webdriver.common.by").By
Keys = pytest.importorskip("selenium.webdriver.common.keys").Keys
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        CHROMIUM is None or DRIVER is None,
        reason="the browser tests need chromium and chromedriver: apt-get install chromium-driver",
    ),
]
WIDTHS = (390, 1600)
SCHEMES = ("light", "dark")


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """Chromium without a window, which records its console and every request."""
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    profile = tmp_path_factory.mktemp("profile")
    for argument in (
        "--headless=new",
        "--no-sandbox",  # CI runs as root
        "--disable-gpu",
        "--disable-dev-shm-usage",
        f"--user-data-dir={profile}",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = webdriver.ChromeService(executable_path=DRIVER)
    driver = webdriver.Chrome(options=options, service=service)
    try:
        yield driver
    finally:
        driver.quit()


@pytest.fixture(scope="module")
def classes(tmp_path_factory):
    """A report on three classes; its path and its table."""
    X, y = load_iris(return_X_y=True)
    names = np.array(["setosa", "<i>versicolor</i>", "virginica"])
    comparison = Comparison(
        X, names[y], losses=["nll", "hinge"], baselines=["LogisticRegression"], cv=3,
        for_report=True,
    )  # fmt: skip
    list(comparison.run())
    path = tmp_path_factory.mktemp("classes") / "report.html"
    comparison.report(path)
    return path, comparison.table


@pytest.fixture(scope="module")
def quantity(tmp_path_factory):
    """A report on a quantity; its path and its table."""
    rng = np.random.default_rng(0)
    frame = pandas.DataFrame(rng.normal(size=(90, 2)), columns=["a", "b"])
    frame["strength"] = frame["a"] + 0.3 * rng.normal(size=90)
    small = Experts(n_members=1, hidden_layer_sizes=(4,), n_latents=2)
    comparison = Comparison(
        frame, "strength", energies=[small], baselines=["Ridge", "QuantileRegressor"], cv=3,
        for_report=True,
    )  # fmt: skip
    list(comparison.run())
    path = tmp_path_factory.mktemp("quantity") / "report.html"
    comparison.report(path)
    return path, comparison.table


@pytest.fixture(params=["classes", "quantity"])
def report(request):
    return request.getfixturevalue(request.param)


def opened(browser, path, width=1600, scheme="light"):
    media = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get_log("browser"), browser.get_log("performance")  # of the page before
    browser.get(path.as_uri())
    return browser


def unfold(browser):
    browser.execute_script(
        "for (const each of document.querySelectorAll('details')) each.open = true"
    )


def column(browser, number, table="leaderboard"):
    cells = browser.find_elements(By.CSS_SELECTOR, f"#{table} tbody tr > :nth-child({number})")
    return [cell.get_attribute("data-value") or cell.text for cell in cells]


def heading(browser, text, table="leaderboard"):
    for each in browser.find_elements(By.CSS_SELECTOR, f"#{table} thead th"):
        if each.text.startswith(text):
            return each
    raise AssertionError(f"no column {text}")


def requested(browser):
    """Every address that the page asked for."""
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    sent = [each["params"] for each in messages if each["method"] == "Network.requestWillBeSent"]
    return [each["request"]["url"] for each in sent]


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_no_errors_no_requests_no_sideways_scrolling(browser, report, width, scheme):
    path, _ = report
    opened(browser, path, width, scheme)
    assert browser.execute_script("return innerWidth") == width
    root = "document.documentElement"
    assert browser.execute_script(f"return {root}.scrollWidth - {root}.clientWidth") == 0
    # Nothing that reaches beyond the window and is cut off there, either.
    unfold(browser)
    outside = """return [...document.querySelectorAll("main *, header *")].filter((each) =>
        !each.closest("svg, .hidden, .scroll table") &&
        each.getBoundingClientRect().right > innerWidth + 1)
        .map((each) => each.outerHTML.slice(0, 90))"""
    assert browser.execute_script(outside) == []
    assert browser.get_log("browser") == []
    assert [url for url in requested(browser) if not url.startswith("data:")] == [path.as_uri()]
    assert browser.find_elements(By.CSS_SELECTOR, ".card svg path")


def test_a_click_sorts_and_sorts_the_other_way_round(browser, report):
    path, table = report
    opened(browser, path)
    for name, score in table.scoreboard.scores.items():
        means = [row.mean(name) for row in table.ranked()]
        there = sorted(mean for mean in means if mean == mean)
        number = 3 + list(table.scoreboard.scores).index(name)
        for order, expected in [("ascending", there), ("descending", there[::-1])]:
            th = heading(browser, score.heading)
            th.find_element(By.TAG_NAME, "button").click()
            assert th.get_attribute("aria-sort") == order
            values = column(browser, number)
            assert [float(value) for value in values[: len(there)]] == expected
            others = browser.find_elements(By.CSS_SELECTOR, "#leaderboard [aria-sort=none]")
            assert len(others) == len(table.scoreboard.scores) + 1


def test_the_keyboard_sorts(browser, report):
    path, table = report
    opened(browser, path)
    button = heading(browser, "model").find_element(By.TAG_NAME, "button")
    for key, order in [(Keys.ENTER, "ascending"), (Keys.SPACE, "descending")]:
        button.send_keys(key)
        assert heading(browser, "model").get_attribute("aria-sort") == order
    names = sorted((row.model for row in table.rows), key=str.casefold, reverse=True)
    assert column(browser, 2) == names
    said = browser.find_element(By.ID, "sorted").get_attribute("textContent")
    assert said.startswith("Sorted by model, descending")


def test_tab_reaches_every_control(browser, report):
    opened(browser, report[0])
    unfold(browser)
    controls = browser.execute_script(
        "return [...document.querySelectorAll('button, input, summary, a, .scroll')].length"
    )
    reached = set()
    for _ in range(controls + 1):
        browser.switch_to.active_element.send_keys(Keys.TAB)
        reached.add(browser.switch_to.active_element.id)
    assert len(reached) >= controls


def over_beta(browser):
    """The texts of the table at the slider, by model."""
    rows = browser.find_elements(By.CSS_SELECTOR, "#over-beta tbody tr")
    cells = "return [...arguments[0].cells].map((cell) => cell.textContent)"
    lines = [browser.execute_script(cells, row) for row in rows]
    return {model: texts[:-1] for model, *texts in lines}


def on_the_leaderboard(table):
    """The same from the leaderboard: means without their standard errors."""
    return {
        row.model: [row.cell(score).partition(" ± ")[0] for score in ("log_loss", "brier", "ece")]
        for row in table.ranked()
    }


def test_the_slider_at_one_shows_the_numbers_of_the_leaderboard(browser, classes):
    path, table = classes
    opened(browser, path)
    found = {model: texts[1:] for model, texts in over_beta(browser).items()}
    assert found == on_the_leaderboard(table)
    said = browser.find_elements(By.CSS_SELECTOR, "#reliability .card p")
    assert [each.text for each in said] == [
        f"log-loss {loss}, ECE {ece}" for loss, _, ece in found.values()
    ]


def test_a_regression_shows_the_numbers_of_the_leaderboard(browser, quantity):
    path, table = quantity
    opened(browser, path)
    said = browser.find_elements(By.CSS_SELECTOR, "#coverage .card p")
    coverage = [row.cell("coverage_90").partition(" ± ")[0] for row in table.ranked()]
    assert [each.text for each in said] == [f"{each} in intervals of 0.9" for each in coverage]
    texts = browser.find_elements(By.CSS_SELECTOR, "#score-charts text[text-anchor=end]")
    cells = [row.cell(score) for score in ("crps", "nll") for row in table.ranked()]
    assert [each.text for each in texts if each.text] == cells


def test_the_slider_changes_probabilities_and_the_button_brings_them_back(browser, classes):
    opened(browser, classes[0])
    slider = browser.find_element(By.ID, "beta")
    said = browser.find_element(By.ID, "beta-value")
    before, drawing = over_beta(browser), reliability(browser)
    for _ in range(4):  # four steps: twice the fitted β
        slider.send_keys(Keys.ARROW_RIGHT)
    assert said.text == "× 2"
    after = over_beta(browser)
    for model, (beta, loss, *_) in before.items():
        # β itself doubles where there is one; log-loss moves.
        if beta != "–":
            assert float(after[model][0]) == pytest.approx(2 * float(beta), rel=0.01)
        assert after[model][1] != loss
    assert reliability(browser) != drawing
    browser.find_element(By.ID, "beta-fitted").click()
    assert said.text == "× 1"
    assert over_beta(browser) == before and reliability(browser) == drawing


def reliability(browser):
    return browser.execute_script("return document.getElementById('reliability').innerHTML")


def test_the_table_over_beta_sorts(browser, classes):
    opened(browser, classes[0])
    for order in ("ascending", "descending"):
        th = heading(browser, "ECE", "over-beta")
        th.find_element(By.TAG_NAME, "button").click()
        assert th.get_attribute("aria-sort") == order
        values = [float(text) for text in column(browser, 5, "over-beta")]
        assert values == sorted(values, reverse=order == "descending")


def height(browser):
    return browser.execute_script("return document.documentElement.scrollHeight")


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """A report on a table such as adult: 14 columns, two classes, 18 models, one of which fails."""
    rng = np.random.default_rng(0)
    frame = pandas.DataFrame(rng.normal(size=(120, 14)), columns=[f"column {j}" for j in range(14)])
    frame["income"] = np.where(frame["column 0"] + rng.normal(size=120) > 0, "> 50K", "≤ 50K")
    models = {f"HistGradientBoostingClassifier {j}": LogisticRegression(C=2.0**j) for j in range(4)}
    models |= {f"model {j}": EBMClassifier(C=2.0**j) for j in range(13)}
    comparison = Comparison(
        frame, "income", losses=[], baselines=models | {"failed": LogisticRegression(C=-1.0)}, cv=3,
        for_report=True,
    )  # fmt: skip
    list(comparison.run())
    path = tmp_path_factory.mktemp("many") / "report.html"
    comparison.report(path)
    return path


def test_on_a_phone_the_page_is_short_until_a_section_is_opened(browser, many):
    opened(browser, many, 390)
    folded = height(browser)
    assert folded <= 2500 and not browser.find_elements(By.CSS_SELECTOR, "details[open]")
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 390
    # The table scrolls in its box, and the names stay in sight.
    name = browser.find_element(By.CSS_SELECTOR, "#leaderboard tbody th")
    place = "const box = document.querySelector('.scroll'); box.scrollLeft = 1000;"
    moved = browser.execute_script(f"{place} return box.scrollLeft")
    assert moved > 100 and 0 <= name.rect["x"] < 30
    section = browser.find_element(By.CSS_SELECTOR, "#beta-section summary")
    section.send_keys(Keys.ENTER)
    assert height(browser) > folded + 500


def test_what_a_finger_meets_is_large_enough(browser, many):
    opened(browser, many, 390)
    unfold(browser)
    for each in browser.find_elements(By.CSS_SELECTOR, "button, summary, input"):
        assert each.rect["height"] >= 44


def test_on_a_wide_screen_only_long_sections_are_folded(browser, classes, many):
    def is_open(id_):
        return browser.execute_script(f"return document.getElementById('{id_}').open")

    opened(browser, classes[0])
    assert is_open("beta-section") and is_open("gaps-section") and is_open("curves-section")
    opened(browser, many)
    assert is_open("beta-section") and not is_open("curves-section")
    assert not browser.find_element(By.ID, "reliability").is_displayed()


def test_models_of_densities_are_switched_on_and_off(browser, quantity):
    opened(browser, quantity[0])
    curves = "return document.querySelectorAll('#densities .line').length"
    before = browser.execute_script(curves)
    assert before == 2 * 6  # of six rows; quantiles have no density
    button = browser.find_element(By.CSS_SELECTOR, "#legend button")
    button.send_keys(Keys.ENTER)
    assert button.get_attribute("aria-pressed") == "false"
    assert browser.execute_script(curves) == 6


def test_the_toggle_and_the_system_choose_the_colours(browser, classes):
    paper = "return getComputedStyle(document.body).backgroundColor"
    seen = {}
    for scheme in SCHEMES:
        opened(browser, classes[0], scheme=scheme)
        button = browser.find_element(By.ID, "theme")
        seen[scheme] = browser.execute_script(paper)
        button.click()
        seen[scheme, "toggled"] = browser.execute_script(paper)
    assert seen["light"] == seen["dark", "toggled"] == "rgb(255, 255, 255)"
    assert seen["dark"] == seen["light", "toggled"] != seen["light"]


def luminance(colour):
    """Relative luminance of WCAG 2.2."""
    parts = np.array(re.findall(r"\d+", colour), dtype=float) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_contrast(browser, classes, scheme):
    opened(browser, classes[0], scheme=scheme)

    def contrast(name, ground):
        colour = """document.body.style.color = `var(${arguments[0]})`;
            return getComputedStyle(document.body).color"""
        pair = [luminance(browser.execute_script(colour, each)) for each in (name, ground)]
        return (max(pair) + 0.05) / (min(pair) + 0.05)

    for ground in ("--paper", "--raised"):
        assert min(contrast(name, ground) for name in ("--ink", "--faint", "--accent")) >= 4.5
    assert min(contrast(name, "--paper") for name in ("--ours", "--others")) >= 3


def test_names_from_the_data_are_text(browser, classes):
    opened(browser, classes[0])
    assert not browser.find_elements(By.CSS_SELECTOR, "main i")
    text = browser.find_element(By.TAG_NAME, "main").text
    assert "<i>versicolor</i> (50 rows)" in text


def test_it_prints(browser, report, tmp_path):
    opened(browser, report[0], 390, scheme="dark")
    folded = height(browser)
    dark = [{"name": "prefers-color-scheme", "value": "dark"}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print", "features": dark})
    paper = "return getComputedStyle(document.body).backgroundColor"
    assert browser.execute_script(paper) == "rgb(255, 255, 255)"
    browser.execute_script("document.documentElement.dataset.theme = 'dark'")
    assert browser.execute_script(paper) == "rgb(255, 255, 255)"
    # What is folded on the screen is printed.
    assert height(browser) > 2 * folded
    # The width of A4 without its margins; a table must not reach beyond it.
    size = {"width": 718, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 718
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})
    assert browser.print_page()
