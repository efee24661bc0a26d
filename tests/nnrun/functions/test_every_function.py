"""One table of every function: on a device as on NumPy, of an empty batch, in half precision.

The rows are those of the tables of this folder, whose own tests hold values and derivatives; a
test here says that no function is missing.  What a row can't be tried with is listed with the
reason.
"""

import pathlib
import re
import runpy
import types
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nnrun
import nnrun.functions as F
from nnrun import Variable
from nnrun.testing import FunctionCase

FOLDER = pathlib.Path(__file__).parent
TABLES = [
    runpy.run_path(str(path))
    for path in sorted(FOLDER.glob("test_*.py"))
    if path.name != pathlib.Path(__file__).name
]
CASES: dict[str, list[FunctionCase]] = {}
for table in TABLES:
    for name, cases in table.get("CASES", {}).items():
        CASES[name] = [FunctionCase(c.function, c.inputs, c.expected, c.double) for c in cases]
NOT_DIFFERENTIABLE = set().union(*(table.get("NOT_DIFFERENTIABLE", ()) for table in TABLES))

#: Rows without second derivatives, with the reason.
ONCE = {
    "connectionist_temporal_classification": "its gradient is made of sums over paths, not traced",
    "decorrelated_batch_normalization": "derivatives of eigenvectors grow without bound",
    "forget": "what it would need has been forgotten",
}

#: Not tried on a device.
NO_DEVICE = {
    "copy": "its row goes to NumPy by name",
    "cholesky": "its row adds a matrix of NumPy; `test_decompositions_on_a_device` has it",
    "gumbel_softmax": "draws other numbers on each device",
}

#: Not tried with an empty batch.
NO_EMPTY_BATCH = {
    "batch_normalization": "there is no mean of no samples; NumPy warns of it",
    "batch_renormalization": "there is no mean of no samples; NumPy warns of it",
    "broadcast_to": "its row names the shape",
    "cholesky": "of one matrix, which has no batch",
    "decorrelated_batch_normalization": "there is no mean of no samples",
    "crf1d": "its first input is the costs of transitions, which have no batch",
    "det": "of one matrix, which has no batch",
    "fft": "a transform of no points does not exist",
    "inv": "of one matrix, which has no batch",
    "max": "there is no largest of no elements",
    "min": "there is no smallest of no elements",
    "roi_average_align_2d": "regions belong to images, of which there are none",
    "roi_average_pooling_2d": "regions belong to images, of which there are none",
    "roi_max_align_2d": "regions belong to images, of which there are none",
    "roi_max_pooling_2d": "regions belong to images, of which there are none",
    "roi_pooling_2d": "regions belong to images, of which there are none",
    "scatter_add": "its row names places that there are not then",
    "sparse_matmul": "its first input is values of a matrix, whose places are fixed",
    "tensordot": "its row sums over the first axis",
    "transpose_sequence": "its rows are sequences of one batch",
    "as_strided": "its row names places that there are not then",
    **{
        f"n_step_{kind}": "a batch is a list of sequences, some of which may be empty"
        for kind in ("lstm", "bilstm", "gru", "bigru", "rnn", "birnn")
    },
}


def z(*shape: int) -> Variable:
    return Variable(np.zeros(shape))


#: Of several inputs whose lengths are alike by chance: calls with an empty batch, and the shape.
EMPTY_BATCHES = {
    "bilinear": (lambda: F.bilinear(z(0, 2), z(0, 3), z(2, 3, 4)), (0, 4)),
    "embed_id": (lambda: F.embed_id(np.zeros(0, int), z(4, 2)), (0, 2)),
    "connectionist_temporal_classification": (
        lambda: F.connectionist_temporal_classification(
            [z(0, 3), z(0, 3)], np.zeros((0, 2), int), 0, reduce="no"
        ),
        (0,),
    ),
}


def with_constants(function: Callable[..., Any], change: Callable[[Any], Any]) -> Any:
    """A function of a table with the arrays that it takes from its module or scope changed.

    Labels, masks and the like stand in a row's function by name; they must be on the device
    too, and as many as the batch has rows.
    """
    if not isinstance(function, types.FunctionType):
        return function
    used = function.__code__.co_names
    scope = {
        name: change(value) if name in used else value
        for name, value in function.__globals__.items()
    }
    cells = tuple(types.CellType(change(cell.cell_contents)) for cell in function.__closure__ or ())
    defaults = tuple(change(value) for value in function.__defaults__ or ())
    made = types.FunctionType(function.__code__, scope, function.__name__, defaults, cells)
    made.__kwdefaults__ = changed(function.__kwdefaults__, change) or None
    return made


