"""Why: notices and deadlines as programs see them: what a department was told, what it owes and by when. Called by `routes` alone."""

from datetime import date

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from exchange_api.actors import Actor
from exchange_api.clocks import extensions, lamps
from exchange_api.clocks.clocks import RUNNING
from exchange_api.desk_api import sight
from exchange_api.desk_api.asked import Ask, page_of
from exchange_api.noticing import reading
from schemas.errors import Invalid
from schemas.messages.desk_api import DeadlineSaid, DeadlinesSaid, NoticeSaid, NoticesSaid
from schemas.messages.desk_grants import ExtensionSaid, ExtensionsSaid
from schemas.tables.clocks import CaseClock, ClockExtension
from schemas.tables.operations import Notice


def listed(session: Session, actor: Actor, ask: Ask) -> NoticesSaid:
    """Return the notices the actor sees, newest first."""
    query = select(Notice).where(sight.notices(actor)).order_by(Notice.id.desc())
    if ask.page.after:
        query = query.where(Notice.id < _number(ask.page.after))
    if ask.page.state:
        query = query.where(Notice.read_at.is_(None) if _is_unread(ask.page.state) else Notice.read_at.is_not(None))
    found, further = page_of(session, query, ask.page, lambda one: str(one.id))
    return NoticesSaid(notices=[_notice(one) for one in found], next=further)


def mark(session: Session, actor: Actor, ask: Ask) -> NoticeSaid:
    """Mark a notice of the actor's own department as read; the first reading stands. An auditor reads others' letters and marks none of them."""
    found = session.get_one(Notice, int(ask.ids["notice"]))
    reading.read(session, actor, [found.id])
    session.refresh(found)
    return _notice(found)


def clocks(session: Session, actor: Actor, ask: Ask) -> DeadlinesSaid:
    """Return the running clocks the actor sees, the most urgent first."""
    query = select(CaseClock).where(sight.clocks(actor), CaseClock.state.in_(RUNNING))
    if ask.page.after:
        day, number = _place(ask.page.after)
        query = query.where(or_(CaseClock.due_date > day, and_(CaseClock.due_date == day, CaseClock.id > number)))
    if ask.page.state:
        query = query.where(CaseClock.state == ask.page.state)
    query = query.order_by(CaseClock.due_date, CaseClock.id)
    found, further = page_of(session, query, ask.page, lambda one: f"{one.due_date.isoformat()}.{one.id}")
    return DeadlinesSaid(deadlines=[_clock(session, one) for one in found], next=further)


def ask_extension(session: Session, actor: Actor, ask: Ask) -> ExtensionSaid:
    """Ask for more days."""
    return _extension(extensions.ask(session, actor, int(ask.ids["clock"]), ask.form.days, ask.form.why))


def decide_extension(session: Session, actor: Actor, ask: Ask) -> ExtensionSaid:
    """Consent to more days, or decline them."""
    number = int(ask.ids["extension"])
    return _extension(extensions.decide(session, actor, number, ask.form.consent, ask.form.why))


def listed_extensions(session: Session, actor: Actor, ask: Ask) -> ExtensionsSaid:
    """Return the wishes for more days that the actor sees, newest first."""
    query = select(ClockExtension).where(sight.extensions(actor)).order_by(ClockExtension.id.desc())
    if ask.page.after:
        query = query.where(ClockExtension.id < _number(ask.page.after))
    if ask.page.state:
        query = query.where(ClockExtension.state == ask.page.state)
    found, further = page_of(session, query, ask.page, lambda one: str(one.id))
    return ExtensionsSaid(extensions=[_extension(one) for one in found], next=further)


def _extension(one: ClockExtension) -> ExtensionSaid:
    return ExtensionSaid(
        extension=one.id, clock=one.clock_id, state=one.state, days=one.days, why=one.why, decision=one.decision, asked_at=one.asked_at,
        decided_at=one.decided_at,
    )  # fmt: skip


def _notice(one: Notice) -> NoticeSaid:
    return NoticeSaid(
        notice=one.id, department=one.department_id, key=one.key, facts=one.facts, demand=one.demand_id, created_at=one.created_at,
        read_at=one.read_at,
    )  # fmt: skip


def _clock(session: Session, one: CaseClock) -> DeadlineSaid:
    return DeadlineSaid(
        clock=one.id, case=one.case, demand=one.demand_id, department=one.department_id, rule=one.rule_key, basis=one.basis, state=one.state,
        lamp=lamps.lamp(session, one).value, started_on=one.started_on, due=one.due_date, is_provisional=one.is_provisional,
        paused_days=one.paused_days, extension_days=one.extension_days,
    )  # fmt: skip


def _is_unread(state: str) -> bool:
    if state not in ("unread", "read"):
        raise Invalid("request.malformed", where="the query string", reason="state of a notice is unread or read")
    return state == "unread"


def _number(after: str) -> int:
    if not after.isdigit() or len(after) > 18:
        raise Invalid("request.malformed", where="the query string", reason="after= is the `next` of the page before")
    return int(after)


def _place(after: str) -> tuple[date, int]:
    day, _, number = after.partition(".")
    try:
        return date.fromisoformat(day), _number(number)
    except ValueError:
        raise Invalid(
            "request.malformed", where="the query string", reason="after= is the `next` of the page before"
        ) from None
