"""Why: several checkouts run side by side on one machine, so ports are found, remembered and printed; a fixed one is used or refused, never swapped.
Called by the supervisor before it starts anything.
"""

import secrets
import socket

from hutong.embedded.home import Home, read_json, write_json
from schemas.errors import Terminal

FOUND = range(20_000, 32_768)
"""Where ports are found: below those a kernel gives to any connection (Linux from 32768 on), or one would be gone before its service listens there, or
between `down` and `up`."""


def choose_ports(home: Home, fixed: dict[str, int | None]) -> dict[str, int]:
    """Return a port per service name: the fixed one, else the one used last time if free, else any free one.

    Raises Terminal `embedded.port_taken` when a fixed port is in use.
    """
    remembered: dict[str, int] = read_json(home.var / "ports.json") or {}
    chosen: dict[str, int] = {}
    for name, port in fixed.items():
        if port is not None and not _is_free(port):
            raise Terminal("embedded.port_taken", service=name, port=port, variable=f"HUTONG_{name.upper()}_PORT")
        before = remembered.get(name)
        chosen[name] = port or (
            before if before and before not in chosen.values() and _is_free(before) else _find_free(chosen)
        )
    write_json(
        home.var / "ports.json", remembered | {name: port for name, port in chosen.items() if fixed[name] is None}
    )
    return chosen


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port in TIME_WAIT after `down` is free
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _find_free(taken: dict[str, int]) -> int:
    while True:
        port = secrets.choice(FOUND)
        if port not in taken.values() and _is_free(port):
            return port
