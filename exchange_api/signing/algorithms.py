"""Why: keys as the exchange sees them, hub's and callers' alike: parse, name, sign, verify. Nothing here knows HTTP, a database or a file's place.

A key means one algorithm (RFC 9421 §3.3.4, §3.3.6): `alg` from the wire is never trusted. `Signer` is a protocol so that an HSM, a signing server
or an SM2 module can take the software key's place. Callers: signing, keys, auth, evidence, client.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, Protocol, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from exchange_api.signing.ed25519 import compile_sign, compile_verify
from schemas.errors import Invalid

Algorithm = Literal["ed25519", "ecdsa-p256-sha256"]
Jwk = dict[str, Any]
_THUMBPRINT_MEMBERS = {"OKP": ("crv", "kty", "x"), "EC": ("crv", "kty", "x", "y")}
_ECDSA = ec.ECDSA(hashes.SHA256())


class Signer(Protocol):
    """Anything that signs under one key id: software key, HSM, signing server."""

    @property
    def keyid(self) -> str:
        """Return the id under which the public part is published."""
        ...

    @property
    def algorithm(self) -> Algorithm:
        """Return the one algorithm of this key."""
        ...

    def sign(self, data: bytes) -> bytes:
        """Return the raw signature: 64 bytes for both algorithms (ECDSA as r‖s)."""
        ...


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A verification key bound to its id and its one algorithm."""

    keyid: str
    algorithm: Algorithm
    jwk: Jwk = field(hash=False)
    _key: ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey = field(repr=False, compare=False)
    _verify: Callable[[bytes, bytes], bool] = field(repr=False, compare=False)

    def verify(self, signature: bytes, data: bytes) -> bool:
        """Say whether `signature` (raw, 64 bytes) over `data` is this key's."""
        return len(signature) == 64 and self._verify(signature, data)

    def pem(self) -> bytes:
        """Return the SubjectPublicKeyInfo PEM."""
        return self._key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    def raw(self) -> bytes:
        """Return the 32 bytes of an Ed25519 key (C2SP key ids are computed over them); raises Invalid for other kinds."""
        if not isinstance(self._key, ed25519.Ed25519PublicKey):
            raise Invalid("key.unsupported", kind="P-256")
        return self._key.public_bytes_raw()


class HubSigner(Signer, Protocol):
    """A signer of the hub's own, whose public part is at hand: the log's checkpoints name keys by it."""

    @property
    def public(self) -> PublicKey:
        """Return the public part."""
        ...


class SoftwareSigner:
    """A private key held in memory; the file it came from is the caller's business."""

    def __init__(
        self, private_key: ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey, keyid: str | None = None
    ) -> None:
        self._key = private_key
        self._sign = (
            compile_sign(private_key)
            if isinstance(private_key, ed25519.Ed25519PrivateKey)
            else partial(_sign_ecdsa, private_key)
        )
        self.public = _public_key(private_key.public_key(), keyid)
        self.keyid, self.algorithm = self.public.keyid, self.public.algorithm

    @classmethod
    def generate(cls, algorithm: Algorithm = "ed25519") -> Self:
        """Make a fresh key from the operating system's randomness."""
        return cls(
            ed25519.Ed25519PrivateKey.generate() if algorithm == "ed25519" else ec.generate_private_key(ec.SECP256R1())
        )

    @classmethod
    def from_pem(cls, pem: bytes, keyid: str | None = None) -> Self:
        """Load an unencrypted PKCS#8 PEM; raises Invalid key.malformed or key.unsupported."""
        try:
            key = serialization.load_pem_private_key(pem, password=None)
        except (ValueError, TypeError) as wrong:
            raise Invalid("key.malformed", reason="not an unencrypted PEM private key") from wrong
        if not isinstance(key, ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey):
            raise Invalid("key.unsupported", kind=type(key).__name__)
        return cls(key, keyid)

    def sign(self, data: bytes) -> bytes:
        """Return the raw 64-byte signature over `data`."""
        return self._sign(data)

    def pem(self) -> bytes:
        """Return the private key as PKCS#8 PEM, to be kept in a 0600 file only."""
        return self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )


