"""Why: accounts have states and ways in; here are their words. Read through `words` alone."""

from exchange_api.portal.language import N_

ACCOUNT_STATE = {"active": N_("正常"), "disabled": N_("已停用"), "locked": N_("已锁定")}
SIGN_IN_WAY = {"password": N_("口令"), "oidc": N_("统一身份认证")}
