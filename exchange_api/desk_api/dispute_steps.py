"""Why: disputes as programs see them, and each step of one as one function of the table of routes. The work is `dispute.disputes`'s. Called by `routes`."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from exchange_api.actors import Actor
from exchange_api.desk_api import sight
from exchange_api.desk_api.asked import Ask, page_of
from exchange_api.dispute import dispute_cases, disputes
from exchange_api.states import DISPUTE
from schemas.messages.desk_papers import DisputeSaid, DisputeShort, DisputesSaid, as_event
from schemas.tables.disputes import Dispute


def listed(session: Session, actor: Actor, ask: Ask) -> DisputesSaid:
    """Return the disputes the actor sees, newest first."""
    query = select(Dispute).where(sight.disputes(actor)).order_by(Dispute.id.desc())
    if ask.page.after:
        query = query.where(Dispute.id < ask.page.after)
    if ask.page.state:
        query = query.where(Dispute.state == ask.page.state)
    found, further = page_of(session, query, ask.page, lambda one: str(one.id))
    return DisputesSaid(disputes=[DisputeShort(**_short(one)) for one in found], next=further)


def read(session: Session, actor: Actor, ask: Ask) -> DisputeSaid:  # noqa: ARG001 - sight was judged before
    """Return one dispute."""
    return _said(session, ask.ids["dispute"])


def raise_(session: Session, actor: Actor, ask: Ask) -> DisputeSaid:
    """Dispute one provider's refusal of some items."""
    raised = disputes.raise_dispute(session, actor, ask.ids["demand"], list(ask.form.items), ask.form.why)
    return _said(session, raised.id)


def state(session: Session, actor: Actor, ask: Ask) -> DisputeSaid:
    """Put words on record."""
    disputes.state_case(session, actor, ask.ids["dispute"], ask.form.words)
    return read(session, actor, ask)


def settle(session: Session, actor: Actor, ask: Ask) -> DisputeSaid:
    """Agree, as the provider."""
    disputes.settle(session, actor, ask.ids["dispute"], ask.form.why)
    return read(session, actor, ask)


def refer(session: Session, actor: Actor, ask: Ask) -> DisputeSaid:
    """Take a failed negotiation to the authority."""
    disputes.refer(session, actor, ask.ids["dispute"], ask.form.why)
    return read(session, actor, ask)


def decide(session: Session, actor: Actor, ask: Ask) -> DisputeSaid:
    """Decide, as the authority."""
    ruling = disputes.Ruling(ask.form.verdict, ask.form.why, ask.form.document)
    disputes.decide(session, actor, ask.ids["dispute"], ruling)
    return read(session, actor, ask)


def escalate(session: Session, actor: Actor, ask: Ask) -> DisputeSaid:
    """Take an upheld refusal to the common superior."""
    disputes.escalate(session, actor, ask.ids["dispute"], ask.form.why)
    return read(session, actor, ask)


def withdraw(session: Session, actor: Actor, ask: Ask) -> DisputeSaid:
    """Take a dispute back."""
    disputes.withdraw(session, actor, ask.ids["dispute"], ask.form.why)
    return read(session, actor, ask)


def _said(session: Session, dispute_id: str) -> DisputeSaid:
    session.flush()
    one = session.get_one(Dispute, dispute_id, populate_existing=True)
    return DisputeSaid(
        **_short(one), reason=one.reason, document=one.document, appeal_until=one.appeal_until, possible=list(DISPUTE.possible(one.state)),
        items=[item.demand_item_id for item in dispute_cases.items(session, dispute_id)],
        events=[as_event(row) for row in dispute_cases.timeline(session, dispute_id)],
    )  # fmt: skip


def _short(one: Dispute) -> dict[str, Any]:
    return {
        "dispute": one.id, "state": one.state, "demand": one.demand_id, "department": one.department_id, "against": one.against_id,
        "raised_at": one.raised_at,
    }  # fmt: skip
