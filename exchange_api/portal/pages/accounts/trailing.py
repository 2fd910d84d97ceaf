"""Why: the auditor reads what everybody did, the administrators too, and nobody can have changed it. Called by `mounting`; `accounts.trail` reads."""

import json
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from sqlalchemy import select

from exchange_api import officers
from exchange_api.accounts import trail
from exchange_api.accounts.trail import Sought
from exchange_api.desk_api.routes import ROUTES
from exchange_api.evidence.receipts import receipt_document
from exchange_api.portal.deed_words import DEED
from exchange_api.portal.language import N_
from exchange_api.portal.listing import Asked, workbook
from exchange_api.portal.pages.lists import Format, columns, say
from exchange_api.portal.rendering import PortalSettings, deed_said, page, shown_time
from exchange_api.portal.visit import AuditorVisit, Visit
from schemas.errors import Invalid, error_codes
from schemas.tables.accounts import TrailLine
from schemas.tables.departments import Department

router = APIRouter()
MOST_IN_A_FILE = 50_000
FIELDS = ("officer", "department", "action", "case", "since", "until", "before")


def _asked(request: Request) -> dict[str, str]:
    given = request.query_params
    return {name: given.get(name, "").strip()[:120] for name in FIELDS}


@router.get("/trail")
def show(visit: AuditorVisit, asked: Annotated[dict[str, str], Depends(_asked)], file: Format = "") -> Response:
    """Show what officers did, the newest first, or what fits as XLSX."""
    sought = _sought(asked)
    if file == "xlsx":
        return _workbook(visit, sought)
    found = trail.page(visit.session, sought)
    lines = found[: trail.PAGE]
    facts: dict[str, Any] = {
        "lines": lines, "more": str(lines[-1].id) if len(found) > trail.PAGE else None, "asked": asked, "names": _names(visit),
        "departments": _departments(visit), "actions": _actions(visit),
    }  # fmt: skip
    return page(visit, "accounts/trail.html", **facts)


@router.get("/trail/{line_id}")
def show_line(visit: AuditorVisit, line_id: str, file: Format = "") -> Response:
    """Show one line with its entry's proof of inclusion, or both as JSON."""
    line = trail.get(visit.session, line_id)
    if line is None:
        raise Invalid("portal.page_unknown")
    return _line(visit, line, receipt_document(visit.session, str(line.id)), file)


def _line(visit: Visit, line: TrailLine, document: dict[str, Any] | None, file: str) -> Response:
    if file == "json" and document:
        name = {"content-disposition": f'attachment; filename="{line.id}.json"'}
        return Response(json.dumps(document, ensure_ascii=False, indent=1), media_type="application/json", headers=name)
    facts: dict[str, Any] = {
        "line": line, "names": _names(visit), "departments": _departments(visit), "proof": document["proof"] if document else None,
        "refused": error_codes().get(line.outcome),
    }  # fmt: skip
    return page(visit, "accounts/trail_line.html", **facts)


def _sought(asked: dict[str, str]) -> Sought:
    """Read what was asked for. Raises Invalid `portal.bad_form`."""
    until = _midnight(asked["until"], "until")
    return Sought(
        asked["officer"], asked["department"], asked["action"], asked["case"], since=_midnight(asked["since"], "since"),
        until=until + timedelta(days=1) if until else None, before=_id(asked["before"]),
    )  # fmt: skip


def _midnight(written: str, name: str) -> datetime | None:
    if not written:
        return None
    try:
        day = date.fromisoformat(written)
        return datetime.combine(day, time(), ZoneInfo(PortalSettings().portal_time_zone)) if day.year >= 1970 else None
    except ValueError:
        raise Invalid("portal.bad_form", problems=name) from None


def _id(written: str) -> str:
    if written and not trail.is_id(written):
        raise Invalid("portal.bad_form", problems="before")
    return written


def _workbook(visit: Visit, sought: Sought) -> Response:
    titles = columns(
        visit, at=N_("时间"), officer=N_("经办人"), place=N_("代何人"), department=N_("部门"), roles=N_("角色"), action=N_("操作"), cases=N_("对象"),
        outcome=N_("结果"), id=N_("存证编号")
    )  # fmt: skip
    named = _departments(visit)
    rows: list[dict[str, Any]] = [
        {
            "at": shown_time(one.at), "officer": one.officer_id or "—", "place": one.in_place_of or "", "department": named.get(one.department_id or "", "—"),
            "roles": "、".join(say(visit, "role", role) for role in one.roles), "action": deed_said(visit.language, one.action), "cases": "、".join(one.cases),
            "outcome": one.outcome, "id": str(one.id),
        }
        for one in trail.every(visit.session, sought, MOST_IN_A_FILE)
    ]  # fmt: skip
    return workbook(titles, rows, Asked(), "trail")


def _actions(visit: Visit) -> list[tuple[str, str]]:
    """Return every step that the trail may name, with its words."""
    routes = [f"{one.method} {one.path}" for one in ROUTES if one.method != "GET" and not one.is_look]
    return [(key, deed_said(visit.language, key)) for key in (*DEED, *routes)]


def _names(visit: Visit) -> dict[str, str]:
    return officers.names(visit.session)


def _departments(visit: Visit) -> dict[str, str]:
    return dict(visit.session.execute(select(Department.id, Department.name).order_by(Department.id)).all())
