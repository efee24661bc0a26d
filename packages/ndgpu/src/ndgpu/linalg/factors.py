"""Decompositions by the package's own kernels, where there is neither cuSOLVER nor LAPACK.

LU, Cholesky and QR go by panels of `WIDTH` columns, one block for each matrix of the
stack, with the rest brought up to date by the device's matrix product.  Singular values
and the eigenvalues of Hermitian matrices come from one-sided Jacobi rotations, which are
accurate and parallel, if not the fewest operations.  Eigenvalues of other matrices are
found on the host.

Sources: Golub and Van Loan, Matrix Computations, 4th ed., sections 3.2, 4.2, 5.1-5.2 (with
the compact WY form of Schreiber and Van Loan, 1989) and 8.6.3.
"""

from __future__ import annotations

import functools

import numpy as np

from ndgpu.core import casts, reductions, sorting
from ndgpu.core.ndarray import allocate, ndarray
from ndgpu.core.transfer import asarray
from ndgpu.core.ufuncs import TABLE
from ndgpu.kernels.elementwise import Elementwise, Operand
from ndgpu.linalg import panels
from ndgpu.linalg.operands import LinAlgError, complex_dtype, diagonal, identity, real_dtype, zeros
from ndgpu.linalg.ordering import take_along
from ndgpu.linalg.panels import WIDTH
from ndgpu.linalg.product import multiply_stacks

__all__ = ["KernelSolver", "adjoint", "from_lu", "solve_triangle", "triangle"]

_INT32, _INT64 = np.dtype(np.int32), np.dtype(np.int64)


def adjoint(a: ndarray) -> ndarray:
    """Return the matrices transposed and conjugated: a view if they are real."""
    return TABLE["conjugate"](a.mT) if a._dtype.kind == "c" else a.mT


def _product(a: ndarray, b: ndarray) -> ndarray:
    result = allocate((a._shape[0], a._shape[1], b._shape[2]), a._dtype)
    multiply_stacks(a, b, result)
    return result


def _subtract_product(c: ndarray, a: ndarray, b: ndarray) -> None:
    if c._size:
        TABLE["subtract"](c, _product(a, b), out=c)


def _nearest_unitary(v: ndarray) -> ndarray:
    """Take the rounding of many rotations out of nearly unitary matrices.

    One step of Newton's and Schulz's iteration for the polar factor, which squares the
    distance (Higham, Functions of Matrices, 2008, section 8.3).
    """
    correction = _product(v, _product(adjoint(v), v))
    half = v._dtype.type(0.5)
    return TABLE["subtract"](
        TABLE["multiply"](v, v._dtype.type(1.5)), TABLE["multiply"](correction, half)
    )


@functools.cache
def _triangle_kernel(dtype: np.dtype, lower: bool, unit: bool) -> Elementwise:
    kept = "column < row" if lower else "column > row"
    on_diagonal = "T(1)" if unit else "x"
    return Elementwise(
        f"ndgpu_{'lower' if lower else 'upper'}_triangle",
        (
            Operand("x", dtype),
            Operand("rows", _INT64, "scalar"),
            Operand("columns", _INT64, "scalar"),
            Operand("y", dtype, "out"),
        ),
        "const long long column = i % columns, row = i / columns % rows; "
        "typedef decltype(+x) T; "
        f"y = {kept} ? T(x) : column == row ? {on_diagonal} : T(0);",
    )


def triangle(a: ndarray, lower: bool, unit: bool = False) -> ndarray:
    """Copy one triangle of each matrix, with its diagonal or with ones there, zeros elsewhere."""
    result = allocate(a._shape, a._dtype)
    if a._size:
        kernel = _triangle_kernel(a._dtype, lower, unit)
        kernel.launch([a, *a._shape[-2:], result], a._shape)
    return result


