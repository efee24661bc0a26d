"""Products with a bias and an activation, and of 8-bit floats: own way, and by cuBLASLt."""

import ctypes

import numpy as np
import pytest
from tests.ndgpu.linalg.fakes import Function, matrix, store, wait

import ndgpu
from ndgpu.linalg import cublaslt, epilogues
from ndgpu.linalg.cublas import CuBlasError

RNG = np.random.default_rng(8)
TYPES = {0: "f", 1: "d", 2: "e", 4: "F", 5: "D", 28: "u1"}


class FakeCuBlasLt:
    """cuBLASLt as its documentation has it, on memory that the processor reads."""

    def __init__(self):
        self.made, self.asked, self.calls = {}, [], 0
        self.cublasLtGetStatusString = Function(lambda status: b"not supported")
        self.cublasLtCreate = Function(lambda handle: store(handle, 3) or 0)
        self.cublasLtDestroy = Function(lambda handle: 0)
        for kind in ("MatmulDesc", "MatrixLayout", "MatmulPreference"):
            setattr(self, f"cublasLt{kind}Create", Function(self.create))
            setattr(
                self, f"cublasLt{kind}Destroy", Function(lambda made: self.made.pop(made) and 0)
            )
            setattr(self, f"cublasLt{kind}SetAttribute", Function(self.set))
        self.cublasLtMatmulAlgoGetHeuristic = Function(self.propose)
        self.cublasLtMatmul = Function(self.multiply)

    def create(self, made, *told):
        number = max(self.made, default=0) + 8
        self.made[number] = {"told": told}
        store(made, number)
        return 0

    def destroy(self, made):
        del self.made[made]
        return 0

    def set(self, made, attribute, value, size):
        self.made[made][attribute] = value._obj.value
        assert size == ctypes.sizeof(value._obj)
        return 0

    def propose(self, handle, operation, a, b, c, d, preference, wanted, found, count):
        assert c == d and wanted == 1
        self.asked.append(self.made[preference])
        found._obj.workspace = 64
        store(count, 1)
        return 0

    def multiply(self, h, operation, alpha, a, ad, b, bd, beta, c, cd, d, dd, algo, space, size, s):
        assert c == d and cd == dd and space and size == 64
        self.calls += 1
        wait()
        said = self.made[operation]
        factors = []
        for address, made, flipped in ((a, ad, said[3]), (b, bd, said[4])):
            code, rows, columns, leading = self.made[made]["told"]
            found = matrix(address, np.dtype(TYPES[code]), rows, columns, leading)
            if code == 28:
                found = epilogues._values("e4m3")[found]
            factors.append(found.T if flipped else found)
        code, rows, columns, leading = self.made[dd]["told"]
        target = matrix(d, np.dtype(TYPES[code]), rows, columns, leading)
        scales = [ctypes.c_float.from_address(said[k]).value if k in said else 1 for k in (17, 18)]
        result = factors[0].astype(result_type(target)) @ factors[1].astype(result_type(target))
        result *= scales[0] * scales[1]
        if said[7] & 4:
            result += matrix(said[8], target.dtype, rows, 1, rows)
        target[...] = finish(result, {0: None, 2: "relu", 32: "gelu"}[said[7] & ~5])
        return 0


def result_type(a):
    return np.float32 if a.dtype.itemsize == 2 else a.dtype


def finish(x, activation):
    if activation == "relu":
        return np.maximum(x, 0)
    if activation == "gelu":
        return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
    return x


@pytest.fixture(params=["own", "cublaslt"])
def way(request, monkeypatch):
    if request.param == "own":
        monkeypatch.setattr(epilogues, "_library", lambda device: None)
        return None
    if ndgpu.cuda.kind() != "host":
        return None  # what the device has
    fake = FakeCuBlasLt()
    library = cublaslt.CuBlasLt(fake)
    monkeypatch.setattr(epilogues, "_library", lambda device: library)
    return fake


def values(*shape, dtype="d"):
    found = RNG.standard_normal(shape)
    if np.dtype(dtype).kind == "c":
        found = found + 1j * RNG.standard_normal(shape)
    return found.astype(dtype)


LAYOUTS = {
    "dense": lambda a: a,
    "transposed": lambda a: a.T.copy().T,
    "strided": lambda a: np.repeat(a, 2, 1)[:, ::2],
}


@pytest.mark.parametrize("activation", [None, "relu", "gelu"])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("dtype", ["e", "f", "d"])
def test_linear(way, dtype, bias, activation):
    x, w = values(4, 3, dtype=dtype), values(5, 3, dtype=dtype)
    b = values(5, dtype=dtype) if bias else None
    wide = np.float32 if dtype == "e" else dtype
    expected = x.astype(wide) @ w.astype(wide).T + (0 if b is None else b.astype(wide))
    got = ndgpu.linalg.linear(ndgpu.asarray(x), w, b, activation)
    assert got.dtype == np.dtype(dtype)
    limit = {"e": 4e-3, "f": 1e-5, "d": 1e-12}[dtype]
    np.testing.assert_allclose(got.get(), finish(expected, activation), limit, limit)
    assert way is None or way.calls == 1


