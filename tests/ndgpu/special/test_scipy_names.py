"""What programs for `cupyx.scipy` import."""

import importlib
import types

import numpy as np
import pytest

import ndgpu as cupyx
from ndgpu import fft, special


def test_the_modules_of_cupyx():
    assert cupyx.scipy.special.erf is special.erf
    from ndgpu.scipy.fft import rfft
    from ndgpu.scipy.special import logsumexp

    assert logsumexp is special.logsumexp
    x = cupyx.arange(8.0)
    for function in (rfft, cupyx.scipy.fft.rfft):
        np.testing.assert_array_equal(function(x, overwrite_x=True).get(), fft.rfft(x).get())
    np.testing.assert_array_equal(
        cupyx.scipy.fft.fftn(x.reshape(2, 4), axes=(1,), norm="ortho").get(),
        fft.fftn(x.reshape(2, 4), axes=(1,), norm="ortho").get(),
    )
    assert cupyx.scipy.fft.fftshift is fft.fftshift


@pytest.mark.parametrize("room", ["fft", "special"])
def test_every_name_is_there(room):
    module = importlib.import_module(f"ndgpu.scipy.{room}")
    ours = importlib.import_module(f"ndgpu.{room}")
    assert set(module.__all__) >= set(ours.__all__) - {"TABLE"}
    for name in module.__all__:
        assert getattr(module, name).__name__ == getattr(ours, name).__name__


def test_get_array_module(monkeypatch):
    stand_in = types.ModuleType("scipy")
    monkeypatch.setitem(__import__("sys").modules, "scipy", stand_in)
    assert cupyx.scipy.get_array_module(np.ones(2), cupyx.ones(2)) is cupyx.scipy
    assert cupyx.scipy.get_array_module(np.ones(2)) is stand_in
