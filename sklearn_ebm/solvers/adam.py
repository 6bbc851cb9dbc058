"""Adam: steps on mini-batches, each parameter in units of its own gradients."""

from __future__ import annotations

import math

import numpy as np
from sklearn.base import clone

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm._utils.registry import unknown_name
from sklearn_ebm._utils.validation import as_number, positive_integer, positive_number
from sklearn_ebm.solvers._adam_search import AdamState, Moments, Settings
from sklearn_ebm.solvers.base import ASKED, Iterate, Problem, Result, Solver
from sklearn_ebm.solvers.objective import Objective

SCHEDULES = ("cosine", "plateau", "constant", "root")

# Passes over the rows where the user names none: so many, and on few rows so many that there are
# enough steps. Schedules that end by themselves may take longer.
FEWEST_PASSES, FEWEST_STEPS = 100, 2_000
LONGER = 10

# A pass without progress counts; after so many, the schedule moves on, and it does so so often.
PATIENCE = 10
PLATEAUS = {"cosine": 0, "plateau": 3, "constant": 1, "root": 1}
PLATEAU_FACTOR = 0.2


class Adam(Solver):
    r"""Adam on mini-batches, w ← w − η m̂/(√v̂ + ε): m̂, v̂ are running means of g and g².

    .. math:: m \leftarrow β_1 m + (1 - β_1) g, \quad v \leftarrow β_2 v + (1 - β_2) g^2, \quad
        \hat m = m / (1 - β_1^t), \quad \hat v = v / (1 - β_2^t)

    g is the gradient of the mean loss of the samples of a batch, with λ/n times the penalised
    parameters: that of the objective divided by n, so that ``C`` keeps its meaning. Samples come in
    an order drawn anew for each pass; where one batch holds all of them, nothing is drawn. Samples
    in float64 are rounded to float32 where batches are drawn: the chance in that is far larger, and
    steps take half the time.

    An iteration is one pass over the samples. Where no `max_iter` is named there are 100 of them,
    more where that makes less than 2000 steps, and up to ten times as many for schedules that end
    when nothing is gained any more. A pass whose losses explode is taken back and made with half
    the steps, up to six times.

    Parameters
    ----------
    learning_rate : float, default=3e-3
        η > 0 at the start: about how far each parameter moves in one step. Along the cosine it is
        half of that on average.
    batch_size : int, default=200
        Samples of a batch, at most: the sizes of all batches differ by one sample at most.
    schedule : {"cosine", "plateau", "constant", "root"}, default="cosine"
        ``"cosine"``: η falls along half a cosine to zero over `max_iter` passes, and that is the
        end. ``"plateau"``: a fifth of η once the objective has not fallen by `tol`, relative, for
        10 passes; the third time is the end. ``"constant"``: the first time is. ``"root"``: it is
        as well; step t has the rate η/√(1 + t/100), and the answer is a mean of the parameters
        after all steps, of which late ones count for more.
    beta_1 : float, default=0.9
        β₁ in [0, 1).
    beta_2 : float, default=0.999
        β₂ in [0, 1).
    epsilon : float, default=1e-8
        ε > 0.
    weight_decay : float or None, default=None
        With a number δ the penalty, and so ``C``, stays out of the gradient; instead, penalised
        parameters are multiplied by 1 − ηδ before each step. The objective, its curve and all
        decisions to stop are then without the penalty as well.

    References
    ----------
    Kingma, Ba, "Adam: A Method for Stochastic Optimization" (2014). :arxiv:`1412.6980`

    Loshchilov, Hutter, "Decoupled Weight Decay Regularization" (2017). :arxiv:`1711.05101`

    Loshchilov, Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts" (2016).
    :arxiv:`1608.03983`

    Examples
    --------
    One sample x = 1 of answer 0 and both templates at 0: each has the gradient ∓½, and the first
    step has the length η whatever the gradient; of a second one at constant η, nearly the same:

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
        """Return how many passes over these samples there are where the user names no number."""
        self._validate()
        n_batches = -(-len(objective.y) // self.batch_size)
        passes = max(FEWEST_PASSES, -(-FEWEST_STEPS // n_batches))
        return passes * (LONGER if PLATEAUS[self.schedule] else 1)

    def for_partial_fit(self) -> Adam:
        """Return the same at a constant rate, unless it falls without knowing where it ends."""
        return clone(self).set_params(schedule="root" if self.schedule == "root" else "constant")

    def remembered(self, start: Array, n_rows: int) -> Moments:
        """No moments, but the rate and the mean of the schedule "root" after one pass."""
        mean = start if self.schedule == "root" else start[:0]
        return Moments(np.zeros_like(start), np.zeros_like(start), 0, mean, mean, n_rows)

    def minimize(self, problem: Problem) -> Result:
        """Make passes over the samples from the start; see `Solver`.

        The values of the curve are those of the batches as they were met; the first entry is that
        of the first batch. The value of the result is the objective at the end. `memory` holds
        moments and the number of steps; the search goes on as if it had not ended.
        """
        self._validate()
        tol, max_iter, monitor = problem.tol, problem.max_iter, problem.monitor
        settings = Settings(
            self.learning_rate, self.batch_size, self.schedule, self.beta_1, self.beta_2,
            self.epsilon, self.weight_decay,
        )  # fmt: skip
        search = AdamState(settings, problem)
        plateaus = PLATEAUS[self.schedule]
        zero, best, stale, left = np.zeros_like(search.w), np.inf, 0, plateaus
        message, asked = "max_iter was reached", False
        converged = not plateaus and max_iter > 0
        while search.passes < max_iter:
            if not search.make_pass() or (search.passes == max_iter and not search.is_sound()):
                search.retreat()
                continue
            value = search.curve[-1]
            stale = 0 if value < best - tol * abs(best) or best == np.inf else stale + 1
            best = min(best, value)
            iterate = Iterate(search.w.astype(search.dtype), value, zero, np.inf, search.passes)
            asked = (monitor is not None and monitor(iterate)) or asked
            if plateaus and stale >= PATIENCE:
                stale, left = 0, left - 1
                search.factor *= PLATEAU_FACTOR
            if not (asked or (plateaus and left <= 0)):
                continue
            if not search.is_sound():  # the last step was one too far
                search.retreat()
                continue
            converged = True
            message = ASKED if asked else "the objective no longer falls"
            break
        else:
            message = "the schedule has ended" if converged else message
        if converged and not asked and search.has_risen(tol):
            converged = False
            message = (
                "the objective ended above where it started, so steps are too long at "
                f"learning_rate={self.learning_rate:g} of solver 'adam': lower it, or scale the "
                "features (StandardScaler)"
            )
        return search.result(converged, message)

    def _validate(self) -> None:
        """Raise ValueError, in one sentence, if a setting cannot be used."""
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
