"""Why: questions, counter-offers, disputes, clocks and grants have steps and states of their own. Their words. Read through `words` alone."""

from collections.abc import Mapping
from typing import Any

from exchange_api.portal.language import N_

ANSWER_STATE = {
    "waiting": N_("待答复"), "confirmed": N_("已确认"), "promised": N_("限期提供"), "offered": N_("待回复替代方案"), "refused": N_("不予提供"),
    "declined": N_("替代方案未采纳"), "cancelled": N_("已取消"),
}  # fmt: skip
ANSWER_TONE = {
    "waiting": "blue", "confirmed": "green", "promised": "blue", "offered": "amber", "refused": "red", "declined": "red", "cancelled": "grey",
}  # fmt: skip
SHARE_STATE = {
    "open": N_("待答复"), "needs_information": N_("待补充说明"), "answered": N_("已答复"), "withdrawn": N_("已退出"),
}  # fmt: skip
INFORMATION_STATE = {"asked": N_("待补充说明"), "told": N_("已说明"), "dropped": N_("不再需要")}
DISPUTE_STATE = {
    "negotiating": N_("协商中"), "settled": N_("协商一致"), "adjudicating": N_("主管部门裁定中"), "sent_back": N_("退回重新办理"),
    "upheld": N_("维持不予提供"), "escalated": N_("提请共同上级"), "finally_upheld": N_("终局维持不予提供"), "withdrawn": N_("已撤回"),
}  # fmt: skip
DISPUTE_ACTION = {
    "raise": N_("提出争议"), "state": N_("陈述意见"), "settle": N_("协商一致，重新答复"), "refer": N_("提请主管部门裁定"), "uphold": N_("维持不予提供"),
    "send_back": N_("退回重新办理"), "escalate": N_("提请共同上级"), "withdraw": N_("撤回争议"),
}  # fmt: skip
RULE = {
    "conformity_check": N_("主管部门审核"), "reply_unconditional": N_("数源部门答复（无条件共享）"), "reply_conditional": N_("数源部门答复"),
    "information_answer": N_("补充说明"), "offer_answer": N_("回复替代方案"), "provide_after_agree": N_("兑现限期提供"), "acceptance": N_("验收"),
    "negotiation": N_("争议协商"), "adjudication": N_("争议裁定"), "superior_adjudication": N_("共同上级裁定"), "dispute_appeal": N_("提请共同上级"),
    "recertification_answer": N_("授权复核"), "quota_answer": N_("用量审批"), "correction_verify": N_("核实数据异议"),
}  # fmt: skip
CLOCK_ACTION = {
    "start": N_("开始计时"), "pause": N_("暂停计时"), "resume": N_("恢复计时"), "stop": N_("已办理"), "cancel": N_("已取消"),
    "ask_extension": N_("申请延期"), "extend": N_("同意延期"), "decline_extension": N_("不同意延期"), "lapse_extension": N_("延期申请失效"),
    "recompute": N_("按新日历重新计算"), "remind": N_("提醒"), "supervise": N_("列入督办"),
}  # fmt: skip
CLOCK_CHANGE = {
    "start": N_("开始计时"), "stop": N_("停止计时"), "pause": N_("暂停计时"), "resume": N_("恢复计时"), "move": N_("期限改为"),
}  # fmt: skip
EXTENSION_STATE = {"asked": N_("待同意"), "granted": N_("已同意"), "declined": N_("未同意"), "lapsed": N_("已失效")}
MODE = {"query": N_("查询"), "verify": N_("核验"), "changes": N_("变更推送"), "export": N_("批量导出")}
SIDE = {"consumer": N_("使用部门"), "provider": N_("数源部门"), "platform": N_("平台")}
FLAG = {
    "ordered": N_("经办人暂停"), "base.resource": N_("数源已不再提供"), "base.department": N_("部门已撤销"), "base.service_item": N_("政务服务事项已停用"),
    "base.keys": N_("应用系统没有可用公钥"),
}  # fmt: skip
GRANT_ACTION = {
    "activate": N_("生效"), "expire": N_("到期"), "revoke": N_("撤销授权"), "close": N_("关闭授权"), "suspend": N_("暂停"), "resume": N_("解除暂停"),
    "widen": N_("增加信息项"), "narrow": N_("去除失去来源的信息项"), "release": N_("生成授权"), "check": N_("体检"),
    "recertify": N_("复核"), "ask_renewal": N_("申请续期"), "prolong": N_("延长"), "ask_quota": N_("申请增加用量"), "approve_quota": N_("批准增加用量"),
    "decline_quota": N_("未批准增加用量"), "lapse_quota": N_("用量申请失效"), "finding": N_("使用与申报不符"), "warn_unused": N_("长期未使用，提醒"),
    "warn_certify": N_("复核到期，提醒"),
}  # fmt: skip
QUOTA_STATE = {"asked": N_("待审批"), "approved": N_("已批准"), "declined": N_("未批准"), "lapsed": N_("已失效")}
QUOTA_ORIGIN = {"overrun": N_("超出额度"), "consumer": N_("使用部门申请")}
HEALTH = {
    "key": N_("应用公钥"), "state": N_("授权状态"), "flags": N_("暂停"), "base": N_("依托"), "period": N_("有效期"), "hours": N_("使用时段"),
    "quota": N_("今日余额"), "items": N_("信息项"), "records": N_("库内数据"), "freshness": N_("数据时效"), "answer": N_("实际应答"),
}  # fmt: skip
SEVERITY = {"error": N_("须改正"), "warning": N_("请核对"), "suggestion": N_("建议")}
URGENCY = {"urgent": N_("紧急"), "action": N_("待办"), "info": N_("知悉")}
ROW_KIND = {"in": N_("是其中之一"), "prefix": N_("以其中之一开头")}
TERM = {
    "rows": N_("数据范围"), "hours": N_("使用时段"), "quota_per_day": N_("每日额度"), "burst_per_minute": N_("每分钟上限"), "valid_until": N_("使用至"),
    "is_case_required": N_("办件编号"),
}  # fmt: skip

STEP_TABLES: Mapping[str, Mapping[Any, str]] = {
    "answer_state": ANSWER_STATE, "share_state": SHARE_STATE, "information_state": INFORMATION_STATE, "dispute_state": DISPUTE_STATE,
    "dispute_action": DISPUTE_ACTION, "rule": RULE, "clock_action": CLOCK_ACTION, "clock_change": CLOCK_CHANGE,
    "extension_state": EXTENSION_STATE, "mode": MODE, "side": SIDE,
    "flag": FLAG, "grant_action": GRANT_ACTION, "quota_state": QUOTA_STATE, "quota_origin": QUOTA_ORIGIN, "health": HEALTH, "severity": SEVERITY,
    "urgency": URGENCY, "row_kind": ROW_KIND, "term": TERM,
}  # fmt: skip
