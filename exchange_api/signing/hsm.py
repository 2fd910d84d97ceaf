"""Why: in a graded system the hub's private key is made inside a token (HSM, smart card, SoftHSM) and never leaves it; the hub asks the token over PKCS#11.
Called by keys; python-pkcs11 (extra `hsm`) is imported only by who has a token.

One login session per token and process, one call at a time (PKCS#11 sessions carry their operation's state). When a call fails the session is opened anew,
then the whole module: a token that was unplugged, restarted or failed over is in use again with the next answer.
"""

import contextlib
import hashlib
import secrets
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from pydantic import Field

from exchange_api.signing.algorithms import Algorithm, PublicKey, encode_base64url, public_key_from_jwk
from schemas.errors import Transient
from schemas.settings import HutongSettings

Found = TypeVar("Found")
ED25519_OID, ED25519_NAME, P256_OID = (
    b"\x06\x03\x2b\x65\x70",
    b"\x13\x0cedwards25519",
    b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07",
)
"""CKA_EC_PARAMS: RFC 8410's OID (PKCS#11 3.1), the PrintableString that SoftHSM and PKCS#11 3.0 know, and P-256."""


class TokenSettings(HutongSettings):
    """Where keys live that never leave their token."""

    pkcs11_module: Path | None = Field(
        default=None, description="PKCS#11 library of the token, e.g. /usr/lib/softhsm/libsofthsm2.so."
    )
    pkcs11_token: str = Field(default="hutong", description="Label of the token.")
    pkcs11_pin_file: Path | None = Field(default=None, description="File with the token's user PIN, mode 0600.")


class Token:
    """A token this process is logged in to; reopened by itself after it was away."""

    def __init__(self, module: Path, label: str, pin_file: Path) -> None:
        self.label = label
        self._module, self._pin_file = str(module), pin_file
        self._session: Any = None
        self._epoch = -1

    def run(self, work: Callable[[Any], Found]) -> Found:
        """Do work in a session, one at a time; raises Transient key.token_unavailable when it fails on a fresh one too."""
        gate = _gate(self._module)
        with gate.lock:
            if self._epoch != gate.epoch:  # another token's trouble reopened the module
                self._session = None
            for attempt in (self._close, lambda: gate.reopen(self._module), None):
                try:
                    return work(self._open(gate))
                except Exception as failure:
                    if attempt is None:
                        reason = f"{type(failure).__name__} {failure}".strip()
                        raise Transient("key.token_unavailable", token=self.label, reason=reason) from failure
                    self._close()
                    attempt()
        raise AssertionError  # the last attempt returns or raises

    def _open(self, gate: "_Gate") -> Any:
        if self._session is None:
            import pkcs11

            pin = self._pin_file.read_text("utf-8").strip()
            self._session = pkcs11.lib(self._module).get_token(token_label=self.label).open(rw=True, user_pin=pin)
            self._epoch = gate.epoch
        return self._session

    def _close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            with contextlib.suppress(Exception):  # it is broken already
                session.close()


class _Gate:
    """One process's way into a PKCS#11 module: initialised once, and anew for all tokens together."""

    def __init__(self) -> None:
        self.lock, self.epoch = threading.Lock(), 0

    def reopen(self, module: str) -> None:
        """Finalise and initialise the module, which looks for its tokens again."""
        import pkcs11

        self.epoch += 1
        with contextlib.suppress(Exception):
            pkcs11.lib(module).reinitialize()


class TokenSigner:
    """A private key inside a token, known by its label. `is_slow`: it signs in a thread of its own (`apart`)."""

    is_slow = True

    def __init__(self, token: Token, label: str, public: PublicKey) -> None:
        self.public, self.keyid, self.algorithm = public, public.keyid, public.algorithm
        self._token, self._label = token, label
        self._held: tuple[Any, Any] = (None, None)

    def sign(self, data: bytes) -> bytes:
        """Return the raw 64-byte signature; raises Transient key.token_unavailable."""
        return self._token.run(lambda session: self._sign(session, data))

    def _sign(self, session: Any, data: bytes) -> bytes:
        from pkcs11 import Mechanism, ObjectClass

        if self._held[0] is not session:
            self._held = session, session.get_key(object_class=ObjectClass.PRIVATE_KEY, label=self._label)
        key = self._held[1]
        if self.algorithm == "ed25519":
            signature = bytes(key.sign(data, mechanism=Mechanism.EDDSA))
        else:
            signature = bytes(key.sign(hashlib.sha256(data).digest(), mechanism=Mechanism.ECDSA))
        if len(signature) != 64:
            raise ValueError(f"a signature of {len(signature)} bytes")
        return signature


