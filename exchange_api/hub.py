"""Why: everything one worker of the machine interface keeps between questions: its pool, what it remembers of keys and grants, the group-commit
recorder, the signing key. Opened once by `app`; delivery and sealing get it as their first argument.
"""

import asyncio
import contextlib
import gc
import logging
from typing import Any, Self
from urllib.parse import urlsplit

import asyncpg  # type: ignore[import-untyped]
from pydantic import Field

from exchange_api.auth import RegisteredKey, load_key
from exchange_api.evidence.ledger import subject_secret
from exchange_api.feeds.happenings import Happenings
from exchange_api.find import Finder, Names
from exchange_api.guarding.guard import Guard
from exchange_api.keys import KeySettings, active_signer, keys_folder
from exchange_api.moments import Moments
from exchange_api.overruns import Overruns
from exchange_api.permit import Permit, load_permit
from exchange_api.precedence import PRECEDENCE
from exchange_api.prepared import Prepared
from exchange_api.pressure import Pressure
from exchange_api.recording import Quota, Recorder
from exchange_api.remembered import Newest, Remembered
from exchange_api.sandbox import permits as sandbox
from exchange_api.signing import Signer
from exchange_api.signing.apart import Apart
from exchange_api.watching.watch import Watch
from schemas.database import database_url, libpq_uri, transaction
from schemas.errors import Transient
from schemas.settings import HutongSettings
from schemas.tables.base import CHANGES_CHANNEL

log = logging.getLogger("hutong.exchange")
RECONNECT_S = 0.5
SIGNER_RETRY_S = 2.0
COLLECT_AT = (10_000, 20, 20)
"""An answer's things go without the collector; it looks for cycles of failures and desks alone, and need not do so every few answers."""
LOST = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
)
"""What a database that went away, takes too long or has no room looks like through the pool."""


class ApiSettings(HutongSettings):
    """How the machine interface is reached, and how much it takes."""

    api_authorities: str = Field(
        default="",
        description="Host names (with port) the hub answers for, comma-separated; default: that of HUTONG_API_URL.",
    )
    api_url: str = Field(
        default="http://127.0.0.1:8000", description="Address of the exchange API; set by `hutong up`."
    )
    api_pool_size: int = Field(default=8, ge=2, le=200, description="Database connections of one API worker.")
    api_max_body: int = Field(default=1_048_576, ge=1024, description="Largest question in bytes.")
    api_body_s: float = Field(default=30, gt=0, description="Seconds a request's body may take to arrive.")
    api_patience_s: float = Field(
        default=5, gt=0, description="Seconds one statement of an answer, or its wait for a connection, may take."
    )

    def authorities(self) -> frozenset[str]:
        """Return the accepted authorities in lower case; an address on the loopback is also accepted as `localhost`."""
        given = {one.strip().lower() for one in self.api_authorities.split(",") if one.strip()}
        own = urlsplit(self.api_url).netloc.lower()
        return frozenset(given or {own, own.replace("127.0.0.1", "localhost")})


class Connection(asyncpg.Connection):  # type: ignore[misc]
    """A connection that is handed back without a second round trip: nothing here changes session state."""

    def get_reset_query(self) -> str:
        """Return no query."""
        return ""


async def open_pool(settings: ApiSettings) -> Any:
    """Open a worker's connections: no statement keeps a question waiting for ever, neither by the server's clock nor, when that is silent, by ours."""
    server = {
        "statement_timeout": str(int(settings.api_patience_s * 1000)),
        "plan_cache_mode": "force_generic_plan",  # all look-ups are by key: planning each anew costs more than it finds
        "application_name": "hutong api",
    }
    return await asyncpg.create_pool(
        libpq_uri("exchange"), min_size=2, max_size=settings.api_pool_size, connection_class=Connection,
        server_settings=server, command_timeout=settings.api_patience_s + 1, timeout=10, init=_lend,
    )  # fmt: skip


async def _lend(connection: Any) -> None:
    """Let the server answer as promptly as this worker does; asked for by its true number, because a pooler between gives one of its own."""
    if PRECEDENCE.is_allowed:
        PRECEDENCE.lend(await connection.fetchval("SELECT pg_backend_pid()"))


