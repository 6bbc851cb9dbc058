"""Displays of densities and latent values: what their artists hold."""

from copy import copy

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from sklearn_ebm import LatentEBMRegressor
from sklearn_ebm.datasets import make_horn, make_two_branches
from sklearn_ebm.distributions import GaussianMixture, VectorGaussianMixture
from sklearn_ebm.distributions.vector_gaussian_envelope import VectorGaussianEnvelope
from sklearn_ebm.energies import Blend, Decoder, Experts, LocationScale
from sklearn_ebm.energies.responsibilities import Responsibilities
from sklearn_ebm.exceptions import CalibrationWarning

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

plt = pytest.importorskip("matplotlib.pyplot")

from sklearn_ebm.inspection import ConditionalDensityDisplay, LatentDisplay  # noqa: E402
from sklearn_ebm.inspection._ribbons import bands_of  # noqa: E402

SMALL = Experts(n_latents=3, hidden_layer_sizes=(16,), n_members=2)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def branches():
    X, y = make_two_branches(300, random_state=0)
    return LatentEBMRegressor(SMALL, max_iter=60, random_state=0).fit(X, y), X, y


@pytest.fixture(scope="module")
def frame():
    """Three named columns, of which only "heat" matters."""
    rng = np.random.RandomState(0)
    X = pd.DataFrame(rng.normal(size=(200, 3)), columns=["width", "heat", "age"])
    y = pd.Series(X["heat"] ** 2 + 0.1 * rng.normal(size=200), name="loss")
    return LatentEBMRegressor(SMALL, max_iter=30, random_state=0).fit(X, y), X, y


@pytest.fixture(scope="module")
def horn():
    X, y = make_horn(300, random_state=0)
    energy = Decoder(hidden_layer_sizes=(16,), n_latents=16, n_members=2)
    return LatentEBMRegressor(energy, max_iter=40, random_state=0).fit(X, y), X, y


@pytest.fixture(scope="module")
def blend():
    """A line on the left, which a fork on the right is not."""
    rng = np.random.RandomState(0)
    X = rng.uniform(-1, 1, size=(150, 1))
    y = X[:, 0] + 0.05 * rng.normal(size=150)
    y[X[:, 0] > 0.3] += rng.choice([-1, 1], size=(X[:, 0] > 0.3).sum())
    energy = Blend(["memory", ("line", LocationScale(base=LinearRegression()))])
    return LatentEBMRegressor(energy, random_state=0).fit(X, y), X, y


def two_branches_law(n=5):
    x = np.linspace(0, 1, n)
    means = np.column_stack([x, x + 5])
    return x, GaussianMixture(np.tile([0.25, 0.75], (n, 1)), means, np.full((n, 2), 0.2))


# -- ConditionalDensityDisplay --------------------------------------------------------------------


def test_cells_of_the_heat_map_hold_their_probability():
    x, distribution = two_branches_law()
    display = ConditionalDensityDisplay.from_distribution(
        distribution, x, scale="density", y_range=(-2.0, 8.0)
    )
    cells = np.asarray(display.density_.get_array()).reshape(-1, len(x))
    edges = display.density_.get_coordinates()[:, 0, 1]
    assert np.allclose((cells * np.diff(edges)[:, None]).sum(axis=0), 1, atol=1e-6)
    lower = (cells * np.diff(edges)[:, None])[edges[1:] <= 3].sum(axis=0)
    assert np.allclose(lower, 0.25, atol=1e-6)
    assert display.ax_.get_ylim() == (-2, 8) and display.ax_.get_xlim() == (0, 1)


def test_columns_are_scaled_to_their_largest_cell():
    x, distribution = two_branches_law()
    display = ConditionalDensityDisplay.from_distribution(distribution, x)
    cells = np.asarray(display.density_.get_array()).reshape(-1, len(x))
    assert np.array_equal(cells.max(axis=0), np.ones(len(x)))
    assert "over the largest" in display.colorbar_.ax.get_ylabel()


def test_a_density_narrower_than_a_cell_is_seen():
    distribution = GaussianMixture(np.ones((3, 1)), np.full((3, 1), 0.1234), np.full((3, 1), 1e-9))
    display = ConditionalDensityDisplay.from_distribution(distribution, y_range=(0, 1))
    assert np.asarray(display.density_.get_array()).reshape(-1, 3).max(axis=0).min() == 1


