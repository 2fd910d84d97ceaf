"""Why: who sees what at the desks is one rule for lists and for single cases. An auditor sees all; the authority all but drafts; a demander its own
department's; a provider what it was asked. Called by `desk_counter` before any step, and by the documents.

To everybody but auditor and authority a case that is not there looks like one that is another's: numbers can be guessed, existence is not told.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, Select, false, or_, select, true
from sqlalchemy.orm import Session

from exchange_api.actors import Actor
from schemas.errors import Denied, Invalid
from schemas.tables.clocks import CaseClock
from schemas.tables.exchange import Application, Demand, Grant, GrantItem, SupplyAnswer, SupplyTask
from schemas.tables.operations import Notice

Seen = Callable[[Actor], ColumnElement[bool]]


def demands(actor: Actor) -> ColumnElement[bool]:
    """Say which demands an actor sees: what was never submitted is its own department's alone."""
    return or_(
        _if(actor, "auditor"),
        _if(actor, "authority", Demand.submitted_at.is_not(None)),
        _if(actor, "demander", Demand.department_id == actor.department_id),
    )


def tasks(actor: Actor) -> ColumnElement[bool]:
    """Say which supply tasks an actor sees."""
    return or_(
        _if(actor, "auditor"), _if(actor, "authority"), _if(actor, "provider", SupplyTask.department_id == actor.department_id)
    )  # fmt: skip


def grants(actor: Actor) -> ColumnElement[bool]:
    """Say which grants an actor sees: those its department uses, and those it supplies."""
    used = select(Application.id).where(Application.department_id == actor.department_id)
    supplied = (
        select(GrantItem.grant_id)
        .join(SupplyAnswer, SupplyAnswer.id == GrantItem.supply_answer_id)
        .join(SupplyTask, SupplyTask.id == SupplyAnswer.task_id)
        .where(SupplyTask.department_id == actor.department_id)
    )
    return or_(
        _if(actor, "auditor"), _if(actor, "authority"), _if(actor, "demander", Grant.application_id.in_(used)),
        _if(actor, "provider", Grant.id.in_(supplied)),
    )  # fmt: skip


def notices(actor: Actor) -> ColumnElement[bool]:
    """Say which notices an actor sees: its department's letters; an auditor reads everybody's."""
    return or_(_if(actor, "auditor"), Notice.department_id == actor.department_id)


def clocks(actor: Actor) -> ColumnElement[bool]:
    """Say which clocks an actor sees: what its department owes, and what runs for its own demands."""
    own = select(Demand.id).where(Demand.department_id == actor.department_id)
    return or_(
        _if(actor, "auditor"), _if(actor, "authority"), CaseClock.department_id == actor.department_id,
        _if(actor, "demander", CaseClock.demand_id.in_(own)),
    )  # fmt: skip


KINDS: dict[str, tuple[Any, Seen, Callable[[str], Any]]] = {
    "demand": (Demand.id, demands, str),
    "task": (SupplyTask.id, tasks, str),
    "grant": (Grant.id, grants, str),
    "notice": (Notice.id, notices, int),
}
"""Kinds of cases that stand in a path: the number's column, who sees them, how a number is read."""


def require(session: Session, actor: Actor, kind: str, case: str) -> None:
    """Raise Denied `case.not_yours` unless the actor sees the case; to auditor and authority an unknown one is Invalid `case.unknown`."""
    column, seen, read = KINDS[kind]
    query: Select[Any] = select(column).where(column == read(case), seen(actor))
    if session.scalar(query) is not None:
        return
    if {"auditor", "authority"} & actor.roles:
        raise Invalid("case.unknown", case=case)
    raise Denied("case.not_yours", case=case)


def _if(actor: Actor, role: str, further: ColumnElement[bool] | None = None) -> ColumnElement[bool]:
    if role not in actor.roles:
        return false()
    return true() if further is None else further
