"""Why: a checkpoint is the hub's own word until others vouch for it: witnesses by cosignatures, an authority by a time stamp, both kept beside it. Says
which checkpoint vouches best for an entry, and how far vouching lags. Reads only; `log`, routers and health call it.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from exchange_api.evidence.checkpoint import add_lines
from schemas.tables.evidence import Checkpoint, Cosignature, Halt, Stamp

# one question instead of five: a receipt asks it each time
_USABLE = "JOIN evidence.checkpoints c USING (size) JOIN evidence.signing_keys k ON k.keyid = c.keyid AND k.state <> 'revoked'"
BEST = f"""
SELECT c.size, c.note, (SELECT token FROM evidence.stamps s WHERE s.size = c.size) AS token,
    (SELECT array_agg(line) FROM evidence.cosignatures o WHERE o.size = c.size) AS lines
FROM ((SELECT 1 AS rank, size FROM evidence.stamps s {_USABLE} WHERE size > place.index ORDER BY size LIMIT 1)
    UNION ALL (SELECT 2, size FROM evidence.cosignatures o {_USABLE} WHERE size > place.index ORDER BY size LIMIT 1)
    UNION ALL (SELECT 3, size FROM evidence.checkpoints ORDER BY size DESC LIMIT 1)) found JOIN evidence.checkpoints c USING (size)
WHERE c.size > place.index ORDER BY found.rank LIMIT 1
"""  # noqa: S608 — of constants
"""The checkpoint by which to prove leaf `place.index`: the first stamped one, else the first cosigned one, else the newest; none: it is not in any. The
first stamp proves the earliest moment. A checkpoint whose key was revoked since vouches for nothing.
"""


@dataclass(frozen=True, slots=True)
class Vouched:
    """A checkpoint's note with the witnesses' lines, and the token of its time stamp when it has one."""

    size: int
    note: str
    stamp: bytes | None


@dataclass(frozen=True, slots=True)
class Lag:
    """How far vouching is behind: since when checkpoints wait for a stamp or for a witness (None: none waits), what is halted."""

    unstamped_since: datetime | None
    uncosigned_since: dict[str, datetime | None]
    halts: tuple[str, ...]


def newest_checkpoint(session: Session) -> Checkpoint | None:
    """Return the newest checkpoint row, or None while the log is empty."""
    return session.scalars(select(Checkpoint).order_by(Checkpoint.size.desc()).limit(1)).first()


def newest_vouched(session: Session, is_cosigned: bool = False) -> Vouched | None:
    """Return the newest checkpoint (of those with a cosignature, if wanted) with all that vouches for it, or None when there is none."""
    query = select(Checkpoint).order_by(Checkpoint.size.desc()).limit(1)
    if is_cosigned:
        query = query.where(Checkpoint.size == select(func.max(Cosignature.size)).scalar_subquery())
    found = session.scalars(query).first()
    return _with_vouchers(session, found) if found else None


def vouching_lag(session: Session, vkeys: tuple[str, ...] = ()) -> Lag:
    """Say since when checkpoints wait, for the time stamp and for each witness of `vkeys`; for health and metrics."""
    stamped = select(func.coalesce(func.max(Stamp.size), 0)).scalar_subquery()
    waiting = {vkey: _first_after(session, _cosigned_by(vkey)) for vkey in vkeys}
    halts = tuple(session.scalars(select(Halt.reason).order_by(Halt.reason)))
    return Lag(_first_after(session, stamped), waiting, halts)


def _cosigned_by(vkey: str) -> Any:
    return select(func.coalesce(func.max(Cosignature.size), 0)).where(Cosignature.vkey == vkey).scalar_subquery()


def _first_after(session: Session, size: Any) -> datetime | None:
    found = select(Checkpoint.signed_at).where(Checkpoint.size > size).order_by(Checkpoint.size).limit(1)
    return session.scalars(found).first()


def _with_vouchers(session: Session, row: Checkpoint) -> Vouched:
    lines = session.scalars(select(Cosignature.line).where(Cosignature.size == row.size)).all()
    token = session.scalars(select(Stamp.token).where(Stamp.size == row.size)).first()
    return Vouched(row.size, add_lines(row.note, lines), token)
