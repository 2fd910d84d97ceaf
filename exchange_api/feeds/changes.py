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
from exchange_api.feeds.ahead import Ahead
from exchange_api.feeds.happenings import Happened, Happenings
from exchange_api.feeds.versions import AFTER, BEFORE, DIFFERS, HEAD, OTHER_SUBJECT, Row, Wanted, pairs, stock
from exchange_api.permit import GrantedItem, Permit, columns
from exchange_api.prepared import Prepared
from schemas.library import Library, library

MOST = 850
"""Changes of one page: their subjects must find room in its evidence entry (`ledger.MAX_BYTES`), by which recalls find who was told."""
_EXAMINED, _FEWEST = 20_000, 200
_ROOM, _HASH = 58_500, 67
_FLAGS, _SUBJECT, _TRACES = 1, 2, 3
Place = tuple[datetime, str | None]
Chunk = tuple[Happened, list[Row]]


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
        return len(self.changes) < limit and len(self.subjects) * _HASH + len(self.batches) * 100 < _ROOM


class Teller:
    """Tells the changes of one grant."""

    def __init__(self, permit: Permit, secret: bytes) -> None:
        self._permit, self.rules = permit, permit.rows
        self.spec: Library = library(permit.library)
        self.items = tuple(permit.items.values())
        self._names = [item.attribute for item in self.items]
        self._masks = [(n, item.mask) for n, item in enumerate(self.items) if not self._is_plain(item)]
        unclear = [n for n, item in enumerate(self.items) if not self._is_exact(item)]
        after = columns(permit, self.items)
        before = tuple(self._names[n] for n in unclear) if permit.admits is None else ("subject", *after)
        self.wanted = Wanted(after, before)
        self._shown, self._was = slice(HEAD, HEAD + len(self.items)), HEAD + len(after)
        self._unclear = [
            (n, DIFFERS << n, self._was + before.index(self._names[n]), self.items[n].mask) for n in unclear
        ]
        self._name = _namer(self.spec, permit, secret)
        self._secret = secret
        self._traced: dict[str, dict[str, tuple[int, int]]] = {}
        self._named: dict[int, tuple[str, ...]] = {}

    def tell(self, page: Page, at: datetime, key: str, row: Row) -> None:
        """Add to the page what the grant may be told of a happening, if anything."""
        flags = row[_FLAGS] if self._permit.admits is None else self._admitted(row)
        if not flags & (BEFORE | AFTER):
            return
        if not flags & AFTER:
            subject = row[_SUBJECT] if self._permit.admits is None else row[self._was]
            change: dict[str, Any] = {"change": "removed", **self._name(subject, key), "at": _spelled(at)}
            traced: dict[str, tuple[int, int]] = {}
        else:
            differs = self._differs(row, flags) if flags & BEFORE else ()
            if differs is None:
                return
            kind, subject = "changed" if flags & BEFORE else "added", row[_SUBJECT]
            values = dict(zip(self._names, self._values(row), strict=True))
            change = {"change": kind, **self._name(subject, key), "at": _spelled(at), "values": values}
            if flags & BEFORE:
                change["changed"] = differs
            traced = self._trace(page, row[_TRACES])
        page.changes.append(change)
        page.subjects[subject_hash(self._secret, self.spec.library, subject)] = None
        page.sources.append(traced)

    def _values(self, row: Row) -> list[Any]:
        """Return what the grant shows of what holds after, in the order of its items."""
        values = list(row[self._shown])
        for place, mask in self._masks:
            values[place] = mask(values[place])
        return values

    def _differs(self, row: Row, flags: int) -> tuple[str, ...] | None:
        """Return the items of which the grant shows something else now; None: of none, and it is the same subject's."""
        for n, bit, was, mask in self._unclear:
            if flags & bit and mask(row[was]) == mask(row[HEAD + n]):
                flags &= ~bit
        named = self._named.get(flags)
        if named is None:
            named = tuple(name for n, name in enumerate(self._names) if flags & (DIFFERS << n))
            self._named[flags] = named
        return named if named or flags & OTHER_SUBJECT else None

    def _admitted(self, row: Row) -> int:
        """Return the flags as they are to a grant with rules: a version outside them is as if it were not there."""
        flags, admits = int(row[_FLAGS]), self._permit.admits
        assert admits is not None
        if flags & BEFORE and not admits(dict(zip(self.wanted.before, row[self._was :], strict=True))):
            flags &= ~BEFORE
        if flags & AFTER:
            now = dict(zip(self.wanted.after, row[HEAD : self._was], strict=True))
            if not admits({"subject": row[_SUBJECT], **now}):
                flags &= ~AFTER
        return flags

    def _is_plain(self, item: GrantedItem) -> bool:
        """Tell whether a value is shown as it is read: texts, and days, which JSON spells as they are."""
        return item.form == "full" and self.spec.attribute(item.attribute).type in ("text", "date")

    def _is_exact(self, item: GrantedItem) -> bool:
        """Tell whether what is shown differs whenever the value does: not behind a mask, nor of geometries, which may be spelled in two ways."""
        return item.form == "full" and self.spec.attribute(item.attribute).type != "geometry"

    def _trace(self, page: Page, said: str) -> dict[str, tuple[int, int]]:
        """Return source and batch of each value told, and note the batches; rows of one batch mostly say the same."""
        traced = self._traced.get(said)
        if traced is None:
            sources, batches = (_numbers(one) for one in said[1:-1].split("}{"))
            found = [(item.attribute, sources[item.position], batches[item.position]) for item in self.items]
            traced = self._traced[said] = {name: (a, b) for name, a, b in found if a is not None and b is not None}
        if not page.sources or page.sources[-1] is not traced:
            page.batches.update((batch, None) for _, batch in traced.values())
        return traced


