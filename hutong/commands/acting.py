"""Why: whoever works from a shell acts for a department too. One option and one way from it to an actor, for all commands of the desks."""

from typing import Annotated

import typer
from sqlalchemy.orm import Session

from exchange_api.actors import Actor
from schemas.errors import Invalid
from schemas.tables.operations import Officer

Acting = Annotated[
    str | None,
    typer.Option("--as", help="Act as this officer; default the operator at the console. 经办人，缺省为控制台操作员"),
]


def actor_of(session: Session, officer_id: str | None, department_id: str, *roles: str) -> Actor:
    """Return the officer to act as; when none is named the operator at the console, in these roles of the department. Raises Invalid `officer.unknown`."""
    if officer_id is None:
        return Actor("console", department_id, frozenset(roles))
    officer = session.get(Officer, officer_id)
    if officer is None:
        raise Invalid("officer.unknown", officer=officer_id)
    return Actor(officer.id, officer.department_id, frozenset(officer.roles))
