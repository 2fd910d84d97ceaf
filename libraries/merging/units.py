"""Why: a merge's work in pieces that are one transaction each: the new and changed rows of one range of keys, sorted, and the keys to withdraw. Rows wait
here until all are known; more than fits waits on disk, in files that vanish with the process. Called by `libraries.merging.merge` alone.
"""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import IO, Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from libraries.landing import ROW
from libraries.merging.candidates import ROW_HASH, SCALE
from libraries.merging.partitions import PARTITIONS, partition_of
from schemas.library import Library

SMALL = 50_000  # fewer rows than this are one unit of work: sixteen small transactions would cost more than they win
UNIT_ROWS = 200_000
SPILL_BYTES = 96 << 20
EVERYTHING = -1


@dataclass(frozen=True)
class Unit:
    """One transaction's work: the rows to assert, sorted by key, their row hashes as last column; the keys to withdraw; the ranges it holds."""

    partitions: tuple[int, ...]
    rows: Any
    gone: Any
    duplicates: int = 0


class Shelf:
    """Rows and withdrawn keys by range of keys. `with` it: what waits on disk goes with it."""

    def __init__(self, spec: Library, boundaries: list[str]) -> None:
        self._spec, self._boundaries = spec, boundaries
        self._rows: list[list[Any]] = [[] for _ in range(len(boundaries) + 1)]
        self._gone: list[Any] = [pa.array([], pa.string())] * len(self._rows)
        self._files: dict[int, tuple[IO[bytes], Any]] = {}
        self._stack = ExitStack()
        self._bytes = self.count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def add(self, table: Any) -> None:
        """Put rows on their shelves."""
        if not table.num_rows:
            return
        numbers = partition_of(table[self._spec.key].combine_chunks(), self._boundaries)
        for number in np.unique(numbers):
            self._rows[number].append(table.filter(pa.array(numbers == number)))
        self.count += table.num_rows
        self._bytes += table.nbytes
        if self._bytes > SPILL_BYTES:
            self._spill()

    def withdraw(self, gone: Any) -> None:
        """Put the keys to withdraw on their shelves."""
        numbers = partition_of(gone, self._boundaries)
        self._gone = [gone.filter(pa.array(numbers == number)) for number in range(len(self._rows))]
        self.count += len(gone)

    def places(self) -> list[int]:
        """Return what can be worked on its own; little is one piece, whatever its keys."""
        if self.count < SMALL or not self._boundaries:  # one range is the whole library: hold all of it
            return [EVERYTHING] * bool(self.count)
        return [n for n in range(len(self._rows)) if self._rows[n] or n in self._files or len(self._gone[n])]

    def units(self, place: int) -> Iterator[Unit]:
        """Yield the units of one place, lowest keys first; the first one withdraws. What was yielded is not kept."""
        numbers = range(len(self._rows)) if place == EVERYTHING else [place]
        locked = tuple(range(PARTITIONS)) if place == EVERYTHING else (place,)
        gone = pa.chunked_array([self._gone[n] for n in numbers]).combine_chunks()
        rows, order, duplicates = self._sorted(self._taken(numbers))
        for start in range(0, max(len(order), 1), UNIT_ROWS):
            piece = fitted(rows.take(pa.array(order[start : start + UNIT_ROWS])), self._spec)
            yield Unit(locked, piece, gone if start == 0 else gone.slice(0, 0), duplicates if start == 0 else 0)

    def _taken(self, numbers: Any) -> Any:
        pieces = []
        for number in numbers:
            if number in self._files:
                file, writer = self._files[number]
                writer.close()
                file.seek(0)
                pieces.append(pa.ipc.open_stream(pa.PythonFile(file, "r")).read_all())
            pieces += self._rows[number]
            self._rows[number] = []
        return pa.concat_tables(pieces).combine_chunks() if pieces else self._nothing()

    def _nothing(self) -> Any:
        return pa.table(
            {
                self._spec.key: pa.array([], pa.string()),
                ROW: pa.array([], pa.int64()),
                ROW_HASH: pa.array([], pa.int64()),
            }
        )

    def _sorted(self, rows: Any) -> tuple[Any, Any, int]:
        """Return rows, the order of those that count, and how many do not: of rows with one key the last of the batch stays."""
        keys = rows[self._spec.key].combine_chunks()
        order = np.asarray(pc.sort_indices(rows, [(self._spec.key, "ascending"), (ROW, "ascending")]))
        if len(order) > 1:
            ordered = keys.take(pa.array(order))
            is_last = np.append(
                np.asarray(pc.not_equal(ordered[:-1], ordered[1:]).to_numpy(zero_copy_only=False)), True
            )
            return rows.drop_columns([ROW]), order[is_last], len(order) - int(is_last.sum())
        return rows.drop_columns([ROW]), order, 0

    def _spill(self) -> None:
        for number, pieces in enumerate(self._rows):
            for piece in pieces:
                if number not in self._files:
                    file = self._stack.enter_context(tempfile.TemporaryFile(prefix="hutong-merge-"))  # noqa: SIM115 — the stack closes it
                    self._files[number] = (file, pa.ipc.new_stream(pa.PythonFile(file, "w"), piece.schema))
                self._files[number][1].write_table(piece)
            self._rows[number] = []
        self._bytes = 0


def fitted(rows: Any, spec: Library) -> Any:
    """Return canonical rows whose numbers are numbers again, as the claims' columns take them."""
    for attribute in spec.attributes:
        if attribute.type == "number" and attribute.id in rows.column_names:
            place = rows.column_names.index(attribute.id)
            rows = rows.set_column(place, attribute.id, rows[attribute.id].cast(pa.decimal128(38, SCALE)))
    return rows
