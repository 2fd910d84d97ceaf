"""Guards: what moved against the last batches is told by name and figure, what did not is left in peace; profiles against plain counting."""

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libraries import checking, ingest, landing
from libraries.frames import Frame
from libraries.judging import guards, profiles
from libraries.judging.guards import Figure
from libraries.judging.masks import pack
from libraries.landing import ROW
from schemas.errors import Terminal
from schemas.resource import Quality
from schemas.tables.landing import ItemProfile

RESIDENT = "public_security.resident"


def outside(hub: Any, batch: Any) -> dict[str, Any]:
    rows = hub.rows(
        "SELECT rule, facts FROM landing.rule_results WHERE batch_id = :id AND scope = 'batch' AND failed > 0", id=batch
    )
    return {row["rule"]: (row["facts"] or {}).get("outside") for row in rows}


def looked_at(hub: Any, batch: Any) -> dict[str, int]:
    rows = hub.rows(
        "SELECT rule, evaluated FROM landing.rule_results WHERE batch_id = :id AND rule LIKE 'batch.%'", id=batch
    )
    return {row["rule"]: row["evaluated"] for row in rows}


def test_the_same_again_and_a_little_more_moves_no_guard(hub: Any, people: Any) -> None:
    hub.publish()
    hub.fill(people(200))
    first = ingest.ingest(RESIDENT, "1")
    assert looked_at(hub, first) == {"batch.reachable": 1}
    second = ingest.ingest(RESIDENT, "2")
    hub.fill(people(230))
    third = ingest.ingest(RESIDENT, "3")
    assert outside(hub, second) == outside(hub, third) == {}
    assert looked_at(hub, third) == {
        "batch.volume": 1, "batch.volume_growth": 1, "batch.reachable": 1, "batch.freshness": 1, "batch.null_share": 6,
        "batch.code_share": 1, "batch.distinct_share": 6, "batch.mean_length": 6, "batch.mean_number": 1,
    }  # fmt: skip


def test_what_moved_is_named_with_its_figures_and_the_batch_still_merges(hub: Any, people: Any) -> None:
    hub.publish(quality={"reject_above": 0.5})
    hub.fill(people(200))
    ingest.ingest(RESIDENT, "1")
    rows = people(410)
    for number, row in enumerate(rows):
        row["dh"] = None if number % 2 else "13900000000"
        row["xm"] = "某某某某某某"
        row["sg"] = "30"
        row["xb"] = "9"
    hub.fill(rows)
    batch = ingest.ingest(RESIDENT, "2")
    found = outside(hub, batch)
    assert hub.batch(batch)["state"] == "merged"
    assert set(found) == {
        "batch.volume_growth", "batch.null_share", "batch.code_share", "batch.mean_length", "batch.mean_number",
    }  # fmt: skip
    assert found["batch.volume_growth"] == [{"value": 410, "high": 400.0}]
    (null,) = found["batch.null_share"]
    assert (null["item"], null["value"]) == ("phone", 0.5)
    assert null["low"] == 0 < null["high"] < 0.2
    assert [(one["item"], one["code"], one["value"]) for one in found["batch.code_share"]] == [("sex", "9", 1.0)]
    assert {one["item"] for one in found["batch.mean_length"]} == {"name"}
    assert [(one["item"], one["value"]) for one in found["batch.mean_number"]] == [("height", 30.0)]
    page = (landing.folder_of(hub.batch(batch)["path"]).read("quality", "index.html") or b"").decode()
    assert "batch.null_share: phone" in page


def test_a_guard_declared_so_rejects_and_its_verdict_survives(hub: Any, people: Any) -> None:
    hub.publish(quality={"reject_on": ["null_share"], "null_share": 0.3})
    hub.fill(people(200))
    ingest.ingest(RESIDENT, "1")
    rows = people(200)
    for row in rows[:120]:
        row["dh"] = None
    hub.fill(rows)
    batch = ingest.plan(RESIDENT, "2")
    ingest.land(batch)
    for _ in range(2):
        with pytest.raises(Terminal, match=r"quality\.guard") as caught:
            ingest.check(batch)
        assert (caught.value.facts["guard"], caught.value.facts["whose"], caught.value.facts["value"]) == (
            "null_share", "phone", 0.6,
        )  # fmt: skip
    assert hub.batch(batch)["state"] == "rejected"
    assert outside(hub, batch)["batch.null_share"]
    hub.publish(quality={"reject_on": ["null_share"], "null_share": None})
    assert hub.batch(ingest.ingest(RESIDENT, "3"))["state"] == "merged"


