"""Displays: the data in their artists, labels, axes of one's own, and refusals; never pixels."""

import sys

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.datasets import make_blobs
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MaxAbsScaler, StandardScaler

from sklearn_ebm import EBMClassifier, EBMClassifierCV, inspection
from sklearn_ebm.inspection import (
    BetaDisplay,
    EnergyGapDisplay,
    EnergySurfaceDisplay,
    LossShapeDisplay,
)
from sklearn_ebm.inspection._axes import COLOURS, LINES, MARKERS, style_of
from sklearn_ebm.losses import Hinge, Loss, SquareSquare

plt = pytest.importorskip("matplotlib.pyplot")
plt.switch_backend("Agg")

# Old versions of matplotlib call new ones of pyparsing by names of before.
pytestmark = pytest.mark.filterwarnings(
    r"ignore:'\w+' (argument is )?deprecated:DeprecationWarning"
)

NAMES = ["length (cm)", "width (cm)", "mass (g)"]


def problem(n_classes=3, n_features=3, n_rows=90):
    X, y = make_blobs(n_rows, n_features, centers=n_classes, cluster_std=1.5, random_state=0)
    return X, np.array([f"class {number}" for number in range(n_classes)])[y]


X, Y = problem()
ENERGIES = np.random.default_rng(0).normal(size=(60, 3))
ANSWER = np.arange(60) % 3
MODEL = EBMClassifier(loss="hinge", beta=2.0, random_state=0).fit(X, Y)
GRID = (np.linspace(0, 1, 4), np.linspace(0, 2, 5))
ON_GRID = np.random.default_rng(1).normal(size=(5, 4, 3))

# Each way to make a display, with the number of axes it draws on (colour bars aside).
WAYS = {
    "surface of a model": (
        lambda **s: EnergySurfaceDisplay.from_estimator(MODEL, X, Y, grid_resolution=20, **s), 4
    ),
    "surface of one feature": (
        lambda **s: EnergySurfaceDisplay.from_estimator(MODEL, X, Y, features=0, **s), 1
    ),
    "surface of energies": (lambda **s: EnergySurfaceDisplay.from_energies(GRID, ON_GRID, **s), 4),
    "shape of a loss": (
        lambda **s: LossShapeDisplay.from_loss("hinge", grid_resolution=21, **s), 1
    ),
    "shapes of losses": (
        lambda **s: LossShapeDisplay.from_losses(["hinge", "log"], grid_resolution=21, **s), 2
    ),
    "curves of losses": (
        lambda **s: LossShapeDisplay.from_losses(["hinge", "log", "mee"], kind="curves", **s), 2
    ),
    "gaps of a model": (lambda **s: EnergyGapDisplay.from_estimator(MODEL, X, Y, **s), 1),
    "gaps of energies": (lambda **s: EnergyGapDisplay.from_energies(ENERGIES, ANSWER, **s), 1),
    "beta of a model": (lambda **s: BetaDisplay.from_estimator(MODEL, X, Y, **s), 2),
    "beta of energies": (lambda **s: BetaDisplay.from_energies(ENERGIES, ANSWER, **s), 2),
}  # fmt: skip
OF_ESTIMATORS = (EnergySurfaceDisplay, EnergyGapDisplay, BetaDisplay)
every_way = pytest.mark.parametrize("make, n_axes", WAYS.values(), ids=WAYS)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


# -- what all displays share ----------------------------------------------------------------------


def test_every_display_is_tested():
    made = {type(make()).__name__ for make, _ in WAYS.values()}
    assert made == set(inspection.__all__) & made
    assert made == {display.__name__ for display in (*OF_ESTIMATORS, LossShapeDisplay)}


@every_way
def test_a_new_figure_has_labelled_axes(make, n_axes):
    display = make()
    axes = np.ravel(display.ax_)
    assert plt.get_fignums() == [display.figure_.number]
    assert len(axes) == n_axes and all(axis.figure is display.figure_ for axis in axes)
    assert axes[0].get_ylabel() and axes[-1].get_xlabel()
    display.figure_.canvas.draw()


@every_way
def test_axes_of_ones_own_are_drawn_on(make, n_axes):
    figure, axes = plt.subplots(1, n_axes, squeeze=False)
    display = make(ax=axes[0] if n_axes > 1 else axes[0, 0])
    assert display.figure_ is figure and plt.get_fignums() == [figure.number]
    assert [axis for axis in np.ravel(display.ax_)] == list(axes[0])
    assert all(axis.has_data() for axis in axes[0])


