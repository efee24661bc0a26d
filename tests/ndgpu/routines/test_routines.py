"""NumPy's functions on device arrays against NumPy."""

import inspect

import numpy as np
import pytest
from tests.ndgpu.core.differential import check

import ndgpu

A = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
B = -np.arange(12).reshape(3, 4)

CASES = {
    # creation
    "zeros": lambda xp, a, b: xp.zeros((2, 3), "i4"),
    "zeros F": lambda xp, a, b: xp.zeros((2, 3), order="F").T.ravel("K"),
    "ones": lambda xp, a, b: xp.ones(3, bool),
    "full": lambda xp, a, b: xp.full((2, 2), 7),
    "full broadcast": lambda xp, a, b: xp.full((2, 2), [1.5, 2.5]),
    "zeros_like": lambda xp, a, b: xp.zeros_like(a.T),
    "ones_like": lambda xp, a, b: xp.ones_like(a, dtype="i8", shape=(2,)),
    "full_like": lambda xp, a, b: xp.full_like(b, 2.9),
    "negative shape": lambda xp, a, b: xp.zeros(-1),
    "eye": lambda xp, a, b: xp.eye(3, 4, 1, dtype="i4"),
    "eye below": lambda xp, a, b: xp.eye(3, k=-2),
    "eye beyond": lambda xp, a, b: xp.eye(3, k=9),
    "identity": lambda xp, a, b: xp.identity(2),
    "diag": lambda xp, a, b: xp.diag(b),
    "diag of vector": lambda xp, a, b: xp.diag(b[0], -1),
    "diag of cube": lambda xp, a, b: xp.diag(a),
    "tri": lambda xp, a, b: xp.tri(3, 4, 1),
    "tril": lambda xp, a, b: xp.tril(a, -1),
    "triu": lambda xp, a, b: xp.triu(b),
    "triu bool": lambda xp, a, b: xp.triu(b < -3),
    "meshgrid": lambda xp, a, b: xp.meshgrid(b[0], b[:, 0]),
    "meshgrid ij": lambda xp, a, b: xp.meshgrid(b[0], b[:, 0], indexing="ij", sparse=True),
    "ascontiguousarray": lambda xp, a, b: xp.ascontiguousarray(a.T).ravel(),
    "asfortranarray": lambda xp, a, b: xp.asfortranarray(a),
    # joining and splitting
    "concatenate": lambda xp, a, b: xp.concatenate([a, a + 1], axis=1),
    "concatenate dtypes": lambda xp, a, b: xp.concatenate([a[0], b]),
    "concatenate flat": lambda xp, a, b: xp.concatenate([a, b], axis=None),
    "concatenate to": lambda xp, a, b: xp.concatenate([b, b], dtype="f4"),
    "concatenate out": lambda xp, a, b: xp.concatenate([b, b], out=xp.zeros((6, 4))),
    "concatenate nothing": lambda xp, a, b: xp.concatenate([]),
    "concatenate misfit": lambda xp, a, b: xp.concatenate([a, a[:, 1:]], axis=0),
    "concatenate ndim": lambda xp, a, b: xp.concatenate([a, b]),
    "concatenate 0-d": lambda xp, a, b: xp.concatenate([a[0, 0, 0], a[0, 0, 0]]),
    "concatenate casting": lambda xp, a, b: xp.concatenate([a, a], dtype="i4"),
    "stack": lambda xp, a, b: xp.stack([b, b + 1], axis=-1),
    "stack misfit": lambda xp, a, b: xp.stack([b, b[1:]]),
    "vstack": lambda xp, a, b: xp.vstack([b[0], b]),
    "hstack": lambda xp, a, b: xp.hstack([b, b]),
    "hstack vectors": lambda xp, a, b: xp.hstack([b[0], b[1]]),
    "dstack": lambda xp, a, b: xp.dstack([b, b]),
    "column_stack": lambda xp, a, b: xp.column_stack([b[:, 0], b]),
    "append": lambda xp, a, b: xp.append(b, [[1, 2, 3, 4]], axis=0),
    "split": lambda xp, a, b: xp.split(a, 2, axis=2),
    "split at": lambda xp, a, b: xp.split(a, [1, 3, 9], axis=-1),
    "split unevenly": lambda xp, a, b: xp.split(b, 2),
    "array_split": lambda xp, a, b: xp.array_split(b, 2),
    "array_split nothing": lambda xp, a, b: xp.array_split(b, 0),
    "vsplit": lambda xp, a, b: xp.vsplit(a, 2),
    "hsplit": lambda xp, a, b: xp.hsplit(b, 2),
    "dsplit": lambda xp, a, b: xp.dsplit(a, 2),
    "dsplit of matrix": lambda xp, a, b: xp.dsplit(b, 2),
    # shapes
    "reshape": lambda xp, a, b: xp.reshape(a.T, (-1, 2)),
    "moveaxis": lambda xp, a, b: xp.moveaxis(a, 0, -1),
    "moveaxis pairs": lambda xp, a, b: xp.moveaxis(a, [0, 1], [-1, 0]),
    "moveaxis misfit": lambda xp, a, b: xp.moveaxis(a, [0, 1], [0]),
    "rollaxis": lambda xp, a, b: xp.rollaxis(a, 2),
    "rollaxis to": lambda xp, a, b: xp.rollaxis(a, 0, 3),
    "rollaxis beyond": lambda xp, a, b: xp.rollaxis(a, 0, 5),
    "expand_dims": lambda xp, a, b: xp.expand_dims(a, (0, -1)),
    "expand_dims beyond": lambda xp, a, b: xp.expand_dims(a, 5),
    "squeeze": lambda xp, a, b: xp.squeeze(a[:, :1]),
    "broadcast_to": lambda xp, a, b: xp.broadcast_to(b, (2, 3, 4)),
    "broadcast_to misfit": lambda xp, a, b: xp.broadcast_to(b, (2, 4)),
    "broadcast_arrays": lambda xp, a, b: xp.broadcast_arrays(a, b[:1]),
    "broadcast_arrays misfit": lambda xp, a, b: xp.broadcast_arrays(a, b[:2]),
    "atleast": lambda xp, a, b: (xp.atleast_1d(a[0, 0, 0]), xp.atleast_2d(b[0])),
    "atleast_3d": lambda xp, a, b: xp.atleast_3d(b[0, 0], b[0], b),
    "tile": lambda xp, a, b: xp.tile(b, (2, 1, 3)),
    "tile fewer": lambda xp, a, b: xp.tile(a, 2),
    "tile none": lambda xp, a, b: xp.tile(b, 0),
    "flip": lambda xp, a, b: xp.flip(a),
    "flip axes": lambda xp, a, b: xp.flip(a, (0, 2)),
    "flips": lambda xp, a, b: (xp.flipud(b), xp.fliplr(b)),
    "roll": lambda xp, a, b: xp.roll(a, 5),
    "roll axes": lambda xp, a, b: xp.roll(a, (1, -2), axis=(0, 2)),
    "roll twice": lambda xp, a, b: xp.roll(b, 1, axis=(0, 0)),
    "rot90": lambda xp, a, b: [xp.rot90(b, k) for k in range(-1, 4)],
    "matrix_transpose": lambda xp, a, b: xp.matrix_transpose(a),
    # choosing
    "where": lambda xp, a, b: xp.where(a > 5, a, b),
    "where numbers": lambda xp, a, b: xp.where(b < -3, 1, 2.5),
    "where weak": lambda xp, a, b: xp.where(a > 5, a, 0),
    "where half": lambda xp, a, b: xp.where(a > 5, a),
    "where misfit": lambda xp, a, b: xp.where(a > 5, a, b[:2]),
    "where nonzero": lambda xp, a, b: xp.where(b % 5 == 0),
    "copyto": lambda xp, a, b: xp.copyto(a, b, where=a > 3),
    # mathematics
    "clip": lambda xp, a, b: xp.clip(a, 3, 9),
    "clip one side": lambda xp, a, b: xp.clip(b, None, -4),
    "clip arrays": lambda xp, a, b: xp.clip(a, b + 8, 2.5),
    "clip too far": lambda xp, a, b: xp.clip(b.astype("i1"), 0, 300),
    "clip out": lambda xp, a, b: xp.clip(a, 1, 2, out=a),
    "clip nan": lambda xp, a, b: xp.clip(a * np.nan, 1, 2),
    "round": lambda xp, a, b: xp.round(a / 8, 1),
    "round integers": lambda xp, a, b: xp.round(b * 7, -1),
    "round tens": lambda xp, a, b: xp.around(a * 7.3, -1),
    "fix": lambda xp, a, b: xp.fix(b / 5),
    "angle": lambda xp, a, b: xp.angle(a + 1j, deg=True),
    "real imag": lambda xp, a, b: (xp.real(a + 1j), xp.imag(b)),
    "nan_to_num": lambda xp, a, b: xp.nan_to_num(xp.log(a - 1), nan=-5),
    "diff": lambda xp, a, b: xp.diff(a * a, 2),
    "diff axis": lambda xp, a, b: xp.diff(b, axis=0),
    "trace": lambda xp, a, b: xp.trace(a, 1, 1, 2),
    "average": lambda xp, a, b: xp.average(a, axis=1),
    "average weights": lambda xp, a, b: xp.average(a, axis=-1, weights=a[0, 1]),
    "methods": lambda xp, a, b: (
        a.clip(2, 5),
        a.round(1),
        b.trace(),
        a.ptp(0) if xp is ndgpu else xp.ptp(a, 0),
        (a + 1j).conj(),
        b.conjugate(),
        a[0].dot(b.T),
        a.repeat(2),
        a.take([1, 2], 1),
    ),
    # logic
    "isclose": lambda xp, a, b: xp.isclose(a, a * (1 + 1e-6)),
    "isclose nan": lambda xp, a, b: xp.isclose(a * np.nan, a * np.nan, equal_nan=True),
    "isclose inf": lambda xp, a, b: xp.isclose(a / 0, a / 0),
    "allclose": lambda xp, a, b: (xp.allclose(a, a), xp.allclose(a, a + 1)),
    "array_equal": lambda xp, a, b: (xp.array_equal(b, b), xp.array_equal(b, b[1:])),
    "array_equiv": lambda xp, a, b: xp.array_equiv(b[:1], xp.broadcast_to(b[0], (5, 4))),
    "sizes": lambda xp, a, b: (xp.size(a), xp.size(a, 1), xp.ndim(b), xp.shape(b)),
}


