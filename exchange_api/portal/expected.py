"""Why: before a step an officer is told what day it leads to and by which rule. Days are computed by the calendar and the rules in force, as the clocks will.
Reads only. Called by the pages of forms.
"""

from dataclasses import dataclass
from datetime import date

from catalog import deadlines
from exchange_api.portal.visit import Visit

CHECK, CONDITIONAL, UNCONDITIONAL, PROMISE = (
    "conformity_check",
    "reply_conditional",
    "reply_unconditional",
    "provide_after_agree",
)


@dataclass(frozen=True)
class Expected:
    """What a step leads to: the rule by key, the last day if it begins on `since`, how long it is, and the rule's basis."""

    rule: str
    since: date
    due: date
    days: int
    is_working: bool
    basis: str
    is_provisional: bool


def of_new(visit: Visit) -> list[Expected]:
    """Return what follows a demand that is submitted today: the authority's look, then, if it takes all its time, each kind of reply."""
    look = of(visit, CHECK, visit.today)
    return [look, of(visit, CONDITIONAL, look.due), of(visit, UNCONDITIONAL, look.due)]


def of_dispatch(visit: Visit) -> list[Expected]:
    """Return by when providers must answer what is dispatched today."""
    return [of(visit, CONDITIONAL, visit.today), of(visit, UNCONDITIONAL, visit.today)]


def of_promise(visit: Visit) -> Expected:
    """Return by when an item must be provided that is promised today."""
    return of(visit, PROMISE, visit.today)


def of(visit: Visit, rule: str, since: date) -> Expected:
    """Return when a step begun on a day is due. Raises Terminal `deadline.no_rule`."""
    law = deadlines.rule(visit.session, rule, since)
    due = deadlines.end(deadlines.calendar(visit.session), law.day_type, since, law.days)
    return Expected(rule, since, due.date, law.days, law.day_type == "working", law.basis, due.provisional)
