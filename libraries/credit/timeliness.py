"""Why: permits and penalties are published within seven working days of their decision (发改办财金〔2018〕424号); how well each department keeps to that is
an indicator with its numerator and denominator, and the late ones by name. Counted over the register in sets. Called by `hutong credit late`.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from sqlalchemy import ColumnElement, Date, and_, case, cast, func, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from catalog import deadlines
from libraries.credit.entries import ENTRIES, PENALTY, PERMIT, WHOSE, departments

RULE = "credit_publication"
FEWEST = 5
"""Below so many judged entries there is no rate: one entry would move it too far."""


@dataclass(frozen=True)
class Timely:
    """One department: entries published in time, published late, and those whose source does not say when they were published."""

    department: str | None
    in_time: int
    late: int
    unstated: int

    @property
    def rate(self) -> float | None:
        """Return the share published in time of those that say when; None when they are too few."""
        judged = self.in_time + self.late
        return self.in_time / judged if judged >= FEWEST else None


@dataclass(frozen=True)
class Late:
    """An entry published after its last day."""

    entry: str
    department: str | None
    decision_date: date
    due: date
    published_on: date


def count(session: Session, since: date | None = None) -> list[Timely]:
    """Return the indicator per department, most late first, over permits and penalties decided from a day on (as long as the rule is in force)."""
    name_of, total = departments(session), Counter[tuple[str | None, str]]()
    wanted, published = _wanted(session, since), ENTRIES.c.published_on
    how = case((published.is_(None), "unstated"), (_is_late(session, wanted), "late"), else_="in_time")
    for *whose, kind, number in session.execute(select(*WHOSE, how, func.count()).where(wanted).group_by(*WHOSE, how)):
        total[name_of((whose[0], whose[1], whose[2])), kind] += number
    found = [
        Timely(one, total[one, "in_time"], total[one, "late"], total[one, "unstated"])
        for one in {one for one, _ in total}
    ]
    return sorted(found, key=lambda one: (-one.late, str(one.department)))


def find(session: Session, limit: int, since: date | None = None) -> list[Late]:
    """Return late entries, newest decision first, at most `limit`."""
    name_of, columns, wanted = departments(session), ENTRIES.c, _wanted(session, since)
    query = select(columns.entry, columns.decision_date, columns.published_on, *WHOSE)
    query = query.where(wanted, _is_late(session, wanted)).order_by(columns.decision_date.desc(), columns.entry)
    rows = session.execute(query.limit(limit)).all()
    dues = _dues(session, {row.decision_date for row in rows})
    return [
        Late(row.entry, name_of((row.authority_code, row.authority, row.source)), row.decision_date, dues[row.decision_date], row.published_on)
        for row in rows
    ]  # fmt: skip


def _wanted(session: Session, since: date | None) -> ColumnElement[bool]:
    first = deadlines.since(session, RULE) or date.max
    columns = ENTRIES.c
    return and_(columns.entry_kind.in_((PERMIT, PENALTY)), columns.decision_date >= max(first, since or first))


def _is_late(session: Session, wanted: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return the condition that an entry was published after the last day for its decision date."""
    columns = ENTRIES.c
    asked = select(columns.decision_date).where(wanted, columns.published_on > columns.decision_date).distinct()
    dues = {start.isoformat(): due.isoformat() for start, due in _dues(session, session.scalars(asked)).items()}
    last = cast(dues, JSONB)[func.to_char(columns.decision_date, "YYYY-MM-DD")].astext
    return columns.published_on > cast(last, Date)


def _dues(session: Session, days: Iterable[date]) -> dict[date, date]:
    return {start: due.date for start, due in deadlines.due_dates(session, RULE, sorted(days)).items()}
