"""Any PyTorch module as an energy."""

from __future__ import annotations

import os
from copy import copy, deepcopy
from threading import RLock
from typing import Any

import numpy as np
from scipy import sparse

from sklearn_ebm._utils.parameters import Array, Params, Shapes
from sklearn_ebm._utils.rows import Rows
from sklearn_ebm.energies.base import Energy, Linearization, Traits

# Held while a module computes, because its parameters, its mode and PyTorch's random numbers are
# shared by all threads.
_lock = RLock()


def _new_lock() -> None:
    """Make a new lock in a forked process, which lacks the thread that may hold the old one."""
    global _lock
    _lock = RLock()


if os.name == "posix":
    os.register_at_fork(after_in_child=_new_lock)


class TorchModule(Energy):
    """Energy given by a PyTorch module with one output for each class.

    F(x, y) = −module(x)_y.

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
    >>> clf.fit([[-2.0], [-1.0], [1.0], [2.0]], [0, 0, 1, 1]).predict([[-3.0], [3.0]]).tolist()
    [0, 1]
    """

    def __init__(self, module: Any) -> None:
        self.module = module

    @property
    def penalized(self) -> tuple[str, ...]:  # type: ignore[override]
        """Names of the parameters with two axes or more."""
        return tuple(name for name, part in self._trained().items() if part.ndim > 1)

    @property
    def traits(self) -> Traits:  # type: ignore[override]
        """Properties that learning uses: mini-batches in the dtype of the module."""
        return Traits(
            stochastic=True, batches_because=self._batches_because(), float32_steps=False,
            threads=False, stateful=True,
        )  # fmt: skip

    def _batches_because(self) -> str | None:
        """Reason if the module has dropout or batch normalisation."""
        from torch import nn

        kinds = nn.modules.dropout._DropoutNd, nn.modules.batchnorm._BatchNorm
        parts = self.module.modules() if isinstance(self.module, nn.Module) else ()
        names = sorted({type(part).__name__ for part in parts if isinstance(part, kinds)})
        return f"its layers {' and '.join(names)} act differently in each step" if names else None

    def _trained(self) -> dict[str, Any]:
        return {name: part for name, part in self.module.named_parameters() if part.requires_grad}

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

        if not isinstance(self.module, torch.nn.Module):
            raise TypeError(f"module={self.module!r} must be an object of torch.nn.Module.")
        if not self._trained():
            raise ValueError(
                "The module has no parameters to learn: all are frozen (requires_grad=False), or "
                "there are none; call requires_grad_(True) on those that should learn."
            )
        other = self._with(deepcopy(self.module).to("cpu", _dtype_of(rows.X)).eval())
        with torch.no_grad(), _lock:
            try:
                scores = other.module(_tensor(rows.X[:1]))
            except (RuntimeError, ValueError, TypeError, IndexError) as error:
                raise ValueError(
                    f"The module cannot take rows of {rows.X.shape[1]} features: {error}"
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

    def _initial_state(self) -> dict[str, Any]:
        """Return nothing: the user provides the module, and learning changes its buffers."""
        return {}

    def trained(self, params: Params) -> Any:
        """Return a copy of the module with learned parameters, in evaluation mode.

        It can be used without this package.

        Parameters
        ----------
        params : dict of str to ndarray
            Parameters by name, such as ``params_`` of a fitted classifier with this ``energy_``.

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

    def _for_step(self, rng: np.random.RandomState) -> Energy:
        """Return a copy in training mode, with its own seed."""
        return _Training(self.module, rng.randint(2**31 - 1))

    def shapes(self, n_features: int, n_answers: int) -> Shapes:
        """Shapes of the parameters with ``requires_grad``, by their names in the module.

        Parameters
        ----------
        n_features : int
            Number of features.
        n_answers : int
            Number of classes.

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
            Number of classes.
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
        import torch

        dtype = _dtype_of(X)
        named = {
            name: torch.from_numpy(value.astype(X.dtype, order="C")).requires_grad_()
            for name, value in params.items()
        }
        # Frozen parameters, and buffers, which training updates in place.
        rest = {name: buffer for name, buffer in self.module.named_buffers()}
        rest |= {name: part for name, part in self.module.named_parameters() if name not in named}
        rest = {
            name: part.to(dtype) if part.is_floating_point() else part
            for name, part in rest.items()
        }
        with torch.enable_grad(), _lock:
            scores = torch.func.functional_call(self.module, {**rest, **named}, (_tensor(X),))

        def pullback(slope: Array) -> Params:
            pull = torch.from_numpy(np.ascontiguousarray(-slope, dtype=X.dtype))
            found = torch.autograd.grad(
                scores, list(named.values()), pull, retain_graph=True, allow_unused=True
            )
            return {
                name: np.zeros_like(params[name]) if part is None else part.numpy()
                for name, part in zip(named, found, strict=True)
            }

        return Linearization(-scores.detach().numpy(), pullback)


class _Training(TorchModule):
    """The energy with its module in training mode, and with a seed for its random numbers."""

    def __init__(self, module: Any, seed: int) -> None:
        super().__init__(module)
        self.seed = seed

    def linearize(self, params: Params, X: Any) -> Linearization:
        """Energies and pullback in training mode."""
        import torch

        with _lock, torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            self.module.train()
            try:
                return super().linearize(params, X)
            finally:
                self.module.eval()


def _dtype_of(X: Any) -> Any:
    import torch

    return torch.float32 if X.dtype == np.float32 else torch.float64


def _tensor(X: Any) -> Any:
    import torch

    rows = X.toarray() if sparse.issparse(X) else X
    if not (rows.flags.c_contiguous and rows.flags.writeable):
        rows = np.array(rows, order="C")
    return torch.from_numpy(rows.astype(np.float32 if X.dtype == np.float32 else float, copy=False))
