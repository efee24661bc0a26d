"""What the process has one of is made once, also by threads that come at the same time."""

import threading
import time

import pytest

from ndgpu.driver.host.compiler import heap, llvm
from ndgpu.driver.host.once import once


def test_threads_at_the_same_time_get_the_same():
    made, found = [], []

    @once
    def place():
        """One."""
        time.sleep(0.05)  # long enough for all to come
        made.append(object())
        return made[-1]

    together = threading.Barrier(4)

    def want():
        together.wait()
        found.append(place())

    threads = [threading.Thread(target=want) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert all(one is made[0] for one in found) and len(found) == 4
    assert place.__doc__ == "One."


def test_what_failed_is_made_again():
    tries = []

    @once
    def place():
        tries.append(1)
        if len(tries) == 1:
            raise OSError("not now")
        return 7

    with pytest.raises(OSError, match="not now"):
        place()
    assert (place(), place(), len(tries)) == (7, 7, 2)


@pytest.mark.parametrize("place", [llvm.target, heap.default])
def test_what_native_code_has_the_address_of_is_made_so(place):
    # An engine that is dropped takes the code with it that it loaded.
    assert "once" in place.__code__.co_filename
