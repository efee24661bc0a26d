"""numpy.fft's functions compared with NumPy: on the device's default way, and by our kernels."""

import inspect

import numpy as np
import pytest

import ndgpu
from ndgpu.fft import backend, kernels
from ndgpu.fft.source import unit_root

# Our kernels are compiled for each length and dtype: fewer cases show them than the seam.
BOTH = pytest.mark.parametrize("way", ["seam", "kernels"], indirect=True)
LINES = ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")
PLANES = ("fft2", "ifft2", "rfft2", "irfft2", "fftn", "ifftn", "rfftn", "irfftn")
REAL = ("rfft", "ihfft", "rfft2", "rfftn")


@pytest.fixture
def way(request, monkeypatch):
    """The device's first way to transform, or our own kernels."""
    if getattr(request, "param", "seam") == "kernels":
        monkeypatch.setattr(backend, "_ways", lambda device_id: ())


def sample(rng, shape, dtype):
    x = rng.standard_normal(shape)
    if np.dtype(dtype).kind == "c":
        x = x + 1j * rng.standard_normal(shape)
    return (x * 4).astype(dtype)


def assert_near(found, wanted, n):
    assert found.dtype == wanted.dtype
    assert found.shape == wanted.shape
    eps = np.finfo(wanted.dtype).eps
    largest = np.abs(wanted).max(initial=1.0)
    assert np.abs(found.get() - wanted).max(initial=0) <= 4 * eps * (2 + np.log2(n)) * largest


def test_every_name_of_numpy_is_there_with_its_parameters():
    for name in np.fft.__all__:
        ours = inspect.signature(getattr(ndgpu.fft, name)).parameters
        # The array API gives frequencies a dtype; NumPy does not.
        assert [p for p in ours if p != "dtype" or not name.endswith("freq")] == list(
            inspect.signature(getattr(np.fft, name)).parameters
        )


@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize(
    ("way", "dtype"),
    [*[("seam", c) for c in ("f4", "f8", "F", "D")], ("kernels", "f4"), ("kernels", "D")],
    indirect=["way"],
)
def test_lines(name, dtype, way, rng):
    x = sample(rng, (3, 8), dtype)
    x = x.real if name in REAL else x
    for norm in (None, "backward", "ortho", "forward"):
        wanted = getattr(np.fft, name)(x, norm=norm)
        assert_near(getattr(ndgpu.fft, name)(ndgpu.asarray(x), norm=norm), wanted, 48)


# Nothing to do; odd radices; larger prime ones; several passes; a convolution.
@BOTH
@pytest.mark.parametrize("n", [1, 45, 1001, 8192, 29])
def test_lengths(n, way, rng):
    x = sample(rng, (2, n), "F")
    device = ndgpu.asarray(x)
    assert_near(ndgpu.fft.fft(device), np.fft.fft(x), n)
    if n == 45:
        wanted = np.fft.irfft(x, n)
        assert_near(ndgpu.fft.irfft(device, n), wanted, n)


@BOTH
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_axes_and_strides(axis, way, rng):
    x = sample(rng, (6, 4, 10), "D")
    device = ndgpu.asarray(x)
    assert_near(ndgpu.fft.fft(device, axis=axis), np.fft.fft(x, axis=axis), 10)
    for view in (lambda a: a.T, lambda a: a[::-1, :, ::2], lambda a: a[:1]):
        assert_near(ndgpu.fft.fft(view(device), 8, axis), np.fft.fft(view(x), 8, axis), 10)


@pytest.mark.parametrize(
    ("way", "n"), [*[("seam", n) for n in (1, 5, 8, 16)], ("kernels", 5)], indirect=["way"]
)
def test_crops_and_continues_with_zeros(n, way, rng):
    x = sample(rng, (3, 8), "F")
    for name in ("fft", "irfft", "hfft"):
        wanted = getattr(np.fft, name)(x, n)
        assert_near(getattr(ndgpu.fft, name)(ndgpu.asarray(x), n), wanted, 16)
    assert_near(ndgpu.fft.rfft(ndgpu.asarray(x.real), n), np.fft.rfft(x.real, n), 16)


@pytest.mark.parametrize("dtype", ["?", "i1", "u2", "i8", "f2", "f4", "f8"])
def test_dtypes(dtype, way, rng):
    x = sample(rng, 8, dtype)
    for name in LINES:
        assert_near(getattr(ndgpu.fft, name)(ndgpu.asarray(x)), getattr(np.fft, name)(x), 16)


def test_bfloat16_is_transformed_in_single_precision():
    x = ndgpu.arange(8, dtype=ndgpu.bfloat16)
    wanted = np.fft.fft(np.arange(8, dtype="f4"))
    assert_near(ndgpu.fft.fft(x), wanted, 8)
    assert ndgpu.fft.irfft(x).dtype == ndgpu.bfloat16


