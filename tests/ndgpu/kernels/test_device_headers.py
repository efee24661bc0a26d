"""What the device headers compute, against NumPy: ordinary and special values."""

import itertools

import ml_dtypes
import numpy as np
import pytest

from ndgpu.kernels.elementwise import Elementwise, Operand

BF16 = np.dtype(ml_dtypes.bfloat16)


def apply(bare, expression, arrays, out, header):
    """Evaluate an expression of `a`, `b`... elementwise on the device."""
    names = "abcd"[: len(arrays)]
    arrays = [np.ascontiguousarray(x) for x in arrays]
    kernel = Elementwise(
        "test_header",
        (
            *[Operand(n, x.dtype) for n, x in zip(names, arrays, strict=True)],
            Operand("z", np.dtype(out), "out"),
        ),
        f"z = {expression};",
        headers=(header,),
    )
    result = bare.empty(arrays[0].shape, out)
    kernel.launch([*map(bare.of, arrays), result], arrays[0].shape)
    return result.get()


def pairs(values):
    """All pairs of values, as two arrays."""
    grid = np.array(list(itertools.product(values, repeat=2)), values.dtype)
    return grid[:, 0], grid[:, 1]


def special(code):
    return np.array(
        [0.0, -0.0, 1, -1, 0.5, -2.5, 3.75, 7, -7, 1e30, -1e-30, np.inf, -np.inf, np.nan], code
    )


def integers(code):
    info = np.iinfo(code)
    some = [0, 1, 2, 3, 7, 8, 60, 100, info.max, info.max - 1, info.min, info.min + 1]
    return np.array(some + ([-1, -2, -7, -60] if info.min else []), code)


INTEGERS = "bBhHiIqQ"
FLOATS = "fd"


@pytest.mark.parametrize("code", INTEGERS)
@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("ndgpu::floor_divide(a, b)", np.floor_divide),
        ("ndgpu::remainder(a, b)", np.remainder),
        ("ndgpu::fmod_(a, b)", np.fmod),
        ("ndgpu::maximum(a, b)", np.maximum),
        ("ndgpu::minimum(a, b)", np.minimum),
        ("ndgpu::gcd(a, b)", np.gcd),
        ("ndgpu::lcm(a, b)", np.lcm),
        ("ndgpu::left_shift(a, b)", np.left_shift),
        ("ndgpu::right_shift(a, b)", np.right_shift),
    ],
)
@pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning")
def test_integers_in_pairs(expression, expected, code, bare):
    a, b = pairs(integers(code))
    result = apply(bare, expression, [a, b], code, "math")
    np.testing.assert_array_equal(result, expected(a, b))


@pytest.mark.parametrize("code", INTEGERS)
def test_integers_alone(code, bare):
    a = integers(code)
    for expression, expected in [
        ("ndgpu::absolute(a)", np.absolute(a)),
        ("ndgpu::sign(a)", np.sign(a)),
        ("ndgpu::square(a)", np.square(a)),
        ("ndgpu::bit_count(a)", np.bitwise_count(a)),
    ]:
        result = apply(bare, expression, [a], expected.dtype, "math")
        np.testing.assert_array_equal(result, expected, err_msg=expression)


@pytest.mark.parametrize("code", INTEGERS)
def test_integer_powers_wrap(code, bare):
    a, b = pairs(integers(code))
    keep = b >= 0
    a, b = a[keep], b[keep]
    result = apply(bare, "ndgpu::power(a, b)", [a, b], code, "math")
    np.testing.assert_array_equal(result, np.power(a, b))


def test_mixed_comparisons_are_exact(bare):
    signed, unsigned = integers("q"), integers("Q")
    a = np.repeat(signed, unsigned.size)
    b = np.tile(unsigned, signed.size)
    for expression, expected in [
        ("ndgpu::less(a, b)", np.less(a, b)),
        ("ndgpu::less(b, a)", np.less(b, a)),
        ("ndgpu::less_equal(a, b)", np.less_equal(a, b)),
        ("ndgpu::equal(a, b)", np.equal(a, b)),
    ]:
        result = apply(bare, expression, [a, b], "?", "math")
        np.testing.assert_array_equal(result, expected, err_msg=expression)


