"""At least 95% of what CuPy's manual lists as supported is here, under the same name."""

import operator

import ndgpu
from tests.contract.cupy_names import CUPY, LACKING


def missing() -> set[str]:
    found = set()
    for module, names in CUPY.items():
        place = operator.attrgetter(module)(ndgpu) if module else ndgpu
        found |= {
            f"{module}.{name}".lstrip(".") for name in names.split() if not hasattr(place, name)
        }
    return found


def test_names_of_cupy_are_implemented():
    total = sum(len(names.split()) for names in CUPY.values())
    assert len(missing()) <= 0.05 * total


def test_every_missing_name_has_a_reason():
    assert missing() == set(LACKING)
