"""What `Generator` and `RandomState` draw with: rows of the table, blocks, integers."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from ndgpu.core import casts
from ndgpu.core.dtypes import as_dtype
from ndgpu.core.layout import Shape
from ndgpu.core.ndarray import allocate, ndarray, view_of
from ndgpu.core.transfer import asarray
from ndgpu.random import kernels
from ndgpu.random.bit_generator import Philox4x3210
from ndgpu.random.parameters import as_numbers, as_size, broadcast, is_number
from ndgpu.random.rows import ROWS

__all__ = ["Draws", "check_out", "float_dtype"]

_INT64 = np.dtype(np.int64)
# Distributions of a number, a shift and a scale, which are made several to a thread.
_BLOCKS = {"uniform", "uniform_any", "normal", "exponential"}


class Draws:
    """Base of `Generator` and `RandomState`."""

    _state: Philox4x3210 | None

    @property
    def _bits(self) -> Philox4x3210:
        # A seed of the system's is taken at first use: making a state costs nothing.
        if self._state is None:
            self._state = Philox4x3210()
        return self._state

    def _draw(
        self, name: str, values: Sequence[Any], size: Any, dtype: Any, out: Any = None
    ) -> ndarray:
        """Draw from a row of the table, with parameters `values`."""
        row = ROWS[name]
        kind = _integer_dtype(dtype, name) if row.integer else float_dtype(dtype, name)
        numbers = as_numbers(row.params, row.relations, values)
        shape = broadcast(out._shape if size is None and out is not None else size, numbers)
        arrays = not all(is_number(n) for n in numbers)
        if name in _BLOCKS and not arrays:
            return self._block(name, numbers, shape, kind)
        result = allocate(shape, kind) if out is None else out
        if result._size:
            if arrays:
                numbers = [asarray(n) for n in numbers]
            kernel = kernels.row_kernel(row, kind, arrays)
            kernel.launch([*self._bits.take(result._size), *numbers, result], shape)
        return result

    def _block(self, name: str, numbers: Sequence[float], shape: Shape, kind: np.dtype) -> ndarray:
        if name == "exponential":
            return self._floats(name, 0.0, numbers[0], shape, kind)
        if name == "normal":
            return self._floats(name, numbers[0], numbers[1], shape, kind)
        return self._floats("uniform", numbers[0], numbers[1] - numbers[0], shape, kind)

    def _standard(self, name: str, label: str, size: Any, dtype: Any, out: Any) -> ndarray:
        """Draw standard numbers of a block distribution, for the method `label`."""
        kind = float_dtype(dtype, label)
        check_out(out, size, kind)
        shape = as_size(size) if out is None else out._shape
        return self._floats(name, 0.0, 1.0, shape, kind, out)

    def _floats(
        self,
        name: str,
        shift: float,
        scale: float,
        shape: Shape,
        kind: np.dtype,
        out: ndarray | None = None,
    ) -> ndarray:
        result = allocate(shape, kind) if out is None else out
        count = result._size
        if count:
            kernel, each = kernels.float_kernel(name, kind)
            blocks = -(-count // each)
            flat = view_of(result, (count,), (kind.itemsize,), 0, True)
            kernel.launch([*self._bits.take(blocks), count, shift, scale, flat], (blocks,))
        return result

    def _bytes(self, length: Any) -> bytes:
        count = max(operator.index(length), 0)
        return self._bits.words((-(-count // 8),)).get().tobytes()[:count]

    def _integers(self, low: Any, high: Any, size: Any, dtype: Any, endpoint: bool) -> ndarray:
        """Draw integers; the rules are those of `Generator.integers`."""
        kind = as_dtype(dtype) if not _is_text(dtype) else np.dtype(dtype)
        if kind.kind not in "iub":
            raise TypeError(f"Unsupported dtype {kind!r} for integers")
        alone = high is None
        if alone:
            low, high = 0, low
        least, most = (0, 1) if kind.kind == "b" else (np.iinfo(kind).min, np.iinfo(kind).max)
        if not (isinstance(low, ndarray) or isinstance(high, ndarray)):
            first, last = _exact(low), _exact(high)
            if not endpoint:
                last = last - 1
            if np.any(np.less(first, least)):
                raise ValueError(f"low is out of bounds for {kind.name}")
            if np.any(np.greater(last, most)):
                raise ValueError(f"high is out of bounds for {kind.name}")
            if np.any(np.greater(first, last)):
                text = (
                    ("low > high" if endpoint else "low >= high")
                    if not alone
                    else ("high < 0" if endpoint else "high <= 0")
                )
                raise ValueError(text)
            if isinstance(first, int) and isinstance(last, int):
                span = (last - first + 1) % (1 << 64)
                result = allocate(as_size(size), kind)
                if result._size:
                    place = self._bits.take(result._size)
                    kernel = kernels.integer_kernel(kind, False)
                    kernel.launch([*place, first % (1 << 64), span, result], result._shape)
                return result
            low, high, endpoint = first, last, True
        wide = np.dtype(np.uint64) if kind.kind == "u" else _INT64
        bounds = [_wide(bound, wide, name) for name, bound in (("low", low), ("high", high))]
        result = allocate(broadcast(size, bounds), kind)
        if result._size:
            place = self._bits.take(result._size)
            kernel = kernels.integer_kernel(kind, True)
            kernel.launch([*place, *bounds, int(endpoint), result], result._shape)
        return result


def _is_text(dtype: Any) -> bool:
    return isinstance(dtype, str) and np.dtype(dtype).kind in "SU"


def _exact(bound: Any) -> Any:
    """A bound from the host as a Python int, or an array of them."""
    if is_number(bound) or not isinstance(bound, (list, tuple, np.ndarray)):
        return int(bound)
    host = np.asarray(bound)
    if host.ndim == 0:
        return int(host[()])
    if host.dtype.kind not in "iubfO":
        raise TypeError(f"integers: bounds must be integers, got {host.dtype}")
    return np.vectorize(int, otypes=[object])(host) if host.size else host.astype(object)


def _wide(bound: Any, wide: np.dtype, name: str) -> ndarray:
    if not isinstance(bound, ndarray):
        return asarray(np.asarray(bound).astype(wide))
    if bound._dtype.kind not in "iub":
        raise TypeError(f"integers: `{name}` must be integers, got {bound._dtype}")
    return casts.astype(bound, wide, copy=False)


def float_dtype(dtype: Any, name: str) -> np.dtype:
    """Return a floating-point dtype; TypeError, for the distribution `name`, if it is none."""
    kind = as_dtype(dtype)
    if kind.kind != "f":
        raise TypeError(f"Unsupported dtype {kind!r} for {name}")
    return kind


def _integer_dtype(dtype: Any, name: str) -> np.dtype:
    kind = as_dtype(dtype)
    if kind.kind not in "iu":
        raise TypeError(f"Unsupported dtype {kind!r} for {name}")
    return kind


def check_out(out: Any, size: Any, kind: np.dtype) -> None:
    """Check an array for the result as NumPy does: its dtype, its layout, its shape."""
    if out is None:
        return
    if not isinstance(out, ndarray):
        raise ValueError(f"`out` must be a device array, got {type(out).__name__}")
    if out._dtype != kind:
        raise TypeError(
            f"Supplied output array has the wrong type. Expected {kind}, got {out._dtype}"
        )
    if not out._c_contiguous:
        raise ValueError("Supplied output array must be contiguous")
    if size is not None and as_size(size) != out._shape:
        raise ValueError("size must match out.shape when used together")