@pytest.mark.parametrize("code", FLOATS)
@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("ndgpu::floor_divide(a, b)", np.floor_divide),
        ("ndgpu::remainder(a, b)", np.remainder),
        ("ndgpu::fmod_(a, b)", np.fmod),
        ("ndgpu::maximum(a, b)", np.maximum),
        ("ndgpu::minimum(a, b)", np.minimum),
        ("ndgpu::fmax_(a, b)", np.fmax),
        ("ndgpu::fmin_(a, b)", np.fmin),
        ("ndgpu::heaviside(a, b)", np.heaviside),
        ("ndgpu::logaddexp(a, b)", np.logaddexp),
        ("ndgpu::logaddexp2(a, b)", np.logaddexp2),
        ("ndgpu::power(a, b)", np.power),
        ("nextafter(a, b)", np.nextafter),
    ],
)
@pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning")
def test_floats_in_pairs(expression, expected, code, bare):
    a, b = pairs(special(code))
    result = apply(bare, expression, [a, b], code, "math")
    wanted = expected(a, b)
    np.testing.assert_allclose(result, wanted, rtol=4 * np.finfo(code).eps)
    if "max" not in expression and "min" not in expression:
        whole = ~np.isnan(wanted)
        np.testing.assert_array_equal(np.signbit(result[whole]), np.signbit(wanted[whole]))


@pytest.mark.parametrize("code", FLOATS)
@pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning")
def test_floats_alone(code, bare):
    a = np.concatenate([special(code), np.random.default_rng(0).normal(0, 100, 50).astype(code)])
    for expression, expected in [
        ("ndgpu::sign(a)", np.sign(a)),
        ("ndgpu::reciprocal(a)", np.reciprocal(a)),
        ("ndgpu::signbit_(a)", np.signbit(a)),
        ("ndgpu::isnan_(a)", np.isnan(a)),
        ("ndgpu::isinf_(a)", np.isinf(a)),
        ("ndgpu::isfinite_(a)", np.isfinite(a)),
        ("ndgpu::frexp_mantissa(a)", np.frexp(a)[0]),
        ("ndgpu::frexp_exponent(a)", np.frexp(a)[1]),
        ("ndgpu::modf_fraction(a)", np.modf(a)[0]),
        ("ndgpu::modf_integer(a)", np.modf(a)[1]),
        ("ndgpu::spacing(a)", np.spacing(a)),
    ]:
        result = apply(bare, expression, [a], expected.dtype, "math")
        np.testing.assert_array_equal(result, expected, err_msg=expression)


def all_halves():
    return np.arange(65536, dtype="u2")


@pytest.mark.parametrize("dtype", [np.dtype("f2"), BF16], ids=str)
def test_every_half_widens_exactly(dtype, bare):
    a = all_halves().view(dtype)
    result = apply(bare, "a", [a], "f4", "half")
    np.testing.assert_array_equal(result, a.astype("f4"))


@pytest.mark.parametrize("dtype", [np.dtype("f2"), BF16], ids=str)
@pytest.mark.parametrize("source", "fd")
@pytest.mark.filterwarnings("ignore:invalid value encountered in cast:RuntimeWarning")
def test_rounding_to_half(dtype, source, bare):
    halves = all_halves().view(dtype).astype("f8")
    finite = np.unique(halves[np.isfinite(halves)])
    lower, upper = finite[:-1], finite[1:]
    middle = (lower + upper) / 2
    above, below = (np.nextafter(middle.astype(source), end) for end in (np.inf, -np.inf))
    even = lower.astype(dtype).view("u2") % 2 == 0
    ties = np.where(even, lower, upper)
    a = np.concatenate([halves, middle, above, below]).astype(source)
    result = apply(bare, "a", [a], dtype, "half").astype("f8")
    np.testing.assert_array_equal(result, np.concatenate([halves, ties, upper, lower]))


@pytest.mark.parametrize("code", "?bBhHiIqQ")
def test_integers_to_half(code, bare):
    a = np.array([0, 1], code) if code == "?" else integers(code)
    with np.errstate(over="ignore"):
        for dtype in (np.dtype("f2"), BF16):
            result = apply(bare, "a", [a], dtype, "half")
            np.testing.assert_array_equal(result, a.astype("f8").astype(dtype))


