"""Every row of the table of ufuncs against the NumPy function of its name."""

import numpy as np
import pytest
from tests.ndgpu.core.differential import TOLERANCE, check, device_twin

import ndgpu
from ndgpu.core.rows import ALIASES, ROWS

SPECIAL = [0.0, -0.0, 1, -1, 0.5, -0.5, 2.5, 3.5, -2.5, 30, -30, np.inf, -np.inf, np.nan, 7.7, 1e-5]
OTHER = [1, 2, -0.0, 0.5, -3, 2, 0.25, -1, np.inf, 2, -2, 1, -np.inf, 1, -3, np.nan]


def operands(dtype, count):
    """Arrays of one dtype in which the special cases of that kind of number meet."""
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        arrays = [[0, 1, 1, 0], [0, 1, 0, 1]]
    elif dtype.kind in "iu":
        info = np.iinfo(dtype)
        arrays = [
            [0, 1, 2, 3, 7, 100, info.max, info.max, info.min, info.min, info.min],
            [1, 2, 0, 3, 5, 7, 2, info.max, 1, 2, info.max],
        ]
        if dtype.kind == "i":
            arrays[0] += [-1, -5, -7, 7, info.min]
            arrays[1] += [-1, 3, 2, -2, -1]
    elif dtype.kind == "c":
        arrays = [
            [0, 1, -1, 0.5, 2.5, 1j, -1j, 0.3 - 2j, -2 + 0.5j, 3 + 4j, -0.1 - 0.7j],
            [1, 2, 0.5 - 1j, -1j, 3, 2 + 2j, -1 + 0.5j, 0.1, 1j, -2, 0.5],
        ]
    else:
        arrays = [SPECIAL, OTHER]
    return [
        np.array(a, dtype if dtype.kind in "iu" else None).astype(dtype) for a in arrays[:count]
    ]


# One integer, one real and one complex type for every row; all types for a few.
ALL_TYPES = {"add", "floor_divide", "less", "sign", "absolute"}
CASES = [
    (name, dtype) for name in ROWS for dtype in ("?bBhHiIlLefdFD" if name in ALL_TYPES else "lfF")
]


@pytest.mark.parametrize(("name", "dtype"), CASES)
def test_a_row_computes_what_numpy_computes(name, dtype):
    twin = getattr(np, name)
    arrays = operands(dtype, twin.nin)
    if name in ("power", "float_power") and np.dtype(dtype).kind == "i":
        arrays[1] = np.abs(arrays[1]) % 9
    if name == "ldexp":
        arrays[1] = np.arange(len(arrays[0]), dtype=np.int32) - 3
    if name in ("lcm", "reciprocal", "power"):
        # NumPy's answer to an overflow, and to 1 / 0 in integers, is the processor's.
        arrays = [a[: 6 if np.dtype(dtype).kind == "i" else None] for a in arrays]
    if name == "reciprocal" and np.dtype(dtype).kind == "i":
        arrays = [a[1:] for a in arrays]
    check(lambda xp, *args: getattr(xp, name)(*args), *arrays)


def test_the_table_covers_numpys_ufuncs():
    numpys = {name for name in dir(np) if isinstance(getattr(np, name), np.ufunc)}
    # Dates have no place on a device; products of matrices are functions of linalg.
    left_out = {"isnat", "matmul", "matvec", "vecmat", "vecdot"}
    assert numpys - left_out == set(ROWS) | set(ALIASES)
    for name in numpys - left_out:
        ours, twin = getattr(ndgpu, name), getattr(np, name)
        assert (ours.nin, ours.nout, ours.identity) == (twin.nin, twin.nout, twin.identity)
        assert ours.__name__ == twin.__name__
        assert ours.types == [t for t in ours._twin.types if not set(t) & set("gGOmM")]


LAYOUTS = {
    "contiguous": lambda a: a,
    "transposed": lambda a: a.T,
    "negative": lambda a: a[::-1, :, ::-1],
    "strided": lambda a: a[:, ::2, 1::3],
    "broadcast": lambda a: np.broadcast_to(a[:, :1], a.shape),
    "zero-d": lambda a: a[0, 0, 0],
    "empty": lambda a: a[:, :0],
    "one axis": lambda a: a[0, 0],
}