@pytest.mark.parametrize("first", LAYOUTS)
@pytest.mark.parametrize("second", LAYOUTS)
def test_layouts(way, first, second):
    x, w = LAYOUTS[first](values(4, 3)), LAYOUTS[second](values(5, 3))
    got = ndgpu.linalg.linear(as_laid(x), as_laid(w))
    np.testing.assert_allclose(got.get(), x @ w.T, 1e-12)


def as_laid(a):
    """A device array with the strides of `a`."""
    if a.flags.c_contiguous:
        return ndgpu.asarray(a)
    if a.flags.f_contiguous:
        return ndgpu.asarray(np.ascontiguousarray(a.T)).T
    return ndgpu.asarray(np.repeat(a, 2, 1))[:, ::2]


def test_shapes_and_complex_numbers(way):
    x, w = values(2, 3, 4, dtype="F"), values(5, 4, dtype="F")
    got = ndgpu.linalg.linear(x, w)
    np.testing.assert_allclose(got.get(), x @ w.T, 1e-5, 1e-5)
    assert ndgpu.linalg.linear(np.ones((0, 4)), np.ones((5, 4))).shape == (0, 5)
    empty = ndgpu.linalg.linear(np.ones((2, 0)), np.ones((3, 0)), np.ones(3))
    assert (empty.get() == 1).all()


@pytest.mark.parametrize("way", ["cublaslt"], indirect=True)
def test_heuristics_are_asked_once_for_a_shape(way):
    if way is None:
        pytest.skip("the device's own cuBLASLt does not tell what it was asked")
    x, w = ndgpu.ones((4, 3)), ndgpu.ones((5, 3))
    for _ in range(3):
        ndgpu.linalg.linear(x, w)
    assert len(way.asked) == 1 and way.calls == 3
    assert all(way.asked[0][k] in (16, 32, 64, 128, 256) for k in (5, 6, 7, 8))
    assert not way.made  # every descriptor was destroyed


@pytest.mark.parametrize("way", ["cublaslt"], indirect=True)
def test_what_cublaslt_does_not_support_is_done_otherwise(way):
    if way is None:
        pytest.skip("the device's own cuBLASLt cannot be made to refuse")
    way.cublasLtMatmulAlgoGetHeuristic.body = lambda *args: 15
    assert (ndgpu.linalg.linear(np.ones((2, 3)), np.ones((4, 3))).get() == 3).all()
    assert way.calls == 0
    way.cublasLtMatmulAlgoGetHeuristic.body = lambda *args: 7
    with pytest.raises(CuBlasError, match="GetHeuristic failed with status 7"):
        ndgpu.linalg.linear(np.ones((2, 3)), np.ones((4, 3)))


def test_what_linear_refuses():
    with pytest.raises(ValueError, match="`activation` is one of"):
        ndgpu.linalg.linear(np.ones((2, 3)), np.ones((4, 3)), None, "sine")
    with pytest.raises(ValueError, match=r"`x` must be \(..., k\)"):
        ndgpu.linalg.linear(np.ones((2, 3)), np.ones((4, 2)))
    with pytest.raises(ValueError, match=r"`bias` must have shape \(4,\)"):
        ndgpu.linalg.linear(np.ones((2, 3)), np.ones((4, 3)), np.ones(3))
    with pytest.raises(TypeError, match="floating"):
        ndgpu.linalg.linear(np.ones((2, 3), int), np.ones((4, 3), int))


@pytest.mark.parametrize("form", ["e4m3", "e5m2"])
def test_values_of_bytes(form):
    import ml_dtypes

    name = {"e4m3": "float8_e4m3fn", "e5m2": "float8_e5m2"}[form]
    theirs = np.arange(256, dtype=np.uint8).view(getattr(ml_dtypes, name)).astype(np.float32)
    np.testing.assert_array_equal(epilogues._values(form), theirs)


@pytest.mark.parametrize("dtype", ["f", "e"])
def test_products_of_8_bit_floats(way, dtype, monkeypatch):
    monkeypatch.setattr(epilogues, "_has_fp8", lambda device: True)
    x = RNG.integers(0, 60, (16, 32), np.uint8)
    w = RNG.integers(0, 60, (48, 32), np.uint8)
    table = epilogues._values("e4m3")
    expected = 6 * table[x] @ table[w].T
    got = ndgpu.linalg.matmul_fp8(x, w, scale_x=2.0, scale_w=3.0, dtype=dtype)
    assert got.dtype == np.dtype(dtype)
    np.testing.assert_allclose(got.get(), expected, 2e-3)
    assert way is None or way.calls == 1
    odd = ndgpu.linalg.matmul_fp8(x[:5, :7], w[:, :7])  # lengths that tensor cores do not take
    np.testing.assert_allclose(odd.get(), table[x[:5, :7]] @ table[w[:, :7]].T, 1e-5)
    assert way is None or way.calls == 1


def test_what_matmul_fp8_refuses():
    x = np.ones((2, 3), np.uint8)
    for args, keywords, error in (
        ((x, x[:, :2]), {}, ValueError),
        ((x, x), {"formats": ("e4m3", "e3m4")}, ValueError),
        ((x.astype("f"), x), {}, TypeError),
        ((x, x), {"dtype": "d"}, TypeError),
    ):
        with pytest.raises(error, match="matmul_fp8"):
            ndgpu.linalg.matmul_fp8(*args, **keywords)
