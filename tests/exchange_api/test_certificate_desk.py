"""Whoever names a certificate is told how it stands, whether what is claimed of it is right, and gets its file once, as a copy that says what it is for."""

import dataclasses
import hashlib
import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pyhanko.pdf_utils.reader import PdfFileReader
from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from schemas.calendar import today
from schemas.identifiers import issue_certificate_identifier, next_certificate_version
from schemas.library import library
from schemas.tables.certificates import CertificateCopy
from schemas.tables.exchange import Grant
from schemas.tables.library import golden_table
from tests.exchange_api.conftest import _seed_grant
from tests.hutong.installation import wait_until
from tests.libraries.certificates.papers import paper

GRANT, MASKED, OTHERS = "SQ-2026-000041", "SQ-2026-000009", "SQ-2026-000042"
ITEMS = {"certificate_number": "yes_no", "holder_name": "yes_no", "issued_date": "yes_no", "file_digest": "full"}
ISSUER = "11330199999900038J"
FIRST = issue_certificate_identifier(f"{ISSUER}001", ISSUER, "2026000099")
SECOND = next_certificate_version(FIRST)
FILE = paper("XH00000099", FIRST)
DIGEST = hashlib.sha256(FILE).hexdigest()


@pytest.fixture(scope="module")
def desk(exchange_site: Any, serve: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The exchange with a storage of its own and a grant on certificates' files."""
    folder: Path = tmp_path_factory.mktemp("landing")
    path = folder / "landing" / "certificates" / DIGEST[:2] / DIGEST
    path.parent.mkdir(parents=True)
    path.write_bytes(FILE)
    with Session(exchange_site.engine) as session:
        _seed_grant(session, GRANT, {"items": dict(ITEMS), "library": "certificate"})
        _seed_grant(
            session, OTHERS, {"items": dict(ITEMS), "library": "certificate", "application_id": "market.portal"}
        )
        session.commit()
    environment = exchange_site.environment | {"HUTONG_LANDING": str(folder / "landing")}
    with serve(environment, folder / "server.log") as authority:
        yield dataclasses.replace(exchange_site, url=f"http://{authority}", authority=authority)


@pytest.fixture
def site(desk: Any) -> Iterator[Any]:
    """The same with one valid certificate."""
    hold(desk, FIRST)
    yield desk
    table = golden_table("certificate")
    with Session(desk.engine) as session:
        session.execute(delete(table).where(table.c.subject == desk.people[30]))
        session.execute(update(Grant).where(Grant.id == GRANT).values(state="active"))
        session.commit()


def hold(site: Any, entry: str, **values: Any) -> None:
    width = len(library("certificate").attribute_ids)
    trace = {"subject": site.people[30], "sources": [1] * width, "batches": [7] * width, "version": 1}
    said = {"certificate_identifier": entry, "certificate_number": "XH00000099", "holder_name": "欧阳丙", "state": "01"}
    with Session(site.engine) as session:
        session.execute(
            insert(golden_table("certificate")), [{"entry": entry, "file_digest": DIGEST} | said | trace | values]
        )
        session.commit()


def change(site: Any, entry: str, **values: Any) -> None:
    table = golden_table("certificate")
    with Session(site.engine) as session:
        session.execute(update(table).where(table.c.entry == entry).values(**values))
        session.commit()


def verdicts(site: Any, claims: list[dict[str, Any]], grant: str = GRANT) -> Any:
    asked = {"grant": grant, "purpose": site.purpose, "claims": claims}
    request, response = site.ask(asked, "/v1/certificates/verify")
    return json.loads(response.body), site.check(request, response)


def promised(site: Any, identifier: str = FIRST, **changes: Any) -> Any:
    asked = {"grant": GRANT, "purpose": site.purpose, "identifier": identifier, "cause": "办理施工许可"} | changes
    request, response = site.ask(asked, "/v1/certificates/files")
    return json.loads(response.body), site.check(request, response)


def fetched(site: Any, address: str, **changes: Any) -> Any:
    request, response = site.ask(None, address, method="GET", **changes)
    return response, site.check(request, response)


def copies_of(site: Any) -> list[CertificateCopy]:
    with Session(site.engine) as session:
        query = select(CertificateCopy).where(CertificateCopy.entry == FIRST).order_by(CertificateCopy.promised_at)
        return list(session.scalars(query))


# --- verify -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("named", [{"identifier": FIRST}, {"number": "XH00000099"}])
def test_claims_are_compared_by_identifier_and_by_number(site: Any, named: dict[str, str]) -> None:
    said, entry = verdicts(site, [named | {"values": {"holder_name": "欧阳丙", "issued_date": "2020-01-01"}}])
    (verdict,) = said["verdicts"]
    assert verdict == named | {"found": True, "status": "valid", "matches": {"holder_name": True, "issued_date": False}}
    assert json.loads(entry.document)["batches"] == ["public_security.resident/run-1"]
    assert "XH00000099" not in entry.document.decode()


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ({"valid_until": today() - timedelta(days=1)}, "expired"),
        ({"state": "02"}, "restricted"),
        ({"state": "04"}, "ended"),
        ({"state": "08"}, "superseded"),
    ],
)
def test_one_that_is_not_valid_is_said_to_be_so_and_compared_with_nothing(
    site: Any, values: dict[str, Any], status: str
) -> None:
    change(site, FIRST, **values)
    said, entry = verdicts(site, [{"identifier": FIRST, "values": {"holder_name": "欧阳丙"}}])
    assert said["verdicts"] == [
        {"identifier": FIRST, "found": True, "status": status, "matches": {"holder_name": False}}
    ]
    assert json.loads(entry.document)["batches"] == []


