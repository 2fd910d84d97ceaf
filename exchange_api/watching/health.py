"""Why: a load balancer must know in time which worker can answer, and an operator which part cannot. Every part is asked at the same time, each within its own
limit, and looks that come together share one; no answer holds an address, a name or a message of the system. Called by `routers.service`.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from exchange_api.watching.standing import oldest_pending_s

KEPT_S = 1.0
_WRITABLE = """
SELECT has_table_privilege('evidence.entries', 'INSERT') AND has_table_privilege('exchange.grant_use', 'INSERT')
    AND NOT pg_is_in_recovery() AND current_setting('transaction_read_only') = 'off'
"""
Part = tuple[Callable[[Any], Awaitable[bool]], float]


async def _database(hub: Any) -> bool:
    return bool(await hub.pool.fetchval("SELECT true"))


async def _signing_key(hub: Any) -> bool:
    return hub.signer is not None


async def _listening(hub: Any) -> bool:
    return bool(hub.permits.is_listening)


async def _evidence(hub: Any) -> bool:
    return bool(await hub.pool.fetchval(_WRITABLE))


async def _sequencer(hub: Any) -> bool:
    return bool(await oldest_pending_s(hub.pool) <= hub.watch.settings.sequencer_lag_s)


PARTS: dict[str, Part] = {
    "database": (_database, 2.0),
    "signing_key": (_signing_key, 0.1),
    "listening": (_listening, 0.1),
    "evidence": (_evidence, 2.0),
    "sequencer": (_sequencer, 2.0),
}
"""What must be well for a worker to be ready: how it is asked, and within how many seconds."""


class Health:
    """The health of one worker."""

    def __init__(self, hub: Any) -> None:
        self._hub, self._lock = hub, asyncio.Lock()
        self._read_at, self._found = float("-inf"), dict[str, Any]()

    async def ready(self) -> dict[str, Any]:
        """Return whether all parts are well, and of each: ok, milliseconds taken, milliseconds it may take."""
        async with self._lock:
            if time.monotonic() - self._read_at > KEPT_S:
                asked = (_ask(self._hub, *part) for part in PARTS.values())
                parts = dict(zip(PARTS, await asyncio.gather(*asked), strict=True))
                self._found = {"ready": all(part["ok"] for part in parts.values()), "parts": parts}
                self._read_at = time.monotonic()
            return self._found


async def _ask(hub: Any, ask: Callable[[Any], Awaitable[bool]], limit: float) -> dict[str, Any]:
    started, is_well = time.perf_counter(), False
    try:
        async with asyncio.timeout(limit):
            is_well = await ask(hub)
    except Exception:  # noqa: BLE001 - whatever it was, this part is not well; its message may hold addresses
        is_well = False
    return {
        "ok": is_well,
        "ms": round((time.perf_counter() - started) * 1000, 1),
        "limit_ms": round(limit * 1000),
    }
