"""The seam to whatever decomposes matrices on a device.

`current` returns the way that the current device has, of these the first:

1. cuSOLVER, where the driver can run it (`ndgpu.driver.load_library`);
2. NumPy's own LAPACK, where the processor reads the device's memory in place
   (a device attribute says so) and there is no cuSOLVER;
3. the package's own kernels.

Guarantees: all three give the same results to rounding, up to what a decomposition
leaves open (signs or phases of vectors, order among equal values), and raise
`LinAlgError` for the same matrices.  That they may raise is why each waits for the device.
"""

from __future__ import annotations

import functools
from typing import Protocol

from ndgpu import driver, runtime
from ndgpu.core.in_place import readable
from ndgpu.core.ndarray import ndarray
from ndgpu.linalg.cusolver import CuSolver
from ndgpu.linalg.factors import KernelSolver
from ndgpu.linalg.lapack import LapackSolver

__all__ = ["Solver", "current"]


class Solver(Protocol):
    """What each way offers.

    Arguments are stacks (count, rows, columns) of float32, float64, complex64 or
    complex128, with any strides and no axis of length zero; they are left as they are.
    Results are stacks as well.

    Attributes
    ----------
    widens : bool
        Whether float32 is computed in float64, as NumPy does: what is negligible depends on it.
    """

    widens: bool

    def solve(self, a: ndarray, b: ndarray) -> ndarray:
        """Solve ``a @ x = b``; `LinAlgError` if a matrix is singular."""
        ...

    def inv(self, a: ndarray) -> ndarray:
        """Invert; `LinAlgError` if a matrix is singular."""
        ...

    def slogdet(self, a: ndarray) -> tuple[ndarray, ndarray]:
        """Return sign and logarithm of the absolute value of each determinant."""
        ...

    def cholesky(self, a: ndarray, upper: bool) -> ndarray:
        """Return triangular factors; `LinAlgError` if a matrix is not positive definite."""
        ...

    def qr(self, a: ndarray, mode: str) -> tuple[ndarray, ndarray]:
        """Return (Q, R) for 'reduced' and 'complete', (packed transposed, tau) for 'raw'."""
        ...

    def qr_r(self, a: ndarray) -> ndarray:
        """Return R alone, (count, min(m, n), n)."""
        ...

    def svd(self, a: ndarray, full: bool) -> tuple[ndarray, ndarray, ndarray]:
        """Return U, descending singular values, and V transposed and conjugated."""
        ...

    def svdvals(self, a: ndarray) -> ndarray:
        """Return the descending singular values."""
        ...

    def eigh(self, a: ndarray, lower: bool) -> tuple[ndarray, ndarray]:
        """Return ascending eigenvalues, and eigenvectors as columns."""
        ...

    def eigvalsh(self, a: ndarray, lower: bool) -> ndarray:
        """Return the ascending eigenvalues."""
        ...

    def eig(self, a: ndarray) -> tuple[ndarray, ndarray]:
        """Return eigenvalues, and eigenvectors as columns, both complex."""
        ...

    def eigvals(self, a: ndarray) -> ndarray:
        """Return the eigenvalues, complex."""
        ...


@functools.cache
def _of(device_id: int) -> Solver:
    library = driver.load_library("cusolver")
    if library is not None:
        return CuSolver(library)
    return LapackSolver() if readable(device_id) else KernelSolver()


def current() -> Solver:
    """Return the way of the current device."""
    return _of(runtime.current_device_id())