@pytest.mark.parametrize("name", CASES)
def test_a_function_does_what_numpys_does(name):
    with np.errstate(all="ignore"):
        check(CASES[name], A.copy(), B.copy(), tolerance=1e-5)


RANGES = [
    (5,), (0,), (-3,), (2, 10, 3), (10, 2, -3), (1.5,), (0.0, 1.0, 0.1), (0, 1, 0.3, "f4"),
    (3, None, 1, "u1"), (np.float32(3),), (2, 9, 2, "f2"), (0, 1, 0), (5, 1), (1, 3, 1, bool),
    (-5, 5, 2, "i1"), (0, 4, 1, "F"), (np.nan,), (np.inf,),
]  # fmt: skip


@pytest.mark.parametrize("arguments", RANGES, ids=repr)
def test_arange(arguments):
    check(lambda xp: xp.arange(*arguments), tolerance=0)


LINES = [
    ((0, 1, 5), {}), ((2, -3, 7), {}), ((0, 1, 5), {"endpoint": False}),
    ((0, 10, 4), {"dtype": int}),
    ((3, 3, 3), {}), ((0, 1, 1), {}), ((0, 1, 0), {}), ((0, 1, -1), {}), ((0, 1 + 2j, 3), {}),
    ((np.array([0, 1]), np.array([2, 5]), 4), {}), ((np.array([0.0, 1]), 3, 4), {"axis": 1}),
    ((0, 1, 11), {"retstep": True}), ((0, 1, 6), {"dtype": "f4"}),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "keywords"), LINES, ids=repr)
