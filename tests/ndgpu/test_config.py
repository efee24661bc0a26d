"""Each environment variable is read when asked for and checked."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ndgpu import config


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("NDGPU_"):
            monkeypatch.delenv(name)


def test_every_row_has_a_default_and_says_what_it_does() -> None:
    for name, row in config.TABLE.items():
        assert name == row.name
        assert name.startswith("NDGPU_")
        assert row.doc.endswith(".")
        config.value(name)


@pytest.mark.parametrize(
    ("text", "nbytes"),
    [
        ("0", 0),
        ("123", 123),
        ("4k", 4096),
        ("4KiB", 4096),
        ("1.5MB", 3 << 19),
        ("2GiB", 2 << 30),
        (" 1T ", 1 << 40),
    ],
)
def test_sizes(monkeypatch: pytest.MonkeyPatch, text: str, nbytes: int) -> None:
    monkeypatch.setenv("NDGPU_CACHE_LIMIT", text)
    assert config.value("NDGPU_CACHE_LIMIT") == nbytes


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("NDGPU_DEVICE", "gpu"),
        ("NDGPU_HOST_DEVICES", "0"),
        ("NDGPU_HOST_DEVICES", "two"),
        ("NDGPU_HOST_THREADS", "-1"),
        ("NDGPU_HOST_MEMORY", "much"),
        ("NDGPU_HOST_MEMORY", "inf"),
        ("NDGPU_HOST_MEMORY", "nan"),
        ("NDGPU_MEMORY_LIMIT", "-1"),
        ("NDGPU_DEBUG", "maybe"),
    ],
)
def test_what_cannot_be_understood_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str
) -> None:
    monkeypatch.setenv(name, text)
    with pytest.raises(ValueError, match=f"{name}='{text}'"):
        config.value(name)


@pytest.mark.parametrize(("text", "flag"), [("1", True), ("Yes", True), ("off", False)])
def test_flags(monkeypatch: pytest.MonkeyPatch, text: str, flag: bool) -> None:
    monkeypatch.setenv("NDGPU_DEBUG", text)
    assert config.value("NDGPU_DEBUG") is flag


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NDGPU_DEVICE", "")
    assert config.value("NDGPU_DEVICE") == "auto"


def test_an_unknown_variable_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="NDGPU_SPEED"):
        config.value("NDGPU_SPEED")


def test_the_cache_folder_follows_the_user_s(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert config.value("NDGPU_CACHE_DIR") == tmp_path / "ndgpu"
