"""Every public name of NumPy's main namespace and its array is here, or left out for a reason."""

import inspect

import numpy as np
import pytest

import ndgpu
from ndgpu.interop.left_out import LEFT_OUT, LEFT_OUT_METHODS, PLANNED, PLANNED_METHODS

NAMES = sorted(name for name in dir(np) if not name.startswith("_"))
METHODS = sorted(dir(np.ndarray))
FUNCTIONS = [
    name
    for name in NAMES
    if hasattr(ndgpu, name)
    and callable(getattr(np, name))
    and not isinstance(getattr(np, name), (type, np.ufunc))
    and getattr(ndgpu, name) is not getattr(np, name)
]

UNUSED = {"einsum_call"}  # how NumPy's einsum calls its own einsum_path
# Keywords that the array API has, and one of CuPy's.
BEYOND_NUMPY = {"device", "descending", "blocking"}
WITH_DIFFERENCES = {
    "show_config": "prints what devices there are, in one form only",
}


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_implemented_or_left_out(name):
    if hasattr(ndgpu, name):
        assert name not in LEFT_OUT
    else:
        reason = LEFT_OUT.get(name) or PLANNED.get(name)
        assert reason, f"{name} is neither implemented nor left out"
        with pytest.raises(AttributeError, match=f"no attribute '{name}'"):
            getattr(ndgpu, name)


@pytest.mark.parametrize("name", METHODS)
def test_a_method_is_implemented_or_left_out(name):
    if name not in PLANNED_METHODS:
        assert hasattr(ndgpu.ndarray, name) != (name in LEFT_OUT_METHODS)


def parameters(function):
    """Names and kinds of a function's parameters; None if it does not say."""
    try:
        return inspect.signature(function).parameters
    except (ValueError, TypeError):
        return None


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_takes_numpys_parameters(name):
    theirs, ours = parameters(getattr(np, name)), parameters(getattr(ndgpu, name))
    if theirs is None or name in WITH_DIFFERENCES:
        pytest.skip("NumPy does not say its parameters" if theirs is None else "differs, as listed")
    kinds = inspect.Parameter
    open_ended = any(p.kind == kinds.VAR_KEYWORD for p in theirs.values())
    wanted = [p for p in theirs.values() if p.kind != kinds.VAR_KEYWORD and p.name not in UNUSED]
    if name == "arange":  # NumPy's own signature names `start_or_stop`, which takes no keyword
        wanted = wanted[1:]
    by_place = [p.name for p in wanted if p.kind == kinds.POSITIONAL_OR_KEYWORD]
    missing = {p.name for p in wanted} - set(ours)
    assert not missing
    mine = [
        p.name
        for p in ours.values()
        if p.kind in (kinds.POSITIONAL_OR_KEYWORD, kinds.POSITIONAL_ONLY)
    ]
    assert [p for p in mine if p in by_place] == by_place
    extra = {p.name for p in ours.values() if p.kind == kinds.KEYWORD_ONLY} - set(theirs)
    assert extra <= BEYOND_NUMPY or open_ended


def test_what_is_left_out_has_a_reason_and_is_a_name_of_numpy():
    for name, reason in (LEFT_OUT | PLANNED).items():
        assert len(reason) > 10, name
    for name in PLANNED:
        assert name in NAMES
