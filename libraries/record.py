"""Why: every value can name its source, batch, time and rule. Reads golden records and says for each value who won, why, and who said something else.
Called by `hutong record`, the portal's pages and the desks; it only reads.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from libraries.golden import rank_of
from libraries.history import read_known_at
from schemas.errors import Invalid
from schemas.library import LIBRARIES, Attribute, Library, library
from schemas.tables.departments import Department
from schemas.tables.directory import Resource
from schemas.tables.landing import Batch
from schemas.tables.library import Conflict, claims_table, golden_table, history_table

Row = Mapping[str, Any]
ONLY_SOURCE, MOST_RECENT, HIGHEST_AUTHORITY = "only source", "most recent", "highest authority"


@dataclass(frozen=True)
class _Names:
    """What the numbers in claims and golden records stand for."""

    resources: dict[int, Resource]
    departments: dict[str, str]
    batches: dict[int, str]

    def claim(self, claim: Row, attribute: str) -> dict[str, Any]:
        """Return what one source says of one attribute, with its names."""
        resource = self.resources[claim["source"]]
        return {
            "value": plain(claim[attribute]),
            "source": resource.id,
            "department": resource.department_id,
            "department_name": self.departments[resource.department_id],
            "batch": self.batches[claim["batch"]],
            "asserted_at": plain(claim["asserted_at"]),
        }


def find(
    session: Session, library_name: str, subjects: Sequence[str], known_at: datetime | None = None
) -> list[dict[str, Any]]:
    """Return the golden records about these subjects, as they are or as the hub believed them at `known_at`, in key order.

    A register gives every entry of each subject. Raises Invalid `record.unknown_library`.
    """
    spec = _library(library_name)
    if known_at is not None:
        return read_known_at(session, library_name, subjects, known_at)
    table = golden_table(library_name)
    found = session.execute(select(table).where(table.c.subject.in_(subjects)).order_by(table.c[spec.key]))
    return [dict(row) for row in found.mappings()]


def explain(session: Session, library_name: str, subject: str) -> dict[str, Any]:
    """Return all records about a subject, fit for JSON: per attribute the value, who won and why, and what others say; history and conflicts.

    `subject`: the subject's code, or the key of one register entry. Raises Invalid `record.unknown_library`, `record.unknown`.
    """
    spec = _library(library_name)
    records = _records(session, spec, subject)
    if not records:
        raise Invalid("record.unknown", library=library_name)
    keys = [record[spec.key] for record in records]
    claims = _by_key(_rows(session, claims_table(library_name), spec, keys), spec.key)
    past = _past_versions(session, spec, keys)
    conflicts = _by_key(_conflicts(session, library_name, keys), "record_key")
    names = _names(session, [claim for found in claims.values() for claim in found], conflicts)
    return {
        "library": library_name,
        "name": spec.name,
        "kind": spec.kind,
        "subject": records[0]["subject"],
        "records": [
            {
                "key": (key := record[spec.key]),
                "version": record["version"],
                "recorded_at": plain(record["recorded_at"]),
                "attributes": [
                    _explained(attribute, record, claims.get(key, []), names) for attribute in spec.attributes
                ],
                "past_versions": past.get(key, 0),
                "conflicts": [_conflict(conflict, names) for conflict in conflicts.get(key, [])],
            }
            for record in records
        ],
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


def _records(session: Session, spec: Library, subject: str) -> list[dict[str, Any]]:
    found = find(session, spec.library, [subject])
    return found or [dict(row) for row in _rows(session, golden_table(spec.library), spec, [subject])]


def _rows(session: Session, table: Any, spec: Library, keys: Sequence[str]) -> list[Row]:
    query = select(table).where(table.c[spec.key].in_(keys)).order_by(table.c[spec.key])
    return list(session.execute(query).mappings())  # type: ignore[arg-type]


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


def _explained(attribute: Attribute, record: Row, claims: Sequence[Row], names: _Names) -> dict[str, Any]:
    """Return one attribute's value with its winner, why it won, and the others in the order in which they would follow."""

    def order(claim: Row) -> tuple[Any, ...]:
        rank = rank_of(names.resources[claim["source"]].department_id, attribute.authority)
        return rank, -claim["asserted_at"].timestamp(), claim["source"]

    told = sorted((claim for claim in claims if claim[attribute.id] is not None), key=order)
    explained: dict[str, Any] = {"id": attribute.id, "name": attribute.name, "value": plain(record[attribute.id])}
    if not told:
        return {**explained, "why": None, "others": []}
    others = [names.claim(claim, attribute.id) for claim in told[1:]]
    winner = names.claim(told[0], attribute.id)
    return {**explained, **winner, "why": _why(told, order, winner["department"]), "others": others}


def _why(told: Sequence[Row], order: Any, department: str) -> str:
    if len(told) == 1:
        return ONLY_SOURCE
    return f"{HIGHEST_AUTHORITY}: {department}" if order(told[0])[0] < order(told[1])[0] else MOST_RECENT


def _conflict(conflict: Row, names: _Names) -> dict[str, Any]:
    claims = [
        {"source": names.resources[claim["source"]].id, "value": claim["value"], "batch": names.batches[claim["batch"]]}
        for claim in conflict["claims"]
    ]
    times = {name: plain(conflict[name]) for name in ("found_at", "closed_at")}
    return {"attribute": conflict["attribute"], "claims": claims, **times}
