"""Why: people name a resource by its id or by the code printed on its page, and officers by their login. Called by the commands of `hutong catalog`."""

from typing import Annotated

import typer
from sqlalchemy.orm import Session

from catalog.looking_up import find_id
from catalog.review.review_steps import CONSOLE, Reviewer
from schemas.errors import Invalid
from schemas.tables.operations import Officer

ResourceName = Annotated[
    str, typer.Argument(metavar="RESOURCE", help="Resource id or code, e.g. public_security.resident or 101001/0001")
]
Acting = Annotated[str | None, typer.Option("--as", help="Act as this officer; default the operator at the console.")]


def resource_id(session: Session, named: str) -> str:
    """Return the id of the resource with this id or code. Raises Invalid `directory.unknown_resource`, `directory.code_of_several`."""
    return find_id(session, named)


def reviewer(session: Session, officer_id: str | None) -> Reviewer:
    """Return the officer to act as, with his department and roles; the operator when none is named. Raises Invalid `officer.unknown`."""
    if officer_id is None:
        return CONSOLE
    officer = session.get(Officer, officer_id)
    if officer is None:
        raise Invalid("officer.unknown", officer=officer_id)
    return Reviewer(officer.id, officer.department_id, frozenset(officer.roles))
