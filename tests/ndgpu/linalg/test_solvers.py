"""The ways to decompose give the same: LAPACK in place, cuSOLVER as documented, our kernels."""

import functools

import numpy as np
import pytest
from tests.ndgpu.linalg.fakes import FakeCuBlas, FakeCuSolver, Function

import ndgpu
from ndgpu import driver, linalg
from ndgpu.linalg import factors, panels, solvers
from ndgpu.linalg.cusolver import CuSolver, CuSolverError, unpacked
from ndgpu.linalg.lapack import LapackSolver

# How many roundings of the largest entry a residual may be off, for each row.
ROUNDINGS = 20


@functools.cache
def solver_of(name):
    if name == "kernels":
        return factors.KernelSolver()
    if name == "lapack":
        return LapackSolver()
    if ndgpu.cuda.kind() == "host":
        return CuSolver(FakeCuSolver(old=name == "old cusolver"), FakeCuBlas())
    library = driver.load_library("cusolver") if name == "cusolver" else None
    return None if library is None else CuSolver(library)


WAYS = ["lapack", "cusolver", "kernels"]


@pytest.fixture(params=WAYS)
def solver(request):
    """Each way: on a GPU the real cuSOLVER, on the host device one that does as documented."""
    if request.param == "lapack" and ndgpu.cuda.kind() != "host":
        pytest.skip("the processor cannot read this device's memory")
    found = solver_of(request.param)
    if found is None:
        pytest.skip("there is no such cuSOLVER")
    return found


def matrix(dtype, *shape):
    # Seeded by the shape, so that each way and each run has the same matrices.
    rng = np.random.default_rng(sum(shape))
    values = rng.standard_normal(shape)
    if np.dtype(dtype).kind == "c":
        values = values + 1j * rng.standard_normal(shape)
    return values.astype(dtype)


def adjoint(a):
    return a.conj().swapaxes(-1, -2)


def near(got, expected, rows, dtype):
    expected = np.asarray(expected)
    size = max(abs(expected).max(initial=0), 1e-30)
    assert abs(got - expected).max(initial=0) / size < ROUNDINGS * rows * np.finfo(dtype).eps


def unitary(q, dtype):
    near(adjoint(q) @ q, np.broadcast_to(np.eye(q.shape[-1]), (len(q), *[q.shape[-1]] * 2)),
         len(q[0]), dtype)  # fmt: skip


def shapes(*pairs):
    """Shapes with each dtype once: every kernel costs its compilation."""
    cases = [(dtype, (2, m, n)) for dtype in "dF" for m, n in pairs]
    cases += [pytest.param(c, (1, 5, 5), marks=pytest.mark.nightly) for c in "fD"]
    return pytest.mark.parametrize(("dtype", "shape"), cases)


SQUARE = shapes((1, 1), (3, 3), (40, 40))
ANY = shapes((1, 1), (4, 4), (7, 3), (3, 7), (1, 5), (40, 36), (70, 33))


@SQUARE
def test_systems(solver, dtype, shape):
    a, b = matrix(dtype, *shape), matrix(dtype, *shape[:2], 3)
    a = a + np.eye(shape[1], dtype=dtype) * 2
    x = solver.solve(ndgpu.asarray(a), ndgpu.asarray(b)).get()
    near(a @ x, b, 40 * shape[1], dtype)
    near(x, np.linalg.solve(a, b), 40 * shape[1], dtype)
    inverse = solver.inv(ndgpu.asarray(a)).get()
    near(a @ inverse, np.broadcast_to(np.eye(shape[1]), shape), 40 * shape[1], dtype)
    sign, size = solver.slogdet(ndgpu.asarray(a))
    expected = np.linalg.slogdet(a)
    near(sign.get(), expected.sign, 100, dtype)
    near(size.get(), expected.logabsdet, 100, dtype)
    assert (sign.dtype, size.dtype) == (expected.sign.dtype, expected.logabsdet.dtype)


