"""Names of devices, moving arrays, and asking for the array module."""

import subprocess
import sys

import numpy as np
import pytest

import nnrun
from nnrun import backend, cuda


@pytest.mark.parametrize("spec", ["numpy", "@numpy", "cpu", -1, "-1", backend.CpuDevice()])
def test_names_of_numpy(spec):
    device = nnrun.get_device(spec)
    assert device.name == "numpy"
    assert device.xp is np
    assert device == nnrun.get_device("numpy")
    assert hash(device) == hash(nnrun.get_device("numpy"))


@pytest.mark.parametrize("spec", ["tpu", "", "numpy:1", "cuda:x", "cuda:-1", "native:0", None, 1.5])
def test_unknown_names_list_what_is_known(spec):
    with pytest.raises(ValueError, match=r"unknown device .*; known: numpy, cuda:N, host:N, auto"):
        nnrun.get_device(spec)


@pytest.mark.parametrize("spec", [0, "0", "@cupy:0", "gpu", "gpu:0"])
def test_names_of_the_first_device(spec):
    import ndgpu

    device = nnrun.get_device(spec)
    assert device.xp is ndgpu
    assert device.name in ("cuda:0", "host:0")
    assert nnrun.get_device(device.name) == device


def test_a_device_that_is_not_there():
    with pytest.raises(ValueError, match=r"there is no device \w+:99; ndgpu sees \d"):
        nnrun.get_device(99)


def test_sending_arrays_and_containers(xp):
    device = nnrun.get_device("numpy" if xp is np else 0)
    a = np.arange(3.0)
    sent = device.send((a, [a, None], {"x": a}))
    assert isinstance(sent, tuple)
    assert isinstance(sent[0], xp.ndarray)
    assert isinstance(sent[1][0], xp.ndarray)
    assert sent[1][1] is None
    assert isinstance(sent[2]["x"], xp.ndarray)
    assert device.send(sent[0]) is sent[0]
    assert device.send([1.0, 2.0]).tolist() == [1, 2]
    assert device.is_array_supported(sent[0])
    back = cuda.to_cpu(sent)
    assert type(back[0]) is np.ndarray
    assert back[2]["x"].tolist() == [0, 1, 2]


def test_get_array_module(xp):
    assert nnrun.get_array_module() is np
    assert nnrun.get_array_module(1, "text", None) is np
    assert nnrun.get_array_module(xp.zeros(1)) is xp
    assert nnrun.get_array_module(np.zeros(1), nnrun.Variable(xp.zeros(1))) is xp
    assert nnrun.get_array_module(nnrun.Parameter()) is np
    assert backend.get_device_from_array(nnrun.Variable(xp.zeros(1))).xp is xp


def test_copyto(xp):
    dst = xp.zeros((2, 2), dtype=np.float32)
    backend.copyto(dst, np.array([1.0, 2.0]))
    assert cuda.to_cpu(dst).tolist() == [[1, 2], [1, 2]]
    there = np.zeros((2, 2))
    backend.copyto(there, dst)
    assert there.tolist() == [[1, 2], [1, 2]]
    with pytest.raises(TypeError, match="`dst` must be an array"):
        backend.copyto([0], dst)


def test_a_device_as_context(xp):
    device = nnrun.get_device("numpy" if xp is np else 0)
    with device, nnrun.using_device(device):
        device.use()
        assert isinstance(device.xp.zeros(1), xp.ndarray)


def test_importing_nnrun_imports_no_heavy_module():
    code = (
        "import sys, nnrun; "
        "print([m for m in ('matplotlib', 'h5py', 'tqdm', 'llvmlite', 'cuda.bindings') "
        "if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
