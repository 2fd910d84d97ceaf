"""Why: an answer says at which moment its records stand, and asking again for that moment must find the very same. So the moment is never simply now: a merge
that is not committed yet may bear an earlier time (`libraries.horizon`). Here the ordinary look-up is given its moment without a further question to the
database, past moments and days are looked up, and what changed just now is read once more, at a moment all of it is settled by. Called by delivery.

An ordinary answer stands at the horizon asked for before it was read, at most five seconds earlier: every record seen bears an earlier time, and none of a
later one up to it was hidden. A record that bears a later time, or one that may have gone meanwhile, makes the whole be read again as of a fresh horizon.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from exchange_api.find import By, Finder, Rows, Wanted, statement
from exchange_api.prepared import Prepared
from libraries import history, serving, timeline
from libraries.horizon import HORIZON, number_of, settled
from libraries.timeline import Said, day_of
from schemas.calendar import today
from schemas.library import Library, library

FRESH_S, USABLE_S = 1.0, 5.0
"""A horizon is renewed beside the answers when it is older than the first, and waited for when it is older than the second."""


@dataclass(frozen=True, slots=True)
class Time:
    """The time a question is about: the day on which it was true, and the moment until which the hub may have learned it."""

    as_of: date | None = None
    known_at: datetime | None = None


NOW = Time()


class Moments:
    """Looks records up at moments, for one worker."""

    def __init__(self, finder: Finder, prepared: Prepared) -> None:
        self._finder, self._prepared = finder, prepared
        self._known: dict[str, tuple[float, datetime]] = {}
        self._under_way: dict[str, asyncio.Task[datetime]] = {}

    async def read(self, wanted: Wanted, keys: tuple[str, ...], asked: Time = NOW) -> tuple[Rows, datetime]:
        """Return the records of these keys and the moment they stand at: the one asked for, or the latest at which the same will be found again.

        Raises Invalid `record.known_at_future`, `record.no_business_time`.
        """
        if asked != NOW:
            return await self._read_past(wanted, keys, asked)
        moment = await self._recent(wanted[0])
        rows = await self._finder.find(wanted, keys)
        if await self._stands(wanted, keys, (rows, moment)):
            return rows, moment
        moment = await self._renew(wanted[0])
        return await self._at(wanted, keys, Time(known_at=moment)), moment

    async def _read_past(self, wanted: Wanted, keys: tuple[str, ...], asked: Time) -> tuple[Rows, datetime]:
        moment = asked.known_at
        if moment is not None:
            history.require_past(moment)
        if moment is None or moment > await self._recent(wanted[0]):
            latest = await self._renew(wanted[0])
            moment = latest if moment is None else min(moment, latest)
        return await self._at(wanted, keys, Time(asked.as_of, moment)), moment

    async def _at(self, wanted: Wanted, keys: tuple[str, ...], asked: Time) -> Rows:
        spec = library(wanted[0])
        if asked.as_of is not None and not history.is_by_business_time(spec):
            return await self._true_on(spec, keys, asked)
        return await self._prepared.fetch(*_past_statement(wanted, keys, asked))

    async def _true_on(self, spec: Library, keys: tuple[str, ...], asked: Time) -> Rows:
        assert asked.as_of is not None
        query = timeline.statement(spec, "$1::text[]", "$2::timestamptz")
        versions = await self._prepared.fetch(query, list(keys), asked.known_at)
        numbers = sorted({claim["source"] for claim in versions})
        voices = await self._prepared.fetch(timeline.VOICES.format(numbers="$1::int[]"), numbers)
        said = Said(versions, {row["number"]: row["department_id"] for row in voices}, asked.known_at)
        return timeline.judge(spec, timeline.true_on(said, asked.as_of), said.departments)

    async def _stands(self, wanted: Wanted, keys: Sequence[str], read: tuple[Rows, datetime]) -> bool:
        """Tell whether what was read stands at the moment: nothing in it is later, and nothing that stood then had gone when it was read."""
        rows, moment = read
        if any(row["recorded_at"] > moment for row in rows):
            return False
        spec = library(wanted[0])
        if spec.kind == "profile" and len(rows) == len(keys):
            return True
        if spec.serving and day_of(moment) != today():
            return False
        return not (await self._prepared.fetch(_gone_since(spec, wanted[2]), list(keys), moment))[0]["gone"]

    async def _recent(self, name: str) -> datetime:
        known = self._known.get(name)
        age = asyncio.get_running_loop().time() - known[0] if known else USABLE_S
        if known is None or age >= USABLE_S:
            return await self._renew(name)
        if age > FRESH_S and name not in self._under_way:
            self._begin(name)
        return known[1]

    async def _renew(self, name: str) -> datetime:
        """Return a horizon asked for from now on: one under way may have been asked before what was just read was committed."""
        return await asyncio.shield(self._begin(name))

    def _begin(self, name: str) -> "asyncio.Task[datetime]":
        task = asyncio.create_task(self._ask(name))
        self._under_way[name] = task
        task.add_done_callback(lambda ended: self._end(name, ended))
        return task

    def _end(self, name: str, ended: "asyncio.Task[datetime]") -> None:
        if self._under_way.get(name) is ended:
            del self._under_way[name]
        if not ended.cancelled():
            ended.exception()  # whoever waits for it gets it; beside the answers it is asked again next time

    async def _ask(self, name: str) -> datetime:
        begun = asyncio.get_running_loop().time()
        moment = settled((await self._prepared.fetch(HORIZON, number_of(name)))[0])
        last = self._known.get(name)
        if last is None or last[1] <= moment:
            self._known[name] = begun, moment
        return moment


def _past_statement(wanted: Wanted, keys: Sequence[str], asked: Time) -> tuple[Any, ...]:
    """Return the look-up of golden records at a moment with its parameters; what may be handed out of a register is what might have been on that day."""
    spec = library(wanted[0])
    assert asked.known_at is not None
    given: list[Any] = [list(keys), asked.known_at]
    day, further = "", ""
    if spec.serving:
        given.append(day_of(asked.known_at))
        day = f"${len(given)}::date"
    if asked.as_of is not None:
        given.append(asked.as_of)
        further = f" AND {history.holding(spec, f'${len(given)}::date')}"
    return statement(wanted, history.believed(spec, "$2::timestamptz"), day, further), *given


def _gone_since(spec: Library, by: By) -> str:
    about = f"{by} = ANY($1::text[])"
    if spec.further_subjects and by == "subject":
        further = spec.further_subjects
        about = f"({about} OR ({further} IS NOT NULL AND string_to_array({further}, ';') && $1::text[]))"
    gone = f"EXISTS (SELECT FROM library.{spec.library}_history WHERE {about} AND known_to > $2::timestamptz)"
    if spec.versions:  # an entry also goes when a newer version of it comes, which may be about somebody else
        came = f"(SELECT * FROM library.{spec.library} WHERE recorded_at > $2::timestamptz)"  # noqa: S608
        newer = serving.newer_versions(spec, among=came)
        gone += f" OR EXISTS (SELECT FROM library.{spec.library} WHERE {about} AND EXISTS ({newer}))"
    return f"SELECT {gone} AS gone"
