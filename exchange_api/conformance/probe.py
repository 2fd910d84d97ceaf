"""Why: the kit must see what stands on the wire, not what a client library makes of it: questions go out byte for byte as a check wants them, and every
answer is kept, because the rules on answers hold for all of them, refusals most of all. Called by the checks of this room and by `kit`.
"""

import contextlib
import http.client
import json
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from exchange_api.signing import PublicKey, Request, Response, Signer, SoftwareSigner, public_key_from_jwk, sign_request
from schemas.errors import HutongError, Transient

_DEFAULT_PORT = {"http": ":80", "https": ":443"}


class Failed(Exception):
    """A rule does not hold; the words name the fact."""


class Unchecked(Exception):
    """A rule that could not be looked at here; the words say why."""


@dataclass(frozen=True)
class Given:
    """What the kit may use: a deployment's address and, to ask like an application, key, grant, purpose and subjects of one."""

    url: str
    signer: Signer | None = None
    grant: str | None = None
    library: str = "population"
    purpose: Mapping[str, str] = field(default_factory=dict)
    subjects: tuple[str, ...] = ()
    jwks: Mapping[str, Any] | None = None
    patience_s: float = 10.0
    """How long the log may take until it has taken an answer in."""


@dataclass(frozen=True)
class Seen:
    """A question and its answer as they stood on the wire."""

    request: Request
    response: Response

    @property
    def document(self) -> Any:
        """Return the answer's JSON, None when it is none."""
        with contextlib.suppress(ValueError):
            return json.loads(self.response.body)
        return None

    @property
    def code(self) -> str | None:
        """Return the code of a refusal."""
        document = self.document
        return document.get("code") if isinstance(document, dict) and self.response.status >= 400 else None

    def __str__(self) -> str:
        path = self.request.path if len(self.request.path) <= 80 else f"{self.request.path[:77]}…"
        return f"{self.request.method} {path} → {self.response.status} {self.code or ''}".rstrip()


class Probe:
    """Asks one deployment and keeps every exchange."""

    def __init__(self, given: Given) -> None:
        self.given, self.seen = given, list[Seen]()
        parts = urlsplit(given.url)
        self.authority = parts.netloc.lower().removesuffix(_DEFAULT_PORT.get(parts.scheme, ""))
        self._kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._place = parts.hostname or "", parts.port
        self.stranger = SoftwareSigner.generate()
        self.first_keys = self.fetch_keys()

    @property
    def path(self) -> str:
        """Return where records are asked for."""
        return "/v1/certificates/query" if self.given.library == "certificate" else self._library("query")

    def _library(self, what: str) -> str:
        return f"/v1/libraries/{self.given.library}/{what}"

    def body(self, **changes: Any) -> dict[str, Any]:
        """Return the body of a question under the given grant, or under one that cannot be."""
        purpose = dict(self.given.purpose) or {"service_item": "conformance"}
        plain = {
            "grant": self.given.grant or "SQ-0000-000000",
            "purpose": purpose,
            "subjects": list(self.given.subjects[:1]) or ["-"],
        }
        return plain | changes

    def question(self, document: Any = None, **changes: Any) -> Request:
        """Return a signed question; `changes` are its parts: method, path, query, headers, body, authority, signer, created, expires."""
        body = changes.get("body", b"" if document is None else json.dumps(document, ensure_ascii=False).encode())
        headers = {"content-type": "application/json", "x-request-id": str(uuid.uuid4())} | changes.get("headers", {})
        place = changes.get("path", self.path), changes.get("query", "")
        bare = Request(changes.get("method", "POST"), changes.get("authority", self.authority), *place, headers, body)
        signer = changes.get("signer", self.given.signer or self.stranger)
        signed = sign_request(bare, signer, changes.get("created", int(time.time())), changes.get("expires"))
        return changed(bare, headers={**headers, **signed})

    def ask(self, document: Any = None, **changes: Any) -> Seen:
        """Sign a question, send it and return what came back."""
        return self.send(self.question(document, **changes))

    def get(self, path: str, **headers: str) -> Seen:
        """Send an unsigned GET: what anybody may see."""
        return self.send(Request("GET", self.authority, path, "", {"x-request-id": str(uuid.uuid4()), **headers}, b""))

    def send(self, request: Request) -> Seen:
        """Put a question on the wire exactly as it is. Raises Transient client.unreachable."""
        connection = self._kind(*self._place, timeout=30)
        with contextlib.closing(connection):
            try:
                response = _exchange(connection, request)
            except (OSError, http.client.HTTPException) as failure:
                raise Transient("client.unreachable", address=self.given.url, attempts=1) from failure
        seen = Seen(request, response)
        self.seen.append(seen)
        return seen

    def fetch_keys(self) -> Mapping[str, Any]:
        """Return the published key set; an empty one when there is none."""
        document = self.get("/.well-known/jwks.json").document
        return document if isinstance(document, dict) and isinstance(document.get("keys"), list) else {"keys": []}

    @property
    def keys(self) -> Mapping[str, Any]:
        """Return the keys to believe: those handed over beforehand, else the deployment's own word."""
        return self.given.jwks or self.first_keys

    def find_key(self, keyid: str) -> PublicKey | None:
        """Return a key of the hub."""
        return next((key for key in self.public_keys() if key.keyid == keyid), None)

    def public_keys(self) -> list[PublicKey]:
        """Return every readable key of the hub."""
        found: list[PublicKey] = []
        for jwk in self.keys.get("keys", []):
            with contextlib.suppress(HutongError):
                found.append(public_key_from_jwk(jwk, jwk.get("kid")))
        return found

    def await_receipt(self, receipt: str) -> Seen:
        """Ask for a receipt until the log has taken its entry in, or it is said that there is none."""
        return self.await_answer(f"/v1/receipts/{receipt}", lambda seen: seen.code != "receipt.pending")

    def await_answer(self, path: str, is_there: Callable[[Seen], bool]) -> Seen:
        """Ask for something the log brings forth until it is there, or patience is over; return the last answer."""
        until = time.monotonic() + self.given.patience_s
        while not is_there(seen := self.get(path)) and time.monotonic() < until:
            time.sleep(0.2)
        return seen


def changed(request: Request, **parts: Any) -> Request:
    """Return the question with other parts, as a forger on the way would leave it."""
    names = ("method", "authority", "path", "query", "headers", "body")
    return Request(**{name: parts.get(name, getattr(request, name)) for name in names})


def expect(seen: Seen, *codes: str) -> str:
    """Return the refusal's code when it is one of these; raises Failed naming what came instead."""
    if seen.code in codes:
        return str(seen)
    raise Failed(f"{seen}; expected {' or '.join(codes)}")


def _exchange(connection: http.client.HTTPConnection, request: Request) -> Response:
    target = request.path + (f"?{request.query}" if request.query else "")
    connection.putrequest(request.method, target, skip_host=True, skip_accept_encoding=True)
    sent: Sequence[tuple[str, str]] = [("host", request.authority), *request.headers.items()]
    for name, value in [*sent, ("content-length", str(len(request.body)))]:
        connection.putheader(name, value)
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it may answer before it has read all
        connection.endheaders(request.body)
    answer = connection.getresponse()
    return Response(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
