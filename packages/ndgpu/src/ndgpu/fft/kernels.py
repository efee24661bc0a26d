"""Fourier transforms by kernels of the package: how a transform is cut into passes.

A length whose prime factors are small (`RADICES` of `ndgpu.fft.source`) is made in one pass
through shared memory where it fits, else in as few as have it.  Any other length is a
convolution with a chirp, made by two transforms of a longer, convenient length (L. Bluestein,
"A linear filtering approach to the computation of the discrete Fourier transform", 1970).

Guarantees: one launch for each pass, whatever the number of lines; any axis, strides and
length; the source is read where it lies unless its axes cannot be seen as three.  Results
repeat bit by bit.
"""

from __future__ import annotations

import functools
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ndgpu import runtime
from ndgpu.compile import Function, get_module
from ndgpu.core import casts, layout
from ndgpu.core.ndarray import allocate, ndarray
from ndgpu.core.transfer import asarray
from ndgpu.fft.source import RADICES, Pass, generate, unit_root

if TYPE_CHECKING:
    from ndgpu.fft.backend import Transform

__all__ = ["factors", "split", "transform"]

_TABLES_KEPT = 32
_INT32 = 2**31 - 1
_SHARED_BYTES = 49152
"""What a block has of shared memory on every device."""
_MOST_THREADS = 256
_MOST_TILE = 64


def factors(n: int) -> tuple[int, ...] | None:
    """Return small radices whose product is `n`, or None if it has a larger prime factor.

    Examples
    --------
    >>> factors(48), factors(17)
    ((8, 2, 3), None)
    """
    found = []
    for radix in RADICES:
        while n % radix == 0:
            found.append(radix)
            n //= radix
    return tuple(found) if n == 1 else None


def _largest(itemsize: int, tile: int) -> int:
    """The largest radix of a pass whose blocks take `tile` lines."""
    return _SHARED_BYTES // (2 * itemsize * (tile | 1))


