"""Why: a department's paged REST service as Arrow batches of text columns (JSON and XML have no dates or decimals, so nothing is guessed), strict about
answers that make no sense. Opened through `connectors.base.open_connector`; `libraries` also fetches attachments (certificate files) here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa

from connectors.base import Connection, Connector, Slice, bounded
from connectors.calls import Answer, Caller
from connectors.columns import batch_of_records, refuse_new_columns, text_of, text_schema
from connectors.increments import Increment
from connectors.paging import Paging, Record, Repeats
from connectors.questions import Question
from schemas.errors import Terminal, Transient

PAGE_BYTES = 64 << 20
ATTACHMENT_BYTES = 32 << 20
WALKS = 3
SAME_PAGES = 3  # in a row, or repeated in one walk: this service does not leaf


@dataclass(frozen=True)
class Page:
    """One page: its records, how many came up to here, and how many the service says there are (None: it does not)."""

    records: list[Record]
    count: int
    expected: int | None


class RestConnector(Connector):
    """Reads `path`; options: records (dotted path of the list), paging, params, body, method, columns, key, watermark, watermark_format, since_param,
    until_param, high_mark, overlap (seconds, or units of a number), success, sid, walks, page_bytes, attachment_bytes, and Caller's.

    repeated: how many records came more than once and were taken once.
    """

    def __init__(self, source: Mapping[str, Any], connection: Connection) -> None:
        super().__init__(source, connection)
        self._path = self.option("path")
        self._paging = self._paging_of()
        self._question = Question(source, connection.id)
        self._increment = Increment(
            connection.id, source.get("watermark"), source.get("watermark_format"), float(source.get("overlap") or 0)
        )
        self.repeated = 0

    def describe(self) -> pa.Schema:
        """Return the fields of the first page's records as text columns; an empty service has the bound columns."""
        names = _names(self._first(None))
        return text_schema(names or self.source.get("columns") or [])

    def slices(self, since: Any | None = None, count: int = 1) -> list[Slice]:
        """Plan page ranges where the service pages by number and tells its total; otherwise one slice.

        With a `watermark`, `until` is the highest one: of the answer to `high_mark.params` (newest first), else the service's own clock where
        `high_mark.clock` gives its records' zone, else of all wanted records, which are leafed through once for it.
        """
        earlier = self._increment.earlier(since)
        until = self._high_mark(since, earlier)
        whole = Slice("0001-of-0001", low=0, since=earlier, until=until)
        if count < 2 or self._paging.style not in ("page", "offset"):
            return [whole]
        answer = self._page(0, 0, None, whole)
        total = self._total(answer)
        if total is None or len(self._records(answer)) < min(self._paging.size, total):
            return [whole]
        pages = max(1, -(-total // self._paging.size))
        starts = sorted({pages * n // count for n in range(count)})
        ends: list[int | None] = [*starts[1:], None]
        return [
            Slice(f"{n:04d}-of-{len(starts):04d}", low, high, earlier, until)
            for n, (low, high) in enumerate(zip(starts, ends, strict=True), 1)
        ]

    def read(self, piece: Slice) -> Iterator[pa.RecordBatch]:
        """Leaf through the pages of a slice; values that are not scalar come as JSON text.

        A bound column that no record has is null here: services leave empty fields out, so only `describe` can tell a lost one.
        With a `key`, records that change places while being read are taken once, and the pages are leafed through again until none is missing.
        Raises Terminal rest.bad_answer, rest.page_loop, connector.unexpected_column;
        Transient rest.count_mismatch, rest.repeated_records, rest.unstable_pages and what Caller.get raises.
        """
        return bounded(self._batches(piece), self.batch_rows)

    def fetch(self, url: str) -> bytes:
        """Return an attachment a record names, from this service only (`attachment_bytes` at most). Raises what Caller.get raises."""
        return self._caller.get(url, int(self.source.get("attachment_bytes") or ATTACHMENT_BYTES))

    def _batches(self, piece: Slice) -> Iterator[pa.RecordBatch]:
        schema: pa.Schema | None = None
        known: set[str] = set()
        waiting: list[Record] = []
        for records in self._wanted(piece):
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

    def _wanted(self, piece: Slice) -> Iterator[list[Record]]:
        """Yield records page by page; what the service cannot leave out by itself (no `since_param`) is left out here."""
        has_filter = piece.since is None or self.source.get("since_param") or not self._increment.watermark
        for records in self._walked(piece):
            wanted = records if has_filter else [one for one in records if self._increment.is_new(one, piece.since)]
            if piece.to is not None:
                wanted = [one for one in wanted if not self._increment.is_new(one, piece.to)]
            if wanted:
                yield wanted

    def _walked(self, piece: Slice) -> Iterator[list[Record]]:
        """Leaf through the pages until one walk was steady: nothing came twice, nothing went, and all that was promised came.

        Records that come twice in two walks, the second bringing nothing new, truly stand twice in the source.
        """
        key, repeats = self.source.get("key"), Repeats()
        page = Page([], 0, None)
        for _ in range(int(self.source.get("walks") or WALKS) if key else 1):
            most = 0
            repeats.begin()
            for page in self._pages(piece):
                fresh = repeats.sift(page.records)
                self._require_moving(repeats, bool(key))
                most = max(most, page.expected or 0)
                yield fresh if key else page.records
            self.repeated += repeats.repeated
            is_whole = page.expected in (None, page.count) and most == (page.expected or 0)
            if is_whole and (not repeats.repeated or repeats.distinct == page.expected or repeats.is_settled):
                return
        facts = {"connection": self.connection.id, "path": self._path}
        if page.expected not in (None, page.count):
            raise Transient("rest.count_mismatch", **facts, expected=page.expected, found=page.count)
        raise Transient("rest.unstable_pages", **facts)

    def _require_moving(self, repeats: Repeats, has_key: bool) -> None:
        """Refuse pages that come again and again; without a key, also a record that does: nobody can tell whether it is another one."""
        facts = {"connection": self.connection.id, "path": self._path}
        if repeats.repeated_pages >= (SAME_PAGES if has_key else 1):
            raise Terminal("rest.page_loop", **facts, page=repeats.pages)
        if repeats.repeated and not has_key:
            raise Transient("rest.repeated_records", **facts, count=repeats.repeated)

    def _pages(self, piece: Slice) -> Iterator[Page]:
        index = start = int(piece.low or 0)
        skipped, count, same = start * self._paging.size, 0, 0
        previous: list[Record] = []
        followed: set[str] = set()
        following: str | None = None
        while piece.high is None or index < piece.high:
            answer = self._page(index, skipped + count, following, piece)
            records = self._records(answer)
            same = same + 1 if records and records == previous else 0
            if same >= SAME_PAGES:
                raise Terminal("rest.page_loop", connection=self.connection.id, path=self._path, page=index)
            expected = self._expected(answer, piece, skipped)
            index, count, previous = index + 1, count + len(records), records
            following = self._following(answer, followed)
            yield Page(records, count, expected)
            if self._paging.is_last(records, count, expected, following):
                return

    def _following(self, answer: Answer, seen: set[str]) -> str | None:
        """Return the cursor or address of the next page. Raises Terminal rest.page_loop where they go in a circle."""
        if not self._paging.follows:
            return None
        found = text_of(_at(answer.content, self._paging.next)) or None
        found = (found or answer.following) if self._paging.style == "link" else found
        if found in seen:
            raise Terminal("rest.page_loop", connection=self.connection.id, path=self._path, page=len(seen))
        if found:
            seen.add(found)
        return found

    def _expected(self, answer: Answer, piece: Slice, skipped: int) -> int | None:
        total = self._total(answer)
        if total is None:
            return None
        end = total if piece.high is None else min(total, piece.high * self._paging.size)
        return max(0, end - skipped)

    def _total(self, answer: Answer) -> int | None:
        total = text_of(_at(answer.content, self._paging.total))
        return int(total) if total and total.isdigit() else None

    def _high_mark(self, since: Any, earlier: Any) -> Any:
        if not self._increment.watermark:
            return None
        rule, highest = self.source.get("high_mark") or {}, since
        if rule.get("params"):
            return self._increment.highest(self._first(earlier, rule["params"]), since)
        if rule.get("clock"):
            moment = self._page(0, 0, None, Slice("", since=earlier)).moment
            if moment is None:
                raise self._nonsense("no Date header to tell its clock")
            now = {self._increment.watermark: self._increment.at(moment, str(rule["clock"]))}
            return self._increment.highest([now], since)
        for page in self._pages(Slice("", low=0, since=earlier)):
            highest = self._increment.highest(page.records, highest)
        return highest

    def _first(self, since: Any, params: Mapping[str, Any] | None = None) -> list[Record]:
        return self._records(self._page(0, 0, None, Slice("", since=since), params))

    def _page(
        self, index: int, count: int, following: str | None, piece: Slice, params: Mapping[str, Any] | None = None
    ) -> Answer:
        asked = {**self._paging.params(index, count, following), **(params or {})}
        for name, value in (("since_param", piece.since), ("until_param", piece.to or piece.until)):
            if value is not None and self.source.get(name):
                asked[self.source[name]] = text_of(value)
        link = following if self._paging.style == "link" else None
        answer = self._caller.ask(self._question.call(asked, link), int(self.source.get("page_bytes") or PAGE_BYTES))
        self._require_success(answer)
        return answer

    def _require_success(self, answer: Answer) -> None:
        """Hold the answer's own code against the binding's `success` {path, values}: many services say 200 and mean no."""
        rule = self.source.get("success")
        if rule and text_of(_at(answer.content, rule["path"])) not in [text_of(value) for value in rule["values"]]:
            raise self._nonsense(f"{rule['path']} does not mean success")

    def _records(self, answer: Answer) -> list[Record]:
        path = str(self.source.get("records") or "")
        found = _at(answer.content, path)
        if (
            self.source.get("format") == "xml"
        ):  # which has no lists: one record looks like a single value, none like nothing
            folder, _, name = path.rpartition(".")
            above, _, last = folder.rpartition(".")
            is_there = last in (_at(answer.content, above) or {}) if folder else bool(name)
            found = [] if found is None and is_there else [found] if isinstance(found, dict) else found
        if not isinstance(found, list) or not all(isinstance(record, dict) for record in found):
            raise self._nonsense(f"no list of objects at {path or 'the top'}")
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
