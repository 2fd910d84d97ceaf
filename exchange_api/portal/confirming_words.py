"""Why: which steps ask before they are taken, and what no row of the house says of them: what cannot be taken back, what stops, what starts. Whom a step tells
and which clocks it moves is not written here: it is seen (`consequences`). Read by `confirming` and the tests that hold every form to it.

Keys are forms by route, as the trail names them (`deed_words`).
"""

from dataclasses import dataclass

from exchange_api.portal.language import N_


@dataclass(frozen=True)
class Sure:
    """How a step asks: `danger` where something ends, and sentences besides what is seen."""

    kind: str = "primary"
    says: tuple[str, ...] = ()


_FINAL = N_("不能恢复。")
_STOPS = N_("应用系统随即不能再提问，不能恢复；再要使用须重新登记需求。")
_ONCE = N_("提交后不能更改。")

SURE = {
    "POST /demands/{demand_id}/submit": Sure(says=(N_("主管部门开始审核；提交后内容不能再改，可以撤回。"),)),
    "POST /demands/{demand_id}/dispatch": Sure(says=(N_("匹配最好的各部门收到供给任务；无条件共享且已归集的当即确认。"),)),
    "POST /demands/{demand_id}/accept": Sure(says=(N_("对接单办结；已生成的授权照常有效。"),)),
    "POST /demands/{demand_id}/return": Sure("danger", (N_("需求部门收到您写明的理由，补正后可重新提交。"),)),
    "POST /demands/{demand_id}/withdraw": Sure("danger", (_FINAL, N_("未办结的供给任务、补充说明和替代方案随之取消。"))),
    "POST /demands/{demand_id}/discard": Sure("danger", (N_("草稿和附件一并删除，不能恢复。"),)),
    "POST /demands/{demand_id}/object": Sure("danger", (N_("只就所选信息项重新办理，其余不变。"),)),
    "POST /demands/{demand_id}/dispute": Sure(says=(N_("先由双方协商，协商不成可提请主管部门裁定。"),)),
    "POST /tasks/{task_id}": Sure(says=(_ONCE,)),
    "POST /supply-workbook": Sure(says=(_ONCE, N_("全部部门答复完毕即生成授权。"))),
    "POST /tasks/{task_id}/ask/{demand_id}": Sure(says=(N_("对方说明之前，本部门的答复计时暂停。"),)),
    "POST /questions/{request_id}/tell": Sure(says=(_ONCE,)),
    "POST /questions/{request_id}/drop": Sure(says=(N_("不再等待说明，答复计时继续。"),)),
    "POST /answers/{answer_id}/take": Sure(says=(N_("按替代方案提供，不再按原要求答复。"),)),
    "POST /answers/{answer_id}/decline": Sure("danger", (N_("该信息项按不予提供办理，可对此提出争议。"),)),
    "POST /answers/{answer_id}/fulfil": Sure(says=(_ONCE,)),
    "POST /answers/{answer_id}/give-up": Sure("danger", (N_("该信息项按不予提供办理，需求部门可提出争议。"),)),
    "POST /disputes/{dispute_id}/settle": Sure(says=(N_("争议结束，相关信息项重新答复。"),)),
    "POST /disputes/{dispute_id}/refer": Sure(says=(N_("不再协商，由主管部门裁定。"),)),
    "POST /disputes/{dispute_id}/decide": Sure(says=(N_("裁定作出后不能更改。"),)),
    "POST /disputes/{dispute_id}/escalate": Sure(says=(N_("由共同上级作终局裁定。"),)),
    "POST /disputes/{dispute_id}/withdraw": Sure("danger", (N_("原不予提供的答复照旧。"),)),
    "POST /clocks/{clock_id}/extend": Sure(says=(N_("只能申请一次；同意前期限不变。"),)),
    "POST /extensions/{extension_id}/consent": Sure(),
    "POST /extensions/{extension_id}/decline": Sure("danger", (N_("期限不变，不能再次申请。"),)),
    "POST /grants/{grant_id}/suspend": Sure("danger", (N_("应用系统随即不能再提问，直到暂停的一方解除；有效期照常计算。"),)),
    "POST /grants/{grant_id}/resume": Sure(says=(N_("只解除本方的暂停；他方仍暂停的，仍不能提问。"),)),
    "POST /grants/{grant_id}/revoke": Sure("danger", (_STOPS,)),
    "POST /grants/{grant_id}/close": Sure("danger", (_STOPS,)),
    "POST /grants/{grant_id}/recertify": Sure(says=(N_("确认授权仍有必要，继续有效。"),)),
    "POST /grants/{grant_id}/renew": Sure(),
    "POST /grants/{grant_id}/prolong": Sure(says=(_ONCE,)),
    "POST /grants/{grant_id}/quota": Sure(),
    "POST /quota/{request_id}/approve": Sure(says=(N_("新额度自申请的日期起可用。"),)),
    "POST /quota/{request_id}/decline": Sure("danger", (N_("额度不变。"),)),
    "POST /objections/new": Sure(
        says=(N_("数源部门须在期限内核实：更正，或写明理由维持原值。"), N_("同一回执的同一个值已有未办结的异议时，不另立一件。"))
    ),
    "POST /objections/{objection_id}/promise": Sure(says=(N_("期限照常计算；更正的批次并入后自动办结。"),)),
    "POST /objections/{objection_id}/correct": Sure(says=(N_("异议办结；收到过旧值的应用系统会收到召回通知。"),)),
    "POST /objections/{objection_id}/refuse": Sure("danger", (N_("异议办结，库中的值不变，不能再改答复。"),)),
    "POST /objections/{objection_id}/withdraw": Sure("danger", (_FINAL,)),
    "POST /reviews/{resource_id}/submit": Sure(says=(N_("审核期间不能修改，退回后可再改。"),)),
    "POST /reviews/{resource_id}/approve": Sure(says=(N_("同意后进入下一步；主管部门同意即发布，影响他方的先待生效。"),)),
    "POST /reviews/{resource_id}/return": Sure("danger", (N_("退回起草部门，改后须重新提交审核。"),)),
    "POST /reviews/{resource_id}/publish": Sure(says=(N_("发布后不能修改，只能起草新版本。"),)),
    "POST /reviews/{resource_id}/withdraw": Sure(
        "danger", (N_("已发布的不再汇聚，也不再被搜索、匹配和授权；草稿不再继续，已发布的版本不受影响。"),)
    ),
    "POST /element-proposals/{proposal_id}/accept": Sure(says=(N_("此后新起草的目录沿用该数据元。"),)),
    "POST /element-proposals/{proposal_id}/reject": Sure("danger", (N_("同样的建议不再提出。"),)),
    "POST /supervision/clocks/{clock_id}": Sure(
        "danger", (N_("督办意见记入对接单的办理经过，双方可见，不能撤销。"), N_("该期限亮督办灯，直至办结；办结后仍计为逾期。"))
    ),
    "POST /supervision/objections/new": Sure(says=(_ONCE,)),
    "POST /supervision/objections/{objection_id}/uphold": Sure(says=(N_("考核得分随即更正，旧得分留存。"),)),
    "POST /supervision/objections/{objection_id}/reject": Sure("danger", (N_("考核得分不变，不能再次提出。"),)),
    "POST /supervision/objections/{objection_id}/withdraw": Sure("danger", (_FINAL,)),
    "POST /applications/{application_id}/testing/open": Sure(
        says=(N_("应用系统只能用测试授权提问，答复全部是虚构数据；正式授权一律拒绝。"), N_("测试通过后在此转入正式环境。"))
    ),
    "POST /applications/{application_id}/testing/promote": Sure(
        "danger", (N_("测试授权和试用密钥立即失效，不能恢复；之后可以使用正式授权。"), N_("不能再回到测试；要再测试须另行登记一个应用系统。"))
    ),
    "POST /applications/{application_id}/keys/{keyid}/retire": Sure(
        "danger", (N_("用它签名的提问立即被拒绝，不能恢复；同一公钥不能再登记。"), N_("它以前签过的提问和回执仍然有效，仍可验真。"))
    ),
    "POST /applications/{application_id}/keys/{keyid}/revoke": Sure(
        "danger", (N_("用它签名的提问立即被拒绝，不能恢复；同一公钥不能再登记。"), N_("它以前签过的提问和回执仍然有效，仍可验真。"))
    ),
}  # fmt: skip
