"""Why: all that watches one worker, opened and closed with it: figures put together with other workers', what stands in the database, health, traces, the form
of its logs. Opened by `hub`.
"""

import asyncio
import contextlib
import logging
import sys
from typing import Any, BinaryIO

from exchange_api.guarding.addresses import caller_of, is_within, split_networks
from exchange_api.watching import metrics, spans
from exchange_api.watching.figures import FIGURES, Figures, Shared
from exchange_api.watching.health import Health
from exchange_api.watching.settings import WatchSettings
from exchange_api.watching.standing import Standing
from schemas.errors import Denied

log = logging.getLogger("hutong.exchange")
EVERY_S = 1.0


class Watch:
    """Watches one worker."""

    def __init__(self, hub: Any, settings: WatchSettings | None = None) -> None:
        self.settings, self._hub = settings or WatchSettings(), hub
        self.health, self._standing = Health(hub), Standing(hub.pool)
        told = self.settings.metrics_addresses
        self._readers = () if told.strip() == "-" else split_networks(told)
        self.lines: BinaryIO | None = None
        if self.settings.logs == "json":
            self.lines = sys.stderr.buffer
        self.tracing = spans.begin(hub)
        self._shared = Shared(self.settings.metrics_folder) if self.settings.metrics_folder else None
        self._sharing = asyncio.create_task(self._share()) if self._shared else None

    async def close(self) -> None:
        """Leave the last figures for the other workers, and send the last spans."""
        if self._sharing and self._shared:
            self._sharing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sharing
            self._write()
        if self.tracing:
            await asyncio.to_thread(self.tracing.close)

    async def metrics(self, scope: Any) -> bytes:
        """Return all workers' figures for Prometheus. Raises Denied `metrics.address`."""
        if not is_within(caller_of(scope, self._hub.guard.trusted), self._readers):
            raise Denied("metrics.address")
        figures = Figures()
        figures.merge(self._measured())
        for other in await asyncio.to_thread(self._shared.others) if self._shared else ():
            figures.merge(other)
        return metrics.exposition(figures, await self._standing.read())

    def _measured(self) -> Figures:
        hub = self._hub
        FIGURES.gauges = {
            "workers": 1.0, "pool_connections": hub.pool.get_size(), "pool_idle": hub.pool.get_idle_size(),
            "keys_remembered": hub.keys.count, "grants_remembered": hub.permits.count,
            "questions_under_way": hub.pressure.under_way, "grants_held": hub.guard.held,
        }  # fmt: skip
        return FIGURES

    def _write(self) -> None:
        try:
            if self._shared:
                self._shared.write(self._measured())
        except OSError as failure:
            log.warning("figures cannot be put together (%s)", type(failure).__name__)

    async def _share(self) -> None:
        while True:
            self._write()
            await asyncio.sleep(EVERY_S)
