"""Why: hub and witness must spell a submission alike: the body of POST /add-checkpoint (C2SP tlog-witness). Pure; `vouching` writes it, `witness` reads it."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from exchange_api.evidence.checkpoint import Checkpoint, parse_checkpoint
from exchange_api.signing.algorithms import decode_base64

MOST_PROOF_LINES = 63


@dataclass(frozen=True, slots=True)
class Submission:
    """A well-formed `add-checkpoint` body."""

    old: int
    path: tuple[bytes, ...]
    checkpoint: Checkpoint
    note: str


def write_submission(old: int, path: Sequence[bytes], note: str) -> str:
    """Return the body: old size, consistency proof, checkpoint."""
    return "\n".join([f"old {old}", *(base64.b64encode(one).decode() for one in path), "", note])


def read_submission(body: bytes) -> Submission:
    """Read a body; ValueError unless it is in form."""
    head, separator, note = body.decode("utf-8").partition("\n\n")
    first, *lines = head.split("\n")
    number = first.removeprefix("old ")
    if not separator or first == number or not number.isascii() or not number.isdecimal() or str(int(number)) != number:
        raise ValueError("the first line is not `old` and a size")
    path = tuple(decode_base64(line) for line in lines)
    if len(lines) > MOST_PROOF_LINES or any(len(one) != 32 for one in path):
        raise ValueError("the proof is not up to 63 hashes of 32 bytes")
    return Submission(int(number), path, parse_checkpoint(note)[0], note)
