"""Why: the same person under a corrected citizen id, the same firm under a re-issued code, two firms that became one. Sources keep keying records as they
do; a steward says which key followed which, and from either key the other is found, both ways and over several changes. Called by `hutong identity`,
`libraries.record` and the portal.

A link moves nothing: the former key's record stays with what its sources say of it, nobody's values become another's. Links are withdrawn, never deleted.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import exists, func, or_, select, text
from sqlalchemy.orm import Session

from schemas.errors import Invalid, Terminal
from schemas.grounds import Grounds
from schemas.identifiers import parse_citizen_id, parse_holder_code, parse_uscc
from schemas.library import LIBRARIES, Library, library
from schemas.tables.identities import LINK_KINDS, IdentityLink
from schemas.tables.library import golden_table, history_table

_LOCK = 7_311_022
_CHECKS: dict[str, Callable[[str], Any]] = {
    "citizen_id": parse_citizen_id,
    "uscc": parse_uscc,
    "holder_code": parse_holder_code,
}

_IN_FORCE = IdentityLink.withdrawn_at.is_(None)


@dataclass(frozen=True)
class Change:
    """One identity change in a library: `to_key` followed `from_key`; kind `changed` (更正、变更), `merged` (合并) or `split` (分立)."""

    library: str
    from_key: str
    to_key: str
    kind: str


@dataclass(frozen=True)
class Followed:
    """What leads on from a key and what led to it, nearest first."""

    replaced_by: tuple[IdentityLink, ...]
    replaces: tuple[IdentityLink, ...]


def link(session: Session, change: Change, grounds: Grounds) -> IdentityLink:
    """Write down that one key followed another; the same said again changes nothing.

    Raises Invalid `record.unknown_library`, `identity.bad_kind`, `identity.same_key`, `identity.unknown_key`; Terminal `identity.follows_already`,
    `identity.cycle`.
    """
    spec = _library(change.library)
    _require_sound(session, spec, change)
    session.execute(text("SELECT pg_advisory_xact_lock(:a, hashtext(:b))"), {"a": _LOCK, "b": change.library})
    standing = _live(session, change.library, IdentityLink.from_key, change.from_key)
    for one in standing:
        if (one.to_key, one.kind) == (change.to_key, change.kind):
            return one
        if not one.kind == change.kind == "split":  # only what was split has several to follow it
            raise Terminal("identity.follows_already", link=one.id)
    onward = follow(session, change.library, change.to_key).replaced_by
    if closing := next((one for one in onward if one.to_key == change.from_key), None):
        raise Terminal("identity.cycle", link=closing.id)
    made = IdentityLink(
        library=change.library, from_key=change.from_key, to_key=change.to_key, kind=change.kind,
        reason=grounds.reason, linked_by=grounds.by,
    )  # fmt: skip
    session.add(made)
    session.flush()
    return made


def unlink(session: Session, link_id: int, grounds: Grounds) -> IdentityLink:
    """Withdraw a link; one withdrawn before is left as it is. Raises Invalid `identity.unknown_link`."""
    found = session.get(IdentityLink, link_id, with_for_update=True)
    if found is None:
        raise Invalid("identity.unknown_link", link=link_id)
    if found.withdrawn_at is None:
        found.withdrawn_at = session.scalar(select(func.clock_timestamp()))
        found.withdrawn_by, found.withdrawn_reason = grounds.by, grounds.reason
        session.flush()
    return found


def follow(session: Session, library_name: str, key: str) -> Followed:
    """Return the links in force that lead on from a key and those that led to it, over any number of changes, nearest first."""
    touching = or_(IdentityLink.from_key == key, IdentityLink.to_key == key)
    if not session.scalar(select(exists().where(IdentityLink.library == library_name, touching, _IN_FORCE))):
        return Followed((), ())  # nearly every key: one question instead of two
    return Followed(
        _chain(session, library_name, key, is_onward=True), _chain(session, library_name, key, is_onward=False)
    )


def told(session: Session, library_name: str, key: str) -> dict[str, list[dict[str, Any]]]:
    """Return what leads on from a key (`replaced_by`) and what led to it (`replaces`), fit for JSON: the other key, kind, reason, since when."""
    found = follow(session, library_name, key)
    return {
        "replaced_by": [_told(one, one.to_key) for one in found.replaced_by],
        "replaces": [_told(one, one.from_key) for one in found.replaces],
    }


def find(session: Session, library_name: str | None = None, *, withdrawn: bool = False) -> list[IdentityLink]:
    """Return the links of a library or of all, in the order they were made; `withdrawn` adds those taken back."""
    query = select(IdentityLink).order_by(IdentityLink.id)
    if library_name:
        query = query.where(IdentityLink.library == library_name)
    return list(session.scalars(query if withdrawn else query.where(IdentityLink.withdrawn_at.is_(None))))


def _told(one: IdentityLink, key: str) -> dict[str, Any]:
    return {"key": key, "kind": one.kind, "reason": one.reason, "link": one.id, "linked_at": one.linked_at.isoformat()}


def _chain(session: Session, library_name: str, key: str, *, is_onward: bool) -> tuple[IdentityLink, ...]:
    here, there = (
        (IdentityLink.from_key, IdentityLink.to_key) if is_onward else (IdentityLink.to_key, IdentityLink.from_key)
    )
    found: dict[int, IdentityLink] = {}
    seen, edge = {key}, [key]
    while edge:
        links = _live(session, library_name, here, *edge)
        found |= {one.id: one for one in links}
        edge = [far for one in links if (far := getattr(one, there.key)) not in seen]
        seen.update(edge)
    return tuple(found.values())


def _live(session: Session, library_name: str, column: Any, *keys: str) -> list[IdentityLink]:
    query = select(IdentityLink).where(IdentityLink.library == library_name, column.in_(keys))
    return list(session.scalars(query.where(_IN_FORCE).order_by(IdentityLink.id)))


def _library(name: str) -> Library:
    try:
        return library(name)
    except KeyError:
        raise Invalid("record.unknown_library", library=name, known=", ".join(LIBRARIES)) from None


def _require_sound(session: Session, spec: Library, change: Change) -> None:
    if change.kind not in LINK_KINDS:
        raise Invalid("identity.bad_kind", kind=change.kind, known=", ".join(LINK_KINDS))
    if change.from_key == change.to_key:
        raise Invalid("identity.same_key")
    for which, key in (("former", change.from_key), ("new", change.to_key)):
        if not _is_known(session, spec, key) and not _is_valid(spec, key):
            raise Invalid("identity.unknown_key", which=which, library=spec.library)


def _is_known(session: Session, spec: Library, key: str) -> bool:
    tables = (golden_table(spec.library), history_table(spec.library))
    return any(session.scalar(select(exists().where(table.c[spec.key] == key))) for table in tables)


def _is_valid(spec: Library, key: str) -> bool:
    """Tell whether a key the hub never saw is a code all the same: an old number may be older than the hub. Entries' keys have no check."""
    check = _CHECKS.get(spec.subject.check) if spec.entry is None else None
    if check is None:
        return False
    try:
        check(key)
    except Invalid:
        return False
    return True
