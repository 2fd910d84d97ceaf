"""Big tables in key ranges: every row once whatever is killed, one slice again alone, numbers that stay; and past periods, which move nothing."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyarrow.parquet as pq
import pytest

from libraries import ingest, landing
from libraries.batches import Period
from libraries.collecting import slices
from schemas.errors import Invalid, Terminal

RESIDENT = "public_security.resident"


def sliced(hub: Any, count: int = 4, **changes: Any) -> Any:
    source = {**hub.publish().source.model_dump(), "slices": count, "limits": {"at_once": 4}}
    return hub.publish(source={**source, **changes})


def numbers(hub: Any, batch: str) -> list[int]:
    folder = landing.folder_of(hub.batch(batch)["path"])
    groups = list(landing.groups_of(folder, "landed"))
    return [n for path, group in groups for n in landing.read_group(folder, path, group, ["_row"])["_row"].to_pylist()]


def parts(hub: Any, batch: str) -> dict[str, bytes]:
    folder = hub.folder / "landing" / RESIDENT / batch / "landed"
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_slices_hold_every_row_once_and_number_them_as_one_batch(hub: Any, people: Any) -> None:
    sliced(hub)
    rows = people(101)
    rows[60]["xm"] = None
    hub.fill(rows)
    batch = ingest.ingest(RESIDENT, "r")
    assert numbers(hub, batch) == list(range(1, 102))
    files = hub.batch(batch)["manifest"]["files"]
    assert [file["rows"] for file in files] == [25, 25, 25, 26]
    assert [file["offset"] for file in files] == [0, 25, 50, 75]
    held = hub.one("SELECT row_number, record_key FROM landing.quarantined_rows")
    assert held["record_key"] == rows[60]["gmsfhm"]
    folder = landing.folder_of(hub.batch(batch)["path"])
    ids = [
        id
        for path in folder.files("landed")
        for id in pq.read_table(hub.folder / "landing" / path)["citizen_id"].to_pylist()
    ]
    assert ids[held["row_number"] - 1] == rows[60]["gmsfhm"]
    assert hub.one("SELECT count(*) FROM library.population") == 100


def test_slices_as_tasks_of_their_own_land_in_any_order_and_again(hub: Any, people: Any) -> None:
    sliced(hub, mapped=True)
    hub.fill(people(40))
    batch = ingest.plan(RESIDENT, "r")
    planned = ingest.plan_slices(batch)
    assert planned == [0, 1, 2, 3] == ingest.plan_slices(batch)
    ingest.land_slice(batch, 2)
    with pytest.raises(Terminal, match=r"landing\.slices_missing") as caught:
        ingest.gather(batch)
    assert caught.value.facts["missing"] == "0, 1, 3"
    before = parts(hub, batch)
    hub.fill(people(80))  # what landed stays as it was
    with ThreadPoolExecutor(4) as tasks:
        list(tasks.map(lambda number: ingest.land_slice(batch, number), [3, 0, 1, 2, 2, 3, 0]))
    ingest.gather(batch)
    ingest.gather(batch)
    after = parts(hub, batch)
    assert after["part-00002.parquet"] == before["part-00002.parquet"]
    assert numbers(hub, batch) == list(range(1, hub.batch(batch)["rows_in"] + 1))
    ingest.land_slice(batch, 1)
    assert parts(hub, batch) == after
    for step in (ingest.check, ingest.merge):
        step(batch)
    assert hub.batch(batch)["state"] == "merged"


def test_a_slice_that_was_never_planned_is_refused_by_name(hub: Any, people: Any) -> None:
    sliced(hub)
    hub.fill(people(40))
    batch = ingest.plan(RESIDENT, "r")
    ingest.plan_slices(batch)
    with pytest.raises(Invalid, match=r"landing\.unknown_slice"):
        ingest.land_slice(batch, 4)


@pytest.mark.parametrize(
    "killed_in", ["libraries.landing.write_part", "libraries.landing.digest_of", "libraries.landing.write_manifest"]
)
def test_killed_in_the_middle_of_slices_only_the_missing_ones_are_read_again(
    hub: Any, people: Any, killed_in: str
) -> None:
    sliced(hub, limits={"at_once": 1})
    hub.fill(people(80))
    batch = ingest.plan(RESIDENT, "r")
    module, _, name = killed_in.rpartition(".")
    program = (
        "import os, signal, importlib\n"
        f"module = importlib.import_module({module!r})\n"
        f"whole, calls = module.{name}, []\n"
        "def deadly(*given):\n"
        "    calls.append(1)\n"
        f"    if len(calls) == {1 if name == 'write_manifest' else 3}:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return whole(*given)\n"
        f"module.{name} = deadly\n"
        "from libraries import ingest\n"
        f"ingest.land({batch!r})\n"
    )
    killed = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], env=dict(os.environ), timeout=240, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    before = parts(hub, batch)
    done = len(list((hub.folder / "landing" / RESIDENT / batch / "slices").glob("0*.json")))
    assert (hub.batch(batch)["state"], done) == ("planned", 4 if name == "write_manifest" else 2)
    ingest.land(batch)
    after = parts(hub, batch)
    assert {n: after[n] for n in list(before)[:2]} == {n: before[n] for n in list(before)[:2]}
    for step in (ingest.check, ingest.merge):
        step(batch)
    assert (numbers(hub, batch), hub.one("SELECT count(*) FROM library.population")) == (list(range(1, 81)), 80)


def test_a_failing_slice_costs_the_others_nothing_and_is_done_alone(
    hub: Any, people: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sliced(hub)
    hub.fill(people(80))
    batch = ingest.plan(RESIDENT, "r")
    whole = landing.write_part

    def failing(folder: Any, name: str, found: Any) -> int:
        if name.endswith("00001.parquet"):
            raise OSError("no space")
        return whole(folder, name, found)

    with monkeypatch.context() as patched:
        patched.setattr(landing, "write_part", failing)
        with pytest.raises(OSError, match="no space"):
            ingest.land(batch)
    assert "part-00001.parquet" not in parts(hub, batch)
    read: list[str] = []

    def noted(folder: Any, name: str, found: Any) -> Any:
        read.append(name)
        return whole(folder, name, found)

    monkeypatch.setattr(landing, "write_part", noted)
    before = len(parts(hub, batch))
    ingest.land(batch)
    assert len(read) == 4 - before
    assert numbers(hub, batch) == list(range(1, 81))


def test_slices_that_deliver_different_types_are_drift(hub: Any, people: Any) -> None:
    import json

    sliced(hub, 2)
    hub.fill(people(10))
    batch = ingest.plan(RESIDENT, "r")
    for number in ingest.plan_slices(batch):
        ingest.land_slice(batch, number)
    note = hub.folder / "landing" / RESIDENT / batch / "slices" / "00001.json"
    said = json.loads(note.read_text())
    said["schema"]["phone"] = "int64"
    note.write_text(json.dumps(said))
    with pytest.raises(Terminal, match=r"landing\.schema_drift"):
        ingest.gather(batch)
    assert hub.batch(batch)["state"] == "rejected"


UPDATED: dict[str, Any] = {
    "items": [
        {"id": "citizen_id", "name": "号码", "attribute": "subject"},
        {"id": "name", "name": "姓名", "attribute": "name"},
        {"id": "updated_at", "name": "更新时间", "type": "T"},
    ],
    "checks": [],
    "source": {
        "connector": "database", "connection": "police", "options": {"table": "resident"}, "mode": "incremental",
        "mapping": {"gmsfhm": "citizen_id", "xm": "name", "gxsj": "updated_at"}, "watermark": "updated_at", "key": ["citizen_id"],
    },
}  # fmt: skip


def dated(people: Any, days: range) -> list[dict[str, Any]]:
    found = people(len(days))
    return [
        {"gmsfhm": r["gmsfhm"], "xm": r["xm"], "gxsj": f"2026-01-{d:02d} 00:00:00"}
        for r, d in zip(found, days, strict=True)
    ]


def names(hub: Any, batch: str) -> list[str]:
    folder = landing.folder_of(hub.batch(batch)["path"])
    return sorted(
        n for path in folder.files("landed") for n in pq.read_table(hub.folder / "landing" / path)["name"].to_pylist()
    )


def test_the_overlap_fetches_late_commits_and_the_merge_takes_each_once(hub: Any, people: Any) -> None:
    hub.publish(**{**UPDATED, "source": {**UPDATED["source"], "overlap_seconds": 2 * 86_400}})
    rows = dated(people, range(1, 11))
    late = rows.pop(8)  # of the 9th, committed after the 10th had been seen
    hub.fill(rows)
    ingest.ingest(RESIDENT, "1")
    hub.fill([*rows, late])
    second = ingest.ingest(RESIDENT, "2")
    assert names(hub, second) == sorted(["张7", "张8", "张9"])
    assert hub.one("SELECT count(*) FROM library.population") == 10
    assert hub.one("SELECT max(version) FROM library.population") == 1, "what came twice changed nothing"


def test_a_past_period_is_fetched_again_and_the_watermark_stays(hub: Any, people: Any) -> None:
    hub.publish(**UPDATED)
    rows = dated(people, range(1, 11))
    hub.fill(rows)
    ingest.ingest(RESIDENT, "1")
    corrected = [{**row, "xm": row["xm"] + "改"} for row in rows]
    hub.fill(corrected)
    period = Period("2026-01-03", "2026-01-05")
    batch = ingest.ingest(RESIDENT, period=period)
    assert names(hub, batch) == ["张2改", "张3改"]
    assert (hub.batch(batch)["watermark"], hub.batch(batch)["period"]) == (
        None,
        {"start": "2026-01-03", "end": "2026-01-05"},
    )
    found = [row["name"] for row in hub.rows("SELECT name FROM library.population WHERE name LIKE '%改' ORDER BY 1")]
    assert found == ["张2改", "张3改"]
    again = ingest.ingest(RESIDENT, "3")
    assert names(hub, again) == ["张9改"], "only what is at the last watermark, not all since the period"


def test_a_past_period_of_a_snapshot_withdraws_nobody(hub: Any, people: Any) -> None:
    hub.publish(**{**UPDATED, "source": {**UPDATED["source"], "mode": "snapshot"}})
    hub.fill(dated(people, range(1, 11)))
    ingest.ingest(RESIDENT, "1")
    batch = ingest.ingest(RESIDENT, period=Period("2026-01-03", "2026-01-05"))
    assert hub.batch(batch)["rows_in"] == 2
    assert hub.one("SELECT count(*) FROM library.population") == 10


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-01-05", "2026-01-03"),
        ("2026-01-05", "2026-01-05"),
        ("x", "y"),
        ("1", "2026-01-01"),
        ("2026-01-01", "2026-01-02T00:00:00+08:00"),
    ],
)
def test_what_is_no_period_is_refused_by_name(hub: Any, start: str, end: str) -> None:
    hub.publish(**UPDATED)
    with pytest.raises(Invalid, match=r"landing\.bad_period"):
        ingest.plan(RESIDENT, "r", Period(start, end))


def test_a_source_without_a_watermark_has_no_past_periods(hub: Any) -> None:
    hub.publish()
    with pytest.raises(Invalid, match=r"landing\.no_watermark"):
        ingest.plan(RESIDENT, "r", Period("1", "2"))


def test_how_many_slices_follows_from_what_the_source_believes_to_have(hub: Any) -> None:
    source = hub.publish().source

    class Knowing:
        def estimate(self) -> int | None:
            return self.rows

        rows: int | None = 4_000_001

    knowing: Any = Knowing()
    assert slices._count(source, knowing, None) == 3
    assert slices._count(source, knowing, "2026-01-01") == 1, "an increment is a part of the table"
    assert slices._count(source.model_copy(update={"slices": 7}), knowing, None) == 7
    Knowing.rows = 10**12
    assert slices._count(source, knowing, None) == slices.MOST
    Knowing.rows = None
    assert slices._count(source, knowing, None) == 1
