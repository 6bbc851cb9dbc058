"""The case ablation: what each part of a bank of densities brings.

A blend keeps what rows out of fold say of all its elements. Another prior on them is another model,
learned in a moment, and tried on the test rows without another fit.
"""

import numpy as np

from sklearn_ebm import LatentEBMRegressor
from sklearn_ebm.energies import Blend
from sklearn_ebm.energies.blend import BACKGROUNDS
from sklearn_ebm.learning.densities.auto import suitable_members

from .data import PUBLISHED, real_names, splits_of
from .energies import OBJECTS
from .fits import mean_and_error, seconds_of_fit
from .published import UNBOUNDED

CASE, SPLITS = "ablation", 3
LEARNT = "as it is learned"

# An element counts as used that has this share of the prior of its member.
USED = 0.01
ROWS = 300  # say how wide the elements are

QUICK_MEMBERS = ["memory", ("experts", OBJECTS["small_experts"])]
QUICK_PASSES = 5


class WholeBlend(Blend):
    """A blend that keeps members without a prior, so that each can be tried alone."""

    def needed(self, log_prior):
        """All places."""
        return np.arange(len(log_prior))


def ablation(options, report):
    """What does the blend lose without one of its parts?"""
    for name in real_names(PUBLISHED, options):
        if name in UNBOUNDED:
            continue
        splits = splits_of(name, options)[: options.splits or SPLITS]
        if splits:
            one_set(name, splits, options, report)


def one_set(name, splits, options, report):
    print(f"{name}: {len(splits)} splits; mean ± standard error over splits")
    losses = [losses_of(split, options) for split in splits]
    figures = {prior: mean_and_error([each[prior] for each in losses]) for prior in losses[0]}
    for prior, (mean, error) in figures.items():
        above = mean_and_error([each[prior] - each[LEARNT] for each in losses])
        columns = {"nll": mean, "nll ±": error, "above": above[0], "above ±": above[1]}
        report.run(CASE, name, prior, None, **columns)
    others = {prior: mean for prior, (mean, _) in figures.items() if prior != LEARNT}
    best = min(others, key=others.get)
    report.figure(CASE, name, "NLL above the best of its parts by",
                  figures[LEARNT][0] - others[best], best)  # fmt: skip


def losses_of(split, options):
    """Mean NLL of the test rows under each prior of all members that suit a quantity."""
    members = QUICK_MEMBERS if options.quick else suitable_members(1, None)
    model = LatentEBMRegressor(
        WholeBlend(members), max_iter=QUICK_PASSES if options.quick else None, random_state=0
    )
    seconds_of_fit(model, split)
    return losses_under(model, priors_of(model, split.X[:ROWS]), split)


def losses_under(model, priors, split):
    """Mean NLL of the test rows under each of several priors; the model is left as it was."""
    learned, losses = model.params_, {}
    for name, log_prior in priors.items():
        model.params_ = learned | {"log_prior": log_prior}
        losses[name] = float(-model.log_prob(split.X_test, split.y_test).mean())
    model.params_ = learned
    return losses


def priors_of(model, X):
    """Priors of a fitted blend without some of its parts, by what was left out.

    Parameters
    ----------
    model : LatentEBMRegressor
        With a `Blend` that kept all its members.
    X : ndarray of shape (n_samples, n_features)
        Rows to see by how wide each element is.

    Returns
    -------
    dict of str to ndarray of shape (B,)
        −∞ for elements that are left out. A part alone has the backgrounds beside it.
    """
    learned, judgement = model.params_["log_prior"], model.energy_._held_out_densities
    member = np.array([name for name, _ in model.energy_.labels_])
    parts = [str(name) for name in dict.fromkeys(member) if name != BACKGROUNDS]
    behind = member == BACKGROUNDS
    kept = {f"{part} alone": (member == part) | behind for part in parts}
    kept |= {f"without {part}": member != part for part in (*parts, BACKGROUNDS)}
    kept["one width of each part"] = widest_used(widths_of(model, X), learned, member)
    priors = {LEARNT: learned, "uniform weights": np.full(len(learned), -np.log(len(learned)))}
    return priors | {
        name: prior_of(judgement, which) for name, which in kept.items()
        if (which & ~behind).any() and not which.all()
    }  # fmt: skip


def prior_of(judgement, kept):
    """The most likely prior on some of the elements."""
    log_prior = np.full(len(kept), -np.inf)
    log_prior[kept], _ = judgement.of(np.flatnonzero(kept)).prior()
    return log_prior


def widths_of(model, X):
    """The median scale of each element's Gaussians, over rows and answers."""
    energy = model.energy_
    rows = energy._standardize_rows(X)
    elements = [*energy._elements_alone(rows), *energy._backgrounds.elements(len(rows))]
    return np.array([median_scale(element) for element in elements])


def median_scale(element):
    """Of those Gaussians that are there."""
    scales = np.diagonal(element.factors, axis1=-2, axis2=-1)
    return float(np.median(scales[np.isfinite(element.levels)]))


def widest_used(widths, log_prior, member):
    """Of each part the widest element that has a share of its prior; backgrounds all stay."""
    prior, kept = np.exp(log_prior), member == BACKGROUNDS
    for part in set(member) - {BACKGROUNDS}:
        own = member == part
        used = own & (prior >= USED * prior[own].sum())
        kept[np.argmax(np.where(used, widths, -np.inf))] = True
    return kept
