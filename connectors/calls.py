"""Why: every HTTP request to a department goes through one polite caller: it waits its turn, backs off when told to, gives up after a bounded
number of attempts and never shows its token. Only `connectors.rest` comes here.
"""

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import urljoin, urlsplit

import requests
import urllib3

from connectors.base import Connection
from connectors.bodies import parse_answer
from connectors.credentials import credential_of
from schemas.errors import HutongError, Terminal, Transient

T = TypeVar("T")
_STATUS: dict[int, tuple[type[HutongError], str]] = {
    401: (Terminal, "connector.refused"),
    403: (Terminal, "connector.refused"),
    404: (Terminal, "connector.missing_table"),
    410: (Terminal, "connector.missing_table"),
    408: (Transient, "connector.timeout"),
    429: (Transient, "rest.rate_limited"),
    504: (Transient, "connector.timeout"),
}


@dataclass(frozen=True)
class Call:
    """One question: `path` below the base (or an absolute address on it), query parameters, and a body to be posted, if any."""

    path: str
    params: Mapping[str, Any] = field(default_factory=dict)
    body: bytes | None = None
    content_type: str = "application/json"


@dataclass(frozen=True)
class Answer:
    """What came back: the body, parsed if asked to, the link to the next page (RFC 8288), and the service's own clock."""

    content: Any
    following: str | None = None
    moment: datetime | None = None


class Caller:
    """Asks one REST service. Options of the binding: retries, backoff_seconds, max_wait_seconds, timeout_seconds, rate (requests a second), headers,
    format ("json" or "xml"), encoding (of answers that do not say).
    """

    def __init__(self, source: Mapping[str, Any], connection: Connection) -> None:
        self._connection = connection
        self._retries = int(source.get("retries", 4))
        self._backoff = float(source.get("backoff_seconds", 0.2))
        self._max_wait = float(source.get("max_wait_seconds", 30))
        self._timeout = float(source.get("timeout_seconds", 30))
        self._interval = 1 / float(source["rate"]) if source.get("rate") else 0.0
        self._next_turn = 0.0
        self._form, self._encoding = str(source.get("format") or "json"), source.get("encoding")
        self.base = base_address(connection)
        self._session = _session_of(connection, source)
        self._credential = credential_of(connection, source, self._session, self._timeout)
        self._session.auth = self._credential

    def ask(self, call: Call, limit: int) -> Answer:
        """Return a parsed answer of at most `limit` bytes. Raises Transient rest.truncated, Terminal rest.bad_answer and what `get` raises."""
        return self._tried(lambda: self._parsed(self._once(call, limit), call.path))

    def get(self, path: str, limit: int) -> bytes:
        """Return a file of at most `limit` bytes from the same service.

        Raises Transient connector.unreachable, connector.timeout, rest.rate_limited, rest.unavailable, rest.truncated;
        Terminal connector.refused, connector.missing_table, rest.bad_answer, rest.too_large, rest.foreign_address.
        """
        content: bytes = self._tried(lambda: self._once(Call(path), limit)).content
        return content

    def address(self, path: str) -> str:
        """Return the absolute address of a path. Raises Terminal rest.foreign_address: the token goes to no other service."""
        found = urljoin(self.base + "/", path if "://" in path else path.lstrip("/"))
        if urlsplit(found)[:2] != urlsplit(self.base)[:2]:
            raise Terminal("rest.foreign_address", connection=self._connection.id, address=urlsplit(found).netloc)
        return found

    def _tried(self, call: Callable[[], T]) -> T:
        for attempt in range(self._retries):
            try:
                return call()
            except Transient as error:
                wait = self._pause(error, attempt)
                if wait > self._max_wait:
                    raise
                time.sleep(wait)
        return call()

    def _pause(self, error: Transient, attempt: int) -> float:
        """Return how long to wait: what the service asks for, else exponential back-off with full jitter."""
        asked = error.facts.get("retry_after")
        if asked is not None:
            return float(asked)
        return random.uniform(0.5, 1) * min(self._backoff * 2.0**attempt, self._max_wait)  # noqa: S311 — spreads retries, guards nothing

    def _once(self, call: Call, limit: int) -> Answer:
        """Ask once; a token that the service no longer takes is renewed and asked with again."""
        try:
            return self._asked(call, limit)
        except Terminal as error:
            if error.facts.get("http_status") != 401 or not self._credential.renew():
                raise
        return self._asked(call, limit)

    def _asked(self, call: Call, limit: int) -> Answer:
        address = self.address(call.path)
        self._wait_turn()
        facts = {"connection": self._connection.id, "address": self._connection.address or self.base}
        sent = {"Content-Type": call.content_type} if call.body is not None else {}
        verb = "GET" if call.body is None else "POST"
        try:
            with self._session.request(
                verb, address, params=call.params, data=call.body, headers=sent, timeout=self._timeout,
                allow_redirects=False, stream=True,
            ) as answer:  # fmt: skip
                self._require_success(answer, call.path, facts)
                following = answer.links.get("next", {}).get("url")
                return Answer(self._body(answer, limit), following and urljoin(address, following), _moment(answer))
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise _translated(error, facts) from None

    def _body(self, answer: requests.Response, limit: int) -> bytes:
        parts, size = [], 0
        for part in answer.iter_content(1 << 16):
            size += len(part)
            if size > limit:
                raise Terminal("rest.too_large", connection=self._connection.id, limit=limit)
            parts.append(part)
        return b"".join(parts)

    def _require_success(self, answer: requests.Response, path: str, facts: dict[str, str]) -> None:
        status = answer.status_code
        if status == 200:
            return
        if status < 400:
            raise Terminal("rest.bad_answer", **facts, path=path, reason=f"HTTP {status} instead of 200")
        kind, code = _STATUS.get(
            status, (Transient, "rest.unavailable") if status >= 500 else (Terminal, "connector.failed")
        )
        raise kind(
            code, **facts, table=path, reason=f"HTTP {status}", http_status=status, retry_after=_retry_after(answer)
        )

    def _parsed(self, answer: Answer, path: str) -> Answer:
        facts = {"connection": self._connection.id, "path": path}
        return replace(answer, content=parse_answer(answer.content, self._form, self._encoding, facts))

    def _wait_turn(self) -> None:
        now = time.monotonic()
        if self._next_turn > now:
            time.sleep(self._next_turn - now)
        self._next_turn = max(now, self._next_turn) + self._interval


