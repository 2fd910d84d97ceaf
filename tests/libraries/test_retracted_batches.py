"""After a batch was taken back its source is collected as if the batch had never been: what it brought is asked for again, what it settled waits again."""

from typing import Any

from libraries import ingest
from libraries.retracting.retract import Report, retract
from tests.libraries.conftest import RESIDENT as BASE
from tests.libraries.story import RESIDENT, at_source, balanced, faulty, held, waiting


def back(batch: str) -> Report:
    return retract(batch, reason="test", by="li")


def by_number() -> dict[str, Any]:
    items = [*BASE["items"], {"id": "changed", "name": "变更序号", "type": "I"}]
    source = {**BASE["source"], "mapping": {**BASE["source"]["mapping"], "bz": "changed"}, "ignore": []}
    return {"items": items, "source": {**source, "mode": "incremental", "watermark": "changed"}}


def numbered(people: Any, count: int) -> list[dict[str, Any]]:
    return [row | {"bz": str(place + 1)} for place, row in enumerate(people(count))]


def test_an_increment_that_was_taken_back_is_asked_for_again_once(hub: Any, people: Any) -> None:
    hub.publish(**by_number())
    rows = numbered(people, 6)
    at_source(hub, rows[:2], "1")
    wrong = at_source(hub, rows[:4], "2")
    at_source(hub, rows[:5], "3")
    back(wrong)
    again = at_source(hub, rows, "4")
    assert hub.batch(again)["rows_in"] == 5, "from the last watermark before: rows 2 to 6"
    assert hub.one("SELECT count(*) FROM library.population") == 6
    assert hub.batch(at_source(hub, rows, "5"))["rows_in"] == 1, "the watermark alone, as ever"


def test_the_first_batch_taken_back_is_asked_for_from_the_beginning(hub: Any, people: Any) -> None:
    hub.publish(**by_number())
    rows = numbered(people, 3)
    back(at_source(hub, rows, "1"))
    assert hub.one("SELECT count(*) FROM library.population") == 0
    assert hub.batch(at_source(hub, rows, "2"))["rows_in"] == 3
    assert hub.one("SELECT count(*) FROM library.population") == 3


def test_a_file_whose_batch_was_taken_back_is_taken_again(hub: Any, people: Any) -> None:
    source = {
        **BASE["source"],
        "connector": "files",
        "connection": "drops",
        "options": {"pattern": "*.csv"},
        "mode": "incremental",
    }
    hub.publish(source=source)
    row = people(1)[0]
    hub.drop("a.csv", ",".join(row) + "\n" + ",".join(str(value or "") for value in row.values()) + "\n")
    first = ingest.ingest(RESIDENT, "1")
    assert hub.batch(ingest.ingest(RESIDENT, "2"))["rows_in"] == 0
    back(first)
    assert hub.batch(ingest.ingest(RESIDENT, "3"))["rows_in"] == 1


def test_a_batch_that_had_too_many_rows_no_longer_sets_the_least(hub: Any, people: Any) -> None:
    hub.publish()
    rows = people(200)
    at_source(hub, rows[:50], "1")
    wrong = at_source(hub, rows, "2")
    back(wrong)
    assert hub.batch(at_source(hub, rows[:50], "3"))["state"] == "merged"


def test_rows_a_batch_held_wait_no_longer_and_their_tickets_close(hub: Any, people: Any) -> None:
    hub.publish()
    batch = at_source(hub, faulty(people(4), [1]), "1")
    assert len(waiting(hub)) == 1
    report = back(batch)
    assert waiting(hub) == []
    assert report.counts["rows_let_go"] == 1
    assert hub.one("SELECT superseded_how FROM landing.quarantined_rows") == "retracted"
    assert hub.one("SELECT state FROM landing.tickets") == "closed"
    assert balanced(hub, batch)["superseded"] == 1


def test_rows_a_batch_settled_wait_again_until_another_settles_them(hub: Any, people: Any) -> None:
    hub.publish()
    rows = people(4)
    first = at_source(hub, faulty(rows, [1, 2]), "1")
    second = at_source(hub, rows, "2")
    assert waiting(hub) == []
    back(second)
    assert len(held(hub, first)) == 2
    third = at_source(hub, rows, "3")
    assert balanced(hub, first) == {"waiting": 0, "released": 0, "superseded": 2, "held": 2}
    fourth = at_source(hub, rows, "4")
    back(third)
    assert hub.rows("SELECT DISTINCT superseded_by_batch_id AS b FROM landing.quarantined_rows") == [{"b": fourth}]


def test_a_replay_that_was_taken_back_releases_nothing(hub: Any, people: Any) -> None:
    hub.publish()
    rows = people(3)
    first = at_source(hub, faulty(rows, [1]), "1")
    row = waiting(hub)[0]
    replay = ingest.replay(row.id, {"name": "wrong"})
    assert retract(first, reason="test", by="li", dry_run=True).replays == (replay,)
    back(replay)
    assert [one.id for one in waiting(hub)] == [row.id]
    assert hub.one("SELECT count(*) FROM library.population") == 2
    ingest.replay(row.id, {"name": "right"})
    assert waiting(hub) == []
    assert hub.one("SELECT name FROM library.population WHERE subject = :s", s=rows[1]["gmsfhm"]) == "right"


def test_publishing_a_batch_that_was_taken_back_settles_nothing(hub: Any, people: Any) -> None:
    hub.publish()
    rows = people(3)
    first = at_source(hub, faulty(rows, [1]), "1")
    second = at_source(hub, rows, "2")
    back(second)
    ingest.ingest(RESIDENT, "2")
    assert len(held(hub, first)) == 1
    assert hub.batch(second)["state"] == "retracted"
