"""Why: whoever moves a holiday moves every due date that is still provisional, so the calendar is the authority's alone. Called by `hutong calendar` and
pages; `recomputing.recompute_all` follows in transactions of its own, and so does the hourly DAG.
"""

from collections.abc import Iterable
from datetime import date

from sqlalchemy.orm import Session

from catalog import calendar_edits
from catalog.calendar_edits import DayEdit
from exchange_api.actors import Actor

ROLE = "authority"


def edit(session: Session, actor: Actor, edits: Iterable[DayEdit], source: str) -> list[date]:
    """Set days on the ground of a notice and return those that changed. Raises Invalid `calendar.source_needed`; Denied `case.role_needed`."""
    actor.require(ROLE)
    return calendar_edits.edit(session, actor.id, edits, source)


def clear(session: Session, actor: Actor, day: date, source: str) -> bool:
    """Take an edit back, and return whether there was one. Raises as `edit`."""
    actor.require(ROLE)
    return calendar_edits.clear(session, actor.id, day, source)


def confirm(session: Session, actor: Actor, year: int, source: str) -> bool:
    """Say that a year is whole and checked, and return whether it was not yet. Raises as `edit`, and Invalid `calendar.year_empty`."""
    actor.require(ROLE)
    return calendar_edits.confirm(session, actor.id, year, source)
