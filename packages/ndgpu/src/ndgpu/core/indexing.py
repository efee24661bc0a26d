"""Reading and writing through an index: views, index arrays and masks.

Guarantees: NumPy's rules on views, broadcasting and the place of new axes.  An
index that comes from the host is checked there; one that is already on the
device is not waited for: it counts from the end where it is negative, and
beyond the ends the nearest element is taken, so no memory outside the array is
touched.  A mask that selects elements makes the host wait once, for their number.
If an index array names an element twice, which assignment wins is not defined.
"""

from __future__ import annotations

import functools
from math import prod
from typing import Any

import numpy as np

from ndgpu.core import casts, layout, views
from ndgpu.core.basic_index import Parsed, is_array_index, parse, view
from ndgpu.core.codegen import convert
from ndgpu.core.layout import Shape
from ndgpu.core.ndarray import allocate, ndarray, view_of
from ndgpu.core.selection import nonzero
from ndgpu.core.transfer import array, asarray
from ndgpu.core.ufuncs import TABLE
from ndgpu.kernels.elementwise import Elementwise, Operand

__all__ = ["getitem", "nonzero", "put_mask", "repeat", "setitem", "take"]

_INT64 = np.dtype(np.int64)


def _as_tuple(a: ndarray, key: Any) -> tuple[tuple[Any, ...], bool]:
    """Return the index as a tuple, its arrays as arrays, and whether it has any."""
    entries = key if type(key) is tuple else (key,)
    if not any(is_array_index(entry) for entry in entries):
        return entries, False
    return tuple([_as_index(entry) if is_array_index(entry) else entry for entry in entries]), True


def _as_index(entry: Any) -> Any:
    if isinstance(entry, ndarray):
        kind = entry._dtype.kind
    else:
        if isinstance(entry, (list, tuple)) and _on_device(entry):
            entry = array(entry)
            return _as_index(entry)
        entry = np.asarray(entry)
        if entry.size == 0 and entry.dtype == np.float64:
            entry = entry.astype(np.int64)
        kind = entry.dtype.kind
    if kind not in "biu":
        raise IndexError("arrays used as indices must be of integer (or boolean) type")
    return entry


def _on_device(values: Any) -> bool:
    return any(
        isinstance(v, ndarray) or (isinstance(v, (list, tuple)) and _on_device(v)) for v in values
    )


def getitem(a: ndarray, key: Any) -> ndarray:
    """Return ``a[key]``: a view, or a copy if `key` holds arrays."""
    entries, has_arrays = _as_tuple(a, key)
    if not has_arrays:
        return view(a, entries)
    return _gather(_resolve(a, entries))


def setitem(a: ndarray, key: Any, value: Any) -> None:
    """Do ``a[key] = value``."""
    entries, has_arrays = _as_tuple(a, key)
    if not has_arrays:
        target = view(a, entries)
        if isinstance(value, ndarray):
            casts.copy_into(target, value)
        elif isinstance(value, (bool, int, float, complex, np.generic)):
            casts.fill(target, value)
        else:
            casts.copy_into(target, asarray(value, _host_dtype(value, target)))
        return
    if not isinstance(value, ndarray):
        value = asarray(value, _host_dtype(value, a))
    if len(entries) == 1 and value._size == 1 and _is_mask(entries[0]):
        mask = asarray(entries[0])
        parse(a, entries)  # raises if the shapes differ
        if mask._size:
            put_mask(a, mask, value)
        return
    _scatter(_resolve(a, entries), value)


def _host_dtype(value: Any, target: ndarray) -> Any:
    """The dtype in which to bring `value` to the device: numbers are checked against `target`."""
    if isinstance(value, (int, float, complex)) and not isinstance(value, bool):
        return np.asarray(value, target._dtype).dtype
    return None


def _is_mask(entry: Any) -> bool:
    return isinstance(entry, (ndarray, np.ndarray)) and entry.dtype.kind == "b" and entry.ndim > 0


