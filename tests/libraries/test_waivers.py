"""A row that cannot be mended is left out with a reason: asked for no more, told to its department, and back again when the word is taken back."""

from typing import Any

import pytest

from libraries import ingest
from libraries.correcting import correction_files, corrections
from libraries.holding import tickets, waived, waiving
from libraries.retracting.retract import retract
from schemas.errors import Invalid, Terminal
from schemas.grounds import Grounds
from tests.libraries.story import RESIDENT, at_source, balanced, faulty, held, waiting
from tests.libraries.test_corrections import exported, place, save

WHY = Grounds("来源无法补录", "guanjia")


def waive(hub: Any, *rows: Any, why: Grounds = WHY) -> list[Any]:
    with hub.session() as session:
        return [one.id for one in waiving.waive(session, [row.id for row in rows], why)]


def withdraw(hub: Any, waiver: int) -> None:
    with hub.session() as session:
        waiving.withdraw(session, waiver, Grounds("已找到原件", "guanjia"))


def notices(hub: Any) -> list[str]:
    return [
        row["key"] for row in hub.rows("SELECT key FROM operations.notices WHERE key LIKE 'quarantine.w%' ORDER BY id")
    ]


@pytest.fixture
def first(hub: Any, people: Any) -> str:
    """A batch of eight people, two of whom wait for a name."""
    hub.publish(quality={"reject_above": 0.9})
    hub.rows("DELETE FROM operations.notices RETURNING id")
    return at_source(hub, faulty(people(8), wrong=(0, 1)), "r1")


def test_a_row_left_out_waits_no_more_and_its_department_is_told(hub: Any, first: str) -> None:
    one, two = held(hub, first)
    waive(hub, one)
    assert [row.id for row in waiting(hub)] == [two.id]
    assert balanced(hub, first) == {"waiting": 1, "released": 0, "superseded": 1, "held": 2}
    with hub.session() as session:
        assert [ticket.rows for ticket in tickets.find(session, RESIDENT)] == [1]
        assert waived.of_row(session, one.id)[0].reason == WHY.reason
    assert notices(hub) == ["quarantine.waived"]
    waive(hub, two)
    with hub.session() as session:
        assert tickets.find(session, RESIDENT) == []


def test_the_same_word_twice_is_one(hub: Any, first: str) -> None:
    one = held(hub, first)[0]
    assert waive(hub, one) == waive(hub, one, why=Grounds("另一理由", "other"))
    assert hub.one("SELECT count(*) FROM landing.waivers") == 1
    assert notices(hub) == ["quarantine.waived"]


def test_the_same_row_delivered_again_is_left_out_again(hub: Any, people: Any, first: str) -> None:
    waive(hub, held(hub, first)[0])
    second = at_source(hub, faulty(people(8), wrong=(0, 1)), "r2")
    assert balanced(hub, second) == {"waiting": 1, "released": 0, "superseded": 1, "held": 2}
    third = at_source(hub, faulty(people(8), wrong=(0, 1)), "r3")
    assert balanced(hub, third) == {"waiting": 1, "released": 0, "superseded": 1, "held": 2}
    assert {row["origin_id"] for row in hub.rows("SELECT origin_id FROM landing.waivers")} == {None, 1}
    assert hub.one("SELECT count(*) FROM library.population") == 6


def test_another_fault_or_other_values_wait_anew(hub: Any, people: Any, first: str) -> None:
    waive(hub, *held(hub, first))
    rows = faulty(people(8), wrong=(0, 1))
    rows[0]["dh"] = "12"
    rows[1]["sg"] = "171"
    second = at_source(hub, rows, "r2")
    assert balanced(hub, second)["waiting"] == 2


def test_taken_back_what_is_still_wrong_waits_again_once(hub: Any, people: Any, first: str) -> None:
    (waiver,) = waive(hub, held(hub, first)[0])
    second = at_source(hub, faulty(people(8), wrong=(0, 1)), "r2")
    withdraw(hub, waiver)
    withdraw(hub, waiver)
    assert balanced(hub, second)["waiting"] == 2
    assert balanced(hub, first)["waiting"] == 0
    assert notices(hub) == ["quarantine.waived", "quarantine.waiver_withdrawn"]
    assert hub.one("SELECT count(*) FROM landing.waivers WHERE withdrawn_at IS NULL") == 0


def test_taken_back_what_the_source_put_right_waits_no_more(hub: Any, people: Any, first: str) -> None:
    (waiver,) = waive(hub, held(hub, first)[0])
    at_source(hub, faulty(people(8), wrong=(1,)), "r2")
    withdraw(hub, waiver)
    assert len(waiting(hub)) == 1
    assert balanced(hub, first)["superseded"] == 2


def test_taken_back_a_row_of_a_batch_that_is_gone_waits_for_nothing(hub: Any, first: str) -> None:
    (waiver,) = waive(hub, held(hub, first)[0])
    retract(first, reason="错误批次", by="guanjia")
    withdraw(hub, waiver)
    assert waiting(hub) == []


def test_a_row_left_out_is_not_mended_by_accident(hub: Any, first: str, tmp_path: Any) -> None:
    path = tmp_path / "out.xlsx"
    lines = exported(hub, path)
    one, two = held(hub, first)
    waive(hub, one)
    for line in lines[1:]:
        line[place(lines, "name")] = "李补"
    save(path, lines)
    looked = {answer.row_id: answer for answer in corrections.look_at(correction_files.read(path)).answers}
    assert (looked[one.id].state, looked[one.id].detail) == ("superseded", "waived")
    assert looked[two.id].state == "to_send"
    with pytest.raises(Terminal) as refused:
        ingest.replay(one.id, {"name": "李补"})
    assert refused.value.code == "quarantine.waived"


def test_only_what_waits_can_be_left_out(hub: Any, first: str) -> None:
    one, _ = held(hub, first)
    ingest.replay(one.id, {"name": "李补"})
    with pytest.raises(Terminal) as refused:
        waive(hub, one)
    assert refused.value.code == "quarantine.released"
    with pytest.raises(Invalid), hub.session() as session:
        waiving.waive(session, [999_999], WHY)
    with pytest.raises(Invalid), hub.session() as session:
        waiving.withdraw(session, 999_999, WHY)
