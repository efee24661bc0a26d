"""The functions of `numpy.linalg`: shapes, dtypes, errors and values against NumPy.

Results that a decomposition leaves open are compared by what they must fulfil instead.
"""

import inspect

import numpy as np
import pytest
from tests.ndgpu.core.differential import check, check_call, compare, rows

import ndgpu
from ndgpu import linalg

RNG = np.random.default_rng(5)


def matrix(*shape, dtype="d"):
    values = RNG.standard_normal(shape)
    if np.dtype(dtype).kind == "c":
        values = values + 1j * RNG.standard_normal(shape)
    return values.astype(dtype)


def well(n, *stack, dtype="d"):
    """Square matrices that are far from singular."""
    return matrix(*stack, n, n, dtype=dtype) + np.eye(n, dtype=dtype) * 2 * n


def positive(n, *stack, dtype="d"):
    a = matrix(*stack, n, n, dtype=dtype)
    return (a @ a.conj().swapaxes(-1, -2) + np.eye(n)).astype(dtype)


SINGULAR = np.array([[1.0, 2.0], [2.0, 4.0]])
NAN = np.array([[1.0, np.nan], [2.0, 3.0]])
HALF = np.eye(2, dtype="e")


NAMES = [name for name in sorted(dir(np.linalg)) if not name.startswith("_")]
# NumPy runs its own tests by this name.
LEFT_OUT = {"test"}


@pytest.mark.parametrize("name", NAMES)
def test_every_name_of_numpy_linalg(name):
    if name in LEFT_OUT or inspect.ismodule(getattr(np.linalg, name)):
        assert not callable(getattr(linalg, name, None))
        return
    ours, theirs = getattr(linalg, name), getattr(np.linalg, name)
    if isinstance(theirs, type):
        assert ours is theirs
        return
    wanted = inspect.signature(theirs).parameters
    found = inspect.signature(ours).parameters
    assert list(found) == list(wanted)
    for key, parameter in wanted.items():
        assert found[key].kind == parameter.kind, key
        assert found[key].default is parameter.default or found[key].default == parameter.default


def test_numpys_functions_stay_on_the_device():
    a = ndgpu.asarray(well(3))
    assert isinstance(np.linalg.solve(a, a), ndgpu.ndarray)
    assert isinstance(np.linalg.svd(a).S, ndgpu.ndarray)


