"""Why: one signed question over HTTP and one verified answer back, with safe repetition. `HutongClient` calls it; nothing here knows libraries or grants.

Repeating is safe because the request id stays and the hub answers the same question once; the nonce and the signature are new each time.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import requests

from exchange_api.signing import (
    PublicKey,
    Request,
    Response,
    Signer,
    public_key_from_jwk,
    sign_request,
    verify_response,
)
from schemas.errors import HutongError, Terminal, Transient

_DEFAULT_PORT = {"http": ":80", "https": ":443"}
_AGAIN = (429, 502, 503, 504)


@dataclass(frozen=True, slots=True)
class Answer:
    """A verified answer with the question it belongs to. `document` is its JSON; a refusal's is its problem document."""

    request: Request
    response: Response
    document: Any

    @property
    def ok(self) -> bool:
        """Say whether the question was answered rather than refused."""
        return self.response.status < 400

    @property
    def receipt_id(self) -> str | None:
        """Return the id of the evidence entry; None for parts of the public log, which prove themselves."""
        named = self.response.headers["x-receipt"]
        return None if named == "none" else named


@dataclass(slots=True)
class Wire:
    """A connection to one hub under one caller key; `hub_keys` are trusted, or the hub's own word is taken and kept."""

    base_url: str
    signer: Signer
    hub_keys: Mapping[str, Any] | None = None
    timeout_s: float = 10.0
    attempts: int = 4
    pause_s: float = 0.2
    _session: requests.Session = field(default_factory=requests.Session)
    _fetched: Mapping[str, Any] | None = None

    def ask(self, method: str, path: str, document: Any = None) -> Answer:
        """Ask until the hub answers; raises Transient client.unreachable, Terminal client.unverified."""
        body = b"" if document is None else json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
        request_id, unverified = str(uuid4()), None
        place, _, query = path.partition("?")
        for attempt in range(self.attempts):
            if attempt:
                time.sleep(self.pause_s * 2 ** (attempt - 1))
            try:
                answer = self._ask_once(
                    Request(method, self._authority(), place, query, {"x-request-id": request_id}, body)
                )
            except requests.RequestException:
                continue
            except Terminal as wrong:
                unverified = wrong
                continue
            if answer.response.status not in _AGAIN:
                return answer
            if attempt == self.attempts - 1:
                return answer
        raise unverified or Transient("client.unreachable", address=self.base_url, attempts=self.attempts)

    def keys(self) -> Mapping[str, Any]:
        """Return the hub's key set: the one handed over, else the hub's own word for it."""
        return self.hub_keys if self.hub_keys is not None else self._fetch_keys()

    def _fetch_keys(self) -> Mapping[str, Any]:
        if self._fetched is None:
            found = self._session.get(f"{self.base_url.rstrip('/')}/.well-known/jwks.json", timeout=self.timeout_s)
            found.raise_for_status()
            self._fetched = found.json()
        return self._fetched or {}

    def _ask_once(self, bare: Request) -> Answer:
        headers = {**bare.headers, "content-type": "application/json"}
        unsigned = Request(bare.method, bare.authority, bare.path, bare.query, headers, bare.body)
        headers = {**headers, **sign_request(unsigned, self.signer, int(time.time()))}
        request = Request(bare.method, bare.authority, bare.path, bare.query, headers, bare.body)
        sent = {**headers, "host": bare.authority, "accept-encoding": "identity"}
        reply = self._session.request(
            bare.method,
            self.base_url.rstrip("/") + bare.path + (f"?{bare.query}" if bare.query else ""),
            data=bare.body,
            headers=sent,
            timeout=self.timeout_s,
            allow_redirects=False,
        )
        response = Response(
            reply.status_code, {name.lower(): value for name, value in reply.headers.items()}, reply.content
        )
        try:
            verify_response(response, request, self._find_key)
            return Answer(request, response, json.loads(reply.content) if reply.content else None)
        except (HutongError, ValueError) as wrong:
            raise Terminal("client.unverified", reason=str(wrong)) from wrong

    def _find_key(self, keyid: str) -> PublicKey | None:
        for attempt in ("known", "fetched anew"):
            for jwk in self.keys().get("keys", []):
                if jwk.get("kid") == keyid:
                    return public_key_from_jwk(jwk, keyid)
            if attempt == "known" and self.hub_keys is None:
                self._fetched = None  # the hub may have rolled its key since
        return None

    def _authority(self) -> str:
        parts = urlsplit(self.base_url)
        return parts.netloc.lower().removesuffix(_DEFAULT_PORT.get(parts.scheme, ""))
