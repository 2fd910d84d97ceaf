"""Why: on a busy machine an answer waits for a core first of all, several times between question and answer, and a nice value only says how much of the cores
somebody gets, not how soon (sched(7)). So a worker's event loop, and PostgreSQL's processes behind its connections, run before all ordinary ones as soon as
they have something to do, where the account may (CAP_SYS_NICE, RLIMIT_RTPRIO).

Who goes first could keep everybody else waiting. So a worker does so only while those who answer leave a good part of the machine to others: in a flood of
questions it is a process like any other. Called by `worker`; `hub` lends to its connections what the worker has. `schemas.priority` is the other half.
"""

import asyncio
import contextlib
import logging
import os
import time

from pydantic import Field

from schemas.priority import is_postgres
from schemas.settings import HutongSettings

log = logging.getLogger("hutong.exchange")
LOOK_S = 0.5
OF_ALL = 0.75
"""Share of all cores that those who answer may use as the first."""
WITH_DATABASE = 1.4
"""What an answer costs worker and database together, by what it costs the worker (`benchmarks.query`: 0.45 ms and 0.17 ms)."""
AGAIN = 0.8
"""Who went back goes first again below so much of what he may use: not in and out at every look."""


class PrecedenceSettings(HutongSettings):
    """Who goes first."""

    api_first: bool = Field(
        default=True, description="A worker, and PostgreSQL for it, goes before ordinary processes where the account may (SCHED_RR), unless flooded."
    )  # fmt: skip


class Precedence:
    """Whether this process's event loop goes first. Until `begin` it is like any other, and lends nothing. Linux keeps a twentieth of each core for others."""

    def __init__(self) -> None:
        self.is_allowed = self.is_first = False
        self._most, self._seen = 0.0, (0.0, 0.0)

    def begin(self, workers: int) -> None:
        """Go first, if wanted and allowed. workers: how many share the machine. Call in the thread of the event loop."""
        if not PrecedenceSettings().api_first or not hasattr(os, "sched_setscheduler"):
            return
        self._most = OF_ALL / WITH_DATABASE * (os.cpu_count() or 1) / workers
        try:
            _put_first(0)
        except OSError:
            log.warning(
                "answers go no sooner than other work: it needs CAP_SYS_NICE, or LimitRTPRIO=1 (docs/operations.md)"
            )
            return
        self.is_allowed = self.is_first = True
        self._seen = time.monotonic(), time.thread_time()

    async def keep(self) -> None:
        """Look for ever."""
        while self.is_allowed:
            await asyncio.sleep(LOOK_S)
            self.look(time.monotonic(), time.thread_time())

    def look(self, now: float, used: float) -> None:
        """Go back when too much was used since the last look, forward when it is less again. Both in seconds: of the clock, and of a processor."""
        (then, before), self._seen = self._seen, (now, used)
        share = (used - before) / max(now - then, 1e-3)
        if self.is_first and share > self._most:
            os.sched_setscheduler(0, os.SCHED_OTHER | os.SCHED_RESET_ON_FORK, os.sched_param(0))
            self.is_first = False
        elif not self.is_first and share < AGAIN * self._most:
            _put_first(0)
            self.is_first = True

    def lend(self, server_process: int) -> None:
        """Let a process of PostgreSQL go first too, if it is of this machine and of an account we may speak for: it does what we ask, so less than we do."""
        if self.is_allowed and is_postgres(server_process):
            with contextlib.suppress(OSError):
                _put_first(server_process)


PRECEDENCE = Precedence()
"""This process's."""


def _put_first(process: int) -> None:
    """Threads and processes that it starts are ordinary."""
    lowest = os.sched_param(os.sched_get_priority_min(os.SCHED_RR))
    os.sched_setscheduler(process, os.SCHED_RR | os.SCHED_RESET_ON_FORK, lowest)