@rows(
    ("linalg.solve", (well(4), matrix(4))),
    ("linalg.solve", (well(4), matrix(4, 2))),
    ("linalg.solve", (well(4, 3), matrix(4))),
    ("linalg.solve", (well(4, 2, 3), matrix(3, 4, 2))),
    ("linalg.solve", (well(4, 1, 3), matrix(2, 1, 4, 2))),
    ("linalg.solve", (well(3).astype("i8"), np.arange(3))),
    ("linalg.solve", (well(3, dtype="F"), matrix(3, 1, dtype="f"))),
    ("linalg.solve", (well(3).T, matrix(2, 3).T)),
    ("linalg.solve", (np.ones((0, 0)), np.ones((0, 2)))),
    ("linalg.solve", (np.ones((0, 2, 2)), np.ones((0, 2, 2)))),
    ("linalg.solve", (np.ones((2, 2)), np.ones((2, 0)))),
    ("linalg.solve", (SINGULAR, np.ones(2))),
    ("linalg.solve", (np.zeros((2, 3)), np.ones(2))),
    ("linalg.solve", (np.ones(3), np.ones(3))),
    ("linalg.solve", (well(3), np.ones(2))),
    ("linalg.solve", (well(3), np.float64(1))),
    ("linalg.solve", (HALF, np.ones(2))),
    ("linalg.inv", (well(5, 2),)),
    ("linalg.inv", (well(5, dtype="F"),)),
    ("linalg.inv", (np.ones((0, 3, 3)),)),
    ("linalg.inv", (np.ones((3, 0, 0)),)),
    ("linalg.inv", (np.stack([well(2), SINGULAR]),)),
    ("linalg.inv", (np.array([[True, False], [True, True]]),)),
    ("linalg.det", (well(3, 2, 2),)),
    ("linalg.det", (SINGULAR,)),
    ("linalg.det", (well(3, dtype="D"),)),
    ("linalg.det", (np.ones((2, 0, 0), "f"),)),
    ("linalg.det", (matrix(2, 3),)),
    ("linalg.slogdet", (well(4),)),
    ("linalg.slogdet", (well(4, 3, dtype="F"),)),
    ("linalg.slogdet", (np.zeros((2, 2)),)),
    ("linalg.slogdet", (np.ones((0, 0)),)),
    ("linalg.cholesky", (positive(4, 2),)),
    ("linalg.cholesky", (positive(4, dtype="D"),)),
    ("linalg.cholesky", (positive(4, dtype="D"),), {"upper": True}),
    ("linalg.cholesky", (np.tril(positive(3)),)),
    ("linalg.cholesky", (np.triu(positive(3)),), {"upper": True}),
    ("linalg.cholesky", (-positive(3),)),
    ("linalg.cholesky", (np.ones((0, 0), "F"),)),
    ("linalg.eigvalsh", (positive(4, 2),)),
    ("linalg.eigvalsh", (positive(4, dtype="D"), "U")),
    ("linalg.eigvalsh", (positive(4),), {"UPLO": "x"}),
    ("linalg.eigvalsh", (np.ones((2, 0, 0)),)),
    ("linalg.eigvals", (np.diag([1.0, 2.0, 3.0]),)),
    ("linalg.eigvals", (NAN,)),
    ("linalg.eigvals", (np.ones((0, 0), "f"),)),
    ("linalg.svdvals", (matrix(2, 3, 5),)),
    ("linalg.svdvals", (matrix(5, 3, dtype="D"),)),
    ("linalg.svdvals", (NAN,)),
    ("linalg.svd", (matrix(4, 4) + matrix(4, 4).T,), {"hermitian": True, "compute_uv": False}),
    ("linalg.svd", (np.ones((2, 0, 3)),), {"full_matrices": True}),
    ("linalg.svd", (np.ones((2, 0, 3), "F"),), {"full_matrices": False}),
    ("linalg.svd", (np.ones((2, 3, 0)),), {"compute_uv": False}),
    ("linalg.qr", (matrix(5, 3), "r")),
    ("linalg.qr", (matrix(2, 3, 5, dtype="F"),)),
    ("linalg.qr", (matrix(5, 3), "complete")),
    ("linalg.qr", (matrix(5, 3), "raw")),
    ("linalg.qr", (np.ones((3, 0)), "complete")),
    ("linalg.qr", (np.ones((0, 3, 2)),)),
    ("linalg.qr", (np.ones((0, 3)), "raw")),
    ("linalg.qr", (np.ones((2, 0, 3)), "r")),
    ("linalg.qr", (np.ones(3),)),
    ("linalg.qr", (matrix(2, 2), "other")),
    ("linalg.lstsq", (matrix(6, 3), matrix(6))),
    ("linalg.lstsq", (matrix(6, 3), matrix(6, 2))),
    ("linalg.lstsq", (matrix(3, 6), matrix(3, 2))),
    ("linalg.lstsq", (matrix(6, 3, dtype="D"), matrix(6, 2))),
    ("linalg.lstsq", (np.ones((4, 2)), np.arange(4.0))),
    ("linalg.lstsq", (matrix(6, 3), matrix(6, 0))),
    ("linalg.lstsq", (np.ones((0, 3)), np.ones((0, 2)))),
    ("linalg.lstsq", (np.ones((3, 0)), np.ones(3))),
    ("linalg.lstsq", (matrix(6, 3), matrix(5))),
    ("linalg.lstsq", (matrix(2, 6, 3), matrix(6))),
    ("linalg.lstsq", (matrix(6, 3), matrix(6)), {"rcond": 0.9}),
    ("linalg.pinv", (matrix(5, 3),)),
    ("linalg.pinv", (matrix(2, 3, 5, dtype="D"),)),
    ("linalg.pinv", (SINGULAR,)),
    ("linalg.pinv", (positive(3, dtype="D"),), {"hermitian": True}),
    ("linalg.pinv", (matrix(5, 3),), {"rtol": None}),
    ("linalg.pinv", (matrix(2, 5, 3), np.array([0.5, 0.1]))),
    ("linalg.pinv", (matrix(5, 3),), {"rtol": 0.1, "rcond": 0.2}),
    ("linalg.pinv", (np.ones((2, 0, 3)),)),
    ("linalg.matrix_rank", (SINGULAR,)),
    ("linalg.matrix_rank", (matrix(2, 3, 5),)),
    ("linalg.matrix_rank", (np.zeros(3),)),
    ("linalg.matrix_rank", (np.float64(2),)),
    ("linalg.matrix_rank", (matrix(3, 5),), {"tol": 100.0}),
    ("linalg.matrix_rank", (matrix(2, 3, 3),), {"rtol": np.array([0.1, 0.9])}),
    ("linalg.matrix_rank", (positive(3),), {"hermitian": True}),
    ("linalg.matrix_rank", (positive(3),), {"tol": 1.0, "rtol": 1.0}),
    ("linalg.matrix_power", (well(3, 2), 0)),
    ("linalg.matrix_power", (matrix(3, 3), 1)),
    ("linalg.matrix_power", (matrix(3, 3), 3)),
    ("linalg.matrix_power", (np.array([[1, 1], [1, 0]]), 20)),
    ("linalg.matrix_power", (well(3, 2), -2)),
    ("linalg.matrix_power", (matrix(3, 3), 1.5)),
    ("linalg.matrix_power", (SINGULAR, -1)),
    ("linalg.matrix_power", (matrix(3, 2), 2)),
    ("linalg.multi_dot", ([matrix(4, 2), matrix(2, 5), matrix(5, 3), matrix(3, 4)],)),
    ("linalg.multi_dot", ([matrix(4), matrix(4, 5), matrix(5, 3), matrix(3)],)),
    ("linalg.multi_dot", ([matrix(4, 5), matrix(5)],)),
    ("linalg.multi_dot", ([matrix(4, 5)],)),
    ("linalg.multi_dot", ([matrix(4, 5), matrix(2, 5, 5), matrix(5, 3)],)),
    ("linalg.multi_dot", ([matrix(4, 5), matrix(4, 5), matrix(5, 3)],)),
    ("linalg.cond", (well(3, 2),)),
    ("linalg.cond", (matrix(4, 3), -2)),
    ("linalg.cond", (well(3, 2), 1)),
    ("linalg.cond", (well(3), "fro")),
    ("linalg.cond", (np.stack([well(2), SINGULAR]), np.inf)),
    ("linalg.cond", (NAN, 1)),
    ("linalg.cond", (np.zeros((2, 2)), "nuc")),
    ("linalg.cond", (np.ones((0, 2)),)),
    ("linalg.cond", (matrix(3, 2), 1)),
    ("linalg.tensorsolve", (np.eye(6).reshape(2, 3, 6) + 0.1, matrix(2, 3))),
    ("linalg.tensorsolve", (well(6).reshape(2, 3, 3, 2), matrix(2, 3))),
    ("linalg.tensorsolve", (well(6).reshape(2, 6, 3), matrix(2, 3)), {"axes": (1,)}),
    ("linalg.tensorsolve", (matrix(2, 3, 4), matrix(2, 3))),
    ("linalg.tensorinv", (well(6).reshape(2, 3, 3, 2),)),
    ("linalg.tensorinv", (well(6).reshape(6, 2, 3),), {"ind": 1}),
    ("linalg.tensorinv", (well(6), 0)),
    ("linalg.matrix_transpose", (matrix(2, 3, 4),)),
    ("linalg.matrix_transpose", (matrix(2),)),
    ("linalg.trace", (np.arange(24).reshape(2, 3, 4),), {"offset": 1}),
    ("linalg.trace", (matrix(3, 3, dtype="f"),), {"dtype": "d"}),
    ("linalg.diagonal", (matrix(2, 3, 4),), {"offset": -1}),
    ("linalg.outer", (np.arange(3), np.arange(2.0))),
    ("linalg.outer", (matrix(3, 1), np.arange(2.0))),
    ("linalg.cross", (matrix(2, 3), matrix(3))),
    ("linalg.cross", (matrix(3, 2), matrix(3, 2)), {"axis": 0}),
    ("linalg.cross", (matrix(2), matrix(2))),
    ("linalg.vecdot", (matrix(2, 3, dtype="D"), matrix(3))),
    ("linalg.tensordot", (matrix(2, 3), matrix(3, 2)), {"axes": 1}),
    ("linalg.matmul", (matrix(2, 3), matrix(3, 2))),
    ("linalg.matrix_norm", (matrix(2, 3, 4),)),
    ("linalg.matrix_norm", (matrix(2, 3, 4),), {"ord": 2, "keepdims": True}),
    ("linalg.matrix_norm", (np.ones((0, 4)),), {"ord": 2}),
    ("linalg.matrix_norm", (np.ones((0, 4)),), {"ord": -1}),
    ("linalg.vector_norm", (matrix(2, 3, 4),)),
    ("linalg.vector_norm", (matrix(2, 3, 4),), {"axis": (2, 0), "keepdims": True}),
    ("linalg.vector_norm", (matrix(2, 3, 4),), {"axis": 1, "ord": 3}),
    ("linalg.vector_norm", (np.float32(-2),)),
    ("linalg.vector_norm", (np.ones(0),), {"ord": np.inf}),
    ("linalg.norm", (matrix(2, 3, 4), None, (0, 1, 2))),
    ("linalg.norm", (matrix(3, 4), None, "a")),
    ("linalg.norm", (np.arange(4),), {"keepdims": True}),
)  # fmt: skip
def test_against_numpy(name, args, keywords):
    check_call(name, args, keywords, tolerance=3e-5 if _single(args) else 1e-9)


