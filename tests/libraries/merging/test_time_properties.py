"""Whatever sources say, with whatever effective days, and whenever they fall silent: what was true on a day, as known at a moment, is the rule in Python."""

from datetime import date, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from libraries.record import explain, find
from schemas.database import transaction
from tests.libraries.merging.conftest import EPOCH
from tests.libraries.merging.test_merge_properties import ATTRIBUTES, SOURCES, Said, begin, judged

KEYS, DAYS = "abc", range(-1, 6)
values = st.sampled_from([None, "1", "2"])
rows = st.fixed_dictionaries(
    {**dict.fromkeys(ATTRIBUTES[:2], values), "effective_from": st.sampled_from([None, *DAYS])}
)
snapshots = st.dictionaries(st.sampled_from(KEYS), rows, max_size=3)
steps = st.lists(st.tuples(st.sampled_from(SOURCES[:3]), snapshots), min_size=1, max_size=4)
slow = settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)

Word = tuple[int, int, dict[str, Any] | None]
"""When it was said, from which day it is true, and what: None when the source no longer says anything."""
Spoken = dict[tuple[str, str], list[Word]]


def _day(number: int) -> date:
    return (EPOCH + timedelta(days=number)).date()


def _speak(spoken: Spoken, source: str, day: int, snapshot: dict[str, dict[str, Any]]) -> Spoken:
    """One full snapshot: the same word again is no new one, a key left out is silence from that day."""
    after = {place: list(words) for place, words in spoken.items()}
    for key in KEYS:
        words, said = after.setdefault((source, key), []), snapshot.get(key)
        if words and words[-1][2] == said:
            continue
        if said is not None:
            effective = said["effective_from"]
            words.append((day, day if effective is None else effective, said))
        elif words:
            words.append((day, day, None))
    return after


def _true_on(spoken: Spoken, day: int) -> dict[str, dict[str, Any]]:
    """The last word that is true by the day, of each source; judged as golden records are."""
    true: Said = {source: {} for source in SOURCES}
    for (source, key), words in spoken.items():
        last = [word for word in words if word[1] <= day][-1:]
        for said_on, _, said in last:
            if said is not None:
                true[source][key] = (said_on, {name: said.get(name) for name in ATTRIBUTES})
    return judged(true)


def _found(session: Session, day: int, moment: datetime) -> dict[str, dict[str, Any]]:
    found = find(session, "population", list(KEYS), known_at=moment, as_of=_day(day))
    return {row["subject"]: {name: row[name] for name in ATTRIBUTES if row[name] is not None} for row in found}


def _explained(session: Session, key: str, day: int, moment: datetime) -> dict[str, Any]:
    """The values of the words that the explanation names as winners."""
    record = explain(session, "population", key, moment, _day(day))["records"][0]
    return {item["id"]: item["value"] for item in record["attributes"] if item["why"] is not None}


def _deliver(hub: Any, source: str, day: int, snapshot: dict[str, dict[str, Any]]) -> None:
    hub.merge(
        source,
        [
            {"subject": key, **row, "effective_from": None if row["effective_from"] is None else _day(row["effective_from"])}
            for key, row in snapshot.items()
        ],
        day=day,
    )  # fmt: skip


@slow
@given(steps=steps)
def test_what_was_true_on_a_day_as_known_at_a_moment_is_the_rule(hub: Any, steps: list[tuple[str, Any]]) -> None:
    begin(hub)
    spoken: Spoken = {}
    moments: list[tuple[datetime, Spoken]] = []
    for day, (source, snapshot) in enumerate(steps, 1):
        _deliver(hub, source, day, snapshot)
        spoken = _speak(spoken, source, day, snapshot)
        moments.append((hub.rows("SELECT clock_timestamp() AS now")[0]["now"], spoken))
    with transaction("reader") as session:
        for moment, known in moments:
            for day in DAYS:
                expected = _true_on(known, day)
                assert _found(session, day, moment) == expected
        for key, values in expected.items():
            assert _explained(session, key, DAYS[-1], moments[-1][0]) == values
