"""Why: a department's paged REST service as Arrow batches of text columns (JSON has no dates or decimals, so nothing is guessed), strict about
answers that make no sense. Opened through `connectors.base.open_connector`; `libraries` also fetches attachments (certificate files) here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import pyarrow as pa

from connectors.base import Connection, Connector, Slice, bounded
from connectors.calls import Caller
from connectors.columns import batch_of_records, refuse_new_columns, text_of, text_schema
from connectors.watermarks import before
from schemas.errors import Terminal, Transient

PAGE_BYTES = 64 << 20
ATTACHMENT_BYTES = 32 << 20
Record = dict[str, Any]


@dataclass(frozen=True)
class Paging:
    """How a service is leafed through; field names are the keys of the binding's `paging` option. `next` and `total` are dotted paths in the answer."""

    style: Literal["page", "offset", "cursor", "none"] = "page"
    size: int = 500
    first: int = 1
    page_param: str = "page"
    size_param: str = "size"
    offset_param: str = "offset"
    cursor_param: str = "cursor"
    next: str = "next"
    total: str = "total"

    def params(self, index: int, count: int, cursor: str | None) -> dict[str, Any]:
        """Return the query parameters of the page at `index` (from 0), before which `count` records lie."""
        if self.style == "none":
            return {}
        sized: dict[str, Any] = {self.size_param: self.size}
        if self.style == "page":
            return sized | {self.page_param: self.first + index}
        if self.style == "offset":
            return sized | {self.offset_param: count}
        return sized | ({self.cursor_param: cursor} if cursor else {})