def put_mask(a: ndarray, mask: ndarray, value: ndarray) -> None:
    """Set the elements of `a` where `mask` is true to the only element of `value`."""
    extra = a.ndim - mask.ndim
    mask = view_of(mask, mask._shape + (1,) * extra, mask._strides + (0,) * extra)
    casts.copy_where(a, view_of(value, (), ()), mask)


class _Selection:
    """An index taken apart: memory seen as (before, selected, after), and offsets selected.

    `source` is the array whose axes are those before the index arrays, theirs, and those
    after; `offsets` gives, for each element of the broadcast index arrays, the distance in
    elements from the first element along the selected axes. `original` is what `source` is a
    copy of, where no single stride walks through the axes before or after.
    """

    __slots__ = ("after", "before", "offsets", "original", "source")

    def __init__(
        self,
        source: ndarray,
        original: ndarray | None,
        before: Shape,
        after: Shape,
        offsets: ndarray,
    ) -> None:
        self.source = source
        self.original = original
        self.before = before
        self.after = after
        self.offsets = offsets

    @property
    def shape(self) -> Shape:
        """Shape of the result."""
        return self.before + self.offsets._shape + self.after


def _resolve(a: ndarray, entries: tuple[Any, ...]) -> _Selection:
    """Find which memory an index with arrays selects."""
    parsed: Parsed = parse(a, entries)
    source = parsed.view
    axes: list[int] = []
    indices: list[Any] = []
    for axis, entry in parsed.arrays:
        if entry.dtype.kind == "b":
            if entry.ndim == 0:
                axes.append(axis)
                chosen = bool(entry)
                indices.append(np.zeros(int(chosen), np.int64))
                continue
            found = entry.nonzero()
            axes += range(axis, axis + entry.ndim)
            indices += found
        else:
            axes.append(axis)
            indices.append(entry)
    try:
        selected = layout.broadcast_shape([index.shape for index in indices])
    except ValueError:
        shapes = " ".join(str(index.shape).replace(" ", "") for index in indices)
        raise IndexError(
            f"shape mismatch: indexing arrays could not be broadcast together with shapes {shapes}"
        ) from None
    order = [k for k in range(source.ndim) if k not in axes]
    place = sum(1 for k in order if k < min(axes)) if parsed.adjacent else 0
    before, after = order[:place], order[place:]
    source = views.transpose(source, [*before, *axes, *after])
    before_shape = source._shape[:place]
    after_shape = source._shape[place + len(axes) :]
    original = None
    if not (_one_stride(source, 0, place) and _one_stride(source, place + len(axes), source.ndim)):
        original, source = source, casts.copy(source)
    offsets = _offsets(source, place, axes, indices, selected)
    return _Selection(source, original, before_shape, after_shape, offsets)


def _one_stride(a: ndarray, first: int, last: int) -> bool:
    shape, strides = a._shape[first:last], a._strides[first:last]
    count = prod(shape)
    return layout.reshaped_strides(shape, strides, (count,), a._dtype.itemsize) is not None


