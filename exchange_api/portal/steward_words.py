"""Why: the words of the data steward's desk: batches, orders, conflicts, indicators. Read by `words`."""

from collections.abc import Mapping
from typing import Any

from exchange_api.portal.language import N_

BATCH_STATE = {
    "planned": N_("已计划"), "landed": N_("已落地"), "checked": N_("已检查"), "merged": N_("已归并"), "rejected": N_("已拒收"),
    "retracted": N_("已撤回批次"),
}  # fmt: skip
BATCH_TONE = {
    "planned": "grey",
    "landed": "blue",
    "checked": "blue",
    "merged": "green",
    "rejected": "red",
    "retracted": "amber",
}
FRESHNESS = {"green": N_("及时"), "yellow": N_("将到期"), "red": N_("逾期未更新"), "grey": N_("暂无承诺或数据")}
INDICATOR = {
    "normativity": N_("规范性"), "completeness": N_("完整性"), "accuracy": N_("准确性"), "consistency": N_("一致性"),
    "timeliness": N_("时效性"), "accessibility": N_("可访问性"),
}  # fmt: skip
DIRECTION = {"rising": N_("上升"), "falling": N_("下降"), "steady": N_("平稳")}
GRADE = {"A": N_("A 优"), "B": N_("B 良"), "C": N_("C 中"), "D": N_("D 低"), "E": N_("E 差")}
GRADE_TONE = {"A": "green", "B": "green", "C": "amber", "D": "amber", "E": "red"}
ORDER_KIND = {
    "replay": N_("更正后重放"), "correct": N_("更正工作簿"), "preview": N_("预演撤回"), "retract": N_("撤回批次"),
    "reconcile": N_("与来源对账"), "settle": N_("裁定"),
    "withdraw": N_("撤销裁定"), "rule_doubt": N_("裁定异议"),
}  # fmt: skip
ORDER_STATE = {
    "proposed": N_("待确认"), "waiting": N_("处理中"), "done": N_("处理完成"), "failed": N_("未能完成"), "dropped": N_("已作废"),
}  # fmt: skip
ORDER_TONE = {"proposed": "amber", "waiting": "blue", "done": "green", "failed": "red", "dropped": "grey"}
ORDER_STEP = {
    "": N_("等待处理"), "find": N_("查找受影响的记录"), "restore": N_("恢复来源数据"), "judge": N_("重新评定主记录"),
    "write down": N_("登记受影响的记录"), "recipients": N_("查找接收方"), "recall": N_("开启召回"), "replay": N_("检查并归并"), "compare": N_("比对来源"),
}  # fmt: skip
COUNT = {
    "golden_changed": N_("改变的主记录"), "golden_removed": N_("移除的主记录"), "golden_added": N_("恢复的主记录"),
    "records_records": N_("曾采用其数据的记录"), "records_current": N_("其中当前仍采用"), "records_changed": N_("其中数据将不同"),
    "claims_withdrawn": N_("撤下的来源数据"), "claims_restored": N_("恢复的来源数据"), "claims_unchanged": N_("不变的来源数据"),
    "conflicts_found": N_("新的来源不一致"), "conflicts_closed": N_("消除的来源不一致"), "batches_heard": N_("重读的后续批次"),
    "rows_let_go": N_("不再等待的隔离行"), "rows_waiting": N_("重新等待的隔离行"),
}  # fmt: skip
CONFLICT_KIND = {
    "format": N_("写法不同"),
    "missing_precision": N_("精度不同"),
    "near": N_("内容相近"),
    "substantive": N_("实质不同"),
}
ROW_END = {
    "released": N_("已放行"), "wrong": N_("仍未通过检查"), "right": N_("来源已更正"), "again": N_("再次隔离"), "gone": N_("来源已删除"),
    "attempt": N_("更正尝试"), "retracted": N_("批次已撤回"), "waived": N_("不予更正"),
}  # fmt: skip
TICKET_STATE = {"open": N_("待部门更正"), "answered": N_("部门已答复"), "closed": N_("已关闭")}
RECIPIENT_STATE = {
    "open": N_("待通知"),
    "notified": N_("已通知"),
    "acknowledged": N_("已确认收到"),
    "done": N_("已处理完毕"),
}
WON = {
    "only source": N_("唯一来源"),
    "most recent": N_("时间最近"),
    "highest authority": N_("权威来源"),
    "ruled": N_("数据管家裁定"),
}
SCOPE = {"row": N_("逐行"), "batch": N_("整批")}
METHOD = {"digests": N_("摘要比对"), "rows": N_("逐行比对"), "counts": N_("仅比较行数"), "files": N_("文件比对")}

STEWARD_TABLES: Mapping[str, Mapping[Any, str]] = {
    "batch_state": BATCH_STATE, "batch_tone": BATCH_TONE, "freshness": FRESHNESS, "indicator": INDICATOR, "direction": DIRECTION, "grade": GRADE,
    "grade_tone": GRADE_TONE, "order_kind": ORDER_KIND, "order_state": ORDER_STATE, "order_tone": ORDER_TONE, "order_step": ORDER_STEP,
    "count": COUNT, "conflict_kind": CONFLICT_KIND, "row_end": ROW_END, "ticket_state": TICKET_STATE, "recipient_state": RECIPIENT_STATE,
    "won": WON, "scope": SCOPE, "method": METHOD,
}  # fmt: skip
