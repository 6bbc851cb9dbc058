r"""
Intervals, regions and their coverage
=====================================

The uncertainty of a prediction can be described in two ways. ``predict_interval`` returns the
central interval between two quantiles. ``predict_region`` returns the smallest set of the same
probability, :math:`\{y : F(x, y) \le \tau(x)\}`, which may consist of several intervals. If
there are two answers, the central interval includes the empty gap between them.
"""

# %%
# Interval and region
# -------------------
#
# 800 samples of `make_two_branches`, level 0.9. Both contain the same fraction of new answers; the
# region is shorter, because it excludes the gap.

import matplotlib.pyplot as plt
import numpy as np

from sklearn_ebm import LatentEBMRegressor
from sklearn_ebm.datasets import make_two_branches
from sklearn_ebm.energies import Experts
from sklearn_ebm.inspection import ConditionalDensityDisplay
from sklearn_ebm.metrics import interval_coverage


def length(pieces):
    """Mean over the rows of the total length of the intervals."""
    return np.nansum(pieces[..., 1] - pieces[..., 0], axis=1).mean()


X, y = make_two_branches(800, random_state=0)
X_new, y_new = make_two_branches(200, random_state=1)
model = LatentEBMRegressor("experts", random_state=0).fit(X, y)

figure, axes = plt.subplots(
    1, 2, figsize=(7.2, 3.6), sharex=True, sharey=True, layout="constrained"
)
display = ConditionalDensityDisplay.from_estimator(
    model, X, y, kind="ribbon", levels=[0.9], modes=False, ax=axes[1]
)
x = display.x[:, None]
interval = model.predict_interval(x)
axes[0].fill_between(x[:, 0], *interval.T, color="#6BAED6", label="interval of 90 %")
axes[0].scatter(X[:, 0], y, s=9, color="#333333", alpha=0.45, linewidths=0)
axes[0].legend(fontsize="small")
for axis, name, pieces in (
    (axes[0], "central interval", interval[:, None]),
    (axes[1], "smallest region", display.regions[0.9]),
):
    axis.set_title(f"{name},\nmean length {length(pieces):.2f}", fontsize="medium")
axes[0].set(xlabel="x", ylabel="y")
axes[1].set_ylabel("")
plt.show()

# %%
# Coverage
# --------
#
# The coverage equals the level if the density is right. The density of an overfitted model is too
# narrow, and so are its intervals and especially its regions. With ``calibration="conformal"`` a
# fraction `validation_fraction` of the samples is held out to find the level of the density that
# has the requested coverage. The coverage is then right on average over data sets, for any density;
# that of a single fit still depends on the held-out samples. The plot therefore shows the mean over
# 10 data sets of 120 samples, a quarter of them held out.

bare = Experts(
    n_members=1,
    hidden_layer_sizes=(32, 32),
    input_noise=0.0,
    answer_noise=0.0,
    min_scale=1e-6,
)
settings = {
    "early_stopping": False,
    "max_iter": 200,
    "validation_fraction": 0.25,
    "C": np.inf,
}
promised = np.array([0.5, 0.7, 0.9])
coverage = {}
for calibration in (None, "conformal"):
    rates = np.zeros((10, 2, len(promised)))
    for seed in range(10):
        X, y = make_two_branches(120, random_state=seed)
        overfit = LatentEBMRegressor(
            bare, calibration=calibration, random_state=seed, **settings
        )
        overfit.fit(X, y)
        for column, level in enumerate(promised):
            interval = overfit.predict_interval(X_new, level)
            region = overfit.predict_region(X_new, level)
            rates[seed, 0, column] = interval_coverage(y_new, interval)
            rates[seed, 1, column] = interval_coverage(y_new, region)
    coverage[calibration] = rates.mean(axis=0)

print("promised             " + "".join(f"{level:6.2f}" for level in promised))
for calibration, rates in coverage.items():
    for kind, shares in zip(("interval", "region"), rates, strict=True):
        name = "conformal" if calibration else "none"
        print(f"{kind:9s} {name:10s} " + "".join(f"{share:6.2f}" for share in shares))

# sphinx_gallery_thumbnail_number = 2
figure, axis = plt.subplots(figsize=(6.4, 4.8), layout="constrained")
axis.plot(
    [0.48, 0.92], [0.48, 0.92], c="#999999", linewidth=1.5, label="coverage = level"
)
for calibration, colour in ((None, "#D55E00"), ("conformal", "#0072B2")):
    for kind, marker, style, shares in zip(
        ("interval", "region"), "os", ("-", "--"), coverage[calibration], strict=True
    ):
        axis.plot(
            promised, shares, style, marker=marker, c=colour, linewidth=2, markersize=8,
            label=f"{kind}, {calibration or 'not calibrated'}",
        )  # fmt: skip
axis.set(xlabel="level", ylabel="coverage on new samples")
axis.legend(loc="upper left")
plt.show()
