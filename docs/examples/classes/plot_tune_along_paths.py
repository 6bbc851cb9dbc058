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
# One curve for each loss and margin. Left: log-loss against C. Right: the chosen β.

results = search.cv_results_
colors = {"hinge": "#0072B2", "square_square": "#D55E00", "log": "#000000"}
styles = {0.3: "--", 3.0: "-", None: "-"}
figure, (left, right) = plt.subplots(
    1, 2, figsize=(10, 4.5), layout="constrained", sharex=True
)
for path in search.paths_:
    loss, margin = path["loss"], path["margin"]
    rows = [
        i
        for i, point in enumerate(results["params"])
        if (point["loss"], point["margin"]) == (loss, margin)
    ]
    label = loss if margin is None else f"{loss}, margin {margin:g}"
    for axis, column in (
        (left, -results["mean_test_score"]),
        (right, results["fitted_beta"]),
    ):
        axis.plot(Cs, column[rows], styles[margin], color=colors[loss], label=label)
left.plot(
    search.C_,
    -search.best_score_,
    "o",
    color="black",
    markerfacecolor="white",
    label="best",
)
left.set_ylabel("log-loss of held-out samples (low is good)")
right.set_ylabel("β with the lowest log-loss")
right.set_yscale("log")
left.set_xscale("log")
for axis in (left, right):
    axis.set_xlabel("C (strong penalty on the left)")
left.legend(fontsize="small")
figure.suptitle("Three losses, two margins, one search")
plt.show()

# %%
# With β chosen for each point, the two curves of the hinge are the same curve, shifted: margin 3 at
# C is the same model as margin 0.3 at C/10, in other units of the energy, with a tenth of the β.
# The two curves of square_square coincide, because its C does not depend on the unit. So for a
# linear energy tune C and β, and the margin only if it differs between pairs of classes.
