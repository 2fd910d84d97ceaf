"""Why: what of a receipt was checked is said in words: the name of each check and what it means. Read through `words` alone."""

from exchange_api.portal.language import N_

CHECK = {
    "format": (N_("文件格式"), N_("文件符合回执格式，书写唯一")),
    "request_digest": (N_("提问摘要"), N_("提问正文与其摘要一致")),
    "request_signature": (N_("提问签名"), N_("提问由登记的应用系统签名")),
    "response_digest": (N_("答复摘要"), N_("答复正文与其摘要一致")),
    "response_signature": (N_("答复签名"), N_("答复由平台在密钥有效期内签名")),
    "binding": (N_("问答绑定"), N_("答复对应的正是这次提问")),
    "entry": (N_("存证条目"), N_("存证条目记载的正是这次问答")),
    "inclusion": (N_("存证在册"), N_("条目确在存证日志之中")),
    "checkpoint_signature": (N_("日志签名"), N_("存证日志的检查点由平台签名")),
    "witnesses": (N_("见证"), N_("检查点由足够的见证方联署")),
    "time_stamp": (N_("时间戳"), N_("检查点由时间戳机构盖章")),
}