@pytest.mark.parametrize("first", LAYOUTS)
@pytest.mark.parametrize("second", LAYOUTS)
def test_layouts_and_broadcasting(first, second):
    a = np.arange(4 * 4 * 4, dtype=np.float32).reshape(4, 4, 4)
    a, b = LAYOUTS[first](a), LAYOUTS[second](a * 2)
    check(lambda xp, a, b: xp.subtract(a, b), a, b)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_result_keeps_the_order_of_the_axes(layout):
    a = LAYOUTS[layout](np.ones((4, 4, 4), np.float32))
    if layout in ("broadcast", "negative", "empty"):
        return_order = None
    else:
        return_order = np.exp(a)
    result = ndgpu.exp(device_twin(a) if a.size else ndgpu.asarray(a))
    if return_order is not None:
        assert result.strides == np.asarray(return_order).strides
    assert ndgpu.exp(device_twin(a), order="C").flags.c_contiguous
    assert ndgpu.exp(device_twin(a), order="F").flags.f_contiguous


DTYPES = ["?", "b", "B", "h", "I", "l", "L", "e", "f", "d", "F", "D"]
NUMBERS = [True, 2, 2.5, 1j, np.float32(2), np.int8(3), np.float64(2), np.array(2, np.uint16)]


@pytest.mark.parametrize("dtype", DTYPES)
def test_promotion_is_numpys(dtype):
    a = np.ones(3, dtype)
    for number in NUMBERS:
        for name in ("add", "true_divide"):
            numpys, ours = getattr(np, name), getattr(ndgpu, name)
            loop = numpys(a, number).dtype
            key = tuple(
                ours._resolve(
                    (a.dtype, type(number) if not isinstance(number, np.ndarray) else number.dtype),
                    (None,),
                    None,
                    "same_kind",
                )
            )
            assert key[-1] == loop


def test_python_numbers_are_weak_and_checked():
    x = ndgpu.asarray(np.array([1, 2, 3], np.int8))
    assert (x + 1).dtype == np.int8 and (1 - x).tolist() == [0, -1, -2]
    assert (x * 2.0).dtype == np.float64 and (x / 2).tolist() == [0.5, 1, 1.5]
    for _ in range(2):  # by the long way, then by the short one
        with pytest.raises(OverflowError, match="Python integer 300 out of bounds for int8"):
            x + 300
    assert (x < 300).tolist() == [True] * 3
    assert (x == -(10**30)).tolist() == [False] * 3
    assert (10**30 > x).tolist() == [True] * 3
    with pytest.raises(ValueError, match="Integers to negative integer powers"):
        x**-1
    y = ndgpu.asarray(np.array([1, 2], np.float32))
    assert (y * 1e300).tolist() == [np.inf, np.inf]
    assert (y**2).dtype == np.float32 and (y**0.5).tolist() == np.sqrt([1, 2], dtype="f4").tolist()
    assert (y**-1).tolist() == [1, 0.5] and (2**y).tolist() == [2, 4]


def test_out_where_and_dtype():
    a = np.linspace(-2, 2, 12).reshape(3, 4)
    mask = a > 0

    def into(xp, a, mask):
        out = xp.zeros((3, 4), "f4")
        assert xp.exp(a, out=out, where=mask) is out
        return out

    check(into, a, mask, tolerance=1e-6)
    check(lambda xp, a: xp.add(a, 1, dtype="f4"), a, tolerance=1e-6)
    check(lambda xp, a: xp.add(a, a, xp.empty((2, 3, 4))), a)
    check(lambda xp, a: xp.add(a, a, out=xp.empty(4)), a)  # too small
    check(lambda xp, a: xp.add(a, a, out=xp.empty((3, 4), int)), a)  # not the same kind
    check(lambda xp, a: xp.add(a, a, out=xp.empty((3, 4), int), casting="unsafe"), a)
    check(lambda xp, a: xp.divmod(a, 0.3, out=(None, xp.empty((3, 4)))), a)
    check(lambda xp, a: xp.exp(a, dtype="i4"), a)
    check(
        lambda xp, a: xp.add(a, a, where=xp.ones(4), out=xp.zeros((3, 4))), a
    )  # a mask of any dtype
    check(lambda xp, a: xp.add(a, xp.ones((5, 4))), a)


def test_in_place_and_overlap():
    def shift(xp, a):
        a = a.copy()
        a[1:] += a[:-1]
        a *= 2
        a -= a.T if a.shape[0] == a.shape[1] else 1
        a[::-1] /= a
        return a

    check(shift, np.arange(1.0, 10).reshape(3, 3))
    check(shift, np.arange(1.0, 13).reshape(3, 4))
    check(lambda xp, a: a.__iadd__(0.5), np.arange(3))  # float into int


