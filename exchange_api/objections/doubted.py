"""Why: an objection is about a value that was handed out: what the library said of it then, and whose word that was. Only the desk `objections` calls it.

Read from golden records and their history, because by the time somebody objects the library may say something else.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.review.review_steps import authorities
from libraries.record import plain
from schemas.errors import Invalid
from schemas.library import Library, library
from schemas.tables.departments import Department
from schemas.tables.directory import Resource
from schemas.tables.landing import Batch
from schemas.tables.library import golden_table, history_table

RULED = 0
"""The source number of a steward's word."""


@dataclass(frozen=True)
class Doubted:
    """One value as the library had it: the record, the value as text, and who answers for it. No resource: nobody's claim, or a steward's ruling."""

    library: str
    subject: str
    record_key: str
    attribute: str
    value: str | None
    department_id: str
    resource_id: str | None
    batch_id: str | None


def find(
    session: Session, place: tuple[str, str, str | None], attribute: str, told: tuple[datetime, Sequence[str]]
) -> Doubted:
    """Return what the library said of an attribute at a moment.

    place: library, key asked by (a subject's code or an entry's key), and the entry where a subject has several. told: the moment, and the batches the
    answer named: the version that holds one of them is meant, whatever the clocks say.
    Raises Invalid `objection.entry_needed`, `objection.no_source`, `record.unknown_library`, `item.unknown`.
    """
    spec = _spec(place[0], attribute)
    at = spec.attribute_ids.index(attribute)
    versions = _versions(session, spec, place, told[0])
    named = set(session.scalars(select(Batch.number).where(Batch.id.in_(told[1])))) if told[1] else set()
    version = next((one for one in versions if one["batches"][at] in named), versions[0] if versions else None)
    if version is None:
        return _unsaid(session, spec, place, attribute)
    record = {
        "library": spec.library,
        "subject": version["subject"],
        "record_key": version[spec.key],
        "attribute": attribute,
    }
    value = version[attribute]
    return Doubted(
        **record, value=None if value is None else str(plain(value)),
        **_answering(session, spec, attribute, (version["sources"][at], version["batches"][at])),
    )  # fmt: skip


def was_seen(session: Session, place: tuple[str, str, str | None], at: datetime, admits: Callable[[Any], bool]) -> bool:
    """Tell whether any version known by then of what a key names could be seen under a grant's rules on rows; nobody known was not seen either."""
    name, key, entry = place
    spec, found = library(name), list[Any]()
    for table, since in ((golden_table(name), "recorded_at"), (history_table(name), "known_from")):
        for column in {"subject", spec.key}:
            found += session.execute(select(table).where(table.c[column] == key, table.c[since] <= at)).mappings()
    return any(admits(one) for one in found if entry is None or one[spec.key] == entry)


def say_now(
    session: Session, library_name: str, record_key: str, attribute: str
) -> tuple[str | None, str | None, datetime | None]:
    """Return what the library says now: the value as text, the batch it came from, and since when the record stands so; nothing when it is gone."""
    spec = library(library_name)
    table, at = golden_table(library_name), spec.attribute_ids.index(attribute)
    row = session.execute(select(table).where(table.c[spec.key] == record_key)).mappings().first()
    if row is None:
        return None, None, None
    number, value = row["batches"][at], row[attribute]
    batch = session.scalar(select(Batch.id).where(Batch.number == number)) if number is not None else None
    return None if value is None else str(plain(value)), batch, row["recorded_at"]


def _spec(library_name: str, attribute: str) -> Library:
    try:
        spec = library(library_name)
    except KeyError:
        raise Invalid("record.unknown_library", library=library_name, known="population, legal_entity, …") from None
    if attribute not in spec.attribute_ids:
        raise Invalid(
            "item.unknown", items=attribute, granted=", ".join(spec.attribute_ids), library=library_name, grant="-"
        )
    return spec


def _versions(session: Session, spec: Library, place: tuple[str, str, str | None], at: datetime) -> list[Any]:
    """Return the versions of the one record meant that were known by then, the newest first."""
    _, key, entry = place
    found: list[Any] = []
    for table, since in ((golden_table(spec.library), "recorded_at"), (history_table(spec.library), "known_from")):
        for column in {"subject", spec.key}:
            rows = session.execute(select(table).where(table.c[column] == key, table.c[since] <= at)).mappings()
            found += [{**row, "since": row[since]} for row in rows]
    if entry is not None:
        found = [one for one in found if one[spec.key] == entry]
    if len({one[spec.key] for one in found}) > 1:
        raise Invalid("objection.entry_needed", library=spec.library)
    return sorted(found, key=lambda one: one["since"], reverse=True)


def _unsaid(session: Session, spec: Library, place: tuple[str, str, str | None], attribute: str) -> Doubted:
    """The library said nothing: whoever should is asked."""
    if spec.kind == "register" and place[2] is None:
        raise Invalid("objection.entry_needed", library=spec.library)
    record = {"library": spec.library, "subject": place[1], "record_key": place[2] or place[1], "attribute": attribute}
    return Doubted(**record, value=None, **_answering(session, spec, attribute, (None, None)))


def _answering(session: Session, spec: Library, attribute: str, by: tuple[int | None, int | None]) -> dict[str, Any]:
    source, batch = by
    resource = session.scalar(select(Resource).where(Resource.number == source)) if source else None
    if resource is not None:
        batch_id = session.scalar(select(Batch.id).where(Batch.number == batch))
        return {"department_id": resource.department_id, "resource_id": resource.id, "batch_id": batch_id}
    deciding = sorted(authorities(session)) if source == RULED else []
    known = [one for one in (*deciding, *spec.attribute(attribute).authority) if session.get(Department, one)]
    if not known:
        raise Invalid("objection.no_source", library=spec.library, attribute=attribute)
    return {"department_id": known[0], "resource_id": None, "batch_id": None}
