"""Why: services are leafed through in five ways, and while one leafs, records come, go and change places. Here is how a page is asked for and how it
is known what was seen already. Only `connectors.rest` comes here.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Literal

Record = dict[str, Any]


@dataclass(frozen=True)
class Paging:
    """How a service is leafed through; field names are the keys of the binding's `paging` option. `next` and `total` are dotted paths in the answer.

    link: the address of the next page stands in the answer at `next`, or in its Link header (RFC 8288, rel="next").
    """

    style: Literal["page", "offset", "cursor", "link", "none"] = "page"
    size: int = 500
    first: int = 1
    page_param: str = "page"
    size_param: str = "size"
    offset_param: str = "offset"
    cursor_param: str = "cursor"
    next: str = "next"
    total: str = "total"

    def params(self, index: int, count: int, cursor: str | None) -> dict[str, Any]:
        """Return the parameters of the page at `index` (from 0), before which `count` records lie."""
        if self.style == "none":
            return {}
        sized: dict[str, Any] = {self.size_param: self.size}
        if self.style == "page":
            return sized | {self.page_param: self.first + index}
        if self.style == "offset":
            return sized | {self.offset_param: count}
        return sized | ({self.cursor_param: cursor} if cursor and self.style == "cursor" else {})

    @property
    def follows(self) -> bool:
        """Say whether each answer names the next page."""
        return self.style in ("cursor", "link")

    def is_last(self, records: Sequence[Record], count: int, expected: int | None, following: str | None) -> bool:
        """Say whether the end is reached; without a total only an empty page is the end, for a service may send short pages."""
        if self.style == "none":
            return True
        if self.follows:
            return following is None
        return not records or (expected is not None and count >= expected)


class Repeats:
    """Tells records and pages seen before from new ones, about 150 bytes a record: equal means equal in every field.

    In one walk through `pages` pages: `repeated` records came again on a later page, `repeated_pages` whole pages did; `fresh` records had not come
    in any walk before; `is_settled` says that the same records came again as in the walk before, so that they truly stand there twice.
    """

    def __init__(self) -> None:
        self._walk = 0
        self._seen: dict[bytes, int] = {}
        self._bodies: set[bytes] = set()
        self._again: set[bytes] = set()
        self._again_before: set[bytes] | None = None
        self.pages = self.repeated = self.repeated_pages = self.fresh = 0

    def begin(self) -> None:
        """Begin another walk."""
        self._again_before = self._again if self._walk else None
        self._again = set()
        self._walk += 1
        self._bodies.clear()
        self.pages = self.repeated = self.repeated_pages = self.fresh = 0

    def sift(self, records: Sequence[Record]) -> list[Record]:
        """Return the records of a page that no page of any walk has had."""
        digests = [_digest(record) for record in records]
        page = blake2b(b"".join(digests), digest_size=16).digest()
        self.pages += 1
        self.repeated_pages += bool(records) and page in self._bodies
        self._bodies.add(page)
        again = [digest for digest in digests if self._seen.get(digest) == self._walk]
        self.repeated += len(again)
        self._again.update(again)
        fresh = {digest: record for digest, record in zip(digests, records, strict=True) if digest not in self._seen}
        self._seen.update(dict.fromkeys(digests, self._walk))
        self.fresh += len(fresh)
        return list(fresh.values())

    @property
    def distinct(self) -> int:
        """Return how many different records all walks had."""
        return len(self._seen)

    @property
    def is_settled(self) -> bool:
        """Say whether this walk brought nothing new and the same repetitions as the one before."""
        return not self.fresh and not self.repeated_pages and self._again == self._again_before


def _digest(record: Record) -> bytes:
    return blake2b(json.dumps(record, sort_keys=True, ensure_ascii=False).encode(), digest_size=16).digest()
