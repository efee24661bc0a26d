"""`Reduction`: each form, split and index width against NumPy."""

import itertools

import numpy as np
import pytest

from ndgpu.kernels import geometry, reduction, reduction_layout
from ndgpu.kernels.elementwise import Operand
from ndgpu.kernels.reduction import Reduction
from ndgpu.kernels.reduction_layout import Layout, tile_items
from ndgpu.kernels.reduction_source import TILE_ITEMS

F4, F8, I8 = np.dtype("f4"), np.dtype("f8"), np.dtype("i8")


def make_sum(name="test_total"):
    return Reduction(
        name, (Operand("x", F4),), Operand("z", F8, "out"), "x", "a + b", "z = a", "double", "0"
    )


def make_max():
    return Reduction(
        "test_most",
        (Operand("x", F4),),
        Operand("z", F4, "out"),
        "x",
        "ndgpu::maximum(a, b)",
        "z = a",
        "float",
        None,
        headers=("math",),
    )


def make_argmax():
    return Reduction(
        "test_where",
        (Operand("x", F4),),
        Operand("z", I8, "out"),
        "ndgpu::Indexed<float>{x, _j}",
        "ndgpu::argmax(a, b)",
        "z = a.index",
        "ndgpu::Indexed<float>",
        None,
        fold_expr="ndgpu::argmax_next(a, b)",
    )


def run(kernel, bare, x, axes, dtype, keepdims=False):
    shape = [n for d, n in enumerate(x.shape) if d not in axes]
    if keepdims:
        shape = [1 if d in axes else n for d, n in enumerate(x.shape)]
    out = bare.empty(tuple(shape), dtype)
    kernel.launch([bare.of(x)], out, x.shape, axes)
    return out.get()


def whole(*shape):
    """Whole numbers in disorder: their sums are exact in any order."""
    return np.random.default_rng(sum(shape)).integers(-50, 50, shape).astype("f4")


ARRAYS = {
    "vector": whole(5000),
    "short vector": whole(7),
    "one": whole(1),
    "zero-dimensional": whole(),
    "stepped": whole(9000)[::3],
    "reversed": whole(100)[::-1],
    "matrix": whole(70, 90),
    "tall": whole(3000, 3),
    "flat": whole(3, 3000),
    "transposed": whole(70, 90).T,
    "fortran cube": np.asfortranarray(whole(9, 40, 33)),
    "cube": whole(9, 40, 33),
    "cut cube": whole(9, 40, 66)[::2, 1:, ::2],
    "long rows": whole(2, 9000),
    "wide": whole(20, 700),
    "wide transposed": whole(5, 300, 8).transpose(2, 0, 1),
    "wide cube": whole(6, 9, 300)[:, ::2],
    "broadcast": np.broadcast_to(whole(40, 1), (40, 50)),
}


_RANK5 = whole(3, 4, 5, 6, 7)[:, ::-1]


def cases():
    for name, x in ARRAYS.items():
        for count in range(x.ndim + 1):
            for axes in itertools.combinations(range(x.ndim), count):
                yield pytest.param(x, axes, id=f"{name} {axes}")
    for axes in ((0, 2, 4), (1, 3), (4,)):
        yield pytest.param(_RANK5, axes, id=f"rank 5 {axes}")


@pytest.fixture(scope="module")
def kernels():
    return make_sum(), make_max(), make_argmax()


@pytest.mark.parametrize(("x", "axes"), list(cases()))
def test_every_choice_of_axes(x, axes, kernels, bare):
    total, most, where = kernels
    np.testing.assert_array_equal(run(total, bare, x, axes, F8), x.sum(axes, "f8"))
    np.testing.assert_array_equal(run(most, bare, x, axes, F4), x.max(axes))
    if x.ndim > 2 and len(axes) != 1:
        return  # argmax is over one axis or all of them, and its kernels compile slowly
    kept = tuple(d for d in range(x.ndim) if d not in axes)
    moved = x.transpose(*kept, *axes).reshape(*[x.shape[d] for d in kept], -1)
    np.testing.assert_array_equal(run(where, bare, x, axes, I8), moved.argmax(-1))


