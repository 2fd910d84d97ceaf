"""Why: forty keys of notices are too many to sort by. Their kind is the case they speak of, their severity what the reader has to do. Called by
`wording`, the channels, commands and pages.
"""

from fnmatch import fnmatchcase

from schemas.errors import Language

KINDS: dict[str, dict[Language, str]] = {
    "demand": {"zh": "需求", "en": "Demands"},
    "task": {"zh": "供给任务", "en": "Supply tasks"},
    "answer": {"zh": "逐项答复", "en": "Answers"},
    "offer": {"zh": "替代方案", "en": "Counter-offers"},
    "information": {"zh": "补充说明", "en": "Information requests"},
    "grant": {"zh": "授权", "en": "Grants"},
    "quota": {"zh": "用量", "en": "Quotas"},
    "clock": {"zh": "期限", "en": "Deadlines"},
    "deadline": {"zh": "期限", "en": "Deadlines"},
    "calendar": {"zh": "工作日历", "en": "Calendar"},
    "synonyms": {"zh": "同义词", "en": "Synonyms"},
    "dispute": {"zh": "争议", "en": "Disputes"},
    "recall": {"zh": "召回", "en": "Recalls"},
    "objection": {"zh": "异议", "en": "Objections"},
    "version": {"zh": "信息资源目录", "en": "Directory"},
    "reform": {"zh": "机构改革", "en": "Reforms of departments"},
    "quarantine": {"zh": "不合格数据", "en": "Held rows"},
    "conflict": {"zh": "来源不一致", "en": "Contradicting sources"},
    "credit": {"zh": "社会信用", "en": "Credit"},
    "certificate": {"zh": "电子证照", "en": "Certificates"},
    "application": {"zh": "应用系统", "en": "Applications"},
    "legacy": {"zh": "旧接口", "en": "Legacy door"},
    "delegation": {"zh": "代理", "en": "Standing in"},
    "supervision": {"zh": "监察考核", "en": "Supervision"},
    "notices": {"zh": "通知方式", "en": "Ways of notices"},
}
OTHER: dict[Language, str] = {"zh": "其他", "en": "Other"}
SEVERITY: tuple[tuple[str, str], ...] = (
    ("*overdue*", "urgent"), ("*_red", "urgent"), ("*escalated*", "urgent"), ("*.failed", "urgent"), ("*.way_paused", "urgent"),
    ("*suspend*", "urgent"), ("*revoked", "urgent"), ("*base_lost", "urgent"), ("recall.notified", "urgent"),
    ("*.supervised", "urgent"), ("*_asked", "action"), ("*.proposed", "action"), ("*_due", "action"), ("*.missing", "action"),
    ("*.joined", "action"), ("*.negotiating", "action"), ("*.adjudicating", "action"),
    ("*.opened", "action"), ("*_opened", "action"), ("*_review", "action"), ("*due_soon", "action"), ("*_yellow", "action"),
    ("*_green", "action"), ("*.asked", "action"), ("*.raised", "action"), ("*_raised", "action"), ("demand.submitted", "action"), ("demand.returned", "action"),
    ("demand.needs_information", "action"), ("demand.offered", "action"), ("demand.provided", "action"), ("version.returned", "action"),
    ("version.affected", "action"), ("version.drifted", "action"), ("certificate.*", "action"),
)  # fmt: skip
"""First pattern that fits: urgent (something is late or has stopped), action (somebody's turn); all else is info."""


def kind_of(key: str) -> str:
    """Return the kind of a notice: what stands before the dot of its key."""
    return key.partition(".")[0]


def kind_word(key: str, language: Language) -> str:
    """Return the kind of a notice in words."""
    return KINDS.get(kind_of(key), OTHER)[language]


def rank_of(key: str) -> int:
    """Return the place of a notice's kind in a digest; kinds nobody named come last."""
    kind = kind_of(key)
    return list(KINDS).index(kind) if kind in KINDS else len(KINDS)


def severity_of(key: str) -> str:
    """Return urgent, action or info."""
    return next((severity for pattern, severity in SEVERITY if fnmatchcase(key, pattern)), "info")
