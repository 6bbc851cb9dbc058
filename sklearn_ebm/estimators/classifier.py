"""The classifier: validate, learn, store, predict."""

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
from sklearn_ebm.estimators._class_predictions import Answers
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
from sklearn_ebm.exceptions import CollapseWarning
from sklearn_ebm.learning.collapse import collapsed
from sklearn_ebm.learning.learn import Learned, Start, continued, learn, seen_answers
from sklearn_ebm.learning.monitor import INTERRUPTED, TrainingMonitor
from sklearn_ebm.learning.stream import Stream, learn_part
from sklearn_ebm.learning.temperature_scaling import (
    beta_of_learning,
    choose_beta,
    fit_beta,
    warn_of_no_votes,
)
from sklearn_ebm.losses import LOSSES, Loss
from sklearn_ebm.solvers import Solver

logger = logging.getLogger("sklearn_ebm")


class EBMClassifier(CallbackSupportMixin, Answers, ClassifierMixin, PartsMixin):
    r"""Classifier that learns an energy F(x, y), low where x and y fit.

    It minimises over the parameters W of the energy

    .. math:: \sum_i w_i\, \ell(F_W(x_i, \cdot), y_i) + \frac{1}{2C} \|W\|^2

    with any of the losses of energy-based learning, intercepts unpenalised. It answers with
    argmin_y F(x, y), and its probabilities are the Gibbs distribution p(y | x) ∝ exp(−β F(x, y)),
    for every loss. For two classes the penalty of a linear or kernel energy counts twice, so that
    ``C`` means what it means in ``LogisticRegression``, ``LinearSVC`` and ``SVC``.

    Parameters
    ----------
    energy : str or Energy, default="linear"
        What is learned: ``"linear"``, ``"kernel"``, ``"mlp"``, ``"prototypes"``, or an object from
        `sklearn_ebm.energies`, also one of your own.
    loss : str or Loss, default="nll"
        What learning wants of the energies: ``"nll"``, ``"hinge"``, ``"log"``, ``"simple"``,
        ``"square_square"``, ``"square_exp"``, ``"perceptron"``, ``"mce"``, ``"mee"``, or an object
        from `sklearn_ebm.losses`, also one of your own. (``"lvq2"`` and ``"energy"`` need energies
        that are never negative, such as ``"prototypes"``.)
    margin : float or array-like of shape (n_classes, n_classes), default=None
        Margin m of a loss given by name, in units of the energy; an array holds one for each pair
        (right class, wrong class). None means the loss's own default. With a loss object, set it
        there (``loss__margin`` in a grid search).
    beta : float or "auto", default=1.0
        Inverse temperature β > 0 of the probabilities, and of the losses ``"nll"`` and ``"mee"``
        when they are given by name. ``"auto"`` learns at β = 1 and then chooses the β of the
        probabilities by log-loss on up to three held-out folds (fewer once 10,000 samples have been
        held out), on ``X_val``, or on the samples of ``early_stopping``; a prior keeps it near 1
        where these are few. Copies of a sample are held out together, and count as one. `predict`
        does not depend on the β of the probabilities, so tune it by log-loss or Brier score, never
        by accuracy.
    C : float, default=1.0
        Inverse strength of the penalty; ``inf`` means none. Not used by ``"perceptron"``.
    fit_intercept : bool, default=True
        Whether an energy given by name has an intercept.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, multiplied with `sample_weight`.
    solver : str or Solver, default="auto"
        ``"auto"`` is ``"averaged"`` for the perceptron and ``"preconditioned"`` for all other
        losses: limited-memory BFGS that starts from a factor of the Hessian, and in float32 where
        that serves. For energies with very many minima, ``"mlp"`` and modules of PyTorch, it is
        ``"adam"``. ``"lbfgs"`` and ``"newton"`` are there for comparison. Or an object from
        `sklearn_ebm.solvers`.
    max_iter : int or None, default=None
        Largest number of iterations of the solver, over the whole temperature path; passes over
        the samples for solvers that step on mini-batches, and for the perceptron. The steps that
        polish small problems do not count. 0 leaves the parameters where learning would start.
        None means the solver's own: 1000 iterations, or as many passes as
        `sklearn_ebm.solvers.Adam` and `sklearn_ebm.solvers.Averaged` say.
    tol : float, default=1e-4
        Relative accuracy of the minimum: the fit stops when a certified upper bound on
        (f − min f)/f is below it. Where no bound exists (`gap_` is None), it stops when the
        solver expects a further decrease of less than ``tol * f / 1000``; along a temperature path,
        also when the last stage has changed f by less than ``tol * f``. With an energy that is not
        linear it is also enough that ten iterations have lowered f by less than ``tol * f`` each.
        Not used by ``"perceptron"``, which ends after a pass without a mistake, or where no weights
        are found that separate the samples and its loss no longer falls.
    early_stopping : bool, default=False
        Whether learning stops once the loss of held-out samples has not fallen for
        `n_iter_no_change` iterations, or passes over the samples. The parameters of the least
        held-out loss are kept.
    validation_fraction : float, default=0.1
        Share of the samples that are held out with ``early_stopping=True``, class by class and
        copies of a sample together where enough others are there, unless `fit` is given ``X_val``.
        A sample with so many copies that they exceed the share is learned from, and the share is of
        the others.
    n_iter_no_change : int, default=10
        Patience of early stopping.
    warm_start : bool, default=False
        Whether `fit` goes on from the parameters of the fit before. Landmarks of a kernel and first
        prototypes are always those of the samples that are given now; where they differ from those
        before, the parameters would mean something else, and learning starts anew. So energies
        that take nothing from the samples, such as ``"linear"`` and ``"mlp"``, go on with any
        samples, the others with the same ones. Other classes, another energy and another number of
        features are refused.
    random_state : int, RandomState instance or None, default=None
        Order of the samples for ``"perceptron"`` and mini-batches, first weights and dropout of
        networks, landmarks of kernels, samples held out, the folds of ``beta="auto"``, and the
        samples that a model of the curvature is made of, which moves the answer within `tol`. None
        is the seed 0: the same data give the same model.
    n_jobs : int or None, default=None
        Folds of ``beta="auto"`` learned at the same time.
    verbose : int, default=0
        With 1 or more, a line on standard error says how far learning is (drawn by rich where that
        is installed), and one is logged (logger ``"sklearn_ebm"``, level INFO) after it.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted. A class whose samples all have weight zero is among them, but is not
        learned and never predicted: its energy is infinite.
    coef_ : ndarray of shape (1, n_features) or (k, d)
        Coefficients of a linear energy with scikit-learn's signs: −dF/dx, for two classes the
        difference. What is written into this attribute, or the next three, is what predicts, and
        what a warm start or `partial_fit` goes on from.
    intercept_ : ndarray of shape (1,) or (k,)
        Intercepts, likewise.
    prototypes_ : ndarray of shape (n_classes, m, n_features)
        Prototypes of each class, of ``energy="prototypes"``.
    metric_ : ndarray of shape (n_features,) or (n_features, n_features)
        The metric A of such an energy, where it is learned.
    params_ : dict of str to ndarray
        All parameters of the energy as they were learned, one vector for each class also when there
        are two.
    beta_ : float
        The β of the probabilities.
    gap_ : float or None
        Certified bound on (f − min f)/f, computed in float64 before the parameters are rounded to
        the dtype of X. None without a convex loss that has a conjugate, a linear energy and a
        penalty, above 2,000 classes for losses of differences with ``contrast="all"``, after early
        stopping, and, with a ConvergenceWarning, where rounding leaves no bound.
    loss_curve_ : ndarray of shape (n_points,)
        The objective after each iteration; along a temperature path, of the smooth stages.
    validation_loss_curve_ : ndarray of shape (n_points,)
        Mean loss of the held-out samples after each iteration, where samples were held out.
    n_iter_ : int
        Iterations of the solver; for streams, calls of `partial_fit` since the last `fit`.
    n_evaluations_ : int
        Passes over the samples for the value and the gradient, those for certificates included.
    energy_ : Energy
        The energy as it was used.
    loss_ : Loss
        The loss as it was used.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, when all are strings.

    Warns
    -----
    CollapseWarning
        After a fit whose energies of right and wrong answers cannot be told apart.
    ConvergenceWarning
        After a fit that stopped short of `tol`; after passes of the perceptron that all made
        mistakes although there are weights that separate the samples.
    UserWarning
        Where no held-out sample has a vote on ``beta="auto"``: β then stays what learning used.

    See Also
    --------
    EBMClassifierCV : Chooses loss, margin, β and C by cross-validation.
    sklearn.linear_model.LogisticRegression : The same as ``loss="nll"``.
    sklearn.svm.LinearSVC : ``loss="hinge"``, without probabilities.

    References
    ----------
    LeCun, Chopra, Hadsell, Ranzato, Huang, "Energy-Based Models", in *Predicting Structured Data*
    (2007). :doi:`10.7551/mitpress/7443.003.0014`

    Examples
    --------
    Two points at ±1 and the hinge with margin 1, without an intercept. With w = w₁ − w₀ and C = 1
    the objective is 2 [1 − w]⁺ + w²/2, least at w = 1, and β = 2 gives p = 1/(1 + e⁻²) = 0.881:

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
    _moulding_seed: int
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
        random_state: Any = None,
        n_jobs: int | None = None,
        verbose: int = 0,
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
        """Learn the energy. If anything is wrong with the input, the estimator is left as it was.

        Ctrl-C after the first iteration ends learning with what was learned so far, and a warning.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples; float32 stays float32, anything else becomes float64.
        y : array-like of shape (n_samples,)
            Labels of any type, of at least two classes.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights ≥ 0; 0 is the same as leaving the sample out, but for its label, which stays a
            class.
        X_val : array-like or sparse matrix of shape (m, n_features), default=None
            Samples that are not learned from; those of classes that are not learned do not count.
            Their loss is recorded after each iteration; with
            ``early_stopping=True`` it decides when to stop, and no other samples are held out. With
            ``beta="auto"`` they choose β.
        y_val : array-like of shape (m,), default=None
            Their labels.
        sample_weight_val : array-like of shape (m,), default=None
            Their weights.

        Returns
        -------
        EBMClassifier
            Itself, fitted.

        Raises
        ------
        ValueError
            If a parameter, X, y or the weights cannot be used; the message says what to do.
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
        self._warn_of_collapse(rows, stacklevel=4 + FRAMES)
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
        energy, loss, solver = resolve_parts(
            self.energy, self.loss, self.solver,
            margin=self.margin, beta=self.beta, fit_intercept=self.fit_intercept,
        )  # fmt: skip
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
        moulding = seed if start is None else self._moulding_seed

        def run(rows: Rows, **more: Any) -> Learned:
            return learn(
                energy, loss, solver, rows, n_answers=len(classes),
                rng=np.random.RandomState(seed), **(settings | more),
            )  # fmt: skip

        asked, total, before = repr(energy), float(rows.weight.sum()), beta_of_learning(loss)
        beta_before_selection = before if isinstance(self.beta, str) else float(self.beta)

        def state(learned: Start, beta: float = beta_before_selection) -> dict[str, Any]:
            stream = Stream(
                learned.energy, learned.params, None, float(rows.weight.mean()), total, 0
            )
            return self._state(loss, stream, classes, seen, beta, asked, moulding)

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
            votes = np.isin(held_out.y, rows.y)
            if not votes.any():
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
        """One pass over a part of the data, from where the parts before it, or `fit`, ended.

        For streams and for data larger than memory. A solver object for mini-batches takes the
        steps, at a constant rate. Else it is Adam, with √n steps on √n samples each in a part of n
        samples, which grow shorter with the root of their number over all parts; for the
        perceptron, it is a pass sample by sample. Features should be of similar size
        (``StandardScaler``). Landmarks of a kernel and first prototypes are those of the first
        part.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples.
        y : array-like of shape (n_samples,)
            Labels; a part need not hold all classes. One that no part has held yet is not
            predicted.
        classes : array-like of shape (n_classes,), default=None
            All labels of the stream; needed in the first call.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights ≥ 0.

        Returns
        -------
        EBMClassifier
            Itself.

        Raises
        ------
        ValueError
            If `classes` is missing in the first call or another in a later one, or anything else
            cannot be used. The estimator is then left as it was.
        """
        with unchanged_if_it_fails(self):
            self._partial_fit(X, y, classes, sample_weight)
        return self

    def _partial_fit(self, X: Any, y: Any, classes: Any, sample_weight: Any) -> None:
        settings = checked_settings(self, "C", "tol")
        energy, loss, solver = resolve_parts(
            self.energy, self.loss, self.solver,
            margin=self.margin, beta=self.beta, fit_intercept=self.fit_intercept,
        )  # fmt: skip
        first = "params_" not in vars(self)
        refuse_what_needs_all_rows(self)
        known = stream_classes(classes, None if first else self.classes_)
        loss._validate(len(known))
        before = None if first else self._stream(energy)
        rows = stream_rows(self, X, y, sample_weight, self.class_weight, known, first=first)
        if first:
            refuse_missing_answers(energy, rows, known)
        seed, parts = generator_and_seed(self.random_state)[1], 0 if before is None else before[-1]
        seen = seen_answers(rows.y, len(known))
        if not first:
            seen |= True if self._seen is None else self._seen
        stream = learn_part(
            energy, loss, None if isinstance(self.solver, str) else solver, rows,
            n_answers=len(known), stream=before, among=seen,
            rng=np.random.RandomState((seed + parts) % 2**31), **settings,
        )  # fmt: skip
        moulding = seed if before is None else self._moulding_seed
        state = self._state(loss, stream, known, seen, float(self.beta), repr(energy), moulding)
        self.__dict__.update(state)
        for name in ("loss_curve_", "validation_loss_curve_"):
            self.__dict__.pop(name, None)
        self.gap_: float | None = None
        self.n_iter_ = self.n_evaluations_ = stream.parts

    def _stream(self, energy: Energy) -> Stream:
        """Where parts, or a fit, have led so far."""
        if repr(energy) != self._asked_energy:
            raise ValueError(
                f"partial_fit goes on with energy {self._asked_energy}, but energy={energy!r} is "
                "set now; set it back, or start with a new estimator."
            )
        return Stream(
            self.energy_, self._learnt, self._solver_memory, self._weight_unit, self._weight_seen,
            self._parts_seen,
        )  # fmt: skip

    def _start(self, energy: Energy, rows: Rows, same_width: bool, classes: Array) -> Start | None:
        """The end of the previous fit, where a warm start is asked for and the data allow it."""
        if not self.warm_start or "params_" not in vars(self):
            return None
        refuse_other_classes(self.classes_, classes)
        refuse_another_shape(same_width and repr(energy) == self._asked_energy)
        before = Start(self.energy_, self._learnt, self._moulding_seed)
        return continued(before, energy, rows, len(classes))

    def _state(
        self,
        loss: Loss,
        stream: Stream,
        classes: Array,
        seen: Any,
        beta: float,
        asked: str,
        moulding: int = 0,
    ) -> dict[str, Any]:
        """The attributes that answers come from, and those that another fit may go on from."""
        fitted = stream.energy.fitted_attributes(stream.params, len(classes))
        return {
            "classes_": classes, "energy_": stream.energy, "params_": stream.params,
            "loss_": loss, "beta_": beta, **fitted, "_asked_energy": asked,
            "_shown": tuple(fitted), "_seen": None if seen.all() else seen,
            "_moulding_seed": moulding, "_solver_memory": stream.memory,
            "_weight_unit": stream.unit, "_weight_seen": stream.weight, "_parts_seen": stream.parts,
        }  # fmt: skip

    def _store(self, learned: Learned) -> None:
        """The attributes that say how learning went."""
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

    def _warn_of_collapse(self, rows: Rows, stacklevel: int) -> None:
        if self.max_iter == 0:
            return  # equal energies are where learning starts
        seen = seen_answers(rows.y, len(self.classes_))
        of_seen = np.cumsum(seen) - 1

        def energies(some: slice) -> Array:
            of_all = self._energies(rows.X[some])
            return of_all if self._seen is None else of_all[:, seen]

        n_seen = int(seen.sum())
        if n_seen > 1 and collapsed(energies, of_seen[rows.y], rows.weight, n_seen):
            warnings.warn(
                "The energies of right and wrong answers cannot be told apart: the surface has "
                "collapsed and nothing was learned. Raise C or the margin, or scale the features.",
                CollapseWarning,
                stacklevel=stacklevel,
            )
