"""energy="auto": the report, the choice, the time budget, and what is left of earlier fits."""

import pickle
import time

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import Ridge

from sklearn_ebm import LatentEBMRegressor
from sklearn_ebm.energies import Blend, Experts, LocationScale, Memory
from sklearn_ebm.energies._bank.backgrounds import BroadComponents
from sklearn_ebm.energies._bank.folds import SILENT
from sklearn_ebm.energies._bank.prior import HeldOutDensities
from sklearn_ebm.energies._gaussian.units import Units
from sklearn_ebm.learning.densities import auto
from sklearn_ebm.learning.densities.auto import (
    AutoReport,
    TimeBudget,
    chosen_candidate,
    suitable_members,
)
from sklearn_ebm.learning.densities.stacking import StackedDensities
from sklearn_ebm.learning.monitor import TrainingMonitor
from sklearn_ebm.solvers.base import Iterate

RNG = np.random.RandomState(0)
X = RNG.normal(size=(60, 2))
Y = np.sin(2 * X[:, 0]) + 0.3 * RNG.normal(size=60)
VECTOR = np.column_stack([Y, X[:, 1] + 0.2 * RNG.normal(size=60)])

MEMORY = Memory(n_trees=3, min_leaf_size=2, powers=1, bandwidths=((0.3, 0.02), (1.2, 0.01)))
SMALL = [
    ("memory", MEMORY),
    ("experts", Experts(n_latents=2, hidden_layer_sizes=(4,))),
    ("location_scale", LocationScale(n_estimators=3)),
]


@pytest.fixture
def small(monkeypatch):
    """Members that are quickly learned, and a location that is a line."""
    asked = []

    def members(n_outputs, n_latents, levels):
        asked.append((n_outputs, n_latents))
        return SMALL

    monkeypatch.setattr("sklearn_ebm.learning.densities.learn.suitable_members", members)
    monkeypatch.setattr("sklearn_ebm.energies._bank.locations._automatic", lambda n, d: [Ridge()])
    return asked


def fit(*, y=Y, **parameters):
    return LatentEBMRegressor(**{"random_state": 0, "max_iter": 3, **parameters}).fit(X, y)


# The true default


@pytest.mark.slow
def test_the_default():
    """All members, on few rows: better than the marginal density, and it says why."""
    reg = LatentEBMRegressor(random_state=0).fit(X, Y)
    report = reg.auto_report_
    members = [name for name, _ in suitable_members(1, None)]
    assert set(report.candidates) == {"blend", *members} and not report.skipped
    assert report.chosen in report.candidates
    marginal = np.log(Y.std()) + 0.5 * np.log(2 * np.pi * np.e)
    assert report.held_out_nll.min() < marginal - 0.3
    new = np.random.RandomState(1).normal(size=(200, 2))
    y = np.sin(2 * new[:, 0]) + 0.3 * np.random.RandomState(2).normal(size=200)
    assert -reg.log_prob(new, y).mean() < marginal - 0.3
    assert "blend" in str(report) and report.reason in str(report)


def test_members_that_suit():
    names = [name for name, _ in suitable_members(1, None)]
    assert set(names) | {"location"} == set(auto.COSTS) and len(names) == len(set(names))
    assert dict(suitable_members(1, 7))["experts"].n_latents == 7
    assert dict(suitable_members(1, None))["experts"].covariance == "diagonal"
    assert dict(suitable_members(2, None))["experts"].covariance == "full"
    few = [name for name, _ in suitable_members(1, None, levels=True)]
    assert few == ["experts", "memory", "location_scale"]


@pytest.mark.parametrize(("n_distinct", "levels"), [(12, True), (13, False), (60, False)])
def test_rows_that_return_five_times_are_levels(n_distinct, levels, monkeypatch):
    seen = []

    def members(n_outputs, n_latents, levels):
        seen.append(levels)
        return [("memory", Memory(n_trees=2))]

    monkeypatch.setattr("sklearn_ebm.learning.densities.learn.suitable_members", members)
    LatentEBMRegressor(random_state=0).fit(X[np.arange(60) % n_distinct], Y)
    assert seen == [levels]


# The report


