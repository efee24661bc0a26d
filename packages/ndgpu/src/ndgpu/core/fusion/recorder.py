"""Running a function without running kernels, to see which kernels it launches.

The function gets arrays whose memory does not exist (or stands for an argument's), in a stream
that only records.  It is ndgpu's own functions that decide dtypes, shapes, casts, broadcasting and
views, so a fused function follows NumPy's rules as far as an unfused one does.

Guarantees: no kernel runs and no memory is touched; whatever needs a value, another stream, or a
launch that is no elementwise kernel and no reduction raises `CannotFuse`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from math import prod
from typing import Any

import numpy as np

from ndgpu import runtime
from ndgpu.core import layout
from ndgpu.core.casts import copy_kernel
from ndgpu.core.fusion.errors import CannotFuse
from ndgpu.core.fusion.values import Step, Value, View
from ndgpu.core.ndarray import ndarray
from ndgpu.kernels.elementwise import Elementwise
from ndgpu.kernels.recording import Intercepted
from ndgpu.kernels.reduction import Reduction
from ndgpu.runtime import context

__all__ = ["Recorder"]

# Where memory that does not exist begins: addresses that no device and no host has.
_NOWHERE = 1 << 62
_APART = 1 << 12


class _Stream(runtime.ExternalStream):
    """A stream that takes no work."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._place = None
        self.device_id = runtime.current_device_id()

    @property
    def ptr(self) -> int:  # type: ignore[override]
        raise Intercepted(self._recorder)

    def place_on(self, device_id: int) -> context.Place:
        return context.null_place(device_id)


class _Locked(dict[int, Any]):
    """The current streams of a thread, which stay what they are."""

    def __setitem__(self, device_id: int, stream: Any) -> None:
        raise CannotFuse("it changes the current stream")


class _Memory(runtime.BaseMemory):
    """Memory that is not there, or an argument's, which is not touched."""

    def __init__(self, ptr: int, size: int, device_id: int) -> None:
        self.ptr = ptr
        self.size = size
        self.device_id = device_id


class _Pointer(runtime.MemoryPointer):
    """A pointer to it; copies and fills are recorded."""

    __slots__ = ("_recorder",)

    recorded = True

    def __init__(self, mem: runtime.BaseMemory, offset: int, recorder: Recorder) -> None:
        super().__init__(mem, offset)
        self._recorder = recorder

    def __add__(self, offset: int) -> _Pointer:
        return _Pointer(self.mem, self.ptr - self.mem.ptr + offset, self._recorder)

    def copy_from_device_async(self, src: Any, size: int, stream: Any | None = None) -> None:
        self._recorder.copy(self.ptr, src.ptr, size)

    def _refuse(self, *args: Any, **kwargs: Any) -> Any:
        raise Intercepted(self._recorder)

    copy_to_host = copy_to_host_async = copy_from_host = copy_from_host_async = _refuse
    memset = copy_from = copy_from_async = _refuse

    def memset_async(self, value: int, size: int, stream: Any | None = None) -> None:
        self._recorder.fill(self.ptr, value, size)


_Key = tuple[int, tuple[int, ...], tuple[int, ...], np.dtype]


