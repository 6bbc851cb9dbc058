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

# Held while a module computes: parameters are put into the module for that time, it is in training
# mode or not, and the random numbers of PyTorch are those of the process.
_lock = RLock()


def _new_lock() -> None:
    """A forked child has none of the threads that hold the lock in its parent."""
    global _lock
    _lock = RLock()


if os.name == "posix":
    os.register_at_fork(after_in_child=_new_lock)


class TorchModule(Energy):
    """F(x, y) = −module(x)_y for a ``torch.nn.Module`` with one output for each class.

    It needs PyTorch (``pip install sklearn_ebm[torch]``); the rest of the package does not.
    Learning starts from the weights that the module has, copies them, and leaves the module as it
    is. It is trained on mini-batches by `sklearn_ebm.solvers.Adam`, on the CPU, with dropout and
    batch normalisation in training mode, and predicts in evaluation mode. Parameters with two axes
    or more are penalised.

    Learning also moves the buffers of the module, such as the running moments of batch
    normalisation. They follow the last pass over the samples, also where early stopping goes back
    to the parameters of an earlier one. Batches, and predictions, are not shared out among threads
    by this package; PyTorch does that itself.

    Parameters
    ----------
    module : torch.nn.Module
        Takes samples (n, d) to scores (n, k), high where class and sample fit.

    Examples
    --------
    >>> import torch
    >>> import numpy as np
    >>> from sklearn_ebm.energies import TorchModule
    >>> module = torch.nn.Linear(1, 2, bias=False).double()
    >>> energy = TorchModule(module)
    >>> energy.linearize({"weight": np.array([[2.0], [-1.0]])}, np.array([[3.0]])).energies
    array([[-6.,  3.]])

    The module with what was learned, to be used without this package, is
    ``clf.energy_.trained(clf.params_)``:

    >>> energy.trained({"weight": np.array([[2.0], [-1.0]])}).weight.tolist()
    [[2.0], [-1.0]]
    """

    def __init__(self, module: Any) -> None:
        self.module = module

    @property
    def penalized(self) -> tuple[str, ...]:  # type: ignore[override]
        """Names of the parameters with two axes or more."""
        return tuple(name for name, part in self._trained().items() if part.ndim > 1)

    @property
    def traits(self) -> Traits:  # type: ignore[override]
        """Steps on mini-batches, in the dtype of the module, which move its buffers as well."""
        return Traits(
            stochastic=True, batches_because=self._batches_because(), float32_steps=False,
            threads=False, stateful=True,
        )  # fmt: skip

    def _batches_because(self) -> str | None:
        """Dropout and batch normalisation, if the module has them."""
        from torch import nn

        kinds = nn.modules.dropout._DropoutNd, nn.modules.batchnorm._BatchNorm
        parts = self.module.modules() if isinstance(self.module, nn.Module) else ()
        names = sorted({type(part).__name__ for part in parts if isinstance(part, kinds)})
        return f"its {' and '.join(names)} mean something in single steps only" if names else None

    def _trained(self) -> dict[str, Any]:
        return {name: part for name, part in self.module.named_parameters() if part.requires_grad}

    def initialized(
        self,
        rows: Rows,
        n_answers: int,
        rng: np.random.RandomState,
    ) -> TorchModule:
        """Return the energy with a copy of the module in the dtype of X.

        Raises
        ------
        TypeError
            If it is no module.
        ValueError
            If the module cannot take the samples, or has another number of outputs than classes.
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
        """Return nothing: the module is the user's, and its buffers move as it is learned."""
        return {}

    def trained(self, params: Params) -> Any:
        """Return a copy of the module with learned parameters loaded, in evaluation mode.

        Parameters
        ----------
        params : dict of str to ndarray
            Such as the ``params_`` of a fitted classifier, whose ``energy_`` this is.

        Returns
        -------
        torch.nn.Module
        """
        import torch

        module = deepcopy(self.module).eval()
        with torch.no_grad():
            for name, part in module.named_parameters():
                if name in params:
                    part.copy_(torch.from_numpy(np.array(params[name])))
        return module

    def _for_step(self, rng: np.random.RandomState) -> Energy:
        """Return the energy in training mode, with a seed of its own."""
        return _Training(self.module, rng.randint(2**31 - 1))

    def shapes(self, n_features: int, n_answers: int) -> Shapes:
        """Shape of each trained parameter, by PyTorch's names."""
        return {name: tuple(part.shape) for name, part in self._trained().items()}

    def start(
        self,
        rows: Rows,
        n_answers: int,
        rng: np.random.RandomState,
    ) -> Params:
        """The weights of the module."""
        return {
            name: part.detach().double().numpy().copy() for name, part in self._trained().items()
        }

    def linearize(self, params: Params, X: Any) -> Linearization:
        """Energies (n, k) in the dtype of X, and the pullback by automatic differentiation.

        Parameters
        ----------
        params : dict
        X : ndarray or CSR of shape (n_samples, n_features)
            Sparse samples are made dense.

        Returns
        -------
        Linearization
        """
        import torch

        dtype = _dtype_of(X)
        named = {
            name: torch.from_numpy(value.astype(X.dtype, order="C")).requires_grad_()
            for name, value in params.items()
        }
        # What is not trained: frozen parameters, and buffers, which training updates in place.
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
    """The module in training mode; its random numbers come from a seed."""

    def __init__(self, module: Any, seed: int) -> None:
        super().__init__(module)
        self.seed = seed

    def linearize(self, params: Params, X: Any) -> Linearization:
        """Energies and pullback with dropout and the moments of the batch."""
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