@pytest.fixture
def many_cores(monkeypatch):
    """A device for which work is split much further."""
    monkeypatch.setattr(
        geometry, "limits", lambda device: geometry.Limits(64, 2048, 1024, 2**31 - 1, 1 << 25)
    )
    monkeypatch.setattr(reduction, "_ROW_CHUNK", 20)
    for module in (reduction, reduction_layout):
        monkeypatch.setattr(module, "COLUMN_CHUNK", 3)


@pytest.mark.parametrize(
    ("x", "axes"),
    [
        (ARRAYS["vector"], (0,)),
        (ARRAYS["matrix"], (0,)),
        (ARRAYS["matrix"], (1,)),
        (ARRAYS["matrix"], (0, 1)),
        (ARRAYS["tall"], (0,)),
        (ARRAYS["cut cube"], (0, 2)),
        (ARRAYS["fortran cube"], (1,)),
        (ARRAYS["transposed"], (0,)),
        (ARRAYS["wide"], (0,)),
        (ARRAYS["wide cube"], (0, 1)),
        (ARRAYS["wide cube"], (0,)),
    ],
)
@pytest.mark.parametrize("wide", [False, True])
def test_two_launches(x, axes, wide, bare, many_cores, monkeypatch):
    if wide:
        for module in (reduction, reduction_layout):
            monkeypatch.setattr(module, "INT32", 0)
    total, most, where = make_sum(), make_max(), make_argmax()
    np.testing.assert_array_equal(run(total, bare, x, axes, F8), x.sum(axes, "f8"))
    np.testing.assert_array_equal(run(most, bare, x, axes, F4), x.max(axes))
    run(where, bare, x, axes, I8)
    assert all(
        ready.second is not None for k in (total, most, where) for ready in k._plans.values()
    )


def test_large_row_blocks(bare):
    x = whole(40000)
    for kernel, dtype, expected in (
        (make_sum(), F8, x.sum(dtype="f8")),
        (make_max(), F4, x.max()),
        (make_argmax(), I8, x.argmax()),
    ):
        assert run(kernel, bare, x, (0,), dtype) == expected


def test_keepdims_and_strided_output(kernels, bare):
    x = whole(20, 30, 4)
    result = run(kernels[0], bare, x, (1,), F8, keepdims=True)
    np.testing.assert_array_equal(result, x.sum(1, "f8", keepdims=True))
    out = bare.of(np.zeros((4, 40), "f8")[:, ::2].T)
    kernels[0].launch([bare.of(x)], out, x.shape, (1,))
    np.testing.assert_array_equal(out.get(), x.sum(1, "f8"))


def test_empty_reductions(kernels, bare):
    x = np.zeros((3, 0, 2), "f4")
    np.testing.assert_array_equal(run(kernels[0], bare, x, (1,), F8), np.zeros((3, 2)))
    assert run(kernels[0], bare, x, (0,), F8).shape == (0, 2)
    assert run(kernels[1], bare, x, (0,), F4).shape == (0, 2)
    with pytest.raises(ValueError, match="zero-size array to reduction operation test_most"):
        run(kernels[1], bare, x, (0, 1), F4)


def test_numbers_count_and_several_inputs(bare):
    kernel = Reduction(
        "test_moments",
        (Operand("x", F4, compute=F8), Operand("y", F8), Operand("by", F4, "scalar")),
        (Operand("mean", F8, "out"), Operand("most", F4, "out", F8)),
        "x * y + by",
        "a + b",
        "mean = a / _n; most = a * by",
        "double",
        "0",
    )
    x, y = whole(40, 50), whole(50).astype("f8")
    mean, most = bare.empty((40,), F8), bare.empty((40,), F4)
    kernel.launch([bare.of(x), bare.of(y), 2], (mean, most), (40, 50), (1,))
    total = (x * y + 2.0).sum(1)
    np.testing.assert_allclose(mean.get(), total / 50, rtol=1e-14)
    np.testing.assert_array_equal(most.get(), (total * 2).astype("f4"))


