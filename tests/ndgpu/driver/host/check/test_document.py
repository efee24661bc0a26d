"""The examples of docs/host_device.md report what the document says that they report."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCUMENT = Path(__file__).resolve().parents[5] / "docs" / "host_device.md"
EXAMPLE = re.compile(
    r"^```py\n(.*?)^```.*?^```console\n\$ ((?:\w+=\S+ )+)python (\w+\.py)\n(.*?)^```", re.S | re.M
)
EXAMPLES = EXAMPLE.findall(DOCUMENT.read_text())


def test_there_are_a_race_and_a_write_out_of_bounds():
    reports = " ".join(report for *_, report in EXAMPLES)
    assert "race in shared memory" in reports
    assert "write out of bounds" in reports


TRACE = re.compile(
    r"^```console\n\$ (NDGPU_HOST_TRACE=\S+ )python (\w+\.py)\n(.*?)^```", re.S | re.M
)


def stderr_of(folder: Path, program: str, setting: str, name: str) -> str:
    (folder / name).write_text(program)
    settings = dict(word.split("=", 1) for word in setting.split())
    done = subprocess.run(
        [sys.executable, name],
        cwd=folder,
        env=os.environ | settings | {"NDGPU_DEVICE": "host"},
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    # Addresses of allocations differ from run to run.
    return masked(done.stderr.replace(f"{folder}/", ""))


def masked(text: str) -> str:
    return re.sub(r"0x\w{6,}", "ADDRESS", text)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e[2])
def test_the_example_reports_this(example, tmp_path):
    program, setting, name, report = example
    assert masked(report) in stderr_of(tmp_path, program, setting, name)


def test_the_trace_is_this(tmp_path):
    ((setting, name, trace),) = TRACE.findall(DOCUMENT.read_text())
    program = next(example[0] for example in EXAMPLES if example[2] == name)
    _, shown, _ = masked(trace).split("...\n")
    assert shown in stderr_of(tmp_path, program, setting, name)
