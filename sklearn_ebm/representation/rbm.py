"""Restricted Boltzmann machine: binary codes too many to list, learned by maximum likelihood."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from sklearn_ebm._utils.arrays import blocks_of, take_rows
from sklearn_ebm._utils.parameters import Array, Index
from sklearn_ebm._utils.registry import unknown_name
from sklearn_ebm._utils.threads import Workers
from sklearn_ebm._utils.validation import (
    as_number,
    checked_rows,
    optional_whole_number,
    positive_integer,
    positive_number,
    row_weights,
    switch,
)
from sklearn_ebm.estimators._callbacks import FRAMES, FitCallbacks
from sklearn_ebm.estimators._parts import unchanged_if_it_fails
from sklearn_ebm.learning.samples import Weights
from sklearn_ebm.representation._boltzmann import (
    Machine,
    drawn,
    gibbs_steps,
    probabilities,
)
from sklearn_ebm.representation._boltzmann_learning import (
    Progress,
    Settings,
    first_progress,
    log_odds,
    one_pass,
)
from sklearn_ebm.representation._boltzmann_partition import (
    MOST_LISTED,
    annealed,
    annealed_log_partition,
    exact_log_partition,
    ladder,
)
from sklearn_ebm.representation.base import Representation
from sklearn_ebm.samplers.partition import LogPartition

METHODS = ("auto", "exact", "ais")

# Passes and steps of learning if `max_iter` is None.
FEWEST_PASSES, FEWEST_STEPS = 30, 3_000

# Number of times that learning may diverge before it ends; the learning rate is halved each time.
MOST_DIVERGENCES = 20


class BoltzmannMachine(Representation):
    r"""Restricted Boltzmann machine: binary samples with a binary code, learned by likelihood.

    .. code-block:: none

        E(x, h) = −a·x − c·h − hᵀW x
        F(x)    = −log Σ_h exp(−E(x, h)) = −a·x − Σ_j log(1 + exp((c + W x)_j))
        p(x)    = exp(−F(x))/Z,    Z = Σ_x exp(−F(x))

    Given x, the components of the code h are independent, and so are the features given h. The
    likelihood raises the energy of all x that the machine would draw, so the energy surface cannot
    collapse. Its gradient is a difference of two expectations, over the samples and over p(x); the
    second is estimated from Markov chains of Gibbs steps. By default the chains persist from batch
    to batch (persistent contrastive divergence). The gradients are centred, and the learning rate
    decreases to zero.

    Steps are limited in size. After each batch the mean free energy of the chains is compared with
    that of the samples; if they are further apart than any machine better than the uniform
    distribution allows, the last good state is restored, the learning rate is halved, and `fit`
    warns.

    Parameters
    ----------
    n_components : int, default=100
        Number of components of the code.
    learning_rate : float, default=0.2
        First step size. It decreases linearly from the middle of learning on.
    batch_size : int, default=100
        Number of samples of a step, and of persistent chains.
    n_steps : int, default=1
        Gibbs steps of the chains for each batch.
    persistent : bool, default=True
        Whether chains continue from batch to batch. False starts them from the samples of each
        batch (contrastive divergence), which ignores what the machine would draw far from them:
        good for features, but not for the likelihood.
    max_iter : int, default=None
        Number of passes over the samples. None means 30, or more if these have fewer than 3,000
        batches.
    C : float, default=1.0
        Inverse strength of the L2 penalty ‖W‖²/(2C) that is added to the sum over the samples of
        −log p(x); inf means no penalty.
    binarize : float or "mean", default=None
        Features become 1 above this number and 0 elsewhere; ``"mean"`` is the mean of each feature.
        None means that X holds numbers from 0 to 1; those in between are taken as probabilities.
    random_state : int, RandomState instance or None, default=0
        Determines first weights, batches and chains.
    verbose : int, default=0
        Whether to show the progress.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        The weights W.
    intercept_hidden_ : ndarray of shape (n_components,)
        The biases c of the code.
    intercept_visible_ : ndarray of shape (n_features,)
        The biases a of the features.
    base_log_odds_ : ndarray of shape (n_features,)
        Log-odds of the means of the features, where annealing begins.
    thresholds_ : float, ndarray of shape (n_features,) or None
        Features above are 1; None without `binarize`.
    free_energy_gap_curve_ : ndarray of shape (`n_iter_`,)
        Mean free energy of samples minus that of chains, for each pass. It is no likelihood; it
        stays small while the chains follow the machine.
    n_iter_ : int
        Number of passes, or of parts of a stream.
    n_features_in_ : int
        Number of features.

    See Also
    --------
    sklearn_ebm.energies.RBM : p(y given x) with the same code.
    sklearn.neural_network.BernoulliRBM : The same energy, with plain gradients.

    References
    ----------
    Hinton, "Training products of experts by minimizing contrastive divergence", Neural Computation
    14 (2002) 1771-1800. :doi:`10.1162/089976602760128018`

    Tieleman, "Training restricted Boltzmann machines using approximations to the likelihood
    gradient", ICML (2008) 1064-1071, for persistent chains. :doi:`10.1145/1390156.1390290`

    Montavon, Müller, "Deep Boltzmann machines and the centering trick", in *Neural Networks: Tricks
    of the Trade* (2012) 621-637. :doi:`10.1007/978-3-642-35289-8_33`

    Salakhutdinov, Murray, "On the quantitative analysis of deep belief networks", ICML (2008)
    872-879, for the partition function. :doi:`10.1145/1390156.1390266`

    Examples
    --------
    Two equal features: the machine learns that (0, 1) and (1, 0) do not occur. Its likelihood is
    near −log 2, the best for two equally probable samples:

    >>> import numpy as np
    >>> from sklearn_ebm.representation import BoltzmannMachine
    >>> X = np.array([[0.0, 0.0], [1.0, 1.0]] * 50)
    >>> machine = BoltzmannMachine(2, learning_rate=1.0, C=np.inf, max_iter=500).fit(X)
    >>> bool(machine.score(X) > -0.75), round(-float(np.log(2)), 2)
    (True, -0.69)
    """

    def __init__(
        self,
        n_components: int = 100,
        learning_rate: float = 0.2,
        batch_size: int = 100,
        n_steps: int = 1,
        persistent: bool = True,
        max_iter: int | None = None,
        C: float = 1.0,
        binarize: Any = None,
        random_state: Any = 0,
        verbose: int = 0,
    ) -> None:
        self.n_components = n_components
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.n_steps = n_steps
        self.persistent = persistent
        self.max_iter = max_iter
        self.C = C
        self.binarize = binarize
        self.random_state = random_state
        self.verbose = verbose

    @classmethod
    def _sized(cls, X: Array, n_components: int, random_state: Any) -> Self:
        return cls(n_components, binarize="mean", random_state=random_state)

    # Input ----------------------------------------------------------------------------------------

    def _validate(self) -> None:
        super()._validate()
        for name in ("n_components", "batch_size", "n_steps"):
            positive_integer(name, getattr(self, name), of="BoltzmannMachine")
        optional_whole_number("max_iter", self.max_iter)
        positive_number("learning_rate", self.learning_rate, of="BoltzmannMachine")
        positive_number("C", self.C, of="BoltzmannMachine", infinite=True)
        switch("persistent", self.persistent, of="BoltzmannMachine")
        by_mean = isinstance(self.binarize, str) and self.binarize == "mean"
        if not (self.binarize is None or by_mean or np.isfinite(as_number(self.binarize))):
            raise ValueError(
                f"binarize={self.binarize!r} of BoltzmannMachine must be None, a finite number or "
                "'mean'."
            )

    def _validated(self, X: Any, *, reset: bool) -> Any:
        return checked_rows(self, X, reset=reset)

    def _rows(self, X: Any, *, reset: bool) -> Any:
        rows = self._validated(X, reset=reset)
        return rows if reset else self._binary(rows)  # thresholds may depend on the weights

    def _set_thresholds(self, rows: Any, weight: Weights) -> None:
        self.thresholds_ = self.binarize
        if isinstance(self.binarize, str):
            self.thresholds_ = np.asarray((weight / weight.sum()) @ rows).astype(rows.dtype)
        if sparse.issparse(rows) and self.binarize is not None and np.min(self.thresholds_) < 0:
            raise ValueError(
                "zeros of sparse X would become ones, because a threshold is below zero; use an "
                f"array instead of binarize={self.binarize!r} on a sparse matrix."
            )

    def _binary(self, rows: Any) -> Any:
        """Rows of numbers from 0 to 1; raise ValueError if they are not."""
        values = rows.data if sparse.issparse(rows) else rows
        if self.thresholds_ is None:
            low, high = values.min(initial=0.0), values.max(initial=1.0)
            if low < 0 or high > 1:
                raise ValueError(
                    f"X of BoltzmannMachine must hold numbers from 0 to 1, but has values from "
                    f"{low:.6g} to {high:.6g}; scale it (MinMaxScaler), or set binarize='mean' or "
                    "a threshold."
                )
            return rows
        if not sparse.issparse(rows):
            return (rows > self.thresholds_).astype(rows.dtype)
        limits = np.broadcast_to(self.thresholds_, rows.shape[1])[rows.indices]
        arrays = ((values > limits).astype(rows.dtype), rows.indices, rows.indptr)
        return sparse.csr_array(arrays, shape=rows.shape)

    # Learning -------------------------------------------------------------------------------------

    def _learn(self, X: Any, weight: Weights, task: FitCallbacks) -> None:
        X, weight, rng = self._prepared(X, weight)
        progress = self._first(X, weight, rng)
        settings = self._settings(len(weight))
        curve: list[float] = []
        passes = self._passes(len(weight))
        rate, restored = float(self.learning_rate), 0
        with self._progress_line() as line:
            while len(curve) < passes and restored <= MOST_DIVERGENCES:
                batches = self._batches(rng.permutation(len(weight)))
                left = 1 - (len(curve) + np.arange(len(batches)) / len(batches)) / passes
                rates = (rate * np.minimum(1, 2 * left)).tolist()
                after, gap = one_pass(progress, X, weight, batches, rates, settings, rng)
                if np.isnan(gap):
                    rate, restored = rate / 2, restored + 1
                    continue
                progress = after
                curve.append(gap)
                if line is not None:
                    line.note(f"pass {len(curve)}, free-energy gap {gap:.4g}")
                if task.step("pass"):
                    break
        self._store(progress, X.dtype)
        self.free_energy_gap_curve_, self.n_iter_ = np.array(curve), len(curve)
        self._seen = float(len(weight))
        self._warn_of_divergence(restored, rate)

    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Continue learning with one pass over some samples, which are then forgotten.

        The learning rate is divided by the root of the number of parts so far. Means, thresholds
        and first biases are those of the first part.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            The samples.
        y : None
            Not used.
        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights.

        Returns
        -------
        self
            The fitted estimator.
        """
        with unchanged_if_it_fails(self):
            self._validate()
            first = "components_" not in vars(self)
            if not first and self.n_components != len(self.components_):
                raise ValueError(
                    f"partial_fit continues with {len(self.components_)} components, but "
                    f"n_components is {self.n_components} now; set it back, or start with a new "
                    "estimator."
                )
            rows = self._validated(X, reset=first)
            weight = row_weights(sample_weight, rows.shape[0])
            rows, weight, rng = self._prepared(rows, weight, first=first)
            if first:
                self._seen, self.n_iter_ = 0.0, 0
                self.free_energy_gap_curve_ = np.empty(0)
            self._seen += len(weight)
            progress = self._first(rows, weight, rng) if first else self._progress
            rate = float(self.learning_rate) / np.sqrt(self.n_iter_ + 1)
            self._one_part(progress, rows, weight, rate, rng)
        return self

    def _one_part(
        self, progress: Progress, rows: Any, weight: Weights, rate: float, rng: np.random.Generator
    ) -> None:
        batches, settings = self._batches(rng.permutation(len(weight))), self._settings(self._seen)
        for restored in range(MOST_DIVERGENCES + 1):
            rates = [rate * 0.5**restored] * len(batches)
            after, gap = one_pass(progress, rows, weight, batches, rates, settings, rng)
            if not np.isnan(gap):
                progress = after
                break
        self._store(progress, rows.dtype)
        self.free_energy_gap_curve_ = np.append(self.free_energy_gap_curve_, gap)
        self.n_iter_ += 1
        self._warn_of_divergence(restored + bool(np.isnan(gap)), rate * 0.5**restored)

    def _prepared(
        self, rows: Any, weight: Weights, *, first: bool = True
    ) -> tuple[Any, Weights, np.random.Generator]:
        """Binary rows of positive weight, their weights with the mean 1, and random numbers."""
        if not (weight > 0).all():
            rows, weight = rows[weight > 0], weight[weight > 0]
        weight = weight / weight.max()
        if first:
            self._set_thresholds(rows, weight)
        return self._binary(rows), weight / weight.mean(), _generator(self.random_state)

    def _first(self, X: Any, weight: Weights, rng: np.random.Generator) -> Progress:
        count = float(weight.sum() ** 2 / (weight @ weight))
        mean = np.asarray((weight / weight.sum()) @ X)
        self.base_log_odds_ = log_odds(mean, count).astype(X.dtype)
        return first_progress(mean, count, self.n_components, self.batch_size, rng)

    def _settings(self, n_samples: float) -> Settings:
        return Settings(1 / (float(self.C) * n_samples), self.n_steps, bool(self.persistent))

    def _passes(self, n_samples: int) -> int:
        if self.max_iter is not None:
            return self.max_iter
        return max(FEWEST_PASSES, -(-FEWEST_STEPS // -(-n_samples // self.batch_size)))

    def _batches(self, order: Index) -> list[Index]:
        """Batches of nearly equal size."""
        return np.array_split(order, max(-(-len(order) // self.batch_size), 1))

    def _store(self, progress: Progress, dtype: Any) -> None:
        self._progress = progress
        machine = progress.machine.astype(dtype)
        self.components_, self.intercept_hidden_, self.intercept_visible_ = machine

    def _warn_of_divergence(self, restored: int, rate: float) -> None:
        if restored:
            warnings.warn(
                f"Learning diverged {restored} times with learning_rate={self.learning_rate!r}. "
                "Each time the last good state was restored and the learning rate was halved, to "
                f"{rate:.2g} in the end; set a lower learning_rate.",
                ConvergenceWarning,
                stacklevel=5 + FRAMES,
            )

    # The fitted machine ---------------------------------------------------------------------------

    def _machine(self, dtype: Any) -> Machine:
        check_is_fitted(self)
        machine = Machine(self.components_, self.intercept_hidden_, self.intercept_visible_)
        return machine.astype(dtype)

    def _by_blocks(self, function: Callable[[Machine, Any], Array], rows: Any) -> Array:
        """Results for blocks of samples, whose codes are moderately many."""
        machine = self._machine(rows.dtype)
        parts = list(blocks_of(rows, 3 * len(machine.hidden)))
        with Workers() as workers:
            found = workers.map(lambda part: function(machine, take_rows(rows, part)), parts)
            return np.concatenate(list(found))

    def _codes(self, rows: Any) -> Array:
        return self._by_blocks(
            lambda machine, part: probabilities(machine.component_inputs(part)), rows
        )

    def transform(self, X: Any) -> Any:
        """Compute the probabilities P(h = 1 | x) of the components of the code.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        ndarray of shape (n_samples, n_components)
            Numbers from 0 to 1.
        """
        return super().transform(X)

    def _decoded(self, codes: Array) -> Array:
        return probabilities(self._machine(codes.dtype).feature_inputs(codes))

    def energies(self, X: Any) -> Array:
        """Compute the energy min_h E(x, h) = −a·x − Σ_j max((c + W x)_j, 0).

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        check_is_fitted(self)
        return self._by_blocks(
            lambda machine, part: machine.energies(part, machine.component_inputs(part)),
            self._rows(X, reset=False),
        )

    def free_energy(self, X: Any) -> Array:
        """Compute the free energy F(x) = −a·x − Σ_j log(1 + exp((c + W x)_j)).

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        ndarray of shape (n_samples,)
            log p(x) = −F(x) − log Z.
        """
        check_is_fitted(self)
        return self._by_blocks(
            lambda machine, part: machine.free_energies(part, machine.component_inputs(part)),
            self._rows(X, reset=False),
        )

    def score_samples(self, X: Any, log_partition: float | LogPartition | None = None) -> Array:
        """Compute the log-likelihood log p(x) = −F(x) − log Z.

        −F(x) is exact. log Z is that of `log_partition` with its default settings, which is an
        estimate if there are more than 20 features and components; its error is common to all
        samples, so differences between samples are exact.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            The samples.
        log_partition : float or LogPartition, default=None
            A known value of log Z, such as ``machine.log_partition(n_particles=500)``; None means
            that each call computes it.

        Returns
        -------
        ndarray of shape (n_samples,)
            In nats.
        """
        free = self.free_energy(X)
        known = self.log_partition() if log_partition is None else log_partition
        value = known.value[0] if isinstance(known, LogPartition) else float(known)
        scores: Array = -free - np.asarray(value, dtype=free.dtype)
        return scores

    def reconstruction_error(self, X: Any) -> Array:
        """Compute ½‖x − reconstruction‖² of each sample, after `binarize`.

        The reconstruction is P(x = 1 | h) at the code h of `transform`.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        ndarray of shape (n_samples,)
        """

        def of_block(machine: Machine, part: Any) -> Array:
            away = machine.feature_inputs(probabilities(machine.component_inputs(part)))
            away = probabilities(away)
            away -= part.toarray() if sparse.issparse(part) else part
            return np.asarray(0.5 * np.einsum("nd,nd->n", away, away))

        check_is_fitted(self)
        return self._by_blocks(of_block, self._rows(X, reset=False))

    def log_partition(
        self,
        method: str = "auto",
        n_particles: int = 200,
        n_temperatures: int = 1000,
        random_state: Any = 0,
    ) -> LogPartition:
        """Compute log Z = log Σ_x exp(−F(x)), with its standard error.

        Annealed importance sampling moves particles from independent features with the means of
        the samples to p(x), in small steps of β from 0 to 1.

        Parameters
        ----------
        method : {"auto", "exact", "ais"}, default="auto"
            The sum over all x or all h, annealed importance sampling, or the sum if there are at
            most 20 features or components, and annealing otherwise.
        n_particles : int, default=200
            Number of particles of annealing.
        n_temperatures : int, default=1000
            Number of values of β of annealing.
        random_state : int, RandomState instance or None, default=0
            Random numbers of annealing.

        Returns
        -------
        LogPartition
            Arrays of one entry: ``value`` log Z in nats, ``standard_error``, which is 0 for the
            exact sum, the effective number of particles ``ess``, and ``reliable``, whether the
            standard error describes the error. The method ``interval`` returns a confidence
            interval.

        Raises
        ------
        ValueError
            If `method` is "exact", and there are more than 20 features and components.

        Examples
        --------
        With W = 0, Z = Π_j (1 + exp c_j) Π_i (1 + exp a_i). Here all c_j and a_i are 0, so
        log Z = 4 log 2 = 2.7726:

        >>> from sklearn_ebm.representation import BoltzmannMachine
        >>> machine = BoltzmannMachine(2, max_iter=0).fit([[0.0, 1.0], [1.0, 0.0]])
        >>> machine.components_[:] = 0
        >>> machine.log_partition().value.round(4), machine.log_partition().standard_error
        (array([2.7726]), array([0.]))
        """
        check_is_fitted(self)
        if not isinstance(method, str) or method not in METHODS:
            raise ValueError(unknown_name("method", method, METHODS))
        positive_integer("n_particles", n_particles, least=2)
        positive_integer("n_temperatures", n_temperatures)
        machine = self._machine(np.float64)
        few = min(machine.weight.shape)
        if method == "exact" and few > MOST_LISTED:
            raise ValueError(
                f"method='exact' lists 2^{few} values, but is limited to 2^{MOST_LISTED}; use "
                "method='ais'."
            )
        if method == "exact" or (method == "auto" and few <= MOST_LISTED):
            value = np.array([exact_log_partition(machine)])
            return LogPartition(value, np.zeros(1), np.full(1, np.inf), np.ones(1, dtype=bool))
        rng = _generator(random_state)
        return annealed_log_partition(
            machine, self.base_log_odds_, ladder(n_temperatures), n_particles, rng
        )

    def sample(
        self, n_samples: int = 1, n_steps: int = 1000, random_state: Any = None
    ) -> npt.NDArray[Any]:
        """Draw samples: from independent features to p(x) in half of the steps, then more steps.

        Parameters
        ----------
        n_samples : int, default=1
            Number of draws.
        n_steps : int, default=1000
            Number of Gibbs steps. The more, the nearer is the distribution of the draws to p(x).
        random_state : int, RandomState instance or None, default=None
            Random numbers.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            Zeros and ones.
        """
        check_is_fitted(self)
        positive_integer("n_samples", n_samples)
        positive_integer("n_steps", n_steps)
        machine, rng = self._machine(np.float32), _generator(random_state)
        steps = ladder(-(-n_steps // 2))
        rows, _ = annealed(machine, self.base_log_odds_, steps, n_samples, rng)
        more = n_steps - len(steps)
        if more:
            codes = drawn(machine.component_inputs(rows), rng)
            rows = gibbs_steps(machine, codes, more, rng)
        return rows.astype(self.components_.dtype, copy=False)

    @property
    def _n_features_out(self) -> int:
        return len(self.components_)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def _generator(random_state: Any) -> np.random.Generator:
    seed = check_random_state(random_state).randint(np.iinfo(np.int32).max)
    return np.random.Generator(np.random.SFC64(seed))
