"""
LISTA: codes by a few learned layers
====================================

:class:`~sklearn_ebm.representation.SparseCoding` searches the code of each sample.
:class:`~sklearn_ebm.representation.LISTA` learns a network of a few layers that computes it. A
layer has the form of an iteration of proximal gradient descent (ISTA, or FISTA with momentum), but
its matrix, its threshold and its momentum are learned.
"""

# %%
# Energy above the minimum
# ------------------------
#
# The energies of held-out digits, in percent above the energies of the best codes. The encoder
# starts as FISTA with the largest eigenvalues of the Gram matrix of the atoms divided out, and
# learning lowers the energies further.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from sklearn_ebm.inference import Descent
from sklearn_ebm.representation import LISTA, SparseCoding

X, _ = load_digits(return_X_y=True)
train, new = X[:1500] / 16, X[1500:] / 16
coding = SparseCoding(100, alpha=0.2).fit(train)
least = coding.energies(new).mean()
fixed = {"alpha": 0.2, "dictionary": coding.dictionary_}


def percent_above(model):
    return 100 * (model.fit(train).energies(new).mean() / least - 1)


layers = (1, 2, 4, 8, 16)
curves = {name: [] for name in ("ISTA", "FISTA", "LISTA, start", "LISTA, learned")}
for number in layers:
    for name, momentum in (("ISTA", False), ("FISTA", True)):
        descent = Descent(number, tol=0.0, momentum=momentum)
        model = SparseCoding(100, max_iter=0, inference=descent, **fixed)
        curves[name].append(percent_above(model))
    curves["LISTA, start"].append(
        percent_above(LISTA(100, n_layers=number, max_iter=0, **fixed))
    )
    curves["LISTA, learned"].append(percent_above(LISTA(100, n_layers=number, **fixed)))

styles = {
    "ISTA": "C7s:",
    "FISTA": "C0o--",
    "LISTA, start": "C1^--",
    "LISTA, learned": "C1D-",
}
figure, axis = plt.subplots(figsize=(6.4, 4.2), layout="constrained")
for name, values in curves.items():
    axis.plot(layers, values, styles[name], label=name)
    print(f"{name:15s}", *(f"{value:7.1f}" for value in values))
axis.set_xscale("log", base=2)
axis.set_yscale("log")
axis.set_xticks(layers, [str(number) for number in layers])
axis.set_yticks([1, 3, 10, 30, 100, 300], ["1", "3", "10", "30", "100", "300"])
axis.minorticks_off()
axis.set_xlabel("layers or iterations")
axis.set_ylabel("energy above the minimum, %")
axis.legend()
plt.show()

# %%
# Where the encoder fails
# -----------------------
#
# The thresholds of the layers suit samples of one size. For images with twice the ink, the codes
# are much further from the best ones, whereas noise of the usual size has good codes. The
# amortisation gap is the distance from the minimum, and needs the best codes; the duality gap
# is an upper bound that needs the code of the encoder only.

encoder = LISTA(100, n_layers=8, **fixed).fit(train)
rng = np.random.default_rng(0)
kinds = {"digits": new, "twice the ink": 2 * new, "noise": rng.uniform(size=new.shape)}
for name, images in kinds.items():
    unit = 100 / encoder.coding_.energies(images).mean()
    exact = unit * encoder.amortization_gap(images).mean()
    bound = unit * encoder.transform(images, return_gap=True)[1].mean()
    print(f"{name:15s} above the minimum: {exact:5.1f} %, at most {bound:5.1f} %")