class Hub:
    """One worker's state. Use `async with Hub(settings) as hub`."""

    def __init__(self, settings: ApiSettings | None = None) -> None:
        self.settings = settings or ApiSettings()
        self.authorities = self.settings.authorities()
        self._keys_place = keys_folder()
        self.keys_folder = KeySettings().keys_folder or "var/keys"
        self.signer: Signer | None = None
        self._looks = Newest()
        self.pressure, self.played = Pressure(), sandbox.Played()
        self.apart = Apart(2 * self.pressure.settings.api_at_once, self.settings.api_patience_s)
        self._listener: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Open the pool and start listening; raises Transient database.unreachable."""
        try:
            self.pool: Any = await open_pool(self.settings)
        except (OSError, asyncpg.PostgresError) as failure:
            raise self.lost() from failure
        self.keys: Remembered[str, RegisteredKey] = Remembered(self._load_key)
        self.permits: Remembered[tuple[str, str], Permit] = Remembered(self._load_permit)
        self.overruns = Overruns()
        self.prepared = Prepared(self.pool, self.settings.api_pool_size // 2, self.settings.api_patience_s)
        self.finder, self.names, self.quota = (
            Finder(self.prepared),
            Names(self.pool),
            Quota(self.pool, self.overruns.note),
        )
        self.moments = Moments(self.finder, self.prepared)
        self.happenings = Happenings(self.prepared)
        self.recorder = Recorder(self.pool, self.prepared, self.quota)
        self.guard, self.watch = Guard(self.pool, self.permits.forget), Watch(self)
        await self.load_signer()
        started = asyncio.Event()
        self._listener = asyncio.create_task(self._listen(started))
        await started.wait()
        gc.collect()  # first, lest rubbish be kept for ever too
        gc.freeze()  # what is loaded by now stays: full collections need not walk through it while callers wait
        gc.set_threshold(*COLLECT_AT)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop listening and close the pool."""
        if self._listener:
            self._listener.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._listener
        await self.guard.close()
        await self.watch.close()
        await self.overruns.close()
        await self.happenings.close()
        await self.prepared.close()
        await self.pool.close()
        self.apart.close()

    @property
    def secret(self) -> bytes:
        """Return the secret of subjects' hashes; raises Transient key.kek_… while it is sealed and cannot be opened."""
        return subject_secret(self._keys_place)

    def lost(self) -> Transient:
        """Return the refusal for when the database went away."""
        url = database_url("exchange")
        return Transient("database.unreachable", address=f"{url.host}:{url.port or 5432}")

    async def load_signer(self) -> None:
        """Take the newest active key; without one every answer is an unsigned `key.none_active` until there is."""
        look = self._looks.begin()
        found = await asyncio.to_thread(_find_signer)
        if self._looks.take(look):
            self.signer = found

    async def permit(self, grant_id: str, asker: str) -> Permit | None:
        """Return the asker's grant, None if there is none such. Raises Denied `grant.suspended` while this worker's watchman holds it."""
        # before too: what is being read may be of before the flag, and the hold over when it is here
        self.guard.check(grant_id, asker)
        permit = await self.permits.get((grant_id, asker))
        self.guard.check(grant_id, asker)
        return permit

    async def _load_key(self, keyid: str) -> RegisteredKey | None:
        return await load_key(self.pool, keyid)

    async def _load_permit(self, asked: tuple[str, str]) -> Permit | None:
        """Look for the asker's own grants only: another's is as unknown as none, in words and in the time it takes."""
        load = sandbox.load_permit if asked[0].startswith(sandbox.PREFIX) else load_permit
        return await load(self.pool, *asked)

    async def _listen(self, started: asyncio.Event) -> None:
        """Listen for changes as long as the worker lives; while the connection is away nothing is remembered."""
        while True:
            try:
                await self._listen_once(started)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as failure:
                log.warning("cannot listen for changes (%s); trying again", type(failure).__name__)
            self._set_listening(False)
            started.set()
            await asyncio.sleep(RECONNECT_S)

    async def _listen_once(self, started: asyncio.Event) -> None:
        connection: Any = await asyncpg.connect(libpq_uri("exchange"), timeout=10)
        try:
            lost = asyncio.Event()
            connection.add_termination_listener(lambda _: lost.set())
            await connection.add_listener(CHANGES_CHANNEL, self._changed)
            await self.load_signer()
            await self.guard.load()
            self._set_listening(True)
            started.set()
            while not lost.is_set():
                if self.signer is None:  # Vault or the token may be away for a while: nobody says when they are back
                    await self.load_signer()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(lost.wait(), SIGNER_RETRY_S)
        finally:
            connection.terminate()

    def _set_listening(self, is_listening: bool) -> None:
        remembered: Remembered[Any, Any]
        for remembered in (self.keys, self.permits, self.guard.networks):
            remembered.is_listening = is_listening
            remembered.forget()

    def _changed(self, *notice: Any) -> None:
        self.guard.changed(notice[-1])
        if notice[-1] == "signing_keys":
            self._rolling = asyncio.create_task(self.load_signer())
            return
        self.keys.forget()
        self.permits.forget()


def _find_signer() -> Signer | None:
    try:
        with transaction("exchange") as session:
            return active_signer(session)
    except Transient as missing:
        log.error("%s", missing)  # noqa: TRY400 - the remedy says it all
        return None
