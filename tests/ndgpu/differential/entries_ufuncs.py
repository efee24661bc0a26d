"""Ufuncs and their methods: the arguments follow from how many they take."""

import numpy as np
from tests.ndgpu.differential.compare import Call

import ndgpu

__all__ = ["METHODS", "UFUNCS", "ufunc_call"]

UFUNCS = sorted(
    name
    for name in dir(np)
    if isinstance(getattr(np, name), np.ufunc)
    and isinstance(getattr(ndgpu, name, None), ndgpu.ufunc)
    and getattr(np, name).signature is None
)
METHODS = ("reduce", "accumulate", "outer", "reduceat", "at")
# Reductions of these are as in NumPy; others have no meaning that a program would want.
_REDUCED = ("add", "multiply", "maximum", "minimum", "logical_and", "logical_or", "bitwise_xor")

# How far NumPy's own functions and CUDA's are apart, in units in the last place: both claim
# to be within 4 of the exact value. Of complex numbers, the larger part counts.
ULP = 8


def ufunc_call(name):
    """The entry of a ufunc."""

    def entry(c):
        numpy_ufunc = getattr(np, name)
        if numpy_ufunc.nin == 1:
            args = (c.array(),)
        else:
            args = c.pair()
        shape = np.broadcast_shapes(*[np.shape(a) for a in args])
        words = {}
        if c.choose(False, False, False, True):
            words["where"] = c.mask(shape)
            types = [a.dtype if isinstance(a, np.ndarray) else type(a) for a in args]
            try:
                loop = numpy_ufunc.resolve_dtypes((*types, *[None] * numpy_ufunc.nout))
            except TypeError:
                loop = None
            if loop is not None:
                outs = tuple(np.zeros(shape, d) for d in loop[numpy_ufunc.nin :])
                words["out"] = outs if len(outs) > 1 else outs[0]
            else:
                words.pop("where")
        return Call(name, args, words, ulp=ULP)

    return entry


def method_call(method):
    """The entry of a ufunc's method."""

    def entry(c):
        name = c.choose(*_REDUCED) if c.large else c.choose("add", "maximum")
        kinds = "biu" if name.startswith("bitwise") else "biufc"
        if method == "outer":
            args = (c.array(kinds, c.shape(0, 2)), c.array(kinds, c.shape(0, 1)))
            return Call(f"{name}.outer", args, ulp=ULP)
        if method == "at":
            a = c.fresh(kinds, c.shape(1, 1, 1))
            index = c.values((4,), np.dtype("i8"), low=-1, high=a.shape[0] - 1)
            values = c.choose(1, c.values((4,), a.dtype))
            return Call(f"{name}.at", (a, index, values), in_place=True)
        a = c.array(kinds, c.shape(1, 3), exact=True)
        if method == "reduceat":
            index = c.values((3,), np.dtype("i8"), low=0, high=3)
            return Call(f"{name}.reduceat", (a, index), c.words(axis=(0, -1)))
        axis = c.axis(a, none=method == "reduce", several=method == "reduce")
        words = {"axis": axis}
        if method == "reduce":
            words |= c.words(keepdims=(True,), initial=(0, 3))
            if "initial" in words and c.choose(True, False):
                words["where"] = c.mask(a.shape)
        return Call(f"{name}.{method}", (a,), words)

    return entry


ENTRIES = {name: ufunc_call(name) for name in UFUNCS}
ENTRIES |= {f"ufunc.{method}": method_call(method) for method in METHODS}
