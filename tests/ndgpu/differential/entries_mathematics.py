"""Products, linear algebra, Fourier transforms, polynomials, windows, comparisons, methods."""

from functools import partial

import numpy as np
from tests.ndgpu.differential.compare import Call

__all__ = ["ENTRIES"]


def _product(name, *shapes, kinds="iufc", **more):
    """An entry with one array for each shape; a row of shapes is one choice."""

    def entry(c):
        kind = c.choose(*kinds)
        row = c.choose(*shapes)
        arrays = [c.array(kind, shape, special=False) for shape in row]
        return Call(name, tuple(arrays), c.words(**more))

    return entry


_VECTORS = ((5,), (5,))
_MATRICES = ((2, 3), (3, 4))
_STACKS = ((2, 3, 4), (4, 2))
_WRONG = ((3,), (4,))


def _square(name, definite=False, rhs=False, view=None, **more):
    def entry(c):
        n = c.choose(1, 3, 4)
        shape = c.choose((n, n), (2, n, n), (n, n), (n, n + 1))
        dtype = c.dtype("fc") if not c.large else np.dtype(c.choose("f", "d", "F", "D"))
        a = c.values(shape, dtype, special=False)
        if shape[-1] == n:
            a = a + n * 2 * np.eye(n, dtype=dtype)
            if definite:
                a = (a @ np.swapaxes(a, -1, -2).conj()).astype(dtype)
        args = [a]
        if rhs:
            args.append(c.values((*shape[:-1], 2), dtype, special=False))
        return Call(name, tuple(args), c.words(**more), view=view)

    return entry


def _eigen(r):
    """Eigenvalues in order: their vectors are compared by the tests of linalg."""
    values = r[0] if isinstance(r, tuple) else r
    values = values if isinstance(values, np.ndarray) else values.get()
    order = np.sort_complex(values.ravel().round(3)) if values.dtype.kind == "c" else values
    return np.sort(order, axis=None).shape, float(np.abs(values).sum().round(2))


def _shape_only(r):
    return tuple(tuple(x.shape) for x in r) if isinstance(r, tuple) else tuple(r.shape)


def _singular_values(r):
    return r[1] if isinstance(r, tuple) else r


def _transform(name, real=False, **more):
    def entry(c):
        kinds = "if" if real else "ifc"
        a = c.array(kinds, c.choose((8,), (6,), (3, 5), (2, 4, 3), (0,)), special=False)
        words = c.words(norm=("ortho", "forward", "bad"), **more)
        return Call(name, (a,), words)

    return entry


def _comparison(name, **more):
    def entry(c):
        dtype = c.dtype("iuf")
        a = c.array(dtype=dtype)
        b = c.choose(a, c.array(dtype=dtype, shape=a.shape), c.array(dtype=dtype))
        return Call(name, (a, b), c.words(**more))

    return entry


def _polynomial(name, count=2):
    def entry(c):
        args = [c.array("f", (c.integer(2, 4),), special=False) for _ in range(count)]
        args = [np.where(np.abs(a) < 0.2, a.dtype.type(0.7), a) for a in args]
        return Call(name, tuple(args))

    return entry


def _polyfit(c):
    x = np.linspace(-1, 1, 9)
    return Call("polyfit", (x, c.values((9,), np.dtype("d"), special=False), c.integer(0, 3)))


def _interp(c):
    xp = np.sort(c.values((5,), np.dtype("d"), special=False))
    args = (c.array("f", c.shape(0, 2), special=False), xp, c.values((5,), np.dtype("d"),
                                                                     special=False))  # fmt: skip
    return Call("interp", args, c.words(left=(-9.0,), right=(9.0,)))


