"""Why: everything the desks do for programs, in one table: method, path, scope, work, answer, words; form and narrower roles where there are any. A new step
of a desk is one line. `desk_counter` answers by it, `routers.desk_api` describes it, a test walks it with every role.
"""

from exchange_api.demand.forms import DemandForm
from exchange_api.desk_api import chain_steps as chain
from exchange_api.desk_api import demand_steps as demand
from exchange_api.desk_api import dispute_steps as dispute
from exchange_api.desk_api import grant_steps as grant
from exchange_api.desk_api import notice_steps as notice
from exchange_api.desk_api import paper_steps as paper
from exchange_api.desk_api import supply_steps as supply
from exchange_api.desk_api import watch_steps as watch
from exchange_api.desk_api.asked import Route
from exchange_api.supply.supplies import Offered
from schemas.messages import desk_api as m
from schemas.messages import desk_grants as g
from schemas.messages import desk_papers as p
from schemas.messages import desk_watch as w

DEMANDER, AUTHORITY, PROVIDER = frozenset({"demander"}), frozenset({"authority"}), frozenset({"provider"})
GIVERS = PROVIDER | AUTHORITY
_D, _T, _A, _G = "/v1/demands/{demand}", "/v1/supply-tasks/{task}", "/v1/answers/{answer}", "/v1/grants/{grant}"
_I, _Q, _S = "/v1/information/{information}", "/v1/quota-requests/{request}", "/v1/disputes/{dispute}"
_C, _E = "/v1/deadlines/{clock}", "/v1/extensions/{extension}"

