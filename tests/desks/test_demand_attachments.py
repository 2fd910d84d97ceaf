"""A demand's files are kept as they came, known by their first bytes, named without tricks, and shown to nobody whom the demand does not concern."""

import zipfile
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from exchange_api import cases
from exchange_api.actors import Actor
from exchange_api.demand import attachments, demands
from exchange_api.demand.attachments import JPEG, PDF
from schemas.errors import Denied, Invalid
from schemas.tables.exchange import Demand
from tests.desks.conftest import BUREAU, CIVIL, HOUSING, POLICE, actor, form
from tests.desks.demand_story import dispatched, submitted

BASIS = b"%PDF-1.7\n%basis\n"


def _packed(*names: str) -> bytes:
    written = BytesIO()
    with zipfile.ZipFile(written, "w") as packed:
        for name in names:
            packed.writestr(name, "<x/>")
    return written.getvalue()


@pytest.fixture
def draft(town: Session) -> Demand:
    return demands.register(town, HOUSING, form("姓名"))


def test_a_file_is_kept_as_it_came_and_once(town: Session, draft: Demand) -> None:
    added = attachments.attach(town, HOUSING, draft.id, "依据.pdf", BASIS)
    assert attachments.attach(town, HOUSING, draft.id, "又一次.pdf", BASIS).id == added.id
    town.flush()
    town.expire_all()
    (kept,) = attachments.of(town, draft.id)
    assert (kept.name, kept.media_type, kept.size, kept.added_by) == ("依据.pdf", "application/pdf", len(BASIS), "li")
    assert attachments.read(town, HOUSING, draft.id, kept.id).content == BASIS
    assert cases.timeline(town, draft.id)[-1].action == "attach"


@pytest.mark.parametrize(
    ("content", "ending"),
    [
        (b"\x89PNG\r\n\x1a\n....", ".png"), (b"\xff\xd8\xff\xe0....", ".jpg"), (_packed("OFD.xml"), ".ofd"),
        (_packed("word/document.xml"), ".docx"), (_packed("xl/workbook.xml"), ".xlsx"),
    ],
)  # fmt: skip
def test_a_file_is_what_its_first_bytes_say(town: Session, draft: Demand, content: bytes, ending: str) -> None:
    assert attachments.attach(town, HOUSING, draft.id, "material.pdf", content).name == f"material.pdf{ending}"


@pytest.mark.parametrize(
    "content",
    [
        b"MZ\x90\x00", b"\x7fELF", b"#!/bin/sh\nrm", b"<html><script>", b"<svg onload=x>", b"plain", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        b"PK\x03\x04broken", _packed("a.txt"), _packed("word/document.xml", "word/vbaProject.bin"), _packed("OFD.xml", "run.exe"),
    ],
)  # fmt: skip
def test_other_kinds_are_refused_whatever_they_are_called(town: Session, draft: Demand, content: bytes) -> None:
    with pytest.raises(Invalid, match=r"attachment\.kind"):
        attachments.attach(town, HOUSING, draft.id, "依据.pdf", content)
    assert attachments.of(town, draft.id) == []


def test_files_have_limits(town: Session, draft: Demand, monkeypatch: pytest.MonkeyPatch) -> None:
    for content in (b"", BASIS + bytes(attachments.LARGEST)):
        with pytest.raises(Invalid, match=r"attachment\.too_large"):
            attachments.attach(town, HOUSING, draft.id, "依据.pdf", content)
    monkeypatch.setattr(attachments, "MOST", 2)
    monkeypatch.setattr(attachments, "TOGETHER", 3 * len(BASIS))
    attachments.attach(town, HOUSING, draft.id, "1.pdf", BASIS + b"1")
    with pytest.raises(Invalid, match=r"attachment\.too_large"):
        attachments.attach(town, HOUSING, draft.id, "2.pdf", BASIS * 2)
    attachments.attach(town, HOUSING, draft.id, "2.pdf", BASIS)
    with pytest.raises(Invalid, match=r"attachment\.too_many"):
        attachments.attach(town, HOUSING, draft.id, "3.pdf", BASIS + b"3")


@pytest.mark.parametrize(
    ("given_name", "kept"),
    [
        ("../../etc/passwd", "passwd.pdf"), ("C:\\temp\\依据.PDF", "依据.pdf"), ("依\u202efdp.exe", "依fdp.exe.pdf"),
        ("a\r\nSet-Cookie: x.pdf", "aSet-Cookie x.pdf"),
        (".pdf", "pdf.pdf"), ("", "附件.pdf"), ("...", "附件.pdf"), ('"><script>.pdf', "script.pdf"),
    ],
)  # fmt: skip
def test_names_are_cleaned(given_name: str, kept: str) -> None:
    assert attachments.clean_name(given_name, PDF) == kept


@given(st.text(max_size=300))
def test_no_name_leads_anywhere(name: str) -> None:
    kept = attachments.clean_name(name, JPEG)
    assert kept.endswith((".jpg", ".jpeg"))
    assert 4 < len(kept) <= 126
    assert not set(kept) & set('/\\<>:"|?*\x00\r\n')
    kept.encode("utf-8")


def test_who_may_read_a_file(town: Session) -> None:
    demand = demands.register(town, HOUSING, form("户籍地址"))
    added = attachments.attach(town, HOUSING, demand.id, "依据.pdf", BASIS)
    town.flush()
    _refuses(town, demand, added.id, BUREAU, POLICE, CIVIL)
    demands.submit(town, HOUSING, demand.id)
    _refuses(town, demand, added.id, POLICE, CIVIL)
    demands.dispatch(town, BUREAU, demand.id)
    _refuses(town, demand, added.id, CIVIL)
    for reader in (HOUSING, BUREAU, POLICE, actor("shen", "data_bureau", "auditor")):
        assert attachments.read(town, reader, demand.id, added.id).content == BASIS


def _refuses(town: Session, demand: Demand, number: int, *readers: Actor) -> None:
    for reader in readers:
        with pytest.raises(Denied, match=r"case\.not_yours"):
            attachments.read(town, reader, demand.id, number)


def test_a_file_is_read_only_under_its_own_demand(town: Session, draft: Demand) -> None:
    added = attachments.attach(town, HOUSING, draft.id, "依据.pdf", BASIS)
    town.flush()
    other = submitted(town, "姓名")
    with pytest.raises(Invalid, match=r"attachment\.unknown"):
        attachments.read(town, HOUSING, other.id, added.id)
    with pytest.raises(Denied, match=r"case\.not_yours"):
        attachments.attach(town, actor("sun", "civil_affairs", "demander"), draft.id, "x.pdf", BASIS)


def test_what_was_dispatched_keeps_its_files(town: Session) -> None:
    demand = demands.register(town, HOUSING, form("户籍地址"))
    added = attachments.attach(town, HOUSING, demand.id, "依据.pdf", BASIS)
    town.flush()
    attachments.remove(town, HOUSING, demand.id, added.id)
    assert attachments.of(town, demand.id) == []
    sent = dispatched(town, "户籍地址")
    for step in (
        lambda: attachments.attach(town, HOUSING, sent.id, "晚.pdf", BASIS),
        lambda: attachments.remove(town, HOUSING, sent.id, 1),
    ):
        with pytest.raises(Invalid, match=r"case\.wrong_state"):
            step()


def test_a_draft_that_is_thrown_away_takes_its_files_along(town: Session, draft: Demand) -> None:
    attachments.attach(town, HOUSING, draft.id, "依据.pdf", BASIS)
    demands.discard(town, HOUSING, draft.id)
    assert attachments.of(town, draft.id) == []
