"""Why: the chain in words. What each kind of link and each state is called, Chinese first. Called by `hutong trace`."""

KINDS = {
    "service_item": "政务服务事项 service item",
    "application": "应用系统 application",
    "demand": "需求 demand",
    "match": "对接 match",
    "supply_task": "供给任务 supply task",
    "dispute": "争议 dispute",
    "grant": "授权 grant",
    "resource": "信息资源 resource",
    "version": "目录版本 directory version",
    "batch": "批次 batch",
    "quality": "质检结果 quality",
    "ruling": "裁定 ruling",
    "records": "记录版本 record versions",
    "answer": "应答 answer",
    "receipt": "回执 receipt",
    "objection": "异议 objection",
    "recall": "召回 recall",
}
STATES = {
    "active": "有效", "adjudicating": "裁决中", "answered": "已答复", "as_known": "按当时所知", "accepted": "已验收", "cancelled": "已取消",
    "checked": "已检验", "closed": "已办结", "corrected": "已更正", "correcting": "更正中", "draft": "草稿", "dispatched": "已分办",
    "dry_run": "试运行", "escalated": "已上报", "expired": "已到期", "finally_upheld": "终局维持", "in_force": "生效", "in_log": "已入存证日志",
    "in_use": "在用", "landed": "已落地", "merged": "已入库", "needs_information": "待补充", "negotiating": "协商中", "offered": "有替代方案",
    "open": "办理中", "planned": "已计划", "provided": "已提供", "public": "公开", "published": "已发布", "refused": "已拒绝", "rejected": "已退回",
    "repeated": "重复请求", "retracted": "已撤回", "returned": "已退回", "revoked": "已撤销", "ruled": "已裁定", "scheduled": "待生效",
    "sent_back": "已发回", "settled": "已和解", "submitted": "已提交", "superseded": "已被替代", "suspended": "已暂停", "unchecked": "未检验",
    "upheld": "维持", "waiting": "待入存证日志", "withdrawn": "已撤回",
}  # fmt: skip


def kind_of(kind: str) -> str:
    """Return what a kind of link is called."""
    return KINDS.get(kind, kind)


def state_of(state: str) -> str:
    """Return what a state is called; codes of refusals and ranks stay as they are."""
    return f"{STATES[state]} {state}" if state in STATES else state
