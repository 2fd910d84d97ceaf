"""Why: states, forms, modes and steps of a check in both languages for a terminal. Only the commands of grants use them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from schemas.calendar import CHINA

STATES = {
    "draft": "草稿 draft", "active": "生效中 active", "expired": "已到期 expired", "revoked": "已撤销 revoked", "closed": "已关闭 closed",
}  # fmt: skip
FORMS = {"full": "明文 full", "masked": "脱敏 masked", "yes_no": "仅比对 yes/no"}
MODES = {"query": "查询 query", "verify": "核验 verify", "changes": "变更推送 changes", "export": "批量 export"}
QUOTA_STATES = {
    "asked": "待审批 asked",
    "approved": "已批准 approved",
    "declined": "未批准 declined",
    "lapsed": "已失效 lapsed",
}
ORIGINS = {"overrun": "超额 overrun", "consumer": "申请 consumer"}
PARTS = {
    "key": "应用公钥 key", "state": "授权状态 state", "flags": "暂停 suspensions", "base": "依托 base", "period": "有效期 period", "hours": "时段 hours",
    "quota": "今日余额 quota left", "items": "信息项 items", "records": "库内数据 records", "freshness": "数据时效 freshness",
    "answer": "实际应答 answer",
}  # fmt: skip


def rule_words(rule: Mapping[str, Any]) -> str:
    """Return a rule on rows in a line."""
    sign = "∈" if rule["kind"] == "in" else "以…开头 begins with"
    return f"{rule['attribute']} {sign} {', '.join(rule['values'])}"


def when(moment: datetime) -> str:
    """Return a moment in China's time, to the minute."""
    return f"{moment.astimezone(CHINA):%Y-%m-%d %H:%M}"
