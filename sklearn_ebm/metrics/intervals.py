"""Scores of quantiles and intervals."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import mean_pinball_loss

from sklearn_ebm._utils.validation import row_weights
from sklearn_ebm.distributions.base import coverage
from sklearn_ebm.distributions.vector import VectorRegion
from sklearn_ebm.metrics._inputs import (
    Floats,
    answers,
    averaged,
    method_of,
    numbers,
    over_outputs,
    shaped,
)


def pinball_loss(
    y_true: Any,
    y_pred: Any,
    *,
    probabilities: Any,
    sample_weight: Any = None,
    multioutput: Any = "uniform_average",
) -> Any:
    """Mean pinball loss of quantiles, over samples and probabilities; lower is better.

    .. code-block:: none

        α (y − q)          if y ≥ q, for the quantile q at probability α
        (1 − α) (q − y)    if y < q

    For one probability it equals scikit-learn's ``mean_pinball_loss``. For many equally spaced
    probabilities it approximates half the CRPS. For the two limits of an interval of level 1 − α it
    is α/4 times the interval score, also called Winkler score.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or (n_samples, n_outputs)
        True target values.
    y_pred : array-like or ConditionalDistribution of n_samples distributions
        Quantiles of shape (n_samples, n_probabilities), or (n_samples, n_outputs, n_probabilities)
        for several outputs, as returned by ``predict_quantiles``; for a single probability also
        in the shape of y_true. The quantiles of a distribution are computed.
    probabilities : float or array-like of shape (n_probabilities,)
        Probabilities between 0 and 1, in the order of the quantiles.
    sample_weight : array-like of shape (n_samples,), default=None
        Sample weights.
    multioutput : {"uniform_average", "raw_values"} or array-like of shape (n_outputs,), \
default="uniform_average"
        Whether to average over outputs, with equal weights or the given ones, or to return the
        score of each output.

    Returns
    -------
    float, or ndarray of shape (n_outputs,) for ``"raw_values"``

    Raises
    ------
    ValueError
        If the shapes do not match, or a number is not finite.

    See Also
    --------
    pinball_scorer : Scorer with the opposite sign.

    Examples
    --------
    For y = 4 the losses of the quantiles 2 and 9 at 0.1 and 0.9 are 0.1 · 2 and 0.1 · 5.

    >>> from sklearn_ebm.metrics import pinball_loss
    >>> round(pinball_loss([4.0], [[2.0, 9.0]], probabilities=[0.1, 0.9]), 12)
    0.35
    """
    y = answers(y_true, y_pred)
    levels = known_probabilities(probabilities)
    quantiles = method_of(y_pred, "quantiles")
    values = numbers("y_pred", y_pred if quantiles is None else quantiles(levels))
    if len(levels) == 1 and values.shape == y.shape:
        values = values[..., None]
    if y.ndim == 1 and values.ndim == 3 and values.shape[1] == 1:
        values = values[:, 0]
    shaped("y_pred", values, (*y.shape, len(levels)))
    weight = None if sample_weight is None else row_weights(sample_weight, len(y))
    losses = [
        mean_pinball_loss(
            y, values[..., j], alpha=level, multioutput="raw_values",
            sample_weight=None if weight is None else weight / weight.max(),
        )
        for j, level in enumerate(levels)
    ]  # fmt: skip
    return over_outputs(np.mean(losses, axis=0), multioutput)


def known_probabilities(probabilities: Any) -> list[float]:
    """Return one probability or more as a list, or raise ValueError."""
    array = np.atleast_1d(numbers("probabilities", probabilities))
    if array.ndim != 1 or len(array) == 0 or not ((array > 0) & (array < 1)).all():
        raise ValueError(
            f"probabilities={probabilities!r} must be a number between 0 and 1, or a list of such."
        )
    return array.tolist()


def interval_contains(
    y_true: Any, y_pred: Any, *, level: float | None = None
) -> npt.NDArray[np.bool_]:
    """Determine for each sample whether the true value lies in its interval or region.

    Intervals include their limits.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or (n_samples, n_outputs)
        True target values.
    y_pred : array-like, VectorRegion, or ConditionalDistribution of n_samples distributions
        Intervals, regions, or distributions, as in `interval_coverage`.
    level : float, default=None
        Level of the intervals of a distribution; must be None for other predictions.

    Returns
    -------
    ndarray of bool of shape (n_samples,) or (n_samples, n_outputs)

    Raises
    ------
    ValueError
        If the shapes do not match, or limits are NaN or in the wrong order.

    Examples
    --------
    >>> interval_contains([1.0, 5.0], [[0.0, 2.0], [0.0, 4.0]])
    array([ True, False])

    A sample with the region [0, 1] and [3, 4]:

    >>> interval_contains([2.0], [[[0.0, 1.0], [3.0, 4.0]]])
    array([False])
    """
    y = answers(y_true, y_pred)
    if isinstance(y_pred, VectorRegion):
        _refuse_level(level)
        if y.ndim == 1:
            y = y[:, None]
        return np.asarray(y_pred.contains(y), dtype=bool)
    ends = _ends(y_pred, level)
    if y.ndim == 1 and ends.ndim == 3:
        shaped("y_pred without its last two axes", ends[:, 0, 0], y.shape)
        _require_order(ends)
        return np.any((ends[..., 0] <= y[:, None]) & (y[:, None] <= ends[..., 1]), axis=1)
    shaped("y_pred", ends, (*y.shape, 2))
    if level is None:
        _require_numbers(ends, "answers are in no such interval")
    return (ends[..., 0] <= y) & (y <= ends[..., 1])


def interval_coverage(
    y_true: Any,
    y_pred: Any,
    *,
    level: float | None = None,
    sample_weight: Any = None,
    multioutput: Any = "uniform_average",
) -> Any:
    """Fraction of the true values that lie in their interval or region.

    The coverage should equal the level of the intervals. A higher coverage is not better, because
    it means that the intervals are unnecessarily wide. So do not use it as a score to select
    models, and consider it together with `interval_width`.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or (n_samples, n_outputs)
        True target values.
    y_pred : array-like, VectorRegion, or ConditionalDistribution of n_samples distributions
        Intervals as returned by ``predict_interval``: lower and upper limits, of shape
        (n_samples, 2), or (n_samples, n_outputs, 2) for several outputs. Or regions as
        returned by ``predict_region``: for y_true of shape (n_samples,) several intervals for each
        sample, of shape (n_samples, n_intervals, 2), padded with NaN. For a distribution, its
        central intervals of probability `level` are computed.
    level : float, default=None
        Level of the intervals of a distribution; must be None for other predictions.
    sample_weight : array-like of shape (n_samples,), default=None
        Sample weights.
    multioutput : {"uniform_average", "raw_values"} or array-like of shape (n_outputs,), \