def _single(args):
    return any(isinstance(a, np.ndarray) and a.dtype.char in "fF" for a in args)


@pytest.mark.parametrize("ord", [None, "fro", "nuc", 1, 2, 3, 0, 0.5, np.inf, -np.inf, -1, -2, "x"])
@pytest.mark.parametrize("axis", [None, 0, (0, 1), (1, 0), (1, 1), 5])
@pytest.mark.parametrize("dtype", ["d", "F"])
def test_norms(ord, axis, dtype):
    a = matrix(4, 5, dtype=dtype)
    tolerance = 1e-5 if dtype == "F" else 1e-12
    check(lambda xp, a: xp.linalg.norm(a, ord, axis), a, tolerance=tolerance)
    check(lambda xp, a: xp.linalg.norm(a, ord, axis, keepdims=True), a, tolerance=tolerance)


@pytest.mark.parametrize("name", ["eigh", "eig", "svd", "qr", "slogdet"])
def test_results_have_names(name):
    ours = getattr(linalg, name)(ndgpu.asarray(positive(3)))
    theirs = getattr(np.linalg, name)(positive(3))
    assert type(ours).__name__ == type(theirs).__name__
    assert ours._fields == theirs._fields
    assert [x.dtype for x in ours] == [x.dtype for x in theirs]
    assert [x.shape for x in ours] == [x.shape for x in theirs]


