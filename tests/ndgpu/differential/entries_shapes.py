"""Creation, indexing and rearranging of arrays: results are equal to the bit."""

from functools import partial

import numpy as np
from tests.ndgpu.differential.compare import Call

__all__ = ["ENTRIES"]


def _call(name, *makers, low=0, high=3, least=0, kinds="biufc", in_place=False, **more):
    """An entry whose further arguments are made from the case and the array."""

    def entry(c):
        a = (c.fresh if in_place else c.array)(kinds, c.shape(low, high, least))
        args = [m(c, a) if callable(m) else m for m in makers]
        return Call(name, (a, *args), c.words(**more), ulp=0, in_place=in_place)

    return entry


def _plain(name, *args, **more):
    """An entry without arrays: each argument is a tuple of options."""
    return lambda c: Call(name, tuple(c.choose(*options) for options in args), c.words(**more))


def _several(name, least=1, same=True, **more):
    def entry(c):
        shape = c.shape(0 if "stack" in name and name != "stack" else 1, 2)
        kinds = c.choose("f", "if", "iufc")
        arrays = [c.array(kinds, shape if same or k else c.shape(0, 2)) for k in range(3)]
        return Call(name, (arrays[: c.integer(least, 3)],), c.words(**more), ulp=0)

    return entry


def _axis(c, a):
    return c.axis(a, none=False)


def _index(c, a):
    shape = c.choose((3,), (), (2, 2))
    return c.values(shape, np.dtype("i8"), low=-2, high=c.choose(1, 1, 9))


def _indices_or_parts(c, a):
    return c.choose(2, 3, [1], [1, 2])


def _mask_of(c, a):
    return c.values(a.shape, np.dtype(bool))


def _like(c, a):
    return c.array(dtype=a.dtype, shape=c.choose(a.shape, ()), special=False)


def _along(c, a):
    shape = (*a.shape[:-1], 2)
    return c.values(shape, np.dtype("i8"), low=0, high=a.shape[-1] - 1)


def _new_shape(c, a):
    return c.choose(-1, (-1, 1), a.shape[::-1], (2, -1), (7, 3), a.size)


def _pads(c, a):
    return c.choose(1, (1, 2), [(1, 0)] * a.ndim, 0)


def _pad(c):
    a = c.array("iuf", c.shape(1, 2, 2))
    mode = c.choose("constant", "edge", "reflect", "symmetric", "wrap", "maximum", "mean",
                    "minimum", "median", "linear_ramp", "empty", "nonsense")  # fmt: skip
    words = {"constant_values": 3} if mode == "constant" else {}
    view = (lambda r: r.shape) if mode == "empty" else None
    ulp = 0 if mode not in ("mean", "linear_ramp", "median") else None
    return Call("pad", (a, _pads(c, a), mode), words, ulp=ulp, view=view)


def _select(c):
    shape = c.shape(1, 2)
    conditions = [c.values(shape, np.dtype(bool)) for _ in range(2)]
    dtype = c.dtype("if")
    choices = [c.array(dtype=dtype, shape=shape) for _ in range(2)]
    return Call("select", (conditions, choices), c.words(default=(7,)), ulp=0)


def _choose(c):
    shape = c.shape(1, 2)
    choices = [c.array("f", shape) for _ in range(3)]
    index = c.values(shape, np.dtype("i8"), low=0, high=c.choose(2, 2, 4))
    return Call("choose", (index, choices), c.words(mode=("clip", "wrap")), ulp=0)


def _piecewise(c):
    a = c.array("if", c.shape(1, 2))
    conditions = [c.values(a.shape, np.dtype(bool)) for _ in range(2)]
    return Call("piecewise", (a, conditions, [c.choose(1, -1), 2, 5][: c.integer(2, 3)]), ulp=0)


def _copyto(c):
    a = c.fresh("iufc", c.shape(1, 2))
    source = c.array(c.choose("i", "f"), c.choose(a.shape, a.shape[-1:]))
    return Call("copyto", (a, source), c.words(where=(_mask_of(c, a),)), ulp=0, in_place=True)


def _take(c):
    a = c.array(shape=c.shape(1, 3, 2))
    return Call("take", (a, _index(c, a)), c.words(axis=(0, -1), mode=("wrap", "clip")), ulp=0)


def _ravel_multi_index(c):
    index = tuple(c.values((4,), np.dtype("i8"), low=0, high=c.choose(2, 2, 5)) for _ in range(2))
    return Call("ravel_multi_index", (index, (3, 4)), c.words(mode=("wrap",), order=("F",)), ulp=0)


def _vander(c):
    return Call("vander", (c.array("if", (4,), special=False),), c.words(increasing=(True,)))


