"""Why: the system administrator makes accounts and switches them, the security administrator says what they may do; each sees one list and his own half of
the steps. Called by `mounting`; `accounts.administration` decides who may.
"""

from collections.abc import Callable
from math import ceil
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response
from sqlalchemy import select
from starlette.datastructures import FormData

from exchange_api import officers
from exchange_api.accounts import administration, sign_ins
from exchange_api.accounts.administration import Sought
from exchange_api.accounts.oidc import OidcSettings
from exchange_api.portal.language import N_
from exchange_api.portal.listing import Asked, workbook
from exchange_api.portal.pages.lists import Format, columns, say
from exchange_api.portal.rendering import leads_to, page
from exchange_api.portal.visit import Form, SystemVisit, Visit, text_of, texts_of, with_role
from schemas.errors import HutongError, Invalid
from schemas.tables.departments import Department
from schemas.tables.operations import Officer

router = APIRouter()
AdminVisit = Annotated[Visit, Depends(with_role("system_admin", "security_admin"))]
MOST_IN_A_FILE = 20_000


def _sought(
    q: Annotated[str, Query(max_length=100)] = "", department: Annotated[str, Query(max_length=60)] = "",
    role: Annotated[str, Query(max_length=40)] = "", state: Annotated[str, Query(max_length=20)] = "",
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
) -> Sought:  # fmt: skip
    return Sought(q.strip(), department, role, state, page)


@router.get("/accounts")
def show_all(visit: AdminVisit, sought: Annotated[Sought, Depends(_sought)], file: Format = "") -> Response:
    """List accounts, one page of them, or all that fit as XLSX."""
    if file == "xlsx":
        return _workbook(visit, sought)
    found, total = administration.search(visit.session, visit.actor, sought)
    facts: dict[str, Any] = {
        "found": found, "total": total, "sought": sought, "pages": max(1, ceil(total / administration.PAGE)),
        "departments": _departments(visit), "roles": officers.ROLES, "is_locked": sign_ins.is_locked,
    }  # fmt: skip
    return page(visit, "accounts/list.html", **facts)


@router.get("/accounts/new")
def new(visit: SystemVisit) -> Response:
    """Show the form of a new account."""
    return _form(visit)


@router.post("/accounts/new")
def register(visit: SystemVisit, form: Form) -> Response:
    """Make an account that may do nothing yet; its password is shown once."""
    typed = {name: text_of(form, name) for name in ("login", "name", "department")}
    try:
        password = administration.register(
            visit.session, visit.actor, typed["login"], typed["name"], typed["department"]
        )
    except Invalid as error:
        return _form(visit, error, typed)
    return page(visit, "accounts/once.html", password=password, login=typed["login"])


@router.get("/accounts/{officer_id}")
def show(visit: AdminVisit, officer_id: str) -> Response:
    """Show one account."""
    return _account(visit, officer_id)


@router.post("/accounts/{officer_id}/{action}")
def act(visit: AdminVisit, form: Form, officer_id: str, action: str) -> Response:
    """Take a step of an account."""
    if action not in STEPS:
        raise Invalid("portal.page_unknown")
    return _done(visit, form, officer_id, action)


def _done(visit: Visit, form: FormData, officer_id: str, action: str) -> Response:
    """Take a step; a mistake brings the page back with its words, a password that was made is shown this once."""
    try:
        with visit.session.begin_nested():
            password = STEPS[action](visit, officer_id, form)
    except Invalid as error:
        if error.code == "officer.unknown":
            raise
        return _account(visit, officer_id, error)
    if isinstance(password, str):
        return page(visit, "accounts/once.html", password=password, login=officer_id)
    return leads_to(f"/portal/accounts/{officer_id}")


def _form(visit: Visit, error: HutongError | None = None, typed: dict[str, str] | None = None) -> Response:
    facts = {
        "departments": _departments(visit),
        "error": error,
        "typed": typed or {"login": "", "name": "", "department": ""},
    }
    return page(visit, "accounts/new.html", 422 if error else 200, **facts)


def _account(visit: Visit, officer_id: str, error: HutongError | None = None) -> Response:
    one = administration.look(visit.session, visit.actor, officer_id)
    facts: dict[str, Any] = {
        "one": one, "departments": _departments(visit), "sign_ins": sign_ins.of(visit.session, officer_id), "roles": officers.ROLES,
        "is_locked": sign_ins.is_locked(one), "issuer": OidcSettings().oidc_issuer, "error": error, "is_me": officer_id in visit.actor.ids,
    }  # fmt: skip
    return page(visit, "accounts/one.html", 422 if error else 200, **facts)


def _departments(visit: Visit) -> dict[str, str]:
    return dict(visit.session.execute(select(Department.id, Department.name).order_by(Department.id)).all())


def _workbook(visit: Visit, sought: Sought) -> Response:
    titles = columns(visit, id=N_("登录名"), name=N_("姓名"), department=N_("部门"), roles=N_("角色"), state=N_("状态"))
    found, _ = administration.search(
        visit.session, visit.actor, Sought(sought.words, sought.department, sought.role, sought.state), MOST_IN_A_FILE
    )
    names = _departments(visit)
    rows = [
        {
            "id": one.id, "name": one.name, "department": names.get(one.department_id, one.department_id),
            "roles": "、".join(say(visit, "role", role) for role in one.roles), "state": say(visit, "account_state", state_of(one)),
        }
        for one in found
    ]  # fmt: skip
    return workbook(titles, rows, Asked(), "accounts")


def state_of(one: Officer) -> str:
    """Return the key of an account's state."""
    return "disabled" if one.is_disabled else "locked" if sign_ins.is_locked(one) else "active"


def _describe(visit: Visit, officer_id: str, form: FormData) -> None:
    administration.describe(visit.session, visit.actor, officer_id, text_of(form, "name"), text_of(form, "department"))


def _roles(visit: Visit, officer_id: str, form: FormData) -> None:
    administration.set_roles(visit.session, visit.actor, officer_id, texts_of(form, "role"))


def _link(visit: Visit, officer_id: str, form: FormData) -> None:
    if not OidcSettings().oidc_issuer:
        raise Invalid("oidc.off")
    administration.link(
        visit.session, visit.actor, officer_id, (OidcSettings().oidc_issuer, text_of(form, "subject")[:200])
    )


def _plain(step: Callable[..., str | None]) -> Callable[[Visit, str, FormData], str | None]:
    return lambda visit, officer_id, _: step(visit.session, visit.actor, officer_id)


STEPS: dict[str, Callable[[Visit, str, FormData], str | None]] = {
    "describe": _describe, "disable": _plain(administration.disable), "enable": _plain(administration.enable),
    "roles": _roles, "unlock": _plain(administration.unlock), "password": _plain(administration.reset_password),
    "factor": _plain(administration.reset_factor), "end": _plain(administration.end_sign_ins), "link": _link,
}  # fmt: skip
