r"""What learning minimises: the losses of the rows, weighted and summed, plus the penalty.

.. code-block:: none

    f(W) = Σᵢ wᵢ ℓ(F_W(xᵢ, ·), yᵢ) + (λ/2) ‖W_penalised‖²

    params --energy--> F (n, k) --loss--> value (n,)
    params <-pullback- dF       <-slope-

Every arrow works row by row and only the pullback sums over rows, so the sum may be taken in
blocks. This is the only home of row weights, of blocks and of the penalty.

========== ================= ==========================================
symbol     shape             here
========== ================= ==========================================
W          (size,) float64   the solver's vector, named parts by `layout`
F, slope   (block, k)        in the dtype of X
value      (block,)          summed in float64
w          (n,) float64      row weights, all positive
λ          scalar            `penalty`
========== ================= ==========================================
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import copy
from typing import Any

import numpy as np
import numpy.typing as npt

from sklearn_ebm._arrays import correct_mask, row_slices
from sklearn_ebm._params import Array, ParameterLayout
from sklearn_ebm.energies import Energy
from sklearn_ebm.losses import Loss


class Objective:
    """The sum over rows of a loss on energies, with the penalty.

    Parameters
    ----------
    energy : Energy
    loss : Loss
    X : ndarray or CSR of shape (n, d)
    y : ndarray of int of shape (n,)
        Index of the right answer.
    weight : ndarray of shape (n,)
        Positive weights.
    n_answers : int
        k.
    penalty : float
        λ ≥ 0.
    """

    def __init__(
        self,
        energy: Energy,
        loss: Loss,
        X: Any,
        y: npt.NDArray[np.intp],
        weight: npt.NDArray[np.float64],
        n_answers: int,
        penalty: float,
    ) -> None:
        self.energy = energy
        self.loss = loss
        self.X = X
        self.y = y
        self.weight = weight
        self.n_answers = n_answers
        self.penalty = penalty
        self.layout = ParameterLayout(energy.shapes(X.shape[1], n_answers))
        self.penalized = self.layout.mask(energy.penalized)
        self._blocks = [
            (X[rows], y[rows], weight[rows]) for rows in row_slices(X.shape[0], n_answers)
        ]
        self.dtype = X.dtype

    def with_loss(self, loss: Loss) -> Objective:
        """Return the same sum with another loss; rows and blocks are shared."""
        other = copy(self)
        other.loss = loss
        return other

    def exact(self) -> Objective:
        """Return the same sum with energies in float64; float32 rows are converted by block."""
        other = copy(self)
        other.dtype = np.dtype(np.float64)
        return other

    @property
    def noise(self) -> float:
        """Relative rounding of the value: the energies round, and so does their sum over rows."""
        return 32 * float(np.finfo(self.dtype).eps)

    def rows(self) -> Iterator[tuple[Any, npt.NDArray[np.bool_], Array]]:
        """Blocks of rows, their masks of right answers and their weights."""
        for X, y, weight in self._blocks:
            yield X.astype(self.dtype, copy=False), correct_mask(y, self.n_answers), weight

    def evaluate(self, w: Array) -> tuple[float, Array]:
        """Value and gradient at `w`. A value that is not finite means: too far, step back."""
        params = self.layout.unpack(w)
        # Trial steps may overflow; the solvers see a value that is not finite and step back.
        with np.errstate(over="ignore", invalid="ignore"):
            gradient = self.penalty * np.where(self.penalized, w, 0.0)
            value = 0.5 * float(gradient @ w)
            for X, correct, weight in self.rows():
                energies, pullback, *_ = self.energy.linearize(params, X)
                row_value, slope = self.loss(energies, correct)
                value += float(weight @ row_value.astype(np.float64, copy=False))
                slope *= weight.astype(slope.dtype, copy=False)[:, None]
                gradient += self.layout.pack(pullback(slope))
        return value, gradient

    def value(self, w: Array) -> float:
        """Value at `w`, without the way back."""
        params = self.layout.unpack(w)
        with np.errstate(over="ignore", invalid="ignore"):
            value = 0.5 * self.penalty * float(w[self.penalized] @ w[self.penalized])
            for X, correct, weight in self.rows():
                row_value, _ = self.loss(self.energy.linearize(params, X).energies, correct)
                value += float(weight @ row_value.astype(np.float64, copy=False))
        return value

    def hessian_product(self, w: Array) -> Callable[[Array], Array]:
        """v -> ∇²f(w) v, for a linear energy and a loss with curvature."""
        params = self.layout.unpack(w)
        pieces = []
        for X, correct, weight in self.rows():
            line = self.energy.linearize(params, X)
            assert line.pushforward is not None and self.loss.curvature is not None
            curvature = self.loss.curvature(line.energies, correct)
            pieces.append((line.pushforward, curvature, line.pullback, weight))

        def product(v: Array) -> Array:
            direction = self.layout.unpack(v)
            result = self.penalty * np.where(self.penalized, v, 0.0)
            for pushforward, curvature, pullback, weight in pieces:
                change = curvature(pushforward(direction))
                change = change * weight.astype(change.dtype, copy=False)[:, None]
                result += self.layout.pack(pullback(change))
            return result

        return product

    def hessian(self, w: Array) -> Array | None:
        """∇²f(w) as a matrix, as `hessian_product`; None where the energy does not give it."""
        with np.errstate(over="ignore", invalid="ignore"):
            return self._hessian(w)

    def _hessian(self, w: Array) -> Array | None:
        params = self.layout.unpack(w)
        result = np.diag(self.penalty * self.penalized)
        for X, correct, weight in self.rows():
            energies = self.energy.linearize(params, X).energies
            assert self.loss.curvature is not None
            curvature = self.loss.curvature(energies, correct)
            bend = np.empty((*energies.shape, self.n_answers), dtype=energies.dtype)
            for c in range(self.n_answers):
                unit = np.zeros_like(energies)
                unit[:, c] = 1
                bend[:, :, c] = curvature(unit)
            bend *= weight.astype(bend.dtype, copy=False)[:, None, None]
            block = self.energy.normal_matrix(X, bend)
            if block is None:
                return None
            result += block
        return result

    def scale(self) -> Array:
        """Return the step in each parameter that changes f by about one: the solver's ruler.

        1/√(h Σᵢ wᵢ (∂Fᵢ/∂W)² + λ) with h = 1/4, the largest curvature of the log loss. It removes
        the units of the features, so that columns of very different size are no obstacle.
        """
        ruler = self.energy.curvature_scale(self.X, self.weight, self.n_answers)
        if ruler is None:
            return np.ones(self.layout.size)
        root_penalty = np.sqrt(self.penalty) * self.penalized
        # hypot does not overflow where the squares would.
        stiffness = np.hypot(0.5 * self.layout.pack(ruler), root_penalty)
        return 1.0 / np.where(stiffness > 0, stiffness, 1.0)
