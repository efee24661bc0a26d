"""One table of every link: dtypes, devices, empty batches, gradients, copies, files.

Values are held by the tests of the links and of their functions; here each link is shown to
treat its parameters as a link should.
"""

import numpy as np
import pytest

import nnrun
import nnrun.functions as F
import nnrun.links as L
from nnrun import serializers
from nnrun.testing import assert_allclose

rng = np.random.default_rng(9)


def normal(*shape):
    return rng.standard_normal(shape)


rows, images, sequences = normal(4, 3), normal(2, 4, 6, 6), normal(2, 5, 8)
numbers = np.array([0, 2, 1, 1], np.int32)
ragged = [normal(n, 3) for n in (4, 2, 2)]

#: How to make each link (from nothing but its first input, where it can), and its inputs.
TABLE = {
    "BatchNormalization": (lambda: L.BatchNormalization(3), (rows,)),
    "BatchRenormalization": (lambda: L.BatchRenormalization(3), (rows,)),
    "Bias": (lambda: L.Bias(1, (3,)), (rows,)),
    "Bilinear": (lambda: L.Bilinear(3, 3, 2), (rows, rows)),
    "BinaryHierarchicalSoftmax": (
        lambda: L.BinaryHierarchicalSoftmax(3, ((0, 1), 2)), (rows, numbers),
    ),
    "BlackOut": (lambda: L.BlackOut(3, [5, 2, 3], 2), (rows, numbers)),
    "CRF1d": (lambda: L.CRF1d(3), ([rows, rows], [numbers, numbers])),
    "ChildSumTreeLSTM": (
        lambda: L.ChildSumTreeLSTM(3, 2), (normal(4, 2), normal(4, 2), rows),
    ),
    "Classifier": (lambda: L.Classifier(L.Linear(3, 3)), (rows, numbers)),
    "Convolution1D": (lambda: L.Convolution1D(5, 2, 3), (sequences,)),
    "Convolution2D": (lambda: L.Convolution2D(None, 2, 3), (images,)),
    "Convolution3D": (lambda: L.Convolution3D(2, 2, 2), (normal(2, 2, 3, 3, 3),)),
    "ConvolutionND": (lambda: L.ConvolutionND(2, 4, 2, 3), (images,)),
    "Deconvolution1D": (lambda: L.Deconvolution1D(5, 2, 3), (sequences,)),
    "Deconvolution2D": (lambda: L.Deconvolution2D(None, 2, 3), (images,)),
    "Deconvolution3D": (lambda: L.Deconvolution3D(2, 2, 2), (normal(2, 2, 3, 3, 3),)),
    "DeconvolutionND": (lambda: L.DeconvolutionND(2, 4, 2, 3), (images,)),
    "DecorrelatedBatchNormalization": (
        lambda: L.DecorrelatedBatchNormalization(3, groups=1), (rows,),
    ),
    "DeformableConvolution2D": (lambda: L.DeformableConvolution2D(None, 2, 3), (images,)),
    "DepthwiseConvolution2D": (lambda: L.DepthwiseConvolution2D(None, 2, 3), (images,)),
    "DilatedConvolution2D": (lambda: L.DilatedConvolution2D(4, 2, 2, dilate=2), (images,)),
    "EmbedID": (lambda: L.EmbedID(3, 2), (numbers,)),
    "GRU": (lambda: L.GRU(3, 2), (rows,)),
    "GroupNormalization": (lambda: L.GroupNormalization(2), (images,)),
    "Highway": (lambda: L.Highway(3), (rows,)),
    "Inception": (lambda: L.Inception(None, 1, 1, 2, 1, 2, 1), (images,)),
    "InceptionBN": (lambda: L.InceptionBN(None, 1, 1, 2, 1, 2, "max", 1), (images,)),
    "LSTM": (lambda: L.LSTM(None, 2), (rows,)),
    "LayerNormalization": (L.LayerNormalization, (rows,)),
    "Linear": (lambda: L.Linear(None, 2), (rows,)),
    "LocalConvolution2D": (lambda: L.LocalConvolution2D(4, 2, 6, 3), (images,)),
    "MLPConvolution2D": (lambda: L.MLPConvolution2D(None, (3, 2), 3), (images,)),
    "Maxout": (lambda: L.Maxout(None, 2, 3), (rows,)),
    "MultiHeadAttention": (lambda: L.MultiHeadAttention(8, 2), (sequences,)),
    "NStepBiGRU": (lambda: L.NStepBiGRU(1, 3, 2, 0.0), (None, ragged)),
    "NStepBiLSTM": (lambda: L.NStepBiLSTM(1, 3, 2, 0.0), (None, None, ragged)),
    "NStepBiRNNReLU": (lambda: L.NStepBiRNNReLU(1, 3, 2, 0.0), (None, ragged)),
    "NStepBiRNNTanh": (lambda: L.NStepBiRNNTanh(1, 3, 2, 0.0), (None, ragged)),
    "NStepGRU": (lambda: L.NStepGRU(2, 3, 2, 0.0), (None, ragged)),
    "NStepLSTM": (lambda: L.NStepLSTM(2, 3, 2, 0.0), (None, None, ragged)),
    "NStepRNNReLU": (lambda: L.NStepRNNReLU(1, 3, 2, 0.0), (None, ragged)),
    "NStepRNNTanh": (lambda: L.NStepRNNTanh(1, 3, 2, 0.0), (None, ragged)),
    "NaryTreeLSTM": (
        lambda: L.NaryTreeLSTM(3, 2, 2),
        (normal(4, 2), normal(4, 2), normal(4, 2), normal(4, 2), rows),
    ),
    "NegativeSampling": (lambda: L.NegativeSampling(3, [5, 2, 3], 2), (rows, numbers)),
    "PReLU": (lambda: L.PReLU((3,)), (rows,)),
    "Parameter": (lambda: L.Parameter(normal(3).astype(nnrun.get_dtype())), ()),
    "RMSNormalization": (L.RMSNormalization, (rows,)),
    "Scale": (lambda: L.Scale(1, (3,), True), (rows,)),
    "SimplifiedDropconnect": (lambda: L.SimplifiedDropconnect(None, 2), (rows,)),
    "StatefulGRU": (lambda: L.StatefulGRU(3, 2), (rows,)),
    "StatefulMGU": (lambda: L.StatefulMGU(3, 2), (rows,)),
    "StatefulPeepholeLSTM": (lambda: L.StatefulPeepholeLSTM(3, 2), (rows,)),
    "StatefulZoneoutLSTM": (lambda: L.StatefulZoneoutLSTM(3, 2), (rows,)),
    "StatelessGRU": (lambda: L.StatelessGRU(3, 2), (normal(4, 2), rows)),
    "StatelessLSTM": (lambda: L.StatelessLSTM(None, 2), (normal(4, 2), normal(4, 2), rows)),
    "StatelessMGU": (lambda: L.StatelessMGU(3, 2), (normal(4, 2), rows)),
    "Swish": (lambda: L.Swish((3,)), (rows,)),
    "TransformerBlock": (lambda: L.TransformerBlock(8, 2), (sequences,)),
}  # fmt: skip

