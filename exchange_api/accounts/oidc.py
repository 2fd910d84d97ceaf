"""Why: a bureau that has an identity provider wants its officers to sign in there (OpenID Connect Core 1.0: authorization code, PKCE S256, state, nonce).
Called by the portal's pages of signing in.

No account comes of it: an identity is one that the security administrator linked (issuer and subject), or, where the operator named a claim, one whose claim
is a login name. The provider may be away, slow or wrong: local accounts sign in as before.
"""

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import requests
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from pydantic import Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from schemas.errors import Denied, Invalid, Transient
from schemas.settings import HutongSettings
from schemas.tables.operations import Officer

ALGORITHMS = ("RS256", "ES256")
MOST_BYTES, KEEP_S, LEEWAY_S = 262_144, 300, 60
_known: dict[str, tuple[float, dict[str, Any]]] = {}


class OidcSettings(HutongSettings):
    """The bureau's identity provider; without an issuer there is none."""

    oidc_issuer: str = Field(
        default="", description="Issuer of the bureau's identity provider, exactly as it names itself."
    )
    oidc_client_id: str = Field(default="hutong", description="Client id the provider knows this hub by.")
    oidc_client_secret_file: Path | None = Field(
        default=None, description="File with the client secret; none: a public client, protected by PKCE alone."
    )
    oidc_address: str = Field(
        default="",
        description="Address of this hub as browsers see it, e.g. https://hub.city; default: as the browser came.",
    )
    oidc_scope: str = Field(default="openid profile", description="Scopes asked for.")
    oidc_login_claim: str = Field(
        default="",
        description="Claim whose value is a login name here, e.g. preferred_username; empty: only linked identities.",
    )
    oidc_name: str = Field(default="", description="What the button of the sign-in page calls the provider.")
    oidc_is_strong: bool = Field(
        default=False, description="The provider asks for a second factor itself, so the portal does not."
    )
    oidc_ca_file: Path | None = Field(default=None, description="Certificates to check the provider's address against.")
    oidc_seconds: float = Field(default=5.0, gt=0, le=60, description="Longest wait for the provider, in seconds.")


@dataclass(frozen=True, slots=True)
class Started:
    """What the browser keeps until it comes back: it alone can finish what it began."""

    state: str
    nonce: str
    verifier: str

    def spell(self) -> str:
        """Return it as the value of a cookie."""
        return ".".join((self.state, self.nonce, self.verifier))

    @classmethod
    def read(cls, cookie: str | None) -> "Started":
        """Read the cookie. Raises Denied `oidc.refused`."""
        parts = (cookie or "").split(".")
        if len(parts) != 3 or not all(parts):
            raise Denied("oidc.refused", reason="state")
        return cls(*parts)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the provider says it is."""

    issuer: str
    subject: str
    claims: Mapping[str, Any]


def is_on() -> bool:
    """Return whether there is an identity provider."""
    return bool(OidcSettings().oidc_issuer)


def start(redirect_uri: str) -> tuple[str, Started]:
    """Return the provider's address to send the browser to, and what its cookie is to keep. Raises Invalid `oidc.off`, Transient `oidc.away`."""
    settings, document = OidcSettings(), discover()
    started = Started(secrets.token_urlsafe(24), secrets.token_urlsafe(24), secrets.token_urlsafe(48))
    challenge = base64.urlsafe_b64encode(hashlib.sha256(started.verifier.encode()).digest()).rstrip(b"=").decode()
    asked = {
        "response_type": "code", "client_id": settings.oidc_client_id, "redirect_uri": redirect_uri, "scope": settings.oidc_scope,
        "state": started.state, "nonce": started.nonce, "code_challenge": challenge, "code_challenge_method": "S256",
    }  # fmt: skip
    there = document["authorization_endpoint"]
    return f"{there}{'&' if '?' in there else '?'}{urlencode(asked)}", started


def finish(started: Started, answer: Mapping[str, str], redirect_uri: str) -> Identity:
    """Trade the code that came back for an identity. Raises Denied `oidc.refused` with the reason, Transient `oidc.away`."""
    if not secrets.compare_digest(answer.get("state", "").encode(), started.state.encode()):
        raise Denied("oidc.refused", reason="state")
    if answer.get("iss", OidcSettings().oidc_issuer) != OidcSettings().oidc_issuer:  # RFC 9207
        raise Denied("oidc.refused", reason="iss")
    if "error" in answer or not answer.get("code"):
        raise Denied("oidc.refused", reason=_plain(answer.get("error", "code")))
    return checked(_traded(answer["code"], started.verifier, redirect_uri), started.nonce)


