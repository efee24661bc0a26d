"""Import, fork and exit: each in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


def run(program: str) -> str:
    environment = {**os.environ, "NDGPU_HOST_DEVICES": "2", "PYTHONWARNINGS": "error"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


def test_import_touches_no_driver() -> None:
    assert (
        run("""
import sys
import ndgpu.runtime
print([name for name in sys.modules if name.startswith(("cuda.", "llvmlite"))])
""")
        == "[]\n"
    )


FORK = """
import gc, os, sys, threading
import ndgpu.runtime as rt

def child(work):
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        work()
        sys.stdout.flush()
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
"""


def test_a_child_of_a_process_that_used_a_device_is_told() -> None:
    output = run(
        FORK
        + """
pointer = rt.alloc(100)
memory, stream, event = rt.malloc(100), rt.Stream(), rt.Event()
pinned = rt.alloc_pinned_memory(10)
raw = rt.PinnedMemory(10)

def work():
    global pointer, memory, stream, event, pinned, raw
    for use in (rt.current_device_id, lambda: rt.alloc(100), lambda: rt.Device(0),
                lambda: pointer.copy_to_host(0, 1), stream.synchronize, event.record,
                rt.Stream, rt.get_current_stream, lambda: rt.malloc(4), rt.device_count,
                rt.get_default_memory_pool().used_bytes, stream.use, lambda: rt.PinnedMemory(5)):
        try:
            use()
        except RuntimeError as error:
            assert "was forked" in str(error), error
        else:
            print("not refused", use)
    print("available", rt.is_available())
    del pointer, memory, stream, event, pinned, raw
    gc.collect()
    print("dropped")

with rt.Device(1), rt.Stream():
    child(lambda: None)
    pid = os.fork()
if pid == 0:  # has left the two blocks in the child
    os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
child(work)
pointer.memset(1, 100)
stream.synchronize()
print("parent goes on", rt.get_default_memory_pool().used_bytes())
"""
    )
    assert output == "available False\ndropped\nparent goes on 512\n"


def test_a_child_of_a_process_that_only_imported_is_free() -> None:
    output = run(
        FORK
        + """
def work():
    pointer = rt.alloc(100)
    pointer.memset(1, 100)
    with rt.Device(1), rt.Stream():
        rt.alloc(5)
    print(rt.current_device_id(), rt.get_default_memory_pool().used_bytes())

child(work)
child(work)
work()
"""
    )
    assert output == "0 512\n0 512\n0 512\n"


def test_a_fork_while_other_threads_allocate() -> None:
    output = run(
        FORK
        + """
stop = False
def busy():
    while not stop:
        kept = [rt.alloc(size) for size in (512, 5000, 70000, 3 << 20)]

threads = [threading.Thread(target=busy) for _ in range(3)]
for thread in threads:
    thread.start()

def work():
    assert not rt.is_available()

import warnings
warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of what is tested here
for _ in range(10):
    child(work)
stop = True
for thread in threads:
    thread.join()
print(rt.get_default_memory_pool().used_bytes())
"""
    )
    assert output == "0\n"


@pytest.mark.parametrize("leftover", ["module", "cycle", "thread"])
def test_exit_with_everything_alive(leftover: str) -> None:
    assert (
        run(f"""
import ndgpu.runtime as rt, threading
class Holder: pass
holder = Holder()
def fill():
    rt.Device(1).use()
    holder.things = [rt.alloc(100), rt.malloc(100), rt.Stream(), rt.Event(), rt.PinnedMemory(10),
                     rt.alloc_pinned_memory(10), rt.ManagedMemory(10)]
    holder.things[2].use()
    rt.alloc(1000)
if {leftover!r} == "thread":
    thread = threading.Thread(target=fill); thread.start(); thread.join()
else:
    fill()
if {leftover!r} == "cycle":
    holder.me = holder
    del holder
print("end")
""")
        == "end\n"
    )
