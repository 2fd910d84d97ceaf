"""Whatever sources say and in whatever order they come: merging equals the rule written out in plain Python, and every past belief can be read again."""

from datetime import datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from libraries.history import read_known_at
from libraries.merging.merge import merge_batch
from schemas.database import transaction
from schemas.library import library

SOURCES = (
    "public_security.resident",
    "civil_affairs.marriage",
    "education.graduate",
    "human_resources.insured",
    "education.second",
)
ATTRIBUTES = ("name", "sex", "education", "phone")
SPEC = library("population")

values = st.sampled_from([None, "1", "2", ""])
rows = st.dictionaries(st.sampled_from("abcd"), st.fixed_dictionaries(dict.fromkeys(ATTRIBUTES, values)), max_size=4)
steps = st.lists(st.tuples(st.sampled_from(SOURCES), rows), min_size=1, max_size=6)
slow = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)

Said = dict[str, dict[str, tuple[int, dict[str, Any]]]]


def judged(said: Said) -> dict[str, dict[str, Any]]:
    """The rule: authority, then recency, then the lower source; said: source → key → (day, values). Sources are numbered as in SOURCES."""
    golden: dict[str, dict[str, Any]] = {key: {} for claims in said.values() for key in claims}
    for key, record in golden.items():
        for attribute in ATTRIBUTES:
            authority = SPEC.attribute(attribute).authority
            ranked = []
            for source, claims in said.items():
                if key in claims and claims[key][1][attribute] is not None:
                    department = source.split(".")[0]
                    rank = authority.index(department) if department in authority else 99
                    ranked.append((rank, -claims[key][0], SOURCES.index(source), claims[key][1][attribute]))
            if ranked:
                record[attribute] = min(ranked)[3]
    return golden


def follow(said: Said, source: str, day: int, snapshot: dict[str, dict[str, Any]]) -> None:
    """One full snapshot: a claim that says the same keeps its day."""
    before = said.get(source, {})
    said[source] = {
        key: before[key] if key in before and before[key][1] == record else (day, record)
        for key, record in snapshot.items()
    }


def begin(hub: Any) -> None:
    hub.empty()
    for source in SOURCES:
        hub.resource(source)


def as_rows(snapshot: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"subject": key, **record} for key, record in snapshot.items()]


@slow
@given(steps=steps)
def test_merging_equals_the_rule_and_history_every_past_belief(hub: Any, steps: list[tuple[str, Any]]) -> None:
    begin(hub)
    said: Said = {}
    beliefs: list[tuple[datetime, dict[str, Any]]] = []
    for day, (source, snapshot) in enumerate(steps, 1):
        hub.merge(source, as_rows(snapshot), day=day)
        follow(said, source, day, snapshot)
        assert hub.golden() == judged(said)
        beliefs.append((hub.rows("SELECT clock_timestamp() AS now")[0]["now"], judged(said)))
    with transaction("reader") as session:
        for moment, belief in beliefs:
            then = read_known_at(session, "population", list("abcd"), moment)
            assert {r["subject"]: {a: r[a] for a in ATTRIBUTES if r[a] is not None} for r in then} == belief
        assert read_known_at(session, "population", list("abcd"), beliefs[0][0] - timedelta(days=1)) == []


@slow
@given(steps=steps, order=st.permutations(range(6)))
def test_the_order_between_sources_does_not_matter(hub: Any, steps: list[tuple[str, Any]], order: list[int]) -> None:
    def golden(turns: list[int]) -> list[Any]:
        begin(hub)
        queues = {source: [n for n, step in enumerate(steps) if step[0] == source] for source in SOURCES}
        for turn in turns:  # which source comes next is free; each source's own batches stay in their order
            nth = queues[steps[turn][0]].pop(0)
            hub.merge(steps[nth][0], as_rows(steps[nth][1]), day=nth + 1)
        return [
            hub.golden(),
            hub.rows(
                "SELECT record_key, attribute, claims -> 0 -> 'value' AS v FROM library.conflicts WHERE closed_at IS NULL ORDER BY 1, 2"
            ),
        ]

    assert golden(list(range(len(steps)))) == golden([n for n in order if n < len(steps)])


@slow
@given(steps=steps)
def test_merging_again_changes_nothing(hub: Any, steps: list[tuple[str, Any]]) -> None:
    begin(hub)
    merged = [hub.batch(source, as_rows(snapshot), day=day) for day, (source, snapshot) in enumerate(steps, 1)]
    for batch in merged:
        merge_batch(batch)
    before = hub.state()
    for batch in merged:
        merge_batch(batch)
    last = steps[-1]
    hub.merge(last[0], as_rows(last[1]), day=len(steps) + 1)
    assert hub.state() == before


@slow
@given(steps=steps)
def test_open_conflicts_are_the_contradictions_of_now(hub: Any, steps: list[tuple[str, Any]]) -> None:
    begin(hub)
    said: Said = {}
    for day, (source, snapshot) in enumerate(steps, 1):
        hub.merge(source, as_rows(snapshot), day=day)
        follow(said, source, day, snapshot)
    told: dict[tuple[str, str], set[str]] = {}
    for claims in said.values():
        for key, (_, record) in claims.items():
            for attribute, value in record.items():
                if value is not None:
                    told.setdefault((key, attribute), set()).add(value)
    open_ = hub.rows("SELECT record_key, attribute, claims FROM library.conflicts WHERE closed_at IS NULL")
    assert {(row["record_key"], row["attribute"]) for row in open_} == {
        place for place, values in told.items() if len(values) > 1
    }
    golden = judged(said)
    assert all(row["claims"][0]["value"] == golden[row["record_key"]][row["attribute"]] for row in open_)
