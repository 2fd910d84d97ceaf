"""Why: a period may be made longer once, by what its rule allows, if the authority consents and the demander is told (政务数据共享条例 art. 21): never by the
department that is late. Called by the desks of extensions: pages, the officers' API, `hutong deadline extend` and `consent`.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.review.review_steps import authorities
from exchange_api import cases
from exchange_api.actors import Actor, Step, system
from exchange_api.clocks import clock_notices, clocks
from exchange_api.states import EXTENSION
from schemas.calendar import today
from schemas.errors import Denied, Invalid
from schemas.tables.clocks import CaseClock, ClockEvent, ClockExtension
from schemas.tables.exchange import Demand

DESKS = frozenset({"demander", "provider", "authority"})
"""Roles that owe steps: a steward or an auditor asks for nothing."""


def ask(session: Session, actor: Actor, clock_id: int, days: int, why: str) -> ClockExtension:
    """Ask for more days, in the rule's kind of days, as the department that owes the step and before it is due; the authority is told.

    Raises Invalid `deadline.unknown_clock`, `.no_extension`, `.extension_days`, `.extension_once`, `.extension_late`, `.reason_needed`,
    `case.wrong_state`; Denied `case.not_yours`, `case.role_needed`.
    """
    clock = clocks.get(session, clock_id)
    actor.require_department(clock.department_id, clock.case)
    if not actor.roles & DESKS:
        raise Denied("case.role_needed", role="provider")
    _require_open(clock, "extend")
    _require_allowed(session, clock, days)
    asked = ClockExtension(
        clock_id=clock.id, days=days, why=_reason(why, clock), state=EXTENSION.initial, asked_by=actor.id, asked_at=datetime.now(UTC)
    )  # fmt: skip
    session.add(asked)
    session.flush()
    clocks.note(session, actor, clock, Step("ask_extension", asked.why), clock.due_date)
    clock_notices.tell(session, clock, "clock.extension_asked", authorities(session), days=str(days))
    return asked


def decide(session: Session, actor: Actor, extension_id: int, consent: bool, why: str | None = None) -> ClockExtension:
    """Consent to an extension, or decline it with a reason, in the role the rule names; who asked and the demander are told.

    Raises Invalid `deadline.unknown_extension`, `.extension_late`, `.reason_needed`, `case.wrong_state`; Denied `case.role_needed`, `case.same_officer`.
    """
    asked, clock = _get(session, extension_id)
    actor.require(clock.extension_approver or "authority")
    if actor.ids & _askers(session, asked):
        raise Denied("case.same_officer", case=clock.case)
    action = "grant" if consent else "decline"
    state = EXTENSION.after(clock.case, asked.state, action)
    reason = (why or "").strip() or None if consent else _reason(why or "", clock)
    if consent:
        _require_open(clock, action)
        clock.extension_days += asked.days
    asked.state, asked.decided_by, asked.decided_at, asked.decision = state, actor.id, datetime.now(UTC), reason
    step = Step("extend" if consent else "decline_extension", reason)
    clocks.postpone(session, actor, clock, asked.days if consent else 0, step)
    _tell(session, actor, asked, clock)
    return asked


def lapse(session: Session, extension_id: int, day: date) -> bool:
    """Let an extension lapse that nobody decided before the step was done or its day had passed; who asked and the authority are told. Again does nothing."""
    clock_id = session.get_one(ClockExtension, extension_id).clock_id
    if (clock := clocks.free(session, clock_id)) is None:
        return False
    asked = session.get_one(ClockExtension, extension_id, populate_existing=True)
    is_over = clock.state not in clocks.RUNNING or (clock.state == "running" and clock.due_date < day)
    if asked.state != "asked" or not is_over:
        return False
    asked.state, asked.decided_at = EXTENSION.after(clock.case, asked.state, "lapse"), datetime.now(UTC)
    clocks.note(session, system(clock.department_id), clock, Step("lapse_extension"), clock.due_date)
    told = {clock.department_id} | authorities(session)
    clock_notices.tell(session, clock, "clock.extension_lapsed", told, days=str(asked.days))
    return True


def find(session: Session, states: Iterable[str] = ("asked",)) -> list[ClockExtension]:
    """Return extensions in these states, the clock that is due first before the others: the authority's list."""
    query = select(ClockExtension).join(CaseClock).where(ClockExtension.state.in_(list(states)))
    return list(session.scalars(query.order_by(CaseClock.due_date, ClockExtension.id)))


def of_clock(session: Session, clock_id: int) -> list[ClockExtension]:
    """Return what was asked for one clock, oldest first."""
    query = select(ClockExtension).where(ClockExtension.clock_id == clock_id)
    return list(session.scalars(query.order_by(ClockExtension.id)))


def _get(session: Session, extension_id: int) -> tuple[ClockExtension, CaseClock]:
    clock_id = session.scalar(select(ClockExtension.clock_id).where(ClockExtension.id == extension_id))
    if clock_id is None:
        raise Invalid("deadline.unknown_extension", extension=str(extension_id))
    clock = clocks.get(session, clock_id)  # the lock of the clock is that of its extensions
    asked = session.get_one(ClockExtension, extension_id, populate_existing=True)
    return asked, clock


def _askers(session: Session, asked: ClockExtension) -> set[str]:
    """Return whose hand asked: the officer, and the colleague he stood in for then."""
    query = select(ClockEvent.in_place_of).where(
        ClockEvent.clock_id == asked.clock_id, ClockEvent.action == "ask_extension"
    )
    return {asked.asked_by, *filter(None, session.scalars(query))}


def _require_open(clock: CaseClock, action: str) -> None:
    if clock.state not in clocks.RUNNING:
        raise Invalid("case.wrong_state", case=clock.case, state=clock.state, action=action, possible="-")
    if today() > clock.due_date and clock.state == "running":
        raise Invalid("deadline.extension_late", case=clock.case, due=clock.due_date)


def _require_allowed(session: Session, clock: CaseClock, days: int) -> None:
    if not clock.extension_limit:
        raise Invalid("deadline.no_extension", case=clock.case, rule=clock.rule_key)
    if not 1 <= days <= clock.extension_limit:
        raise Invalid("deadline.extension_days", days=days, limit=clock.extension_limit)
    if any(one.state in ("asked", "granted") for one in of_clock(session, clock.id)):
        raise Invalid("deadline.extension_once", case=clock.case)


def _reason(why: str, clock: CaseClock) -> str:
    if not why.strip():
        raise Invalid("deadline.reason_needed", case=clock.case)
    return why.strip()


def _tell(session: Session, actor: Actor, asked: ClockExtension, clock: CaseClock) -> None:
    demand = session.get_one(Demand, clock.demand_id)
    if asked.state == "granted":
        facts = {"case": clock.case, "days": asked.days, "due": clock.due_date.isoformat()}
        cases.note_event(session, actor, demand, Step("extend_deadline", asked.decision, facts))
        told = {clock.department_id, demand.department_id}
        clock_notices.tell(session, clock, "clock.extended", told, days=str(asked.days))
        return
    clock_notices.tell(session, clock, "clock.extension_declined", {clock.department_id}, days=str(asked.days))