def test_the_report_agrees_with_the_judgement(small, monkeypatch):
    seen = {}

    def spied(blend, held_out_densities, groups, skipped):
        seen.update(blend=blend, held_out_densities=held_out_densities, groups=groups)
        return chosen_candidate(blend, held_out_densities, groups, skipped)

    monkeypatch.setattr("sklearn_ebm.learning.densities.learn.chosen_candidate", spied)
    reg = fit()
    report, held_out_densities, groups = (
        reg.auto_report_,
        seen["held_out_densities"],
        seen["groups"],
    )
    blend, n = seen["blend"], len(held_out_densities.weight)
    assert report.candidates == ("blend", "experts", "memory", "location_scale")
    loss = {}
    for candidate, nll in zip(report.candidates, report.held_out_nll, strict=True):
        places = np.array(
            [
                place
                for place, (name, _) in enumerate(blend.labels_)
                if name in (candidate, "backgrounds")
            ]
        )
        if candidate == "blend":
            places = auto.needed(blend, held_out_densities)
        # By hand: the prior of all other groups, and the mean over all rows.
        own = np.empty(n)
        for group in np.unique(groups):
            mine = groups == group
            rest = HeldOutDensities(
                held_out_densities.log_density[~mine][:, places],
                held_out_densities.weight[~mine],
                held_out_densities.least[places],
            )
            law = np.exp(held_out_densities.log_density[mine][:, places]) @ np.exp(rest.prior()[0])
            own[mine] = -np.log(law)
        loss[candidate] = own
        assert nll == pytest.approx(own.mean() + np.log(Y.std()))
    apart = np.array([loss[name] - loss["blend"] for name in report.candidates])
    np.testing.assert_allclose(report.standard_error, apart.std(axis=1) / np.sqrt(n))
    shares = dict(zip(report.candidates, report.share, strict=True))
    assert shares.pop("blend") == 1 and 0.5 < sum(shares.values()) <= 1
    assert (report.seconds > 0).all() and report.seconds[0] >= report.seconds[1:].sum()


def test_the_printed_table(small):
    report = fit(time_budget=1e6).auto_report_
    lines = str(report).split("\n")
    assert len(lines) == 1 + len(report.candidates) + 1
    assert lines[0].split()[0] == "candidate" and lines[0].endswith(" s")
    for line, name, nll in zip(lines[1:], report.candidates, report.held_out_nll, strict=False):
        assert line.startswith(name) and f"{nll:.4f}" in line
    assert lines[-1] == f"{report.chosen}: {report.reason}"
    skipped = report._replace(skipped={"experts": "it would take about 9.0 s, and 1.0 s are left"})
    assert str(skipped).split("\n")[-2] == (
        "experts: not learned, it would take about 9.0 s, and 1.0 s are left"
    )


# The choice


def blend_of(members):
    """A blend of members with one element each, in units of which one is e."""
    blend = Blend()
    blend.members_ = tuple((name, MEMORY) for name in members)
    blend.sizes_ = (1,) * len(members)
    blend.seconds_ = dict.fromkeys(members, 1.0)
    blend._backgrounds = BroadComponents(np.array([1.0, 3.0, 10.0]), 1, np.full(3, 1e-9))
    blend._units = Units(*np.zeros((2, 1)), np.zeros(1), np.array([np.e]), np.zeros(1))
    return blend


