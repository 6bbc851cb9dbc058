"""
Very many classes: wrong classes that are drawn
===============================================

A step of learning usually computes the energies of all classes. With ``negatives="sampled"`` it
computes those of the classes of its mini-batch, and of classes that are drawn at random, so the
time of a step does not depend on the number of classes.
"""

# %%
# 400 classes around random centres, with frequencies as of words: the most frequent class has a
# hundred times as many samples as the rarest.

import time
import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sklearn_ebm import EBMClassifier
from sklearn_ebm.energies import Linear
from sklearn_ebm.losses import NLL
from sklearn_ebm.losses.negatives import HardestSampled, InBatch, Sampled
from sklearn_ebm.solvers import Adam

rng = np.random.default_rng(0)
k, n_features = 400, 16
centres = rng.normal(size=(k, n_features))
share = 1 / (np.arange(k) + 4)
y = np.concatenate([np.arange(k), rng.choice(k, size=9600, p=share / share.sum())])
X = (centres[y] + rng.normal(size=(len(y), n_features))).astype(np.float32)
X_test, y_test = X[-2000:], y[-2000:]
X, y = X[:-2000], y[:-2000]

# %%
# The mean negative log-likelihood of test samples, with exact probabilities over all classes. The
# correction for the probability of being drawn makes it nearly independent of the number of
# negatives. ``"hardest"`` has noisier gradients if it keeps few classes, because those that are not
# among the hardest then have large weights.

numbers = [1, 10, 100, 400]
solver = Adam(learning_rate=0.03)


def test_loss(**settings):
    """Mean −log p of the test samples, and seconds of the fit."""
    began = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        clf = EBMClassifier(C=0.1, solver=solver, max_iter=10, **settings).fit(X, y)
    seconds = time.perf_counter() - began
    log_p = clf.predict_log_proba(X_test)
    return -log_p[np.arange(len(y_test)), y_test].mean(), seconds


full, _ = test_loss()
sampled = [test_loss(negatives="sampled", n_negatives=number)[0] for number in numbers]
hardest = [test_loss(negatives="hardest", n_negatives=number)[0] for number in numbers]
in_batch, _ = test_loss(negatives="in_batch")
print(f"all classes {full:.3f}; in batch {in_batch:.3f}")
print(f"10 sampled classes {sampled[1]:.3f}")


figure, axis = plt.subplots(figsize=(6.4, 4.0), layout="constrained")
axis.axhline(full, color="0.4", linestyle="--", label="all classes")
axis.axhline(in_batch, color="#CC79A7", linestyle=":", label="in batch")
axis.plot(numbers, sampled, "s-", color="#D55E00", label="sampled")
axis.plot(numbers, hardest, "^-", color="#009E73", label="hardest")
axis.set(xscale="log", xlabel="n_negatives", ylabel="−log p of test samples, in nats")
axis.set_ylim(0.9 * full, 1.1 * full)
axis.set_xticks(numbers, numbers)
axis.minorticks_off()
axis.set_title("Ten passes over 8,000 samples")
axis.legend()
plt.show()

# %%
# The estimate of the partition function has no bias, but its logarithm has one: the loss is
# underestimated, the more so the fewer classes are drawn. The figure shows the estimate of the loss
# less that of all classes, without learning, for random parameters and batches of ten samples.

from sklearn_ebm.solvers.objective import Objective
from sklearn_ebm.solvers.sampled_objective import SampledObjective

rows = (X[:2000].astype(float), y[:2000], np.ones(2000), k, 0.0)
w = 0.3 * rng.normal(size=k * (n_features + 1))
exact = Objective(Linear(), NLL(), *rows).value(w) / 2000
frequency = np.bincount(y[:2000], minlength=k).astype(float)


def estimate(part):
    """Mean loss over batches of ten samples."""
    objective = SampledObjective(
        Linear(), NLL(), *rows, negatives=part, frequency=frequency
    )
    draws, params = objective.draws(), objective.layout.unpack(w)
    batches = np.array_split(rng.permutation(2000), 200)
    return np.mean(
        [
            objective.on_drawn(params, batch, Linear(), draws, rng)[0]
            for batch in batches
        ]
    )


parts = {
    "uniform": [Sampled(number, power=0.0) for number in numbers],
    "root of the frequency": [Sampled(number) for number in numbers],
    "hardest of five times as many": [
        HardestSampled(number, 5 * number) for number in numbers
    ],
}
styles = dict(
    zip(parts, [("#0072B2", "o-"), ("#D55E00", "s-"), ("#009E73", "^-")], strict=True)
)

figure, axis = plt.subplots(figsize=(6.4, 4.0), layout="constrained")
for name, of_name in parts.items():
    color, style = styles[name]
    bias = [estimate(part) - exact for part in of_name]
    axis.plot(numbers, bias, style, color=color, label=name)
in_batch = estimate(InBatch()) - exact
axis.axhline(in_batch, color="#CC79A7", linestyle=":", label="in batch")
axis.axhline(0, color="0.4", linestyle="--", label="all classes")
axis.set(xscale="log", xlabel="n_negatives", ylabel="estimate − loss, in nats")
axis.set_xticks(numbers, numbers)
axis.minorticks_off()
axis.set_title("Bias of the estimated loss, batches of ten")
axis.legend(loc="lower right", bbox_to_anchor=(1, 0.12))
plt.show()
