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
from schemas.tables.case_papers import InformationRequest
from schemas.tables.clocks import CaseClock, ClockExtension
from schemas.tables.directory import Resource, ResourceVersion
from schemas.tables.disputes import Dispute
from schemas.tables.exchange import Application, Demand, DemandItem, Grant, GrantItem, SupplyAnswer, SupplyTask
from schemas.tables.grant_life import QuotaRequest
from schemas.tables.guarding import GuardFinding
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
    """Say which grants an actor sees: those its department uses, and those it supplies, as departments are now."""
    used = select(Application.id).where(Application.department_id == actor.department_id)
    supplied = (
        select(GrantItem.grant_id)
        .join(ResourceVersion, ResourceVersion.id == GrantItem.resource_version_id)
        .join(Resource, Resource.id == ResourceVersion.resource_id)
        .where(Resource.department_id == actor.department_id)
    )
    return or_(
        _if(actor, "auditor"), _if(actor, "authority"), _if(actor, "demander", Grant.application_id.in_(used)),
        _if(actor, "provider", Grant.id.in_(supplied)),
    )  # fmt: skip


def answers(actor: Actor) -> ColumnElement[bool]:
    """Say which answers an actor sees: those of its tasks, and those on its own demands' items."""
    wanted = select(DemandItem.id).join(Demand, Demand.id == DemandItem.demand_id).where(demands(actor))
    asked = select(SupplyTask.id).where(tasks(actor))
    return or_(SupplyAnswer.demand_item_id.in_(wanted), SupplyAnswer.task_id.in_(asked))


def information(actor: Actor) -> ColumnElement[bool]:
    """Say which questions about demands an actor sees: those of its tasks, and those about its own demands."""
    own, asked = select(Demand.id).where(demands(actor)), select(SupplyTask.id).where(tasks(actor))
    return or_(InformationRequest.demand_id.in_(own), InformationRequest.task_id.in_(asked))


def disputes(actor: Actor) -> ColumnElement[bool]:
    """Say which disputes an actor sees: those its department is a party of."""
    return or_(
        _if(actor, "auditor"), _if(actor, "authority"), _if(actor, "demander", Dispute.department_id == actor.department_id),
        _if(actor, "provider", Dispute.against_id == actor.department_id),
    )  # fmt: skip


def quota_requests(actor: Actor) -> ColumnElement[bool]:
    """Say which wishes for more an actor sees: those of the grants it sees."""
    return QuotaRequest.grant_id.in_(select(Grant.id).where(grants(actor)))


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


def extensions(actor: Actor) -> ColumnElement[bool]:
    """Say which wishes for more days an actor sees: those of the clocks it sees."""
    return ClockExtension.clock_id.in_(select(CaseClock.id).where(clocks(actor)))


def findings(actor: Actor) -> ColumnElement[bool]:
    """Say which findings of detectors an actor sees."""
    return or_(_if(actor, "auditor"), _if(actor, "authority"))


KINDS: dict[str, tuple[Any, Seen, Callable[[str], Any]]] = {
    "demand": (Demand.id, demands, str),
    "task": (SupplyTask.id, tasks, str),
    "grant": (Grant.id, grants, str),
    "notice": (Notice.id, notices, int),
    "answer": (SupplyAnswer.id, answers, int),
    "information": (InformationRequest.id, information, str),
    "dispute": (Dispute.id, disputes, str),
    "request": (QuotaRequest.id, quota_requests, int),
    "clock": (CaseClock.id, clocks, int),
    "extension": (ClockExtension.id, extensions, int),
    "finding": (GuardFinding.id, findings, int),
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
