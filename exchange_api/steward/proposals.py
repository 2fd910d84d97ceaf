"""Why: a workbook of corrections is looked at before any of it is taken. What came in stands as an order that is only proposed: whoever sent it reads what
would be taken and what is wrong, then has it taken or lets it drop. One left lying lapses in a day, and what was typed with it. Called by pages of workbooks.

A provider's officer proposes corrections of his own department's rows; everything else here is a steward's.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from exchange_api.actors import Actor
from exchange_api.steward import sight
from schemas.errors import Denied, Invalid
from schemas.tables.steward import StewardOrder

KIND = "correct"
LASTS = timedelta(days=1)
_SAME = ("proposed", "waiting")


def propose(session: Session, actor: Actor, batch_id: str, said: dict[str, Any], found: dict[str, Any]) -> StewardOrder:
    """Write down what a workbook proposes for a batch; said: what it needs, personal data; found: what is told of it. The same again is the same order.

    Raises what `sight.require_batch` raises.
    """
    sight.require_batch(session, actor, batch_id)
    lapse(session)
    alike = (StewardOrder.kind == KIND, StewardOrder.target == batch_id, StewardOrder.said == said)
    own = (StewardOrder.ordered_by == actor.id, StewardOrder.state.in_(_SAME))
    known = session.scalar(select(StewardOrder).where(*alike, *own).limit(1))
    if known is not None:
        known.found = found if known.state == "proposed" else known.found
        return known
    order = StewardOrder(
        kind=KIND, target=batch_id, reason="", said=said, found=found, state="proposed", ordered_by=actor.id, department_id=actor.department_id
    )  # fmt: skip
    session.add(order)
    session.flush()
    return order


def require(session: Session, actor: Actor, order_id: int) -> StewardOrder:
    """Return a proposal of the actor's own, locked. Raises Invalid `steward.unknown_order`; Denied `case.role_needed`, `case.not_yours`."""
    sight.own(actor)
    found = session.get(StewardOrder, order_id, with_for_update=True, populate_existing=True)
    if found is None or found.kind != KIND:
        raise Invalid("steward.unknown_order", order=order_id)
    if found.ordered_by not in actor.ids:
        raise Denied("case.not_yours", case=str(order_id))
    sight.require_batch(session, actor, found.target)
    return found


def take(session: Session, actor: Actor, order_id: int) -> StewardOrder:
    """Have a proposal worked off; one that already is stays as it is. Raises as `require`, and Invalid `steward.proposal_over`, `steward.nothing_to_take`."""
    order = require(session, actor, order_id)
    if order.state == "dropped":
        raise Invalid("steward.proposal_over", order=order_id)
    if order.state == "proposed":
        if not any(answer["state"] == "to_send" for answer in order.found["answers"]):
            raise Invalid("steward.nothing_to_take", order=order_id)
        order.state = "waiting"
    return order


def drop(session: Session, actor: Actor, order_id: int) -> StewardOrder:
    """Let a proposal drop, and what was typed with it. Raises as `require`, and Invalid `steward.proposal_over` when it was taken."""
    order = require(session, actor, order_id)
    if order.state not in ("proposed", "dropped"):
        raise Invalid("steward.proposal_over", order=order_id)
    order.state, order.said, order.ended_at = "dropped", {}, order.ended_at or datetime.now(UTC)
    return order


def lapse(session: Session) -> None:
    """Let drop what was proposed more than a day ago."""
    old = StewardOrder.state == "proposed", StewardOrder.ordered_at < func.now() - LASTS
    session.execute(update(StewardOrder).where(*old).values(state="dropped", said={}, ended_at=func.now()))