@every_way
def test_another_number_of_axes_is_refused(make, n_axes):
    _, axes = plt.subplots(1, n_axes + 1)
    with pytest.raises(ValueError, match=f"but ax holds {n_axes + 1}; or pass ax=None"):
        make(ax=axes)


def test_axes_of_two_figures_and_flat_axes_are_refused():
    with pytest.raises(ValueError, match="axes of one figure"):
        BetaDisplay.from_energies(ENERGIES, ANSWER, ax=[plt.subplots()[1], plt.subplots()[1]])
    with pytest.raises(ValueError, match="projection"):
        LossShapeDisplay.from_loss("hinge", kind="surface", ax=plt.subplots()[1])


@every_way
def test_nothing_is_drawn_twice(make, n_axes, monkeypatch):
    drawn = []
    for cls in (*OF_ESTIMATORS, LossShapeDisplay):
        monkeypatch.setattr(cls, "plot", counting(cls.plot, drawn))
    display = make()
    assert drawn == [display]
    for axis in np.ravel(display.ax_):
        curves = [line.get_xydata().tobytes() for line in axis.lines]
        assert len(set(curves)) == len(curves)
        assert len({id(artist) for artist in axis.get_children()}) == len(axis.get_children())
    bars = {id(bar.ax) for bar in getattr(display, "colorbars_", [])}
    if getattr(display, "colorbar_", None):
        bars = {id(display.colorbar_.ax)}
    assert len(display.figure_.axes) == n_axes + len(bars)


def counting(plot, drawn):
    """The same method, which notes what it was called for."""

    def counted(self, *args, **kwargs):
        drawn.append(self)
        return plot(self, *args, **kwargs)

    return counted


@every_way
def test_a_second_plot_is_a_figure_of_its_own(make, n_axes):
    display = make()
    first = display.figure_
    assert display.plot() is display
    assert display.figure_ is not first and len(plt.get_fignums()) == 2


@every_way
def test_without_matplotlib_one_sentence_says_what_to_install(make, n_axes, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"pip install 'sklearn_ebm\[plot\]'"):
        make()


