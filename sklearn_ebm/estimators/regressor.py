"""The energy-based regressor, which learns conditional densities."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.model_selection import train_test_split
from sklearn.utils.validation import validate_data

from sklearn_ebm._utils.registry import unknown_name
from sklearn_ebm._utils.rows import Rows
from sklearn_ebm.distributions._numerics.signed_log import SignedLog
from sklearn_ebm.energies._bank.folds import FitProgress
from sklearn_ebm.energies.conditional import ConditionalEnergy
from sklearn_ebm.estimators._answers import answer_rows, refuse_sparse
from sklearn_ebm.estimators._callbacks import (
    FRAMES,
    CallbackProgress,
    CallbackSupportMixin,
    FitCallbacks,
    with_callbacks,
)
from sklearn_ebm.estimators._conformal import Conformal, conformal_of
from sklearn_ebm.estimators._density_parts import resolve_density_parts
from sklearn_ebm.estimators._density_predictions import PREDICTIONS, DensityPredictions
from sklearn_ebm.estimators._density_warnings import warn_of_branches, warn_of_result
from sklearn_ebm.estimators._parts import (
    PartsMixin,
    checked_settings,
    generator_and_seed,
    refuse_another_shape,
    unchanged_if_it_fails,
)
from sklearn_ebm.estimators._progress import ProgressLine
from sklearn_ebm.learning.densities.gradient_fit import LearnedDensity, Parts
from sklearn_ebm.learning.densities.learn import learn_energy
from sklearn_ebm.learning.densities.rows import distinct, n_copied, steps_of_probability
from sklearn_ebm.learning.densities.transforms import (
    chosen_transform,
    refuse_unknown,
    transformed,
)
from sklearn_ebm.learning.densities.widths import likeliest_beta
from sklearn_ebm.learning.learn import Start
from sklearn_ebm.learning.monitor import INTERRUPTED, TrainingMonitor
from sklearn_ebm.losses import Loss
from sklearn_ebm.losses.negatives.base import Negatives
from sklearn_ebm.losses.sampled.base import SampledLoss
from sklearn_ebm.solvers.base import Solver

CALIBRATIONS = (None, "conformal")


class LatentEBMRegressor(CallbackSupportMixin, DensityPredictions, RegressorMixin, PartsMixin):
    r"""Regressor that learns conditional densities from an energy with a latent variable.

    .. code-block:: none

        F(x, y)  = −(1/β) log Σ_z exp(−β G(x, y, z))     inference="marginal"
                 = min_z G(x, y, z)                      inference="min"
        p(y | x) = exp(−β F(x, y)) / ∫ exp(−β F(x, y')) dy'

    The latent variable z selects one of several answers, or a position on a curve of answers.
    After its elimination, the Gibbs distribution of the free energy is a density over all answers,
    which may have several modes.

    Parameters
    ----------
    energy : str or ConditionalEnergy, default="auto"
        The energy G, by name or as an object. ``"experts"`` (`sklearn_ebm.energies.Experts`) and
        ``"decoder"`` (`sklearn_ebm.energies.Decoder`) are learned by gradients. ``"memory"``
        (`sklearn_ebm.energies.Memory`), ``"location_scale"``
        (`sklearn_ebm.energies.LocationScale`), and ``"blend"``, a mixture of any energies
        (`sklearn_ebm.energies.Blend`), are learned by density stacking (maximum-likelihood mixing
        weights of fixed densities) and need the loss ``"nll"``. ``"joint"``
        (`sklearn_ebm.energies.Joint`), a network of x and y without a latent variable, can have any
        shape over y; its partition function is estimated. ``"auto"`` learns several energies
        that suit the samples and the `time_budget`, and keeps their blend or the best of them by
        held-out likelihood: see `auto_report_`. With other losses, or with ``inference="min"``, it
        is equivalent to "experts".
    loss : str, Loss or SampledLoss, default="nll"
        The training objective for the energies. ``"nll"`` is the negative log-likelihood.
        ``"energy"`` only lowers energies of right answers, which is safe because the energies are
        normalised by construction; with ``inference="min"`` each sample only affects its best
        latent value. ``"simple"``, ``"hinge"``, ``"log"``, ``"square_square"`` and other pairwise
        losses compare with wrong answers drawn at random (`negatives`); the scale of the density
        then depends on the margin, so use ``beta="auto"``. Energies of any form, such as
        ``"joint"``, can also be learned by ``"nce"``, ``"snl"`` and ``"score_matching"``
        (`sklearn_ebm.losses.sampled`).
    n_latents : int or None, default=None
        Number of latent values of an energy given by name: of experts, or of grid points along each
        axis of a decoder. None means the default of the energy.
    inference : {"marginal", "min"}, default="marginal"
        How z is eliminated, in learning and in prediction. With ``"min"``, the likelihood is
        replaced by its upper bound F, which only depends on the best latent value. Energies learned
        by density stacking are always learned with ``"marginal"``; for predictions, ``"min"`` uses
        their most likely component only, which is inaccurate if several have similar weights.
    beta : float or "auto", default=1.0
        Inverse temperature β > 0, in 1/(unit of the energies); a larger β gives narrower densities.
        "auto" chooses the β with the highest likelihood of held-out samples; with few samples a
        prior keeps it near 1. With the loss ``"nll"`` learning uses β = 1, at which energies are
        normalised; other losses use the free energy at the given β.
    y_transform : {"auto", "log"} or None, default="auto"
        Monotone transform t of a one-dimensional target, for ``loss="nll"``. It is inverted
        exactly: p(y | x) = p(t(y) | x) t'(y). Modes and regions are those of t(y), transformed
        back; energies and loss curves refer to t(y). "log" is sign(y) log(1 + abs(y)/s). "auto"
        uses "log" if y spans several orders of magnitude and "log" improves the held-out
        likelihood. Otherwise it only compresses, by a logarithm, values further from the median
        than 20 times a robust standard deviation, such as gross errors. None means no transform.
        "auto" never transforms a target with several columns.
    prediction : {"mode", "mean", "median"}, default="mode"
        What `predict` returns: the answer of lowest energy, or the mean or median of the density,
        which minimise the squared and the absolute error.
    margin : float or None, default=None
        Margin m of a loss given by name, in units of the energy; None means the default of the
        loss.
    negatives : str or Negatives, default="auto"
        Source of wrong answers (`sklearn_ebm.losses.negatives`). ``"pool"`` draws them from a box,
        for pairwise losses. Energies of any form need them for their partition function:
        ``"importance"`` draws from a proposal, ``"quadrature"`` takes a shifted grid (one or two
        outputs), and ``"mcmc"`` and ``"persistent"`` draw from the energy itself by Markov chains.
        "auto" is "importance" for losses of energies of any form, and otherwise "pool".
    C : float, default=1.0
        Inverse strength of the L2 penalty on the weights; ``inf`` means no penalty. The solver
        "auto" applies it as decoupled weight decay. Energies learned by density stacking have no
        weights.
    calibration : {None, "conformal"}, default=None
        "conformal" holds out a fraction `validation_fraction` of the samples from learning, and
        gives `predict_interval` and `predict_region` the stated coverage
        for any data whose samples are exchangeable. Copies of a sample count as one. With
        m held-out samples, intervals are finite for levels up to m/(m + 1).
    solver : {"auto", "adam"} or Solver, default="auto"
        "auto" and "adam" are Adam with a batch size and learning rate that suit the energy. A
        solver object uses its own settings, including its weight decay.
    early_stopping : bool, default=True
        Whether each member holds out some of the samples and learning keeps the parameters with
        the highest held-out likelihood.
    validation_fraction : float, default=0.1
        Fraction of the samples that is held out: by each member for early stopping, and from all
        members for calibration. In density stacking, folds replace the samples held out for early
        stopping.
    n_iter_no_change : int, default=40
        Number of passes without a lower held-out loss after which early stopping ends the fit.
    max_iter : int or None, default=None
        Maximum number of iterations of the solver, here passes over the samples. 0 returns the
        initial parameters; None chooses a number that suits the energy and the samples.
    time_budget : float or None, default=None
        Approximate time limit for learning, in seconds. ``energy="auto"`` learns its
        members in the order of their cost and skips those that would exceed the limit; learning by
        gradients stops and keeps the current parameters. The result then depends on the speed of
        the machine.
    tol : float, default=1e-4
        Relative decrease of the objective that counts as an improvement, for solver objects that
        stop by themselves: ``Adam(schedule="plateau")`` and ``"constant"``. The solver "auto" ends
        with its schedule, and uses `tol` only to warn if the objective has increased by more.
    warm_start : bool, default=False
        Whether `fit` starts from the parameters of the previous fit. Standardisation depends on the
        samples passed to `fit`, so this requires the same samples; with other samples learning
        starts anew. A different number of features or outputs, or a different energy, raise an
        error. Energies that are learned by density stacking, such as ``"auto"``, always start anew.
    random_state : int, RandomState instance or None, default=0
        Determines initial parameters, noise, mini-batches, trees and held-out samples. With an
        int the same samples give the same model; None draws anew in each call of `fit`.
    verbose : int, default=0
        With 1 or more, the progress is shown in a line on standard error.

    Attributes
    ----------
    energy_ : ConditionalEnergy
        The fitted energy, including its standardisation.
    params_ : dict of str to ndarray
        The learned parameters.
    auto_report_ : AutoReport
        Held-out likelihood of each energy as a printable table. Only for ``energy="auto"`` with
        density stacking.
    loss_ : Loss
        The loss that was used.
    beta_ : float
        β of the densities.
    y_transform_ : SignedLog or None
        The transform of the target; None if it was not transformed.
    n_outputs_ : int
        Number of columns of the target.
    y_grid_ : ndarray or None
        Quantiles of the training answers, the default candidates of `predict_candidate_proba`;
        None for targets with several columns.
    loss_curve_ : ndarray
        Mean loss of the first batch, followed by the mean loss in each pass.
    validation_loss_curve_ : ndarray
        Mean loss of held-out samples after each pass. Only with held-out samples.
    n_iter_ : int
        Number of passes over the samples.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if all are strings.

    Warns
    -----
    FewAnswersWarning
        If y has few distinct values, or one value in a tenth of the samples or more, so that its
        likelihood is unbounded.
    CalibrationWarning
        In `predict_interval` and `predict_region`, if there are too few calibration samples for
        the level.
    UserWarning
        If X_val and y_val contain samples of X and y.
    ConvergenceWarning
        If the fit was interrupted or the learning rate was too large.

    See Also
    --------
    EBMClassifier : Energy-based classifier.
    sklearn_ebm.distributions : The predicted distributions.

    References
    ----------
    LeCun, Chopra, Hadsell, Ranzato, Huang, "Energy-Based Models", in *Predicting Structured Data*
    (2007). :doi:`10.7551/mitpress/7443.003.0014`

    Bishop, "Mixture density networks", Aston University NCRG/94/004 (1994).

    Examples
    --------
    Every x has two answers, x + 1 and x − 1, and noise of standard deviation 0.1:

    >>> import numpy as np
    >>> from sklearn_ebm import LatentEBMRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = rng.uniform(-1, 1, size=(400, 1))
    >>> y = X[:, 0] + rng.choice([-1.0, 1.0], size=400) + 0.1 * rng.normal(size=400)
    >>> reg = LatentEBMRegressor("experts", n_latents=2, max_iter=100, random_state=0).fit(
    ...     X, y
    ... )
    >>> modes = reg.predict_modes([[0.5]])
    >>> np.sort(modes.answers).round(1), modes.probabilities.round(1)
    (array([[-0.5,  1.5]]), array([[0.5, 0.5]]))
    """

    _asked_energy: str
    _initial_seed: int

    def __init__(
        self,
        energy: str | ConditionalEnergy = "auto",
        loss: str | Loss | SampledLoss = "nll",
        *,
        n_latents: int | None = None,
        inference: str = "marginal",
        beta: float | str = 1.0,
        y_transform: str | None = "auto",
        prediction: str = "mode",
        margin: float | None = None,
        negatives: str | Negatives = "auto",
        C: float = 1.0,
        calibration: str | None = None,
        solver: str | Solver = "auto",
        early_stopping: bool = True,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 40,
        max_iter: int | None = None,
        time_budget: float | None = None,
        tol: float = 1e-4,
        warm_start: bool = False,
        random_state: Any = 0,
        verbose: int = 0,
    ) -> None:
        self.energy = energy
        self.loss = loss
        self.n_latents = n_latents
        self.inference = inference
        self.beta = beta
        self.y_transform = y_transform
        self.prediction = prediction
        self.margin = margin
        self.negatives = negatives
        self.C = C
        self.calibration = calibration
        self.solver = solver
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.max_iter = max_iter
        self.time_budget = time_budget
        self.tol = tol
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_tags__(self) -> Any:
        """Dense samples; one answer or several."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = False
        tags.target_tags.multi_output = True
        tags.target_tags.single_output = True
        return tags

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> LatentEBMRegressor:
        """Fit the model. If the input is invalid, the estimator is left unchanged.

        Ctrl-C after the first pass ends learning by gradients with the current parameters and a
        warning. Density stacking is aborted, and the estimator is left unchanged.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training samples; float32 stays float32, other dtypes are converted to float64.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Target values.
        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights ≥ 0. A weight of 0 equals leaving the sample out. Only relative weights
            matter. Repeating a sample with the same target equals doubling its weight.
        X_val : array-like of shape (n_val_samples, n_features), default=None
            Validation samples. Their loss is recorded after each pass; with
            ``early_stopping=True`` it determines when to stop. Members then hold out further
            samples only if there are fewer validation samples than the fraction
            `validation_fraction` of the samples. Energies learned by density stacking use them in
            addition to their out-of-fold samples. With ``beta="auto"`` β is chosen on them.
        y_val : array-like of shape (n_val_samples,) or (n_val_samples, n_outputs), default=None
            Target values of the validation samples.
        sample_weight_val : array-like of shape (n_val_samples,), default=None
            Weights of the validation samples.

        Returns
        -------
        self : LatentEBMRegressor
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
    def _watched_fit(
        self, X: Any, y: Any, sample_weight: Any, validation: Any
    ) -> LatentEBMRegressor:
        settings = self._settings()
        parts = resolve_density_parts(
            self.energy, self.loss, self.inference, self.negatives, self.solver,
            n_latents=self.n_latents, margin=self.margin, beta=self.beta,
        )  # fmt: skip
        known_features = getattr(self, "n_features_in_", None)
        given_y = y
        refuse_sparse("y", y)
        X, y = validate_data(
            self, X, y, dtype=[np.float64, np.float32], multi_output=True, y_numeric=True
        )
        flat = y.ndim == 1
        rows = distinct(self._exchangeable(answer_rows(X, y, sample_weight)))
        seed = generator_and_seed(self.random_state)[1]
        held_out = self._given_rows(validation, rows)
        rows, calibrating = self._split_calibration_rows(rows, seed)
        if not parts.energy.traits.stacked:  # density stacking always leaves rows out
            self._refuse_without_held_out(rows, held_out)
        warn_of_branches(self, parts)
        start = self._start(parts.energy, known_features == X.shape[1], rows.y.shape[1])
        initial_seed = seed if start is None else start.seed
        transform = self._transform(parts, rows, initial_seed)
        if start is not None and transform != self.y_transform_:
            start, initial_seed = None, seed
        fraction = float(self.validation_fraction)
        # Few rows of the user get a say in proportion: members leave out rows beside them.
        few = held_out is None or len(held_out.y) < fraction * len(rows.y)
        leaves_out = self.early_stopping and few and len(rows.y) > 1
        beta_before_selection = 1.0 if isinstance(self.beta, str) else float(self.beta)

        def state(learned: Start, beta: float = beta_before_selection) -> dict[str, Any]:
            return {
                "energy_": learned.energy, "params_": learned.params, "loss_": parts.loss,
                "beta_": beta, "n_outputs_": rows.y.shape[1], "_flat": flat,
                "_conformal": None, "_asked_energy": repr(parts.energy),
                "_initial_seed": initial_seed, "y_grid_": steps_of_probability(rows),
                "y_transform_": transform,
            }  # fmt: skip

        task = FitCallbacks(self, X, given_y, sample_weight, state)
        with self._watch(task, parts) as (watch, progress):
            learned = learn_energy(
                parts, transformed(rows, transform), transform=transform, start=start, seed=seed,
                watch=watch, progress=progress,
                validation=None if held_out is None else transformed(held_out, transform),
                fraction=fraction if leaves_out else None, **settings,
            )  # fmt: skip
        beta = self._chosen_beta(learned, parts)
        self.__dict__.update(state(Start(learned.energy, learned.params), beta))
        self._store(learned)
        if calibrating is not None:
            self._conformal: Conformal | None = conformal_of(
                self._distribution(calibrating.X), calibrating.y
            )
        task.end()
        warn_of_result(learned, rows, parts)
        return self

    def _settings(self) -> dict[str, Any]:
        if self.prediction not in PREDICTIONS:
            raise ValueError(unknown_name("prediction", self.prediction, PREDICTIONS))
        if self.calibration not in CALIBRATIONS:
            raise ValueError(
                f"calibration={self.calibration!r} is not known. Known: None, 'conformal'."
            )
        refuse_unknown(self.y_transform)
        return checked_settings(self, "C", "tol", "max_iter", "time_budget")

    def _given_rows(self, given: tuple[Any, Any, Any], training: Rows) -> Rows | None:
        """Samples that the user holds out as ``X_val``, ``y_val`` and ``sample_weight_val``."""
        X, y, sample_weight = given
        if X is None and y is None and sample_weight is None:
            return None
        if X is None or y is None:
            raise ValueError("X_val and y_val belong together: pass both, or neither of them.")
        refuse_sparse("y_val", y)
        try:
            X, y = validate_data(
                self, X, y, dtype=[np.float64, np.float32], multi_output=True, y_numeric=True,
                reset=False,
            )  # fmt: skip
        except ValueError as error:
            raise ValueError(f"X_val and y_val cannot be used: {error}") from error
        rows = distinct(answer_rows(X, y, sample_weight, "sample_weight_val"))
        if rows.y.shape[1] != training.y.shape[1]:
            raise ValueError(
                f"y_val has {rows.y.shape[1]} answers for each row, but y has "
                f"{training.y.shape[1]}."
            )
        copies = n_copied(rows, training)
        if copies:
            warnings.warn(
                f"{copies} different rows of X_val and y_val are in X and y as well, but "
                "training rows cannot validate a fit; remove them from one of the two.",
                UserWarning,
                stacklevel=4 + FRAMES,
            )
        return rows

    def _exchangeable(self, rows: Rows) -> Rows:
        """The samples, if calibration can keep its promise for them; copies of a sample are one."""
        if self.calibration is not None and not (rows.weight == rows.weight[0]).all():
            raise ValueError(
                "calibration='conformal' guarantees coverage for rows that are exchangeable, but "
                "sample_weight treats rows differently; use calibration=None, or leave the weights "
                "out."
            )
        return rows

    def _split_calibration_rows(self, rows: Rows, seed: int) -> tuple[Rows, Rows | None]:
        """Samples to learn from, and those that no member ever sees."""
        if self.calibration is None:
            return rows, None
        n_rows = len(rows.y)
        n_out = int(np.ceil(float(self.validation_fraction) * n_rows))
        if n_rows - n_out < 2:
            raise ValueError(
                f"calibration='conformal' with validation_fraction={self.validation_fraction:g} "
                f"leaves {n_rows - n_out} of n_samples={n_rows} to learn from; lower it, or use "
                "calibration=None."
            )
        kept, out = train_test_split(np.arange(n_rows), test_size=n_out, random_state=seed)
        return rows.take(np.sort(kept)), rows.take(np.sort(out))

    def _refuse_without_held_out(self, rows: Rows, held_out: Rows | None) -> None:
        if isinstance(self.beta, str) and not self.early_stopping and held_out is None:
            raise ValueError(
                "beta='auto' needs held-out rows; pass X_val and y_val, use "
                "early_stopping=True, or pass a number."
            )
        if len(rows.y) < 2 and self.early_stopping and held_out is None:
            raise ValueError(
                f"early_stopping=True holds out rows, but there is n_samples={len(rows.y)} of "
                "positive weight; pass X_val and y_val, or use early_stopping=False."
            )

    def _start(self, energy: ConditionalEnergy, same_width: bool, n_outputs: int) -> Start | None:
        """Parameters of the previous fit, if a warm start is requested and possible."""
        if not self.warm_start or "params_" not in vars(self):
            return None
        if energy.traits.stacked:  # it starts anew
            return None
        same_shape = same_width and self.n_outputs_ == n_outputs
        refuse_another_shape(same_shape and repr(energy) == self._asked_energy)
        return Start(self.energy_, self.params_, self._initial_seed)

    @contextmanager
    def _watch(
        self, task: FitCallbacks, parts: Parts
    ) -> Iterator[tuple[TrainingMonitor, FitProgress]]:
        """The monitor of a fit: callbacks, the progress line and early stopping."""
        patience = self.n_iter_no_change if self.early_stopping else None
        with ExitStack() as stack:
            callbacks, line = task.callbacks, None
            if self.verbose:
                name = f"{type(parts.energy).__name__.lower()}, {parts.loss_name}"
                line = stack.enter_context(ProgressLine(name))
                callbacks = (*callbacks, line)
            watch = TrainingMonitor(callbacks, patience, outlives_interrupts=True)
            yield watch, CallbackProgress(task, line)

    def _chosen_beta(self, learned: LearnedDensity, parts: Parts) -> float:
        """The β of the density: as given, or of largest likelihood of samples not learned from."""
        if not isinstance(self.beta, str):
            return float(self.beta)
        assert learned.energy._units is not None
        try:
            pieces = learned.unseen()
            return likeliest_beta(pieces, learned.energy._units, minimum=parts.minimum)
        except KeyboardInterrupt:
            learned.message = f"{INTERRUPTED} before beta='auto' was chosen, so beta_ is 1"
            learned.converged = False
            return 1.0

    def _transform(self, parts: Parts, rows: Rows, seed: int) -> SignedLog | None:
        """The transform in which the answers are learned."""
        if (
            not parts.loss.traits.needs_partition_function
        ):  # margins are in units of the answers themselves
            if self.y_transform == "log":
                raise ValueError(
                    f"y_transform='log' is for loss='nll', not for {parts.loss_name!r}: "
                    "use y_transform=None, and transform y yourself (TransformedTargetRegressor)."
                )
            return None
        return chosen_transform(self.y_transform, rows, seed)

    def _store(self, learned: LearnedDensity) -> None:
        """The attributes that say how learning went."""
        self.loss_curve_ = learned.curve
        self.n_iter_ = learned.n_iter
        for name in ("validation_loss_curve_", "auto_report_"):
            self.__dict__.pop(name, None)
        if learned.report is not None:
            self.auto_report_ = learned.report
        if learned.held_out_curve:
            self.validation_loss_curve_ = np.array(learned.held_out_curve)
