"""What Dask is told, with a stand-in for it; peers/test_dask.py tries Dask itself."""

import sys
import types

import numpy as np
import pytest

import ndgpu
from ndgpu.interop import dask


class Lookup(dict):
    def register(self, kind, function):
        self[kind] = function


@pytest.fixture
def stand_in(monkeypatch):
    """Modules of the names that `register` imports."""
    chunk_types = []
    lookups = ("numel_lookup", "percentile_lookup", "empty_lookup")
    dispatch = types.SimpleNamespace(**{name: Lookup() for name in lookups})
    array = types.ModuleType("dask.array")
    array.register_chunk_type = chunk_types.append
    array.dispatch = dispatch
    package = types.ModuleType("dask")
    package.array = array
    sizeof = types.ModuleType("dask.sizeof")
    sizeof.sizeof = dispatch.sizeof = Lookup()
    dispatch.chunk_types = chunk_types
    for module in (package, array, sizeof):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    dask.register.cache_clear()
    yield dispatch
    dask.register.cache_clear()


def test_an_array_that_is_asked_for_its_token_registers(stand_in):
    x = ndgpu.arange(3)
    name, value = x.__dask_tokenize__()
    assert name == "ndgpu.ndarray" and isinstance(value, np.ndarray)
    assert value.tolist() == [0, 1, 2]
    x.__dask_tokenize__()
    assert stand_in.chunk_types == [ndgpu.ndarray]
    assert stand_in.sizeof[ndgpu.ndarray](x) == 24
    assert isinstance(stand_in.empty_lookup[ndgpu.ndarray]((2,), dtype="f4"), ndgpu.ndarray)


@pytest.mark.parametrize("axis", [None, 0, 1, -1, (0, 2), (0, 1, 2)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_counts_have_the_form_of_the_result(stand_in, axis, keepdims):
    dask.register()
    x = ndgpu.ones((2, 3, 4))
    count = stand_in.numel_lookup[ndgpu.ndarray](x, axis=axis, keepdims=keepdims, dtype="i8")
    wanted = np.ones((2, 3, 4), "i8").sum(axis=axis, keepdims=keepdims)
    assert isinstance(count, ndgpu.ndarray) and count.dtype == "i8"
    np.testing.assert_array_equal(count.get(), wanted)


def test_percentiles_of_a_chunk(stand_in):
    dask.register()
    percentiles = stand_in.percentile_lookup[ndgpu.ndarray]
    values, count = percentiles(ndgpu.arange(11.0), ndgpu.asarray([0.0, 50.0, 95.0]), "lower")
    assert values.tolist() == [0, 5, 9] and count == 11
    assert percentiles(ndgpu.empty(0), ndgpu.asarray([50.0])) == (None, 0)


def test_without_dask_the_import_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "dask", None)
    dask.register.cache_clear()
    with pytest.raises(ImportError, match="dask"):
        dask.register()