def test_nothing_needs_matplotlib_that_does_not_draw(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    for display in (
        EnergySurfaceDisplay.from_energies(GRID, ON_GRID, draw=False),
        EnergyGapDisplay.from_energies(ENERGIES, ANSWER, draw=False),
        BetaDisplay.from_energies(ENERGIES, ANSWER, draw=False),
        LossShapeDisplay.from_loss("log", draw=False),
    ):
        with pytest.raises(ImportError, match=type(display).__name__):
            display.plot()


@pytest.mark.parametrize("display", OF_ESTIMATORS)
def test_estimators_without_energies_are_refused(display):
    with pytest.raises(TypeError, match="estimator=LogisticRegression has none"):
        display.from_estimator(LogisticRegression().fit(X, Y), X, Y)
    with pytest.raises(NotFittedError):
        display.from_estimator(EBMClassifier(random_state=0), X, Y)


@pytest.mark.parametrize("display", OF_ESTIMATORS)
def test_labels_that_were_not_learnt_are_refused(display):
    strange = np.where(np.arange(len(Y)) == 3, "class 9", Y)
    with pytest.raises(
        ValueError, match=r"not among the classes .*: 'class 9'; leave these rows out"
    ):
        display.from_estimator(MODEL, X, strange)
    with pytest.raises(ValueError, match="one label for each row"):
        display.from_estimator(MODEL, X, Y[:, None])
    with pytest.raises(ValueError, match="80"):
        display.from_estimator(MODEL, X, Y[:80])


@pytest.fixture(scope="module")
def models():
    """Fitted estimators of every kind that is read through, and their rows."""
    table = pd.DataFrame(X, columns=NAMES)
    empty = sparse.csr_matrix(np.where(np.abs(X) < 2, 0, X))
    pairs = [
        (
            make_pipeline(
                StandardScaler(), EBMClassifier("kernel", loss="square_square", random_state=0)
            ),
            table,
        ),
        (GridSearchCV(EBMClassifier(random_state=0), {"C": [0.1, 1.0]}, cv=2), X),
        (EBMClassifierCV(losses=["hinge"], Cs=[1.0], cv=2, random_state=0), X),
        (make_pipeline(MaxAbsScaler(), EBMClassifier(random_state=0)), empty),
        (EBMClassifier(random_state=0), empty),
        (make_pipeline(EBMClassifier(random_state=0)), X.astype(np.float32)),
    ]
    return [(estimator.fit(rows, Y), rows) for estimator, rows in pairs]


@pytest.mark.parametrize("display", OF_ESTIMATORS)
def test_pipelines_searches_sparse_rows_and_tables_are_read(display, models):
    settings = {"grid_resolution": 10} if display is EnergySurfaceDisplay else {}
    for estimator, rows in models:
        shown = display.from_estimator(estimator, rows, Y, **settings)
        if display is EnergyGapDisplay:
            errors = np.mean(estimator.predict(rows) != Y)
            np.testing.assert_allclose(shown.errors["train"], errors, atol=1e-12)
        elif display is BetaDisplay:
            at = np.abs(np.log(shown.betas / shown.beta)).argmin()
            right = Y[:, None] == estimator.classes_
            expected = -np.log(estimator.predict_proba(rows)[right]).mean()
            np.testing.assert_allclose(shown.scores["log_loss"][at], expected, rtol=1e-5)
        else:
            assert shown.energies.shape == (10, 10, 3) and np.isfinite(shown.energies).all()


def test_a_first_step_that_counts_no_features_is_no_obstacle():
    logs = make_pipeline(FunctionTransformer(np.arcsinh), EBMClassifier(random_state=0)).fit(X, Y)
    display = EnergySurfaceDisplay.from_estimator(logs, X, Y, features=(1, 2), grid_resolution=5)
    assert display.ax_[0].get_xlabel() == "$x_{2}$"
    row = [X[:, 0].mean(), display.grid[0][1], display.grid[1][4]]
    expected = logs[-1].energies(np.arcsinh([row]))[0]
    np.testing.assert_allclose(display.energies[4, 1], expected)


def test_56_classes_can_be_told_apart():
    assert len({tuple(style_of(number, marker=True).values()) for number in range(56)}) == 56
    assert len(COLOURS) == 8 and len(MARKERS) == len(LINES) == 7


# -- energy surfaces ------------------------------------------------------------------------------


def test_a_surface_holds_the_energies_of_the_model():
    display = EnergySurfaceDisplay.from_estimator(
        MODEL, X, Y, features=(2, 0), grid_resolution=7, hold="median"
    )
    assert [len(side) for side in display.grid] == [7, 7]
    low, high = X[:, 2].min(), X[:, 2].max()
    np.testing.assert_allclose(
        display.grid[0][[0, -1]], [low - 0.08 * (high - low), high + 0.08 * (high - low)]
    )
    row = [display.grid[1][3], np.median(X[:, 1]), display.grid[0][5]]
    np.testing.assert_allclose(display.energies[3, 5], MODEL.energies([row])[0])
    for response in ("class 1", "free_energy"):
        drawn = display.surfaces_[response]
        assert drawn.levels[0] <= np.quantile(display.surface(response), 0.05)
        assert drawn.axes.get_title().startswith(("energy F(x, class 1)", "free energy, β = 2"))
    np.testing.assert_allclose(
        display.surface("free_energy")[3, 5], MODEL.free_energy([row])[0], rtol=1e-12
    )
    assert len({tuple(drawn.levels) for drawn in display.surfaces_.values()}) == 1
    assert len(display.colorbars_) == 1


def test_the_border_is_where_predictions_change():
    display = EnergySurfaceDisplay.from_estimator(MODEL, X, Y, features=(0, 1))
    (border,) = display.boundaries_["class 1"]
    corners = np.concatenate(border.allsegs[0])
    rows = np.column_stack([corners, np.full(len(corners), X[:, 2].mean())])
    energies = MODEL.energies(rows)
    others = np.delete(energies, 1, axis=1).min(axis=1)
    assert len(rows) > 50 and np.abs(energies[:, 1] - others).max() < 0.05
    assert len(display.boundaries_["free_energy"]) == 2


def test_data_lie_where_they_are_and_have_labels():
    display = EnergySurfaceDisplay.from_estimator(MODEL, X, Y, features=(0, 1))
    for response in display.surfaces_:
        drawn = display.points_[response]
        assert list(drawn) == MODEL.classes_.tolist()
        np.testing.assert_allclose(
            drawn["class 2"].get_offsets(), X[Y == "class 2"][:, :2], rtol=1e-6
        )
    assert [text.get_text() for text in display.legend_.get_texts()] == MODEL.classes_.tolist()
    assert display.points_["class 1"]["class 1"].get_alpha() == 0.95
    assert display.points_["class 1"]["class 0"].get_alpha() == 0.25
    bare = EnergySurfaceDisplay.from_estimator(MODEL, X, features=(0, 1))
    assert bare.legend_ is None and not any(bare.points_.values())


def test_names_of_a_table_stand_at_the_axes():
    table = pd.DataFrame(X, columns=NAMES)
    model = EBMClassifier(random_state=0).fit(table, Y)
    display = EnergySurfaceDisplay.from_estimator(
        model, table, Y, features=("mass (g)", "length (cm)"), response="gap"
    )
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("mass (g)", "length (cm)")
    np.testing.assert_array_equal(display.points[:, 0], X[:, 2])
    assert display.ax_.get_title() == "gap, second − lowest"
    (bar,) = display.colorbars_
    assert display.surfaces_["gap"].levels[0] == 0 and "gap" in bar.ax.get_ylabel()


@pytest.mark.parametrize("as_sparse", [False, True])
def test_the_plane_of_principal_components_passes_through_the_data(as_sparse):
    # Data in a plane: every row is on it, so its energies are those of the model.
    flat = X.copy()
    flat[:, 2] = 2 * flat[:, 0] - flat[:, 1] + 3
    flat = np.column_stack([flat, np.ones(len(flat))])
    rows = sparse.csr_matrix(flat) if as_sparse else flat
    model = EBMClassifier(beta=0.5, random_state=0).fit(rows, Y)
    display = EnergySurfaceDisplay.from_estimator(model, rows, Y, grid_resolution=200)
    assert display.ax_[0].get_xlabel().startswith("component 1 (")
    shares = [int(name.split("(")[1].split(" %")[0]) for name in display.names]
    assert 99 <= sum(shares) <= 101
    columns, lines = (
        np.abs(side[:, None] - display.points[:, axis]).argmin(axis=0)
        for axis, side in enumerate(display.grid)
    )
    there = display.energies[lines, columns]
    np.testing.assert_allclose(there, model.energies(rows), atol=0.03 * np.ptp(there))


def test_one_feature_gives_lines():
    display = EnergySurfaceDisplay.from_estimator(MODEL, X, Y, features=1, grid_resolution=11)
    assert list(display.surfaces_) == [*MODEL.classes_, "free_energy"]
    for number, label in enumerate(MODEL.classes_):
        x, energy = display.surfaces_[label].get_data()
        rows = np.tile(X.mean(axis=0), (11, 1))
        rows[:, 1] = x
        np.testing.assert_allclose(energy, MODEL.energies(rows)[:, number])
        np.testing.assert_array_equal(display.points_[None][label].get_xdata(), X[Y == label, 1])
    assert len(display.ax_.lines) == 4 + 3
    alone = EBMClassifier(random_state=0).fit(X[:, :1], Y)
    assert EnergySurfaceDisplay.from_estimator(alone, X[:, :1], Y).ax_.get_xlabel() == "$x_{1}$"
    with pytest.raises(ValueError, match="two features; over one there are lines"):
        EnergySurfaceDisplay.from_estimator(alone, X[:, :1], Y, kind="surface")


@pytest.mark.parametrize("n_classes", [2, 10])
@pytest.mark.parametrize("kind", ["contour", "surface"])
def test_two_and_ten_classes(n_classes, kind):
    X, y = problem(n_classes, 2, 200)
    model = EBMClassifier(random_state=0).fit(X, y)
    display = EnergySurfaceDisplay.from_estimator(model, X, y, kind=kind, grid_resolution=12)
    assert len(display.ax_) == n_classes + 1
    assert len(display.points_["free_energy"]) == n_classes
    wins = np.unique(display.energies.argmin(axis=-1))
    outlined = [n for n in range(n_classes - 1) if n in wins]
    assert len(display.boundaries_["free_energy"]) == len(outlined)
    if kind == "surface":
        assert {axis.name for axis in display.ax_} == {"3d"}
        floor = display.ax_[0].get_zlim()[0]
        heights = display.points_["free_energy"]["class 0"]._offsets3d[2]
        np.testing.assert_allclose(np.unique(heights), floor, atol=0.1 * abs(floor) + 0.1)


def test_labels_of_numbers_and_a_label_with_the_name_of_a_response():
    numbers = EBMClassifier(random_state=0).fit(X, np.arange(90) % 3 + 5)
    display = EnergySurfaceDisplay.from_estimator(
        numbers, X, features=(0, 1), response=np.int64(6), grid_resolution=5
    )
    assert list(display.surfaces_) == [6]
    display = EnergySurfaceDisplay.from_energies(
        GRID, ON_GRID, classes=["gap", "a", "b"], response=["gap", "free_energy"]
    )
    np.testing.assert_array_equal(display.surface("gap"), ON_GRID[..., 0])
    assert len(display.colorbars_) == 1


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"features": "lenght"}, "no feature 'lenght'. Known names"),
        ({"features": (0, 3)}, "feature 3 does not exist; X has 3, counted from 0 to 2"),
        ({"features": (0, 0)}, "one feature, two different ones, or 'pca'"),
        ({"features": (0, 1, 2)}, "one feature, two different ones, or 'pca'"),
        ({"features": (0, 1.5)}, "numbers or names"),
        ({"hold": "mode"}, "Known: mean, median"),
        ({"grid_resolution": 0}, "grid_resolution=0 must be"),
        ({"kind": "wire"}, "Known kinds: contour, surface"),
        ({"response": "entropy"}, "response='entropy' is not known. Known: all, free_energy, gap"),
        ({"response": []}, "one or more, each once"),
        ({"response": ["gap", "gap"]}, "one or more, each once"),
    ],
)
def test_refusals_of_surfaces(settings, message):
    with pytest.raises(ValueError, match=message):
        EnergySurfaceDisplay.from_estimator(MODEL, X, Y, **settings)
    assert not plt.get_fignums()


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"energies": ON_GRID[1:]}, r"shape \(5, 4, k\) on this grid"),
        ({"energies": ON_GRID[..., :1]}, "k ≥ 2"),
        ({"classes": ["a"]}, "3 answers, but there are 1 classes"),
        ({"beta": 0}, "beta=0 must be"),
        ({"energies": "low"}, "energies must be numbers, but could not convert"),
        ({"grid": 3.0}, "two or more numbers that rise, or a pair"),
        ({"grid": ([1, 0], [0, 1])}, "two or more numbers that rise, or a pair"),
        ({"points": [[0, 0]], "y": [0, 1]}, "points are 1, but y has 2 labels"),
        ({"n_columns": 0}, "n_columns=0 must be"),
        ({"points": [[0, 0]]}, "give both or neither"),
        ({"points": [[0], [1]], "y": [0, 1]}, "1 coordinates, but the grid has 2"),
    ],
)
def test_refusals_of_given_surfaces(settings, message):
    with pytest.raises(ValueError, match=message):
        EnergySurfaceDisplay.from_energies(**({"grid": GRID, "energies": ON_GRID} | settings))


