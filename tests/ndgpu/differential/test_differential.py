"""Each public function against NumPy on a few arguments that hypothesis draws, always the same.

`make fuzz` runs many more, over all dtypes.
"""

import hypothesis
import pytest
from hypothesis import strategies as st
from tests.ndgpu.differential.accepted import ACCEPTED, NOT_COMPARED, accepted
from tests.ndgpu.differential.cases import BFLOAT16, SMALL, Case
from tests.ndgpu.differential.compare import Call, difference
from tests.ndgpu.differential.surface import ENTRIES, WITH_BFLOAT16, public_names

EXAMPLES = 3


def test_every_implemented_name_is_compared_or_has_a_reason():
    names = public_names()
    assert names - set(ENTRIES) - set(NOT_COMPARED) == set()
    assert set(ENTRIES) & set(NOT_COMPARED) == set()
    assert set(NOT_COMPARED) <= names
    assert all(len(reason) > 10 for reason in NOT_COMPARED.values())
    assert set(ENTRIES) >= WITH_BFLOAT16
    assert all(len(row) == 4 and len(row[-1]) > 20 for row in ACCEPTED)


def check(name, codes):
    @hypothesis.settings(
        max_examples=EXAMPLES, deadline=None, database=None, derandomize=True,
        suppress_health_check=list(hypothesis.HealthCheck), phases=[hypothesis.Phase.generate],
    )  # fmt: skip
    @hypothesis.given(st.data())
    def run(data):
        call = ENTRIES[name](Case(data.draw, codes))
        text = difference(call)
        assert text is None or accepted(call, text), f"{text}\n{call!r}"

    run()


@pytest.mark.parametrize("name", sorted(ENTRIES))
def test_a_function_does_as_numpys(name):
    check(name, SMALL)


# One of each group: arithmetic, functions, comparisons, classes, bits, reductions, scans, order.
@pytest.mark.parametrize(
    "name", ["add", "exp", "less", "isfinite", "spacing", "sum", "max", "argmax", "cumsum", "sort"]
)
def test_a_function_does_as_numpys_to_bfloat16(name):
    assert name in WITH_BFLOAT16
    check(name, BFLOAT16)


def test_differences_are_found():
    import numpy as np

    a = np.array([1.0, 2.0, 3.0], "f4")
    assert difference(Call("sum", (a,))) is None
    other = Call("sum", (a,))
    other.run = lambda xp: (xp.asarray(a) + (xp is not np)).sum()
    assert "value" in difference(other)
    other.run = lambda xp: xp.asarray(a, dtype="f4" if xp is np else "f8")
    assert "dtype" in difference(other)
    other.run = lambda xp: xp.asarray(a)[: 2 if xp is np else 3]
    assert "shape" in difference(other)
    other.run = lambda xp: 1 / 0 if xp is np else {}["a"]
    assert "ZeroDivisionError" in difference(other)
    assert difference(Call("sum", (a, 5))) is None  # both raise AxisError
