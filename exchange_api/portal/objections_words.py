"""Why: the words of objections to values: states, steps, grounds of a refusal. Read by `words`."""

from collections.abc import Mapping
from typing import Any

from exchange_api.portal.language import N_

DOUBT_STATE = {
    "open": N_("待核实"), "correcting": N_("更正中"), "corrected": N_("已更正"), "refused": N_("维持原值"), "ruled": N_("已裁定"),
    "withdrawn": N_("已撤回"),
}  # fmt: skip
DOUBT_TONE = {
    "open": "amber",
    "correcting": "blue",
    "corrected": "green",
    "refused": "red",
    "ruled": "green",
    "withdrawn": "grey",
}
DOUBT_STEP = {
    "raise": N_("提出异议"), "promise": N_("承诺更正"), "correct": N_("更正"), "refuse": N_("维持原值"), "rule": N_("裁定"), "withdraw": N_("撤回"),
    "recompute": N_("重新计算期限"),
}  # fmt: skip
DOUBT_GROUND = {
    "value_confirmed": N_("经核实，原值无误"), "other_person": N_("所举证据属于他人"), "not_our_duty": N_("不属于本部门职责"),
    "no_evidence": N_("没有证据，无法核实"), "in_dispute": N_("正在诉讼或复议，尚无定论"),
}  # fmt: skip

OBJECTION_TABLES: Mapping[str, Mapping[Any, str]] = {
    "doubt_state": DOUBT_STATE, "doubt_tone": DOUBT_TONE, "doubt_step": DOUBT_STEP, "doubt_ground": DOUBT_GROUND,
}  # fmt: skip
