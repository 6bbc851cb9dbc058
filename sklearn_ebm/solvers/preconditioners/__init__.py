r"""Preconditioners: cheap models of the inverse Hessian for quasi-Newton steps.

With templates θ (k, p) and features φ, the Hessian of the objective is

.. code-block:: none

    Σᵢ wᵢ Bᵢ ⊗ φᵢφᵢᵀ + diag(λ),      Bᵢ (k, k): curvature of the loss in the energies of row i

================= ===================================== ====================================
class             model of the Hessian                  use
================= ===================================== ====================================
`Coupled`         the Hessian on a subset of the rows   few parameters
`Kronecker`       (Σ wᵢBᵢ/Σw) ⊗ (Σ wᵢφᵢφᵢᵀ)             many parameters, dense rows
`Diagonal`        its diagonal                          sparse rows, and very many columns
`LowRank`         the Hessian of rows with curvature    few such rows, at low temperatures
`DiagonalScaling` 1/scale², see `scale_of`              losses or energies without curvature
================= ===================================== ====================================

`model_of` chooses a `PreconditionerSchedule`, which determines the preconditioner of each
iteration.
"""

from sklearn_ebm.solvers.preconditioners.base import Preconditioner as Preconditioner
from sklearn_ebm.solvers.preconditioners.choice import (
    PreconditionerSchedule as PreconditionerSchedule,
)
from sklearn_ebm.solvers.preconditioners.choice import model_of as model_of
from sklearn_ebm.solvers.preconditioners.coupled import Coupled as Coupled
from sklearn_ebm.solvers.preconditioners.diagonal import Diagonal as Diagonal
from sklearn_ebm.solvers.preconditioners.diagonal import DiagonalScaling as DiagonalScaling
from sklearn_ebm.solvers.preconditioners.kronecker import Kronecker as Kronecker
