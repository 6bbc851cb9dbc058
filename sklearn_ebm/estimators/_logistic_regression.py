"""A fitted classifier with a linear energy as scikit-learn's logistic regression."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from sklearn_ebm._utils.parameters import Array, Params
from sklearn_ebm.energies import Energy, Featured, Linear


def logistic_regression_of(model: Any, params: Params) -> LogisticRegression:
    """Return a fitted ``LogisticRegression`` with the probabilities of the model.

    Both are p(y | x) ∝ exp(z_y), with z_y = −β F(x, y) = ⟨β w_y, x⟩ + β b_y.

    Parameters
    ----------
    model : EBMClassifier
        Fitted classifier with a linear energy.
    params : dict of str to ndarray
        Its parameters.

    Returns
    -------
    LogisticRegression
        The estimator, with all attributes of `fit`.

    Raises
    ------
    ValueError
        If the energy is not linear in x.
    """
    _refuse_other_energies(model.energy_)
    fitted = model.energy_.fitted_attributes(params, len(model.classes_))
    result = LogisticRegression(fit_intercept="intercept" in params)
    result.classes_ = model.classes_.copy()
    result.coef_ = model.beta_ * fitted["coef_"]
    result.intercept_ = model.beta_ * fitted["intercept_"] + _of_classes_without_rows(model._seen)
    result.n_iter_ = np.array([model.n_iter_], dtype=np.int32)
    for name in ("n_features_in_", "feature_names_in_"):
        if name in vars(model):
            setattr(result, name, vars(model)[name])
    return result


def _refuse_other_energies(energy: Energy) -> None:
    """Raise ValueError unless F(x, y) = −⟨w_y, x⟩ − b_y."""
    if isinstance(energy, Linear) and type(energy).linearize is Linear.linearize:
        return
    way_out = (
        "use make_pipeline(transformer, EBMClassifier()) and convert its last step"
        if type(energy) is Featured
        else "use energy='linear', after a transformer such as Nystroem if it is not enough"
    )
    raise ValueError(f"Logistic regression has an energy that is linear in x; {way_out}.")


def _of_classes_without_rows(seen: Array | None) -> Any:
    """Return what the intercepts gain: −∞ for classes of probability 0, or ±∞ for two classes.

    Examples
    --------
    >>> _of_classes_without_rows(np.array([True, False, True])).tolist()
    [0.0, -inf, 0.0]
    >>> _of_classes_without_rows(np.array([False, True])).tolist()
    [inf]
    """
    if seen is None:
        return 0.0
    with np.errstate(divide="ignore"):
        level = np.log(seen.astype(np.float32))
    return level[1:] - level[:1] if len(level) == 2 else level