@pytest.mark.parametrize("name", PLANES)
def test_planes(name, rng):
    x = sample(rng, (3, 8, 6), "f8" if name in REAL else "D")
    device = ndgpu.asarray(x)
    ours, theirs = getattr(ndgpu.fft, name), getattr(np.fft, name)
    assert_near(ours(device), theirs(x), 150)
    assert_near(ours(device, axes=(1, 0)), theirs(x, axes=(1, 0)), 150)
    assert_near(ours(device, (4, -1), (0, 2), "ortho"), theirs(x, (4, -1), (0, 2), "ortho"), 150)


@BOTH
def test_out(way, rng):
    x = sample(rng, (4, 8), "F")
    device = ndgpu.asarray(x)
    for out in (ndgpu.empty((4, 8), "F"), ndgpu.empty((4, 8), "D"), ndgpu.empty((8, 4), "F").T):
        assert ndgpu.fft.fft(device, out=out) is out
        np.testing.assert_allclose(out.get(), np.fft.fft(x), rtol=1e-5, atol=1e-5)
    assert ndgpu.fft.fftn(device, out=device) is device
    np.testing.assert_allclose(device.get(), np.fft.fftn(x), rtol=1e-5, atol=1e-4)


def test_a_stack_of_transforms_and_its_inverse_over_two_axes_is_two_launches(monkeypatch):
    monkeypatch.setattr(backend, "_ways", lambda device_id: ())
    counted = []
    launch = kernels.Function.launch
    monkeypatch.setattr(
        kernels.Function, "launch", lambda *a, **k: (counted.append(a[0].name), launch(*a, **k))
    )
    ndgpu.fft.fft2(ndgpu.ones((50, 16, 16), "F"))
    assert counted == ["ndgpu_fft_16"] * 2


def test_no_elements(way):
    assert ndgpu.fft.fft(ndgpu.empty((0, 4))).shape == (0, 4)
    assert ndgpu.fft.rfft(ndgpu.empty((2, 0)), 4).get().tolist() == [[0, 0, 0]] * 2


@pytest.mark.parametrize("n", [0, 1, 2, 7, 8])
def test_frequencies_and_shifts(n, rng):
    if n:
        for name in ("fftfreq", "rfftfreq"):
            wanted = getattr(np.fft, name)(n, 0.3)
            assert getattr(ndgpu.fft, name)(n, 0.3).get().tobytes() == wanted.tobytes()
    x = rng.integers(0, 100, (n, 3))
    for name in ("fftshift", "ifftshift"):
        for axes in (None, 0, (1, -2), ()):
            found = getattr(ndgpu.fft, name)(ndgpu.asarray(x), axes)
            assert found.get().tolist() == getattr(np.fft, name)(x, axes).tolist()


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda xp: xp.fft.fft(xp.zeros(0)), ValueError),
        (lambda xp: xp.fft.fft(xp.zeros(4), 0), ValueError),
        (lambda xp: xp.fft.fft(xp.zeros(4), norm="no"), ValueError),
        (lambda xp: xp.fft.hfft(xp.zeros(4), norm="no"), (ValueError, KeyError)),
        (lambda xp: xp.fft.fft(xp.zeros(4), 4, 2), np.exceptions.AxisError),
        (lambda xp: xp.fft.fft(xp.zeros(4), axis=2), IndexError),
        (lambda xp: xp.fft.rfft(xp.zeros(4, "D")), TypeError),
        (lambda xp: xp.fft.fft(xp.zeros(4), out=xp.zeros(3, "D")), ValueError),
        (lambda xp: xp.fft.fft(xp.zeros(4), out=xp.zeros(4, "i4")), TypeError),
        (lambda xp: xp.fft.fftn(xp.zeros((4, 4)), (2,), (0, 1)), ValueError),
        (lambda xp: xp.fft.fftfreq(2.5), ValueError),
        (lambda xp: xp.fft.fftn(xp.zeros((4, 4)), (2, 2)), DeprecationWarning),
        (lambda xp: xp.fft.fftn(xp.zeros((4, 4)), (2, None), (0, 1)), DeprecationWarning),
    ],
)
def test_errors(call, error, xp):
    with pytest.raises(error):
        call(xp)


def test_numpys_functions_stay_on_the_device():
    assert isinstance(np.fft.fft(ndgpu.ones(4)), ndgpu.ndarray)


def test_roots_of_one_are_exact_where_they_can_be():
    assert [unit_root(k, 4) for k in range(4)] == [(1, 0), (0, 1), (-1, 0), (0, -1)]
    np.testing.assert_allclose(
        [complex(*unit_root(k, 12)) for k in range(12)], np.exp(2j * np.pi * np.arange(12) / 12)
    )


@pytest.mark.parametrize("n", [1, 2, 60, 4096, 65536, 3**9, 13 * 11 * 7 * 8, 1 << 24])
def test_passes_multiply_to_the_length_and_fit(n):
    for itemsize in (8, 16):
        for alone in (True, False):
            passes = kernels.split(n, itemsize, alone)
            assert np.prod([np.prod(p or (1,)) for p in passes]) == n
            assert all(2 * itemsize * np.prod(p or (1,)) <= 49152 for p in passes)
    assert kernels.split(17 * n, 8, True) is None
