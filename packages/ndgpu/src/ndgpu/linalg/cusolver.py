"""Decompositions by cuSOLVER, called through ctypes.

The 64-bit interface (``cusolverDnX...``) for one matrix at a time, and for stacks the
batched functions of cuSOLVER and cuBLAS where there is one.  What a version of cuSOLVER
has not got is left to the package's own kernels.

cuSOLVER's matrices are column-major.  A row-major matrix is its transpose there, and where
a factor of the transpose tells that of the matrix, nothing is copied but the matrix itself.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np

from ndgpu import driver, runtime
from ndgpu.core import casts, reductions
from ndgpu.core.ndarray import allocate, ndarray
from ndgpu.core.transfer import asarray
from ndgpu.core.ufuncs import TABLE
from ndgpu.linalg import cublas
from ndgpu.linalg.factors import KernelSolver, adjoint, from_lu, triangle
from ndgpu.linalg.operands import (
    LinAlgError,
    complex_dtype,
    identity,
    real_dtype,
    zeros,
)
from ndgpu.runtime.libraries import Handles, Library, LibraryError

__all__ = ["PROTOTYPES", "CuSolver", "CuSolverError"]

_BUFFERS = "pzpz"
_EACH = {  # of float, double and the two complex types
    "potrfBatched": "pi" + "ipi" + "pi",
    "gesvdjBatched_bufferSize": "pi" + "iipippipi" + "ppi",
    "gesvdjBatched": "pi" + "iipippipi" + "pippi",
}
PROTOTYPES: dict[str, str] = {
    "cusolverDnCreate": "p",
    "cusolverDnDestroy": "p",
    "cusolverDnSetStream": "pp",
    "cusolverDnCreateParams": "p",
    "cusolverDnXgetrf_bufferSize": "pp" + "qqipqi" + "pp",
    "cusolverDnXgetrf": "pp" + "qqipqpi" + _BUFFERS + "p",
    "cusolverDnXgetrs": "pp" + "iqqipqpipqp",
    "cusolverDnXgeqrf_bufferSize": "pp" + "qqipqipi" + "pp",
    "cusolverDnXgeqrf": "pp" + "qqipqipi" + _BUFFERS + "p",
    "cusolverDnXpotrf_bufferSize": "pp" + "iqipqi" + "pp",
    "cusolverDnXpotrf": "pp" + "iqipqi" + _BUFFERS + "p",
    "cusolverDnXsyevd_bufferSize": "pp" + "iiqipqipi" + "pp",
    "cusolverDnXsyevd": "pp" + "iiqipqipi" + _BUFFERS + "p",
    "cusolverDnXsyevBatched_bufferSize": "pp" + "iiqipqipi" + "ppq",
    "cusolverDnXsyevBatched": "pp" + "iiqipqipi" + _BUFFERS + "pq",
    "cusolverDnXgesvd_bufferSize": "pp" + "ccqqipqipipqipqi" + "pp",
    "cusolverDnXgesvd": "pp" + "ccqqipqipipqipqi" + _BUFFERS + "p",
    "cusolverDnXgeev_bufferSize": "pp" + "iiqipqipipqipqi" + "pp",
    "cusolverDnXgeev": "pp" + "iiqipqipipqipqi" + _BUFFERS + "p",
    "cusolverDnCreateGesvdjInfo": "p",
    "cusolverDnDestroyGesvdjInfo": "p",
} | {f"cusolverDn{letter}{name}": codes for letter in "SDCZ" for name, codes in _EACH.items()}
for _name in ("Sorgqr", "Dorgqr", "Cungqr", "Zungqr"):
    PROTOTYPES[f"cusolverDn{_name}_bufferSize"] = "piiipipp"
    PROTOTYPES[f"cusolverDn{_name}"] = "piiipippip"
"""Every function of cuSOLVER that is called, as `ndgpu.runtime.libraries.Library` takes it."""

# cusolver_common.h
_STATUSES = {
    1: "not initialized",
    2: "allocation failed",
    3: "invalid value",
    4: "the device's architecture is not supported",
    5: "mapping error",
    6: "execution failed",
    7: "internal error",
    8: "this type of matrix is not supported",
    9: "not supported",
    10: "zero pivot",
    11: "invalid license",
}
_LETTERS = {np.dtype(c): s for c, s in zip("fdFD", "SDCZ", strict=True)}
_DATA = {np.dtype(c): code for c, code in zip("fdFD", (0, 1, 4, 5), strict=True)}
_KEEP, _TRANSPOSE = 0, 1
_LOWER, _UPPER = 0, 1
_VALUES, _VECTORS = 0, 1
_ALL, _SOME, _NONE = (ord(c) for c in "ASN")
_JACOBI_ROWS = 32
"""Rows and columns up to which cuSOLVER has singular values of stacks."""
_BATCHED_ROWS = 256
"""Rows up to which cuBLAS's LU factors of stacks are faster than one matrix at a time."""
_MANY, _SMALL_COLUMNS = 8, 64
"""From how many matrices on, of at most how many columns, QR factors are left to our kernels."""
_INT32, _INT64 = np.dtype(np.int32), np.dtype(np.int64)