# -- shapes of losses -----------------------------------------------------------------------------


def test_shapes_hold_values_and_slopes():
    display = LossShapeDisplay.from_losses(
        {"soft": "log", "hard": Hinge(margin=2.0)}, right=(0, 2), wrong=(0, 4), grid_resolution=5
    )
    np.testing.assert_array_equal(display.right, [0, 0.5, 1, 1.5, 2])
    # [2 + 1.5 − 3]⁺ = 0.5, and log(1 + e^{1.5 − 3})
    assert display.values["hard"][3, 3] == 0.5
    np.testing.assert_allclose(display.values["soft"][3, 3], np.log1p(np.exp(-1.5)))
    np.testing.assert_array_equal(display.slopes["hard"][3, 3], [1, -1])
    levels = [tuple(drawn.levels) for drawn in display.surfaces_.values()]
    assert levels[0] == levels[1] and levels[0][0] == 0
    assert [axis.get_title() for axis in display.ax_] == ["soft", "hard"]
    assert list(display.margins_) == ["hard"]
    right, wrong = display.margins_["hard"].get_data()
    np.testing.assert_allclose(wrong - right, 2)
    right, wrong = display.equal_["hard"].get_data()
    np.testing.assert_array_equal(right, wrong)


def test_arrows_show_the_push():
    display = LossShapeDisplay.from_loss("hinge", right=(-3, 3), wrong=(-3, 3))
    arrows = display.arrows_["hinge"]
    right, wrong = arrows.XY.T
    assert (wrong - right < 1).all()  # none where the margin is met
    np.testing.assert_allclose(arrows.U, -np.sqrt(0.5))
    np.testing.assert_allclose(arrows.V, np.sqrt(0.5))
    assert not LossShapeDisplay.from_loss("hinge", arrows=False).arrows_


