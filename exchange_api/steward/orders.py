"""Why: replays, retractions, rulings and comparisons take as long as they take, and no page waits for them. An order is written down in the request,
worked off beside it, one at a time, and what came of it stands with it. Called by pages; `begin` after the answer left, `work_off` hourly for the rest.

An order is safe to work off again: a replay, a retraction and a ruling find their own traces, a preview and a comparison change nothing.
"""

import logging
import secrets
import threading
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from exchange_api.actors import Actor
from exchange_api.steward import proposals, sight, works
from schemas.database import transaction
from schemas.errors import Denied, HutongError, Invalid
from schemas.tables.steward import StewardOrder

log = logging.getLogger(__name__)
_at_work = threading.Lock()


def place(
    session: Session, actor: Actor, what: tuple[str, str], reason: str, said: dict[str, Any] | None = None
) -> StewardOrder:
    """Write an order down and return it; what: kind and target. The same order that still waits is returned as it is.

    Raises Denied `case.role_needed`; Invalid `portal.why_needed` where a kind needs its reason.
    """
    actor.require("steward")
    kind, target = what
    if kind in works.REASONED and not reason.strip():
        raise Invalid("portal.why_needed")
    alike = (StewardOrder.kind == kind, StewardOrder.target == target, StewardOrder.said == (said or {}))
    known = session.scalar(select(StewardOrder).where(StewardOrder.state == "waiting", *alike).limit(1))
    if known is not None:
        return known
    order = StewardOrder(
        kind=kind, target=target, reason=reason.strip(), said=said or {}, ordered_by=actor.id, department_id=actor.department_id
    )  # fmt: skip
    session.add(order)
    session.flush()
    return order


def get(session: Session, actor: Actor, order_id: int) -> StewardOrder:
    """Return an order; a provider's officer sees what his own department proposed. Raises Denied `case.role_needed`, `case.not_yours`;
    Invalid `steward.unknown_order`.
    """
    within = sight.own(actor)
    found = session.get(StewardOrder, order_id, populate_existing=True)
    if found is None:
        raise Invalid("steward.unknown_order", order=order_id)
    if within is not None and (found.kind != proposals.KIND or found.department_id != within):
        raise Denied("case.not_yours", case=str(order_id))
    return found


def of(session: Session, target: str, kind: str | None = None, limit: int = 5) -> list[StewardOrder]:
    """Return the last orders about a target, the newest first."""
    query = select(StewardOrder).where(StewardOrder.target == target).order_by(StewardOrder.id.desc()).limit(limit)
    return list(session.scalars(query.where(StewardOrder.kind == kind) if kind else query))


def begin() -> None:
    """Work off what waits in a thread of its own, unless this process is at it already (then it comes to the new order by itself)."""
    threading.Thread(target=_alone, name="steward-orders", daemon=True).start()


def work_off() -> int:
    """Work off every order that waits, oldest first; return how many. What another process is at is left to it."""
    with transaction("exchange") as session:
        proposals.lapse(session)
    done, seen = 0, 0
    while (order_id := _next(seen)) is not None:
        done, seen = done + _work(order_id), order_id
    return done


def _alone() -> None:
    with _at_work:
        try:
            work_off()
        except HutongError:
            log.exception("orders of stewards wait")


def _next(after: int) -> int | None:
    with transaction("exchange") as session:
        waiting = select(func.min(StewardOrder.id)).where(StewardOrder.state == "waiting", StewardOrder.id > after)
        return session.scalar(waiting)


def _work(order_id: int) -> bool:
    """Do one order, alone among all processes; False when another is at it or it is done."""
    with transaction("exchange") as session:
        key = func.hashtextextended(f"steward_order:{order_id}", 0)
        if not session.scalar(select(func.pg_try_advisory_xact_lock(key))):
            return False
        order = session.get_one(StewardOrder, order_id)
        if order.state != "waiting":
            return False
        _end(order_id, _outcome(order))
    return True


def _outcome(order: StewardOrder) -> dict[str, Any]:
    try:
        return {"state": "done", "found": works.KINDS[order.kind](order, lambda step: _tell(order.id, step))}
    except HutongError as error:
        return {"state": "failed", "error_code": error.code, "error_facts": works.plain(error.facts)}
    except Exception:
        number = secrets.token_hex(4)
        log.exception("order %s failed under %s", order.id, number)
        return {"state": "failed", "error_code": "portal.failed", "error_facts": {"number": number}}


def _tell(order_id: int, step: str) -> None:
    with transaction("exchange") as session:
        session.execute(update(StewardOrder).where(StewardOrder.id == order_id).values(step=step))


def _end(order_id: int, outcome: dict[str, Any]) -> None:
    with transaction("exchange") as session:
        ended = {"said": {}, "ended_at": datetime.now(UTC), **outcome}
        session.execute(update(StewardOrder).where(StewardOrder.id == order_id).values(**ended))