def test_ribbons_are_the_regions_of_the_law():
    x, distribution = two_branches_law()
    display = ConditionalDensityDisplay.from_distribution(
        distribution, x, kind="ribbon", levels=[0.5, 0.95]
    )
    assert list(display.ribbons_) == [0.95, 0.5]  # the wide one first, under the other
    for level, pieces in ((0.95, 2), (0.5, 1)):  # the branch with 3/4 holds one half alone
        paths = display.ribbons_[level].get_paths()
        assert len(paths) == pieces * (len(x) - 1)
        region = distribution.region(level)
        first = sorted(path.vertices[:4, 1].min() for path in paths if path.vertices[0, 0] == 0)
        assert np.allclose(first, np.sort(region[0, :, 0][~np.isnan(region[0, :, 0])]))
    assert display.density_ is None


def test_modes_have_areas_in_proportion_to_probabilities():
    x, distribution = two_branches_law()
    display = ConditionalDensityDisplay.from_distribution(distribution, x)
    offsets, sizes = display.modes_.get_offsets(), display.modes_.get_sizes()
    assert len(offsets) == 2 * len(x)
    upper = offsets[:, 1] > 3
    assert np.allclose(sizes[upper].mean() / sizes[~upper].mean(), 3, rtol=1e-3)
    assert np.allclose(offsets[upper, 1] - offsets[upper, 0], 5, atol=1e-6)


def test_rows_of_a_law_come_in_any_order():
    x, distribution = two_branches_law()
    order = np.array([3, 0, 4, 1, 2])
    one = ConditionalDensityDisplay.from_distribution(distribution, x)
    other = ConditionalDensityDisplay.from_distribution(distribution[order], x[order])
    assert np.array_equal(one.density_.get_array(), other.density_.get_array())


def test_quantiles_and_data():
    x, distribution = two_branches_law()
    display = ConditionalDensityDisplay.from_distribution(
        distribution, x, data=([0.5, 0.2], [1.0, 30.0]), quantiles=[0.1, 0.5]
    )
    assert np.array_equal(display.points_.get_offsets(), [[0.5, 1.0], [0.2, 30.0]])
    assert np.allclose(display.quantiles_[1].get_ydata(), distribution.median())
    assert display.ax_.get_ylim()[1] > 30


def test_of_an_estimator(branches):
    reg, X, y = branches
    figure, axis = plt.subplots()
    display = ConditionalDensityDisplay.from_estimator(
        reg, X, y, kind="ribbon", grid_resolution=20, ax=axis
    )
    assert display.ax_ is axis and display.figure_ is figure
    assert np.array_equal(display.x, np.linspace(X.min(), X.max(), 20))
    assert np.array_equal(
        display.regions[0.9], reg.predict_region(display.x[:, None], 0.9), equal_nan=True
    )
    assert np.array_equal(display.points_.get_offsets(), np.column_stack([X[:, 0], y]))
    assert axis.get_xlabel() == "x" and axis.get_ylabel() == "y"


def test_names_of_a_data_frame(frame):
    reg, X, y = frame
    display = ConditionalDensityDisplay.from_estimator(
        reg, X, y, feature="heat", grid_resolution=12
    )
    assert display.ax_.get_xlabel() == "heat, others at their median"
    assert display.ax_.get_ylabel() == "loss"
    rows = pd.DataFrame({"width": X["width"].median(), "heat": display.x, "age": X["age"].median()})
    assert np.array_equal(display.distribution.mean(), reg.predict_distribution(rows).mean())
    same = ConditionalDensityDisplay.from_estimator(
        reg, X, feature=1, others=X.iloc[7], grid_resolution=12
    )
    rows = rows.assign(width=X["width"].iloc[7], age=X["age"].iloc[7])
    assert np.array_equal(same.distribution.mean(), reg.predict_distribution(rows).mean())
    assert same.points_ is None and same.ax_.get_xlabel() == "heat, others as in the given row"


