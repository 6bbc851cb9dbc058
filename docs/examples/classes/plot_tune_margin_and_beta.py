"""
Tuning the margin and β
=======================

The margin affects the learned energies. The inverse temperature β only affects the probabilities:
`predict` does not depend on it. So both are tuned by log-loss, a score of the probabilities;
accuracy cannot be used to tune β.
"""

# %%
# Overlapping classes; one label in ten is random.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_classification
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, train_test_split

from sklearn_ebm import EBMClassifier

X, y = make_classification(
    3000,
    n_features=8,
    n_informative=5,
    n_classes=3,
    flip_y=0.1,
    class_sep=0.9,
    random_state=0,
)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, train_size=1000, random_state=0
)

# %%
# β, and the margin of a loss given by name, are parameters of the classifier.

margins, betas = [0.1, 0.3, 1.0, 3.0], [1.0, 3.0, 10.0, 30.0]
search = GridSearchCV(
    EBMClassifier(loss="hinge", C=0.001), {"margin": margins, "beta": betas},
    scoring="neg_log_loss", cv=3,
)  # fmt: skip
search.fit(X_train, y_train)
print("best:", search.best_params_, f"log-loss {-search.best_score_:.3f}")

# The order of the candidates in `cv_results_` is beta outside, margin inside.
table = -search.cv_results_["mean_test_score"].reshape(len(betas), len(margins))
figure, axis = plt.subplots(figsize=(6, 5), layout="constrained")
picture = axis.imshow(table, cmap="cividis", norm="log", aspect="auto")
for (i, j), loss in np.ndenumerate(table):
    dark = loss < np.sqrt(table.min() * table.max())
    axis.text(
        j,
        i,
        f"{loss:.3f}",
        ha="center",
        va="center",
        color="white" if dark else "black",
    )
axis.set_xticks(range(len(margins)), margins)
axis.set_yticks(range(len(betas)), betas)
axis.set_xlabel("margin")
axis.set_ylabel("beta")
axis.set_title("Cross-validated log-loss of hinge (low is good)")
bar = figure.colorbar(picture, label="log-loss", format="%.1f", ticks=[0.8, 1, 2, 4])
bar.minorticks_off()
plt.show()

# %%
# The best β decreases with the margin, because a larger margin gives larger energies, and the
# probabilities depend on β times the energy differences. ``beta="auto"`` chooses β for a
# given margin, on held-out folds of the training samples.

from sklearn.base import clone

by_hand = EBMClassifier(loss="hinge", C=0.001).fit(X_train, y_train)
auto = clone(by_hand).set_params(beta="auto").fit(X_train, y_train)
print(f"beta_ = {auto.beta_:.2f}")
print(
    "same predictions:", np.array_equal(by_hand.predict(X_test), auto.predict(X_test))
)


# %%
# A reliability diagram: of the predictions with a confidence of about p, a fraction p should be
# right. Each point represents a tenth of the test samples.


def reliability(model, bins=10):
    """Mean confidence and accuracy in bins of equal size."""
    probability = model.predict_proba(X_test)
    order = probability.max(axis=1).argsort()
    groups = np.array_split(order, bins)
    right = model.predict(X_test) == y_test
    return (
        [probability.max(axis=1)[group].mean() for group in groups],
        [right[group].mean() for group in groups],
    )


figure, axis = plt.subplots(figsize=(6, 5.5), layout="constrained")
axis.plot(
    [1 / 3, 1], [1 / 3, 1], color="0.5", linestyle="--", label="perfectly calibrated"
)
for model, name, style in [(by_hand, "beta=1", "s-"), (auto, 'beta="auto"', "o-")]:
    score = log_loss(y_test, model.predict_proba(X_test))
    axis.plot(
        *reliability(model), style, label=f"{name}: log-loss {score:.3f}",
        color="#D55E00" if model is by_hand else "#0072B2",
    )  # fmt: skip
axis.set_xlabel("confidence: probability of the predicted class")
axis.set_ylabel("accuracy")
axis.set_title("Hinge on held-out samples, same predictions, two values of β")
axis.set_aspect("equal")
axis.legend(loc="lower right")
plt.show()
