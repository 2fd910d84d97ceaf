"""Why: a sealed secret says in what format and under which key-encryption key it lies, and can neither be changed nor put in another's place.

AES-256-GCM under a data key of its own, which the KEK wraps; authenticated with format, purpose and name of the secret. Called by `files`.
"""

import json
import secrets
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from exchange_api.keeping.kek import NONCE, SIZE, KeyEncryptionKey

FORMAT = "hutong-sealed/1"
_HEAD = b'{"format": "hutong-sealed/'
"""How every version begins: no PEM and no 32 random bytes do."""


@dataclass(frozen=True, slots=True)
class Label:
    """What a secret is for, and whose: `signing` and a key id, `subject`, `sealing`."""

    purpose: str
    name: str

    def context(self) -> bytes:
        """Return the bytes that are authenticated with the secret."""
        return json.dumps([FORMAT, self.purpose, self.name]).encode()


def is_sealed(data: bytes) -> bool:
    """Say whether this is a sealed secret of any version."""
    return data.startswith(_HEAD)


def seal(secret: bytes, label: Label, kek: KeyEncryptionKey) -> bytes:
    """Return the secret sealed under a fresh data key; raises Transient key.kek_unreachable."""
    key, nonce, context = secrets.token_bytes(SIZE), secrets.token_bytes(NONCE), label.context()
    members = {
        "format": FORMAT,
        "kek": kek.name,
        "wrapped": kek.wrap(key),
        "nonce": nonce.hex(),
        "sealed": AESGCM(key).encrypt(nonce, secret, context).hex(),
    }
    return json.dumps(members).encode() + b"\n"


def unseal(data: bytes, label: Label, kek: KeyEncryptionKey) -> bytes:
    """Return the secret; ValueError when format, KEK, label or any byte is another. Raises Transient key.kek_unreachable."""
    members = json.loads(data)
    if members.get("format") != FORMAT:
        raise ValueError("sealed by another version")
    context = label.context()
    try:
        key = kek.unwrap(members["wrapped"])
        return AESGCM(key).decrypt(bytes.fromhex(members["nonce"]), bytes.fromhex(members["sealed"]), context)
    except (InvalidTag, KeyError, TypeError) as wrong:
        raise ValueError("damaged, or another secret's") from wrong


def kek_of(data: bytes) -> str:
    """Return the name of the KEK that a secret is sealed under; `unknown` when the file does not say."""
    try:
        return str(json.loads(data)["kek"])
    except (ValueError, KeyError, TypeError):
        return "unknown"
