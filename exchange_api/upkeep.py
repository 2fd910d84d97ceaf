"""Why: time itself moves the directory: windows end, reforms come into force, reviews fall due; and penalties that fell must be withdrawn in time. One
function does what is due, grants included.

Called hourly by the DAG `directory` and by `hutong catalog upkeep`; crashing anywhere in it leaves nothing half done, because it is one transaction.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog import notices
from catalog.reform import reforms
from catalog.review import reminders, review_steps, reviews
from catalog.snapshot import write_snapshot
from exchange_api.grant import foundations, grants
from exchange_api.supply import supplies
from libraries.credit import withdrawals
from schemas.calendar import CHINA
from schemas.tables.directory import ResourceVersion
from schemas.tables.operations import Notice


@dataclass(frozen=True)
class Done:
    """What was due: resources with a new version in force, grants that lost their base by it, versions whose reviewers were reminded, and penalties of whose
    withdrawal a department was told.
    """

    effective: list[str]
    suspended: list[str]
    reminded: list[str]
    withdrawals: list[str] = field(default_factory=list)


def keep_up(session: Session, now: datetime | None = None) -> Done:
    """Let due versions and reforms take effect, bring grants along, remind of reviews, and renew the snapshot; again does nothing more.

    Two at once wait for each other, or both would remind.
    """
    session.execute(select(func.pg_advisory_xact_lock(func.hashtext("directory.upkeep"))))
    moment, begun = now or datetime.now(UTC), datetime.now(UTC)
    day = moment.astimezone(CHINA).date()
    _tell_of_failures(session, reforms.apply_due(session, day))
    reviews.take_effect(session, moment)
    ended = select(ResourceVersion.resource_id).where(ResourceVersion.ended_at >= begun).distinct()
    changed = sorted(session.scalars(ended))
    suspended = [*grants.follow(session, changed), *foundations.hold(session)[0]]
    supplies.follow(session)
    reminded = reminders.remind(session, day)
    told = withdrawals.keep_up(session, day).reminded
    write_snapshot(session)
    return Done(changed, suspended, reminded, told)


def _tell_of_failures(session: Session, applied: reforms.Applied) -> None:
    """Tell the authority once of every reform that cannot come into force, and why; it is tried again every hour."""
    for change, error in applied.failures:
        facts = {"reform": str(change.id), "day": change.effective_on.isoformat(), "why": error.title("zh")}
        for department_id in sorted(review_steps.authorities(session)):
            told = select(Notice.id).where(Notice.department_id == department_id, Notice.key == "reform.failed")
            if session.scalar(told.where(Notice.facts == facts).limit(1)) is None:
                notices.notify(session, department_id, "reform.failed", facts)
