"""Why: every value can name its source, batch, time and rule. Reads golden records and says for each value who won, why, and who said something else:
now, as the hub believed it at a moment, or as it was true on a day. Called by `hutong record`, the portal's pages and the desks; it only reads.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from libraries import history, identities, timeline
from libraries.claims import RULING
from libraries.timeline import Said
from schemas.errors import Invalid
from schemas.library import LIBRARIES, Attribute, Library, library
from schemas.tables.departments import Department
from schemas.tables.directory import Resource
from schemas.tables.landing import Batch
from schemas.tables.library import Conflict, history_table

Row = Mapping[str, Any]
ONLY_SOURCE, MOST_RECENT, HIGHEST_AUTHORITY, RULED = "only source", "most recent", "highest authority", "ruled"
RULED_BY = "steward.ruling"
TOOK_BACK, LEFT_OUT = "took back", "left out"


@dataclass(frozen=True)
class _Names:
    """What the numbers in claims and golden records stand for."""

    resources: dict[int, Resource]
    departments: dict[str, str]
    batches: dict[int, str]

    def source(self, number: int) -> str:
        """Return the id of the resource with this number; a ruling's is RULED_BY."""
        return RULED_BY if number == RULING else self.resources[number].id

    def batch(self, number: int) -> str:
        """Return the id of the batch with this number; of a ruling its own."""
        return f"ruling:{-number}" if number < 0 else self.batches[number]

    def who(self, number: int) -> dict[str, str]:
        """Return who says it: resource and department."""
        if number == RULING:
            return {"source": RULED_BY, "department": "steward", "department_name": "数据管理员裁定"}
        resource = self.resources[number]
        owner = resource.department_id
        return {"source": resource.id, "department": owner, "department_name": self.departments[owner]}

    def claim(self, claim: Row, attribute: str) -> dict[str, Any]:
        """Return what one source says of one attribute, with its names."""
        return {
            "value": plain(claim[attribute]),
            **self.who(claim["source"]),
            "batch": self.batch(claim["batch"]),
            "asserted_at": plain(claim["asserted_at"]),
            "true_from": plain(timeline.starts_on(claim)),
        }


def find(
    session: Session,
    library_name: str,
    subjects: Sequence[str],
    known_at: datetime | None = None,
    as_of: date | None = None,
) -> list[dict[str, Any]]:
    """Return the records about these subjects in key order: golden ones, or as the hub believed them at `known_at`, or as they were on the day `as_of`.

    A register gives every entry of each subject, with `as_of` those that held on the day. Raises Invalid `record.unknown_library`,
    `record.known_at_future`, `record.no_business_time`.
    """
    spec = _library(library_name)
    if known_at is not None:
        history.require_past(known_at)
    if as_of is None or history.is_by_business_time(spec):
        return history.read(session, library_name, ("subject", subjects), known_at, as_of)
    said = timeline.read_said(session, library_name, subjects, known_at)
    return timeline.judge(spec, timeline.true_on(said, as_of), said.departments)


def explain(
    session: Session, library_name: str, subject: str, known_at: datetime | None = None, as_of: date | None = None
) -> dict[str, Any]:
    """Return all records about a subject, fit for JSON: per attribute the value, who won and why, what others say and who says it no more; conflicts of now.

    `subject`: the subject's code, or the key of one register entry. `known_at`, `as_of`: as for `find`; then without conflicts, which are kept as they are
    now. Raises Invalid `record.unknown` and as `find`.
    """
    spec = _library(library_name)
    records = find(session, library_name, [subject], known_at, as_of)
    if not records and spec.key != "subject":
        records = history.read(session, library_name, (spec.key, [subject]), known_at, as_of)
    identity = identities.told(session, library_name, subject)
    if not records and not any(identity.values()):
        raise Invalid("record.unknown", library=library_name)
    keys = [record[spec.key] for record in records]
    conflicts = _by_key(_conflicts(session, library_name, keys), "record_key") if not (known_at or as_of) else {}
    said = timeline.read_said(session, library_name, keys, known_at)
    told = _Told(spec, said, as_of, _names(session, said.versions, conflicts))
    past = _past_versions(session, spec, keys)
    return {
        "library": library_name,
        "name": spec.name,
        "kind": spec.kind,
        "subject": records[0]["subject"] if records else subject,
        "identity": identity,
        "known_at": plain(known_at),
        "as_of": plain(as_of),
        "records": [
            {
                "key": (key := record[spec.key]),
                "version": record["version"],
                "recorded_at": plain(record["recorded_at"]),
                "attributes": told.attributes(record),
                "past_versions": past.get(key, 0),
                "conflicts": [_conflict(conflict, told.names) for conflict in conflicts.get(key, [])],
            }
            for record in records
        ],
    }