def test_curves_hold_the_wrong_answer_fast():
    display = LossShapeDisplay.from_losses(["perceptron", "hinge"], kind="curves", held=1.0)
    right, value = display.lines_["hinge"][0].get_data()
    np.testing.assert_allclose(value, np.maximum(0, right))
    slope = display.lines_["perceptron"][1].get_ydata()
    np.testing.assert_array_equal(slope, right > 1)
    assert "F(ȳ) = 1" in display.ax_[1].get_xlabel()
    texts = [text.get_text() for text in display.ax_[0].get_legend().get_texts()]
    assert texts == ["perceptron", "hinge"]
    assert display.colorbar_ is None


def test_surfaces_of_losses_rise_to_their_values():
    display = LossShapeDisplay.from_loss(SquareSquare(margin=0.5), kind="surface")
    assert display.ax_.name == "3d" and list(display.margins_) == ["square_square, margin=0.5"]
    assert display.ax_.get_zlim()[1] >= display.values["square_square, margin=0.5"].max() == 11.25
    low = LossShapeDisplay.from_loss("hinge", kind="surface", max_value=2.0)
    assert 2.0 <= low.ax_.get_zlim()[1] < 2.2


def test_energies_that_a_loss_does_not_allow_are_left_out():
    display = LossShapeDisplay.from_loss("lvq2", grid_resolution=5)
    negative = (display.right < 0)[None, :] | (display.wrong < 0)[:, None]
    np.testing.assert_array_equal(np.isnan(display.values["lvq2"]), negative)
    with pytest.raises(ValueError, match="no finite value at these energies"):
        LossShapeDisplay.from_loss("energy", right=(-2, -1))


