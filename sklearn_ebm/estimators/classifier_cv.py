"""The energy-based classifier with built-in cross-validation of its hyperparameters."""

from __future__ import annotations

import logging
import warnings
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import check_cv
from sklearn.utils.metadata_routing import (
    UNUSED,
    MetadataRouter,
    MethodMapping,
    get_routing_for_object,
)
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm._utils.validation import positive_integer, positive_number, row_weights
from sklearn_ebm.energies import Energy
from sklearn_ebm.estimators._class_predictions import ClassPredictions
from sklearn_ebm.estimators._collapse import warn_of_collapse
from sklearn_ebm.estimators._grid import (
    Data,
    Fits,
    Folds,
    Grid,
    choose_betas,
    choose_scorer,
    learn_folds,
    make_grid,
    results_table,
    score_points,
    score_weights,
)
from sklearn_ebm.estimators._parts import (
    PartsMixin,
    checked_settings,
    encode,
    generator_and_seed,
    losses_with_margin,
    takes_margin,
    unchanged_if_it_fails,
)
from sklearn_ebm.estimators.classifier import EBMClassifier
from sklearn_ebm.learning.learn import Learned
from sklearn_ebm.solvers.base import Solver

logger = logging.getLogger("sklearn_ebm")

# Written by the validation of X, before anything is learned.
SEEN = ("n_features_in_", "feature_names_in_")


def _of_best_estimator(name: str) -> Any:
    """Return a property that is the attribute of `best_estimator_`, also when it is written."""

    def read(search: EBMClassifierCV) -> Any:
        return getattr(search._model(), name)

    def write(search: EBMClassifierCV, value: Any) -> None:
        setattr(search._model(), name, value)

    return property(read, write, doc=f"`{name}` of `best_estimator_`.")


