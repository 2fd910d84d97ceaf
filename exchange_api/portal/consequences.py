"""Why: what a step causes is not described beside it but seen: the step is taken, what it leaves in the house is read, and it is taken back. Here is what is
looked at: who is told, which clocks start, stop or move, which cases and grants change. Reads only. Called by `confirming`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any, TypeVar

from sqlalchemy import event, inspect
from sqlalchemy.orm import Session

from catalog import deadlines
from exchange_api.noticing import wording
from exchange_api.objections import objections
from exchange_api.portal import reading
from schemas import calendar
from schemas.errors import Language
from schemas.tables.base import Base
from schemas.tables.clocks import CaseClock, ClockEvent
from schemas.tables.exchange import CaseEvent
from schemas.tables.grant_life import GrantEvent
from schemas.tables.objections import Objection
from schemas.tables.operations import Notice

Kind = TypeVar("Kind")
_ENDS = ("met", "cancelled")
_NEW = "…"  # numbers given in a rehearsal may be others in earnest


@dataclass(frozen=True)
class Clocked:
    """What becomes of one clock: `start`, `stop`, `pause`, `resume` or `move`; whose it is, by which rule, and until when it runs."""

    change: str
    rule: str
    department: str
    due: date
    days: int
    is_working: bool
    basis: str
    is_provisional: bool


@dataclass(frozen=True)
class Follows:
    """What a step causes. told: department and notice in words; states: case and the state it comes to; grants: number (empty: a new one), step, code.
    mark: all of it in keys, so that two looks can be compared.
    """

    told: list[tuple[str, str]]
    clocks: list[Clocked]
    states: list[tuple[str, str]]
    grants: list[tuple[str, str, str]]
    mark: list[Any]


@dataclass
class Seen:
    """What was written while a step was taken, in order."""

    rows: list[Base] = field(default_factory=list)

    @property
    def numbers(self) -> set[str]:
        """Return the numbers that were given on the way: in earnest they may be others."""
        return {row.id for row in self.rows if isinstance(getattr(row, "id", None), str)}  # type: ignore[attr-defined]

    def of(self, kind: type[Kind]) -> list[Kind]:
        """Return the rows of one kind."""
        return [row for row in self.rows if isinstance(row, kind)]


@contextmanager
def watching(session: Session) -> Iterator[Seen]:
    """Note what is written in a session while the block runs."""
    seen = Seen()

    def note(_: Session, __: Any) -> None:
        seen.rows += sorted(session.new, key=_order)

    event.listen(session, "after_flush", note)
    try:
        yield seen
        session.flush()
        seen.rows = [
            row for row in seen.rows if inspect(row, raiseerr=True).persistent
        ]  # what the step took back itself is out
    finally:
        event.remove(session, "after_flush", note)


def _order(row: object) -> tuple[str, str]:
    return type(row).__name__, str(getattr(row, "department_id", ""))


def of(session: Session, seen: Seen, language: Language) -> Follows:
    """Return what was seen, in words where it has words; to be called before the step is taken back."""
    names = reading.names(session).departments
    numbers = seen.numbers
    told = sorted({(one.department_id, one.key, _said(one, numbers, language)) for one in seen.of(Notice)})
    clocks, states = _clocks(session, seen), {one.demand_id: one.to_state for one in seen.of(CaseEvent) if one.to_state}
    grants = [
        ("" if one.grant_id in numbers else one.grant_id, one.action, one.code or "") for one in seen.of(GrantEvent)
    ]
    kept = sorted(("" if case in numbers else case, state) for case, state in states.items())
    mark = [[one[:2] for one in told], [(one.change, one.rule, one.department, one.due.isoformat()) for one in clocks]]
    return Follows(
        [(names.get(department, department), said) for department, _, said in told],
        clocks, kept, list(dict.fromkeys(grants)), [*mark, kept, sorted(grants)],
    )  # fmt: skip


def _said(one: Notice, numbers: set[str], language: Language) -> str:
    facts = {
        name: _NEW if value in numbers else value
        for name, value in one.facts.items()
        if isinstance(value, str | int | float)
    }
    return wording.say(one.key, facts, language)


def _clocks(session: Session, seen: Seen) -> list[Clocked]:
    """Return what became of every clock that was touched; one that began and ended in the same step is nobody's business."""
    actions: dict[int, list[ClockEvent]] = {}
    for one in seen.of(ClockEvent):
        actions.setdefault(one.clock_id, []).append(one)
    found = []
    for number, events in actions.items():
        clock = session.get_one(CaseClock, number)
        change = _change(clock, events)
        if change:
            found.append(Clocked(
                change, clock.rule_key, clock.department_id, clock.due_date, clock.days, clock.day_type == "working", clock.basis, clock.is_provisional,
            ))  # fmt: skip
    found += [_verifying(session, one) for one in seen.of(Objection)]
    return sorted(found, key=lambda one: (one.change != "start", one.due, one.rule, one.department))


def _verifying(session: Session, objection: Objection) -> Clocked:
    """Return until when a new objection is to be verified: its day stands with it, not among the clocks of cases."""
    law = deadlines.rule(session, objections.RULE, calendar.today())
    return Clocked(
        "start", objections.RULE, objection.source_department_id, objection.due_date, law.days, law.day_type == "working", law.basis,
        objection.is_provisional,
    )  # fmt: skip


def _change(clock: CaseClock, events: list[ClockEvent]) -> str:
    """Return the word for what became of a clock, empty for nothing."""
    is_new, is_over = any(one.action == "start" for one in events), clock.state in _ENDS
    if is_new or is_over:
        return "" if is_new and is_over else "start" if is_new else "stop"
    if clock.state == "paused":
        return "pause"
    if any(one.action == "resume" for one in events):
        return "resume"
    return "move" if any(one.from_due != one.to_due for one in events if one.from_due) else ""
