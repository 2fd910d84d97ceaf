"""Why: one signed question over HTTP and one verified answer back, with safe repetition. `Hub` calls it; nothing here knows libraries or grants.

Repeating is safe because request id and body stay and the hub answers the same question once; nonce and signature are new each time. Repeated are
lost connections, 5xx, and 429 that says when to come back; never another 4xx, and never an answer that does not verify. Logged are request ids and codes.
"""

import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import local
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import requests

from exchange_api.client.trust import Trust
from exchange_api.signing import Request, Response, Signer, sign_request, verify_response
from schemas.errors import HutongError, Terminal, Transient

log = logging.getLogger("hutong.client")
_DEFAULT_PORT = {"http": ":80", "https": ":443"}
_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class Limits:
    """How long and how often: seconds to connect and between two bytes, seconds for one question with all its repetitions, attempts, the first pause in
    seconds (doubled each time), bytes of one answer.
    """

    timeout_s: float = 10.0
    patience_s: float = 60.0
    attempts: int = 4
    pause_s: float = 0.2
    answer_bytes: int = 64 << 20


@dataclass(frozen=True, slots=True)
class Answer:
    """A verified answer with the question it belongs to. `document` is its JSON; a refusal's is its problem document, a file's is None."""

    request: Request = field(repr=False)
    response: Response = field(repr=False)
    document: Any = field(repr=False)

    @property
    def ok(self) -> bool:
        """Say whether the question was answered rather than refused."""
        return self.response.status < 400

    @property
    def receipt_id(self) -> str | None:
        """Return the id of the evidence entry; None for parts of the public log, which prove themselves."""
        named = self.response.headers["x-receipt"]
        return None if named == "none" else named


@dataclass(frozen=True, slots=True)
class _Outcome:
    """How one attempt went: an answer or what was wrong; whether to try again, and after how many seconds at least."""

    answer: Answer | None = None
    wrong: HutongError | None = None
    is_passing: bool = False
    wait_s: float = 0.0


class Wire:
    """A connection to one hub under one caller key; may be shared by threads, each has a connection of its own."""

    def __init__(self, base_url: str, signer: Signer, keys: Mapping[str, Any] | None, limits: Limits) -> None:
        parts = urlsplit(base_url)
        self.base_url, self.signer, self.limits = base_url.rstrip("/"), signer, limits
        self.authority = parts.netloc.lower().removesuffix(_DEFAULT_PORT.get(parts.scheme, ""))
        self.trust = Trust(base_url, keys, self._fetch_keys)
        self._own = local()

    def ask(
        self,
        method: str,
        path: str,
        document: Any = None,
        request_id: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Ask until the hub answers, a refusal included. `request_id`: of a question that was asked before, to ask it again; `headers`: unsigned ones
        besides, such as a range.

        Raises Transient client.unreachable when limits are reached, Terminal client.unverified.
        """
        body = b"" if document is None else json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
        place, _, query = path.partition("?")
        named = {"x-request-id": request_id or str(uuid4()), "content-type": "application/json"}
        bare = Request(method, self.authority, place, query, {**(headers or {}), **named}, body)
        until, outcome, attempt = time.monotonic() + self.limits.patience_s, _Outcome(), 0
        for attempt in range(1, self.limits.attempts + 1):
            outcome = self._attempt(bare, until)
            pause = max(outcome.wait_s, self.limits.pause_s * 2 ** (attempt - 1))
            if not outcome.is_passing or attempt == self.limits.attempts or time.monotonic() + pause > until:
                break
            time.sleep(pause)
        if outcome.answer is not None:
            return outcome.answer
        raise outcome.wrong or Transient("client.unreachable", address=self.base_url, attempts=attempt)

    def _attempt(self, bare: Request, until: float) -> _Outcome:
        request_id = bare.headers["x-request-id"]
        try:
            self.trust.prepare()
            request = self._sign(bare)
            response = self._send(request, until)
        except requests.RequestException as lost:  # its words name addresses: only its kind is logged
            log.warning("question %s: no answer (%s)", request_id, type(lost).__name__)
            return _Outcome(is_passing=True)
        is_passing, wait_s = _passing(response)
        try:
            answer = self._believe(request, response)
        except Terminal as wrong:
            log.warning("question %s: status %s, not verified", request_id, response.status)
            # what stands before the hub does not sign its own 502
            return _Outcome(wrong=wrong, is_passing=is_passing, wait_s=wait_s)
        except requests.RequestException:
            return _Outcome(is_passing=True)
        return _Outcome(answer, is_passing=is_passing, wait_s=wait_s)

    def _sign(self, bare: Request) -> Request:
        headers = {**bare.headers, **sign_request(bare, self.signer, int(time.time()))}
        return Request(bare.method, bare.authority, bare.path, bare.query, headers, bare.body)

    def _send(self, request: Request, until: float) -> Response:
        url = self.base_url + request.path + (f"?{request.query}" if request.query else "")
        sent = {**request.headers, "host": request.authority, "accept-encoding": "identity"}
        options: dict[str, Any] = {"timeout": self.limits.timeout_s, "allow_redirects": False, "stream": True}
        with self._session().request(request.method, url, data=request.body, headers=sent, **options) as reply:
            body = bytearray()
            for chunk in reply.iter_content(_CHUNK):
                body += chunk
                if len(body) > self.limits.answer_bytes:
                    raise Terminal("client.unverified", reason=f"more than {self.limits.answer_bytes} bytes")
                if time.monotonic() > until:
                    raise requests.Timeout
            headers = {name.lower(): value for name, value in reply.headers.items()}
            return Response(reply.status_code, headers, bytes(body))

    def _believe(self, request: Request, response: Response) -> Answer:
        """Verify an answer and read it. Raises Terminal client.unverified."""
        try:
            found = verify_response(response, request, self.trust.find)
            if response.headers["x-request-id"] != request.headers["x-request-id"]:
                raise ValueError("the answer names another question")
            self.trust.check(found.keyid, found.created)
            kind = response.headers["content-type"].partition(";")[0].strip().lower()
            is_json = kind == "application/json" or kind.endswith("+json")
            return Answer(request, response, json.loads(response.body) if is_json and response.body else None)
        except Terminal:
            raise
        except (HutongError, ValueError) as wrong:
            raise Terminal("client.unverified", reason=str(wrong)) from wrong

    def _fetch_keys(self) -> Mapping[str, Any]:
        found = self._session().get(f"{self.base_url}/.well-known/jwks.json", timeout=self.limits.timeout_s)
        found.raise_for_status()
        keys: Any = found.json()
        if not isinstance(keys, dict) or not isinstance(keys.get("keys"), list):
            raise Terminal("client.unverified", reason="the hub's key set is not in form")
        return keys

    def _session(self) -> requests.Session:
        found: requests.Session | None = getattr(self._own, "session", None)
        if found is None:
            found = self._own.session = requests.Session()
        return found


def _passing(response: Response) -> tuple[bool, float]:
    """Say whether an answer is of passing nature, and after how many seconds it wants to be asked again."""
    given = response.headers.get("retry-after", "")
    wait_s = float(given) if given.isascii() and given.isdigit() else 0.0
    return response.status >= 500 or (response.status == 429 and bool(given)), wait_s