def solve_triangle(
    t: ndarray, b: ndarray, lower: bool, unit: bool = False, conjugated: bool = False
) -> None:
    """Solve ``t @ x = b`` in place of `b` for triangular matrices.

    Parameters
    ----------
    t : ndarray, (count, n, n)
        Of any strides; only the triangle is read.
    b : ndarray, (count, n, columns)
    lower : bool
        Which triangle.
    unit : bool
        Whether the diagonal is ones, and is not read.
    conjugated : bool
        Whether the conjugate of `t` is meant.
    """
    n = t._shape[1]
    starts = range(0, n, WIDTH)
    for start in starts if lower else reversed(starts):
        stop = min(start + WIDTH, n)
        block = b[:, start:stop]
        panels.solve_block(t[:, start:stop, start:stop], block, lower, unit, conjugated)
        rest = slice(stop, n) if lower else slice(0, start)
        factors = t[:, rest, start:stop]
        if factors._size:
            if conjugated and factors._dtype.kind == "c":
                factors = TABLE["conjugate"](factors)
            _subtract_product(b[:, rest], factors, block)


def from_lu(lu: ndarray, swaps: ndarray) -> tuple[ndarray, ndarray]:
    """Return sign and logarithm of the absolute value of determinants, from LU factors.

    Parameters
    ----------
    lu : ndarray, (count, n, n)
    swaps : ndarray of int32, (count, n)
        The row, counted from 0, that changed places with each row.
    """
    pivots = diagonal(lu)
    rows = asarray(np.arange(swaps._shape[1], dtype=np.int32))
    turns = reductions.sum(TABLE["not_equal"](swaps, rows), -1)
    parity = TABLE["subtract"](1, TABLE["multiply"](2, TABLE["remainder"](turns, 2)))
    sign = reductions.prod(TABLE["sign"](pivots), -1)
    sign = TABLE["multiply"](sign, casts.astype(parity, real_dtype(lu._dtype)))
    return sign, reductions.sum(TABLE["log"](TABLE["absolute"](pivots)), -1)


