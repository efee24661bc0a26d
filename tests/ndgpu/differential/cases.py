"""Arguments: arrays of every dtype and layout, axes, keywords, drawn by hypothesis."""

import ml_dtypes
import numpy as np
from hypothesis import strategies as st

__all__ = ["BFLOAT16", "LARGE", "SMALL", "Case"]

# Few dtypes make few kernels, whose compilation is what the test costs.
SMALL = {"b": "?", "i": "l", "u": "B", "f": "f", "c": "F"}
LARGE = {"b": "?", "i": "bhilq", "u": "BHILQ", "f": "efd", "c": "FD"}
# Every array that an entry draws is of bfloat16.
BFLOAT16 = dict.fromkeys("biufc", (np.dtype(ml_dtypes.bfloat16),))

_LAYOUTS = ("C", "F", "transposed", "negative", "strided", "offset", "broadcast")
_SPECIAL = (0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 0.5)


class Case:
    """One example in the making: what an entry draws its arguments from.

    Parameters
    ----------
    draw : callable
        Hypothesis's.
    codes : dict
        Kind of dtype -> type codes: `SMALL`, `LARGE` or `BFLOAT16`.
    """

    def __init__(self, draw, codes):
        self._draw = draw
        self._codes = codes
        self.large = codes is LARGE
        self._rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))

    def choose(self, *options):
        """One of the options."""
        return self._draw(st.sampled_from(options))

    def integer(self, low, high):
        """An integer from `low` to `high`, both included."""
        return self._draw(st.integers(low, high))

    def dtype(self, kinds="biufc"):
        """A dtype of one of the kinds."""
        return np.dtype(self.choose(*[code for kind in kinds for code in self._codes[kind]]))

    def shape(self, low=0, high=3, least=0):
        """A shape of `low` to `high` axes, each at least `least` long."""
        shapes = {
            0: [()],
            1: [(5,), (1,), (7,), (0,)],
            2: [(3, 4), (2, 5), (4, 1), (0, 3)],
            3: [(2, 3, 4), (3, 1, 2), (2, 0, 3)],
        }
        rank = self.integer(low, high)
        return self.choose(*[s for s in shapes[rank] if min(s, default=1) >= least])

    def values(self, shape, dtype, *, special=True, low=None, high=None, exact=False):
        """A new array of random values: small integers, or floats with special ones among them.

        With `exact`, bfloat16 are multiples of a half: NumPy rounds each step of their sum.
        """
        rng = self._rng
        kind = dtype.kind
        if kind == "b":
            return np.asarray(rng.random(shape) < 0.5)
        if kind in "iu":
            bounds = (0 if kind == "u" else -6, 9)
            low, high = (b if v is None else v for v, b in zip((low, high), bounds, strict=True))
            return np.asarray(rng.integers(low, high, shape, endpoint=True)).astype(dtype)
        x = rng.standard_normal(shape) * 2
        if exact and kind == "V":
            x = np.rint(2 * x) / 2
        if low is not None or high is not None:
            x = rng.uniform(low if low is not None else -4, high if high is not None else 4, shape)
        elif special and self.choose(True, False, False):
            x = np.where(rng.random(shape) < 0.4, rng.choice(_SPECIAL, shape), x)
        if kind == "c":
            x = x + 1j * rng.standard_normal(shape)
        with np.errstate(all="ignore"):
            return np.asarray(x).astype(dtype)

    def array(self, kinds="biufc", shape=None, *, dtype=None, layout=None, **values):
        """An array in one of the layouts."""
        shape = self.shape() if shape is None else shape
        dtype = self.dtype(kinds) if dtype is None else np.dtype(dtype)
        layout = layout or self.choose(*_LAYOUTS)
        make = lambda s: self.values(s, dtype, **values)  # noqa: E731 - short, used six times
        if layout == "F":
            return np.asfortranarray(make(shape))
        if layout == "transposed":
            return make(shape[::-1]).T
        if layout == "negative" and shape:
            return make(shape)[::-1][..., ::-1] if len(shape) > 1 else make(shape)[::-1]
        if layout == "strided" and shape:
            return make((*shape[:-1], 2 * shape[-1]))[..., ::2]
        if layout == "offset" and shape:
            return make((shape[0] + 1, *shape[1:]))[1:]
        if layout == "broadcast" and shape:
            return np.broadcast_to(make((1, *shape[1:])), shape)
        return make(shape)

    def fresh(self, kinds="biufc", shape=None, **values):
        """An array that may be written to."""
        return self.array(kinds, shape, layout=self.choose("C", "F", "transposed"), **values)

    def pair(self, kinds="biufc", **values):
        """Two arrays that broadcast, or an array and a number."""
        a = self.array(kinds, **values)
        form = self.choose("same", "row", "scalar", "zero-d")
        if form == "scalar":
            return a, self.choose(2, 0, -1, 1.5, True)
        if form == "zero-d":
            return a, self.array(kinds, (), **values)
        shape = a.shape if form == "same" else a.shape[-1:]
        return a, self.array(kinds, shape, **values)

    def axis(self, a, *, none=True, several=False):
        """An axis of `a`; seldom one that it does not have."""
        options = [*range(-a.ndim, a.ndim), a.ndim] if a.ndim else [0, -1]
        if none:
            options += [None] * 2
        if several and a.ndim > 1:
            options += [(0, 1), (-1, 0)]
        return self.choose(*options)

    def words(self, **options):
        """Some of the keywords: each is left out, or one of its options."""
        result = {}
        for name, values in options.items():
            if self.choose(False, False, True):
                result[name] = self.choose(*values)
        return result

    def mask(self, shape):
        """A bool array that broadcasts to a shape."""
        return self.values(self.choose(shape, shape[-1:]), np.dtype(bool))
