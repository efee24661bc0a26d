"""Functions in half precision: the dtype stays, and values are as near as it tells."""

import pathlib
import runpy

import pytest

# The tables of this folder that are made of `nnrun.testing.FunctionCase`.
TABLES = ["arrays", "connections", "losses", "normalizations", "recurrent", "regions", "special"]


@pytest.mark.parametrize("table", TABLES)
def test_table(table):
    path = pathlib.Path(__file__).with_name(f"test_{table}.py")
    failed = []
    for name, cases in runpy.run_path(str(path))["CASES"].items():
        for i, case in enumerate(cases):
            try:
                case.check_half()
            except Exception as error:
                failed.append(f"{name}-{i}: {error!s:.200}")
    assert failed == []
