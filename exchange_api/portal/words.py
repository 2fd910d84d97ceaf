"""Why: desks speak in keys (states, actions, reasons, checks), officers in words. Every key a page may meet has its word here.

Called by `rendering` and pages.
"""

from collections.abc import Mapping
from typing import Any

from exchange_api.portal.accounts_words import ACCOUNT_STATE, SIGN_IN_WAY
from exchange_api.portal.applications_words import APPLICATION_TABLES
from exchange_api.portal.deed_words import DEED
from exchange_api.portal.directory_words import DIRECTORY_TABLES
from exchange_api.portal.language import N_
from exchange_api.portal.matching_words import MISSING as MISSING
from exchange_api.portal.matching_words import REASON as REASON
from exchange_api.portal.matching_words import REUSE as REUSE
from exchange_api.portal.notice_words import NOTICE as NOTICE
from exchange_api.portal.objections_words import OBJECTION_TABLES
from exchange_api.portal.proof_words import CHECK as CHECK
from exchange_api.portal.step_words import STEP_TABLES
from exchange_api.portal.steward_words import STEWARD_TABLES
from exchange_api.portal.supervision_words import SUPERVISION_TABLES
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
    "mode": N_("使用方式"), "hours": N_("使用时段"), "form": N_("提供形式"),
}  # fmt: skip
TASK_STATE = {"open": N_("待确认"), "answered": N_("已答复"), "cancelled": N_("已取消")}
GRANT_STATE = {
    "draft": N_("草稿"),
    "active": N_("生效中"),
    "expired": N_("已到期"),
    "revoked": N_("已撤销"),
    "closed": N_("已关闭"),
    "suspended": N_("已暂停"),
}
ACTION = {
    "register": N_("登记"),
    "discard": N_("删除草稿"),
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
    "application": N_("应用团队"),
    "system_admin": N_("系统管理"),
    "security_admin": N_("安全管理"),
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
ENTRY_KIND = {
    "answer": N_("答复"),
    "refusal": N_("拒绝"),
    "error": N_("错误"),
    "key": N_("密钥变更"),
    "action": N_("经办人操作"),
}
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
    "account_state": ACCOUNT_STATE, "sign_in_way": SIGN_IN_WAY, "deed": DEED,
    **STEP_TABLES,
    **SUPERVISION_TABLES,
    **STEWARD_TABLES,
    **OBJECTION_TABLES,
    **APPLICATION_TABLES,
    **DIRECTORY_TABLES,
}  # fmt: skip

KINDS = {
    "state": (
        "state",
        "task_state",
        "answer_state",
        "share_state",
        "dispute_state",
        "grant_state",
        "quota_state",
        "extension_state",
        "lamp",
        "version_state",
    ),
    "action": ("action", "grant_action", "dispute_action", "clock_action", "review_action"),
    "role": ("role",),
    "term": ("term",),
}
"""Kinds of keys that errors name among their facts, and the tables their words are in."""


def word(table: str, key: Any) -> str:
    """Return the Chinese word of a key; a key nobody gave a word stands for itself."""
    return TABLES[table].get(key, str(key))


def word_of_any(kind: str, key: Any) -> str:
    """Return the Chinese word of a state or an action of whatever case: errors name the key, not the case's kind."""
    return next((TABLES[table][key] for table in KINDS[kind] if key in TABLES[table]), str(key))
