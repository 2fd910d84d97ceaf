"""Why: what breaks others is announced before it happens. A breaking version waits for a window of working days; every department it touches is asked
to acknowledge, case by case, while the former version stays published. Called by `reviews`, pages and `hutong catalog acknowledge`.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, time, timedelta

from pydantic import Field
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from catalog import deadlines
from catalog.review.affected import Case
from catalog.review.review_steps import Reviewer, lock, tell
from schemas.calendar import CHINA, today
from schemas.errors import Invalid
from schemas.settings import HutongSettings
from schemas.tables.directory import Acknowledgement, ResourceVersion


class AcknowledgementSettings(HutongSettings):
    """How long a breaking version waits."""

    acknowledgement_days: int = Field(
        default=10,
        ge=0,
        description="Working days that affected departments have before a breaking version takes effect.",
    )


def window_end(session: Session) -> datetime:
    """Return when a window that opens today ends: midnight in China after its last working day."""
    days = AcknowledgementSettings().acknowledgement_days
    last = deadlines.calendar(session).add_working_days(today(), days).date
    return datetime.combine(last + timedelta(days=1), time(), CHINA).astimezone(UTC)


def concerned(version: ResourceVersion, cases: Iterable[Case]) -> list[Case]:
    """Return the cases of other departments: whoever changes a resource knows what it does to himself."""
    return [case for case in cases if case.department_id != version.department_id]


def ask(session: Session, version: ResourceVersion, cases: Iterable[Case], by: str) -> set[str]:
    """Ask for an acknowledgement of each case not asked for before, tell each department once, and return those departments.

    Cases of the resource's own department are acknowledged by `by`, who brings the change.
    """
    own, new = version.department_id, []
    now = datetime.now(UTC)
    for case in cases:
        is_own = case.department_id == own
        row = {
            "version_id": version.id, "kind": case.kind, "case_id": case.case_id, "department_id": case.department_id,
            "acknowledged_at": now if is_own else None, "acknowledged_by": by if is_own else None,
        }  # fmt: skip
        statement = insert(Acknowledgement).values(**row).on_conflict_do_nothing().returning(Acknowledgement.case_id)
        if session.scalar(statement) is not None and not is_own:
            new.append(case)
    told = {case.department_id for case in new}
    effective = version.effective_at.astimezone(CHINA).date().isoformat() if version.effective_at else ""
    for department_id in told:
        touched = ", ".join(case.case_id for case in new if case.department_id == department_id)
        tell(session, {department_id}, "affected", version, cases=touched, effective=effective)
    return told


def find(session: Session, version_id: str) -> list[Acknowledgement]:
    """Return what was asked of whom for one version."""
    query = select(Acknowledgement).where(Acknowledgement.version_id == version_id)
    return list(session.scalars(query.order_by(Acknowledgement.kind, Acknowledgement.case_id)))


def waiting(
    session: Session, *, version_id: str | None = None, department_id: str | None = None
) -> list[Acknowledgement]:
    """Return what scheduled versions still wait for, of one version or one department where given."""
    query = (
        select(Acknowledgement)
        .join(ResourceVersion)
        .where(Acknowledgement.acknowledged_at.is_(None), ResourceVersion.state == "scheduled")
    )
    if version_id:
        query = query.where(Acknowledgement.version_id == version_id)
    if department_id:
        query = query.where(Acknowledgement.department_id == department_id)
    order = (Acknowledgement.version_id, Acknowledgement.kind, Acknowledgement.case_id)
    return list(session.scalars(query.order_by(*order)))


def acknowledge(
    session: Session, reviewer: Reviewer, resource_id: str, *, case_id: str | None = None
) -> list[Acknowledgement]:
    """Say that the reviewer's department knows what the scheduled version does to its cases, or to one of them; again changes nothing.

    The operator speaks for every department. The department that brings the version is told when all have. Raises Invalid
    `directory.unknown_resource`, `directory.nothing_to_acknowledge`.
    """
    lock(session, resource_id)
    query = select(ResourceVersion).where(
        ResourceVersion.resource_id == resource_id, ResourceVersion.state == "scheduled"
    )
    version = session.scalar(query.execution_options(populate_existing=True))
    asked = find(session, version.id) if version else []
    mine = [row for row in asked if reviewer.is_operator or row.department_id == reviewer.department_id]
    mine = [row for row in mine if case_id in (None, row.case_id)]
    if version is None or not mine:
        raise Invalid(
            "directory.nothing_to_acknowledge", resource=resource_id, department=reviewer.department_id or "-"
        )
    open_ones = [row for row in mine if row.acknowledged_at is None]
    for row in open_ones:
        row.acknowledged_at, row.acknowledged_by = datetime.now(UTC), reviewer.id
    session.flush()
    if open_ones and not waiting(session, version_id=version.id):
        tell(session, {version.department_id}, "acknowledged", version)
    return mine