class RestConnector(Connector):
    """Reads `path`; options: records (dotted path of the list), paging, params, columns, since_param, overlap (seconds), success, and Caller's."""

    def __init__(self, source: Mapping[str, Any], connection: Connection) -> None:
        super().__init__(source, connection)
        self._path = self.option("path")
        self._paging = self._paging_of()

    def describe(self) -> pa.Schema:
        """Return the fields of the first page's records as text columns; an empty service has the bound columns."""
        names = _names(self._records(self._page(0, 0, None, None)))
        return text_schema(names or self.source.get("columns") or [])

    def slices(self, since: Any | None = None, count: int = 1) -> list[Slice]:
        """Plan page ranges where the service pages by number and tells its total; otherwise one slice. `until` is not known here."""
        since = before(since, float(self.source.get("overlap") or 0)) if since is not None else None
        whole = Slice("0001-of-0001", low=0, since=since)
        if count < 2 or self._paging.style not in ("page", "offset"):
            return [whole]
        answer = self._page(0, 0, None, since)
        total = self._total(answer)
        if total is None or len(self._records(answer)) < min(self._paging.size, total):
            return [whole]
        pages = max(1, -(-total // self._paging.size))
        starts = sorted({pages * n // count for n in range(count)})
        ends: list[int | None] = [*starts[1:], None]
        return [
            Slice(f"{n:04d}-of-{len(starts):04d}", low, high, since)
            for n, (low, high) in enumerate(zip(starts, ends, strict=True), 1)
        ]

    def read(self, piece: Slice) -> Iterator[pa.RecordBatch]:
        """Leaf through the pages of a slice; values that are not scalar come as JSON text.

        A bound column that no record has is null here: services leave empty fields out, so only `describe` can tell a lost one.
        Raises Terminal rest.bad_answer, rest.page_loop, connector.unexpected_column;
        Transient rest.count_mismatch and what Caller.get raises.
        """
        return bounded(self._batches(piece), self.batch_rows)

    def fetch(self, url: str) -> bytes:
        """Return an attachment a record names, from this service only (`attachment_bytes` at most). Raises what Caller.get raises."""
        return self._caller.get(url, int(self.source.get("attachment_bytes") or ATTACHMENT_BYTES))

    def _batches(self, piece: Slice) -> Iterator[pa.RecordBatch]:
        schema: pa.Schema | None = None
        known: set[str] = set()
        waiting: list[Record] = []
        for records in self._pages(piece):
            if schema is None:
                known = set(_names(records))
                schema = text_schema(self.source.get("columns") or _names(records))
            elif not self.source.get("columns"):
                refuse_new_columns(records, known, self.connection.id)
            waiting += records
            if len(waiting) >= self.batch_rows:
                yield batch_of_records(waiting, schema)
                waiting = []
        if waiting and schema is not None:
            yield batch_of_records(waiting, schema)

    def _pages(self, piece: Slice) -> Iterator[list[Record]]:
        index = start = int(piece.low or 0)
        skipped, count, expected = start * self._paging.size, 0, None
        previous: list[Record] = []
        cursors: set[str] = set()
        cursor: str | None = None
        while piece.high is None or index < piece.high:
            answer = self._page(index, skipped + count, cursor, piece.since)
            records = self._records(answer)
            if records and records == previous:
                raise Terminal("rest.page_loop", connection=self.connection.id, path=self._path, page=index)
            expected = self._expected(answer, piece, skipped) if expected is None else expected
            if records:
                yield records
            index, count, previous = index + 1, count + len(records), records
            cursor = self._next_cursor(answer, cursors)
            if self._is_last(records, count, expected, cursor):
                break
        if expected is not None and count != expected:
            raise Transient(
                "rest.count_mismatch", connection=self.connection.id, path=self._path, expected=expected, found=count
            )

    def _is_last(self, records: list[Record], count: int, expected: int | None, cursor: str | None) -> bool:
        """Say whether the end is reached; without a total only an empty page is the end, for a service may send short pages."""
        if self._paging.style == "none":
            return True
        if self._paging.style == "cursor":
            return cursor is None
        return not records or (expected is not None and count >= expected)

    def _next_cursor(self, answer: Any, seen: set[str]) -> str | None:
        if self._paging.style != "cursor":
            return None
        cursor = text_of(_at(answer, self._paging.next)) or None
        if cursor in seen:
            raise Terminal("rest.page_loop", connection=self.connection.id, path=self._path, page=len(seen))
        if cursor:
            seen.add(cursor)
        return cursor

    def _expected(self, answer: Any, piece: Slice, skipped: int) -> int | None:
        total = self._total(answer)
        if total is None:
            return None
        end = total if piece.high is None else min(total, piece.high * self._paging.size)
        return max(0, end - skipped)

    def _total(self, answer: Any) -> int | None:
        total = text_of(_at(answer, self._paging.total))
        return int(total) if total and total.isdigit() else None

    def _page(self, index: int, count: int, cursor: str | None, since: Any) -> Any:
        params = {**(self.source.get("params") or {}), **self._paging.params(index, count, cursor)}
        if since is not None and self.source.get("since_param"):
            params[self.source["since_param"]] = text_of(since)
        answer = self._caller.get_json(self._path, params, int(self.source.get("page_bytes") or PAGE_BYTES))
        self._require_success(answer)
        return answer

    def _require_success(self, answer: Any) -> None:
        """Hold the answer's own code against the binding's `success` {path, values}: many services say 200 and mean no."""
        rule = self.source.get("success")
        if rule and text_of(_at(answer, rule["path"])) not in [text_of(value) for value in rule["values"]]:
            raise self._nonsense(f"{rule['path']} does not mean success")

    def _records(self, answer: Any) -> list[Record]:
        found = _at(answer, str(self.source.get("records") or ""))
        if not isinstance(found, list) or not all(isinstance(record, dict) for record in found):
            raise self._nonsense(f"no list of objects at {self.source.get('records') or 'the top'}")
        return found

    def _nonsense(self, reason: str) -> Terminal:
        return Terminal("rest.bad_answer", connection=self.connection.id, path=self._path, reason=reason)

    def _paging_of(self) -> Paging:
        try:
            return Paging(**(self.source.get("paging") or {}))
        except TypeError:
            raise Terminal(
                "connector.bad_binding", connection=self.connection.id, option="paging", reason="unknown key"
            ) from None

    @cached_property
    def _caller(self) -> Caller:
        return Caller(self.source, self.connection)


def _at(answer: Any, path: str) -> Any:
    for name in filter(None, path.split(".")):
        answer = answer.get(name) if isinstance(answer, dict) else None
    return answer


def _names(records: list[Record]) -> list[str]:
    """Return every field of the records in the order they first appear."""
    return list(dict.fromkeys(name for record in records for name in record))
