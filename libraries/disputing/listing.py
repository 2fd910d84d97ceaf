"""Why: a steward goes through what sources contradict each other on, gravest first, without seeing whose record it is unless he asks. Called by
`hutong conflict` and by the portal; it only reads.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from schemas.errors import Invalid
from schemas.library import Attribute, Library, library
from schemas.masking import mask_of
from schemas.tables.directory import Resource
from schemas.tables.library import Conflict


@dataclass(frozen=True)
class Wanted:
    """Which conflicts: of one library, one attribute, one kind, at least so grave; open ones unless `closed`."""

    library: str | None = None
    attribute: str | None = None
    kind: str | None = None
    least: int = 0
    closed: bool = False


@dataclass(frozen=True)
class Shown:
    """A conflict as it may be shown: its record's key, and what each source (by its resource's id) says, the one that would win first."""

    conflict: Conflict
    key: str
    said: tuple[tuple[str, str], ...]


def find(session: Session, wanted: Wanted, limit: int = 50) -> list[Conflict]:
    """Return conflicts, gravest first, then longest known."""
    query = select(Conflict).where(Conflict.score >= wanted.least)
    for name in ("library", "attribute", "kind"):
        if (value := getattr(wanted, name)) is not None:
            query = query.where(getattr(Conflict, name) == value)
    if not wanted.closed:
        query = query.where(Conflict.closed_at.is_(None))
    return list(session.scalars(query.order_by(Conflict.score.desc(), Conflict.found_at, Conflict.number).limit(limit)))


def get(session: Session, number: int) -> Conflict:
    """Return one conflict by its number. Raises Invalid `conflict.unknown`."""
    found = session.scalar(select(Conflict).where(Conflict.number == number))
    if found is None:
        raise Invalid("conflict.unknown", conflict=number)
    return found


def value_of(session: Session, conflict: Conflict, resource_id: str) -> str:
    """Return what one source says in a conflict. Raises Invalid `conflict.not_a_party`."""
    said = {source: claim["value"] for source, claim in _by_source(session, conflict)}
    if resource_id not in said:
        raise Invalid("conflict.not_a_party", conflict=conflict.number, resource=resource_id, parties=", ".join(said))
    return str(said[resource_id])


def show(session: Session, conflict: Conflict, *, is_revealed: bool = False) -> Shown:
    """Return a conflict as it may be shown: masked as answers are, in clear only when asked."""
    spec = library(conflict.library)
    attribute = spec.attribute(conflict.attribute)
    said = ((source, str(claim["value"])) for source, claim in _by_source(session, conflict))
    if is_revealed:
        return Shown(conflict, conflict.record_key, tuple(said))
    return Shown(conflict, masked_key(spec, conflict.record_key), tuple((s, masked(attribute, v)) for s, v in said))


def masked(attribute: Attribute, value: str) -> str:
    """Return what may be shown of an attribute's value."""
    return value if attribute.sensitivity == "public" else mask_of(attribute.mask)(value)


def masked_key(spec: Library, key: str) -> str:
    """Return what may be shown of a record's key: a person's code masked, an entry's key part by part."""
    if spec.entry is None:
        return mask_of("citizen_id")(key) if spec.subject.sensitivity == "personal" else key
    parts = key.split("/", len(spec.entry.from_) - 1)
    return "/".join(masked(spec.attribute(name), part) for name, part in zip(spec.entry.from_, parts, strict=False))


def _by_source(session: Session, conflict: Conflict) -> list[tuple[str, dict[str, Any]]]:
    numbers = [claim["source"] for claim in conflict.claims]
    resources = session.scalars(select(Resource).where(Resource.number.in_(numbers)))
    named = {resource.number: resource.id for resource in resources}
    return [(named[claim["source"]], claim) for claim in conflict.claims]
