"""Products of matrices against NumPy, by each of the ways that can run here."""

import numpy as np
import pytest
from tests.ndgpu.core.differential import check, compare
from tests.ndgpu.linalg.fakes import FakeCuBlas, Function

import ndgpu
from ndgpu.linalg import blas, cublas, kernel

RNG = np.random.default_rng(11)


def factor(shape, dtype="f8"):
    values = RNG.integers(-4, 5, shape)
    if np.dtype(dtype).kind == "c":
        return (values + 1j * RNG.integers(-4, 5, shape)).astype(dtype)
    return np.abs(values).astype(dtype) if np.dtype(dtype).kind in "ub" else values.astype(dtype)


SHAPES = [
    ((3, 4), (4, 5)),
    ((4,), (4, 5)),
    ((3, 4), (4,)),
    ((4,), (4,)),
    ((2, 3, 4), (4, 5)),
    ((3, 4), (2, 4, 5)),
    ((2, 1, 3, 4), (6, 4, 5)),
    ((2, 3, 4), (4,)),
    ((4,), (2, 4, 3)),
    ((0, 4), (4, 3)),
    ((3, 0), (0, 5)),
    ((1, 1), (1, 1)),
    ((33, 17), (17, 65)),
    ((3, 4), (3, 4)),
    ((2, 3, 4), (3, 4, 5)),
    ((), (3,)),
    ((3,), ()),
]


@pytest.mark.parametrize(("a", "b"), SHAPES, ids=repr)
def test_shapes_and_errors_of_matmul(a, b):
    check(lambda xp, a, b: xp.matmul(a, b), factor(a), factor(b))


@pytest.mark.parametrize(("a", "b"), SHAPES, ids=repr)
def test_shapes_and_errors_of_dot(a, b):
    check(lambda xp, a, b: xp.dot(a, b), factor(a), factor(b))
    check(lambda xp, a, b: xp.inner(a, b), factor(a), factor(b))


@pytest.mark.parametrize("dtype", ["?", "i1", "u2", "i4", "i8", "e", "f4", "f8", "F", "D"])
def test_dtypes(dtype):
    a, b = factor((2, 20, 33), dtype), factor((33, 18), dtype)
    check(lambda xp, a, b: a @ b, a, b)
    check(lambda xp, a, b: xp.dot(a, b), a, b)


def test_mixed_dtypes():
    check(lambda xp, a, b: a @ b, factor((3, 4), "i4"), factor((4, 5), "f4"))
    check(lambda xp, a, b: xp.matmul(a, b, dtype="f4"), factor((3, 4)), factor((4, 5)))
    check(lambda xp, a, b: xp.matmul(a, b, dtype="i4"), factor((3, 4)), factor((4, 5)))
    check(lambda xp, a, b: [[1, 2], [3, 4]] @ b, factor(1), factor((2, 2)))


@pytest.fixture(params=["offered", "kernel"])
def way(request, monkeypatch):
    """The way that the device offers, then the package's own kernel."""
    if request.param == "kernel":
        monkeypatch.setattr(blas, "_ways", lambda device_id: ())


LAYOUTS = {
    "dense": lambda a: a,
    "transposed": lambda a: a.swapaxes(-1, -2),
    "strided": lambda a: a[..., ::2, ::3],
    "negative": lambda a: a[..., ::-1, :],
    "stack transposed": lambda a: a.transpose(1, 0, 2),
    "one for all": lambda a: np.broadcast_to(a[:1], a.shape),
}


@pytest.mark.parametrize("first", LAYOUTS)
@pytest.mark.parametrize("second", ["dense", "transposed", "strided"])
@pytest.mark.usefixtures("way")
def test_layouts(first, second):
    a = LAYOUTS[first](factor((6, 6, 6), "f4"))
    b = LAYOUTS[second](factor((6, 6, 6), "f4"))
    k = min(a.shape[-1], b.shape[-2])
    n = min(a.shape[0], b.shape[0])
    check(lambda xp, a, b: a @ b, a[:n, :, :k], b[:n, :k])


def test_out():
    a, b = factor((3, 4)), factor((4, 3))
    check(lambda xp, a, b: xp.matmul(a, b, out=xp.zeros((3, 3))), a, b)
    check(lambda xp, a, b: xp.matmul(a, b, out=xp.zeros((3, 3), "F")), a, b, tolerance=1e-5)
    check(lambda xp, a, b: xp.matmul(a, b, xp.zeros((3, 3), "i4")), a, b)
    check(lambda xp, a, b: xp.matmul(a, b, out=xp.zeros((3, 4))), a, b)
    x = ndgpu.asarray(factor((3, 3)))
    expected = x.get() @ x.get()
    assert ndgpu.matmul(x, x, out=x) is x
    compare(x, expected)