class CuSolverError(LibraryError):
    """A call of cuSOLVER that failed."""


def _created(create: Callable[[Any], None]) -> int:
    handle = ctypes.c_void_p()
    create(ctypes.byref(handle))
    return handle.value or 0


def _at(a: ndarray, k: int) -> int:
    """Address of the k-th entry of a C-contiguous stack."""
    return a._ptr + k * a._strides[0]


def _addresses(a: ndarray) -> ndarray:
    """The addresses of all entries of a C-contiguous stack, on the device."""
    count = a._shape[0]
    return asarray(a._ptr + np.arange(count, dtype=np.int64) * a._strides[0])


def _check_finite(a: ndarray, complaint: str) -> None:
    # With a NaN in the matrix cuSOLVER may return NaN, or not return.
    if not bool(reductions.all(TABLE["isfinite"](a))):
        raise LinAlgError(complaint)


class CuSolver(KernelSolver):
    """The decompositions of a stack by one loaded cuSOLVER.

    Parameters
    ----------
    library : ctypes.CDLL
        cuSOLVER.
    blas : ctypes.CDLL, optional
        cuBLAS, for the LU factors of stacks; what the driver has by default.
    """

    def __init__(self, library: Any, blas: Any = None) -> None:
        self._calls = Library(
            library, PROTOTYPES, lambda status: _STATUSES.get(status, ""), CuSolverError
        )
        calls = self._calls
        self._handles = Handles(
            lambda: _created(calls.cusolverDnCreate),
            calls.cusolverDnDestroy,
            calls.cusolverDnSetStream,
        )
        # Empty parameters choose the default algorithms; they belong to no device.
        self._params = _created(calls.cusolverDnCreateParams)
        blas = driver.load_library("cublas") if blas is None else blas
        self._blas = None if blas is None else cublas.CuBlas.of(blas)

    def _run(
        self,
        name: str,
        query: tuple[Any, ...],
        given: tuple[Any, ...],
        info: int,
        tail: tuple[Any, ...] = (),
    ) -> Any:
        """Call ``cusolverDn{name}`` with workspace; keep what is returned until it is done."""
        handle = self._handles.current()
        on_device, on_host = ctypes.c_size_t(), ctypes.c_size_t()
        ask = getattr(self._calls, f"cusolverDn{name}_bufferSize")
        sizes = (ctypes.byref(on_device), ctypes.byref(on_host))
        ask(handle, self._params, *query, *sizes, *tail)
        memory = runtime.alloc(on_device.value)
        host = np.empty(max(on_host.value, 1), np.uint8)
        run = getattr(self._calls, f"cusolverDn{name}")
        space = (memory.ptr, on_device.value, host.ctypes.data, on_host.value)
        run(handle, self._params, *given, *space, info, *tail)
        return host

    # -- LU ---------------------------------------------------------------------------

    def _factor(self, a: ndarray) -> tuple[ndarray, ndarray, ndarray, bool]:
        """Return LU factors of the transposes (column-major), pivots from 1, info, batched."""
        count, n, _ = a._shape
        lu = casts.copy(a)
        info = zeros((count,), _INT32)
        if self._blas is not None and count > 1 and n <= _BATCHED_ROWS:
            pivots = allocate((count, n), _INT32)
            self._blas.getrf_batched(a._dtype, n, _addresses(lu), pivots, info, count)
            return lu, pivots, info, True
        pivots = allocate((count, n), _INT64)
        code = _DATA[a._dtype]
        hosts = []
        for k in range(count):
            query = (n, n, code, _at(lu, k), n, code)
            given = (n, n, code, _at(lu, k), n, _at(pivots, k), code)
            hosts.append(self._run("Xgetrf", query, given, _at(info, k)))
        if hosts:
            runtime.get_current_stream().synchronize()
        return lu, pivots, info, False

    def _solved(self, a: ndarray, b: ndarray, transposed: int) -> ndarray:
        """Solve in place of `b`, (count, columns, n): each row is a column to cuSOLVER."""
        lu, pivots, info, batched = self._factor(a)
        if info.get().any():
            raise LinAlgError("Singular matrix")
        count, columns, n = b._shape
        if batched and self._blas is not None:
            addresses = (_addresses(lu), _addresses(b))
            self._blas.getrs_batched(
                a._dtype, transposed, n, columns, addresses[0], pivots, addresses[1], count
            )
            return b
        code = _DATA[a._dtype]
        for k in range(count):
            self._calls.cusolverDnXgetrs(
                self._handles.current(),
                self._params,
                transposed,
                n,
                columns,
                code,
                _at(lu, k),
                n,
                _at(pivots, k),
                code,
                _at(b, k),
                n,
                _at(info, k),
            )
        return b

    def solve(self, a: ndarray, b: ndarray) -> ndarray:
        """Solve ``a @ x = b``."""
        # To cuSOLVER the row-major matrix is its transpose, so the transpose is solved.
        return casts.copy(self._solved(a, casts.copy(b.mT), _TRANSPOSE).mT)

    def inv(self, a: ndarray) -> ndarray:
        """Invert."""
        count, n, _ = a._shape
        # The inverse of the transpose, column-major, is the inverse, row-major.
        return self._solved(a, identity((count,), n, n, a._dtype), _KEEP)

    def slogdet(self, a: ndarray) -> tuple[ndarray, ndarray]:
        """Return sign and logarithm of the absolute value of the determinants."""
        lu, pivots, _, _ = self._factor(a)
        return from_lu(lu, casts.astype(TABLE["subtract"](pivots, 1), _INT32))

    # -- Cholesky -----------------------------------------------------------------------

    def cholesky(self, a: ndarray, upper: bool) -> ndarray:
        """Factor Hermitian positive definite matrices, of which one triangle is read."""
        count, n, _ = a._shape
        factor = casts.copy(a)
        info = zeros((count,), _INT32)
        # The transpose is the conjugate, and its upper factor, transposed, the lower one.
        fill = _LOWER if upper else _UPPER
        hosts: list[Any] = []
        if count > 1:
            call = getattr(self._calls, f"cusolverDn{_LETTERS[a._dtype]}potrfBatched")
            addresses = _addresses(factor)
            call(self._handles.current(), fill, n, addresses._ptr, n, info._ptr, count)
        else:
            code = _DATA[a._dtype]
            given = (fill, n, code, factor._ptr, n, code)
            hosts.append(self._run("Xpotrf", given, given, info._ptr))
        if info.get().any():
            raise LinAlgError("Matrix is not positive definite")
        return triangle(factor, lower=not upper)

    # -- QR -----------------------------------------------------------------------------

    def reflect(self, a: ndarray) -> tuple[ndarray, ndarray]:
        """Return what LAPACK's geqrf leaves: R above reflections, and their factors."""
        count, m, n = a._shape
        if count >= _MANY and n <= _SMALL_COLUMNS:
            return super().reflect(a)  # one or two launches for all, where cuSOLVER takes many
        packed = casts.copy(a.mT)
        tau = zeros((count, min(m, n)), a._dtype)
        info = zeros((count,), _INT32)
        code = _DATA[a._dtype]
        hosts = []
        for k in range(count):
            given = (m, n, code, _at(packed, k), m, code, _at(tau, k), code)
            hosts.append(self._run("Xgeqrf", given, given, _at(info, k)))
        runtime.get_current_stream().synchronize()  # the host's workspaces are done with
        return packed.mT, tau

    def form_q(self, packed: ndarray, tau: ndarray, columns: int) -> ndarray:
        """Multiply reflections out: the first columns of Q."""
        count, m, _ = packed._shape
        k = tau._shape[1]
        small = count >= _MANY and k <= _SMALL_COLUMNS
        if small or max(m, columns) > np.iinfo(np.int32).max:
            return super().form_q(packed, tau, columns)
        q = zeros((count, columns, m), packed._dtype)
        casts.copy_into(q[:, :k], packed[:, :, :k].mT)
        letter = _LETTERS[packed._dtype]
        name = f"cusolverDn{letter}{'ungqr' if packed._dtype.kind == 'c' else 'orgqr'}"
        size, info = ctypes.c_int(), zeros((count,), _INT32)
        ask, run = getattr(self._calls, name + "_bufferSize"), getattr(self._calls, name)
        handle = self._handles.current()
        ask(handle, m, columns, k, q._ptr, m, tau._ptr, ctypes.byref(size))
        memory = runtime.alloc(size.value * packed._dtype.itemsize)
        for j in range(count):
            given = (m, columns, k, _at(q, j), m, _at(tau, j))
            run(handle, *given, memory.ptr, size.value, _at(info, j))
        return casts.copy(q.mT)

    # -- singular values ------------------------------------------------------------------

    def svd(self, a: ndarray, full: bool) -> tuple[ndarray, ndarray, ndarray]:
        """Return U, the singular values and V transposed and conjugated."""
        _check_finite(a, "SVD did not converge")
        _, m, n = a._shape
        if m < n:
            v, s, uh = self.svd(adjoint(a), full)
            return casts.copy(adjoint(uh)), s, casts.copy(adjoint(v))
        u, s, vh = self._decomposed(a, _ALL if full else _SOME)
        return casts.copy(u.mT), s, casts.copy(vh.mT)

    def svdvals(self, a: ndarray) -> ndarray:
        """Return the singular values alone."""
        _check_finite(a, "SVD did not converge")
        tall = a if a._shape[1] >= a._shape[2] else adjoint(a)
        return self._decomposed(tall, _NONE)[1]

    def _decomposed(self, a: ndarray, job: int) -> tuple[ndarray, ndarray, ndarray]:
        """Return U, values and V^H of matrices with no more columns than rows, column-major."""
        count, m, n = a._shape
        if count > 1 and m <= _JACOBI_ROWS:
            return self._decomposed_small(a, job)
        given = casts.copy(a.mT)
        code, real = _DATA[a._dtype], _DATA[real_dtype(a._dtype)]
        columns = {_ALL: m, _SOME: n, _NONE: 1}[job]
        u = allocate((count, columns, m), a._dtype)
        vh = allocate((count, n, n), a._dtype)
        s = allocate((count, n), real_dtype(a._dtype))
        info = zeros((count,), _INT32)
        right = _NONE if job == _NONE else _ALL
        hosts = []
        for k in range(count):
            matrix = (m, n, code, _at(given, k), m)
            results = (real, _at(s, k), code, _at(u, k), m, code, _at(vh, k), n, code)
            call = (job, right, *matrix, *results)
            hosts.append(self._run("Xgesvd", call, call, _at(info, k)))
        if info.get().any():
            raise LinAlgError("SVD did not converge")
        return u, s, vh

    def _decomposed_small(self, a: ndarray, job: int) -> tuple[ndarray, ndarray, ndarray]:
        count, m, n = a._shape
        given = casts.copy(a.mT)
        u = allocate((count, m, m), a._dtype)
        v = allocate((count, n, n), a._dtype)
        s = allocate((count, n), real_dtype(a._dtype))
        info = zeros((count,), _INT32)
        settings = _created(self._calls.cusolverDnCreateGesvdjInfo)
        name = f"cusolverDn{_LETTERS[a._dtype]}gesvdjBatched"
        handle, size = self._handles.current(), ctypes.c_int()
        jobz = _VALUES if job == _NONE else _VECTORS
        call = (jobz, m, n, given._ptr, m, s._ptr, u._ptr, m, v._ptr, n)
        getattr(self._calls, name + "_bufferSize")(
            handle, *call, ctypes.byref(size), settings, count
        )
        memory = runtime.alloc(size.value * a._dtype.itemsize)
        run = getattr(self._calls, name)
        run(handle, *call, memory.ptr, size.value, info._ptr, settings, count)
        failed = info.get().any()
        self._calls.cusolverDnDestroyGesvdjInfo(settings)
        if failed:
            raise LinAlgError("SVD did not converge")
        # Column-major V is row-major V transposed: its conjugate has to be transposed back.
        vh = TABLE["conjugate"](v.mT) if a._dtype.kind == "c" else v.mT
        return u[:, : m if job == _ALL else n], s, casts.copy(vh)

    # -- eigenvalues ----------------------------------------------------------------------

    def _hermitian_values(self, a: ndarray, lower: bool, job: int) -> tuple[ndarray, ndarray]:
        _check_finite(a, "Eigenvalues did not converge")
        count, n, _ = a._shape
        v = casts.copy(a.mT)
        w = allocate((count, n), real_dtype(a._dtype))
        info = zeros((count,), _INT32)
        code, real = _DATA[a._dtype], _DATA[real_dtype(a._dtype)]
        fill = _LOWER if lower else _UPPER
        hosts = []
        if count > 1 and self._calls.has("cusolverDnXsyevBatched"):
            call = (job, fill, n, code, v._ptr, n, real, w._ptr, code)
            hosts.append(self._run("XsyevBatched", call, call, info._ptr, (count,)))
        else:
            for k in range(count):
                call = (job, fill, n, code, _at(v, k), n, real, _at(w, k), code)
                hosts.append(self._run("Xsyevd", call, call, _at(info, k)))
        if info.get().any():
            raise LinAlgError("Eigenvalues did not converge")
        return w, v

    def eigh(self, a: ndarray, lower: bool) -> tuple[ndarray, ndarray]:
        """Return eigenvalues, ascending, and eigenvectors of Hermitian matrices."""
        w, v = self._hermitian_values(a, lower, _VECTORS)
        return w, casts.copy(v.mT)

    def eigvalsh(self, a: ndarray, lower: bool) -> ndarray:
        """Return the eigenvalues of Hermitian matrices alone."""
        return self._hermitian_values(a, lower, _VALUES)[0]

    def _values(self, a: ndarray, job: int) -> tuple[ndarray, ndarray]:
        """Return complex eigenvalues, and eigenvectors packed as LAPACK's geev, column-major."""
        count, n, _ = a._shape
        given = casts.copy(a.mT)
        wide = complex_dtype(a._dtype)
        w = allocate((count, n), wide)
        v = allocate((count, n, n), a._dtype)
        info = zeros((count,), _INT32)
        code = _DATA[a._dtype]
        hosts = []
        for k in range(count):
            # Left eigenvectors are not asked for.
            vectors = (code, 0, n, code, _at(v, k), n)
            call = (_VALUES, job, n, code, _at(given, k), n, _DATA[wide], _at(w, k), *vectors, code)
            hosts.append(self._run("Xgeev", call, call, _at(info, k)))
        if info.get().any():
            raise LinAlgError("Eigenvalues did not converge")
        return w, v

    def eig(self, a: ndarray) -> tuple[ndarray, ndarray]:
        """Return eigenvalues and eigenvectors, complex."""
        if not self._calls.has("cusolverDnXgeev"):
            return super().eig(a)
        w, packed = self._values(a, _VECTORS)
        if a._dtype.kind == "c":
            return w, casts.copy(packed.mT)
        return w, unpacked(w, packed)

    def eigvals(self, a: ndarray) -> ndarray:
        """Return the eigenvalues alone, complex."""
        if not self._calls.has("cusolverDnXgeev"):
            return super().eigvals(a)
        return self._values(a, _VALUES)[0]


def unpacked(w: ndarray, packed: ndarray) -> ndarray:
    """Return the eigenvectors of real matrices that LAPACK's geev packs in pairs of columns.

    Parameters
    ----------
    w : ndarray, (count, n)
        Complex eigenvalues; of a conjugate pair the one with positive imaginary part first.
    packed : ndarray, (count, n, n)
        Row j is column j of the packed matrix: a real vector, or the real and then the
        imaginary part of a pair's first vector.

    Returns
    -------
    ndarray, (count, n, n)
        Complex, as columns.
    """
    first = TABLE["greater"](w.imag, 0)
    second = TABLE["less"](w.imag, 0)
    result = zeros(packed._shape, w._dtype)
    rows, parts = result.real, result.imag
    casts.copy_into(rows, packed)
    casts.copy_where(parts[:, :-1], packed[:, 1:], first[:, :-1, None])
    casts.copy_where(rows[:, 1:], packed[:, :-1], second[:, 1:, None])
    casts.copy_where(parts[:, 1:], TABLE["negative"](packed[:, 1:]), second[:, 1:, None])
    return casts.copy(result.mT)
