"""Kept connections answer like the pool does: under a crowd, after a connection died, after a table was altered, and at the end."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg  # type: ignore[import-untyped]
import pytest
from sqlalchemy import make_url

from exchange_api.prepared import Prepared


@asynccontextmanager
async def _prepared(url: str) -> AsyncIterator[tuple[Any, Prepared]]:
    dsn = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    pool = await asyncpg.create_pool(dsn, min_size=1, max_size=4)
    prepared = Prepared(pool, 2)
    yield pool, prepared
    await asyncio.wait_for(prepared.close(), 10)
    await asyncio.wait_for(pool.close(), 10)  # waits for every connection to be back


def _run(url: str, story: Callable[[Any, Prepared], Awaitable[None]]) -> None:
    async def tell() -> None:
        async with _prepared(url) as (pool, prepared):
            await story(pool, prepared)

    asyncio.run(tell())


def test_a_crowd_is_answered_beyond_the_kept_connections(database: str) -> None:
    async def story(_: Any, prepared: Prepared) -> None:
        answers = await asyncio.gather(*(prepared.fetch("SELECT $1::int AS n", n) for n in range(30)))
        assert [rows[0]["n"] for rows in answers] == list(range(30))

    _run(database, story)


def test_a_dead_connection_fails_once_and_is_replaced(database: str) -> None:
    async def story(pool: Any, prepared: Prepared) -> None:
        pid = (await prepared.fetch("SELECT pg_backend_pid() AS pid"))[0]["pid"]
        under_way = asyncio.create_task(prepared.fetch("SELECT pg_sleep(60)"))
        while not await pool.fetchval("SELECT wait_event = 'PgSleep' FROM pg_stat_activity WHERE pid = $1", pid):
            await asyncio.sleep(0)
        await pool.fetchval("SELECT pg_terminate_backend($1)", pid)
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
            await under_way
        assert (await prepared.fetch("SELECT pg_backend_pid() AS pid"))[0]["pid"] != pid

    _run(database, story)


def test_a_connection_that_died_while_idle_is_not_noticed_by_anybody(database: str) -> None:
    async def story(pool: Any, prepared: Prepared) -> None:
        pid = (await prepared.fetch("SELECT pg_backend_pid() AS pid"))[0]["pid"]
        await pool.fetchval("SELECT pg_terminate_backend($1, 5000)", pid)
        while any(kept.is_open() for kept in prepared._idle):
            await asyncio.sleep(0)  # until the end of the connection has been read
        assert (await prepared.fetch("SELECT 1 AS one"))[0]["one"] == 1

    _run(database, story)


def test_a_table_altered_since_is_read_anew(database: str) -> None:
    async def story(pool: Any, prepared: Prepared) -> None:
        await pool.execute("CREATE TABLE public.changing (a int)")
        assert await prepared.fetch("SELECT * FROM public.changing") == []
        await pool.execute("ALTER TABLE public.changing ADD b text; INSERT INTO public.changing VALUES (1, 'x')")
        assert [tuple(row) for row in await prepared.fetch("SELECT * FROM public.changing")] == [(1, "x")]
        await pool.execute("DROP TABLE public.changing")

    _run(database, story)


def test_a_failed_statement_leaves_nothing_behind(database: str) -> None:
    async def story(_: Any, prepared: Prepared) -> None:
        for _attempt in range(6):  # more often than there are connections
            with pytest.raises(asyncpg.DivisionByZeroError):
                await prepared.fetch("SELECT 1 / $1::int AS n", 0)
        assert (await prepared.fetch("SELECT 1 / $1::int AS n", 1))[0]["n"] == 1

    _run(database, story)


def test_closing_waits_for_what_is_under_way(database: str) -> None:
    async def story(_: Any, prepared: Prepared) -> None:
        under_way = asyncio.create_task(prepared.fetch("SELECT pg_sleep(0.2)"))
        await asyncio.sleep(0)
        await prepared.close()
        await under_way

    _run(database, story)
