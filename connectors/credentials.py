"""Why: every department has its own way of asking who calls; the secret goes to the bound service only and into no message. Only `connectors.calls`
comes here.
"""

import base64
import hashlib
import hmac
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import requests
from requests.auth import AuthBase, HTTPBasicAuth

from connectors.base import Connection
from schemas.errors import Terminal, Transient

PLATFORMS = ("gjgxjhpt", "gjzwfwpt")
EARLY_SECONDS = 10.0  # a token this close to its end would expire on the way


class Credential(AuthBase):
    """Puts the proof of who calls on a request; this one puts none."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Return the request with the proof."""
        return request

    def renew(self) -> bool:
        """Forget a proof the service no longer takes; say whether a new one may be had."""
        return False


class HeaderCredential(Credential):
    """A token in a header: "Authorization: Bearer …", or an API key in one of the service's own."""

    def __init__(self, name: str, value: str) -> None:
        self._name, self._value = name, value

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Set the header."""
        request.headers[self._name] = self._value
        return request


class QueryCredential(HeaderCredential):
    """An API key among the query's parameters, replacing one that a link to the next page carries."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Set the parameter."""
        parts = urlsplit(request.url or "")
        kept = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] != self._name]
        request.url = urlunsplit(parts._replace(query=urlencode([*kept, (self._name, self._value)])))
        return request


class BasicCredential(Credential):
    """User and password (RFC 7617)."""

    def __init__(self, login: str, secret: str) -> None:
        self._basic = HTTPBasicAuth(login.encode(), secret.encode())

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Set the header."""
        signed: requests.PreparedRequest = self._basic(request)
        return signed


class NationalCredential(Credential):
    """The call signature of the national sharing platforms: headers <platform>_rid, _sid, _rtime, _sign with
    sign = Base64(HMAC-SHA256(app secret, sid + rid + rtime)); rtime in milliseconds since 1970.

    platform: gjgxjhpt (国家数据共享交换平台) or gjzwfwpt (国家政务服务平台).
    """

    def __init__(self, platform: str, rid: str, sid: str, secret: str) -> None:
        self._platform, self._rid, self._sid, self._secret = platform, rid, sid, secret

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Sign anew: a retried request has a time of its own."""
        rtime = str(time.time_ns() // 1_000_000)
        sign = national_signature(self._rid, self._sid, rtime, self._secret)
        for name, value in (("rid", self._rid), ("sid", self._sid), ("rtime", rtime), ("sign", sign)):
            request.headers[f"{self._platform}_{name}"] = value
        return request


def national_signature(rid: str, sid: str, rtime: str, secret: str) -> str:
    """Return the signature the national sharing platforms want of requester `rid` for service `sid` at `rtime` (milliseconds as text)."""
    return base64.b64encode(hmac.digest(secret.encode(), f"{sid}{rid}{rtime}".encode(), hashlib.sha256)).decode()


class ClientCredential(Credential):
    """OAuth 2.0 client credentials (RFC 6749 §4.4): a token is fetched when needed, before its end and when the service no longer takes it."""

    def __init__(self, connection: Connection, session: requests.Session, timeout: float) -> None:
        self._connection, self._session, self._timeout = connection, session, timeout
        self._token, self._ends = "", 0.0

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Set the header. Raises Terminal connector.refused, rest.bad_answer; Transient rest.unavailable and what asking raises."""
        if not self._token or time.monotonic() > self._ends:
            self._fetch()
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request

    def renew(self) -> bool:
        """Forget the token; the next request fetches another."""
        had, self._token = bool(self._token), ""
        return had

    def _fetch(self) -> None:
        extra, facts = self._connection.extra, {"connection": self._connection.id, "address": self._connection.address}
        form = {"grant_type": "client_credentials"}
        form |= {name: str(extra[name]) for name in ("scope", "audience", "resource") if extra.get(name)}
        login, secret, auth = self._connection.login or "", self._connection.password or "", None
        if extra.get("client_auth") == "body":
            form |= {"client_id": login, "client_secret": secret}
        else:
            auth = HTTPBasicAuth(login.encode(), secret.encode())
        answer = self._session.post(
            extra["token_url"], data=form, auth=auth or _nobody, timeout=self._timeout, allow_redirects=False
        )
        if answer.status_code in (400, 401, 403):
            raise Terminal("connector.refused", **facts)
        if answer.status_code >= 500 or answer.status_code == 429:
            raise Transient("rest.unavailable", **facts, reason=f"HTTP {answer.status_code} for a token")
        self._token, lasts = _token_of(answer, facts)
        self._ends = time.monotonic() + max(0.0, lasts - EARLY_SECONDS)


def credential_of(
    connection: Connection, source: Mapping[str, Any], session: requests.Session, timeout: float
) -> Credential:
    """Return how a connection proves itself: `extra.auth` bearer (default with a password), header, query, basic, national, oauth2, none.

    Raises Terminal connector.bad_connection naming what is missing.
    """
    extra, secret = connection.extra, connection.password
    kind = extra.get("auth") or ("header" if extra.get("token_header") else "bearer" if secret else "none")
    needs = {"header": "token_header", "query": "token_param", "oauth2": "token_url"}.get(kind)
    if needs and not extra.get(needs):
        raise _unusable(connection, f"auth {kind} needs extra.{needs}")
    if kind != "none" and not secret:
        raise _unusable(connection, f"auth {kind} needs a password")
    made: dict[str, Callable[[], Credential]] = {
        "none": Credential,
        "bearer": lambda: HeaderCredential("Authorization", f"Bearer {secret}"),
        "header": lambda: HeaderCredential(extra["token_header"], str(secret)),
        "query": lambda: QueryCredential(extra["token_param"], str(secret)),
        "basic": lambda: BasicCredential(connection.login or "", str(secret)),
        "national": lambda: _national(connection, source),
        "oauth2": lambda: ClientCredential(connection, session, timeout),
    }
    if kind not in made:
        raise _unusable(connection, f"auth {kind} is not known")
    return made[kind]()


def _national(connection: Connection, source: Mapping[str, Any]) -> Credential:
    platform, sid = connection.extra.get("platform") or PLATFORMS[0], source.get("sid") or connection.extra.get("sid")
    if platform not in PLATFORMS or not sid or not connection.login:
        reason = f"auth national needs login (rid), sid in the binding or extra, platform {' or '.join(PLATFORMS)}"
        raise _unusable(connection, reason)
    return NationalCredential(platform, connection.login, str(sid), str(connection.password))


def _nobody(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Leave a request for a token without the session's own proof."""
    return request


def _token_of(answer: requests.Response, facts: Mapping[str, str]) -> tuple[str, float]:
    try:
        content = answer.json()
        return str(content["access_token"]), float(content.get("expires_in") or 3_600)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Terminal("rest.bad_answer", **facts, path="token_url", reason="no access_token") from None


def _unusable(connection: Connection, reason: str) -> Terminal:
    return Terminal("connector.bad_connection", connection=connection.id, reason=reason)
