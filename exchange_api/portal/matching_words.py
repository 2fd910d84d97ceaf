"""Why: the matching speaks in keys: why something was found, why not, and what is there already. Their words. Read through `words` alone."""

from exchange_api.portal.language import N_

REASON = {
    "same_name": N_("名称相同"),
    "same_element": N_("与数据元“%(element)s”同名"),
    "synonym": N_("“%(synonym)s”即“%(name)s”"),
    "same_core": N_("去掉修饰语后与“%(name)s”相同"),
    "similar_name": N_("名称与“%(name)s”相近"),
    "sounds_like": N_("“%(written)s”与“%(name)s”读音相同"),
    "fits_purpose": N_("“%(resource)s”与用途相符"),
    "covers": N_("同一资源可满足 %(count)s 项中的 %(covered)s 项"),
    "lead_source": N_("%(department)s为该数据的牵头来源"),
    "agreed": N_("同样说法曾 %(times)s 次确认为此项"),
    "not_meant": N_("同样说法曾 %(times)s 次被答复不是此项"),
    "alike_in_meaning": N_("与“%(name)s”语义相近（%(percent)s%%）"),
    "quality": N_("数据质量：%(grade)s"),
    "freshness": N_("数据更新至 %(day)s"),
    "duty": N_("%(department)s承办“%(service_item)s”"),
}
MISSING = {
    "nothing_alike": N_("目录中没有相近的信息项"),
    "hardly_alike": N_("最接近的是《%(resource)s》“%(name)s”，但只有 %(percent)s%% 相近"),
    "other_kind": N_("最接近的是《%(resource)s》“%(name)s”，但不是同一类数据"),
    "other_purpose": N_("最接近的是《%(resource)s》“%(name)s”，但该资源与用途不符"),
}
REUSE = {
    "own_resource": N_("不必申请：本部门《%(resource)s》已有“%(item)s”"),
    "own_grant": N_("不必申请：授权 %(grant)s 已可使用（%(form)s，%(until)s 止，今日尚余 %(left)s 次）"),
    "own_grant_form": N_("授权 %(grant)s 已含此项，形式为%(form)s：申请调整形式即可"),
    "own_grant_purpose": N_("授权 %(grant)s 已含此项，用于“%(service_item)s”：申请扩展用途即可"),
    "own_grant_suspended": N_("授权 %(grant)s 已含此项但被暂停：先办理恢复"),
    "own_asked": N_("本部门已在需求 %(demand)s 中申请此项，尚待答复"),
    "library": N_("%(library)s已归集此项（%(resources)s，最近 %(day)s），无须数源部门另行提供"),
    "granted_before": N_("%(department)s曾 %(times)s 次授权此项（%(form)s），通常 %(days)s 天内办成"),
}