def open_token(settings: TokenSettings | None = None) -> Token:
    """Return the configured token; raises Transient key.token_unavailable when module or PIN file are not named."""
    found = settings or TokenSettings()
    if found.pkcs11_module is None or found.pkcs11_pin_file is None:
        reason = "HUTONG_PKCS11_MODULE or HUTONG_PKCS11_PIN_FILE is not set"
        raise Transient("key.token_unavailable", token=found.pkcs11_token, reason=reason)
    return _token(found.pkcs11_module, found.pkcs11_token, found.pkcs11_pin_file)


def make_token_key(token: Token, algorithm: Algorithm = "ed25519", label: str | None = None) -> tuple[str, PublicKey]:
    """Make a key pair inside the token (sensitive, not extractable), or take the one that bears the label already; returns label and public part.

    Raises Transient key.token_unavailable, also when the token does not know the algorithm.
    """
    name = label or f"hutong-{secrets.token_hex(8)}"
    return name, token.run(lambda session: _find_public(session, name) or _generate(session, algorithm, name))


def read_token_key(token: Token, label: str) -> PublicKey:
    """Return the public part of the token's key of this label; raises Transient key.token_unavailable when there is none.

    A token that was away may show no keys in a session from before: that there is none is believed of a fresh session only.
    """
    return token.run(lambda session: _read_public(session, label))


def _generate(session: Any, algorithm: Algorithm, label: str) -> PublicKey:
    from pkcs11 import Attribute, KeyType, Mechanism

    kind, makes, curves = (
        (KeyType.EC_EDWARDS, Mechanism.EC_EDWARDS_KEY_PAIR_GEN, (ED25519_OID, ED25519_NAME))
        if algorithm == "ed25519"
        else (KeyType.EC, Mechanism.EC_KEY_PAIR_GEN, (P256_OID,))
    )
    template = {Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False}
    for last, curve in enumerate(curves, 1 - len(curves)):
        parameters = session.create_domain_parameters(kind, {Attribute.EC_PARAMS: curve}, local=True)
        try:
            public, _ = parameters.generate_keypair(
                mechanism=makes, store=True, label=label, id=secrets.token_bytes(16), private_template=template
            )
        except Exception:
            if last == 0:
                raise
        else:
            return _public(public)
    raise AssertionError  # the last curve returns or raises


def _find_public(session: Any, label: str) -> PublicKey | None:
    from pkcs11 import NoSuchKey

    try:
        return _read_public(session, label)
    except NoSuchKey:
        return None


def _read_public(session: Any, label: str) -> PublicKey:
    from pkcs11 import ObjectClass

    return _public(session.get_key(object_class=ObjectClass.PUBLIC_KEY, label=label))


def _public(key: Any) -> PublicKey:
    from pkcs11 import Attribute

    point = bytes(key[Attribute.EC_POINT])
    if point[:2] in (b"\x04\x20", b"\x04\x41"):  # a DER OCTET STRING around it, as the standard says
        point = point[2:]
    if len(point) == 32:
        return public_key_from_jwk({"kty": "OKP", "crv": "Ed25519", "x": encode_base64url(point)})
    x, y = encode_base64url(point[1:33]), encode_base64url(point[33:65])
    return public_key_from_jwk({"kty": "EC", "crv": "P-256", "x": x, "y": y})


@cache
def _gate(_module: str) -> _Gate:
    return _Gate()


@cache
def _token(module: Path, label: str, pin_file: Path) -> Token:
    return Token(module, label, pin_file)
