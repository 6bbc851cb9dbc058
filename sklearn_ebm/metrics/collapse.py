"""Collapse of an energy of samples, measured."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_array

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm._utils.registry import unknown_name

AGAINST = ("permuted", "noise")

# Energies below this fraction of half the variance of the samples count as zero.
SMALL = 1e-3


def collapse_ratio(
    model: Any, X: Any, *, against: str = "permuted", random_state: Any = 0
) -> float:
    r"""Compute the energy of samples unlike the data, divided by that of the data.

    .. code-block:: none

        (mean F(x') + ε)/(mean F(x) + ε)

    x' are samples that have the means and variances of the features of X, but not their
    dependence. If the ratio is about 1, the energies have collapsed: they are equally low
    everywhere. (If the features are independent, the ratio is about 1 in any case.) ε is half the
    total variance of X times 10⁻³, in the unit of the energies, so that the ratio is 1 if all
    energies are nearly zero.

    Parameters
    ----------
    model : estimator
        Fitted estimator with a method ``energies``, such as a representation. The energies must not
        be negative.
    X : array-like of shape (n_samples, n_features)
        The samples, preferably held out from learning.
    against : {"permuted", "noise"}, default="permuted"
        Samples x': those of X with each column permuted separately, or normal numbers with the mean
        and the variance of each column.
    random_state : int, RandomState instance or None, default=0
        Determines x'.

    Returns
    -------
    float
        The ratio.

    Raises
    ------
    ValueError
        If energies are negative.

    Examples
    --------
    Two features that are always equal, and one code for each of the values 0 and 1. Their energies
    are 0, and those of (0, 1) and (1, 0) are ½:

    >>> import numpy as np
    >>> from sklearn_ebm.metrics import collapse_ratio
    >>> from sklearn_ebm.representation import Autoencoder, VectorQuantizer
    >>> X = np.repeat([[0.0, 0.0], [1.0, 1.0]], 50, axis=0)
    >>> collapse_ratio(VectorQuantizer(2).fit(X), X) > 900
    True

    A linear code with as many components as features reconstructs every sample:

    >>> round(
    ...     collapse_ratio(Autoencoder(2, hidden_layer_sizes=(), max_iter=0).fit(X), X), 4
    ... )
    1.0
    """
    samples = check_array(X, dtype=[np.float64, np.float32])
    other: Any = unlike(samples, against, random_state)
    names = getattr(X, "columns", None)
    if names is not None:  # estimators that know the names of features expect them
        other = type(X)(dict(zip(names, other.T, strict=True)))
    mine, theirs = (np.asarray(model.energies(rows), dtype=np.float64) for rows in (X, other))
    if min(mine.min(), theirs.min()) < 0:
        raise ValueError(
            f"collapse_ratio is for energies that are not negative, but {type(model).__name__} has "
            f"the energy {min(mine.min(), theirs.min()):.3g}."
        )
    unit = max(float(mine.max()), float(theirs.max())) or 1.0  # squares may be very large
    variance = 0.5 * float(samples.var(axis=0, dtype=np.float64).sum())
    small = SMALL * variance * getattr(model, "_energy_of_variance", 1.0) / unit or SMALL
    return float(((theirs / unit).mean() + small) / ((mine / unit).mean() + small))


def unlike(X: Array, against: str = "permuted", random_state: Any = 0) -> Array:
    """Return samples with the means and variances of the features, but without dependence."""
    if against not in AGAINST:
        raise ValueError(unknown_name("against", against, AGAINST))
    rng = check_random_state(random_state)
    if against == "permuted":
        return np.column_stack([rng.permutation(column) for column in X.T])
    normal: Array = rng.normal(X.mean(axis=0), X.std(axis=0), size=X.shape)
    return normal.astype(X.dtype)