def test_a_loss_of_ones_own_and_margins_by_pairs():
    class Flat(Loss):
        def __call__(self, energies, correct):
            return np.ones(len(energies)), np.zeros_like(energies)

    display = LossShapeDisplay.from_losses([Flat(), Hinge(margin=[[0, 3.0], [1.0, 0]])])
    assert list(display.losses) == ["Flat", "hinge, margin by pairs"]
    assert display.arrows_["Flat"].N == 0
    right, wrong = display.margins_["hinge, margin by pairs"].get_data()
    np.testing.assert_allclose(wrong - right, 3)


@pytest.mark.parametrize(
    "losses, settings, error, message",
    [
        (["hing"], {}, ValueError, "Did you mean 'hinge'"),
        ([], {}, ValueError, "no loss to draw"),
        (["log", "log"], {}, ValueError, "same title"),
        ("log", {}, TypeError, "one loss; use from_loss"),
        ([Hinge], {}, TypeError, "is a class"),
        ([Hinge(margin=-1)], {}, ValueError, "margin=-1 of Hinge"),
        (["log"], {"right": (1, 0)}, ValueError, "finite numbers that rise"),
        (["log"], {"wrong": (0, np.inf)}, ValueError, "finite numbers that rise"),
        (["log"], {"wrong": [0]}, ValueError, "two values or more"),
        (["log"], {"wrong": "low"}, ValueError, "wrong must be numbers, but could not convert"),
        (["log"], {"held": "x"}, ValueError, "held must be numbers"),
        (["log"], {"max_value": np.inf}, ValueError, "max_value=inf must be a finite number"),
        (["log"], {"n_columns": 0}, ValueError, "n_columns=0 must be"),
        (["log"], {"kind": "pie"}, ValueError, "Known kinds: contour, surface, curves"),
    ],
)
def test_refusals_of_shapes(losses, settings, error, message):
    with pytest.raises(error, match=message):
        LossShapeDisplay.from_losses(losses, **settings)


# -- energy gaps ----------------------------------------------------------------------------------

TABLE = [[1.0, 3.0, 5.0], [2.0, 2.5, 4.0], [1.0, 2.0, 0.25], [1.0, 1.0, 2.0]]


def test_gaps_are_counted_as_by_hand():
    display = EnergyGapDisplay.from_energies(
        TABLE, ["a", "b", "c", "b"], TABLE[:1], ["a"], classes=["a", "b", "c"], margin=1.0
    )
    np.testing.assert_array_equal(display.gaps["train"], [2.0, -0.5, 0.75, 0.0])
    assert display.errors == {"train": 0.25, "test": 0.0}
    assert display.ties == {"train": 0.25, "test": 0.0}
    assert display.below_margin == {"train": 0.75, "test": 0.0}
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert texts == [
        "train: 25 % below 0, 25 % at 0, 75 % below margin",
        "test: 0 % below 0, 0 % below margin",
        "0: wrong on the left",
        "margin 1 of the loss",
    ]
    assert display.margin_.get_xdata()[0] == 1.0 and display.zero_.get_xdata()[0] == 0
    for name, drawn in display.histograms_.items():
        values, edges, _ = drawn.get_data()
        np.testing.assert_array_equal(edges, display.bins_)
        np.testing.assert_allclose(values.sum(), 1.0)
        inside = np.clip(display.gaps[name], edges[0], edges[-1])
        np.testing.assert_allclose(values[edges[:-1] < 0].sum(), np.mean(inside < 0))
    assert np.abs(display.bins_).min() == 0 and display.bins_[-1] > 2 - 0.2