class _Told:
    """What sources say of some records, by the moment and day asked for."""

    def __init__(self, spec: Library, said: Said, as_of: date | None, names: _Names) -> None:
        self.names, self._spec, self._said = names, spec, said
        day = None if history.is_by_business_time(spec) else as_of
        words = timeline.held(said) if day is None else timeline.true_on(said, day)
        self._words = _by_key(words, spec.key)
        self._silences = _by_key(timeline.silences(spec, said, words, day), "key")

    def attributes(self, record: Row) -> list[dict[str, Any]]:
        """Return one record's attributes with their explanations."""
        key = record[self._spec.key]
        return [self._explained(attribute, record, key) for attribute in self._spec.attributes]

    def _explained(self, attribute: Attribute, record: Row, key: str) -> dict[str, Any]:
        """Return one attribute's value with its winner, why it won, the others in the order in which they would follow, and who says it no more."""
        told = timeline.ranked(self._words.get(key, ()), attribute, self._said.departments)
        explained: dict[str, Any] = {"id": attribute.id, "name": attribute.name, "value": plain(record[attribute.id])}
        silent = [
            self._silence(one, attribute) for one in self._silences.get(key, ()) if one["attribute"] == attribute.id
        ]
        if not told:
            return {**explained, "why": None, "others": [], "silent": silent}
        others = [self.names.claim(claim, attribute.id) for claim in told[1:]]
        winner = self.names.claim(told[0], attribute.id)
        return {**explained, **winner, "why": self._why(told, attribute), "others": others, "silent": silent}

    def _why(self, told: Sequence[Row], attribute: Attribute) -> str:
        if told[0]["source"] == RULING:
            return RULED
        if len(told) == 1:
            return ONLY_SOURCE
        first, second = (timeline.order(claim, attribute, self._said.departments)[0] for claim in told[:2])
        department = self._said.departments.get(told[0]["source"], "")
        return f"{HIGHEST_AUTHORITY}: {department}" if first < second else MOST_RECENT

    def _silence(self, silence: Row, attribute: Attribute) -> dict[str, Any]:
        claim = silence["claim"]
        return {
            **self.names.who(claim["source"]),
            "value": plain(claim[attribute.id]),
            "since": plain(silence["since"]),
            "how": TOOK_BACK if silence["is_null"] else LEFT_OUT,
        }


def plain(value: Any) -> Any:
    """Return a value as JSON knows it: dates and times in ISO 8601, numbers as exact text."""
    if isinstance(value, date):
        return value.isoformat()
    return format(value.normalize(), "f") if isinstance(value, Decimal) else value


def _library(name: str) -> Library:
    try:
        return library(name)
    except KeyError:
        raise Invalid("record.unknown_library", library=name, known=", ".join(LIBRARIES)) from None


def _by_key(rows: Iterable[Row], key: str) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row[key], []).append(row)
    return found


def _past_versions(session: Session, spec: Library, keys: Sequence[str]) -> dict[str, int]:
    key = history_table(spec.library).c[spec.key]
    return {row[0]: row[1] for row in session.execute(select(key, func.count()).where(key.in_(keys)).group_by(key))}


def _conflicts(session: Session, name: str, keys: Sequence[str]) -> list[Row]:
    query = select(Conflict.__table__).where(Conflict.library == name, Conflict.record_key.in_(keys))
    return list(session.execute(query.order_by(Conflict.record_key, Conflict.attribute)).mappings())  # type: ignore[arg-type]


def _names(session: Session, claims: Iterable[Row], conflicts: Mapping[str, list[Row]]) -> _Names:
    said = [*claims, *(claim for found in conflicts.values() for row in found for claim in row["claims"])]
    numbers = {claim["source"] for claim in said}
    resources = session.scalars(select(Resource).where(Resource.number.in_(numbers)))
    by_number = {resource.number: resource for resource in resources}
    owners = {resource.department_id for resource in by_number.values()}
    departments = session.execute(select(Department.id, Department.short_name).where(Department.id.in_(owners)))
    batches = session.execute(
        select(Batch.number, Batch.id).where(Batch.number.in_({claim["batch"] for claim in said}))
    )
    return _Names(by_number, {row[0]: row[1] for row in departments}, {row[0]: row[1] for row in batches})


def _conflict(conflict: Row, names: _Names) -> dict[str, Any]:
    claims = [
        {"source": names.source(claim["source"]), "value": claim["value"], "batch": names.batch(claim["batch"])}
        for claim in conflict["claims"]
    ]
    times = {name: plain(conflict[name]) for name in ("found_at", "closed_at")}
    return {"attribute": conflict["attribute"], "claims": claims, **times}
