r"""
One energy, five values of β
============================

The inverse temperature β turns an energy into probabilities, :math:`p(y \mid x) \propto e^{-\beta
F(x, y)}`. The energy and the order of the answers stay the same for every β. What changes is how
much of the probability lies on the answers of lowest energy.
"""

# %%
# Two energies
# ------------
#
# The first has discrete answers: a classifier of handwritten digits, for an image of a 3 that it
# could also read as a 1 or an 8. The second has continuous answers: a regressor for samples on two
# curves, at an input with two answers.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sklearn_ebm import EBMClassifier, LatentEBMRegressor
from sklearn_ebm.datasets import make_two_branches
from sklearn_ebm.energies import Experts
from sklearn_ebm.inference import SoftMinimum

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X / 16, y, test_size=0.5, random_state=0, stratify=y
)
classifier = EBMClassifier().fit(X_train, y_train)
image = X_test[[558]]
digits = classifier.classes_
digit_energies = classifier.energies(image)[0]

X, y = make_two_branches(600, noise=0.2, random_state=0)
experts = Experts(n_latents=3, hidden_layer_sizes=(32,), n_members=3)
regressor = LatentEBMRegressor(experts, max_iter=60, random_state=0).fit(X, y)
answers = np.linspace(-12, 12, 4801)
energies = regressor.energies(np.full((len(answers), 1), -0.3), answers)

# %%
# Five distributions of each
# --------------------------
#
# ``SoftMinimum(beta).weights`` is the Gibbs distribution over a list of answers. For continuous
# answers it is computed on a fine grid; divided by the grid step, it is a density. Energies are
# shown above their minimum. H is the entropy of the digits, in nats (log 10 = 2.3 if all digits are
# equally likely), and Var is the variance of y.

BETAS = [0.2, 0.5, 1.0, 2.0, 5.0]
BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#555555"
step = answers[1] - answers[0]


def note(axis, text, left=0.05):
    """Write a number into the upper left corner of a panel."""
    axis.text(left, 0.95, text, transform=axis.transAxes, fontsize=14, va="top")


figure, axes = plt.subplots(
    2, 7, figsize=(12, 5.6), sharex="row", layout="constrained",
    width_ratios=[1.25, 0.08, 1, 1, 1, 1, 1],
)  # fmt: skip
for empty in axes[:, 1]:
    empty.remove()
(digit_panel, curve_panel), panels = axes[:, 0], axes[:, 2:]
digit_panel.plot(
    digits, digit_energies - digit_energies.min(), "o", color=GREY, markersize=7
)
digit_panel.set(
    xticks=[1, 3, 5, 8], xlim=(-0.7, 9.7), ylim=(-0.9, 18), yticks=[0, 4, 8]
)
inset = digit_panel.inset_axes([0.5, 0.58, 0.46, 0.42])
inset.imshow(image.reshape(8, 8), cmap="Greys")
inset.set(xticks=[], yticks=[])
note(digit_panel, "x =", left=0.25)
curve_panel.plot(answers, energies - energies.min(), color=GREY, linewidth=2.5)
curve_panel.set(xticks=[-1, 0, 1], xlim=(-2, 2), ylim=(-0.6, 14), yticks=[0, 4, 8])
note(curve_panel, "x = −0.3")

for beta, (discrete, continuous) in zip(BETAS, panels.T, strict=True):
    probability = SoftMinimum(beta).weights(digit_energies)
    entropy = -(probability * np.log(probability)).sum()
    discrete.bar(digits, probability, color=BLUE)
    discrete.set(ylim=(0, 1.15), yticks=[0, 0.5, 1])
    discrete.set_title(f"β = {beta:g}", fontsize=15)
    note(discrete, f"H = {entropy:.1f}")

    weights = SoftMinimum(beta).weights(energies)
    variance = weights @ (answers - weights @ answers) ** 2
    continuous.fill_between(answers, weights / step, color=ORANGE)
    continuous.set(ylim=(0, 8.3), yticks=[0, 2, 4, 6])
    note(continuous, f"Var = {variance:.2f}")

for axis in panels[:, 1:].flat:
    axis.tick_params(labelleft=False)
for axis in axes[:, [0, 2, 3, 4, 5, 6]].flat:
    axis.tick_params(labelsize=12)
    axis.spines[["top", "right"]].set_visible(False)
digit_panel.set_title("energy F(x, y)", fontsize=15)
panels[0, 0].set_ylabel("p(y | x)", fontsize=14)
panels[1, 0].set_ylabel("density p(y | x)", fontsize=14)
for axis in axes[0, [0, 2, 3, 4, 5, 6]]:
    axis.set_xlabel("digit y", fontsize=13)
for axis in axes[1, [0, 2, 3, 4, 5, 6]]:
    axis.set_xlabel("y", fontsize=13)
plt.show()

# %%
# At β = 0.2 no digit has more than 16 % of the probability. At β = 5 the digit of lowest energy has
# 91 %, although the energies of 1 and 8 are only about 0.6 higher. In the second row, the
# probability moves to the lower valley, and each valley gives a narrower peak: the variance
# decreases from 2.54 to 0.03. The answer of lowest energy is the most likely one in every panel.
