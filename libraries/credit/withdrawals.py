"""Why: a published penalty that is changed, revoked, found unlawful or void must be withdrawn within the days of the law (行政处罚法 art. 48), and nobody
sees that day pass unless a clock runs. The clock begins on the day the source says the decision fell (`changed_on`) and ends with the withdrawal.

Called hourly by `exchange_api.upkeep` and by `hutong credit`; doing it again changes nothing. The hub itself does not hand the entry out after that day.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog import deadlines, notices
from catalog.deadlines import Lamp
from catalog.review import review_steps
from libraries.credit.entries import ENTRIES, PENALTY, WHOSE, departments
from libraries.states import EXPIRED, VALID
from schemas.calendar import CHINA, today
from schemas.tables.credit import CreditWithdrawal

RULE = "credit_withdrawal"
_PUBLISHED = (None, VALID, EXPIRED)
_LAMPS = tuple(Lamp)
_LOCK = 7_311_040


@dataclass(frozen=True)
class Done:
    """What a round did: clocks opened, ended, and those whose department was told, by entry."""

    opened: list[str]
    ended: list[str]
    reminded: list[str]


def keep_up(session: Session, on: date | None = None) -> Done:
    """Open a clock for every penalty whose decision fell, end those that are over, and tell departments; the authority hears of what is overdue."""
    day = on or today()
    session.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    fallen = {(row.entry, row.changed_on): row for row in _fallen(session)}
    known = {(one.entry, one.changed_on): one for one in session.scalars(select(CreditWithdrawal))}
    opened = _open(session, [row for key, row in fallen.items() if key not in known])
    running = [one for one in [*known.values(), *opened] if one.outcome is None]
    held = _held(session, [one.entry for one in running])
    for one in running:
        _end(one, fallen.get((one.entry, one.changed_on)), day, is_held=one.entry in held)
    _recount(session, [one for one in running if one.outcome is None and one.is_provisional])
    session.flush()
    ended = [one.entry for one in running if one.outcome]
    reminded = _remind(session, [one for one in running if one.outcome is None], day)
    return Done([one.entry for one in opened], ended, reminded)


def find(session: Session, *, late: date | None = None) -> list[CreditWithdrawal]:
    """Return clocks, soonest due first: those that run, or with `late` those that ended late or are late on that day."""
    query = select(CreditWithdrawal).order_by(CreditWithdrawal.due_date, CreditWithdrawal.entry)
    if late is None:
        return list(session.scalars(query.where(CreditWithdrawal.outcome.is_(None))))
    over = CreditWithdrawal.outcome.is_(None) & (CreditWithdrawal.due_date < late)
    was = (CreditWithdrawal.outcome == "withdrawn") & (CreditWithdrawal.ended_on > CreditWithdrawal.due_date)
    return list(session.scalars(query.where(over | was)))


def _fallen(session: Session) -> Iterable[Any]:
    """Return the penalties whose decision fell, since the law knows the duty."""
    since = deadlines.since(session, RULE)
    if since is None:
        return ()
    columns = ENTRIES.c
    wanted = (columns.entry, columns.changed_on, columns.state, columns.withdrawn_on, columns.recorded_at, *WHOSE)
    query = select(*wanted).where(columns.entry_kind == PENALTY, columns.changed_on >= since)
    return session.execute(query.order_by(columns.entry)).all()


def _held(session: Session, entries: Sequence[str]) -> set[str]:
    return set(session.scalars(select(ENTRIES.c.entry).where(ENTRIES.c.entry.in_(entries))))


def _open(session: Session, rows: list[Any]) -> list[CreditWithdrawal]:
    if not rows:
        return []
    department = departments(session)
    dues = deadlines.due_dates(session, RULE, {row.changed_on for row in rows})
    opened = [
        CreditWithdrawal(
            entry=row.entry,
            changed_on=row.changed_on,
            department_id=department((row.authority_code, row.authority, row.source)),
            due_date=dues[row.changed_on].date,
            is_provisional=dues[row.changed_on].provisional,
        )
        for row in rows
    ]
    session.add_all(opened)
    return opened


def _end(one: CreditWithdrawal, row: Any, day: date, *, is_held: bool) -> None:
    """End a clock that is over. row: the penalty as it is, None when its source no longer says that it fell that day; an entry that left is withdrawn."""
    if row is None:
        one.outcome, one.ended_on = ("moot" if is_held else "withdrawn"), day
    elif row.withdrawn_on is not None or row.state not in _PUBLISHED:
        one.outcome, one.ended_on = "withdrawn", row.withdrawn_on or row.recorded_at.astimezone(CHINA).date()


def _recount(session: Session, provisional: list[CreditWithdrawal]) -> None:
    """Count due dates again whose year had no calendar when the clock opened; who owes the withdrawal hears when one moved."""
    dues = deadlines.due_dates(session, RULE, {one.changed_on for one in provisional})
    for one in provisional:
        former, due = one.due_date, dues[one.changed_on]
        one.due_date, one.is_provisional = due.date, due.provisional
        if due.date != former and one.department_id:
            facts = {"case": one.entry, "former": former.isoformat(), "due": due.date.isoformat()}
            notices.notify(session, one.department_id, "deadline.moved", facts)


def _remind(session: Session, running: list[CreditWithdrawal], day: date) -> list[str]:
    """Tell once at every lamp: when the clock opens, when two days are left, when it is overdue; the authority of the last only."""
    authorities, told = review_steps.authorities(session) if running else set(), []
    for one in running:
        lamp = deadlines.lamp(session, one.due_date, day)
        if one.told and _LAMPS.index(lamp) <= _LAMPS.index(Lamp(one.told)):
            continue
        whom = {one.department_id} - {None}
        for department_id in sorted(whom | authorities if lamp is Lamp.RED else whom, key=str):
            facts = {"entry": one.entry, "changed_on": one.changed_on.isoformat(), "due": one.due_date.isoformat()}
            notices.notify(session, str(department_id), f"credit.withdrawal_{lamp}", facts)
        one.told = lamp.value
        told.append(one.entry)
    return told