def test_growth_of_a_snapshot_can_be_refused(hub: Any, people: Any) -> None:
    hub.publish(quality={"reject_on": ["volume_growth"], "volume_growth": 0.5})
    hub.fill(people(100))
    ingest.ingest(RESIDENT, "1")
    hub.fill(people(150))
    ingest.ingest(RESIDENT, "2")
    hub.fill(people(226))
    with pytest.raises(Terminal, match=r"quality\.guard") as caught:
        ingest.ingest(RESIDENT, "3")
    assert (caught.value.facts["value"], caught.value.facts["high"]) == (226, 225)


def test_a_late_delivery_and_runs_that_read_nothing_are_told(hub: Any, people: Any) -> None:
    hub.publish()
    hub.fill(people(3))
    first = ingest.ingest(RESIDENT, "1")
    hub.rows(
        "UPDATE landing.batches SET landed_at = landed_at - interval '3 days' WHERE id = :id RETURNING id", id=first
    )
    hub.fill([{"other": "x"}])
    with pytest.raises(Terminal, match=r"schema_drift"):
        ingest.ingest(RESIDENT, "2")
    hub.fill(people(3))
    third = ingest.ingest(RESIDENT, "3")
    found = outside(hub, third)
    assert set(found) == {"batch.freshness", "batch.reachable"}
    assert found["batch.freshness"][0]["high"] == 1.5
    assert found["batch.freshness"][0]["value"] == pytest.approx(3, abs=0.01)
    assert looked_at(hub, third)["batch.reachable"] == 2
    hub.fill(people(3))
    assert looked_at(hub, ingest.ingest(RESIDENT, "4"))["batch.reachable"] == 1, (
        "what failed before the last merge is past"
    )


def test_a_replayed_row_is_no_batch_to_compare(hub: Any, people: Any) -> None:
    hub.publish()
    rows = people(100)
    rows[4]["xm"] = None
    hub.fill(rows)
    batch = ingest.ingest(RESIDENT, "1")
    held = hub.one("SELECT id FROM landing.quarantined_rows")
    replayed = ingest.replay(held, {"name": "张4"})
    assert hub.one("SELECT array_agg(DISTINCT batch_id) FROM landing.item_profiles") == [batch]
    assert looked_at(hub, replayed) == {}


def test_profiles_say_what_plain_counting_says_and_keep_no_values(
    hub: Any, people: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landing, "GROUP_ROWS", 16)
    source = {**hub.publish().source.model_dump(), "options": {"table": "resident", "batch_rows": 8, "slices": 3}}
    hub.publish(source=source)
    rows = people(100)
    for number, row in enumerate(rows):
        row["sg"], row["xb"] = str(150 + number), "张三" if number == 7 else row["xb"]
        row["dh"] = None if number < 30 else row["dh"]
    hub.fill(rows)
    batch = ingest.ingest(RESIDENT, "r")
    found = {row["item"]: row for row in hub.rows("SELECT * FROM landing.item_profiles WHERE batch_id = :id", id=batch)}
    names, heights = [len(row["xm"].encode()) for row in rows], [150 + n for n in range(100)]
    assert (found["name"]["rows"], found["name"]["nulls"], found["name"]["different"]) == (100, 0, 100)
    assert found["name"]["mean_length"] == pytest.approx(np.mean(names))
    assert found["name"]["length_spread"] == pytest.approx(np.std(names))
    assert (found["height"]["mean_number"], found["height"]["number_spread"]) == (
        pytest.approx(np.mean(heights)), pytest.approx(np.std(heights)),
    )  # fmt: skip
    phones = found["phone"]
    assert (phones["nulls"], phones["sampled"], phones["different"], phones["mean_length"]) == (30, 70, 1, 11.0)
    sexes = [row["xb"] for row in rows]
    assert found["sex"]["codes"] == {code: sexes.count(code) for code in ("1", "2")}, "only codes of the table"


@given(st.integers(1, 100_000), st.integers(1, 30_000))
@settings(max_examples=60, deadline=None)
def test_a_sample_is_even_and_of_one_size_however_the_batch_is_cut(total: int, size: int) -> None:
    rows = np.arange(1, total + 1)
    parts = [part[profiles.sample_of(part, total)] for part in np.split(rows, range(size, total, size))]
    taken = np.concatenate(parts)
    assert len(taken) == min(total, profiles.SAMPLE)
    gaps = np.diff(np.concatenate([[0], taken]))
    assert gaps.max() - gaps.min() <= 1
    assert taken.tolist() == rows[profiles.sample_of(rows, total)].tolist()


