"""Why: some of what operators watch stands in the database and in no worker: how far evidence is behind, which grants come near their quota, where batches and
notices wait. Read when somebody looks, within a time limit and at most every few seconds. Called by `metrics` and `health`.
"""

import asyncio
import time
from typing import Any, NamedTuple
from uuid import UUID

LIMIT_S = 3.0
KEPT_S = 5.0
NEAR = 0.8
_OLDEST = "SELECT entry_id FROM evidence.pending ORDER BY position LIMIT 1"
_PENDING = "SELECT count(*) FROM (SELECT FROM evidence.pending LIMIT 100000) p"
_QUOTA = f"""
SELECT count(*) FILTER (WHERE u.subjects >= {NEAR} * g.quota_per_day) AS near, count(*) FILTER (WHERE u.subjects >= g.quota_per_day) AS used_up
FROM exchange.grant_use u JOIN exchange.grants g ON g.id = u.grant_id
WHERE u.day = (now() AT TIME ZONE 'Asia/Shanghai')::date
"""  # noqa: S608 - a number of ours
_BATCHES = """
SELECT state, count(*) AS batches, coalesce(extract(epoch FROM now() - min(created_at)), 0)::float8 AS age
FROM landing.batches WHERE state NOT IN ('merged', 'rejected', 'retracted') GROUP BY state
"""
_NOTICES = """
SELECT count(*) AS waiting, coalesce(extract(epoch FROM now() - min(next_at)), 0)::float8 AS late
FROM operations.notice_deliveries WHERE state = 'waiting'
"""


class Measured(NamedTuple):
    """One figure with its labels."""

    name: str
    labels: tuple[tuple[str, str], ...]
    value: float


class Standing:
    """What the database says, for one worker; looks that come together share one reading."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self._lock = asyncio.Lock()
        self._read_at, self._found = float("-inf"), list[Measured]()

    async def read(self) -> list[Measured]:
        """Return the figures, none when the database does not say them in time."""
        async with self._lock:
            if time.monotonic() - self._read_at > KEPT_S:
                try:
                    async with asyncio.timeout(LIMIT_S):
                        self._found = await self._ask()
                except Exception:  # noqa: BLE001 - figures are missed, nothing else
                    self._found = []
                self._read_at = time.monotonic()
            return self._found

    async def _ask(self) -> list[Measured]:
        pending, lag = await self._pool.fetchval(_PENDING), await oldest_pending_s(self._pool)
        quota = await self._pool.fetchrow(_QUOTA)
        notices = await self._pool.fetchrow(_NOTICES)
        found = [
            Measured("evidence_pending_entries", (), pending), Measured("evidence_lag_seconds", (), lag),
            Measured("grants_near_quota", (), quota["near"]), Measured("grants_quota_used_up", (), quota["used_up"]),
            Measured("notices_waiting", (), notices["waiting"]), Measured("notices_late_seconds", (), max(0.0, notices["late"])),
        ]  # fmt: skip
        for row in await self._pool.fetch(_BATCHES):
            state = (("state", row["state"]),)
            found += [Measured("batches", state, row["batches"]), Measured("batches_oldest_seconds", state, row["age"])]
        return found


async def oldest_pending_s(pool: Any) -> float:
    """Return for how long the oldest entry waits for the log, seconds, by its id (UUID version 7); 0 when none waits."""
    entry: UUID | None = await pool.fetchval(_OLDEST)
    return 0.0 if entry is None else max(0.0, time.time() - (entry.int >> 80) / 1000)
