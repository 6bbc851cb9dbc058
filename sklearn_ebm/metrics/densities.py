"""Scores of distributions: log-likelihood, CRPS and probability integral transform."""

from __future__ import annotations

from typing import Any

import numpy as np

from sklearn_ebm.distributions.base import ConditionalDistribution
from sklearn_ebm.distributions.vector import VectorDistribution
from sklearn_ebm.metrics._inputs import (
    Floats,
    answers,
    averaged,
    method_of,
    numbers,
    scores_of,
    shaped,
)


def negative_log_likelihood(y_true: Any, y_pred: Any, *, sample_weight: Any = None) -> float:
    """Mean negative log-likelihood in nats; lower is better.

    .. code-block:: none

        −Σ_i w_i log p_i(y_i) / Σ_i w_i

    The value depends on the unit of y: it decreases by log c if y is measured in units of c. It is
    infinite if the density of one true value is zero. With several outputs the joint density is
    used.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or (n_samples, n_outputs)
        True target values.
    y_pred : ConditionalDistribution of n_samples distributions
        Predicted distributions, as returned by ``predict_distribution``, or another object with a
        method ``logpdf``, such as a frozen distribution of ``scipy.stats``.
    sample_weight : array-like of shape (n_samples,), default=None
        Sample weights.

    Returns
    -------
    float

    Raises
    ------
    TypeError
        If `y_pred` has no density.
    ValueError
        If the shapes of `y_true` and `y_pred` do not match.

    See Also
    --------
    log_likelihood_scorer : Scorer with the opposite sign.

    Examples
    --------
    The true values are the means of two Gaussians with standard deviations σ = 1 and 2, where the
    densities are 1/(σ √(2π)). The score is (log 1 + log 2)/2 + log(2π)/2 = 0.3466 + 0.9189.

    >>> from sklearn_ebm.distributions import GaussianMixture
    >>> from sklearn_ebm.metrics import negative_log_likelihood
    >>> density = GaussianMixture([[1.0], [1.0]], [[0.0], [5.0]], [[1.0], [2.0]])
    >>> round(negative_log_likelihood([0.0, 5.0], density), 4)
    1.2655
    """
    y = answers(y_true, y_pred)
    # SciPy has another name for it.
    name = "log_prob" if isinstance(y_pred, ConditionalDistribution) else "logpdf"
    return averaged(-scores_of(y_pred, name, y, (len(y),)), sample_weight)


def crps(
    y_true: Any, y_pred: Any, *, sample_weight: Any = None, multioutput: Any = "uniform_average"
) -> Any:
    """Mean continuous ranked probability score, in the unit of y; lower is better.

    .. code-block:: none

        ∫ (F(t) − 1[y ≤ t])² dt = E|Y − y| − ½ E|Y − Y'|

    F is the predicted distribution function; Y and Y' are independent draws from it. For a point
    prediction the score is the absolute error.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or (n_samples, n_outputs)
        True target values.
    y_pred : ConditionalDistribution of n_samples distributions, or array-like
        Predicted distributions; or draws, of shape (n_samples, n_draws) or
        (n_samples, n_draws, n_outputs), as returned by ``sample``. The empirical distribution of
        the draws is scored. With m draws its expected score is higher than that of the
        distribution they come from, by ``E|Y − Y'|/(2 m)``.
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
        If the shapes of `y_true` and `y_pred` do not match.

    See Also
    --------
    crps_scorer : Scorer with the opposite sign.

    References
    ----------
    Gneiting, Raftery, "Strictly Proper Scoring Rules, Prediction, and Estimation", Journal of the
    American Statistical Association 102 (2007) 359-378. :doi:`10.1198/016214506000001437`

    Examples
    --------
    For draws 0 and 2 and y = 3, ``E|Y − y|`` = (3 + 1)/2 and ``E|Y − Y'|`` = (0 + 2 + 2 + 0)/4,
    so the score is 2 − 1/2. Two draws 1 and y = 1.5 give the distance 0.5.

    >>> from sklearn_ebm.metrics import crps
    >>> crps([3.0, 1.5], [[0.0, 2.0], [1.0, 1.0]])
    1.0
    """
    y = answers(y_true, y_pred)
    if method_of(y_pred, "crps") is not None:
        scores = scores_of(y_pred, "crps", y, y.shape)
    else:
        scores = _crps_of_draws(y, numbers("y_pred", y_pred))
    return averaged(scores, sample_weight, multioutput)


