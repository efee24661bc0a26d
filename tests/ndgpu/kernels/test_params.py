"""The parameter language and its errors."""

import numpy as np
import pytest

from ndgpu.kernels.params import Parameter, parse, resolve

F4, F8 = np.dtype("f4"), np.dtype("f8")


def test_parse():
    assert parse("T x, raw float32 y,int64  z", "k") == (
        Parameter("x", None, "T", False),
        Parameter("y", F4, "", True),
        Parameter("z", np.dtype("i8"), "", False),
    )
    assert parse("", "k") == ()
    assert parse("  ", "k") == ()


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("T", "'T' must read 'type name'"),
        ("T x y", "must read"),
        ("raw x", "must read"),
        ("T x,, T y", "a parameter is missing"),
        ("float33 x", "`x` has unknown type 'float33'"),
        ("object x", "unknown type"),
        ("T i", "'i' cannot name"),
        ("T n", "'n' cannot name"),
        ("T _x", "'_x' cannot name"),
        ("T 3x", "'3x' cannot name"),
    ],
)
def test_unreadable_lists(text, match):
    with pytest.raises(ValueError, match=match):
        parse(text, "k")


def test_bfloat16_by_name():
    (parameter,) = parse("bfloat16 x", "k")
    assert parameter.dtype.name == "bfloat16"


def test_arrays_decide_placeholders(bare):
    x = bare.of(np.zeros(3, "f4"))
    types = resolve("k", parse("T x, T y, U z, T out", "k"), [x, 2.0, 3, None])
    assert types.dtypes == (F4, F4, np.dtype("i8"), F4)
    assert types.placeholders == {"T": F4, "U": np.dtype("i8")}


def test_numbers_alone_decide_by_their_type():
    for number, code in [(True, "?"), (1, "q"), (1.0, "d"), (1j, "D"), (np.int8(1), "b")]:
        assert resolve("k", parse("T x", "k"), [number]).dtypes == (np.dtype(code),)


def test_type_errors_name_the_argument(bare):
    x, y = bare.of(np.zeros(3, "f4")), bare.of(np.zeros(3, "f8"))
    with pytest.raises(TypeError, match="type T is float32 by `x` but float64 by `y`"):
        resolve("k", parse("T x, T y", "k"), [x, y])
    with pytest.raises(TypeError, match="`x` is declared float32 but the array is float64"):
        resolve("k", parse("float32 x", "k"), [y])
    with pytest.raises(TypeError, match="raw parameter `x` must be an array, got float"):
        resolve("k", parse("raw T x", "k"), [1.0])
    with pytest.raises(TypeError, match="`x` must be an array of this package or a number"):
        resolve("k", parse("T x", "k"), [[1]])
    with pytest.raises(TypeError, match=r"`x` must be an array .* got ndarray"):
        resolve("k", parse("T x", "k"), [np.zeros(3)])
    with pytest.raises(TypeError, match=r"no argument says what type U of output `y` is"):
        resolve("k", parse("T x, U y", "k"), [x, None])
    with pytest.raises(TypeError, match="`y` is float32, but the number 1j is complex"):
        resolve("k", parse("T x, T y", "k"), [x, 1j])
