"""Several workers of the API on one socket, as `hutong up` starts them, and callers who keep asking while something happens to them."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from sqlalchemy import text

ROOT = Path(__file__).resolve().parents[2]


class Crew:
    """Workers that share one listening socket; `site` is the exchange at their address. program: the module that is a worker."""

    program = "exchange_api.worker"

    def __init__(self, site: Any, folder: Path, **settings: str) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=512)
        authority = f"127.0.0.1:{self._listening.getsockname()[1]}"
        self.site = replace(site, authority=authority, url=f"http://{authority}", log=folder / "crew.log")
        self._folder, self._settings = folder, {f"HUTONG_API_{name.upper()}": value for name, value in settings.items()}
        self.workers: list[subprocess.Popen[bytes]] = []

    def start(self, count: int = 1) -> None:
        """Start workers and wait until they take questions."""
        marks = [self._folder / f"{uuid.uuid4()}.ready" for _ in range(count)]
        self.workers += [self._start(mark) for mark in marks]
        deadline = time.monotonic() + 120
        while not all(mark.exists() for mark in marks):
            assert time.monotonic() < deadline, self.site.log.read_text()
            assert all(worker.poll() is None for worker in self.workers), self.site.log.read_text()
            time.sleep(0.05)

    def _start(self, mark: Path) -> subprocess.Popen[bytes]:
        number = self._listening.fileno()
        command = [sys.executable, "-m", self.program, "--fd", str(number), "--ready", str(mark)]
        own = {"HUTONG_API_URL": self.site.url, "HUTONG_GUARD": "off"} | self._settings  # a crowd is no abuse here
        with self.site.log.open("ab") as log:
            return subprocess.Popen(
                command, env=os.environ | self.site.environment | own, cwd=ROOT, pass_fds=[number], stdout=log, stderr=log
            )  # fmt: skip

    def fill(self, count: int) -> None:
        """See that there are so many."""
        if len(self.workers) < count:
            self.start(count - len(self.workers))

    def end(self, worker: subprocess.Popen[bytes], by: signal.Signals) -> float:
        """End one worker; return how many seconds it took."""
        begun = time.monotonic()
        worker.send_signal(by)
        worker.wait(30)
        self.workers.remove(worker)
        return time.monotonic() - begun

    def close(self) -> None:
        """End all."""
        for worker in self.workers:
            worker.terminate()
        for worker in self.workers:
            worker.wait(30)
        self._listening.close()


@contextlib.contextmanager
def crew_of(site: Any, folder: Path, count: int, **settings: str) -> Iterator[Crew]:
    """A crew of so many workers; settings are those of HUTONG_API_…."""
    crew = Crew(site, folder, **settings)
    try:
        crew.start(count)
        yield crew
    finally:
        crew.close()


@dataclass
class Crowd:
    """Callers on connections of their own, each asking one question after the other until told to stop."""

    site: Any
    grant: str
    callers: int = 6
    answers: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    """What came back by request id: status and receipt."""
    unanswered: list[str] = field(default_factory=list)
    refused_connections: int = 0

    def __post_init__(self) -> None:
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._ask_on, daemon=True) for _ in range(self.callers)]

    def __enter__(self) -> "Crowd":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(60)
        assert not any(thread.is_alive() for thread in self._threads)

    def until(self, answered: int) -> None:
        """Wait until so many more questions have been answered."""
        wanted, deadline = len(self.answers) + answered, time.monotonic() + 60
        while len(self.answers) < wanted:
            assert time.monotonic() < deadline, self.site.log.read_text()[-3000:]
            time.sleep(0.01)

    def until_well(self) -> None:
        """Wait until everybody is answered again."""
        begun = time.monotonic()
        while {status for answers in list(self.answers.values())[-20:] for status, _ in answers} != {200}:
            assert time.monotonic() - begun < 60, self.site.log.read_text()[-3000:]
            time.sleep(0.01)

    def ask(self, request_id: str, connection: HTTPConnection) -> None:
        """Ask one question and note what comes back."""
        question = self.site.question(self.site.asking(self.grant), headers={"x-request-id": request_id})
        connection.request("POST", question.path, question.body, {"host": question.authority, **question.headers})
        answer = connection.getresponse()
        body = answer.read()
        assert json.loads(body)["receipt"] == answer.headers["x-receipt"]
        self.answers.setdefault(request_id, []).append((answer.status, answer.headers["x-receipt"]))

    def ask_again(self) -> None:
        """Ask what was left unanswered once more, each under its own request id."""
        for request_id in self.unanswered:
            with contextlib.closing(HTTPConnection(self.site.authority, timeout=30)) as connection:
                self.ask(request_id, connection)

    def _ask_on(self) -> None:
        while not self._over.is_set():
            with contextlib.closing(HTTPConnection(self.site.authority, timeout=30)) as connection:
                self._ask_on_one(connection)

    def _ask_on_one(self, connection: HTTPConnection) -> None:
        while not self._over.is_set():
            request_id = str(uuid.uuid4())
            try:
                self.ask(request_id, connection)
            except ConnectionRefusedError:
                self.refused_connections += 1
            except (OSError, HTTPException):
                self.unanswered.append(request_id)
                return
            if connection.sock is None:  # it was said to be the last answer on this connection
                return

    def entries(self) -> Counter[str]:
        """How many first answers the evidence holds, by request id."""
        asked = [*self.answers, *self.unanswered]
        with self.site.engine.connect() as connection:
            sql = "SELECT request_id FROM evidence.entries WHERE request_id = ANY(:ids) AND kind = 'answer' AND code IS NULL"
            return Counter(connection.execute(text(sql), {"ids": asked}).scalars())
