"""`Elementwise`: each layout form, index width and operand kind against NumPy."""

import ml_dtypes
import numpy as np
import pytest

from ndgpu.kernels import geometry, planning
from ndgpu.kernels.elementwise import Elementwise, Operand

F4, I4, BOOL = np.dtype("f4"), np.dtype("i4"), np.dtype("?")
SUM = Elementwise(
    "test_sum", (Operand("a", F4), Operand("b", F4), Operand("z", F4, "out")), "z = a + b"
)


def layouts():
    """Pairs of arrays that broadcast together, in every kind of layout."""
    rng = np.random.default_rng(1)

    def new(*shape):
        return rng.random(shape, dtype="f4")

    return {
        "contiguous": (new(1000), new(1000)),
        "zero-dimensional": (new(), new()),
        "one element": (new(1, 1), new(1)),
        "stepped": (new(1000)[::2], new(1000)[::2]),
        "reversed": (new(1000)[::-1], new(1000)),
        "scalar array": (new(1000), new()),
        "fortran": (np.asfortranarray(new(40, 50)), np.asfortranarray(new(40, 50))),
        "transposed": (new(40, 50).T, new(50, 40)),
        "row": (new(40, 50), new(50)),
        "column": (new(40, 50), new(40, 1)),
        "outer": (new(40, 1), new(1, 50)),
        "inner cut": (new(40, 60)[:, 3:50], new(40, 47)),
        "inner stepped": (new(40, 100)[:, ::2], new(40, 50)),
        "short inner": (new(300, 3), new(300, 1)),
        "short transposed": (new(3, 300).T, new(300, 3)),
        "rank 3": (new(5, 6, 70)[::2, ::2, ::2], new(3, 3, 35)),
        "rank 4": (new(3, 4, 5, 66).transpose(2, 0, 1, 3), new(5, 1, 4, 66)),
        "rank 5": (new(2, 3, 2, 3, 40)[..., ::2], new(3, 2, 1, 1)),
        "rank 7": (new(2, 2, 2, 2, 2, 2, 2)[..., ::-1], new(2, 1, 2, 1, 2, 1)),
        "rank 9": (new(*[2] * 9)[..., ::-1], new(*[2] * 9).T),
        "long rows": (new(3, 700), new(3, 1)),
    }


@pytest.mark.parametrize("layout", layouts())
@pytest.mark.parametrize("wide", [False, True])
def test_layouts(layout, wide, bare, monkeypatch):
    a, b = layouts()[layout]
    kernel = SUM
    if wide:
        # As if the arrays were beyond 2^31 bytes.
        monkeypatch.setattr(planning, "_INT32", 0)
        monkeypatch.setattr("ndgpu.kernels.elementwise._INT32", 0)
        kernel = Elementwise("test_sum", SUM.operands, "z = a + b")
    expected = a + b
    out = bare.empty(expected.shape, F4)
    kernel.launch([bare.of(a), bare.of(b), out], expected.shape)
    np.testing.assert_array_equal(out.get(), expected)


@pytest.mark.parametrize("layout", layouts())
def test_layouts_with_outputs_too_large_for_the_cache(layout, bare, monkeypatch):
    monkeypatch.setattr("ndgpu.kernels.elementwise._LARGE", 0)
    monkeypatch.setattr(Elementwise, "_streams", lambda *_: True)
    a, b = layouts()[layout]
    out = bare.empty((a + b).shape, F4)
    kernel = Elementwise("test_sum", SUM.operands, "z = a + b")
    kernel.launch([bare.of(a), bare.of(b), out], out.shape)
    np.testing.assert_array_equal(out.get(), a + b)


@pytest.mark.parametrize("code", ["?", "b", "H", "e", "i", "f", "Q", "d", "F", "D"])
def test_every_size_of_element_can_be_stored_past_the_cache(code, bare, monkeypatch):
    monkeypatch.setattr("ndgpu.kernels.elementwise._LARGE", 0)
    monkeypatch.setattr(Elementwise, "_streams", lambda *_: True)
    dtype = np.dtype(code)
    kernel = Elementwise(
        "test_even",
        (Operand("a", dtype), Operand("z", dtype, "out"), Operand("s", np.dtype("f4"), "out")),
        "if (i % 2 == 0) z = a; s = i;",
    )
    a = np.arange(100).astype(dtype)
    # What the expression leaves alone stays as it was.
    out, other = bare.of(np.ones(100, dtype)), bare.empty((100,), "f4")
    kernel.launch([bare.of(a), out, other], (100,))
    np.testing.assert_array_equal(out.get(), np.where(np.arange(100) % 2 == 0, a, dtype.type(1)))
    np.testing.assert_array_equal(other.get(), np.arange(100))


