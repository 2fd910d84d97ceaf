"""Why: a demand's way is a table, not a tangle of ifs. Here are its states and transitions, the one function that moves a demand, and its timeline.

Only the desks of exchange_api move cases; each move leaves who, when, why, and a notice to those concerned.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from catalog import notices
from exchange_api.actors import Actor
from schemas.errors import Invalid
from schemas.tables.exchange import CaseEvent, Demand, SupplyTask
from schemas.tables.operations import Officer

# action → {from state: to state}
TRANSITIONS: dict[str, dict[str, str]] = {
    "submit": {"draft": "submitted", "returned": "submitted"},
    "return": {"submitted": "returned"},
    "withdraw": {"draft": "withdrawn", "submitted": "withdrawn", "returned": "withdrawn", "dispatched": "withdrawn"},
    "dispatch": {"submitted": "dispatched"},
    "answer": {"dispatched": "answered"},
    "refuse": {"dispatched": "refused", "submitted": "refused"},
    "provide": {"answered": "provided"},
    "accept": {"provided": "accepted"},
    "close": {"accepted": "closed"},
}


@dataclass(frozen=True)
class Step:
    """What an actor does to a case, and what he says of it."""

    action: str
    note: str | None = None
    facts: dict[str, Any] | None = None


def possible(state: str) -> tuple[str, ...]:
    """Return the actions the table allows from a state."""
    return tuple(action for action, ways in TRANSITIONS.items() if state in ways)


def get(session: Session, demand_id: str) -> Demand:
    """Return the demand, locked for this transaction. Raises Invalid `case.unknown`."""
    found = session.scalar(select(Demand).where(Demand.id == demand_id).with_for_update())
    if found is None:
        raise Invalid("case.unknown", case=demand_id)
    return found


def move(session: Session, actor: Actor, demand: Demand, step: Step) -> None:
    """Take one step of the table and leave its trace. Raises Invalid `case.wrong_state`."""
    to_state = TRANSITIONS[step.action].get(demand.state)
    if to_state is None:
        raise Invalid(
            "case.wrong_state", case=demand.id, state=demand.state, action=step.action,
            possible=", ".join(possible(demand.state)) or "-",
        )  # fmt: skip
    from_state, demand.state = demand.state, to_state
    note_event(session, actor, demand, step, states=(from_state, to_state))
    for department_id in _concerned(session, demand) - {actor.department_id}:
        notices.notify(
            session, department_id, f"demand.{to_state}", {"demand": demand.id, "purpose": demand.purpose}, demand.id
        )


def note_event(
    session: Session, actor: Actor, demand: Demand, step: Step, states: tuple[str | None, str | None] = (None, None)
) -> None:
    """Write one line of the timeline; a step that moves nothing has no states."""
    session.add(
        CaseEvent(
            demand_id=demand.id, at=datetime.now(UTC), actor=actor.id, department_id=actor.department_id,
            action=step.action, from_state=states[0], to_state=states[1], note=step.note, facts=step.facts or {},
        )
    )  # fmt: skip
    session.flush()


def timeline(session: Session, demand_id: str) -> list[CaseEvent]:
    """Return the case's steps, oldest first."""
    return list(session.scalars(select(CaseEvent).where(CaseEvent.demand_id == demand_id).order_by(CaseEvent.id)))


def next_number(session: Session, prefix: str, table: str) -> str:
    """Return the next number of a kind of case, e.g. XQ-2026-000001; numbers of one year are given one after the other."""
    year = datetime.now(UTC).year
    session.execute(text("SELECT pg_advisory_xact_lock(hashtext(:key))"), {"key": f"{prefix}-{year}"})
    last = session.scalar(
        text(f"SELECT max(id) FROM exchange.{table} WHERE id LIKE :pattern"),  # noqa: S608 - table names are ours
        {"pattern": f"{prefix}-{year}-%"},
    )
    return f"{prefix}-{year}-{int(last[-6:]) + 1 if last else 1:06d}"


def _concerned(session: Session, demand: Demand) -> set[str]:
    providers = session.scalars(select(SupplyTask.department_id).where(SupplyTask.demand_id == demand.id))
    deciding = select(Officer.department_id).where(Officer.roles.contains(["authority"])).distinct()
    authority = session.scalars(deciding) if demand.state == "submitted" else ()
    return {demand.department_id, *providers, *authority}