@SQUARE
def test_cholesky_factors(solver, dtype, shape):
    a = matrix(dtype, *shape)
    a = (a @ adjoint(a) + np.eye(shape[1])).astype(dtype)
    # The triangle that is not read may hold anything.
    lower = solver.cholesky(ndgpu.asarray(np.tril(a) + 7 * np.triu(np.ones_like(a), 1)), False)
    near(lower.get(), np.linalg.cholesky(a), shape[1], dtype)
    upper = solver.cholesky(ndgpu.asarray(np.triu(a) + 7 * np.tril(np.ones_like(a), -1)), True)
    near(upper.get(), adjoint(np.linalg.cholesky(a)), shape[1], dtype)


@ANY
def test_orthogonal_factors(solver, dtype, shape):
    a = matrix(dtype, *shape)
    for mode in ("reduced", "complete"):
        q, r = (x.get() for x in solver.qr(ndgpu.asarray(a), mode))
        expected = np.linalg.qr(a, mode)
        assert (q.shape, r.shape) == (expected.Q.shape, expected.R.shape)
        near(q @ r, a, shape[1], dtype)
        unitary(q, dtype)
        assert not np.tril(r, -1).any()
    near(solver.qr_r(ndgpu.asarray(a)).get(), np.linalg.qr(a, "r"), shape[1], dtype)
    packed, tau = (x.get() for x in solver.qr(ndgpu.asarray(a), "raw"))
    for got, expected in zip((packed, tau), np.linalg.qr(a, "raw"), strict=True):
        assert got.shape == expected.shape
        near(got, expected, 4 * shape[1], dtype)


@ANY
def test_singular_values(solver, dtype, shape):
    a = matrix(dtype, *shape)
    for full in (False, True):
        u, s, vh = (x.get() for x in solver.svd(ndgpu.asarray(a), full))
        expected = np.linalg.svd(a, full)
        assert (u.shape, vh.shape) == (expected.U.shape, expected.Vh.shape)
        k = s.shape[-1]
        near(s, expected.S, shape[1], dtype)
        near((u[..., :k] * s[:, None]) @ vh[:, :k], a, shape[1], dtype)
        unitary(u, dtype)
        unitary(adjoint(vh), dtype)
    s = solver.svdvals(ndgpu.asarray(a)).get()
    near(s, np.linalg.svd(a, compute_uv=False), shape[1], dtype)


@pytest.mark.parametrize("solver", [*WAYS, "old cusolver"], indirect=True)
@SQUARE
def test_eigenvalues(solver, dtype, shape):
    a = matrix(dtype, *shape)
    h = a + adjoint(a)
    for lower, keep in ((True, np.tril), (False, np.triu)):
        w, v = (x.get() for x in solver.eigh(ndgpu.asarray(keep(h)), lower))
        near(w, np.linalg.eigvalsh(h), shape[1], dtype)
        near(h @ v, v * w[:, None], 4 * shape[1], dtype)
        unitary(v, dtype)
        near(solver.eigvalsh(ndgpu.asarray(keep(h)), lower).get(), w, shape[1], dtype)
    w, v = (x.get() for x in solver.eig(ndgpu.asarray(a)))
    assert w.dtype.kind == v.dtype.kind == "c"
    near(a @ v, v * w[:, None], 40 * shape[1], dtype)
    near(np.sort(solver.eigvals(ndgpu.asarray(a)).get()), np.sort(w), 40 * shape[1], dtype)


def test_what_has_no_answer(solver):
    one = ndgpu.asarray([[[1.0, 2.0], [2.0, 4.0]]])
    both = ndgpu.concatenate([ndgpu.eye(2)[None], one])
    for a in (one, both):
        with pytest.raises(linalg.LinAlgError, match="Singular"):
            solver.inv(a)
        with pytest.raises(linalg.LinAlgError, match="Singular"):
            solver.solve(a, a)
        with pytest.raises(linalg.LinAlgError, match="not positive definite"):
            solver.cholesky(-a, False)
        sign, size = (x.get() for x in solver.slogdet(a))
        assert sign[-1] == 0 and size[-1] == -np.inf
    nothing = ndgpu.full((1, 2, 2), np.nan)
    with pytest.raises(linalg.LinAlgError, match="did not converge"):
        solver.svd(nothing, True)
    if not isinstance(solver, LapackSolver):  # LAPACK's eigenvalues may be NaN instead
        with pytest.raises(linalg.LinAlgError, match="did not converge"):
            solver.eigh(nothing, True)