#: What an empty batch is not tried with.
NO_EMPTY_BATCH = {
    "CRF1d": "a batch that shrinks to nothing ends the sequences",
    "DecorrelatedBatchNormalization": "there is no covariance of no samples",
    "Parameter": "it has no input",
    **{name: "a batch is a list of sequences" for name in TABLE if name.startswith("NStep")},
    **{name: "there is no mean of no samples" for name in TABLE if name.startswith("Batch")},
    "InceptionBN": "there is no mean of no samples",
}
#: Whose call draws numbers in training: not the same on each device.
DRAWS = {
    "BlackOut",
    "NegativeSampling",
    "SimplifiedDropconnect",
    "StatefulZoneoutLSTM",
    "TransformerBlock",
}

links = pytest.mark.parametrize("name", TABLE)


def made(name, dtype="f"):
    with nnrun.using_config("dtype", np.dtype(dtype)):
        np.random.seed(0)
        return TABLE[name][0]()


def given(name, dtype="f", send=lambda x: x):
    """The inputs in a dtype, on a device."""

    def change(x):
        if isinstance(x, list):
            return [change(v) for v in x]
        if x is None:
            return None
        return send(x.astype(dtype) if x.dtype.kind == "f" else x)

    return [change(x) for x in TABLE[name][1]]


