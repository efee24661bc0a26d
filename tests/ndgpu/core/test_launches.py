"""How many kernels the main functions launch: one or two, whatever the size."""

import numpy as np
import pytest

import ndgpu
from ndgpu.compile.module import Bound, Function

RNG = np.random.default_rng(11)
SHAPE = (256, 1024)


@pytest.fixture
def launched(monkeypatch):
    """The names of the kernels launched since the list was last cleared."""
    names = []
    bound, function = Bound.__call__, Function.launch

    def call(self, *args, **kwargs):
        names.append(self.function.name)
        return bound(self, *args, **kwargs)

    def launch(self, *args, **kwargs):
        names.append(self.name)
        return function(self, *args, **kwargs)

    monkeypatch.setattr(Bound, "__call__", call)
    monkeypatch.setattr(Function, "launch", launch)
    return names


# (name, most launches, the call on a matrix x, its elements v, indices k and a mask m)
ROWS = [
    ("sum", 2, lambda xp, x, v, k, m: x.sum()),
    ("sum, axis 0", 2, lambda xp, x, v, k, m: x.sum(axis=0)),
    ("sum, axis 1", 2, lambda xp, x, v, k, m: x.sum(axis=1)),
    ("mean", 2, lambda xp, x, v, k, m: x.mean()),
    ("max", 2, lambda xp, x, v, k, m: x.max(axis=0)),
    ("argmax", 2, lambda xp, x, v, k, m: x.argmax()),
    ("any", 2, lambda xp, x, v, k, m: m.any()),
    ("std: a mean, then the differences to it", 4, lambda xp, x, v, k, m: x.std()),
    ("cumsum", 2, lambda xp, x, v, k, m: xp.cumsum(v)),
    ("cumsum, axis 0", 2, lambda xp, x, v, k, m: xp.cumsum(x, axis=0)),
    ("maximum.accumulate", 2, lambda xp, x, v, k, m: xp.maximum.accumulate(v)),
    ("fmax.reduce", 2, lambda xp, x, v, k, m: xp.fmax.reduce(v)),
    ("subtract.reduce", 1, lambda xp, x, v, k, m: xp.subtract.reduce(x)),
    ("sort, rows that a block holds", 1, lambda xp, x, v, k, m: xp.sort(x, axis=1)),
    ("take", 2, lambda xp, x, v, k, m: xp.take(v, k)),
    ("x[k]", 3, lambda xp, x, v, k, m: x[k % 256]),
    ("v[k] = 1", 2, lambda xp, x, v, k, m: v.__setitem__(k, 1)),
    ("x[m] = 1", 1, lambda xp, x, v, k, m: x.__setitem__(m, 1)),
    ("where", 1, lambda xp, x, v, k, m: xp.where(m, x, 0)),
    ("concatenate", 1, lambda xp, x, v, k, m: xp.concatenate([x] * 9, axis=1)),
    ("stack of many", 1, lambda xp, x, v, k, m: xp.stack([v[:50]] * 200)),
    ("searchsorted", 1, lambda xp, x, v, k, m: xp.searchsorted(k, k)),
    ("repeat", 1, lambda xp, x, v, k, m: xp.repeat(x, 2)),
    ("tile", 1, lambda xp, x, v, k, m: xp.tile(x, (2, 2))),
    ("convolve", 1, lambda xp, x, v, k, m: xp.convolve(v, v[:9])),
    ("clip", 1, lambda xp, x, v, k, m: xp.clip(x, 0, 1)),
    ("diff", 1, lambda xp, x, v, k, m: xp.diff(v)),
    ("linspace", 1, lambda xp, x, v, k, m: xp.linspace(0, 1, 1000)),
]


@pytest.mark.parametrize(("most", "call"), [r[1:] for r in ROWS], ids=[r[0] for r in ROWS])
def test_launches(launched, most, call):
    x = ndgpu.asarray(RNG.random(SHAPE, dtype=np.float32))
    k = ndgpu.asarray(np.sort(RNG.integers(0, 1000, 5000)))
    args = (ndgpu, x, x.copy().ravel(), k, x > 0.5)
    launched.clear()
    call(*args)
    assert len(launched) <= most, launched


def test_a_long_sort_takes_four_launches_for_each_byte(launched):
    x = ndgpu.asarray(RNG.random(100_000, dtype=np.float32))
    launched.clear()
    ndgpu.sort(x)
    assert len(launched) <= 4 * x.dtype.itemsize


def test_arrays_that_come_together_by_one_launch():
    for axis in (0, 1, -1):
        for count in (3, 9, 70, 500):
            shapes = [[3, 3, 3] for _ in range(count)]
            for shape in shapes:
                shape[axis] = int(RNG.integers(0, 4))
            parts = [RNG.random(shape) for shape in shapes]
            found = ndgpu.concatenate([ndgpu.asarray(p) for p in parts], axis)
            np.testing.assert_array_equal(found.get(), np.concatenate(parts, axis))
    outs = [xp.arange(6).reshape(3, 2) for xp in (ndgpu, np)]
    for xp, out in zip((ndgpu, np), outs, strict=True):
        xp.concatenate([out[:1], out[:1], out[1:2]], out=out)  # reads what it writes over
    assert outs[0].tolist() == outs[1].tolist()
