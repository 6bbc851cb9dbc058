"""The energies that take part, by the names of `--energies`."""

from sklearn_ebm.energies import CONDITIONAL_ENERGIES, Experts

from .data import VECTORS

# What the estimator takes by itself; curves need a decoder.
DEFAULT, OF_CURVES = "default", "decoder"

# The parts of the default, each of which is an energy of its own.
MEMBERS = ("experts", "memory", "location_scale")
QUICK_MEMBERS = MEMBERS[:2]  # a location takes seconds even on few rows

# Networks with one Gaussian each are a deep ensemble; small ones show what little time buys.
ENSEMBLE = "deep_ensemble"
OBJECTS = {
    ENSEMBLE: Experts(n_latents=1),
    "small_experts": Experts(n_latents=2, hidden_layer_sizes=(16,), n_members=2),
}


def energies_for(name, options):
    """Those that learn a set."""
    return [OF_CURVES] if name in VECTORS else options.energies


def settings_of(energy):
    """What LatentEBMRegressor is given for a name."""
    return {} if energy == DEFAULT else {"energy": OBJECTS.get(energy, energy)}


def title(energy):
    """What tables call an energy."""
    return "LatentEBMRegressor" if energy == DEFAULT else f"LatentEBMRegressor, {energy}"


def of_energy(energy, measure):
    """What a figure of an energy is called; of the default nothing is added."""
    return measure if energy == DEFAULT else f"{energy}: {measure}"


def known_energies():
    """All names that `--energies` may hold."""
    return (DEFAULT, "auto", *CONDITIONAL_ENERGIES, *OBJECTS)


def members_apart(options):
    """The parts of the default that `--energies` does not name."""
    members = QUICK_MEMBERS if options.quick else MEMBERS
    return [member for member in members if member not in options.energies]
