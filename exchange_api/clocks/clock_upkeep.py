"""Why: a step that waits in silence is late before anyone notices. What time makes due at clocks: reminders once per lamp, supervision of what stays late,
extensions nobody decided, provisional dates whose year was confirmed, and the calendar of next year that is missing.

Called hourly by the DAG `desks` and by `hutong deadline upkeep`. A batch is a transaction: killed anywhere, the next time goes on; again does nothing more.
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from pydantic import Field
from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from catalog import deadlines, notices
from catalog.review.review_steps import authorities
from exchange_api import cases
from exchange_api.actors import Actor, Step, system
from exchange_api.clocks import clock_notices, clocks, extensions, recomputing
from schemas.calendar import CHINA, WorkingCalendar
from schemas.database import transaction
from schemas.settings import HutongSettings
from schemas.tables.clocks import CaseClock, ClockExtension
from schemas.tables.exchange import Demand
from schemas.tables.operations import Notice

BATCH = 200
_LOCK = 0x48_54_63_6C  # any number of our own: who may tell of a missing calendar
HUB = Actor("system", "", frozenset())
NOTICE_MONTH = 11
"""The State Council's notice of next year's holidays is usually out in November."""


class ClockSettings(HutongSettings):
    """When what is late is handed to supervision."""

    supervision_days: int = Field(
        default=3, ge=0, description="Working days a step may be overdue before the authority supervises it."
    )


@dataclass
class Kept:
    """What was done: ids of clocks, and of extensions that lapsed; years without calendar of which the authority was told."""

    yellow: list[int] = field(default_factory=list)
    red: list[int] = field(default_factory=list)
    supervised: list[int] = field(default_factory=list)
    recomputed: list[int] = field(default_factory=list)
    lapsed: list[int] = field(default_factory=list)
    missing: list[int] = field(default_factory=list)

    def add(self, other: "Kept") -> bool:
        """Take in what another batch did and return whether it did anything."""
        for name, done in vars(other).items():
            getattr(self, name).extend(done)
        return any(vars(other).values())


def keep_all(now: datetime | None = None) -> Kept:
    """Do everything that is due, batch by batch, each in a transaction of its own."""
    done, again = Kept(), True
    while again:
        with transaction("exchange") as session:
            again = done.add(keep_clocks(session, now))
    return done


def keep_clocks(session: Session, now: datetime | None = None, limit: int = BATCH) -> Kept:
    """Do one batch of what is due at this moment and return it; empty when nothing is left."""
    day, done = (now or datetime.now(UTC)).astimezone(CHINA).date(), Kept()
    done.recomputed = recomputing.recompute(session, HUB, recomputing.waiting(session)[:limit])
    done.lapsed = _lapse(session, day, limit)
    calendar = deadlines.calendar(session)
    _remind(session, calendar, day, limit, done)
    done.missing = _warn(session, calendar, day)
    return done


def _remind(session: Session, calendar: WorkingCalendar, day: date, limit: int, done: Kept) -> None:
    """Each lamp is told once; a clock that upkeep sees late for the first time passes red on its way to supervision."""
    near, late = calendar.add_working_days(day, deadlines.NEAR + 1).date, _late_since(calendar, day)
    due, said = CaseClock.due_date, CaseClock.reminded
    wanted: ColumnElement[bool] = or_(
        and_(due <= late, said != "supervised"), and_(due < day, said.in_(["green", "yellow"])), and_(due < near, said == "green"),
    )  # fmt: skip
    query = select(CaseClock).where(CaseClock.state == "running", wanted).order_by(CaseClock.id).limit(limit)
    found = session.scalars(query.with_for_update(skip_locked=True).execution_options(populate_existing=True))
    for clock in found.all():
        if clock.due_date >= day:
            _note(session, clock, "yellow", {clock.department_id})
            done.yellow.append(clock.id)
            continue
        if clock.reminded != "red":
            _note(session, clock, "red", {clock.department_id, _demander(session, clock)} | authorities(session))
            done.red.append(clock.id)
        if clock.due_date <= late:
            _supervise(session, clock)
            done.supervised.append(clock.id)


def _late_since(calendar: WorkingCalendar, day: date) -> date:
    """Return the last due date that is late enough today to be supervised."""
    allowed, found = ClockSettings().supervision_days, day - timedelta(days=1)
    while calendar.working_days_between(found, day) < allowed:
        found -= timedelta(days=1)
    return found


def _supervise(session: Session, clock: CaseClock) -> None:
    """Hand a late step to the authority; the department's sharing office answers for it."""
    demand = session.get_one(Demand, clock.demand_id)
    facts = {"case": clock.case, "rule": clock.rule_key, "due": clock.due_date.isoformat()}
    cases.note_event(session, system(clock.department_id), demand, Step("supervise", facts=facts))
    _note(session, clock, "supervised", authorities(session) | {clock.department_id})


def _note(session: Session, clock: CaseClock, lamp: str, told: set[str]) -> None:
    clock.reminded = lamp
    action = "supervise" if lamp == "supervised" else "remind"
    clocks.note(session, HUB, clock, Step(action, lamp), clock.due_date)
    clock_notices.tell(session, clock, f"clock.{lamp}", told)


def _demander(session: Session, clock: CaseClock) -> str:
    return session.get_one(Demand, clock.demand_id).department_id


def _lapse(session: Session, day: date, limit: int) -> list[int]:
    over = or_(CaseClock.state.notin_(clocks.RUNNING), and_(CaseClock.state == "running", CaseClock.due_date < day))
    query = select(ClockExtension.id).join(CaseClock).where(ClockExtension.state == "asked", over)
    found = session.scalars(query.order_by(ClockExtension.id).limit(limit)).all()
    return [one for one in found if extensions.lapse(session, one, day)]


def _warn(session: Session, calendar: WorkingCalendar, day: date) -> list[int]:
    """Tell the authority once of each year whose calendar it must enter: this one, and from November the next."""
    years = [day.year] + [day.year + 1] * (day.month >= NOTICE_MONTH)
    told, unknown = [], [one for one in years if not calendar.is_confirmed(one)]
    if unknown:
        session.execute(select(func.pg_advisory_xact_lock(_LOCK)))  # two at once would both tell
    for year in unknown:
        facts = {"year": str(year)}
        for department_id in sorted(authorities(session)):
            said = select(Notice.id).where(Notice.department_id == department_id, Notice.key == "calendar.missing")
            if session.scalar(said.where(Notice.facts == facts).limit(1)) is None:
                notices.notify(session, department_id, "calendar.missing", facts)
                told.append(year)
    session.flush()
    return sorted(set(told))
