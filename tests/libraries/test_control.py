"""Pause, resume, turns and paces; and what happens at once or out of order: one run twice, two resources into one library, a clock moved back."""

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
import typer
from typer.testing import CliRunner

from libraries import batches, ingest
from libraries.collecting import control, limits
from schemas.errors import Invalid, Terminal, Transient
from schemas.resource import Limits, Source

RESIDENT = "public_security.resident"


def command(*given: str) -> str:
    from hutong.commands.ingest import ingest as function

    app = typer.Typer()
    app.command()(function)
    shown = CliRunner().invoke(app, list(given), env={"COLUMNS": "200"})
    if shown.exception is not None and not isinstance(shown.exception, SystemExit):
        raise shown.exception
    assert shown.exit_code == 0, shown.output
    return shown.output


def test_a_paused_resource_is_not_taken_up_until_it_is_resumed(hub: Any, people: Any) -> None:
    hub.publish()
    hub.fill(people(3))
    assert "已暂停" in command(RESIDENT, "--pause", "--reason", "系统搬迁")
    with pytest.raises(Terminal, match=r"landing\.paused") as caught:
        ingest.ingest(RESIDENT, "r")
    assert caught.value.facts["reason"] == "系统搬迁"
    assert hub.rows("SELECT 1 FROM landing.batches") == []
    assert "系统搬迁" in command("--status")
    command("--all")  # a pause is a decision: the others go on, and nothing has failed
    assert "已恢复" in command(RESIDENT, "--resume")
    assert "未暂停" in command(RESIDENT, "--resume")
    ingest.ingest(RESIDENT, "r")
    assert "merged" in command(RESIDENT, "--status")


def test_what_has_landed_goes_on_although_its_resource_was_paused(hub: Any, people: Any) -> None:
    hub.publish()
    hub.fill(people(3))
    batch = ingest.plan(RESIDENT, "r")
    ingest.land(batch)
    command(RESIDENT, "--pause")
    assert ingest.ingest(RESIDENT, "r") == batch
    assert hub.batch(batch)["state"] == "merged"


def test_only_a_known_resource_is_paused(hub: Any) -> None:
    with hub.session() as session, pytest.raises(Invalid, match="unknown_resource"):
        control.pause(session, "public_security.nothing")


def binding(**changes: Any) -> Source:
    given = {"connector": "database", "connection": "police", "mapping": {"a": "a"}, "key": ["a"], **changes}
    return Source.model_validate(given)


@pytest.mark.usefixtures("hub")
def test_no_more_readers_than_the_source_allows_and_one_too_many_gives_up(caplog: pytest.LogCaptureFixture) -> None:
    two, waiting = binding(limits={"at_once": 2}), binding(limits={"at_once": 2, "wait_seconds": 0})
    other = binding(connection="drops", limits={"wait_seconds": 0})
    with limits.turn(two, "public_security"), limits.turn(two, "public_security"):
        with pytest.raises(Transient, match=r"landing\.source_busy") as caught, limits.turn(waiting, "public_security"):
            pytest.fail("a third reader")
        assert caught.value.facts["place"] == "source:police"
        with limits.turn(other, "public_security"):  # another system of the same department is not in the way
            pass
    with limits.turn(waiting, "public_security"):
        pass
    assert not caplog.records


