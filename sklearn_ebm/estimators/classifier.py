"""The energy-based classifier."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.exceptions import ConvergenceWarning

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm._utils.repeated import groups_of_equal_rows
from sklearn_ebm._utils.rows import Rows
from sklearn_ebm._utils.validation import row_weights
from sklearn_ebm.energies import ENERGIES, Energy
from sklearn_ebm.estimators._callbacks import (
    FRAMES,
    CallbackSupportMixin,
    FitCallbacks,
    with_callbacks,
)
from sklearn_ebm.estimators._class_predictions import ClassPredictions
from sklearn_ebm.estimators._collapse import warn_of_collapse
from sklearn_ebm.estimators._negatives import refuse_stream, resolve_negatives
from sklearn_ebm.estimators._parts import (
    PartsMixin,
    by_class,
    checked_settings,
    class_weights,
    encode,
    generator_and_seed,
    refuse_another_shape,
    refuse_other_classes,
    resolve_parts,
    unchanged_if_it_fails,
    used_rows,
)
from sklearn_ebm.estimators._progress import ProgressLine
from sklearn_ebm.estimators._rows import (
    given_rows,
    refuse_missing_answers,
    refuse_what_needs_all_rows,
    split_rows,
    stream_classes,
    stream_rows,
)
from sklearn_ebm.learning.learn import Learned, Start, continued, learn, seen_answers
from sklearn_ebm.learning.monitor import INTERRUPTED, TrainingMonitor
from sklearn_ebm.learning.stream import Stream, learn_part
from sklearn_ebm.learning.temperature_scaling import (
    beta_of_learning,
    choose_beta,
    fit_beta,
    some_votes,
    warn_of_no_votes,
)
from sklearn_ebm.losses import LOSSES, Loss
from sklearn_ebm.losses.negatives.class_base import ClassNegatives
from sklearn_ebm.solvers.base import Solver

logger = logging.getLogger("sklearn_ebm")


class EBMClassifier(CallbackSupportMixin, ClassPredictions, ClassifierMixin, PartsMixin):
    r"""Energy-based classifier.

    Learns an energy F(x, y), low if x and y fit, by minimising

    .. math:: f(W) = \sum_i w_i\, \ell(F_W(x_i, \cdot), y_i) + \frac{1}{2C} \|W\|^2

    over the parameters W of the energy, for any loss of energy-based learning. Intercepts are not
    penalised. The prediction is argmin_y F(x, y), and the probabilities are the Gibbs distribution
    p(y | x) ∝ exp(−β F(x, y)), for every loss. For two classes the penalty of a linear or kernel
    energy is doubled, so that ``C`` has the same meaning as in ``LogisticRegression``,
    ``LinearSVC`` and ``SVC``.

    Parameters
    ----------
    energy : str or Energy, default="linear"
        The energy: ``"linear"``, ``"kernel"``, ``"mlp"``, ``"prototypes"``, or an object of
        `sklearn_ebm.energies` or of your own class.
    loss : str or Loss, default="nll"
        The training objective for the energies: ``"nll"``, ``"hinge"``, ``"log"``, ``"simple"``,
        ``"square_square"``, ``"square_exp"``, ``"perceptron"``, ``"mce"``, ``"mee"``, or an object
        of `sklearn_ebm.losses` or of your own class. (``"lvq2"`` and ``"energy"`` need energies
        that are never negative, such as ``"prototypes"``.)
    margin : float or array-like of shape (n_classes, n_classes), default=None
        Margin m of a loss given by name, in units of the energy; an array holds one margin for each
        pair (right class, wrong class). None means the default of the loss. If the loss is an
        object, set its own parameter instead (``loss__margin`` in a grid search).
    beta : float or "auto", default=1.0
        Inverse temperature β > 0 of the probabilities, and of the losses ``"nll"`` and ``"mee"``
        if they are given by name. ``"auto"`` learns at β = 1 and then chooses the β of the
        probabilities by log-loss on up to three held-out folds (fewer if these contain 10,000
        samples), on ``X_val``, or on the samples held out by ``early_stopping``; with few samples a
        prior keeps it near 1. Copies of a sample are held out together and count as one. `predict`
        does not depend on the β of the probabilities, so tune β by log-loss or Brier score, not
        by accuracy.
    C : float, default=1.0
        Inverse strength of the L2 penalty; ``inf`` means no penalty. Not used by ``"perceptron"``.
    fit_intercept : bool, default=True
        Whether an energy given by name has an intercept.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, multiplied with `sample_weight`.
    solver : str or Solver, default="auto"
        The solver, by name or as an object of `sklearn_ebm.solvers`. ``"auto"`` is ``"averaged"``
        for the perceptron, ``"adam"`` for ``"mlp"`` and PyTorch modules, and ``"preconditioned"``
        otherwise: limited-memory BFGS, preconditioned with a model of the Hessian, in float32 far
        from the minimum. ``"lbfgs"`` and ``"newton"`` are meant for comparison.
    max_iter : int or None, default=None
        Maximum number of iterations of the solver; of passes over the samples for solvers on
        mini-batches and for the perceptron. Losses with a kink, such as ``"hinge"``, are minimised
        through a sequence of smooth versions, a temperature path; all its iterations count. The
        final Newton steps on small problems do not. 0 returns the initial parameters.
        None means the default of the solver: 1000 iterations, or the number of passes documented in
        `sklearn_ebm.solvers.Adam` and `sklearn_ebm.solvers.Averaged`.
    tol : float, default=1e-4
        Relative accuracy of the minimum: the fit stops when an upper bound on
        (f − min f)/f is below it. If there is no bound (`gap_` is None), it stops when the
        estimated further decrease is less than ``tol * f / 1000``; on a temperature path,
        also when the last stage has changed f by less than ``tol * f``; and for an energy that is
        not linear, also after ten iterations that each decreased f by less than ``tol * f``.
        Not used by ``"perceptron"``, which ends after a pass without mistakes, or if its loss no
        longer decreases and the samples are not found to be separable.
    early_stopping : bool, default=False
        Whether to stop if the loss of held-out samples has not decreased for
        `n_iter_no_change` iterations, or passes over the samples. The parameters with the lowest
        held-out loss are kept.
    validation_fraction : float, default=0.1
        Fraction of the samples that is held out with ``early_stopping=True``, unless ``X_val`` is
        passed to `fit`. The split is stratified by class, and copies of a sample stay together. A
        sample whose copies exceed this fraction is used for training, and the fraction refers to
        the remaining samples.
    n_iter_no_change : int, default=10
        Number of iterations without improvement after which early stopping ends the fit.
    warm_start : bool, default=False
        Whether `fit` starts from the parameters of the previous fit. Landmarks of a kernel and
        initial prototypes are computed from the samples passed to `fit`; if they differ from those
        of the previous fit, learning starts anew. Energies that do not depend on the
        samples, such as ``"linear"`` and ``"mlp"``, can therefore continue with any
        samples, the others only with the same samples. Different classes, a different energy or
        number of features raise an error.
    random_state : int, RandomState instance or None, default=0
        Determines the order of the samples for ``"perceptron"`` and mini-batches, initial weights
        and dropout of networks, landmarks of kernels, held-out samples, the folds of
        ``beta="auto"``, and the samples for models of the Hessian, which change the result within
        `tol`. With an int the same data give the same model; None gives different random numbers
        in each call of `fit`.
    n_jobs : int or None, default=None
        Number of folds of ``beta="auto"`` that are learned in parallel.
    verbose : int, default=0
        With 1 or more, the progress is shown in a line on standard error (with rich if it is
        installed), and a summary is logged (logger ``"sklearn_ebm"``, level INFO).
    negatives : {"sampled", "hardest", "in_batch"}, ClassNegatives or None, default=None
        For thousands of classes: the wrong classes with which a step of learning compares. None
        compares with all classes. Otherwise the samples of a mini-batch are compared with each
        other's classes and with drawn ones, so that the time of a step does not depend on the
        number of classes; predictions still use all classes. ``"sampled"`` draws classes by the
        root of their frequency, ``"hardest"`` keeps the hardest of many drawn classes, and
        ``"in_batch"`` draws none. Objects of `sklearn_ebm.losses.negatives` have more parameters.

        Losses with a partition function (``"nll"``, ``"mee"``) and with ``contrast="all"`` are
        corrected for the probability of being drawn; the others are against the hardest class of
        those at hand. The energy must be ``"linear"``, ``"kernel"``, ``"mlp"`` or
        ``"prototypes"``. The solver is `sklearn_ebm.solvers.Adam`, for which features should be on
        similar scales (``StandardScaler``). The penalty on the parameters of a class is applied
        whenever they change, for all steps since the last time. `loss_curve_` and
        `validation_loss_curve_` are estimates, with 500 drawn classes.
    n_negatives : int, default=None
        Number of classes that are drawn for each mini-batch, if `negatives` is a name. None means
        100. With as many negatives as classes, learning is exact.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted. A class whose samples all have weight zero is included, but is not
        learned and never predicted: its energy is infinite.
    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features)
        Coefficients of a linear energy with scikit-learn's signs: −dF(x, y)/dx of each class y, or
        for two classes the second minus the first. If you change this attribute, or
        one of the next three, predictions, warm starts and `partial_fit` use the new values.
    intercept_ : ndarray of shape (1,) or (n_classes,)
        Intercepts, with the same signs.
    prototypes_ : ndarray of shape (n_classes, n_prototypes, n_features)
        Prototypes of each class, for ``energy="prototypes"``.
    metric_ : ndarray of shape (n_features,) or (n_features, n_features)
        Learned metric A of the energy ``"prototypes"``, if it has one.
    params_ : dict of str to ndarray
        All learned parameters of the energy, with one vector for each class also for two classes.
    beta_ : float
        The β of the probabilities.
    gap_ : float or None
        Upper bound on (f − min f)/f, computed in float64 before the parameters are rounded to
        the dtype of X. None unless the loss is convex and has a conjugate, the energy is linear
        and there is a penalty; also None above 2,000 classes with ``contrast="all"`` for losses
        that depend on energy differences only, after early stopping, and, with a
        ConvergenceWarning, if rounding errors prevent a bound.
    loss_curve_ : ndarray of shape (n_points,)
        The objective after each iteration; on a temperature path, the smooth objective of each
        stage.
    validation_loss_curve_ : ndarray of shape (n_points,)
        Mean loss of the held-out samples after each iteration. Only with held-out samples.
    n_iter_ : int
        Number of iterations of the solver; after `partial_fit`, the number of its calls since the
        last `fit`.
    n_evaluations_ : int
        Number of passes over the samples for values and gradients, including those for `gap_`.
    energy_ : Energy
        The energy that was used.
    loss_ : Loss
        The loss that was used.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if all are strings.

    Warns
    -----
    CollapseWarning
        If the energies of right and wrong answers are equal after the fit.
    ConvergenceWarning
        If the fit stopped before it reached `tol`; for the perceptron, if every pass made
        mistakes although the samples are separable.
    UserWarning
        If no held-out sample can be used for ``beta="auto"``: β then keeps the value used in
        learning.

    See Also
    --------
    EBMClassifierCV : Chooses loss, margin, β and C by cross-validation.
    sklearn.linear_model.LogisticRegression : Equivalent to ``loss="nll"``.
    sklearn.svm.LinearSVC : Similar to ``loss="hinge"``, without probabilities.

    References
    ----------
    LeCun, Chopra, Hadsell, Ranzato, Huang, "Energy-Based Models", in *Predicting Structured Data*
    (2007). :doi:`10.7551/mitpress/7443.003.0014`

    Examples
    --------
    Two samples at ±1 and the hinge with margin 1, without an intercept. With w = w₁ − w₀ and C = 1
    the objective 2 [1 − w]⁺ + w²/2 has its minimum at w = 1, and β = 2 gives
    p = 1/(1 + e⁻²) = 0.881:

    >>> from sklearn_ebm import EBMClassifier
    >>> clf = EBMClassifier(loss="hinge", beta=2.0, fit_intercept=False, tol=1e-6)
    >>> clf = clf.fit([[-1.0], [1.0]], ["no", "yes"])
    >>> clf.coef_.round(3)
    array([[1.]])
    >>> clf.predict_proba([[1.0]]).round(3)
    array([[0.119, 0.881]])
    """

    _asked_energy: str
    _shown: tuple[str, ...] = ()
    _initial_seed: int
    _solver_memory: object
    _weight_unit: float
    _weight_seen: float
    _parts_seen: int

    def __init__(
        self,
        energy: str | Energy = "linear",
        loss: str | Loss = "nll",
        *,
        margin: Any = None,
        beta: float | str = 1.0,
        C: float = 1.0,
        fit_intercept: bool = True,
        class_weight: Any = None,
        solver: str | Solver = "auto",
        max_iter: int | None = None,
        tol: float = 1e-4,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        warm_start: bool = False,
        random_state: Any = 0,
        n_jobs: int | None = None,
        verbose: int = 0,
        negatives: str | ClassNegatives | None = None,
        n_negatives: int | None = None,
    ) -> None:
        self.energy = energy
        self.loss = loss
        self.margin = margin
        self.beta = beta
        self.C = C
        self.fit_intercept = fit_intercept
        self.class_weight = class_weight
        self.solver = solver
        self.max_iter = max_iter
        self.tol = tol
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.warm_start = warm_start
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.negatives = negatives
        self.n_negatives = n_negatives

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> EBMClassifier:
        """Fit the model. If the input is invalid, the estimator is left unchanged.

        Ctrl-C after the first iteration ends learning with the current parameters and a warning.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Training samples; float32 stays float32, other dtypes are converted to float64.
        y : array-like of shape (n_samples,)
            Target labels of any type, of at least two classes.
        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights ≥ 0. A weight of 0 equals leaving the sample out, except that its label
            remains in `classes_`.
        X_val : array-like or sparse matrix of shape (n_val_samples, n_features), default=None
            Validation samples; samples of classes without training samples of positive weight are
            ignored. Their loss is recorded after each iteration. With ``early_stopping=True`` it
            determines when to stop, and no other samples are held out. With ``beta="auto"`` β is
            chosen on these samples.
        y_val : array-like of shape (n_val_samples,), default=None
            Labels of the validation samples.
        sample_weight_val : array-like of shape (n_val_samples,), default=None
            Weights of the validation samples.

        Returns
        -------
        self : EBMClassifier
            Fitted estimator.

        Raises
        ------
        ValueError
            If a parameter, X, y or the weights are invalid; the message says what to do.
        """
        with unchanged_if_it_fails(self):
            return self._watched_fit(X, y, sample_weight, (X_val, y_val, sample_weight_val))

    # Inside of what restores the state, so that callbacks end their work first.
    @with_callbacks
    def _watched_fit(self, X: Any, y: Any, sample_weight: Any, validation: Any) -> EBMClassifier:
        learned, rows = self._fit(X, y, sample_weight, validation, watched=True)
        if self.verbose:
            self._log(learned)
        if not learned.converged:
            self._warn_of_stopping(learned)
        warn_of_collapse(self, rows, stacklevel=4 + FRAMES)
        return self

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        validation: tuple[Any, Any, Any] = (None, None, None),
        *,
        beta: float | None = None,
        watched: bool = False,
    ) -> tuple[Learned, Rows]:
        """Learn and store; with ``beta``, the β of the probabilities was chosen elsewhere."""
        settings = checked_settings(self, "C", "tol", "max_iter")
        energy, loss, solver = parts = resolve_parts(
            self.energy, self.loss, self.solver,
            margin=self.margin, beta=self.beta, fit_intercept=self.fit_intercept,
        )  # fmt: skip
        negatives = resolve_negatives(self.negatives, self.n_negatives, parts)
        known_features = getattr(self, "n_features_in_", None)
        X, y, classes, answer = encode(self, X, y)
        loss._validate(len(classes))
        weight = row_weights(sample_weight, len(y))
        of_class = class_weights(self.class_weight, weight, y, classes, answer)
        if self.class_weight is not None:
            weight = by_class(weight, of_class, answer)
        rows = used_rows(X, answer, weight, classes)
        seen = seen_answers(rows.y, len(classes))
        rng, seed = generator_and_seed(self.random_state)
        held_out = given_rows(self, *validation, of_class * seen, classes)
        if self.early_stopping and held_out is None:
            rows, held_out = split_rows(rows, self.validation_fraction, classes, seed)
        start = self._start(energy, rows, known_features == X.shape[1], classes)
        initial_seed = seed if start is None else self._initial_seed

        def run(rows: Rows, **more: Any) -> Learned:
            return learn(
                energy, loss, solver, rows, n_answers=len(classes), negatives=negatives,
                rng=np.random.RandomState(seed), **(settings | more),
            )  # fmt: skip

        energy_repr, total, before = repr(energy), float(rows.weight.sum()), beta_of_learning(loss)
        beta_before_selection = before if isinstance(self.beta, str) else float(self.beta)

        def state(learned: Start, beta: float = beta_before_selection) -> dict[str, Any]:
            stream = Stream(
                learned.energy, learned.params, None, float(rows.weight.mean()), total, 0
            )
            return self._state(loss, stream, classes, seen, beta, energy_repr, initial_seed)

        if watched:
            task = FitCallbacks(self, X, y, sample_weight, state)
            with self._watch(task, rows, energy, loss) as watch:
                learned = run(rows, start=start, watch=watch, held_out=held_out)
        else:
            learned = run(rows, start=start, held_out=held_out)
        if beta is None:
            # Held-out rows are rows that the start has seen: where it matters, folds begin anew.
            warm = start if loss.traits.convex and energy.traits.linear else None
            beta = self._chosen_beta(partial(run, start=warm), learned, rows, held_out, rng, before)
        if beta is None:
            beta = before
            warn_of_no_votes(beta, stacklevel=4 + FRAMES)
        for name in self._shown:
            self.__dict__.pop(name, None)  # the energy before may have shown others
        self.__dict__.update(state(learned.start, beta))
        self._store(learned)
        if watched:
            task.end()
        return learned, rows

    @contextmanager
    def _watch(
        self, task: FitCallbacks, rows: Rows, energy: Energy, loss: Loss
    ) -> Iterator[TrainingMonitor]:
        """The monitor of a fit: callbacks, the progress line and early stopping."""
        patience = self.n_iter_no_change if self.early_stopping else None
        with ExitStack() as stack:
            callbacks = task.callbacks
            if self.verbose:
                name = f"{ENERGIES.name_of(energy)}, {LOSSES.name_of(loss)}"
                line = stack.enter_context(ProgressLine(name, float(rows.weight.mean())))
                callbacks = (*callbacks, line)
            yield TrainingMonitor(callbacks, patience, outlives_interrupts=True)

    def _chosen_beta(
        self,
        run: Callable[..., Learned],
        learned: Learned,
        rows: Rows,
        held_out: Rows | None,
        rng: np.random.RandomState,
        before: float,
    ) -> float | None:
        """The β of the probabilities: as given, or the one that samples not learned from suggest.

        None where no sample has a vote: those have one whose class was learned without them. Where
        learning was stopped, so are the folds, after as many iterations.
        """
        if not isinstance(self.beta, str):
            return float(self.beta)
        if learned.seen.sum() == 1:
            return before  # there is nothing to be in doubt about
        if held_out is not None:
            votes = some_votes(np.flatnonzero(np.isin(held_out.y, rows.y)), len(learned.seen))
            if not len(votes):
                return None
            X = held_out.X[votes]
            return fit_beta(
                learned.energies(X), held_out.y[votes], held_out.weight[votes], before,
                group=groups_of_equal_rows(X),
            )  # fmt: skip
        limit = {"max_iter": max(learned.n_iter, 1)} if learned.stopped else {}

        def held_out_energies(kept: Any, held_out: Any) -> Array:
            fit = run(rows.take(kept), **limit)
            return fit.energies(rows.X[held_out])

        try:
            return choose_beta(
                held_out_energies, rows.y, rows.weight, rng, self.n_jobs,
                group=groups_of_equal_rows(rows.X), before=before,
            )  # fmt: skip
        except KeyboardInterrupt:
            learned.message = f"{INTERRUPTED} before beta='auto' was chosen, so beta_ is {before:g}"
            learned.converged = False
            return before

    def partial_fit(
        self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None
    ) -> EBMClassifier:
        """Continue learning with one pass over a batch of samples.

        For streams and for data larger than memory. Learning continues from the previous call or
        from `fit`. A solver object for mini-batches keeps its batch size and has a constant
        learning rate. Otherwise the batch, of n samples, is split into about √n mini-batches, with
        one step of Adam for each; the step length decreases as one over the square root of the
        number of steps in all calls. The perceptron processes single samples. Features should be on
        similar scales (``StandardScaler``). Landmarks of a kernel and initial prototypes are
        computed from the first batch.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Training samples.
        y : array-like of shape (n_samples,)
            Target labels. A batch need not contain all classes; classes that have not occurred yet
            are not predicted.
        classes : array-like of shape (n_classes,), default=None
            All labels of the stream; required in the first call.
        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights ≥ 0.

        Returns
        -------
        self : EBMClassifier
            Fitted estimator.

        Raises
        ------
        ValueError
            If `classes` is missing in the first call or differs in a later call, or if another
            argument is invalid. The estimator is then left unchanged.
        """
        with unchanged_if_it_fails(self):
            self._partial_fit(X, y, classes, sample_weight)
        return self

    def _partial_fit(self, X: Any, y: Any, classes: Any, sample_weight: Any) -> None:
        settings = checked_settings(self, "C", "tol")
        energy, loss, solver = parts = resolve_parts(
            self.energy, self.loss, self.solver,
            margin=self.margin, beta=self.beta, fit_intercept=self.fit_intercept,
        )  # fmt: skip
        negatives = resolve_negatives(self.negatives, self.n_negatives, parts)
        refuse_stream(negatives)
        first = "params_" not in vars(self)
        refuse_what_needs_all_rows(self)
        known = stream_classes(classes, None if first else self.classes_)
        loss._validate(len(known))
        before = None if first else self._stream(energy)
        rows = stream_rows(self, X, y, sample_weight, self.class_weight, known, first=first)
        if first:
            refuse_missing_answers(energy, rows, known)
        seed, n_parts = generator_and_seed(self.random_state)[1], 0 if first else self._parts_seen
        seen = seen_answers(rows.y, len(known))
        if not first:
            seen |= True if self._seen is None else self._seen
        stream = learn_part(
            energy, loss, None if isinstance(self.solver, str) else solver, rows,
            n_answers=len(known), stream=before, among=seen, negatives=negatives,
            rng=np.random.RandomState((seed + n_parts) % 2**31), **settings,
        )  # fmt: skip
        initial_seed = seed if before is None else self._initial_seed
        state = self._state(loss, stream, known, seen, float(self.beta), repr(energy), initial_seed)
        self.__dict__.update(state)
        for name in ("loss_curve_", "validation_loss_curve_"):
            self.__dict__.pop(name, None)
        self.gap_: float | None = None
        self.n_iter_ = self.n_evaluations_ = stream.parts

    def _stream(self, energy: Energy) -> Stream:
        """State of learning after previous batches or a fit."""
        if repr(energy) != self._asked_energy:
            raise ValueError(
                f"partial_fit goes on with energy {self._asked_energy}, but energy={energy!r} is "
                "set now; set it back, or start with a new estimator."
            )
        return Stream(
            self.energy_, self._params_to_continue, self._solver_memory, self._weight_unit,
            self._weight_seen, self._parts_seen,
        )  # fmt: skip

    def _start(self, energy: Energy, rows: Rows, same_width: bool, classes: Array) -> Start | None:
        """Parameters of the previous fit, if a warm start is requested and possible."""
        if not self.warm_start or "params_" not in vars(self):
            return None
        refuse_other_classes(self.classes_, classes)
        refuse_another_shape(same_width and repr(energy) == self._asked_energy)
        before = Start(self.energy_, self._params_to_continue, self._initial_seed)
        return continued(before, energy, rows, len(classes))

    def _state(
        self,
        loss: Loss,
        stream: Stream,
        classes: Array,
        seen: Any,
        beta: float,
        energy_repr: str,
        initial_seed: int = 0,
    ) -> dict[str, Any]:
        """Attributes needed for predictions and for continued learning."""
        fitted = stream.energy.fitted_attributes(stream.params, len(classes))
        return {
            "classes_": classes, "energy_": stream.energy, "params_": stream.params,
            "loss_": loss, "beta_": beta, **fitted, "_asked_energy": energy_repr,
            "_shown": tuple(fitted), "_seen": None if seen.all() else seen,
            "_initial_seed": initial_seed, "_solver_memory": stream.memory,
            "_weight_unit": stream.unit, "_weight_seen": stream.weight, "_parts_seen": stream.parts,
        }  # fmt: skip

    def _store(self, learned: Learned) -> None:
        """Store the attributes that describe the course of learning."""
        self.gap_ = learned.gap
        self.loss_curve_ = learned.curve
        self.n_iter_ = learned.n_iter
        self.n_evaluations_ = learned.n_evaluations
        self.__dict__.pop("validation_loss_curve_", None)
        if learned.held_out_curve:
            self.validation_loss_curve_ = np.array(learned.held_out_curve)

    def _log(self, learned: Learned) -> None:
        logger.info(
            "Energy %s learned with loss %s: %d iterations, objective %.6g, gap %s; %s.",
            ENERGIES.name_of(self.energy_), LOSSES.name_of(self.loss_), learned.n_iter,
            learned.value, learned.gap, learned.message,
        )  # fmt: skip

    def _warn_of_stopping(self, learned: Learned) -> None:
        limit = "max_iter" if self.max_iter is None else f"max_iter={self.max_iter}"
        stopped, raised = f"stopped short of tol={self.tol:g}", f"{limit} or tol"
        if self.loss_.traits.online:  # which knows no tolerance
            stopped, raised = "stopped", limit
        way_out = f"Raise {raised}, or scale the features (StandardScaler)"
        if learned.interrupted:
            way_out = "The estimator holds what was learned so far, and warm_start=True goes on"
        gap = "" if learned.gap is None else f" at a relative gap of {learned.gap:.1e}"
        warnings.warn(
            f"Learning {stopped}{gap} after {learned.n_iter} iterations: {learned.message}. "
            f"{way_out}.",
            ConvergenceWarning,
            stacklevel=4 + FRAMES,
        )