@functools.cache
def split(n: int, itemsize: int, alone: bool) -> tuple[tuple[int, ...], ...] | None:
    """Return the radices of each pass of a transform, or None if `n` has a large factor.

    Parameters
    ----------
    n : int
    itemsize : int
        Bytes of one complex number.
    alone : bool
        Whether elements of a line are neighbours, so that one line fills a block's reads.
    """
    small = factors(n)
    if small is None:
        return None
    if alone and n <= _largest(itemsize, 1):
        return (small,)
    # Neighbouring lines must fill 64 bytes, or reads waste most of what memory delivers.
    most = _largest(itemsize, 64 // itemsize)
    primes = sorted(_primes(small), reverse=True)
    count = 1
    while True:
        sizes = [1] * count
        for prime in primes:
            sizes[sizes.index(min(sizes))] *= prime
        if max(sizes) <= most:
            return tuple([factors(size) or () for size in sizes])
        count += 1


def _primes(radices: tuple[int, ...]) -> list[int]:
    powers = {4: [2, 2], 8: [2, 2, 2]}
    return [prime for radix in radices for prime in powers.get(radix, [radix])]


class _Lines(NamedTuple):
    """Where lines lie: elements from one to the next before, along and after the axis."""

    array: ndarray
    steps: tuple[int, int, int]


def _collapsed(x: ndarray, axis: int) -> _Lines:
    """See an array as three axes: those before, the axis, those after; a copy if it must be."""
    size = x._dtype.itemsize
    steps: list[int] = []
    for part in (slice(0, axis), slice(axis, axis + 1), slice(axis + 1, None)):
        shape, strides = x._shape[part], x._strides[part]
        one = layout.reshaped_strides(shape, strides, (prod(shape),), size)
        if one is None or one[0] % size:
            return _collapsed(casts.copy(x), axis)
        steps.append(one[0] // size)
    return _Lines(x, (steps[0], steps[1], steps[2]))


def transform(t: Transform) -> None:
    """Make a transform; see `ndgpu.fft.backend.Transform`."""
    x = t.x
    complex_dtype = np.result_type(t.y._dtype, np.complex64)
    lines = _collapsed(x, t.axis)
    work = _Work(
        prod(t.y._shape[: t.axis]),
        prod(t.y._shape[t.axis + 1 :]),
        t.sign,
        complex_dtype,
    )
    given = min(x._shape[t.axis], t.n if t.kind != "c2r" else t.n // 2 + 1)
    load = "hermitian" if t.kind == "c2r" else "plain"
    passes = split(t.n, complex_dtype.itemsize, work.inner == 1)
    if passes is not None:
        work.run(passes, t.n, lines, given, t.y, t.y._shape[t.axis], load, t.scale)
        return
    longer = _convenient(2 * t.n - 1)
    passes = split(longer, complex_dtype.itemsize, work.inner == 1)
    assert passes is not None  # a convenient length has small factors only
    stream = runtime.get_current_stream().ptr
    chirp, spectrum = _chirp(
        t.n, longer, t.sign, complex_dtype, (runtime.current_device_id(), stream)
    )
    middle = allocate((work.outer, longer, work.inner), complex_dtype)
    work._replace(sign=-1).run(
        passes, longer, lines, given, middle, longer, load, 1.0, chirp, spectrum, t.n
    )
    work._replace(sign=1).run(
        passes,
        longer,
        _collapsed(middle, 1),
        longer,
        t.y,
        t.y._shape[t.axis],
        "plain",
        t.scale / longer,
        None,
        chirp,
    )


class _Work(NamedTuple):
    """What all passes of a transform share."""

    outer: int
    inner: int
    sign: int
    dtype: np.dtype

    def run(
        self,
        passes: tuple[tuple[int, ...], ...],
        n: int,
        lines: _Lines,
        given: int,
        y: ndarray,
        kept: int,
        load: str,
        scale: float,
        before: ndarray | None = None,
        after: ndarray | None = None,
        logical: int | None = None,
    ) -> None:
        """Launch the passes from `lines` to `y`; results in between lie in scratch memory."""
        ns, last = 1, len(passes) - 1
        for k, radices in enumerate(passes):
            target, length = y, kept
            if k < last:
                target, length = allocate((self.outer, n, self.inner), self.dtype), n
            self._launch(
                radices, n, ns, lines, given, target, length,
                load if k == 0 else "plain",
                scale if k == last else 1.0,
                before if k == 0 else None,
                after if k == last else None,
                logical or n,
            )  # fmt: skip
            lines, given = _Lines(target, (n * self.inner, self.inner, 1)), n
            ns *= prod(radices)

    def _launch(
        self,
        radices: tuple[int, ...],
        n: int,
        ns: int,
        lines: _Lines,
        given: int,
        y: ndarray,
        kept: int,
        load: str,
        scale: float,
        before: ndarray | None,
        after: ndarray | None,
        logical: int,
    ) -> None:
        radix = prod(radices)
        columns = n // radix * self.inner
        count = self.outer * columns
        fit = _MOST_TILE
        while fit > 1 and (radix > _largest(self.dtype.itemsize, fit) or fit >= 2 * count):
            fit //= 2
        threads = _MOST_THREADS
        while threads > 64 and threads * min(radices, default=1) > radix * fit:
            threads //= 2
        extent = max(self.outer * n * self.inner, y._size)
        p = Pass(
            radices,
            fit,
            threads,
            lines.array._dtype,
            self.dtype,
            self.sign,
            load,
            y._dtype.kind == "f",
            columns == 1,
            ns == 1 and self.inner == 1,
            before is not None,
            after is not None,
            extent > _INT32,
        )
        device_id = runtime.current_device_id()
        roots = _roots(radix, self.dtype, (device_id, runtime.get_current_stream().ptr))
        index: Any = int if p.wide else np.int32
        size = [index(v) for v in (count, columns, self.inner, ns, logical, given, kept)]
        real = self.dtype.type(0).real.dtype.type
        _function(p, device_id).launch(
            (-(-count // fit), 1, 1),
            (threads, 1, 1),
            (lines.array, y, roots, before, after, *size, *lines.steps, real(scale)),
        )


@functools.cache
def _function(p: Pass, device_id: int) -> Function:
    name = f"ndgpu_fft_{prod(p.radices)}"
    return get_module(generate(name, p), name=f"{name}.cu").get_function(name)


# Tables are kept for each stream, so that the order of a stream is all the order they need.
@functools.lru_cache(_TABLES_KEPT)
def _roots(n: int, dtype: np.dtype, where: tuple[int, int]) -> ndarray:
    table = np.array([complex(*unit_root(k, n)) for k in range(n)])
    return asarray(table.astype(dtype))


@functools.lru_cache(_TABLES_KEPT)
def _chirp(
    n: int, longer: int, sign: int, dtype: np.dtype, where: tuple[int, int]
) -> tuple[ndarray, ndarray]:
    """The chirp ``exp(sign i pi k^2 / n)``, and the transform of its mirrored inverse."""
    k = np.arange(n, dtype=np.int64)
    # Squares are taken modulo the chirp's period in integers: angles stay exact.
    squares = (k * k) % (2 * n)
    chirp = np.exp(sign * 1j * np.pi * (squares / n))
    kernel = np.zeros(longer, np.complex128)
    kernel[:n] = chirp.conj()
    kernel[longer - n + 1 :] = chirp[:0:-1].conj()
    return asarray(chirp.astype(dtype)), asarray(np.fft.fft(kernel).astype(dtype))


@functools.cache
def _convenient(least: int) -> int:
    """Return the smallest number from `least` on that is 1, 3, 5 or 9 times a power of two."""
    return min(m << max(0, (-(-least // m) - 1).bit_length()) for m in (1, 3, 5, 9))