default="uniform_average"
        Whether to average over outputs, with equal weights or the given ones, or to return the
        score of each output.

    Returns
    -------
    float, or ndarray of shape (n_outputs,) for ``"raw_values"``

    Raises
    ------
    ValueError
        If the shapes do not match, or limits are NaN or in the wrong order.

    See Also
    --------
    coverage_scorer : Scorer with this score.

    Examples
    --------
    The first true value lies inside its interval, the second one outside.

    >>> from sklearn_ebm.metrics import interval_coverage
    >>> intervals = [[0.0, 2.0], [0.0, 4.0]]
    >>> interval_coverage([1.0, 5.0], intervals)
    0.5
    >>> interval_coverage([1.0, 5.0], intervals, sample_weight=[3.0, 1.0])
    0.75
    """
    return averaged(interval_contains(y_true, y_pred, level=level), sample_weight, multioutput)


def interval_width(
    y_pred: Any,
    *,
    level: float | None = None,
    sample_weight: Any = None,
    multioutput: Any = "uniform_average",
) -> Any:
    """Mean width of intervals, in the unit of y.

    Among intervals with the right coverage, narrower ones are more informative. True values are not
    needed.

    Parameters
    ----------
    y_pred : array-like, or ConditionalDistribution of n_samples distributions
        Lower and upper limits, of shape (n_samples, 2), or (n_samples, n_outputs, 2) for several
        outputs, as returned by ``predict_interval``. For a distribution, its central intervals of
        probability `level` are computed. Regions are not supported: their intervals would be
        mistaken for those of several outputs.
    level : float, default=None
        Level of the intervals of a distribution; must be None for other predictions.
    sample_weight : array-like of shape (n_samples,), default=None
        Sample weights.
    multioutput : {"uniform_average", "raw_values"} or array-like of shape (n_outputs,), \
default="uniform_average"
        Whether to average over outputs, with equal weights or the given ones, or to return the
        score of each output.

    Returns
    -------
    float, or ndarray of shape (n_outputs,) for ``"raw_values"``
        Mean width; infinite if one of the intervals is.

    Raises
    ------
    ValueError
        If the shape is wrong, or limits are NaN or in the wrong order.

    Examples
    --------
    >>> from sklearn_ebm.metrics import interval_width
    >>> interval_width([[0.0, 2.0], [0.0, 4.0]])
    3.0
    """
    ends = _ends(y_pred, level)
    if level is None:
        _require_numbers(ends, "sum the lengths of a region's intervals with np.nansum")
    return averaged(ends[..., 1] - ends[..., 0], sample_weight, multioutput)


def _ends(y_pred: Any, level: float | None) -> Floats:
    """Lower and upper ends along the last axis."""
    quantiles = method_of(y_pred, "quantiles")
    if quantiles is not None:
        if level is None:
            raise ValueError("y_pred is a conditional density; pass the level of its intervals.")
        outside = (1 - coverage("level", level)) / 2
        return numbers("y_pred", quantiles([outside, 1 - outside]))
    _refuse_level(level)
    ends = numbers("y_pred", y_pred)
    if ends.ndim not in (2, 3) or ends.shape[-1] != 2 or ends.size == 0:
        raise ValueError(
            f"y_pred.shape == {ends.shape}, expected (n_samples, 2), or (n_samples, n_outputs, 2): "
            "lower and upper ends."
        )
    return ends


def _refuse_level(level: float | None) -> None:
    if level is not None:
        raise ValueError(
            f"level={level!r} is for a conditional density, but y_pred holds intervals or regions "
            "already; leave it out."
        )


def _require_numbers(ends: Floats, instead: str) -> None:
    if np.isnan(ends).any():
        raise ValueError(f"y_pred has intervals with an end that is NaN; {instead}.")
    _require_order(ends)


def _require_order(ends: Floats) -> None:
    if (ends[..., 0] > ends[..., 1]).any():
        raise ValueError(
            "y_pred has intervals whose upper end lies below the lower one; sort the ends with "
            "np.sort(y_pred, axis=-1)."
        )
