"""Compare a computation on device arrays with the same one on NumPy arrays."""

import numpy as np

import ndgpu

__all__ = ["check", "check_call", "rows", "to_device"]

# Functions of floating-point numbers may differ in the last digits.
TOLERANCE = {"e": 2e-3, "f": 3e-6, "d": 1e-12, "F": 2e-5, "D": 1e-11}


def to_device(value):
    """Bring the NumPy arrays in a value (or a list or tuple of values) to the device."""
    if isinstance(value, np.ndarray):
        return device_twin(value)
    if isinstance(value, (list, tuple)):
        return type(value)(to_device(v) for v in value)
    return value


def device_twin(a):
    """A device array with the shape, strides and elements of `a`, in memory of its own."""
    if a.size == 0:
        return ndgpu.asarray(a)
    low, high = np.lib.array_utils.byte_bounds(a)
    start = a.__array_interface__["data"][0]
    block = np.zeros(high - low, np.uint8)
    image = np.ndarray(a.shape, a.dtype, block, start - low, a.strides)
    image[...] = a
    memory = ndgpu.asarray(block)
    return ndgpu.ndarray(a.shape, a.dtype, memory.data + (start - low), a.strides)


def check(function, *args, tolerance=None, **kwargs):
    """Call ``function(xp, *args)`` with NumPy and with ndgpu: one result, or one error type."""
    try:
        # Kernels cannot warn of a division by zero or an overflow.
        with np.errstate(all="ignore"):
            expected = function(np, *args, **kwargs)
    except Exception as error:
        raised = error
    else:
        raised = None
    if raised is not None:
        try:
            got = function(ndgpu, *to_device(args), **to_device_in(kwargs))
        except public_type(raised):
            return
        raise AssertionError(f"NumPy raised {raised!r}; ndgpu returned {got!r}")
    got = function(ndgpu, *to_device(args), **to_device_in(kwargs))
    compare(got, expected, tolerance)


def public_type(error):
    """The class of an error, or that of its bases which users can name."""
    public = ("builtins", "numpy.exceptions")
    return next(t for t in type(error).__mro__ if t.__module__ in public)


def to_device_in(kwargs):
    """Bring the NumPy arrays among keyword arguments to the device."""
    return {name: to_device(value) for name, value in kwargs.items()}


def compare(got, expected, tolerance=None):
    """Assert that results agree in structure, dtype, shape and value."""
    if isinstance(expected, (list, tuple)):
        assert type(got) is type(expected) and len(got) == len(expected)
        for one, other in zip(got, expected, strict=True):
            compare(one, other, tolerance)
        return
    if isinstance(got, ndgpu.ndarray):
        got = got.get()
    else:
        assert not isinstance(expected, np.ndarray), "expected a device array"
    expected = np.asarray(expected)
    got = np.asarray(got)
    assert got.dtype == expected.dtype, (got.dtype, expected.dtype)
    assert got.shape == expected.shape, (got.shape, expected.shape)
    if expected.dtype.kind in "fc":
        limit = TOLERANCE[expected.dtype.char] if tolerance is None else tolerance
        np.testing.assert_allclose(got, expected, rtol=limit, atol=limit)
    else:
        np.testing.assert_array_equal(got, expected)


def rows(*calls):
    """Parameters for `check_call`, each ``(name, arguments, keywords)``, with ids to read."""
    import pytest

    result = []
    for k, (name, args, *rest) in enumerate(calls):
        keywords = rest[0] if rest else {}
        words = "-".join(f"{word}={value}" for word, value in keywords.items())
        label = f"{k}-{name}-{words}"[:60] if len(words) < 40 else f"{k}-{name}"
        result.append(pytest.param(name, args, keywords, id=label))
    return pytest.mark.parametrize(("name", "args", "keywords"), result)


def check_call(name, args, keywords, tolerance=None):
    """Check one public function, which may be ``function.method``."""

    def call(xp, *values, **named):
        function = xp
        for part in name.split("."):
            function = getattr(function, part)
        result = function(*values, **named)
        return tuple(result) if hasattr(result, "_fields") else result

    check(call, *args, tolerance=tolerance, **keywords)
