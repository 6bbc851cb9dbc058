"""
Writing a loss
==============

A squared hinge, :math:`([m + F(y) - F(\\bar y)]^+)^2`, is not part of the package. To add it, write
a class with one method.
"""

# %%
# The loss
# --------
# :class:`~sklearn_ebm.losses.PairwiseLoss` compares the right answer with one wrong answer at a
# time. It finds the most offending wrong answer, subtracts the margin from its energy, and calls
# `pair` with two arrays: ``right`` is F(y), and ``offending`` is F(ȳ) − m. `pair` returns the loss
# and its derivatives with respect to both.

# start of the loss
import numpy as np

from sklearn_ebm.losses import PairwiseLoss, Traits


class SquaredHinge(PairwiseLoss):
    traits = Traits(convex=True)
    examples = ({}, {"margin": 2.0})

    def __init__(self, margin=1.0):
        self.margin = margin

    def pair(self, right, offending, temperature):
        violation = np.maximum(right - offending, 0)
        return violation**2, 2 * violation, -2 * violation


# end of the loss


# %%
# `check_part` is the counterpart of scikit-learn's ``check_estimator``: it compares slopes with
# finite differences and checks extreme energies, float32 and copies, and more. It returns None if
# all checks pass.

from sklearn_ebm.checks import check_part

check_part(SquaredHinge())

# %%
# Value and slope
# ---------------

import matplotlib.pyplot as plt

from sklearn_ebm import EBMClassifier
from sklearn_ebm.losses import Hinge

difference = np.linspace(-3, 2, 501)
energies = np.column_stack([difference, np.zeros_like(difference)])
correct = np.tile([True, False], (len(difference), 1))


def draw(axis, column):
    """Draw the value (0) or the slope in F(y) (1) of both losses."""
    for loss, style in ((Hinge(), "--"), (SquaredHinge(), "-")):
        value, slope = loss(energies, correct)
        axis.plot(difference, (value, slope[:, 0])[column], style, label=repr(loss))
    axis.set_xlabel("F(y) − F(ȳ)")
    axis.grid(alpha=0.3)
    axis.legend()


figure, axis = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
draw(axis, 0)
axis.set(ylim=(-0.2, 6), ylabel="value")
plt.show()

# %%
# The slope of the squared hinge has no jump.

figure, axis = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
draw(axis, 1)
axis.set_ylabel("slope in F(y)")
plt.show()

# %%
# Learning with it
# ----------------
# Pass the object. Its parameters are tuned as ``loss__margin``.

from sklearn.datasets import load_wine
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

X, y = load_wine(return_X_y=True)
model = make_pipeline(StandardScaler(), EBMClassifier(loss=SquaredHinge(), beta=3.0))
search = GridSearchCV(model, {"ebmclassifier__loss__margin": [0.3, 1.0, 3.0]}, cv=3)
search.set_params(scoring="neg_log_loss").fit(X, y)
print(search.best_params_, f"log-loss {-search.best_score_:.3f}")
