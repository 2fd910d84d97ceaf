"""Why: one started unit: its process in a session of its own with its log file, what state it is in, how it ends. Used by the supervisor only."""

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Literal

from hutong.embedded.leftovers import Identity, identify, kill_group
from hutong.embedded.unit import Unit

KEEP_LOG = 10 * 1024 * 1024
State = Literal["waiting", "starting", "ready", "done", "crashed", "stopped"]


class Child:
    """A unit and its process, if started."""

    def __init__(self, unit: Unit, log: Path) -> None:
        self.unit, self.log, self.state = unit, log / f"{unit.name}.log", "waiting"
        self.process: subprocess.Popen[bytes] | None = None
        self.identity: Identity | None = None
        self.started_at = 0.0
        self.restarts = 0
        self.not_before = 0.0

    def start(self, environment: dict[str, str], folder: Path) -> None:
        """Start the process in a group of its own, output appended to its log; a log above 10 MB is first moved aside.

        The session stays the supervisor's: Linux may give each session a share of its own (sched(7), autogroup), and a task that gives way would not give way
        to answers.
        """
        if self.log.exists() and self.log.stat().st_size > KEEP_LOG:
            self.log.replace(self.log.with_suffix(".log.1"))
        account = self.unit.account
        with self.log.open("ab") as output:
            os.fchmod(output.fileno(), 0o600)
            self.process = subprocess.Popen(  # noqa: S603 — our own command line, no shell
                self.unit.command,
                env=self.unit.environment if self.unit.environment is not None else environment,
                cwd=self.unit.folder or folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                process_group=0,
                pass_fds=(self.unit.listening.fileno(),) if self.unit.listening else (),
                user=account.uid if account else None,
                group=account.gid if account else None,
                extra_groups=[] if account else None,
            )
        self.identity = identify(self.process.pid, self.unit.stop_signal)
        self.started_at, self.state = time.monotonic(), "starting"

    def look(self) -> None:
        """Bring `state` up to date: a service that ended has crashed; a step that ended with 0 is done; a probe that succeeds makes ready."""
        if self.process is None or self.state not in ("starting", "ready"):
            return
        code = self.process.poll()
        if code is not None:
            self.state = "done" if self.unit.kind == "step" and code == 0 else "crashed"
        elif self.state == "starting" and self.unit.kind == "service" and self.unit.probe():
            self.state = "ready"

    @property
    def is_alive(self) -> bool:
        """Whether its process runs."""
        return self.process is not None and self.process.poll() is None

    def describe_end(self) -> str:
        """Say how the process ended."""
        code = self.process.returncode if self.process else None
        if code is not None and code < 0:
            return f"signal {signal.Signals(-code).name}"
        return f"exit code {code}"

    def ask_to_stop(self) -> None:
        """Send the polite stop signal."""
        if self.process is not None and self.is_alive:
            self.process.send_signal(self.unit.stop_signal)

    def finish(self, until: float) -> None:
        """Wait until `until` (monotonic), then kill; always sweep what is left of its group."""
        if self.process is None:
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(max(0.1, until - time.monotonic()))
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(
                self.process.pid, signal.SIGKILL
            )  # workers that outlived their leader; a pid still naming a group is not given away
        if self.is_alive:
            kill_group(self.process.pid)
        self.process.wait()
        if self.state in ("starting", "ready"):
            self.state = "stopped"
