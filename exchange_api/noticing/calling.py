"""Why: a department's own office system can take notices too. One bundle as one POST, signed with the hub's key like every message of the hub
(exchange protocol, profile hutong-9421/1), so that the recipient checks it with the hub's JWKS. Called by `sending` and `ways`.

A server that calls addresses others gave it is a door into its own network (SSRF): only origins that operations allow are called, loopback and
link-local only where an origin is that very address, redirects are not followed, and what is answered is not read.
"""

import ipaddress
import re
import socket
import ssl
import time
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from threading import Timer
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field

from exchange_api.evidence.canonical import canonical_json
from exchange_api.noticing import kinds, links, wording
from exchange_api.noticing.bundles import Bundle
from exchange_api.signing import Request, Signer, sign_request
from schemas.errors import Denied, Invalid, Terminal, Transient
from schemas.settings import HutongSettings
from schemas.tables.operations import Notice

FORMAT = "hutong-notice/1"
PORTS = {"https": 443, "http": 80}
TRY_AGAIN = (408, 409, 421, 425, 429)
_PATH = re.compile(r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~!$&'()*+,;=:@-]*)+")
_QUERY = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@/?%-]*")


class CallSettings(HutongSettings):
    """Whom the hub may call."""

    notice_origins: str = Field(
        default="",
        description="Origins that webhooks may lie at, separated by spaces (https://oa.example.gov.cn http://10.1.2.3:8080).",
    )
    notice_ca_file: Path | None = Field(
        default=None, description="Certificates (PEM) that webhooks' servers are checked against; default the system's."
    )
    notice_timeout: float = Field(default=10, gt=0, description="Seconds for a webhook to answer, all in all.")


def check_address(address: str) -> tuple[str, str, int]:
    """Return scheme, host and port of a webhook. Raises Invalid `notice.address`, Denied `notice.origin` for one operations have not allowed."""
    try:
        parts = urlsplit(address)
        host, port = (parts.hostname or ""), parts.port or PORTS.get(parts.scheme, 0)
    except ValueError:
        raise Invalid("notice.address") from None
    is_clean = (
        address.isascii() and address.isprintable() and not parts.username and not parts.password and not parts.fragment
    )
    if not (is_clean and host and port and _PATH.fullmatch(parts.path or "/") and _QUERY.fullmatch(parts.query)):
        raise Invalid("notice.address")
    if (parts.scheme, host, port) not in _allowed():
        raise Denied("notice.origin", origin=f"{parts.scheme}://{parts.netloc}")
    return parts.scheme, host, port


def call(bundle: Bundle, signer: Signer) -> None:
    """POST a bundle to its webhook; returns when it answered with a status of 200 to 299.

    Raises Denied `notice.origin`, Transient `notice.unreachable` or `notice.postponed`, Terminal `notice.refused`.
    """
    scheme, host, port = check_address(bundle.way.address)
    parts, body = urlsplit(bundle.way.address), canonical_json(document(bundle))
    name = f"[{host}]" if ":" in host else host
    authority = name if port == PORTS[scheme] else f"{name}:{port}"
    headers = {"content-type": "application/json", "x-request-id": str(bundle.id)}
    question = Request("POST", authority, parts.path or "/", parts.query, headers, body)
    headers |= sign_request(question, signer, int(time.time()))
    target = question.path + (f"?{question.query}" if question.query else "")
    headers |= {"idempotency-key": f'"{bundle.id}"', "host": question.authority, "user-agent": "hutong-notices"}
    _judge(bundle, _send(scheme, host, port, (target, body, headers)))


def document(bundle: Bundle) -> dict[str, Any]:
    """Return what is posted: the same for every repeat."""
    digest_day = bundle.digest_day.isoformat() if bundle.digest_day else None
    told = [_told(bundle, one) for one in bundle.notices]
    return {
        "format": FORMAT,
        "id": str(bundle.id),
        "department": bundle.way.department_id,
        "digest_day": digest_day,
        "notices": told,
    }


def _told(bundle: Bundle, notice: Notice) -> dict[str, Any]:
    return {
        "id": notice.id,
        "key": notice.key,
        "kind": kinds.kind_of(notice.key),
        "severity": kinds.severity_of(notice.key),
        "at": notice.created_at.isoformat(timespec="seconds"),
        "text": wording.say_outside(notice.key, notice.facts, bundle.language),
        "facts": wording.plain_facts(notice.facts),
        "demand": notice.demand_id,
        "link": links.address_of(links.path_of(notice.key, notice.facts, notice.demand_id)),
    }


def _allowed() -> set[tuple[str, str, int]]:
    origins = [urlsplit(one) for one in CallSettings().notice_origins.split()]
    return {(one.scheme, one.hostname or "", one.port or PORTS.get(one.scheme, 0)) for one in origins}


def _send(scheme: str, host: str, port: int, message: tuple[str, bytes, dict[str, str]]) -> int:
    """Return the status of the answer; its body is left unread, and a server that dribbles is cut off."""
    settings = CallSettings()
    connection = HTTPConnection(host, port, timeout=settings.notice_timeout)
    target, body, headers = message
    with closing(connection):
        try:
            sock = connection.sock = _socket(scheme, host, port, settings)
            cut = Timer(settings.notice_timeout, _cut, [sock])
            cut.daemon = True
            cut.start()
            try:
                connection.request("POST", target, body, headers)
                answer = connection.getresponse()
                answer.close()
                return answer.status
            finally:
                cut.cancel()
        except (OSError, HTTPException, UnicodeError) as wrong:
            reason = type(wrong).__name__
            raise Transient("notice.unreachable", where=f"{host}:{port}", reason=reason) from None


def _socket(scheme: str, host: str, port: int, settings: CallSettings) -> socket.socket:
    """Connect to an address that was looked at: a name that means another machine at a second asking gains nothing."""
    family, _, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    found = ipaddress.ip_address(str(place[0]).partition("%")[0])
    is_inside = found.is_loopback or found.is_link_local or found.is_multicast or found.is_unspecified
    if is_inside and str(found) != host:
        raise Denied("notice.inside", host=host)
    plain = socket.socket(family, socket.SOCK_STREAM)
    try:
        plain.settimeout(settings.notice_timeout)
        plain.connect(place)
        if scheme == "http":
            return plain
        return ssl.create_default_context(cafile=settings.notice_ca_file).wrap_socket(plain, server_hostname=host)
    except BaseException:
        plain.close()
        raise


def _cut(sock: socket.socket) -> None:
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:  # it has gone already
        return


def _judge(bundle: Bundle, status: int) -> None:
    if 200 <= status < 300:
        return
    if status >= 500 or status in TRY_AGAIN or 300 <= status < 400:
        raise Transient("notice.postponed", way=bundle.way.id, answer=f"HTTP {status}")
    raise Terminal("notice.refused", way=bundle.way.id, answer=f"HTTP {status}")
