"""Why: some authorities ask for national algorithms, so answers may carry an SM2 signature beside Ed25519, never instead of it. No Python package does it
well; the system's libcrypto does. Called by `second`, keys and evidence.receipt_checks; nothing works before `require` has let it pass.

SM2 with SM3, GB/T 32918.2 (GM/T 0003.2), id 1234567812345678 always given: OpenSSL before 4.0 takes an empty one otherwise. Raw signatures are r‖s,
64 bytes. In software, so for development and low grades: a graded system (GB/T 39786) needs a certified module.
"""

import base64
import textwrap
from functools import cache
from typing import Self

from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from exchange_api.signing import libcrypto
from exchange_api.signing.algorithms import Jwk, decode_base64url, encode_base64url, thumbprint
from schemas.errors import Invalid, Transient

ALGORITHM = "sm2-sm3"
"""A private name: neither RFC 9421's registry nor JOSE's knows SM2."""
ID = b"1234567812345678"
_HEAD = bytes.fromhex("3059301306072a8648ce3d020106082a811ccf5501822d03420004")
"""SubjectPublicKeyInfo of curve 1.2.156.10197.1.301 up to x‖y."""
_VECTOR = (
    "09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13",
    "F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA",
    b"message digest",
)
"""GB/T 32918.5-2017 A.2: public key, signature, message."""


class Sm2PublicKey:
    """An SM2 verification key."""

    def __init__(self, key: libcrypto.Key, keyid: str | None = None) -> None:
        self._key, self._der = key, key.public_der()
        x, y = self._der[-64:-32], self._der[-32:]
        self.jwk: Jwk = {"kty": "EC", "crv": "SM2", "x": encode_base64url(x), "y": encode_base64url(y)}
        self.keyid, self.algorithm = keyid or thumbprint(self.jwk), ALGORITHM

    def verify(self, signature: bytes, data: bytes) -> bool:
        """Say whether `signature` (r‖s, 64 bytes) over `data` is this key's."""
        if len(signature) != 64:
            return False
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        return self._key.verify(ID, encode_dss_signature(r, s), data)

    def pem(self) -> bytes:
        """Return the SubjectPublicKeyInfo PEM."""
        return _pem("PUBLIC KEY", self._der)


class Sm2Signer:
    """An SM2 private key in memory."""

    algorithm = ALGORITHM

    def __init__(self, key: libcrypto.Key, keyid: str | None = None) -> None:
        self._key = key
        self.public = Sm2PublicKey(key, keyid)
        self.keyid = self.public.keyid

    @classmethod
    def generate(cls) -> Self:
        """Make a fresh key; raises Transient key.second_unavailable."""
        require()
        return cls(libcrypto.generate())

    @classmethod
    def from_pem(cls, pem: bytes, keyid: str | None = None) -> Self:
        """Load an unencrypted PKCS#8 PEM; raises Invalid key.malformed, Transient key.second_unavailable."""
        require()
        lines = pem.decode("ascii", "replace").split()
        try:
            if not pem.strip().startswith(b"-----BEGIN PRIVATE KEY-----"):
                raise ValueError("not PKCS#8")
            return cls(libcrypto.read_private(base64.b64decode("".join(lines[3:-3]), validate=True)), keyid)
        except ValueError as wrong:
            raise Invalid("key.malformed", reason="not an unencrypted PEM private key of SM2") from wrong

    def sign(self, data: bytes) -> bytes:
        """Return r‖s, 64 bytes, over `data`."""
        r, s = decode_dss_signature(self._key.sign(ID, data))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def pem(self) -> bytes:
        """Return the private key as PKCS#8 PEM, to be kept in a 0600 file only."""
        return _pem("PRIVATE KEY", self._key.private_der())


def is_sm2(jwk: Jwk) -> bool:
    """Say whether a JWK is of this kind."""
    return isinstance(jwk, dict) and (jwk.get("kty"), jwk.get("crv")) == ("EC", "SM2")


def sm2_key_from_jwk(jwk: Jwk, keyid: str | None = None) -> Sm2PublicKey:
    """Parse a public JWK (kty EC, crv SM2); raises Invalid key.malformed, key.unsupported, key.private, Transient key.second_unavailable."""
    require()
    if not is_sm2(jwk):
        raise Invalid("key.unsupported", kind=f"{jwk.get('kty')} {jwk.get('crv')}")
    if "d" in jwk:
        raise Invalid("key.private")
    try:
        x, y = decode_base64url(jwk["x"]), decode_base64url(jwk["y"])
        if len(x) != 32 or len(y) != 32:
            raise ValueError("x and y are not of 32 bytes")
        return Sm2PublicKey(libcrypto.read_public(_HEAD + x + y), keyid)
    except (KeyError, ValueError, TypeError) as wrong:
        raise Invalid("key.malformed", reason="x or y is missing or is no point of the curve") from wrong


@cache
def require() -> None:
    """Hold the library against the standard's vector, once in a process; raises Transient key.second_unavailable with what is wrong."""
    try:
        point, signature, message = bytes.fromhex(_VECTOR[0]), bytes.fromhex(_VECTOR[1]), _VECTOR[2]
        key, own = Sm2PublicKey(libcrypto.read_public(_HEAD + point)), Sm2Signer(libcrypto.generate())
        if (
            not key.verify(signature, message)
            or key.verify(signature, message + b".")
            or key.verify(bytes(64), message)
        ):
            raise ValueError("the vector of GB/T 32918.5 does not hold")
        if not own.public.verify(own.sign(message), message):
            raise ValueError("its own signature does not hold")
    except (OSError, AttributeError, ValueError) as wrong:
        raise Transient("key.second_unavailable", reason=str(wrong)) from wrong


def _pem(kind: str, der: bytes) -> bytes:
    body = "\n".join(textwrap.wrap(base64.b64encode(der).decode(), 64))
    return f"-----BEGIN {kind}-----\n{body}\n-----END {kind}-----\n".encode()
