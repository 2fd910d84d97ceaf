"""Why: officers and letters name a resource by its code, programs by its id; both must lead to it. Called by commands and pages."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from schemas.errors import Invalid
from schemas.tables.directory import OPEN_STATES, Resource, ResourceVersion


def find_id(session: Session, code_or_id: str) -> str:
    """Return the id of the resource with this id, or that bears this code now, else bore it once.

    Raises Invalid `directory.unknown_resource`, `directory.code_of_several`.
    """
    wanted = code_or_id.strip()
    if session.get(Resource, wanted):
        return wanted
    document = ResourceVersion.document
    bears = (document["code"].astext == wanted) | document["more_codes"].has_key(wanted)
    ever = select(ResourceVersion.resource_id).where(bears).distinct().order_by(ResourceVersion.resource_id)
    now = ever.where(ResourceVersion.state.in_(("published", *OPEN_STATES)))
    found = list(session.scalars(now)) or list(session.scalars(ever))
    if len(found) > 1:
        raise Invalid("directory.code_of_several", given=wanted, resources=", ".join(found))
    if not found:
        raise Invalid("directory.unknown_resource", resource=code_or_id)
    return found[0]