def test_numbers_reach_the_second_launch(bare, many_cores):
    kernel = Reduction(
        "test_scaled",
        (Operand("by", F8, "scalar"), Operand("x", F4)),
        Operand("z", F8, "out"),
        "x",
        "a + b",
        "z = a * by / _n",
        "double",
        "0",
    )
    x = whole(3000)
    out = bare.empty((), F8)
    kernel.launch([3.0, bare.of(x)], out, (3000,), (0,))
    assert out.get() == x.sum(dtype="f8") * 3.0 / 3000


def test_nan_and_first_index_win(kernels, bare):
    x = np.array([1, 5, 5, 2] * 100, "f4")
    assert run(kernels[2], bare, x, (0,), I8) == 1
    x[[250, 30]] = np.nan
    assert run(kernels[2], bare, x, (0,), I8) == 30
    assert np.isnan(run(kernels[1], bare, x, (0,), F4))


def test_results_repeat(bare):
    x = np.random.default_rng(5).random((300, 700), "f4")
    kernel = Reduction(
        "test_float",
        (Operand("x", F4),),
        Operand("z", F4, "out"),
        "x",
        "a + b",
        "z = a",
        "float",
        "0",
    )
    for axes in ((0,), (1,), (0, 1)):
        first = run(kernel, bare, x, axes, F4)
        np.testing.assert_array_equal(first, run(kernel, bare, x, axes, F4))
        np.testing.assert_allclose(first, x.sum(axes), rtol=1e-5)


@pytest.mark.parametrize("code", ["?", "b", "H", "q", "e", "d", "F", "D"])
def test_types_of_partial_results(code, bare):
    from ndgpu.compile import ctype

    dtype = np.dtype(code)
    kernel = Reduction(
        f"test_type_{dtype}",
        (Operand("x", dtype),),
        Operand("z", dtype, "out"),
        "x",
        "a || b" if code == "?" else "a + b",
        "z = a",
        ctype(dtype),
        "0",
    )
    x = np.random.default_rng(6).integers(0, 2, (50, 60)).astype(dtype)
    for axes in ((0,), (1,)):
        expected = x.any(axes) if code == "?" else x.sum(axes, dtype)
        np.testing.assert_array_equal(run(kernel, bare, x, axes, dtype), expected)


@pytest.mark.parametrize("items", TILE_ITEMS)
@pytest.mark.parametrize("width", [256, 300, 999, 1024, 1030, 2100])
def test_tiles_of_every_width(items, width, bare, monkeypatch):
    monkeypatch.setattr(reduction, "tile_items", lambda layout, wanted, item: items)
    x = whole(3, 70, width)
    np.testing.assert_array_equal(run(make_sum(), bare, x, (1,), F8), x.sum(1, dtype=F8))
    np.testing.assert_array_equal(run(make_max(), bare, x, (0, 1), F4), x.max((0, 1)))
    np.testing.assert_array_equal(run(make_argmax(), bare, x, (1,), I8), x.argmax(1))


def test_tiles_are_wide_where_there_is_work_for_all_and_little_overlap():
    def items(rows, width, wanted, item=4):
        layout = Layout((width,), ((item,),), ((item,),), (rows,), ((item * width,),), width,
                                   rows, 0)  # fmt: skip
        return tile_items(layout, wanted, item)

    # A whole line, if a warp can hold it.
    assert items(10_000, 1000, 4096) == 32
    assert items(10_000, 1000, 2048 * 132) == 8
    assert items(10_000, 256, 1) == 8
    # Else a kilobyte.
    assert items(10_000, 1030, 4096) == 8
    assert items(10, 1_000_000, 4096) == 8
    assert items(10, 1_000_000, 4096, 2) == 16
    assert items(10, 1_000_000, 4096, 8) == 4
    assert items(10, 1_000_000, 4096, 16) == 4
    assert items(100, 100_000, 2048 * 132) == 8
