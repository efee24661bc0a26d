"""Typed calls of libraries, and handles that belong to a thread and a device."""

import pickle
import subprocess
import sys
import threading

import pytest

import ndgpu
from ndgpu import driver, runtime
from ndgpu.runtime.libraries import Handles, Library, LibraryError, Owned


class Fake:
    """A library with functions that note what they were given."""

    def __init__(self):
        class Function:
            def __init__(self, status):
                self.status = status

            def __call__(self, *args):
                return self.status

        self.good, self.bad = Function(0), Function(7)


def test_calls_are_typed_and_checked():
    fake = Fake()
    library = Library(fake, {"good": "pi", "bad": "z"}, lambda status: f"meaning {status}")
    assert library.good(1, 2) is None
    assert [t.__name__ for t in fake.good.argtypes] == ["c_void_p", "c_int"]
    with pytest.raises(LibraryError, match=r"bad failed with status 7 \(meaning 7\)") as caught:
        library.bad(1)
    assert (caught.value.call, caught.value.status) == ("bad", 7)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.status) == (str(caught.value), 7)
    with pytest.raises(AttributeError):
        library.unknown(1)
    assert library.has("good") and not library.has("unknown")


def test_handles_belong_to_threads_devices_and_streams():
    made, ended, streams = [], [], []

    def create():
        made.append(len(made) + 1)
        return made[-1]

    handles = Handles(create, ended.append, lambda handle, stream: streams.append((handle, stream)))
    first = handles.current()
    assert handles.current() == first and made == [1]
    stream = ndgpu.cuda.Stream()
    with stream:
        assert handles.current() == first
    assert handles.current() == first
    assert streams == [(1, 0), (1, stream.ptr), (1, 0)]
    if ndgpu.cuda.device_count() > 1:
        with ndgpu.cuda.Device(1):
            assert handles.current() == 2
    count = len(made)
    thread = threading.Thread(target=handles.current)
    thread.start()
    thread.join()
    assert len(made) == count + 1
    assert ended == [made[-1]]  # with its thread


def test_what_is_owned_is_destroyed_on_its_device():
    places = []

    def destroy(value):
        places.append((value, runtime.check(driver.cuCtxGetDevice())))

    owned = Owned(5, destroy)
    last = ndgpu.cuda.device_count() - 1
    with ndgpu.cuda.Device(last):
        del owned
    assert places == [(5, 0)]


def test_nothing_is_destroyed_while_the_interpreter_ends():
    program = (
        "import builtins\n"
        "from ndgpu.cudnn.binding import Descriptor\n"
        "from ndgpu.runtime.libraries import Owned\n"
        "builtins.kept = [Owned(1, print), Descriptor(2, print)]\n"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
