"""Why: a grant is suspended by three sides independently, each for its reasons, and a side's flag stands as long as one of its reasons does. The record path
reads the three flags on the grant, whose table tells all workers of the change at once. Only the rooms of `grant` call it.
"""

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from exchange_api.actors import Actor, Step
from exchange_api.grant import life
from schemas.tables.exchange import Grant
from schemas.tables.grant_life import GrantFlag

ORDERED = "ordered"
"""Code of a suspension that an officer ordered."""


def of(session: Session, grant_id: str, side: str | None = None) -> list[GrantFlag]:
    """Return why a grant is suspended, the oldest reason first."""
    query = select(GrantFlag).where(GrantFlag.grant_id == grant_id)
    if side:
        query = query.where(GrantFlag.side == side)
    return list(session.scalars(query.order_by(GrantFlag.since, GrantFlag.side, GrantFlag.code)))


def put(session: Session, actor: Actor, grant: Grant, flag: tuple[str, str], why: str | None = None) -> bool:
    """Suspend a grant for one reason more and tell all sides; False when it stands already. flag: side and code."""
    side, code = flag
    if session.get(GrantFlag, (grant.id, side, code)):
        return False
    session.add(GrantFlag(grant_id=grant.id, side=side, code=code, by=actor.id, why=why))
    setattr(grant, f"suspended_by_{side}", True)
    life.note(session, actor, grant, Step("suspend", why, {"side": side, "code": code}))
    to = life.everybody(session, grant) if side == "platform" else None
    life.tell(session, grant, "grant.suspended", {"side": side, "code": code, "why": why or "—"}, to)
    return True


def lift(
    session: Session, actor: Actor, grant: Grant, flag: tuple[str, Collection[str]], why: str | None = None
) -> bool:
    """Take reasons of one side away; with its last one the side's flag falls, and all are told. Return whether anything changed. flag: side and codes."""
    side, codes = flag
    was_suspended = getattr(grant, f"suspended_by_{side}")
    gone = [one for one in of(session, grant.id, side) if one.code in codes]
    for one in gone:
        session.delete(one)
    session.flush()
    is_left = bool(of(session, grant.id, side))
    if not gone and (is_left or not was_suspended):
        return False
    setattr(grant, f"suspended_by_{side}", is_left)
    facts = {"side": side, "codes": sorted(one.code for one in gone)}
    life.note(session, actor, grant, Step("resume", why, facts))
    if not is_left:
        to = life.everybody(session, grant) if side == "platform" else None
        life.tell(session, grant, "grant.resumed", {"side": side}, to)
    return True
