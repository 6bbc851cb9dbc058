"""Adam: mini-batch steps scaled by the gradients of each parameter."""

from __future__ import annotations

import math

import numpy as np
from sklearn.base import clone

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm._utils.registry import unknown_name
from sklearn_ebm._utils.validation import as_number, positive_integer, positive_number
from sklearn_ebm.solvers._adam_search import AdamState, Moments, Settings
from sklearn_ebm.solvers._sampled_search import SampledAdamState
from sklearn_ebm.solvers.base import STOPPED_BY_MONITOR, Iterate, Problem, Result, Solver
from sklearn_ebm.solvers.objective import Objective
from sklearn_ebm.solvers.sampled_objective import SampledObjective

SCHEDULES = ("cosine", "plateau", "constant", "root")

# Default of max_iter: this number of passes, or more if they make fewer steps than FEWEST_STEPS.
# Schedules that detect the end themselves may take LONGER times as many.
FEWEST_PASSES, FEWEST_STEPS = 100, 2_000
LONGER = 10

# The rate is multiplied by PLATEAU_FACTOR after PATIENCE passes without progress. The search ends
# when this has happened PLATEAUS times; at 0, max_iter is the end.
PATIENCE = 10
PLATEAUS = {"cosine": 0, "plateau": 3, "constant": 1, "root": 1}
PLATEAU_FACTOR = 0.2


