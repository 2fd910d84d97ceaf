"""Random stories of batches, held rows and their replays, retractions, rulings and crashes: the libraries agree with the slow model in every claim, every
golden value, every past belief, and in whom a retraction concerns.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from libraries import rulings
from libraries.auditing import check as audit
from libraries.history import read_known_at
from libraries.merging import units
from libraries.merging.merge import merge_batch
from libraries.retracting.retract import retract
from schemas.database import transaction
from schemas.errors import HutongError, Terminal
from schemas.grounds import Grounds
from tests.libraries.merging.conftest import EPOCH
from tests.libraries.model.rules import ATTRIBUTES, RULING, SNAPSHOTS, SOURCES, SPEC, Model, Said

KEYS = "abcd"
TABLES = ("population_claims", "population_past_claims", "population", "population_history")
TRAP = """
    CREATE FUNCTION library.trap() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN IF NEW.subject = '{key}' THEN RAISE EXCEPTION 'the power went'; END IF; RETURN NEW; END $$;
    CREATE TRIGGER trap BEFORE INSERT OR UPDATE ON library.{table} FOR EACH ROW EXECUTE FUNCTION library.trap();
"""
SPRUNG = "DROP FUNCTION library.trap() CASCADE"
Belief = dict[str, dict[str, tuple[str, str]]]

key = st.sampled_from(KEYS)
value = st.sampled_from([None, "1", "2"])
rows = st.dictionaries(key, st.tuples(value, value, value), max_size=4)
crash = st.none() | st.tuples(st.sampled_from(TABLES), key)
source = st.sampled_from([SOURCES[0], *SOURCES])  # one source much, so that its batches meet
number = st.integers(0, 9)
batch = st.tuples(st.just("batch"), source, rows, st.frozensets(key, max_size=2), st.booleans(), crash)
landed = st.tuples(st.just("land"), source, rows, st.frozensets(key, max_size=1), st.booleans())
steps = st.lists(
    st.one_of(
        batch, batch, landed, st.tuples(st.just("merge"), number),
        st.tuples(st.just("replay"), number, st.tuples(value, value, value)),
        st.tuples(st.just("retract"), number, crash), st.tuples(st.just("retract"), number, crash),
        st.tuples(st.just("rule"), key, st.just("name"), st.sampled_from("12"), st.booleans()),
    ),
    min_size=3, max_size=10,
)  # fmt: skip
# shrinking a story takes minutes: a failure is told as it was found
slow = settings(
    max_examples=18,
    phases=(Phase.explicit, Phase.generate),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


class Story:
    """The hub and the model, told the same."""

    def __init__(self, hub: Any) -> None:
        self.hub, self.model = hub, Model()
        self.beliefs: list[tuple[datetime, Belief]] = []
        self.numbers: dict[int, str] = {}
        self.day = 0
        hub.empty()
        for name in SOURCES:
            hub.resource(name, mode="snapshot" if name in SNAPSHOTS else "incremental")

    def land(self, name: str, said: dict[str, Any], held: frozenset[str], part: bool) -> Said:
        self.day += 1
        said = {one: values for one, values in said.items() if one not in held}
        new = Said("", name, self.day, said, held, part=part)
        new.id = self.hub.batch(name, _as_rows(said), day=self.day)
        for one in sorted(held):
            self.hub.hold(new.id, one)
        if part:
            self.hub.run(
                f'UPDATE landing.batches SET period = \'{{"start": "1", "end": "2"}}\' WHERE id = \'{new.id}\''
            )
        self.model.said.append(new)
        return new

    def batch(self, name: str, said: Any, held: frozenset[str], part: bool, crashed: Any = None) -> None:
        self.merge(self.land(name, said, held, part and not held), crashed)

    def merge(self, one: Said, crashed: Any = None) -> None:
        if self.model.is_overtaken(one):
            with pytest.raises(Terminal, match=r"merge\.overtaken"):
                merge_batch(one.id)
            return
        with self.trapped(crashed):
            merge_batch(one.id)
        merge_batch(one.id)
        self.model.merge(one)

    def merge_landed(self, which: int) -> None:
        if waiting := [one for one in self.model.said if one.turn is None]:
            self.merge(waiting[which % len(waiting)])

    def replay(self, which: int, values: Any) -> None:
        held = [(one, each) for one in self.model.said if one.turn and not one.retracted for each in sorted(one.held)]
        if not held:
            return
        origin, mended = held[which % len(held)]
        self.day += 1
        query = "SELECT q.id FROM landing.quarantined_rows q WHERE q.batch_id = :b AND q.record_key = :k"
        row = self.hub.rows(query, b=origin.id, k=mended)[0]["id"]
        new = Said("", origin.source, self.day, {mended: values}, mends=origin)
        new.id = self.hub.batch(origin.source, _as_rows(new.rows), day=self.day)
        self.hub.run(f"UPDATE landing.batches SET run_id = 'replay:{row}:{new.id}' WHERE id = '{new.id}'")
        self.model.said.append(new)
        self.merge(new)

    def retract(self, which: int, crashed: Any = None) -> None:
        standing = self.model.merged()
        if not standing:
            return
        one = standing[which % len(standing)]
        before = self.hub.state()
        would = retract(one.id, reason="r", by="b", dry_run=True)
        assert self.hub.state() == before
        with self.trapped(crashed) as trap:
            retract(one.id, reason="r", by="b")
        if trap["sprung"]:
            assert self.hub.state() == before, "a crash leaves everything as it was"
        report = retract(one.id, reason="r", by="b")
        assert report.counts == would.counts
        believed = self.model.golden()
        one.retracted = True
        self.concerned(one, believed)

    def rule(self, ruled: str, attribute: str, said: str, is_taken_back: bool) -> None:
        with transaction("ingest") as session:
            if is_taken_back:
                for made in rulings.find(session, "population", ruled):
                    rulings.withdraw(session, made.id, Grounds("b", "r"))
                    self.model.rulings.pop((made.record_key, made.attribute))
                    break  # one a transaction
                return
            known = any(ruled in self.model.claims(name) for name in SOURCES)
            if known and (ruled, attribute) not in self.model.rulings:
                rulings.rule(session, "population", ruled, {attribute: said}, Grounds("b", "r"))
                self.model.rulings[ruled, attribute] = said

    def concerned(self, one: Said, before: Belief) -> None:
        """Hold the list of a retraction against every belief of the past."""
        now = self.model.golden()
        told: dict[str, tuple[set[str], set[str], bool]] = {}
        for belief in [*(past for _, past in self.beliefs), before]:
            for each, record in belief.items():
                for attribute, (said, batch_id) in record.items():
                    if batch_id == one.id:
                        attributes, changed, _ = told.setdefault(each, (set(), set(), False))
                        attributes.add(attribute)
                        if now.get(each, {}).get(attribute, (None,))[0] != said:
                            changed.add(attribute)
        current = {
            each for each, record in before.items() if any(batch_id == one.id for _, batch_id in record.values())
        }
        found = self.hub.rows(
            "SELECT r.* FROM library.retracted_records r JOIN library.retractions t ON t.id = r.retraction_id WHERE t.batch_id = :b",
            b=one.id,
        )
        assert {row["record_key"]: (set(row["attributes"]), set(row["changed"])) for row in found} == {
            each: (attributes, changed) for each, (attributes, changed, _) in told.items()
        }
        assert {row["record_key"] for row in found if row["is_current"]} == current

    def agree(self) -> None:
        """Hold claims and golden records against the model, and remember what is believed."""
        self.numbers |= {row["number"]: row["id"] for row in self.hub.rows("SELECT number, id FROM landing.batches")}
        claims = self.hub.rows(
            "SELECT c.*, r.id AS resource FROM library.population_claims c JOIN directory.resources r ON r.number = c.source"
        )
        for name in SOURCES:
            found = {
                row["subject"]: (
                    tuple(row[a] for a in ATTRIBUTES),
                    self.numbers[row["batch"]],
                    _day(row["asserted_at"]),
                )
                for row in claims
                if row["resource"] == name
            }
            assert found == {k: (c.values, c.batch, c.day) for k, c in self.model.claims(name).items()}, name
        golden = self.hub.rows("SELECT * FROM library.population")
        assert {row["subject"]: self._record(row) for row in golden} == self.model.golden()
        moment = self.hub.rows("SELECT clock_timestamp() AS now")[0]["now"]
        self.beliefs.append((moment, self.model.golden()))

    def remember(self) -> None:
        """Every past belief can be read again, whatever was taken back since; periods neither overlap nor lie in the future."""
        assert [found for found in audit.check("population") if found.violations] == []
        with transaction("reader") as session:
            for moment, belief in self.beliefs:
                then = read_known_at(session, "population", list(KEYS), moment)
                assert {row["subject"]: self._record(row) for row in then} == belief
        periods = self.hub.rows(
            "SELECT subject, version, known_from, known_to FROM library.population_history"
            " UNION ALL SELECT subject, version, recorded_at, NULL FROM library.population ORDER BY 1, 2"
        )
        for earlier, later in pairwise(periods):
            if earlier["subject"] == later["subject"]:
                assert earlier["version"] < later["version"]
                assert earlier["known_from"] <= earlier["known_to"] <= later["known_from"]

    def _record(self, row: Any) -> dict[str, tuple[str, str]]:
        places = {name: place for place, name in enumerate(_ATTRIBUTE_IDS)}
        return {
            a: (row[a], RULING if row["sources"][places[a]] == 0 else self.numbers[row["batches"][places[a]]])
            for a in ATTRIBUTES
            if row[a] is not None
        }

    @contextmanager
    def trapped(self, crashed: Any) -> Iterator[dict[str, bool]]:
        """Let the power go when a row of one key is written to one table; tell whether it went."""
        told = {"sprung": False}
        if crashed is None:
            yield told
            return
        self.hub.run(TRAP.format(table=crashed[0], key=crashed[1]))
        try:
            yield told
        except HutongError as error:
            assert error.code == "merge.refused"  # noqa: PT017 — most traps do not spring
            told["sprung"] = True
        finally:
            self.hub.run(SPRUNG)


_ATTRIBUTE_IDS = SPEC.attribute_ids


def _as_rows(said: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"subject": one, **dict(zip(ATTRIBUTES, values, strict=True))} for one, values in said.items()]


def _day(moment: datetime) -> int:
    return (moment - EPOCH).days


def tell(story: Story, step: tuple[Any, ...]) -> None:
    kind, *rest = step
    told: dict[str, Any] = {"batch": story.batch, "land": story.land, "merge": story.merge_landed, "replay": story.replay,
            "retract": story.retract, "rule": story.rule}  # fmt: skip
    told[kind](*rest)


@pytest.fixture
def _small_units(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(units, "SMALL", 1)


@slow
@pytest.mark.usefixtures("_small_units")
@given(told=steps)
def test_whatever_comes_the_libraries_agree_with_the_model(hub: Any, told: list[Any]) -> None:
    story = Story(hub)
    for step in told:
        tell(story, step)
        story.agree()
    story.remember()
