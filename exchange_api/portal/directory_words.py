"""Why: the words of the directory's desk: steps of a review, whom a change touches, service items and their materials, departments. Read by `words`."""

from collections.abc import Mapping
from typing import Any

from exchange_api.portal.language import N_

REVIEW_ACTION = {
    "save": N_("保存草稿"), "submit": N_("提交审核"), "approve_office": N_("部门审核通过"), "return": N_("退回修改"), "schedule": N_("批准，待生效"),
    "publish": N_("发布"), "supersede": N_("由新版本替代"), "withdraw": N_("撤销版本"), "approve": N_("审核通过"), "acknowledge": N_("确认知悉"),
}  # fmt: skip
CHANGE = {"first": N_("首次发布"), "none": N_("没有变更"), "compatible": N_("兼容变更"), "breaking": N_("不兼容变更")}
CHANGE_TONE = {"first": "blue", "none": "grey", "compatible": "green", "breaking": "red"}
TOUCHED = {"grant": N_("授权"), "demand": N_("需求"), "pipeline": N_("汇聚")}
TURN = {
    "draft": N_("本部门经办人"), "office_review": N_("本部门审核人"), "authority_review": N_("主管部门"), "scheduled": N_("受影响部门"),
}  # fmt: skip
OBTAIN_MODE = {
    0: N_("申请人提交"), 1: N_("数据核验"), 2: N_("数据共享"), 3: N_("电子证照"), 4: N_("告知承诺"), 5: N_("部门协查"),
}  # fmt: skip
MATERIAL_STATUS = {
    "candidate": N_("待关联"), "linked": N_("已关联"), "tested": N_("已测试"), "in_use": N_("使用中"), "suspended": N_("已停用"),
}  # fmt: skip
MATERIAL_TONE = {"candidate": "grey", "linked": "blue", "tested": "blue", "in_use": "green", "suspended": "red"}
OTHERWISE = {
    "ask_applicant": N_("请申请人提交"), "commitment": N_("改用告知承诺"), "inter_department": N_("请相关部门协查"), "manual_review": N_("人工核实"),
}  # fmt: skip
UNANSWERED = {"not_found": N_("查无记录"), "mismatch": N_("比对不一致"), "timeout": N_("超时未答")}
NEED = {"1": N_("必要"), "2": N_("非必要"), "3": N_("容缺后补")}
SERVICE_STATE = {"1": N_("在用"), "2": N_("暂停"), "3": N_("取消"), "4": N_("其他")}
LEVEL = {
    "1": N_("国家级"),
    "2": N_("省级"),
    "3": N_("市级"),
    "4": N_("县级"),
    "5": N_("镇（乡、街道）级"),
    "6": N_("村（社区）级"),
}
DEPARTMENT_STATE = {"active": N_("在册"), "proposed": N_("待核对"), "dissolved": N_("已撤销")}

SHARE_MODE_CATEGORY = {"共享平台方式": N_("共享平台方式"), "其他方式": N_("其他方式")}
SHARE_MODE = {
    "数据库": N_("数据库"), "文件": N_("文件"), "接口": N_("接口"), "邮件": N_("邮件"), "拷盘": N_("拷盘"), "介质交换": N_("介质交换"),
}  # fmt: skip
DATA_GRADE = {"1": N_("1级"), "2": N_("2级"), "3": N_("3级"), "4": N_("4级")}
CHECK_KIND = {
    "citizen_id": N_("公民身份号码"), "uscc": N_("统一社会信用代码"), "organisation_code": N_("组织机构代码"),
    "certificate_identifier": N_("电子证照标识"), "holder_code": N_("持证主体代码"), "place_code": N_("地点代码"),
}  # fmt: skip

DIRECTORY_TABLES: Mapping[str, Mapping[Any, str]] = {
    "review_action": REVIEW_ACTION, "change": CHANGE, "change_tone": CHANGE_TONE, "touched": TOUCHED, "turn": TURN, "obtain_mode": OBTAIN_MODE,
    "material_status": MATERIAL_STATUS, "material_tone": MATERIAL_TONE, "otherwise": OTHERWISE, "unanswered": UNANSWERED, "need": NEED,
    "service_state": SERVICE_STATE, "level": LEVEL, "department_state": DEPARTMENT_STATE, "share_mode": SHARE_MODE,
    "share_mode_category": SHARE_MODE_CATEGORY, "data_grade": DATA_GRADE, "check_kind": CHECK_KIND,
}  # fmt: skip
