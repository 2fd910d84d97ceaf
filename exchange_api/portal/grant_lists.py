"""Why: the list of grants as a question to the database: what is shown, searched, sorted and filtered. Called by `pages.grants`."""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, case, func, or_, select

from exchange_api.desk_api import sight
from exchange_api.grant import life
from exchange_api.portal.case_lists import in_order, said
from exchange_api.portal.language import N_, translations
from exchange_api.portal.queried import Choice, Field, Table
from exchange_api.portal.visit import Visit
from schemas.tables.exchange import Application, Grant, GrantUse
from schemas.tables.services import ServiceItem

_IS_SUSPENDED = or_(Grant.suspended_by_consumer, Grant.suspended_by_provider, Grant.suspended_by_platform)
_STATE = case((and_(_IS_SUSPENDED, Grant.state.in_(life.LIVING)), "suspended"), else_=Grant.state)
_TONE = {"active": "provided", "draft": "provided", "suspended": "refused"}


def grants(visit: Visit) -> Table:
    """Return the list of the grants that concern the officer, newest first; a living one that any side stopped is `suspended`."""
    say, states, libraries = translations(visit.language).gettext, said(visit, "grant_state"), said(visit, "library")
    used = func.coalesce(GrantUse.subjects, 0)
    query = (
        select(
            Grant.id, Grant.library, Grant.quota_per_day, Grant.valid_until, _STATE.label("state"), used.label("used"),
            Application.name.label("application"), ServiceItem.name.label("service"),
        )
        .join(Application, Application.id == Grant.application_id)
        .join(ServiceItem, ServiceItem.id == Grant.service_item_id)
        .outerjoin(GrantUse, (GrantUse.grant_id == Grant.id) & (GrantUse.day == visit.today))
        .where(sight.grants(visit.actor))
    )  # fmt: skip
    fields = (
        Field("id", say(N_("编号")), Grant.id, Grant.id), Field("library", say(N_("基础库")), Grant.library, Grant.library, libraries),
        Field("application", say(N_("应用系统")), Application.name, Application.name),
        Field("service", say(N_("政务服务事项")), ServiceItem.name, ServiceItem.name), Field("used", say(N_("今日用量")), used),
        Field("state", say(N_("状态")), in_order(_STATE, states), _STATE, states), Field("until", say(N_("有效期至")), Grant.valid_until),
    )  # fmt: skip
    choices = (
        Choice("state", say(N_("状态")), states, _in_state),
        Choice("library", say(N_("基础库")), libraries, lambda key: Grant.library == key),
    )
    return Table(query, fields, (Grant.id.desc(),), _rows(states, libraries), choices)


def _in_state(key: str) -> ColumnElement[bool]:
    return _STATE.in_([key])


def _rows(states: dict[str, str], libraries: dict[str, str]) -> Callable[[Sequence[Row[Any]]], list[dict[str, Any]]]:
    def shown(rows: Sequence[Row[Any]]) -> list[dict[str, Any]]:
        return [
            {
                "id": one.id, "library": libraries[one.library], "application": one.application, "service": one.service,
                "used": f"{one.used} / {one.quota_per_day}", "state": states[one.state], "until": one.valid_until.isoformat(),
                "_tone": _TONE.get(one.state, "closed"), "_address": f"/portal/grants/{one.id}", "_clock": None,
            }
            for one in rows
        ]  # fmt: skip

    return shown