def test_infinite_ends_of_calibrated_regions_are_cut():
    X, y = make_two_branches(60, random_state=0)
    reg = LatentEBMRegressor(SMALL, max_iter=5, calibration="conformal", random_state=0)
    reg.fit(X, y)
    with pytest.warns(CalibrationWarning, match="allow levels up to"):
        display = ConditionalDensityDisplay.from_estimator(
            reg, X, y, levels=[0.99], kind="ribbon", grid_resolution=8, y_range=(-3, 3)
        )
    assert np.isinf(display.regions[0.99]).all()
    corners = np.concatenate([path.vertices[:, 1] for path in display.ribbons_[0.99].get_paths()])
    assert set(corners.tolist()) == {-3.0, 3.0}


def test_the_surface_of_a_pair(horn):
    reg, X, _ = horn
    display = ConditionalDensityDisplay.from_estimator(
        reg, X, x=[0.5], grid_resolution=40, samples=7, latent=True, levels=[0.9]
    )
    assert (
        isinstance(display.distribution, VectorGaussianMixture) and len(display.distribution) == 1
    )
    assert display.samples_.get_offsets().shape == (7, 2)
    means = np.asarray(display.latent_.get_offsets())
    assert all(np.isclose(display.distribution.means[0], mean).all(axis=1).any() for mean in means)
    assert display.density_.zmin == 0  # energies above their minimum
    assert display.ribbons_[0.9].levels == display.regions[0.9].log_threshold
    assert display.ax_.get_xlabel() == "$y_1$"


def test_the_surface_is_the_density():
    distribution = VectorGaussianMixture(
        np.ones((1, 1)), np.zeros((1, 1, 2)), np.eye(2)[None, None]
    )
    display = ConditionalDensityDisplay.from_distribution(
        distribution, quantity="density", levels=(), resolution=41, y_range=(-2, 2)
    )
    values = np.asarray(display.density_.get_array()).reshape(41, 41)
    assert np.isclose(values[20, 20], 1 / (2 * np.pi)) and np.isclose(values.max(), values[20, 20])
    assert np.allclose(display.modes_.get_offsets(), 0, atol=1e-6)


def test_bands_split_half_way():
    regions = np.array([[[0, 1], [np.nan] * 2], [[0, 1], [3, 4]], [[1, 2], [4, 5]]])
    bands = bands_of(np.arange(3.0), regions, (-10, 10))
    assert bands.x.tolist() == [[0, 0.5], [0.5, 1], [0.5, 1], [1, 2], [1, 2]]
    assert bands.high[-1].tolist() == [4, 5]
    assert bands.polygons.shape == (5, 4, 2) and bands.edges.shape == (10, 2, 2)


def test_branches_that_change_places_do_not_join():
    """The lower one ends where one begins above: they are not one band across the gap."""
    regions = np.array([[[0, 1], [5, 6]], [[5, 6], [10, 11]]], dtype=float)
    assert len(bands_of(np.arange(2.0), regions, (-20, 20)).x) == 4


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kind": "fan"}, "kind='fan' is not known"),
        ({"scale": "row"}, "scale='row' is not known"),
        ({"levels": [1.0]}, "levels=1.0 must be a number between 0 and 1"),
        ({"feature": "heat"}, "feature='heat' is no name of a feature; known:"),
        ({"feature": 3}, "feature=3, but X has 1 features"),
        ({"others": "mean"}, "others='mean' must be 'median' or a row of X"),
        ({"others": [1.0, 2.0]}, "expected a row of 1 features"),
        ({"grid_resolution": 1}, "must be 2 or more"),
        ({"y": [1.0, 2.0]}, "an answer for each row"),
    ],
)
def test_refusals(branches, settings, message):
    reg, X, _ = branches
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        ConditionalDensityDisplay.from_estimator(reg, X, **settings)


def test_refusals_of_columns_that_cannot_be_drawn(branches):
    reg, X, _ = branches
    with pytest.raises(ValueError, match="choose one that varies"):
        ConditionalDensityDisplay.from_estimator(reg, np.zeros_like(X))
    with pytest.raises(ValueError, match="one value for each row of the distribution"):
        ConditionalDensityDisplay.from_distribution(two_branches_law()[1], [0.0] * 5)


