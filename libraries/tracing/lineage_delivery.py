"""Why: whoever receives lineage may be down for a week, and no batch may wait for it. Every event is first a line of a local file; an address gets them
from there, behind the step's back, and what it did not take is sent again later. `libraries.tracing.lineage` and `hutong lineage` come here.
"""

import atexit
import fcntl
import json
import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr

from schemas.settings import HomeSettings, HutongSettings

log = logging.getLogger(__name__)
OFF = "off"
KEPT = 4  # former files beside the one written to
PAUSE_SECONDS = 60.0  # after a receiver that did not answer


class LineageSettings(HutongSettings):
    """Where lineage events go."""

    lineage: str | None = Field(
        default=None,
        description="File of OpenLineage events (JSON lines), an http(s) address they are posted to, or off; default <var>/lineage/events.jsonl.",
    )
    lineage_key: SecretStr | None = Field(default=None, description="Bearer token for that address.")
    lineage_timeout: float = Field(default=2.0, gt=0, description="Seconds the address may take for one event.")
    lineage_mb: int = Field(
        default=64, ge=1, description="Size at which the file is put aside, MiB; four former ones are kept."
    )

    @property
    def is_address(self) -> bool:
        """Return whether events are posted."""
        return (self.lineage or "").startswith(("http://", "https://"))

    @property
    def file(self) -> Path:
        """Return the file that events are written to first: the one named, else one in var/."""
        if self.lineage and not self.is_address:
            return Path(self.lineage)
        return HomeSettings().var / "lineage" / ("spool.jsonl" if self.is_address else "events.jsonl")


@dataclass(frozen=True)
class Sent:
    """What sending did: events taken, refused for good (kept in refused.jsonl), still waiting."""

    taken: int = 0
    refused: int = 0
    waiting: int = 0


def emit(event: dict[str, Any]) -> None:
    """Write an event down, and have it sent where an address is set; returns at once. Raises OSError."""
    settings = LineageSettings()
    if settings.lineage == OFF:
        return
    with _alone(settings.file):
        _append(settings.file, event, settings)
    if settings.is_address:
        _SENDER.wake(settings)


def send() -> Sent:
    """Send everything that waits, now, oldest first; stops at the first sign that the receiver is not there."""
    settings = LineageSettings()
    if not settings.is_address:
        return Sent()
    with _alone(settings.file.with_suffix(".sending"), wait=False) as is_mine:
        return _drain(settings) if is_mine else Sent(waiting=_count(settings.file))


class _Sender:
    """Sends behind the back of whoever emits: one thread at a time, and none for a while after a receiver did not answer."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._not_before = 0.0

    def wake(self, settings: LineageSettings) -> None:
        if time.monotonic() < self._not_before or (self._thread is not None and self._thread.is_alive()):
            return
        self._thread = threading.Thread(target=self._work, name="lineage", daemon=True)
        self._thread.start()
        atexit.unregister(self.wait)
        atexit.register(self.wait, settings.lineage_timeout)

    def wait(self, seconds: float) -> None:
        """Give the thread this long to end: a task that ends must not take its last event with it, nor hang."""
        if self._thread is not None:
            self._thread.join(seconds)

    def _work(self) -> None:
        try:
            waiting = send().waiting
        except OSError as error:
            log.warning("lineage: %s", type(error).__name__)
            waiting = 1
        if waiting:
            self._not_before = time.monotonic() + PAUSE_SECONDS


_SENDER = _Sender()


def _drain(settings: LineageSettings) -> Sent:
    import requests

    outgoing, taken, refused = settings.file.with_suffix(".outgoing"), 0, 0
    with requests.Session() as session:
        session.trust_env = False
        if settings.lineage_key:
            session.headers["Authorization"] = f"Bearer {settings.lineage_key.get_secret_value()}"
        while lines := _take(settings.file, outgoing):
            for number, line in enumerate(lines):
                verdict = _post(session, line, settings)
                if verdict is None:
                    _put_back(outgoing, lines[number:])
                    return Sent(taken, refused, len(lines) - number + _count(settings.file))
                taken, refused = taken + verdict, refused + (not verdict)
                if not verdict:
                    _write(settings.file.with_name("refused.jsonl"), line)
            outgoing.unlink()
    return Sent(taken, refused, 0)


def _post(session: Any, line: bytes, settings: LineageSettings) -> bool | None:
    """Return whether the receiver took the event, None when it is not there (or not now)."""
    import requests

    try:
        answer = session.post(
            settings.lineage, data=line, headers={"Content-Type": "application/json"},
            timeout=settings.lineage_timeout, allow_redirects=False,
        )  # fmt: skip
    except requests.RequestException as error:
        log.warning(
            "lineage: the receiver does not answer (%s); events wait in %s", type(error).__name__, settings.file
        )
        return None
    if answer.ok:
        return True
    # a refused event stays refused; a wrong key, too much at once and the receiver's own faults pass
    is_final = 400 <= answer.status_code < 500 and answer.status_code not in (401, 403, 404, 408, 429)
    log.warning("lineage: the receiver answers %s", answer.status_code)
    return False if is_final else None


def _take(file: Path, outgoing: Path) -> list[bytes]:
    """Return the lines to send: those a former sender left, else what was written since."""
    if not outgoing.exists():
        with _alone(file):
            if not file.exists():
                return []
            file.replace(outgoing)
    lines = [line for line in outgoing.read_bytes().splitlines() if line]
    if not lines:
        outgoing.unlink()
    return lines


def _put_back(outgoing: Path, lines: list[bytes]) -> None:
    temporary = outgoing.with_suffix(".tmp")
    temporary.write_bytes(b"\n".join(lines) + b"\n")
    temporary.replace(outgoing)


def _append(file: Path, event: dict[str, Any], settings: LineageSettings) -> None:
    line = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
    size = file.stat().st_size if file.exists() else 0
    if size + len(line) > settings.lineage_mb << 20:
        if settings.is_address:
            log.warning("lineage: %s is full; the event is left out", file)
            return
        _rotate(file)
    _write(file, line)


def _write(file: Path, line: bytes) -> None:
    """Add a line in one write, so that a process killed in the middle leaves no half of one."""
    descriptor = os.open(file, os.O_APPEND | os.O_CREAT | os.O_WRONLY, 0o640)
    try:
        os.write(descriptor, line + b"\n")
    finally:
        os.close(descriptor)


def _rotate(file: Path) -> None:
    for number in range(KEPT, 0, -1):
        former = file if number == 1 else file.with_name(f"{file.name}.{number - 1}")
        if former.exists():
            former.replace(file.with_name(f"{file.name}.{number}"))


def _count(file: Path) -> int:
    return file.read_bytes().count(b"\n") if file.exists() else 0


@contextmanager
def _alone(file: Path, *, wait: bool = True) -> Iterator[bool]:
    """Hold the file's lock against every process of this machine; without waiting, yields whether it was free."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.with_name(f".{file.name}.lock").open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