def test_outputs_past_the_cache_are_those_that_it_cannot_hold(bare, monkeypatch):
    limits = geometry.limits(0)
    monkeypatch.setattr(geometry, "limits", lambda _: limits._replace(cache=8000))
    x, y, z = [bare.empty((1000,), F4) for _ in range(3)]
    assert SUM._streams(0, [x, y, z], 1000)
    assert not SUM._streams(0, [x, y, z], 999)
    assert not SUM._streams(0, [x, z, z], 1000)


@pytest.mark.parametrize(
    "base", [np.zeros((50, 40), "f4").T, np.zeros((40, 100), "f4")[:, ::2]], ids=["T", "step"]
)
def test_output_layouts(base, bare):
    rng = np.random.default_rng(2)
    a, b = rng.random((40, 50), "f4"), rng.random((40, 50), "f4")
    out = bare.of(base)
    SUM.launch([bare.of(a), bare.of(b), out], (40, 50))
    np.testing.assert_array_equal(out.get(), a + b)


def test_an_output_may_be_an_input(bare):
    a = np.arange(2000, dtype="f4")
    x = bare.of(a)
    SUM.launch([x, x, x], (2000,))
    np.testing.assert_array_equal(x.get(), a + a)


@pytest.mark.parametrize("shape", [(0,), (3, 0), (0, 5)])
def test_nothing_is_launched_for_no_elements(shape, bare):
    arrays = [bare.empty(shape, F4) for _ in range(3)]
    SUM.launch(arrays, shape)
    SUM.launch([bare.empty((), F4), arrays[0], arrays[1]], shape)


def test_shapes_that_do_not_broadcast(bare):
    with pytest.raises(ValueError, match=r"shape \(3,\) does not broadcast to \(2,\)"):
        SUM.launch([bare.empty((3,), F4), bare.empty((2,), F4), bare.empty((2,), F4)], (2,))


def test_conversions_on_the_way_in_and_out(bare):
    kernel = Elementwise(
        "test_convert",
        (
            Operand("a", np.dtype("i2"), compute=np.dtype("f8")),
            Operand("z", np.dtype("f2"), "out", np.dtype("f8")),
        ),
        "z = a / 3",
    )
    a = np.arange(-50, 50, dtype="i2")
    out = bare.empty((100,), "f2")
    kernel.launch([bare.of(a), out], (100,))
    np.testing.assert_array_equal(out.get(), (a / 3).astype("f2"))


@pytest.mark.parametrize(
    ("code", "number"),
    [
        ("?", True),
        ("b", -3),
        ("B", 250),
        ("h", -300),
        ("i", 2**31 - 1),
        ("Q", 2**64 - 1),
        ("e", 1.5),
        ("f", 1e-3),
        ("d", np.float32(0.1)),
        ("F", 1 + 2j),
        ("D", 1 - 2j),
        ("f", 7),
    ],
)
def test_numbers_go_by_value(code, number, bare):
    dtype = np.dtype(code)
    kernel = Elementwise(
        "test_fill", (Operand("a", dtype, "scalar"), Operand("z", dtype, "out")), "z = a"
    )
    out = bare.empty((3,), dtype)
    kernel.launch([number, out], (3,))
    np.testing.assert_array_equal(out.get(), np.full(3, number, dtype))


def test_bfloat16_number(bare):
    dtype = np.dtype(ml_dtypes.bfloat16)
    kernel = Elementwise(
        "test_fill", (Operand("a", dtype, "scalar"), Operand("z", dtype, "out")), "z = a"
    )
    out = bare.empty((3,), dtype)
    kernel.launch([1.7, out], (3,))
    np.testing.assert_array_equal(out.get(), np.full(3, 1.7, dtype))


def test_numbers_that_do_not_fit(bare):
    for code, number in (("B", -1), ("b", 128), ("i", 2**31), ("q", 2**63)):
        kernel = Elementwise(
            "test_fill",
            (Operand("a", np.dtype(code), "scalar"), Operand("z", np.dtype(code), "out")),
            "z = a",
        )
        with pytest.raises(OverflowError, match=f"{number} out of bounds for .*`a`"):
            kernel.launch([number, bare.empty((1,), code)], (1,))
    kernel = Elementwise(
        "test_fill", (Operand("a", F4, "scalar"), Operand("z", F4, "out")), "z = a"
    )
    with pytest.raises(TypeError, match="`a` must be a number that converts to float32"):
        kernel.launch([1j, bare.empty((1,), F4)], (1,))


