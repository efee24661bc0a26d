"""What a ufunc is: one row of the table, kernels made of it, and the way to them.

A call on two arrays of one shape without gaps, or on such an array and a Python
number, goes straight to a launch that was resolved before (`ufunc.operator`).
Everything else passes through `ufunc.__call__`, which broadcasts, casts, checks
and makes the kernel.  NumPy's function of the same name says which loop there is
(`numpy.ufunc.resolve_dtypes`); its answers are kept.
"""

from __future__ import annotations

import contextlib
import importlib
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from ndgpu import runtime
from ndgpu.compile import ctype, headers_of
from ndgpu.core import casts, layout
from ndgpu.core.codegen import compute_dtype
from ndgpu.core.dtypes import as_dtype
from ndgpu.core.ndarray import allocate, allocate_like, ndarray
from ndgpu.core.rows import Row
from ndgpu.core.transfer import asarray
from ndgpu.kernels.elementwise import Elementwise, Operand

__all__ = ["Plan", "as_mask", "ufunc"]

# Python numbers take part in promotion by kind only (NEP 50); bool is as strong as an array.
_WEAK = (int, float, complex)


class Plan:
    """One loop of a ufunc: its kernel, and the dtypes of inputs and results."""

    __slots__ = ("flat", "kernel", "launch", "loop", "out", "result")

    def __init__(self, kernel: Elementwise, loop: tuple[np.dtype, ...], out: Any) -> None:
        self.kernel = kernel
        self.launch = kernel.launch
        self.flat = kernel.launch_flat
        self.loop = loop
        self.result: tuple[np.dtype, ...] = out
        self.out: np.dtype = out[0]


