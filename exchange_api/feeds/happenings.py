"""Why: which records may have changed when, in one order for all consumers of a library. Every version that began or ended is a happening; so is a midnight at
which an entry stops being served, and what happens to a newer version of an entry happens to the older ones. Called by `changes`, which tells what came of it.

All up to the horizon is committed (`libraries.horizon`), so a merge that commits late is not skipped: it is later in this order, or the horizon waits for it.
A worker reads the order in long slices and keeps the last ones: page after page costs no further reading of the library. Each slice goes through all that
changed since, so the next one is read while a consumer is still told the second half of this one.
"""

from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from exchange_api.feeds.ahead import Ahead
from exchange_api.prepared import Prepared
from libraries.timeline import day_of
from schemas.calendar import CHINA
from schemas.library import Library

SLICE = 200_000
"""Happenings read at once: each reading goes through all that changed since, so a few long ones; fifteen megabytes each in a worker."""
_KEPT = 2
_BEGAN = "SELECT recorded_at AS at, {key} AS key FROM library.{name} WHERE recorded_at >= $1::timestamptz AND recorded_at <= $3::timestamptz"
_BEGAN_THEN = """SELECT known_from, {key} FROM library.{name}_history
    WHERE known_to >= $1::timestamptz AND known_from >= $1::timestamptz AND known_from <= $3::timestamptz"""
_ENDED = "SELECT known_to, {key} FROM library.{name}_history WHERE known_to >= $1::timestamptz AND known_to <= $3::timestamptz"
# a version that began and ended before the slice is gone from both tables' present only by name: history keeps it
_RAN_OUT = """SELECT m.at, r.{key} FROM unnest($5::timestamptz[], $6::date[]) AS m (at, eve)
    JOIN (SELECT {key}, {until} AS last FROM library.{name} UNION ALL SELECT {key}, {until} FROM library.{name}_history) AS r ON r.last = m.eve"""
_CAME_INTO_FORCE = """SELECT m.at, r.{key} FROM unnest($5::timestamptz[], $6::date[]) AS m (at, eve)
    JOIN (SELECT {key}, {from_} AS first FROM library.{name} UNION ALL SELECT {key}, {from_} FROM library.{name}_history) AS r ON r.first = m.eve + 1"""
_OLDER = """SELECT e.at, o.key FROM e CROSS JOIN LATERAL (
    SELECT {key} AS key FROM library.{name} WHERE {key} >= left(e.key, -{suffix}) AND {key} < e.key AND length({key}) = length(e.key)
    UNION SELECT {key} FROM library.{name}_history WHERE {key} >= left(e.key, -{suffix}) AND {key} < e.key AND length({key}) = length(e.key)) AS o"""


@dataclass(frozen=True, slots=True)
class Happened:
    """Records and the moments at which each may have become another, side by side, in their order."""

    moments: Sequence[datetime]
    keys: Sequence[str]

    def __len__(self) -> int:
        """Return how many they are."""
        return len(self.keys)

    def part(self, first: int, end: int) -> "Happened":
        """Return those from one place to before another."""
        return Happened(self.moments[first:end], self.keys[first:end])


@dataclass(frozen=True, slots=True)
class _Slice:
    """Happenings after a place in their order, up to a moment; whole: there are no further ones up to it."""

    after: tuple[datetime, str | None]
    until: datetime
    found: Happened
    is_whole: bool