def public_key_from_jwk(jwk: Jwk, keyid: str | None = None) -> PublicKey:
    """Parse an RFC 7517 public JWK (OKP Ed25519, EC P-256); the id defaults to its RFC 7638 thumbprint.

    Raises Invalid key.malformed, key.unsupported, or key.private when the private part was sent along.
    """
    if not isinstance(jwk, dict):
        raise Invalid("key.malformed", reason="not a JSON object")
    if "d" in jwk:
        raise Invalid("key.private")
    kind = (jwk.get("kty"), jwk.get("crv"))
    try:
        if kind == ("OKP", "Ed25519"):
            return _public_key(ed25519.Ed25519PublicKey.from_public_bytes(decode_base64url(jwk["x"])), keyid)
        if kind == ("EC", "P-256"):
            point = b"\x04" + decode_base64url(jwk["x"]) + decode_base64url(jwk["y"])
            return _public_key(ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point), keyid)
    except (KeyError, ValueError, TypeError) as wrong:
        raise Invalid("key.malformed", reason="x or y is missing or is no point of the curve") from wrong
    raise Invalid("key.unsupported", kind=f"{kind[0]} {kind[1]}")


def public_key_from_pem(pem: bytes | str, keyid: str | None = None) -> PublicKey:
    """Parse a SubjectPublicKeyInfo PEM; raises Invalid key.malformed or key.unsupported."""
    data = pem.encode() if isinstance(pem, str) else pem
    if b"PRIVATE KEY" in data:
        raise Invalid("key.private")
    try:
        key = serialization.load_pem_public_key(data)
    except ValueError as wrong:
        raise Invalid("key.malformed", reason="not a PEM public key") from wrong
    return _public_key(key, keyid)


def thumbprint(jwk: Jwk) -> str:
    """Return the RFC 7638 SHA-256 thumbprint of a JWK, base64url without padding: the key id used everywhere."""
    members = _THUMBPRINT_MEMBERS.get(str(jwk.get("kty")))
    if members is None or any(name not in jwk for name in members):
        raise Invalid("key.malformed", reason="the members a thumbprint needs are missing")
    canonical = json.dumps({name: jwk[name] for name in members}, separators=(",", ":"), sort_keys=True)
    return encode_base64url(hashlib.sha256(canonical.encode()).digest())


def encode_base64url(data: bytes) -> str:
    """Return base64url without padding (RFC 7515 §2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode_base64url(text: str) -> bytes:
    """Decode base64url, refusing (ValueError) every spelling but the canonical one."""
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if encode_base64url(data) != text:
        raise ValueError("not canonical base64url")
    return data


def decode_base64(text: str) -> bytes:
    """Decode RFC 4648 §4 base64, refusing (ValueError) every spelling but the canonical one: trailing bits must be zero."""
    data = binascii.a2b_base64(text, strict_mode=True)
    if binascii.b2a_base64(data, newline=False).decode() != text:
        raise ValueError("not canonical base64")
    return data


def _sign_ecdsa(key: ec.EllipticCurvePrivateKey, data: bytes) -> bytes:
    r, s = decode_dss_signature(key.sign(data, _ECDSA))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def _verify_ecdsa(key: ec.EllipticCurvePublicKey, signature: bytes, data: bytes) -> bool:
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    try:
        key.verify(encode_dss_signature(r, s), data, _ECDSA)
    except InvalidSignature:
        return False
    return True


def _public_key(key: object, keyid: str | None) -> PublicKey:
    jwk: Jwk
    if isinstance(key, ed25519.Ed25519PublicKey):
        jwk = {"kty": "OKP", "crv": "Ed25519", "x": encode_base64url(key.public_bytes_raw())}
        return PublicKey(keyid or thumbprint(jwk), "ed25519", jwk, key, compile_verify(key))
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        n = key.public_numbers()
        jwk = {
            "kty": "EC",
            "crv": "P-256",
            "x": encode_base64url(n.x.to_bytes(32, "big")),
            "y": encode_base64url(n.y.to_bytes(32, "big")),
        }
        return PublicKey(keyid or thumbprint(jwk), "ecdsa-p256-sha256", jwk, key, partial(_verify_ecdsa, key))
    raise Invalid("key.unsupported", kind=type(key).__name__)