def test_refusals_of_surfaces(horn):
    reg, X, y = horn
    with pytest.raises(ValueError, match="pass x=, the row whose density is drawn"):
        ConditionalDensityDisplay.from_estimator(reg, X, y)
    with pytest.raises(ValueError, match="expected one row of 1 features"):
        ConditionalDensityDisplay.from_estimator(reg, X, x=[1.0, 2.0])
    with pytest.raises(ValueError, match="quantity='mass' is not known"):
        ConditionalDensityDisplay.from_estimator(reg, X, x=[0.5], quantity="mass")
    distribution = reg.predict_distribution(X[:2])
    with pytest.raises(ValueError, match="2 rows of 2 answers each have no surface"):
        ConditionalDensityDisplay.from_distribution(distribution)
    factors = np.tile(np.eye(2), (1, 2, 1, 1))
    envelope = VectorGaussianEnvelope(np.zeros((1, 2)), np.zeros((1, 2, 2)), factors)
    with pytest.raises(ValueError, match="latent=True marks the means of a mixture"):
        ConditionalDensityDisplay.from_distribution(envelope, latent=True)


# -- Responsibilities and LatentDisplay -----------------------------------------------------------


def test_responsibilities_of_answers_are_gibbs_laws_of_latent_energies(branches):
    reg, X, y = branches
    said = reg.latent_responsibilities(X, y)
    assert said.labels == tuple((f"member {m}", z) for m in range(2) for z in range(3))
    gibbs = np.exp(-reg.latent_energies(X, y))
    gibbs /= gibbs.sum(axis=1, keepdims=True)
    gibbs = gibbs.reshape(len(X), len(said.labels), -1).sum(axis=2)  # over the widths
    assert np.allclose(said.shares, gibbs)


@pytest.mark.parametrize("beta", [1.0, 0.5])
def test_the_prior_is_the_mean_of_responsibilities(branches, blend, beta):
    # Mixtures of a blend are reduced, which keeps them what they are at β = 1.
    for reg, X, _ in (branches, blend) if beta == 1 else (branches,):
        reg = copy(reg)
        reg.beta_ = beta
        y = reg.predict_distribution(X[:1]).quantiles((np.arange(2000) + 0.5) / 2000)[0]
        after = reg.latent_responsibilities(np.repeat(X[:1], len(y), axis=0), y).shares
        prior = reg.latent_responsibilities(X[:1]).shares[0]
        assert np.allclose(after.mean(axis=0), prior, atol=3e-3)


def test_weights_of_the_law_are_the_prior(branches):
    reg, X, _ = branches
    said = reg.latent_responsibilities(X)
    weights = reg.predict_distribution(X).weights.reshape(len(X), len(said.labels), -1)
    assert np.allclose(said.shares, weights.sum(axis=2))


def test_with_the_minimum_one_latent_value_speaks(branches):
    reg, X, y = branches
    reg = copy(reg)
    reg.inference = "min"
    said = reg.latent_responsibilities(X, y)
    best = (
        reg.latent_energies(X, y).reshape(len(X), len(said.labels), -1).min(axis=2).argmin(axis=1)
    )
    assert np.array_equal(said.shares, np.eye(len(said.labels))[best])
    prior = reg.latent_responsibilities(X[:5]).shares
    assert np.allclose(prior.sum(axis=1), 1) and ((prior > 0).sum(axis=1) > 1).all()


def test_responsibilities_of_a_blend_are_called_as_its_members(blend):
    reg, X, y = blend
    said = reg.latent_responsibilities(X, y)
    assert said.labels == tuple(reg.energy_.labels_)
    assert [name for name, _ in said.by_name().labels] == ["memory", "line", "backgrounds"]
    assert np.allclose(said.by_name().shares.sum(axis=1), 1)
    prior = reg.latent_responsibilities(X[:3]).shares
    assert np.allclose(prior, np.exp(reg.params_["log_prior"]))


def test_responsibilities_of_a_bank():
    X, y = make_two_branches(80, random_state=0)
    reg = LatentEBMRegressor("memory", random_state=0).fit(X, y)
    said = reg.latent_responsibilities(X, y)
    assert {name for name, _ in said.labels} == {"memory", "backgrounds"}
    assert np.allclose(reg.latent_responsibilities(X).shares, np.exp(reg.params_["log_prior"]))


def test_one_answer_of_each_row(branches):
    reg, X, y = branches
    with pytest.raises(ValueError, match="takes one answer of each row"):
        reg.latent_responsibilities(X, np.column_stack([y, y]))


