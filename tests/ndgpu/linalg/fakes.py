"""cuSOLVER and cuBLAS as their documentation has them, on memory that the processor reads."""

import ctypes

import numpy as np

from ndgpu import runtime

TYPES = {0: np.dtype("f"), 1: np.dtype("d"), 4: np.dtype("F"), 5: np.dtype("D")}
LETTERS = dict(zip("SDCZ", "fdFD", strict=True))


class Function:
    """A function whose types may be declared, as those of `ctypes.CDLL`."""

    def __init__(self, body):
        self.body = body
        self.argtypes = self.restype = None

    def __call__(self, *args):
        assert self.argtypes is None or len(args) == len(self.argtypes)
        return self.body(*args)


def wait():
    runtime.get_current_stream().synchronize()


def store(reference, value):
    reference._obj.value = value


def matrix(address, dtype, rows, columns, leading, transposed=False):
    """A column-major matrix: element (i, j) is at i + j * leading."""
    if transposed:
        rows, columns = columns, rows
    assert leading >= max(rows, 1)
    size = max((columns - 1) * leading + rows, 0) * dtype.itemsize
    memory = (ctypes.c_char * size).from_address(address)
    strides = (dtype.itemsize, leading * dtype.itemsize)
    found = np.ndarray((rows, columns), dtype, memory, strides=strides)
    return found.T if transposed else found


def vector(address, dtype, n):
    return matrix(address, np.dtype(dtype), n, 1, n)[:, 0]


def lu_in_place(a):
    """LU with partial pivoting; pivots from 1, and the first zero pivot."""
    n = len(a)
    pivots, info = np.zeros(n, int), 0
    for j in range(n):
        p = j + int(np.argmax(abs(a[j:, j].real) + abs(a[j:, j].imag)))
        pivots[j] = p + 1
        a[[j, p]] = a[[p, j]]
        if a[j, j] == 0:
            info = info or j + 1
            continue
        a[j + 1 :, j] /= a[j, j]
        a[j + 1 :, j + 1 :] -= np.outer(a[j + 1 :, j], a[j, j + 1 :])
    return pivots, info


def solve_lu(lu, pivots, b, transposed):
    n = len(lu)
    whole = (np.tril(lu, -1) + np.eye(n)) @ np.triu(lu)
    for j in reversed(range(n)):
        whole[[j, pivots[j] - 1]] = whole[[pivots[j] - 1, j]]
    b[...] = np.linalg.solve(whole.T if transposed else whole, b)


class FakeCuBlas:
    """The functions of cuBLAS that ndgpu calls."""

    def __init__(self):
        self.calls = []
        self.cublasGetStatusString = Function(lambda status: b"the library was not initialized")
        self.cublasCreate_v2 = Function(lambda handle: store(handle, 4) or 0)
        for name in ("cublasDestroy_v2", "cublasSetStream_v2", "cublasSetWorkspace_v2"):
            setattr(self, name, Function(lambda *args: 0))
        self.cublasGemmEx = Function(self.gemm)
        self.cublasGemmStridedBatchedEx = Function(self.gemm_stack)
        self.cublasGemmStridedBatchedEx_64 = Function(self.gemm_stack)
        for letter, dtype in LETTERS.items():
            for name in ("getrfBatched", "getrsBatched"):
                body = self._of(getattr(self, name), np.dtype(dtype))
                setattr(self, f"cublas{letter}{name}", Function(body))

    @staticmethod
    def _of(method, dtype):
        return lambda *args: method(dtype, *args)

    def gemm(
        self, handle, op_a, op_b, m, n, k, alpha, a, a_type, lda, b, b_type, ldb,
        beta, c, c_type, ldc, compute, algorithm,
    ):  # fmt: skip
        return self.gemm_stack(
            handle, op_a, op_b, m, n, k, alpha, a, a_type, lda, 0, b, b_type, ldb, 0,
            beta, c, c_type, ldc, 0, 1, compute, algorithm,
        )  # fmt: skip

    def gemm_stack(
        self, handle, op_a, op_b, m, n, k, alpha, a, a_type, lda, step_a, b, b_type, ldb, step_b,
        beta, c, c_type, ldc, step_c, count, compute, algorithm,
    ):  # fmt: skip
        self.calls.append((handle, compute, count))
        dtype = TYPES[a_type]
        assert vector(alpha, dtype, 1)[0] == 1 and vector(beta, dtype, 1)[0] == 0
        wait()
        size = dtype.itemsize
        for i in range(count):
            left = matrix(a + i * step_a * size, dtype, m, k, lda, op_a == 1)
            right = matrix(b + i * step_b * size, dtype, k, n, ldb, op_b == 1)
            matrix(c + i * step_c * size, dtype, m, n, ldc)[...] = left @ right
        return 0

    def getrfBatched(self, dtype, handle, n, a, lda, pivots, info, count):
        wait()
        for k, address in enumerate(vector(a, "u8", count)):
            found, failed = lu_in_place(matrix(int(address), dtype, n, n, lda))
            vector(pivots + 4 * n * k, "i4", n)[...] = found
            vector(info, "i4", count)[k] = failed
        return 0

    def getrsBatched(self, dtype, handle, op, n, columns, a, lda, pivots, b, ldb, info, count):
        wait()
        for k in range(count):
            lu = matrix(int(vector(a, "u8", count)[k]), dtype, n, n, lda)
            right = matrix(int(vector(b, "u8", count)[k]), dtype, n, columns, ldb)
            solve_lu(lu, vector(pivots + 4 * n * k, "i4", n), right, op == 1)
        store(info, 0)
        return 0