def test_matrices_without_rank(solver):
    a = np.outer(np.arange(6.0), [1.0, 2.0, 3.0])[None]
    for given in (a, np.zeros((1, 6, 3)), adjoint(a)):
        u, s, vh = (x.get() for x in solver.svd(ndgpu.asarray(given), True))
        unitary(u, "d")
        unitary(adjoint(vh), "d")
        near((u[..., : s.shape[-1]] * s[:, None]) @ vh[:, : s.shape[-1]], given, 6, "d")
    q, r = (x.get() for x in solver.qr(ndgpu.asarray(a), "complete"))
    unitary(q, "d")
    near(q @ r, a, 6, "d")


@pytest.mark.parametrize("size", [1e-200, 1e200])
def test_kernels_neither_overflow_nor_vanish(size):
    solver = factors.KernelSolver()
    a = matrix("d", 1, 6, 4) * size
    u, s, vh = (x.get() for x in solver.svd(ndgpu.asarray(a), False))
    near(s, np.linalg.svd(a / size, compute_uv=False) * size, 6, "d")
    near((u * (s / size)[:, None]) @ vh, a / size, 6, "d")
    q, r = (x.get() for x in solver.qr(ndgpu.asarray(a), "reduced"))
    near(q @ (r / size), a / size, 6, "d")
    h = a[:, :4] + adjoint(a[:, :4])
    w, v = (x.get() for x in solver.eigh(ndgpu.asarray(h), True))
    near((h / size) @ v, v * (w / size)[:, None], 4, "d")


def test_rotations_of_large_matrices_go_by_rounds(monkeypatch):
    monkeypatch.setattr(panels, "_ONE_BLOCK", 2)
    a = matrix("d", 2, 9, 5)
    u, s, vh = (x.get() for x in factors.KernelSolver().svd(ndgpu.asarray(a), False))
    near((u * s[:, None]) @ vh, a, 9, "d")
    monkeypatch.setattr(panels, "_SWEEPS", 1)
    with pytest.raises(linalg.LinAlgError, match="did not converge"):
        factors.KernelSolver().svd(ndgpu.asarray(a), False)
    monkeypatch.setattr(panels, "_ONE_BLOCK", 64)
    with pytest.raises(linalg.LinAlgError, match="did not converge"):
        factors.KernelSolver().eigh(ndgpu.asarray(a[:, :5]), True)


def test_panels_too_large_for_shared_memory(monkeypatch):
    monkeypatch.setattr(panels, "_SHARED", 16)
    solver, a = factors.KernelSolver(), matrix("d", 1, 6, 6)
    near(a @ solver.inv(ndgpu.asarray(a)).get(), np.eye(6)[None], 1000, "d")
    q, r = (x.get() for x in solver.qr(ndgpu.asarray(a), "reduced"))
    near(q @ r, a, 6, "d")
    near(solver.svdvals(ndgpu.asarray(a)).get(), np.linalg.svd(a, compute_uv=False), 6, "d")


@pytest.mark.parametrize("layout", ["transposed", "strided", "negative"])
def test_any_strides(solver, layout):
    whole = ndgpu.asarray(matrix("d", 2, 8, 8))
    views = {
        "transposed": whole.mT[:, :4, :4],
        "strided": whole[:, ::2, 1::2],
        "negative": whole[:, 3::-1, :4],
    }
    a = views[layout]
    before = whole.get()
    near(a.get() @ solver.inv(a).get(), np.broadcast_to(np.eye(4), (2, 4, 4)), 1000, "d")
    u, s, vh = (x.get() for x in solver.svd(a, False))
    near((u * s[:, None]) @ vh, a.get(), 4, "d")
    q, r = (x.get() for x in solver.qr(a, "reduced"))
    near(q @ r, a.get(), 4, "d")
    assert (whole.get() == before).all()


