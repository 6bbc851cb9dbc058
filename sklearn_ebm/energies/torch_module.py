"""Any PyTorch module as an energy, of classes or of pairs (x, y)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy, deepcopy
from threading import RLock
from typing import Any, Self

import numpy as np
from scipy import sparse

from sklearn_ebm._utils.parameters import Array, Params, Shapes
from sklearn_ebm._utils.rows import Rows
from sklearn_ebm.energies.base import Energy, Linearization, Traits
from sklearn_ebm.energies.free_form import COMPONENTS, FreeFormEnergy

# Held while a module computes, because its parameters, its mode and PyTorch's random numbers are
# shared by all threads.
_lock = RLock()


def _new_lock() -> None:
    """Make a new lock in a forked process, which lacks the thread that may hold the old one."""
    global _lock
    _lock = RLock()


if os.name == "posix":
    os.register_at_fork(after_in_child=_new_lock)


class OfModule:
    """What energies of classes and of pairs have in common: the parameters of a module."""

    module: Any

    @property
    def penalized(self) -> tuple[str, ...]:
        """Names of the parameters with two axes or more."""
        return tuple(name for name, part in self._trained().items() if part.ndim > 1)

    def _batches_because(self) -> str | None:
        """Reason if the module has dropout or batch normalisation."""
        from torch import nn

        kinds = nn.modules.dropout._DropoutNd, nn.modules.batchnorm._BatchNorm
        parts = self.module.modules() if isinstance(self.module, nn.Module) else ()
        names = sorted({type(part).__name__ for part in parts if isinstance(part, kinds)})
        return f"its layers {' and '.join(names)} act differently in each step" if names else None

    def _trained(self) -> dict[str, Any]:
        return {name: part for name, part in self.module.named_parameters() if part.requires_grad}

    def _require_module(self) -> None:
        """Raise an error unless this is a module with parameters to learn."""
        import torch

        if not isinstance(self.module, torch.nn.Module):
            raise TypeError(f"module={self.module!r} must be an object of torch.nn.Module.")
        if not self._trained():
            raise ValueError(
                "The module has no parameters to learn: all are frozen (requires_grad=False), or "
                "there are none; call requires_grad_(True) on those that should learn."
            )

    def _initial_state(self) -> dict[str, Any]:
        """Return nothing: the user provides the module, and learning changes its buffers."""
        return {}

    def trained(self, params: Params) -> Any:
        """Return a copy of the module with learned parameters, in evaluation mode.

        It can be used without this package.

        Parameters
        ----------
        params : dict of str to ndarray
            Parameters by name, such as ``params_`` of a fitted estimator with this ``energy_``.

        Returns
        -------
        torch.nn.Module
            The module with these parameters.
        """
        import torch

        module = deepcopy(self.module).eval()
        with torch.no_grad():
            for name, part in module.named_parameters():
                if name in params:
                    part.copy_(torch.from_numpy(np.array(params[name])))
        return module

    def shapes(self, n_features: int, n_answers: int) -> Shapes:
        """Shapes of the parameters with ``requires_grad``, by their names in the module.

        Parameters
        ----------
        n_features : int
            Number of features.
        n_answers : int
            Number of classes, or of outputs.

        Returns
        -------
        dict of str to tuple of int
            Shape of each parameter, by name.
        """
        return {name: tuple(part.shape) for name, part in self._trained().items()}

    def start(
        self,
        rows: Rows,
        n_answers: int,
        rng: np.random.RandomState,
    ) -> Params:
        """The parameters of the module, from which learning starts.

        Parameters
        ----------
        rows : Rows
            Samples: features ``X``, targets ``y`` and sample weights ``weight``.
        n_answers : int
            Number of classes, or of outputs.
        rng : RandomState
            Source of random numbers.

        Returns
        -------
        dict of str to ndarray
            Parameters by name.
        """
        return {
            name: part.detach().double().numpy().copy() for name, part in self._trained().items()
        }


class TorchModule(OfModule, Energy):  # type: ignore[override]
    """Energy given by a PyTorch module with one output for each class, or of pairs (x, y).

    F(x, y) = −module(x)_y in a classifier. In a `LatentEBMRegressor` the module is called as
    ``module(x, y)`` and is the energy of pairs `TorchPairs`.

    It needs PyTorch (``pip install sklearn_ebm[torch]``). A copy of the module learns, from the
    weights of the module, by mini-batches and `sklearn_ebm.solvers.Adam` on the CPU. It is in
    training mode during learning and in evaluation mode for predictions. Parameters with two axes
    or more are penalised.

    Learning also updates the buffers of the copy, such as the running moments of batch
    normalisation. The buffers are those after the last pass over the samples, even if early
    stopping returns the parameters of an earlier pass. Only PyTorch operations use several threads.

    Parameters
    ----------
    module : torch.nn.Module
        Module that maps samples of shape (n_samples, n_features) to scores of shape
        (n_samples, n_classes), high if sample and class fit.

    Examples
    --------
    The scores of a linear layer with the weights 2 and −1 at x = 3 are 6 and −3:

    >>> import torch
    >>> import numpy as np
    >>> from sklearn_ebm.energies import TorchModule
    >>> module = torch.nn.Linear(1, 2, bias=False).double()
    >>> energy = TorchModule(module)
    >>> energy.linearize({"weight": np.array([[2.0], [-1.0]])}, np.array([[3.0]])).energies
    array([[-6.,  3.]])

    `trained` returns a module with learned parameters:

    >>> energy.trained({"weight": np.array([[2.0], [-1.0]])}).weight.tolist()
    [[2.0], [-1.0]]

    In a classifier:

    >>> from sklearn_ebm import EBMClassifier
    >>> clf = EBMClassifier(energy=TorchModule(torch.nn.Linear(1, 2)), random_state=0)
    >>> clf.fit([[-2.0], [-1.0], [1.0], [2.0]], [0, 0, 1, 1]).predict(
    ...     [[-3.0], [3.0]]
    ... ).tolist()
    [0, 1]
    """

    def __init__(self, module: Any) -> None:
        self.module = module

    @property
    def traits(self) -> Traits:  # type: ignore[override]
        """Properties that learning uses: mini-batches in the dtype of the module."""
        return Traits(
            stochastic=True, batches_because=self._batches_because(), float32_steps=False,
            threads=False, stateful=True,
        )  # fmt: skip

    def initialized(
        self,
        rows: Rows,
        n_answers: int,
        rng: np.random.RandomState,
    ) -> TorchModule:
        """Return the energy with a copy of the module in the dtype of X.

        Parameters
        ----------
        rows : Rows
            Samples: features ``X``, targets ``y`` (class indices or numbers) and sample weights
            ``weight``. A weight of 2 has the effect of a second copy of the sample.
        n_answers : int
            Number of classes, or of outputs.
        rng : RandomState
            Source of random numbers.

        Returns
        -------
        TorchModule
            The initialised energy.

        Raises
        ------
        TypeError
            If `module` is not a PyTorch module.
        ValueError
            If the module does not accept the samples, or if the number of its outputs is not the
            number of classes.
        """
        import torch

        self._require_module()
        other = self._with(deepcopy(self.module).to("cpu", _dtype_of(rows.X)).eval())
        with torch.no_grad(), _lock:
            try:
                scores = other.module(_tensor(rows.X[:1]))
            except (RuntimeError, ValueError, TypeError, IndexError) as error:
                raise ValueError(
                    f"The module cannot take rows of {rows.X.shape[1]} features: {error} (A "
                    "classifier calls module(x); modules of pairs (x, y) are for "
                    "LatentEBMRegressor.)"
                ) from error
        if not isinstance(scores, torch.Tensor):
            raise ValueError(
                f"The module returns a {type(scores).__name__} for rows (n, {rows.X.shape[1]}); it "
                "must return one tensor of scores (n, k), so wrap it in a module that does."
            )
        if tuple(scores.shape) != (1, n_answers):
            raise ValueError(
                f"The module gives an output of shape {tuple(scores.shape)} for one row, but there "
                f"are {n_answers} classes; its last layer must have one output for each class."
            )
        return other

    def _with(self, module: Any) -> TorchModule:
        other = copy(self)
        other.module = module
        return other

    def _for_step(self, rng: np.random.RandomState) -> Energy:
        """Return a copy in training mode, with its own seed."""
        return _Training(self.module, rng.randint(2**31 - 1))

    def linearize(self, params: Params, X: Any) -> Linearization:
        """Energies of all classes, and their derivatives by automatic differentiation.

        Parameters
        ----------
        params : dict of str to ndarray
            Parameters by name, see `shapes`.
        X : ndarray or CSR of shape (n_samples, n_features)
            The input samples; sparse samples are converted to dense ones.

        Returns
        -------
        Linearization
            Energies of shape (n_samples, n_classes) in the dtype of X, with the pullback.
        """
        scores, named = _called(self.module, params, X, _tensor(X))
        return Linearization(
            -scores.detach().numpy(),
            lambda slope: _pulled_back(scores, named, params, -slope),
        )


class _Training(TorchModule):
    """The energy with its module in training mode, and with a seed for its random numbers."""

    def __init__(self, module: Any, seed: int) -> None:
        super().__init__(module)
        self.seed = seed

    def linearize(self, params: Params, X: Any) -> Linearization:
        """Energies and pullback in training mode."""
        with _training(self.module, self.seed):
            return super().linearize(params, X)


class TorchPairs(OfModule, FreeFormEnergy):  # type: ignore[override]
    """Energy of pairs (x, y) given by a PyTorch module, for continuous answers.

    .. code-block:: none

        F(x, y) = −module(x, y) + ‖y‖²/(2s²) + (q/2) log(2πs²)

    The module gets standardised samples x of shape (n, n_features) and standardised answers y of
    shape (n, n_outputs), and returns n scores, high if x and y fit. Its output must not grow faster
    than ‖y‖² with y. A `LatentEBMRegressor` with ``energy=TorchModule(module)`` uses this energy
    with its defaults.

    It needs PyTorch (``pip install sklearn_ebm[torch]``). A copy of the module learns, as in
    `TorchModule`.

    Parameters
    ----------
    module : torch.nn.Module
        Module of x and y that returns scores of shape (n,) or (n, 1).
    base_scale : float, default=2.0
        Scale s of the Gaussian base, in standard deviations of y.
    n_components : int, default=16
        Number of components of the Gaussian mixture from which wrong answers are drawn.

    Examples
    --------
    The score 2xy at x = 1 and y = 2 is 4, so the energy without its base is −4:

    >>> import torch
    >>> import numpy as np
    >>> from sklearn_ebm.energies import TorchPairs
    >>> energy = TorchPairs(torch.nn.Bilinear(1, 1, 1, bias=False))
    >>> params = {"weight": np.array([[[2.0]]])}
    >>> energy.linearize_pairs(params, np.array([[1.0]]), np.array([[[2.0]]])).energies
    array([[-4.]])

    In a regressor:

    >>> from sklearn_ebm import LatentEBMRegressor
    >>> from sklearn_ebm.energies import TorchModule
    >>> class Pairs(torch.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.network = torch.nn.Sequential(
    ...             torch.nn.Linear(2, 16), torch.nn.SiLU(), torch.nn.Linear(16, 1)
    ...         )
    ...
    ...     def forward(self, x, y):
    ...         return self.network(torch.cat([x, y], dim=1))
    >>> X = np.linspace(-1, 1, 60)[:, None]
    >>> _ = torch.manual_seed(0)
    >>> reg = LatentEBMRegressor(TorchModule(Pairs()), max_iter=100).fit(X, 2 * X[:, 0])
    >>> reg.predict([[0.5]]).round(0).tolist()
    [1.0]
    """

    examples = ({}, {"base_scale": 3.0, "n_components": 3})

    def __init__(
        self, module: Any, base_scale: float = 2.0, n_components: int = COMPONENTS
    ) -> None:
        self.module = module
        self.base_scale = base_scale
        self.n_components = n_components

    @property
    def traits(self) -> Traits:  # type: ignore[override]
        """Properties that learning uses: steps on mini-batches, which change the buffers."""
        return FreeFormEnergy.traits._replace(
            batches_because=self._batches_because(), threads=False, stateful=True
        )

    def initialized(self, rows: Rows, n_answers: int, rng: np.random.RandomState) -> Self:
        """Return the energy with a copy of the module, the units of the data and the proposal.

        Parameters
        ----------
        rows : Rows
            Samples: features ``X``, targets ``y`` and sample weights ``weight``.
        n_answers : int
            Number of outputs.
        rng : RandomState
            Source of random numbers.

        Returns
        -------
        TorchPairs
            The initialised energy.

        Raises
        ------
        TypeError
            If `module` is not a PyTorch module.
        ValueError
            If the module does not accept the samples and answers, or does not return one score for
            each pair.
        """
        import torch

        self._require_module()
        result = super().initialized(rows, n_answers, rng)
        result.module = result.module.to("cpu", _dtype_of(rows.X)).eval()
        d = rows.X.shape[1]
        x, y = (_tensor(np.zeros((2, size), dtype=rows.X.dtype)) for size in (d, n_answers))
        with torch.no_grad(), _lock:
            try:
                scores = result.module(x, y)
            except (RuntimeError, ValueError, TypeError, IndexError) as error:
                raise ValueError(
                    f"The module cannot take two pairs, x of shape (2, {d}) and y of shape "
                    f"(2, {n_answers}): {error} (A regressor calls module(x, y); modules of x "
                    "alone are for EBMClassifier.)"
                ) from error
        if not isinstance(scores, torch.Tensor) or tuple(scores.shape) not in ((2,), (2, 1)):
            found = tuple(scores.shape) if isinstance(scores, torch.Tensor) else type(scores)
            raise ValueError(
                f"The module returns {found} for two pairs (x, y); it must return one score for "
                "each pair, a tensor of shape (2,) or (2, 1)."
            )
        return result

    def linearize_pairs(self, params: Params, X: Array, answers: Array) -> Linearization:
        """Energies −module(x, y) of pairs, and their derivatives by automatic differentiation.

        Parameters
        ----------
        params : dict of str to ndarray
            Parameters by name, see `shapes`.
        X : ndarray of shape (n_samples, n_features)
            Samples with standardised features.
        answers : ndarray of shape (n_samples, m, n_outputs)
            The m standardised answers of each sample.

        Returns
        -------
        Linearization
            Energies of shape (n_samples, m), with the pullback and the slopes in the answers.
        """
        import torch

        n, m, q = answers.shape
        x = _tensor(np.repeat(X.astype(answers.dtype, copy=False), m, axis=0))
        y = _tensor(answers.reshape(n * m, q).copy()).requires_grad_()
        if self._seed is None:
            scores, named = _called(self.module, params, answers, x, y)
        else:
            with _training(self.module, self._seed):
                scores, named = _called(self.module, params, answers, x, y)

        def answer_slopes() -> Array:
            total = scores.sum()
            (slopes,) = torch.autograd.grad(total, [y], retain_graph=True, allow_unused=True)
            found = np.zeros((n * m, q), answers.dtype) if slopes is None else -slopes.numpy()
            return found.reshape(n, m, q)

        return Linearization(
            -scores.detach().numpy().reshape(n, m).astype(answers.dtype, copy=False),
            lambda slope: _pulled_back(scores, named, params, -slope.reshape(scores.shape)),
            answer_slopes=answer_slopes,
        )


@contextmanager
def _training(module: Any, seed: int) -> Iterator[None]:
    """Set a module to training mode, with a seed for its random numbers."""
    import torch

    with _lock, torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module.train()
        try:
            yield
        finally:
            module.eval()


def _called(module: Any, params: Params, like: Any, *arguments: Any) -> tuple[Any, dict[str, Any]]:
    """Return the scores of a module in the dtype of an array, and its parameters as tensors."""
    import torch

    dtype = _dtype_of(like)
    named = {
        name: torch.from_numpy(value.astype(like.dtype, order="C")).requires_grad_()
        for name, value in params.items()
    }
    # Frozen parameters, and buffers, which training updates in place.
    buffers = {name: buffer for name, buffer in module.named_buffers()}
    rest = buffers | {name: part for name, part in module.named_parameters() if name not in named}
    used = {
        name: part.to(dtype) if part.is_floating_point() else part for name, part in rest.items()
    }
    with torch.enable_grad(), _lock:
        scores = torch.func.functional_call(module, {**used, **named}, arguments)
    if module.training:  # buffers in another dtype are copies
        with torch.no_grad():
            for name, buffer in buffers.items():
                if used[name] is not buffer:
                    buffer.copy_(used[name])
    return scores, named


def _pulled_back(scores: Any, named: dict[str, Any], params: Params, slope: Array) -> Params:
    """Return Σ slope · ∂score/∂W by automatic differentiation."""
    import torch

    pull = torch.from_numpy(np.array(slope, order="C")).to(scores.dtype)
    found = torch.autograd.grad(
        scores, list(named.values()), pull, retain_graph=True, allow_unused=True
    )
    return {
        name: np.zeros_like(params[name]) if part is None else part.numpy()
        for name, part in zip(named, found, strict=True)
    }


def _dtype_of(X: Any) -> Any:
    import torch

    return torch.float32 if X.dtype == np.float32 else torch.float64


def _tensor(X: Any) -> Any:
    import torch

    rows = X.toarray() if sparse.issparse(X) else X
    if not (rows.flags.c_contiguous and rows.flags.writeable):
        rows = np.array(rows, order="C")
    return torch.from_numpy(rows.astype(np.float32 if X.dtype == np.float32 else float, copy=False))