def _offsets(
    source: ndarray, place: int, axes: list[int], indices: list[Any], selected: Shape
) -> ndarray:
    """Distances in elements, on the device, of the elements that index arrays select."""
    itemsize = source._dtype.itemsize
    lengths = source._shape[place : place + len(axes)]
    steps = [s // itemsize for s in source._strides[place : place + len(axes)]]
    if all(isinstance(index, np.ndarray) for index in indices):
        total = np.zeros(selected, np.int64)
        for axis, (index, n, step) in enumerate(zip(indices, lengths, steps, strict=True)):
            wide = index.astype(np.int64)
            outside = (wide < -n) | (wide >= n)
            if outside.any() and prod(selected):
                raise IndexError(
                    f"index {wide[outside].flat[0]} is out of bounds for axis {axes[axis]} "
                    f"with size {n}"
                )
            total += np.where(wide < 0, wide + n, wide) * step
        return asarray(total)
    if prod(selected) and 0 in lengths:
        raise IndexError(f"index is out of bounds for axis {axes[lengths.index(0)]} with size 0")
    result = allocate(selected, _INT64)
    arrays = [asarray(index) for index in indices]
    kernel = _offset_kernel(tuple([index._dtype for index in arrays]))
    kernel.launch([*arrays, *lengths, *steps, result], selected)
    return result


@functools.cache
def _offset_kernel(dtypes: tuple[np.dtype, ...]) -> Elementwise:
    count = range(len(dtypes))
    lines = ["z = 0;"]
    for k in count:
        lines.append(
            f"{{ long long j = x{k}; if (j < 0) j += n{k}; "
            f"j = j < 0 ? 0 : j >= n{k} ? n{k} - 1 : j; z += j * s{k}; }}"
        )
    return Elementwise(
        "ndgpu_offsets",
        (
            *[Operand(f"x{k}", dtypes[k]) for k in count],
            *[Operand(f"n{k}", _INT64, "scalar") for k in count],
            *[Operand(f"s{k}", _INT64, "scalar") for k in count],
            Operand("z", _INT64, "out"),
        ),
        "\n".join(lines),
    )


# The element number is taken apart only where there are axes before or after.
_POSITION = {
    (False, False): "const long long p = l[i];",
    (False, True): "const long long q = i / inner; const long long p = l[q] + "
    "(i - q * inner) * inner_step;",
    (True, False): "const long long q = i / count; const long long p = l[i - q * count] + "
    "q * outer_step;",
    (True, True): "const long long q = i / inner, r = q / count; const long long p = "
    "l[q - r * count] + (i - q * inner) * inner_step + r * outer_step;",
}
_NUMBERS = ("count", "inner", "outer_step", "inner_step")


@functools.cache
def _gather_kernel(dtype: np.dtype, outer: bool, inner: bool) -> Elementwise:
    return Elementwise(
        "ndgpu_gather",
        (
            Operand("x", dtype, "raw"),
            Operand("l", _INT64, "raw"),
            *[Operand(name, _INT64, "scalar") for name in _NUMBERS],
            Operand("y", dtype, "out"),
        ),
        f"{_POSITION[outer, inner]} y = x[p];",
    )


@functools.cache
def _scatter_kernel(source: np.dtype, dtype: np.dtype, outer: bool, inner: bool) -> Elementwise:
    return Elementwise(
        "ndgpu_scatter",
        (
            Operand("v", source),
            Operand("l", _INT64, "raw"),
            *[Operand(name, _INT64, "scalar") for name in _NUMBERS],
            Operand("y", dtype, "rawout"),
        ),
        f"{_POSITION[outer, inner]} y[p] = {convert('v', source, dtype)};",
    )


def _line(a: ndarray) -> ndarray:
    """The memory of `a` as one contiguous axis; offsets from element 0 may be negative."""
    low, high = layout.extent(a._shape, a._strides, a._dtype.itemsize)
    count = max((high - low) // a._dtype.itemsize, 1)
    return view_of(a, (count,), (a._dtype.itemsize,), 0, True)


def _geometry(selection: _Selection) -> tuple[bool, bool, list[int]]:
    source = selection.source
    itemsize = source._dtype.itemsize
    outer, inner = prod(selection.before), prod(selection.after)
    place, tail = len(selection.before), source.ndim - len(selection.after)

    def step(first: int, last: int, count: int) -> int:
        strides = layout.reshaped_strides(
            source._shape[first:last], source._strides[first:last], (count,), itemsize
        )
        return strides[0] // itemsize if strides else 0

    numbers = [
        selection.offsets._size,
        inner,
        step(0, place, outer),
        step(tail, source.ndim, inner),
    ]
    return outer != 1, inner != 1, numbers


def _gather(selection: _Selection) -> ndarray:
    source = selection.source
    result = allocate(selection.shape, source._dtype)
    if result._size:
        outer, inner, numbers = _geometry(selection)
        kernel = _gather_kernel(source._dtype, outer, inner)
        flat = view_of(result, (result._size,), (source._dtype.itemsize,), 0, True)
        kernel.launch([_line(source), selection.offsets, *numbers, flat], flat._shape)
    return result


def _scatter(selection: _Selection, value: ndarray) -> None:
    source = selection.source
    shape = selection.shape
    extra = value.ndim - len(shape)
    if extra > 0 and value._shape[:extra] == (1,) * extra:
        value = view_of(value, value._shape[extra:], value._strides[extra:])
    try:
        layout.broadcast_strides(value._shape, value._strides, shape)
    except ValueError:
        given, wanted = (str(s).replace(" ", "") for s in (value._shape, shape))
        raise ValueError(
            f"shape mismatch: value array of shape {given} could not be broadcast to indexing "
            f"result of shape {wanted}"
        ) from None
    size = prod(shape)
    if not size:
        return
    if casts.overlaps(source, value):
        value = casts.copy(value)
    outer, inner, numbers = _geometry(selection)
    kernel = _scatter_kernel(value._dtype, source._dtype, outer, inner)
    value = views.broadcast_to(value, shape)
    kernel.launch([value, selection.offsets, *numbers, _line(source)], shape)
    if selection.original is not None:
        casts.copy_into(selection.original, source)


def take(
    a: Any, indices: Any, axis: int | None = None, out: ndarray | None = None, mode: str = "raise"
) -> ndarray:
    """Return the elements of `a` at `indices` along `axis`.

    Parameters
    ----------
    a : array-like
    indices : array-like of int
    axis : int, optional
        The elements in C order by default.
    out : ndarray, optional
        Where to put the result.
    mode : {'raise', 'wrap', 'clip'}
        What is done with indices out of bounds. Indices that are on the device
        already are not waited for: ``'raise'`` takes the nearest element.

    Raises
    ------
    IndexError
        If an index from the host is out of bounds.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.take(ndgpu.asarray([4, 5, 6]), [2, 0])
    array([6, 4])
    """
    if mode not in ("raise", "wrap", "clip"):
        raise ValueError(f"clipmode must be one of 'clip', 'raise', or 'wrap' (got {mode!r})")
    a = asarray(a)
    if axis is None:
        a, axis = views.ravel(a), 0
    axis = layout.normalize_axis(axis, a.ndim or 1)
    if a.ndim == 0:
        a = views.ravel(a)
    n = a._shape[axis]
    if not isinstance(indices, ndarray):
        indices = np.asarray(indices)
        if indices.size == 0:
            indices = indices.astype(np.int64)
    if mode == "wrap":
        indices = indices % n
    elif mode == "clip":
        if isinstance(indices, ndarray):
            indices = TABLE["minimum"](TABLE["maximum"](indices, 0), n - 1)
        else:
            indices = indices.clip(0, n - 1)
    result = getitem(a, (slice(None),) * axis + (indices,))
    if out is None:
        return result
    if out._shape != result._shape:
        raise ValueError("output array does not match result of ndarray.take")
    casts.copy_into(out, result)
    return out


def repeat(a: Any, repeats: Any, axis: int | None = None) -> ndarray:
    """Return `a` with each element along `axis` repeated.

    Parameters
    ----------
    a : array-like
    repeats : int or sequence of int
        How often, for all elements or for each.
    axis : int, optional
        The elements in C order by default.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.repeat(ndgpu.asarray([1, 2]), 2)
    array([1, 1, 2, 2])
    """
    a = asarray(a)
    if axis is None:
        a, axis = views.ravel(a), 0
    elif a.ndim == 0:
        a = views.ravel(a)
    axis = layout.normalize_axis(axis, a.ndim)
    n = a._shape[axis]
    counts = repeats.get() if isinstance(repeats, ndarray) else np.asarray(repeats)
    # NumPy's own checks of the counts, on the indices they stand for.
    indices = np.repeat(np.arange(n), counts)
    return getitem(a, (slice(None),) * axis + (indices,))