class ufunc:
    """A function applied to each element, as `numpy.ufunc`.

    Instances are the module's functions (``ndgpu.add``, ...); there is no need to
    make others.

    Attributes
    ----------
    nin, nout, nargs : int
        Number of operands and results.
    identity : number or None
        What a reduction of no elements gives.
    types : list of str
        Loops, as NumPy spells them, of the dtypes that a device holds.
    """

    if TYPE_CHECKING:  # put here by ndgpu.core.ufunc_methods, which needs sorting and scans
        reduce: Callable[..., ndarray]
        accumulate: Callable[..., ndarray]
        reduceat: Callable[..., ndarray]
        outer: Callable[..., Any]
        at: Callable[..., None]

    def __init__(self, row: Row, twin: Any = None, module: str = "ndgpu") -> None:
        # `twin` tells the loops: NumPy's function of the same name, or what answers as one does.
        self._row = row
        self._twin: np.ufunc = getattr(np, row.name) if twin is None else twin
        self._module = module
        self.__name__ = row.name
        self.nin = self._twin.nin
        self.nout = self._twin.nout
        self.nargs = self.nin + self.nout
        self._plans: dict[Any, Plan] = {}
        self.operator: Callable[..., Any] = _binary(self) if self.nin == 2 else _unary(self)
        self.into: Callable[[Any, Any, Any], Any] | None = (
            _binary_into(self) if self.nin == 2 and self.nout == 1 else None
        )
        self.__doc__ = _docstring(self._twin)

    def __repr__(self) -> str:
        return f"<ndgpu.ufunc '{self.__name__}'>"

    def __reduce__(self) -> tuple[Any, ...]:
        return _named, (self._module, self.__name__)

    @property
    def identity(self) -> Any:
        """What a reduction of no elements gives; None if it raises."""
        return self._twin.identity

    @property
    def types(self) -> list[str]:
        """Loops, as NumPy spells them, of the dtypes that a device holds."""
        held = set("?bBhHiIlLqQefdFD")
        return [t for t in self._twin.types if set(t.replace("->", "")) <= held]

    @property
    def ntypes(self) -> int:
        """Number of `types`."""
        return len(self.types)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        nin = self.nin
        if not kwargs and len(args) == nin:
            result = self.operator(*args)
            if result is NotImplemented:
                raise self._unsupported(args)
            return result
        if len(args) == 2 and len(kwargs) == 1 and self.into is not None:
            out = kwargs.get("out")
            if type(out) is ndarray:
                result = self.into(args[0], args[1], out)
                if result is NotImplemented:
                    raise self._unsupported(args)
                return result
        if not nin <= len(args) <= self.nargs:
            raise TypeError(
                f"{self.__name__}() takes from {nin} to {self.nargs} positional arguments but "
                f"{len(args)} were given"
            )
        if len(args) > nin:
            if "out" in kwargs:
                raise TypeError("cannot specify 'out' as both a positional and keyword argument")
            kwargs["out"] = args[nin:] + (None,) * (self.nargs - len(args))
            args = args[:nin]
        result = self._call(args, **kwargs)
        if result is NotImplemented:
            raise self._unsupported(args)
        return result

    def _unsupported(self, args: Iterable[Any]) -> TypeError:
        for value in args:
            if isinstance(value, np.ndarray):
                return TypeError(
                    f"{self.__name__}: an operand is a numpy.ndarray of shape {value.shape}; "
                    "copy it to the device with `ndgpu.asarray`, or the other operand to the "
                    "host with `.get()`"
                )
        names = ", ".join(type(value).__name__ for value in args)
        return TypeError(f"{self.__name__}: unsupported operand types ({names})")

    def _call(
        self,
        args: tuple[Any, ...],
        out: Any = None,
        where: Any = True,
        casting: Any = "same_kind",
        order: str = "K",
        dtype: Any = None,
        subok: bool = True,
        signature: Any = None,
    ) -> Any:
        operands: list[Any] = []
        kinds: list[Any] = []
        shapes: list[layout.Shape] = []
        for value in args:
            value, kind = _operand(value)
            if kind is None:
                return NotImplemented
            operands.append(value)
            kinds.append(kind)
            shapes.append(value._shape if type(value) is ndarray else ())
        outs = self._outputs(out)
        guard = None
        if where is not True:
            guard = as_mask(where)
            shapes.append(guard._shape)
        shape = shapes[0] if len(shapes) == 1 else layout.broadcast_shape(shapes)
        if dtype is not None:
            if signature is not None:
                raise TypeError("cannot specify both 'signature' and 'dtype'")
            signature = (None,) * self.nin + (as_dtype(dtype),) * self.nout
        out_dtypes = tuple([None if o is None else o._dtype for o in outs])
        check = _NUMBER_CHECKS.get(self.__name__)
        if check is not None and (isinstance(kinds[0], type) or isinstance(kinds[1], type)):
            constant = check(operands, kinds)
            if constant is not None:
                operands, kinds = constant
        plan = self._plan(tuple(kinds), out_dtypes, guard is not None, signature, casting)
        results: list[ndarray] = []
        pending: list[tuple[ndarray, ndarray]] = []
        for given, result_dtype in zip(outs, plan.result, strict=True):
            if given is None:
                results.append(_new_output(shape, result_dtype, operands, order))
                continue
            if given._shape != shape:
                given_shape = str(given._shape).replace(" ", "")
                if layout.broadcast_shape([shape, given._shape]) != given._shape:
                    raise ValueError(
                        f"non-broadcastable output operand with shape {given_shape} doesn't match "
                        f"the broadcast shape {str(shape).replace(' ', '')}"
                    )
                shape = given._shape
            target = given
            for value in (*operands, guard):
                if (
                    type(value) is ndarray
                    and casts.overlaps(given, value)
                    and not (
                        value._ptr == given._ptr
                        and value._shape == given._shape
                        and value._strides == given._strides
                        and value._dtype.itemsize == given._dtype.itemsize
                    )
                ):
                    # Element k of the result would overwrite an operand's element j > k.
                    target = (
                        casts.copy(given, "K")
                        if guard is not None
                        else allocate(given._shape, given._dtype)
                    )
                    pending.append((given, target))
                    break
            results.append(target)
        self._launch(plan, operands, guard, results, shape)
        for given, target in pending:
            casts.copy_into(given, target)
        returned = [r if o is None else o for o, r in zip(outs, results, strict=True)]
        return returned[0] if self.nout == 1 else tuple(returned)

    def _outputs(self, out: Any) -> list[ndarray | None]:
        if out is None:
            return [None] * self.nout
        outs = list(out) if isinstance(out, tuple) else [out]
        if len(outs) != self.nout:
            raise ValueError(
                "The 'out' tuple must have exactly one entry per ufunc output"
                if isinstance(out, tuple)
                else f"'out' must be a tuple of arrays: {self.__name__} has {self.nout} results"
            )
        for o in outs:
            if o is not None and not isinstance(o, ndarray):
                raise TypeError(
                    f"return arrays must be of ArrayType: `out` of {self.__name__} is a "
                    f"{type(o).__module__}.{type(o).__name__}, not a device array"
                )
        return outs

    def _launch(
        self,
        plan: Plan,
        operands: list[Any],
        guard: ndarray | None,
        results: list[ndarray],
        shape: layout.Shape,
    ) -> None:
        args = list(operands)
        if guard is not None:
            args.append(guard)
        args += results
        current = runtime.current_device_id()
        for value in args:
            if isinstance(value, ndarray) and value._data.device_id != current:
                runtime.check_placement([value], self.__name__)
        plan.launch(args, shape)

    def _plan(
        self,
        kinds: tuple[Any, ...],
        out_dtypes: tuple[np.dtype | None, ...],
        guarded: bool,
        signature: Any,
        casting: Any,
    ) -> Plan:
        simple = signature is None and casting == "same_kind"
        # `is`: NumPy takes None for float64 where a dtype is compared with it.
        if simple and not guarded and len(out_dtypes) == 1 and out_dtypes[0] is None:
            key: Any = kinds
        else:
            key = (kinds, out_dtypes, guarded, signature, casting)
        plan = self._plans.get(key)
        if plan is None:
            loop = self._resolve(kinds, out_dtypes, signature, casting)
            results = tuple(
                given or found for given, found in zip(out_dtypes, loop[self.nin :], strict=True)
            )
            plan = self._plans[key] = self._make(kinds, loop, results, guarded)
        return plan

    def _resolve(
        self,
        kinds: tuple[Any, ...],
        out_dtypes: tuple[np.dtype | None, ...],
        signature: Any,
        casting: Any,
    ) -> tuple[np.dtype, ...]:
        asked = [k if k in _WEAK else np.dtype(k) for k in kinds]
        options: dict[str, Any] = {"casting": casting}
        if signature is not None:
            options["signature"] = signature
        loop = self._twin.resolve_dtypes((*asked, *out_dtypes), **options)
        return tuple([as_dtype(d) for d in loop])

    def _make(
        self,
        kinds: tuple[Any, ...],
        loop: tuple[np.dtype, ...],
        results: tuple[np.dtype, ...],
        guarded: bool,
    ) -> Plan:
        row, nin = self._row, self.nin
        computed = [compute_dtype(d) for d in loop]
        letter = computed[0].kind
        code = row.code.get("h") if computed[0] != loop[0] else None
        code = code or row.code.get(letter)
        if code is None:
            raise TypeError(f"ufunc {self.__name__!r} is not supported for {loop[0]}")
        operands = []
        for k, kind in enumerate(kinds):
            # A number is passed by value, in the loop's type already.
            scalar = isinstance(kind, type)
            operands.append(
                Operand(
                    f"x{k}", loop[k] if scalar else kind, "scalar" if scalar else "in", computed[k]
                )
            )
        if guarded:
            operands.append(Operand("mask", np.dtype(bool)))
        for k, dtype in enumerate(results):
            operands.append(Operand(f"y{k}", dtype, "out", computed[nin + k]))
        names = {"T": ctype(computed[0])} | {f"S{k}": ctype(loop[k]) for k in range(nin)}
        kernel = Elementwise(
            f"ndgpu_{row.name}",
            operands,
            code if self.nout > 1 else f"y0 = {code};",
            guard="mask" if guarded else None,
            types={name: c for name, c in names.items() if re.search(rf"\b{name}\b", code)},
            headers=tuple(h for h, sign in _HEADERS if sign in code) + headers_of(loop),
        )
        return Plan(kernel, loop, results)


