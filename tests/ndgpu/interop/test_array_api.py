"""The array API standard: every name of revision 2024.12, and what its own suite found here."""

import numpy as np
import pytest

import ndgpu
from ndgpu.interop import array_api

NAMES = {
    "": """
        e inf nan newaxis pi
        arange asarray empty empty_like eye from_dlpack full full_like linspace meshgrid ones
        ones_like tril triu zeros zeros_like
        astype can_cast finfo iinfo isdtype result_type
        bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float32 float64 complex64 complex128
        abs acos acosh add asin asinh atan atan2 atanh bitwise_and bitwise_left_shift
        bitwise_invert bitwise_or bitwise_right_shift bitwise_xor ceil clip conj copysign cos cosh
        divide equal exp expm1 floor floor_divide greater greater_equal hypot imag isfinite isinf
        isnan less less_equal log log1p log2 log10 logaddexp logical_and logical_not logical_or
        logical_xor maximum minimum multiply negative nextafter not_equal positive pow real
        reciprocal remainder round sign signbit sin sinh square sqrt subtract tan tanh trunc
        take take_along_axis
        matmul matrix_transpose tensordot vecdot
        broadcast_arrays broadcast_to concat expand_dims flip moveaxis permute_dims repeat reshape
        roll squeeze stack tile unstack
        argmax argmin count_nonzero nonzero searchsorted where
        unique_all unique_counts unique_inverse unique_values
        argsort sort
        cumulative_sum cumulative_prod max mean min prod std sum var
        all any diff
        __array_namespace_info__ __array_api_version__ linalg fft
        """,
    "linalg": """
        cholesky cross det diagonal eigh eigvalsh inv matmul matrix_norm matrix_power matrix_rank
        matrix_transpose outer pinv qr slogdet solve svd svdvals tensordot trace vecdot vector_norm
        """,
    "fft": """
        fft ifft fftn ifftn rfft irfft rfftn irfftn hfft ihfft fftfreq rfftfreq fftshift ifftshift
        """,
    "ndarray": """
        dtype device mT ndim shape size T to_device
        __abs__ __add__ __and__ __array_namespace__ __bool__ __complex__ __dlpack__
        __dlpack_device__ __eq__ __float__ __floordiv__ __ge__ __getitem__ __gt__ __index__ __int__
        __invert__ __le__ __lshift__ __lt__ __matmul__ __mod__ __mul__ __ne__ __neg__ __or__
        __pos__ __pow__ __rshift__ __setitem__ __sub__ __truediv__ __xor__
        """,
}


@pytest.mark.parametrize(
    "name",
    [f"{room}.{name}".lstrip(".") for room, names in NAMES.items() for name in names.split()],
)
def test_a_name_of_the_standard(name):
    found = ndgpu
    for part in name.split("."):
        found = getattr(found, part)


def test_the_namespace_of_an_array():
    x = ndgpu.ones(2)
    assert x.__array_namespace__() is ndgpu
    for version in ("2021.12", "2022.12", "2023.12", "2024.12"):
        assert x.__array_namespace__(api_version=version) is ndgpu
    with pytest.raises(ValueError, match=r"2019\.12"):
        x.__array_namespace__(api_version="2019.12")
    assert ndgpu.__array_api_version__ == array_api.VERSION == "2024.12"


def test_inspection():
    info = ndgpu.__array_namespace_info__()
    theirs = np.__array_namespace_info__()
    assert info.capabilities() == theirs.capabilities()
    assert info.default_dtypes() == theirs.default_dtypes()
    assert info.default_device() == ndgpu.cuda.Device(0)
    assert info.devices() == [ndgpu.cuda.Device(0), ndgpu.cuda.Device(1)]
    with ndgpu.cuda.Device(1):
        assert info.default_device() == ndgpu.cuda.Device(1)
        assert ndgpu.ones(2).device == info.default_device()


KINDS = (None, "bool", "signed integer", "unsigned integer", "integral", "real floating")
KINDS += ("complex floating", "numeric", ("bool", "integral"), ())


