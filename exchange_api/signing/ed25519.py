"""Why: Ed25519 is the largest single cost of an answer. libsodium verifies in half of OpenSSL's time (52 against 105 µs) and signs in two thirds
(22 against 35 µs), so the server uses it (PyNaCl, extra `api`); an application system or an offline verifier without it uses OpenSSL.

Both sign the same bytes (RFC 8032 is deterministic). libsodium refuses some keys and signatures more (points of small order, other spellings of a
point) and none less: what the server accepts, every verifier accepts. Called by `algorithms` only.
"""

from collections.abc import Callable

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

try:
    from nacl.bindings import crypto_sign, crypto_sign_open
    from nacl.exceptions import BadSignatureError
except ImportError:
    IS_SODIUM = False
else:
    IS_SODIUM = True

Sign = Callable[[bytes], bytes]
Verify = Callable[[bytes, bytes], bool]
"""(signature of 64 bytes, data) → is it this key's."""


def compile_sign(key: Ed25519PrivateKey, *, is_sodium: bool = IS_SODIUM) -> Sign:
    """Return the function that signs with `key`: the raw 64 bytes."""
    if not is_sodium:
        return key.sign
    secret = key.private_bytes_raw() + key.public_key().public_bytes_raw()

    def sign(data: bytes) -> bytes:
        return crypto_sign(data, secret)[:64]

    return sign


def compile_verify(key: Ed25519PublicKey, *, is_sodium: bool = IS_SODIUM) -> Verify:
    """Return the function that says whether a signature over data is `key`'s."""
    return _verify_by_sodium(key.public_bytes_raw()) if is_sodium else _verify_by_openssl(key)


def _verify_by_sodium(public: bytes) -> Verify:
    def verify(signature: bytes, data: bytes) -> bool:
        try:
            crypto_sign_open(signature + data, public)
        except BadSignatureError:
            return False
        return len(signature) == 64

    return verify


def _verify_by_openssl(key: Ed25519PublicKey) -> Verify:
    def verify(signature: bytes, data: bytes) -> bool:
        try:
            key.verify(signature, data)
        except InvalidSignature:
            return False
        return True

    return verify
