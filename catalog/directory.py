"""Why: the directory of resources is the source of every rule, table, match and page. Its desk: find, get, save a draft, publish, withdraw.

A published version never changes; publishing a new one supersedes it. Called by commands, pages, pipelines and desks; sessions come from outside.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from catalog import departments, elements
from schemas.errors import Invalid
from schemas.library import library
from schemas.resource import ResourceDocument
from schemas.tables.directory import Resource, ResourceVersion


@dataclass(frozen=True)
class Published:
    """A published version: its row's identity and its document."""

    version_id: str
    number: int
    document: ResourceDocument


def find(
    session: Session, *, department_id: str | None = None, library_name: str | None = None, state: str = "published"
) -> list[ResourceVersion]:
    """Return versions in `state` by resource id, of one department or library where given."""
    query = select(ResourceVersion).where(ResourceVersion.state == state).order_by(ResourceVersion.resource_id)
    if department_id:
        query = query.join(Resource).where(Resource.department_id == department_id)
    if library_name:
        query = query.where(ResourceVersion.document["library"].astext == library_name)
    return list(session.scalars(query))


def get(session: Session, resource_id: str, version: int | None = None) -> ResourceVersion:
    """Return one version; by default the published one. Raises Invalid `directory.unknown_resource`, `directory.not_published`."""
    query = select(ResourceVersion).where(ResourceVersion.resource_id == resource_id)
    query = query.where(ResourceVersion.version == version if version else ResourceVersion.state == "published")
    if found := session.scalar(query):
        return found
    known = session.get(Resource, resource_id)
    raise Invalid(
        "directory.not_published" if known and not version else "directory.unknown_resource", resource=resource_id
    )


def document(session: Session, resource_id: str, version: int | None = None) -> ResourceDocument:
    """Return one version's document; by default the published one. Raises as `get`."""
    return ResourceDocument.model_validate(get(session, resource_id, version).document)


def versions(session: Session, resource_id: str) -> list[ResourceVersion]:
    """Return every version of a resource, newest first."""
    query = select(ResourceVersion).where(ResourceVersion.resource_id == resource_id)
    return list(session.scalars(query.order_by(ResourceVersion.version.desc())))


def published(session: Session) -> list[Published]:
    """Return every published version with its document, by resource id."""
    query = (
        select(ResourceVersion, Resource.number)
        .join(Resource)
        .where(ResourceVersion.state == "published")
        .order_by(ResourceVersion.resource_id)
    )
    return [
        Published(row.id, number, ResourceDocument.model_validate(row.document))
        for row, number in session.execute(query)
    ]


def save_draft(session: Session, wanted: ResourceDocument) -> ResourceVersion | None:
    """Keep `wanted` as the resource's draft; return it, or None when the newest version already says the same.

    Raises Invalid `directory.unknown_department`, `.unknown_element`, `.unknown_code_table`, `.unknown_attribute`, `.no_subject`.
    """
    _hold_against_directory(session, wanted)
    body = wanted.model_dump(mode="json", by_alias=True)
    digest = hashlib.sha256(json.dumps(body, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
    session.execute(insert(Resource).values(id=wanted.id, department_id=wanted.department).on_conflict_do_nothing())
    known = versions(session, wanted.id)
    if known and known[0].digest == digest and known[0].state in ("draft", "published"):
        return None
    if known and known[0].state == "draft":
        known[0].document, known[0].digest = body, digest
        draft = known[0]
    else:
        number = known[0].version + 1 if known else 1
        draft = ResourceVersion(
            id=f"{wanted.id}@{number}",
            resource_id=wanted.id,
            version=number,
            state="draft",
            document=body,
            digest=digest,
        )
        session.add(draft)
    session.flush()
    return draft


def publish(session: Session, resource_id: str) -> ResourceVersion:
    """Publish the draft; the version published until now is superseded. Raises Invalid `directory.no_draft`, `directory.unknown_resource`."""
    known = versions(session, resource_id)
    if not known:
        raise Invalid("directory.unknown_resource", resource=resource_id)
    if known[0].state != "draft":
        raise Invalid("directory.no_draft", resource=resource_id)
    now = datetime.now(UTC)
    for former in known[1:]:
        if former.state == "published":
            former.state, former.ended_at = "superseded", now
    session.flush()  # the former one must be superseded before the new one is published: only one may be
    known[0].state, known[0].published_at = "published", now
    session.flush()
    return known[0]


def withdraw(session: Session, resource_id: str) -> ResourceVersion:
    """Withdraw the published version: nothing is collected or granted from it any more. Raises as `get`."""
    version = get(session, resource_id)
    version.state, version.ended_at = "withdrawn", datetime.now(UTC)
    session.flush()
    return version


def _hold_against_directory(session: Session, wanted: ResourceDocument) -> None:
    departments.get(session, wanted.department)
    known_elements = elements.known(session)
    for item in wanted.items:
        where = f"{wanted.id}.{item.id}"
        if item.element and item.element not in known_elements:
            raise Invalid("directory.unknown_element", where=where, element=item.element)
        elements.require_code_table(where, item.code_table)
    if wanted.library:
        _hold_against_library(wanted)


def _hold_against_library(wanted: ResourceDocument) -> None:
    known = ("subject", *library(str(wanted.library)).attribute_ids)
    fed = [item for item in wanted.items if item.attribute]
    for item in fed:
        if item.attribute not in known:
            raise Invalid(
                "directory.unknown_attribute", where=f"{wanted.id}.{item.id}", attribute=item.attribute,
                library=wanted.library, known=", ".join(known),
            )  # fmt: skip
    if sum(item.attribute == "subject" for item in fed) != 1:
        raise Invalid("directory.no_subject", resource=wanted.id, library=wanted.library)
