"""Why: whatever an officer does leaves evidence that nobody can take back: an entry in the log, signed with all others, and a line that can be searched.
GB/T 22239-2019 level 3: time, subject, object, kind and result of every important action. Called by `sign_ins` and by the portal for every form.

Neither entry nor line holds personal data: officer id, department, roles, what was done as a route or a name, the cases it named, and the outcome's code.
"""

import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import Session

from exchange_api.actors import Actor
from exchange_api.evidence.ledger import Entry, new_receipt_id, record
from schemas.database import transaction
from schemas.errors import HutongError
from schemas.tables.accounts import TrailLine

log = logging.getLogger(__name__)
DONE = "done"
PAGE = 50
_CASE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,79}")
_PERSON = re.compile(
    r"(?<!\d)(?:\d{17}[\dXx]|\d{15}|1[3-9]\d{9})(?!\d)"
)  # citizen ids and telephone numbers never get in


@dataclass(frozen=True, slots=True)
class Deed:
    """What was done: the officer (None: nobody known), the action, the cases it named, and how it ended (`done`, or an error's code)."""

    actor: Actor | None
    action: str
    outcome: str = DONE
    cases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sought:
    """What is looked for in the trail. before: the id of the last line of the page before; since and until: moments, until exclusive."""

    officer: str = ""
    department: str = ""
    action: str = ""
    case: str = ""
    outcome: str = ""
    since: datetime | None = None
    until: datetime | None = None
    before: str = field(default="")


def note(session: Session, deed: Deed) -> str:
    """Write entry and line in the caller's transaction and return their id: the deed and its evidence stand or fall together."""
    entry_id, now, actor = new_receipt_id(), datetime.now(UTC), deed.actor
    cases = [one for one in dict.fromkeys(deed.cases) if _CASE.fullmatch(one) and not _PERSON.search(one)]
    facts = {"action": "desk", "deed": deed.action, "outcome": deed.outcome, "cases": " ".join(cases)}
    if actor is not None:
        facts |= {
            "officer": actor.id,
            "department": actor.department_id,
            "roles": " ".join(sorted(actor.roles)),
            **actor.place,
        }
    record(
        session,
        [Entry(id=entry_id, at=now, kind="action", code=None if deed.outcome == DONE else deed.outcome, facts=facts)],
    )
    session.add(
        TrailLine(
            id=UUID(entry_id), at=now, action=deed.action, outcome=deed.outcome, cases=cases,
            officer_id=actor.id if actor else None, in_place_of=actor.in_place_of if actor else None,
            department_id=actor.department_id if actor else None, roles=sorted(actor.roles) if actor else [],
        )
    )  # fmt: skip
    session.flush()
    return entry_id


def note_failure(deed: Deed) -> None:
    """Write a deed that came to nothing in a transaction of its own; what cannot be written is logged, the failure itself is what the officer is told."""
    try:
        with transaction("exchange") as session:
            note(session, deed)
    except HutongError:
        log.exception("trail: %s %s not written", deed.action, deed.outcome)


def page(session: Session, sought: Sought, limit: int = PAGE) -> list[TrailLine]:
    """Return lines that fit, the newest first, one more than `limit` where there are more: keyset by id, so that page 10,000 costs as much as the first."""
    return list(session.scalars(_fitting(sought).order_by(TrailLine.id.desc()).limit(limit + 1)))


def every(session: Session, sought: Sought, most: int) -> Iterable[TrailLine]:
    """Return up to `most` lines that fit, the newest first, read a thousand at a time."""
    query = _fitting(sought).order_by(TrailLine.id.desc()).limit(most)
    return session.scalars(query.execution_options(yield_per=1000))


def is_id(written: str) -> bool:
    """Return whether this can be the id of a line."""
    try:
        return str(UUID(written)) == written
    except ValueError:
        return False


def get(session: Session, line_id: str) -> TrailLine | None:
    """Return one line, None when there is none of this id."""
    return session.get(TrailLine, UUID(line_id)) if is_id(line_id) else None


def _fitting(sought: Sought) -> Select[TrailLine]:
    conditions: list[ColumnElement[bool]] = [
        column == wanted
        for column, wanted in (
            (TrailLine.officer_id, sought.officer),
            (TrailLine.department_id, sought.department),
            (TrailLine.action, sought.action),
            (TrailLine.outcome, sought.outcome),
        )
        if wanted
    ]
    if sought.case:
        conditions.append(TrailLine.cases.contains([sought.case]))
    if sought.since:
        conditions.append(TrailLine.id >= _first_of(sought.since))
    if sought.until:
        conditions.append(TrailLine.id < _first_of(sought.until))
    if sought.before:
        conditions.append(TrailLine.id < UUID(sought.before))
    return select(TrailLine).where(*conditions)


def _first_of(moment: datetime) -> UUID:
    """Return the least id of a moment: a UUID version 7 begins with its milliseconds, so time needs no index of its own."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)
