"""Why: what the directory says binds others, so no one person publishes it. A draft goes to the department's own office, then to the authority;
a version that breaks others waits for them. Each step leaves who, when, why, and a notice to those concerned.

The table of steps is `catalog.review.review_steps`. Called by pages, `hutong catalog` and the hourly DAG; sessions come from outside.
"""

from datetime import UTC, date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog import deadlines, directory
from catalog.review import acknowledgements
from catalog.review import review_steps as steps
from catalog.review.affected import Case, affected
from catalog.review.changes import Diff, diff
from catalog.review.review_steps import CLOCK, Reviewer, Step
from schemas.calendar import CHINA, today
from schemas.errors import Invalid
from schemas.resource import ResourceDraft
from schemas.tables.directory import OPEN_STATES, ResourceEvent, ResourceVersion


def submit(session: Session, reviewer: Reviewer, resource_id: str, note: str | None = None) -> ResourceVersion:
    """Give a draft to the department's office, whole and with what its items inherit; due by the rule `catalogue_update`.

    Raises Invalid `directory.unknown_resource`, `directory.wrong_state`, `directory.has_gaps` (all gaps named); Denied `directory.role_needed`.
    """
    version = current(session, resource_id)
    steps.require(session, reviewer, version, "submit")
    due = version.due_date or _due(session, "catalogue_update", version.created_at.astimezone(CHINA).date())
    directory.complete(session, version)
    version.change = changes_of(session, version).kind if _published(session, resource_id) else "first"
    steps.move(session, reviewer, version, Step("submit", note, {"change": version.change}))
    version.due_date = due
    steps.tell(session, {version.department_id}, "office_review", version, due=due.isoformat())
    return version


def approve_office(session: Session, reviewer: Reviewer, resource_id: str, note: str | None = None) -> ResourceVersion:
    """Let the department's office stand behind a version; the authority is asked next, due by the rule `catalogue_review`. Raises as `submit`,
    and Denied `directory.same_officer`.
    """
    version = current(session, resource_id)
    steps.move(session, reviewer, version, Step("approve_office", note))
    version.due_date = _due(session, "catalogue_review", today())
    steps.tell(session, steps.authorities(session), "authority_review", version, due=version.due_date.isoformat())
    return version


def return_(session: Session, reviewer: Reviewer, resource_id: str, why: str) -> ResourceVersion:
    """Send a version back to be mended, with the reason; it is a draft again, due by the rule `catalogue_update`.

    Raises Invalid `directory.reason_needed` and as `submit`.
    """
    version = current(session, resource_id)
    steps.move(session, reviewer, version, Step("return", _reason(why, version)))
    version.due_date = _due(session, "catalogue_update", today())
    steps.tell(session, {version.department_id}, "returned", version, why=why, due=version.due_date.isoformat())
    return version


def approve_authority(
    session: Session, reviewer: Reviewer, resource_id: str, note: str | None = None
) -> ResourceVersion:
    """Let the authority publish a version: at once, or where it breaks others after their acknowledgement window. Raises as `approve_office`."""
    version = current(session, resource_id)
    steps.require(session, reviewer, version, "schedule")
    found = changes_of(session, version)
    cases = affected(session, resource_id, found)
    others = acknowledgements.concerned(version, cases)
    if not others:
        _put_in_force(session, reviewer, version, Step("publish", note))
        return version
    facts = {"cases": [case.case_id for case in others], "changes": [change.path for change in found.breaking]}
    steps.move(session, reviewer, version, Step("schedule", note, facts))
    version.effective_at = acknowledgements.window_end(session)
    session.flush()
    acknowledgements.ask(session, version, cases, reviewer.id)
    effective = version.effective_at.astimezone(CHINA).date().isoformat()
    steps.tell(session, {version.department_id}, "scheduled", version, effective=effective)
    return version


def publish(session: Session, reviewer: Reviewer, resource_id: str, note: str | None = None) -> ResourceVersion:
    """Let a scheduled version take effect before its day, once everyone has acknowledged it; the operator may publish a draft without review.

    Raises Invalid `directory.not_acknowledged` naming who has not, `directory.has_gaps`, and as `approve_office`.
    """
    version = current(session, resource_id)
    steps.require(session, reviewer, version, "publish")
    if version.state == "draft":
        directory.complete(session, version)
    if left := acknowledgements.waiting(session, version_id=version.id):
        departments = ", ".join(sorted({row.department_id for row in left}))
        raise Invalid("directory.not_acknowledged", version=version.id, departments=departments)
    _put_in_force(session, reviewer, version, Step("publish", note))
    return version