def as_mask(where: Any) -> ndarray:
    """Return a ``where=`` mask as a device array; anything but bool is refused, as in NumPy."""
    mask = asarray(where)
    if mask._dtype.kind != "b":
        raise TypeError(
            f"Cannot cast array data from {mask._dtype!r} to dtype('bool') according to the rule "
            "'safe'"
        )
    return mask


def _operand(value: Any) -> tuple[Any, Any]:
    """Return an operand and its kind: the dtype of an array, the type of a number, else None."""
    kind = type(value)
    if kind is ndarray:
        return value, value._dtype
    if kind in _WEAK:
        return value, kind
    if kind is bool:
        return value, np.bool_
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.ndim == 0):
        scalar: Any = value[()]  # type: ignore[index]
        return scalar, as_dtype(scalar.dtype).type
    if isinstance(value, _WEAK):
        weak: Any = next(t for t in _WEAK if isinstance(value, t))
        return weak(value), weak
    if isinstance(value, (ndarray, list, tuple)) or hasattr(value, "__cuda_array_interface__"):
        value = asarray(value)
        return value, value._dtype
    return value, None


def _check_power(operands: list[Any], kinds: list[Any]) -> None:
    """Refuse a negative integer exponent of an integer; one in an array is not looked at."""
    exponent = operands[1]
    if not isinstance(kinds[1], type) or kinds[1] in (float, complex) or kinds[0] in _WEAK[1:]:
        return
    if kinds[1] is int and np.dtype(kinds[0]).kind == "u":
        return  # it does not fit into the base's dtype, which is said first
    integral = kinds[1] is int or np.dtype(kinds[1]).kind == "i"
    some = not isinstance(operands[0], ndarray) or operands[0]._size
    if integral and some and np.dtype(kinds[0]).kind in "iub" and exponent < 0:
        raise ValueError("Integers to negative integer powers are not allowed.")


