"""The classifier: validate, learn, store, predict."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_ebm._arrays import blocks_of, take_rows
from sklearn_ebm._collapse import collapsed
from sklearn_ebm._fitting import (
    Rows,
    TakesParts,
    encode,
    generator_and_seed,
    resolve_parts,
    unchanged_if_it_fails,
    used_rows,
    with_class_weight,
)
from sklearn_ebm._learning import Learned, Start, learn
from sklearn_ebm._params import Array
from sklearn_ebm._temperature import choose_beta
from sklearn_ebm._threads import Workers
from sklearn_ebm._validation import optional_positive_integer, positive_number, row_weights
from sklearn_ebm.energies import ENERGIES, Energy
from sklearn_ebm.exceptions import CollapseWarning
from sklearn_ebm.inference import SoftMinimum
from sklearn_ebm.losses import LOSSES, Loss
from sklearn_ebm.solvers import Solver

# Products of this many numbers and more are shared out among threads.
WORTH_THREADS = 2_000_000

logger = logging.getLogger("sklearn_ebm")


class EBMClassifier(ClassifierMixin, TakesParts):
    r"""Classifier that learns an energy F(x, y), low where x and y fit.

    It minimises over the parameters W of the energy

    .. math:: \sum_i w_i\, \ell(F_W(x_i, \cdot), y_i) + \frac{1}{2C} \|W\|^2

    with any of the losses of energy-based learning, intercepts unpenalised. It answers with
    argmin_y F(x, y), and its probabilities are the Gibbs law p(y | x) ∝ exp(−β F(x, y)), for every
    loss. For two classes the penalty counts twice, so that ``C`` means what it means in
    ``LogisticRegression`` and ``LinearSVC``.

    Parameters
    ----------
    energy : str or Energy, default="linear"
        What is learnt: ``"linear"``, ``"prototypes"``, or an object from `sklearn_ebm.energies`.
    loss : str or Loss, default="nll"
        What learning wants of the energies: ``"nll"``, ``"hinge"``, ``"log"``, ``"simple"``,
        ``"square_square"``, ``"square_exp"``, ``"perceptron"``, ``"mce"``, ``"mee"``, or an object
        from `sklearn_ebm.losses`, also one of your own. (``"lvq2"`` and ``"energy"`` need energies
        that are never negative, such as ``"prototypes"``.)
    margin : float or array-like of shape (k, k), default=None
        Margin m of a loss given by name, in units of the energy; an array holds one for each pair
        (right class, wrong class). None means the loss's own default. With a loss object, set it
        there (``loss__margin`` in a grid search).
    beta : float or "auto", default=1.0
        Inverse temperature β > 0 of the probabilities, and of the losses ``"nll"`` and ``"mee"``
        when they are given by name. ``"auto"`` learns at β = 1 and then chooses the β of the
        probabilities by log-loss on up to three held-out folds (fewer once 10,000 rows have been
        held out). `predict` does not depend on the β of the probabilities, so tune it by log-loss
        or Brier score, never by accuracy.
    C : float, default=1.0
        Inverse strength of the penalty; ``inf`` means none. Not used by ``"perceptron"``.
    fit_intercept : bool, default=True
        Whether an energy given by name has an intercept.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, multiplied with `sample_weight`.
    solver : str or Solver, default="auto"
        ``"auto"`` is ``"averaged"`` for the perceptron and ``"preconditioned"`` for all other
        losses: limited-memory BFGS that starts from a factor of the Hessian, and in float32 where
        that serves. ``"lbfgs"`` and ``"newton"`` are there for comparison. Or an object from
        `sklearn_ebm.solvers`.
    max_iter : int or None, default=None
        Largest number of iterations of the solver, over the whole temperature path; passes over
        the rows for solvers that step on mini-batches. The steps that polish small problems do
        not count. None means the solver's own: 1000 iterations, or for ``"adam"`` as many passes
        as `sklearn_ebm.solvers.Adam` says.
    tol : float, default=1e-4
        Relative accuracy of the minimum: the fit stops when a certified upper bound on
        (f − min f)/f is below it. Where no bound exists (`gap_` is None), it stops when the
        solver expects a further decrease of less than ``tol * f / 1000``; along a temperature path,
        also when the last stage has changed f by less than ``tol * f``. With an energy that is not
        linear it is also enough that ten iterations have lowered f by less than ``tol * f`` each.
    warm_start : bool, default=False
        Whether `fit` starts from the parameters of the fit before.
    random_state : int, RandomState instance or None, default=None
        Order of the rows for ``"perceptron"``, the folds of ``beta="auto"``, and the rows that a
        model of the curvature is made of, which moves the answer within `tol`. None means a fixed
        seed: the same data give the same model.
    n_jobs : int or None, default=None
        Folds of ``beta="auto"`` learnt at the same time.
    verbose : int, default=0
        With 1 or more, one line is logged (logger ``"sklearn_ebm"``, level INFO) after learning.

    Attributes
    ----------
    classes_ : ndarray of shape (k,)
        The labels, sorted.
    coef_ : ndarray of shape (1, d) or (k, d)
        Coefficients of a linear energy with scikit-learn's signs: −dF/dx, for two classes the
        difference.
    intercept_ : ndarray of shape (1,) or (k,)
        Intercepts, likewise.
    params_ : dict of str to ndarray
        All parameters of the energy, one vector for each class also when there are two.
    beta_ : float
        The β of the probabilities.
    gap_ : float or None
        Certified bound on (f − min f)/f, computed in float64 before the parameters are rounded to
        the dtype of X. None without a convex loss that has a conjugate, a linear energy and a
        penalty, and above 2,000 classes for losses of differences with ``contrast="all"``.
    loss_curve_ : ndarray of shape (n_points,)
        The objective after each iteration; along a temperature path, of the smooth stages.
    n_iter_ : int
        Iterations of the solver.
    n_evaluations_ : int
        Passes over the rows for the value and the gradient, those for certificates included.
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
        After a fit that stopped short of `tol`.

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

    _doc_link_module = "sklearn_ebm"
    _doc_link_template = "https://sklearn-ebm.readthedocs.io/en/stable/api/generated/sklearn_ebm.{estimator_name}.html"

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
        self.warm_start = warm_start
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> EBMClassifier:
        """Learn the energy. If anything is wrong with the input, the estimator is left as it was.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d)
            Rows; float32 stays float32, anything else becomes float64.
        y : array-like of shape (n,)
            Labels of any type, of at least two classes.
        sample_weight : array-like of shape (n,), default=None
            Weights ≥ 0; 0 is the same as leaving the row out.

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
            learned, rows = self._fit(X, y, sample_weight)
            if self.verbose:
                self._log(learned)
            if not learned.converged:
                self._warn_of_stopping(learned)
            self._warn_of_collapse(rows)
        return self

    def _fit(
        self, X: Any, y: Any, sample_weight: Any, beta: float | None = None
    ) -> tuple[Learned, Rows]:
        """Learn and store; with ``beta``, the β of the probabilities was chosen elsewhere."""
        energy, loss, solver = resolve_parts(
            self.energy, self.loss, self.solver,
            margin=self.margin, beta=self.beta, fit_intercept=self.fit_intercept,
        )  # fmt: skip
        settings = self._settings()
        X, y, classes, answer = encode(self, X, y)
        loss.validate(len(classes))
        weight = row_weights(sample_weight, len(y))
        weight = with_class_weight(self.class_weight, weight, y, classes, answer)
        rows = used_rows(X, answer, weight, classes)
        rng, seed = generator_and_seed(self.random_state)
        start = self._start(energy, X.shape[1], classes)

        def run(rows: Rows) -> Learned:
            return learn(
                energy, loss, solver, *rows,
                n_answers=len(classes), start=start, rng=np.random.RandomState(seed), **settings,
            )  # fmt: skip

        learned = run(rows)
        if beta is None and isinstance(self.beta, str):

            def held_out_energies(kept: Any, held_out: Any) -> Array:
                fit = run(Rows(*(part[kept] for part in rows)))
                return fit.energy.linearize(fit.params, rows.X[held_out]).energies

            beta = choose_beta(held_out_energies, rows.answer, rows.weight, rng, self.n_jobs)
        self._store(loss, learned, classes, float(self.beta if beta is None else beta))
        self._asked_energy = repr(energy)
        return learned, rows

    def _settings(self) -> dict[str, Any]:
        return {
            "C": positive_number("C", self.C, infinite=True),
            "tol": positive_number("tol", self.tol),
            "max_iter": optional_positive_integer("max_iter", self.max_iter),
        }

    def _start(self, energy: Energy, n_features: int, classes: Array) -> Start | None:
        """Where the fit before ended, where a warm start is asked for and it fits."""
        if not self.warm_start or "params_" not in vars(self):
            return None
        if not np.array_equal(self.classes_, classes):
            raise ValueError(
                f"warm_start=True continues with the classes of the fit before, "
                f"{list(self.classes_)[:10]}, but y has {list(classes)[:10]}; "
                "use warm_start=False for a new start."
            )
        shapes = dict(self.energy_.shapes(n_features, len(classes)))
        same = {name: value.shape for name, value in self.params_.items()} == shapes
        if not same or repr(energy) != self._asked_energy:
            raise ValueError(
                "warm_start=True continues with the parameters of the fit before, but X or the "
                "energy has another shape now; use warm_start=False for a new start."
            )
        return Start(self.energy_, self.params_)

    def _store(self, loss: Loss, learned: Learned, classes: Array, beta: float) -> None:
        self.classes_ = classes
        self.params_ = learned.params
        for name, value in learned.fitted_attributes().items():
            setattr(self, name, value)
        self.beta_ = beta
        self.gap_ = learned.gap
        self.loss_curve_ = learned.curve
        self.n_iter_ = learned.n_iter
        self.n_evaluations_ = learned.n_evaluations
        self.energy_, self.loss_ = learned.energy, loss

    def _log(self, learned: Learned) -> None:
        logger.info(
            "Energy %s learnt with loss %s: %d iterations, objective %.6g, gap %s; %s.",
            ENERGIES.name_of(self.energy_), LOSSES.name_of(self.loss_), learned.n_iter,
            learned.value, learned.gap, learned.message,
        )  # fmt: skip

    def _warn_of_stopping(self, learned: Learned) -> None:
        limit = "max_iter" if self.max_iter is None else f"max_iter={self.max_iter}"
        gap = "" if learned.gap is None else f" at a relative gap of {learned.gap:.1e}"
        warnings.warn(
            f"Learning stopped short of tol={self.tol:g}{gap} after {learned.n_iter} "
            f"iterations: {learned.message}. Raise {limit} or tol, or scale "
            "the features (StandardScaler).",
            ConvergenceWarning,
            stacklevel=3,
        )

    def _warn_of_collapse(self, rows: Rows, stacklevel: int = 3) -> None:
        if collapsed(lambda some: self._energies(rows.X[some]), *rows[1:], len(self.classes_)):
            warnings.warn(
                "The energies of right and wrong answers cannot be told apart: the surface has "
                "collapsed and nothing was learnt. Raise C or the margin, or scale the features.",
                CollapseWarning,
                stacklevel=stacklevel,
            )

    def energies(self, X: Any) -> Array:
        """F(x, y) for every class; low is good.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d)

        Returns
        -------
        ndarray of shape (n, k)
            Columns in the order of `classes_`.
        """
        return self._of_energies(X, lambda energies: energies, self._width)

    def _of_energies(
        self,
        X: Any,
        function: Callable[[Array], Array],
        width: int | None,
        dtype: Any = None,
        *,
        differences: bool = False,
    ) -> Array:
        """A function of the energies of each row, block by block.

        Nothing of the size of the energies exists but the answer itself. Where only differences
        matter and there are two classes, the energy of the first counts as zero.
        """
        check_is_fitted(self)
        # Numbers that are not finite show in linear energies: no pass over X looks for them first.
        late = self.energy_.linear
        checked = self._validated(X, ensure_all_finite=not late)
        result, finite = self._of_valid(checked, function, width, dtype, differences)
        if late and not finite:
            checked = self._validated(X)
            if checked.dtype == np.float32:  # float32 could not hold the energies; float64 may
                wide = checked.astype(np.float64)
                wider, _ = self._of_valid(wide, function, width, dtype, differences)
                result = wider.astype(result.dtype)
        return result

    def _validated(self, X: Any, **checks: Any) -> Any:
        return validate_data(
            self, X, accept_sparse="csr", dtype=[np.float64, np.float32], reset=False, **checks
        )

    def _of_valid(
        self,
        X: Any,
        function: Callable[[Array], Array],
        width: int | None,
        dtype: Any = None,
        differences: bool = False,
    ) -> tuple[Array, bool]:
        kind = np.result_type(X.dtype, *(value.dtype for value in self.params_.values()))
        shape = (X.shape[0],) if width is None else (X.shape[0], width)
        result = np.empty(shape, dtype=dtype or kind)
        of_two = self.energy_.difference if differences and self._width == 2 else None

        def fill(rows: slice) -> bool:
            block = take_rows(X, rows)
            with np.errstate(over="ignore", invalid="ignore"):
                if of_two is None:
                    energies = self.energy_.linearize(self.params_, block).energies
                else:
                    energies = np.zeros((2, block.shape[0]), dtype=X.dtype).T
                    energies[:, 1] = of_two(self.params_, block)
                finite = bool(np.isfinite(energies.sum()))
                result[rows] = function(energies)
            return finite

        blocks = list(blocks_of(X, self._width))
        size = X.nnz if sparse.issparse(X) else X.size
        if size * self._width < WORTH_THREADS:
            return result, all([fill(rows) for rows in blocks])
        with Workers() as workers:
            return result, all(list(workers.map(fill, blocks)))

    def _energies(self, X: Any) -> Array:
        return self._of_valid(X, lambda energies: energies, self._width)[0]

    @property
    def _width(self) -> int:
        check_is_fitted(self)
        return len(self.classes_)

    def free_energy(self, X: Any) -> Array:
        """−(1/β) log Σ_y exp(−β F(x, y)), in the units of the energies.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d)

        Returns
        -------
        ndarray of shape (n,)
        """
        elimination = SoftMinimum(self._beta())
        return self._of_energies(X, lambda energies: elimination(energies).energies, None)

    def score_samples(self, X: Any) -> Array:
        """Return minus the free energy: high where some class fits x.

        Its level means something across rows for losses that pin the level of the energies, with
        any energy (``"simple"``, ``"square_square"``, ``"square_exp"``), and for ``"energy"``, with
        energies that are never negative. The others see differences or ratios only: with a
        linear energy the score then says nothing of a row. With ``"prototypes"`` it still falls
        with the distance from all of them, but no loss says which score is low.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d)

        Returns
        -------
        ndarray of shape (n,)
        """
        return -self.free_energy(X)

    def decision_function(self, X: Any) -> Array:
        """−F(x, y) for three classes or more; F(x, classes_[0]) − F(x, classes_[1]) for two.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d)

        Returns
        -------
        ndarray of shape (n, k), or (n,) for two classes
        """
        if self._width == 2:
            return self._of_energies(
                X, lambda energies: energies[:, 0] - energies[:, 1], None, differences=True
            )
        return self._of_energies(X, np.negative, self._width)

    def predict(self, X: Any) -> Array:
        """The class of lowest energy.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d)

        Returns
        -------
        ndarray of shape (n,)
        """
        best = self._of_energies(
            X, lambda energies: energies.argmin(axis=1), None, np.intp, differences=True
        )
        return self.classes_[best]

    def predict_proba(self, X: Any) -> Array:
        """Gibbs probabilities p(y | x) ∝ exp(−β F(x, y)) at β = `beta_`.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d)

        Returns
        -------
        ndarray of shape (n, k)
            Columns in the order of `classes_`; rows sum to 1.
        """
        elimination = SoftMinimum(self._beta())
        return self._of_energies(X, elimination.weights, self._width, differences=True)

    def predict_log_proba(self, X: Any) -> Array:
        """Logarithm of the Gibbs probabilities, finite where they underflow.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d)

        Returns
        -------
        ndarray of shape (n, k)
        """
        elimination = SoftMinimum(self._beta())

        def log_probability(energies: Array) -> Array:
            return -self.beta_ * (energies - elimination(energies).energies[:, None])

        return self._of_energies(X, log_probability, self._width)

    def _beta(self) -> float:
        check_is_fitted(self)
        return self.beta_