def _einsum(c):
    dtype = c.dtype("ifc")
    spec, *shapes = c.choose(
        ("ij,jk->ik", (2, 3), (3, 4)), ("ij->ji", (2, 3)), ("ii", (3, 3)), ("i,i", (4,), (4,)),
        ("...i,i->...", (2, 3), (3,)), ("ij,ij->", (2, 3), (2, 3)), ("ij,kj", (2, 3), (3, 4)),
    )  # fmt: skip
    arrays = [c.array(dtype=dtype, shape=s, special=False) for s in shapes]
    return Call("einsum", (spec, *arrays), c.words(optimize=(True,)))


def _method(name, *args, in_place=False, **more):
    def entry(c):
        a = c.fresh(shape=c.shape(1, 3, 1)) if in_place else c.array(shape=c.shape(0, 3))
        given = [m(c, a) if callable(m) else m for m in args]
        return Call(f"ndarray.{name}", (a, *given), c.words(**more), in_place=in_place)

    return entry


def _window(name, c):
    return Call(name, (c.choose(0, 1, 2, 7),), ulp=8)


def _axis(c, a):
    return c.axis(a, none=False)


ENTRIES = {
    "dot": _product("dot", _VECTORS, _MATRICES, ((), (3,)), _STACKS, _WRONG),
    "inner": _product("inner", _VECTORS, ((2, 3), (4, 3)), ((), (3,)), _WRONG),
    "outer": _product("outer", ((3,), (4,)), ((2, 2), (3,))),
    "matmul": _product("matmul", _VECTORS, _MATRICES, _STACKS, ((2, 3, 4), (2, 4, 1)), _WRONG),
    "vdot": _product("vdot", _VECTORS, ((2, 3), (2, 3)), _WRONG),
    "vecdot": _product("vecdot", _VECTORS, ((2, 3), (3,)), _WRONG),
    "matvec": _product("matvec", ((2, 3), (3,)), ((2, 3, 4), (4,)), _WRONG),
    "vecmat": _product("vecmat", ((3,), (3, 2)), ((2, 3), (3, 4)), _WRONG),
    "tensordot": _product("tensordot", ((2, 3), (3, 4)), ((2, 3), (2, 3)), axes=(0, 1, 2)),
    "kron": _product("kron", ((2, 3), (2,)), ((2,), (3,)), ((), (2,))),
    "cross": _product("cross", ((3,), (3,)), ((4, 3), (3,)), _WRONG),
    "convolve": _product("convolve", ((7,), (3,)), ((2,), (5,)), mode=("same", "valid")),
    "correlate": _product("correlate", ((7,), (3,)), ((2,), (5,)), mode=("same", "full")),
    "einsum": _einsum,
    "interp": _interp,
    "allclose": _comparison("allclose", rtol=(0.1,), equal_nan=(True,)),
    "isclose": _comparison("isclose", rtol=(0.1,), equal_nan=(True,)),
    "array_equal": _comparison("array_equal", equal_nan=(True,)),
    "array_equiv": _comparison("array_equiv"),
    "common_type": _comparison("common_type"),
    "result_type": _comparison("result_type"),
    "can_cast": lambda c: Call("can_cast", (c.dtype(), c.dtype()), c.words(casting=("same_kind",))),
    "angle": lambda c: Call("angle", (c.array("ifc"),), c.words(deg=(True,)), ulp=8),
    "sinc": lambda c: Call("sinc", (c.array("if"),)),
    "i0": lambda c: Call("i0", (c.array("if", special=False),)),
    "kaiser": lambda c: Call("kaiser", (c.choose(0, 1, 8), c.choose(0, 8.6))),
    "polyval": _polynomial("polyval"),
    "polyadd": _polynomial("polyadd"),
    "polysub": _polynomial("polysub"),
    "polymul": _polynomial("polymul"),
    "polydiv": _polynomial("polydiv"),
    "polyder": _polynomial("polyder", 1),
    "polyint": _polynomial("polyint", 1),
    "poly": _polynomial("poly", 1),
    "polyfit": _polyfit,
    "linalg.cholesky": _square("linalg.cholesky", definite=True, upper=(True,)),
    "linalg.inv": _square("linalg.inv"),
    "linalg.det": _square("linalg.det"),
    "linalg.slogdet": _square("linalg.slogdet"),
    "linalg.solve": _square("linalg.solve", rhs=True),
    "linalg.pinv": _square("linalg.pinv"),
    "linalg.cond": _square("linalg.cond", p=(1, "fro", -2)),
    "linalg.matrix_rank": _square("linalg.matrix_rank"),
    "linalg.norm": lambda c: Call("linalg.norm", (c.array("ifc", c.shape(0, 2, 1), special=False),),
                                  c.words(ord=(1, 2, np.inf, "fro"), keepdims=(True,))),
    "linalg.eigh": _square("linalg.eigh", definite=True, view=lambda r: r[0]),
    "linalg.eigvalsh": _square("linalg.eigvalsh", definite=True, UPLO=("U",)),
    "linalg.eig": _square("linalg.eig", view=_eigen),
    "linalg.eigvals": _square("linalg.eigvals", view=_eigen),
    "linalg.qr": _square("linalg.qr", view=_shape_only, mode=("complete", "r")),
    "linalg.svd": _square("linalg.svd", view=_singular_values, full_matrices=(False,)),
    "linalg.svdvals": _square("linalg.svdvals"),
    "linalg.lstsq": lambda c: Call("linalg.lstsq", (c.values((5, 3), np.dtype("d"), special=False),
                                   c.values((5,), np.dtype("d"), special=False))),
    "linalg.matrix_power": lambda c: Call("linalg.matrix_power", (np.diag(c.values((3,),
                           np.dtype("d"), low=1, high=2)), c.integer(-2, 4))),
    "linalg.multi_dot": lambda c: Call("linalg.multi_dot", ([c.array("f", s, special=False)
                                       for s in ((2, 3), (3, 4), (4, 2))],)),
    "linalg.tensorinv": lambda c: Call("linalg.tensorinv", (np.eye(6).reshape(2, 3, 6),),
                                       {"ind": 2}),
    "linalg.tensorsolve": lambda c: Call("linalg.tensorsolve", (np.eye(6).reshape(2, 3, 6),
                                         c.values((2, 3), np.dtype("d"), special=False))),
    "linalg.vector_norm": lambda c: Call("linalg.vector_norm", (c.array("ifc", special=False),),
                                         c.words(ord=(1, np.inf, 3), keepdims=(True,))),
    "linalg.matrix_norm": lambda c: Call("linalg.matrix_norm", (c.array("fc", c.shape(2, 3, 1),
                                         special=False),), c.words(ord=(1, np.inf, 2, "nuc"))),
    "linalg.trace": lambda c: Call("linalg.trace", (c.array("ifc", c.shape(2, 3)),),
                                   c.words(offset=(1,))),
    "linalg.diagonal": lambda c: Call("linalg.diagonal", (c.array(shape=c.shape(2, 3)),), ulp=0),
    "linalg.matrix_transpose": lambda c: Call("linalg.matrix_transpose", (c.array(),), ulp=0),
    "linalg.cross": _product("linalg.cross", ((3,), (3,)), ((4, 3), (4, 3))),
    "linalg.outer": _product("linalg.outer", ((3,), (4,)), ((2, 2), (3,))),
    "linalg.matmul": _product("linalg.matmul", _MATRICES, _STACKS),
    "linalg.vecdot": _product("linalg.vecdot", _VECTORS, ((2, 3), (3,))),
    "linalg.tensordot": _product("linalg.tensordot", _MATRICES, axes=(0, 1)),
    "fft.fftfreq": lambda c: Call("fft.fftfreq", (c.integer(1, 9),), c.words(d=(0.5,)), ulp=2),
    "fft.rfftfreq": lambda c: Call("fft.rfftfreq", (c.integer(1, 9),), c.words(d=(0.5,)), ulp=2),
    "fft.fftshift": lambda c: Call("fft.fftshift", (c.array(),), c.words(axes=(0, -1)), ulp=0),
    "fft.ifftshift": lambda c: Call("fft.ifftshift", (c.array(),), c.words(axes=(0, -1)), ulp=0),
}  # fmt: skip
ENTRIES |= {
    f"fft.{name}": _transform(f"fft.{name}", real=name in ("rfft", "ihfft"), n=(4, 9), axis=(0, -1))
    for name in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")
}
ENTRIES |= {
    f"fft.{name}": _transform(f"fft.{name}", real=name[0] == "r", axes=((0,), (-1,)))
    for name in ("fftn", "ifftn", "rfftn", "irfftn")
}
ENTRIES |= {
    f"fft.{name}": _transform(f"fft.{name}", real=name[0] == "r")
    for name in ("fft2", "ifft2", "rfft2", "irfft2")
}
ENTRIES |= {name: partial(_window, name) for name in ("bartlett", "blackman", "hamming", "hanning")}
_FROM_ARRAY = (
    "all", "any", "argmax", "argmin", "cumprod", "cumsum", "max", "mean", "min", "prod",
    "ptp", "std", "sum", "var",
)  # fmt: skip
ENTRIES |= {
    f"ndarray.{name}": _method(name, axis=(0, -1, 2))
    for name in (*_FROM_ARRAY, "squeeze")
    if hasattr(np.ndarray, name)
}
ENTRIES |= {
    f"ndarray.{name}": _method(name)
    for name in ("T", "byteswap", "conj", "conjugate", "copy", "flatten", "imag", "itemsize",
                 "mT", "nbytes", "ndim", "nonzero", "ravel", "real", "round", "shape", "size",
                 "dtype", "tolist", "tobytes", "transpose", "diagonal", "trace", "item")
}  # fmt: skip
ENTRIES |= {
    "ndarray.argsort": _method("argsort", -1, "stable"),
    "ndarray.astype": _method("astype", lambda c, a: c.dtype("fc")),
    "ndarray.choose": lambda c: Call("ndarray.choose", (c.values((3,), np.dtype("i8"), low=0,
                                     high=1), [c.array("f", (3,)), c.array("f", (3,))]), ulp=0),
    "ndarray.clip": lambda c: Call("ndarray.clip", (c.array("iuf"), 0, 1), ulp=0),
    "ndarray.compress": _method("compress", [True, False]),
    "ndarray.dot": _method("dot", 2),
    "ndarray.fill": _method("fill", lambda c, a: c.choose(1, 0, True), in_place=True),
    "ndarray.partition": lambda c: Call("ndarray.partition", (c.fresh("if", (5,)), 2),
                                        in_place=True, view=lambda r: r[2]),
    "ndarray.argpartition": lambda c: Call("ndarray.argpartition", (c.array("if", (5,)), 2),
                                           view=lambda r: r.shape),
    "ndarray.put": _method("put", [0], 2, in_place=True),
    "ndarray.repeat": _method("repeat", 2, axis=(0, -1)),
    "ndarray.reshape": _method("reshape", -1),
    "ndarray.searchsorted": lambda c: Call("ndarray.searchsorted", (np.arange(5.0), 2.5)),
    "ndarray.sort": lambda c: Call("ndarray.sort", (c.fresh(shape=c.shape(1, 3)),), in_place=True,
                                   ulp=0),
    "ndarray.strides": lambda c: Call("ndarray.strides", (c.array(shape=c.shape(0, 3, 1)),)),
    "ndarray.swapaxes": _method("swapaxes", _axis, _axis),
    "ndarray.take": _method("take", [0], axis=(0, -1)),
    "ndarray.view": _method("view", lambda c, a: np.dtype(c.choose("u1", "i4"))),
}  # fmt: skip