DEMANDS: tuple[Route, ...] = (
    Route("GET", "/v1/demands", "demands.read", demand.listed, m.DemandsSaid, "需求列表 List demands", is_list=True),
    Route("POST", "/v1/demands", "demands.write", demand.register, m.DemandSaid, "登记需求 Register a draft", DemandForm, DEMANDER),
    Route("GET", _D, "demands.read", demand.read, m.DemandSaid, "查看需求 Read a demand"),
    Route("PUT", _D, "demands.write", demand.revise, m.DemandSaid, "修改需求 Revise a draft or a returned demand", DemandForm, DEMANDER),
    Route("DELETE", _D, "demands.write", demand.discard, m.DroppedSaid, "放弃草稿 Drop a draft", None, DEMANDER),
    Route("GET", f"{_D}/matches", "demands.read", demand.matches, m.MatchesSaid, "对接结果 Read matches"),
    Route("GET", f"{_D}/timeline", "demands.read", demand.timeline, m.TimelineSaid, "办理过程 Read every step"),
    Route("GET", f"{_D}/findings", "demands.read", paper.findings, p.FindingsSaid, "合规检查 What the check says"),
    Route("GET", f"{_D}/reuse", "demands.read", paper.held, p.ReusesSaid, "已有数据 What is there already"),
    Route("POST", f"{_D}/submission", "demands.write", demand.submit, m.DemandSaid, "提交 Submit", m.Nothing, DEMANDER),
    Route("POST", f"{_D}/withdrawal", "demands.write", demand.withdraw, m.DemandSaid, "撤回 Withdraw", m.Remark, DEMANDER),
    Route("POST", f"{_D}/acceptance", "demands.write", demand.accept, m.DemandSaid, "验收 Accept what was provided", m.Nothing, DEMANDER),
    Route("POST", f"{_D}/reopening", "demands.write", paper.reopen, m.DemandSaid, "重新办理 Open again for some items", p.ItemsWhy),
    Route("POST", f"{_D}/return", "demands.write", demand.send_back, m.DemandSaid, "退回 Return to the demander", m.Why, AUTHORITY),
    Route("POST", f"{_D}/dispatch", "demands.write", demand.dispatch, m.DemandSaid, "分派 Send to the providers", m.Nothing, AUTHORITY),
    Route("GET", f"{_D}/attachments", "demands.read", paper.files, p.FilesSaid, "附件列表 List files"),
    Route("POST", f"{_D}/attachments", "demands.write", paper.attach, p.FileSaid, "添加附件 Add a file", p.FileForm, DEMANDER),
    Route("GET", f"{_D}/attachments/{{attachment}}", "demands.read", paper.file, p.FileSaid, "取附件 Fetch a file"),
    Route("DELETE", f"{_D}/attachments/{{attachment}}", "demands.write", paper.detach, p.FilesSaid, "删除附件 Remove a file", None, DEMANDER),
    Route("GET", f"{_D}/information", "demands.read", paper.asked_of_demand, p.InformationList, "补充说明 What was asked about it"),
    Route("POST", f"{_I}/answer", "demands.write", paper.tell, p.InformationSaid, "答复补充说明 Answer a question", p.InformationAnswer, DEMANDER),
    Route("GET", f"{_D}/offers", "demands.read", paper.offered, m.AnswersSaid, "替代方案 Counter-offers that wait"),
    Route("POST", f"{_A}/acceptance", "demands.write", paper.take, m.AnswerSaid, "接受替代方案 Take a counter-offer", m.Remark, DEMANDER),
    Route("POST", f"{_A}/declining", "demands.write", paper.decline, m.AnswerSaid, "不接受替代方案 Decline a counter-offer", m.Remark, DEMANDER),
    Route("POST", "/v1/matches", "demands.read", demand.suggest, m.MatchesSaid, "对接试算 Who has what", m.MatchQuestion),
)  # fmt: skip
SUPPLY: tuple[Route, ...] = (
    Route("GET", "/v1/supply-tasks", "supply.read", supply.listed, m.TasksSaid, "供给任务列表 List supply tasks", is_list=True),
    Route("GET", _T, "supply.read", supply.read, m.TaskSaid, "查看供给任务 Read a supply task"),
    Route("POST", f"{_T}/answers", "supply.write", supply.answer, m.TaskSaid, "逐项答复 Answer item by item", supply.Answers, PROVIDER),
    Route("POST", f"{_T}/terms", "supply.write", supply.set_terms, m.TaskSaid, "提供条件 Set terms for one demand", supply.TermsForm, PROVIDER),
    Route("GET", f"{_T}/information", "supply.read", paper.asked_in_task, p.InformationList, "补充说明 What was asked in it"),
    Route("POST", f"{_T}/information", "supply.write", paper.inquire, p.InformationSaid, "要求补充说明 Ask the demander", p.InformationQuestion),
    Route("POST", f"{_I}/dropping", "supply.write", paper.drop, p.InformationSaid, "收回提问 Take a question back", m.Remark),
    Route("POST", f"{_A}/fulfilment", "supply.write", supply.fulfil, m.AnswerSaid, "兑现承诺 Keep a promise", Offered, PROVIDER),
    Route("POST", f"{_A}/refusal", "supply.write", supply.give_up, m.AnswerSaid, "撤回承诺 Take a promise back", p.RefusalForm, PROVIDER),
)  # fmt: skip
GRANTS: tuple[Route, ...] = (
    Route("GET", "/v1/grants", "grants.read", grant.listed, g.GrantsSaid, "授权列表 List grants", is_list=True),
    Route("GET", _G, "grants.read", grant.read, g.GrantSaid, "查看授权 Read a grant"),
    Route("GET", f"{_G}/timeline", "grants.read", grant.timeline, g.GrantEvents, "授权变更 Read every step"),
    Route("GET", f"{_G}/use", "grants.read", grant.used, g.UseSaid, "使用情况 How much it is used"),
    Route("POST", f"{_G}/suspension", "grants.write", grant.suspend, g.GrantSaid, "暂停 Suspend as one's own side", m.Remark),
    Route("POST", f"{_G}/resumption", "grants.write", grant.resume, g.GrantSaid, "恢复 Lift one's own suspension", m.Remark),
    Route("POST", f"{_G}/revocation", "grants.write", grant.revoke, g.GrantSaid, "撤销 End for good", m.Remark, AUTHORITY),
    Route("POST", f"{_G}/closing", "grants.write", grant.close, g.GrantSaid, "停用 Give up", m.Remark, DEMANDER | AUTHORITY),
    Route("POST", f"{_G}/recertification", "grants.write", grant.recertify, g.GrantSaid, "复核 Say that it is still right", m.Remark, GIVERS),
    Route("POST", f"{_G}/renewal", "grants.write", grant.ask_renewal, g.GrantSaid, "申请续期 Ask that it may go on", g.RenewalForm, DEMANDER),
    Route("POST", f"{_G}/prolongation", "grants.write", grant.prolong, g.GrantSaid, "续期 Let it go on", g.RenewalForm, GIVERS),
    Route("POST", f"{_G}/health-check", "grants.write", grant.check_health, g.CheckSaid, "体检 Ask through it once", m.Nothing),
    Route("GET", f"{_G}/quota-requests", "grants.read", grant.quotas, g.QuotasSaid, "加量申请列表 List wishes for more"),
    Route("POST", f"{_G}/quota-requests", "grants.write", grant.ask_quota, g.QuotaSaid, "加量申请 Ask for more", g.QuotaForm, DEMANDER),
    Route("POST", f"{_Q}/approval", "grants.write", grant.approve_quota, g.QuotaSaid, "同意加量 Allow more", g.QuotaApproval, GIVERS),
    Route("POST", f"{_Q}/declining", "grants.write", grant.decline_quota, g.QuotaSaid, "不同意加量 Say no to more", m.Why, GIVERS),
)  # fmt: skip
DISPUTES: tuple[Route, ...] = (
    Route("GET", "/v1/disputes", "disputes.read", dispute.listed, p.DisputesSaid, "争议列表 List disputes", is_list=True),
    Route("GET", _S, "disputes.read", dispute.read, p.DisputeSaid, "查看争议 Read a dispute"),
    Route("POST", f"{_D}/disputes", "disputes.write", dispute.raise_, p.DisputeSaid, "提出争议 Dispute a refusal", p.ItemsWhy, DEMANDER),
    Route("POST", f"{_S}/statement", "disputes.write", dispute.state, p.DisputeSaid, "陈述意见 Put words on record", p.Words),
    Route("POST", f"{_S}/settlement", "disputes.write", dispute.settle, p.DisputeSaid, "协商一致 Agree", m.Remark, PROVIDER),
    Route("POST", f"{_S}/referral", "disputes.write", dispute.refer, p.DisputeSaid, "提请协调 Take it to the authority", m.Remark, DEMANDER),
    Route("POST", f"{_S}/decision", "disputes.write", dispute.decide, p.DisputeSaid, "协调决定 Decide", p.Ruling, AUTHORITY),
    Route("POST", f"{_S}/escalation", "disputes.write", dispute.escalate, p.DisputeSaid, "提请上级 Take it to the superior", m.Why, DEMANDER),
    Route("POST", f"{_S}/withdrawal", "disputes.write", dispute.withdraw, p.DisputeSaid, "撤回争议 Take it back", m.Remark, DEMANDER),
)  # fmt: skip
NOTICES: tuple[Route, ...] = (
    Route("GET", "/v1/notices", "notices.read", notice.listed, m.NoticesSaid, "通知 List notices", is_list=True),
    Route("POST", "/v1/notices/{notice}/reading", "notices.write", notice.mark, m.NoticeSaid, "标为已读 Mark as read", m.Nothing),
    Route("GET", "/v1/deadlines", "deadlines.read", notice.clocks, m.DeadlinesSaid, "期限 List running clocks", is_list=True),
    Route("POST", f"{_C}/extension", "deadlines.write", notice.ask_extension, g.ExtensionSaid, "申请延期 Ask for more days", g.ExtensionForm),
    Route("GET", "/v1/extensions", "deadlines.read", notice.listed_extensions, g.ExtensionsSaid, "延期申请 List wishes for more days", is_list=True),
    Route("POST", f"{_E}/decision", "deadlines.write", notice.decide_extension, g.ExtensionSaid, "延期决定 Decide", g.ExtensionDecision, AUTHORITY),
)  # fmt: skip

CHAIN = (
    Route("GET", "/v1/trace/{node}", "trace.read", chain.walk, m.ChainSaid, "全链追溯 Walk the chain", is_list=True),
)

WATCH: tuple[Route, ...] = (
    Route("GET", "/v1/findings", "findings.read", watch.listed, w.GuardFindingsSaid, "异常发现 What detectors saw", is_list=True),
    Route("POST", "/v1/findings/{finding}/review", "findings.write", watch.review, w.GuardFindingSaid, "复核 Say what it was", w.FindingReview),
    Route("POST", "/v1/access", "access.read", watch.look, w.AccessSaid, "查询留痕 Who saw a person's items", w.AccessForm, is_look=True),
)  # fmt: skip

ROUTES = (*DEMANDS, *SUPPLY, *GRANTS, *DISPUTES, *NOTICES, *CHAIN, *WATCH)
