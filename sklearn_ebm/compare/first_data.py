"""The data of ``python -m sklearn_ebm`` without arguments, which need no file."""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_digits

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm.datasets import make_inverse_sine

SHARE = 0.35  # of the labels of `wrong_labels`
N_SAMPLES = 600  # of `one_to_many`


def wrong_labels(seed: int) -> tuple[Array, Array, Array]:
    """Return scikit-learn's digits with right labels, and with 35 % wrong ones to learn from.

    A wrong label is any of the nine others with probability 1/9. The samples that have one are
    drawn without regard to their class.

    Parameters
    ----------
    seed : int
        Seed of the wrong labels; the digits and their order are the same for all seeds.

    Returns
    -------
    X : ndarray of shape (1797, 64)
        Features: the pixels of an image, from 0 to 16.
    y : ndarray of int of shape (1797,)
        Right labels, 0 to 9, for scores.
    learned_y : ndarray of int of shape (1797,)
        Labels to learn from, of which 629 differ from `y`.

    Examples
    --------
    0.35 · 1797 = 628.95:

    >>> from sklearn_ebm.compare.first_data import wrong_labels
    >>> X, y, learned_y = wrong_labels(0)
    >>> int((learned_y != y).sum())
    629
    """
    X, y = load_digits(return_X_y=True)
    n_classes = int(y.max()) + 1
    rng = np.random.RandomState(seed)
    wrong = rng.permutation(len(y))[: round(SHARE * len(y))]
    learned_y = y.copy()
    learned_y[wrong] = (y[wrong] + rng.randint(1, n_classes, len(wrong))) % n_classes
    return X, y, learned_y


def one_to_many(seed: int) -> tuple[Array, Array]:
    """Return samples with up to three answers for one x.

    x = y + 0.3 sin(2πy) + 0.05 N(0, 1) with y ~ U(0, 1), the problem of
    `sklearn_ebm.datasets.make_inverse_sine`.

    Parameters
    ----------
    seed : int
        Seed of the samples.

    Returns
    -------
    X : ndarray of shape (600, 1)
        Feature.
    y : ndarray of shape (600,)
        Target values in [0, 1].

    Examples
    --------
    The noise of x has a standard deviation of 0.05:

    >>> import numpy as np
    >>> from sklearn_ebm.compare.first_data import one_to_many
    >>> X, y = one_to_many(0)
    >>> print(f"{np.std(X[:, 0] - y - 0.3 * np.sin(2 * np.pi * y)):.2f}")
    0.05
    """
    return make_inverse_sine(N_SAMPLES, random_state=seed)
