"""Tiles through shared memory: transposed inputs of all kinds against NumPy."""

import numpy as np
import pytest

from ndgpu.kernels import planning
from ndgpu.kernels.elementwise import Elementwise, Operand

F4 = np.dtype("f4")


def numbers(*shape, code="f4"):
    rng = np.random.default_rng(sum(shape))
    return rng.integers(-100, 100, shape).astype(code)


def form(kernel):
    """The form of the one kernel that was launched."""
    ((_, variant),) = kernel._variants
    return variant.form, variant.classes


def copy(dtype, name="test_copy"):
    return Elementwise(name, (Operand("a", dtype), Operand("z", dtype, "out")), "z = a")


@pytest.mark.parametrize("shape", [(16, 16), (64, 64), (63, 65), (17, 200), (200, 17), (130, 64)])
@pytest.mark.parametrize("code", ["?", "b", "f2", "f4", "f8", "D"])
def test_copies_of_transposed_matrices(shape, code, bare):
    a = numbers(*shape, code=code).T
    out = bare.empty(a.shape, a.dtype)
    kernel = copy(a.dtype)
    kernel.launch([bare.of(a), out], a.shape)
    np.testing.assert_array_equal(out.get(), a)
    assert form(kernel) == ("tiles32" if code == "D" else "tiles64", ("t", "c"))


_A = numbers(70, 90)


@pytest.mark.parametrize(
    ("a", "b", "classes"),
    [
        (_A.T, numbers(90, 70), "tcc"),
        (_A.T, numbers(70, 90).T, "ttc"),
        (_A.T, numbers(70, 90).T[:, ::-1], "ttc"),
        (_A.T, numbers(70, 180)[:, ::2].T, "tsc"),
        (numbers(90, 70), _A.T, "ctc"),
        (_A.T, numbers(90, 1), "tbc"),
        (_A.T, numbers(90, 140)[:, ::2], "tsc"),
        (numbers(70, 90)[::-1, 5:60].T, numbers(70), "tcc"),
        (numbers(70, 90, 3).transpose(2, 1, 0), numbers(3, 90, 70), "scc"),
        (numbers(3, 70, 90).transpose(0, 2, 1), numbers(3, 90, 70), "tcc"),
        (numbers(2, 40, 3, 30).transpose(2, 0, 3, 1), numbers(3, 2, 30, 40)[::-1, ::-1], "tcc"),
        (numbers(30, 2, 40).transpose(1, 2, 0), numbers(2, 40, 30)[::-1], "tcc"),
        (numbers(40, 20, 30).transpose(2, 1, 0), numbers(30, 20, 40)[:, ::-1], "tcc"),
    ],
)
def test_sums_with_transposed_matrices(a, b, classes, bare):
    kernel = Elementwise(
        "test_sum", (Operand("a", F4), Operand("b", F4), Operand("z", F4, "out")), "z = a + b"
    )
    wanted = a + b
    out = bare.empty(wanted.shape, F4)
    kernel.launch([bare.of(a), bare.of(b), out], wanted.shape)
    np.testing.assert_array_equal(out.get(), wanted)
    found = form(kernel)
    assert found[0].startswith("tiles") == ("t" in classes)
    assert found[0] == "points" or "".join(found[1]) == classes


def test_outputs_may_lie_in_any_way(bare):
    a, b = numbers(50, 60), numbers(60, 50)
    kernel = Elementwise(
        "test_both",
        (
            Operand("a", F4),
            Operand("b", F4, compute=np.dtype("f8")),
            Operand("y", np.dtype("f8"), "out"),
            Operand("z", np.dtype("i2"), "out", F4),
            Operand("by", F4, "scalar"),
        ),
        "y = a + b; z = (a - b) * by",
    )
    y, z = bare.of(np.zeros((60, 50)).T), bare.of(np.zeros((50, 120), "i2")[:, ::2])
    kernel.launch([bare.of(a), bare.of(b.T), y, z, 2], (50, 60))
    np.testing.assert_array_equal(y.get(), a + b.T)
    np.testing.assert_array_equal(z.get(), 2 * (a - b.T))


@pytest.mark.parametrize("operation", ["z = a + i * 0", "z = a; return", "z = a + 0 * _ind.size()"])
def test_code_that_could_tell_is_not_tiled(operation, bare):
    kernel = Elementwise("test_one", (Operand("a", F4), Operand("z", F4, "out")), operation)
    a = numbers(40, 50).T
    out = bare.empty(a.shape, F4)
    kernel.launch([bare.of(a), out], a.shape)
    np.testing.assert_array_equal(out.get(), a)
    assert not form(kernel)[0].startswith("tiles")


def test_inputs_beyond_shared_memory_are_read_in_place(bare):
    names, dtype = "abcdef", np.dtype("F")
    kernel = Elementwise(
        "test_many",
        (*[Operand(n, dtype) for n in names], Operand("z", dtype, "out")),
        "z = a + b + c + d + e + f",
    )
    arrays = [numbers(50, 60 + k, code="F")[:, :60].T for k in range(6)]
    out = bare.empty((60, 50), dtype)
    kernel.launch([*map(bare.of, arrays), out], (60, 50))
    np.testing.assert_array_equal(out.get(), sum(arrays))
    assert form(kernel) == ("tiles32", tuple("ttttssc"))


def test_short_dimensions_and_large_elements_are_not_tiled(bare):
    for a in (numbers(15, 100).T, numbers(100, 15).T):
        kernel, out = copy(F4), bare.empty(a.shape, F4)
        kernel.launch([bare.of(a), out], a.shape)
        np.testing.assert_array_equal(out.get(), a)
        assert not form(kernel)[0].startswith("tiles")


def test_tiles_of_strides_beyond_32_bits():
    operands = (Operand("a", F4), Operand("z", F4, "out"))

    class Shaped:
        def __init__(self, shape, strides):
            self.shape, self.strides = shape, strides

    shape = (40, 1 << 20)
    arrays = [Shaped(shape, (4, 4096)), Shaped(shape, (4 << 20, 4))]
    variant, loop = planning.plan(operands, arrays, shape, 256, False, False, True)
    assert (variant.form, variant.wide, loop.grid) == ("tiles64", True, 1 << 14)