def checked(id_token: str, nonce: str) -> Identity:
    """Return whom an ID token names, after every check of OpenID Connect Core §3.1.3.7. Raises Denied `oidc.refused`, Transient `oidc.away`."""
    settings = OidcSettings()
    try:
        token = jwt.decode(id_token, _keys(id_token), algorithms=list(ALGORITHMS))
        rules = jwt.JWTClaimsRegistry(
            leeway=LEEWAY_S,
            iss={"essential": True, "value": settings.oidc_issuer},
            aud={"essential": True, "value": settings.oidc_client_id},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        rules.validate(token.claims)
    except (JoseError, ValueError, KeyError, TypeError) as wrong:
        raise Denied("oidc.refused", reason=_plain(str(getattr(wrong, "error", "token")))) from wrong
    claims = token.claims
    if claims.get("azp", settings.oidc_client_id) != settings.oidc_client_id:
        raise Denied("oidc.refused", reason="azp")
    return Identity(settings.oidc_issuer, str(claims["sub"]), claims)


def officer_of(session: Session, identity: Identity) -> Officer:
    """Return the officer an identity is linked to, or whose login name the configured claim is. Raises Denied `oidc.unlinked`."""
    linked = select(Officer).where(Officer.oidc_issuer == identity.issuer, Officer.oidc_subject == identity.subject)
    if found := session.scalar(linked.with_for_update()):
        return found
    claim = OidcSettings().oidc_login_claim
    named = identity.claims.get(claim) if claim else None
    officer = session.get(Officer, named, with_for_update=True) if isinstance(named, str) else None
    if officer is None or officer.oidc_subject is not None:  # who is linked to one identity is not another's by name
        raise Denied("oidc.unlinked", subject=_plain(identity.subject))
    return officer


def way_out(back: str) -> str | None:
    """Return the provider's own sign-out (RP-initiated logout), or None where it offers none or is away."""
    try:
        there = discover().get("end_session_endpoint")
    except (Invalid, Transient, Denied):
        return None
    asked = {"client_id": OidcSettings().oidc_client_id, "post_logout_redirect_uri": back}
    return f"{there}?{urlencode(asked)}" if isinstance(there, str) and _is_safe(there) else None


def discover() -> dict[str, Any]:
    """Return the provider's own description, kept five minutes. Raises Invalid `oidc.off`, Transient `oidc.away`, Denied `oidc.refused`."""
    issuer = OidcSettings().oidc_issuer
    if not issuer:
        raise Invalid("oidc.off")
    found = _fetch(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
    if found.get("issuer") != issuer:
        raise Denied("oidc.refused", reason="iss")
    for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
        if not _is_safe(str(found.get(name, ""))):
            raise Denied("oidc.refused", reason=name)
    return found


def forget() -> None:
    """Ask the provider anew at the next sign-in: it may have new keys."""
    _known.clear()


def _traded(code: str, verifier: str, redirect_uri: str) -> str:
    settings = OidcSettings()
    form = {
        "grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri, "client_id": settings.oidc_client_id, "code_verifier": verifier,
    }  # fmt: skip
    auth = None
    if settings.oidc_client_secret_file:
        auth = (settings.oidc_client_id, settings.oidc_client_secret_file.read_text("utf-8").strip())
    said = _call("POST", discover()["token_endpoint"], data=form, auth=auth)
    if not isinstance(said.get("id_token"), str):
        raise Denied("oidc.refused", reason=_plain(str(said.get("error", "id_token"))))
    return str(said["id_token"])


def _keys(id_token: str) -> KeySet:
    """Return the provider's keys; asked anew once when the token names one that is not among them: keys are rotated."""
    there = discover()["jwks_uri"]
    keys = KeySet.import_key_set(_fetch(there))  # type: ignore[arg-type]
    kid = _kid(id_token)  # read without being believed: the signature is checked with the key it names
    if kid is not None and kid not in {key.kid for key in keys.keys}:
        _known.pop(there, None)
        keys = KeySet.import_key_set(_fetch(there))  # type: ignore[arg-type]
    return keys


def _kid(id_token: str) -> str | None:
    head = id_token.partition(".")[0]
    found = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    return found.get("kid") if isinstance(found, dict) else None


def _fetch(address: str) -> dict[str, Any]:
    kept = _known.get(address)
    if kept and time.monotonic() - kept[0] < KEEP_S:
        return kept[1]
    found = _call("GET", address)
    _known[address] = (time.monotonic(), found)
    return found


def _call(method: str, address: str, **options: Any) -> dict[str, Any]:
    settings, host = OidcSettings(), urlsplit(address).netloc.rpartition("@")[2]
    begun, found = time.monotonic(), b""
    try:
        with requests.request(
            method, address, timeout=settings.oidc_seconds, allow_redirects=False, stream=True,
            verify=str(settings.oidc_ca_file) if settings.oidc_ca_file else True, **options,
        ) as answer:  # fmt: skip
            for piece in answer.iter_content(8_192):
                found += piece
                if len(found) > MOST_BYTES or time.monotonic() - begun > settings.oidc_seconds:
                    raise Transient("oidc.away", address=host)
            if answer.status_code >= 500 or (method == "GET" and answer.status_code != 200):
                raise Transient("oidc.away", address=host)
        said = json.loads(found)
    except (requests.RequestException, ValueError) as away:
        raise Transient("oidc.away", address=host) from away
    return said if isinstance(said, dict) else {}


def _is_safe(address: str) -> bool:
    """Return whether an address is https, or this machine's own (tests, a proxy beside the hub)."""
    parts = urlsplit(address)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1"))


def _plain(reason: str) -> str:
    """Return a reason as a short word that is safe to show."""
    return "".join(one for one in reason if one.isalnum() or one in "_.-:|@")[:80] or "token"
