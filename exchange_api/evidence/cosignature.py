"""Why: what a witness adds to a checkpoint: a timed Ed25519 cosignature (C2SP tlog-cosignature v1) and the verifier keys (C2SP signed-note) by which it
and the log are known. Pure; used by the witness, by the hub that asks it, and by whoever verifies a receipt.
"""

import base64
import hashlib
import re
from dataclasses import dataclass
from typing import Self

from exchange_api.evidence.checkpoint import Checkpoint, checkpoint_body
from exchange_api.signing import PublicKey, public_key_from_jwk
from exchange_api.signing.algorithms import Signer, decode_base64, encode_base64url
from schemas.errors import Invalid

LOG, WITNESS = 0x01, 0x04
"""Signature types: a log's own Ed25519 signature, a witness's timed cosignature."""
_NAME = re.compile(r"[!-*,-~]{1,200}")
_LEAST = 4 + 8 + 64


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A name with a key and what it signs: `<name>+<key id>+<base64(type ‖ key)>` (C2SP signed-note, verifier keys)."""

    name: str
    type: int
    key: PublicKey

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a verifier key; raises Invalid witness.key_malformed unless it is spelled as it would be written."""
        name, _, rest = text.partition("+")
        _, _, encoded = rest.partition("+")
        try:
            raw = decode_base64(encoded)
            kind = LOG if raw[:1] == bytes([LOG]) else WITNESS  # another type shows in the spelling below
            found = cls(
                name, kind, public_key_from_jwk({"kty": "OKP", "crv": "Ed25519", "x": encode_base64url(raw[1:])})
            )
        except (ValueError, Invalid) as wrong:
            raise Invalid("witness.key_malformed", key=text[:100]) from wrong
        if not _NAME.fullmatch(name) or str(found) != text:
            raise Invalid("witness.key_malformed", key=text[:100])
        return found

    @property
    def id(self) -> bytes:
        """Return the 4-byte key id."""
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([self.type]) + self.key.raw()).digest()[:4]

    def __str__(self) -> str:
        """Return it as it is handed to others."""
        encoded = base64.b64encode(bytes([self.type]) + self.key.raw()).decode()
        return f"{self.name}+{self.id.hex()}+{encoded}"


@dataclass(frozen=True, slots=True)
class Cosignature:
    """One cosignature line, still to be verified: whose it says it is, and when."""

    name: str
    key_id: bytes
    at: int
    signature: bytes


def cosign(checkpoint: Checkpoint, witness: VerifierKey, signer: Signer, at: int) -> str:
    """Return the witness's signature line (without its newline) over a checkpoint at POSIX time `at`."""
    signature = witness.id + at.to_bytes(8, "big") + signer.sign(_message(checkpoint, at))
    return f"— {witness.name} {base64.b64encode(signature).decode()}"


def parse_cosignature(line: str) -> Cosignature:
    """Read a line; ValueError unless it has the form of an Ed25519 cosignature in its one spelling."""
    dash, _, rest = line.partition(" ")
    name, _, encoded = rest.partition(" ")
    raw = decode_base64(encoded)
    if dash != "—" or not _NAME.fullmatch(name) or len(raw) != _LEAST or raw[4] & 0x80:
        raise ValueError("a signature line is neither by a known key of this log nor a witness's cosignature")
    return Cosignature(name, raw[:4], int.from_bytes(raw[4:12], "big"), raw[12:])


def verify_cosignature(line: str, checkpoint: Checkpoint, witness: VerifierKey) -> int | None:
    """Return when the witness cosigned (POSIX seconds), or None when the line is another's; ValueError when it is this one's and wrong."""
    found = parse_cosignature(line)
    if found.name != witness.name or found.key_id != witness.id:
        return None
    if not witness.key.verify(found.signature, _message(checkpoint, found.at)):
        raise ValueError(f"the cosignature of {witness.name} is wrong")
    return found.at


def _message(checkpoint: Checkpoint, at: int) -> bytes:
    return f"cosignature/v1\ntime {at}\n{checkpoint_body(checkpoint)}".encode()