class Recorder:
    """The steps of a function, in order.

    Parameters
    ----------
    arguments : sequence of ndarray
        The arrays that it is called with.

    Attributes
    ----------
    steps : list of Step
    arrays : list of ndarray
        What to call the function with instead of `arguments`.
    written : set of int
        The arguments whose memory it changes.
    """

    def __init__(self, arguments: Sequence[ndarray]) -> None:
        self.steps: list[Step] = []
        self.written: set[int] = set()
        self._device = runtime.current_device_id()
        self._next = _NOWHERE
        self._values: dict[_Key, Value] = {}
        self._filled: list[tuple[int, int, int]] = []  # address, bytes, byte
        self._keys: list[tuple[int, int, _Key]] = []  # extents of what was written
        self._owners: list[tuple[int, int, int, int]] = []  # extents and arguments' addresses
        self.arrays = []
        for k, a in enumerate(arguments):
            low, high = layout.extent(a._shape, a._strides, a._dtype.itemsize)
            self._owners.append((a._ptr + low, a._ptr + high, k, a._ptr))
            memory = _Memory(a._ptr, high, self._device)
            stand_in = ndarray(a._shape, a._dtype, _Pointer(memory, 0, self), a._strides)
            self.arrays.append(stand_in)

    @contextlib.contextmanager
    def recording(self) -> Iterator[None]:
        """Record what this thread launches."""
        local = context.local
        streams, stream, place, entered = (
            local.streams, local.stream, local.place, list(local.entered)
        )  # fmt: skip
        own = _Stream(self)
        local.streams = _Locked(streams | {self._device: own})
        local.stream = own
        try:
            with runtime.using_allocator(self._allocate):
                yield
        except Intercepted as error:
            raise CannotFuse(
                "it needs the value of an array, or work that is neither elementwise nor a "
                "reduction"
            ) from error
        finally:
            local.streams, local.stream, local.place, local.entered = (
                streams, stream, place, entered
            )  # fmt: skip

    def _allocate(self, size: int) -> _Pointer:
        ptr = self._next
        self._next += -(-size // _APART + 1) * _APART + _APART
        return _Pointer(_Memory(ptr, size, self._device), 0, self)

    def changed(self) -> list[Value]:
        """What the arguments' memory holds at the end, where it was changed."""
        written = [self._values[key] for _, _, key in self._keys]
        return [value for value in written if value.argument >= 0]

    # What is launched.

    def elementwise(self, kernel: Elementwise, args: Sequence[Any], shape: tuple[int, ...]) -> None:
        """Note an elementwise launch."""
        spec = kernel.spec
        if spec.loop_prep or spec.after_loop:
            raise CannotFuse(f"kernel {kernel.name} has `loop_prep` or `after_loop`")
        step = Step(kernel, [], shape)
        for operand, value in zip(kernel.operands, args, strict=True):
            if operand.kind == "in":
                step.inputs.append(self.read(value))
            elif operand.kind == "scalar":
                step.inputs.append(value)
            elif operand.kind != "out":
                raise CannotFuse(f"kernel {kernel.name} takes `{operand.name}` as a raw array")
        keeps = spec.guard is not None or not kernel.generated
        self._finish(
            step,
            [a for o, a in zip(kernel.operands, args, strict=True) if o.kind == "out"],
            keeps,
        )

    def reduction(
        self,
        kernel: Reduction,
        args: Sequence[Any],
        outs: Sequence[Any],
        shape: tuple[int, ...],
        axes: tuple[int, ...],
    ) -> None:
        """Note a reduction."""
        if any(operand.kind == "raw" for operand in kernel.spec.inputs):
            raise CannotFuse(f"reduction {kernel.name} takes a raw array")
        inputs = [
            value if operand.kind == "scalar" else self.read(value)
            for operand, value in zip(kernel.spec.inputs, args, strict=True)
        ]
        self._finish(Step(kernel, inputs, shape, axes), outs, False)

    def _finish(self, step: Step, outs: Sequence[ndarray], keeps: bool) -> None:
        before = [self._known(out) if keeps else None for out in outs]
        for k, out in enumerate(outs):
            value = Value(self._place(out)[0], self._place(out)[1], step, k, before=before[k])
            step.outputs.append(value)
            self._write(out, value)
        self.steps.append(step)

    def copy(self, target: int, source: int, size: int) -> None:
        """Note a copy of an array's whole memory to memory laid out alike."""
        found = [
            value
            for (ptr, shape, _, dtype), value in self._values.items()
            if ptr == source and prod(shape) * dtype.itemsize == size
        ]
        found = found or [
            self.read(a)
            for a in self.arrays
            if a._ptr == source and a.nbytes == size and (a._c_contiguous or a._f_contiguous)
        ]
        if not found:
            raise CannotFuse("it copies a part of an array's memory")
        view = found[-1].view
        out = ndarray(
            view.shape,
            view.dtype,
            _Pointer(_Memory(target, size, self._device), 0, self),
            view.strides,
        )
        kernel = copy_kernel(view.dtype)
        self._finish(Step(kernel, [found[-1]], view.shape), [out], False)

    def fill(self, target: int, byte: int, size: int) -> None:
        """Note that memory was set to a byte."""
        if self._owner(target)[1] >= 0:
            raise CannotFuse("it fills an argument with a number")
        self._filled.append((target, size, byte))

    # What arrays hold.

    def _key(self, a: ndarray) -> _Key:
        """Arrays with one key show the same elements in the same order."""
        shape, strides = a._shape, a._strides
        while shape and shape[0] == 1:
            shape, strides = shape[1:], strides[1:]
        return a._ptr, shape, strides, a._dtype

    def _owner(self, ptr: int) -> tuple[int, int, int]:
        for low, high, argument, start in self._owners:
            if low <= ptr < high:
                return start, argument, high
        return 0, -1, 0

    def _place(self, a: ndarray) -> tuple[View, int]:
        start, argument, _ = self._owner(a._ptr)
        offset = a._ptr - start if argument >= 0 else 0
        return View(offset, a._shape, a._strides, a._dtype), argument

    def _known(self, a: ndarray) -> Value | None:
        """What an array holds, if it holds anything that is known."""
        found = self._values.get(self._key(a))
        if found is not None or self._owner(a._ptr)[1] >= 0:
            return self.read(a)
        return None

    def read(self, a: ndarray) -> Value:
        """Return what an array holds now.

        Raises
        ------
        CannotFuse
            If that is no single value.
        """
        if not isinstance(a, ndarray):
            raise CannotFuse(f"it uses an operand of type {type(a).__name__}")
        key = self._key(a)
        value = self._values.get(key)
        if value is not None:
            return value
        low, high = layout.extent(a._shape, a._strides, a._dtype.itemsize)
        low, high = a._ptr + low, a._ptr + high
        overlapping = [k for at, end, k in self._keys if at < high and low < end]
        if overlapping:
            return self._viewed(a, key, overlapping, low, high)
        view, argument = self._place(a)
        if argument >= 0:
            value = Value(view, argument)
        else:
            value = self._constant(a, view)
        self._values[key] = value
        return value

    def _viewed(self, a: ndarray, key: _Key, overlapping: list[_Key], low: int, high: int) -> Value:
        """An array over memory that a step wrote as another array."""
        base = self._values[overlapping[-1]]
        start, end = layout.extent(base.view.shape, base.view.strides, base.view.dtype.itemsize)
        inside = overlapping[-1][0] + start <= low and high <= overlapping[-1][0] + end
        if len(overlapping) > 1 or not inside or start < 0:
            raise CannotFuse("it reads memory that several operations wrote parts of")
        view = View(a._ptr - overlapping[-1][0], a._shape, a._strides, a._dtype)
        value = Value(view, -1, base=base)
        self._values[key] = value
        return value

    def _constant(self, a: ndarray, view: View) -> Value:
        for ptr, size, byte in reversed(self._filled):
            if ptr <= a._ptr < ptr + max(size, 1):
                number = np.frombuffer(bytes([byte]) * a._dtype.itemsize, a._dtype)[0]
                return Value(view, number=number)
        if a._ptr >= _NOWHERE:
            raise CannotFuse("it reads an array that it has not written (from `empty`)")
        raise CannotFuse(
            f"it uses an array of shape {a._shape} that is not one of its arguments; pass it as one"
        )

    def _write(self, a: ndarray, value: Value) -> None:
        low, high = layout.extent(a._shape, a._strides, a._dtype.itemsize)
        low, high = a._ptr + low, a._ptr + high
        key = self._key(a)
        if a._ptr < _NOWHERE:
            owners = [k for at, end, k, _ in self._owners if at < high and low < end]
            if len(owners) != 1:
                raise CannotFuse(
                    "it changes memory that several of its arguments share"
                    if owners
                    else "it changes an array that is not one of its arguments"
                )
            self.written.update(owners)
        for at, end, other in self._keys:
            if other != key and at < high and low < end:
                raise CannotFuse("it writes one piece of memory as different arrays")
        # Other views of this memory were read before; what they hold now is another value.
        for other in [k for k in self._values if k != key]:
            seen = self._values[other].view
            start, stop = layout.extent(other[1], other[2], seen.dtype.itemsize)
            if other[0] + start < high and low < other[0] + stop:
                del self._values[other]
        self._values[key] = value
        if all(k != key for _, _, k in self._keys):
            self._keys.append((low, high, key))