def test_stacks_take_the_batched_functions():
    if ndgpu.cuda.kind() != "host":
        pytest.skip("the processor cannot read this device's memory")
    fake = FakeCuSolver()
    solver = CuSolver(fake, FakeCuBlas())
    a = ndgpu.asarray(matrix("d", 3, 4, 4)) + ndgpu.eye(4) * 9
    h = a + a.mT
    solver.solve(a, a)
    solver.cholesky(h, False)
    solver.eigh(h, True)
    solver.svd(a, True)
    assert fake.calls == ["potrfBatched", "XsyevBatched", "gesvdjBatched"]
    del fake.calls[:]
    solver.svd(ndgpu.ones((2, 33, 2)), True)
    assert fake.calls == ["Xgesvd"] * 2
    del fake.calls[:]
    solver.qr(ndgpu.ones((2, 4, 2)), "reduced")
    assert fake.calls == ["Xgeqrf"] * 2 + ["orgqr"] * 2
    del fake.calls[:]
    q, _ = solver.qr(ndgpu.asarray(matrix("d", 9, 4, 2)), "reduced")
    assert fake.calls == []
    unitary(q.get(), "d")


def test_packed_eigenvectors():
    a = matrix("d", 5, 5)
    w, v = np.linalg.eig(a)
    assert (w.imag > 0).any() and (w.imag == 0).any()
    packed = v.real.copy()
    for j in np.flatnonzero(w.imag > 0):
        packed[:, j + 1] = v[:, j].imag
    got = unpacked(ndgpu.asarray(w[None]), ndgpu.asarray(packed.T[None]))
    assert np.array_equal(got.get()[0], v)


def test_a_failure_is_named():
    fake = FakeCuSolver()
    fake.cusolverDnCreate = Function(lambda handle: 1)
    solver = CuSolver(fake, FakeCuBlas())
    with pytest.raises(CuSolverError, match=r"cusolverDnCreate failed with status 1 \(not init"):
        solver.solve(ndgpu.eye(2)[None], ndgpu.eye(2)[None])


@pytest.mark.parametrize("dtype", ["d", "F"])
def test_what_is_negligible_depends_on_the_precision(solver, dtype, monkeypatch):
    monkeypatch.setattr(solvers, "current", lambda: solver)
    a = np.outer(np.arange(1, 7), [1, 2, 3]).astype(dtype)
    expected = np.linalg.pinv(a.astype("D" if dtype == "F" else "d"))
    inverse = linalg.pinv(ndgpu.asarray(a))
    assert inverse.dtype == dtype
    np.testing.assert_allclose(inverse.get(), expected, 1e-4, 1e-6)
    x, _, rank, _ = linalg.lstsq(ndgpu.asarray(a), ndgpu.ones(6, dtype))
    assert rank == 1
    np.testing.assert_allclose(x.get(), expected @ np.ones(6), 1e-4, 1e-6)
    assert linalg.matrix_rank(ndgpu.asarray(a)).item() == 1


def test_the_device_chooses(monkeypatch):
    monkeypatch.setattr(solvers, "readable", lambda device: False)
    choose = solvers._of.__wrapped__
    assert type(choose(0)) is factors.KernelSolver
    monkeypatch.setattr(solvers, "readable", lambda device: True)
    assert type(choose(0)) is LapackSolver
    monkeypatch.setattr(
        solvers.driver, "load_library", lambda name: FakeCuSolver() if name == "cusolver" else None
    )
    assert type(choose(0)) is CuSolver


def test_stacks_longer_than_a_grid_is_high():
    count = 66_000
    a = np.eye(2) * np.arange(1, count + 1)[:, None, None]
    solver = factors.KernelSolver()
    x = solver.solve(ndgpu.asarray(a), ndgpu.ones((count, 2, 1))).get()
    assert np.array_equal(x[:, 0, 0], 1 / np.arange(1, count + 1))
