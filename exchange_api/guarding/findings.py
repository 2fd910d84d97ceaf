"""Why: what a detector saw is written down once, told to all sides of the grant, and suspends where the rule says so; an officer lifts it as any other
suspension (`hutong grant resume`) and says whether it was a false alarm. Called by `guard`, and by `hutong guard`.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog.review.review_steps import authorities
from exchange_api.actors import Actor, Step, system
from exchange_api.grant import flags, life
from exchange_api.guarding.rules import Rule
from schemas.calendar import today
from schemas.database import transaction
from schemas.errors import Invalid
from schemas.tables.exchange import Grant
from schemas.tables.grant_life import GrantFlag
from schemas.tables.guarding import GuardFinding


@dataclass(frozen=True, slots=True)
class Finding:
    """What a detector saw: a count above a rule's limit, at the question with this receipt."""

    rule: Rule
    application_id: str
    grant_id: str
    measured: int
    receipt: UUID
    suspends: bool
    pause: int


def keep(found: Finding) -> bool:
    """Write one finding down in a transaction of its own; return whether anything was written."""
    with transaction("exchange") as session:
        return note(session, found)


def note(session: Session, found: Finding) -> bool:
    """Write a finding down, tell all sides and suspend; False when the same was said a moment ago, or the grant is none of this application's any more.

    A suspension is never left out for having been told before: only when its flag stands already.
    """
    grant = session.get(Grant, found.grant_id, with_for_update=True)
    if grant is None or grant.application_id != found.application_id or grant.state not in life.LIVING:
        return False
    rule = found.rule
    stands = session.get(GrantFlag, (grant.id, "platform", rule.code)) is not None
    if stands or (not found.suspends and _is_known(session, found)):
        return False
    session.add(
        GuardFinding(
            rule=rule.key, application_id=grant.application_id, grant_id=grant.id, measured=found.measured, above=rule.above,
            receipt=found.receipt, has_suspended=found.suspends,
        )
    )  # fmt: skip
    consumer = life.parties(session, grant).consumer
    facts = {"code": rule.code, "measured": found.measured, "above": rule.above, "receipt": str(found.receipt)}
    life.note(session, system(consumer), grant, Step("finding", f"{rule.zh} / {rule.en}", facts))
    told = {"day": today().isoformat(), "why": rule.zh, "why_en": rule.en}
    # whom a protected subject concerns is the authority's knowledge alone
    to = set(authorities(session)) if rule.measure == "protected" else life.everybody(session, grant)
    life.tell(session, grant, "grant.use_finding", told, to)
    if found.suspends:
        flags.put(session, system(consumer), grant, ("platform", rule.code), f"{rule.zh} / {rule.en}")
    return True


def find(session: Session, *, grant_id: str | None = None, unreviewed_only: bool = False) -> list[GuardFinding]:
    """Return findings, the newest first."""
    query = select(GuardFinding).order_by(GuardFinding.id.desc()).limit(200)
    if grant_id:
        query = query.where(GuardFinding.grant_id == grant_id)
    return list(session.scalars(query.where(GuardFinding.review.is_(None)) if unreviewed_only else query))


def review(session: Session, actor: Actor, number: int, *, is_false_alarm: bool) -> GuardFinding:
    """Say as the authority what a finding was; the last word stands. Lifting the suspension is a step of its own.

    Raises Denied `case.role_needed`, Invalid `guard.finding_unknown`.
    """
    actor.require("authority")
    found = session.get(GuardFinding, number, with_for_update=True)
    if found is None:
        raise Invalid("guard.finding_unknown", finding=number)
    found.review = "false_alarm" if is_false_alarm else "abuse"
    found.reviewed_by, found.reviewed_at = actor.id, datetime.now(UTC)
    session.flush()
    return found


def _is_known(session: Session, found: Finding) -> bool:
    since = func.clock_timestamp() - timedelta(seconds=found.pause)
    query = select(GuardFinding.id).where(
        GuardFinding.grant_id == found.grant_id, GuardFinding.rule == found.rule.key, GuardFinding.at > since
    )
    return found.rule.measure != "protected" and session.scalar(query.limit(1)) is not None
