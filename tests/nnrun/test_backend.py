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


def test_work_happens_on_the_device_of_the_arrays_whichever_is_current():
    import ndgpu

    if ndgpu.cuda.device_count() < 2:
        pytest.skip("one device only")
    device = nnrun.get_device(1)
    np.random.seed(0)
    model = nnrun.links.Classifier(nnrun.links.Linear(3, 2)).to_device(device)
    optimizer = nnrun.optimizers.Adam(0.1).setup(model)
    optimizer.add_hook(nnrun.optimizer_hooks.GradientClipping(0.1))
    x, t = device.send(np.ones((4, 3), np.float32)), device.send(np.array([0, 1, 0, 0]))
    assert ndgpu.cuda.get_device_id() == 0
    first = model(x, t).item()
    for _ in range(3):
        optimizer.update(model, x, t)
    assert ndgpu.cuda.get_device_id() == 0
    assert model.loss.device == model.predictor.W.device == device
    assert model(x, t).item() < first

    there = nnrun.Variable(np.ones(2, np.float32))
    y = nnrun.functions.copy(there, device) * 3
    y.grad = y.xp.ones_like(y.array)
    assert y.device == device
    y.backward()
    assert there.grad.tolist() == [3, 3]


def test_arrays_move_between_devices():
    import ndgpu

    if ndgpu.cuda.device_count() < 2:
        pytest.skip("one device only")
    a = nnrun.get_device(0).send(np.arange(3.0))
    b = nnrun.get_device(1).send(a)
    assert (a.device.id, b.device.id) == (0, 1)
    assert cuda.to_cpu(b).tolist() == [0, 1, 2]
