"""Why: where clients fetch and give back their tokens: POST /v1/oauth/token (RFC 6749 §4.4 with RFC 7523 §2.2) and /v1/oauth/revocation (RFC 7009). Answers are
signed and recorded like every other; a refusal is a problem document that also names OAuth's `error`. Called by `answering`.
"""

import asyncio
import hashlib
from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import parse_qs

from sqlalchemy.orm import Session

from exchange_api.answer import Answer
from exchange_api.desk_api import tokens
from exchange_api.desk_api.assertions import Proven, prove
from exchange_api.desk_api.scopes import SCOPES
from exchange_api.hub import Hub
from schemas.database import transaction
from schemas.errors import Denied, HutongError, Invalid
from schemas.messages.desk_api import TokenSaid

TOKEN, REVOCATION = "/v1/oauth/token", "/v1/oauth/revocation"
PATHS = (TOKEN, REVOCATION)
JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_NAMES = {"grant_type", "client_id", "client_assertion_type", "client_assertion", "scope", "officer", "token", "token_type_hint"}  # fmt: skip
_ERRORS = {
    "client.assertion": "invalid_client", "client.assertion_used": "invalid_client", "client.grant_type": "unsupported_grant_type",
    "client.scope": "invalid_scope", "client.officer": "invalid_request",
}  # fmt: skip


async def respond(hub: Hub, answer: Answer) -> None:
    """Answer one of the two. Raises Invalid `route.method`, `request.…`, `client.…`; Denied `client.…`."""
    try:
        if answer.request.method != "POST":
            raise Invalid("route.method", method=answer.request.method, allowed="POST")
        answer.code, answer.facts = "client", {"by": "client"}
        answer.headers = {"pragma": "no-cache"}
        form = _form(answer)
        answer.facts["assertion"] = hashlib.sha256(form.get("client_assertion", "").encode()).hexdigest()
        work = _issue if answer.request.path == TOKEN else _revoke
        answer.document, facts = await asyncio.to_thread(work, form, audiences(hub))
        answer.facts |= facts
    except HutongError as refusal:
        answer.refuse(refusal)
        answer.document["error"] = _ERRORS.get(refusal.code, "invalid_request")
        answer.document["error_description"] = refusal.title("en")


def audiences(hub: Hub) -> frozenset[str]:
    """Return the addresses of the token endpoint: what `aud` may be."""
    own = hub.settings.api_url.partition("://")[0]
    return frozenset(f"{scheme}://{name}{TOKEN}" for scheme in {own, "https"} for name in hub.authorities)


def metadata(issuer: str) -> dict[str, Any]:
    """Return the discovery document (RFC 8414). issuer: the hub's address."""
    methods = {"auth_methods_supported": ["private_key_jwt"], "auth_signing_alg_values_supported": ["EdDSA", "ES256"]}
    return {
        "issuer": issuer, "token_endpoint": issuer + TOKEN, "revocation_endpoint": issuer + REVOCATION,
        "jwks_uri": f"{issuer}/.well-known/jwks.json", "scopes_supported": list(SCOPES), "response_types_supported": [],
        "grant_types_supported": ["client_credentials"], "service_documentation": f"{issuer}/openapi.json",
        **{f"token_endpoint_{name}": value for name, value in methods.items()},
        **{f"revocation_endpoint_{name}": value for name, value in methods.items()},
    }  # fmt: skip


def _form(answer: Answer) -> dict[str, str]:
    """Return the form; no member may stand twice (RFC 6749 §3.2), and none may stand in the address."""
    if not answer.request.headers.get("content-type", "").lower().startswith("application/x-www-form-urlencoded"):
        raise Invalid("client.form")
    try:
        given = parse_qs(answer.request.body.decode("ascii"), keep_blank_values=False, max_num_fields=20)
    except (UnicodeDecodeError, ValueError) as wrong:
        raise Invalid("client.form") from wrong
    if (
        answer.request.query
        or set(given) - _NAMES
        or any(len(values) > 1 or "\x00" in values[0] for values in given.values())
    ):
        raise Invalid("client.form")
    return {name: values[0] for name, values in given.items()}


def _issue(form: Mapping[str, str], addresses: Collection[str]) -> tuple[dict[str, Any], dict[str, str]]:
    if form.get("grant_type") != "client_credentials":
        raise Invalid("client.grant_type")
    with transaction("exchange") as session:
        proven = _proven(session, form, addresses)
        issued = tokens.issue(session, proven, form.get("scope", ""), form.get("officer"))
    said = TokenSaid(access_token=issued.token, expires_in=issued.seconds, scope=" ".join(issued.scopes))
    facts = {"client": proven.client.id, "client_key": proven.keyid, "scope": said.scope}
    return said.model_dump(), facts | ({"officer": form["officer"]} if "officer" in form else {})


def _revoke(form: Mapping[str, str], addresses: Collection[str]) -> tuple[dict[str, Any], dict[str, str]]:
    with transaction("exchange") as session:
        proven = _proven(session, form, addresses)
        tokens.end(session, form.get("token", ""), proven.client.id)
    return {}, {"client": proven.client.id, "client_key": proven.keyid}


def _proven(session: Session, form: Mapping[str, str], addresses: Collection[str]) -> Proven:
    if form.get("client_assertion_type") != JWT_BEARER:
        raise Denied("client.assertion", reason=f"client_assertion_type is not {JWT_BEARER}")
    proven = prove(session, form.get("client_assertion", ""), addresses)
    if form.get("client_id", proven.client.id) != proven.client.id:
        raise Denied("client.assertion", reason="client_id is not the assertion's")
    return proven