def _check_comparison(operands: list[Any], kinds: list[Any]) -> Any:
    """Bring a Python integer that the array's dtype cannot hold into float64.

    NumPy compares such a number exactly. Beyond every value of the dtype, only its sign matters,
    so an infinity compares as it does; the array is then compared as float64.
    """
    for k in (0, 1):
        other = kinds[1 - k]
        if kinds[k] is int and isinstance(other, np.dtype) and other.kind in "iu":
            info = np.iinfo(other)
            if not info.min <= operands[k] <= info.max:
                operands, kinds = list(operands), list(kinds)
                operands[k] = np.inf if operands[k] > 0 else -np.inf
                kinds[k] = np.float64
                return operands, kinds
    return None


_NUMBER_CHECKS: dict[str, Callable[[list[Any], list[Any]], Any]] = {"power": _check_power}
for _name in ("less", "less_equal", "greater", "greater_equal", "equal", "not_equal"):
    _NUMBER_CHECKS[_name] = _check_comparison


def _new_output(
    shape: layout.Shape, dtype: np.dtype, operands: Iterable[Any], order: str
) -> ndarray:
    arrays = [a for a in operands if type(a) is ndarray and a.ndim == len(shape)]
    if order == "C" or (order in ("K", "A") and all(a._c_contiguous for a in arrays)):
        return allocate(shape, dtype)
    if order in ("K", "A") and all(a._f_contiguous for a in arrays):
        order = "F"
    elif order == "A":
        order = "C"
    full = next((a for a in arrays if a._shape == shape), None)
    if full is None:
        return (
            allocate(shape if order != "F" else shape[::-1], dtype).T
            if order == "F"
            else (allocate(shape, dtype))
        )
    return casts.allocate_in_order(shape, dtype, full, order)


