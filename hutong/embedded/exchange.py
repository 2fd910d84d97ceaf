"""Why: the hub's own processes as watched children: tables migrated first, then the workers of the exchange API with the portal, and the one evidence
sequencer. The workers share one listening socket, which the supervisor holds: one may die, be replaced or be slow, and its callers find the others.
Called by the supervisor.
"""

import os
import socket
import sys
from contextlib import suppress

from hutong.embedded.home import Home
from hutong.embedded.unit import Unit
from hutong.embedded.worker import ready_mark

BACKLOG = 2048


def hub(home: Home, port: int, workers: int) -> list[Unit]:
    """Return the units of the hub: `migrate`; with workers also `api`, `api-2`, … at `port`, and `sequencer`."""
    units = [Unit("migrate", (sys.executable, "-m", "hutong", "migrate"), kind="step", after=("databases",))]
    if workers:
        listening = socket.create_server(("127.0.0.1", port), backlog=BACKLOG)
        units += [_worker(home, number, listening, workers) for number in range(1, workers + 1)]
        units.append(Unit("sequencer", (sys.executable, "-m", "hutong", "sequencer"), after=("migrate",)))
    return units


def _worker(home: Home, number: int, listening: socket.socket, workers: int) -> Unit:
    name = "api" if number == 1 else f"api-{number}"
    mark = ready_mark(home, name)
    whom = ("--fd", str(listening.fileno()), "--ready", str(mark), "--workers", str(workers))
    command = (sys.executable, "-m", "exchange_api.worker", *whom)

    def is_ready() -> bool:
        """A mark names the process that made it: what a killed one left says nothing of its successor."""
        with suppress(OSError, ValueError):
            os.kill(int(mark.read_text()), 0)
            return True
        return False

    return Unit(name, command, after=("migrate",), probe=is_ready, expendable=workers > 1, listening=listening)
