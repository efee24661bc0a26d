"""Dask arrays whose chunks are device arrays."""

import numpy as np
import pytest

import ndgpu
from ndgpu.interop import dask as registration

dask = pytest.importorskip("dask", reason="Dask is not installed")
da = pytest.importorskip("dask.array", reason="Dask is not installed")

HOST = np.random.default_rng(0).normal(size=(40, 6))
CALLS = {
    "as it is": lambda d: d,
    "arithmetic": lambda d: (d + 1) * d - d / 2,
    "a ufunc": np.sin,
    "map_blocks": lambda d: d.map_blocks(lambda b: b * 2),
    "map_overlap": lambda d: d.map_overlap(lambda b: b * 2, depth=1),
    "sum": lambda d: d.sum(axis=0),
    "sum of all": lambda d: d.sum(),
    "mean": lambda d: d.mean(axis=1),
    "mean of all": lambda d: d.mean(),
    "var, kept": lambda d: d.var(axis=0, keepdims=True),
    "std": lambda d: d.std(axis=0),
    "max": lambda d: d.max(axis=1),
    "argmax": lambda d: d.argmax(axis=0),
    "any": lambda d: (d > 2).any(axis=0),
    "nanmean": lambda d: da.nanmean(d, axis=0),
    "cumsum": lambda d: d.cumsum(axis=0),
    "median": lambda d: da.median(d, axis=1),
    "percentile": lambda d: da.percentile(d[:, 0], [25, 50]),
    "topk": lambda d: d[:, 0].topk(3),
    "matmul": lambda d: d @ d.T,
    "tensordot": lambda d: da.tensordot(d, d, axes=((0,), (0,))),
    "einsum": lambda d: da.einsum("ij,ij->i", d, d),
    "singular values": lambda d: da.linalg.svd(d)[1],
    "norm": da.linalg.norm,
    "fft": lambda d: abs(da.fft.fft(d.rechunk((10, 6)), axis=1)),
    "a slice": lambda d: d[3:20, ::2],
    "chosen rows": lambda d: d[[1, 5, 30]],
    "a mask": lambda d: d[d[:, 0] > 0],
    "rechunked": lambda d: d.rechunk((7, 3)),
    "concatenate": lambda d: da.concatenate([d, d]),
    "stack": lambda d: da.stack([d, d]),
    "where": lambda d: da.where(d > 0, d, -d),
    "histogram": lambda d: da.histogram(d, bins=5, range=(-2, 2))[0],
    "bincount": lambda d: da.bincount((d[:, 0] > 0).astype("i8"), minlength=2),
    "a reduction of ours": lambda d: da.reduction(
        d,
        lambda b, axis, keepdims: abs(b).sum(axis=axis, keepdims=keepdims),
        lambda b, axis, keepdims: b.sum(axis=axis, keepdims=keepdims),
        axis=0,
        dtype="f8",
    ),
}


@pytest.fixture(params=["synchronous", "threads"])
def scheduler(request):
    with dask.config.set(scheduler=request.param):
        yield request.param


@pytest.mark.parametrize("name", CALLS)
def test_chunks_stay_on_the_device(name, scheduler):
    function = CALLS[name]
    x = da.from_array(ndgpu.asarray(HOST), chunks=(10, 6), asarray=False)
    got = function(x).compute()
    assert isinstance(got, ndgpu.ndarray)
    wanted = function(da.from_array(HOST, chunks=(10, 6))).compute()
    np.testing.assert_allclose(got.get(), wanted, rtol=1e-10, atol=1e-12)


def test_chunks_are_sent_and_fetched():
    registration.register()
    sent = da.from_array(HOST, chunks=(10, 6)).map_blocks(ndgpu.asarray, meta=ndgpu.empty((0, 0)))
    np.testing.assert_allclose(sent.mean(axis=0).compute().get(), HOST.mean(axis=0))
    fetched = (sent * 2).map_blocks(ndgpu.asnumpy).compute()
    assert isinstance(fetched, np.ndarray)
    np.testing.assert_array_equal(fetched, HOST * 2)


def test_an_array_and_a_dask_array_mix():
    x = ndgpu.asarray(HOST)
    d = da.from_array(x, chunks=10, asarray=False)
    for mixed in (x + d, d + x, np.add(x, d), np.concatenate([x, d])):
        assert isinstance(mixed, da.Array)
        assert isinstance(mixed.compute(), ndgpu.ndarray)


def test_tokens_tell_values_apart():
    a, b, c = ndgpu.arange(3), ndgpu.arange(3), ndgpu.arange(1, 4)
    token = dask.base.tokenize
    assert token(a) == token(b) != token(c)
    assert token(a) != token(a.astype("f4"))


def test_size_of_a_chunk():
    registration.register()
    assert dask.sizeof.sizeof(ndgpu.ones((100, 10))) == 8000
