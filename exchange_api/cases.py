"""Why: the one function that moves a demand by its table (`states.DEMAND`), and the timeline every step of its cases leaves.

Only the desks of exchange_api move cases; each move leaves who, when, why, and a notice to those concerned.
"""

from datetime import UTC, datetime

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from catalog import notices
from catalog.review.review_steps import authorities
from exchange_api.actors import Actor, Step
from exchange_api.clocks import turns
from exchange_api.states import DEMAND
from schemas.calendar import today
from schemas.errors import Invalid
from schemas.tables.exchange import CaseEvent, Demand, SupplyTask, TaskDemand

_NEXT = text("""
INSERT INTO exchange.case_numbers (prefix, year, last) VALUES (:prefix, :year, :highest + 1)
ON CONFLICT (prefix, year) DO UPDATE SET last = greatest(case_numbers.last, :highest) + 1 RETURNING last
""")


def possible(state: str) -> tuple[str, ...]:
    """Return the actions the table allows from a demand's state."""
    return DEMAND.possible(state)


def get(session: Session, demand_id: str) -> Demand:
    """Return the demand, locked for this transaction. Raises Invalid `case.unknown`."""
    query = select(Demand).where(Demand.id == demand_id).with_for_update()
    found = session.scalar(query.execution_options(populate_existing=True))  # what was read before the lock may be old
    if found is None:
        raise Invalid("case.unknown", case=demand_id)
    return found


def move(session: Session, actor: Actor, demand: Demand, step: Step) -> None:
    """Take one step of the table and leave its trace. Raises Invalid `case.wrong_state`."""
    to_state = DEMAND.after(demand.id, demand.state, step.action)
    told = concerned(session, demand)  # who had it until now hears that it is gone
    from_state, demand.state = demand.state, to_state
    note_event(session, actor, demand, step, states=(from_state, to_state))
    turns.follow(session, actor, demand)
    for department_id in sorted((told | concerned(session, demand)) - actor.knowing):
        notices.notify(
            session, department_id, f"demand.{to_state}", {"demand": demand.id, "purpose": demand.purpose}, demand.id
        )


def wrong_state(demand: Demand, action: str) -> Invalid:
    """Return the error that says what is possible instead of a step that is no transition of the table."""
    possible = ", ".join(DEMAND.possible(demand.state)) or "-"
    return Invalid("case.wrong_state", case=demand.id, state=demand.state, action=action, possible=possible)


def note_event(
    session: Session, actor: Actor, demand: Demand, step: Step, states: tuple[str | None, str | None] = (None, None)
) -> None:
    """Write one line of the timeline; a step that moves nothing has no states."""
    session.add(
        CaseEvent(
            demand_id=demand.id, at=datetime.now(UTC), actor=actor.id, department_id=actor.department_id,
            action=step.action, from_state=states[0], to_state=states[1], note=step.note, facts={**(step.facts or {}), **actor.place},
        )
    )  # fmt: skip
    session.flush()


def filers(session: Session, demand: Demand) -> set[str]:
    """Return who wrote or submitted a demand, and for whom: none of them may approve it, nor may who stands in for one."""
    filed = select(CaseEvent.actor, CaseEvent.facts["in_place_of"].astext).where(CaseEvent.demand_id == demand.id)
    hands = session.execute(filed.where(CaseEvent.action.in_(("register", "revise", "submit"))))
    return {demand.created_by, *(one for both in hands for one in both if one)}


def timeline(session: Session, demand_id: str) -> list[CaseEvent]:
    """Return the case's steps, oldest first."""
    return list(session.scalars(select(CaseEvent).where(CaseEvent.demand_id == demand_id).order_by(CaseEvent.id)))


def next_number(session: Session, prefix: str, table: str) -> str:
    """Return the next number of a kind of case, e.g. XQ-2026-000001. Numbers of one year are given one after the other, and never again: evidence may name
    a case that was discarded.
    """
    year = today().year
    highest = session.scalar(
        text(f"SELECT max(id) FROM exchange.{table} WHERE id LIKE :pattern"),  # noqa: S608 - table names are ours
        {"pattern": f"{prefix}-{year}-%"},
    )
    given = {"prefix": prefix, "year": year, "highest": int(highest[-6:]) if highest else 0}
    return f"{prefix}-{year}-{session.scalar(_NEXT, given):06d}"


def concerned(session: Session, demand: Demand) -> set[str]:
    """Return the departments a step of a demand concerns: its own, those asked to supply it, and the authority where it decides."""
    asked = select(SupplyTask.department_id).join(TaskDemand, TaskDemand.task_id == SupplyTask.id)
    providers = session.scalars(asked.where(TaskDemand.demand_id == demand.id))
    deciding = authorities(session) if demand.state == "submitted" else ()
    return {demand.department_id, *providers, *deciding}
