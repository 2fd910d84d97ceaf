"""Why: supervision and assessment speak in keys: concerns, kinds of cases, states of objections. Here are their words. Read through `words` alone."""

from collections.abc import Mapping
from typing import Any

from exchange_api.portal.language import N_

CONCERN = {
    "overdue": N_("超期未办"), "never_answered": N_("从未答复"), "refused": N_("拒绝提供"), "unused": N_("长期未用"), "over_used": N_("超量使用"),
    "findings": N_("异常发现"),
}  # fmt: skip
CONCERN_HELP = {
    "overdue": N_("期限已过而事项未办结，责任部门为应办部门"), "never_answered": N_("供给任务已过答复期限，一项也没有答复"),
    "refused": N_("近 90 日数源部门拒绝提供的信息项及其理由"), "unused": N_("授权生效满 30 日，近 30 日没有一次调用"),
    "over_used": N_("近 30 日用量达到或超过每日额度的授权"), "findings": N_("近 90 日检测到的异常使用"),
}  # fmt: skip
SCORED_CASE = {
    "clock": N_("期限"), "answer": N_("需求项"), "objection": N_("数据异议"), "resource": N_("信息资源"), "version": N_("目录版本"), "grant": N_("授权"),
    "service": N_("政务服务事项"), "finding": N_("异常发现"), "task": N_("供给任务"),
}  # fmt: skip
SCORE_OBJECTION_STATE = {
    "open": N_("待复核"),
    "upheld": N_("已采纳"),
    "rejected": N_("已驳回"),
    "withdrawn": N_("已撤回"),
}
SCORE_OBJECTION_TONE = {"open": "amber", "upheld": "green", "rejected": "red", "withdrawn": "grey"}
BATCH_OF_WEEK = {
    "planned": N_("待归集"), "landed": N_("已落地"), "checked": N_("已检查"), "merged": N_("已入库"), "rejected": N_("已拒收"), "retracted": N_("已撤回"),
}  # fmt: skip
MARK = {"abuse": N_("核实为滥用"), "false_alarm": N_("误报"), "supervised": N_("督办")}

SUPERVISION_TABLES: Mapping[str, Mapping[Any, str]] = {
    "concern": CONCERN, "concern_help": CONCERN_HELP, "scored_case": SCORED_CASE, "score_objection_state": SCORE_OBJECTION_STATE,
    "score_objection_tone": SCORE_OBJECTION_TONE, "batch_of_week": BATCH_OF_WEEK, "mark": MARK,
}  # fmt: skip
