"""Sets that nobody looked at while the energies were built; chosen before anything was run on them.

What can be had without a download and has a continuous answer with many values: three real sets of
scikit-learn, and two of its generators with noise that is not that of their usual form, so that the
exact density is known.

============ ===================================================================================
diabetes     442 × 10: the set of least-angle regression; much noise, little to learn
wine_colour  178 × 12: the colour of a wine from its other analyses; a skewed answer, few rows
worst_grain  569 × 10: texture of the worst cells of a tumour from the means of ten measures; one
             column says most of it
friedman1_t  1,000 × 10: Friedman's first function, five idle columns; errors with heavy tails
friedman2_s  1,000 × 4: Friedman's second, columns of very different sizes; errors that grow with
             what is expected
============ ===================================================================================

Left out: linnerud (20 rows), iris and digits (answers with few values, whose likelihood is
unbounded).
"""

import numpy as np
from scipy.stats import norm, t
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.model_selection import KFold

from .data import FRESH, Split, part

FOLDS, ROWS, TEST_ROWS = 5, 1_000, 2_000


def diabetes():
    return load_diabetes(return_X_y=True)


def wine_colour():
    rows, names = load_wine().data, load_wine().feature_names
    answer = names.index("color_intensity")
    return np.delete(rows, answer, axis=1), rows[:, answer]


def worst_grain():
    found = load_breast_cancer()
    names = list(found.feature_names)
    return found.data[:, :10], found.data[:, names.index("worst texture")]


REAL = {each.__name__: each for each in (diabetes, wine_colour, worst_grain)}


class Noisy:
    """y = f(x) + s(x) ε: the distribution of a generator of scikit-learn with noise of its own."""

    @classmethod
    def drawn(cls, n, rng):
        X = cls.columns(n, rng)
        return X, cls.mean(X) + cls.scale(X) * cls.noise.rvs(n, random_state=rng)

    @classmethod
    def log_prob(cls, X, y):
        scale = cls.scale(X)
        return cls.noise.logpdf((y - cls.mean(X)) / scale) - np.log(scale)


class Friedman1T(Noisy):
    """Of `make_friedman1`, with Student's t of three degrees of freedom."""

    noise = t(3)

    @staticmethod
    def columns(n, rng):
        return rng.uniform(size=(n, 10))

    @staticmethod
    def mean(X):
        waves = 10 * np.sin(np.pi * X[:, 0] * X[:, 1]) + 20 * (X[:, 2] - 0.5) ** 2
        return waves + 10 * X[:, 3] + 5 * X[:, 4]

    @staticmethod
    def scale(X):
        return np.ones(len(X))


class Friedman2S(Noisy):
    """Of `make_friedman2`, with Gaussian noise of a tenth of the mean, and 10 beside."""

    noise = norm()
    low = np.array([0.0, 40 * np.pi, 0.0, 1.0])
    width = np.array([100.0, 520 * np.pi, 1.0, 10.0])

    @classmethod
    def columns(cls, n, rng):
        return cls.low + cls.width * rng.uniform(size=(n, 4))

    @staticmethod
    def mean(X):
        return np.hypot(X[:, 0], X[:, 1] * X[:, 2] - 1 / (X[:, 1] * X[:, 3]))

    @classmethod
    def scale(cls, X):
        return 10 + 0.1 * cls.mean(X)


GENERATED = {"friedman1_t": Friedman1T, "friedman2_s": Friedman2S}
UNUSED = (*REAL, *GENERATED)


def unused_splits(name, options):
    """Five folds of a real set, each row a test row once; one draw of a generated one."""
    splits = folds(name) if name in REAL else [draw(name)]
    if not options.quick:
        return splits[: options.splits]
    return [part(split) for split in splits[: options.splits]]


def folds(name):
    X, y = REAL[name]()
    parts = KFold(FOLDS, shuffle=True, random_state=0).split(X)
    return [Split(name, number, X[kept], y[kept], X[test], y[test])
            for number, (kept, test) in enumerate(parts)]  # fmt: skip


def draw(name):
    truth = GENERATED[name]
    X, y = truth.drawn(ROWS, np.random.RandomState(0))
    X_test, y_test = truth.drawn(TEST_ROWS, np.random.RandomState(FRESH))
    return Split(name, 0, X, y, X_test, y_test, truth)
