"""Why: an entry about a subject that no base library knows reaches nobody and burdens perhaps the wrong one; its department must look at it.
Counted over the whole register in one statement. Called by `hutong credit orphans`.
"""

from collections import Counter
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import Session

from catalog import notices
from libraries.credit.entries import ENTRIES, WHOSE, departments, shown_subject
from schemas.tables.library import golden_table
from schemas.tables.operations import Notice

NOTICE = "credit.orphans"


@dataclass(frozen=True)
class Orphan:
    """An entry whose subject neither legal_entity nor population holds; the department is the one that decided, or that delivers."""

    entry: str
    subject: str
    department: str | None


def count(session: Session) -> dict[str | None, int]:
    """Return how many orphans each department has."""
    name_of, total = departments(session), Counter[str | None]()
    for *whose, number in session.execute(select(*WHOSE, func.count()).where(_is_orphan()).group_by(*WHOSE)):
        total[name_of((whose[0], whose[1], whose[2]))] += number
    return dict(total)


def find(session: Session, limit: int, *, clear: bool = False) -> list[Orphan]:
    """Return orphans in key order, at most `limit`; a natural person's code is masked unless `clear`."""
    name_of = departments(session)
    query = select(ENTRIES.c.entry, ENTRIES.c.subject, *WHOSE).where(_is_orphan()).order_by(ENTRIES.c.entry)
    return [
        Orphan(row[0], shown_subject(row[1], clear=clear), name_of((row[2], row[3], row[4])))
        for row in session.execute(query.limit(limit))
    ]


def notify(session: Session) -> dict[str, int]:
    """Tell every department how many orphans it has and return whom it told; a department that was told the same number last is not told again."""
    told: dict[str, int] = {}
    for department_id, number in sorted((d, n) for d, n in count(session).items() if d):
        before = select(Notice.facts).where(Notice.department_id == department_id, Notice.key == NOTICE)
        last = session.scalar(before.order_by(Notice.id.desc()).limit(1))
        if last is None or last["count"] != str(number):
            notices.notify(session, department_id, NOTICE, {"count": str(number)})
            told[department_id] = number
    return told


def _is_orphan() -> ColumnElement[bool]:
    lost = []
    for name in ("legal_entity", "population"):
        golden = golden_table(name)
        lost.append(~select(golden.c.subject).where(golden.c.subject == ENTRIES.c.subject).exists())
    return and_(*lost)
