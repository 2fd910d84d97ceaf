"""Why: asking the pool for a connection at every group costs as much as the group itself (about 0.1 ms of the worker's own time). Here some connections
stay out of the pool with their statements prepared; when all of them are busy, the pool answers. Called by `find` and `recording`.
"""

from typing import Any

import asyncpg  # type: ignore[import-untyped]


class Kept:
    """One connection with the statements prepared on it."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self._statements: dict[str, Any] = {}

    def is_open(self) -> bool:
        """Say whether the connection is still there; the pool takes a dead one back by itself."""
        try:
            return not self.connection.is_closed()
        except asyncpg.InterfaceError:
            return False

    async def fetch(self, sql: str, *arguments: Any) -> list[Any]:
        """Run `sql`, preparing it on first use."""
        statement = self._statements.get(sql)
        if statement is None:
            statement = self._statements[sql] = await self.connection.prepare(sql)
        rows: list[Any] = await statement.fetch(*arguments)
        return rows


class Prepared:
    """Runs statements on at most `limit` kept connections, beyond that on the pool; give it fewer than the pool has. patience: seconds to wait for the pool."""

    def __init__(self, pool: Any, limit: int, patience: float | None = None) -> None:
        self._pool, self._limit, self._patience = pool, limit, patience
        self._idle: list[Kept] = []
        self._count = 0

    async def fetch(self, sql: str, *arguments: Any) -> list[Any]:
        """Return the rows of `sql`; raises what asyncpg raises. A connection on which anything failed is not kept."""
        kept = await self._take()
        if kept is None:
            async with self._pool.acquire(timeout=self._patience) as connection:
                rows: list[Any] = await connection.fetch(sql, *arguments)
                return rows
        try:
            rows = await kept.fetch(sql, *arguments)
        except asyncpg.InvalidCachedStatementError:  # the table was altered since it was prepared; nothing was done
            await self._drop(kept)
            return await self.fetch(sql, *arguments)
        except BaseException:
            await self._drop(kept)
            raise
        self._idle.append(kept)
        if self._count > self._limit:  # closed meanwhile
            await self.close()
        return rows

    async def close(self) -> None:
        """Hand everything back to the pool; whatever is busy follows when it is done."""
        self._limit = 0
        while self._idle:
            await self._drop(self._idle.pop())

    async def _take(self) -> Kept | None:
        while self._idle:
            kept = self._idle.pop()
            if kept.is_open():
                return kept
            await self._drop(kept)
        if self._count >= self._limit:
            return None
        self._count += 1
        try:
            return Kept(await self._pool.acquire(timeout=self._patience))
        except BaseException:
            self._count -= 1
            raise

    async def _drop(self, kept: Kept) -> None:
        self._count -= 1
        await self._pool.release(kept.connection)
