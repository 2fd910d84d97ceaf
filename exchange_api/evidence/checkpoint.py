"""Why: the log's texts: C2SP signed notes, tlog-checkpoint and tlog-proof@v1, written and read strictly. Pure; used by sequencer, log and receipt.

Reading refuses everything that writing would not have made (other base64 spelling, unknown signature lines, extra data), so that no byte of a text
can be changed unnoticed. Ed25519 only (signature type 0x01): that is what witnesses and other log tools accept.
"""

import base64
import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from exchange_api.signing.algorithms import PublicKey, Signer, decode_base64
from schemas.errors import Invalid

PROOF_HEADER = "c2sp.org/tlog-proof@v1"
_ORIGIN = re.compile(r"[!-*,-~]{1,200}")
_NUMBER = re.compile(r"0|[1-9]\d{0,18}")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log commits to: its name, its size, its root."""

    origin: str
    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class Proof:
    """An inclusion proof with the checkpoint note it leads to."""

    index: int
    path: tuple[bytes, ...]
    note: str


def note_key_id(name: str, key: PublicKey) -> bytes:
    """Return the 4-byte key id of an Ed25519 note key (C2SP signed-note): SHA-256(name ‖ LF ‖ 0x01 ‖ key)[:4]."""
    return hashlib.sha256(name.encode() + b"\n\x01" + key.raw()).digest()[:4]


def sign_checkpoint(checkpoint: Checkpoint, signer: Signer, key: PublicKey) -> str:
    """Return the signed note of a checkpoint; `key` is the signer's public part."""
    body = checkpoint_body(checkpoint)
    signature = note_key_id(checkpoint.origin, key) + signer.sign(body.encode())
    return f"{body}\n— {checkpoint.origin} {_base64(signature)}\n"


def checkpoint_body(checkpoint: Checkpoint) -> str:
    """Return the note text: origin, size, root, each on its line."""
    if not _ORIGIN.fullmatch(checkpoint.origin):
        raise Invalid("evidence.log_broken", reason="the origin holds spaces, plus signs or nothing")
    return f"{checkpoint.origin}\n{checkpoint.size}\n{_base64(checkpoint.root)}\n"


def parse_checkpoint(note: str) -> tuple[Checkpoint, list[str]]:
    """Split a note into its checkpoint and its signature lines (still to be verified); ValueError when it is not exactly in form."""
    body, separator, tail = note.partition("\n\n")
    lines = body.split("\n")
    if not separator or len(lines) != 3 or not _ORIGIN.fullmatch(lines[0]) or not _NUMBER.fullmatch(lines[1]):
        raise ValueError("not a checkpoint of three lines")
    root = decode_base64(lines[2])
    if len(root) != 32 or not tail.endswith("\n"):
        raise ValueError("root or end of the checkpoint is malformed")
    return Checkpoint(lines[0], int(lines[1]), root), tail[:-1].split("\n")


def verify_checkpoint(note: str, keys: Iterable[PublicKey]) -> tuple[Checkpoint, PublicKey]:
    """Return the checkpoint and the key that signed it; ValueError unless every signature line is by one of `keys` and good."""
    checkpoint, lines = parse_checkpoint(note)
    known = {note_key_id(checkpoint.origin, key): key for key in keys if key.algorithm == "ed25519"}
    signed_by: PublicKey | None = None
    for line in lines:
        dash, _, rest = line.partition(" ")
        name, _, encoded = rest.partition(" ")
        raw = decode_base64(encoded)
        key = known.get(raw[:4])
        if dash != "—" or name != checkpoint.origin or key is None:
            raise ValueError("a signature line is not by a known key of this log")
        if not key.verify(raw[4:], checkpoint_body(checkpoint).encode()):
            raise ValueError("the checkpoint's signature is wrong")
        signed_by = key
    if signed_by is None:
        raise ValueError("the checkpoint is not signed")
    return checkpoint, signed_by


def write_proof(index: int, path: Sequence[bytes], note: str) -> str:
    """Return the `.tlog-proof` text (c2sp.org/tlog-proof@v1)."""
    return "\n".join([PROOF_HEADER, f"index {index}", *(_base64(one) for one in path), "", note])


def parse_proof(text: str) -> Proof:
    """Read a `.tlog-proof` without extra data; ValueError unless writing it again gives the very same text."""
    head, separator, note = text.partition("\n\n")
    lines = head.split("\n")
    number = lines[1].removeprefix("index ") if len(lines) > 1 else ""
    if not separator or not _NUMBER.fullmatch(number):
        raise ValueError("not a tlog-proof")
    proof = Proof(int(number), tuple(decode_base64(line) for line in lines[2:]), note)
    if write_proof(proof.index, proof.path, proof.note) != text or any(len(one) != 32 for one in proof.path):
        raise ValueError("not in the one spelling of tlog-proof@v1")
    return proof


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
