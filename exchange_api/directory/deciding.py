"""Why: one datum has one meaning and one lead: the authority decides what the hub proposes, and everyone sees who says otherwise.
Called by pages of elements.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog import directory
from catalog.dictionary import binding, element_proposals
from catalog.dictionary.element_proposals import Choice
from catalog.snapshot import write_snapshot
from exchange_api.actors import Actor
from schemas.database import transaction
from schemas.resource import ResourceDraft
from schemas.tables.departments import Suggestion
from schemas.tables.directory import ResourceVersion
from schemas.tables.elements import DataElement

_MOST = 200  # resources whose items are held against one element


@dataclass(frozen=True)
class Bound:
    """One published item that is bound to an element, and where it says otherwise."""

    resource_id: str
    resource: str
    department_id: str
    item: str
    deviations: tuple[binding.Deviation, ...]


def deviations(session: Session, element: DataElement) -> list[Bound]:
    """Return the published items bound to an element, those that say otherwise first."""
    query = (
        select(ResourceVersion)
        .where(ResourceVersion.state == "published", ResourceVersion.document["items"].contains([{"element": element.id}]))
        .order_by(ResourceVersion.resource_id)
        .limit(_MOST)
    )  # fmt: skip
    found = []
    for row in session.scalars(query):
        document = ResourceDraft.model_validate(row.document)
        found += [
            Bound(row.resource_id, document.name, row.department_id, item.name, binding.deviations(item, element))
            for item in document.items
            if item.element == element.id
        ]
    return sorted(found, key=lambda one: not one.deviations)


def described(row: Suggestion) -> dict[str, Any]:
    """Return a proposal as its page shows it."""
    proposed = next(candidate for candidate in row.candidates if candidate["kind"] == "new")
    return {
        "id": row.id, "given": row.given, "new": proposed["document"]["id"], "names": proposed["names"], "departments": proposed["departments"],
        "existing": [candidate["element"] for candidate in row.candidates if candidate["kind"] == "existing"], "count": proposed["items"],
        "places": row.places[:20],
    }  # fmt: skip


Asked = Callable[[Session], AbstractContextManager[object]]


def accept(actor: Actor, proposal_id: int, existing: str | None = None, asked: Asked = nullcontext) -> None:
    """Accept a proposal, as an element of the dictionary where one is named: its items are bound in new drafts, which go the way of every draft.

    Raises Denied `case.role_needed`; Invalid as `element_proposals.accept`.
    """
    actor.require("authority")
    with transaction("directory") as session:
        with asked(session):
            done = element_proposals.accept(session, proposal_id, Choice(existing=existing), by=actor.id)
            directory.save_drafts(session, done.drafts, by=actor.id)
        write_snapshot(session)


def reject(actor: Actor, proposal_id: int, why: str, asked: Asked = nullcontext) -> None:
    """Turn a proposal down; it is not made again. Raises Denied `case.role_needed`; Invalid `suggestion.unknown`, `suggestion.decided`."""
    actor.require("authority")
    with transaction("directory") as session, asked(session):
        element_proposals.reject(session, proposal_id, by=actor.id, why=why)
