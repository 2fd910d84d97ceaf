"""Why: from what happened to records to what a grant may be told of it: values in the granted form, rows within the rules, a tombstone for what left them. What
changed outside the grant, or hides behind a mask, is no change: not even that something happened is told. Called by `feed_desk`.
"""

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from exchange_api.evidence.ledger import subject_hash
from exchange_api.feeds.happenings import Happening, Happenings
from exchange_api.feeds.versions import HEAD, Pair, Row, pairs, stock
from exchange_api.permit import GrantedItem, Permit, columns
from exchange_api.prepared import Prepared
from schemas.library import Library, library

MOST = 850
"""Changes of one page: their subjects must find room in its evidence entry (`ledger.MAX_BYTES`), by which recalls find who was told."""
_EXAMINED, _FEWEST = 20_000, 200
_ROOM, _HASH = 58_500, 67
Place = tuple[datetime, str | None]


@dataclass(slots=True)
class Page:
    """Changes in their order, and where they end. batches: numbers; sources: of each change, by attribute, (source, batch)."""

    changes: list[dict[str, Any]] = field(default_factory=list)
    subjects: dict[str, None] = field(default_factory=dict)
    batches: dict[int, None] = field(default_factory=dict)
    sources: list[dict[str, tuple[int, int]]] = field(default_factory=list)
    end: Place | None = None
    is_all: bool = False

    def has_room(self, limit: int) -> bool:
        """Tell whether one more change fits, into the page and into its evidence."""
        taken = len(self.subjects) * _HASH + len(self.batches) * 100
        return len(self.changes) < limit and taken < _ROOM


class Teller:
    """Tells the changes of one grant."""

    def __init__(self, permit: Permit, secret: bytes) -> None:
        self._permit, self._secret, self.rules = permit, secret, permit.rows
        self.spec: Library = library(permit.library)
        self.items = tuple(permit.items.values())
        self.columns = columns(permit, self.items)
        self._names = [item.attribute for item in self.items]
        self._shown = slice(HEAD, HEAD + len(self.items))
        self._masks = [(n, item.mask) for n, item in enumerate(self.items) if not self._is_plain_text(item)]
        self._name = _namer(self.spec, permit, secret)
        self._traced: dict[tuple[str, str], dict[str, tuple[int, int]]] = {}

    def tell(self, page: Page, at: datetime, before: Row | None, after: Row | None) -> None:
        """Add to the page what the grant may be told, if anything."""
        before, after = self._admitted(before), self._admitted(after)
        row = after if after is not None else before
        if row is None:
            return
        then, now = self.shown(before), self.shown(after)
        if then == now and before is not None and after is not None and before["subject"] == after["subject"]:
            return
        kind = "removed" if now is None else "added" if then is None else "changed"
        change: dict[str, Any] = {"change": kind, **self._name(row), "at": _spelled(at)}
        if now is not None:
            change["values"] = dict(zip(self._names, now, strict=True))
        if then is not None and now is not None:
            change["changed"] = [name for name, a, b in zip(self._names, then, now, strict=True) if a != b]
        page.changes.append(change)
        page.subjects[subject_hash(self._secret, self.spec.library, row["subject"])] = None
        page.sources.append(self._trace(page, row) if now is not None else {})

    def shown(self, row: Row | None) -> list[Any] | None:
        """Return what the grant shows of a version, in the order of its items; None: there is none."""
        if row is None:
            return None
        values = list(row[self._shown])  # type: ignore[index]
        for place, mask in self._masks:
            values[place] = mask(values[place])
        return values

    def _admitted(self, row: Row | None) -> Row | None:
        """Return a version within the grant's rules."""
        return row if row is None or self._permit.admits is None or self._permit.admits(row) else None

    def _is_plain_text(self, item: GrantedItem) -> bool:
        return item.form == "full" and self.spec.attribute(item.attribute).type == "text"

    def _trace(self, page: Page, row: Row) -> dict[str, tuple[int, int]]:
        """Return source and batch of each value told, and note the batches; rows of one batch mostly say the same."""
        said = row["sources"], row["batches"]
        traced = self._traced.get(said)
        if traced is None:
            sources, batches = _numbers(said[0]), _numbers(said[1])
            found = [(item.attribute, sources[item.position], batches[item.position]) for item in self.items]
            traced = self._traced[said] = {name: (a, b) for name, a, b in found if a is not None and b is not None}
        page.batches.update((batch, None) for _, batch in traced.values())
        return traced