@pytest.mark.usefixtures("hub")
def test_a_reader_waits_for_its_turn_says_so_and_then_has_it() -> None:
    one, entered = binding(limits={"at_once": 1, "wait_seconds": 60}), threading.Event()

    def second() -> None:
        with limits.turn(one, "public_security"):
            entered.set()

    told = threading.Event()

    class Told(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if "waiting for a place at source:police" in record.getMessage():
                told.set()

    handler = Told()
    limits.log.addHandler(handler)
    with ThreadPoolExecutor(1) as aside, limits.turn(one, "public_security"):
        waiting = aside.submit(second)
        assert told.wait(30), "it says that it waits"
        assert not entered.is_set()
    limits.log.removeHandler(handler)
    waiting.result()
    assert entered.is_set()


@pytest.mark.usefixtures("hub")
def test_one_departments_systems_share_its_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUTONG_DEPARTMENT_AT_ONCE", "1")
    with limits.turn(binding(), "public_security"):
        with (
            pytest.raises(Transient, match=r"landing\.source_busy") as caught,
            limits.turn(binding(connection="drops", limits={"wait_seconds": 0}), "public_security"),
        ):
            pytest.fail("a second reader")
        assert caught.value.facts["place"] == "department:public_security"
        with limits.turn(binding(connection="drops", limits={"wait_seconds": 0}), "civil_affairs"):
            pass


def test_rows_come_no_faster_than_a_readers_share() -> None:
    now = [0.0]

    def rest(seconds: float) -> None:
        now[0] += seconds

    batch = pa.record_batch({"a": list(range(50))})
    given = limits.paced(iter([batch] * 10), Limits(at_once=2, rows_per_second=100), lambda: now[0], rest)
    assert sum(one.num_rows for one in given) == 500
    assert now[0] == pytest.approx(10)
    assert limits.share_of(Limits(at_once=16, rows_per_second=5)) == 1
    assert limits.share_of(Limits()) is None


def test_a_source_that_must_be_spared_is_read_in_small_steps(hub: Any, people: Any) -> None:
    hub.publish(source={**hub.publish().source.model_dump(), "limits": {"at_once": 1, "rows_per_second": 10_000}})
    hub.fill(people(30))
    assert hub.batch(ingest.ingest(RESIDENT, "r"))["rows_good"] == 30


def test_the_same_run_started_twice_at_once_is_one_run(hub: Any, people: Any) -> None:
    hub.publish()
    hub.fill(people(200))
    with ThreadPoolExecutor(2) as both:
        first, second = both.map(lambda _: ingest.ingest(RESIDENT, "night"), range(2))
    assert first == second
    assert hub.one("SELECT count(*) FROM landing.batches WHERE state = 'merged'") == 1
    assert hub.one("SELECT count(*) FROM library.population") == 200
    assert hub.one("SELECT count(*) FROM library.population_claims") == 200
    assert hub.one("SELECT count(*) FROM library.population_history") == 0


def test_two_resources_may_feed_one_library_at_once(hub: Any, people: Any) -> None:
    source = {**hub.publish().source.model_dump(), "options": {"table": "insured"}}
    other = {
        "id": "human_resources.insured",
        "name": "参保",
        "department": "human_resources",
        "code": "101001/330199000009",
    }
    hub.publish(**other, source=source)
    rows = people(300)
    hub.fill(rows[:200])
    hub.fill([{**row, "dh": "13911111111"} for row in rows[100:]], "insured")
    with ThreadPoolExecutor(2) as both:
        list(both.map(lambda name: ingest.ingest(name, "night"), (RESIDENT, other["id"])))
    assert hub.one("SELECT count(*) FROM library.population") == 300
    assert hub.one("SELECT count(*) FROM library.population_claims") == 400
    assert hub.one("SELECT count(DISTINCT subject) FROM library.population") == 300


def test_a_clock_moved_back_does_not_make_the_new_old(hub: Any, people: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.publish()
    rows = people(20)
    hub.fill(rows)
    first = ingest.ingest(RESIDENT, "1")
    hub.fill([{**row, "xm": row["xm"] + "新"} for row in rows[1:]])
    yesterday = datetime.now(UTC) - timedelta(days=1)
    monkeypatch.setattr(batches, "now", lambda: yesterday)
    second = ingest.ingest(RESIDENT, "2")
    assert hub.batch(second)["state"] == "merged"
    assert hub.batch(second)["landed_at"] > hub.batch(first)["landed_at"]
    assert hub.one("SELECT count(*) FROM library.population WHERE name LIKE '%新'") == 19
    assert hub.one("SELECT count(*) FROM library.population") == 19, "who is gone from the snapshot is gone"


def test_a_night_with_nothing_but_known_refusals_is_an_empty_night(hub: Any) -> None:
    decision = {
        "items": [{"id": "number", "name": "文书号", "required": True}], "library": None, "checks": [],
        "source": {
            "connector": "files", "connection": "drops", "options": {"pattern": "*.csv"}, "mode": "incremental",
            "mapping": {"文书号": "number"}, "key": ["number"],
        },
    }  # fmt: skip
    hub.publish(**decision)
    hub.drop("a.csv", "文书号\n1\n")
    hub.drop("b.csv", "文书号\n2\n").with_name("b.csv.manifest.json").write_text('{"rows": 9}')
    ingest.ingest(RESIDENT, "1")
    hub.drop("c.csv", "文书号\n1\n")  # what we have already, under a new name
    batch = ingest.ingest(RESIDENT, "2")
    assert (hub.batch(batch)["state"], hub.batch(batch)["rows_in"]) == ("merged", 0)
    assert {row["name"] for row in hub.rows("SELECT name FROM landing.refused_files")} == {"b.csv", "c.csv"}
    third = ingest.ingest(RESIDENT, "3")
    assert (hub.batch(third)["state"], hub.batch(third)["rows_in"]) == ("merged", 0)
