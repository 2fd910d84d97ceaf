"""Why: desks speak in keys (states, actions, reasons, checks), officers in words. Every key a page may meet has its word here.

Called by `rendering` and pages.
"""

from collections.abc import Mapping
from typing import Any

from exchange_api.portal.language import N_
from exchange_api.portal.matching_words import MISSING as MISSING
from exchange_api.portal.matching_words import REASON as REASON
from exchange_api.portal.matching_words import REUSE as REUSE
from exchange_api.portal.proof_words import CHECK as CHECK
from schemas.library import LIBRARIES, library

STATE = {
    "draft": N_("草稿"),
    "submitted": N_("待分派"),
    "returned": N_("已退回补正"),
    "dispatched": N_("待数源确认"),
    "needs_information": N_("待补充说明"),
    "offered": N_("待回复替代方案"),
    "answered": N_("已答复"),
    "provided": N_("待验收"),
    "accepted": N_("已验收"),
    "closed": N_("已办结"),
    "withdrawn": N_("已撤回"),
    "refused": N_("不予提供"),
}
VERSION_STATE = {
    "draft": N_("草稿"),
    "office_review": N_("部门审核中"),
    "authority_review": N_("主管部门审核中"),
    "scheduled": N_("待生效"),
    "published": N_("已发布"),
    "superseded": N_("已被替代"),
    "withdrawn": N_("已撤销"),
}
STATE_TONE = {
    "draft": "grey", "submitted": "blue", "returned": "amber", "dispatched": "blue", "needs_information": "amber", "offered": "amber",
    "answered": "blue", "provided": "green", "accepted": "green", "closed": "grey", "withdrawn": "grey", "refused": "red",
}  # fmt: skip
FIELD = {
    "service_item_id": N_("政务服务事项"), "application_id": N_("应用系统"), "purpose": N_("使用目的"), "basis": N_("使用依据"),
    "scenario": N_("应用场景"), "scope": N_("数据范围"), "volume_per_day": N_("每日用量上限"), "valid_until": N_("使用至"), "items": N_("信息项"),
}  # fmt: skip
TASK_STATE = {"open": N_("待确认"), "answered": N_("已答复"), "cancelled": N_("已取消")}
GRANT_STATE = {
    "draft": N_("草稿"),
    "active": N_("生效中"),
    "expired": N_("已到期"),
    "revoked": N_("已撤销"),
    "closed": N_("已关闭"),
}
ACTION = {
    "register": N_("登记"),
    "revise": N_("修改需求"),
    "submit": N_("提交"),
    "return": N_("退回补正"),
    "withdraw": N_("撤回"),
    "dispatch": N_("分派"),
    "open_task": N_("建立供给任务"),
    "join_task": N_("并入已有供给任务"),
    "leave_out": N_("部分信息项未询数源"),
    "ask_anew": N_("目录撤销，重新询数源"),
    "set_terms": N_("数源部门设定提供条件"),
    "answer_task": N_("数源部门答复"),
    "fulfil": N_("兑现限期提供"),
    "give_up": N_("放弃限期提供"),
    "ask": N_("要求补充说明"),
    "inform": N_("补充说明"),
    "tell": N_("答复补充说明要求"),
    "drop": N_("不再要求补充说明"),
    "take": N_("接受替代方案"),
    "decline": N_("不接受替代方案"),
    "attach": N_("添加附件"),
    "detach": N_("删除附件"),
    "offer": N_("提出替代方案"),
    "reopen": N_("重新办理"),
    "answer": N_("全部答复"),
    "refuse": N_("不予提供"),
    "provide": N_("生成授权"),
    "accept": N_("验收"),
    "close": N_("办结"),
    "extend_deadline": N_("经同意延长期限"),
    "supervise": N_("超期督办"),
    "suspend_grant": N_("授权失去来源，平台暂停"),
    "narrow_grant": N_("授权去除失去来源的信息项"),
    "dispute_raise": N_("提出争议"),
    "dispute_settle": N_("争议协商一致"),
    "dispute_refer": N_("提请主管部门裁定"),
    "dispute_uphold": N_("裁定维持拒绝"),
    "dispute_send_back": N_("裁定退回重新办理"),
    "dispute_escalate": N_("提请共同上级裁定"),
    "dispute_withdraw": N_("撤回争议"),
}
ROLE = {
    "demander": N_("需求经办"),
    "provider": N_("数源经办"),
    "steward": N_("数据管家"),
    "authority": N_("主管部门"),
    "auditor": N_("审计"),
}
DECISION = {
    "confirm": N_("已确认"),
    "refuse": N_("不予提供"),
    "will_provide": N_("限期提供"),
    "counter_offer": N_("调整后提供"),
}
FORM = {"full": N_("明文"), "masked": N_("脱敏"), "yes_no": N_("仅比对（是/否）")}
FORM_HELP = {
    "full": N_("返回完整值"),
    "masked": N_("遮蔽部分内容"),
    "yes_no": N_("只回答与对方所报是否一致"),
}
SHARING = {1: N_("无条件共享"), 2: N_("有条件共享"), 3: N_("不予共享")}
SENSITIVITY = {
    "public": N_("公开"),
    "internal": N_("内部"),
    "personal": N_("个人信息"),
    "sensitive": N_("敏感个人信息"),
}
CYCLE = {
    1: N_("实时"),
    2: N_("每日"),
    3: N_("每周"),
    4: N_("每月"),
    5: N_("每季度"),
    6: N_("每年"),
    7: N_("不定期"),
    8: N_("每旬"),
}
VERSION_TONE = {
    "draft": "grey", "office_review": "blue", "authority_review": "blue", "scheduled": "amber", "published": "green",
    "superseded": "grey", "withdrawn": "red",
}  # fmt: skip
DIFF_KIND = {"none": N_("没有变更"), "compatible": N_("兼容变更"), "breaking": N_("不兼容变更")}
FOUND_IN = {
    "name": N_("名称"), "code": N_("代码"), "keyword": N_("关键字"), "item": N_("信息项"), "element": N_("数据元"), "synonym": N_("同义词"),
    "department": N_("部门"), "about": N_("说明"),
}  # fmt: skip
ITEM_FIELD = {"type": N_("类型"), "length": N_("长度"), "code_table": N_("代码表"), "sensitivity": N_("敏感级别")}
SECRECY = {"none": N_("不涉密"), "work_secret": N_("工作秘密"), "state_secret": N_("国家秘密")}
DATA_TYPE = {
    "C": N_("字符"), "N": N_("数值"), "Y": N_("货币"), "D": N_("日期"), "T": N_("日期时间"), "L": N_("逻辑"),
    "M": N_("备注"), "I": N_("整数"), "F": N_("浮点"), "B": N_("二进制"), "G": N_("通用"),
}  # fmt: skip
MATERIAL_SOURCE = {"10": N_("申请人自备"), "20": N_("政府部门核发"), "99": N_("其他")}
LAMP = {
    "green": N_("正常"), "yellow": N_("临期"), "red": N_("超期"), "supervised": N_("督办"), "paused": N_("暂停计时"), "met": N_("已办理"),
    "cancelled": N_("已取消"),
}  # fmt: skip
NOTICE = {
    "information.asked": N_("需求 %(demand)s 须补充说明（%(request)s），答复期间对方计时暂停"),
    "information.told": N_("需求 %(demand)s 已补充说明（%(request)s），请继续办理"),
    "information.dropped": N_("需求 %(demand)s 不再需要补充说明（%(request)s）"),
    "offer.taken": N_("需求 %(demand)s：对方接受了“%(item)s”的替代方案"),
    "offer.declined": N_("需求 %(demand)s：对方未接受“%(item)s”的替代方案"),
    "dispute.negotiating": N_("需求部门对拒绝提供提出争议 %(dispute)s，请协商"),
    "dispute.stated": N_("争议 %(dispute)s 有新的陈述意见"),
    "dispute.settled": N_("争议 %(dispute)s 已协商一致，相关信息项重新办理"),
    "dispute.adjudicating": N_("争议 %(dispute)s 已提请主管部门裁定"),
    "dispute.sent_back": N_("争议 %(dispute)s 裁定退回数源部门重新办理"),
    "dispute.upheld": N_("争议 %(dispute)s 裁定维持拒绝提供"),
    "dispute.escalated": N_("争议 %(dispute)s 已提请共同上级裁定"),
    "dispute.finally_upheld": N_("争议 %(dispute)s 终局裁定维持拒绝提供"),
    "dispute.withdrawn": N_("争议 %(dispute)s 已由需求部门撤回"),
    "demand.submitted": N_("需求已提交：%(purpose)s"),
    "demand.returned": N_("需求被退回补正：%(purpose)s"),
    "demand.withdrawn": N_("需求方撤回了需求：%(purpose)s"),
    "demand.dispatched": N_("需求已分派到数源部门：%(purpose)s"),
    "demand.needs_information": N_("需求待补充说明：%(purpose)s"),
    "demand.offered": N_("数源部门提出了替代方案：%(purpose)s"),
    "demand.answered": N_("数源部门已全部答复：%(purpose)s"),
    "demand.refused": N_("需求不予提供：%(purpose)s"),
    "demand.provided": N_("授权已生成：%(purpose)s"),
    "demand.accepted": N_("需求方已验收：%(purpose)s"),
    "demand.closed": N_("需求已办结：%(purpose)s"),
    "quarantine.ticket_opened": N_("“%(resource)s”有 %(rows)s 行数据不合格（%(reasons)s），请于 %(due)s 前核实更正"),
    "conflict.ticket_opened": N_(
        "%(library)s：%(attributes)s 有 %(count)s 处与其他来源不一致，请于 %(due)s 前核实更正"
    ),
    "credit.orphans": N_("有 %(count)s 条信用条目的主体不在法人库和人口库中，请核实"),
    "credit.withdrawal_green": N_(
        "处罚决定 %(entry)s 已于 %(changed_on)s 变更或撤销，请于 %(due)s 前撤回公示并说明理由"
    ),
    "credit.withdrawal_yellow": N_(
        "处罚决定 %(entry)s 的公示信息撤回即将到期，%(due)s 前（决定于 %(changed_on)s 变更或撤销）"
    ),
    "credit.withdrawal_red": N_(
        "处罚决定 %(entry)s 的公示信息撤回已超期，应于 %(due)s 前（决定于 %(changed_on)s 变更或撤销）"
    ),
    "certificate.missing": N_("持证人反映缺失“%(type)s”证照，请于 %(due)s 前核实补录（报告 %(report)s）"),
    "certificate.wrong_file": N_("“%(type)s”证照文件与登记的摘要不符，请于 %(due)s 前核实更正（报告 %(report)s）"),
    "certificate.broken_signature": N_(
        "“%(type)s”证照文件的签章验证不通过，请于 %(due)s 前核实重发（报告 %(report)s）"
    ),
    "grant.base_lost": N_("授权 %(grant)s 已暂停：%(resources)s不再提供 %(items)s"),
    "grant.active": N_("授权 %(grant)s 已生效"),
    "grant.widened": N_("授权 %(grant)s 已增加信息项：%(items)s"),
    "grant.suspended": N_("授权 %(grant)s 已暂停（%(side)s，%(code)s）：%(why)s"),
    "grant.resumed": N_("授权 %(grant)s 已解除暂停（%(side)s）"),
    "grant.expired": N_("授权 %(grant)s 已到期：%(why)s"),
    "grant.revoked": N_("授权 %(grant)s 已被撤销：%(why)s"),
    "grant.closed": N_("授权 %(grant)s 已关闭：%(why)s"),
    "grant.unused": N_("授权 %(grant)s 长期未使用，%(until)s 后将失效"),
    "grant.certify_due": N_("授权 %(grant)s 须于 %(until)s 前由数源部门或主管部门复核，否则失效"),
    "grant.recertified": N_("授权 %(grant)s 已复核，下次复核期限 %(until)s"),
    "grant.renewal_asked": N_("使用部门申请将授权 %(grant)s 延至 %(until)s：%(why)s"),
    "grant.prolonged": N_("授权 %(grant)s 已延至 %(until)s"),
    "grant.quota_asked": N_("授权 %(grant)s 自 %(day)s 起需增加每日额度（现 %(quota)s），加量申请 %(request)s 待审批"),
    "grant.quota_approved": N_("授权 %(grant)s 每日额度已提高至 %(quota)s，有效至 %(until)s"),
    "grant.quota_declined": N_("授权 %(grant)s 自 %(day)s 起的加量申请未获批准：%(why)s"),
    "grant.quota_lapsed": N_("授权 %(grant)s %(day)s 的加量申请当日未决，已失效"),
    "grant.use_finding": N_("授权 %(grant)s 在 %(day)s 的使用与申报不符：%(why)s（%(why_en)s）"),
    "reform.failed": N_("第 %(reform)s 号机构改革未能于 %(day)s 生效：%(why)s"),
    "version.office_review": N_("目录待本部门审核，%(due)s 前：%(name)s 第 %(version)s 版"),
    "version.authority_review": N_("目录待主管部门审核，%(due)s 前：%(name)s 第 %(version)s 版"),
    "version.returned": N_("目录被退回修改（%(why)s）：%(name)s 第 %(version)s 版"),
    "version.scheduled": N_("目录变更影响他方，%(effective)s 生效：%(name)s 第 %(version)s 版"),
    "version.affected": N_("目录变更将影响 %(cases)s，%(effective)s 生效，请确认知悉：%(name)s 第 %(version)s 版"),
    "version.acknowledged": N_("受影响部门均已知悉：%(name)s 第 %(version)s 版"),
    "version.published": N_("目录已发布：%(name)s 第 %(version)s 版"),
    "version.drifted": N_("来源字段有变化（%(changes)s），已拟新版本待采纳：%(name)s 第 %(version)s 版"),
    "version.withdrawn": N_("目录已撤销（%(why)s）：%(name)s 第 %(version)s 版"),
    "version.due_yellow": N_("目录审核或知悉即将到期，%(due)s 前：%(name)s 第 %(version)s 版"),
    "version.due_red": N_("目录审核或知悉已超期，应于 %(due)s 前：%(name)s 第 %(version)s 版"),
    "recall.notified": N_(
        "召回 %(recall)s：“%(resource)s”的数据有误，%(application)s 曾收到 %(receipts)s 次，请于 %(due)s 前确认并重新查询"
    ),
    "recall.done": N_("召回 %(recall)s：%(application)s 已办结"),
    "recall.overdue": N_("召回 %(recall)s 已超期未确认（应于 %(due)s 前）：%(application)s"),
    "objection.raised": N_("收到异议 %(objection)s：%(attribute)s，请于 %(due)s 前核实答复"),
    "objection.correcting": N_("异议 %(objection)s（%(attribute)s）：数源部门将更正"),
    "objection.corrected": N_("异议 %(objection)s（%(attribute)s）：已更正"),
    "objection.refused": N_("异议 %(objection)s（%(attribute)s）：数源部门维持原值"),
    "objection.ruled": N_("异议 %(objection)s（%(attribute)s）：已裁定"),
    "objection.withdrawn": N_("异议 %(objection)s（%(attribute)s）：提出方已撤回"),
    "objection.due_soon": N_("异议 %(objection)s（%(attribute)s）即将到期，请于 %(due)s 前答复"),
    "objection.overdue": N_("异议 %(objection)s（%(attribute)s）已超期，应于 %(due)s 前答复"),
    "legacy.on": N_("已为应用系统“%(application)s”开通共享密钥接入（弱认证），至 %(until)s"),
    "legacy.renewed": N_("应用系统“%(application)s”的共享密钥已更换，有效至 %(until)s"),
    "legacy.off": N_("应用系统“%(application)s”的共享密钥接入已关闭"),
    "notices.failed": N_("%(count)s 条通知未能送达（通知方式 %(way)s，%(channel)s：%(why)s）"),
    "notices.dropped": N_("%(count)s 条通知等待过久，不再外送（通知方式 %(way)s，%(channel)s）"),
    "notices.way_paused": N_("通知方式 %(way)s（%(channel)s）连续 %(count)s 次未送达，已暂停；修正后请测试以恢复"),
    "notices.test": N_("测试通知：通知方式 %(way)s 可以送达"),
    "clock.yellow": N_("%(case)s 即将到期，请于 %(due)s 前办理：%(purpose)s"),
    "clock.red": N_("%(case)s 已超期，应于 %(due)s 前办理：%(purpose)s"),
    "clock.supervised": N_("%(case)s 超期未办，已列入督办（应于 %(due)s 前办理）：%(purpose)s"),
    "clock.extension_asked": N_("%(case)s 申请延期 %(days)s 日，请于 %(due)s 前答复：%(purpose)s"),
    "clock.extended": N_("%(case)s 经主管部门同意延期 %(days)s 日，至 %(due)s：%(purpose)s"),
    "clock.extension_declined": N_("%(case)s 的延期申请未获同意，仍应于 %(due)s 前办理：%(purpose)s"),
    "clock.extension_lapsed": N_("%(case)s 的延期申请逾期未决，自动失效：%(purpose)s"),
    "deadline.moved": N_("%(case)s 的办理期限因工作日历调整，由 %(former)s 改为 %(due)s"),
    "calendar.missing": N_("%(year)s 年的工作日历尚未录入，跨年期限暂按周末推算，请录入放假通知并确认"),
    "synonyms.accepted": N_("“%(words)s”已采纳为数据元“%(element)s”的同义词"),
    "synonyms.declined": N_("“%(words)s”不作为数据元“%(element)s”的同义词"),
    "synonyms.proposed": N_("有 %(count)s 条同义词建议待审"),
    "task.opened": N_("有需求待确认，%(due)s 前答复：%(purpose)s"),
    "task.joined": N_("又有需求并入任务 %(task)s，%(due)s 前答复：%(purpose)s"),
    "task.automatic": N_("无条件共享的 %(items)s 已自动授权，如有异议可暂停：%(purpose)s"),
    "task.answered": N_(
        "数源部门已答复（确认 %(confirmed)s、限期 %(promised)s、替代 %(offered)s、不予 %(refused)s）：%(purpose)s"
    ),
    "task.item_gone": N_("目录已撤销，%(items)s 改询其他数源：%(purpose)s"),
    "answer.fulfilled": N_("数源部门已兑现 %(item)s：%(purpose)s"),
    "answer.given_up": N_("数源部门放弃提供 %(item)s（%(why)s）：%(purpose)s"),
}
ENTRY_KIND = {"answer": N_("答复"), "refusal": N_("拒绝"), "error": N_("错误"), "key": N_("密钥变更")}
MASK = {
    "none": N_("不遮蔽"),
    "all": N_("全部遮蔽"),
    "name": N_("只留姓氏"),
    "citizen_id": N_("遮蔽中间位"),
    "phone": N_("遮蔽中间位"),
    "address": N_("只留到县（区）"),
    "division": N_("只留到市"),
    "year": N_("只留年份"),
    "tail4": N_("只留末四位"),
}
LIBRARY = {name: library(name).name["zh"] for name in LIBRARIES}

TABLES: Mapping[str, Mapping[Any, str]] = {
    "state": STATE, "version_state": VERSION_STATE, "task_state": TASK_STATE, "grant_state": GRANT_STATE, "action": ACTION, "role": ROLE, "decision": DECISION,
    "form": FORM, "form_help": FORM_HELP, "sharing": SHARING, "sensitivity": SENSITIVITY, "cycle": CYCLE, "data_type": DATA_TYPE,
    "material_source": MATERIAL_SOURCE, "lamp": LAMP, "entry_kind": ENTRY_KIND, "library": LIBRARY, "mask": MASK, "field": FIELD,
    "diff_kind": DIFF_KIND, "found_in": FOUND_IN, "item_field": ITEM_FIELD, "secrecy": SECRECY,
}  # fmt: skip


def word(table: str, key: Any) -> str:
    """Return the Chinese word of a key; a key nobody gave a word stands for itself."""
    return TABLES[table].get(key, str(key))
