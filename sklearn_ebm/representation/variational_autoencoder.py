"""Variational auto-encoder: a free energy of the code, bounded from above."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Any, NamedTuple

import numpy as np
from scipy.special import expit, logsumexp, ndtri
from scipy.stats.qmc import Sobol
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from sklearn_ebm._utils.array_ops import assign
from sklearn_ebm._utils.parameters import Array, Params, Shapes
from sklearn_ebm._utils.registry import unknown_name
from sklearn_ebm._utils.rows import Rows
from sklearn_ebm._utils.validation import level, positive_integer, positive_number
from sklearn_ebm.energies._network.layers import Backward
from sklearn_ebm.energies.base import Traits
from sklearn_ebm.representation._sample_energy import (
    PrincipalAxes,
    SampleEnergy,
    back_through,
    half_squares,
)
from sklearn_ebm.representation.networks import NetworkRepresentation

LIKELIHOODS = ("gaussian", "bernoulli")

# Draws of the code from which energies are computed if the decoder is not linear.
DRAWS = 64

# Log-variances of codes are clipped, so that variances do not overflow.
WIDEST = 30.0

# Smallest variance of the noise, in units of the common variance of the features. Without it the
# density could increase without bound if the samples lie on the surface of the reconstructions.
NARROWEST = 1e-8

LOG_2PI = float(np.log(2 * np.pi))


class _Posterior(NamedTuple):
    """Mean and log-variance of the code of each sample, and the backward function."""

    mean: Array
    log_variance: Array
    back: Callable[[Array, Array, Params], Array]

    def spread(self) -> tuple[Array, Array]:
        """Variances, and the KL divergence from the standard normal distribution, (n,)."""
        variance = np.exp(self.log_variance)
        terms = self.mean**2 + variance - self.log_variance - 1
        return variance, 0.5 * terms.sum(axis=1)


class _Reconstruction(NamedTuple):
    """Reconstruction energy without its constant, (n,), and its derivatives."""

    energies: Array
    back: Callable[[Array, Params], tuple[Array, Array]]


class _FreeEnergy(SampleEnergy):
    """−ELBO of standardised samples."""

    # Seed of the draws of a step.
    _seed = 0

    def __init__(
        self, n_components: int, sizes: tuple[int, ...], activation: str, beta_kl: float,
        noise: float | None, likelihood: str,
    ) -> None:  # fmt: skip
        super().__init__(n_components, sizes, activation)
        self.beta_kl = beta_kl
        self.noise = noise
        self.likelihood = likelihood

    @property
    def closed_form(self) -> bool:
        """Whether the mean over the codes is computed without draws."""
        return self.likelihood == "gaussian" and not self.sizes

    @property
    def traits(self) -> Traits:  # type: ignore[override]
        """Random draws require mini-batches."""
        reason = None if self.closed_form else "its codes are drawn anew in each step"
        return Traits(stochastic=not self.closed_form, batches_because=reason)

    @property
    def _learns_noise(self) -> bool:
        return self.likelihood == "gaussian" and self.noise is None

    @property
    def _n_encoded(self) -> int:
        return 2 * self.n_components

    def shapes(self, n_features: int, n_answers: int) -> Shapes:
        noise: Shapes = {"log_noise": (1,)} if self._learns_noise else {}
        return {**super().shapes(n_features, n_answers), **noise}

    def start(self, rows: Rows, n_answers: int, rng: np.random.RandomState) -> Params:
        """Random weights, variances of 1, and noise as large as the samples.

        Linear networks start at probabilistic PCA, whose code is
        N(w/(w² + σ²) ⟨v, x⟩, σ²/(w² + σ²)) along an axis v with the moment w² + σ² (Tipping and
        Bishop).
        """
        params = super().start(rows, n_answers, rng)
        params["encoder_output_weight"][:, self.n_components :] = 0
        params.setdefault("log_noise", np.zeros(1))
        return {name: params[name] for name in self.shapes(rows.X.shape[1], n_answers)}

    def _start_at(self, params: Params, found: PrincipalAxes) -> None:
        if not self.closed_form:
            return super()._start_at(params, found)
        params["log_noise"] = np.log([max(found.rest - NARROWEST, 1e-3 * NARROWEST)])
        noise = float(self.variance(params)[0])
        length = np.sqrt(np.maximum(found.moments - noise, 0))
        total, n_found = length**2 + noise, len(length)
        weight, bias = params["encoder_output_weight"], params["encoder_output_bias"]
        weight[:], params["decoder_output_weight"][:] = 0, 0
        weight[:, :n_found] = (length / total) * found.axes.T
        bias[self.n_components : self.n_components + n_found] = np.log(noise / total)
        params["decoder_output_weight"][:n_found] = length[:, None] * found.axes
        return None

    def _for_step(self, rng: np.random.RandomState) -> _FreeEnergy:
        other = copy(self)
        other._seed = int(rng.randint(1, np.iinfo(np.int32).max))
        return other

    def posterior(self, params: Params, rows: Array) -> _Posterior:
        """Compute the normal distribution of the code of each sample."""
        outputs, steps = self.encoder.forward(params, rows)
        mean, given = outputs[:, : self.n_components], outputs[:, self.n_components :]
        log_variance = np.clip(given, -WIDEST, WIDEST)

        def back(of_mean: Array, of_log_variance: Array, out: Params) -> Array:
            of_log_variance = of_log_variance * (given == log_variance)
            return back_through(steps, np.hstack([of_mean, of_log_variance]), out)

        return _Posterior(mean, log_variance, back)

    def variance(self, params: Params) -> Array:
        """Variance of the noise of standardised samples."""
        if self._learns_noise:
            return NARROWEST + np.exp(params["log_noise"])
        kind = params["decoder_output_weight"].dtype
        return np.array([1.0 if self.noise is None else self.noise**2], dtype=kind)

    def _linearized(self, params: Params, rows: Array) -> tuple[Array, Backward]:
        draw = np.random.Generator(np.random.SFC64(self._seed))
        posterior = self.posterior(params, rows)
        mean, (variance, divergence) = posterior.mean, posterior.spread()
        if self.closed_form:
            found = self._expected(params, rows, mean, variance)
        else:
            kind: Any = np.float32 if rows.dtype == np.float32 else np.float64
            found = self._drawn(
                params, rows, mean, np.sqrt(variance), draw.standard_normal(mean.shape, dtype=kind)
            )
        beta = rows.dtype.type(self.beta_kl)
        energies = found.energies + beta * divergence
        constant = self.constant(params, rows.shape[1])

        def back(slope: Array, out: Params) -> Array:
            of_mean, of_log_variance = found.back(slope, out)
            if self._learns_noise:
                of_noise = slope @ (0.5 * rows.shape[1] - found.energies)
                learned = np.exp(params["log_noise"]) / self.variance(params)
                assign(out, "log_noise", of_noise * learned)
            of_mean = of_mean + beta * slope[:, None] * mean
            of_log_variance = of_log_variance + 0.5 * beta * slope[:, None] * (variance - 1)
            return posterior.back(of_mean, of_log_variance, out)

        return energies + constant, back

    def constant(self, params: Params, n_features: int) -> Any:
        """Logarithm of the normalising constant of the noise."""
        if self.likelihood != "gaussian":
            return 0.0
        return 0.5 * n_features * (LOG_2PI + np.log(self.variance(params)))

    def misfit(self, params: Params, rows: Array, decoded: Array) -> tuple[Array, Array]:
        """−log p(x | z) without its constant, and its derivative in the output of the decoder."""
        if self.likelihood == "gaussian":
            away = decoded - rows
            variance = self.variance(params)
            return half_squares(away) / variance, away / variance
        energies = (np.logaddexp(decoded, 0) - rows * decoded).sum(axis=1)
        return energies, expit(decoded) - rows

    def _drawn(
        self, params: Params, rows: Array, mean: Array, deviation: Array, noise: Array
    ) -> _Reconstruction:
        """Reconstruction of one draw of the code of each sample."""
        decoded, steps = self.decoder.forward(params, mean + deviation * noise, first=False)
        energies, derivative = self.misfit(params, rows, decoded)

        def back(slope: Array, out: Params) -> tuple[Array, Array]:
            of_code = back_through(steps, derivative * slope[:, None], out)
            return of_code, 0.5 * of_code * noise * deviation

        return _Reconstruction(energies, back)

    def _expected(
        self, params: Params, rows: Array, mean: Array, variance: Array
    ) -> _Reconstruction:
        """Expected reconstruction of a linear decoder."""
        atoms = params["decoder_output_weight"]
        decoded, steps = self.decoder.forward(params, mean, first=False)
        energies, derivative = self.misfit(params, rows, decoded)
        noise = self.variance(params)
        squares = np.einsum("kd,kd->k", atoms, atoms) / noise
        energies = energies + 0.5 * variance @ squares

        def back(slope: Array, out: Params) -> tuple[Array, Array]:
            of_mean = back_through(steps, derivative * slope[:, None], out)
            spread = (slope @ variance) / noise
            out["decoder_output_weight"] += spread[:, None] * atoms
            return of_mean, 0.5 * slope[:, None] * variance * squares

        return _Reconstruction(energies, back)

    def parts(self, params: Params, rows: Array) -> tuple[Array, Array]:
        """Reconstruction energy without its constant, and KL divergence; with the same draws."""
        posterior = self.posterior(params, rows)
        mean, (variance, divergence) = posterior.mean, posterior.spread()
        if self.closed_form:
            return self._expected(params, rows, mean, variance).energies, divergence
        deviation, total = np.sqrt(variance), np.zeros(len(rows), dtype=rows.dtype)
        for noise in _normal_numbers(DRAWS, self.n_components, rows.dtype):
            total += self._drawn(params, rows, mean, deviation, noise).energies
        return total / DRAWS, divergence

    def energies(self, params: Params, rows: Array) -> Array:
        misfit, divergence = self.parts(params, rows)
        return misfit + rows.dtype.type(self.beta_kl) * divergence

    def with_code(self, params: Params, rows: Array, codes: Array) -> tuple[Array, Array]:
        """Compute −log p(x | z) p(z) without constants, and its gradient."""
        decoded, steps = self.decoder.forward(params, codes, first=False)
        misfit, derivative = self.misfit(params, rows, decoded)
        return misfit + half_squares(codes), back_through(steps, derivative, {}) + codes

    def codes(self, params: Params, rows: Array) -> Array:
        return self.posterior(params, rows).mean

    def decoded(self, params: Params, codes: Array) -> Array:
        result = super().decoded(params, codes)
        return expit(result) if self.likelihood == "bernoulli" else result

    def log_weights(self, params: Params, rows: Array, noise: Array) -> Array:
        """log p(x, z) − log q(z | x) for draws of the code, (n_draws, n)."""
        mean, log_variance, _ = self.posterior(params, rows)
        deviation = np.exp(0.5 * log_variance)
        results = []
        for drawn in noise:
            code = mean + deviation * drawn
            misfit, _ = self.misfit(params, rows, self.decoder.forward(params, code)[0])
            ratio = 0.5 * (drawn**2 + log_variance - code**2).sum(axis=1)
            results.append(ratio - misfit)
        return np.stack(results) - self.constant(params, rows.shape[1])


def _normal_numbers(count: int, n_components: int, dtype: Any) -> Array:
    """Normal numbers that fill the space evenly (quasi-random), always the same."""
    shift = np.random.RandomState(0).uniform(size=n_components)
    points = (Sobol(n_components, scramble=False).random(count) + shift) % 1
    return ndtri(points.clip(1e-12, 1 - 1e-12)).astype(dtype)


class VariationalAutoencoder(NetworkRepresentation):
    r"""Variational auto-encoder: a density with a normal code.

    .. code-block:: none

        F(x) = −log ∫ p(x | z) p(z) dz  ≤  E_q[−log p(x | z)] + KL(q(z | x) ‖ p(z)) = −ELBO(x)

    p(z) is the standard normal distribution, p(x | z) has the output of the decoder as its mean,
    and q(z | x) = N(μ(x), diag σ²(x)) is the output of the encoder. The right side, minus the
    evidence lower bound, is learned. The noise of the code limits the volume of low energy: codes
    that are close to each other must have similar reconstructions.

    `energies` are E_q[−log p(x | z)] + `beta_kl` · KL without the constant of the noise, so that
    they are not negative; `score_samples` is the ELBO, a lower bound of the log-likelihood.

    Parameters
    ----------
    n_components : int, default=16
        Number of components of the code.
    hidden_layer_sizes : int or sequence of int, default=(128,)
        Number of units of each hidden layer of the encoder; those of the decoder are in reverse
        order. ``()`` is without hidden layers; with a Gaussian likelihood this is probabilistic
        PCA, whose closed form is then the start.
    activation : {"relu", "tanh", "silu", "gelu"}, default="relu"
        Activation function of the hidden layers.
    beta_kl : float, default=1.0
        Weight of the KL divergence in learning and in `energies`.
    noise : "learned" or float, default="learned"
        Standard deviation of p(x | z), in the unit of X, if the likelihood is Gaussian.
    likelihood : {"gaussian", "bernoulli"}, default="gaussian"
        p(x | z): normal, or for features from 0 to 1 the probability of 1.
    solver : str or Solver, default="auto"
        ``"auto"`` is ``"adam"``, and ``"lbfgs"`` for probabilistic PCA.
    max_iter : int or None, default=None
        Maximum number of iterations; None is the default of the solver.
    early_stopping : bool, default=False
        Whether learning stops when the energy of held-out samples no longer decreases.
    validation_fraction : float, default=0.1
        Fraction of the samples that are held out for early stopping.
    n_iter_no_change : int, default=10
        Number of iterations without a lower held-out energy after which learning stops.
    random_state : int, RandomState instance or None, default=0
        Determines the initial parameters, the mini-batches, the draws and the held-out samples.
    verbose : int, default=0
        Whether to show the progress.

    Attributes
    ----------
    noise_ : float
        Standard deviation of p(x | z), in the unit of X; only for a Gaussian likelihood.
    energy_curve_ : ndarray of shape (n_iterations + 1,)
        Mean of −ELBO, with the weight `beta_kl`, in each iteration, in nats, for standardised
        samples.
    validation_energy_curve_ : ndarray of shape (n_iterations,)
        That of the held-out samples after each iteration; only with ``early_stopping=True``.
    params_ : dict of str to ndarray
        Parameters of the networks, by name.
    mean_ : ndarray of shape (n_features,)
        Mean of each feature, which is subtracted before the encoder.
    scale_ : float
        Common standard deviation of the features, by which they are divided.
    n_iter_ : int
        Number of iterations.
    n_features_in_ : int
        Number of features.

    References
    ----------
    Tipping, Bishop, "Probabilistic principal component analysis", Journal of the Royal Statistical
    Society B 61 (1999) 611-622. :doi:`10.1111/1467-9868.00196`

    Kingma, Welling, "Auto-Encoding Variational Bayes" (2013). :arxiv:`1312.6114`

    Burda, Grosse, Salakhutdinov, "Importance Weighted Autoencoders" (2015). :arxiv:`1509.00519`

    Lucas, Tucker, Grosse, Norouzi, "Don't Blame the ELBO! A Linear VAE Perspective on Posterior
    Collapse" (2019). :arxiv:`1911.02469`

    Examples
    --------
    Without hidden layers it learns the density of probabilistic PCA:

    >>> import numpy as np
    >>> from sklearn.decomposition import PCA
    >>> from sklearn_ebm.representation import VariationalAutoencoder
    >>> X = np.random.RandomState(0).normal(size=(200, 3)) * [3.0, 1.0, 1.0]
    >>> vae = VariationalAutoencoder(1, hidden_layer_sizes=()).fit(X)
    >>> round(vae.score(X), 2) == round(PCA(1).fit(X).score(X), 2)
    True
    """

    def __init__(
        self,
        n_components: int = 16,
        hidden_layer_sizes: Any = (128,),
        activation: str = "relu",
        beta_kl: float = 1.0,
        noise: Any = "learned",
        likelihood: str = "gaussian",
        solver: Any = "auto",
        max_iter: int | None = None,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        random_state: Any = 0,
        verbose: int = 0,
    ) -> None:
        self.n_components = n_components
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.beta_kl = beta_kl
        self.noise = noise
        self.likelihood = likelihood
        self.solver = solver
        self.max_iter = max_iter
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.random_state = random_state
        self.verbose = verbose

    def _validate(self) -> None:
        name = "VariationalAutoencoder"
        positive_integer("n_components", self.n_components, of=name)
        level("beta_kl", self.beta_kl, 1.0, of=name)
        if self.likelihood not in LIKELIHOODS:
            raise ValueError(unknown_name("likelihood", self.likelihood, LIKELIHOODS))
        if not (isinstance(self.noise, str) and self.noise == "learned"):
            try:
                positive_number("noise", self.noise, of=name)
            except ValueError as error:
                raise ValueError(f"{error} Or it is 'learned'.") from None
        super()._validate()

    def _energy(self, seed: int) -> _FreeEnergy:
        noise = None if isinstance(self.noise, str) else float(self.noise) / self.scale_
        return _FreeEnergy(
            int(self.n_components), self._sizes(), self.activation, float(self.beta_kl), noise,
            self.likelihood,
        )  # fmt: skip

    @property
    def _energy_unit(self) -> float:
        """1, because energies are in nats for any unit of X."""
        return 1.0

    def _set_units(self, X: Array, weight: Any) -> None:
        if self.likelihood == "bernoulli":
            self.mean_, self.scale_ = np.zeros(X.shape[1]), 1.0
        else:
            super()._set_units(X, weight)

    def _rows(self, X: Any, *, reset: bool) -> Array:
        rows = super()._rows(X, reset=reset)
        if self.likelihood == "bernoulli" and not 0 <= rows.min() <= rows.max() <= 1:
            raise ValueError(
                "likelihood='bernoulli' needs features from 0 to 1, but X has values from "
                f"{rows.min():.3g} to {rows.max():.3g}; scale X (MinMaxScaler) or use 'gaussian'."
            )
        return rows

    @property
    def _energy_of_variance(self) -> float:
        """Energy of half the square of an error of 1."""
        return 1.0 if self.energy_.likelihood == "bernoulli" else 1 / self.noise_**2

    @property
    def noise_(self) -> float:
        """Standard deviation of the noise, in the unit of X."""
        if self.energy_.likelihood != "gaussian":
            raise AttributeError("noise_ exists only for likelihood='gaussian'.")
        return self.scale_ * float(np.sqrt(self.energy_.variance(self.params_)[0]))

    def elbo(self, X: Any) -> Array:
        """Compute the evidence lower bound, a lower bound of the log-likelihood.

        The mean over the code is exact if the decoder is linear, and otherwise over 64 quasi-random
        draws, the same for all samples.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        ndarray of shape (n_samples,)
            In nats, for the density in the unit of X.
        """
        check_is_fitted(self)
        rows = self._rows(X, reset=False)
        params = self._in_dtype(rows.dtype)

        def bound(some: Array) -> Array:
            misfit, divergence = self.energy_.parts(params, some)
            return -misfit - divergence

        return self._by_blocks(bound, rows) - rows.dtype.type(self._log_unit(rows.shape[1]))

    def _log_unit(self, n_features: int) -> float:
        """Constant of −log p: of the noise, and of the unit of X."""
        constant = np.sum(self.energy_.constant(self.params_, n_features))
        return float(constant) + n_features * float(np.log(self.scale_))

    def free_energy(self, X: Any) -> Array:
        """Compute −ELBO, an upper bound of the free energy −log p(x); see `elbo`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        return -self.elbo(X)

    def score_samples(self, X: Any) -> Array:
        """Compute the evidence lower bound; see `elbo`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        return self.elbo(X)

    def log_likelihood(self, X: Any, n_importance: int = 1_000) -> tuple[Array, Array]:
        """Estimate the log-likelihood by importance sampling.

        log p(x) = log E_q[p(x, z)/q(z | x)], with the mean over `n_importance` draws of the code,
        which use the same random numbers for all samples. The estimate is below log p(x) in
        expectation.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples.
        n_importance : int, default=1000
            Number of draws for each sample.

        Returns
        -------
        log_likelihood : ndarray of shape (n_samples,)
            Estimates, in nats.
        standard_error : ndarray of shape (n_samples,)
            Their standard errors, from the variance of the weights. They are too small if few
            draws have nearly all the weight, that is for errors that are not far below 1.
        """
        check_is_fitted(self)
        count = positive_integer("n_importance", n_importance, least=2)
        rows = self._rows(X, reset=False).astype(np.float64)
        params = self._in_dtype(np.float64)
        noise = np.random.RandomState(0).normal(size=(count, self.energy_.n_components))

        def estimates(some: Array) -> Array:
            weights = self.energy_.log_weights(params, some, noise)
            mean = logsumexp(weights, axis=0) - np.log(count)
            known = np.isfinite(mean)  # the density of samples far away is zero
            ratio = np.exp(np.where(known, weights, 0) - np.where(known, mean, 0))
            error = np.where(known, ratio.std(axis=0, ddof=1) / np.sqrt(count), np.inf)
            return np.column_stack([mean, error])

        values, errors = self._by_blocks(estimates, rows, width=count).T
        return values - rows.shape[1] * np.log(self.scale_), errors

    def sample(self, n_samples: int = 1, random_state: Any = None) -> Array:
        """Draw samples from the density: codes from p(z), then samples from p(x | z).

        Parameters
        ----------
        n_samples : int, default=1
            Number of samples.
        random_state : int, RandomState instance or None, default=None
            Source of random numbers.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            For a Bernoulli likelihood, zeros and ones.
        """
        check_is_fitted(self)
        count = positive_integer("n_samples", n_samples)
        rng = check_random_state(random_state)
        mean = self._decoded(rng.normal(size=(count, self.energy_.n_components)))
        if self.energy_.likelihood == "bernoulli":
            result: Array = (rng.uniform(size=mean.shape) < mean).astype(np.float64)
            return result
        return mean + self.noise_ * rng.normal(size=mean.shape)