def validation(gain, n_members=2, n=200):
    """A blend of which two members are right for half of the rows each, by a given gain."""
    blend = blend_of("abc"[:n_members])
    log_density = np.full((n, n_members + 3), -50.0)
    log_density[:, :n_members] = 0.0
    log_density[: n // 2, 0] += gain
    log_density[n // 2 :, n_members - 1] += gain
    held_out_densities = HeldOutDensities(
        log_density, np.ones(n), np.repeat([0.0, 1e-9], [n_members, 3])
    )
    return chosen_candidate(blend, held_out_densities, np.arange(n) % 5, {})


@pytest.mark.parametrize(("gain", "chosen"), [(1.0, "blend"), (0.15, "a"), (0.0, "a")])
def test_a_blend_has_to_be_worth_it(gain, chosen):
    """With shares of one half, the blend gains log cosh(gain/2) nats over each member."""
    places, report = validation(gain)
    won = report.held_out_nll[1:].min() - report.held_out_nll[0]
    assert won == pytest.approx(np.log(np.cosh(gain / 2)), abs=1e-3)
    assert (won > auto.WORTH) == (chosen == "blend")
    assert report.chosen in ({"a", "b"} if chosen == "a" else {"blend"})
    members = {"a": [0], "b": [1], "blend": [0, 1]}[report.chosen]
    assert places.tolist() == [*members, 2, 3, 4]
    # In the units of y, of which one is e.
    assert report.held_out_nll[1] == pytest.approx(1 - gain / 2, abs=1e-3)
    wanted = "better than" if chosen == "blend" else "a blend of all is not better by 0.005 nats"
    assert wanted in report.reason


def test_members_that_bring_nothing_leave_the_blend():
    """The third of three is never right: without it the validation rows lose nothing."""
    log_density = np.zeros((200, 6))
    log_density[:100, 0], log_density[100:, 1] = 2.0, 2.0
    log_density[:, 2:] = -5.0
    held_out_densities = HeldOutDensities(log_density, np.ones(200), np.repeat([0.0, 1e-9], 3))
    blend = blend_of("abc")
    assert auto.needed(blend, held_out_densities).tolist() == [0, 1, 3, 4, 5]


def test_the_only_member_is_chosen():
    places, report = validation(0.0, n_members=1)
    assert (report.chosen, report.reason) == ("a", "the only one that was learned")
    assert places.tolist() == [0, 1, 2, 3]
    assert report.candidates == ("blend", "a")


@pytest.mark.parametrize("chosen", ["blend", "memory", "experts", "location_scale"])
def test_what_is_chosen_is_what_predicts(chosen, small, monkeypatch):
    def choose(blend, held_out_densities, groups, skipped):
        every = np.arange(len(blend.labels_))
        report = chosen_candidate(blend, held_out_densities, groups, skipped)[1]
        return every if chosen == "blend" else blend._places_of(chosen), report

    monkeypatch.setattr("sklearn_ebm.learning.densities.learn.chosen_candidate", choose)
    monkeypatch.setattr("sklearn_ebm.energies._bank.prior.LEAST_PRIOR", 0.0)
    monkeypatch.setattr("sklearn_ebm.energies._bank.prior.VANISHED", -1.0)
    reg = fit()
    heard = {name for name, _ in reg.energy_.labels_}
    everyone = {"memory", "experts", "location_scale"}
    assert heard == {"backgrounds"} | (everyone if chosen == "blend" else {chosen})
    # The location listens to the experts, who stay for that.
    located = {"experts", "location_scale"} if chosen == "location_scale" else {chosen}
    members = {name for name, _ in reg.energy_.members_}
    assert members == (everyone if chosen == "blend" else located)
    assert np.exp(reg.params_["log_prior"]).sum() == pytest.approx(1)
    assert np.isfinite(reg.log_prob(X, Y)).all()


# The time


def test_a_tiny_budget_learns_one_member_and_says_what_was_skipped(small):
    report = fit(time_budget=1e-6).auto_report_
    assert report.candidates == ("blend", "memory")  # the cheapest
    assert set(report.skipped) == {"experts", "location_scale"}
    for why in report.skipped.values():
        assert why.startswith("it would take about") and why.endswith("0.0 s are left")
    assert report.chosen == "memory" and report.reason == "the only one that was learned"
    assert "experts: not learned, it would take about" in str(report)


@pytest.mark.parametrize("budget", [None, 1e6])
def test_enough_time_skips_nothing(budget, small):
    assert fit(time_budget=budget).auto_report_.skipped == {}


def test_passes_end_with_the_time():
    """With what was learned so far, and no warning: that was asked for."""
    assert fit(energy="experts", max_iter=20, time_budget=1e-6).n_iter_ == 1
    assert fit(energy="experts", max_iter=20, time_budget=1e6).n_iter_ == 20


def test_what_ends_with_the_time_says_so():
    watch = TrainingMonitor((TimeBudget(1e-9, 60, SILENT).stops,))
    watch.energy, watch.params_of = None, lambda w: {}
    assert watch(Iterate(np.zeros(1), 0.0, np.zeros(1), 0.0, 1))
    assert watch.message == "the time_budget is used up"


def test_passes_of_a_member_end_with_the_time(small, monkeypatch):
    monkeypatch.setattr(TimeBudget, "skips", lambda budget, member: False)
    passes = []
    monkeypatch.setattr(
        TrainingMonitor, "_held_out_loss", lambda watch, w: passes.append(watch) or 0.0
    )
    report = fit(time_budget=1e-6, max_iter=20).auto_report_
    assert "experts" in report.candidates and len(passes) == 1


def test_the_cheapest_come_first(small, monkeypatch):
    """The experts once the location, which the third needs, is dearer than they are."""
    first = dict(SMALL)
    for n_rows, order in [
        (100, ["memory", "location_scale", "experts"]),
        (10_000, ["memory", "experts", "location_scale"]),
    ]:
        budget, left, found = TimeBudget(1e6, n_rows, SILENT), list(first), []
        while left:
            found.append(left.pop(budget.next_of(left)))
            budget.taken[found[-1]] = 1.0
        assert found == order
    assert TimeBudget(None, 100, SILENT).next_of(list(first)) == 0
    assert TimeBudget(1.0, 100, SILENT).next_of(["mine", "memory"]) == 0
    assert not TimeBudget(1e-9, 100, SILENT).skips("mine")


@pytest.mark.parametrize(("budget", "heard"), [(1e6, ()), (None, ("experts",))])
def test_a_location_listens_to_those_before_it(budget, heard, small, monkeypatch):
    """In learning and ever after; where time counts, it comes before the experts."""

    def choose(blend, held_out_densities, groups, skipped):
        return np.arange(len(blend.labels_)), chosen_candidate(
            blend, held_out_densities, groups, skipped
        )[1]

    monkeypatch.setattr("sklearn_ebm.learning.densities.learn.chosen_candidate", choose)
    monkeypatch.setattr("sklearn_ebm.energies._bank.prior.LEAST_PRIOR", 0.0)
    monkeypatch.setattr("sklearn_ebm.energies._bank.prior.VANISHED", -1.0)
    reg = fit(time_budget=budget)
    assert reg.energy_.inputs_ == heard
    others = ["memory", "location_scale"]
    assert [name for name, _ in reg.energy_.members_] == (
        ["experts", *others] if heard else [*others, "experts"]
    )
    assert reg.energy_._location.share_.shape[1] == 1 + len(heard)
    for other in (pickle.loads(pickle.dumps(reg)), clone(reg).fit(X, Y)):
        np.testing.assert_array_equal(other.log_prob(X, Y), reg.log_prob(X, Y))


def test_time_that_is_left(monkeypatch):
    """The first takes ten times what is typical; so will the others."""
    now = [100.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(auto, "COSTS", {"a": (1.0, 0.01), "location": (2.0, 0.0), "l": (1.0, 0.0)})
    monkeypatch.setattr(auto, "LOCATED", ("l",))
    budget = TimeBudget(45.0, 100, SILENT)
    assert not budget.skips("a")
    now[0] += 20.0
    budget.ended("fold")
    budget.ended("a")
    assert budget.skips("l")  # 10 times 3 s, of which 25 s are left
    assert budget.skipped["l"] == "it would take about 30.0 s, and 25.0 s are left"
    budget.taken["location"] = 0.0
    assert not TimeBudget(None, 100, SILENT).skips("l")
    budget.seconds = 100.0
    assert not budget.skips("l")


@pytest.mark.parametrize("budget", [0, -1.0, np.nan, np.inf, "long"])
def test_budgets_that_are_refused(budget, small):
    with pytest.raises(ValueError, match="time_budget="):
        fit(time_budget=budget)


# The estimator


def test_the_same_random_state_gives_the_same(small):
    one, two, other = fit(random_state=5), fit(random_state=5), fit(random_state=6)
    np.testing.assert_array_equal(one.log_prob(X, Y), two.log_prob(X, Y))
    for mine, yours in zip(one.auto_report_[:4], two.auto_report_[:4], strict=True):
        np.testing.assert_array_equal(mine, yours)
    assert (one.log_prob(X, Y) != other.log_prob(X, Y)).any()
    state = np.random.RandomState(5)
    first, second = fit(random_state=state), fit(random_state=state)
    assert (first.log_prob(X, Y) != second.log_prob(X, Y)).any()


def test_what_a_member_learns_does_not_depend_on_the_others(small, monkeypatch):
    """A budget that skips the last changes nothing of the first but the backgrounds behind it."""
    few, all_of_them = fit(time_budget=1e-6), fit()
    of = {
        reg: dict(zip(reg.auto_report_.candidates, reg.auto_report_.held_out_nll, strict=True))
        for reg in (few, all_of_them)
    }
    assert of[few]["memory"] == pytest.approx(of[all_of_them]["memory"], abs=0.01)


@pytest.mark.parametrize(
    "parameters", [{"loss": "energy"}, {"loss": "hinge"}, {"inference": "min"}]
)
def test_with_other_losses_it_is_experts(parameters, small):
    reg = fit(**parameters, n_latents=2)
    assert type(reg.energy_) is Experts and reg.energy_.n_latents == 2
    assert not hasattr(reg, "auto_report_") and not small


def test_what_is_said_of_the_latent_values_reaches_the_experts(small):
    fit(n_latents=4)
    fit(y=VECTOR)
    assert small == [(1, 4), (2, None)]
    with pytest.raises(ValueError, match="energy 'blend' has no n_latents"):
        fit(energy="blend", n_latents=4)


def test_nothing_is_left_of_the_fit_before(small):
    reg = fit()
    assert isinstance(reg.auto_report_, AutoReport)
    assert not hasattr(reg, "validation_loss_curve_")
    reg.set_params(energy=Experts(2, hidden_layer_sizes=(4,))).fit(X, Y)
    assert not hasattr(reg, "auto_report_") and len(reg.validation_loss_curve_)
    reg.set_params(energy=MEMORY).fit(X, Y)
    assert not hasattr(reg, "auto_report_") and not hasattr(reg, "validation_loss_curve_")
    reg.set_params(energy="auto").fit(X, VECTOR)
    assert reg.auto_report_.candidates[0] == "blend" and reg.y_grid_ is None


def test_the_parameter_is_left_as_it_was(small):
    blend = Blend()
    reg = fit(energy=blend)
    assert vars(blend) == {"members": "auto", "base": "auto"}
    assert reg.energy is blend and reg.auto_report_.candidates[0] == "blend"


def test_given_rows_judge(small):
    new = RNG.normal(size=(30, 2))
    settings = {"max_iter": 3, "random_state": 0}
    reg = LatentEBMRegressor(**settings).fit(X, Y, X_val=new, y_val=new[:, 0])
    assert len(reg.energy_._held_out_densities.weight) == len(Y) + 30  # besides those left out
    far = LatentEBMRegressor(**settings).fit(X, Y, X_val=new, y_val=new[:, 0] + 5)
    assert (far.auto_report_.held_out_nll > reg.auto_report_.held_out_nll + 0.5).all()


def test_several_answers_and_beta(small):
    reg = fit(y=VECTOR, beta="auto", calibration="conformal", validation_fraction=0.2)
    assert 0.1 < reg.beta_ < 10
    low, high = np.moveaxis(reg.predict_interval(X, 0.8), -1, 0)
    assert (((low <= VECTOR) & (VECTOR <= high)).mean(axis=0) > 0.7).all()
    # The unit of the answers does not matter.
    other = fit(y=4 * VECTOR, beta="auto", calibration="conformal", validation_fraction=0.2)
    assert other.beta_ == pytest.approx(reg.beta_)
    np.testing.assert_allclose(other.predict_interval(X), 4 * reg.predict_interval(X))
    expected = reg.log_prob(X, VECTOR) - 2 * np.log(4)
    np.testing.assert_allclose(other.log_prob(X, 4 * VECTOR), expected)


def test_counted_is_left_as_it_is(small, monkeypatch):
    """Concluding one candidate does not change what was counted."""
    kept = []
    conclude = StackedDensities.concluded

    def spied(self, places=None):
        kept.append((self, places))
        return conclude(self, places)

    monkeypatch.setattr(StackedDensities, "concluded", spied)
    fit()
    ((counted, _),) = kept
    before = list(counted.energy.labels_)
    for name in ("memory", "location_scale"):
        one = conclude(counted, counted.energy._places_of(name))
        assert {label for label, _ in one.energy.labels_} <= {name, "backgrounds"}
        (unseen,) = one.unseen()
        assert len(unseen.y) == len(Y)
    assert counted.energy.labels_ == before