def test_guard_leaves_elements_alone(bare):
    kernel = Elementwise(
        "test_guard",
        (
            Operand("a", F4),
            Operand("w", BOOL),
            Operand("z", np.dtype("i8"), "out", F4),
        ),
        "z = a",
        guard="w",
    )
    a, w = np.arange(100, dtype="f4"), np.arange(100) % 3 == 0
    before = np.arange(100, dtype="i8") + 2**60 + 1
    out = bare.of(before)
    kernel.launch([bare.of(a), bare.of(w), out], (100,))
    np.testing.assert_array_equal(out.get(), np.where(w, a.astype("i8"), before))


def test_element_number_is_in_c_order(bare):
    kernel = Elementwise("test_iota", (Operand("z", np.dtype("i8"), "out"),), "z = i * n")
    for base in (
        np.zeros((30, 40), "i8").T,
        np.zeros((40, 60), "i8")[:, ::2],
        np.zeros((2, 3, 4), "i8").T,
    ):
        out = bare.of(base)
        kernel.launch([out], base.shape)
        np.testing.assert_array_equal(out.get().ravel(), np.arange(base.size) * base.size)


def test_indices(bare):
    kernel = Elementwise(
        "test_ind",
        (Operand("z", I4, "out"),),
        "z = _ind.get()[0] * 100 + _ind.get()[1] * 10 + _ind.shape()[1] + _ind.size()",
    )
    out = bare.empty((3, 4), I4)
    kernel.launch([out], (3, 4))
    r, c = np.indices((3, 4))
    np.testing.assert_array_equal(out.get(), r * 100 + c * 10 + 4 + 12)


@pytest.mark.parametrize(
    "x",
    [
        np.arange(24.0),
        np.arange(24.0).reshape(4, 6).T,
        np.arange(48.0).reshape(6, 8)[:, ::2],
        np.array(5.0),
    ],
)
def test_raw_arrays_are_indexed_in_c_order(x, bare):
    kernel = Elementwise(
        "test_raw",
        (Operand("x", np.dtype("f8"), "raw"), Operand("z", np.dtype("f8"), "out")),
        "z = x[x.size() - 1 - i] + x.shape()[0]",
    )
    out = bare.empty((x.size,), "f8")
    kernel.launch([bare.of(x), out], (x.size,))
    rows = x.shape[0] if x.ndim else 1
    np.testing.assert_array_equal(out.get(), x.ravel()[::-1] + rows)


def test_raw_output_and_loop_code(bare):
    kernel = Elementwise(
        "test_scatter",
        (Operand("k", I4), Operand("by", F4, "scalar"), Operand("y", F4, "rawout")),
        "y[k] = i * scale; // a comment at the end",
        preamble="#define TWICE(x) ((x) * 2)",
        loop_prep="const float scale = TWICE(by);",
        after_loop="(void)scale;",
    )
    order = np.random.default_rng(3).permutation(100).astype("i4")
    y = bare.of(np.zeros(100, "f4"))
    kernel.launch([bare.of(order), 1.5, y], (100,))
    expected = np.zeros(100, "f4")
    expected[order] = np.arange(100) * 3
    np.testing.assert_array_equal(y.get(), expected)


def test_debug_prints_source_ptx_and_geometry(bare, monkeypatch, capsys):
    monkeypatch.setenv("NDGPU_DEBUG", "1")
    kernel = Elementwise("test_debug", (Operand("z", F4, "out"),), "z = 31415")
    kernel.launch([bare.empty((600,), F4)], (600,))
    printed = capsys.readouterr().err
    assert "z = 31415" in printed
    assert ".visible .entry test_debug_flat" in printed
    assert "test_debug_flat<<<(3, 1), (256, 1), 0>>>" in printed


def test_few_kernels_serve_many_shapes(bare):
    kernel = Elementwise("test_few", SUM.operands, "z = a + b")
    for shape in [(4, 33), (5, 64), (2, 3, 50), (7, 1000)]:
        a = np.ones((*shape[:-1], shape[-1] + 1), "f4")[..., 1:]
        kernel.launch([bare.of(a), bare.of(a), bare.empty(shape, F4)], shape)
    assert len(kernel._variants) == 1
