"""Why: a merge stamps what it writes with the time it got its locks, and commits later. Between the two, whoever reads does not see what will later bear an
earlier time, so "now" is no moment at which the same can be read again. Each transaction that writes a library therefore announces when it began, as a
shared advisory lock whose number holds that time; the horizon is the latest moment before all that is still open.

Whatever bears a time up to the horizon was committed before the horizon was asked for: a read that begins afterwards sees all of it. The answer's evidence
is made durable after it, and with it, in the same log, every commit it rests on. `libraries.merging.partitions` announces; the exchange asks.
"""

import zlib
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

_TAG, _LIBRARY_BITS, _TIME_BITS = (
    0x48,
    14,
    42,
)  # with the sign 64 bits: tag, library, milliseconds since 1970 (until 2109)
_ANNOUNCE = text(
    "SELECT pg_advisory_xact_lock_shared(CAST(:number AS bigint) + floor(EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::bigint)"
)
HORIZON = f"""
    SELECT statement_timestamp() AS now, min(((classid::bigint << 32) | objid::bigint) & {(1 << _TIME_BITS) - 1}) AS oldest
    FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND ((classid::bigint << 32) | objid::bigint) >> {_TIME_BITS} = $1::bigint
"""  # noqa: S608 - numbers of our own. The statement's own time is taken before it looks at the locks
"""For asyncpg, with `number_of(library)`: the row that `settled` reads."""


def announce(session: Session, library: str) -> Any:
    """Say that this transaction writes the library from now on, and return the time it is to stamp. The locks that keep other writers off go before."""
    session.execute(_ANNOUNCE, {"number": number_of(library) << _TIME_BITS})
    return session.scalar(select(func.clock_timestamp()))


def number_of(library: str) -> int:
    """Return what announcements of one library begin with; two libraries that share it hold each other's horizon back and do no worse."""
    return _TAG << _LIBRARY_BITS | zlib.crc32(library.encode()) & ((1 << _LIBRARY_BITS) - 1)


def settled(row: Any) -> datetime:
    """Return the horizon from a row of HORIZON: all that bears a time up to it is committed."""
    now: datetime = row["now"]
    if row["oldest"] is None:
        return now
    began = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=row["oldest"])
    return min(now, began - timedelta(microseconds=1))