def _session_of(connection: Connection, source: Mapping[str, Any]) -> requests.Session:
    session, extra = requests.Session(), connection.extra
    session.trust_env = False  # a .netrc entry would replace the token, a proxy variable would send it elsewhere
    session.verify = extra.get("ca_file", True)
    session.proxies = {"http": extra["proxy"], "https": extra["proxy"]} if extra.get("proxy") else {}
    session.headers["Accept"] = "application/xml" if source.get("format") == "xml" else "application/json"
    session.headers.update({str(name): str(value) for name, value in (source.get("headers") or {}).items()})
    return session


def base_address(connection: Connection) -> str:
    """Return a connection's base URL, put together as Airflow's HTTP hook does: host (perhaps with its protocol), port, schema as protocol.

    Raises Terminal connector.bad_connection.
    """
    host = str(connection.extra.get("base_url") or connection.host or "")
    if "://" not in host:
        host = f"{connection.database or 'http'}://{host}"
    if connection.port and not urlsplit(host).port:
        host = f"{host}:{connection.port}"
    if urlsplit(host).scheme not in ("http", "https") or not urlsplit(host).hostname:
        raise Terminal("connector.bad_connection", connection=connection.id, reason="no http(s) address")
    return host.rstrip("/")


def _retry_after(answer: requests.Response) -> float | None:
    """Read Retry-After, seconds or a date (RFC 9110 §10.2.3); None where it is absent or unreadable."""
    given = answer.headers.get("Retry-After", "").strip()
    if given.isdigit():
        return float(given)
    try:
        return max(0.0, (parsedate_to_datetime(given) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return None


def _moment(answer: requests.Response) -> datetime | None:
    try:
        return parsedate_to_datetime(answer.headers.get("Date", ""))
    except (TypeError, ValueError):
        return None


def _translated(error: Exception, facts: dict[str, str]) -> HutongError:
    if isinstance(error, requests.Timeout):
        return Transient("connector.timeout", **facts)
    if isinstance(error, requests.exceptions.SSLError):
        return Terminal("connector.failed", **facts, reason="its TLS certificate is not trusted")
    broken = (
        requests.exceptions.ChunkedEncodingError,
        requests.exceptions.ContentDecodingError,
        urllib3.exceptions.HTTPError,
    )
    if isinstance(error, broken):
        return Transient("rest.truncated", **facts, path="")
    if isinstance(error, requests.ConnectionError):
        return Transient("connector.unreachable", **facts)
    return Terminal("connector.failed", **facts, reason=type(error).__name__)
