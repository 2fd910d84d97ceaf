"""Whoever keeps a copy of what was granted learns what changed of it: additions, changes and tombstones, in one order, nothing lost, and nothing besides."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from tests.exchange_api.conftest import PEOPLE, PURPOSE
from tests.exchange_api.feeding import Consumer, left_as_found, writing
from tests.exchange_api.granted import grant
from tests.hutong.installation import wait_until

MODES = ["query", "changes"]


@pytest.fixture(scope="module", autouse=True)
def _library(exchange_site: Any) -> Iterator[None]:
    with left_as_found(exchange_site):
        yield


def _grant(site: Any, items: dict[str, str], **changes: Any) -> str:
    return grant(site, items, **{"modes": MODES} | changes)


def test_a_feed_begins_with_what_holds_and_goes_on_with_what_changed(exchange_site: Any) -> None:
    consumer = Consumer(exchange_site, _grant(exchange_site, {"name": "full", "phone": "masked"}), limit=7)
    begun = consumer.follow()
    assert {one["change"] for one in begun} == {"added"}
    assert set(PEOPLE) <= set(consumer.copy)
    assert consumer.follow() == []
    with writing(exchange_site) as write:
        write.change(PEOPLE[1], name="改名")
        write.remove(PEOPLE[0])
    with writing(exchange_site) as write:
        write.add(PEOPLE[0], name="又来", phone="13912345678")
    told = consumer.follow()
    assert [(one["change"], one["subject"]) for one in told] == [
        ("removed", PEOPLE[0]), ("changed", PEOPLE[1]), ("added", PEOPLE[0]),
    ]  # fmt: skip
    assert told[1]["changed"] == ["name"]
    assert told[2]["values"] == {"name": "又来", "phone": "139****5678"}
    assert told[2]["sources"]["name"] == {
        "resource": "public_security.resident",
        "batch": "public_security.resident/run-1",
    }


def test_what_changes_outside_the_grant_or_behind_a_mask_tells_nothing(exchange_site: Any) -> None:
    consumer = Consumer(exchange_site, _grant(exchange_site, {"phone": "masked", "marital_status": "yes_no"}))
    consumer.follow()
    with writing(exchange_site) as write:
        write.change(PEOPLE[2], name="另名")
        write.change(PEOPLE[3], phone="13899990003")
        write.change(PEOPLE[5], marital_status="30")
    assert consumer.follow() == []
    with writing(exchange_site) as write:
        write.change(PEOPLE[3], phone="13799990003")
    (told,) = consumer.follow()
    assert told["values"] == {"phone": "137****0003", "marital_status": True}
    assert "13799990003" not in json.dumps(consumer.seen)


def test_a_record_that_leaves_the_rows_is_a_tombstone_and_one_that_comes_in_is_new(exchange_site: Any) -> None:
    rows = [{"attribute": "sex", "kind": "in", "values": ["1"]}]
    with writing(exchange_site) as write:
        write.change(PEOPLE[6], sex="1")
        write.change(PEOPLE[7], sex="2")
    consumer = Consumer(exchange_site, _grant(exchange_site, {"name": "full"}, rows=rows))
    consumer.follow()
    assert PEOPLE[6] in consumer.copy
    assert PEOPLE[7] not in consumer.copy
    with writing(exchange_site) as write:
        write.change(PEOPLE[6], sex="2")
        write.change(PEOPLE[7], sex="1")
        write.change(PEOPLE[8], name="行外")
    assert [(one["change"], one["subject"]) for one in consumer.follow()] == [
        ("removed", PEOPLE[6]), ("added", PEOPLE[7]),
    ]  # fmt: skip


def test_a_merge_that_commits_late_is_not_skipped(exchange_site: Any) -> None:
    """The early one begins first and commits last: until then the feed does not pass it, afterwards both are told in the order of their moments."""
    consumer = Consumer(exchange_site, _grant(exchange_site, {"name": "full"}), limit=1)
    consumer.limit = 850
    consumer.follow()
    with writing(exchange_site) as early:
        early.change(PEOPLE[10], name="先开始")
        with writing(exchange_site) as late:
            late.change(PEOPLE[9], name="先提交")
        assert consumer.follow() == []
    told = consumer.follow()
    assert [one["values"]["name"] for one in told] == ["先开始", "先提交"]
    assert consumer.follow() == []


def test_merges_between_two_pages_change_nothing_of_what_was_begun(exchange_site: Any) -> None:
    consumer = Consumer(exchange_site, _grant(exchange_site, {"name": "full"}), limit=5)
    consumer.turn()
    last = consumer.seen[-1]["subject"]
    behind, ahead = PEOPLE[0], max(PEOPLE)
    assert behind <= last < ahead
    with writing(exchange_site) as write:
        write.change(behind, name="前头改了")
        write.change(ahead, name="后头改了")
    consumer.follow()
    assert {consumer.copy[one]["values"]["name"] for one in (behind, ahead)} == {"前头改了", "后头改了"}
    first = [one for one in consumer.seen if one["subject"] == ahead]
    assert [one["change"] for one in first] == ["added", "changed"], "the stock stands at the moment it was begun"


def test_a_page_asked_for_again_is_the_same_page(exchange_site: Any) -> None:
    grant_id = _grant(exchange_site, {"name": "full"})
    consumer = Consumer(exchange_site, grant_id)
    consumer.follow()
    with writing(exchange_site) as write:
        write.change(PEOPLE[11], name="一次")
    same = {"headers": {"x-request-id": "0b5a2f0e-54c4-4d4e-8a3d-1f3f3e8f2a11"}}
    _, first = consumer.ask(consumer.cursor, **same)
    used = exchange_site.used(grant_id)
    with writing(exchange_site) as write:
        write.change(PEOPLE[11], name="两次")
    _, again = consumer.ask(consumer.cursor, **same)
    assert again == first
    assert exchange_site.used(grant_id) == used
    _, anew = consumer.ask(consumer.cursor)
    assert [one["values"]["name"] for one in anew["changes"]] == ["一次", "两次"]


def test_a_lost_page_shows_in_the_next(exchange_site: Any) -> None:
    consumer = Consumer(exchange_site, _grant(exchange_site, {"name": "full"}), limit=4)
    consumer.turn()
    _, lost = consumer.ask(consumer.cursor)
    _, after = consumer.ask(lost["next"])
    assert (after["follows"], after["page"]) == (lost["next"], 3)
    assert (consumer.cursor, consumer.page) == (lost["follows"], 1)


@pytest.mark.parametrize("wrong", ["AAAA", "forged", "x" * 5000, "再来"])
def test_a_forged_cursor_is_refused(exchange_site: Any, wrong: str) -> None:
    consumer = Consumer(exchange_site, _grant(exchange_site, {"name": "full"}))
    status, answer = consumer.ask(wrong)
    assert (status, answer["code"]) == (422, "feed.cursor")


def test_a_cursor_changed_in_one_letter_or_of_another_grant_is_refused(exchange_site: Any) -> None:
    mine, other = (Consumer(exchange_site, _grant(exchange_site, {"name": "full"})) for _ in range(2))
    mine.turn()
    assert mine.cursor is not None
    place = len(mine.cursor) // 2
    changed = mine.cursor[:place] + ("A" if mine.cursor[place] != "A" else "B") + mine.cursor[place + 1 :]
    assert [mine.ask(changed)[1]["code"], other.ask(mine.cursor)[1]["code"]] == ["feed.cursor", "feed.cursor"]
    assert all(person not in mine.cursor for person in PEOPLE)


def test_when_history_was_shortened_or_the_grant_changed_the_consumer_is_told_to_begin_anew(
    exchange_site: Any,
) -> None:
    grant_id = _grant(exchange_site, {"name": "full"})
    consumer = Consumer(exchange_site, grant_id)
    consumer.follow()
    with Session(exchange_site.engine) as session:
        floor = {"at": datetime.now(UTC) + timedelta(seconds=5)}
        session.execute(
            text("INSERT INTO library.history_floors (library, complete_from, reason) VALUES ('population', :at, 't')"),
            floor,
        )
        session.commit()
    try:
        status, answer = consumer.ask(consumer.cursor)
        assert (status, answer["code"]) == (410, "feed.gap")
    finally:
        with Session(exchange_site.engine) as session:
            session.execute(text("DELETE FROM library.history_floors"))
            session.commit()
    assert consumer.ask(consumer.cursor)[0] == 200
    exchange_site.change_grant(grant_id, rows=[{"attribute": "sex", "kind": "in", "values": ["1"]}])
    wait_until(lambda: consumer.ask(consumer.cursor)[1].get("code") == "feed.gap")


def test_a_feed_needs_its_mode_its_case_and_its_quota(exchange_site: Any) -> None:
    plain = Consumer(exchange_site, grant(exchange_site, {"name": "full"}))
    assert plain.ask()[1]["code"] == "grant.other_mode"
    small = Consumer(exchange_site, _grant(exchange_site, {"name": "full"}, quota_per_day=3))
    assert small.ask()[1]["code"] == "quota.exceeded"
    small.limit = 3
    assert small.ask()[0] == 200
    assert exchange_site.used(small.grant) == 3
    _, response = exchange_site.ask(None, f"/v1/grants/{small.grant}/changes", method="GET", query=f"case={PEOPLE[0]}")
    assert json.loads(response.body)["code"] == "url.personal"
    assert small.ask(query={"limit": 851})[1]["code"] == "request.malformed"
    _, response = exchange_site.ask(None, f"/v1/grants/{small.grant}/changes", method="GET")
    assert json.loads(response.body)["code"] == "purpose.case_missing"
    foreign = Consumer(exchange_site, "SQ-2026-000007")
    assert foreign.ask()[1]["code"] == "grant.unknown"


def test_the_evidence_of_a_page_finds_its_subjects_and_their_batches(exchange_site: Any) -> None:
    consumer = Consumer(exchange_site, _grant(exchange_site, {"name": "full"}), limit=3)
    _, page = consumer.ask()
    document = json.loads(exchange_site.entry(page["receipt"]).document)
    assert (len(document["subjects"]), document["batches"]) == (3, ["public_security.resident/run-1"])
    assert document["purpose"] == PURPOSE
    assert all(one["subject"] not in json.dumps(document) for one in page["changes"])