class KernelSolver:
    """The decompositions of a stack by kernels; see `ndgpu.linalg.solvers.Solver`."""

    widens = False

    # -- LU ---------------------------------------------------------------------------

    def lu(self, a: ndarray) -> tuple[ndarray, ndarray, ndarray]:
        """Return LU factors in one array, the rows exchanged, and the first zero pivots."""
        lu = casts.copy(a)
        count, n, _ = lu._shape
        swaps = allocate((count, n), _INT32)
        info = zeros((count,), _INT32)
        for start in range(0, n, WIDTH):
            stop = min(start + WIDTH, n)
            panel = lu[:, start:, start:stop]
            panels.lu_panel(panel, swaps, start, info)
            width = stop - start
            panels.swap_rows(lu[:, start:, :start], swaps, start, width)
            if stop < n:
                right = lu[:, start:, stop:]
                panels.swap_rows(right, swaps, start, width)
                above = right[:, :width]
                panels.solve_block(panel[:, :width], above, True, True, False)
                _subtract_product(right[:, width:], panel[:, width:], above)
        if n > WIDTH:
            # Panels count rows from their own first.
            shift = np.arange(n, dtype=np.int32) // WIDTH * WIDTH
            TABLE["add"](swaps, asarray(shift.astype(np.int32)), out=swaps)
        return lu, swaps, info

    def solve(self, a: ndarray, b: ndarray) -> ndarray:
        """Solve ``a @ x = b``."""
        lu, swaps, info = self.lu(a)
        if info.get().any():
            raise LinAlgError("Singular matrix")
        x = casts.copy(b)
        panels.swap_rows(x, swaps, 0, swaps._shape[1])
        solve_triangle(lu, x, lower=True, unit=True)
        solve_triangle(lu, x, lower=False)
        return x

    def inv(self, a: ndarray) -> ndarray:
        """Invert."""
        n = a._shape[1]
        return self.solve(a, identity(a._shape[:1], n, n, a._dtype))

    def slogdet(self, a: ndarray) -> tuple[ndarray, ndarray]:
        """Return sign and logarithm of the absolute value of the determinants."""
        lu, swaps, _ = self.lu(a)
        return from_lu(lu, swaps)

    # -- Cholesky -----------------------------------------------------------------------

    def cholesky(self, a: ndarray, upper: bool) -> ndarray:
        """Factor Hermitian positive definite matrices, of which one triangle is read."""
        factor = casts.copy(adjoint(a) if upper else a)
        count, n, _ = factor._shape
        info = zeros((count,), _INT32)
        for start in range(0, n, WIDTH):
            stop = min(start + WIDTH, n)
            block = factor[:, start:stop, start:stop]
            panels.cholesky_block(block, start, info)
            if stop < n:
                below = factor[:, stop:, start:stop]
                # x @ block.H = below, transposed.
                panels.solve_block(block, below.mT, True, False, True)
                _subtract_product(factor[:, stop:, stop:], below, adjoint(below))
        if info.get().any():
            raise LinAlgError("Matrix is not positive definite")
        factor = triangle(factor, lower=True)
        return casts.copy(adjoint(factor)) if upper else factor

    # -- QR -----------------------------------------------------------------------------

    def reflect(self, a: ndarray) -> tuple[ndarray, ndarray]:
        """Return what LAPACK's geqrf leaves: R above reflections, and their factors."""
        packed = casts.copy(a)
        count, m, n = packed._shape
        k = min(m, n)
        tau = zeros((count, k), a._dtype)
        for start in range(0, k, WIDTH):
            stop = min(start + WIDTH, k)
            panel = packed[:, start:, start:stop]
            panels.qr_panel(panel, tau, start)
            if stop < n:
                vectors, t = self._reflectors(panel, tau, start)
                rest = packed[:, start:, stop:]
                inner = _product(adjoint(t), _product(adjoint(vectors), rest))
                _subtract_product(rest, vectors, inner)
        return packed, tau

    @staticmethod
    def _reflectors(panel: ndarray, tau: ndarray, start: int) -> tuple[ndarray, ndarray]:
        vectors = triangle(panel, lower=True, unit=True)
        gram = _product(adjoint(vectors), vectors)
        return vectors, panels.reflector_triangle(gram, tau, start)

    def form_q(self, packed: ndarray, tau: ndarray, columns: int) -> ndarray:
        """Multiply reflections out: the first columns of Q."""
        count, m, _ = packed._shape
        k = tau._shape[1]
        q = identity((count,), m, columns, packed._dtype)
        for start in reversed(range(0, k, WIDTH)):
            stop = min(start + WIDTH, k)
            vectors, t = self._reflectors(packed[:, start:, start:stop], tau, start)
            rest = q[:, start:, start:]
            inner = _product(t, _product(adjoint(vectors), rest))
            _subtract_product(rest, vectors, inner)
        return q

    def qr(self, a: ndarray, mode: str) -> tuple[ndarray, ndarray]:
        """Return (Q, R), or what LAPACK's geqrf leaves: (packed transposed, tau) for 'raw'."""
        packed, tau = self.reflect(a)
        if mode == "raw":
            return casts.copy(packed.mT), tau
        columns = a._shape[1] if mode == "complete" else tau._shape[1]
        return self.form_q(packed, tau, columns), triangle(packed[:, :columns], lower=False)

    def qr_r(self, a: ndarray) -> ndarray:
        """Return R alone."""
        packed, tau = self.reflect(a)
        return triangle(packed[:, : tau._shape[1]], lower=False)

    # -- Jacobi rotations -----------------------------------------------------------------

    def svd(self, a: ndarray, full: bool) -> tuple[ndarray, ndarray, ndarray]:
        """Return U, the singular values and V transposed and conjugated."""
        _, m, n = a._shape
        if m < n:
            v, s, uh = self.svd(adjoint(a), full)
            return casts.copy(adjoint(uh)), s, casts.copy(adjoint(v))
        columns, s, right = self._rotated(a)
        # The rotated columns are orthogonal but may vanish: reflections give a full basis.
        q, r = self.qr(columns, "complete" if full and m > n else "reduced")
        phases = diagonal(r)
        phases = TABLE["sign"](phases)
        ones = asarray(np.ones((), a._dtype))
        casts.copy_where(phases, ones, TABLE["equal"](phases, 0))
        TABLE["multiply"](q[:, :, :n], phases[:, None, :], out=q[:, :, :n])
        return q, s, casts.copy(adjoint(right))

    def svdvals(self, a: ndarray) -> ndarray:
        """Return the singular values alone."""
        return self._rotated(a if a._shape[1] >= a._shape[2] else adjoint(a))[1]

    def _rotated(self, a: ndarray) -> tuple[ndarray, ndarray, ndarray]:
        """Return ``a @ v`` with orthogonal columns, their norms, descending, and unitary v."""
        count, m, n = a._shape
        scale = self._scale(a, "SVD did not converge")
        basis: ndarray | None = None
        given = TABLE["divide"](a, scale)
        if m > 2 * n:
            # Rotations of a small triangle cost less than those of long columns.
            basis, given = self.qr(given, "reduced")
        w = casts.copy(given.mT)
        v = identity((count,), n, n, a._dtype)
        if not panels.jacobi(w, v):
            raise LinAlgError("SVD did not converge")
        squares = TABLE["square"](TABLE["absolute"](w))
        norms = TABLE["sqrt"](reductions.sum(squares, -1))
        order = sorting.argsort(TABLE["negative"](norms))
        s = TABLE["multiply"](take_along(norms, order), scale[:, 0])
        columns = take_along(casts.copy(w.mT), order[:, None])
        if basis is not None:
            columns = _product(basis, columns)
        return columns, s, take_along(_nearest_unitary(casts.copy(v.mT)), order[:, None])

    @staticmethod
    def _scale(a: ndarray, complaint: str) -> ndarray:
        """Return the size of the largest entry of each matrix, (count, 1, 1); 1 for zeros."""
        scale = reductions.max(TABLE["absolute"](a), (1, 2), keepdims=True)
        if not np.isfinite(scale.get()).all():
            raise LinAlgError(complaint)
        casts.copy_where(scale, asarray(np.ones((), scale._dtype)), TABLE["equal"](scale, 0))
        return scale

    def eigh(self, a: ndarray, lower: bool) -> tuple[ndarray, ndarray]:
        """Return eigenvalues, ascending, and eigenvectors of Hermitian matrices.

        A multiple of the identity makes a matrix positive; then its singular vectors are
        its eigenvectors, and the quotients of Rayleigh its eigenvalues.
        """
        count, n, _ = a._shape
        scale = self._scale(a, "Eigenvalues did not converge")
        whole = TABLE["divide"](self._hermitian(a, lower), scale)
        squares = TABLE["square"](TABLE["absolute"](whole))
        shift = TABLE["sqrt"](reductions.sum(squares, (1, 2), keepdims=True))
        unit = identity((count,), n, n, a._dtype)
        w = casts.copy(TABLE["add"](whole, TABLE["multiply"](unit, shift)).mT)
        v = unit
        if not panels.jacobi(w, v):
            raise LinAlgError("Eigenvalues did not converge")
        vectors = _nearest_unitary(casts.copy(v.mT))
        images = _product(whole, vectors)
        values = reductions.sum(TABLE["multiply"](TABLE["conjugate"](vectors), images), 1)
        values = casts.copy(values.real)
        order = sorting.argsort(values)
        values = TABLE["multiply"](take_along(values, order), scale[:, 0])
        return values, take_along(vectors, order[:, None])

    @staticmethod
    def _hermitian(a: ndarray, lower: bool) -> ndarray:
        """Return the matrices that one triangle determines; the diagonal's real part counts."""
        half = triangle(a if lower else adjoint(a), lower=True)
        middle = diagonal(half)
        casts.copy_into(middle, TABLE["divide"](casts.copy(middle.real), 2))
        return TABLE["add"](half, adjoint(half))

    def eigvalsh(self, a: ndarray, lower: bool) -> ndarray:
        """Return the eigenvalues of Hermitian matrices alone."""
        return self.eigh(a, lower)[0]

    # -- eigenvalues of any matrix, on the host -------------------------------------------

    def eig(self, a: ndarray) -> tuple[ndarray, ndarray]:
        """Return eigenvalues and eigenvectors, complex, found on the host."""
        dtype = complex_dtype(a._dtype)
        w, v = np.linalg.eig(a.get())
        return asarray(w.astype(dtype)), asarray(v.astype(dtype))

    def eigvals(self, a: ndarray) -> ndarray:
        """Return the eigenvalues alone, complex, found on the host."""
        return asarray(np.linalg.eigvals(a.get()).astype(complex_dtype(a._dtype)))
