"""NumPy's own functions and ufuncs on device arrays: each reaches ours, and nothing is copied."""

import copy
import inspect
import pickle

import numpy as np
import pytest

import ndgpu
from ndgpu.core import protocol
from ndgpu.interop import numpy_functions
from ndgpu.interop.left_out import LEFT_OUT

MODULES = {"": np, "linalg": np.linalg, "fft": np.fft}
DISPATCHER = type(np.concatenate)


def named(kind):
    """All public objects of a kind, under the names that they have in NumPy."""
    return [
        f"{module}.{name}".lstrip(".")
        for module, namespace in MODULES.items()
        for name in sorted(vars(namespace))
        if not name.startswith("_") and isinstance(getattr(namespace, name), kind)
    ]


def find(root, dotted):
    for part in dotted.split("."):
        root = getattr(root, part)
    return root


# With `like=` alone, and so not by their arguments.
FUNCTIONS = [name for name in named(DISPATCHER) if name not in numpy_functions.LIKE]
X = "a device array, made in the test"
ARGUMENTS = {"einsum": ("i,i", X, X), "einsum_path": ("i,i", X, X), "select": ([X], [X])}


def minimal_call(name, x):
    """The fewest arguments that the function takes, all of them the device array."""
    if name in ARGUMENTS:
        given = ARGUMENTS[name]
    else:
        parameters = inspect.signature(find(np, name)).parameters.values()
        given = [
            X
            for p in parameters
            if (p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) and p.default is p.empty)
            or p.kind == p.VAR_POSITIONAL
        ] or [X]
    replace = {id(X): x}
    return [
        [replace.get(id(v), v) for v in a] if isinstance(a, list) else replace.get(id(a), a)
        for a in given
    ]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_numpys_function_reaches_ours(name, monkeypatch):
    function = find(np, name)
    x = ndgpu.ones((2, 2))
    if name.split(".")[-1] in LEFT_OUT:
        with pytest.raises(TypeError, match="is not supported on device arrays"):
            protocol.array_function(function, (ndgpu.ndarray,), (x,), {})
        return
    assert protocol._functions[function] is find(ndgpu, name)
    calls = []
    monkeypatch.setitem(protocol._functions, function, lambda *a, **k: calls.append((a, k)))
    function(*minimal_call(name, x))
    assert len(calls) == 1


@pytest.mark.parametrize("name", sorted(numpy_functions.LIKE))
def test_like_reaches_ours(name, monkeypatch):
    x = ndgpu.ones(2)
    monkeypatch.setitem(protocol._functions, getattr(np, name), lambda *args, **keywords: x)
    arguments = {
        "fromfunction": (None, 3),
        "fromiter": ((), int),
        "fromstring": ("", int),
        "full": (3, 4),
    }
    assert getattr(np, name)(*arguments.get(name, (3,)), like=x) is x


def test_every_function_with_like_is_known():
    with_like = set()
    for name in dir(np):
        function = getattr(np, name)
        if callable(function) and "\nlike : array_like" in inspect.cleandoc(function.__doc__ or ""):
            with_like.add(name)
    assert with_like == numpy_functions.LIKE


def test_like_runs():
    x = ndgpu.ones(2)
    for made, wanted in (
        (np.asarray([1, 2], like=x), np.asarray([1, 2])),
        (np.zeros((2, 3), "f4", like=x), np.zeros((2, 3), "f4")),
        (np.arange(1, 7, 2, like=x), np.arange(1, 7, 2)),
        (np.full((2,), 3.5, like=x), np.full((2,), 3.5)),
        (np.frombuffer(b"abcd", "u1", like=x), np.frombuffer(b"abcd", "u1")),
    ):
        assert isinstance(made, ndgpu.ndarray) and made.dtype == wanted.dtype
        np.testing.assert_array_equal(made.get(), wanted)


