"""The report in a real browser: sorting, the slider, no errors, no requests, narrow and dark."""

import json
import shutil

import numpy as np
import pandas
import pytest
from sklearn.datasets import load_iris

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
WIDTHS = (400, 1600)
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
    outside = """return [...document.querySelectorAll("main *, header *")].filter((each) =>
        !each.closest("svg, .hidden") && each.getBoundingClientRect().right > innerWidth + 1)
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
    assert column(browser, 2) == sorted((row.model for row in table.rows), reverse=True)
    said = browser.find_element(By.ID, "sorted").get_attribute("textContent")
    assert said.startswith("Sorted by model, descending")


def test_tab_reaches_every_control(browser, report):
    opened(browser, report[0])
    controls = browser.execute_script(
        "return [...document.querySelectorAll('button, input, summary, a')].length"
    )
    reached = set()
    for _ in range(controls + 1):
        browser.switch_to.active_element.send_keys(Keys.TAB)
        reached.add(browser.switch_to.active_element.id)
    assert len(reached) >= controls


def recomputed(browser):
    rows = browser.find_elements(By.CSS_SELECTOR, "#recomputed tbody tr")
    return {
        row.get_attribute("data-model"): [
            float(cell.get_attribute("data-value") or "nan")
            for cell in row.find_elements(By.CSS_SELECTOR, "td[data-value]")
        ]
        for row in rows
    }


def frame(browser):
    """Wait until the page has drawn."""
    browser.execute_async_script(
        "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(done))"
    )


def test_at_the_fitted_beta_the_page_computes_the_scores_of_the_table(browser, classes):
    path, table = classes
    opened(browser, path)
    found = recomputed(browser)
    assert set(found) == {row.model for row in table.rows}
    for row in table.rows:
        means = [row.mean(score) for score in ("log_loss", "brier", "ece")]
        # Numbers in the page have four digits.
        np.testing.assert_allclose(found[row.model][1:], means, atol=2e-4)


def test_the_slider_changes_probabilities_and_the_button_brings_them_back(browser, classes):
    opened(browser, classes[0])
    slider = browser.find_element(By.ID, "beta")
    said = browser.find_element(By.ID, "beta-value")
    before, drawing = recomputed(browser), reliability(browser)
    for _ in range(20):  # one unit of the exponent: twice the fitted β
        slider.send_keys(Keys.ARROW_RIGHT)
    frame(browser)
    assert said.text == "× 2.00"
    after = recomputed(browser)
    for model, scores in before.items():
        # β itself doubles where there is one; log-loss moves.
        if scores[0] == scores[0]:
            assert after[model][0] == pytest.approx(2 * scores[0])
        assert abs(after[model][1] - scores[1]) > 1e-4
    assert reliability(browser) != drawing
    browser.find_element(By.ID, "beta-fitted").click()
    frame(browser)
    assert said.text == "× 1.00"
    for model, scores in recomputed(browser).items():
        np.testing.assert_array_equal(scores, before[model])
    assert reliability(browser) == drawing


def reliability(browser):
    return browser.execute_script("return document.getElementById('reliability').innerHTML")


def test_probabilities_at_another_beta_are_powers_of_the_fitted_ones(browser, classes):
    path, _ = classes
    opened(browser, path)
    # At β = 0 every class has the same probability: log-loss is log 3, and Brier 1 − 1/3.
    script = (
        "return drawn.map((each) => scored(each, 0)).map((each) => [each.log_loss, each.brier])"
    )
    np.testing.assert_allclose(browser.execute_script(script), [[np.log(3), 2 / 3]] * 3)


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
    parts = np.array([int(colour[j : j + 2], 16) for j in (1, 3, 5)]) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_contrast(browser, classes, scheme):
    opened(browser, classes[0], scheme=scheme)

    def contrast(name, ground):
        style = "return getComputedStyle(document.documentElement).getPropertyValue(arguments[0])"
        pair = [luminance(browser.execute_script(style, each)) for each in (name, ground)]
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
    opened(browser, report[0], scheme="dark")
    dark = [{"name": "prefers-color-scheme", "value": "dark"}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print", "features": dark})
    paper = "return getComputedStyle(document.body).backgroundColor"
    assert browser.execute_script(paper) == "rgb(255, 255, 255)"
    browser.execute_script("document.documentElement.dataset.theme = 'dark'")
    assert browser.execute_script(paper) == "rgb(255, 255, 255)"
    # The width of A4 without its margins; a table must not reach beyond it.
    size = {"width": 718, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 718
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})
    assert browser.print_page()