class EBMClassifierCV(ClassPredictions, ClassifierMixin, PartsMixin):
    r"""Energy-based classifier with cross-validated loss, margin, β and C.

    A point of the grid stands for ``EBMClassifier(loss=..., margin=..., beta=..., C=...)``, and the
    scores equal those of ``GridSearchCV`` over the same points and folds, with less work: each fit
    starts from the solution for the previous C, and energies do not depend on the β of the
    probabilities, so there is one fit per loss, margin, C and fold, which is scored at every β. The
    losses ``"nll"`` and ``"mee"`` given by name learn at the β of the classifier and need separate
    fits for every β.

    Parameters
    ----------
    energy : str or Energy, default="linear"
        The energy, as in `EBMClassifier`.
    losses : sequence of str or Loss, default=("hinge", "log")
        Losses to compare, names or objects.
    margins : sequence of float or array-like of shape (n_classes, n_classes), default=None
        Margins to compare, for losses given by name that have a margin. None means the
        default of each loss.
    betas : "auto" or sequence of float and "auto", default="auto"
        Inverse temperatures to compare. ``"auto"`` is, for each loss, margin and C, the β with the
        lowest log-loss on the held-out samples of all folds, with a prior if they are few; samples
        whose class does not occur in the training part of their fold are ignored. The loss then
        learns at β = 1, as in `EBMClassifier`. Fitting this number to the samples that are scored
        lowers the log-loss by about 1/(2n).
    Cs : int or sequence of float, default=10
        Inverse strengths of the penalty. An integer is the number of values between 1e-4 and 1e4,
        evenly spaced on a logarithmic scale.
    cv : int, splitter or iterable of (train, test), default=5
        Folds, as in ``GridSearchCV``; an integer means stratified folds. If copies of a sample are
        in the training part and in the held-out part of a fold, this sample is scored but not used
        to choose β.
    scoring : str, callable or None, default="neg_log_loss"
        Score that is maximised: the name of a scikit-learn score or ``scorer(model, X, y)``, where
        X is an array or a CSR matrix. None means accuracy, which does not depend on β.
        `sample_weight` is passed to scorers that accept it.
    fit_intercept : bool, default=True
        Whether an energy given by name has an intercept.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes in the fits, not in the scores.
    solver : str or Solver, default="auto"
        The solver, as in `EBMClassifier`.
    max_iter : int or None, default=None
        Maximum number of iterations of the solver in each fit, as in `EBMClassifier`.
    tol : float, default=1e-4
        Relative accuracy of the minimum, as in `EBMClassifier`.
    refit : bool, default=True
        Whether to refit the best point on all samples. Prediction methods require it.
    random_state : int, RandomState instance or None, default=0
        As in `EBMClassifier`; all fits use the same seed. It does not affect the folds, see `cv`.
    n_jobs : int or None, default=None
        Number of folds that are learned in parallel; the results do not depend on it.
    verbose : int, default=0
        With 1 or more, a summary is logged (logger ``"sklearn_ebm"``, level INFO) after learning.

    Attributes
    ----------
    cv_results_ : dict of str to ndarray
        One entry for each point, as in ``GridSearchCV``: loss by loss, each in the order of
        ``ParameterGrid``. Points that are scored with the same fit have the same fit time.
        ``fitted_beta`` is the β of the probabilities, a number even if ``param_beta`` is
        ``"auto"``.
    best_params_ : dict of str to object
        Parameters of the best point, the first one with the highest mean score.
    best_score_ : float
        Mean score of the best point.
    best_index_ : int
        Index of the best point in `cv_results_`.
    best_estimator_ : EBMClassifier
        Classifier with the best parameters, refitted on all samples. Only with ``refit=True``.
    C_ : float
        C of the best point: a single number, because all classes are learned jointly.
    Cs_ : ndarray of shape (n_Cs,)
        Values of C that were compared.
    beta_ : float
        β of the probabilities at the best point.
    betas_ : list of float or "auto"
        Values of β that were compared.
    margin_ : float, array-like or None
        Margin of the best point; None for the default of the loss, or a loss without a margin.
    loss_ : Loss
        Loss object of the best point.
    paths_ : list of dict of str to object
        Loss, margin, and the β used in learning if there is one, of each path along C.
    scores_ : ndarray of shape (n_splits, n_points)
        Score of each point in each fold.
    coefs_paths_ : ndarray of shape (n_splits, n_paths, n_Cs, 1 or k, d or d + 1)
        Coefficients of each fit in each fold, in the shape of `coef_`, followed by the intercept.
        Only for energies with `coef_`.
    n_iter_ : ndarray of shape (n_splits, n_paths, n_Cs)
        Number of iterations of each fit; 0 if the previous solution is already the minimum.
    n_splits_ : int
        Number of folds.
    scorer_ : callable
        Scorer that was used.
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.
    energy_ : Energy
        The energy that was used.
    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features)
        Coefficients of `best_estimator_`. Only with ``refit=True``, like the next three.
    intercept_ : ndarray of shape (1,) or (n_classes,)
        Intercepts of `best_estimator_`.
    params_ : dict of str to ndarray
        Parameters of `best_estimator_`.
    gap_ : float or None
        Upper bound on (f − min f)/f of `best_estimator_`.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if all are strings.

    Warns
    -----
    CollapseWarning
        If the energies of right and wrong answers of the best model are equal.
    ConvergenceWarning
        Once, if any fit stopped before it reached `tol`.

    See Also
    --------
    EBMClassifier : The classifier that is tuned.
    sklearn.linear_model.LogisticRegressionCV : Tunes C of logistic regression.

    Examples
    --------
    Four samples and two folds, each with one training sample of each class at ±1. The hinge without
    an intercept has its minimum at w = min(1, 2C) for these samples (see `EBMClassifier`).
    At C = 1 the log-loss is log(1 + e⁻²) = 0.127 for β = 2, and log(1 + e⁻¹) = 0.313 for β = 1:

    >>> from sklearn_ebm import EBMClassifierCV
    >>> clf = EBMClassifierCV(
    ...     losses=["hinge"],
    ...     betas=[1.0, 2.0],
    ...     Cs=[1.0],
    ...     cv=2,
    ...     fit_intercept=False,
    ...     tol=1e-6,
    ... )
    >>> clf = clf.fit([[-1.0], [-1.0], [1.0], [1.0]], ["no", "no", "yes", "yes"])
    >>> clf.cv_results_["mean_test_score"].round(3)
    array([-0.313, -0.127])
    >>> clf.best_params_
    {'C': 1.0, 'beta': 2.0, 'loss': 'hinge', 'margin': None}
    >>> clf.predict_proba([[1.0]]).round(3)
    array([[0.119, 0.881]])
    """

    # `fit` hands groups on to the splitter; it does not ask for them itself.
    __metadata_request__fit: ClassVar[dict[str, str]] = {"groups": UNUSED}
    coef_ = _of_best_estimator("coef_")
    intercept_ = _of_best_estimator("intercept_")
    prototypes_ = _of_best_estimator("prototypes_")
    metric_ = _of_best_estimator("metric_")

    def __init__(
        self,
        energy: str | Energy = "linear",
        losses: Any = ("hinge", "log"),
        *,
        margins: Any = None,
        betas: Any = "auto",
        Cs: Any = 10,
        cv: Any = 5,
        scoring: Any = "neg_log_loss",
        fit_intercept: bool = True,
        class_weight: Any = None,
        solver: str | Solver = "auto",
        max_iter: int | None = None,
        tol: float = 1e-4,
        refit: bool = True,
        random_state: Any = 0,
        n_jobs: int | None = None,
        verbose: int = 0,
    ) -> None:
        self.energy = energy
        self.losses = losses
        self.margins = margins
        self.betas = betas
        self.Cs = Cs
        self.cv = cv
        self.scoring = scoring
        self.fit_intercept = fit_intercept
        self.class_weight = class_weight
        self.solver = solver
        self.max_iter = max_iter
        self.tol = tol
        self.refit = refit
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, *, groups: Any = None
    ) -> EBMClassifierCV:
        """Fit and score all points of the grid, and refit the best one.

        If the input is invalid, the estimator is left unchanged.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Training samples; float32 stays float32, other dtypes are converted to float64.
        y : array-like of shape (n_samples,)
            Target labels of any type, of at least two classes.
        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights ≥ 0, used in the fits, and in the scores if the scorer accepts them.
        groups : array-like of shape (n_samples,), default=None
            Group of each sample, passed to the splitter `cv` (such as ``GroupKFold``).

        Returns
        -------
        self : EBMClassifierCV
            Fitted estimator.

        Raises
        ------
        ValueError
            If a parameter, X, y or the weights are invalid; the message says what to do.
        """
        with unchanged_if_it_fails(self):
            stopped, n_fits = self._fit(X, y, sample_weight, groups)
            if self.verbose:
                logger.info(
                    "%d fits in %d folds for %d points; the best, score %.6g: %s.", n_fits,
                    self.n_splits_, len(self.cv_results_["params"]), self.best_score_,
                    self.best_params_,
                )  # fmt: skip
            if stopped:
                warnings.warn(
                    f"Learning stopped short of tol={self.tol:g} in {stopped} of {n_fits} fits. "
                    "Raise max_iter or tol, or scale the features (StandardScaler).",
                    ConvergenceWarning,
                    stacklevel=2,
                )
        return self

    def _fit(self, X: Any, y: Any, sample_weight: Any, groups: Any) -> tuple[int, int]:
        """Learn, score and store; how many fits stopped short, and how many there were."""
        settings = checked_settings(self, "tol", "max_iter")
        grid = self._grid()
        settings["seed"] = generator_and_seed(self.random_state)[1]
        rows, labels, classes, answer = encode(self, X, y)
        for path in grid.paths:
            path.parts.loss._validate(len(classes))
        weight = None if sample_weight is None else row_weights(sample_weight, len(labels))
        data = Data(rows, labels, classes, answer, weight, self.class_weight)
        scorer = choose_scorer(self._one_scorer(), classes)
        folds = self._folds(data, groups)
        fits = learn_folds(grid, data, folds, self.n_jobs, **settings)
        betas = choose_betas(
            grid, data, folds, fits, copies_vote=not isinstance(self.cv, Integral | None)
        )
        scores, seconds = score_points(grid, data, folds, fits, betas, scorer)
        for name in [name for name in vars(self) if name.endswith("_") and name not in SEEN]:
            delattr(self, name)  # a fit before may have had more, such as a model
        self.cv_results_ = results_table(grid, fits, betas, scores, seconds)
        self.scores_, self.scorer_, self.n_splits_ = scores.T, scorer, len(folds)
        self._store(grid, fits, classes)
        distinct = {id(fit): fit for fold in fits for path in fold for fit in path}.values()
        converged = [fit.learned.converged for fit in distinct]
        if self.refit:
            converged.append(self._refit(X, y, sample_weight))
        return len(converged) - sum(converged), len(converged)

    def _grid(self) -> Grid:
        losses = _entries("losses", self.losses, "('hinge', 'log')")
        betas = [self.betas] if isinstance(self.betas, str) else self.betas
        betas = _entries("betas", betas, "(0.3, 1.0, 3.0)")
        for i, beta in enumerate(betas):
            if not isinstance(beta, str):
                betas[i] = positive_number(f"betas[{i}]", beta)
            elif beta != "auto":
                raise ValueError(f"betas holds {beta!r}; use positive numbers or 'auto'.")
        margins = [None]
        if self.margins is not None:
            margins = _entries("margins", self.margins, "(0.5, 1.0, 2.0)")
            if not any(takes_margin(loss) for loss in losses):
                raise ValueError(
                    f"margins are for losses given by name that have one "
                    f"({', '.join(losses_with_margin())}), and losses holds none; leave "
                    "margins=None, or put one object for each margin into losses."
                )
        return make_grid(
            losses, margins, betas, self._inverse_strengths(),
            energy=self.energy, solver=self.solver, fit_intercept=self.fit_intercept,
        )  # fmt: skip

    def _inverse_strengths(self) -> list[float]:
        if np.ndim(self.Cs) == 0 and not isinstance(self.Cs, str):
            return np.logspace(-4, 4, positive_integer("Cs", self.Cs)).tolist()
        entries = _entries("Cs", self.Cs, "(0.1, 1.0, 10.0)")
        return [positive_number(f"Cs[{i}]", C, infinite=True) for i, C in enumerate(entries)]

    def _one_scorer(self) -> Any:
        if self.scoring is None or isinstance(self.scoring, str) or callable(self.scoring):
            return self.scoring
        raise ValueError(
            f"scoring={self.scoring!r} must be one scorer, by name or as a callable; for several "
            "scores use cross_validate on the best model."
        )

    def get_metadata_routing(self) -> MetadataRouter:
        """Get the metadata routing of this object.

        Returns
        -------
        routing : MetadataRouter
            Routing of the metadata of `fit` and of the splitter (``groups``).
        """
        of_splitter = MethodMapping().add(caller="fit", callee="split")
        return (
            MetadataRouter(owner=self)
            .add_self_request(self)
            .add(splitter=check_cv(self.cv), method_mapping=of_splitter)
        )

    def _folds(self, data: Data, groups: Any) -> Folds:
        every_row = np.arange(len(data.y))
        check_consistent_length(data.y, groups)
        if isinstance(self.cv, Integral):
            positive_integer("cv", self.cv, least=2)
        splitter = check_cv(self.cv, data.y, classifier=True)
        if groups is None and get_routing_for_object(splitter).split.requests.get("groups") is True:
            raise ValueError(
                f"cv={self.cv!r} needs the group of each sample: pass groups= to fit, or "
                "ebmclassifiercv__groups= to the fit of a pipeline."
            )
        splits = splitter.split(data.X, data.y, groups)
        folds = [(every_row[kept], every_row[held_out]) for kept, held_out in splits]
        if not folds:
            raise ValueError(f"cv={self.cv!r} gives no folds; use a number of folds, such as cv=5.")
        return folds

    def _store(self, grid: Grid, fits: Fits, classes: Array) -> None:
        self.best_index_ = int(self.cv_results_["rank_test_score"].argmin())
        best = grid.points[self.best_index_]
        self.best_params_ = best.params
        self.best_score_ = float(self.cv_results_["mean_test_score"][self.best_index_])
        self.beta_ = float(self.cv_results_["fitted_beta"][self.best_index_])
        self.C_, self.margin_ = best.params["C"], best.params["margin"]
        self.energy_, self.loss_, _ = grid.paths[best.path].parts
        self.classes_ = classes
        self.Cs_ = np.array(grid.Cs)
        self.betas_ = list(dict.fromkeys(point.params["beta"] for point in grid.points))
        self.paths_ = [path.params for path in grid.paths]
        self.n_iter_ = np.array(
            [[[fit.learned.n_iter for fit in path] for path in fold] for fold in fits]
        )
        if "coef_" in fits[0][0][0].learned.fitted_attributes():
            self.coefs_paths_ = np.array(
                [[[self._coefs(fit.learned) for fit in path] for path in fold] for fold in fits]
            )

    def _coefs(self, learned: Learned) -> Array:
        """Coefficients and the intercept side by side, as in ``LogisticRegressionCV``."""
        fitted = learned.fitted_attributes()
        if not self.fit_intercept or "intercept_" not in fitted:
            return fitted["coef_"]
        return np.column_stack([fitted["coef_"], fitted["intercept_"]])

    def _refit(self, X: Any, y: Any, sample_weight: Any) -> bool:
        """Learn the best point from all samples at the β that was found; whether it converged."""
        model = EBMClassifier(
            energy=self.energy, fit_intercept=self.fit_intercept, class_weight=self.class_weight,
            solver=self.solver, max_iter=self.max_iter, tol=self.tol,
            random_state=self.random_state, **self.best_params_,
        )  # fmt: skip
        learned, rows = model._fit(X, y, sample_weight, beta=self.beta_)
        warn_of_collapse(model, rows, stacklevel=5)
        self.best_estimator_ = model
        self.energy_, self.params_, self.gap_ = model.energy_, model.params_, model.gap_
        return learned.converged

    def _model(self) -> EBMClassifier:
        check_is_fitted(self)
        if "best_estimator_" not in vars(self):
            raise NotFittedError(
                "This EBMClassifierCV was fitted with refit=False, so it has no model to predict "
                "with; fit it with refit=True, or fit EBMClassifier(**best_params_)."
            )
        return self.best_estimator_

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Compute the score `scoring` of the best model, by default minus the log-loss.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            The input samples.
        y : array-like of shape (n_samples,)
            True labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights, used if the scorer accepts them.

        Returns
        -------
        score : float
            Score, higher is better.
        """
        model = self._model()
        return self.scorer_(model, X, y, **score_weights(self.scorer_, sample_weight))


def _entries(name: str, value: Any, example: str) -> list[Any]:
    """Return the entries of a sequence that has some, or raise ValueError."""
    if not isinstance(value, list | tuple | np.ndarray) or not len(value):
        raise ValueError(f"{name}={value!r} must be a list of at least one, such as {example}.")
    return list(value)
