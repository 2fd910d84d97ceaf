"""Rows leave quarantine only mended or because their source settled them; at every moment every row of a batch is somewhere, and counted."""

from dataclasses import asdict
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from libraries import batches, ingest, quarantine
from libraries.holding import mending
from libraries.quarantine import Wanted
from schemas.database import transaction
from schemas.errors import Terminal
from tests.libraries.conftest import RESIDENT as BASE
from tests.libraries.story import at_source, balanced, faulty, held, waiting

RESIDENT = "public_security.resident"


def test_a_row_put_right_at_its_source_waits_no_longer(hub: Any, people: Any) -> None:
    hub.publish(quality={"reject_above": 0.9})
    rows = people(6)
    first = at_source(hub, faulty(rows, wrong=(0, 1, 2)), "r1")
    ids = [row.id for row in held(hub, first)]
    # row 0 comes right, row 1 is wrong again, row 2 is gone
    second = at_source(hub, faulty([rows[0], rows[1], *rows[3:]], wrong=(1,)), "r2")
    with hub.session() as session:
        ended = {id: quarantine.get(session, id) for id in ids}
        assert [ended[id].superseded_how for id in ids] == ["right", "again", "gone"]
        assert {row.superseded_by_batch_id for row in ended.values()} == {second}
        (again,) = quarantine.find(session, resource_id=RESIDENT)
        assert again.batch_id == second
        assert again.waiting_since == ended[ids[1]].waiting_since < again.held_at
    assert balanced(hub, first) == {"waiting": 0, "released": 0, "superseded": 3, "held": 3}
    assert balanced(hub, second) == {"waiting": 1, "released": 0, "superseded": 0, "held": 1}
    with pytest.raises(Terminal, match=r"quarantine\.superseded"):
        ingest.replay(ids[2], {"name": "回来"})


def test_publishing_again_settles_nothing_twice(hub: Any, people: Any) -> None:
    hub.publish(quality={"reject_above": 0.9})
    rows = people(4)
    first = at_source(hub, faulty(rows, wrong=(0, 1)), "r1")
    second = at_source(hub, rows[:3], "r2")
    before = hub.rows("SELECT * FROM landing.quarantined_rows ORDER BY id")
    ingest.publish(second)
    ingest.publish(first)
    assert hub.rows("SELECT * FROM landing.quarantined_rows ORDER BY id") == before


def test_an_increment_settles_only_the_rows_it_brings(hub: Any, people: Any) -> None:
    hub.publish(quality={"reject_above": 0.9}, **_incremental())
    rows = people(4)
    first = at_source(hub, [row | {"bz": "1"} for row in faulty(rows, wrong=(0, 1))], "r1")
    at_source(hub, [rows[0] | {"bz": "2"}], "r2")
    with hub.session() as session:
        found = {
            row.record_key: row.superseded_how
            for row in quarantine.find(session, batch_id=first, wanted=Wanted(waiting=False))
        }
    assert found == {rows[0]["gmsfhm"]: "right", rows[1]["gmsfhm"]: None}


def test_a_mended_row_that_a_newer_snapshot_dropped_stays_gone(hub: Any, people: Any) -> None:
    hub.publish(quality={"reject_above": 0.9})
    rows = people(6)
    at_source(hub, rows, "r0")
    first = at_source(hub, faulty(rows, wrong=(0,)), "r1")
    (row,) = held(hub, first)
    with hub.session() as session:  # planned before the snapshot, merged after it
        (planned,) = mending.plan(session, {row.id: {"name": "回来"}})
    at_source(hub, rows[1:], "r2")
    with hub.session() as session:
        task = batches.get(session, planned.batch_id)
    ingest._record_landed(planned.batch_id, task, mending.land(task, planned.rows))
    for step in (ingest.check, ingest.merge, ingest.publish):
        step(planned.batch_id)
    assert hub.one("SELECT count(*) FROM library.population WHERE subject = :id", id=rows[0]["gmsfhm"]) == 0
    with hub.session() as session:
        mending.settle(session, planned.batch_id)
        assert quarantine.get(session, row.id).superseded_how == "gone"


def test_many_rows_are_replayed_as_one_batch_and_each_ends_for_itself(hub: Any, people: Any) -> None:
    hub.publish(quality={"reject_above": 0.9})
    rows = people(30)
    first = at_source(hub, faulty(rows, wrong=tuple(range(10))), "r")
    found = held(hub, first)
    corrections = {row.id: {"name": "李四"} for row in found[:9]} | {found[9].id: {"phone": "x", "name": "李四"}}
    ended = ingest.replay_rows(corrections)
    by = {mended.batch_id for mended in ended.values()}
    assert len(by) == 1
    assert [ended[row.id].end for row in found] == ["released"] * 9 + ["wrong"]
    assert ended[found[9].id].reasons == ("phone.pattern",)
    assert hub.one("SELECT count(*) FROM library.population") == 29
    assert hub.one("SELECT count(*) FROM library.population WHERE name = '李四'") == 9
    assert [row.id for row in waiting(hub)] == [found[9].id]
    count = hub.one("SELECT count(*) FROM landing.batches")
    with hub.session() as session:
        assert mending.plan(session, {found[9].id: corrections[found[9].id]}) == []  # judged before: nothing to do
    assert ingest.replay_rows({found[9].id: corrections[found[9].id]})[found[9].id].end == "wrong"
    with pytest.raises(Terminal, match=r"quarantine\.still_wrong"):
        ingest.replay(found[9].id, corrections[found[9].id])
    assert hub.one("SELECT count(*) FROM landing.batches") == count
    assert balanced(hub, first) == {"waiting": 1, "released": 9, "superseded": 0, "held": 10}
    assert balanced(hub, str(by.pop())) == {"waiting": 0, "released": 0, "superseded": 1, "held": 1}


