"""Why: a cursor goes through the asker's hands and stands in its URL, and it holds the key of a record: it must tell nothing, and nobody else may make one.
Sealed with AES-SIV (RFC 5297), the same content gives the same token, so that a repeated question has the same answer. Called by the room `feeds`.
"""

import base64
import binascii
import hmac

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV


def seal_token(secret: bytes, content: bytes, owner: str) -> str:
    """Return `content` as letters, digits, '-' and '_', sealed for its owner under a key made from `secret`."""
    sealed = AESSIV(_key(secret)).encrypt(content, [owner.encode()])
    return base64.urlsafe_b64encode(sealed).decode().rstrip("=")


def open_token(secret: bytes, token: str, owner: str) -> bytes | None:
    """Return what was sealed for this owner; None when it was not, or was changed on the way."""
    try:
        sealed = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        return AESSIV(_key(secret)).decrypt(sealed, [owner.encode()])
    except (InvalidTag, ValueError, binascii.Error):
        return None


def _key(secret: bytes) -> bytes:
    return hmac.digest(secret, b"hutong-token/1", "sha512")
