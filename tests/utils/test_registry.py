"""Registries: names become parts, and refusals help."""

import pytest

from sklearn_ebm import EBMClassifier, LatentEBMRegressor
from sklearn_ebm._utils.registry import Registry, unknown_name
from sklearn_ebm.energies import CONDITIONAL_ENERGIES, ENERGIES, Energy, Linear
from sklearn_ebm.inference import INFERENCES
from sklearn_ebm.inference.base import Elimination
from sklearn_ebm.losses import LOSSES, NLL, Hinge, Loss
from sklearn_ebm.losses.negatives import CLASS_NEGATIVES, NEGATIVES
from sklearn_ebm.losses.sampled import SAMPLED_LOSSES
from sklearn_ebm.representation import REPRESENTATIONS
from sklearn_ebm.representation.base import Representation
from sklearn_ebm.solvers import SOLVERS
from sklearn_ebm.solvers.base import Solver

REGISTRIES = {
    "loss": LOSSES, "energy": ENERGIES, "inference": INFERENCES, "solver": SOLVERS,
    "representation": REPRESENTATIONS,
}  # fmt: skip
BASES = {
    "loss": Loss, "energy": Energy, "inference": Elimination, "solver": Solver,
    "representation": Representation,
}  # fmt: skip


@pytest.mark.parametrize("kind", REGISTRIES)
def test_every_name_becomes_a_new_part(kind):
    registry = REGISTRIES[kind]
    assert registry.kind == kind
    assert registry.base is BASES[kind]
    assert len(registry) == len(registry.names) == len(set(registry.values()))
    for name in registry:
        part = registry.resolve(name)
        assert type(part) is registry[name]
        assert isinstance(part, BASES[kind])
        assert registry.resolve(name) is not part
        assert registry.name_of(part) == name
        assert registry.resolve(part) is part


def test_names_of_theory():
    assert set(LOSSES) == {
        "nll", "simple", "hinge", "log", "square_square", "energy", "perceptron", "square_exp",
        "lvq2", "mce", "mee",
    }  # fmt: skip
    assert {"linear"} <= set(ENERGIES)
    assert {"min", "marginal"} <= set(INFERENCES)
    assert {"lbfgs", "newton", "averaged"} <= set(SOLVERS)


def test_settings_go_to_a_named_part():
    assert LOSSES.resolve("hinge", margin=3.0).margin == 3.0


def test_a_part_of_a_user_has_the_name_of_its_class():
    class Mine(Hinge):
        pass

    assert LOSSES.resolve(mine := Mine()) is mine
    assert LOSSES.name_of(mine) == "Mine"


@pytest.mark.parametrize(
    ("choice", "closest"), [("hing", "hinge"), ("NLL", "nll"), ("squaresquare", "square_square")]
)
def test_an_unknown_name_is_refused_with_the_closest_and_all_names(choice, closest):
    with pytest.raises(ValueError) as caught:
        LOSSES.resolve(choice)
    message = str(caught.value)
    assert f"loss={choice!r} is not known. Did you mean {closest!r}?" in message
    assert message.endswith(f"Known names: {', '.join(LOSSES)}.")


def test_a_name_like_no_other_has_no_closest_one():
    assert unknown_name("loss", "xyz", ("nll", "hinge")) == (
        "loss='xyz' is not known. Known names: nll, hinge."
    )


def test_a_name_of_another_estimator_is_refused_with_that_estimator():
    registry = Registry("step", object, {"short": int, "long": float})
    registry.elsewhere["high"] = "Ladder"
    with pytest.raises(ValueError, match=r"^step='high' is for Ladder; use one of: short, long\.$"):
        registry.resolve("high")


REGRESSION = {"energy": set(CONDITIONAL_ENERGIES) | {"auto"}, "negatives": set(NEGATIVES)}
REGRESSION["loss"] = set(SAMPLED_LOSSES) - {"nll"}


@pytest.mark.parametrize(
    "setting", [(kind, name) for kind, names in REGRESSION.items() for name in sorted(names)]
)
def test_a_classifier_refuses_names_of_regression(setting):
    kind, name = setting
    with pytest.raises(ValueError, match=rf"^{kind}='{name}' is for LatentEBMRegressor.*; use one"):
        EBMClassifier(**{kind: name}).fit([[0.0], [1.0]], [0, 1])


@pytest.mark.parametrize("loss", ["nll", "hinge"])
@pytest.mark.parametrize(
    "setting",
    [("energy", name) for name in ENERGIES] + [("negatives", name) for name in CLASS_NEGATIVES],
)
def test_a_regressor_refuses_names_of_classes(setting, loss):
    kind, name = setting
    given = {"energy": "joint" if loss == "nll" else "experts"} | {kind: name}
    with pytest.raises(ValueError, match=rf"^{kind}='{name}' is for EBMClassifier; use one of: "):
        LatentEBMRegressor(**given, loss=loss).fit([[0.0], [1.0]], [0.0, 1.0])


def test_a_class_or_another_part_is_refused():
    with pytest.raises(TypeError, match=r"loss=Hinge is a class; .* loss=Hinge\(\)\."):
        LOSSES.resolve(Hinge)
    with pytest.raises(TypeError, match=r"loss=Linear\(\) is neither one of the names nll, .*Loss"):
        LOSSES.resolve(Linear())
    with pytest.raises(TypeError, match=r"loss=3 is neither"):
        LOSSES.resolve(3)


def test_accepts():
    assert LOSSES.accepts("hinge", "margin")
    assert not LOSSES.accepts("nll", "margin")
    assert not LOSSES.accepts("unknown", "margin")
    assert LOSSES.accepts("nll", "beta") and isinstance(LOSSES.resolve("nll", beta=2.0), NLL)
