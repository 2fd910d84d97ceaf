"""Why: what we knew when. A golden record that changes leaves its former version here with the period in which the hub believed it, so that any past
belief can be read again. `libraries.golden` writes through these statements; `libraries.record` and the exchange read with `read_known_at`.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from libraries import sql
from schemas.errors import Invalid
from schemas.library import Library, library

# The period ends where the next one begins. The clock of a server set back in between must not turn a period round.
KEEP = """
    INSERT INTO {history} ({record}, sources, batches, version, known_from, known_to)
    SELECT {record}, sources, batches, version, recorded_at, GREATEST(:now, recorded_at) FROM moved
"""
NEXT_VERSION = "1 + COALESCE((SELECT max(h.version) FROM {history} h WHERE h.{key} = i.{key}), 0)"
# a record that comes back is not believed again before it was last given up, whatever the clock says
NEXT_MOMENT = "GREATEST(:now, (SELECT max(h.known_to) FROM {history} h WHERE h.{key} = i.{key}))"


def believed(spec: Library, moment: str) -> str:
    """Return the SQL of a derived table: the golden records as the hub believed them at `moment` (SQL of type timestamptz), in golden's own columns.

    A condition on subject or key put on it reaches the indexes of both tables.
    """
    words = sql.words(spec.library)
    kept = f"{words['record']}, sources, batches, version"
    return (
        f"(SELECT {kept}, recorded_at FROM {words['golden']} WHERE recorded_at <= {moment} UNION ALL"  # noqa: S608 - names of our own definition only
        f" SELECT {kept}, known_from FROM {words['history']} WHERE known_from <= {moment} AND known_to > {moment})"
    )


def is_by_business_time(spec: Library) -> bool:
    """Tell whether what was true on a day is told by the entries' own first and last days, not by when it was said."""
    return spec.business_time is not None or spec.kind == "register"


def holding(spec: Library, day: str, row: str = "") -> str:
    """Return the SQL condition under which a register's entry holds in the world on `day` (SQL of type date).

    An entry holds on its first and on its last day; without a first day it always did, without a last one it does until further notice. Raises Invalid
    `record.no_business_time` for a register that declares none.
    """
    time = spec.business_time
    if time is None:
        raise Invalid("record.no_business_time", library=spec.library)
    since = f"({row}{time.from_} IS NULL OR {row}{time.from_} <= {day})"
    return f"{since} AND ({row}{time.until} IS NULL OR {row}{time.until} >= {day})" if time.until else since


def require_past(moment: datetime) -> None:
    """Refuse a moment of knowing that is still to come. Raises Invalid `record.known_at_future`."""
    if moment > (now := datetime.now(UTC)):
        raise Invalid("record.known_at_future", known_at=moment.isoformat(), now=now.isoformat(timespec="seconds"))


def read_known_at(session: Session, name: str, subjects: Sequence[str], moment: datetime) -> list[dict[str, Any]]:
    """Return the golden records about these subjects as the hub believed them at `moment`, in key order."""
    return read(session, name, ("subject", subjects), moment)


def read(
    session: Session, name: str, looked_up: tuple[str, Sequence[str]], moment: datetime | None, day: date | None = None
) -> list[dict[str, Any]]:
    """Return the golden records as believed at `moment` (now), of a register those that hold on `day`, in key order. looked_up: column and its values."""
    spec, (by, values) = library(name), looked_up
    assert by in ("subject", spec.key)
    records = believed(spec, "CAST(:moment AS timestamptz)") if moment is not None else f"library.{spec.library}"
    condition = holding(spec, "CAST(:day AS date)") if day is not None else "true"
    query = (
        f"SELECT * FROM {records} AS b WHERE {by} = ANY(CAST(:values AS text[])) AND {condition} ORDER BY {spec.key}"  # noqa: S608 - as above
    )
    found = session.execute(text(query), {"values": list(values), "moment": moment, "day": day})
    return [dict(row) for row in found.mappings()]