async def changes_after(
    prepared: Prepared, happenings: Happenings, teller: Teller, asked: tuple[Place, datetime, int]
) -> Page:
    """Return the changes after a place, up to a settled moment, at most so many; asked: these three."""
    place, until, limit = asked
    page, examined = Page(end=place), 0
    while examined < _EXAMINED:
        most = min(max(limit - len(page.changes), _FEWEST), _EXAMINED - examined)
        found, is_all = await happenings.after(teller.spec, place, until, most)
        for pair in await pairs(prepared, teller.spec, teller.columns, found) if found else ():
            if not page.has_room(limit):
                return page
            _take(page, teller, pair)
        examined += len(found)
        if is_all:
            page.is_all, page.end = True, (until, None)
            return page
        assert page.end is not None
        place = page.end
        if not page.has_room(limit):
            break
    return page


def _take(page: Page, teller: Teller, pair: Pair) -> None:
    happening: Happening = pair.happening
    teller.tell(page, happening.at, pair.before, pair.after)
    page.end = happening.at, happening.key


async def stock_after(prepared: Prepared, teller: Teller, asked: tuple[Place, int]) -> Page:
    """Return what is held at a moment after a key as additions, at most so many; all of it told, the feed goes on with what happened since."""
    (moment, key), limit = asked
    page, examined, key = Page(end=(moment, key)), 0, key or ""
    while examined < _EXAMINED and page.has_room(limit):
        most = max(limit - len(page.changes), _FEWEST)
        rows = await stock(prepared, teller.spec, teller.columns, (moment, key, most))
        for row in rows:
            if not page.has_room(limit):
                return page
            teller.tell(page, row["since"], None, row)
            key = row[teller.spec.key]
            page.end = moment, key
        examined += len(rows)
        if len(rows) < most:
            page.is_all, page.end = True, (moment, None)
            return page
    return page


def _namer(spec: Library, permit: Permit, secret: bytes) -> Callable[[Row], dict[str, str]]:
    """Return how a record is named: a subject by its code; an entry by its key where all that makes it is granted, else by a name for this grant alone."""
    if spec.entry is None:
        return lambda row: {"subject": row["subject"]}
    if all(part in permit.items and permit.items[part].form == "full" for part in spec.entry.from_):
        return lambda row: {"subject": row["subject"], "entry": row["entry"]}
    salt = f"entry\x00{permit.id}\x00"
    return lambda row: {"subject": row["subject"], "entry": alias(secret, salt, row["entry"])}


def alias(secret: bytes, salt: str, entry: str) -> str:
    """Return a name of an entry that is the same every time and tells nothing of its key."""
    return "~" + hmac.digest(secret, f"{salt}{entry}".encode(), "sha256").hex()[:32]


@lru_cache(maxsize=64)
def _spelled(moment: datetime) -> str:
    """Return a moment in ISO 8601; all that one merge wrote bears the same."""
    return moment.isoformat()


def _numbers(text: str) -> tuple[int | None, ...]:
    """Read an array of numbers as PostgreSQL spells it."""
    return tuple(None if one == "NULL" else int(one) for one in text[1:-1].split(","))


def sources_of(traced: Mapping[str, tuple[int, int]], resources: Mapping[int, str], batches: Mapping[int, str]) -> Any:
    """Return where values came from, by the names the answer uses."""
    return {
        name: {"resource": resources.get(source), "batch": batches.get(batch)}
        for name, (source, batch) in traced.items()
    }