def withdraw_version(
    session: Session, reviewer: Reviewer, resource_id: str, why: str, version: int | None = None
) -> ResourceVersion:
    """Withdraw a version, by default the published one, else the one under way. Raises Invalid `directory.reason_needed`, and as `submit`.

    Grants on a withdrawn resource lose their base: whoever calls this calls `exchange_api.grant.grants.follow` next.
    """
    steps.lock(session, resource_id)
    row = _chosen(session, resource_id, version)
    was = row.state
    steps.move(session, reviewer, row, Step("withdraw", _reason(why, row)))
    row.ended_at, row.effective_at = datetime.now(UTC), None
    session.flush()
    told = {asked.department_id for asked in acknowledgements.find(session, row.id)} if was == "scheduled" else set()
    steps.tell(session, told | {row.department_id}, "withdrawn", row, why=why)
    return row


def take_effect(session: Session, now: datetime | None = None) -> list[str]:
    """Publish every scheduled version whose day has come and return their resources; cases that came up meanwhile are asked for.

    Grants follow by `exchange_api.grant.grants.follow` in the same transaction.
    """
    moment = now or datetime.now(UTC)
    query = select(ResourceVersion.resource_id).where(ResourceVersion.state == "scheduled")
    done = []
    for resource_id in session.scalars(query.order_by(ResourceVersion.resource_id)).all():
        version = current(session, resource_id)
        if version.state != "scheduled" or version.effective_at is None:
            continue  # somebody else was quicker
        if version.effective_at > moment:
            acknowledgements.ask(session, version, touched(session, version), CLOCK.id)
            continue
        left = [row.case_id for row in acknowledgements.waiting(session, version_id=version.id)]
        _put_in_force(session, CLOCK, version, Step("publish", facts={"unacknowledged": left} if left else None))
        done.append(resource_id)
    return done


def current(session: Session, resource_id: str) -> ResourceVersion:
    """Return the version under way, else the newest; locked, as it is now. Raises Invalid `directory.unknown_resource`."""
    steps.lock(session, resource_id)
    return _chosen(session, resource_id, None, first=OPEN_STATES)


def pending(session: Session, department_id: str | None = None) -> list[ResourceVersion]:
    """Return versions under review or scheduled, the most urgent first, of one department where given."""
    query = select(ResourceVersion).where(ResourceVersion.state.in_(OPEN_STATES[1:]))
    if department_id:
        query = query.where(ResourceVersion.department_id == department_id)
    order = (ResourceVersion.due_date.nulls_last(), ResourceVersion.effective_at, ResourceVersion.id)
    return list(session.scalars(query.order_by(*order)))


def history(session: Session, resource_id: str) -> list[ResourceEvent]:
    """Return every step of every version of a resource, oldest first."""
    query = select(ResourceEvent).join(ResourceVersion).where(ResourceVersion.resource_id == resource_id)
    return list(session.scalars(query.order_by(ResourceEvent.id)))


def changes_of(session: Session, version: ResourceVersion) -> Diff:
    """Return what a version changes against the published one; nothing where there is none."""
    former = _published(session, version.resource_id)
    if former is None:
        return Diff(())
    return diff(ResourceDraft.model_validate(former.document), ResourceDraft.model_validate(version.document))


def touched(session: Session, version: ResourceVersion) -> list[Case]:
    """Return every case that a version touches, those of its own department included."""
    return affected(session, version.resource_id, changes_of(session, version))


def _put_in_force(session: Session, reviewer: Reviewer, version: ResourceVersion, step: Step) -> None:
    told = {row.department_id for row in acknowledgements.find(session, version.id)}
    steps.require(session, reviewer, version, step.action)
    former, from_state = _published(session, version.resource_id), version.state
    directory.put_in_force(session, version)
    if former:
        steps.note(session, CLOCK, former, Step("supersede", facts={"by": version.id}), "published")
    steps.note(session, reviewer, version, step, from_state)
    version.due_date = None
    session.flush()
    steps.tell(session, told | {version.department_id}, "published", version)


def _chosen(
    session: Session, resource_id: str, number: int | None, first: tuple[str, ...] = ("published",)
) -> ResourceVersion:
    query = select(ResourceVersion).where(ResourceVersion.resource_id == resource_id)
    if number:
        query = query.where(ResourceVersion.version == number)
    order = (ResourceVersion.state.in_(first).desc(), ResourceVersion.version.desc())
    found = session.scalar(query.order_by(*order).limit(1).execution_options(populate_existing=True))
    if found is None:
        raise Invalid("directory.unknown_resource", resource=f"{resource_id}@{number}" if number else resource_id)
    return found


def _published(session: Session, resource_id: str) -> ResourceVersion | None:
    query = select(ResourceVersion).where(
        ResourceVersion.resource_id == resource_id, ResourceVersion.state == "published"
    )
    return session.scalar(query.execution_options(populate_existing=True))


def _due(session: Session, key: str, start: date) -> date:
    deadlines.seed_rules(session)
    return deadlines.due_date(session, key, start).date


def _reason(why: str, version: ResourceVersion) -> str:
    if not why.strip():
        raise Invalid("directory.reason_needed", version=version.id)
    return why.strip()
