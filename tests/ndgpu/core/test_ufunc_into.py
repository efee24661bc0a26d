"""The short way to `out=` and to in-place operators gives what the long way gives."""

import numpy as np
import pytest

import ndgpu


@pytest.mark.parametrize(
    ("a", "b", "out"),
    [
        (slice(0, 8), slice(8, 16), slice(16, 24)),  # apart
        (slice(0, 8), slice(8, 16), slice(0, 8)),  # the first operand itself
        (slice(0, 8), slice(8, 16), slice(8, 16)),  # the second
        (slice(0, 8), slice(0, 8), slice(0, 8)),
        (slice(0, 8), slice(8, 16), slice(1, 9)),  # shifted over both
        (slice(1, 9), slice(8, 16), slice(0, 8)),
        (slice(0, 8), slice(4, 12), slice(4, 12)),
    ],
)
def test_memory_that_overlaps(a, b, out):
    host, device = np.arange(24.0), ndgpu.arange(24.0)
    for _ in range(3):  # the first call makes the plan, later ones find it
        result = ndgpu.add(device[a], device[b], out=device[out])
        np.add(host[a], host[b], out=host[out])
        np.testing.assert_array_equal(device.get(), host)
        assert result.ptr == device[out].ptr


@pytest.mark.parametrize("wide", [np.float32, np.float64])
def test_another_dtype_in_the_same_memory(wide):
    memory = ndgpu.arange(16, dtype=np.float32)
    twin = memory.get()
    target, wanted = memory.view(wide)[:4], twin.view(wide)[:4]
    for _ in range(2):
        ndgpu.add(memory[:4], memory[4:8], out=target)
        np.add(twin[:4], twin[4:8], out=wanted)
        np.testing.assert_array_equal(memory.get(), twin)


def test_a_float64_result_is_not_taken_for_none():
    x = ndgpu.arange(4, dtype=np.float32)
    assert (x + x).dtype == np.float32  # the plan that a float64 result must not find
    out = ndgpu.empty(4, dtype=np.float64)
    assert ndgpu.add(x, x, out=out).tolist() == [0, 2, 4, 6]


def test_operators_in_place():
    x, host = ndgpu.arange(6.0), np.arange(6.0)
    for step in (lambda v: v.__iadd__(2), lambda v: v.__imul__(v), lambda v: v.__isub__(0.5)):
        for _ in range(2):
            assert step(x) is x
            step(host)
            np.testing.assert_array_equal(x.get(), host)
    k = ndgpu.arange(3, dtype="int8")
    for _ in range(2):
        k += 1
        with pytest.raises(OverflowError, match="300 out of bounds for int8"):
            k += 300
        with pytest.raises(TypeError, match="Cannot cast ufunc 'add' output"):
            k += 1.5
    assert k.tolist() == [2, 3, 4]


def test_operands_that_are_none():
    x = ndgpu.ones(3)
    ndgpu.add(x, x, out=x)
    with pytest.raises(TypeError, match="unsupported operand types"):
        ndgpu.add(x, object(), out=x)
    with pytest.raises(ValueError, match="non-broadcastable output"):
        ndgpu.add(ndgpu.ones((2, 3)), x, out=x)
    other = ndgpu.empty(3)
    assert ndgpu.add(ndgpu.ones(1), x, out=other) is other