def _binary(function: ufunc) -> Callable[[Any, Any], Any]:
    """Make the way to `function` for two operands; NotImplemented if it does not know one."""
    plans = function._plans
    call = function._call
    # A negative number makes `power` an error for integers, so it is always looked at.
    numbers = () if function.__name__ == "power" else (float, int)

    def operator(a: Any, b: Any) -> Any:
        kind = type(b)
        if type(a) is ndarray:
            if a._c_contiguous:
                if kind is ndarray:
                    if b._c_contiguous and a._shape == b._shape:
                        plan = plans.get((a._dtype, b._dtype))
                        if plan is not None:
                            out = allocate_like(a, plan.out)
                            here = out._data.device_id
                            if a._data.device_id == here and b._data.device_id == here:
                                plan.flat((a, b, out), a._size)
                                return out
                elif kind in numbers:
                    plan = plans.get((a._dtype, kind))
                    if plan is not None:
                        out = allocate_like(a, plan.out)
                        if a._data.device_id == out._data.device_id:
                            try:
                                plan.launch((a, b, out), a._shape)
                                return out
                            except OverflowError:
                                pass
        elif kind is ndarray and type(a) in numbers and b._c_contiguous:
            plan = plans.get((type(a), b._dtype))
            if plan is not None:
                out = allocate_like(b, plan.out)
                if b._data.device_id == out._data.device_id:
                    try:
                        plan.launch((a, b, out), b._shape)
                        return out
                    except OverflowError:
                        pass
        return call((a, b))

    return operator


def _binary_into(function: ufunc) -> Callable[[Any, Any, Any], Any]:
    """Make the way to `function` for two operands and an array for the result."""
    plans = function._plans
    call = function._call
    numbers = () if function.__name__ == "power" else (float, int)

    def into(a: Any, b: Any, out: Any) -> Any:
        if (
            type(a) is ndarray
            and type(out) is ndarray
            and a._c_contiguous
            and out._c_contiguous
            and a._shape == out._shape
        ):
            kind: Any = type(b)
            if kind is ndarray:
                kind = b._dtype if b._c_contiguous and b._shape == a._shape else None
            elif kind not in numbers:
                kind = None
            plan = plans.get(((a._dtype, kind), (out._dtype,), False, None, "same_kind"))
            if plan is not None and _apart(a, out):
                here = runtime.current_device_id()
                if a._data.device_id == here and out._data.device_id == here:
                    if kind is not b.__class__:
                        if b._data.device_id == here and _apart(b, out):
                            plan.flat((a, b, out), a._size)
                            return out
                    else:
                        with contextlib.suppress(OverflowError):
                            plan.launch((a, b, out), a._shape)
                            return out
        return call((a, b), out)

    return into


def _apart(a: ndarray, out: ndarray) -> bool:
    """Whether dense arrays of one shape share no memory, or are the same elements throughout."""
    distance = out._ptr - a._ptr
    size, width, own = a._size, a._dtype.itemsize, out._dtype.itemsize
    return distance >= size * width or -distance >= size * own or (distance == 0 and width == own)


def _unary(function: ufunc) -> Callable[[Any], Any]:
    """Make the way to `function` for one operand."""
    plans = function._plans
    call = function._call
    single = function.nout == 1

    def operator(a: Any) -> Any:
        if type(a) is ndarray and a._c_contiguous and single:
            plan = plans.get((a._dtype,))
            if plan is not None:
                out = allocate_like(a, plan.out)
                if a._data.device_id == out._data.device_id:
                    plan.flat((a, out), a._size)
                    return out
        return call((a,))

    return operator


# The headers of C++ that a row may call, by what gives it away.
_HEADERS = (("math", "ndgpu::"), ("special", "special::"))


def _named(module: str, name: str) -> Any:
    """Find a ufunc again that was pickled."""
    return getattr(importlib.import_module(module), name)


def _docstring(twin: np.ufunc) -> str:
    lines = (twin.__doc__ or "").splitlines()
    summary = next((line for line in lines[1:] if line.strip()), "")
    return f"{lines[0]}\n\n{summary}\n\nAs `numpy.{twin.__name__}`, on device arrays."