def results(ys):
    """The results as a flat list of Variables."""
    if isinstance(ys, (tuple, list)):
        return [v for y in ys for v in results(y)]
    return [ys]


def total(ys):
    loss = 0
    for i, y in enumerate(results(ys)):
        loss = loss + F.sum(y * (1.0 + i))
    return loss


def seeded(call, *args):
    np.random.seed(1)
    return results(call(*args))


def test_the_table_is_complete():
    assert set(TABLE) == set(L.__all__)
    assert set(NO_EMPTY_BATCH) | DRAWS <= set(TABLE)


@links
@pytest.mark.parametrize("dtype", ["e", "f", "d"])
def test_the_dtype_stays(name, dtype):
    link = made(name, dtype)
    with nnrun.using_config("dtype", np.dtype(dtype)):
        ys = seeded(link, *given(name, dtype))
        if hasattr(link, "reset_state"):  # what it keeps has been used now too
            ys = seeded(link, *given(name, dtype))
    assert {y.dtype.char for y in ys} == {dtype}
    assert {p.dtype.char for p in link.params()} <= {dtype}
    if link.count_params():
        total(ys).backward()
    for path, p in link.namedparams():
        assert p.grad is not None and p.grad.shape == p.shape, path


@links
def test_on_a_device(name):
    here, there = made(name), made(name)
    seeded(here, *given(name))  # shapes are known now
    there.copyparams(here)
    here = here.copy("copy")
    for link in (here, there):
        if hasattr(link, "reset_state"):
            link.reset_state()
    place = nnrun.get_device(0)
    assert there.to_device(place) is there
    with nnrun.using_config("train", name not in DRAWS):
        expected = seeded(here, *given(name))
        found = seeded(there, *given(name, send=place.send))
        assert all(place.is_array_supported(y.array) for y in found)
        if name in ("BlackOut", "NegativeSampling"):  # outside training too
            return
        for y, e in zip(found, expected, strict=True):
            assert_allclose(y, e, 1e-3, 1e-3)
        if here.count_params():
            for loss in (expected, found):
                total(loss).backward()
    for (path, p), q in zip(here.namedparams(), there.params(), strict=True):
        if p.grad is None:  # of a state that was not there at the first step
            assert q.grad is None, path
        else:
            assert place.is_array_supported(q.grad), path
            assert_allclose(q.grad, p.grad, 2e-3, 2e-3)


@pytest.mark.parametrize("name", [name for name in TABLE if name not in NO_EMPTY_BATCH])
def test_an_empty_batch(name):
    link = made(name)
    seeded(link, *given(name))
    if hasattr(link, "reset_state"):
        link.reset_state()
    link.cleargrads()
    with np.errstate(all="ignore"):  # the mean of no losses
        ys = seeded(link, *[x[:0] for x in given(name)])
        losses = name in ("Classifier", "BinaryHierarchicalSoftmax", "BlackOut", "NegativeSampling")
        for y in ys:
            assert y.shape == () if losses else y.shape[0] == 0
        if not losses:
            total(ys).backward()
            assert all((p.grad == 0).all() for p in link.params() if p.grad is not None)


@links
def test_copies_and_files(name, tmp_path):
    link = made(name)
    with nnrun.using_config("train", False):
        first = seeded(link, *given(name))
        serializers.save_npz(tmp_path / "link.npz", link)
        other = TABLE[name][0]()
        serializers.load_npz(tmp_path / "link.npz", other)
        copied, shared = link.copy("copy"), link.copy("share")
        for again in (other, copied, shared):
            if hasattr(again, "reset_state"):
                again.reset_state()
            for y, e in zip(seeded(again, *given(name)), first, strict=True):
                assert (y.array == e.array).all()
    for p, q, r in zip(link.params(), copied.params(), shared.params(), strict=True):
        assert q.array is not p.array and r.array is p.array
        assert len({id(p), id(q), id(r)}) == 3
    assert repr(link).startswith(type(link).__name__ + "(")