def changed(value: Any, change: Callable[[np.ndarray], Any]) -> Any:
    """`value` with the arrays in it, also in lists and tuples, changed."""
    if isinstance(value, np.ndarray):
        return change(value)
    if isinstance(value, dict):
        return {k: changed(v, change) for k, v in value.items()}
    if type(value) in (list, tuple):
        return type(value)(changed(v, change) for v in value)
    if isinstance(value, types.FunctionType) and value.__module__ == "<run_path>":
        return with_constants(value, lambda v: changed(v, change))
    return value


def test_every_function_has_a_row():
    assert set(CASES) | NOT_DIFFERENTIABLE == set(F.__all__)
    for listed in (ONCE, NO_DEVICE, NO_EMPTY_BATCH):
        assert set(listed) <= set(CASES)
        assert all(len(reason) > 10 for reason in listed.values())


def test_every_function_is_differentiable_twice_but_for_a_reason():
    assert {name for name, cases in CASES.items() if not all(c.double for c in cases)} == set(ONCE)


@pytest.mark.parametrize("name", [name for name in CASES if name not in NO_DEVICE])
def test_on_a_device(name):
    place = nnrun.get_device(0)
    case = CASES[name][0]

    def function(*inputs):
        if inputs[0].xp is np:
            return case.function(*inputs)
        there = with_constants(case.function, lambda v: changed(v, place.send))
        return there(*inputs)

    np.random.seed(0)
    FunctionCase(function, case.inputs).check_device(place, atol=1e-3, rtol=1e-3)


def shortened(case: FunctionCase, all_inputs: bool, constants: bool) -> tuple[Any, list[Variable]]:
    """A row's function and inputs, without a row in the first (or in all of its length)."""
    n = len(case.inputs[0])

    def cut(x: np.ndarray) -> np.ndarray:
        return x[:0] if x.ndim and len(x) == n else x

    inputs = [
        Variable(cut(x) if i == 0 or all_inputs else x.copy()) for i, x in enumerate(case.inputs)
    ]
    function = case.function
    if constants:
        function = with_constants(function, lambda v: changed(v, cut))
    return function, inputs


WITH_BATCH = [
    name
    for name, cases in CASES.items()
    if name not in NO_EMPTY_BATCH and name not in EMPTY_BATCHES and cases[0].inputs[0].ndim
]


@pytest.mark.parametrize("name", EMPTY_BATCHES)
def test_an_empty_batch_by_hand(name):
    call, shape = EMPTY_BATCHES[name]
    y = call()
    assert y.shape == shape
    y.grad = np.zeros(shape)
    y.backward()


@pytest.mark.parametrize("name", WITH_BATCH)
def test_an_empty_batch(name):
    errors = []
    for all_inputs, constants in ((False, False), (True, False), (False, True), (True, True)):
        function, inputs = shortened(CASES[name][0], all_inputs, constants)
        try:
            ys = function(*inputs)
        except (ValueError, IndexError, TypeError) as error:
            errors.append(f"{all_inputs=} {constants=}: {error}")
            continue
        ys = list(ys) if isinstance(ys, (tuple, list)) else [ys]
        ones = [Variable(np.ones_like(y.array)) for y in ys]
        for x, g in zip(inputs, nnrun.grad(ys, inputs, ones), strict=True):
            assert g is None or g.shape == x.shape
        return
    pytest.fail("\n".join(errors))


def spoilt(case: FunctionCase) -> list[list[np.ndarray]]:
    """A row's inputs, made not to fit in a few ways."""
    first, *rest = case.inputs
    ways = [[np.zeros(()), *rest], [np.zeros((*first.shape, 1, 1, 1, 1, 1, 1)), *rest]]
    if rest:
        second = rest[0]
        ways.append([first, np.zeros(second.shape[1:]), *rest[1:]])
        if second.ndim:
            ways.append([first, np.concatenate([second, second], -1), *rest[1:]])
    return ways


@pytest.mark.parametrize("name", CASES)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_what_does_not_fit_is_an_error_that_says_so(name):
    """Where a shape is refused, by an error that names a function and what it was given."""
    for inputs in spoilt(CASES[name][0]):
        try:
            CASES[name][0].function(*[Variable(x) for x in inputs])
        except (ValueError, TypeError, IndexError) as error:
            told = "\n".join([str(error), *getattr(error, "__notes__", ())])
            assert re.search(r"^\w+: |^in [\w ]+, applied to |`\w+`", told, re.MULTILINE), told


def test_decompositions_on_a_device():
    import ndgpu

    a = np.random.default_rng(0).normal(size=(3, 3))
    symmetric = a @ a.T + np.eye(3)
    for function in (F.cholesky, F.inv, F.det):
        case = FunctionCase(function, (symmetric,))
        case.check_device(0, atol=1e-3, rtol=1e-3)
    assert isinstance(F.cholesky(ndgpu.asarray(symmetric)).array, ndgpu.ndarray)
