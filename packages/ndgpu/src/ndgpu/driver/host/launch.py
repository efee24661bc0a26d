"""`cuLaunchKernel`: the hot path of the host device.

What depends on a kernel's geometry alone (is it allowed, which code runs it,
how much scratch memory does it need) is worked out once per geometry and kept
in a `Plan`; after that a launch is two look-ups and, if nothing is ahead of it and
launches of this plan are known to be short, one call of native code.  Others are
enqueued with a copy of their arguments.  Launches that take long enough are spread
over threads (`workers`).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import random
import struct
import threading
import time
from collections.abc import Iterator
from typing import Any

from cuda.bindings.driver import CUresult

from ndgpu.driver.host import attributes, policies, reports, workers
from ndgpu.driver.host.capture import Node, capture_of
from ndgpu.driver.host.context import thread
from ndgpu.driver.host.module import Function, bad_function, functions
from ndgpu.driver.host.policies import UNKNOWN
from ndgpu.driver.host.queues import Work
from ndgpu.driver.host.results import OK, fail
from ndgpu.driver.host.stream import bad_stream, find_stream

__all__ = ["Plan", "Progress", "compiling", "cuLaunchKernel", "failed", "node_of", "plan_of", "run"]

_INVALID = CUresult.CUDA_ERROR_INVALID_VALUE

# Nanoseconds of work below which to wake other threads costs more than it saves, and of one
# chunk below which to fetch it does.
_WORTH_SHARING = 150_000
_WORTH_FETCHING = 30_000
# Chunks per thread: enough that a thread which starts late or runs slowly does not hold up all,
# and that what is in the caches when one launch ends is a good part of what the next begins with.
_CHUNKS = 16
# A kernel launched with more different geometries than this is one that never repeats them.
_MAX_PLANS = 256
# Into how many ranges a launch is cut whose blocks run in an order drawn by chance.
_SHUFFLED = 1024
_PAGE = 4096
_ALIGN = 64
# What an error of a kernel means here, where its name does not say so.
_MEANT = {
    CUresult.CUDA_ERROR_LAUNCH_TIMEOUT: (
        ": its threads wait for others that will not come; NDGPU_HOST_CHECK=race tells where"
    ),
}

_move = ctypes.PyDLL(None).memmove  # for a few bytes: keeps the interpreter lock
_move.restype, _move.argtypes = None, (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)

_prototype = ctypes.CFUNCTYPE(
    ctypes.c_int32,
    ctypes.c_void_p,
    ctypes.c_void_p,
    ctypes.c_int64,
    ctypes.c_int64,
    ctypes.c_void_p,
)


class _Launch(ctypes.Structure):
    """What native code is told about a launch; it reads it and never writes."""

    _fields_ = (
        ("grid", ctypes.c_uint32 * 3),
        ("block", ctypes.c_uint32 * 3),
        ("dynamic_shared", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32),
        ("variables", ctypes.c_void_p),
        ("checks", ctypes.c_void_p),  # of code that was compiled with checks
        ("workspace", ctypes.c_uint64),  # of a cooperative launch, else 0
    )


_Index = tuple[int, int, int]


def _extents(geometry: tuple[int, ...]) -> tuple[_Index, _Index, int]:
    """Return the extents of grid and block, and the dynamic shared memory."""
    x, y, z, block_x, block_y, block_z, shared = geometry
    return (x, y, z), (block_x, block_y, block_z), shared


class Plan:
    """All about launches of one kernel with one geometry.

    `cost` is the time that one launch takes on one thread, in nanoseconds, as measured;
    `UNKNOWN` before the first.
    """

    __slots__ = (
        "_keep", "_sizes", "_table", "address", "blocks", "checks", "cost", "function", "geometry",
        "native", "scratch", "wants_params",
    )  # fmt: skip

    def __init__(self, function: Function, geometry: tuple[int, ...]) -> None:
        grid, block, shared = _extents(geometry)
        kernel = function.kernel
        launch = _Launch(grid, block, shared, 0, ctypes.addressof(function.module.addresses))
        self._keep = launch
        self.checks = None
        if kernel.checks:
            self.checks = reports.instruct(kernel, block, shared)
            launch.checks = ctypes.addressof(self.checks)
        self.geometry = geometry
        self.address = ctypes.addressof(launch)
        self.native: Any = None
        self.scratch = 0
        self.blocks = grid[0] * grid[1] * grid[2]
        self.wants_params = bool(kernel.params)
        self.function = function
        self.cost = UNKNOWN
        self._sizes = tuple([param.size for param in kernel.params])
        self._table = struct.Struct(f"{len(kernel.params)}P")

    def compile(self) -> bool:
        """Make the native code, if it is not there; False where the kernel cannot be compiled.

        The thread that runs the first launch does this, not the one that asked for it: that one
        goes on to its next kernel, and to NVRTC, meanwhile.
        """
        with compiling():
            if self.native is None:
                from ndgpu.driver.host.compiler import PtxError

                _, block, shared = _extents(self.geometry)
                kernel = self.function.kernel
                try:
                    native = _prototype(kernel.entry(block))
                    self.scratch = max(64, kernel.scratch_bytes(block, shared))
                except PtxError as error:
                    detail = f"{self.function.name}: {error}"
                    self.function.context.poison(CUresult.CUDA_ERROR_INVALID_PTX, detail)
                    return False
                self.native = native
        return True

    def description(self, workspace: int) -> ctypes.Structure:
        """Return what native code is told about a launch with a workspace of its own."""
        own = _Launch.from_buffer_copy(self._keep)
        own.workspace = workspace
        return own

    def learn(self, nanoseconds: int) -> None:
        """Take note of how long a launch took.

        An odd one, that the system interrupted, makes no great difference.
        """
        self.cost = min(max(nanoseconds, 1), 2 * self.cost + 1000)

    def copy_params(self, params: int) -> tuple[int, object]:
        """Return the address of a copy of the arguments, and what to keep alive for it."""
        if not self.wants_params:
            return 0, None
        addresses = self._table.unpack(ctypes.string_at(params, self._table.size))
        sizes = self._sizes
        low = min(addresses)
        high = max([address + size for address, size in zip(addresses, sizes, strict=True)])
        if high - low <= _PAGE:
            # Arguments side by side are copied with what is between them, which can be read: no
            # page lies between the first and the last.
            offsets = [address - low for address in addresses]
            pieces = [(low, 0, high - low)]
        else:
            offsets, pieces, end = [], [], 0
            for address, size in zip(addresses, sizes, strict=True):
                offset = end + (address - low - end) % _ALIGN  # as it was aligned
                offsets.append(offset)
                pieces.append((address, offset, size))
                end = offset + size
            high = low + end
        buffer = (ctypes.c_ubyte * (self._table.size + _ALIGN + high - low))()
        start = ctypes.addressof(buffer)
        copied = start + self._table.size
        copied += (low - copied) % _ALIGN
        self._table.pack_into(buffer, 0, *[copied + offset for offset in offsets])
        for address, offset, size in pieces:
            _move(copied + offset, address, size)
        return start, buffer


# Compiling is for one thread at a time, and so is planning; a forked child must not find either
# held by no one.  Planning never waits for compiling.
_compiling = threading.RLock()
_planning = threading.RLock()
for _lock in (_compiling, _planning):
    os.register_at_fork(
        before=_lock.acquire,
        after_in_parent=_lock.release,
        after_in_child=_lock.release,
    )


@contextlib.contextmanager
def compiling() -> Iterator[None]:
    """Have the compiler for this thread alone.

    A finaliser that the compiler's work brings about does not wait for work of a stream, which
    might wait for the compiler.
    """
    with _compiling:
        before, thread.compiling = thread.compiling, True
        try:
            yield
        finally:
            thread.compiling = before


def _refusal(function: Function, geometry: tuple[int, ...]) -> tuple | None:
    """Return the result of a launch that a device would refuse; None if it is allowed."""
    grid, block, shared = geometry[:3], geometry[3:6], geometry[6]
    threads = block[0] * block[1] * block[2]
    limits = (1024, 1024, 64)
    name = function.name
    for axis, size, limit in zip("xyz", grid, attributes.MAX_GRID, strict=True):
        if not 1 <= size <= limit:
            detail = f"{name}: a grid of {grid}: {axis} must be from 1 to {limit}"
            return fail(_INVALID, detail)
    for axis, size, limit in zip("xyz", block, limits, strict=True):
        if not 1 <= size <= limit:
            detail = f"{name}: a block of {block}: {axis} must be from 1 to {limit}"
            return fail(_INVALID, detail)
    if threads > 1024:
        return fail(_INVALID, f"{name}: a block of {block} has {threads} threads; 1024 may be")
    if threads > function.kernel.max_threads:
        detail = (
            f"{name}: a block of {block} has {threads} threads, and the kernel was compiled "
            f"for {function.kernel.max_threads} at most (__launch_bounds__)"
        )
        return fail(CUresult.CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES, detail)
    if not 0 <= shared <= function.shared_limit:
        detail = (
            f"{name}: {shared} bytes of dynamic shared memory beside "
            f"{function.kernel.shared_bytes} static ones; {function.shared_limit} may be asked "
            "for (CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES raises that)"
        )
        return fail(_INVALID, detail)
    return None


def _make_plan(function: Function, geometry: tuple[int, ...]) -> Plan | tuple:
    geometry = tuple(int(size) for size in geometry)
    refusal = _refusal(function, geometry)
    if refusal is not None:
        return refusal
    with _planning:
        plan = function.plans.get(geometry)
        if plan is None:
            plan = Plan(function, geometry)
            if len(function.plans) >= _MAX_PLANS:
                function.plans.clear()
            function.plans[geometry] = plan
    return plan


def plan_of(function: Function, geometry: tuple[int, ...]) -> Plan | tuple:
    """Return the plan of a launch, or the result of one that a device would refuse."""
    return function.plans.get(geometry) or _make_plan(function, geometry)


def node_of(plan: Plan, params: int) -> Node:
    """Return a launch as a node of a graph."""
    address, kept = plan.copy_params(params)
    grid, block, _ = _extents(plan.geometry)
    label = f"{plan.function.name} <<<{grid}, {block}>>>"
    return Node("kernel", label, plan=plan, params=address, keep=kept)


def cuLaunchKernel(
    f: int,
    gridDimX: int,
    gridDimY: int,
    gridDimZ: int,
    blockDimX: int,
    blockDimY: int,
    blockDimZ: int,
    sharedMemBytes: int,
    hStream: int,
    kernelParams: int,
    extra: int,
) -> tuple:
    """Run a kernel; `kernelParams` is the address of an array of addresses of the arguments.

    A launch that a device would refuse is refused with the device's error.  A kernel that
    fails while it runs makes later calls fail, not this one.
    """
    context = thread.context
    if context.error is not None:
        return context.refuse()
    function = functions.get(f)
    if function is None:
        return bad_function("cuLaunchKernel", f)
    geometry = (
        gridDimX, gridDimY, gridDimZ, blockDimX, blockDimY, blockDimZ, sharedMemBytes
    )  # fmt: skip
    plan = function.plans.get(geometry)
    if plan is None:
        plan = _make_plan(function, geometry)
        if isinstance(plan, tuple):
            return plan
    stream = context.streams.get(hStream)
    if stream is None:
        stream = find_stream(hStream, context)
        if stream is None:
            return bad_stream("cuLaunchKernel", hStream)
    if function.context is not stream.context:
        detail = (
            f"cuLaunchKernel: {function.name} was loaded on host device "
            f"{function.context.device.ordinal}, and the stream belongs to device "
            f"{stream.context.device.ordinal}"
        )
        return fail(CUresult.CUDA_ERROR_INVALID_HANDLE, detail)
    if plan.wants_params and not kernelParams:
        detail = (
            f"cuLaunchKernel: {function.name} has {len(function.kernel.params)} parameters, and "
            + ("`extra` is not supported" if extra else "kernelParams is a null pointer")
        )
        return fail(CUresult.CUDA_ERROR_NOT_SUPPORTED if extra else _INVALID, detail)
    if stream.context.captures:
        capture = capture_of("cuLaunchKernel", stream)
        if isinstance(capture, tuple):
            return capture
        if capture is not None:
            return capture.add(stream, node_of(plan, kernelParams))
    if plan.cost <= policies.current.short:
        context = stream.context
        with context.turn:
            if not context.active or stream.settle():
                if plan.blocks == 1 and plan.native is not None:
                    _run_block(plan, kernelParams)
                else:
                    run(plan, kernelParams, Progress())
                return OK
    params, kept = plan.copy_params(kernelParams)
    stream.defer(Work(run, (plan, params, Progress(kept)), plan.cost))
    return OK


class Progress:
    """How far a launch got, so that it can go on if it was interrupted: `first` has not begun."""

    __slots__ = ("_keep", "first", "job", "ranges")

    def __init__(self, keep: object = None) -> None:
        self._keep = keep  # the copy of the arguments
        self.first = 0
        self.job: workers.Job | None = None
        self.ranges: list[int] | None = None


def _run_block(plan: Plan, params: int) -> None:
    """Run a launch of one block; a failure poisons the context."""
    address = workers.scratch(plan.scratch)
    if not address:
        failed(plan, int(CUresult.CUDA_ERROR_OUT_OF_MEMORY))
        return
    native, launch, clock = plan.native, plan.address, time.perf_counter_ns
    start = clock()
    code = native(params, launch, 0, 1, address)
    spent = clock() - start
    # As `Plan.learn` has it, without the call.
    limit = 2 * plan.cost + 1000
    plan.cost = spent if spent < limit else limit
    if code:
        failed(plan, code)


def failed(plan: Plan, code: int) -> None:
    function = plan.function
    error = CUresult(code)
    detail = f"kernel {function.name} failed with {error.name}{_MEANT.get(error, '')}"
    if plan.checks is not None and plan.checks.report.claimed:
        grid, block, _ = _extents(plan.geometry)
        detail = reports.explain(function.kernel, grid, block, plan.checks.report)
    function.context.poison(error, detail)


def run(plan: Plan, params: int, progress: Progress) -> None:
    """Run what is left of a launch; a failure poisons the context.

    An interrupt can come before or after a call of native code and not between a statement
    and the call in the next, so `progress` tells what has been called.
    """
    if plan.native is None and not plan.compile():
        return
    if plan.checks is not None:
        reports.number(plan.checks)
    address = workers.scratch(plan.scratch)
    if not address:
        code = int(CUresult.CUDA_ERROR_OUT_OF_MEMORY)
    elif policies.current.random is not None:
        code = _run_shuffled(plan, params, progress, address, policies.current.random)
    else:
        code = _run_many(plan, params, progress, address)
    if code:
        failed(plan, code)


def _run_many(plan: Plan, params: int, progress: Progress, address: int) -> int:
    """Run blocks here, or on all threads if they take long."""
    native, launch, blocks = plan.native, plan.address, plan.blocks
    clock = time.perf_counter_ns
    first = progress.first
    start = clock()
    if plan.cost == UNKNOWN and first == 0:
        # How long a block takes is not known yet: run a few, and see.
        progress.first = first = max(1, blocks >> 6)
        code = native(params, launch, 0, first, address)
        if code:
            return code
        plan.learn((clock() - start) * blocks // first)
        start = clock()
    left = blocks - first
    threads = 1
    job = progress.job
    if job is None and plan.cost * left > _WORTH_SHARING * blocks:
        threads = workers.count()
        backwards = _turns(plan)
        if threads > 1 or backwards:
            step = max(
                1,
                left // (threads * _CHUNKS),
                min(_WORTH_FETCHING * blocks // plan.cost, left // threads),
            )
            job = progress.job = workers.Job(
                native, params, launch, first, blocks, step, plan.scratch, backwards
            )
    if job is not None:
        code = job.run()
    else:
        code = 0
        if left:
            progress.first = blocks
            code = native(params, launch, first, blocks, address)
    if left:
        plan.learn((clock() - start) * threads * blocks // left)
    return code


def _turns(plan: Plan) -> bool:
    """Whether the blocks of a long launch run from the last to the first, as every other one's do.

    Arrays that are larger than the caches are met by the next launch where the one before left
    them: at their end, which is there still.
    """
    context = plan.function.context
    if plan.function.kernel.ordered:
        return False
    context.backwards = not context.backwards
    return context.backwards


def _run_shuffled(
    plan: Plan, params: int, progress: Progress, address: int, chance: random.Random
) -> int:
    """Run the blocks one by one, or by small ranges, in an order drawn by chance."""
    native, launch, blocks = plan.native, plan.address, plan.blocks
    step = -(-blocks // _SHUFFLED)
    ranges = progress.ranges
    if ranges is None:
        ranges = list(range(0, blocks, step))
        chance.shuffle(ranges)
        progress.ranges = ranges
    for index in range(progress.first, len(ranges)):
        first = ranges[index]
        end = min(first + step, blocks)
        progress.first = index + 1
        code = native(params, launch, first, end, address)
        if code:
            return code
    return 0