def test_margins_by_pairs_have_shares_and_no_line():
    margins = np.array([[0, 1.5, 9], [1, 0, 1], [1, 1, 0]])
    display = EnergyGapDisplay.from_energies(TABLE, [0, 1, 2, 1], margin=margins)
    # 3 − 1.5 − 1 and 5 − 9 − 1 < 0; the others as above
    assert display.below_margin == {"train": 1.0}
    assert display.margin_ is None and display.margin is None


def test_the_margin_of_the_loss_is_drawn():
    for loss, margin in (("nll", None), (Hinge(margin=0.5), 0.5)):
        model = EBMClassifier(loss=loss, random_state=0).fit(X, Y)
        display = EnergyGapDisplay.from_estimator(model, X, Y, X[:30], Y[:30])
        assert display.margin == margin and list(display.gaps) == ["train", "test"]
        assert display.errors["train"] == pytest.approx(1 - model.score(X, Y))
        assert (display.margin_ is None) is (margin is None)


def test_a_collapsed_surface_is_seen_at_a_glance():
    noise = 1e-15 * ENERGIES
    display = EnergyGapDisplay.from_energies(1.0 + noise, ANSWER, margin=1.0)
    assert display.has_collapsed and display.ax_.get_title().startswith("collapsed")
    shares = display.shares_["train"]
    middle = shares.argmax()
    assert shares[middle] == 1.0
    assert display.bins_[middle] == -display.bins_[middle + 1]
    assert display.bins_[-1] >= 1.0
    assert not EnergyGapDisplay.from_estimator(MODEL, X, Y).has_collapsed
    bare = EnergyGapDisplay.from_energies(0 * noise, ANSWER)
    assert bare.bins_[-1] > 0.9 and bare.ties == {"train": 1.0}


def test_far_gaps_are_counted_in_the_outermost_bins():
    energies = np.column_stack([np.zeros(1000), np.linspace(-1, 3, 1000)])
    energies[-1, 1] = 1e6
    display = EnergyGapDisplay.from_energies(energies, np.zeros(1000, int), bins=20)
    assert display.bins_[-1] < 5
    np.testing.assert_allclose(display.shares_["train"].sum(), 1.0)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"energies": TABLE[0]}, "shape"),
        ({"energies": np.zeros((4, 1))}, "k ≥ 2"),
        ({"energies": np.full((4, 3), np.nan)}, "NaN or infinity; leave these rows out"),
        ({"y": [0, 1, 2]}, "4 rows, but y has 3"),
        ({"y": [0, 1, 2, 3]}, "not among the classes"),
        ({"classes": ["a", "b"]}, "3 columns, but there are 2 classes"),
        ({"margin": -1.0}, "margin=-1.0 must be a number that is not negative"),
        ({"margin": "big"}, "margin must be numbers, but could not convert"),
        ({"margin": np.zeros((2, 2))}, r"shape \(3, 3\)"),
        ({"y_test": [0]}, "give both or neither"),
        ({"energies_test": [[1.0, 2.0]], "y_test": [0]}, "of the test have 2 columns"),
        ({"bins": 1}, "bins=1 must be a whole number of at least 2"),
        ({"bins": 2.5}, "bins=2.5 must be a whole number of at least 2"),
    ],
)
def test_refusals_of_gaps(settings, message):
    with pytest.raises(ValueError, match=message):
        EnergyGapDisplay.from_energies(**({"energies": TABLE, "y": [0, 1, 2, 1]} | settings))


def test_test_rows_and_labels_belong_together():
    with pytest.raises(ValueError, match="X_test and y_test belong together"):
        EnergyGapDisplay.from_estimator(MODEL, X, Y, X)


# -- beta -----------------------------------------------------------------------------------------


def test_scores_are_those_of_the_model_at_its_beta():
    display = BetaDisplay.from_estimator(MODEL, X, Y, betas=[4.0, 0.5, 2.0])
    np.testing.assert_array_equal(display.betas, [0.5, 2.0, 4.0])
    probability = MODEL.predict_proba(X)
    right = Y[:, None] == MODEL.classes_
    for name, expected in {
        "log_loss": log_loss(Y, probability),
        "brier": np.mean(np.sum((probability - right) ** 2, axis=1)),
    }.items():
        np.testing.assert_allclose(display.scores[name][1], expected)
        np.testing.assert_array_equal(display.lines_[name].get_ydata(), display.scores[name])
        np.testing.assert_array_equal(display.lines_[name].get_xdata(), display.betas)
    assert display.ax_[0].get_xscale() == "log"
    assert display.beta_line_.get_xdata()[0] == MODEL.beta_ == 2.0
    assert display.best_.get_xdata()[0] == display.best_beta
    assert display.scores["log_loss"].min() == display.best_.get_ydata()[0]