@pytest.mark.parametrize("name", named(np.ufunc))
def test_numpys_ufunc_reaches_ours(name, monkeypatch):
    ufunc = find(np, name)
    x = ndgpu.ones(2)
    calls = []

    def record(*args, **keywords):
        calls.append((args, keywords))

    if name in LEFT_OUT:
        with pytest.raises(TypeError, match="is not supported on device arrays"):
            ufunc(x)
        return
    table = protocol.TABLE if ufunc.__name__ in protocol.TABLE else protocol._functions
    key = ufunc.__name__ if table is protocol.TABLE else ufunc
    assert table[key] is find(ndgpu, name)
    monkeypatch.setitem(table, key, record)
    ufunc(*[x] * ufunc.nin)
    assert calls == [((x,) * ufunc.nin, {})] or len(calls) == 1


def test_results_stay_on_the_device():
    host = np.arange(6.0).reshape(2, 3)
    x = ndgpu.asarray(host)
    for function in (
        np.sin,
        lambda a: np.add(a, 1),
        lambda a: np.add.reduce(a, axis=1),
        lambda a: np.multiply.outer(a[0], a[1]),
        lambda a: np.maximum.accumulate(a, axis=1),
        lambda a: np.concatenate([a, a], axis=1),
        lambda a: np.stack([a, a]),
        lambda a: np.where(a > 2, a, -a),
        lambda a: np.einsum("ij,kj->ik", a, a),
        lambda a: np.vecdot(a, a),
        lambda a: np.linalg.norm(a, axis=0),
        np.fft.fft,
        lambda a: np.mean(a, axis=0, keepdims=True),
        lambda a: np.float32(2) * a,
    ):
        result = function(x)
        assert isinstance(result, ndgpu.ndarray)
        wanted = function(host)
        assert result.dtype == wanted.dtype
        np.testing.assert_allclose(result.get(), wanted, rtol=1e-12, atol=1e-12)


def test_out_and_where_are_handed_on():
    x = ndgpu.arange(4.0)
    out = ndgpu.zeros(4)
    assert np.add(x, 1, out=out, where=x > 1) is out
    np.testing.assert_array_equal(out.get(), [0, 0, 3, 4])
    with pytest.raises(TypeError, match="not a device array"):
        np.add(x, 1, out=np.zeros(4))


def test_host_and_device_arrays_do_not_mix():
    x, host = ndgpu.ones(2), np.ones(2)
    for mixed in (lambda: x + host, lambda: host + x, lambda: np.add(host, x)):
        with pytest.raises(TypeError, match=r"numpy\.ndarray"):
            mixed()


class Other:
    """An array of a library that answers NumPy's protocols for itself and for ours."""

    def __array_ufunc__(self, ufunc, method, *inputs, **keywords):
        return f"other's {ufunc.__name__}"

    def __array_function__(self, function, types, args, keywords):
        return f"other's {function.__name__}"


def test_other_libraries_answer_for_theirs():
    x = ndgpu.ones(2)
    assert np.add(x, Other()) == "other's add"
    assert np.add(x, 1, out=Other()) == "other's add"
    assert np.concatenate([x, Other()]) == "other's concatenate"


class Deaf:
    """An array that takes part in no protocol; `None` says so in NEP 13."""

    __array_ufunc__ = None


def test_what_takes_no_part_is_refused():
    with pytest.raises(TypeError):
        ndgpu.ones(2) + Deaf()


def test_an_array_is_not_copied_unasked():
    x = ndgpu.ones(2)
    for implicit in (np.asarray, np.array, np.asanyarray, np.ascontiguousarray):
        with pytest.raises(TypeError, match=r"x\.get\(\)"):
            implicit(x)


def test_what_has_no_twin_names_itself():
    with pytest.raises(TypeError, match=r"numpy\.busday_count is not supported"):
        np.busday_count(ndgpu.ones(2), ndgpu.ones(2))
    with pytest.raises(TypeError, match=r"numpy\.isnat is not supported"):
        np.isnat(ndgpu.ones(2))


@pytest.mark.parametrize("name", ["add", "abs", "sin", "divmod"])
def test_a_ufunc_is_pickled_by_name(name):
    ufunc = getattr(ndgpu, name)
    assert pickle.loads(pickle.dumps(ufunc)) is ufunc
    assert copy.deepcopy(ufunc) is ufunc
