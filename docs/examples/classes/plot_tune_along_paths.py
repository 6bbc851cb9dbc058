"""
Loss, margin, β and C in one search
===================================

`EBMClassifierCV` compares losses, margins, inverse temperatures and penalties by cross-validation.
Unlike a grid search it starts each fit from the solution for the previous C, and scores every β
with the same held-out energies.
"""

# %%
# Few samples and many features, so that the penalty matters; one label in ten is random.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_classification
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from sklearn_ebm import EBMClassifierCV

X, y = make_classification(
    2000,
    n_features=40,
    n_informative=8,
    n_classes=3,
    flip_y=0.1,
    class_sep=1.5,
    random_state=0,
)
X = StandardScaler().fit_transform(X)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, train_size=300, random_state=0
)

# %%
# With ``betas="auto"``, the default, β is the value with the lowest log-loss on the held-out
# samples, for each loss, margin and C. β does not increase the number of fits.

Cs = np.logspace(-4, 1, 11)
search = EBMClassifierCV(
    losses=("hinge", "square_square", "log"), margins=(0.3, 3.0), Cs=Cs, cv=3
)
search.fit(X_train, y_train)
fits = search.n_iter_.size
print(f"{fits} fits, {search.n_iter_.sum() / fits:.0f} iterations each")
print("best:", {name: search.best_params_[name] for name in ("loss", "margin", "C")})
print(f"beta_ = {search.beta_:.2f}")
print(f"log-loss on new samples {log_loss(y_test, search.predict_proba(X_test)):.3f}")

# %%
# One curve for each loss and margin: log-loss against C.

results = search.cv_results_
colors = {"hinge": "#0072B2", "square_square": "#D55E00", "log": "#000000"}
styles = {0.3: "--", 3.0: "-", None: "-"}


def draw(axis, column):
    """Draw a column of the results against C."""
    for path in search.paths_:
        loss, margin = path["loss"], path["margin"]
        rows = [
            i
            for i, point in enumerate(results["params"])
            if (point["loss"], point["margin"]) == (loss, margin)
        ]
        label = loss if margin is None else f"{loss}, margin {margin:g}"
        axis.plot(Cs, column[rows], styles[margin], color=colors[loss], label=label)
    axis.set(xscale="log", xlabel="C (strong penalty on the left)")


figure, axis = plt.subplots(figsize=(6.4, 4.2), layout="constrained")
draw(axis, -results["mean_test_score"])
axis.plot(search.C_, -search.best_score_, "o", c="k", markerfacecolor="w", label="best")
axis.set_ylabel("log-loss of held-out samples (low is good)")
axis.legend()
plt.show()

# %%
# The chosen β of the same points:

figure, axis = plt.subplots(figsize=(6.4, 4.2), layout="constrained")
draw(axis, results["fitted_beta"])
axis.set(yscale="log", ylabel="β with the lowest log-loss")
axis.legend()
plt.show()

# %%
# With β chosen for each point, the two curves of the hinge are the same curve, shifted: margin 3 at
# C is the same model as margin 0.3 at C/10, in other units of the energy, with a tenth of the β.
# The two curves of square_square coincide, because its C does not depend on the unit. So for a
# linear energy tune C and β, and the margin only if it differs between pairs of classes.
