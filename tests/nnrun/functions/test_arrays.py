"""Rearranging, padding, sampling, products and decompositions: against NumPy, and derivatives."""

import numpy as np
import pytest

import nnrun
import nnrun.functions as F
from nnrun.testing import FunctionCase as Case
from nnrun.testing import assert_allclose

rng = np.random.default_rng(41)


def normal(*shape: int) -> np.ndarray:
    return rng.standard_normal(shape)


def positive(*shape: int) -> np.ndarray:
    return rng.uniform(0.5, 2.0, shape)


order = np.array([2, 0, 1])
places = np.array([[1, 0, 1], [0, 0, 1]])
twice = np.array([0, 2, 2])
with_zeros = np.array([[1.5, 0.0, -2.0], [0.0, 3.0, 0.0]])


def _scattered(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    y = a.copy()
    np.add.at(y, twice, b)
    return y


def _columns(x: np.ndarray) -> np.ndarray:
    x = np.pad(x, [(0, 0), (0, 0), (1, 1), (1, 1)])
    n, c, h, w = x.shape
    rows = [x[:, :, i : i + h - 1 : 2, j : j + w - 2] for i in range(2) for j in range(3)]
    rows = [r[:, :, : (h - 2) // 2 + 1] for r in rows]
    return np.stack(rows, 2).reshape(n, c * 6, *rows[0].shape[2:])


def _resized(x: np.ndarray) -> np.ndarray:
    v, u = np.linspace(0, x.shape[2] - 1, 5), np.linspace(0, x.shape[3] - 1, 4)
    y = np.empty((*x.shape[:2], 5, 4), x.dtype)
    for place in np.ndindex(x.shape[:2]):
        rows = [np.interp(u, np.arange(x.shape[3]), r) for r in x[place]]
        y[place] = np.stack([np.interp(v, np.arange(x.shape[2]), c) for c in np.transpose(rows)], 1)
    return y


def _sampled(x: np.ndarray, grid: np.ndarray) -> np.ndarray:
    n, c, h, w = x.shape
    y = np.zeros((n, c, *grid.shape[2:]), x.dtype)
    for b, i, j in np.ndindex(n, *grid.shape[2:]):
        u, v = (grid[b, 0, i, j] + 1) * (w - 1) / 2, (grid[b, 1, i, j] + 1) * (h - 1) / 2
        for p, q in np.ndindex(h, w):
            weight = max(1 - abs(v - p), 0) * max(1 - abs(u - q), 0)
            y[b, :, i, j] += weight * x[b, :, p, q]
    return y


def _fourier(transform):
    def pair(real, imag):
        y = transform(real + 1j * imag)
        return y.real.astype(real.dtype), y.imag.astype(real.dtype)

    return pair


def positive_definite(f):
    """A function of ``a @ a.T + 1``, which is symmetric however `a` is moved."""

    def function(a):
        xp = np if isinstance(a, np.ndarray) else F
        return f(xp.matmul(a, a.T) + np.eye(3).astype(a.dtype))

    return function


CASES: dict[str, list[Case]] = {
    "arctanh": [Case(F.arctanh, (rng.uniform(-0.8, 0.8, (2, 3)),), np.arctanh)],
    "cbrt": [Case(F.cbrt, (positive(2, 3),), np.cbrt)],
    "exp2": [Case(F.exp2, (normal(2, 3),), np.exp2)],
    "rollaxis": [
        Case(lambda x: F.rollaxis(x, 2, 1), (normal(2, 3, 4),), lambda x: np.rollaxis(x, 2, 1)),
        Case(lambda x: F.rollaxis(x, 0, 3), (normal(2, 3, 4),), lambda x: np.rollaxis(x, 0, 3)),
        Case(lambda x: F.rollaxis(x, -1, -2), (normal(2, 3, 4),), lambda x: np.rollaxis(x, 2, 1)),
    ],
    "flip": [Case(lambda x: F.flip(x, -1), (normal(2, 3),), lambda x: x[:, ::-1])],
    "fliplr": [Case(F.fliplr, (normal(2, 3),), np.fliplr)],
    "flipud": [Case(F.flipud, (normal(2, 3),), np.flipud)],
    "repeat": [
        Case(lambda x: F.repeat(x, 2), (normal(2, 3),), lambda x: np.repeat(x, 2)),
        Case(lambda x: F.repeat(x, 2, 1), (normal(2, 3),), lambda x: np.repeat(x, 2, 1)),
        Case(
            lambda x: F.repeat(x, [2, 0, 1], 1),
            (normal(2, 3),),
            lambda x: np.repeat(x, [2, 0, 1], 1),
        ),
    ],
    "tile": [
        Case(lambda x: F.tile(x, (2, 1, 3)), (normal(2, 3),), lambda x: np.tile(x, (2, 1, 3))),
        Case(lambda x: F.tile(x, 2), (normal(2, 3),), lambda x: np.tile(x, 2)),
    ],
    "dstack": [
        Case(lambda *x: F.dstack(x), (normal(3), normal(3)), lambda *x: np.dstack(x)),
        Case(lambda *x: F.dstack(x), (normal(2, 3), normal(2, 3)), lambda *x: np.dstack(x)),
    ],
    "diagonal": [
        Case(F.diagonal, (normal(3, 3),), np.diagonal),
        Case(
            lambda x: F.diagonal(x, -1, 2, 0),
            (normal(2, 3, 4),),
            lambda x: np.diagonal(x, -1, 2, 0),
        ),
        Case(lambda x: F.diagonal(x, 2), (normal(3, 4),), lambda x: np.diagonal(x, 2)),
    ],
    "permutate": [
        Case(lambda x: F.permutate(x, order, 1), (normal(2, 3),), lambda x: x[:, order]),
        Case(
            lambda x: F.permutate(x, order, inv=True),
            (normal(3, 2),),
            lambda x: x[np.argsort(order)],
        ),
    ],
    "select_item": [
        Case(lambda x: F.select_item(x, order), (normal(3, 3),), lambda x: x[range(3), order])
    ],
    "gather": [
        Case(
            lambda x: F.gather(x, places, 0),
            (normal(2, 3),),
            lambda x: np.take_along_axis(x, places, 0),
        )
    ],
    "as_strided": [
        Case(
            lambda x: F.as_strided(x, (2, 3), (1, 2), 1),
            (normal(8),),
            lambda x: x[1 + np.arange(2)[:, None] + 2 * np.arange(3)],
        )
    ],
    "depth2space": [
        Case(
            lambda x: F.depth2space(x, 2),
            (normal(2, 8, 2, 3),),
            lambda x: x.reshape(2, 2, 2, 2, 2, 3).transpose(0, 3, 4, 1, 5, 2).reshape(2, 2, 4, 6),
        )
    ],
    "space2depth": [
        Case(
            lambda x: F.space2depth(x, 2),
            (normal(2, 2, 4, 6),),
            lambda x: np.concatenate([x[:, :, i::2, j::2] for i in (0, 1) for j in (0, 1)], 1),
        )
    ],
    "pad": [
        Case(
            lambda x, mode=mode: F.pad(x, ((0, 1), (2, 1)), mode),
            (normal(3, 4),),
            lambda x, mode=mode: np.pad(x, ((0, 1), (2, 1)), mode),
        )
        for mode in ("constant", "edge", "reflect", "symmetric", "wrap")
    ],
    "pad_sequence": [
        Case(
            lambda *xs: F.pad_sequence(xs, 4, 7),
            (normal(2, 2), normal(3, 2), normal(0, 2)),
            lambda *xs: np.stack(
                [np.pad(x, ((0, 4 - len(x)), (0, 0)), constant_values=7) for x in xs]
            ),
        )
    ],
    "transpose_sequence": [
        Case(
            lambda *xs: F.transpose_sequence(xs),
            (normal(3, 2), normal(2, 2), normal(0, 2)),
            lambda x, y, z: (np.stack([x[0], y[0]]), np.stack([x[1], y[1]]), x[2:]),
        )
    ],
    "scatter_add": [
        Case(lambda a, b: F.scatter_add(a, twice, b), (normal(3, 2), normal(3, 2)), _scattered),
        Case(
            lambda a, b: F.scatter_add(a, (slice(1, 3), 0), b),
            (normal(3, 2), normal(2)),
            lambda a, b: a + np.pad(b[:, None], ((1, 0), (0, 1))),
        ),
    ],
    "im2col": [
        Case(lambda x: F.im2col(x, (2, 3), (2, 1), 1), (normal(2, 2, 4, 5),), _columns),
    ],
    "resize_images": [
        Case(lambda x: F.resize_images(x, (5, 4)), (normal(2, 1, 3, 6),), _resized),
        Case(
            lambda x: F.resize_images(x, (4, 4), "nearest", align_corners=False),
            (normal(1, 2, 2, 2),),
            lambda x: x.repeat(2, 2).repeat(2, 3),
        ),
        Case(
            lambda x: F.resize_images(x, (2, 2), align_corners=False),
            (normal(1, 2, 4, 4),),
            lambda x: x.reshape(1, 2, 2, 2, 2, 2).mean((3, 5)),
        ),
    ],
    "spatial_transformer_grid": [
        Case(
            lambda t: F.spatial_transformer_grid(t, (2, 3)),
            (normal(2, 2, 3),),
            lambda t: np.einsum(
                "bij,jhw->bihw",
                t,
                np.stack(
                    [np.tile([-1, 0, 1], (2, 1)), np.tile([[-1], [1]], (1, 3)), np.ones((2, 3))]
                ),
            ).astype(t.dtype),
        )
    ],
    "spatial_transformer_sampler": [
        Case(
            F.spatial_transformer_sampler,
            (normal(2, 2, 3, 4), rng.uniform(-1.3, 1.3, (2, 2, 2, 3))),
            _sampled,
            options={"eps": 1e-5},
        )
    ],
    "prod": [
        Case(F.prod, (with_zeros,), np.prod),
        Case(lambda x: F.prod(x, 0), (with_zeros,), lambda x: x.prod(0)),
        Case(
            lambda x: F.prod(x, (0, 2), True),
            (normal(2, 2, 3),),
            lambda x: x.prod((0, 2), keepdims=True),
        ),
    ],
    "cumsum": [
        Case(F.cumsum, (normal(2, 3),), np.cumsum),
        Case(lambda x: F.cumsum(x, -2), (normal(3, 2),), lambda x: np.cumsum(x, 0)),
    ],
    "cumprod": [
        Case(F.cumprod, (with_zeros,), np.cumprod),
        Case(lambda x: F.cumprod(x, 1), (normal(2, 5),), lambda x: np.cumprod(x, 1)),
    ],
    "fmod": [
        Case(F.fmod, (normal(2, 3) * 0.3 + 7.5, positive(3) * 0.1 + 1.9), np.fmod),
        Case(lambda x: F.fmod(x, 3), (normal(2, 3) * 0.3 - 7.5,), lambda x: np.fmod(x, 3)),
    ],
    "arctan2": [Case(F.arctan2, (normal(2, 3) + 3, normal(3)), np.arctan2)],
    "squared_difference": [
        Case(F.squared_difference, (normal(2, 3), normal(2, 3)), lambda a, b: (a - b) ** 2)
    ],
    "linear_interpolate": [
        Case(
            F.linear_interpolate,
            (positive(2, 3), normal(2, 3), normal(2, 3)),
            lambda p, x, y: p * x + (1 - p) * y,
        )
    ],
    "scale": [
        Case(F.scale, (normal(2, 3, 2), normal(3)), lambda x, y: x * y[:, None]),
        Case(lambda x, y: F.scale(x, y, 0), (normal(2, 3), normal(2)), lambda x, y: x * y[:, None]),
    ],
    "bias": [Case(F.bias, (normal(2, 3, 2), normal(3, 2)), lambda x, y: x + y)],
    "batch_l2_norm_squared": [
        Case(F.batch_l2_norm_squared, (normal(2, 3, 2),), lambda x: (x**2).sum((1, 2)))
    ],
    "batch_matmul": [
        Case(F.batch_matmul, (normal(2, 3, 4), normal(2, 4, 2)), np.matmul),
        Case(
            lambda a, b: F.batch_matmul(a, b, transa=True),
            (normal(2, 3), normal(2, 3)),
            lambda a, b: (a * b).sum(1).reshape(2, 1, 1),
        ),
    ],
    "einsum": [
        Case(
            lambda *xs, s=subscripts: F.einsum(s, *xs),
            tuple(normal(*shape) for shape in shapes),
            lambda *xs, s=subscripts: np.einsum(s, *xs),
        )
        for subscripts, shapes in (
            ("ij,jk->ik", ((2, 3), (3, 4))),
            ("ij,jk", ((2, 3), (3, 4))),
            ("bij,bkj->bik", ((2, 3, 4), (2, 2, 4))),
            ("ii->i", ((3, 3),)),
            ("ijij->ji", ((2, 3, 2, 3),)),
            ("ij->", ((2, 3),)),
            ("i,j,k->kji", ((2,), (3,), (2,))),
            ("ij,jk,kl->il", ((2, 3), (3, 2), (2, 4))),
            ("...ij,...jk->...ik", ((2, 1, 2, 3), (4, 3, 2))),
            ("i...->...", ((2, 3),)),
            ("ij,kj->i", ((2, 3), (4, 3))),
        )
    ],
    "tensordot": [
        Case(F.tensordot, (normal(2, 3, 4), normal(3, 4, 2)), np.tensordot),
        Case(
            lambda a, b: F.tensordot(a, b, ([0, -1], [1, 0])),
            (normal(2, 3, 4), normal(4, 2, 3)),
            lambda a, b: np.tensordot(a, b, ([0, -1], [1, 0])),
        ),
        Case(
            lambda a, b: F.tensordot(a, b, 0),
            (normal(2), normal(3)),
            np.multiply.outer,
        ),
    ],
    "inv": [Case(F.inv, (normal(3, 3) + 3 * np.eye(3),), np.linalg.inv)],
    "batch_inv": [Case(F.batch_inv, (normal(2, 3, 3) + 3 * np.eye(3),), np.linalg.inv)],
    "det": [Case(F.det, (normal(3, 3) + 3 * np.eye(3),), np.linalg.det)],
    "batch_det": [Case(F.batch_det, (normal(2, 3, 3) + 3 * np.eye(3),), np.linalg.det)],
    "cholesky": [
        Case(positive_definite(F.cholesky), (normal(3, 3),), positive_definite(np.linalg.cholesky))
    ],
    "fft": [
        Case(lambda r, i: F.fft((r, i)), (normal(2, 3), normal(2, 3)), _fourier(np.fft.fft)),
        Case(lambda r, i: F.fft((r, i))[0], (normal(4), normal(4))),
    ],
    "ifft": [
        Case(lambda r, i: F.ifft((r, i)), (normal(2, 3), normal(2, 3)), _fourier(np.fft.ifft))
    ],
}

ALL = {f"{name}-{i}": case for name, cases in CASES.items() for i, case in enumerate(cases)}


@pytest.mark.parametrize("case", ALL.values(), ids=ALL)
def test_derivatives(case):
    case.check_derivatives()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", ALL.values(), ids=ALL)
def test_value(case, dtype):
    case.check_value(dtype, atol=1e-4)


@pytest.mark.parametrize(
    "name",
    ["tile", "diagonal", "pad", "pad_sequence", "im2col", "resize_images", "prod", "einsum",
     "spatial_transformer_sampler", "depth2space", "arctan2"],
)  # fmt: skip
def test_on_a_device(name):
    CASES[name][0].check_device(0)


def test_integers_on_each_kind_of_array(xp):
    x = nnrun.Variable(xp.asarray(normal(3, 3).astype(np.float32)))
    y = F.select_item(x, xp.asarray(order))
    assert_allclose(y, np.diagonal(nnrun.cuda.to_cpu(x.array)[:, order]))
    y = F.gather(F.permutate(x, xp.asarray(order)), xp.asarray(order[:, None]), 1)
    assert_allclose(y, nnrun.cuda.to_cpu(x.array)[order][range(3), order][:, None])
    F.sum(y).backward()
    expected = np.zeros((3, 3))
    expected[order, order] = 1
    assert_allclose(x.grad, expected)
    a = F.scatter_add(xp.zeros(3), xp.asarray(twice), xp.asarray(np.array([1.0, 2, 3])))
    assert nnrun.cuda.to_cpu(a.array).tolist() == [1, 0, 5]


def test_nothing_at_all():
    assert F.transpose_sequence([]) == ()
    assert F.transpose_sequence([np.zeros((0, 2))]) == ()
    assert F.prod(np.zeros((0, 2)), 0).array.tolist() == [1, 1]
    assert F.repeat(np.zeros((2, 3)), 0, 1).shape == (2, 0)
    assert F.diagonal(np.zeros((2, 2)), 5).shape == (0,)


def test_transposing_twice_gives_the_sequences():
    xs = [normal(3, 2), normal(3, 2), normal(1, 2)]
    for x, y in zip(xs, F.transpose_sequence(F.transpose_sequence(xs)), strict=True):
        assert_allclose(y, x)


z = np.zeros
zi = np.zeros(2, int)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: F.flip(z(2), 1), ValueError, r"flip: axis 1 is out of range"),
        (lambda: F.fliplr(z(2)), ValueError, r"fliplr: axis 1 is out of range"),
        (lambda: F.rollaxis(z((2, 3)), 0, 3), ValueError, r"rollaxis: start 3"),
        (lambda: F.repeat(z(2), [1, 2, 3]), ValueError, r"repeat: `repeats` must be one number"),
        (lambda: F.tile(z(2), -1), ValueError, r"tile: `reps` must not be negative"),
        (lambda: F.diagonal(z((2, 2)), 0, 1, -1), ValueError, r"diagonal: axis1 and axis2"),
        (lambda: F.permutate(z(2), zi), ValueError, r"permutate: `indices` must be the numbers"),
        (lambda: F.permutate(z(2), z(2)), TypeError, r"permutate: `indices` must be integers"),
        (lambda: F.select_item(z((2, 3)), zi[:1]), ValueError, r"select_item: `x` must be"),
        (lambda: F.gather(z((2, 3)), zi), ValueError, r"gather: `indices` must have the shape"),
        (lambda: F.as_strided(z(3), (4,), (1,)), ValueError, r"elements 0 to 3 are wanted of 3"),
        (lambda: F.as_strided(z(3), (4,), (1, 2)), ValueError, r"as_strided: 1 lengths but 2"),
        (lambda: F.depth2space(z((1, 3, 2, 2)), 2), ValueError, r"depth2space: `X` of shape"),
        (lambda: F.space2depth(z((1, 3, 3, 2)), 2), ValueError, r"space2depth: `X` of shape"),
        (lambda: F.pad(z(2), 1, "mean"), ValueError, r"pad: `mode` must be one of"),
        (lambda: F.pad(z(2), (1, 2, 3)), ValueError, r"pad: `pad_width` must be a number"),
        (lambda: F.pad_sequence([]), ValueError, r"pad_sequence: `xs` is empty"),
        (lambda: F.pad_sequence([z(2)], 1), ValueError, r"the longest sequence is 2, more than 1"),
        (lambda: F.pad_sequence([z(2), z((2, 1))]), ValueError, r"must agree in all axes but"),
        (lambda: F.transpose_sequence([z(1), z(2)]), ValueError, r"lengths must not grow"),
        (lambda: F.scatter_add(z(3), zi, z(3)), ValueError, r"`b` must have shape \(2,\), not"),
        (lambda: F.im2col(z((1, 1, 2, 2)), 3), ValueError, r"im2col: a window of \(3, 3\)"),
        (lambda: F.im2col(z((1, 2, 2)), 3), ValueError, r"im2col: `x` must have shape"),
        (lambda: F.resize_images(z((1, 1, 2)), (1, 1)), ValueError, r"resize_images: `x` must"),
        (lambda: F.resize_images(z((1, 1, 2, 2)), (0, 1)), ValueError, r"must be positive"),
        (lambda: F.resize_images(z((1, 1, 2, 2)), (1, 1), "cubic"), ValueError, r"`mode` must be"),
        (lambda: F.spatial_transformer_grid(z((1, 3, 3)), (1, 1)), ValueError, r"`theta` must"),
        (
            lambda: F.spatial_transformer_sampler(z((1, 1, 2, 2)), z((2, 2, 1, 1))),
            ValueError,
            r"spatial_transformer_sampler: `grid` must have shape",
        ),
        (lambda: F.prod(z(2), 1), ValueError, r"prod: axis 1 is out of range"),
        (lambda: F.prod(z((2, 2)), (0, -2)), ValueError, r"prod: an axis is given twice"),
        (lambda: F.cumsum(z(2), 1), ValueError, r"cumsum: axis 1 is out of range"),
        (lambda: F.scale(z((2, 3)), z(2)), ValueError, r"scale: `y` must have the shape of axes"),
        (lambda: F.batch_l2_norm_squared(z(2)), ValueError, r"batch_l2_norm_squared: `x`"),
        (lambda: F.batch_matmul(z((2, 1)), z((3, 1))), ValueError, r"batch_matmul: `a` and `b`"),
        (lambda: F.einsum("ij,jk", z((2, 3))), ValueError, r"names 2 operands but 1 are given"),
        (lambda: F.einsum("ij", z(2)), ValueError, r"'ij' does not name the axes of operand 0"),
        (lambda: F.einsum("ij,jk", z((2, 3)), z((2, 3))), ValueError, r"axis 'j' of operand 1"),
        (lambda: F.einsum("ij->k", z((2, 3))), ValueError, r"the result 'k' must name axes"),
        (lambda: F.tensordot(z((2, 3)), z((2, 3)), 1), ValueError, r"tensordot: axes \[1\]"),
        (lambda: F.inv(z((2, 3))), ValueError, r"inv: the input must be a square matrix"),
        (lambda: F.batch_det(z((2, 2))), ValueError, r"batch_det: the input must be a batch of"),
        (lambda: F.fft(z(2)), TypeError, r"fft: `x` must be a pair"),
        (lambda: F.ifft((z(2), z(3))), ValueError, r"ifft: the real and the imaginary part"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
