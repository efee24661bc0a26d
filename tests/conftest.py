"""What all tests share: two host devices, and one list of array libraries to run on.

A test that takes the fixture `xp` runs once with NumPy and once with ndgpu, on whatever
device `NDGPU_DEVICE` and the machine give: the host device where there is no GPU.
"""

import os
import signal

# Read once, when the driver is chosen, so they are set before anything imports ndgpu.
os.environ.setdefault("NDGPU_HOST_DEVICES", "2")
os.environ.setdefault("MPLBACKEND", "Agg")

import numpy
import pytest

# Ctrl-C is ignored by what a shell runs in the background, and by its children; some tests are
# about Ctrl-C.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(params=["numpy", "ndgpu"])
def xp(request: pytest.FixtureRequest):
    """NumPy, then ndgpu: for tests that must hold on both."""
    if request.param == "numpy":
        return numpy
    import ndgpu

    return ndgpu


@pytest.fixture
def rng() -> numpy.random.Generator:
    """A NumPy generator with a fixed seed of its own for each test."""
    return numpy.random.default_rng(20260101)
