"""Why: the supervisor sees services and preparation steps alike: something to start after others, with a log, that becomes ready.
Built by postgres, airflow and exchange; run by the supervisor.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGTERM
from socket import socket
from typing import Literal


@dataclass(frozen=True)
class Account:
    """The system account a child runs as when we are root."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True)
class Unit:
    """A child process: a `service` stays and is ready when its probe says so; a `step` is ready when it ends with 0."""

    name: str
    command: tuple[str, ...]
    kind: Literal["service", "step"] = "service"
    after: tuple[str, ...] = ()
    probe: Callable[[], bool] = field(default=lambda: True)
    environment: dict[str, str] | None = None
    """Replaces the common environment when given (PostgreSQL sees no secrets)."""
    account: Account | None = None
    stop_signal: int = SIGTERM
    restartable: bool = True
    expendable: bool = False
    """Others do its work when it crashes: it is started again, however often, and nothing is stopped."""
    folder: Path | None = None
    listening: socket | None = None
    """A socket the supervisor holds and the child inherits: while a child is replaced, callers wait in it and are not refused."""