def _crps_of_draws(y: Floats, draws: Floats) -> Floats:
    """E|Y − y| − ½ E|Y − Y'| of draws (n, m) or (n, m, q)."""
    if y.ndim == 1 and draws.ndim == 3 and draws.shape[2] == 1:
        draws = draws[:, :, 0]
    if draws.ndim != y.ndim + 1 or draws.shape[1] == 0:
        several = f", m, {y.shape[1]}" if y.ndim == 2 else ", m"
        raise ValueError(
            f"y_pred.shape == {draws.shape}, expected ({len(y)}{several}): m ≥ 1 draws for each "
            "row, or a conditional density."
        )
    shaped("y_pred without its draws", draws[:, 0], y.shape)
    if not np.isfinite(draws).all():
        raise ValueError("y_pred contains NaN or infinity; draws must be finite.")
    n_draws = draws.shape[1]
    # Of the m² differences between sorted draws, the j-th is the larger one in 2 j − 1 cases.
    sign = 2 * np.arange(1, n_draws + 1) - n_draws - 1
    spread = np.tensordot(np.sort(draws, axis=1), sign, axes=(1, 0)) / n_draws**2
    return np.abs(draws - y[:, None]).mean(axis=1) - spread


def probability_integral_transform(y_true: Any, y_pred: Any) -> Floats:
    """Probability integral transform (PIT): the predicted distribution function at the true values.

    .. code-block:: none

        u_i = F_i(y_i) = P(Y ≤ y_i | x_i)

    If the predicted distributions are right, the values are uniform between 0 and 1. An excess near
    both ends indicates distributions that are too narrow, an excess in the middle distributions
    that are too wide.

    The function returns a value for each sample. Pass sample weights to the histogram.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or (n_samples, n_outputs)
        True target values.
    y_pred : ConditionalDistribution of n_samples distributions
        Predicted distributions, as returned by ``predict_distribution``, or another object with a
        method ``cdf``, such as a frozen distribution of ``scipy.stats``.

    Returns
    -------
    ndarray of shape (n_samples,) or (n_samples, n_outputs)
        Values between 0 and 1, computed separately for each output.

    Raises
    ------
    TypeError
        If `y_pred` has no distribution function.
    ValueError
        If the shapes of `y_true` and `y_pred` do not match.

    References
    ----------
    Gneiting, Balabdaoui, Raftery, "Probabilistic forecasts, calibration and sharpness", Journal of
    the Royal Statistical Society B 69 (2007) 243-268. :doi:`10.1111/j.1467-9868.2007.00587.x`

    Examples
    --------
    True values at the mean of a Gaussian, and one standard deviation above the mean.

    >>> import numpy as np
    >>> from sklearn_ebm.distributions import GaussianMixture
    >>> from sklearn_ebm.metrics import probability_integral_transform
    >>> density = GaussianMixture([[1.0], [1.0]], [[0.0], [5.0]], [[1.0], [2.0]])
    >>> u = probability_integral_transform([0.0, 7.0], density)
    >>> u.round(4)
    array([0.5   , 0.8413])
    >>> np.histogram(u, bins=2, range=(0, 1), weights=[3.0, 1.0])[0]
    array([0., 4.])
    """
    y = answers(y_true, y_pred)
    name = "marginal_cdf" if isinstance(y_pred, VectorDistribution) else "cdf"
    return scores_of(y_pred, name, y, y.shape)
