"""Why: the hub's own processes as watched children: tables migrated first, then the exchange API with the portal, and the one evidence sequencer.
Called by the supervisor. A part whose module is not installed is left out.
"""

import sys
from importlib.util import find_spec

from hutong.embedded.probe import answers
from hutong.embedded.unit import Unit


def hub(port: int, with_api: bool) -> list[Unit]:
    """Return the units of the hub: `migrate`, then `api` at `port` and `sequencer`."""
    units = []
    after: tuple[str, ...] = ("databases",)
    if _exists("schemas.migrations"):
        units.append(Unit("migrate", (sys.executable, "-m", "hutong", "migrate"), kind="step", after=after))
        after = ("migrate",)
    if with_api and _exists("exchange_api.app"):
        run = ("-m", "uvicorn", "exchange_api.app:app", "--host", "127.0.0.1", "--port", str(port), "--no-access-log")
        units.append(Unit("api", (sys.executable, *run), after=after, probe=lambda: answers(port)))
    if with_api and _exists("hutong.commands.sequencer") and _exists("exchange_api.evidence.sequencer"):
        units.append(Unit("sequencer", (sys.executable, "-m", "hutong", "sequencer"), after=after))
    return units


def _exists(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False
