"""Whatever sources say and stewards rule and take back, in whatever order: golden records and open conflicts equal the rule written out in plain Python, and
taking back what was just ruled restores everything."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from libraries import rulings
from libraries.auditing import check as audit
from schemas.database import transaction
from schemas.grounds import Grounds
from schemas.library import library

SOURCES = ("public_security.resident", "civil_affairs.marriage", "education.graduate")
ATTRIBUTES = ("name", "education", "phone")
RULED = {"name": ("1", "2", "9"), "education": ("10", "20"), "phone": ("1", "8")}
SPEC = library("population")
GROUNDS = Grounds("核对", "王管家")

values = st.sampled_from([None, "1", "2"])
rows = st.dictionaries(st.sampled_from("ab"), st.fixed_dictionaries(dict.fromkeys(ATTRIBUTES, values)), max_size=2)
merges = st.tuples(st.just("merge"), st.sampled_from(SOURCES), rows)
decisions = st.sampled_from(ATTRIBUTES).flatmap(
    lambda name: st.tuples(st.just("rule"), st.sampled_from("ab"), st.just(name), st.sampled_from(RULED[name]))
)
withdrawals = st.tuples(st.just("withdraw"), st.integers(0, 5))
steps = st.lists(st.one_of(merges, decisions, decisions, withdrawals), min_size=1, max_size=9)
slow = settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
Place = tuple[str, str]


class Model:
    """The rules, slow and plain: who said what on which day, what is ruled, and what was said when it was."""

    def __init__(self) -> None:
        self.said: dict[str, dict[str, tuple[int, dict[str, Any]]]] = {}
        self.ruled: dict[Place, tuple[int, str]] = {}
        self.seen: dict[Place, set[str]] = {}

    def follow(self, source: str, day: int, snapshot: dict[str, dict[str, Any]]) -> None:
        before = self.said.get(source, {})
        self.said[source] = {
            key: before[key] if key in before and before[key][1] == record else (day, record)
            for key, record in snapshot.items()
        }

    def known(self) -> set[str]:
        return {key for claims in self.said.values() for key in claims}

    def voices(self, place: Place) -> list[tuple[tuple[int, int, int], str]]:
        """Return what sources say of one attribute, the strongest first."""
        key, attribute = place
        authority = SPEC.attribute(attribute).authority
        found = []
        for source, claims in self.said.items():
            if key in claims and claims[key][1][attribute] is not None:
                department, (day, record) = source.split(".")[0], claims[key]
                rank = authority.index(department) if department in authority else 99
                found.append(((rank, -day, SOURCES.index(source)), record[attribute]))
        return sorted(found)

    def rule(self, place: Place, number: int, value: str) -> None:
        self.ruled[place] = (number, value)
        self.seen[place] = self.seen.get(place, set()) | {value, *(one for _, one in self.voices(place))}

    def withdraw(self, number: int) -> None:
        place = next(place for place, one in self.ruled.items() if one[0] == number)
        del self.ruled[place], self.seen[place]

    def golden(self) -> dict[str, dict[str, Any]]:
        """Return attribute → (value, is it ruled) per record that a source knows."""
        found: dict[str, dict[str, Any]] = {}
        for key in self.known():
            found[key] = {}
            for attribute in ATTRIBUTES:
                if (key, attribute) in self.ruled:
                    found[key][attribute] = (self.ruled[key, attribute][1], True)
                elif voices := self.voices((key, attribute)):
                    found[key][attribute] = (voices[0][1], False)
        return found

    def conflicts(self) -> dict[Place, int | None]:
        """Return the contradictions of now: open (None), or the ruling that settles them."""
        found: dict[Place, int | None] = {}
        for place in ((key, attribute) for key in self.known() for attribute in ATTRIBUTES):
            told = {value for _, value in self.voices(place)}
            if len(told) > 1:
                is_settled = place in self.ruled and told <= self.seen[place]
                found[place] = self.ruled[place][0] if is_settled else None
        return found


def golden(hub: Any) -> dict[str, dict[str, Any]]:
    rows = hub.rows("SELECT * FROM library.population")
    places = [SPEC.attribute_ids.index(attribute) for attribute in ATTRIBUTES]
    return {
        row["subject"]: {
            attribute: (row[attribute], row["sources"][place] == 0)
            for attribute, place in zip(ATTRIBUTES, places, strict=True)
            if row[attribute] is not None
        }
        for row in rows
    }


def conflicts(hub: Any) -> dict[Place, int | None]:
    rows = hub.rows(
        "SELECT record_key, attribute, ruling FROM library.conflicts WHERE closed_at IS NULL OR ruling IS NOT NULL"
    )
    return {(row["record_key"], row["attribute"]): row["ruling"] for row in rows}


def believed(hub: Any) -> tuple[Any, ...]:
    """Return what must be as before when a ruling was made and taken back: values, sources, batches, conflicts."""
    kept = "- 'version' - 'recorded_at'"
    records = hub.rows(f"SELECT to_jsonb(t) {kept} AS r FROM library.population t ORDER BY subject")
    claims = hub.rows(
        "SELECT to_jsonb(t) - 'recorded_at' AS r FROM library.population_claims t WHERE source > 0 ORDER BY 1"
    )
    return records, claims, conflicts(hub)


def begin(hub: Any) -> Model:
    hub.empty()
    for source in SOURCES:
        hub.resource(source)
    return Model()


def take(hub: Any, model: Model, day: int, step: tuple[Any, ...]) -> int | None:
    """Do one step to hub and model alike; return the ruling it newly made."""
    if step[0] == "merge":
        hub.merge(step[1], [{"subject": key, **record} for key, record in step[2].items()], day=day)
        model.follow(step[1], day, step[2])
    elif step[0] == "withdraw" and model.ruled:
        number = sorted(number for number, _ in model.ruled.values())[step[1] % len(model.ruled)]
        with transaction("ingest") as session:
            rulings.withdraw(session, number, GROUNDS)
        model.withdraw(number)
    elif step[0] == "rule":
        _, key, attribute, value = step
        before = model.ruled.get((key, attribute))
        if key not in model.known() or (before is not None and before[1] != value):
            return None
        with transaction("ingest") as session:
            (ruling,) = rulings.rule(session, "population", key, {attribute: value}, GROUNDS)
        model.rule((key, attribute), ruling.id, value)
        return None if before else ruling.id
    return None


@slow
@given(steps=steps)
def test_golden_records_and_conflicts_equal_the_rule(hub: Any, steps: list[tuple[Any, ...]]) -> None:
    model = begin(hub)
    for day, step in enumerate(steps, 1):
        take(hub, model, day, step)
        assert golden(hub) == model.golden()
        assert conflicts(hub) == model.conflicts()
    assert [one.invariant for one in audit.check("population") if one.violations] == []


@slow
@given(steps=steps)
def test_ruling_and_taking_back_restores_what_was(hub: Any, steps: list[tuple[Any, ...]]) -> None:
    model = begin(hub)
    for day, step in enumerate([("merge", SOURCES[0], {"a": dict.fromkeys(ATTRIBUTES, "1")}), *steps], 1):
        before = believed(hub)
        made = take(hub, model, day, step)
        if made is not None and day % 2:
            with transaction("ingest") as session:
                rulings.withdraw(session, made, GROUNDS)
            model.withdraw(made)
            assert believed(hub) == before
