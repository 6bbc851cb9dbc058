"""Scores of class probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.utils import check_consistent_length, column_or_1d

from sklearn_ebm._utils.validation import positive_integer, row_weights
from sklearn_ebm.metrics._inputs import Floats, averaged, numbers

N_BINS = 15
# Probabilities in float32 sum to 1 up to some 1e-6.
OFF = 1e-4


def brier_score(
    y_true: Any, y_proba: Any, *, sample_weight: Any = None, labels: Any = None
) -> float:
    """Mean squared error of class probabilities, summed over classes; lower is better.

    .. code-block:: none

        Σ_i w_i Σ_k (p_ik − 1[y_i = k])² / Σ_i w_i

    The score lies between 0 (perfect) and 2. It is a sum over all classes, also for two classes,
    for which scikit-learn's ``brier_score_loss`` by default uses one class and is half as large.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels.
    y_proba : array-like of shape (n_samples, n_classes) or (n_samples,)
        Class probabilities, as returned by ``predict_proba``; for two classes also only those of
        the second class.
    sample_weight : array-like of shape (n_samples,), default=None
        Sample weights.
    labels : array-like of shape (n_classes,), default=None
        The classes in the order of the columns, such as ``classes_`` of the estimator. The default
        is the sorted labels in y_true, which must then contain all classes.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If labels and columns do not match, or probabilities are invalid.

    Examples
    --------
    The mean of 0.3² + 0.3² for the first sample and 0.5² + 0.5² for the second.

    >>> from sklearn_ebm.metrics import brier_score
    >>> round(brier_score(["no", "yes"], [[0.7, 0.3], [0.5, 0.5]]), 12)
    0.34
    """
    right, probability = _checked(y_true, y_proba, labels)
    off = probability.copy()
    off[np.arange(len(off)), right] -= 1
    return averaged(np.sum(off**2, axis=1), sample_weight)


def expected_calibration_error(
    y_true: Any,
    y_proba: Any,
    *,
    sample_weight: Any = None,
    n_bins: int = N_BINS,
    labels: Any = None,
) -> float:
    """Expected calibration error: mean gap between confidence and accuracy; lower is better.

    .. code-block:: none

        Σ_b n_b/n |accuracy_b − confidence_b|

    The confidence of a sample is the probability of its most probable class. Samples are assigned
    to bins of equal width by their confidence; a bin includes its upper limit. n_b is the total
    weight of the samples in bin b, and n that of all samples. The value depends on the number of
    bins, and is biased upwards with few samples per bin. Do not use it as a score to select models:
    a model that predicts the class frequencies for every sample has no calibration error.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels.
    y_proba : array-like of shape (n_samples, n_classes) or (n_samples,)
        Class probabilities, as returned by ``predict_proba``; for two classes also only those of
        the second class.
    sample_weight : array-like of shape (n_samples,), default=None
        Sample weights.
    n_bins : int, default=15
        Number of bins.
    labels : array-like of shape (n_classes,), default=None
        The classes in the order of the columns, such as ``classes_`` of the estimator. The default
        is the sorted labels in y_true, which must then contain all classes.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If labels and columns do not match, or probabilities are invalid.

    References
    ----------
    Guo, Pleiss, Sun, Weinberger, "On Calibration of Modern Neural Networks", Proceedings of the
    34th International Conference on Machine Learning (2017) 1321-1330.

    Examples
    --------
    Two samples with confidence 0.9 and accuracy 0.5, and one with confidence 0.6 and accuracy 1,
    give 2/3 · 0.4 + 1/3 · 0.4.

    >>> from sklearn_ebm.metrics import expected_calibration_error
    >>> p = [[0.9, 0.1], [0.9, 0.1], [0.4, 0.6]]
    >>> round(expected_calibration_error([0, 1, 1], p), 12)
    0.4
    """
    right, probability = _checked(y_true, y_proba, labels)
    n_bins = positive_integer("n_bins", n_bins)
    weight = row_weights(sample_weight, len(right))
    weight = weight / weight.max()
    confidence = probability.max(axis=1)
    hit = probability.argmax(axis=1) == right
    bins = np.clip(np.ceil(confidence * n_bins).astype(int) - 1, 0, n_bins - 1)
    # n_b |accuracy_b − confidence_b| is the absolute sum of the rows' differences in the bin.
    gaps = np.bincount(bins, weights=weight * (hit - confidence))
    return float(np.abs(gaps).sum() / weight.sum())


def _checked(y_true: Any, y_proba: Any, labels: Any) -> tuple[npt.NDArray[np.intp], Floats]:
    """Return the column of the right class of each sample, and the probabilities (n, k)."""
    y = column_or_1d(y_true)
    probability = numbers("y_proba", y_proba)
    if probability.ndim == 1:
        probability = np.column_stack([1 - probability, probability])
    if probability.ndim != 2 or not len(probability):
        raise ValueError(
            f"y_proba.shape == {probability.shape}, expected (n_samples, n_classes) with a row or "
            "more."
        )
    check_consistent_length(y, probability)
    classes = np.unique(y) if labels is None else column_or_1d(labels)
    column = {label: j for j, label in enumerate(classes.tolist())}
    if len(column) != len(classes):
        raise ValueError("labels holds a label twice; give each column a label of its own.")
    if len(classes) != probability.shape[1]:
        given = "y_true has" if labels is None else "labels has"
        raise ValueError(
            f"y_proba has {probability.shape[1]} columns, but {given} {len(classes)} classes; pass "
            "labels=model.classes_."
        )
    found = [column.get(label, -1) for label in y.tolist()]
    unknown = sorted({repr(y[j].item()) for j, place in enumerate(found) if place < 0})
    if unknown:
        raise ValueError(
            f"y_true holds labels that are not in labels: {', '.join(unknown[:10])}; leave these "
            "rows out."
        )
    is_probability = (probability >= 0) & (probability <= 1 + OFF)
    if not is_probability.all() or (np.abs(probability.sum(axis=1) - 1) > OFF).any():
        raise ValueError(
            "y_proba must hold probabilities, from 0 to 1, that sum to 1 in each row; divide by "
            "their sum if they do not."
        )
    return np.array(found, dtype=np.intp), probability
