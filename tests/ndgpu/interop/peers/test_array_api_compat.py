"""array-api-compat recognises device arrays, and gives them back untouched."""

import numpy as np
import pytest

import ndgpu

compat = pytest.importorskip("array_api_compat", reason="array-api-compat is not installed")


def test_the_namespace_is_ours():
    x = ndgpu.ones(3)
    assert compat.array_namespace(x) is ndgpu
    assert compat.array_namespace(x, 1.0, None) is ndgpu
    assert compat.array_namespace(x, api_version="2024.12") is ndgpu
    with pytest.raises(TypeError, match=r"[Mm]ultiple namespaces"):
        compat.array_namespace(x, np.ones(3))


def test_what_it_thinks_of_an_array():
    x = ndgpu.ones(3)
    assert compat.is_array_api_obj(x)
    assert compat.is_writeable_array(x)
    assert not compat.is_numpy_array(x)
    assert not compat.is_cupy_array(x)
    assert not compat.is_lazy_array(x)


def test_devices():
    x = ndgpu.ones(3)
    assert compat.device(x) == x.device
    y = compat.to_device(x, ndgpu.cuda.Device(x.device_id))
    assert y is x
    assert compat.size(x) == 3
