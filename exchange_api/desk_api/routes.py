"""Why: everything the desks do for programs, in one table: method, path, scope, work, answer, words; form and narrower roles where there are any. A new step
of a desk is one line. `desk_counter` answers by it, `routers.desk_api` describes it, a test walks it with every role.
"""

from exchange_api.demand.demands import DemandForm
from exchange_api.desk_api import demand_steps as demand
from exchange_api.desk_api import grant_steps as grant
from exchange_api.desk_api import notice_steps as notice
from exchange_api.desk_api import supply_steps as supply
from exchange_api.desk_api.asked import Route
from schemas.messages import desk_api as m

DEMANDER, AUTHORITY, PROVIDER = frozenset({"demander"}), frozenset({"authority"}), frozenset({"provider"})
_D, _T, _G = "/v1/demands/{demand}", "/v1/supply-tasks/{task}", "/v1/grants/{grant}"

ROUTES: tuple[Route, ...] = (
    Route("GET", "/v1/demands", "demands.read", demand.listed, m.DemandsSaid, "需求列表 List demands", is_list=True),
    Route("POST", "/v1/demands", "demands.write", demand.register, m.DemandSaid, "登记需求 Register a draft", DemandForm, DEMANDER),
    Route("GET", _D, "demands.read", demand.read, m.DemandSaid, "查看需求 Read a demand"),
    Route("PUT", _D, "demands.write", demand.revise, m.DemandSaid, "修改需求 Revise a draft or a returned demand", DemandForm, DEMANDER),
    Route("DELETE", _D, "demands.write", demand.discard, m.DroppedSaid, "放弃草稿 Drop a draft", None, DEMANDER),
    Route("GET", f"{_D}/matches", "demands.read", demand.matches, m.MatchesSaid, "对接结果 Read matches"),
    Route("GET", f"{_D}/timeline", "demands.read", demand.timeline, m.TimelineSaid, "办理过程 Read every step"),
    Route("POST", f"{_D}/submission", "demands.write", demand.submit, m.DemandSaid, "提交 Submit", m.Nothing, DEMANDER),
    Route("POST", f"{_D}/withdrawal", "demands.write", demand.withdraw, m.DemandSaid, "撤回 Withdraw", m.Remark, DEMANDER),
    Route("POST", f"{_D}/acceptance", "demands.write", demand.accept, m.DemandSaid, "验收 Accept what was provided", m.Nothing, DEMANDER),
    Route("POST", f"{_D}/return", "demands.write", demand.send_back, m.DemandSaid, "退回 Return to the demander", m.Why, AUTHORITY),
    Route("POST", f"{_D}/dispatch", "demands.write", demand.dispatch, m.DemandSaid, "分派 Send to the providers", m.Nothing, AUTHORITY),
    Route("POST", "/v1/matches", "demands.read", demand.suggest, m.MatchesSaid, "对接试算 Who has what", m.MatchQuestion),
    Route("GET", "/v1/supply-tasks", "supply.read", supply.listed, m.TasksSaid, "供给任务列表 List supply tasks", is_list=True),
    Route("GET", _T, "supply.read", supply.read, m.TaskSaid, "查看供给任务 Read a supply task"),
    Route("POST", f"{_T}/answers", "supply.write", supply.answer, m.TaskSaid, "逐项答复 Answer item by item", supply.Answers, PROVIDER),
    Route("GET", "/v1/grants", "grants.read", grant.listed, m.GrantsSaid, "授权列表 List grants", is_list=True),
    Route("GET", _G, "grants.read", grant.read, m.GrantSaid, "查看授权 Read a grant"),
    Route("POST", f"{_G}/suspension", "grants.write", grant.suspend, m.GrantSaid, "暂停 Suspend as one's own side", m.Nothing),
    Route("POST", f"{_G}/resumption", "grants.write", grant.resume, m.GrantSaid, "恢复 Lift one's own suspension", m.Nothing),
    Route("POST", f"{_G}/revocation", "grants.write", grant.revoke, m.GrantSaid, "撤销 End for good", m.Nothing, AUTHORITY),
    Route("GET", "/v1/notices", "notices.read", notice.listed, m.NoticesSaid, "通知 List notices", is_list=True),
    Route("POST", "/v1/notices/{notice}/reading", "notices.write", notice.mark, m.NoticeSaid, "标为已读 Mark as read", m.Nothing),
    Route("GET", "/v1/deadlines", "deadlines.read", notice.clocks, m.DeadlinesSaid, "期限 List running clocks", is_list=True),
)  # fmt: skip
