r"""
Memory, location and scale, experts, and their blend
====================================================

A `sklearn_ebm.energies.Blend` combines several energies. The energy that applies to a sample is a
latent variable, and its prior :math:`\rho` is learned on out-of-fold samples.
"""

# %%
# Three energies and their blend
# ------------------------------
#
# The data are 600 simulated measurements of the power of a machine over the hours of a day. Until
# 8 h there is one answer with little noise. From 8 h on the machine may be idle, so there are two
# answers, and both change with time. From 15 h on the power follows a timetable, with a different
# setting every half hour.
#
# The memory represents the steps well, but approximates the smooth parts by cells. The
# location-scale energy is unimodal: adequate until 8 h and inadequate where there are two answers.
# The experts follow the smooth parts, but blur the timetable. The blend combines their strengths.
# Dark means a high density; circles are modes, and their area is the probability. NLL is the mean
# of :math:`-\log p(y | x)` over 2,000 new samples, in nats.

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import PowerNorm
from sklearn.ensemble import ExtraTreesRegressor, HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits

from sklearn_ebm import LatentEBMRegressor
from sklearn_ebm.energies import Blend, Experts, LocationScale, Memory
from sklearn_ebm.inspection import LatentDisplay

SETTINGS = np.array([2.6, 0.6, 1.4, 1.0, 2.6, 1.4, 1.0, 2.2, 0.6])


def power_of_a_day(n_rows, random_state):
    """Hours (n, 1) and kilowatts (n,)."""
    rng = np.random.default_rng(random_state)
    hour = rng.uniform(0, 24, n_rows)
    idle, noise = rng.random(n_rows) < 0.4, rng.normal(size=n_rows)
    moving = 2 + np.sin(2 * np.pi * hour / 24) + 0.05 * noise
    timetable = SETTINGS[(hour // 0.5).astype(int) % len(SETTINGS)] + 0.02 * noise
    return hour[:, None], np.where(
        hour < 15, moving - 1.1 * (idle & (hour > 8)), timetable
    )


X, y = power_of_a_day(600, 0)
X_new, y_new = power_of_a_day(2000, 1)
location = [
    ExtraTreesRegressor(50, min_samples_leaf=5),
    HistGradientBoostingRegressor(max_iter=50),
]
members = {
    "memory": Memory(n_trees=50),
    "location_scale": LocationScale(base=location, n_estimators=50),
    "experts": Experts(n_latents=4, hidden_layer_sizes=(64, 64), n_members=6),
}
energies = {**members, "blend": Blend(list(members.items()))}

hours, kilowatts = np.linspace(0, 24, 240)[:, None], np.linspace(0, 3.4, 260)
figure, panels = plt.subplots(2, 2, figsize=(7.2, 6), layout="constrained")
panels = list(panels.ravel())
left, below = panels[::2], panels[2:]
models = {}
for axis, (name, energy) in zip(panels, energies.items(), strict=True):
    with threadpool_limits(1):  # for so few samples, several threads are slower
        model = models[name] = LatentEBMRegressor(energy, random_state=0).fit(X, y)
    density = model.predict_distribution(hours).pdf(np.tile(kilowatts, (len(hours), 1)))
    image = axis.pcolormesh(
        hours[:, 0], kilowatts, density.T, cmap="magma_r", norm=PowerNorm(0.5, 0, 8),
        rasterized=True,
    )  # fmt: skip
    some = hours[5::12]
    modes = model.predict_modes(some, min_probability=0.15)
    axis.scatter(
        np.broadcast_to(some, modes.answers.shape), modes.answers,
        s=40 * modes.probabilities, c="white", edgecolors="black",
    )  # fmt: skip
    nll = -model.log_prob(X_new, y_new).mean()
    axis.set_title(f"{name}: NLL {nll:.2f}".replace("-", "−"), fontsize="medium")
    axis.set(
        ylim=(kilowatts[0], kilowatts[-1]), xticks=range(0, 25, 6), yticks=range(4)
    )
    axis.tick_params(labelleft=axis in left, labelbottom=axis in below)
for axis in below:
    axis.set_xlabel("hour of the day (h)")
for axis in left:
    axis.set_ylabel("power (kW)")
bar = figure.colorbar(image, ax=panels, extend="max", pad=0.01, ticks=[0, 0.5, 2, 4, 8])
bar.set_label("density (1/kW)")
plt.show()

# %%
# The prior of the blend
# ----------------------
#
# Each part of a bar is a component of that member, with its own bandwidth or scale. Maximising the
# likelihood of out-of-fold samples gives most components a weight close to zero. The location-scale
# energy gets no weight, because the others are more likely at every hour.

learned = models["blend"]
prior = np.exp(learned.params_["log_prior"])
names = np.array([name for name, _ in learned.energy_.labels_])
figure, axis = plt.subplots(figsize=(7.2, 2.6), layout="constrained")
bars = [*members, "backgrounds"]
for place, (name, colour) in enumerate(
    zip(bars, ("#D55E00", "#E69F00", "#0072B2", "#999999"), strict=True)
):
    parts = np.sort(prior[names == name])[::-1]
    axis.barh(
        place,
        parts,
        left=np.cumsum(parts) - parts,
        color=colour,
        edgecolor="white",
        linewidth=1.5,
    )
    axis.text(parts.sum() + 0.01, place, f"{parts.sum():.2f}", va="center")
axis.set_yticks(range(len(bars)), bars)
axis.set_xlabel("prior ρ in the blend (the parts of a bar are components)")
axis.set_xlim(0, 1)
axis.invert_yaxis()
axis.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# Which energy applies where
# --------------------------
#
# The prior is the same at every hour, but the responsibilities r ∝ ρ p(y | x) of the energies for
# observed answers differ. Before 15 h, the responsibility of the experts is about 0.4; during the
# timetable, that of the memory is close to 1.

# sphinx_gallery_thumbnail_number = 3
figure, axis = plt.subplots(figsize=(7.2, 3.6), layout="constrained")
display = LatentDisplay.from_estimator(learned, X_new, y_new, ax=axis)
axis.set(xlabel="hour of the day (h)", xticks=range(0, 25, 6))
plt.show()
