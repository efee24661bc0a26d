"""What cuFFT is asked for, by a cuFFT that does what its documentation says on host memory."""

import ctypes

import numpy as np
import pytest
from tests.ndgpu.linalg.fakes import Function

import ndgpu
from ndgpu import runtime
from ndgpu.fft import backend
from ndgpu.fft.cufft import CuFftError, Transformer

NAMES = {0x29: "FF", 0x69: "DD", 0x2A: "fF", 0x6A: "dD", 0x2C: "Ff", 0x6C: "Dd"}


class FakeCuFft:
    """Plans with the advanced layout of ``cufftMakePlanMany64``."""

    def __init__(self):
        self.plans, self.made, self.destroyed = {}, [], []
        for name in ("SetAutoAllocation", "SetWorkArea", "SetStream", "MakePlanMany64"):
            setattr(self, f"cufft{name}", Function(getattr(self, name)))
        self.cufftCreate, self.cufftDestroy = Function(self.Create), Function(self.Destroy)
        for name in ("C2C", "Z2Z", "R2C", "D2Z", "C2R", "Z2D"):
            setattr(self, f"cufftExec{name}", Function(self.execute))

    def Create(self, handle):
        handle._obj.value = len(self.made) + 1
        self.made.append(handle._obj.value)
        self.plans[handle._obj.value] = {}
        return 0

    def Destroy(self, handle):
        self.destroyed.append(handle)
        del self.plans[handle]
        return 0

    def SetAutoAllocation(self, handle, flag):
        self.plans[handle]["own"] = flag
        return 0

    def SetStream(self, handle, stream):
        self.plans[handle]["stream"] = stream
        return 0

    def SetWorkArea(self, handle, address):
        assert address
        self.plans[handle]["area"] = address
        return 0

    def MakePlanMany64(self, handle, rank, n, *rest):
        inembed, istride, idist, onembed, ostride, odist, code, count, size = rest
        assert rank == 1 and inembed and onembed and self.plans[handle]["own"] == 0
        self.plans[handle]["plan"] = (n[0], istride, idist, ostride, odist, code, count)
        size._obj.value = 256
        return 0

    def execute(self, handle, source, target, sign=None):
        plan = self.plans[handle]
        assert plan["area"] and "stream" in plan
        runtime.get_current_stream().synchronize()
        n, istride, idist, ostride, odist, code, count = plan["plan"]
        read, written = (np.dtype(c) for c in NAMES[code])
        half = n // 2 + 1

        def lines(address, dtype, length, step, distance):
            size = ((count - 1) * distance + (length - 1) * step + 1) * dtype.itemsize
            memory = (ctypes.c_char * size).from_address(address)
            strides = (distance * dtype.itemsize, step * dtype.itemsize)
            return np.ndarray((count, length), dtype, memory, strides=strides)

        x = lines(source, read, half if written.kind == "f" else n, istride, idist)
        y = lines(target, written, half if read.kind == "f" else n, ostride, odist)
        if written.kind == "f":
            y[...] = np.fft.irfft(x, n) * n
            x[...] = -1  # it may overwrite what it reads
        elif read.kind == "f":
            y[...] = np.fft.rfft(x)
        else:
            y[...] = np.fft.fft(x) if sign == -1 else np.fft.ifft(x) * n
        return 0


@pytest.fixture
def fake(monkeypatch):
    if ndgpu.cuda.kind() != "host":
        pytest.skip("the processor cannot read this device's memory")
    library = FakeCuFft()
    transformer = Transformer(library)
    monkeypatch.setattr(backend, "_ways", lambda device: (transformer.transform,))
    library.transformer = transformer
    return library


@pytest.mark.parametrize("dtype", ["f", "d", "F", "D", "i4"])
@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("n", [None, 3, 9])
def test_transforms(fake, dtype, axis, n):
    a = (np.arange(4 * 5 * 6).reshape(4, 5, 6) ** 2 % 17).astype(dtype)
    if a.dtype.kind == "c":
        a = a + (1j * a[::-1]).astype(dtype)
    x = ndgpu.asarray(a)
    tolerance = 1e-4 if a.dtype.char in "fF" else 1e-11
    names = ["fft", "ifft", "irfft"] + (["rfft"] if a.dtype.kind != "c" else [])
    for name in names:
        for norm in ("backward", "ortho", "forward"):
            got = getattr(ndgpu.fft, name)(x, n, axis, norm).get()
            expected = getattr(np.fft, name)(a, n, axis, norm)
            assert got.dtype == expected.dtype
            np.testing.assert_allclose(got, expected, tolerance, tolerance * abs(expected).max())
    assert fake.made
    assert (x.get() == a).all()


def test_plans_are_kept_and_given_up(fake, monkeypatch):
    x = ndgpu.ones((2, 8))
    for _ in range(3):
        ndgpu.fft.fft(x)
    assert len(fake.made) == 1
    monkeypatch.setattr("ndgpu.fft.cufft._PLANS_KEPT", 2)
    for n in (3, 4, 5):
        ndgpu.fft.fft(x, n)
    assert fake.destroyed == [1, 2]


def test_signs_that_cufft_has_not(fake):
    x, y = ndgpu.ones(4), ndgpu.empty(3, "D")
    assert not fake.transformer.transform(backend.Transform(x, y, 0, 4, "r2c", 1, "none"))


def test_a_failure_is_named(fake):
    fake.cufftMakePlanMany64 = Function(lambda *args: 8)
    with pytest.raises(CuFftError, match=r"cufftMakePlanMany64 failed with status 8 \(invalid siz"):
        ndgpu.fft.fft(ndgpu.ones(7))
