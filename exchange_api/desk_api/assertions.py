"""Why: a client proves who it is by a signed assertion instead of a secret (RFC 7523 §3, private_key_jwt). What counts as one is fixed here after RFC 8725:
two algorithms, the key's own and no other; no key ever taken from the wire. The signature is judged by joserfc. Called by `tokens`.
"""

import time
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from joserfc import jwt
from joserfc.errors import ExpiredTokenError, JoseError, UnsupportedAlgorithmError
from joserfc.jwk import import_key
from joserfc.jws import JWSRegistry, extract_compact
from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from schemas.errors import Denied
from schemas.tables.officer_clients import OfficerClient, OfficerClientAssertion, OfficerClientKey

ALGORITHMS = {"ed25519": "EdDSA", "ecdsa-p256-sha256": "ES256"}
LONGEST_S = 300
LEEWAY_S = 5
MAX_BYTES = 4096
_HEADER = {"alg", "kid", "typ"}
_SOME: jwt.ClaimsOption = {"essential": True}
_UNPROVEN = "it is not signed with an active key of an active client"


class _OneAlgorithm(JWSRegistry):
    """The key's own algorithm and no other. The library warns of the name EdDSA since RFC 9864 prefers Ed25519; clients still write EdDSA."""

    def get_alg(self, name: str) -> Any:
        if name not in (self.allowed or ()):
            raise UnsupportedAlgorithmError
        return self.algorithms[name]


@dataclass(frozen=True, slots=True)
class Proven:
    """Which client it is, and by which key."""

    client: OfficerClient
    keyid: str


def prove(session: Session, assertion: str, audiences: Collection[str]) -> Proven:
    """Check an assertion and use its `jti` up. An unknown client, a foreign key and a wrong signature look alike.

    Raises Denied `client.assertion`, `client.assertion_used`.
    """
    keyid = _keyid(assertion)
    key = session.get(OfficerClientKey, keyid)
    client = session.get(OfficerClient, key.client_id) if key else None
    if key is None or client is None or (key.state, client.state) != ("active", "active"):
        raise Denied("client.assertion", reason=_UNPROVEN)
    claims = _claims(assertion, key)
    _check_claims(claims, client.id, audiences)
    _use_up(session, client.id, claims)
    return Proven(client, keyid)


def _keyid(assertion: str) -> str:
    if len(assertion) > MAX_BYTES:
        raise Denied("client.assertion", reason=f"it is longer than {MAX_BYTES} bytes")
    try:
        header = extract_compact(assertion.encode("ascii")).headers()
    except (JoseError, ValueError, TypeError) as wrong:
        raise Denied("client.assertion", reason="it is no JWS in compact form") from wrong
    if header.get("alg") not in ALGORITHMS.values():
        raise Denied("client.assertion", reason="its algorithm is not EdDSA or ES256")
    if not isinstance(header.get("kid"), str) or "\x00" in header["kid"]:
        raise Denied("client.assertion", reason="its header names no key (kid)")
    if set(header) - _HEADER:  # jku, jwk, x5u, x5c, crit, b64: keys come from registration alone
        raise Denied("client.assertion", reason="its header holds more than alg, kid and typ")
    return str(header["kid"])


def _claims(assertion: str, key: OfficerClientKey) -> dict[str, Any]:
    registry = _OneAlgorithm(algorithms=[ALGORITHMS[key.algorithm]])
    try:
        claims = jwt.decode(assertion, import_key(key.public_jwk), registry=registry).claims
    except (JoseError, ValueError, TypeError) as wrong:
        raise Denied("client.assertion", reason=_UNPROVEN) from wrong
    try:
        jwt.JWTClaimsRegistry(None, LEEWAY_S, iss=_SOME, sub=_SOME, aud=_SOME, exp=_SOME, jti=_SOME).validate(claims)
    except ExpiredTokenError as wrong:
        raise Denied("client.assertion", reason="it has expired") from wrong
    except JoseError as wrong:
        raise Denied("client.assertion", reason="one of iss, sub, aud, exp, jti is missing or not in form") from wrong
    return claims


def _check_claims(claims: dict[str, Any], client_id: str, audiences: Collection[str]) -> None:
    if not claims["iss"] == claims["sub"] == client_id:
        raise Denied("client.assertion", reason="iss and sub are not both the client's id")
    if not isinstance(claims["aud"], str) or claims["aud"] not in audiences:
        raise Denied("client.assertion", reason="aud is not the address of the token endpoint")
    if claims["exp"] > time.time() + LONGEST_S + LEEWAY_S:
        raise Denied("client.assertion", reason=f"exp is more than {LONGEST_S} seconds away")
    jti = claims["jti"]
    if not isinstance(jti, str) or not 8 <= len(jti) <= 128 or not jti.isascii() or not jti.isprintable():
        raise Denied("client.assertion", reason="jti is not 8 to 128 printable characters")


def _use_up(session: Session, client_id: str, claims: dict[str, Any]) -> None:
    """The table judges: of two requests with one assertion the second waits for the first and is refused."""
    now, margin = datetime.now(UTC), LEEWAY_S + 1
    expires = datetime.fromtimestamp(int(claims["exp"]) + margin, UTC)
    session.execute(delete(OfficerClientAssertion).where(OfficerClientAssertion.expires_at < now))
    row = {"client_id": client_id, "jti": claims["jti"], "expires_at": expires}
    used = insert(OfficerClientAssertion).values(row).on_conflict_do_nothing().returning(OfficerClientAssertion.jti)
    if session.scalar(used) is None:
        raise Denied("client.assertion_used")
