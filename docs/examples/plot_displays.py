"""
Four looks at a classifier
==========================

`sklearn_ebm.inspection` draws what there is to know about a fitted classifier: its energies, how
far right and wrong answers are apart, what β does to its probabilities; and, before any data, what
a loss wants. The displays follow scikit-learn's conventions: `from_estimator` computes and draws,
`ax` says where, and the artists are attributes.
"""

# %%
# What a loss wants
# -----------------
# :class:`~sklearn_ebm.inspection.LossShapeDisplay` calls the losses on pairs of energies, of the
# right answer and of a wrong one. Colour is the value, with one scale for all; arrows are the push,
# minus the slope: where the two energies are sent. Above the dashed line the answer is right, above
# the solid one it is right by the margin.

import matplotlib.pyplot as plt

from sklearn_ebm.inspection import LossShapeDisplay

LossShapeDisplay.from_losses(["nll", "hinge", "square_square"])
plt.show()

# %%
# ``nll`` and ``hinge`` see the difference of the two energies only: their valleys have no end.
# ``square_square`` sends the right energy to 0 or below and the wrong one to the margin or above.
# So its energies can be read row by row. The same as curves over the energy of the right answer,
# with the wrong one at 0:

LossShapeDisplay.from_losses(["perceptron", "hinge", "log"], right=(-3, 3), kind="curves")
plt.show()

# %%
# Energies
# --------
# :class:`~sklearn_ebm.inspection.EnergySurfaceDisplay` draws the energy of each answer, and the
# free energy, over two features or the plane of two principal components. Names and units of the
# axes come from the data frame; a pipeline is read through to the classifier at its end.

from sklearn.datasets import load_wine
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ebm import EBMClassifier
from sklearn_ebm.inspection import EnergySurfaceDisplay

X, y = load_wine(return_X_y=True, as_frame=True)
y = y.map({0: "Barolo", 1: "Grignolino", 2: "Barbera"})
X = X[["alcohol", "color_intensity"]].set_axis(["alcohol (% vol)", "colour intensity"], axis=1)

model = make_pipeline(
    StandardScaler(),
    EBMClassifier("kernel", loss="square_square", beta="auto", C=10.0, random_state=0),
)
model.fit(X, y)
EnergySurfaceDisplay.from_estimator(model, X, y)
plt.show()

# %%
# Each class lies in the basin of its own energy, and the white line is where `predict` changes from
# this answer to another. The free energy is low where some answer fits. In three dimensions, with
# the gap between the two lowest energies, which is 0 on the borders:

EnergySurfaceDisplay.from_estimator(
    model, X, y, kind="surface", response=["Grignolino", "free_energy", "gap"]
)
plt.show()

# %%
# Gaps
# ----
# :class:`~sklearn_ebm.inspection.EnergyGapDisplay` shows how much lower the right answer lies than
# the lowest wrong one, for handwritten digits. Left of 0 are the errors; left of the dashed line
# are rows that the loss is not content with. The hinge pulls rows to the margin and lets go of them
# there: hence the peak of the training rows. On the right the same model with so strong a penalty
# that all answers have nearly the same energy: next to its margin, the surface has collapsed.

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sklearn_ebm.inspection import EnergyGapDisplay

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, test_size=0.5, random_state=0)
model = EBMClassifier(loss="hinge", beta="auto", random_state=0).fit(X_train, y_train)
stiff = EBMClassifier(loss="hinge", C=1e-6).fit(X_train, y_train)

figure, axes = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
for axis, (title, one) in zip(axes, {"C = 1": model, "C = 1e-6": stiff}.items(), strict=True):
    EnergyGapDisplay.from_estimator(one, X_train, y_train, X_test, y_test, ax=axis)
    axis.set_title(title)
plt.show()

# %%
# β
# -
# The inverse temperature turns energies into probabilities and leaves the answer as it is.
# :class:`~sklearn_ebm.inspection.BetaDisplay` draws the scores that can choose it, and the
# reliability at three of them: below the grey line the model is too sure of itself, above it too
# modest. The larger a point, the more rows are in it.

from sklearn_ebm.inspection import BetaDisplay

display = BetaDisplay.from_estimator(model, X_test, y_test)
plt.show()
print(f"beta_ {display.beta:.2f}, least log-loss of the test rows at {display.best_beta:.2f}")

# %%
# ``beta="auto"`` has chosen its β on held-out folds of the training rows, near the least log-loss
# of the test rows. A quarter of it is too modest, the fourfold is too sure.