def test_other_products():
    a, b = factor((3, 4, 5)), factor((4, 3, 2))
    check(lambda xp, a, b: xp.tensordot(a, b, axes=([1, 0], [0, 1])), a, b)
    check(lambda xp, a, b: xp.tensordot(a, b, axes=0), a, b[0])
    check(lambda xp, a, b: xp.tensordot(a, b, axes=(0, 1)), a, b)
    check(lambda xp, a, b: xp.tensordot(a, b), a, b)  # lengths differ
    check(lambda xp, a: xp.outer(a, a[0]), a)
    check(lambda xp, a: xp.vdot(a, a), factor((3, 2), "F"))
    check(lambda xp, a, b: xp.vdot(a, b), a, b)
    check(lambda xp, a: xp.vecdot(a, a), factor((3, 2), "D"))
    check(lambda xp, a, b: xp.vecdot(a, b, axis=0), factor((3, 2)), factor((3, 1)))


def test_the_kernel_adds_up_sixteen_bit_floats_in_float():
    a = ndgpu.ones((1, 1, 3000), "f2")
    c = ndgpu.zeros((1, 1, 1), "f4").astype("f2")
    kernel.multiply(a, ndgpu.ones((1, 3000, 1), "f2"), c)
    assert c.item() == 3000


@pytest.mark.parametrize("first", LAYOUTS)
@pytest.mark.parametrize("second", LAYOUTS)
def test_what_cublas_is_asked_for(first, second, monkeypatch):
    if ndgpu.cuda.kind() != "host":
        pytest.skip("the processor cannot read this device's memory")
    library = FakeCuBlas()
    monkeypatch.setattr(blas, "_ways", lambda device: (cublas.Multiplier(library).multiply,))
    a, b = LAYOUTS[first](factor((6, 6, 6), "f4")), LAYOUTS[second](factor((6, 6, 6), "f4"))
    k, n = min(a.shape[-1], b.shape[-2]), min(a.shape[0], b.shape[0])
    check(lambda xp, a, b: a @ b, a[:n, :, :k], b[:n, :k])
    check(lambda xp, a, b: a @ b, a[0, :1, :k], b[0, :k, :1])
    assert [count for _, _, count in library.calls] == [n, 1]
    check(lambda xp, a, b: a @ b, factor((3, 4), "i4"), factor((4, 5), "i4"))
    assert len(library.calls) == 2


def test_a_failure_of_cublas_is_named(monkeypatch):
    library = FakeCuBlas()
    library.cublasCreate_v2 = Function(lambda *args: 1)
    monkeypatch.setattr(blas, "_ways", lambda device: (cublas.Multiplier(library).multiply,))
    with pytest.raises(cublas.CuBlasError, match=r"cublasCreate_v2 failed with status 1 \(the lib"):
        ndgpu.ones((2, 2)) @ ndgpu.ones((2, 2))


@pytest.mark.parametrize(
    ("name", "dtype", "expected"),
    [("float32", "f", 68), ("tf32", "f", 77), ("bfloat16", "F", 75), ("tf32", "d", 70)],
)
def test_the_precision_that_cublas_is_asked_for(name, dtype, expected, monkeypatch):
    if ndgpu.cuda.kind() != "host":
        pytest.skip("the processor cannot read this device's memory")
    library = FakeCuBlas()
    monkeypatch.setattr(blas, "_ways", lambda device: (cublas.Multiplier(library).multiply,))
    with ndgpu.linalg.precision(name):
        assert ndgpu.linalg.get_precision() == name
        ndgpu.ones((2, 2), dtype) @ ndgpu.ones((2, 2), dtype)
    assert library.calls[0][1] == expected
    assert ndgpu.linalg.get_precision() == "float32"


def test_a_precision_that_there_is_not():
    with pytest.raises(ValueError, match="expected one of float32"):
        ndgpu.linalg.set_precision("float64")


def test_products_and_transforms_take_part_in_a_graph():
    a, b, c = (ndgpu.ones((4, 4)) for _ in range(3))
    stream = ndgpu.cuda.Stream(non_blocking=True)
    with stream:
        first = a @ b  # memory and kernels are there before the capture
        c[...] = first + 1
        ndgpu.fft.fft(c).real.sum()
        stream.synchronize()
        stream.begin_capture()
        c[...] = a @ b + 1
        graph = stream.end_capture()
        a[...] = 2
        graph.launch(stream)
        stream.synchronize()
    assert (c.get() == 9).all()