def test_operators():
    a, b = np.array([5, -7, 2], np.int32), np.array([2, 3, -1], np.int32)
    for expression in (
        "a + b", "a - b", "a * b", "a / b", "a // b", "a % b", "divmod(a, b)", "a ** abs(b)",
        "a << abs(b)", "a >> abs(b)", "a & b", "a | b", "a ^ b", "~a", "-a", "+a", "abs(a)",
        "a < b", "a <= b", "a == b", "a != b", "a > b", "a >= b", "3 - a", "7 // b", "2 ** abs(a)",
        "a + [1, 2, 3]", "(1, 2, 3) * a",
    ):  # fmt: skip
        check(lambda xp, a, b, e=expression: eval(e, {"a": a, "b": b}), a, b)


def test_other_types_get_their_turn():
    class Other:
        def __radd__(self, array):
            return "theirs"

        def __eq__(self, array):
            return "equal"

        __hash__ = None

    x = ndgpu.ones(2)
    assert x + Other() == "theirs"
    assert (x == Other()) == "equal"
    with pytest.raises(TypeError):
        x + "text"
    with pytest.raises(TypeError, match=r"add: unsupported operand types \(ndarray, str\)"):
        ndgpu.add(x, "text")


def test_numpy_arrays_are_refused_with_advice():
    x = ndgpu.ones(2)
    for expression in (
        lambda: x + np.ones(2),
        lambda: np.ones(2) + x,
        lambda: np.add(x, np.ones(2)),
    ):
        with pytest.raises(TypeError, match=r"copy it to the device with `ndgpu.asarray`"):
            expression()
    with pytest.raises(TypeError, match=r"`out` of exp is a numpy\.ndarray"):
        ndgpu.exp(x, out=np.ones(2))
    assert isinstance(np.float32(2) * x, ndgpu.ndarray)
    assert isinstance(np.sin(x), ndgpu.ndarray)
    assert np.add.reduce(x).tolist() == 2
    assert np.add.accumulate(x).tolist() == [1, 2]
    with pytest.raises(TypeError, match=r"numpy\.isnat is not supported"):
        np.isnat(x)


def test_wrong_calls():
    x = ndgpu.ones(2)
    with pytest.raises(TypeError, match="takes from 2 to 3 positional arguments but 1"):
        ndgpu.add(x)
    with pytest.raises(TypeError, match="both a positional and keyword"):
        ndgpu.add(x, x, x, out=x)
    with pytest.raises(TypeError):
        ndgpu.subtract(x > 0, x > 0)
    with pytest.raises(TypeError):
        ndgpu.invert(x)
    with pytest.raises(ValueError, match="could not be broadcast together with shapes"):
        ndgpu.ones(3) + ndgpu.ones(4)


def test_sixteen_bit_floats():
    from ml_dtypes import bfloat16

    a = np.array([1.0, 2.5, -3.0, 65504.0], np.float16)
    check(lambda xp, a: xp.multiply(a, a), a[:3])
    check(lambda xp, a: xp.nextafter(a, a * 2), a[:3])
    b = np.array([1.0, 2.5, -3.0], bfloat16)
    x = ndgpu.asarray(b)
    assert x.dtype == np.dtype(bfloat16)
    assert (x + x).dtype == x.dtype and (x + x).get().tolist() == (b + b).tolist()
    assert ndgpu.exp(x).get().tolist() == np.exp(b).tolist()
    assert (x.astype(np.float32) / 3).astype(bfloat16).get().tolist() == (
        (b.astype("f4") / np.float32(3)).astype(bfloat16).tolist()
    )


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.filterwarnings("ignore:.*encountered in spacing:RuntimeWarning")
def test_spacing_of_every_sixteen_bit_float(dtype):
    import ml_dtypes

    a = np.arange(65536, dtype="u2").view(getattr(ml_dtypes, dtype, dtype))
    got, expected = ndgpu.spacing(ndgpu.asarray(a)).get(), np.spacing(a)
    nan = np.isnan(expected)
    assert np.isnan(got[nan]).all()
    np.testing.assert_array_equal(got.view("u2")[~nan], expected.view("u2")[~nan])


def test_tolerances_are_stated_for_every_inexact_type():
    assert set(TOLERANCE) == set("efdFD")
