"""
Four looks at a classifier
==========================

`sklearn_ebm.inspection` plots properties of a fitted classifier: its energies, the gaps between
right and wrong answers, and the effect of β on its probabilities. It also plots losses, without
data. The displays follow scikit-learn's conventions: `from_estimator` computes and plots, `ax`
selects the axes, and the artists are attributes.
"""

# %%
# Losses
# ------
# :class:`~sklearn_ebm.inspection.LossShapeDisplay` plots losses as functions of the energies of the
# right answer and a wrong answer. Colour is the value of the loss, on the same scale for all;
# arrows show the direction of gradient descent (minus the slope). Above the dashed line the
# prediction is right, above the solid line the gap is larger than the margin.

import matplotlib.pyplot as plt

from sklearn_ebm.inspection import LossShapeDisplay

LOSSES = ["nll", "hinge", "simple", "square_square"]
figure, axes = plt.subplots(2, 2, figsize=(7.2, 6.4), layout="constrained")
LossShapeDisplay.from_losses(LOSSES, ax=axes)
plt.show()

# %%
# ``nll`` and ``hinge`` depend only on the difference of the two energies, so they are constant
# along diagonals. ``simple`` and ``square_square`` aim at energies of right answers at 0 or below
# and energies of wrong answers at the margin or above, so energies of different samples are
# comparable. Losses can also be plotted as curves over the energy of the right answer, here for a
# wrong answer with energy 0:

LossShapeDisplay.from_losses(
    ["perceptron", "hinge", "log"], right=(-3, 3), kind="curves"
)
plt.show()

# %%
# Energies
# --------
# :class:`~sklearn_ebm.inspection.EnergySurfaceDisplay` plots the energy of each class, and the
# free energy, over two features or the plane of two principal components. Axis labels are the
# column names of the data frame. The estimator may be a pipeline that ends with the classifier.

from sklearn.datasets import load_wine
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ebm import EBMClassifier
from sklearn_ebm.inspection import EnergySurfaceDisplay

X, y = load_wine(return_X_y=True, as_frame=True)
y = y.map({0: "Barolo", 1: "Grignolino", 2: "Barbera"})
X = X[["alcohol", "color_intensity"]].set_axis(
    ["alcohol (% vol)", "colour intensity"], axis=1
)

model = make_pipeline(
    StandardScaler(),
    EBMClassifier("kernel", loss="square_square", beta="auto", C=10.0, random_state=0),
)
model.fit(X, y)
figure, axes = plt.subplots(2, 2, figsize=(7.2, 6.6), layout="constrained")
EnergySurfaceDisplay.from_estimator(model, X, y, ax=axes)
plt.show()

# %%
# The energy of each class is low at its samples, and the white line is the boundary of the region
# in which this class is predicted. The free energy is low if at least one class fits. The same
# surface in three dimensions, and the gap between the two lowest energies, which is 0 on decision
# boundaries:

figure, axes = plt.subplots(
    2, 1, figsize=(5.6, 9.0), layout="constrained", subplot_kw={"projection": "3d"}
)
EnergySurfaceDisplay.from_estimator(
    model, X, y, kind="surface", response=["free_energy", "gap"], ax=axes
)
plt.show()

# %%
# Gaps
# ----
# :class:`~sklearn_ebm.inspection.EnergyGapDisplay` shows the energy of the lowest wrong answer
# minus the energy of the right answer, here for handwritten digits. Samples left of 0 are
# misclassified; samples left of the dashed line have a positive loss. The hinge has zero slope
# beyond the margin, hence the peak of the training samples at the margin.

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sklearn_ebm.inspection import EnergyGapDisplay

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X / 16, y, test_size=0.5, random_state=0
)
model = EBMClassifier(loss="hinge", beta="auto", random_state=0).fit(X_train, y_train)

# sphinx_gallery_thumbnail_number = 5
figure, axis = plt.subplots(figsize=(6.4, 4.0), layout="constrained")
EnergyGapDisplay.from_estimator(model, X_train, y_train, X_test, y_test, ax=axis)
plt.show()

# %%
# If the penalty is so strong that all answers have nearly the same energy, the energies have
# collapsed, compared to the margin:

stiff = EBMClassifier(loss="hinge", C=1e-6).fit(X_train, y_train)
figure, axis = plt.subplots(figsize=(6.4, 4.0), layout="constrained")
EnergyGapDisplay.from_estimator(stiff, X_train, y_train, X_test, y_test, ax=axis)
plt.show()

# %%
# β
# -
# The inverse temperature turns energies into probabilities and does not change the predicted class.
# :class:`~sklearn_ebm.inspection.BetaDisplay` plots scores against β, and reliability curves at
# three values of β: below the grey line the model is overconfident, above it underconfident. The
# size of a point reflects the number of samples.

from sklearn_ebm.inspection import BetaDisplay

figure, axes = plt.subplots(2, 1, figsize=(5.8, 8.6), layout="constrained")
display = BetaDisplay.from_estimator(model, X_test, y_test, ax=axes)
plt.show()
print(f"beta_ {display.beta:.2f}, best for the test rows {display.best_beta:.2f}")

# %%
# ``beta="auto"`` has chosen β on held-out folds of the training samples; it is close to the minimum
# of the log-loss of the test samples. With a quarter of this β the model is underconfident, with
# four times this β overconfident.
