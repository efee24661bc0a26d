"""Convolution and pooling of any dimension, attention: against loops, and derivatives."""

import itertools
from typing import Any

import numpy as np
import pytest

import nnrun.functions as F
from nnrun.testing import FunctionCase as Case
from nnrun.testing import assert_allclose

rng = np.random.default_rng(61)


def normal(*shape: int) -> np.ndarray:
    return rng.standard_normal(shape)


def apart(*shape: int) -> np.ndarray:
    """Distinct values, so that no two change places within a small step."""
    n = int(np.prod(shape))
    return ((rng.permutation(n) - n / 2 + 0.25) / 4).reshape(shape)


def windows(x: np.ndarray, k: Any, stride: int = 1, pad: int = 0, dilate: int = 1) -> Any:
    """Places and windows, by loops."""
    n = x.ndim - 2
    x = np.pad(x, [(0, 0)] * 2 + [(pad, pad)] * n)
    out = [(m - dilate * (a - 1) - 1) // stride + 1 for m, a in zip(x.shape[2:], k, strict=True)]
    for at in itertools.product(*map(range, out)):
        cut = tuple(
            slice(i * stride, i * stride + dilate * (a - 1) + 1, dilate)
            for i, a in zip(at, k, strict=True)
        )
        yield at, out, x[(slice(None), slice(None), *cut)]


def conv(x: np.ndarray, W: np.ndarray, **options: int) -> np.ndarray:
    y: Any = None
    for at, out, part in windows(x, W.shape[2:], **options):
        if y is None:
            y = np.zeros((len(x), len(W), *out), x.dtype)
        axes = list(range(1, x.ndim))
        y[(slice(None), slice(None), *at)] = np.tensordot(part, W, (axes, axes))
    return y


def pool(x: np.ndarray, k: int, f: Any, **options: int) -> np.ndarray:
    y: Any = None
    for at, out, part in windows(x, (k,) * (x.ndim - 2), stride=k, **options):
        if y is None:
            y = np.zeros((*x.shape[:2], *out), x.dtype)
        y[(slice(None), slice(None), *at)] = f(part, axis=tuple(range(2, x.ndim)))
    return y


def _local(x: np.ndarray, W: np.ndarray, b: np.ndarray) -> np.ndarray:
    y = np.tile(b, (len(x), 1, 1, 1))
    for (i, j), _, part in windows(x, W.shape[4:]):
        y[:, :, i, j] += np.einsum("nchw,ochw->no", part, W[:, i, j])
    return y


def _deformed(x: np.ndarray, offset: np.ndarray, W: np.ndarray) -> np.ndarray:
    n, _, h, w = x.shape
    y = np.zeros((n, len(W), *offset.shape[2:]), x.dtype)
    for b, i, j, p, q in np.ndindex(n, *offset.shape[2:], 2, 2):
        u = j + q + offset[b, 2 * p + q, i, j]
        v = i + p + offset[b, 4 + 2 * p + q, i, j]
        for r, s in np.ndindex(h, w):
            weight = max(1 - abs(v - r), 0) * max(1 - abs(u - s), 0)
            y[b, :, i, j] += weight * W[:, :, p, q] @ x[b, :, r, s]
    return y


def _shifted(x: np.ndarray) -> np.ndarray:
    wide = np.pad(x, [(0, 0), (0, 0), (2, 2), (2, 2)])
    h, w = x.shape[2:]
    ways = list(itertools.product((0, 2, 4), repeat=2))
    parts = [wide[:, k, i : i + h, j : j + w] for k, (i, j) in enumerate(ways)]
    return np.stack([*parts, x[:, 9]], 1)


def _attention(mask: np.ndarray | None, causal: bool, scale: float) -> Any:
    def attend(q: np.ndarray, k: np.ndarray, v: np.ndarray) -> np.ndarray:
        t, s = q.shape[-2], k.shape[-2]
        allowed = np.ones((*q.shape[:-1], s), bool)
        if mask is not None:
            allowed &= mask
        if causal:
            allowed &= np.arange(s) <= np.arange(t)[:, None] + s - t
        p = np.exp(q @ k.swapaxes(-1, -2) * scale) * allowed
        total = p.sum(-1, keepdims=True)
        return (p / np.where(total, total, 1)) @ v

    return attend


def _rotated(x: np.ndarray) -> np.ndarray:
    z = x[..., :2] + 1j * x[..., 2:]
    z = z * np.exp(1j * np.arange(3)[:, None] * 100.0 ** np.array([0, -0.5]))
    return np.concatenate([z.real, z.imag], -1)


regions = np.array([[0.5, 1.0, 4.5, 5.0], [-8.0, 0.0, 2.0, 3.0], [1.0, 1.0, 6.0, 5.5]])
of_image = np.array([1, 0, 1])


def _aligned(pool: Any, ratio: int | None) -> Any:
    def align(x: np.ndarray) -> np.ndarray:
        h, w = x.shape[2:]
        y = np.zeros((3, x.shape[1], 2, 2), x.dtype)
        for r, i, j in np.ndindex(3, 2, 2):
            low, high = regions[r, :2] * 0.5, regions[r, 2:] * 0.5
            side = np.maximum(high - low, 1)
            n = np.ceil(side / 2).astype(int) if ratio is None else [ratio, ratio]
            samples = []
            for p, q in np.ndindex(*n):
                v = low[0] + (i + (p + 0.5) / n[0]) * side[0] / 2
                u = low[1] + (j + (q + 0.5) / n[1]) * side[1] / 2
                inside = -1 <= v <= h and -1 <= u <= w
                v, u = np.clip(v, 0, h - 1), np.clip(u, 0, w - 1)
                rows = np.maximum(1 - abs(v - np.arange(h)), 0)
                columns = np.maximum(1 - abs(u - np.arange(w)), 0)
                samples.append(inside * (x[of_image[r]] @ columns @ rows))
            y[r, :, i, j] = pool(samples, 0)
        return y

    return align


picked = np.array([[[[2, 0], [3, 1]]]])
padding = np.array([[True, True, False, False, True], [True] * 5])[:, None, :]
nothing = np.array([[True], [False], [True]])

CASES: dict[str, list[Case]] = {
    "convolution_nd": [
        Case(
            lambda x, W, b: F.convolution_nd(x, W, b, 2, 1),
            (normal(2, 2, 3, 4, 3), normal(3, 2, 2, 3, 2), normal(3)),
            lambda x, W, b: conv(x, W, stride=2, pad=1) + b[:, None, None, None],
        ),
        Case(
            lambda x, W: F.convolution_nd(x, W, groups=2, dilate=(1, 1, 2)),
            (normal(1, 4, 2, 2, 4), normal(2, 2, 1, 2, 2)),
            lambda x, W: np.concatenate(
                [
                    conv(x[:, :2], np.insert(W[:1], 1, 0, axis=4)),
                    conv(x[:, 2:], np.insert(W[1:], 1, 0, axis=4)),
                ],
                1,
            ),
        ),
        Case(F.convolution_nd, (normal(1, 2, 4, 4), normal(2, 2, 2, 3)), conv),
    ],
    "convolution_1d": [
        Case(
            lambda x, W, b: F.convolution_1d(x, W, b, stride=2, pad=1, dilate=2),
            (normal(2, 2, 7), normal(3, 2, 3), normal(3)),
            lambda x, W, b: conv(x, W, stride=2, pad=1, dilate=2) + b[:, None],
        )
    ],
    "convolution_3d": [
        Case(F.convolution_3d, (normal(1, 1, 2, 3, 3), normal(2, 1, 2, 2, 2)), conv)
    ],
    "deconvolution_nd": [
        Case(
            F.deconvolution_nd,
            (normal(1, 2, 2, 2, 2), normal(2, 3, 2, 2, 2)),
            lambda x, W: conv(x, W.swapaxes(0, 1)[:, :, ::-1, ::-1, ::-1], pad=1),
        ),
        Case(
            lambda x, W, b: F.deconvolution_nd(x, W, b, 2, 1, (3, 4, 3), groups=2),
            (normal(1, 2, 2, 2, 2), normal(2, 1, 3, 3, 3), normal(2)),
        ),
        Case(F.deconvolution_nd, (normal(1, 2, 2, 2), normal(2, 1, 2, 2))),
    ],
    "deconvolution_1d": [
        Case(
            F.deconvolution_1d,
            (normal(1, 2, 4), normal(2, 3, 2), normal(3)),
            lambda x, W, b: conv(x, W.swapaxes(0, 1)[:, :, ::-1], pad=1) + b[:, None],
        )
    ],
    "deconvolution_3d": [Case(F.deconvolution_3d, (normal(1, 1, 2, 2, 1), normal(1, 1, 2, 1, 2)))],
    "max_pooling_nd": [
        Case(
            lambda x: F.max_pooling_nd(x, 2),
            (apart(1, 2, 4, 2, 2),),
            lambda x: pool(x, 2, np.max),
        ),
        Case(
            lambda x: F.max_pooling_nd(x, 2, cover_all=True),
            (apart(1, 2, 5),),
            lambda x: pool(np.pad(x, [(0, 0), (0, 0), (0, 1)], constant_values=-99), 2, np.max),
        ),
        Case(
            lambda x: F.max_pooling_nd(x, 3, 2, 1),
            (apart(1, 2, 5, 4),),
            lambda x: F.max_pooling_2d(x, 3, 2, 1).array,
        ),
    ],
    "max_pooling_1d": [
        Case(lambda x: F.max_pooling_1d(x, 2), (apart(2, 2, 4),), lambda x: pool(x, 2, np.max))
    ],
    "max_pooling_3d": [
        Case(
            lambda x: F.max_pooling_3d(x, 2), (apart(1, 1, 2, 4, 2),), lambda x: pool(x, 2, np.max)
        )
    ],
    "average_pooling_nd": [
        Case(
            lambda x: F.average_pooling_nd(x, 2, pad=1),
            (normal(1, 2, 2, 2, 4),),
            lambda x: pool(x, 2, np.mean, pad=1),
        ),
        Case(
            lambda x: F.average_pooling_nd(x, 2, pad=1, pad_value=None),
            (normal(1, 2, 4),),
            lambda x: pool(x, 2, np.sum, pad=1) / np.array([1, 2, 1], x.dtype),
        ),
    ],
    "average_pooling_1d": [
        Case(
            lambda x: F.average_pooling_1d(x, 2), (normal(2, 2, 4),), lambda x: pool(x, 2, np.mean)
        )
    ],
    "average_pooling_3d": [
        Case(
            lambda x: F.average_pooling_3d(x, 2),
            (normal(1, 1, 2, 4, 2),),
            lambda x: pool(x, 2, np.mean),
        )
    ],
    "unpooling_nd": [
        Case(
            lambda x: F.unpooling_nd(x, 2, cover_all=False),
            (normal(1, 2, 2, 1, 2),),
            lambda x: x.repeat(2, 2).repeat(2, 3).repeat(2, 4),
        ),
        Case(
            lambda x: F.unpooling_nd(x, 3, 2, cover_all=False),
            (normal(1, 1, 2),),
            lambda x: np.stack([x[..., 0]] * 2 + [x.sum(-1)] + [x[..., 1]] * 2, -1),
        ),
    ],
    "unpooling_1d": [
        Case(
            lambda x: F.unpooling_1d(x, 2, outsize=4),
            (normal(1, 2, 2),),
            lambda x: x.repeat(2, 2),
        )
    ],
    "unpooling_2d": [
        Case(
            lambda x: F.unpooling_2d(x, 2),
            (normal(1, 2, 2, 3),),
            lambda x: x.repeat(2, 2).repeat(2, 3)[:, :, :-1, :-1],
        )
    ],
    "unpooling_3d": [Case(lambda x: F.unpooling_3d(x, 2), (normal(1, 1, 1, 2, 1),))],
    "upsampling_2d": [
        Case(
            lambda x: F.upsampling_2d(x, picked, 2, cover_all=False),
            (normal(1, 1, 2, 2),),
            lambda x: np.array(
                [
                    [
                        [
                            [0, 0, x[0, 0, 0, 1], 0],
                            [x[0, 0, 0, 0], 0, 0, 0],
                            [0, 0, 0, x[0, 0, 1, 1]],
                            [0, x[0, 0, 1, 0], 0, 0],
                        ]
                    ]
                ],
                x.dtype,
            ),
        )
    ],
    "spatial_pyramid_pooling_2d": [
        Case(
            lambda x: F.spatial_pyramid_pooling_2d(x, 2),
            (apart(2, 2, 4, 6),),
            lambda x: np.concatenate(
                [x.max((2, 3)), x.reshape(2, 2, 2, 2, 2, 3).max((3, 5)).reshape(2, 8)], 1
            )[:, :, None, None],
        )
    ],
    "roi_average_align_2d": [
        Case(
            lambda x, n=ratio: F.roi_average_align_2d(x, regions, of_image, 2, 0.5, n),
            (normal(2, 2, 3, 4),),
            _aligned(np.mean, ratio),
        )
        for ratio in (2, None)
    ],
    "roi_max_align_2d": [
        Case(
            lambda x: F.roi_max_align_2d(x, regions, of_image, 2, 0.5, 2),
            (apart(2, 1, 3, 4) + 0.01 * normal(2, 1, 3, 4),),
            _aligned(np.max, 2),
            options={"eps": 1e-5},
        )
    ],
    "bilinear": [
        Case(
            F.bilinear,
            (normal(2, 2), normal(2, 3), normal(2, 3, 2), normal(2, 2), normal(3, 2), normal(2)),
            lambda a, b, W, V1, V2, c: np.einsum("bi,bj,ijk->bk", a, b, W) + a @ V1 + b @ V2 + c,
        ),
        Case(
            F.bilinear,
            (normal(2, 2, 1), normal(2, 3), normal(2, 3, 2)),
            lambda a, b, W: np.einsum("bi,bj,ijk->bk", a[:, :, 0], b, W),
        ),
    ],
    "dilated_convolution_2d": [
        Case(
            lambda x, W: F.dilated_convolution_2d(x, W, dilate=2),
            (normal(1, 1, 4, 4), normal(1, 1, 2, 2)),
            lambda x, W: conv(x, W, dilate=2),
        )
    ],
    "depthwise_convolution_2d": [
        Case(
            lambda x, W, b: F.depthwise_convolution_2d(x, W, b, pad=1),
            (normal(1, 2, 3, 3), normal(2, 2, 2, 2), normal(4)),
            lambda x, W, b: (
                np.stack(
                    [
                        conv(x[:, c : c + 1], W[m : m + 1, c : c + 1], pad=1)[:, 0]
                        for c in (0, 1)
                        for m in (0, 1)
                    ],
                    1,
                )
                + b[:, None, None]
            ),
        )
    ],
    "local_convolution_2d": [
        Case(
            F.local_convolution_2d,
            (normal(2, 2, 3, 3), normal(2, 2, 2, 2, 2, 2), normal(2, 2, 2)),
            _local,
        )
    ],
    "deformable_convolution_2d_sampler": [
        Case(
            F.deformable_convolution_2d_sampler,
            (normal(1, 2, 3, 3), rng.uniform(0.1, 0.9, (1, 8, 2, 2)), normal(2, 2, 2, 2)),
            _deformed,
        )
    ],
    "shift": [Case(lambda x: F.shift(x, 3, 2), (normal(1, 10, 4, 3),), _shifted)],
    "scaled_dot_product_attention": [
        Case(
            lambda q, k, v: F.scaled_dot_product_attention(q, k, v, block_size=2),
            (normal(2, 3, 4), normal(2, 5, 4), normal(2, 5, 2)),
            _attention(None, False, 0.5),
        ),
        Case(
            lambda q, k, v: F.scaled_dot_product_attention(
                q, k, v, padding, True, 1.0, block_size=3
            ),
            (normal(2, 3, 2), normal(2, 5, 2), normal(2, 5, 2)),
            _attention(padding, True, 1.0),
        ),
        Case(
            lambda q, k, v: F.scaled_dot_product_attention(q, k, v, nothing),
            (normal(3, 4), normal(5, 4), normal(5, 2)),
            _attention(nothing, False, 0.5),
        ),
    ],
    "rotary_embedding": [
        Case(lambda x: F.rotary_embedding(x, base=100.0), (normal(2, 3, 4),), _rotated)
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
    ["convolution_nd-0", "convolution_1d-0", "max_pooling_nd-0", "unpooling_2d-0",
     "upsampling_2d-0", "roi_average_align_2d-0", "local_convolution_2d-0",
     "scaled_dot_product_attention-0",
     "rotary_embedding-0"],
)  # fmt: skip
def test_on_a_device(name):
    case = ALL[name]
    if name == "upsampling_2d-0":
        import ndgpu

        y = F.upsampling_2d(
            ndgpu.asarray(case.inputs[0]), ndgpu.asarray(picked), 2, cover_all=False
        )
        assert_allclose(y, case.expected(*case.inputs))
        return
    case.check_device(0)


def test_masks_on_each_kind_of_array(xp):
    case = CASES["scaled_dot_product_attention"][1]
    q, k, v = (xp.asarray(a) for a in case.inputs)
    y = F.scaled_dot_product_attention(q, k, v, xp.asarray(padding), True, 1.0, block_size=3)
    assert_allclose(y, case.expected(*case.inputs))


def test_blocks_make_no_difference():
    q, k, v = normal(2, 7, 4), normal(2, 9, 4), normal(2, 9, 3)
    whole = F.scaled_dot_product_attention(q, k, v, causal=True)
    for size in (1, 2, 4, 9):
        assert_allclose(
            F.scaled_dot_product_attention(q, k, v, causal=True, block_size=size), whole
        )


z = np.zeros


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: F.convolution_nd(z((1, 2, 3)), z((1, 3, 2))), ValueError, r"3 input channels but"),
        (lambda: F.convolution_nd(z((1, 2)), z((1, 2))), ValueError, r"convolution_nd: `x` must"),
        (
            lambda: F.convolution_nd(z((1, 2, 3, 3, 3)), z((1, 2, 4, 2, 2))),
            ValueError,
            r"convolution_nd: a window of \(4, 2, 2\) \(dilated by \(1, 1, 1\)\) does not fit",
        ),
        (
            lambda: F.convolution_nd(z((1, 2, 3)), z((1, 2, 2)), stride=(1, 2)),
            ValueError,
            r"convolution_nd: `stride` must be a number or 1 numbers, not \(1, 2\)",
        ),
        (lambda: F.convolution_nd(z((1, 2, 3)), z((1, 2, 2)), z(2)), ValueError, r"`b` must have"),
        (lambda: F.convolution_1d(z((1, 2, 3, 3)), z(1)), ValueError, r"convolution_1d: `x` must"),
        (
            lambda: F.deconvolution_nd(z((1, 2, 3)), z((2, 1, 2)), outsize=7),
            ValueError,
            r"deconvolution_nd: a convolution of \(7,\) gives \(6,\), not \(3,\)",
        ),
        (lambda: F.max_pooling_1d(z((1, 2)), 2), ValueError, r"max_pooling_1d: `x` must have 3"),
        (lambda: F.max_pooling_nd(z((1, 2, 3)), 0), ValueError, r"the window must be at least 1"),
        (lambda: F.average_pooling_nd(z((1, 2, 3)), 1, pad_value=1), ValueError, r"`pad_value`"),
        (lambda: F.unpooling_nd(z((1, 1, 2)), 2, outsize=9), ValueError, r"there are \(5,\) windo"),
        (lambda: F.upsampling_2d(z((1, 1, 2, 2)), z(2, int), 2), ValueError, r"`indexes` its shap"),
        (lambda: F.spatial_pyramid_pooling_2d(z((1, 1, 2, 2)), 3), ValueError, r"of 4 elements"),
        (
            lambda: F.bilinear(z((1, 2)), z((1, 2)), z((2, 3, 1))),
            ValueError,
            r"`W` must have shape",
        ),
        (lambda: F.bilinear(z(2), z(2), z(2), z(2)), ValueError, r"either all of `V1`"),
        (lambda: F.depthwise_convolution_2d(z((1, 2, 3, 3)), z(1)), ValueError, r"don't fit"),
        (lambda: F.local_convolution_2d(z((1, 2, 3, 3)), z(1)), ValueError, r"don't fit"),
        (
            lambda: F.local_convolution_2d(z((1, 1, 3, 3)), z((1, 3, 3, 1, 2, 2))),
            ValueError,
            r"local_convolution_2d: there are \(2, 2\) places",
        ),
        (
            lambda: F.deformable_convolution_2d_sampler(
                z((1, 1, 3, 3)), z((1, 4, 2, 2)), z((1, 1, 2, 2))
            ),
            ValueError,
            r"`offset` must have shape \(1, 8, 2, 2\), not \(1, 4, 2, 2\)",
        ),
        (
            lambda: F.roi_max_align_2d(z((1, 1, 2, 2)), z((2, 5)), z(2, int), 1, 1.0),
            ValueError,
            r"roi_max_align_2d: `x` .* don't fit \(x.shape=.* rois.shape=\(2, 5\)",
        ),
        (
            lambda: F.roi_max_align_2d(z((1, 1, 2, 2)), z((1, 4)), np.array([1]), 1, 1.0),
            ValueError,
            r"`roi_indices` must be below 1, not \[1\]",
        ),
        (
            lambda: F.roi_average_align_2d(z((1, 1, 2, 2)), z((1, 4)), z(1), 1, 1.0),
            TypeError,
            r"`roi_indices` must be integers",
        ),
        (lambda: F.shift(z((1, 8, 2, 2))), ValueError, r"shift: `x` must have 4 axes"),
        (
            lambda: F.scaled_dot_product_attention(z((2, 3)), z((4, 2)), z((4, 2))),
            ValueError,
            r"don't fit \(q.shape=\(2, 3\), k.shape=\(4, 2\), v.shape=\(4, 2\)\)",
        ),
        (
            lambda: F.scaled_dot_product_attention(z((2, 3)), z((4, 3)), z((4, 2)), z(4)),
            TypeError,
            r"`mask` must be boolean",
        ),
        (
            lambda: F.scaled_dot_product_attention(z((2, 3)), z((4, 3)), z((4, 2)), z(3, bool)),
            ValueError,
            r"`mask` must broadcast to \(2, 4\), not be \(3,\)",
        ),
        (lambda: F.rotary_embedding(z((2, 3))), ValueError, r"rotary_embedding: `x` must have"),
        (lambda: F.rotary_embedding(z((2, 2)), z(3)), ValueError, r"`positions` must have shape"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
