"""Why: the first page of a day: what waits for me, what I wait for, what I was told. Called by `mounting`."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response

from catalog import notices
from exchange_api.portal import awaited, navigation, reading, review_list, waiting
from exchange_api.portal.language import N_
from exchange_api.portal.reading import Clocks
from exchange_api.portal.rendering import page
from exchange_api.portal.visit import OfficerVisit, Visit
from schemas.tables.exchange import Demand

router = APIRouter()
MOST, MOST_OF_ONE, MOST_WAITING = 20, 200, 10
HINT = {
    "demander": N_("先在资源目录里找要用的数据，再登记需求；提交之前，已有授权能用的部分会先提示。"),
    "provider": N_("其他部门的需求分派过来后，在这里逐项确认；平时请让本部门的资源目录保持最新。"),
    "authority": N_("各部门提交的需求在这里审核并分派；超期、延期申请和争议裁定也会出现在这里。"),
    "auditor": N_("您可以查阅全部对接单、供给任务和授权，但不办理。"),
    "steward": N_("汇聚、质量和档案的工作从下面的栏目开始。"),
    "application": N_("密钥、授权和沙箱从下面的栏目开始：先登记公钥，再在沙箱里试一次调用。"),
    "system_admin": N_("账号、部门和日历从下面的栏目开始；系统管理员不办理业务。"),
    "security_admin": N_("口令、二次验证和登录记录从下面的栏目开始；安全管理员不办理业务。"),
}
_DESK = ("demander", "provider", "authority")
_KindAsked = Annotated[str, Query(max_length=40)]


@router.get("/")
def show(visit: OfficerVisit, kind: _KindAsked = "") -> Response:
    """Show the officer's workbench; of what waits for him one kind alone where it is named."""
    return page(visit, "workbench.html", **_facts(visit, kind))


def _facts(visit: Visit, kind: str) -> dict[str, Any]:
    clocks, names = Clocks(visit.session, visit.today), reading.names(visit.session)
    owed, awaits = waiting.wanted(visit.actor.roles), awaited.wanted(visit.actor.roles)
    asked = [(one, MOST_OF_ONE if one.key == kind else MOST) for one in owed] + [(one, MOST_WAITING) for one in awaits]
    found = waiting.read(visit, clocks, asked)
    mine = [*filter(None, found[: len(owed)]), *awaited.disputing(visit, clocks, "")]
    others = [awaited.with_whom(visit, one) for one in found[len(owed) :] if one]
    chosen = next((one for one in mine if one.key == kind), None)
    shown = [chosen] if chosen else mine
    lines = [line for one in (*shown, *others) for line in one.lines]
    names.services.ahead({line.case.service_item_id for line in lines if isinstance(line.case, Demand)})
    return {
        "kinds": mine, "chosen": chosen, "mine": awaited.in_order(shown), "waiting": awaited.in_order(others), "waiting_kinds": others,
        "notices": notices.find(visit.session, visit.actor.department_id, limit=8), "names": names, "hints": _hints(visit),
        "areas": navigation.menu(visit.actor.roles), "is_desk": visit.has(*_DESK), "reviews": review_list.count_of_turns(visit),
    }  # fmt: skip


def _hints(visit: Visit) -> list[str]:
    return [text for role, text in HINT.items() if visit.has(role)]
