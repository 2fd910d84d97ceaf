"""Why: grants as programs see them, and each step of a grant's life as one function of the table of routes. The work is `grant.grants`'s.
Called by `routes` alone.
"""

from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from exchange_api.actors import Actor
from exchange_api.desk_api import sight
from exchange_api.desk_api.asked import Ask, page_of
from exchange_api.grant import certifying, flags, grants, health, life, quota_requests, use
from schemas.calendar import today
from schemas.messages.desk_grants import (
    CheckedStep,
    CheckSaid,
    DayUsed,
    GrantedItemSaid,
    GrantEvents,
    GrantSaid,
    GrantShort,
    GrantsSaid,
    QuotaSaid,
    QuotasSaid,
    SuspendedSaid,
    UseSaid,
)
from schemas.messages.desk_papers import as_event
from schemas.tables.exchange import Grant
from schemas.tables.grant_life import QuotaRequest

LATELY = timedelta(days=90)
SIDES = ("consumer", "provider", "platform")


def listed(session: Session, actor: Actor, ask: Ask) -> GrantsSaid:
    """Return the grants the actor sees, newest first."""
    query = select(Grant).where(sight.grants(actor)).order_by(Grant.id.desc())
    if ask.page.after:
        query = query.where(Grant.id < ask.page.after)
    if ask.page.state:
        query = query.where(Grant.state == ask.page.state)
    found, further = page_of(session, query, ask.page, lambda one: str(one.id))
    return GrantsSaid(grants=[GrantShort(**_short(one)) for one in found], next=further)


def read(session: Session, actor: Actor, ask: Ask) -> GrantSaid:  # noqa: ARG001 - sight was judged before
    """Return one grant."""
    session.flush()
    grant = session.get_one(Grant, ask.ids["grant"], populate_existing=True)
    plain = {
        name: getattr(grant, name)
        for name in ("rows", "hours", "is_case_required", "quota_per_day", "subjects_per_call", "burst_per_minute", "certified_until")
    }  # fmt: skip
    items = [
        GrantedItemSaid(
            attribute=one.attribute, form=one.form, resource_version=one.resource_version_id, item_id=one.item_id
        )
        for one in grants.items(session, grant.id)
    ]
    reasons = [
        SuspendedSaid(side=one.side, code=one.code, since=one.since, why=one.why) for one in flags.of(session, grant.id)
    ]
    return GrantSaid(**_short(grant), **plain, items=items, suspensions=reasons)


def suspend(session: Session, actor: Actor, ask: Ask) -> GrantSaid:
    """Suspend it as the side the actor stands on."""
    grants.suspend(session, actor, ask.ids["grant"], ask.form.why)
    return read(session, actor, ask)


def resume(session: Session, actor: Actor, ask: Ask) -> GrantSaid:
    """Lift the suspension of the actor's own side."""
    grants.resume(session, actor, ask.ids["grant"], ask.form.why)
    return read(session, actor, ask)


def revoke(session: Session, actor: Actor, ask: Ask) -> GrantSaid:
    """End it for good."""
    grants.revoke(session, actor, ask.ids["grant"], ask.form.why)
    return read(session, actor, ask)


def close(session: Session, actor: Actor, ask: Ask) -> GrantSaid:
    """Give it up."""
    grants.close(session, actor, ask.ids["grant"], ask.form.why)
    return read(session, actor, ask)


def recertify(session: Session, actor: Actor, ask: Ask) -> GrantSaid:
    """Say that it is still right."""
    certifying.recertify(session, actor, ask.ids["grant"], ask.form.why)
    return read(session, actor, ask)


def ask_renewal(session: Session, actor: Actor, ask: Ask) -> GrantSaid:
    """Ask that it may go on."""
    certifying.ask_renewal(session, actor, ask.ids["grant"], ask.form.until, ask.form.why)
    return read(session, actor, ask)


def prolong(session: Session, actor: Actor, ask: Ask) -> GrantSaid:
    """Let it go on until a later day."""
    certifying.prolong(session, actor, ask.ids["grant"], ask.form.until, ask.form.why)
    return read(session, actor, ask)


def timeline(session: Session, actor: Actor, ask: Ask) -> GrantEvents:  # noqa: ARG001
    """Return every step of a grant's life."""
    number = ask.ids["grant"]
    return GrantEvents(grant=number, events=[as_event(one) for one in life.timeline(session, number)])


def used(session: Session, actor: Actor, ask: Ask) -> UseSaid:  # noqa: ARG001
    """Return how much a grant was used lately."""
    rows = use.days_of(session, ask.ids["grant"], today() - LATELY)
    days = [DayUsed(day=one.day, subjects=one.subjects, calls=one.calls) for one in rows]
    return UseSaid(grant=ask.ids["grant"], days=days)


def check_health(session: Session, actor: Actor, ask: Ask) -> CheckSaid:
    """Ask through the grant and say what came of each step."""
    kept = health.check(session, actor, ask.ids["grant"])
    steps = [CheckedStep(name=one["name"], is_good=one["is_good"], found=one["found"]) for one in kept.steps]
    return CheckSaid(grant=kept.grant_id, is_good=kept.is_good, evidence=kept.receipt, steps=steps)


def quotas(session: Session, actor: Actor, ask: Ask) -> QuotasSaid:  # noqa: ARG001
    """Return a grant's wishes for more."""
    return QuotasSaid(requests=[_quota(one) for one in quota_requests.find(session, ask.ids["grant"])])


def ask_quota(session: Session, actor: Actor, ask: Ask) -> QuotaSaid:
    """Ask for more beforehand."""
    wanted = ask.form.wanted, ask.form.day
    return _quota(quota_requests.ask(session, actor, ask.ids["grant"], wanted, ask.form.why))


def approve_quota(session: Session, actor: Actor, ask: Ask) -> QuotaSaid:
    """Allow more."""
    number = int(ask.ids["request"])
    return _quota(quota_requests.approve(session, actor, number, ask.form.quota, ask.form.until))


def decline_quota(session: Session, actor: Actor, ask: Ask) -> QuotaSaid:
    """Say no to more."""
    return _quota(quota_requests.decline(session, actor, int(ask.ids["request"]), ask.form.why))


def _quota(one: QuotaRequest) -> QuotaSaid:
    return QuotaSaid(
        request=one.id, grant=one.grant_id, state=one.state, origin=one.origin, day=one.day, wanted=one.wanted, why=one.why, quota=one.quota,
        until=one.until, asked_at=one.asked_at, decided_at=one.decided_at,
    )  # fmt: skip


def _short(grant: Grant) -> dict[str, Any]:
    return {
        "grant": grant.id, "state": grant.state, "suspended_by": [side for side in SIDES if getattr(grant, f"suspended_by_{side}")],
        "demand": grant.demand_id, "application": grant.application_id, "library": grant.library, "service_item": grant.service_item_id,
        "valid_from": grant.valid_from, "valid_until": grant.valid_until,
    }  # fmt: skip
