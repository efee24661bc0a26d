"""Random kernels against the generator's model; the module's `__main__` runs more of them."""

from __future__ import annotations

import pytest

from . import harness

_TOGETHER = 8  # kernels of a module


@pytest.mark.parametrize("first", range(0, 96, _TOGETHER))
def test_random_kernels_agree_with_the_model_under_every_schedule(first: int) -> None:
    failures = list(harness.check(list(range(first, first + _TOGETHER)), depth=2))
    assert not failures, "\n".join(
        f"seed {f.seed}: {f.what}; {f.schedule}\n{f.source}" for f in failures
    )


def test_a_miscompiled_kernel_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Subtracting where the source adds is noticed: the comparison is not a matter of form."""
    compiled = harness._compiled
    monkeypatch.setattr(
        harness, "_compiled", lambda source: compiled(source).replace("xor.b32", "or.b32")
    )
    assert list(harness.check(list(range(4)), depth=2))
