"""Why: the hub's own processes as watched children: tables migrated first, then the exchange API with the portal, and the one evidence sequencer.
Called by the supervisor.
"""

import sys

from hutong.embedded.probe import answers
from hutong.embedded.unit import Unit


def hub(port: int, with_api: bool) -> list[Unit]:
    """Return the units of the hub: `migrate`, then `api` at `port` and `sequencer`."""
    units = [Unit("migrate", (sys.executable, "-m", "hutong", "migrate"), kind="step", after=("databases",))]
    if with_api:
        run = ("-m", "uvicorn", "exchange_api.app:app", "--host", "127.0.0.1", "--port", str(port), "--no-access-log")
        units.append(Unit("api", (sys.executable, *run), after=("migrate",), probe=lambda: answers(port)))
        units.append(Unit("sequencer", (sys.executable, "-m", "hutong", "sequencer"), after=("migrate",)))
    return units