def test_calibration_error_and_reliability_by_hand():
    # Confidences 0.6, 0.6, 0.9, 0.9 with one right answer in each pair: |0.5 − 0.6|, |0.5 − 0.9|.
    energies = [[0, np.log(1.5)], [0, np.log(1.5)], [0, np.log(9)], [0, np.log(9)]]
    display = BetaDisplay.from_energies(energies, [0, 1, 0, 1], betas=[1.0], n_bins=5)
    np.testing.assert_allclose(display.scores["calibration_error"], 0.25)
    confidence, accuracy, count = display.reliability(1.0)
    np.testing.assert_allclose(confidence, [0.6, 0.9])
    np.testing.assert_allclose(accuracy, [0.5, 0.5])
    np.testing.assert_array_equal(count, [2, 2])
    assert display.reliability_betas == [0.25, 1.0, 4.0]
    np.testing.assert_allclose(display.reliability_lines_[1.0].get_xdata(), [0.6, 0.9])
    np.testing.assert_allclose(display.reliability_points_[1.0].get_sizes(), 12 + 75)
    assert display.beta_line_ is None


@pytest.mark.parametrize("n_classes", [2, 10])
def test_the_ranges_of_beta_and_confidence(n_classes):
    X, y = problem(n_classes, 4, 120)
    model = EBMClassifier(beta="auto", random_state=0).fit(X, y)
    display = BetaDisplay.from_estimator(model, X, y, reliability_betas=[1, 2])
    np.testing.assert_allclose(display.betas[[0, 30, -1]] / model.beta_, [0.01, 1, 100])
    assert list(display.reliability_lines_) == [1.0, 2.0]
    np.testing.assert_allclose(display.diagonal_.get_xdata(), [1 / n_classes, 1])
    texts = [text.get_text() for text in display.ax_[1].get_legend().get_texts()]
    assert texts == ["calibrated", "β = 1", "β = 2"]
    given = BetaDisplay.from_energies(1e-3 * ENERGIES, ANSWER, draw=False)
    middle = 1 / np.sqrt(np.mean(np.var(1e-3 * ENERGIES, axis=1)))
    np.testing.assert_allclose(given.betas[30], middle)
    flat = BetaDisplay.from_energies(0 * ENERGIES, ANSWER, draw=False)
    np.testing.assert_allclose(flat.scores["log_loss"], np.log(3))


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"betas": "auto"}, "betas must be numbers, but could not convert"),
        ({"betas": []}, "betas must be positive finite numbers"),
        ({"betas": [1, 0]}, "betas must be positive finite numbers"),
        ({"reliability_betas": [np.inf]}, "reliability_betas must be positive finite numbers"),
        ({"beta": -1}, "beta=-1 must be"),
        ({"n_bins": 0}, "n_bins=0 must be"),
    ],
)
def test_refusals_of_beta(settings, message):
    with pytest.raises(ValueError, match=message):
        BetaDisplay.from_energies(ENERGIES, ANSWER, **settings)


def test_classes_that_were_not_learnt_are_left_out():
    """They have no energy: displays are those of a fit without their rows."""
    rows, y = make_blobs(40, centers=3, random_state=0)
    counts, margin = y != 1, np.array([[0.0, 9.0, 2.0], [9.0, 0.0, 9.0], [1.0, 9.0, 0.0]])
    clf = EBMClassifier(loss=Hinge(margin), random_state=0).fit(rows, y, counts.astype(float))
    inner = Hinge(margin[::2, ::2])
    alone = EBMClassifier(loss=inner, C=2.0, random_state=0).fit(rows[counts], y[counts])
    one = EnergyGapDisplay.from_estimator(clf, rows, y, X_test=rows, y_test=y)
    other = EnergyGapDisplay.from_estimator(alone, rows[counts], y[counts])
    for name in ("train", "test"):
        np.testing.assert_allclose(one.gaps[name], other.gaps["train"], atol=1e-2)
    assert one.below_margin.keys() == {"train", "test"}
    BetaDisplay.from_estimator(clf, rows, y)
    display = EnergySurfaceDisplay.from_estimator(clf, rows, y, grid_resolution=5)
    assert list(display.surfaces_) == [0, 2, "free_energy"]
    with pytest.raises(ValueError, match="leave it out of response"):
        display.plot(response=1)
