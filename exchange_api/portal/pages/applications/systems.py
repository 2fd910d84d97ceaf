"""Why: an application's team sees its system whole: keys, grants and their use, calls, what was refused and how to mend it, testing. Called by `mounting`;
`application_desk` decides who may.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response
from sqlalchemy import Row, func, select

from exchange_api import application_desk, applications
from exchange_api.portal import application_view, confirming, reading
from exchange_api.portal.applications_words import KEY_TONE, TESTING_TONE
from exchange_api.portal.charts import Chart
from exchange_api.portal.language import N_, translations
from exchange_api.portal.pages.lists import AskedDep, Format, say, show_table
from exchange_api.portal.queried import Field, Table
from exchange_api.portal.rendering import leads_to, page
from exchange_api.portal.visit import AuthorityVisit, Form, Visit, with_role
from schemas.errors import HutongError, Invalid
from schemas.tables.departments import Department
from schemas.tables.exchange import Application, Grant
from schemas.tables.sandbox import Sandbox

router = APIRouter()
TeamVisit = Annotated[Visit, Depends(with_role("application", "authority"))]
_LIVING = (
    select(func.count()).where(Grant.application_id == Application.id, Grant.state == "active").correlate(Application).scalar_subquery()
)  # fmt: skip


@router.get("/applications")
def show_all(visit: TeamVisit, asked: AskedDep, file: Format = "") -> Response:
    """List the application systems of the officer's department; all of them for the authority."""
    return show_table(visit, asked, _table(visit), (N_("应用系统"), "applications", file))


@router.get("/applications/{application_id}")
def show(visit: TeamVisit, application_id: str, before: Annotated[str, Query(max_length=36)] = "") -> Response:
    """Show one application system."""
    found = application_desk.get(visit.session, visit.actor, application_id)
    return system_page(visit, found, before)


@router.post("/applications/{application_id}/testing/{action}")
def let(visit: AuthorityVisit, form: Form, application_id: str, action: Literal["open", "promote"]) -> Response:
    """Let an application into testing, or into production."""
    step = application_desk.open_sandbox if action == "open" else application_desk.promote
    with confirming.asked(visit, form):
        step(visit.session, visit.actor, application_id)
    return leads_to(f"/portal/applications/{application_id}")


def system_page(visit: Visit, found: Application, before: str = "", error: HutongError | None = None) -> Response:
    """Return the page of an application; `error` is what was wrong with a key that was given."""
    return page(
        visit, "applications/system.html", error.status if error else 200, application=found, error=error, names=reading.names(visit.session),
        may_change="application" in visit.actor.roles and found.department_id == visit.actor.department_id, **_keys(visit, found),
        **_grants(visit, found), **_refused(visit, found, before), networks=application_view.networks(visit.session, found.id),
        first=not before,
    )  # fmt: skip


def testing_of(found: Sandbox | None) -> str:
    """Return the state of testing: none, testing, production."""
    return "none" if found is None else "testing" if found.ended_at is None else "production"


def _keys(visit: Visit, found: Application) -> dict[str, Any]:
    held = applications.keys_of(visit.session, found.id)[::-1]
    states = {
        one.keyid: one.state if one.state != "active" or not application_view.is_over(one) else "expired"
        for one in held
    }
    row = application_view.sandbox(visit.session, found.id)
    tones = {"key": KEY_TONE, "testing": TESTING_TONE}
    return {
        "keys": held,
        "key_states": states,
        "testing": testing_of(row),
        "trials": application_view.trials(row),
        "tones": tones,
    }


def _grants(visit: Visit, found: Application) -> dict[str, Any]:
    translate = translations(visit.language).gettext
    held = application_view.grants(visit.session, found.id)
    used = application_view.use_by_day(visit.session, found.id, visit.today)
    days = [visit.today - timedelta(days=back) for back in range(application_view.DAYS - 1, -1, -1)]
    living = [one for one in held if one.state == "active"]
    quota = sum(one.quota_per_day for one in living)
    rows = [(f"{day:%m-%d}", (sum(one.subjects for one in used.get(day, {}).values()), quota)) for day in days]
    made_up = [one.grant for one in application_view.trials(application_view.sandbox(visit.session, found.id))]
    hours = application_view.calls_by_hour(
        visit.session, found.id, [*(one.id for one in held), *made_up], datetime.now(UTC)
    )
    return {
        "granted": held, "today": used.get(visit.today, {}),
        "use": Chart(translate(N_("近十四日用量")), "line", translate(N_("日期")), (translate(N_("用量")), translate(N_("每日额度合计"))),
                     rows if living else []),
        "calls": Chart(translate(N_("近二十四小时调用")), "stack", translate(N_("时间")), (translate(N_("答复")), translate(N_("拒绝"))),
                       hours if any(sum(done) for _, done in hours) else []),
    }  # fmt: skip


def _refused(visit: Visit, found: Application, before: str) -> dict[str, Any]:
    refused, older = application_view.refusals(visit.session, found.id, _id(before))
    return {"refused": refused, "older": older, "kinds": application_view.kinds(refused)}


def _id(written: str) -> str:
    try:
        return str(UUID(written)) if written else ""
    except ValueError:
        raise Invalid("portal.bad_form", problems="before") from None


def _table(visit: Visit) -> Table:
    translate = translations(visit.language).gettext
    query = (
        select(Application.id, Application.name, Department.short_name.label("department"), Sandbox.number, Sandbox.ended_at, _LIVING.label("living"))
        .join(Department, Department.id == Application.department_id)
        .outerjoin(Sandbox, Sandbox.application_id == Application.id)
        .where(application_desk.seen(visit.actor))
    )  # fmt: skip
    fields = (
        Field("name", translate(N_("应用系统")), Application.name, Application.name), Field("id", translate(N_("编号")), Application.id, Application.id),
        Field("department", translate(N_("部门")), Department.short_name, Department.short_name), Field("keys", translate(N_("使用中的公钥"))),
        Field("grants", translate(N_("生效授权"))), Field("state", translate(N_("测试"))),
    )  # fmt: skip
    return Table(query, fields, (Application.id,), _rows(visit))


def _rows(visit: Visit) -> Callable[[Sequence[Row[Any]]], list[dict[str, Any]]]:
    def shown(rows: Sequence[Row[Any]]) -> list[dict[str, Any]]:
        counted = application_view.active_counts(visit.session, [one.id for one in rows])
        return [
            {
                "name": one.name, "id": one.id, "department": one.department, "keys": counted.get(one.id, 0), "grants": one.living,
                "state": say(visit, "testing", _state(one)), "_tone": {"testing": "returned", "production": "provided"}.get(_state(one), "closed"),
                "_address": f"/portal/applications/{one.id}", "_clock": None,
            }
            for one in rows
        ]  # fmt: skip

    return shown


def _state(row: Row[Any]) -> str:
    return "none" if row.number is None else "testing" if row.ended_at is None else "production"
