"""An answer says at which moment its records stand; asked again for that moment it is the same, whatever was merged before, meanwhile or since."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from libraries import sql
from libraries.history import KEEP
from libraries.horizon import announce

QUERY = "/v1/libraries/population/query"
GRANT = "SQ-2026-000001"
_RENAME = (
    """WITH moved AS (UPDATE {golden} g SET name = :name, version = version + 1, recorded_at = :now WHERE subject = :key
    RETURNING old.*)"""
    + KEEP
)
_REMOVE = "WITH moved AS (DELETE FROM {golden} WHERE {key} = :key RETURNING *)" + KEEP


def _ask(site: Any, subjects: list[str], **more: Any) -> Any:
    request, response = site.ask(site.asking(GRANT, subjects, **more), QUERY)
    assert response.status == 200, response.body
    site.check(request, response)
    return json.loads(response.body)


def _names(answer: Any) -> list[Any]:
    return [record.get("values", {}).get("name") for record in answer["records"]]


@contextmanager
def _writing(site: Any, library: str = "population") -> Iterator[Any]:
    """A transaction that writes a library as a merge does: it says when it began, stamps that time, and commits when the block ends."""
    with Session(site.engine) as session:
        now = announce(session, library)

        def write(statement: str, **values: Any) -> None:
            session.execute(text(statement.format_map(sql.words(library))), {"now": now, **values})

        yield write
        session.commit()


def _rename(site: Any, key: str, name: str) -> None:
    with _writing(site) as write:
        write(_RENAME, key=key, name=name)


def test_an_answer_names_its_moment_and_the_same_is_found_for_it_again(exchange_site: Any) -> None:
    subjects = exchange_site.people[30:33]
    first = _ask(exchange_site, subjects)
    _rename(exchange_site, subjects[1], "新名")
    then = _ask(exchange_site, subjects, known_at=first["known_at"])
    now = _ask(exchange_site, subjects)
    assert _names(now)[1] == "新名"
    assert then["records"] == first["records"]
    assert then["records_digest"] == first["records_digest"] != now["records_digest"]
    assert then["known_at"] == first["known_at"]
    assert datetime.fromisoformat(first["known_at"]) <= datetime.now(UTC)
    assert first["items"] == {"name": "full", "birth_date": "full", "marital_status": "full"}


def test_the_digest_can_be_made_by_anybody(exchange_site: Any) -> None:
    answer = _ask(exchange_site, [*exchange_site.people[30:32], exchange_site.unknown_person])
    spelled = json.dumps(answer["records"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(spelled.encode()).hexdigest() == answer["records_digest"]


def test_a_merge_that_commits_after_the_reading_is_not_in_the_moment_that_was_named(exchange_site: Any) -> None:
    subject = exchange_site.people[33]
    with _writing(exchange_site) as write:
        write(_RENAME, key=subject, name="未提交")
        during = _ask(exchange_site, [subject])
        assert _names(during) != ["未提交"]
    assert _names(_ask(exchange_site, [subject])) == ["未提交"]
    again = _ask(exchange_site, [subject], known_at=during["known_at"])
    assert again["records"] == during["records"]


def test_a_subject_that_comes_while_asked_for_stays_unknown_at_that_moment(exchange_site: Any) -> None:
    subject = exchange_site.people[34]
    with _writing(exchange_site) as write:
        write(_REMOVE, key=subject)
    with _writing(exchange_site) as write:
        write(
            """INSERT INTO {golden} (subject, name, sources, batches, version, recorded_at)
            SELECT subject, '又来', sources, batches, 2, :now FROM {history} WHERE subject = :key""",
            key=subject,
        )
        during = _ask(exchange_site, [subject])
        assert during["records"] == [{"subject": subject, "found": False}]
    assert _names(_ask(exchange_site, [subject])) == ["又来"]
    assert _ask(exchange_site, [subject], known_at=during["known_at"])["records"] == during["records"]


def test_what_one_merge_committed_waits_for_an_earlier_one_when_both_are_asked_for(exchange_site: Any) -> None:
    """Of one answer all records stand at one moment: the later merge is told as soon as no earlier one is open."""
    early, late = exchange_site.people[35:37]
    before = _names(_ask(exchange_site, [early, late]))
    with _writing(exchange_site) as write:
        write(_RENAME, key=early, name="先开始")
        _rename(exchange_site, late, "先提交")
        during = _ask(exchange_site, [early, late])
        assert _names(during) == before
    assert _names(_ask(exchange_site, [early, late])) == ["先开始", "先提交"]
    assert _ask(exchange_site, [early, late], known_at=during["known_at"])["records"] == during["records"]


def test_a_record_that_has_gone_is_still_found_at_the_moment_before(exchange_site: Any) -> None:
    subject = exchange_site.people[37]
    before = _ask(exchange_site, [subject])
    with _writing(exchange_site) as write:
        write(_REMOVE, key=subject)
    gone = _ask(exchange_site, [subject])
    assert gone["records"] == [{"subject": subject, "found": False}]
    assert datetime.fromisoformat(gone["known_at"]) > datetime.fromisoformat(before["known_at"])
    assert _ask(exchange_site, [subject], known_at=gone["known_at"])["records"] == gone["records"]
    assert _ask(exchange_site, [subject], known_at=before["known_at"])["records"] == before["records"]


def test_a_question_asked_again_is_answered_as_the_first_time_though_the_record_changed(exchange_site: Any) -> None:
    subject = exchange_site.people[32]
    first = exchange_site.question(exchange_site.asking(GRANT, [subject]))
    before = exchange_site.send(first)
    _rename(exchange_site, subject, "改了")
    repeated = {"x-request-id": first.headers["x-request-id"]}
    after = exchange_site.send(exchange_site.question(exchange_site.asking(GRANT, [subject]), headers=repeated))
    assert after.body == before.body
    assert after.headers["x-receipt"] == before.headers["x-receipt"]


def test_what_was_true_on_a_day_is_told_from_what_the_sources_had_said(exchange_site: Any) -> None:
    subject = exchange_site.people[31]
    claim = """INSERT INTO {table} (subject, name, source, row_hash, version, batch, asserted_at, effective_from, recorded_at{more})
        VALUES (:key, :name, 1, 0, :version, 7, :now, :day, :now{values})"""
    with _writing(exchange_site) as write:
        past = claim.replace("{more}", ", superseded_at, superseded_by_batch").replace("{values}", ", :now, 7")
        write(past.replace("{table}", "{past_claims}"), key=subject, name="旧名", version=1, day=date(2000, 1, 1))
        current = claim.replace("{more}", "").replace("{values}", "").replace("{table}", "{claims}")
        write(current, key=subject, name="新名", version=2, day=date(2020, 1, 1))
    assert _names(_ask(exchange_site, [subject], as_of="2019-12-31")) == ["旧名"]
    after = _ask(exchange_site, [subject], as_of="2020-01-01")
    assert (_names(after), after["as_of"]) == (["新名"], "2020-01-01")
    assert _ask(exchange_site, [subject], as_of="1999-12-31")["records"] == [{"subject": subject, "found": False}]
    again = _ask(exchange_site, [subject], as_of="2020-01-01", known_at=after["known_at"])
    assert again["records_digest"] == after["records_digest"]
    assert _names(_ask(exchange_site, [subject], as_of="2020-01-01", known_at="2026-01-01T00:00:00Z")) == [None]


def test_the_evidence_names_the_day_and_the_moment(exchange_site: Any) -> None:
    request, response = exchange_site.ask(
        exchange_site.asking(GRANT, exchange_site.people[:1], as_of="2026-03-01"), QUERY
    )
    entry = json.loads(exchange_site.check(request, response).document)
    assert entry["facts"].items() >= {"as_of": "2026-03-01", "known_at": json.loads(response.body)["known_at"]}.items()


def test_before_the_first_record_nothing_is_found(exchange_site: Any) -> None:
    answer = _ask(exchange_site, exchange_site.people[:1], known_at="2001-01-01T00:00:00+08:00")
    assert answer["records"] == [{"subject": exchange_site.people[0], "found": False}]


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"known_at": "2999-01-01T00:00:00Z"}, "record.known_at_future"),
        ({"known_at": "2026-01-01T00:00:00"}, "request.malformed"),
        ({"known_at": 5}, "request.malformed"),
        ({"as_of": "2026-02-30"}, "request.malformed"),
        ({"as_of": 20260101}, "request.malformed"),
    ],
)
def test_a_time_that_is_none_is_refused_by_name(exchange_site: Any, wrong: dict[str, Any], code: str) -> None:
    _, response = exchange_site.ask(exchange_site.asking(GRANT, **wrong), QUERY)
    assert (response.status, json.loads(response.body)["code"]) == (422, code)


def test_a_certificate_is_told_as_of_a_day_within_its_validity(exchange_site: Any) -> None:
    key = f"{exchange_site.certificate}0"
    with _writing(exchange_site, "certificate") as write:
        write("UPDATE {golden} SET valid_from = :day WHERE entry = :key", key=key, day=date(2020, 1, 1))
    question = {"grant": "SQ-2026-000009", "purpose": exchange_site.purpose, "identifiers": [key]}

    def found(day: date) -> bool:
        _, response = exchange_site.ask({**question, "as_of": day.isoformat()}, "/v1/certificates/query")
        (record,) = json.loads(response.body)["records"]
        return bool(record["found"])

    assert [found(date(2020, 1, 1) + timedelta(days=n)) for n in (-1, 0, 1)] == [False, True, True]
