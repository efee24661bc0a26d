"""Convolutions and poolings by their definitions, window after window, in NumPy."""

import itertools

import numpy as np

__all__ = ["convolve", "convolve_back", "pool", "pool_back"]


def _windows(g):
    """Yield each window's place in the result, and its slice of the padded array."""
    for place in itertools.product(*(range(n) for n in g["lengths"])):
        start = [p * s for p, s in zip(place, g["stride"], strict=True)]
        yield (
            place,
            tuple(
                slice(a, a + d * (k - 1) + 1, d)
                for a, k, d in zip(start, g["window"], g["dilation"], strict=True)
            ),
        )


def geometry(shape, window, pad, stride, dilation):
    lengths = [
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, p, s, d in zip(shape, window, pad, stride, dilation, strict=True)
    ]
    return {"lengths": lengths, "stride": stride, "window": window, "dilation": dilation}


def widen(x, pad, value=0):
    return np.pad(x, [(0, 0), (0, 0), *((p, p) for p in pad)], constant_values=value)


def narrow(x, pad):
    return x[(..., *(slice(p, n - p) for p, n in zip(pad, x.shape[2:], strict=True)))]


def convolve(x, w, pad, stride, dilation, groups):
    g = geometry(x.shape[2:], w.shape[2:], pad, stride, dilation)
    y = np.zeros((x.shape[0], w.shape[0], *g["lengths"]))
    wide = widen(x.astype("d"), pad)
    for (place, window), k in itertools.product(_windows(g), range(groups)):
        i, o = x.shape[1] // groups, w.shape[0] // groups
        part = wide[(slice(None), slice(k * i, (k + 1) * i), *window)]
        rows = slice(k * o, (k + 1) * o)
        y[(slice(None), rows, *place)] = np.tensordot(
            part, w[rows], (range(1, part.ndim), range(1, w.ndim))
        )
    return y


def convolve_back(x, w, gy, pad, stride, dilation, groups):
    """Gradients by x and by w."""
    g = geometry(x.shape[2:], w.shape[2:], pad, stride, dilation)
    wide = widen(x.astype("d"), pad)
    gwide, gw = np.zeros_like(wide), np.zeros(w.shape)
    for (place, window), k in itertools.product(_windows(g), range(groups)):
        i, o = x.shape[1] // groups, w.shape[0] // groups
        rows = slice(k * o, (k + 1) * o)
        inside = (slice(None), slice(k * i, (k + 1) * i), *window)
        slope = gy[(slice(None), rows, *place)].astype("d")
        gwide[inside] += np.tensordot(slope, w[rows], 1)
        gw[rows] += np.tensordot(slope.T, wide[inside], 1)
    return narrow(gwide, pad), gw


def pool(x, window, pad, stride, mode):
    g = geometry(x.shape[2:], window, pad, stride, (1,) * len(window))
    wide = widen(x.astype("d"), pad, -np.inf if mode == "max" else 0)
    inside = widen(np.ones(x.shape), pad)
    y = np.zeros((*x.shape[:2], *g["lengths"]))
    axes = tuple(range(2, x.ndim))
    for place, at in _windows(g):
        part = wide[(..., *at)]
        if mode == "max":
            y[(..., *place)] = part.max(axes)
        else:
            count = np.prod(window) if mode == "average" else inside[(..., *at)].sum(axes)
            y[(..., *place)] = part.sum(axes) / count
    return y


def pool_back(x, gy, window, pad, stride, mode):
    g = geometry(x.shape[2:], window, pad, stride, (1,) * len(window))
    wide = widen(x.astype("d"), pad, -np.inf if mode == "max" else 0)
    inside, gx = widen(np.ones(x.shape), pad), np.zeros(wide.shape)
    axes = tuple(range(2, x.ndim))
    for place, at in _windows(g):
        slope = gy[(..., *place)].astype("d")[(..., *(None,) * len(window))]
        part, target = wide[(..., *at)], gx[(..., *at)]
        if mode == "max":
            flat = part.reshape(*x.shape[:2], -1)
            first = np.arange(flat.shape[-1]) == flat.argmax(-1)[..., None]
            target += first.reshape(part.shape) * slope
        else:
            count = np.prod(window)
            if mode != "average":
                count = inside[(..., *at)].sum(axes, keepdims=True)
            target += slope / count
    return narrow(gx, pad)
