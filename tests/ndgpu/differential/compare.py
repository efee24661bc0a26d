"""Run one call on both libraries and say how the results differ."""

import warnings

import numpy as np
from tests.ndgpu.core.differential import device_twin, public_type

import ndgpu

__all__ = ["Call", "difference"]

# Relative error of results that go through sums, in the precision of their dtype.
_TOLERANCE = {"e": 6e-3, "f": 3e-5, "d": 1e-10, "F": 6e-5, "D": 2e-10}


class Call:
    """A call of a public function.

    Parameters
    ----------
    name : str
        Its dotted name.
    args, words : tuple, dict
        Of NumPy's.
    ulp : float or None
        Units in the last place by which each element may differ; None where values go through
        sums, which may differ by a little of the largest.
    in_place : bool
        Whether the first argument is the result.
    view : callable, optional
        Makes of the result what is compared.
    """

    def __init__(self, name, args, words=None, ulp=None, in_place=False, view=None):
        self.name = name
        self.args = args
        self.words = words or {}
        self.ulp = ulp
        self.in_place = in_place
        self.view = view

    def __repr__(self):
        given = [_shown(a) for a in self.args]
        given += [f"{k}={_shown(v)}" for k, v in self.words.items()]
        return f"{self.name}({', '.join(given)})"

    def run(self, xp):
        """Call it; NumPy arrays among the arguments are copied, or brought to the device."""
        bring = _copied if xp is np else _twin
        args = [bring(a) for a in self.args]
        words = {k: bring(v) for k, v in self.words.items()}
        if self.name.startswith("ndarray."):
            result = getattr(args[0], self.name.split(".", 1)[1])
            if callable(result):
                result = result(*args[1:], **words)
        else:
            function = xp
            for part in self.name.split("."):
                function = getattr(function, part)
            result = function(*args, **words)
        if self.in_place:
            result = args[0]
        return result if self.view is None else self.view(result)


def _shown(value):
    if isinstance(value, np.ndarray):
        text = np.array2string(value, separator=", ", threshold=40).replace("\n", "")
        return f"{value.dtype.name}{value.shape}{value.strides}{text}"
    return repr(value)


def _mapped(value, function):
    if isinstance(value, np.ndarray):
        return function(value)
    if isinstance(value, list):
        return [_mapped(v, function) for v in value]
    if type(value) is tuple:
        return tuple(_mapped(v, function) for v in value)
    return value


def _copied(value):
    return _mapped(value, lambda a: a if a.flags.writeable is False else _same_layout(a))


def _same_layout(a):
    """A copy with the strides of `a`."""
    if a.size == 0:
        return a.copy()
    low, high = np.lib.array_utils.byte_bounds(a)
    offset = a.__array_interface__["data"][0] - low
    result = np.ndarray(a.shape, a.dtype, np.zeros(high - low, np.uint8), offset, a.strides)
    result[...] = a
    return result


def _twin(value):
    return _mapped(value, device_twin)


def difference(call):
    """Return how ndgpu's result of a call differs from NumPy's: a line of text, or None."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        raised = None
        try:
            expected = call.run(np)
        except Exception as error:
            raised = error
        try:
            got = call.run(ndgpu)
        except Exception as error:
            if raised is None:
                return f"raised {type(error).__name__}: {error}"
            wanted = public_type(raised)
            if isinstance(error, wanted):
                return None
            return f"raised {type(error).__name__}: {error}; NumPy {wanted.__name__}: {raised}"
        if raised is not None:
            return f"returned {got!r:.80}; NumPy raised {type(raised).__name__}: {raised}"
        return _unlike(got, expected, call.ulp)


def _unlike(got, expected, ulp):
    if isinstance(expected, (tuple, list)):
        if not isinstance(got, (tuple, list)) or len(got) != len(expected):
            return f"structure {type(got).__name__}; NumPy {type(expected).__name__}"
        parts = (_unlike(g, e, ulp) for g, e in zip(got, expected, strict=True))
        return next((p for p in parts if p), None)
    if expected is None or isinstance(expected, (str, bytes, type, np.dtype)):
        return None if got == expected else f"{got!r}; NumPy {expected!r}"
    if isinstance(got, ndgpu.ndarray):
        got = got.get()
    elif isinstance(expected, np.ndarray) and not isinstance(got, np.ndarray):
        return f"type {type(got).__name__}; NumPy array"
    got, expected = np.asarray(got), np.asarray(expected)
    if got.dtype != expected.dtype:
        return f"dtype {got.dtype}; NumPy {expected.dtype}"
    if got.shape != expected.shape:
        return f"shape {got.shape}; NumPy {expected.shape}"
    if _close(got, expected, ulp):
        return None
    return f"value {got.tolist()!r:.300}; NumPy {expected.tolist()!r:.300}"


def _close(got, expected, ulp):
    kind = expected.dtype.kind
    if kind == "V":
        # bfloat16 has 8 bits; what goes through sums NumPy rounds at each step.
        got, expected = got.astype("f4"), expected.astype("f4")
        limit = {"rtol": 1.6e-2 if ulp else 0, "atol": 0}
        if ulp is None:
            largest = np.abs(expected[np.isfinite(expected)]).max(initial=1)
            limit = {"rtol": 0, "atol": 3e-2 * largest}
        return np.allclose(got, expected, **limit, equal_nan=True)
    if kind not in "fc":
        return np.array_equal(got, expected)
    if kind == "c":
        return (
            _close(got.real, expected.real, ulp and 8 * ulp)
            and _close(got.imag, expected.imag, ulp and 8 * ulp)
        ) or _close_complex(got, expected)
    same = (got == expected) | (np.isnan(got) & np.isnan(expected))
    if ulp == 0:
        return bool((same & ((np.signbit(got) == np.signbit(expected)) | np.isnan(got))).all())
    finite = np.isfinite(expected) & np.isfinite(got)
    g, e = (np.where(finite, v, 0).astype("f8") for v in (got, expected))
    if ulp is not None:
        limit = ulp * np.spacing(np.abs(np.where(finite, expected, 1))).astype("f8")
    else:
        limit = _TOLERANCE[expected.dtype.char] * max(1.0, np.abs(e).max(initial=0))
    return bool((same | (finite & (np.abs(g - e) <= limit))).all())


def _close_complex(got, expected):
    """Whether complex numbers are near each other; NaN in a part is NaN."""
    with np.errstate(all="ignore"):
        bad = ~np.isfinite(expected)
        if not ((np.isnan(got) | np.isinf(got)) == bad).all():
            return False
        limit = _TOLERANCE[expected.dtype.char]
        g, e = (np.where(bad, 0, v) for v in (got, expected))
        return bool((np.abs(g - e) <= limit * max(1.0, np.abs(e).max(initial=0))).all())
