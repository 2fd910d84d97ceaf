"""Why: every way in ends alike: the cookie of the sign-in's present stage, and the page where that stage is asked for. Called by `signing_in`, `stages` and
`providers`.
"""

from fastapi.responses import Response

from exchange_api.accounts import sign_ins
from exchange_api.accounts.oidc import OidcSettings
from exchange_api.portal.rendering import leads_to
from exchange_api.portal.visit import SESSION_COOKIE, VISITOR_COOKIE, Visit, keep_cookie

STAGE = "/portal/sign-in/next"


def entered(visit: Visit, cookie: str, there: str, response: Response | None = None) -> Response:
    """Keep the cookie and lead on: to the next stage, or where the officer wanted to go; `response` answers instead of leading."""
    begun = sign_ins.begun(visit.session, cookie)
    answer = response or leads_to(STAGE if begun else there)
    keep_cookie(answer, visit, SESSION_COOKIE, cookie)
    if begun is None:
        answer.delete_cookie(VISITOR_COOKIE, path="/")
    return answer


def own_origin(visit: Visit) -> str:
    """Return scheme and host of this hub as the browser sees it."""
    url = visit.request.url
    return OidcSettings().oidc_address.rstrip("/") or f"{url.scheme}://{url.netloc}"