def test_shares_of_one_member_sum_to_1(branches):
    reg, X, _ = branches
    said = reg.latent_responsibilities(X).of("member 1")
    assert said.labels == tuple(("member 1", z) for z in range(3))
    assert np.allclose(said.shares.sum(axis=1), 1)
    with pytest.raises(ValueError, match="There is no latent value of 'member 7'; known: member 0"):
        said = reg.latent_responsibilities(X).of("member 7")


def test_areas_of_experts_are_those_of_one_member(branches):
    reg, X, _ = branches
    display = LatentDisplay.from_estimator(reg, X, member=1, grid_resolution=9)
    said = reg.latent_responsibilities(display.x[:, None]).of("member 1")
    order = np.argsort(-said.shares.mean(axis=0))
    assert display.names_ == [f"expert {z}" for z in order]
    assert np.allclose(display.shares_, said.shares[:, order])
    assert len(display.areas_) == 3 and display.ax_.get_ylim() == (0, 1)
    top = display.areas_[-1].get_paths()[0].vertices[:, 1].max()
    assert np.isclose(top, 1)


def test_areas_with_answers_are_means_over_neighbours(blend):
    reg, X, y = blend
    display = LatentDisplay.from_estimator(reg, X, y)
    assert display.names_[-1] == "backgrounds" and set(display.names_) == {
        "memory", "line", "backgrounds"
    }  # fmt: skip
    said = reg.latent_responsibilities(X, y).by_name()
    total = dict(zip([name for name, _ in said.labels], said.shares.mean(axis=0), strict=True))
    # 150 rows in 25 groups: 6 rows each, so that means of groups are nearly the mean of rows.
    for name, mean in zip(display.names_, display.shares_.mean(axis=0), strict=True):
        assert np.isclose(mean, total[name], atol=0.02)
    assert (np.diff(display.x) > 0).all()


def test_points_have_the_colour_of_whoever_has_most_to_say(branches):
    reg, X, y = branches
    display = LatentDisplay.from_estimator(reg, X, y, kind="points")
    assert np.array_equal(display.points_.get_offsets(), np.column_stack([X[:, 0], y]))
    colours = display.points_.get_facecolors()
    best = display.shares_.argmax(axis=1)
    for number in np.unique(best):
        assert len(np.unique(colours[best == number, :3], axis=0)) == 1
    assert len(np.unique(colours[:, :3], axis=0)) == len(np.unique(best))
    assert np.allclose(colours[:, 3], display.shares_.max(axis=1).clip(0.2))


def test_angles_of_a_decoder_have_a_cyclic_map(horn):
    reg, X, y = horn
    display = LatentDisplay.from_estimator(reg, X, y, kind="points")
    assert display.cyclic and display.shares_.shape == (len(X), 16)
    assert display.ax_.get_xlabel() == "$y_1$"
    assert display.colorbar_.ax.get_ylabel() == "z, point of the grid"


def test_many_speakers_are_summed():
    labels = tuple(("memory", b) for b in range(12))
    shares = np.tile(np.arange(12) / 66, (4, 1))
    display = LatentDisplay.from_responsibilities(Responsibilities(labels, shares), np.arange(4.0))
    assert display.names_ == [f"memory {b}" for b in range(11, 4, -1)] + ["all others"]
    assert np.allclose(display.shares_[:, -1], (0 + 1 + 2 + 3 + 4) / 66)


def test_refusals_of_latent_displays(branches):
    reg, X, y = branches
    with pytest.raises(ValueError, match="kind='points' draws rows by their answers; pass y"):
        LatentDisplay.from_estimator(reg, X, kind="points")
    with pytest.raises(ValueError, match="kind='line' is not known"):
        LatentDisplay.from_estimator(reg, X, kind="line")
    with pytest.raises(TypeError, match="LinearRegression has no latent variable"):
        LatentDisplay.from_estimator(LinearRegression().fit(X, y), X)
    with pytest.raises(ValueError, match="must be at most 7"):
        LatentDisplay.from_estimator(reg, X, max_speakers=8)
    said = reg.latent_responsibilities(X)
    with pytest.raises(ValueError, match="one for each row"):
        LatentDisplay.from_responsibilities(said, X[:4, 0])