def test_half_arithmetic(bare):
    a = np.linspace(-3, 3, 101).astype("f2")
    result = apply(bare, "a * a + 1 - a / float16(2)", [a], "f2", "half")
    wide = a.astype("f4")
    np.testing.assert_array_equal(result, (wide * wide + 1 - wide / 2).astype("f2"))


@pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning")
def test_nextafter_half(bare):
    values = np.array([0, -0.0, 1, -1, 65504, -65504, 6e-8, np.inf, -np.inf, np.nan], "f2")
    a, b = pairs(values)
    expression = "ndgpu::nextafter_half(a, b, 0x7c00)"
    result = apply(bare, expression, [a.view("u2"), b.view("u2")], "u2", "math").view("f2")
    np.testing.assert_array_equal(result, np.nextafter(a, b))


def complexes(code):
    real = np.dtype(f"f{np.dtype(code).itemsize // 2}")
    parts = np.array([0.0, -0.0, 1, -1, 0.3, -2.5, 20, -90, np.inf, -np.inf, np.nan], real)
    re, im = pairs(parts)
    z = np.empty(re.size, code)
    z.real, z.imag = re, im
    return z


def same_complex(result, expected, tolerance):
    """Whether parts agree, infinities and NaN included; a part may be lost in a large other."""
    size = np.abs(expected)
    # Beside a NaN the sign of an infinity is not specified.
    lone = np.isnan(expected.real) | np.isnan(expected.imag)
    for part, wanted in ((result.real, expected.real), (result.imag, expected.imag)):
        part, wanted = np.where(lone, np.abs(part), part), np.where(lone, np.abs(wanted), wanted)
        finite = np.isfinite(wanted)
        np.testing.assert_array_equal(np.isnan(part), np.isnan(wanted))
        infinite = np.isinf(wanted)
        np.testing.assert_array_equal(part[infinite], wanted[infinite])
        scale = np.where(np.isfinite(size), size, np.abs(wanted))[finite]
        assert (np.abs(part[finite] - wanted[finite]) <= tolerance * scale + 1e-300).all()


