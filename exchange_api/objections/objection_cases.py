"""Why: an objection's way is a table, like a demand's. Here are its states and transitions, the one function that moves it, and its timeline.

Only the desk `objections` and its upkeep move objections; each move leaves who, when, why, and a notice to those concerned.
Notices name the case, never the person.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog import notices
from exchange_api.actors import Actor, Step
from schemas.errors import Invalid
from schemas.library import library
from schemas.tables.objections import LIVE_STATES, Objection, ObjectionEvent

# action → {from state: to state}
TRANSITIONS: dict[str, dict[str, str]] = {
    "promise": {"open": "correcting"},
    "correct": {"open": "corrected", "correcting": "corrected"},
    "refuse": {"open": "refused", "correcting": "refused"},
    "rule": {"open": "ruled", "correcting": "ruled"},
    "withdraw": {"open": "withdrawn", "correcting": "withdrawn"},
}


def possible(state: str) -> tuple[str, ...]:
    """Return the actions the table allows from a state."""
    return tuple(action for action, ways in TRANSITIONS.items() if state in ways)


def get(session: Session, objection_id: str) -> Objection:
    """Return an objection, locked for this transaction. Raises Invalid `objection.unknown`."""
    found = session.scalar(
        select(Objection)
        .where(Objection.id == objection_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if found is None:
        raise Invalid("objection.unknown", objection=objection_id)
    return found


def move(session: Session, actor: Actor, objection: Objection, step: Step) -> None:
    """Take one step of the table and leave its trace. Raises Invalid `case.wrong_state`."""
    to_state = TRANSITIONS[step.action].get(objection.state)
    if to_state is None:
        raise Invalid(
            "case.wrong_state", case=objection.id, state=objection.state, action=step.action,
            possible=", ".join(possible(objection.state)) or "-",
        )  # fmt: skip
    from_state, objection.state = objection.state, to_state
    if to_state not in LIVE_STATES:
        objection.closed_at = datetime.now(UTC)
    note_event(session, actor, objection, step, states=(from_state, to_state))
    concerned = {objection.department_id, objection.source_department_id}
    tell(session, objection, f"objection.{to_state}", concerned - actor.knowing)


def note_event(
    session: Session,
    actor: Actor,
    objection: Objection,
    step: Step,
    states: tuple[str | None, str | None] = (None, None),
) -> None:
    """Write one line of the timeline; a step that moves nothing has no states."""
    session.add(
        ObjectionEvent(
            objection_id=objection.id, actor=actor.id, department_id=actor.department_id, action=step.action,
            from_state=states[0], to_state=states[1], note=step.note, facts={**(step.facts or {}), **actor.place},
        )
    )  # fmt: skip
    session.flush()


def tell(session: Session, objection: Objection, key: str, departments: set[str]) -> None:
    """Tell departments of an objection; `key` names the words."""
    attribute = library(objection.library).attribute(objection.attribute)
    facts: dict[str, Any] = {
        "objection": objection.id, "library": objection.library, "attribute": attribute.name, "due": objection.due_date.isoformat(),
    }  # fmt: skip
    for department_id in sorted(departments):
        notices.notify(session, department_id, key, facts)


def timeline(session: Session, objection_id: str) -> list[ObjectionEvent]:
    """Return an objection's steps, oldest first."""
    query = select(ObjectionEvent).where(ObjectionEvent.objection_id == objection_id)
    return list(session.scalars(query.order_by(ObjectionEvent.id)))