@pytest.mark.parametrize("kind", KINDS)
def test_dtypes_by_kind(kind):
    ours = ndgpu.__array_namespace_info__().dtypes(kind=kind)
    assert ours == np.__array_namespace_info__().dtypes(kind=kind)


def test_what_is_no_kind_or_device():
    info = ndgpu.__array_namespace_info__()
    with pytest.raises(ValueError, match="unsupported kind: 'float'"):
        info.dtypes(kind="float")
    for ask in (info.dtypes, info.default_dtypes):
        assert ask(device=1) == ask()
        with pytest.raises(ValueError, match="no device 9"):
            ask(device=9)


MAKERS = {
    "arange": lambda **k: ndgpu.arange(3, **k),
    "asarray": lambda **k: ndgpu.asarray([1, 2], **k),
    "empty": lambda **k: ndgpu.empty(3, **k),
    "empty_like": lambda **k: ndgpu.empty_like(ndgpu.ones(2), **k),
    "eye": lambda **k: ndgpu.eye(3, **k),
    "from_dlpack": lambda **k: ndgpu.from_dlpack(ndgpu.ones(2), **k),
    "full": lambda **k: ndgpu.full(3, 2.5, **k),
    "full_like": lambda **k: ndgpu.full_like(ndgpu.ones(2), 3, **k),
    "linspace": lambda **k: ndgpu.linspace(0, 1, 3, **k),
    "ones": lambda **k: ndgpu.ones(3, **k),
    "ones_like": lambda **k: ndgpu.ones_like(ndgpu.zeros(2), **k),
    "zeros": lambda **k: ndgpu.zeros(3, **k),
    "zeros_like": lambda **k: ndgpu.zeros_like(ndgpu.ones(2), **k),
    "astype": lambda **k: ndgpu.astype(ndgpu.ones(2), "f4", **k),
    "fftfreq": lambda **k: ndgpu.fft.fftfreq(4, **k),
    "rfftfreq": lambda **k: ndgpu.fft.rfftfreq(4, **k),
}


@pytest.mark.parametrize("name", MAKERS)
def test_an_array_is_made_on_the_device_asked_for(name):
    for device in (1, ndgpu.cuda.Device(1)):
        made = MAKERS[name](device=device)
        assert made.device == ndgpu.cuda.Device(1)
        np.testing.assert_array_equal(made.get().shape, MAKERS[name]().shape)
        if not name.startswith("empty"):
            np.testing.assert_array_equal(made.get(), MAKERS[name]().get())


@pytest.mark.parametrize("name", ["fftfreq", "rfftfreq"])
def test_frequencies_of_a_dtype(name):
    function = getattr(ndgpu.fft, name)
    for dtype in ("f4", "f8"):
        assert function(5, 0.5, dtype=dtype).dtype == dtype
        np.testing.assert_allclose(function(5, 0.5, dtype=dtype).get(), function(5, 0.5).get())
    with pytest.raises(TypeError, match="real floating dtype, not int64"):
        function(5, dtype=int)


def test_to_device():
    x = ndgpu.arange(3)
    assert x.to_device(x.device) is x
    for stream in (None, ndgpu.cuda.Stream.null):
        y = x.to_device(ndgpu.cuda.Device(1), stream=stream)
        assert y.device == ndgpu.cuda.Device(1) and y.tolist() == [0, 1, 2]


# What the standard's suite found: the smallest case of each.

NAN = float("nan")


@pytest.mark.parametrize("z", [complex(0, NAN), complex(-0.0, NAN), complex(NAN, 0)])
@pytest.mark.parametrize("dtype", ["c8", "c16"])
def test_inverse_functions_of_zero_and_nan(z, dtype):
    host = np.array([z], dtype)
    for name in ("arccos", "arccosh", "arctanh", "arcsin", "arcsinh", "arctan"):
        assert repr(getattr(ndgpu, name)(ndgpu.asarray(host)).get()) == repr(
            getattr(np, name)(host)
        )