class Happenings:
    """Reads the order of happenings, for one worker."""

    def __init__(self, prepared: Prepared, size: int = SLICE) -> None:
        self._prepared, self._size = prepared, size
        self._slices: OrderedDict[tuple[str, datetime, str | None], _Slice] = OrderedDict()
        self.ahead: Ahead[Any] = Ahead()
        self._next: Ahead[_Slice] = Ahead(_KEPT)

    async def close(self) -> None:
        """Let go of all that is read ahead, and of the connections it uses."""
        await self.ahead.close()
        await self._next.close()

    async def after(
        self, spec: Library, place: tuple[datetime, str | None], until: datetime, most: int
    ) -> tuple[Happened, bool]:
        """Return at most `most` happenings after a place in the order, up to a settled moment, and whether these are all."""
        kept = self._find(spec, place, until) or await self._read_on(spec, place, until)
        return self._part(spec, kept, (place, until, most))

    def known_after(
        self, spec: Library, place: tuple[datetime, str | None], until: datetime, most: int
    ) -> tuple[Happened, bool]:
        """Return the same as far as it was read already, without a question to the database."""
        kept = self._find(spec, place, until)
        return self._part(spec, kept, (place, until, most)) if kept else (Happened((), ()), False)

    def _part(
        self, spec: Library, kept: _Slice, asked: tuple[tuple[datetime, str | None], datetime, int]
    ) -> tuple[Happened, bool]:
        """Return a part of a slice; in its second half begin to read the next one."""
        place, until, most = asked
        found = kept.found
        first = _place_in(found, place)
        if not kept.is_whole and first > len(found) // 2:
            end = found.moments[-1], found.keys[-1]
            if self._find(spec, end, until) is None:
                self._next.begin((spec.library, end), self._read(spec, end, until))
        end_at = bisect_right(found.moments, until, first)
        part = found.part(first, min(first + most, end_at))
        is_at_end = first + len(part) >= end_at
        return part, is_at_end and (end_at < len(found) or (kept.is_whole and kept.until >= until))

    async def _read_on(self, spec: Library, place: tuple[datetime, str | None], until: datetime) -> _Slice:
        """Return the slice after a place: the one under way if it is, else read now."""
        await self._next.take((spec.library, place))
        return self._find(spec, place, until) or await self._read(spec, place, until)

    def _find(self, spec: Library, place: tuple[datetime, str | None], until: datetime) -> _Slice | None:
        """Return a kept slice in which the place lies and after which it has something, or all there is until the moment."""
        for name, one in reversed(self._slices.items()):
            if name[0] != spec.library or _order(*one.after) > _order(*place):
                continue
            found = one.found
            has_more = bool(found) and _order(found.moments[-1], found.keys[-1]) > _order(*place)
            if has_more or (one.is_whole and one.until >= until):
                self._slices.move_to_end(name)
                return one
        return None

    async def _read(self, spec: Library, place: tuple[datetime, str | None], until: datetime) -> _Slice:
        at, key = place
        midnights = list(_midnights(at, until)) if spec.serving else []
        given: list[Any] = [at, key, until, self._size]
        if spec.serving:
            given += [midnights, [day_of(one) - timedelta(days=1) for one in midnights]]
        rows = await self._prepared.fetch(
            statement(spec, has_midnights=bool(midnights)), *given[: 6 if midnights else 4]
        )
        moments: list[datetime] = []
        keys: list[str] = []
        for moment, named in rows:
            keys += named
            moments += [moment] * len(named)
        read = _Slice(place, until, Happened(moments, keys), len(keys) < self._size)
        if keys:
            self._slices[spec.library, at, key] = read
            while len(self._slices) > _KEPT:
                self._slices.popitem(last=False)
        return read


def statement(spec: Library, *, has_midnights: bool) -> str:
    """Return the SQL of a slice: parameters place (moment, key or null), last moment, length, and the midnights with the days before them."""
    words: dict[str, Any] = {"name": spec.library, "key": spec.key}
    parts = [_BEGAN, _BEGAN_THEN, _ENDED]
    found = [part.format(**words) for part in parts]
    if has_midnights and spec.serving:
        found += [_RAN_OUT.format(until=until, **words) for until in spec.serving.until]
        if spec.versions:
            found.append(_CAME_INTO_FORCE.format(from_=spec.versions.from_, **words))
    happened = " UNION ALL ".join(found)
    older = f" UNION ALL {_OLDER.format(suffix=spec.versions.suffix, **words)}" if spec.versions else ""
    return (
        f"WITH e AS ({happened}) SELECT at, array_agg(key ORDER BY key) FROM ("  # noqa: S608 - names of our own definition only
        f"SELECT DISTINCT at, key FROM (SELECT at, key FROM e{older}) AS h"
        ' WHERE at > $1::timestamptz OR (at = $1::timestamptz AND key > $2::text COLLATE "C") ORDER BY at, key LIMIT $4::int'
        ") AS slice GROUP BY at ORDER BY at"
    )


def _midnights(after: datetime, until: datetime) -> Iterator[datetime]:
    """Yield the moments after one and up to another at which a day begins in China."""
    day = after.astimezone(CHINA).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    while day <= until:
        yield day
        day += timedelta(days=1)


def _order(at: datetime, key: str | None) -> tuple[datetime, bool, str]:
    """Return what sorts places: of one moment by key, and last of all that everything of it was told."""
    return at, key is None, key or ""


def _place_in(found: Happened, place: tuple[datetime, str | None]) -> int:
    """Return how many happenings are at or before a place."""
    at, key = place
    end = bisect_right(found.moments, at)
    return end if key is None else bisect_right(found.keys, key, bisect_left(found.moments, at, 0, end), end)
