"""Why: the list of versions under way as a question to the database: the department's own, all for who oversees, and those whose breaking change an officer's
department must acknowledge. Called by `pages.directory.review` and the workbench.
"""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, false, func, or_, select, true

from exchange_api.actors import Actor
from exchange_api.portal.case_lists import departments, in_order, said
from exchange_api.portal.language import N_, translations
from exchange_api.portal.queried import Choice, Field, Table
from exchange_api.portal.rendering import shown_time
from exchange_api.portal.visit import Visit
from exchange_api.portal.words import VERSION_STATE
from schemas.tables.departments import Department
from schemas.tables.directory import OPEN_STATES, Acknowledgement, Resource, ResourceVersion

_NAME = ResourceVersion.document["name"].astext


def concerns(actor: Actor) -> ColumnElement[bool]:
    """Say which versions under way an officer sees; needs `Resource` among the tables."""
    if actor.roles & {"authority", "auditor"}:
        return true()
    return or_(Resource.department_id == actor.department_id, _asked_of(actor))


def _asked_of(actor: Actor) -> ColumnElement[bool]:
    asked = select(Acknowledgement.version_id).where(
        Acknowledgement.department_id == actor.department_id, Acknowledgement.acknowledged_at.is_(None)
    )
    return (ResourceVersion.state == "scheduled") & ResourceVersion.id.in_(asked)


def count_of_turns(visit: Visit) -> int:
    """Return how many versions wait for the officer himself: office reviews of his department, the authority's reviews, acknowledgements."""
    actor = visit.actor
    turns: list[ColumnElement[bool]] = []
    if "provider" in actor.roles:
        turns.append((ResourceVersion.state == "office_review") & (Resource.department_id == actor.department_id))
    if "authority" in actor.roles:
        turns.append(ResourceVersion.state == "authority_review")
    if actor.roles & {"demander", "provider", "authority"}:
        turns.append(_asked_of(actor))
    query = select(func.count()).select_from(ResourceVersion).join(Resource).where(or_(false(), *turns))
    return visit.session.scalar(query) or 0 if turns else 0


def under_way(visit: Visit) -> Table:
    """Return the list of versions under way that concern the officer, the most urgent first."""
    say = translations(visit.language).gettext
    states = {key: word for key, word in said(visit, "version_state").items() if key in OPEN_STATES}
    due = func.coalesce(ResourceVersion.due_date, func.date(ResourceVersion.effective_at))
    query = (
        select(
            ResourceVersion.resource_id, ResourceVersion.version, ResourceVersion.state, ResourceVersion.change, due.label("due"),
            ResourceVersion.created_at, _NAME.label("name"), Department.short_name.label("department"),
        )
        .select_from(ResourceVersion)
        .join(Resource, Resource.id == ResourceVersion.resource_id)
        .join(Department, Department.id == Resource.department_id)
        .where(ResourceVersion.state.in_(OPEN_STATES), concerns(visit.actor))
    )  # fmt: skip
    fields = (
        Field("name", say(N_("资源名称")), _NAME, _NAME), Field("version", say(N_("版本")), ResourceVersion.version),
        Field("department", say(N_("提供部门")), Department.short_name, Department.short_name),
        Field("state", say(N_("状态")), in_order(ResourceVersion.state, VERSION_STATE), ResourceVersion.state, states),
        Field("change", say(N_("变更")), ResourceVersion.change, ResourceVersion.change, said(visit, "change")),
        Field("turn", say(N_("等待谁"))), Field("due", say(N_("期限")), due),
        Field("created", say(N_("起草日期")), ResourceVersion.created_at),
        Field("id", say(N_("标识")), ResourceVersion.resource_id, ResourceVersion.resource_id, is_shown=False),
    )  # fmt: skip
    choices = (
        Choice("state", say(N_("状态")), states, lambda key: ResourceVersion.state == key),
        Choice("department", say(N_("提供部门")), departments(visit), lambda key: Resource.department_id == key),
    )
    order = (due.asc().nulls_last(), ResourceVersion.id)
    return Table(query, fields, order, _rows(visit, states), choices)


def _rows(visit: Visit, states: dict[str, str]) -> Callable[[Sequence[Row[Any]]], list[dict[str, Any]]]:
    turns, changes = said(visit, "turn"), said(visit, "change")

    def row(one: Row[Any]) -> dict[str, Any]:
        return {
            "name": one.name, "version": one.version, "department": one.department, "state": states[one.state],
            "change": changes.get(one.change or "", "—"), "turn": turns[one.state], "due": one.due.isoformat() if one.due else "—",
            "created": shown_time(one.created_at)[:10], "id": one.resource_id, "_tone": one.state, "_change": one.change,
            "_late": bool(one.due and one.due < visit.today), "_address": f"/portal/reviews/{one.resource_id}",
        }  # fmt: skip

    return lambda rows: [row(one) for one in rows]
