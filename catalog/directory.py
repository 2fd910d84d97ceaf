"""Why: the directory of resources is the source of every rule, table, match and page. Its desk: find, get, save drafts, publish, withdraw.

A draft may have gaps (`catalog.gaps`), a published version has none and never changes; publishing a new one supersedes it.
Called by commands, pages, pipelines and desks; sessions come from outside.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog import gaps
from catalog.dictionary import binding
from catalog.gaps import Gap
from catalog.saving import Saved as Saved
from catalog.saving import body_of, digest_of
from catalog.saving import save_drafts as save_drafts
from schemas import calendar
from schemas.errors import Invalid
from schemas.resource import ResourceDocument, ResourceDraft
from schemas.tables.departments import Department
from schemas.tables.directory import OPEN_STATES, Resource, ResourceVersion


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
    return document_of(get(session, resource_id, version))


def document_of(row: ResourceVersion) -> ResourceDocument:
    """Return a version's document as it holds today: of the department that owns the resource now, whoever published it."""
    return ResourceDocument.model_validate({**row.document, "department": row.department_id})


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
    return [Published(row.id, number, document_of(row)) for row, number in session.execute(query)]


def newest(session: Session, resource_id: str) -> ResourceVersion:
    """Return the newest version, whatever its state. Raises Invalid `directory.unknown_resource`."""
    query = select(ResourceVersion).where(ResourceVersion.resource_id == resource_id)
    if found := session.scalar(query.order_by(ResourceVersion.version.desc()).limit(1)):
        return found
    raise Invalid("directory.unknown_resource", resource=resource_id)


def draft(session: Session, resource_id: str, version: int | None = None) -> ResourceDraft:
    """Return what a version says, gaps and all; by default the newest one. Raises Invalid `directory.unknown_resource`."""
    row = get(session, resource_id, version) if version else newest(session, resource_id)
    body = row.document if row.state in OPEN_STATES else {**row.document, "department": row.department_id}
    return ResourceDraft.model_validate(body)


def save_draft(session: Session, wanted: ResourceDraft, *, by: str = "") -> ResourceVersion | None:
    """Keep `wanted` as the resource's draft; return it, or None when the newest version already says the same. Raises as `save_drafts`."""
    saved = save_drafts(session, [wanted], by=by)
    return None if saved.unchanged else newest(session, wanted.id)


def gaps_of(session: Session, resource_id: str) -> list[Gap]:
    """Return the gaps of the newest version, blocking ones first. Raises Invalid `directory.unknown_resource`."""
    wanted = draft(session, resource_id)
    return gaps.gaps(wanted, gaps.known(session, [wanted]))


def gaps_of_drafts(session: Session, *, department_id: str | None = None) -> dict[str, list[Gap]]:
    """Return the gaps of every draft by resource id, of one department where given; drafts without gaps are there too."""
    rows = find(session, department_id=department_id, state="draft")
    wanted = [ResourceDraft.model_validate(row.document) for row in rows]
    known = gaps.known(session)
    return {one.id: gaps.gaps(one, known) for one in wanted}


def complete(session: Session, version: ResourceVersion) -> ResourceDocument:
    """Make a draft whole: its items take over from their elements what they leave unsaid, and its publication date is today where none is said.

    What is reviewed, scheduled or published has been through this. Raises Invalid `directory.has_gaps` naming every blocking gap.
    """
    wanted = ResourceDraft.model_validate(version.document)
    known = gaps.known(session, [wanted])
    if found := gaps.blocking(wanted, known):
        words = " ".join(
            f"{gap.words('zh')}({gap.words('en')})" for gap in found
        )  # whoever reads one language finds it
        raise Invalid("directory.has_gaps", resource=wanted.id, count=len(found), gaps=words)
    resolved = binding.resolve(wanted, known.elements)
    body = body_of(resolved) | {"publish_date": (resolved.publish_date or calendar.today()).isoformat()}
    version.document, version.digest = body, digest_of(body)
    return ResourceDocument.model_validate(body)


def publish(session: Session, resource_id: str) -> ResourceVersion:
    """Publish the draft without review; the version published until now is superseded.

    Raises Invalid `directory.no_draft`, `.in_review`, `.has_gaps`, `.unknown_resource`.
    """
    version = newest(session, resource_id)
    if version.state in OPEN_STATES[1:]:
        raise Invalid("directory.in_review", resource=resource_id, version=version.version, state=version.state)
    if version.state != "draft":
        raise Invalid("directory.no_draft", resource=resource_id)
    complete(session, version)
    return put_in_force(session, version)


def put_in_force(session: Session, version: ResourceVersion) -> ResourceVersion:
    """Make a whole version the published one; the one until now is superseded. The last act of publication, with review or without."""
    now, said_before = datetime.now(UTC), None
    published_until_now = select(ResourceVersion).where(
        ResourceVersion.resource_id == version.resource_id, ResourceVersion.state == "published"
    )
    for former in session.scalars(published_until_now):
        former.state, former.ended_at = "superseded", now
        said_before = former.document["department"]
    session.flush()  # the former one must be superseded before the new one is published: only one may be
    said = version.document["department"]
    if said != said_before and session.get_one(Department, said).state == "active":
        # else a reform may have given the resource to another department meanwhile, which no version under way can know
        session.get_one(Resource, version.resource_id).department_id = said
    version.state, version.published_at = "published", now
    session.flush()
    return version


def withdraw(session: Session, resource_id: str) -> ResourceVersion:
    """Withdraw the published version: nothing is collected or granted from it any more. Raises as `get`."""
    version = get(session, resource_id)
    version.state, version.ended_at = "withdrawn", datetime.now(UTC)
    session.flush()
    return version
