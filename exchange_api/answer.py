"""Why: one question's answer while it is being made: what will be said and what the evidence entry will know. Delivery fills it step by step, so that
a refusal at any step leaves evidence of everything known until then. Called by delivery and sealing.
"""

import json
import re
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from exchange_api.auth import Caller
from exchange_api.evidence.ledger import Kind, new_receipt_id
from exchange_api.pressure import Place
from exchange_api.problems import MEDIA_TYPE, problem
from exchange_api.recording import Use
from exchange_api.signing import Jwk, Request
from schemas.errors import HutongError, Terminal

NOT_RECORDED = "none"
"""X-Receipt of answers that have no entry: parts of the public log, which prove themselves, and refusals when there is too much to do."""
_ECHO = re.compile(r"[!-~]{1,128}")
_KEYID = re.compile(r'sig1=[^;]*(?:;[a-z]+=[^;]*)*?;keyid="([!#-\[\]-~]{1,200})"')
_RETRY_AFTER_S = {
    "server.busy": "1", "application.busy": "1", "evidence.unavailable": "2", "database.unreachable": "2", "key.none_active": "5",
}  # fmt: skip
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


@dataclass(slots=True)
class Answer:
    """What is being answered, to which question."""

    request: Request
    request_id: str
    receipt: str = field(default_factory=new_receipt_id)
    status: int = 200
    content_type: str = "application/json"
    document: dict[str, Any] = field(default_factory=dict)
    raw: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    kind: Kind = "answer"
    code: str | None = None
    application_id: str | None = None
    keyid: str | None = None
    nonce: str | None = None
    jwk: Jwk | None = None
    base: str | None = None
    grant_id: str | None = None
    purpose: dict[str, str] | None = None
    library: str | None = None
    subjects: Sequence[str] = ()
    directory_versions: Sequence[str] = ()
    batches: Sequence[str] = ()
    facts: dict[str, Any] = field(default_factory=dict)
    use: Use | None = None
    is_sandbox: bool = False
    place: Place | None = None
    """Its place among the questions under way, until it is answered."""
    at: Callable[[datetime], Awaitable[None]] | None = None
    """Answers once more as of a moment: for a question asked again, whose answer must be the one already given."""

    def know(self, caller: Caller) -> None:
        """Take over who asked: from here on the question counts as this application's."""
        claim = caller.verified.claim
        self.application_id, self.keyid, self.nonce = caller.application_id, claim.keyid, claim.nonce
        self.jwk = caller.verified.key.jwk
        self.base = None if claim.is_profile else caller.verified.base

    def refuse(self, error: HutongError) -> None:
        """Turn it into a refusal (4xx) or failure (5xx): no data remains in it."""
        self.status, self.code, self.raw = error.status, error.code, None
        self.kind = "refusal" if error.status < 500 else "error"
        self.content_type, self.document = MEDIA_TYPE, problem(error, self.receipt)
        if error.code == "route.method":
            self.headers = {"allow": error.facts["allowed"]}
        elif error.code in _RETRY_AFTER_S:
            self.headers = {"retry-after": _RETRY_AFTER_S[error.code]}
        elif error.code == "request.slow":
            self.headers = {"connection": "close"}

    def mark_sandbox(self) -> None:
        """Say in the answer, its headers and its evidence that it speaks of people who do not exist."""
        self.is_sandbox, self.facts["sandbox"] = True, True

    def say_unrecorded(self) -> None:
        """Name no receipt: there will be none."""
        self.receipt = self.document["receipt"] = NOT_RECORDED

    def take_over(self, status: int, headers: dict[str, str], body: bytes) -> None:
        """Take what an endpoint answered, as it is."""
        self.status, self.raw = status, body
        self.content_type = headers.pop("content-type", "application/octet-stream")
        headers.pop("content-length", None)
        self.headers = headers
        if status >= 400:
            self.refuse(Terminal("server.error"))

    def body(self) -> bytes:
        """Return the bytes to send; every JSON answer of ours names its receipt."""
        if self.raw is not None:
            return self.raw
        said = {**self.document, "receipt": self.receipt}
        if self.is_sandbox:
            said["sandbox"] = True
        try:
            return orjson.dumps(said)
        except TypeError:  # integers of more than 64 bits
            return _encode(said).encode()


def begin(request: Request) -> Answer:
    """Start the answer to a question: its request id is repeated when it can be, its key id is noted as claimed."""
    given = request.headers.get("x-request-id", "")
    claimed = _KEYID.match(request.headers.get("signature-input", ""))
    answer = Answer(request, given if _ECHO.fullmatch(given) else str(uuid.uuid4()))
    answer.keyid = claimed[1] if claimed else None
    return answer
