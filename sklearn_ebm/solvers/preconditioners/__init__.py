r"""Initial matrices for quasi-Newton steps: cheap models of the inverse Hessian.

With templates θ (k, p) and features φ, the Hessian of the objective is

.. code-block:: none

    Σᵢ wᵢ Bᵢ ⊗ φᵢφᵢᵀ + diag(λ),      Bᵢ (k, k): curvature of the loss in the energies of row i

=========== ====================================== =======================================
model       what it keeps                          for
=========== ====================================== =======================================
`Coupled`   all of it, on a sample of the rows     few parameters
`Kronecker` (Σ wᵢBᵢ/Σw) ⊗ (Σ wᵢφᵢφᵢᵀ)              many parameters, dense rows
`Diagonal`  its diagonal                           sparse rows, and very many columns
`LowRank`   all of it, of the rows that bend       few such rows: low temperatures
`DiagonalScaling`     the squares of the objective's scale   losses or energies without curvature
=========== ====================================== =======================================

`model_of` chooses a `PreconditionerSchedule`, and that says which matrix is used when, and when a
new one is due.
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
