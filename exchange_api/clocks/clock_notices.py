"""Why: all notices of clocks name the same facts: which case, for which demand, due when. Called by this room alone."""

from collections.abc import Iterable

from sqlalchemy.orm import Session

from catalog import notices
from schemas.tables.clocks import CaseClock
from schemas.tables.exchange import Demand


def tell(session: Session, clock: CaseClock, key: str, department_ids: Iterable[str], **facts: str) -> None:
    """Tell departments of a clock; `key` names the words."""
    demand = session.get_one(Demand, clock.demand_id)
    case = (
        demand.id if clock.case.startswith("answer:") else clock.case
    )  # an answer's own number says nothing to an officer
    known = {"case": case, "demand": demand.id, "purpose": demand.purpose, "due": clock.due_date.isoformat()}
    for department_id in sorted(set(department_ids)):
        notices.notify(session, department_id, key, known | {"rule": clock.rule_key} | facts, demand.id)