async def changes_after(
    prepared: Prepared, happenings: Happenings, teller: Teller, asked: tuple[Place, datetime, int]
) -> Page:
    """Return the changes after a place, up to a settled moment, at most so many; asked: these three. What follows is read ahead."""
    place, until, limit = asked
    page, examined, most = Page(end=place), 0, max(limit, _FEWEST)
    source = _Source(prepared, happenings, teller)
    while examined < _EXAMINED and page.has_room(limit):
        happened, rows = await source.chunk(place, until, most)
        if happened:
            place = happened.moments[-1], happened.keys[-1]
            is_last = source.read_ahead(place, until, most)
            told = _tell_all(page, teller, (happened, rows), limit)
            if told < len(happened):
                happenings.ahead.begin(source.name(page.end), _as_is((happened.part(told, len(happened)), rows[told:])))
                return page
            examined += told
        if not happened or is_last:
            page.is_all, page.end = True, (until, None)
            return page
    return page


@dataclass(frozen=True, slots=True)
class _Source:
    """Happenings with what they made of their records, a stretch at a time."""

    prepared: Prepared
    happenings: Happenings
    teller: Teller

    async def chunk(self, place: Place, until: datetime, most: int) -> Chunk:
        """Return what follows a place: what was read ahead if it was, which may be fewer."""
        found: Chunk | None = await self.happenings.ahead.take(self.name(place))
        if found is not None and found[0].moments[-1] <= until:
            return found
        happened, _ = await self.happenings.after(self.teller.spec, place, until, most)
        return await self._read(happened) if happened else (happened, [])

    def read_ahead(self, place: Place, until: datetime, most: int) -> bool:
        """Begin to read what is known to follow a place; tell whether nothing does."""
        following, is_last = self.happenings.known_after(self.teller.spec, place, until, most)
        if following:
            self.happenings.ahead.begin(self.name(place), self._read(following))
        return is_last and not following

    def name(self, place: Place | None) -> Any:
        """Return under what a place is read ahead: the same for all who ask with the same columns."""
        return self.teller.spec.library, self.teller.wanted, place

    async def _read(self, happened: Happened) -> Chunk:
        return happened, await pairs(self.prepared, self.teller.spec, self.teller.wanted, happened)


def _tell_all(page: Page, teller: Teller, chunk: Chunk, limit: int) -> int:
    """Tell what finds room, and return how many happenings that were."""
    happened, rows = chunk
    told = 0
    for at, key, row in zip(happened.moments, happened.keys, rows, strict=True):
        if not page.has_room(limit):
            break
        teller.tell(page, at, key, row)
        told += 1
    if told:
        page.end = happened.moments[told - 1], happened.keys[told - 1]
    return told


async def _as_is(chunk: Any) -> Any:
    return chunk


async def stock_after(
    prepared: Prepared, teller: Teller, asked: tuple[Place, int], ahead: Ahead[Any] | None = None
) -> Page:
    """Return what is held at a moment after a key as additions, at most so many; all of it told, the feed goes on with what happened since."""
    (moment, key), limit = asked
    page, examined, key, most = Page(end=(moment, key)), 0, key or "", max(limit, _FEWEST)
    ahead = ahead or Ahead()
    while examined < _EXAMINED and page.has_room(limit):

        def name(after: str) -> Any:
            return teller.spec.library, teller.wanted.after, moment, after, most

        rows = await ahead.take(name(key))
        if rows is None:
            rows = await stock(prepared, teller.spec, teller.wanted, (moment, key, most))
        if len(rows) == most:
            last = rows[-1][-1]
            ahead.begin(name(last), stock(prepared, teller.spec, teller.wanted, (moment, last, most)))
        for row in rows:
            if not page.has_room(limit):
                return page
            key = row[-1]
            teller.tell(page, row[-2], key, row)
            page.end = moment, key
        examined += len(rows)
        if len(rows) < most:
            page.is_all, page.end = True, (moment, None)
            return page
    return page


def _namer(spec: Library, permit: Permit, secret: bytes) -> Callable[[str, str], dict[str, str]]:
    """Return how a record is named: a subject by its code; an entry by its key where all that makes it is granted, else by a name for this grant alone."""
    if spec.entry is None:
        return lambda subject, _: {"subject": subject}
    if all(part in permit.items and permit.items[part].form == "full" for part in spec.entry.from_):
        return lambda subject, entry: {"subject": subject, "entry": entry}
    salt = f"entry\x00{permit.id}\x00"
    return lambda subject, entry: {"subject": subject, "entry": alias(secret, salt, entry)}


def alias(secret: bytes, salt: str, entry: str) -> str:
    """Return a name of an entry that is the same every time and tells nothing of its key."""
    return "~" + hmac.digest(secret, f"{salt}{entry}".encode(), "sha256").hex()[:32]


@lru_cache(maxsize=64)
def _spelled(moment: datetime) -> str:
    """Return a moment in ISO 8601; all that one merge wrote bears the same."""
    return moment.isoformat()


def _numbers(text: str) -> tuple[int | None, ...]:
    """Read what stands between the braces of an array of numbers as PostgreSQL spells it."""
    return tuple(None if one == "NULL" else int(one) for one in text.split(","))


def sources_of(traced: Mapping[str, tuple[int, int]], resources: Mapping[int, str], batches: Mapping[int, str]) -> Any:
    """Return where values came from, by the names the answer uses."""
    return {
        name: {"resource": resources.get(source), "batch": batches.get(batch)}
        for name, (source, batch) in traced.items()
    }