def test_of_two_versions_under_one_number_the_valid_one_is_compared(site: Any) -> None:
    hold(site, SECOND, holder_name="欧阳丁")
    said, _ = verdicts(site, [{"number": "XH00000099", "values": {"holder_name": "欧阳丁"}}])
    assert said["verdicts"][0]["matches"] == {"holder_name": True}
    said, _ = verdicts(site, [{"number": "XH00000099", "values": {"holder_name": "欧阳丙"}}])
    assert said["verdicts"][0]["matches"] == {"holder_name": False}


def test_an_unknown_one_and_a_draft_are_not_found(site: Any) -> None:
    change(site, FIRST, state="00")
    said, _ = verdicts(site, [{"identifier": one, "values": {"holder_name": "x"}} for one in (FIRST, SECOND)])
    assert [(one["found"], one["status"]) for one in said["verdicts"]] == [(False, "not_found")] * 2


def test_claims_by_holder_are_answered_as_ever(site: Any) -> None:
    said, _ = verdicts(site, [{"subject": site.people[30], "values": {"holder_name": "欧阳丙"}}])
    assert said["verdicts"] == [{"subject": site.people[30], "found": True, "matches": {"holder_name": True}}]


@pytest.mark.parametrize(
    ("claims", "grant", "code"),
    [
        ([{"identifier": FIRST, "number": "1", "values": {"holder_name": "x"}}], GRANT, "request.malformed"),
        ([{"identifier": FIRST, "values": {"holder_name": "x"}}, {"number": "1", "values": {"holder_name": "x"}}], GRANT, "request.malformed"),
        ([{"identifier": FIRST, "values": {"holder_name": "x"}}] * 2, GRANT, "subject.repeated"),
        ([{"identifier": FIRST, "values": {"holder_name": "x"}}], MASKED, "item.form"),
        ([{"number": "XH00000099", "values": {"certificate_type": "x"}}], MASKED, "item.not_granted"),
        ([{"identifier": FIRST, "values": {"holder_name": "x"}}], "SQ-2026-000001", "grant.other_library"),
        ([{"identifier": FIRST, "values": {"holder_name": "x"}}], OTHERS, "grant.unknown"),
    ],
)  # fmt: skip
def test_what_may_not_be_asked_is_refused_by_name(site: Any, claims: Any, grant: str, code: str) -> None:
    assert verdicts(site, claims, grant)[0]["code"] == code


# --- files ------------------------------------------------------------------------------------------------------


def test_a_copy_is_fetched_once_and_says_what_it_is_for(site: Any) -> None:
    before = len(copies_of(site))
    said, entry = promised(site)
    assert (said["status"], said["copy_valid_until"]) == ("valid", (today() + timedelta(days=90)).isoformat())
    response, fetching = fetched(site, said["address"])
    assert (response.status, response.headers["content-type"]) == (200, "application/pdf")
    assert response.body.startswith(FILE)
    page = PdfFileReader(BytesIO(response.body)).find_page_for_modification(0)[0].get_object()  # type: ignore[no-untyped-call]
    words = str(page["/Annots"][0].get_object()["/Contents"])
    assert all(word in words for word in ("办理施工许可", "housing", "BJ-2026-0001", said["copy_valid_until"]))
    copy = copies_of(site)[before]
    assert copy.copy_digest == hashlib.sha256(response.body).hexdigest()
    assert [json.loads(one.document)["facts"]["copy"] for one in (entry, fetching)] == [copy.id, copy.id]
    assert json.loads(fetching.document)["purpose"] == site.purpose
    again, _ = fetched(site, said["address"])
    assert json.loads(again.body)["code"] == "certificate.address_used"