class Adam(Solver):
    r"""Adam on mini-batches.

    w ← w − η m̂/(√v̂ + ε), where m̂ and v̂ are running means of the gradient g and of its square:

    .. math:: m \leftarrow β_1 m + (1 - β_1) g, \quad v \leftarrow β_2 v + (1 - β_2) g^2, \quad
        \hat m = m / (1 - β_1^t), \quad \hat v = v / (1 - β_2^t)

    g is an estimate of the gradient of the objective divided by n_samples, so that ``C`` keeps its
    meaning: the gradient of the mean loss of a batch, plus that of the penalty divided by
    n_samples. The order of the samples is drawn anew for each pass, unless one batch holds all of
    them. If there are several batches, samples in float64 are rounded to float32: the noise of
    mini-batches is far larger than the rounding, and a step takes half the time.

    An iteration is one pass over the samples. The default of ``max_iter`` is 100 passes, or as many
    as 2000 steps need if these are more. It is ten times as large for schedules that end when the
    objective no longer decreases. A pass in which the loss explodes is repeated with half the
    learning rate, up to six times.

    Parameters
    ----------
    learning_rate : float, default=3e-3
        Initial learning rate η > 0, approximately the change of each parameter in one step.
    batch_size : int, default=200
        Largest number of samples of a batch; batch sizes differ by at most one.
    schedule : {"cosine", "plateau", "constant", "root"}, default="cosine"
        How the learning rate decreases and when the search ends. A plateau is 10 passes in which
        the objective has not decreased by ``tol``, relative to its value.

        - ``"cosine"``: η follows half a cosine to zero over ``max_iter`` passes; its mean is half
          the initial rate.
        - ``"plateau"``: η is divided by 5 at each plateau; the third one ends the search.
        - ``"constant"``: η is constant; the first plateau ends the search.
        - ``"root"``: step t has the rate η/√(1 + t/100); the first plateau ends the search. The
          result is a mean of the parameters after all steps, with larger weights for later steps.
    beta_1 : float, default=0.9
        Decay rate β₁ of the mean of the gradients, in [0, 1).
    beta_2 : float, default=0.999
        Decay rate β₂ of the mean of the squared gradients, in [0, 1).
    epsilon : float, default=1e-8
        ε > 0, which prevents division by zero.
    weight_decay : float or None, default=None
        Decoupled weight decay δ: penalised parameters are multiplied by 1 − ηδ before each step.
        It replaces the L2 penalty, so ``C`` has no effect, and the objective and the stopping rules
        are without the penalty. None keeps the penalty.

    References
    ----------
    Kingma, Ba, "Adam: A Method for Stochastic Optimization" (2014). :arxiv:`1412.6980`

    Loshchilov, Hutter, "Decoupled Weight Decay Regularization" (2017). :arxiv:`1711.05101`

    Loshchilov, Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts" (2016).
    :arxiv:`1608.03983`

    Examples
    --------
    One sample x = 1 of class 0, and both coefficients at 0: their gradients are −½ and ½, and the
    length of the first step is η for any gradient:

    >>> import numpy as np
    >>> from sklearn_ebm.solvers.objective import Objective
    >>> from sklearn_ebm.energies import Linear
    >>> from sklearn_ebm.losses import NLL
    >>> from sklearn_ebm.solvers import Adam
    >>> from sklearn_ebm.solvers.base import Problem
    >>> X, y = np.array([[1.0]]), np.array([0])
    >>> linear = Linear(fit_intercept=False)
    >>> objective = Objective(linear, NLL(), X, y, np.ones(1), n_answers=2, penalty=0.0)
    >>> adam = Adam(learning_rate=0.5, schedule="constant")
    >>> rng = np.random.RandomState(0)
    >>> problem = Problem(objective, np.zeros(2), tol=1e-4, max_iter=1, rng=rng)
    >>> adam.minimize(problem).w.round(6)
    array([ 0.5, -0.5])
    """

    stochastic = True

    def __init__(
        self,
        learning_rate: float = 3e-3,
        batch_size: int = 200,
        schedule: str = "cosine",
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float | None = None,
    ) -> None:
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.schedule = schedule
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.weight_decay = weight_decay

    def iterations_for(self, objective: Objective) -> int:
        """Return the default of ``max_iter``, in passes over the samples.

        Parameters
        ----------
        objective : Objective
            The objective.

        Returns
        -------
        int
            Largest number of iterations.
        """
        self._validate()
        n_batches = -(-len(objective.y) // self.batch_size)
        passes = max(FEWEST_PASSES, -(-FEWEST_STEPS // n_batches))
        return passes * (LONGER if PLATEAUS[self.schedule] else 1)

    def for_partial_fit(self) -> Adam:
        """Return a copy with a schedule without an end: "root" if it is that, else "constant"."""
        return clone(self).set_params(schedule="root" if self.schedule == "root" else "constant")

    def remembered(self, start: Array, n_rows: int) -> Moments:
        """Return a memory without moments, with rate and mean of schedule "root" after a pass.

        Parameters
        ----------
        start : ndarray of shape (size,)
            Parameters.
        n_rows : int
            Number of samples.

        Returns
        -------
        object
            Memory for `Problem`.
        """
        mean = start if self.schedule == "root" else start[:0]
        return Moments(np.zeros_like(start), np.zeros_like(start), 0, mean, mean, n_rows)

    def minimize(self, problem: Problem) -> Result:
        """Make passes over the samples from the start; see ``Solver``.

        An entry of the curve is the sum of the losses of all batches of a pass, each before its
        step, plus the penalty; the first entry is from the first batch alone. The value of the
        result is the objective at the end. The memory holds the moments and the number of steps,
        so that a later search continues as if there had been no interruption.

        Parameters
        ----------
        problem : Problem
            Objective, start and stopping rules.

        Returns
        -------
        Result
            Parameters found, and how the search ended.
        """
        self._validate()
        tol, max_iter, monitor = problem.tol, problem.max_iter, problem.monitor
        settings = Settings(
            self.learning_rate, self.batch_size, self.schedule, self.beta_1, self.beta_2,
            self.epsilon, self.weight_decay,
        )  # fmt: skip
        draws = isinstance(problem.objective, SampledObjective)
        search = (SampledAdamState if draws else AdamState)(settings, problem)
        plateaus = PLATEAUS[self.schedule]
        zero, best, stale, left = np.zeros_like(search.w), np.inf, 0, plateaus
        message, ended_by_monitor = "max_iter was reached", False
        converged = not plateaus and max_iter > 0
        while search.passes < max_iter:
            if not search.make_pass() or (search.passes == max_iter and not search.is_sound()):
                search.retreat()
                continue
            value = search.curve[-1]
            stale = 0 if value < best - tol * abs(best) or best == np.inf else stale + 1
            best = min(best, value)
            iterate = Iterate(search.w.astype(search.dtype), value, zero, np.inf, search.passes)
            stop = monitor is not None and monitor(iterate)
            ended_by_monitor = stop or ended_by_monitor
            if plateaus and stale >= PATIENCE:
                stale, left = 0, left - 1
                search.factor *= PLATEAU_FACTOR
            if not (ended_by_monitor or (plateaus and left <= 0)):
                continue
            if not search.is_sound():  # the loss exploded in the last step
                search.retreat()
                continue
            converged = True
            message = STOPPED_BY_MONITOR if ended_by_monitor else "the objective no longer falls"
            break
        else:
            message = "the schedule has ended" if converged else message
        if converged and not ended_by_monitor and search.has_risen(tol):
            converged = False
            message = (
                "the objective has increased since the start, so steps are too long at "
                f"learning_rate={self.learning_rate:g} of solver 'adam': lower it, or scale the "
                "features (StandardScaler)"
            )
        return search.result(converged, message)

    def _validate(self) -> None:
        """Raise ValueError if a parameter is invalid."""
        positive_number("learning_rate", self.learning_rate, of="Adam")
        positive_number("epsilon", self.epsilon, of="Adam")
        positive_integer("batch_size", self.batch_size, of="Adam")
        for name, below in (("beta_1", 1.0), ("beta_2", 1.0), ("weight_decay", math.inf)):
            value = getattr(self, name)
            if name == "weight_decay" and value is None:
                continue
            if not 0 <= as_number(value) < below:
                kind = "from 0 to below 1" if below == 1 else "0 or more"
                raise ValueError(f"{name}={value!r} of Adam must be a finite number, {kind}.")
        if self.schedule not in SCHEDULES:
            raise ValueError(unknown_name("schedule", self.schedule, SCHEDULES))
