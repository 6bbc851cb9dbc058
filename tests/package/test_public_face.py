"""How many names a part shows: those that a user types, and those that authors of parts write."""

import pytest

from sklearn_ebm import energies, losses, representation, solvers
from sklearn_ebm.energies import CONDITIONAL_ENERGIES, ENERGIES, Energy
from sklearn_ebm.energies.banks import BankEnergy
from sklearn_ebm.energies.base import Traits as EnergyTraits
from sklearn_ebm.energies.latent import LatentEnergy
from sklearn_ebm.losses import LOSSES, Hinge, Loss, PairwiseLoss, Traits
from sklearn_ebm.solvers import SOLVERS

PARTS = {**LOSSES, **SOLVERS, **ENERGIES, **CONDITIONAL_ENERGIES}
MOST_NAMES = 13

#: Public names that scikit-learn gives to every part.
OF_SCIKIT_LEARN = {"get_params", "set_params", "get_metadata_routing"}


def public_names(part):
    """Public names of a part, without its parameters and what scikit-learn gives it.

    A name that raises ``AttributeError`` is not there. `dir` lists such a name with
    scikit-learn 1.6, and leaves it out with newer ones.
    """
    known = OF_SCIKIT_LEARN | set(part.get_params(deep=False))
    names = (name for name in dir(part) if not name.startswith("_") and name not in known)
    return [name for name in names if hasattr(part, name)]


@pytest.mark.parametrize("name", PARTS)
def test_a_part_has_few_public_names(name):
    names = public_names(PARTS[name]())
    assert len(names) <= MOST_NAMES, f"{name} has {len(names)} public names: {', '.join(names)}"


def test_what_authors_of_losses_write_is_public():
    assert set(public_names(Hinge())) == {
        "conjugate", "curvature", "examples", "is_smooth", "pair", "pair_conjugate",
        "pair_curvature", "smoothed", "surrogate", "traits",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("module", "name"), [(losses, "LOSSES"), (solvers, "SOLVERS"), (energies, "ENERGIES"),
                         (energies, "CONDITIONAL_ENERGIES"), (representation, "REPRESENTATIONS")],
)  # fmt: skip
def test_a_registry_is_no_public_name_but_prints_its_names(module, name):
    registry = getattr(module, name)
    assert name not in module.__all__
    assert repr(registry).endswith(f": {', '.join(registry)}>")


@pytest.mark.parametrize(
    ("base", "trait"),
    [
        *((base, trait) for base in (Loss, PairwiseLoss) for trait in Traits._fields),
        *(
            (base, trait)
            for base in (Energy, LatentEnergy, BankEnergy)
            for trait in EnergyTraits._fields
        ),
    ],
)
def test_a_trait_that_stands_alone_in_a_class_body_is_refused(base, trait):
    with pytest.raises(TypeError, match=f"Mine sets {trait} by itself; .*Traits\\({trait}="):
        type("Mine", (base,), {trait: True})
