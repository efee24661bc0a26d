"""Python functions over slices, and files, against NumPy."""

import pickle

import numpy as np
import pytest
from tests.ndgpu.core.differential import check_call, rows

import ndgpu

RNG = np.random.default_rng(7)
F = RNG.random((3, 4))


@rows(
    ("apply_along_axis", (lambda v: v[:2] * 2, 0, F)),
    ("apply_along_axis", (lambda v: v.sum(), 1, F)),
    ("apply_over_axes", (lambda a, axis: a.sum(axis), F, [0, 1])),
    ("apply_along_axis", (abs, 5, F)),
    ("array_str", (F,)),
    ("array2string", (F,), {"precision": 2}),
    ("fromstring", ("1 2",), {"sep": " "}),
    ("frombuffer", (b"abcd", "u1")),
    ("fromiter", (range(3), float)),
)
def test_a_call(name, args, keywords):
    check_call(name, args, keywords, tolerance=1e-9)


def test_files(tmp_path):
    x = ndgpu.asarray(F)
    ndgpu.save(tmp_path / "x.npy", x)
    ndgpu.savez(tmp_path / "x.npz", x, y=x + 1)
    ndgpu.savetxt(tmp_path / "x.txt", x)
    assert (ndgpu.load(tmp_path / "x.npy") == x).all()
    with ndgpu.load(tmp_path / "x.npz") as found:
        assert sorted(found) == ["arr_0", "y"] and (found["y"] == x + 1).all()
    assert ndgpu.allclose(ndgpu.loadtxt(tmp_path / "x.txt"), x)
    x.tofile(tmp_path / "x.bin")
    assert (ndgpu.fromfile(tmp_path / "x.bin").reshape(3, 4) == x).all()


def test_objects_are_not_loaded_unasked(tmp_path):
    np.save(tmp_path / "o.npy", np.array([{}]), allow_pickle=True)
    with pytest.raises(ValueError, match="allow_pickle"):
        ndgpu.load(tmp_path / "o.npy")


def test_methods_of_this_floor():
    x = ndgpu.asarray(F)
    np.testing.assert_array_equal(x.byteswap().get(), F.byteswap())
    np.testing.assert_array_equal(x.compress([True, False], 0).get(), F[:1])
    np.testing.assert_array_equal(x[0].argsort().get(), F[0].argsort())
    assert pickle.loads(x.dumps()).shape == F.shape
    assert x.to_device(x.device) is x and x.to_device(1).device_id == 1
    with pytest.raises(ValueError, match="cannot be resized"):
        x.resize(3)


def test_vectorize_runs_a_function_of_numbers():
    f = ndgpu.vectorize(lambda a, b=1: a if a > b else -b)
    assert f(ndgpu.asarray([0, 5])).tolist() == [-1, 5]


def _difference_or_product(a, b):
    if a > b:
        return a - b
    return a * b + 0.5


def _collatz(n):
    steps = 0
    while n != 1:
        if n % 2 == 0:
            n = n // 2
        else:
            n = 3 * n + 1
        steps += 1
    return steps


def _remembers(a, seen=[]):  # noqa: B006 - a default is what a kernel cannot have
    seen.append(a)
    return len(str(a)) + a


@pytest.mark.parametrize(
    ("function", "arrays", "compiled"),
    [
        (_difference_or_product, (np.arange(6.0).reshape(2, 3), np.array([2.0, 1.0, 5.0])), True),
        (_difference_or_product, (np.arange(6), 3), True),
        (_collatz, (np.arange(1, 30),), True),
        (_remembers, (np.arange(9, 12),), False),
        (lambda a: a + 1, (np.arange(3),), False),
    ],
    ids=["broadcast", "a number", "a loop", "not translated", "lambda"],
)
def test_vectorize_compiles_what_it_can(function, arrays, compiled):
    ours = ndgpu.vectorize(function)
    found = ours(*[ndgpu.asarray(a) if isinstance(a, np.ndarray) else a for a in arrays])
    wanted = np.vectorize(function)(*arrays)
    assert ours.compiled == compiled
    assert found.dtype == wanted.dtype
    np.testing.assert_array_equal(found.get(), wanted)


def test_vectorize_with_a_dtype_asks_for_no_first_element():
    ours = ndgpu.vectorize(_collatz, otypes=[np.int32])
    found = ours(ndgpu.arange(1, 5))
    assert ours.compiled
    assert found.dtype == np.int32
    assert found.tolist() == [0, 1, 7, 2]
