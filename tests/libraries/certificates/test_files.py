"""A certificate's file is stored whole and once, its seals are checked when it comes, and what is wrong goes to the issuer without keeping the file out."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from libraries.certificates import files, reports, standing
from schemas.database import transaction
from schemas.errors import HutongError, Invalid, Terminal
from tests.libraries.certificates.conftest import Hold
from tests.libraries.certificates.papers import Sealer, paper


def digest_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def told() -> list[tuple[str, str]]:
    with transaction() as session:
        rows = session.execute(text("SELECT department_id, key FROM operations.notices ORDER BY id"))
        return [(row[0], row[1]) for row in rows]


def refusal(call: Callable[..., object], *arguments: Any) -> str:
    with pytest.raises(HutongError) as caught:
        call(*arguments)
    return caught.value.code


def test_a_file_lies_under_its_digest_and_the_same_again_is_the_same(bureau: Any, trusted: Sealer) -> None:
    content = trusted.seal(paper())
    first, again = files.add(content), files.add(content)
    assert (first.digest, first.seal, first.is_new) == (digest_of(content), "trusted", True)
    assert (again.digest, again.is_new) == (first.digest, False)
    assert files.read(first.digest) == content
    assert bureau.one("SELECT count(*) FROM library.certificate_files") == 1


def test_what_the_seal_says_is_kept(bureau: Any, trusted: Sealer) -> None:
    stored = files.add(trusted.seal(paper()))
    (said,) = bureau.one("SELECT report FROM library.certificate_files")
    assert said["seal"] == "trusted"
    assert said["signer"] == "Common Name: 兴和市自然资源局"
    assert said["coverage"] == "ENTIRE_FILE"
    assert said["signed_at"]
    with transaction("reader") as session:
        found = files.get(session, stored.digest)
    assert found is not None
    assert found.media_type == "application/pdf"


@pytest.mark.usefixtures("bureau")
def test_a_seal_of_nobody_known_is_intact_and_not_trusted(office: Sealer) -> None:
    assert files.add(office.seal(paper())).seal == "intact"


@pytest.mark.usefixtures("bureau")
def test_a_file_brought_again_after_its_root_was_trusted_is_trusted(
    office: Sealer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = office.seal(paper())
    files.add(content)
    monkeypatch.setenv("HUTONG_CERTIFICATE_TRUST", str(office.trust(tmp_path / "trust")))
    assert files.add(content).seal == "trusted"


@pytest.mark.usefixtures("bureau")
def test_an_unsigned_file_is_stored_as_such() -> None:
    assert files.add(paper()).seal == "unsigned"


@pytest.mark.usefixtures("bureau")
def test_a_file_nobody_can_read_is_still_kept() -> None:
    stored = files.add(b"%PDF-1.4 and nothing of it")
    assert stored.seal == "unreadable"
    assert files.read(stored.digest)


def test_a_changed_page_breaks_the_seal_and_the_issuer_is_told_by_a_date(hold: Hold, trusted: Sealer) -> None:
    broken = trusted.seal(paper()).replace(b"/F1 20 Tf", b"/F1 30 Tf")
    entry = hold(file_digest=digest_of(broken))
    stored = files.add(broken)
    assert (stored.seal, stored.entries, stored.reported) == ("broken", (entry,), ("broken_signature",))
    assert told() == [("certificate_bureau", "certificate.broken_signature")]
    with transaction() as session:
        (report,) = reports.find(session)
    assert (report.entry, report.department_id) == (entry, "certificate_bureau")
    assert report.due_date is not None
    files.add(broken)
    assert len(told()) == 1, "asked once, not at every arrival"


def test_what_was_added_after_sealing_breaks_the_seal(hold: Hold, trusted: Sealer) -> None:
    from datetime import UTC, date, datetime

    from libraries.certificates.copies import Annotation, annotate

    words = Annotation("0" * 8, "x", "x", "x", "x", None, datetime(2026, 1, 1, tzinfo=UTC), date(2026, 2, 1))
    copy = annotate(trusted.seal(paper()), words)
    hold(file_digest=digest_of(copy))
    assert files.add(copy).seal == "broken", "a copy cannot pass for the certificate itself"


def test_a_second_seal_leaves_the_first_in_force(bureau: Any, trusted: Sealer) -> None:
    stored = files.add(trusted.seal(trusted.seal(paper()), "Second"))
    assert stored.seal == "trusted"
    assert [one["field"] for one in bureau.one("SELECT report FROM library.certificate_files")] == ["Seal", "Second"]


def test_a_file_that_is_not_the_one_its_record_names_is_stored_and_reported(hold: Hold) -> None:
    right, wrong = paper(), paper("XH2")
    entry = hold(file_digest=digest_of(right))
    stored = files.add(wrong, entry)
    assert (stored.entries, stored.reported) == ((), ("wrong_file",))
    assert files.read(stored.digest) == wrong
    with transaction("ingest") as session:
        assert reports.settle(session) == 0
    files.add(right, entry)
    with transaction("ingest") as session:
        assert reports.settle(session) == 1
        assert reports.find(session) == []


@pytest.mark.usefixtures("bureau")
def test_a_broken_file_is_settled_by_another_one_and_not_by_itself(hold: Hold, trusted: Sealer) -> None:
    broken, whole = trusted.seal(paper()).replace(b"/F1 20 Tf", b"/F1 30 Tf"), trusted.seal(paper())
    entry = hold(file_digest=digest_of(broken))
    files.add(broken)
    with transaction("ingest") as session:
        assert reports.settle(session) == 0
    files.add(whole)
    with transaction("ingest") as session:
        session.execute(text("UPDATE library.certificate SET file_digest = :d"), {"d": digest_of(whole)})
        assert reports.settle(session) == 1
        assert standing.read(session, entry).seal == "trusted"


def test_a_file_of_no_certificate_at_all_is_refused_before_anything_is_stored(bureau: Any) -> None:
    assert refusal(files.add, paper(), "1.2.156.3005.2.NONE") == "certificate.unknown"
    assert refusal(files.add, b"GIF89a") == "certificate.file_kind"
    assert refusal(files.add, b"") == "certificate.file_size"
    assert bureau.one("SELECT count(*) FROM library.certificate_files") == 0
    assert refusal(files.read, "0" * 64) == "certificate.no_file"


@pytest.mark.usefixtures("bureau")
def test_a_stored_file_that_changed_is_not_handed_out(tmp_path: Path) -> None:
    stored = files.add(paper())
    (tmp_path / "landing" / files.path_of(stored.digest)).write_bytes(paper("XH9"))
    with pytest.raises(Terminal) as caught:
        files.read(stored.digest)
    assert caught.value.code == "certificate.file_damaged"


@pytest.mark.usefixtures("bureau")
def test_a_trust_folder_without_certificates_is_said_and_not_taken_for_no_trust(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("HUTONG_CERTIFICATE_TRUST", str(tmp_path / "empty"))
    assert refusal(files.add, paper()) == "certificate.trust_unreadable"


@pytest.mark.usefixtures("bureau")
def test_an_entry_that_is_not_there_has_no_standing() -> None:
    with transaction("reader") as session, pytest.raises(Invalid):
        standing.read(session, "1.2.156.3005.2.NONE")
