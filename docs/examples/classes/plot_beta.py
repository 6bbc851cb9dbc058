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

BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#555555"
figure, axis = plt.subplots(figsize=(6.4, 3.4), layout="constrained")
axis.plot(digits, digit_energies - digit_energies.min(), "o", color=GREY, markersize=9)
axis.set(xlabel="digit y", ylabel="energy above its minimum", xticks=digits)
axis.set_xlim(-0.7, 14)
axis.spines[["top", "right"]].set_visible(False)
inset = axis.inset_axes([0.74, 0.2, 0.26, 0.5])
inset.imshow(image.reshape(8, 8), cmap="Greys")
inset.set(xticks=[], yticks=[], title="x")
plt.show()

# %%
# The energy of continuous answers has two valleys:

figure, axis = plt.subplots(figsize=(6.4, 3.0), layout="constrained")
axis.plot(answers, energies - energies.min(), color=GREY, linewidth=2.5)
axis.set(xlabel="y", ylabel="energy above its minimum", xlim=(-2, 2), ylim=(-0.6, 14))
axis.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# Five distributions of each
# --------------------------
#
# ``SoftMinimum(beta).weights`` is the Gibbs distribution over a list of answers. For continuous
# answers it is computed on a fine grid; divided by the grid step, it is a density. H is the entropy
# of the digits, in nats (log 10 = 2.3 if all digits are equally likely), and Var is the variance of
# y.

BETAS = [0.2, 0.5, 1.0, 2.0, 5.0]
step = answers[1] - answers[0]
figure, axes = plt.subplots(
    5, 2, figsize=(7.2, 7.6), sharex="col", sharey="col", layout="constrained"
)
for beta, (discrete, continuous) in zip(BETAS, axes, strict=True):
    probability = SoftMinimum(beta).weights(digit_energies)
    entropy = -(probability * np.log(probability)).sum()
    discrete.bar(digits, probability, color=BLUE)
    discrete.set(ylim=(0, 1.1), yticks=[0, 0.5, 1], ylabel="p(y | x)")
    discrete.set_title(f"β = {beta:g}, H = {entropy:.1f}", fontsize="medium")

    weights = SoftMinimum(beta).weights(energies)
    variance = weights @ (answers - weights @ answers) ** 2
    continuous.fill_between(answers, weights / step, color=ORANGE)
    continuous.set(xlim=(-2, 2), ylim=(0, 7), yticks=[0, 2, 4, 6], ylabel="density")
    continuous.set_title(f"β = {beta:g}, Var = {variance:.2f}", fontsize="medium")
axes[-1, 0].set(xlabel="digit y", xticks=digits)
axes[-1, 1].set_xlabel("y")
for axis in axes.flat:
    axis.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# At β = 0.2 no digit has more than 16 % of the probability. At β = 5 the digit of lowest energy has
# 91 %, although the energies of 1 and 8 are only about 0.6 higher. On the right, the probability
# moves to the lower valley, and each valley gives a narrower peak: the variance
# decreases from 2.54 to 0.03. The answer of lowest energy is the most likely one in every panel.
