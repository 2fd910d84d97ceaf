"""Why: the log's texts: C2SP signed notes, tlog-checkpoint and tlog-proof@v1, written and read strictly. Pure; used by sequencer, log and receipt.

Reading refuses everything that writing would not have made (other base64 spelling, unknown signature lines, extra data), so that no byte of a text
can be changed unnoticed. Ed25519 only (signature type 0x01): that is what witnesses and other log tools accept.
"""

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from exchange_api.signing.algorithms import PublicKey, Signer, decode_base64
from schemas.errors import Invalid

PROOF_HEADER = "c2sp.org/tlog-proof@v1"
_ORIGIN = re.compile(r"[!-*,-~]{1,200}")
_NUMBER = re.compile(r"0|[1-9]\d{0,18}")
_COSIGNED = 4 + 8 + 64
"""Bytes of a witness's line: key id, time, Ed25519 signature (C2SP tlog-cosignature)."""


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
    """Return the checkpoint and the key that signed it; ValueError unless every line of the log is by one of `keys` and good.

    Lines of witnesses follow the log's own, in order; only their form is checked here (`cosignature` verifies them).
    """
    checkpoint, lines = parse_checkpoint(note)
    own = own_lines(checkpoint, lines)
    known = {note_key_id(checkpoint.origin, key): key for key in keys if key.algorithm == "ed25519"}
    if own != lines[: len(own)] or lines[len(own) :] != sorted({*lines[len(own) :]}):
        raise ValueError("the signature lines are out of order")
    signed_by = [_signer_of(line, known, checkpoint_body(checkpoint).encode()) for line in own]
    for line in lines[len(own) :]:
        if len(_split(line)[1]) != _COSIGNED:
            raise ValueError("a signature line is neither by a known key of this log nor a witness's cosignature")
    if not signed_by:
        raise ValueError("the checkpoint is not signed by a known key of its log")
    return checkpoint, signed_by[-1]


def own_lines(checkpoint: Checkpoint, lines: Iterable[str]) -> list[str]:
    """Return the signature lines under the log's own name."""
    return [line for line in lines if line.startswith(f"— {checkpoint.origin} ")]


def add_lines(note: str, lines: Iterable[str]) -> str:
    """Return the note with witnesses' lines, each once and in order."""
    return note + "".join(f"{line}\n" for line in sorted({*lines}))


def bare_note(note: str) -> str:
    """Return the note as the log alone signed it, without witnesses' lines: what a time stamp covers. ValueError as `parse_checkpoint`."""
    checkpoint, lines = parse_checkpoint(note)
    return "\n".join([checkpoint_body(checkpoint), *own_lines(checkpoint, lines), ""])


def _split(line: str) -> tuple[str, bytes]:
    dash, _, rest = line.partition(" ")
    name, _, encoded = rest.partition(" ")
    if dash != "—" or not _ORIGIN.fullmatch(name):
        raise ValueError("a signature line is malformed")
    return name, decode_base64(encoded)


def _signer_of(line: str, known: Mapping[bytes, PublicKey], body: bytes) -> PublicKey:
    raw = _split(line)[1]
    key = known.get(raw[:4])
    if key is None:
        raise ValueError("a signature line is not by a known key of this log")
    if not key.verify(raw[4:], body):
        raise ValueError("the checkpoint's signature is wrong")
    return key


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