def test_a_lost_answer_is_not_a_lost_copy(site: Any) -> None:
    said, _ = promised(site)
    same = {"headers": {"x-request-id": str(uuid.uuid4())}}
    first, _ = fetched(site, said["address"], **same)
    request, second = site.ask(None, said["address"], method="GET", **same)
    assert (first.status, second.status) == (200, 200)
    assert second.body.startswith(FILE)
    assert request.headers["x-request-id"] == second.headers["x-request-id"]


def test_the_same_question_gets_the_same_address(site: Any) -> None:
    before = len(copies_of(site))
    asked = {"grant": GRANT, "purpose": site.purpose, "identifier": FIRST, "cause": "办理施工许可"}
    same = {"headers": {"x-request-id": str(uuid.uuid4())}}
    answers = [json.loads(site.ask(asked, "/v1/certificates/files", **same)[1].body) for _ in range(2)]
    assert answers[0] == answers[1]
    assert len(copies_of(site)) == before + 1


def test_another_applications_address_is_as_unknown_as_none(site: Any) -> None:
    said, _ = promised(site)
    response, _ = fetched(site, said["address"], signer=site.other_signer)
    assert (response.status, json.loads(response.body)["code"]) == (404, "certificate.address_unknown")
    response, _ = fetched(site, "/v1/certificates/files/" + "A" * 43)
    assert json.loads(response.body)["code"] == "certificate.address_unknown"


def test_an_address_expires(site: Any) -> None:
    said, entry = promised(site)
    copy = json.loads(entry.document)["facts"]["copy"]
    with Session(site.engine) as session:
        past = datetime.now(UTC) - timedelta(seconds=1)
        session.execute(update(CertificateCopy).where(CertificateCopy.id == copy).values(expires_at=past))
        session.commit()
    response, _ = fetched(site, said["address"])
    assert (response.status, json.loads(response.body)["code"]) == (410, "certificate.address_expired")


def test_what_ended_after_the_promise_is_not_handed_out(site: Any) -> None:
    said, _ = promised(site)
    change(site, FIRST, state="07")
    response, _ = fetched(site, said["address"])
    assert json.loads(response.body)["code"] == "certificate.not_valid"
    change(site, FIRST, state="01")
    later, _ = promised(site)  # a second address, spent after the revocation
    site.change_grant(GRANT, state="revoked")
    wait_until(lambda: promised(site)[0].get("code") == "grant.not_active")
    response, _ = fetched(site, later["address"])
    assert json.loads(response.body)["code"] == "grant.not_active"


def test_one_that_is_not_valid_gives_its_status_and_no_address(site: Any) -> None:
    hold(site, SECOND)
    said, _ = promised(site)
    assert (said["status"], said["superseded_by"], "address" in said) == ("superseded", SECOND, False)
    assert promised(site, next_certificate_version(SECOND))[0]["status"] == "not_found"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"grant": MASKED}, "item.not_granted"),
        ({"cause": ""}, "request.malformed"),
        ({"cause": "长" * 201}, "request.malformed"),
        ({"purpose": {"service_item": "other"}}, "purpose.mismatch"),
    ],
)
def test_a_file_is_asked_for_with_grant_cause_and_purpose(site: Any, changes: dict[str, Any], code: str) -> None:
    assert promised(site, **changes)[0]["code"] == code


def test_a_certificate_without_a_file_says_so(site: Any) -> None:
    change(site, FIRST, file_digest=None)
    assert promised(site)[0]["code"] == "certificate.no_file"
    change(site, FIRST, file_digest="b" * 64)
    said, _ = promised(site)
    assert json.loads(fetched(site, said["address"])[0].body)["code"] == "certificate.no_file"


def test_other_methods_are_refused_by_name(site: Any) -> None:
    _, response = site.ask(None, "/v1/certificates/files", method="GET")
    assert json.loads(response.body)["code"] == "route.method"