# NumPy itself loses digits where the result is near 0.
NEAR_0 = ("acosh", "log", "log10", "log2")
GROWING = ("exp", "exp2", "expm1", "sinh", "cosh", "sin", "cos")
UNARY = ["exp", "log", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh"]
INVERSE = {
    "asin": "arcsin",
    "acos": "arccos",
    "atan": "arctan",
    "asinh": "arcsinh",
    "acosh": "arccosh",
    "atanh": "arctanh",
    "log10": "log10",
    "log2": "log2",
    "log1p": "log1p",
    "expm1": "expm1",
    "exp2": "exp2",
    "ndgpu::sign": "sign",
    "ndgpu::square": "square",
}


@pytest.mark.parametrize("code", "FD")
@pytest.mark.parametrize("name", UNARY)
@pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning")
def test_complex_functions_with_special_values(name, code, bare):
    z = complexes(code)
    result = apply(bare, f"{name}(a)", [z], code, "complex")
    same_complex(result, getattr(np, name)(z), 20 * np.finfo(code).eps)


@pytest.mark.parametrize("code", "FD")
@pytest.mark.parametrize("name", [*INVERSE, *UNARY])
@pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning")
def test_complex_functions(name, code, bare):
    rng = np.random.default_rng(7)
    size = 10.0 ** rng.uniform(-3, 1 if name in GROWING else 3, 400)
    z = (size * np.exp(1j * rng.uniform(-np.pi, np.pi, 400))).astype(code)
    result = apply(bare, f"{name}(a)", [z], code, "complex")
    expected = getattr(np, INVERSE.get(name, name))(z.astype("D"))
    scale = np.maximum(np.abs(expected), 1 if name == "log1p" else 1e-3 if name in NEAR_0 else 0)
    assert (np.abs(result - expected) <= 30 * np.finfo(code).eps * scale).all()


@pytest.mark.parametrize("code", "FD")
@pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning")
def test_complex_arithmetic_and_order(code, bare):
    values = complexes(code)[::5]
    a, b = pairs(values)
    for expression, expected, out in [
        ("a + b", a + b, code),
        ("a - b", a - b, code),
        ("a == b", a == b, "?"),
        ("a < b", a < b, "?"),
        ("a <= b", a <= b, "?"),
        ("ndgpu::maximum(a, b)", np.maximum(a, b), code),
        ("ndgpu::minimum(a, b)", np.minimum(a, b), code),
        ("ndgpu::fmax_(a, b)", np.fmax(a, b), code),
        ("abs(a)", np.abs(a), code.lower()),
        ("conj(a)", np.conj(a), code),
        ("isnan(a)", np.isnan(a), "?"),
        ("isinf(a)", np.isinf(a), "?"),
        ("isfinite(a)", np.isfinite(a), "?"),
    ]:
        result = apply(bare, expression, [a, b], out, "complex")
        np.testing.assert_allclose(result, expected, rtol=1e-6, err_msg=expression)
    rng = np.random.default_rng(8)
    a, b = (rng.normal(size=(2, 300)) + 1j * rng.normal(size=(2, 300))).astype(code)
    for expression, expected in [
        ("a * b", a * b),
        ("a / b", a / b),
        ("pow(a, b)", a**b),
        ("2 * a / 3", 2 * a / 3),
    ]:
        result = apply(bare, expression, [a, b], code, "complex")
        np.testing.assert_allclose(result, expected, rtol=60 * np.finfo(code).eps)


def test_philox_known_answers(bare):
    """The first vectors of the authors' known-answer test, with seed and counter as here."""
    kernel = "ndgpu::philox_lane(ndgpu::philox(a, b, c), (int)(i % 4))"
    full = 2**64 - 1
    a = np.repeat(np.array([0, full, 0x299F31D0A4093822], "u8"), 4)
    b = np.repeat(np.array([0, full, 0x85A308D3243F6A88], "u8"), 4)
    c = np.repeat(np.array([0, full, 0x0370734413198A2E], "u8"), 4)
    result = apply(bare, kernel, [a, b, c], "u4", "philox")
    assert [f"{word:08x}" for word in result] == [
        "6627e8d5", "e169c58d", "bc57ac4c", "9b00dbd8",
        "408f276d", "41c83b0e", "a20bc7c6", "6d5451fd",
        "d16cfe09", "94fdcceb", "5001e420", "24126ea1",
    ]  # fmt: skip


@pytest.mark.parametrize(("code", "high"), [("f4", "a"), ("f8", "a, a")])
def test_open_uniform_numbers_have_neither_end(code, high, bare):
    last = 2**32 - 1
    bits = np.array([0, 1, 255, 256, 2**31 - 1, 2**31, last - 511, last - 255, last], "u4")
    kind = {"f4": "float", "f8": "double"}[code]
    result = apply(bare, f"ndgpu::open_uniform_{kind}({high})", [bits], code, "philox")
    assert 0 < result.min() < 1e-7
    assert result.max() == np.nextafter(np.dtype(code).type(1), 0)
    assert (np.diff(result) >= 0).all()


@pytest.mark.parametrize("code", INTEGERS)
def test_reciprocals_of_integers(code, bare):
    a = integers(code)
    least = np.iinfo(code).min if code in "iq" else 0
    expected = [least if x == 0 else x if abs(x) == 1 else 0 for x in a.tolist()]
    result = apply(bare, "ndgpu::reciprocal(a)", [a], code, "math")
    assert result.tolist() == expected


def test_random_numbers_do_not_depend_on_the_launch(bare):
    k = np.arange(5000, dtype="u8")
    for kind, out in itertools.product(("uniform", "normal"), ("float", "double")):
        expression = f"ndgpu::random_{kind}_{out}(1234, 5, a)"
        out = {"float": "f4", "double": "f8"}[out]
        whole = apply(bare, expression, [k], out, "philox")
        np.testing.assert_array_equal(apply(bare, expression, [k[::7]], out, "philox"), whole[::7])
        if kind == "uniform":
            assert 0 <= whole.min() < 0.01 < 0.99 < whole.max() < 1
            assert abs(whole.mean() - 0.5) < 0.02
        else:
            assert abs(whole.mean()) < 0.05
            assert abs(whole.std() - 1) < 0.05
            assert abs((whole[::2] * whole[1::2]).mean()) < 0.05
