"""Finalisers that run in the midst of the driver's own work."""

import threading

from cuda.bindings.driver import CUresult

from ndgpu.driver import host

from .conftest import value
from .fakes import Kernel
from .test_launch import load

OK = (CUresult.CUDA_SUCCESS,)


def test_memory_freed_while_a_kernel_is_compiled(device, streams, monkeypatch):
    """The compiler is for one thread: one that has it must not wait for one that wants it."""
    streams("async")
    inside, wanted = threading.Event(), threading.Event()
    pointer = value(host.cuMemAlloc(64))
    freed = []

    class Slow(Kernel):
        def entry(self, block):
            inside.set()
            wanted.wait(5)
            host.cuCtxSetCurrent(device.context.handle)
            freed.append(host.cuMemFree(pointer))  # as a finaliser of the compiler's garbage
            return super().entry(block)

    slow = load(monkeypatch, Slow())
    following = load(monkeypatch, Kernel())
    first, *others = (value(host.cuStreamCreate(1)) for _ in range(9))
    handle = device.context.handle

    def launch(function, stream):
        return host.cuLaunchKernel(function, 1, 1, 1, 1, 1, 1, 0, stream, 0, 0)

    def work():
        host.cuCtxSetCurrent(handle)
        launch(slow, first)  # a thread of the driver takes it
        inside.wait(5)
        for stream in others:
            launch(following, stream)
        threading.Timer(0.1, wanted.set).start()
        for stream in others:
            host.cuStreamSynchronize(stream)  # this thread wants the compiler
        host.cuCtxSynchronize()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(20)
    assert not thread.is_alive()
    assert freed == [OK]
    assert host.cuCtxSynchronize() == OK
    assert device.used == 0
