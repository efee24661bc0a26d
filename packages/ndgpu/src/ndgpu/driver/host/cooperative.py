"""`cuLaunchCooperativeKernel`: launches whose blocks run at the same time and wait for one another.

Each block has a thread of its own, so that any way in which blocks wait for others comes to an
end: by the grid's barrier of cooperative groups, or by flags in memory.  As many blocks may be
launched as the device's occupancy allows, no more, as on a GPU.  All threads are there before the
first block begins.
"""

from __future__ import annotations

import _thread
import ctypes
import threading

from cuda.bindings.driver import CUdevice_attribute, CUresult

from ndgpu.driver.host import launch, workers
from ndgpu.driver.host.capture import Node, capture_of
from ndgpu.driver.host.context import thread
from ndgpu.driver.host.module import active_blocks, bad_function, functions
from ndgpu.driver.host.queues import UNKNOWN, Work
from ndgpu.driver.host.results import OK, fail
from ndgpu.driver.host.stream import bad_stream, find_stream

__all__ = ["cuLaunchCooperativeKernel"]

_CALL = "cuLaunchCooperativeKernel"
_MULTIPROCESSORS = int(CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)
_FAILED = 2  # the word of the workspace that tells of a block that failed


def cuLaunchCooperativeKernel(
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
) -> tuple:
    """Run a kernel whose blocks may wait for one another.

    More blocks than can run at the same time are refused with
    ``CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE``.
    """
    context = thread.context
    if context.error is not None:
        return context.refuse()
    function = functions.get(f)
    if function is None:
        return bad_function(_CALL, f)
    geometry = (
        gridDimX, gridDimY, gridDimZ, blockDimX, blockDimY, blockDimZ, sharedMemBytes
    )  # fmt: skip
    plan = launch.plan_of(function, geometry)
    if isinstance(plan, tuple):
        return plan
    stream = find_stream(hStream, context)
    if stream is None or function.context is not stream.context:
        return bad_stream(_CALL, hStream)
    most = active_blocks(function, blockDimX * blockDimY * blockDimZ, sharedMemBytes)
    most *= function.context.device.attributes[_MULTIPROCESSORS]
    if plan.blocks > most:
        detail = (
            f"{_CALL}: {function.name} was launched with {plan.blocks} blocks, and {most} of "
            f"{blockDimX * blockDimY * blockDimZ} threads can run at the same time"
        )
        return fail(CUresult.CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE, detail)
    if plan.wants_params and not kernelParams:
        return fail(CUresult.CUDA_ERROR_INVALID_VALUE, f"{_CALL}: kernelParams is a null pointer")
    params, kept = plan.copy_params(kernelParams)
    if stream.context.captures:
        capture = capture_of(_CALL, stream)
        if isinstance(capture, tuple):
            return capture
        if capture is not None:
            label = f"{function.name} <<<{geometry[:3]}, {geometry[3:6]}>>> cooperative"
            return capture.add(stream, Node("kernel", label, _run_once, (plan, params, kept)))
    stream.defer(Work(_Together(plan, params, kept).run, (), UNKNOWN))
    return OK


def _run_once(plan: launch.Plan, params: int, keep: object) -> None:
    """Run a launch as a node of a graph does."""
    _Together(plan, params, keep).run()


class _Together:
    """One launch: its blocks, each of which is taken by one thread."""

    def __init__(self, plan: launch.Plan, params: int, keep: object) -> None:
        self._plan = plan
        self._params = params
        self._keep = keep
        self._workspace = (ctypes.c_uint32 * 16)(64)
        self._launch = plan.description(ctypes.addressof(self._workspace))
        # next() on a range's iterator is atomic; a thread that finds none has nothing to do.
        self._blocks = iter(range(plan.blocks))
        self._changed = threading.Condition()
        self._left = plan.blocks
        self._code = 0
        self._begin = threading.Event()

    def run(self) -> None:
        """Run all blocks; if that was interrupted, the next call waits for the rest."""
        if self._plan.native is None and not self._plan.compile():
            return
        if not self._begin.is_set():
            try:
                for _ in range(self._plan.blocks):
                    _thread.start_new_thread(self._run_block, ())
            except RuntimeError:  # no more threads: none of the blocks may begin
                self._blocks = iter(())
                self._code = int(CUresult.CUDA_ERROR_OUT_OF_MEMORY)
                self._left = 0
            self._begin.set()
        with self._changed:
            while self._left:
                self._changed.wait()
        if self._code:
            launch.failed(self._plan, self._code)

    def _run_block(self) -> None:
        self._begin.wait()
        block = next(self._blocks, None)
        if block is None:
            return
        code = int(CUresult.CUDA_ERROR_UNKNOWN)
        try:
            scratch = workers.scratch(self._plan.scratch)
            if scratch:
                code = self._plan.native(
                    self._params, ctypes.addressof(self._launch), block, block + 1, scratch
                )
            else:
                code = int(CUresult.CUDA_ERROR_OUT_OF_MEMORY)
        finally:
            with self._changed:
                if code:
                    # Those that were stopped because of this one come later.
                    self._code = self._code or code
                    self._workspace[_FAILED] = 1
                self._left -= 1
                self._changed.notify_all()
