"""What departments bring: whole or not at all, once, under a name that harms nobody; then a batch like any other."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from libraries import ingest
from libraries.collecting import inbox
from schemas.errors import Invalid

RESIDENT = "public_security.resident"
BROUGHT: dict[str, Any] = {
    "items": [{"id": "number", "name": "文书号", "required": True}], "library": None, "checks": [],
    "source": {
        "connector": "files", "connection": "inbox", "mode": "incremental", "mapping": {"文书号": "number"}, "key": ["number"],
    },
}  # fmt: skip


@pytest.fixture
def box(hub: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("HUTONG_INBOX", str(hub.folder / "inbox"))
    hub.publish(**BROUGHT)
    return hub


def test_a_brought_file_becomes_a_batch_and_the_same_file_is_the_same_answer(box: Any) -> None:
    empty = ingest.ingest(RESIDENT, "0")
    assert (box.batch(empty)["state"], box.batch(empty)["rows_in"]) == ("merged", 0), "nothing came yet"
    content = "文书号\n1\n2\n".encode()
    first = inbox.put(RESIDENT, "七月.csv", content)
    assert inbox.put(RESIDENT, "七月.csv", content) == first
    batch = ingest.ingest(RESIDENT, "1")
    assert box.batch(batch)["rows_good"] == 2
    inbox.put(RESIDENT, "七月.csv", "文书号\n3\n".encode())  # the same name, other content: a delivery of its own
    assert box.batch(ingest.ingest(RESIDENT, "2"))["rows_good"] == 1
    with box.session() as session:
        found = {received.file: taken for received, taken in inbox.listed(session, RESIDENT)}
    assert (len(found), found[first.file]) == (2, batch)


def test_many_bring_the_same_file_at_once(box: Any) -> None:
    content = b"x" * 100_000
    with ThreadPoolExecutor(8) as crowd:
        found = list(crowd.map(lambda _: inbox.put(RESIDENT, "a.csv", content), range(16)))
    assert len({one.file for one in found}) == len({one.received_at for one in found}) == 1
    assert [path.name for path in (box.folder / "inbox" / RESIDENT).iterdir()] == [found[0].file]


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("a.exe", b"x", "bad_name"), ("", b"x", "bad_name"), (".csv", b"x", "bad_name"), ("../..", b"x", "bad_name"),
        ("a.csv", b"", "empty"), ("a.csv", b"x" * ((1 << 20) + 1), "too_large"),
    ],
)  # fmt: skip
def test_what_is_no_delivery_is_refused_by_name(
    box: Any, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes, code: str
) -> None:
    monkeypatch.setenv("HUTONG_INBOX_FILE_MB", "1")
    with pytest.raises(Invalid, match=f"inbox.{code}"):
        inbox.put(RESIDENT, name, content)
    folder = box.folder / "inbox" / RESIDENT
    assert not folder.exists() or list(folder.iterdir()) == []


@given(st.text(max_size=300), st.sampled_from(inbox.TAKEN))
def test_no_name_leaves_the_folder_or_hides_in_it(name: str, suffix: str) -> None:
    try:
        stem, ending = inbox.clean_name(f"{name}.{suffix}")
    except Invalid:
        return
    cleaned = f"{stem}.0123456789ab{ending}"
    assert Path(cleaned).name == cleaned
    assert not cleaned.startswith((".", "~"))
    assert cleaned.isprintable()
    assert len(cleaned.encode()) <= 255


def test_the_command_brings_and_lists(box: Any) -> None:
    from hutong.commands.inbox import app

    file = box.folder / "七月.csv"
    file.write_text("文书号\n1\n", "utf-8")
    brought = CliRunner().invoke(app, ["put", RESIDENT, str(file)])
    assert brought.exit_code == 0, brought.output
    listed = CliRunner().invoke(app, ["list", RESIDENT], env={"COLUMNS": "200"})
    assert "七月." in listed.output
    assert " - " in f"{listed.output} ".replace("\n", " ")
    box.publish(**{**BROUGHT, "source": None})
    refused = CliRunner().invoke(app, ["put", RESIDENT, str(file)])
    assert isinstance(refused.exception, Invalid)
    assert refused.exception.code == "inbox.not_taken"
