"""Why: officers and letters name a resource by its code, programs by its id; both must lead to it. Called by commands and pages."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from schemas.errors import Invalid
from schemas.tables.directory import Resource, ResourceVersion


def find_id(session: Session, code_or_id: str) -> str:
    """Return the id of the resource with this id, or whose newest version bears this code. Raises Invalid `directory.unknown_resource`, `.code_of_several`."""
    wanted = code_or_id.strip()
    if session.get(Resource, wanted):
        return wanted
    newest = (
        select(ResourceVersion.resource_id, ResourceVersion.document)
        .distinct(ResourceVersion.resource_id)
        .order_by(ResourceVersion.resource_id, ResourceVersion.version.desc())
        .where(ResourceVersion.state != "withdrawn")
        .subquery()
    )
    document = newest.c.document
    bears = (document["code"].astext == wanted) | document["more_codes"].has_key(wanted)
    found = list(session.scalars(select(newest.c.resource_id).where(bears)))
    if len(found) > 1:
        raise Invalid("directory.code_of_several", given=wanted, resources=", ".join(found))
    if not found:
        raise Invalid("directory.unknown_resource", resource=code_or_id)
    return str(found[0])