def test_vecdot_counts_an_axis_in_each_array():
    a, b = np.arange(60.0).reshape(4, 3, 5), np.arange(15.0).reshape(3, 5)
    for x, y, axis in ((a, b, -2), (a, b, -1), (a, np.ones((4, 5)), 0), (b, b, 1)):
        ours = ndgpu.vecdot(ndgpu.asarray(x), ndgpu.asarray(y), axis=axis)
        np.testing.assert_allclose(ours.get(), np.vecdot(x, y, axis=axis))


@pytest.mark.parametrize(
    "shapes, axis",
    [(((2, 3), (2, 1)), -1), (((), (3,)), -1), (((3,), (3,)), 5), (((3,), (1,)), 0)],
)
def test_vecdot_refuses_what_numpy_refuses(shapes, axis):
    host = [np.ones(shape) for shape in shapes]
    with pytest.raises(ValueError) as theirs:
        np.vecdot(*host, axis=axis)
    with pytest.raises(ValueError) as ours:
        ndgpu.vecdot(*map(ndgpu.asarray, host), axis=axis)
    assert type(ours.value) is type(theirs.value)


@pytest.mark.parametrize("axis", [0, 1, -1, None])
@pytest.mark.parametrize("dtype", ["i4", "f8", "c16"])
def test_a_descending_sort_is_stable(rng, axis, dtype):
    host = rng.integers(0, 4, (6, 5)).astype(dtype)
    x = ndgpu.asarray(host)
    wanted = np.flip(np.sort(host, axis), -1 if axis is None else axis)
    np.testing.assert_array_equal(ndgpu.sort(x, axis, descending=True).get(), wanted)
    order = ndgpu.argsort(x, axis, descending=True, stable=True).get()
    rows = host.ravel() if axis is None else host
    k = 0 if axis is None else axis
    np.testing.assert_array_equal(np.take_along_axis(rows, order, k), wanted)
    # Among equal elements the first stays first.
    ranks = -rows.real.astype(int) * 100 + np.indices(rows.shape)[k]
    np.testing.assert_array_equal(order, np.argsort(ranks, k))


def test_a_descending_sort_puts_nan_first():
    x = ndgpu.asarray([1.0, NAN, 3.0, -0.5])
    np.testing.assert_array_equal(ndgpu.sort(x, descending=True).get(), [NAN, 3, 1, -0.5])


@pytest.mark.parametrize("shape", [(0, 4), (3, 0), (0, 0), (0,)])
def test_a_mask_without_elements_picks_nothing(shape):
    host = np.arange(12.0).reshape(3, 4)
    x, mask = ndgpu.asarray(host), ndgpu.zeros(shape, bool)
    assert x[mask].shape == host[mask.get()].shape
    x[mask] = 5
    x[mask] = ndgpu.ones(host[mask.get()].shape)
    np.testing.assert_array_equal(x.get(), host)
    with pytest.raises(ValueError, match="shape mismatch"):
        x[mask] = ndgpu.ones(2)
    with pytest.raises(IndexError, match="boolean index did not match"):
        x[ndgpu.zeros((0, 5), bool)]


@pytest.mark.parametrize("dtype", ["c8", "c16"])
def test_expm1_at_infinity(dtype):
    # NumPy gives NaN for the first four.
    inf = float("inf")
    z = [complex(-inf, inf), complex(-inf, NAN), complex(inf, inf), complex(inf, NAN)]
    z += [complex(-inf, 1), complex(NAN, 0), complex(1, inf)]
    got = ndgpu.expm1(ndgpu.asarray(np.array(z, dtype))).get()
    wanted = [-1, -1, complex(inf, NAN), complex(inf, NAN), -1, complex(NAN, 0), complex(NAN, NAN)]
    np.testing.assert_array_equal(got.real, np.real(wanted))
    np.testing.assert_array_equal(got.imag, np.imag(wanted))
