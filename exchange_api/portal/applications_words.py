"""Why: the words of the pages of application systems: states of keys and of testing, and what each sandbox operation is. Read by `words`."""

from collections.abc import Mapping
from typing import Any

from exchange_api.portal.language import N_

KEY_STATE = {
    "active": N_("使用中"), "expired": N_("已过期"), "retired": N_("已停用"), "revoked": N_("已吊销"),
}  # fmt: skip
TESTING = {"none": N_("未开通测试"), "testing": N_("测试中"), "production": N_("已转正式")}
TRIAL = {
    "query": N_("查询"),
    "verify": N_("核验"),
    "dry_run": N_("试运行"),
    "refused": N_("会被拒绝的提问"),
}

APPLICATION_TABLES: Mapping[str, Mapping[Any, str]] = {"key_state": KEY_STATE, "testing": TESTING, "trial": TRIAL}
KEY_TONE = {"active": "green", "expired": "grey", "retired": "grey", "revoked": "red"}
TESTING_TONE = {"none": "grey", "testing": "amber", "production": "green"}
