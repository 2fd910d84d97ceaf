"""Scores by indicator, grades, trends; what stands now of timeliness and accessibility; the commands."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from hutong.commands.quality import app, sparkline
from libraries import ingest
from libraries.judging import quality
from libraries.judging.quality import Rated
from schemas.database import transaction
from schemas.errors import Invalid, Terminal

RESIDENT = "public_security.resident"
RATED = st.builds(
    lambda indicator, evaluated, share: Rated("r", indicator, "row", evaluated, int(evaluated * share)),
    st.sampled_from(quality.INDICATORS), st.integers(0, 10_000), st.floats(0, 1),
)  # fmt: skip


def of(now: datetime | None = None) -> quality.ResourceQuality:
    with transaction("reader") as session:
        return quality.of(session, RESIDENT, now)


def run(*arguments: str) -> str:
    shown = CliRunner().invoke(app, list(arguments))
    assert shown.exit_code == 0, (shown.output, shown.exception)
    return shown.output


def test_the_score_is_the_mean_over_indicators_of_what_holds() -> None:
    results = [
        Rated("a", "completeness", "row", 2, 1), Rated("b", "normativity", "row", 2, 0), Rated("c", "normativity", "row", 4, 2),
        Rated("d", "normativity", "row", 0, 0),
    ]  # fmt: skip
    assert quality.indicators_of(results) == {"normativity": 83.3333, "completeness": 50.0}
    assert quality.score_of(results) == pytest.approx(66.6666, abs=1e-3)
    assert quality.score_of([]) == 100.0


@given(st.lists(RATED, max_size=12))
def test_a_score_has_a_grade_whatever_it_is_and_never_leaves_its_scale(results: list[Rated]) -> None:
    score = quality.score_of(results)
    assert 0 <= score <= 100
    assert quality.grade_of(score) in quality.grades()
    worse = [Rated(r.rule, r.indicator, r.scope, r.evaluated, r.evaluated) for r in results]
    assert quality.score_of(worse) <= score


def test_five_grades_from_the_best_down_to_nothing() -> None:
    names = [grade.grade for grade in quality.grades()]
    least = [grade.least for grade in quality.grades()]
    assert len(names) == 5
    assert least == sorted(least, reverse=True)
    assert least[-1] == 0
    assert [quality.grade_of(score).grade for score in (100, least[0], least[0] - 0.01, 0)] == [
        names[0],
        names[0],
        names[1],
        names[-1],
    ]


def test_a_batch_keeps_its_score_and_the_resource_says_what_is_worst(hub: Any, people: Any) -> None:
    hub.publish(quality={"reject_above": 1})
    rows = people(10)
    for row in rows[:4]:
        row["xm"] = None
    rows[5]["dh"] = "110"
    hub.fill(rows)
    batch = ingest.ingest(RESIDENT, "1")
    found = of()
    assert [(rule.rule, rule.failed) for rule in found.worst] == [("name.required", 4), ("phone.pattern", 1)]
    assert found.indicators == {
        "normativity": 98.75, "completeness": 80.0, "accuracy": 100.0, "consistency": 100.0,
        "timeliness": 100.0, "accessibility": 100.0,
    }  # fmt: skip
    of_batch = [
        score for name, score in found.indicators.items() if name != "timeliness"
    ]  # nothing came before to be late after
    assert hub.batch(batch)["score"] == pytest.approx(sum(of_batch) / 5, abs=1e-3)
    assert found.score == pytest.approx(sum(found.indicators.values()) / 6, abs=1e-3)


def test_what_stands_now_counts_deliveries_overdue_and_runs_that_read_nothing(hub: Any, people: Any) -> None:
    hub.publish()
    hub.fill(people(5))
    ingest.ingest(RESIDENT, "1")
    now = datetime.now(UTC)
    fresh, stale = of(now), of(now + timedelta(days=2))
    assert (fresh.score, fresh.indicators["timeliness"], fresh.drifts) == (100.0, 100.0, [])
    assert stale.indicators["timeliness"] == 0.0
    assert stale.score == pytest.approx(500 / 6, abs=1e-3)
    ((guard, figure),) = stale.drifts
    assert (guard, figure["high"]) == ("freshness", 1.5)
    hub.fill([{"other": "x"}])
    with pytest.raises(Terminal):
        ingest.ingest(RESIDENT, "2")
    assert of(now).indicators["accessibility"] == 50.0
    hub.publish(update_cycle=7)
    assert "timeliness" not in of(now + timedelta(days=900)).indicators, "irregular deliveries are never late"


def test_the_trend_goes_from_oldest_to_newest_with_rejected_batches_and_without_replays(hub: Any, people: Any) -> None:
    hub.publish(quality={"reject_above": 0.5})
    rows = people(10)
    hub.fill(rows)
    first = ingest.ingest(RESIDENT, "1")
    rows[0]["xm"] = None
    hub.fill(rows)
    second = ingest.ingest(RESIDENT, "2")
    ingest.replay(hub.one("SELECT id FROM landing.quarantined_rows"), {"name": "张"})
    for row in rows:
        row["xm"] = None
    hub.fill(rows)
    with pytest.raises(Terminal, match=r"quality\.rejected"):
        ingest.ingest(RESIDENT, "3")
    found = of()
    assert [point.batch for point in found.trend][:2] == [first, second]
    assert [point.state for point in found.trend] == ["merged", "merged", "rejected"]
    assert found.trend[0].score > found.trend[1].score > found.trend[2].score
    assert found.direction == "falling"
    assert found.worst[0].rule == "name.required"


def test_the_commands_show_and_list(hub: Any, people: Any) -> None:
    hub.publish()
    hub.publish(id="public_security.other", name="另一项", code="101001/330199000009")
    assert "no batch was checked yet" in run("show", RESIDENT)
    rows = people(100)
    rows[3]["xm"] = None
    hub.fill(rows)
    ingest.ingest(RESIDENT, "1")
    for row in rows:
        row["dh"] = None
    hub.fill(rows)
    batch = ingest.ingest(RESIDENT, "2")
    shown = run("show", RESIDENT)
    for words in (
        "grade 等级",
        "GB/T 36344",
        "完整性",
        "name.required  1 / 100",
        "null_share phone 1 ",
        "quality/index.html",
        "merged",
    ):
        assert words in shown, words
    facts = json.loads(run("show", RESIDENT, "--json"))
    assert facts["grade"]["grade"] in "ABCDE"
    assert facts["worst"] == ["name.required"]
    assert facts["trend"][-1]["batch"] == batch
    assert next((drift["guard"], drift["item"]) for drift in facts["drifts"] if "item" in drift) == (
        "null_share",
        "phone",
    )
    assert (hub.folder / "landing" / RESIDENT / batch / "quality" / "index.html").as_posix() == facts["report"]
    lines = [line for line in run("list").splitlines() if line.startswith("public_security.")]
    assert [line.split()[0] for line in lines] == [RESIDENT, "public_security.other"], "never checked comes last"
    assert len(json.loads(run("list", "--json"))) == 2
    with pytest.raises(Invalid, match=r"directory\.not_published"), transaction("reader") as session:
        quality.of(session, "no.such")


def test_a_steward_adds_lists_and_retires_by_command(hub: Any, tmp_path: Any) -> None:
    hub.publish()
    signed = ("--by", "王工", "--reason", "核查")
    body = "{id: tall, kind: range, items: [height], options: {maximum: 230}}"
    assert "steward.tall" in run("rule", "add", RESIDENT, body, *signed)
    (tmp_path / "rule.yml").write_text(
        "id: named\nkind: sql\nitems: [name]\noptions: {sql: 'SELECT key FROM batch WHERE name = 1'}\n", "utf-8"
    )
    run("rule", "add", RESIDENT, str(tmp_path / "rule.yml"), *signed)
    assert "steward.named" in run("rule", "list")
    run("rule", "retire", RESIDENT, "tall", *signed)
    assert "steward.tall" not in run("rule", "list", RESIDENT)
    assert "王工: 核查" in " ".join(run("rule", "list", RESIDENT, "--all").split())
    for wrong in ("{id: [", "just words"):
        refused = CliRunner().invoke(app, ["rule", "add", RESIDENT, wrong, *signed])
        assert getattr(refused.exception, "code", None) == "quality.rule_unfit"


def test_a_sparkline_is_full_at_a_hundred_and_empty_at_its_foot() -> None:
    assert sparkline([100.0, 80.0, 90.0]) == "█▁▅"
    assert sparkline([20.0, 100.0]) == "▁█"
    assert sparkline([]) == ""