def test_linspace(arguments, keywords):
    check(lambda xp, *a: xp.linspace(*a, **keywords), *arguments, tolerance=1e-15)


@pytest.mark.parametrize("axis", [0, -1, (0,), (), None])
def test_flipping_an_array_without_axes(axis):
    check(lambda xp, a: xp.flip(a, axis), np.array(2.5), tolerance=0)


@pytest.mark.parametrize("code", "efd")
def test_linspace_in_the_precision_of_its_ends(code):
    ends = np.array([0.3, 97.7], code)
    for target in (None, "f2", "i2", "f8"):
        check(lambda xp, t=target: xp.linspace(*ends, 37, dtype=t), tolerance=0)


def test_views_stay_views():
    x = ndgpu.asarray(A)
    views = [
        ndgpu.split(x, 2)[1], ndgpu.flip(x), ndgpu.moveaxis(x, 0, 1), ndgpu.expand_dims(x, 0),
        ndgpu.squeeze(x[:1]), ndgpu.broadcast_to(x, (2, 2, 3, 4)), ndgpu.rollaxis(x, 2),
        ndgpu.rot90(x), ndgpu.atleast_3d(x), ndgpu.real(x), *ndgpu.broadcast_arrays(x, x[0]),
    ]  # fmt: skip
    assert all(ndgpu.shares_memory(view, x) for view in views)
    assert not ndgpu.shares_memory(x[::2], x[1::2])
    assert ndgpu.may_share_memory(x[:, ::2], x[:, 1::2])
    assert not ndgpu.shares_memory(x[:, ::2], x[:, 1::2])
    assert not ndgpu.may_share_memory(x, A)