def _like_of(name, c):
    return Call(name, (c.array(),), c.words(dtype=(c.dtype(),), shape=((2, 2),)))


def _full(c):
    words = c.words(dtype=(c.dtype(),), order=("F",))
    return Call("full", (c.shape(0, 2), c.choose(3, 1.5, True)), words)


def _tiles(c, a):
    return c.choose(2, (2, 1), (1, 2, 1), 0)


_SIZES = ((0, 1, 4),)
_FUNCTION_WORDS = {"dtype": ("f4", None, int)}

ENTRIES = {
    name: _call(name) for name in (
        "copy", "real", "imag", "ravel", "transpose", "permute_dims", "squeeze", "isreal",
        "iscomplex", "asarray", "asanyarray", "ascontiguousarray", "asfortranarray",
        "atleast_1d", "atleast_2d", "atleast_3d", "ndim", "shape", "size", "isrealobj",
        "iscomplexobj", "isscalar", "array", "round", "around",
    )
}  # fmt: skip
ENTRIES |= {
    "flip": _call("flip", axis=(None, 0, -1, 5)),
    "fliplr": _call("fliplr"),
    "flipud": _call("flipud"),
    "rot90": _call("rot90", k=(1, 2, 3, -1)),
    "roll": _call("roll", lambda c, a: c.choose(1, -2, 0, 9), axis=(None, 0, -1)),
    "rollaxis": _call("rollaxis", _axis, low=1),
    "moveaxis": _call("moveaxis", _axis, _axis, low=1),
    "swapaxes": _call("swapaxes", _axis, _axis, low=1),
    "expand_dims": _call("expand_dims", lambda c, a: c.choose(0, -1, (0, 1), 7)),
    "matrix_transpose": _call("matrix_transpose"),
    "reshape": _call("reshape", _new_shape, order=("C", "F", "A")),
    "resize": _call("resize", lambda c, a: c.choose((2, 3), 7, (0,)), least=1),
    "tile": _call("tile", _tiles),
    "repeat": _call("repeat", lambda c, a: c.choose(2, 0, 3), axis=(None, 0, -1)),
    "broadcast_to": _call("broadcast_to", lambda c, a: c.choose((2, *a.shape), a.shape, (5, 3))),
    "diagonal": _call("diagonal", low=1, offset=(0, 1, -1)),
    "diag": _call("diag", high=2, k=(0, 1, -1)),
    "diagflat": _call("diagflat", high=2, k=(0, 1)),
    "trace": lambda c: Call("trace", (c.array(shape=c.shape(2, 3)),), c.words(offset=(1,))),
    "tril": _call("tril", low=1, k=(0, 1, -1)),
    "triu": _call("triu", low=1, k=(0, 1, -1)),
    "trim_zeros": _call("trim_zeros", low=1, high=1, trim=("f", "b", "fb")),
    "split": _call("split", _indices_or_parts, low=1, axis=(0, -1)),
    "array_split": _call("array_split", _indices_or_parts, low=1, axis=(0, -1)),
    "hsplit": _call("hsplit", _indices_or_parts),
    "vsplit": _call("vsplit", _indices_or_parts),
    "dsplit": _call("dsplit", _indices_or_parts),
    "unstack": _call("unstack", axis=(0, -1)),
    "delete": _call("delete", lambda c, a: c.choose(0, -1, [0, 1], 9), low=1, axis=(None, 0, -1)),
    "insert": _call("insert", lambda c, a: c.choose(0, -1, [0, 1], 9), 5, low=1, axis=(None, 0)),
    "append": _call("append", _like, low=1, axis=(None, 0)),
    "compress": _call("compress", lambda c, a: [True, False, True], low=1, axis=(None, 0, -1)),
    "extract": lambda c: (lambda a: Call("extract", (_mask_of(c, a), a), ulp=0))(c.array()),
    "take": _take,
    "take_along_axis": _call("take_along_axis", _along, -1, low=1, least=1),
    "put": _call("put", [0, -1, 1], lambda c, a: c.choose(3, [1, 0]), low=1, least=2,
                 in_place=True, mode=("wrap", "clip")),
    "put_along_axis": _call("put_along_axis", _along, 3, -1, low=1, least=1, in_place=True),
    "place": _call("place", _mask_of, [1, 0], low=1, in_place=True),
    "putmask": _call("putmask", _mask_of, lambda c, a: c.choose(3, [1, 0]), low=1, in_place=True),
    "fill_diagonal": _call("fill_diagonal", lambda c, a: c.choose(3, [1, 2]), low=2, high=2,
                           in_place=True, wrap=(True,)),
    "copyto": _copyto,
    "choose": _choose,
    "select": _select,
    "piecewise": _piecewise,
    "pad": _pad,
    "clip": _call("clip", lambda c, a: c.choose(0, None, -1), lambda c, a: c.choose(1, 3),
                  kinds="iuf"),
    "nan_to_num": _call("nan_to_num", nan=(5,), posinf=(9,), copy=(True,)),
    "real_if_close": _call("real_if_close"),
    "isposinf": _call("isposinf"),
    "isneginf": _call("isneginf"),
    "fix": _call("fix", kinds="iuf"),
    "astype": _call("astype", lambda c, a: c.dtype(), kinds="biu", copy=(True,)),
    "asarray_chkfinite": _call("asarray_chkfinite"),
    "require": _call("require", requirements=("C", "F", ["C", "W"]), dtype=("f4",)),
    "isfortran": _call("isfortran"),
    "packbits": _call("packbits", low=1, kinds="biu", axis=(0, -1), bitorder=("little",)),
    "unpackbits": lambda c: Call("unpackbits", (c.array("u", c.shape(1, 2), dtype="B"),),
                                 c.words(axis=(0, -1), count=(5, -3), bitorder=("little",))),
    "stack": _several("stack", axis=(0, -1, 5)),
    "concatenate": _several("concatenate", axis=(0, -1, None, 3), dtype=("f8",)),
    "concat": _several("concat", axis=(0, -1, None)),
    "hstack": _several("hstack"),
    "vstack": _several("vstack"),
    "row_stack": _several("vstack"),
    "dstack": _several("dstack"),
    "column_stack": _several("column_stack"),
    "block": _several("block"),
    "broadcast_arrays": lambda c: Call("broadcast_arrays", c.pair(), ulp=0),
    "meshgrid": lambda c: Call("meshgrid", (c.array("if", (3,)), c.array("f", (2,))),
                               c.words(indexing=("ij",), sparse=(True,)), ulp=0),
    "ix_": lambda c: Call("ix_", (c.array("i", (3,)), c.array("b", (4,))), ulp=0),
    "ravel_multi_index": _ravel_multi_index,
    "unravel_index": lambda c: Call("unravel_index", (c.array("i", c.shape(0, 2), low=0, high=9),
                                                      c.choose((3, 4), (2, 2, 2))), ulp=0),
    "vander": _vander,
    "full": _full,
    "zeros": _plain("zeros", ((), 3, (2, 3), (0,), -1), dtype=("f4", int), order=("F",)),
    "ones": _plain("ones", ((), 3, (2, 3), (0,)), dtype=("f4", bool), order=("F",)),
    "empty": lambda c: Call("empty", (c.choose(3, (2, 0)),), view=lambda r: (r.shape, r.dtype)),
    "identity": _plain("identity", *_SIZES, **_FUNCTION_WORDS),
    "eye": _plain("eye", *_SIZES, M=(3, None), k=(0, 1, -1), **_FUNCTION_WORDS),
    "tri": _plain("tri", *_SIZES, M=(3, None), k=(0, 1, -1), **_FUNCTION_WORDS),
    "arange": _plain("arange", (0, 1, 2.5), (5, 9.5, -3), (1, 2, 0.5), dtype=("f4", "i8")),
    "linspace": lambda c: Call("linspace", (c.choose(0, -1.5), c.choose(2, 7.5), c.choose(1, 5)),
                               c.words(endpoint=(False,), dtype=("f4",)), ulp=4),
    "logspace": lambda c: Call("logspace", (0, c.choose(2, 1.5), 5), c.words(base=(2,)), ulp=8),
    "geomspace": lambda c: Call("geomspace", (c.choose(1, 2), c.choose(9, 64), 5),
                                c.words(endpoint=(False,)), ulp=16),
    "indices": _plain("indices", ((2, 3), (4,), (0,)), dtype=("i4",), sparse=(True,)),
    "diag_indices": _plain("diag_indices", (0, 3), ndim=(2, 3)),
    "tril_indices": _plain("tril_indices", (0, 3), k=(1, -1), m=(4,)),
    "triu_indices": _plain("triu_indices", (0, 3), k=(1, -1), m=(4,)),
    "diag_indices_from": _call("diag_indices_from", low=2, high=2),
    "tril_indices_from": _call("tril_indices_from", low=2, high=2, k=(1,)),
    "triu_indices_from": _call("triu_indices_from", low=2, high=2, k=(1,)),
}  # fmt: skip
ENTRIES |= {f"{name}_like": partial(_like_of, f"{name}_like") for name in ("zeros", "ones")}
ENTRIES["full_like"] = _call("full_like", 2, dtype=("f4",), shape=((2, 2),))
ENTRIES["empty_like"] = lambda c: Call("empty_like", (c.array(),), view=lambda r: r.shape)