@given(st.lists(st.one_of(st.none(), st.text("ab张", max_size=4)), max_size=40), st.integers(1, 39))
@settings(max_examples=60, deadline=None)
def test_row_groups_add_up_to_the_whole(values: list[str | None], cut: int) -> None:
    from tests.libraries.test_checking import document

    doc = document({"id": "id"}, {"id": "n", "type": "N"})
    numbers = [None if not value else str(len(value)) for value in values]

    def of(low: int, high: int) -> Any:
        columns = {"id": pa.array(values[low:high], pa.string()), "n": pa.array(numbers[low:high], pa.string())}
        rows = np.arange(low + 1, min(high, len(values)) + 1)
        return profiles.tally(Frame(pa.table({**columns, ROW: rows}), doc, checking_day()), len(values))

    whole, parts = (
        profiles.rows_of("b", profiles.joined([of(0, 99)])),
        profiles.rows_of("b", profiles.joined([of(0, cut), of(cut, 99)])),
    )
    for one, other in zip(whole, parts, strict=True):
        for name in (
            "rows",
            "nulls",
            "sampled",
            "different",
            "mean_length",
            "length_spread",
            "mean_number",
            "number_spread",
        ):
            assert getattr(one, name) == pytest.approx(getattr(other, name))
    filled = [value for value in values if value]
    assert (whole[0].nulls, whole[0].different) == (len(values) - len(filled), len(set(filled)))


def checking_day() -> Any:
    from datetime import date

    return date(2026, 1, 1)


def profile(rows: int, nulls: int = 0, **more: Any) -> ItemProfile:
    given_ = {"sampled": rows - nulls, "different": rows - nulls, "mean_length": 10.0, "length_spread": 1.0}
    return ItemProfile(batch_id="b", item="i", rows=rows, nulls=nulls, **{**given_, **more})


@given(st.integers(50, 100_000), st.integers(1, 5), st.floats(0, 1), st.floats(0, 1))
@settings(max_examples=200, deadline=None)
def test_a_share_inside_the_range_of_the_last_batches_is_never_outside(
    rows: int, batches: int, share: float, other: float
) -> None:
    past = [profile(rows, int(rows * (share if n % 2 else other))) for n in range(batches)]
    for one in past:
        found = {figure.guard: figure for figure in guards._figures(Quality(), one, past)}
        assert all(figure.beyond <= 0 for figure in found.values()), found


@given(st.integers(2_000, 100_000), st.floats(0, 0.6))
@settings(max_examples=100, deadline=None)
def test_a_share_that_moved_by_more_than_threshold_and_chance_is_outside(rows: int, share: float) -> None:
    moved = share + 0.1 + 6 * math.sqrt(0.25 / rows) + 2 / rows
    figures = list(guards._figures(Quality(), profile(rows, int(rows * moved)), [profile(rows, int(rows * share))]))
    assert next(figure for figure in figures if figure.guard == "null_share").beyond > 0


def test_values_that_collapsed_into_a_few_are_outside_only_against_a_like_sample() -> None:
    before, few, small = profile(1_000, different=900), profile(1_000, different=10), profile(100, different=10)
    found = {figure.guard: figure for figure in guards._figures(Quality(), few, [before])}
    assert found["distinct_share"].beyond > 0
    assert "distinct_share" not in {figure.guard for figure in guards._figures(Quality(), small, [before])}
    assert "distinct_share" not in {
        figure.guard for figure in guards._figures(Quality(distinct_share=None), few, [before])
    }


def test_great_expectations_judges_guards_and_its_report_holds_them() -> None:
    verdict = checking.judge("b", (), pack(3, []), np.empty(0, np.int64))
    figures = [
        Figure("null_share", 0.5, 0.0, 0.4, "a"), Figure("null_share", 0.4, 0.0, 0.4, "b"), Figure("volume_growth", 10, -math.inf, 9),
        Figure("freshness", 1.0, -math.inf, 1.5),
    ]  # fmt: skip
    guarded = checking.judge_guards("b", figures, verdict)
    assert guarded.outside == {"null_share": [figures[0]], "volume_growth": [figures[2]], "freshness": []}
    assert not verdict.report.success
    assert len(verdict.report.results) == 4
    assert verdict.report.statistics["evaluated_expectations"] == 4
    assert verdict.report.statistics["unsuccessful_expectations"] == 2
