"""Why: what is overdue is handed to supervision after some days by itself (`clock_upkeep`); the authority need not wait that long. Called by pages and
`hutong supervision supervise`.
"""

from sqlalchemy.orm import Session

from catalog.review.review_steps import authorities
from exchange_api import cases
from exchange_api.actors import Actor, Step
from exchange_api.clocks import clock_notices, clocks
from schemas.calendar import today
from schemas.errors import Invalid
from schemas.tables.clocks import CaseClock
from schemas.tables.exchange import Demand

LONGEST = 1_000


def supervise(session: Session, actor: Actor, clock_id: int, why: str) -> CaseClock:
    """Supervise (督办) an overdue step as the authority, with words for who owes it; it stands in the case's timeline, and upkeep does not tell of it again.

    Raises Denied `case.role_needed`; Invalid `deadline.unknown_clock`, `deadline.not_overdue`, `deadline.supervised`, `deadline.words_needed`.
    """
    actor.require("authority")
    clock, said = clocks.get(session, clock_id), why.strip()
    if clock.state != "running" or clock.due_date >= today():
        raise Invalid("deadline.not_overdue", clock=str(clock_id), due=clock.due_date)
    if clock.reminded == "supervised":
        raise Invalid("deadline.supervised", clock=str(clock_id))
    if not said or len(said) > LONGEST:
        raise Invalid("deadline.words_needed", limit=LONGEST)
    facts = {"case": clock.case, "rule": clock.rule_key, "due": clock.due_date.isoformat()}
    cases.note_event(session, actor, session.get_one(Demand, clock.demand_id), Step("supervise", said, facts))
    clock.reminded = "supervised"
    clocks.note(session, actor, clock, Step("supervise", said), clock.due_date)
    clock_notices.tell(session, clock, "clock.supervised", authorities(session) | {clock.department_id})
    return clock
