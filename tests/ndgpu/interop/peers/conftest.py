"""Other libraries on device arrays, where they are installed; docs/interoperation.md says how."""

import os

import numpy as np
import pytest

# Read once, when SciPy is imported.
os.environ.setdefault("SCIPY_ARRAY_API", "1")


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.parent == item.config.rootpath / "tests/ndgpu/interop/peers":
            item.add_marker("optional")
            # What other libraries find deprecated in each other is not ours to mend.
            item.add_marker(pytest.mark.filterwarnings("default"))


def on_device(value, ndgpu):
    """The same arguments with device arrays for NumPy's."""
    return ndgpu.asarray(value) if isinstance(value, np.ndarray) else value


@pytest.fixture
def check():
    """Compare a function of arrays on the device with the same on the host."""
    import ndgpu

    def compare(function, *arrays, rtol=1e-6, atol=1e-8, stays=True):
        wanted = function(np, *arrays)
        got = function(ndgpu, *[on_device(a, ndgpu) for a in arrays])
        if not isinstance(wanted, tuple):
            wanted, got = (wanted,), (got,)
        assert len(got) == len(wanted)
        for ours, theirs in zip(got, wanted, strict=True):
            if isinstance(theirs, np.ndarray):
                assert isinstance(ours, ndgpu.ndarray) or not stays
            ours = ndgpu.asnumpy(ours)
            assert ours.shape == np.shape(theirs)
            np.testing.assert_allclose(ours, theirs, rtol, atol)

    return compare
