"""An application system asks; what comes back is what was granted and no more, signed and evidenced."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from exchange_api.evidence.ledger import subject_hash
from tests.exchange_api.promptly import within_a_second


def _answer(site: Any, document: Any, path: str = "/v1/libraries/population/query", **changes: Any) -> tuple[Any, Any]:
    request, response = site.ask(document, path, **changes)
    assert response.status == 200, response.body
    entry = site.check(request, response)
    assert entry.kind == "answer"
    return json.loads(response.body), entry


def test_granted_items_come_with_version_and_source(exchange_site: Any) -> None:
    answer, entry = _answer(exchange_site, exchange_site.asking(subjects=exchange_site.people[:2]))
    first, second = answer["records"]
    assert first["values"] == {"name": "欧阳小0", "birth_date": "1990-03-07", "marital_status": None}
    assert second["values"]["marital_status"] == "20"
    assert (first["found"], first["version"]) == (True, 1)
    source = {"resource": "public_security.resident", "batch": "public_security.resident/run-1"}
    assert first["sources"] == dict.fromkeys(["name", "birth_date", "marital_status"], source)
    assert answer["directory_versions"] == ["public_security.resident@1"]
    assert answer["receipt"] == str(entry.id)
    assert (entry.application_id, entry.grant_id, entry.library) == ("housing.desk", "SQ-2026-000001", "population")


def test_the_entry_knows_the_subject_by_keyed_hash_only(exchange_site: Any) -> None:
    _, entry = _answer(exchange_site, exchange_site.asking())
    document = json.loads(entry.document)
    secret = (exchange_site.log.parent / "keys" / "subject.key").read_bytes()
    assert document["subjects"] == [subject_hash(secret, "population", exchange_site.people[0])]
    assert document["batches"] == ["public_security.resident/run-1"]
    assert document["purpose"] == exchange_site.purpose
    assert exchange_site.people[0] not in entry.document.decode()
    assert "欧阳" not in entry.document.decode()


def test_masked_and_yes_no_items_show_no_more(exchange_site: Any) -> None:
    answer, _ = _answer(exchange_site, exchange_site.asking("SQ-2026-000002", exchange_site.people[1:2]))
    (record,) = answer["records"]
    assert record["values"] == {"name": "欧***", "birth_date": "1990", "marital_status": True, "phone": "138****0001"}
    assert "sources" not in record


def test_fewer_items_may_be_asked_for(exchange_site: Any) -> None:
    answer, _ = _answer(exchange_site, exchange_site.asking(items=["birth_date"]))
    assert answer["records"][0]["values"] == {"birth_date": "1990-03-07"}
    assert set(answer["records"][0]["sources"]) == {"birth_date"}


def test_an_unknown_subject_is_said_to_be_unknown(exchange_site: Any) -> None:
    answer, _ = _answer(exchange_site, exchange_site.asking(subjects=[exchange_site.unknown_person]))
    assert answer["records"] == [{"subject": exchange_site.unknown_person, "found": False}]


def test_claims_are_answered_by_yes_or_no_only(exchange_site: Any) -> None:
    subject = exchange_site.people[1]
    claims = [
        {"subject": subject, "values": {"name": "欧阳小1 ", "birth_date": "1990-03-07", "marital_status": "10"}},
        {"subject": exchange_site.unknown_person, "values": {"name": "某"}},
    ]
    question = {"grant": "SQ-2026-000001", "purpose": exchange_site.purpose, "claims": claims}
    answer, _ = _answer(exchange_site, question, "/v1/libraries/population/verify")
    assert answer["verdicts"] == [
        {"subject": subject, "found": True, "matches": {"name": True, "birth_date": True, "marital_status": False}},
        {"subject": exchange_site.unknown_person, "found": False, "matches": {"name": False}},
    ]


def test_numbers_are_compared_by_value(exchange_site: Any) -> None:
    claims = [{"subject": exchange_site.company, "values": {"registered_capital": 500.5}}]
    question = {"grant": "SQ-2026-000010", "purpose": exchange_site.purpose, "claims": claims}
    answer, _ = _answer(exchange_site, question, "/v1/libraries/legal_entity/verify")
    assert answer["verdicts"][0]["matches"] == {"registered_capital": True}


def test_certificates_come_by_holder_and_by_identifier(exchange_site: Any) -> None:
    by_holder, _ = _answer(exchange_site, exchange_site.asking("SQ-2026-000009"), "/v1/certificates/query")
    identifier = f"{exchange_site.certificate}1"
    assert [record["entry"] for record in by_holder["records"]] == [f"{exchange_site.certificate}0", identifier]
    question = {"grant": "SQ-2026-000009", "purpose": exchange_site.purpose, "identifiers": [identifier]}
    by_identifier, _ = _answer(exchange_site, question, "/v1/certificates/query")
    (record,) = by_identifier["records"]
    assert record["identifier"] == identifier
    assert record["values"]["holder_name"] == "欧***"
    assert exchange_site.people[0] not in json.dumps(by_identifier), "the holder's code was not granted"


def test_a_dry_run_checks_everything_and_hands_out_nothing(exchange_site: Any) -> None:
    answer, entry = _answer(exchange_site, exchange_site.asking(), query="dry-run=true")
    assert answer["dry_run"] is True
    assert answer["would_answer"] == {"name": "full", "birth_date": "full", "marital_status": "full"}
    assert "records" not in answer
    assert entry.code == "dry_run"
    _, refused = exchange_site.ask(exchange_site.asking("SQ-2026-000003"), query="dry-run=true")
    assert refused.status == 403


def test_asking_again_gives_the_same_receipt_and_counts_once(exchange_site: Any) -> None:
    before = exchange_site.used("SQ-2026-000011")
    first = exchange_site.question(exchange_site.asking("SQ-2026-000011"))
    repeated = {"x-request-id": first.headers["x-request-id"]}
    second = exchange_site.question(exchange_site.asking("SQ-2026-000011"), headers=repeated)
    answers = [exchange_site.send(first), exchange_site.send(second)]
    assert [answer.status for answer in answers] == [200, 200]
    assert answers[0].headers["x-receipt"] == answers[1].headers["x-receipt"]
    assert answers[0].body == answers[1].body
    assert exchange_site.check(second, answers[1]).nonce in first.headers["signature-input"]
    assert exchange_site.used("SQ-2026-000011") == before + 1


def test_the_last_question_of_the_quota_may_be_asked_again(exchange_site: Any) -> None:
    question = exchange_site.asking("SQ-2026-000012", exchange_site.people[:2])
    first = exchange_site.question(question)
    repeated = {"x-request-id": first.headers["x-request-id"]}
    answers = [exchange_site.send(first), exchange_site.send(exchange_site.question(question, headers=repeated))]
    assert [answer.status for answer in answers] == [200, 200]
    assert answers[0].headers["x-receipt"] == answers[1].headers["x-receipt"]
    assert exchange_site.ask(question)[1].status == 429
    assert exchange_site.used("SQ-2026-000012") == 2


def test_the_same_question_at_the_same_moment_has_one_receipt(exchange_site: Any) -> None:
    first = exchange_site.question(exchange_site.asking())
    repeated = {"x-request-id": first.headers["x-request-id"]}
    questions = [first, *(exchange_site.question(exchange_site.asking(), headers=repeated) for _ in range(7))]
    with ThreadPoolExecutor(8) as crowd:
        answers = list(crowd.map(exchange_site.send, questions))
    assert {answer.status for answer in answers} == {200}
    assert len({answer.headers["x-receipt"] for answer in answers}) == 1


def test_a_crowd_gets_one_entry_each_and_the_quota_counts_all(exchange_site: Any) -> None:
    before = exchange_site.used("SQ-2026-000002")
    questions = [exchange_site.question(exchange_site.asking("SQ-2026-000002", [one])) for one in exchange_site.people]
    with ThreadPoolExecutor(16) as crowd:
        answers = list(crowd.map(exchange_site.send, questions))
    for one, question, answer in zip(exchange_site.people, questions, answers, strict=True):
        assert json.loads(answer.body)["records"][0]["subject"] == one
        assert exchange_site.check(question, answer).kind == "answer"
    assert exchange_site.used("SQ-2026-000002") - before == len(questions)


def test_a_suspension_is_effective_within_a_second_and_so_is_its_end(exchange_site: Any) -> None:
    def ask() -> int:
        return int(exchange_site.ask(exchange_site.asking("SQ-2026-000008"))[1].status)

    assert ask() == 200
    for is_suspended, status in ((True, 403), (False, 200)):
        exchange_site.change_grant("SQ-2026-000008", suspended_by_platform=is_suspended)
        within_a_second(ask, status.__eq__)


def test_a_grant_used_across_callers_stays_with_its_owner(exchange_site: Any) -> None:
    request, response = exchange_site.ask(exchange_site.asking("SQ-2026-000007"), signer=exchange_site.other_signer)
    assert response.status == 200
    assert exchange_site.check(request, response).application_id == "market.portal"
    assert exchange_site.ask(exchange_site.asking(), signer=exchange_site.other_signer)[1].status == 403
