"""Why: what is compared must come in bounded pieces, and a held row must be read as the check read it: repaired, then as attributes. Feeds the workshop of
`libraries.resolution.linking`; called by `libraries.resolution.find`, inside its reading transaction.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from libraries import batches, sql
from libraries.frames import Frame
from libraries.landing import ROW
from libraries.quarantine import MALFORMED, WAITING
from libraries.resolution import features
from libraries.resolution.features import KEY
from libraries.resolution.linking import LABELLED_PAIRS
from schemas.library import Library
from schemas.tables.directory import ResourceVersion
from schemas.tables.landing import Batch, QuarantinedRow

AT_ONCE = 20_000
HELD = "row:"
_RECORDS = "SELECT {key} AS unique_id, {key} AS key, {columns} FROM {golden}"
# only what several sources know tells how their words agree; the first by key, so that the same library teaches the same
_SAID = """
    SELECT c.source::text AS unique_id, c.{key} AS key, {columns} FROM {claims} c
    WHERE c.{key} IN (SELECT {key} FROM {claims} GROUP BY {key} HAVING count(*) > 1 ORDER BY {key} LIMIT {most})
"""


@dataclass(frozen=True)
class HeldRow:
    """A held row that may be somebody the library knows. `mark`: a digest of what it says, the same when the next batch holds it again."""

    id: int
    mark: str


def records(session: Session, spec: Library) -> Iterator[Any]:
    """Yield the golden records as Arrow tables of texts."""
    yield from _tables(session, spec, _RECORDS)


def said(session: Session, spec: Library) -> Iterator[Any]:
    """Yield claims of keys that several sources know, as Arrow tables of texts; `unique_id` is the source."""
    yield from _tables(session, spec, _SAID)


def rows(session: Session, spec: Library) -> Iterator[tuple[Any, list[HeldRow]]]:
    """Yield waiting rows of the library's resources whose key is missing, malformed or of nobody known: as a table, and who they are."""
    wanted = (
        select(Batch.id)
        .join(ResourceVersion, ResourceVersion.id == Batch.resource_version_id)
        .join(QuarantinedRow, QuarantinedRow.batch_id == Batch.id)
        .where(ResourceVersion.document["library"].astext == spec.library, *WAITING)
    )
    for batch_id in sorted(set(session.scalars(wanted))):
        query = select(QuarantinedRow.id, QuarantinedRow.values).where(QuarantinedRow.batch_id == batch_id, *WAITING)
        query = query.where(~QuarantinedRow.reasons.contains([MALFORMED])).order_by(QuarantinedRow.id)
        for piece in session.execute(query, execution_options={"yield_per": AT_ONCE}).partitions():
            yield _strangers(session, spec, batch_id, [(row.id, row.values) for row in piece])


def _tables(session: Session, spec: Library, statement: str) -> Iterator[Any]:
    columns = ", ".join(f"{one.attribute}::text" for one in spec.resemblance)
    words = {**sql.words(spec.library), "columns": columns, "most": str(LABELLED_PAIRS)}
    found = session.execute(text(statement.format_map(words)), execution_options={"yield_per": AT_ONCE})
    names = ("unique_id", KEY, *(one.attribute for one in spec.resemblance))
    for piece in found.partitions():
        texts = zip(*piece, strict=True)
        yield _sounding(spec, {name: pa.array(values, pa.string()) for name, values in zip(names, texts, strict=True)})


def _sounding(spec: Library, columns: dict[str, Any]) -> Any:
    """Return a table with how names sound added."""
    for one in spec.resemblance:
        if one.as_ == "name":
            sounds = [features.sound(value) for value in columns[one.attribute].to_pylist()]
            columns[features.sound_of(one.attribute)] = pa.array(sounds, pa.string())
    return pa.table(columns)


def _strangers(
    session: Session, spec: Library, batch_id: str, held: list[tuple[int, dict[str, Any]]]
) -> tuple[Any, list[HeldRow]]:
    """Return the rows of one batch whose key is nobody's."""
    task = batches.get(session, batch_id)
    landed = {
        item.id: pa.array([_text(values.get(item.id)) for _, values in held], pa.string())
        for item in task.document.items
    }
    numbers = pa.array(range(1, len(held) + 1), pa.int64())
    moment = task.batch.landed_at or batches.now()
    output = Frame(pa.table({**landed, ROW: numbers}), task.document, moment.date()).output()
    read = {name: _texts(output, name) for name in ("subject", *(one.attribute for one in spec.resemblance))}
    known = _known(session, spec, [key for key in read["subject"].to_pylist() if key])
    mask = pa.array([key not in known for key in read["subject"].to_pylist()], pa.bool_())
    found = {name: column.filter(mask) for name, column in read.items()}
    ids = [row_id for (row_id, _), is_wanted in zip(held, mask.to_pylist(), strict=True) if is_wanted]
    marks = [_mark(task.document.id, values) for values in zip(*(c.to_pylist() for c in found.values()), strict=True)]
    own = {"unique_id": pa.array([f"{HELD}{row_id}" for row_id in ids], pa.string()), KEY: found.pop("subject")}
    return _sounding(spec, {**own, **found}), [HeldRow(*row) for row in zip(ids, marks, strict=True)]


def _known(session: Session, spec: Library, keys: list[str]) -> set[str]:
    words = sql.words(spec.library)
    return set(sql.run(session, "SELECT {key} FROM {golden} WHERE {key} = ANY(:keys)", words, keys=keys).scalars())


def _texts(table: Any, name: str) -> Any:
    if name not in table.column_names:
        return pa.nulls(table.num_rows, pa.string())
    column = table[name].cast(pa.string())
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _mark(resource: str, values: tuple[str | None, ...]) -> str:
    said = "\x1f".join((resource, *("" if value is None else f":{value}" for value in values)))
    return HELD + hashlib.sha256(said.encode()).hexdigest()[:32]
