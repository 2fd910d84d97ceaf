"""The embedded server takes what the machine has room for, and a container's limit counts."""

from pathlib import Path

import psutil
import pytest

from hutong.embedded import postgres


@pytest.mark.parametrize(("limit", "buffers"), [("max", "2048MB"), (str(4 * 1024**3), "512MB"), (None, "2048MB")])
def test_buffers_are_an_eighth_of_what_there_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, limit: str | None, buffers: str
) -> None:
    told = tmp_path / "memory.max"
    if limit is not None:
        told.write_text(limit + "\n")
    monkeypatch.setattr(postgres, "_LIMIT_OF_MEMORY", told)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: type("Memory", (), {"total": 64 * 1024**3}))
    assert postgres._buffers() == buffers
