"""Powers in single precision: `include/power.cuh` against longer arithmetic, and NumPy's rules."""

import numpy as np
import pytest

import ndgpu

N = 200_000


def check(x, y):
    """At most two units in the last place; the CUDA library's four at the ends of the range."""
    found = (ndgpu.asarray(x) ** ndgpu.asarray(y)).get()
    with np.errstate(all="ignore"):
        exact = x.astype("f8") ** y.astype("f8")
        rounded = exact.astype("f4")
    assert found.dtype == np.float32
    np.testing.assert_array_equal(np.isnan(found), np.isnan(exact))
    there = np.isfinite(rounded)
    found, exact = found[there].astype("f8"), exact[there]
    errors = np.abs(found - exact) / np.spacing(np.abs(rounded[there])).astype("f8")
    within = (abs(exact) > 2.0**-125) & (abs(exact) < 2.0**125)
    assert within.any()
    assert errors[within].max() <= 2
    assert errors.max() <= 4


def bases(kind, rng):
    if kind == "around one":
        return 1 + rng.uniform(-1e-3, 1e-3, N)
    reach = {"near one": 0.6, "wide": 85, "subnormal": 149}[kind]
    return np.exp2(rng.uniform(-reach, -126 if kind == "subnormal" else reach, N))


@pytest.mark.parametrize("kind", ["around one", "near one", "wide", "subnormal"])
@pytest.mark.parametrize("reach", [1, 20, 160])
def test_powers_of_numbers_of_all_sizes(kind, reach):
    rng = np.random.default_rng(reach)
    x = bases(kind, rng).astype("f4")
    logarithm = np.log2(x.astype("f8"))
    logarithm[logarithm == 0] = 1
    y = (rng.uniform(-reach, reach, N) / logarithm).astype("f4")
    check(x, y)


def test_any_bits_at_all():
    rng = np.random.default_rng(1)
    x, y = (rng.integers(0, 2**32, N, "u4").view("f4") for _ in range(2))
    check(x, y)


def test_whole_powers_keep_their_sign_and_are_exact_where_they_fit():
    x, y = np.meshgrid(np.arange(-40, 41, dtype="f4"), np.arange(5, dtype="f4"))
    np.testing.assert_array_equal((ndgpu.asarray(x) ** ndgpu.asarray(y)).get(), x**y)


def test_special_values_are_as_numpys():
    values = [0, 1, 2, 3, 0.5, 1.5, np.inf, np.nan, 1e-40, 3e38, 2**24 + 2, 1e30]
    special = np.array([*values, *(-v for v in values)], "f4")
    x, y = np.meshgrid(special, special)
    found = (ndgpu.asarray(x) ** ndgpu.asarray(y)).get()
    with np.errstate(all="ignore"):
        exact = x.astype("f8") ** y.astype("f8")
        wanted = exact.astype("f4")
    np.testing.assert_allclose(found, wanted, rtol=3e-7)
    here = ~np.isnan(wanted)
    np.testing.assert_array_equal(np.signbit(found[here]), np.signbit(wanted[here]))


@pytest.mark.parametrize("dtype", ["u1", "u8", "?", "i1", "i8"])
def test_a_negative_number_as_exponent_is_refused_as_numpy_does(dtype):
    errors = []
    for xp in (np, ndgpu):
        with pytest.raises((ValueError, OverflowError)) as caught:
            xp.power(xp.asarray([1, 0, 1], dtype=dtype), -1)
        errors.append(caught.type)
    assert errors[0] is errors[1]
