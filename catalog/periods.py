"""Why: a place has its own periods, and law changes: rules are added here, never altered. A new rule ends the one before it, clocks that run keep their copy;
whether a basis was checked against the official text is said by whom. Called by `hutong deadline rules`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog import deadlines
from schemas.errors import Invalid
from schemas.tables.deadlines import DeadlineRule

LONGEST = 366
DAY_TYPES = ("working", "calendar")
APPROVERS = ("authority",)


@dataclass(frozen=True)
class Period:
    """What a rule says: the days, whether they are working or calendar days, how many more may be granted by whom, and on what legal basis."""

    days: int
    basis: str
    day_type: str = "working"
    extension_days: int = 0
    extension_approver: str | None = None


def add(session: Session, by: str, place: tuple[str, str], effective_from: date, period: Period) -> DeadlineRule:
    """Let a period be the rule from a day on. place: the rule's key and its jurisdiction. The former rule ends the day before; again changes nothing.

    Raises Invalid `deadline.unknown_rule`, `deadline.bad_rule`, `deadline.rule_not_later`.
    """
    key, jurisdiction = place
    _require_known(session, key, jurisdiction)
    _require_sound(jurisdiction, period)
    session.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"directory.deadline_rules.{key}"))))
    former = _newest(session, key, jurisdiction)
    if former and former.effective_from >= effective_from:
        if former.effective_from == effective_from and _period(former) == _normal(period):
            return former
        facts = {"former": former.effective_from, "given": effective_from}
        raise Invalid("deadline.rule_not_later", rule=key, jurisdiction=jurisdiction, **facts)
    if former and (former.effective_to is None or former.effective_to >= effective_from):
        former.effective_to = effective_from - timedelta(days=1)
    made = DeadlineRule(
        key=key, jurisdiction=jurisdiction, effective_from=effective_from, is_confirmed=False, added_by=by, **vars(_normal(period))
    )  # fmt: skip
    session.add(made)
    session.flush()
    return made


def confirm(session: Session, by: str, key: str, jurisdiction: str = deadlines.NATIONAL) -> DeadlineRule:
    """Say that the newest rule's basis was compared with the official text, and by whom; the first word stands. Raises Invalid `deadline.unknown_rule`."""
    found = _newest(session, key, jurisdiction)
    if found is None:
        raise Invalid("deadline.unknown_rule", rule=key, jurisdiction=jurisdiction, known=", ".join(known(session)))
    if not found.is_confirmed:
        found.is_confirmed, found.confirmed_by, found.confirmed_at = True, by, datetime.now(UTC)
        session.flush()
    return found


def known(session: Session) -> list[str]:
    """Return the keys that desks ask for: those the hub came with."""
    keys = select(DeadlineRule.key).where(DeadlineRule.jurisdiction == deadlines.NATIONAL)
    return list(session.scalars(keys.distinct().order_by(DeadlineRule.key)))


def find(session: Session, key: str | None = None, *, in_force_on: date | None = None) -> Sequence[DeadlineRule]:
    """Return rules by key, place and time; all of their history, or those in force on a day."""
    query = select(DeadlineRule).order_by(DeadlineRule.key, DeadlineRule.jurisdiction, DeadlineRule.effective_from)
    if key:
        query = query.where(DeadlineRule.key == key)
    found = session.scalars(query).all()
    if in_force_on is None:
        return found
    return [one for one in found if one.effective_from <= in_force_on <= (one.effective_to or date.max)]


def _newest(session: Session, key: str, jurisdiction: str) -> DeadlineRule | None:
    query = select(DeadlineRule).where(DeadlineRule.key == key, DeadlineRule.jurisdiction == jurisdiction)
    return session.scalar(query.order_by(DeadlineRule.effective_from.desc()).limit(1))


def _require_known(session: Session, key: str, jurisdiction: str) -> None:
    deadlines.seed_rules(session)
    if key not in (keys := known(session)):
        raise Invalid("deadline.unknown_rule", rule=key, jurisdiction=jurisdiction, known=", ".join(keys))


def _require_sound(jurisdiction: str, period: Period) -> None:
    is_place = jurisdiction == deadlines.NATIONAL or (jurisdiction.isdigit() and len(jurisdiction) == 6)
    fields = {
        "jurisdiction": (is_place, jurisdiction, "national / 330106"),
        "days": (1 <= period.days <= LONGEST, period.days, f"1–{LONGEST}"),
        "day_type": (period.day_type in DAY_TYPES, period.day_type, " / ".join(DAY_TYPES)),
        "extension_days": (0 <= period.extension_days <= LONGEST, period.extension_days, f"0–{LONGEST}"),
        "extension_approver": (period.extension_approver in (None, *APPROVERS), period.extension_approver, "authority"),
        "basis": (bool(period.basis.strip()), period.basis, "《…》第…条"),
    }
    for field, (is_right, value, wanted) in fields.items():
        if not is_right:
            raise Invalid("deadline.bad_rule", field=field, value=str(value), wanted=wanted)


def _normal(period: Period) -> Period:
    approver = (period.extension_approver or APPROVERS[0]) if period.extension_days else None
    return Period(period.days, period.basis.strip(), period.day_type, period.extension_days, approver)


def _period(rule: DeadlineRule) -> Period:
    return Period(rule.days, rule.basis, rule.day_type, rule.extension_days, rule.extension_approver)