@pytest.mark.parametrize("broken", ["land", "check", "merge", "publish", "settle"])
def test_a_replay_that_dies_anywhere_is_gone_on_from(
    hub: Any, people: Any, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.publish(quality={"reject_above": 0.9})
    rows = people(6)
    first = at_source(hub, faulty(rows, wrong=(0, 1)), "r")
    corrections = {row.id: {"name": "李四"} for row in held(hub, first)}
    where: Any = mending if broken in ("land", "settle") else ingest

    def dies(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(where, broken, dies)
        with pytest.raises(KeyboardInterrupt):
            ingest.replay_rows(corrections)
    ended = ingest.replay_rows(corrections)
    assert {mended.end for mended in ended.values()} == {"released"}
    assert hub.one("SELECT count(*) FROM library.population") == 6
    assert hub.one("SELECT count(*) FROM landing.batches") == 2
    assert balanced(hub, first) == {"waiting": 0, "released": 2, "superseded": 0, "held": 2}


def test_a_line_that_fits_no_header_can_be_given_its_values(hub: Any, people: Any) -> None:
    hub.publish(source=_drop(), quality={"reject_above": 0.9})
    rows = people(4)
    lines = [",".join(str(row[name] or "") for name in rows[0]) for row in rows]
    lines[3] += ",too,many"
    hub.drop("a.csv", "\n".join([",".join(rows[0]), *lines]) + "\n")
    first = ingest.ingest(RESIDENT, "r")
    (row,) = held(hub, first)
    assert row.reasons == [quarantine.MALFORMED]
    right = rows[3]
    ingest.replay(
        row.id, {"citizen_id": right["gmsfhm"], "name": right["xm"], "sex": right["xb"], "birth_date": right["csrq"]}
    )
    assert hub.one("SELECT count(*) FROM library.population") == 4
    assert balanced(hub, first) == {"waiting": 0, "released": 1, "superseded": 0, "held": 1}


def test_whoever_collects_cannot_delete_a_held_row(hub: Any, people: Any) -> None:
    hub.publish(quality={"reject_above": 0.9})
    at_source(hub, faulty(people(3), wrong=(0,)), "r")
    for statement in (
        "DELETE FROM landing.quarantined_rows",
        "TRUNCATE landing.quarantined_rows",
        "DELETE FROM landing.tickets",
    ):
        with pytest.raises(ProgrammingError, match="permission denied"), hub.session() as session:
            session.execute(text(statement))


def test_rows_are_grouped_by_reason_and_age(hub: Any, people: Any) -> None:
    hub.publish(quality={"reject_above": 0.9})
    rows = people(8)
    first = at_source(
        hub, [row | {"dh": "1"} if n < 3 else row for n, row in enumerate(faulty(rows, wrong=(0, 4)))], "r"
    )
    ids = [row.id for row in held(hub, first)]
    with transaction() as session:
        session.execute(
            text(f"UPDATE landing.quarantined_rows SET waiting_since = now() - interval '10 days' WHERE id = {ids[1]}")
        )
    with hub.session() as session:
        found = quarantine.groups(session, RESIDENT)
        assert [(group.reason, group.rows, group.examples) for group in found] == [
            ("phone.pattern", 3, (ids[1], ids[0])), ("name.required", 2, (ids[0], ids[3])),
        ]  # fmt: skip
        assert quarantine.ages(session, RESIDENT) == {">90": 0, "30-90": 0, "7-30": 1, "1-7": 0, "<1": 3}
        old = quarantine.find(session, resource_id=RESIDENT, wanted=Wanted(older_than=timedelta(days=7)))
        assert [row.id for row in old] == [ids[1]]
        missing = quarantine.find(session, resource_id=RESIDENT, wanted=Wanted(reason="name.required"))
        assert [row.id for row in missing] == [ids[0], ids[3]]
        assert asdict(quarantine.balance(session, first)) == {
            "rows": 8, "good": 4, "duplicates": 0, "held": 4, "waiting": 4, "released": 0, "superseded": 0,
        }  # fmt: skip


def _incremental() -> dict[str, Any]:
    items = [*BASE["items"], {"id": "changed", "name": "变更序号", "type": "I"}]
    source = {**BASE["source"], "mapping": {**BASE["source"]["mapping"], "bz": "changed"}, "ignore": []}
    return {"items": items, "source": {**source, "mode": "incremental", "watermark": "changed"}}


def _drop() -> dict[str, Any]:
    return {
        **BASE["source"],
        "connector": "files",
        "connection": "drops",
        "options": {"pattern": "*.csv", "format": "csv"},
    }
