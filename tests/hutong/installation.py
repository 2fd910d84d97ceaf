"""An installation in a folder of its own, driven from outside with the `hutong` command, as a person would."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psutil
import psycopg

from hutong.embedded.home import Home, read_json
from hutong.embedded.leftovers import find_marked, read_supervisor

BARE = ("--no-airflow", "--no-api")


@dataclass
class Installation:
    """One root folder and the `hutong` command run on it from outside, as a person would."""

    home: Home
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            env=self.variables(variables),
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.command(*arguments),
            env=self.variables(variables),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def up(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        done = self.run("up", *(arguments or BARE), **variables)
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    @property
    def status(self) -> dict[str, Any]:
        return read_json(self.home.run / "status.json") or {"state": "none", "services": {}}

    def process(self, service: str) -> psutil.Process:
        return psutil.Process(self.status["services"][service]["pid"])

    @contextmanager
    def connect(self) -> Iterator[psycopg.Connection]:
        kept = read_json(self.home.state / "environment.json")
        with psycopg.connect(kept["HUTONG_DATABASE_URL"].replace("+psycopg", ""), autocommit=True) as connection:
            yield connection

    @property
    def is_running(self) -> bool:
        return read_supervisor(self.home) is not None and self.status["state"] == "ready"

    @property
    def is_quiet(self) -> bool:
        return not find_marked(self.home)

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "hutong", *arguments]

    def variables(self, more: dict[str, str]) -> dict[str, str]:
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("HUTONG_", "AIRFLOW"))}
        return clean | {"HUTONG_ROOT": str(self.home.root)} | self.environment | more


def wait_until(true: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until `true` holds; fail when it does not in time."""
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, f"still not true after {seconds} s"
        time.sleep(0.1)
