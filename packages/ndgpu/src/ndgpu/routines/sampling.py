"""Series looked up and slid over each other: searchsorted, digitize, interp, convolve."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ndgpu.compile import ctype
from ndgpu.core import casts, views
from ndgpu.core.codegen import compute_dtype, convert
from ndgpu.core.dtypes import as_dtype
from ndgpu.core.ndarray import allocate, ndarray
from ndgpu.core.sorting import argsort
from ndgpu.core.transfer import asarray
from ndgpu.core.ufuncs import TABLE
from ndgpu.kernels.elementwise import Elementwise, Operand
from ndgpu.routines.joining import concatenate

__all__ = ["convolve", "correlate", "digitize", "interp", "searchsorted"]

_INT64, _FLOAT64 = np.dtype(np.int64), np.dtype(np.float64)


@functools.cache
def _search_kernel(dtype: np.dtype, side: str, sorted_by: bool) -> Elementwise:
    kind = ctype(dtype)
    # NaN is above every number.
    if dtype.kind == "c":
        below = "a < b"
    elif dtype.kind in "fV":
        below = "(float)a < (float)b || ((float)b != (float)b && (float)a == (float)a)"
        below = below.replace("(float)", "") if dtype.itemsize > 2 else below
    else:
        below = "a < b"
    test = "below(item, v)" if side == "left" else "!below(v, item)"
    raws = [Operand("a", dtype, "raw")]
    if sorted_by:
        raws.append(Operand("sorter", _INT64, "raw"))
    return Elementwise(
        f"ndgpu_searchsorted_{side}",
        (
            *raws,
            Operand("v", dtype),
            Operand("count", _INT64, "scalar"),
            Operand("y", _INT64, "out"),
        ),
        f"""
        long long low = 0, high = count;
        while (low < high) {{
          const long long middle = low + (high - low) / 2;
          const {kind} item = a[{"sorter[middle]" if sorted_by else "middle"}];
          if ({test}) low = middle + 1; else high = middle;
        }}
        y = low;
        """,
        preamble=f"__device__ __forceinline__ bool below(const {kind}& a, const {kind}& b) "
        f"{{ return {below}; }}",
    )


def searchsorted(a: Any, v: Any, side: str = "left", sorter: Any = None) -> ndarray:
    """Return where elements would go in a sorted array.

    Parameters
    ----------
    a : array-like
        One axis; sorted, unless `sorter` is given.
    v : array-like
        What to look up, of any shape.
    side : {'left', 'right'}
        Before or after elements that are equal.
    sorter : array-like of int, optional
        The order that sorts `a`.

    Returns
    -------
    ndarray of int64
        Of the shape of `v`.

    Raises
    ------
    ValueError
        If `a` has not one axis, or `side` is another word.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.searchsorted(ndgpu.asarray([1, 3, 5]), [0, 3, 9])
    array([0, 1, 3])
    """
    if side not in ("left", "right"):
        raise ValueError(f"search side must be 'left' or 'right' (got {side!r})")
    a = asarray(a)
    if a.ndim != 1:
        raise ValueError("object too deep for desired array")
    weak = isinstance(v, (int, float, complex)) and not isinstance(v, bool)
    kind = as_dtype(
        np.result_type(a._dtype, v) if weak else np.result_type(a._dtype, asarray(v)._dtype)
    )
    v = asarray(v, kind)
    dense = casts.astype(a, kind, copy=False)
    dense = dense if dense._c_contiguous else casts.copy(dense)
    raws = [dense]
    if sorter is not None:
        order = asarray(sorter)
        if order._dtype.kind not in "iu":
            raise TypeError("sorter must only contain integers")
        if order._shape != a._shape:
            raise ValueError("sorter.size must equal a.size")
        raws.append(casts.astype(order, _INT64, copy=False))
    result = allocate(v._shape, _INT64)
    kernel = _search_kernel(kind, side, sorter is not None)
    kernel.launch([*raws, v, a._size, result], v._shape)
    return result


def digitize(x: Any, bins: Any, right: bool = False) -> ndarray:
    """Return the number of the bin of each element.

    Parameters
    ----------
    x : array-like
    bins : array-like
        Edges, rising or falling; whether they are is looked at on the host.
    right : bool
        Whether a bin has its right edge instead of the left one.

    Raises
    ------
    ValueError
        If the edges neither rise nor fall.
    TypeError
        If `x` is complex.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.digitize(ndgpu.asarray([0.2, 6.4, 3.0]), [0.0, 1.0, 2.5, 4.0, 10.0])
    array([1, 4, 3])
    """
    x = asarray(x)
    if x._dtype.kind == "c":
        raise TypeError("x may not be complex")
    edges = bins.get() if isinstance(bins, ndarray) else np.asarray(bins)
    steps = edges[1:] >= edges[:-1]
    rising = bool(steps.all())
    if not rising and not (edges[1:] <= edges[:-1]).all():
        raise ValueError("bins must be monotonically increasing or decreasing")
    side = "left" if right else "right"
    if rising:
        return searchsorted(edges, x, side)
    return len(edges) - searchsorted(edges[::-1].copy(), x, side)


@functools.cache
def _interp_kernel(kind: np.dtype) -> Elementwise:
    value = ctype(kind)
    return Elementwise(
        "ndgpu_interp",
        (
            Operand("xp", _FLOAT64, "raw"),
            Operand("fp", kind, "raw"),
            Operand("left", kind, "scalar"),
            Operand("right", kind, "scalar"),
            Operand("ends", np.dtype(np.int32), "scalar"),
            Operand("count", _INT64, "scalar"),
            Operand("x", _FLOAT64),
            Operand("y", kind, "out"),
        ),
        f"""
        if (x != x) {{
          y = {value}(x);
        }} else if (x < xp[0]) {{
          y = ends & 1 ? left : fp[0];
        }} else if (x > xp[count - 1]) {{
          y = ends & 2 ? right : fp[count - 1];
        }} else {{
          long long low = 0, high = count;
          while (low < high) {{
            const long long middle = low + (high - low) / 2;
            if (x >= xp[middle]) low = middle + 1; else high = middle;
          }}
          const long long j = low - 1;
          if (j >= count - 1 || xp[j] == x) {{
            y = fp[j];
          }} else {{
            const {value} slope = (fp[j + 1] - fp[j]) / {value}(xp[j + 1] - xp[j]);
            y = slope * {value}(x - xp[j]) + fp[j];
          }}
        }}
        """,
    )


def interp(
    x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None
) -> ndarray:
    """Return values at `x` of the line through the points ``(xp, fp)``.

    Parameters
    ----------
    x : array-like
    xp, fp : array-like
        The points; `xp` rises, unless `period` is given.
    left, right : number, optional
        Values beyond the ends; those at the ends by default.
    period : number, optional
        After which `xp` repeats.

    Returns
    -------
    ndarray
        float64, or complex128 if `fp` is complex.

    Raises
    ------
    ValueError
        If there are no points, or their numbers differ.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.interp(ndgpu.asarray([1.5, 9.0]), [1, 2, 3], [3, 2, 0])
    array([2.5, 0. ])
    """
    x, xp, fp = asarray(x), asarray(xp), asarray(fp)
    kind = np.dtype(np.complex128) if fp._dtype.kind == "c" else _FLOAT64
    x = casts.astype(x, _FLOAT64, copy=False)
    xp, fp = casts.astype(xp, _FLOAT64), casts.astype(fp, kind)
    if period is not None:
        if period == 0:
            raise ValueError("period must be a non-zero value")
        period = abs(period)
        left = right = None
        if xp.ndim != 1 or fp.ndim != 1:
            raise ValueError("Data points must be 1-D sequences")
        if xp._shape != fp._shape:
            raise ValueError("fp and xp are not of the same length")
        x, xp = TABLE["remainder"](x, period), TABLE["remainder"](xp, period)
        order = argsort(xp)
        xp, fp = xp[order], fp[order]
        xp = concatenate([xp[-1:] - period, xp, xp[:1] + period])
        fp = concatenate([fp[-1:], fp, fp[:1]])
    if xp.ndim != 1 or fp.ndim != 1:
        raise ValueError("object too deep for desired array")
    if xp._size == 0:
        raise ValueError("array of sample points is empty")
    if xp._size != fp._size:
        raise ValueError("fp and xp are not of the same length.")
    result = allocate(x._shape, kind)
    ends = (left is not None) + 2 * (right is not None)
    arguments = [xp, fp, left or 0, right or 0, ends, xp._size, x, result]
    _interp_kernel(kind).launch(arguments, x._shape)
    return result


@functools.cache
def _slide_kernel(long: np.dtype, short: np.dtype, loop: np.dtype, form: str) -> Elementwise:
    """Sums of the products of a short series with the elements of a long one that it lies over.

    `form` says which element that is for term ``t`` of sum ``k``, and which factor is conjugated.
    """
    computed = compute_dtype(loop)
    join = "total || (p && q)" if loop.kind == "b" else "total + p * q"
    places = {"convolve": "k - t", "first": "k - terms + 1 + t", "second": "length - 1 - k + t"}
    p, q = convert("b[t]", short, computed), convert("a[j]", long, computed)
    if loop.kind == "c" and form == "first":
        p = f"conj({p})"
    if loop.kind == "c" and form == "second":
        q = f"conj({q})"
    term = f"const V p = {p}, q = {q};\n total = V({join});"
    return Elementwise(
        "ndgpu_slide",
        (
            Operand("a", long, "raw"),
            Operand("b", short, "raw"),
            Operand("length", _INT64, "scalar"),
            Operand("terms", _INT64, "scalar"),
            Operand("start", _INT64, "scalar"),
            Operand("y", loop, "out", computed),
        ),
        f"""
        const long long k = i + start;
        V total = V(0);
        if (k >= terms - 1 && k < length) {{
          for (long long t = 0; t < terms; ++t) {{
            const long long j = {places[form]};
            {term}
          }}
        }} else {{
          for (long long t = 0; t < terms; ++t) {{
            const long long j = {places[form]};
            if (j >= 0 && j < length) {{
              {term}
            }}
          }}
        }}
        y = total;
        """,
        types={"V": ctype(computed)},
    )


def _slide(a: Any, v: Any, mode: Any, convolving: bool) -> ndarray:
    modes = {"valid": "valid", "same": "same", "full": "full", 0: "valid", 1: "same", 2: "full"}
    found = modes.get(mode)
    if found is None:
        raise ValueError(f"mode must be one of 'valid', 'same', or 'full' (got {mode!r})")
    a, v = asarray(a), asarray(v)
    a, v = (views.reshape(b, (1,)) if b.ndim == 0 else b for b in (a, v))
    if a.ndim != 1 or v.ndim != 1:
        raise ValueError("object too deep for desired array")
    if not a._size or not v._size:
        empty = ("a" if not a._size else "v") if convolving else "first array argument"
        empty = "second array argument" if not convolving and a._size else empty
        raise ValueError(f"{empty} cannot be empty")
    loop = as_dtype(np.result_type(a._dtype, v._dtype))
    n, m = a._size, v._size
    short, long = min(n, m), max(n, m)
    # A correlation with the longer series second is that of the two exchanged, turned round.
    middle = short // 2 if not convolving and n < m else (short - 1) // 2
    size, start = {
        "full": (n + m - 1, 0),
        "same": (long, middle),
        "valid": (long - short + 1, short - 1),
    }[found]
    result = allocate((size,), loop)
    form = "convolve" if convolving else "first" if n >= m else "second"
    series = (a, v) if n >= m else (v, a)
    first, second = (b if b._c_contiguous else casts.copy(b) for b in series)
    kernel = _slide_kernel(first._dtype, second._dtype, loop, form)
    kernel.launch([first, second, long, short, start, result], (size,))
    return result


def convolve(a: Any, v: Any, mode: str = "full") -> ndarray:
    """Return the convolution of two series, summed up directly.

    Parameters
    ----------
    a, v : array-like
        One axis each.
    mode : {'full', 'same', 'valid'}
        All overlaps, as many as the longer series has elements, or the complete ones.

    Raises
    ------
    ValueError
        If a series is empty or has several axes, or `mode` is another word.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.convolve(ndgpu.asarray([1, 2, 3]), [0, 1, 2])
    array([0, 1, 4, 7, 6])
    """
    return _slide(a, v, mode, True)


def correlate(a: Any, v: Any, mode: str = "valid") -> ndarray:
    """Return the cross-correlation of two series; parameters as for `convolve`.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.correlate(ndgpu.asarray([1, 2, 3]), [0, 1, 2])
    array([8])
    """
    return _slide(a, v, mode, False)