def test_dtype_questions_are_numpys():
    x = ndgpu.asarray(A)
    assert ndgpu.result_type(x, 2.0) == np.float32
    assert ndgpu.result_type(x, np.float64) == np.float64
    assert ndgpu.can_cast(x, "f8") and not ndgpu.can_cast("f8", "f4")
    assert ndgpu.common_type(x, ndgpu.asarray(B)) is np.float64
    assert ndgpu.isrealobj(x) and ndgpu.iscomplexobj(x + 1j) and ndgpu.isscalar(3)
    assert not ndgpu.isfortran(x) and ndgpu.isfortran(x.T)
    assert ndgpu.float32 is np.float32 and ndgpu.newaxis is None


def test_the_array_module():
    assert ndgpu.get_array_module(np.ones(1), ndgpu.ones(1)) is ndgpu
    assert ndgpu.get_array_module(1, np.ones(1)) is np
    with pytest.raises(AttributeError, match="module 'ndgpu' has no attribute 'nothing'"):
        ndgpu.nothing


def test_numpys_functions_stay_on_the_device():
    x = ndgpu.asarray(A)
    for result in (
        np.concatenate([x, x]),
        np.sum(x, axis=0),
        np.where(x > 1, x, 0),
        np.moveaxis(x, 0, 1),
        np.linalg.norm(x),
        np.tensordot(x, x, 3),
        np.zeros_like(x),
        np.clip(x, 1, 2),
    ):
        assert isinstance(result, ndgpu.ndarray)
    assert np.allclose(x, x) and np.shape(x) == A.shape


def test_parameters_have_numpys_names():
    skipped = {"device", "like", "chunks"}
    names = (
        "zeros full linspace eye concatenate stack split tile roll clip around isclose moveaxis "
        "sum mean var argmax tensordot diff average trace repeat take nan_to_num broadcast_to"
    )
    for name in names.split():
        ours = list(inspect.signature(getattr(ndgpu, name)).parameters)
        numpys = [p for p in inspect.signature(getattr(np, name)).parameters if p not in skipped]
        missing = set(numpys) - set(ours) - {"kwargs", "shape", "newshape", "prepend", "append"}
        assert not missing, (name, missing)


def test_config_is_printed(capsys):
    ndgpu.show_config()
    text = capsys.readouterr().out
    assert "Device 0" in text and np.__version__ in text
