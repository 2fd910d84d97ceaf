"""Why: what was told cannot be untold, so a recall must know which records ever bore a value of the batch that is taken back. After the golden records were
judged again all of those stand in the history. Called by `retract` alone; recalls read what is written here.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from libraries import sql
from schemas.library import Library
from schemas.tables.retractions import RetractedRecord

_WRITE = """
    INSERT INTO library.retracted_records (retraction_id, record_key, subject, attributes, changed, is_current)
    SELECT :retraction, h.{key}, max(h.subject), array_remove(ARRAY[{told}], NULL), array_remove(ARRAY[{changed}], NULL),
        bool_or(h.known_to >= :now)
    FROM affected a JOIN {history} h USING ({key}) LEFT JOIN {golden} g USING ({key})
    WHERE {batch} = ANY(h.batches)
    GROUP BY h.{key}
"""
_TOLD = "CASE WHEN bool_or(h.batches[{place}] = {batch}) THEN '{attribute}' END"
_CHANGED = "CASE WHEN bool_or(h.batches[{place}] = {batch} AND h.{attribute} IS DISTINCT FROM g.{attribute}) THEN '{attribute}' END"


@dataclass(frozen=True)
class Touched:
    """How many records the batch gave a value: in all, believed until now, and with a value that is different now."""

    records: int
    current: int
    changed: int


def write(session: Session, spec: Library, words: dict[str, str], retraction: int, now: datetime) -> Touched:
    """Write down every record whose golden values came in part from the batch, now or ever. Goes after the records were judged again."""
    lists = {
        name: ", ".join(
            pattern.format(place=place, attribute=attribute, batch=words["batch"])
            for place, attribute in enumerate(spec.attribute_ids, 1)
        )
        for name, pattern in (("told", _TOLD), ("changed", _CHANGED))
    }
    sql.run(session, _WRITE, {**words, **lists}, retraction=retraction, now=now)
    is_changed = func.cardinality(RetractedRecord.changed) > 0
    query = select(func.count(), func.count().filter(RetractedRecord.is_current), func.count().filter(is_changed))
    found = session.execute(query.where(RetractedRecord.retraction_id == retraction)).one()
    return Touched(*found)


def touched(retraction: int, limit: int | None = None) -> Select[Any]:
    """Return the query for the records a retraction touched, those whose values are different now first."""
    query = select(RetractedRecord).where(RetractedRecord.retraction_id == retraction)
    return query.order_by(func.cardinality(RetractedRecord.changed).desc(), RetractedRecord.record_key).limit(limit)
