"""Why: people name a resource by its id or by the code printed on its page, and officers by their login. Called by the commands of `hutong catalog`."""

from typing import Annotated

import typer
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from catalog.review_steps import CONSOLE, Reviewer
from schemas.errors import Invalid
from schemas.tables.directory import ResourceVersion
from schemas.tables.operations import Officer

ResourceName = Annotated[
    str, typer.Argument(metavar="RESOURCE", help="Resource id or code, e.g. public_security.resident or 101001/0001")
]
Acting = Annotated[str | None, typer.Option("--as", help="Act as this officer; default the operator at the console.")]


def resource_id(session: Session, named: str) -> str:
    """Return the id of the resource with this id or code. Raises Invalid `directory.unknown_resource`."""
    if "/" not in named:
        return named
    document = ResourceVersion.document
    by_code = or_(document["code"].astext == named, document["more_codes"].has_key(named))
    query = select(ResourceVersion.resource_id).where(by_code).order_by(ResourceVersion.created_at.desc()).limit(1)
    if found := session.scalar(query):
        return found
    raise Invalid("directory.unknown_resource", resource=named)


def reviewer(session: Session, officer_id: str | None) -> Reviewer:
    """Return the officer to act as, with his department and roles; the operator when none is named. Raises Invalid `officer.unknown`."""
    if officer_id is None:
        return CONSOLE
    officer = session.get(Officer, officer_id)
    if officer is None:
        raise Invalid("officer.unknown", officer=officer_id)
    return Reviewer(officer.id, officer.department_id, frozenset(officer.roles))