class FakeCuSolver:
    """The functions of cuSOLVER that ndgpu calls; `old` is before CUDA 12.6."""

    def __init__(self, old=False):
        self.calls = []
        for name in ("cusolverDnCreate", "cusolverDnCreateParams", "cusolverDnCreateGesvdjInfo"):
            setattr(self, name, Function(lambda handle: store(handle, 8) or 0))
        for name in ("cusolverDnDestroy", "cusolverDnSetStream", "cusolverDnDestroyGesvdjInfo"):
            setattr(self, name, Function(lambda *args: 0))
        new = ["Xgeev", "XsyevBatched"]
        for name in ["Xgetrf", "Xgeqrf", "Xpotrf", "Xsyevd", "Xgesvd", *([] if old else new)]:
            setattr(self, f"cusolverDn{name}", Function(self._noted(name, getattr(self, name))))
            batched = name == "XsyevBatched"
            setattr(self, f"cusolverDn{name}_bufferSize", Function(self._sizes(batched)))
        self.cusolverDnXgetrs = Function(self._noted("Xgetrs", self.Xgetrs))
        for letter, dtype in LETTERS.items():
            short = "orgqr" if letter in "SD" else "ungqr"
            for name, body in (
                (short, self.orgqr),
                ("potrfBatched", self.potrf_stack),
                ("gesvdjBatched", self.svdj),
            ):
                bound = FakeCuBlas._of(self._noted(name, body), np.dtype(dtype))
                setattr(self, f"cusolverDn{letter}{name}", Function(bound))
            setattr(self, f"cusolverDn{letter}{short}_bufferSize", Function(self._size(-1)))
            setattr(self, f"cusolverDn{letter}gesvdjBatched_bufferSize", Function(self._size(-3)))

    def _noted(self, name, body):
        def call(*args):
            self.calls.append(name)
            wait()
            return body(*args)

        return call

    @staticmethod
    def _sizes(batched):
        def ask(*args):
            on_device, on_host = args[-3:-1] if batched else args[-2:]
            store(on_device, 64)
            store(on_host, 32)
            return 0

        return ask

    @staticmethod
    def _size(place):
        return lambda *args: store(args[place], 16) or 0

    @staticmethod
    def _space(device, device_bytes, host, host_bytes):
        assert device and device_bytes == 64 and host and host_bytes == 32

    def Xgetrf(self, h, params, m, n, code, a, lda, pivots, compute, *rest):
        self._space(*rest[:4])
        found, failed = lu_in_place(matrix(a, TYPES[code], m, n, lda))
        vector(pivots, "i8", n)[...] = found
        vector(rest[4], "i4", 1)[0] = failed
        return 0

    def Xgetrs(self, h, params, op, n, columns, code, a, lda, pivots, b_code, b, ldb, info):
        lu, right = matrix(a, TYPES[code], n, n, lda), matrix(b, TYPES[b_code], n, columns, ldb)
        solve_lu(lu, vector(pivots, "i8", n), right, op == 1)
        return 0

    def Xpotrf(self, h, params, fill, n, code, a, lda, compute, *rest):
        self._space(*rest[:4])
        return self._potrf(fill, matrix(a, TYPES[code], n, n, lda), vector(rest[4], "i4", 1))

    @staticmethod
    def _potrf(fill, a, info):
        try:
            if fill == 0:
                factor, kept = np.linalg.cholesky(a), np.tril_indices(len(a))
            else:
                factor, kept = np.linalg.cholesky(a.conj().T).conj().T, np.triu_indices(len(a))
        except np.linalg.LinAlgError:
            info[0] = 1
        else:
            a[kept] = factor[kept]
        return 0

    def potrf_stack(self, dtype, h, fill, n, addresses, lda, info, count):
        for k, address in enumerate(vector(addresses, "u8", count)):
            self._potrf(fill, matrix(int(address), dtype, n, n, lda), vector(info + 4 * k, "i4", 1))
        return 0

    def Xgeqrf(self, h, params, m, n, code, a, lda, tau_code, tau, compute, *rest):
        self._space(*rest[:4])
        given = matrix(a, TYPES[code], m, n, lda)
        packed, found = np.linalg.qr(given, "raw")
        given[...] = packed.T
        vector(tau, TYPES[tau_code], min(m, n))[...] = found
        return 0

    @staticmethod
    def orgqr(dtype, h, m, n, k, a, lda, tau, work, size, info):
        packed = matrix(a, dtype, m, n, lda)
        q = np.eye(m, dtype=dtype)
        for j in range(k):
            v = np.concatenate([np.zeros(j), [1], packed[j + 1 :, j]]).astype(dtype)
            q = q @ (np.eye(m) - vector(tau, dtype, k)[j] * np.outer(v, v.conj()))
        packed[...] = q[:, :n]
        return 0

    def Xsyevd(self, h, params, job, fill, n, code, a, lda, w_code, w, compute, *rest):
        self._space(*rest[:4])
        given = matrix(a, TYPES[code], n, n, lda)
        values, vectors = np.linalg.eigh(given, "LU"[fill])
        vector(w, TYPES[w_code], n)[...] = values
        if job:
            given[...] = vectors
        return 0

    def XsyevBatched(self, h, params, job, fill, n, code, a, lda, w_code, w, compute, *rest):
        size, real = TYPES[code].itemsize, TYPES[w_code].itemsize
        for k in range(rest[5]):
            places = (a + k * n * n * size, lda, w_code, w + k * n * real)
            self.Xsyevd(h, params, job, fill, n, code, *places, compute, *rest[:5])
        return 0

    def Xgesvd(
        self, h, params, job_u, job_v, m, n, code, a, lda, s_code, s, u_code, u, ldu, v_code, v,
        ldv, compute, *rest,
    ):  # fmt: skip
        self._space(*rest[:4])
        assert m >= n
        full = chr(job_u) == "A"
        left, values, right = np.linalg.svd(matrix(a, TYPES[code], m, n, lda), full)
        vector(s, TYPES[s_code], n)[...] = values
        if chr(job_u) != "N":
            matrix(u, TYPES[u_code], *left.shape, ldu)[...] = left
            matrix(v, TYPES[v_code], n, n, ldv)[...] = right
        return 0

    @staticmethod
    def svdj(dtype, h, job, m, n, a, lda, s, u, ldu, v, ldv, work, size, info, settings, count):
        assert m <= 32 and n <= 32
        step, real = dtype.itemsize, np.empty(0, dtype).real.dtype
        for k in range(count):
            given = matrix(a + k * m * n * step, dtype, m, n, lda)
            left, values, right = np.linalg.svd(given)
            vector(s + k * n * real.itemsize, real, n)[...] = values
            if job:
                matrix(u + k * m * m * step, dtype, m, m, ldu)[...] = left
                matrix(v + k * n * n * step, dtype, n, n, ldv)[...] = right.conj().T
        return 0

    def Xgeev(
        self, h, params, job_l, job_r, n, code, a, lda, w_code, w, l_code, left, ldl, r_code, v,
        ldv, compute, *rest,
    ):  # fmt: skip
        self._space(*rest[:4])
        assert job_l == 0 and not left and TYPES[w_code].kind == "c"
        values, vectors = np.linalg.eig(matrix(a, TYPES[code], n, n, lda))
        vector(w, TYPES[w_code], n)[...] = values
        if job_r:
            packed = vectors if TYPES[code].kind == "c" else vectors.real.copy()
            if TYPES[code].kind != "c":
                for j in np.flatnonzero(values.imag > 0):
                    packed[:, j + 1] = vectors[:, j].imag
            matrix(v, TYPES[r_code], n, n, ldv)[...] = packed
        return 0