@pytest.mark.parametrize("dtype", ["f", "d", "F", "D", "i"])
@pytest.mark.parametrize("shape", [(1, 1), (3, 3), (2, 3, 5), (5, 2)])
@pytest.mark.parametrize("full", [False, True])
def test_singular_vectors(shape, dtype, full):
    a = matrix(*shape, dtype=dtype) if dtype != "i" else RNG.integers(-9, 9, shape, dtype)
    u, s, vh = linalg.svd(ndgpu.asarray(a), full)
    expected = np.linalg.svd(a, full)
    for got, want in zip((u, s, vh), expected, strict=True):
        assert got.dtype == want.dtype and got.shape == want.shape
    k = s.shape[-1]
    tolerance = 1e-4 if s.dtype == "f" else 1e-11
    compare(s, expected.S, tolerance)
    compare((u[..., :k] * s[..., None, :]) @ vh[..., :k, :], a.astype(u.dtype), tolerance)


@pytest.mark.parametrize("dtype", ["f", "d", "F", "D"])
def test_eigenvectors(dtype):
    tolerance = 1e-3 if dtype in "fF" else 1e-11
    a = matrix(2, 5, 5, dtype=dtype)
    w, v = linalg.eig(ndgpu.asarray(a))
    assert (w.dtype, v.dtype) == tuple(x.dtype for x in np.linalg.eig(a))
    compare(ndgpu.asarray(a) @ v, (v * w[:, None]).get(), tolerance)
    compare(ndgpu.sort(linalg.eigvals(ndgpu.asarray(a))), np.sort(w.get()), tolerance)
    p = positive(4, dtype=dtype)
    for triangle, keep in (("L", np.tril), ("u", np.triu)):
        w, v = linalg.eigh(ndgpu.asarray(keep(p)), triangle)
        compare(w, np.linalg.eigvalsh(p), tolerance)
        compare(v.conj().T @ v, np.eye(4, dtype=dtype), tolerance)
        compare(ndgpu.asarray(p) @ v, (v * w).get(), tolerance)


def test_eigenvalues_of_a_rotation_are_complex():
    check(lambda xp, a: xp.sort(xp.linalg.eigvals(a).imag), np.array([[0.0, -1], [1, 0]]))
    w, v = linalg.eig(ndgpu.asarray(np.diag([1.0, 2.0]).astype("f")))
    assert w.dtype == v.dtype == np.float32


def test_deprecated_modes_warn():
    a = ndgpu.asarray(matrix(3, 2))
    with pytest.warns(DeprecationWarning, match="full"):
        assert linalg.qr(a, "full").Q.shape == (3, 2)
    with pytest.warns(DeprecationWarning, match="economic"):
        assert linalg.qr(a, "economic").shape == (3, 2)


def test_the_product_of_many_matrices_into_an_array():
    factors = [matrix(3, 4), matrix(4, 2), matrix(2, 3)]
    out = ndgpu.empty((3, 3))
    assert linalg.multi_dot([ndgpu.asarray(a) for a in factors], out=out) is out
    compare(out, np.linalg.multi_dot(factors))


def test_results_own_their_memory():
    a = ndgpu.asarray(well(3, 2))
    for x in (linalg.inv(a), linalg.solve(a, a), *linalg.svd(a), *linalg.eigh(a)):
        assert x.base is None
