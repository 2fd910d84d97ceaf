"""Why: going over the day's quota asks for approval instead of failing silently. A request comes of the first refusal of a day, or of the consumer beforehand;
provider or authority approve it for some days, and every worker counts by the new quota within a second. Called by portal, commands, `overruns` and upkeep.
"""

from datetime import UTC, date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from exchange_api.actors import Actor, Step, system
from exchange_api.grant import grants, life
from exchange_api.states import QUOTA
from schemas.calendar import today
from schemas.errors import Denied, Invalid
from schemas.tables.exchange import Grant
from schemas.tables.grant_life import QuotaRequest

LONGEST = timedelta(days=366)
MOST = 10_000_000


def note_overrun(session: Session, grant_id: str, day: date) -> QuotaRequest | None:
    """Make the one request of a grant's day for a refusal over its quota, and tell those who decide; None when it was made already."""
    new = insert(QuotaRequest).values(grant_id=grant_id, day=day, origin="overrun", state="asked", asked_by="system")
    new = new.on_conflict_do_nothing(index_elements=["grant_id", "day"], index_where=QuotaRequest.origin == "overrun")
    made = session.scalar(new.returning(QuotaRequest.id))
    if made is None:
        return None
    request = session.get_one(QuotaRequest, made)
    grant = session.get_one(Grant, grant_id)
    _tell_asked(session, system(life.parties(session, grant).consumer), grant, request)
    return request


def ask(session: Session, actor: Actor, grant_id: str, wanted: tuple[int, date], why: str) -> QuotaRequest:
    """Ask for more beforehand, as the department that uses the grant. wanted: subjects a day, from this day on.

    Raises Denied `case.not_yours`; Invalid `grant.quota_wanted`, `case.wrong_state`.
    """
    grant, (quota, day) = grants.get(session, grant_id), wanted
    if life.side_of(session, actor, grant) != "consumer":
        raise Denied("case.not_yours", case=grant.id)
    life.require_living(grant, "ask_quota")
    if not grant.quota_per_day < quota <= MOST or day < today():
        raise Invalid("grant.quota_wanted", grant=grant.id, wanted=quota, quota=grant.quota_per_day, day=day)
    request = QuotaRequest(
        grant_id=grant.id, day=day, origin="consumer", wanted=quota, state="asked", asked_by=actor.id, why=why
    )
    session.add(request)
    session.flush()
    _tell_asked(session, actor, grant, request)
    return request


def approve(session: Session, actor: Actor, request_id: int, quota: int, until: date) -> QuotaRequest:
    """Allow so many subjects a day, from the request's day until another one; the grant itself stays as it is.

    Raises Denied `case.not_yours`, `case.same_officer`; Invalid `grant.quota_wanted`, `case.unknown`, `case.wrong_state`.
    """
    request, grant = _decided(session, actor, request_id, "approve")
    if not grant.quota_per_day < quota <= MOST or not request.day <= until <= request.day + LONGEST or until < today():
        raise Invalid("grant.quota_wanted", grant=grant.id, wanted=quota, quota=grant.quota_per_day, day=until)
    request.quota, request.until = quota, until
    facts = {"quota": quota, "until": until.isoformat()}
    life.note(session, actor, grant, Step("approve_quota", facts={"request": request.id, **facts}))
    life.tell(session, grant, "grant.quota_approved", facts)
    return request


def decline(session: Session, actor: Actor, request_id: int, why: str) -> QuotaRequest:
    """Say no, and why. Raises Denied `case.not_yours`, `case.same_officer`; Invalid `case.unknown`, `case.wrong_state`."""
    request, grant = _decided(session, actor, request_id, "decline")
    life.note(session, actor, grant, Step("decline_quota", why, {"request": request.id}))
    life.tell(session, grant, "grant.quota_declined", {"day": request.day.isoformat(), "why": why})
    return request


def lapse(session: Session, day: date) -> list[int]:
    """Let requests of days before `day` lapse that nobody decided; return them."""
    query = select(QuotaRequest).where(QuotaRequest.state == "asked", QuotaRequest.day < day)
    passed = session.scalars(query.order_by(QuotaRequest.id).with_for_update(skip_locked=True)).all()
    for request in passed:
        request.state = QUOTA.after(str(request.id), request.state, "lapse")
        request.decided_by, request.decided_at = "system", datetime.now(UTC)
        grant = session.get_one(Grant, request.grant_id)
        actor = system(life.parties(session, grant).consumer)
        life.note(session, actor, grant, Step("lapse_quota", facts={"request": request.id}))
        life.tell(session, grant, "grant.quota_lapsed", {"day": request.day.isoformat()})
    return [request.id for request in passed]


def find(session: Session, grant_id: str | None = None, *, waiting: bool = False) -> list[QuotaRequest]:
    """Return requests, of one grant or all, the newest first; waiting: only those not decided."""
    query = select(QuotaRequest).order_by(QuotaRequest.id.desc())
    if grant_id:
        query = query.where(QuotaRequest.grant_id == grant_id)
    return list(session.scalars(query.where(QuotaRequest.state == "asked") if waiting else query))


def quota_on(session: Session, grant: Grant, day: date) -> int:
    """Return how many subjects a grant may be asked for on a day, as the record path counts."""
    query = select(QuotaRequest.quota).where(
        QuotaRequest.grant_id == grant.id, QuotaRequest.state == "approved", QuotaRequest.day <= day
    )
    raised = session.scalars(query.where(QuotaRequest.until >= day))
    return max((quota for quota in raised if quota is not None), default=grant.quota_per_day)


def _decided(session: Session, actor: Actor, request_id: int, action: str) -> tuple[QuotaRequest, Grant]:
    """Move a request by its table as a side that may decide. Lock order: grant before request."""
    known = session.get(QuotaRequest, request_id)
    if known is None:
        raise Invalid("case.unknown", case=str(request_id))
    grant = grants.get(session, known.grant_id)
    life.require_giver(session, actor, grant)
    session.refresh(known, with_for_update=True)
    if known.asked_by in actor.ids:
        raise Denied("case.same_officer", case=str(request_id))
    known.state = QUOTA.after(str(request_id), known.state, action)
    known.decided_by, known.decided_at = actor.id, datetime.now(UTC)
    session.flush()
    return known, grant


def _tell_asked(session: Session, actor: Actor, grant: Grant, request: QuotaRequest) -> None:
    facts = {"request": request.id, "day": request.day.isoformat(), "origin": request.origin}
    life.note(session, actor, grant, Step("ask_quota", request.why, facts))
    told = {"request": str(request.id), "day": facts["day"], "quota": str(grant.quota_per_day)}
    life.tell(session, grant, "grant.quota_asked", told, life.everybody(session, grant))
