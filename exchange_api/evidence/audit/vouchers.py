"""Why: what others vouched for stands beside checkpoints and must fit them. Cosignatures verify by the key in their own row, stamps by the authority that
is configured, else by what they say they stamp. Called by `walk`.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from exchange_api.evidence.audit.findings import Findings
from exchange_api.evidence.checkpoint import parse_checkpoint
from exchange_api.evidence.cosignature import VerifierKey, verify_cosignature
from exchange_api.evidence.stamping import Authority, stamped_at, verify_token
from schemas.errors import Invalid
from schemas.tables.evidence import Checkpoint, Cosignature, Stamp

AT_ONCE = 1_000


def check_vouchers(session: Session, sizes: tuple[int, int], authority: Authority | None, findings: Findings) -> int:
    """Hold cosignatures and stamps of checkpoints in (from, to] to those checkpoints; return how many there were."""
    count, options = 0, {"yield_per": AT_ONCE}
    beside = Cosignature.size > sizes[0], Cosignature.size <= sizes[1]
    cosigned = select(Cosignature, Checkpoint.note).outerjoin(Checkpoint, Checkpoint.size == Cosignature.size)
    for row, note in session.execute(cosigned.where(*beside).order_by(Cosignature.size), execution_options=options):
        count += _checked((row, note), _cosigned_at, "cosignature", findings)
    stamped = select(Stamp, Checkpoint.note).outerjoin(Checkpoint, Checkpoint.size == Stamp.size)
    within = Stamp.size > sizes[0], Stamp.size <= sizes[1]
    for stamp, note in session.execute(stamped.where(*within).order_by(Stamp.size), execution_options=options):
        count += _checked((stamp, note), partial(_stamped_at, authority), "stamp", findings)
    return count


def _checked(
    one: tuple[Cosignature | Stamp, str | None],
    read: Callable[[Any, str], datetime | None],
    kind: str,
    findings: Findings,
) -> int:
    row, note = one
    moment = row.cosigned_at if isinstance(row, Cosignature) else row.stamped_at
    try:
        if note is None:
            findings.add(f"{kind}.added", row.size, "there is no checkpoint of this size")
        elif read(row, note) != moment:
            findings.add(f"{kind}.altered", row.size, "its moment is not the one that was signed")
    except (ValueError, Invalid) as wrong:
        findings.add(f"{kind}.altered", row.size, str(wrong))
    return 1


def _cosigned_at(row: Cosignature, note: str) -> datetime | None:
    moment = verify_cosignature(row.line, parse_checkpoint(note)[0], VerifierKey.parse(row.vkey))
    return None if moment is None else datetime.fromtimestamp(moment, UTC)


def _stamped_at(authority: Authority | None, row: Stamp, note: str) -> datetime:
    return stamped_at(row.token, note) if authority is None else verify_token(row.token, note, authority)
