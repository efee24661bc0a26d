"""NumPy arrays in pinned memory."""

from __future__ import annotations

import numpy as np
import pytest

import ndgpu as xp
from ndgpu import cuda, driver


def is_pinned(array: np.ndarray) -> bool:
    kind = driver.CUpointer_attribute.CU_POINTER_ATTRIBUTE_MEMORY_TYPE
    code, answer = driver.cuPointerGetAttribute(kind, array.ctypes.data)
    return not code and int(answer) == cuda.runtime.memoryTypeHost


@pytest.mark.parametrize("shape", [(), 3, (2, 3), (0, 2)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_shapes(shape: object, order: str) -> None:
    like = np.empty(shape, np.float32, order=order)  # type: ignore[call-overload]
    for array in (
        xp.empty_pinned(shape, np.float32, order),
        xp.zeros_pinned(shape, np.float32, order),
    ):
        assert (array.shape, array.strides, array.dtype) == (like.shape, like.strides, like.dtype)
        assert array.size == 0 or is_pinned(array)
    assert not xp.zeros_pinned(shape).any()


@pytest.mark.parametrize("order", ["C", "F", "A", "K"])
@pytest.mark.parametrize(
    "make",
    [
        lambda m: m.ones((2, 3, 4), m.int16),
        lambda m: m.ones((2, 3, 4), m.int16).T,
        lambda m: m.ones((2, 3, 4), m.int16).transpose(1, 0, 2),
        lambda m: m.ones((4, 6), m.int16)[::2, ::3],
    ],
)
def test_like(make, order: str) -> None:
    wanted = np.empty_like(make(np), order=order)  # type: ignore[call-overload]
    for module in (np, xp):
        array = xp.empty_like_pinned(make(module), order=order)
        assert (array.shape, array.strides, array.dtype) == (
            wanted.shape,
            wanted.strides,
            wanted.dtype,
        )
        assert is_pinned(array)
    assert not xp.zeros_like_pinned(make(np), order=order).any()


def test_like_with_another_shape_and_dtype() -> None:
    array = xp.zeros_like_pinned(np.ones((2, 2)), np.int8, shape=5)
    assert (array.shape, array.dtype) == ((5,), np.int8)
    with pytest.raises(TypeError, match="subok"):
        xp.empty_like_pinned(np.ones(2), subok=True)


def test_a_view_keeps_the_memory() -> None:
    pool = cuda.PinnedMemoryPool()
    cuda.set_pinned_memory_allocator(pool.malloc)
    try:
        view = xp.empty_pinned(1000)[10:]
        assert pool.n_free_blocks() == 0
        del view
        assert pool.n_free_blocks() == 1
    finally:
        cuda.set_pinned_memory_allocator(cuda.get_default_pinned_memory_pool().malloc)
