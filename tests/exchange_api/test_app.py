"""The machine interface as a whole: nothing leaves without evidence, faults are survived, and no person shows where none may."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import http_message_signatures as library
import pytest
from fastapi.routing import APIRoute
from http_message_signatures import algorithms
from sqlalchemy import text
from sqlalchemy.orm import Session

from exchange_api import counter
from exchange_api.answering import DIRECT
from exchange_api.app import create_app
from exchange_api.client import Hub, Refused
from exchange_api.evidence.ledger import INSERT_SQL
from exchange_api.evidence.log import LogSettings
from exchange_api.evidence.receipt import verify_receipt
from exchange_api.evidence.sequencer import sequence_once
from exchange_api.keys import active_signer
from exchange_api.recording import RECORD
from exchange_api.routers import desks
from exchange_api.routers.machine import described
from schemas.library import LIBRARIES


@contextmanager
def _broken(site: Any, statement: str, mend: str) -> Iterator[None]:
    """Break the database in one way, and mend it again."""
    with site.engine.begin() as connection:
        connection.execute(text(statement))
    try:
        yield
    finally:
        with site.engine.begin() as connection:
            connection.execute(text(mend))


def test_without_evidence_no_data_leaves(exchange_site: Any) -> None:
    right = "INSERT ON evidence.entries {} hutong_exchange"
    question = exchange_site.question(exchange_site.asking())
    with _broken(exchange_site, f"REVOKE {right.format('FROM')}", f"GRANT {right.format('TO')}"):
        response = exchange_site.send(question)
    assert (response.status, json.loads(response.body)["code"]) == (503, "evidence.unavailable")
    assert "欧阳" not in response.body.decode()
    assert exchange_site.check(question, response) is None, "signed all the same"
    again = exchange_site.question(exchange_site.asking(), headers={"x-request-id": question.headers["x-request-id"]})
    assert exchange_site.send(again).status == 200


def test_a_fault_inside_is_a_signed_answer_with_evidence_and_no_values_in_the_log(exchange_site: Any) -> None:
    document = exchange_site.asking("SQ-2026-000010", [exchange_site.company])
    with _broken(
        exchange_site,
        "ALTER TABLE library.legal_entity RENAME TO away",
        "ALTER TABLE library.away RENAME TO legal_entity",
    ):
        request, response = exchange_site.ask(document, "/v1/libraries/legal_entity/query")
    assert (response.status, json.loads(response.body)["code"]) == (500, "server.error")
    entry = exchange_site.check(request, response)
    assert (entry.kind, entry.status, entry.code) == ("error", 500, "server.error")
    told = exchange_site.log.read_text()
    assert f"receipt {entry.id}: UndefinedTableError" in told
    assert exchange_site.ask(document, "/v1/libraries/legal_entity/query")[1].status == 200


def test_lost_connections_are_replaced_and_changes_are_still_heard(exchange_site: Any) -> None:
    with exchange_site.engine.begin() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    exchange_site.engine.dispose()  # the auditor's own connections were ended too
    deadline = time.monotonic() + 60
    while exchange_site.ask(exchange_site.asking("SQ-2026-000008"))[1].status != 200:
        assert time.monotonic() < deadline
    exchange_site.change_grant("SQ-2026-000008", suspended_by_consumer=True)
    response = exchange_site.ask(exchange_site.asking("SQ-2026-000008"))[1]
    while response.status != 403:
        assert time.monotonic() < deadline
        response = exchange_site.ask(exchange_site.asking("SQ-2026-000008"))[1]
    assert json.loads(response.body)["facts"]["by"] == "consumer"
    while not json.loads(exchange_site.ask(None, "/readyz", method="GET")[1].body)["parts"]["listening"]["ok"]:
        assert time.monotonic() < deadline
    exchange_site.change_grant("SQ-2026-000008", suspended_by_consumer=False)


def test_no_person_in_the_log(exchange_site: Any) -> None:
    for document in (
        exchange_site.asking(),
        exchange_site.asking("SQ-2026-000003"),
        {"subjects": [exchange_site.people[0]]},
    ):
        exchange_site.ask(document)
    exchange_site.ask(None, f"/v1/receipts/{exchange_site.people[0]}", method="GET")
    told = exchange_site.log.read_text()
    assert not any(person in told for person in [*exchange_site.people, exchange_site.company, "欧阳"])


def test_no_person_in_any_entry(exchange_site: Any) -> None:
    exchange_site.ask(None, f"/v1/libraries/population/{exchange_site.people[0]}", method="GET")
    with exchange_site.engine.connect() as connection:
        for person in exchange_site.people[:3]:
            found = connection.execute(
                text("SELECT count(*) FROM evidence.entries WHERE position(convert_to(:p, 'UTF8') in document) > 0"),
                {"p": person},
            )
            assert found.scalar() == 0


def test_a_question_signed_by_the_general_library_is_answered(exchange_site: Any) -> None:
    bare = exchange_site.question(exchange_site.asking())
    kept = {name: bare.headers[name] for name in ("content-type", "x-request-id", "content-digest")}

    class Message:
        method, url, headers = bare.method, f"http://{bare.authority}{bare.path}", kept

    keys = library.MappingKeyResolver(
        public_keys={}, private_keys={exchange_site.signer.keyid: exchange_site.signer.pem()}
    )
    library.HTTPMessageSigner(signature_algorithm=algorithms.ED25519, key_resolver=keys).sign(
        Message,
        key_id=exchange_site.signer.keyid,
        label="sig1",
        tag="hub-req",
        use_existing_digest=True,
        nonce="0123456789abcdefghij",
        expires=_soon(),
        covered_component_ids=(
            "@authority",
            "@method",
            "@path",
            "@query",
            "content-digest",
            "content-type",
            "x-request-id",
        ),
    )
    request = type(bare)(bare.method, bare.authority, bare.path, bare.query, kept, bare.body)
    response = exchange_site.send(request)
    assert response.status == 200, response.body
    entry = exchange_site.check(request, response)
    assert json.loads(entry.document)["request"]["base"], "the other spelling is kept as it was signed"


def _soon() -> datetime:
    return datetime.now(UTC) + timedelta(seconds=200)


def test_the_receipt_of_an_answer_verifies_offline(exchange_site: Any, tmp_path: Any) -> None:
    with Session(exchange_site.engine) as session:
        signer = active_signer(session, exchange_site.log.parent / "keys")
    client = Hub(exchange_site.url, exchange_site.signer, exchange_site.jwks, tmp_path)
    answer = client.query("population", "SQ-2026-000001", exchange_site.purpose, exchange_site.people[:1])
    with pytest.raises(Refused, match=r"grant\.suspended"):
        client.query("population", "SQ-2026-000003", exchange_site.purpose, exchange_site.people[:1])
    with Session(exchange_site.engine) as session:
        _sequence_all(session, signer)
    files = client.collect_receipts()
    assert len(files) == 2
    for file in files:
        assert verify_receipt(file.read_bytes(), exchange_site.jwks).verified
    for path in ("/v1/log/checkpoint", "/v1/log/tile/0/000.p/1", f"/v1/receipts/{answer.receipt_id}/proof"):
        request, response = exchange_site.ask(None, path, method="GET")
        assert response.status == 200
        entry = exchange_site.check(request, response) if "/log/" not in path else None
        assert (entry is None) == (response.headers["x-receipt"] == "none")


def _sequence_all(session: Session, signer: Any) -> None:
    while sequence_once(session, signer, LogSettings().log_origin):
        session.commit()


@pytest.mark.parametrize("path", ["/v1/errors", "/.well-known/jwks.json", "/healthz", "/openapi.json"])
def test_public_pages_answer_without_a_signature(exchange_site: Any, path: str) -> None:
    bare = exchange_site.question(None, path, method="GET")
    response = exchange_site.send(type(bare)("GET", bare.authority, path, "", {}, b""))
    assert response.status == 200
    assert json.loads(response.body)
    assert ("signature" in response.headers) == path.startswith("/v1/")


def test_head_is_refused_without_a_body(exchange_site: Any) -> None:
    request, response = exchange_site.ask(None, "/v1/nothing", method="HEAD")
    assert (response.status, response.body) == (404, b"")
    assert exchange_site.check(request, response).code == "route.unknown"


def test_the_reference_describes_exactly_what_is_answered_directly() -> None:
    paths = {route.path for route in described.routes if isinstance(route, APIRoute)}
    answered = {
        path.replace(f"/libraries/{name}/", "/libraries/{library}/")
        for name in LIBRARIES
        for path in DIRECT
        if name in path or "certificates" in path
    }
    assert paths == answered
    document = create_app().openapi()
    query = document["paths"]["/v1/libraries/{library}/query"]["post"]
    assert "RecordsQuestion" in json.dumps(query["requestBody"])
    assert {"200", "401", "403", "503"} <= set(query["responses"])
    assert "Signature-Input" in json.dumps(query["parameters"])


def test_the_reference_describes_every_question_to_a_desk() -> None:
    described = {
        (method, route.path.replace("{recall}", "ZH-2026-000001").replace("{objection}", "YY-2026-000001"))
        for route in desks.described.routes
        if isinstance(route, APIRoute)
        for method in route.methods
    }
    assert {(method, path) for method, path in described if method in (counter.find(path) or {})} == described
    assert len(described) == len(counter.ROUTES)
    form = create_app().openapi()["components"]["schemas"]["ObjectionForm"]["properties"]
    assert form["reason"]["examples"]


def test_entries_of_one_moment_share_one_statement(exchange_site: Any) -> None:
    assert INSERT_SQL.split("ON CONFLICT")[0].strip() in RECORD
    with ThreadPoolExecutor(16) as crowd:
        questions = [exchange_site.question(exchange_site.asking()) for _ in range(200)]
        with exchange_site.engine.connect() as connection:
            before = connection.execute(text("SELECT count(DISTINCT xmin::text), count(*) FROM evidence.entries")).one()
        assert {answer.status for answer in crowd.map(exchange_site.send, questions)} == {200}
    with exchange_site.engine.connect() as connection:
        after = connection.execute(text("SELECT count(DISTINCT xmin::text), count(*) FROM evidence.entries")).one()
    assert after[1] - before[1] == 200
    assert after[0] - before[0] < 200, "concurrent answers share commits"
