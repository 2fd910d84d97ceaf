"""Why: an answer leaves only after its evidence is durable. Entries of concurrent answers share one INSERT; the same statement counts what each grant
used today. The database judges replays (key and nonce) and repeated questions (key and request id) by unique indexes. Called by sealing.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg  # type: ignore[import-untyped]

from exchange_api.evidence.ledger import INSERT_SQL, EntryRow, entry_columns
from exchange_api.grouping import Grouping
from exchange_api.permit import Permit
from exchange_api.prepared import Prepared
from exchange_api.watching.figures import FIGURES
from schemas.calendar import today
from schemas.errors import Denied, Transient

RECORD = f"""
WITH written AS ({INSERT_SQL}),
used AS (
    INSERT INTO exchange.grant_use (grant_id, day, subjects, calls)
    SELECT u.grant_id, u.day, sum(u.subjects), count(*)
    FROM unnest($1::uuid[], $8::text[], $13::date[], $14::int[]) AS u (id, grant_id, day, subjects) JOIN written USING (id)
    WHERE u.day IS NOT NULL GROUP BY u.grant_id, u.day ORDER BY u.grant_id, u.day
    ON CONFLICT (grant_id, day) DO UPDATE SET subjects = grant_use.subjects + excluded.subjects, calls = grant_use.calls + excluded.calls
    RETURNING grant_id, day, subjects)
SELECT id, NULL AS grant_id, NULL::date AS day, NULL::int AS subjects FROM written
UNION ALL SELECT NULL, grant_id, day, subjects FROM used
"""  # noqa: S608 - the ledger's own statement
FIND_REPLAY = "SELECT true FROM evidence.entries WHERE keyid = $1 AND nonce = $2"
FIND_EARLIER = "SELECT id, document FROM evidence.entries WHERE keyid = $1 AND request_id = $2 AND kind = 'answer' AND code IS NULL"


UNWRITTEN = (
    OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError,
)  # fmt: skip
"""Ways in which an entry was not written, or nobody knows: the last when a connection ends in the middle of a statement."""


class Use(NamedTuple):
    """What one answer takes from a grant's quota: subjects, on a day in China."""

    grant_id: str
    day: date
    subjects: int


class Sheet(NamedTuple):
    """One entry to write and the use it counts (None: nothing)."""

    row: EntryRow
    use: Use | None


@dataclass(frozen=True, slots=True)
class Earlier:
    """The answer already given to this request id."""

    receipt: str
    document: bytes


class Quota:
    """How much each grant used today, as this worker knows it: the database's count at the last commit plus what is under way here.

    Other workers' uses are learnt at each commit, so several workers together may go over by what is under way at one moment. The burst of a minute each
    worker counts for itself. on_overrun: told of every refusal over the day's quota; it must return at once and never fail.
    """

    def __init__(self, pool: Any, on_overrun: Callable[[Use], None] = lambda _: None) -> None:
        self._pool, self._on_overrun = pool, on_overrun
        self._minutes: dict[str, tuple[int, int]] = {}
        self._used: dict[tuple[str, date], int] = {}
        self._pending: dict[tuple[str, date], int] = defaultdict(int)

    async def reserve(self, permit: Permit, subjects: int) -> Use:
        """Set `subjects` aside for an answer; raises Denied quota.exceeded, quota.burst. The recorder or `release` gives it back."""
        use = Use(permit.id, today(), subjects)
        if use[:2] not in self._used:
            await self._load(use)
        used = self._used[use[:2]] + self._pending[use[:2]]
        quota = permit.quota_per_day if not permit.raises else permit.quota_on(use.day)
        if used + subjects > quota:
            self._on_overrun(use)
            raise Denied("quota.exceeded", grant=permit.id, quota=quota, used=used, asked=subjects)
        if permit.burst_per_minute is not None:
            self._count_minute(permit.id, subjects, permit.burst_per_minute)
        self._pending[use[:2]] += subjects
        return use

    def _count_minute(self, grant_id: str, subjects: int, burst: int) -> None:
        minute = int(time.monotonic() // 60)
        before, used = self._minutes.get(grant_id, (minute, 0))
        used = used if before == minute else 0
        if used + subjects > burst:
            raise Denied("quota.burst", grant=grant_id, burst=burst, asked=subjects)
        self._minutes[grant_id] = minute, used + subjects

    def release(self, use: Use) -> None:
        """Give back what was set aside: it was counted by the database or never used."""
        self._pending[use[:2]] -= use.subjects

    def learn(self, grant_id: str, day: date, used: int) -> None:
        """Take over the database's count."""
        self._used[grant_id, day] = max(used, self._used.get((grant_id, day), 0))

    async def _load(self, use: Use) -> None:
        for old in [key for key in self._used if key[1] != use.day]:
            self._used.pop(old), self._pending.pop(old, None)
        used = await self._pool.fetchval(
            "SELECT subjects FROM exchange.grant_use WHERE grant_id = $1 AND day = $2", *use[:2]
        )
        self.learn(use.grant_id, use.day, used or 0)


class Recorder:
    """Writes entries for one worker."""

    def __init__(self, pool: Any, prepared: Prepared, quota: Quota) -> None:
        self._pool, self._prepared, self._quota = pool, prepared, quota
        self._group: Grouping[Sheet, bool] = Grouping(self._write)

    async def record(self, sheet: Sheet) -> bool:
        """Write one entry durably and say True; False when the database holds its nonce or its request id already.

        Raises Transient evidence.unavailable when it could not be written.
        """
        try:
            return await self._group.submit(sheet)
        except UNWRITTEN as failure:
            raise Transient("evidence.unavailable") from failure

    async def is_replay(self, keyid: str, nonce: str) -> bool:
        """Say whether this key used this nonce before."""
        return bool(await self._pool.fetchval(FIND_REPLAY, keyid, nonce))

    async def find_earlier(self, keyid: str, request_id: str) -> Earlier | None:
        """Return the answer given before to this request id of this key."""
        row = await self._pool.fetchrow(FIND_EARLIER, keyid, request_id)
        return Earlier(str(row["id"]), row["document"]) if row else None

    async def _write(self, sheets: Sequence[Sheet]) -> list[bool]:
        try:
            return await self._insert(sheets)
        except asyncpg.DataError:
            if len(sheets) == 1:
                raise
        # one entry that the database cannot hold must not take its neighbours down
        return [await self._written(sheet) for sheet in sheets]

    async def _written(self, sheet: Sheet) -> bool:
        return (await self._insert([sheet]))[0]

    async def _insert(self, sheets: Sequence[Sheet]) -> list[bool]:
        FIGURES.grouped(len(sheets))
        days = [sheet.use.day if sheet.use else None for sheet in sheets]
        subjects = [sheet.use.subjects if sheet.use else None for sheet in sheets]
        written: set[UUID] = set()
        columns = entry_columns([sheet.row for sheet in sheets])
        for row in await self._prepared.fetch(RECORD, *columns, days, subjects):
            if row["id"] is not None:
                written.add(row["id"])
            else:
                self._quota.learn(row["grant_id"], row["day"], row["subjects"])
        return [sheet.row[0] in written for sheet in sheets]
