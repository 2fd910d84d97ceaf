"""Why: one submission to a witness and the one right answer to it, by the letter of C2SP tlog-witness. Called by `serving` and tests.

Checking the old size, checking the proof, remembering and signing happen under one lock: no two submissions can be cosigned past each other.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from exchange_api.evidence.checkpoint import bare_note, checkpoint_body, own_lines, parse_checkpoint
from exchange_api.evidence.cosignature import VerifierKey, cosign
from exchange_api.evidence.merkle import verify_consistency
from exchange_api.evidence.submission import Submission, read_submission
from exchange_api.signing.algorithms import decode_base64
from exchange_api.witness.memory import Memory, Seen


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer: HTTP status, body, and its content type."""

    status: int
    body: str = ""
    content_type: str = "text/plain; charset=utf-8"


class Witness:
    """Judges submissions against its memory."""

    def __init__(self, memory: Memory, clock: Callable[[], float] = time.time) -> None:
        self._memory, self._clock, self._lock = memory, clock, threading.Lock()

    def judge(self, body: bytes) -> Verdict:
        """Return the cosignature of a checkpoint that follows from the last one, or the refusal the standard names.

        400 not in form, 403 not signed by a known key, 404 unknown log, 409 other size than remembered or a fork, 422 wrong proof.
        """
        try:
            asked = read_submission(body)
        except ValueError as wrong:
            return Verdict(400, f"{wrong}\n")
        with self._lock:
            seen = self._memory.logs.get(asked.checkpoint.origin)
            if seen is None or not seen.vkeys:
                return Verdict(404, "this log is not known here\n")
            refused = _refusal(asked, seen)
            return refused or self._cosign(asked, seen)

    def _cosign(self, asked: Submission, seen: Seen) -> Verdict:
        if asked.checkpoint.size > seen.size:
            self._memory.keep(
                asked.checkpoint.origin, replace(seen, size=asked.checkpoint.size, note=bare_note(asked.note))
            )
        line = cosign(asked.checkpoint, self._memory.vkey, self._memory.signer, int(self._clock()))
        return Verdict(200, f"{line}\n")


def _refusal(asked: Submission, seen: Seen) -> Verdict | None:
    checkpoint = asked.checkpoint
    if not any(_is_signed(asked, VerifierKey.parse(one)) for one in seen.vkeys):
        return Verdict(403, "no known key of this log signed the checkpoint\n")
    if asked.old > checkpoint.size:
        return Verdict(400, "the old size is larger than the checkpoint\n")
    if asked.old != seen.size:
        return Verdict(409, f"{seen.size}\n", "text/x.tlog.size")
    known = parse_checkpoint(seen.note)[0].root if seen.size else b""
    if seen.size and checkpoint.size == seen.size:
        if checkpoint.root != known:
            return Verdict(409, f"{seen.size}\n", "text/x.tlog.size")
        return None if not asked.path else Verdict(422, "no proof belongs to an equal size\n")
    is_proven = (
        not asked.path
        if not seen.size
        else verify_consistency((seen.size, checkpoint.size), (known, checkpoint.root), asked.path)
    )
    return None if is_proven else Verdict(422, "the proof does not lead from the known checkpoint to this one\n")


def _is_signed(asked: Submission, key: VerifierKey) -> bool:
    for line in own_lines(asked.checkpoint, parse_checkpoint(asked.note)[1]):
        try:
            raw = decode_base64(line.rpartition(" ")[2])
        except ValueError:
            continue  # another kind of signature: not one this witness can judge
        if raw[:4] == key.id and key.key.verify(raw[4:], checkpoint_body(asked.checkpoint).encode()):
            return True
    return False
