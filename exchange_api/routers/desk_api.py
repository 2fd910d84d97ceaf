"""Why: the API reference must show the officers' machine interface, which the answering layer takes itself: made from the same table that answers, so that
no step can be missing. Beside it the discovery document for OAuth2 clients (RFC 8414). `app` reads the routes; nobody calls the described ones.
"""

import inspect
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Header, Path, Query, Security
from fastapi.security import APIKeyCookie, OAuth2
from pydantic import BaseModel

from exchange_api.deps import HubDep
from exchange_api.desk_api import token_desk
from exchange_api.desk_api.asked import NUMBERS, Route
from exchange_api.desk_api.routes import ROUTES
from exchange_api.desk_api.scopes import SCOPES
from schemas.messages.desk_api import TokenSaid
from schemas.messages.exchange import Problem

EXAMPLES = {"demand": "XQ-2026-000001", "task": "GJ-2026-000001", "grant": "SQ-2026-000001"}
REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": words}
    for status, words in {
        400: "The question cannot be read. 请求无法解析",
        401: "No sign-in and no token that holds. 未登录或令牌无效",
        403: "Role, scope, another department's case, or whoever filed would approve. 角色、范围、他部门事项或职责分离",
        404: "Unknown, to auditor and authority. 不存在（审计与主管部门）",
        409: "The case's state does not allow it, or the request id was another question's. 状态不允许或请求编号冲突",
        422: "Not in form, or something is missing. 不符合规范或缺项",
        503: "No evidence can be written, so nothing is answered. 存证不可用",
    }.items()
}
COOKIE = APIKeyCookie(name="hutong_session", description="Sign-in of the portal; steps also need X-CSRF-Token. 门户登录", auto_error=False)  # fmt: skip
CLIENT = OAuth2(
    flows={"clientCredentials": {"tokenUrl": token_desk.TOKEN, "scopes": {name: ", ".join(sorted(SCOPES[name])) for name in SCOPES}}},
    description="private_key_jwt (RFC 7523). 经办客户端", auto_error=False,
)  # fmt: skip
StepId = Annotated[
    str | None,
    Header(alias="X-Request-Id", description="The same id and body: done once, answered alike for two days. 请求编号"),
]
FormToken = Annotated[str | None, Header(alias="X-CSRF-Token", description="With a sign-in. 表单令牌")]
_LIST: tuple[tuple[str, Any, Any, str], ...] = (
    ("after", str, "", "`next` of the page before. 续页"),
    ("limit", int, 50, "1 to 200. 每页条数"),
    ("state", str | None, None, "Only this state. 状态"),
)
described, router = APIRouter(responses=REFUSALS), APIRouter()


def step(request_id: StepId = None, form_token: FormToken = None) -> None:
    """Describe the headers of every step."""


@router.get("/.well-known/oauth-authorization-server", tags=["oauth"])
def discovery(hub: HubDep) -> dict[str, Any]:
    """Say how a department's office system gets a token (RFC 8414). 授权服务发现文档"""
    return token_desk.metadata(hub.settings.api_url.rstrip("/"))


class TokenForm(BaseModel):
    """A token request (RFC 6749 §4.4, RFC 7523 §2.2)."""

    grant_type: Annotated[str, Query(pattern="^client_credentials$")]
    client_assertion_type: Annotated[str, Query(examples=[token_desk.JWT_BEARER])]
    client_assertion: str
    scope: str = ""
    officer: str | None = None


@described.post(token_desk.TOKEN, response_model=TokenSaid, tags=["oauth"], summary="Fetch a token 获取令牌")
def token(form: Annotated[TokenForm, Form()]) -> None:
    """Trade a signed assertion for a token of some minutes; `officer`: act in the place of this officer of the client's department."""


@described.post(token_desk.REVOCATION, tags=["oauth"], summary="Give a token back 交回令牌")
def revocation(
    client_assertion_type: Annotated[str, Form()], client_assertion: Annotated[str, Form()], token: Annotated[str, Form()]
) -> None:  # fmt: skip
    """Take one's own token out of use (RFC 7009)."""


def _add(route: Route) -> None:
    """Describe one line of the table."""

    def endpoint(**_: Any) -> None: ...

    endpoint.__doc__ = f"{route.words}\n\nRoles 角色: {', '.join(sorted(route.roles))}; scope 范围: {route.scope}."
    endpoint.__signature__ = inspect.Signature(_parameters(route))  # type: ignore[attr-defined]
    described.add_api_route(
        route.path, endpoint, methods=[route.method], response_model=route.said, summary=route.words,
        name=route.work.__name__, tags=[route.path.split("/")[2]],
        dependencies=[Depends(COOKIE), Security(CLIENT, scopes=[route.scope]), *([] if route.method == "GET" else [Depends(step)])],
    )  # fmt: skip


def _parameters(route: Route) -> list[inspect.Parameter]:
    kind = inspect.Parameter.KEYWORD_ONLY
    given: dict[str, Any] = {
        name: Annotated[str, Path(pattern=f"^{NUMBERS[name]}$", examples=[EXAMPLES.get(name, "17")])] for name in route.names
    }  # fmt: skip
    parameters = [inspect.Parameter(name, kind, annotation=one) for name, one in given.items()]
    if route.form is not None:
        parameters.append(inspect.Parameter("said", kind, annotation=route.form))
    if route.is_list:
        parameters += [
            inspect.Parameter(name, kind, default=default, annotation=Annotated[of, Query(description=text)])
            for name, of, default, text in _LIST
        ]
    return parameters


for _route in ROUTES:
    _add(_route)
