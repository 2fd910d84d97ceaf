"""Why: somebody has to notice when one of the services dies. The supervisor starts the units of a plan in their order, all that can run side by side at once,
watches them, and when one crashes, Ctrl-C or SIGTERM comes, stops everything in reverse order and says who was at fault.
Run by `hutong up`: in the foreground, or detached as `python -m hutong.embedded.supervisor`.
"""

import contextlib
import fcntl
import os
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

from hutong.embedded import leftovers
from hutong.embedded.child import Child
from hutong.embedded.environment import for_child, keep
from hutong.embedded.home import Home, find_home, write_json
from hutong.embedded.plan import Plan, draw_plan
from hutong.embedded.settings import EmbeddedSettings
from schemas.errors import HutongError, Terminal

TICK = 0.15
BACK_OFF = 2.0
LONGEST_BACK_OFF = 60.0
FIRST_RESTARTS = 3
"""How often an expendable service may crash before everything has been ready once: then it is no accident."""
Listener = Callable[[dict[str, Any]], None]


class Supervisor:
    """One run of the services of one installation, from start to clean stop."""

    def __init__(self, home: Home, settings: EmbeddedSettings, listener: Listener = lambda _: None) -> None:
        self.home, self.settings, self.listener = home, settings, listener
        self.children: dict[str, Child] = {}
        self.addresses: dict[str, str] = {}
        self.environment: dict[str, str] = {}
        self.stop_asked = False
        self.state = "starting"
        self.failure: HutongError | None = None
        self._last: dict[str, Any] = {}

    def run(self, with_airflow: bool, with_api: bool) -> HutongError | None:
        """Start, watch until asked to stop or a crash, stop everything; return the failure, None after a wanted stop."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._ask_stop)
        try:
            leftovers.end_leftovers(self.home, self.settings.stop_timeout)
            write_json(self.home.run / "supervisor.json", leftovers.identify(os.getpid(), signal.SIGTERM))
            self._adopt(draw_plan(self.home, self.settings, with_airflow, with_api))
            self._watch()
        except HutongError as failure:
            self.failure = failure
        finally:
            self._stop()
        return self.failure

    def _adopt(self, plan: Plan) -> None:
        self.addresses = plan.addresses
        self.environment = for_child(self.home, plan.environment)
        keep(self.home, plan.environment)
        self.children = {unit.name: Child(unit, self.home.log) for unit in plan.units}
        self._tell()

    def _watch(self) -> None:
        while not self.stop_asked:
            for child in self.children.values():
                child.look()
                self._judge(child)
            if self.state == "starting" and all(child.state in ("ready", "done") for child in self.children.values()):
                self.state = "ready"
            self._tell()
            time.sleep(TICK)

    def _judge(self, child: Child) -> None:
        """Start a waiting child whose turn it is; raise when one crashed or takes too long."""
        facts = {"service": child.unit.name, "log": child.log.relative_to(self.home.root)}
        if child.state == "waiting":
            before = [self.children[name].state for name in child.unit.after]
            if all(state in ("ready", "done") for state in before) and time.monotonic() >= child.not_before:
                child.start(self.environment, self.home.var)
                self._record()
        elif child.state == "crashed":
            if child.unit.kind == "step":
                raise Terminal("embedded.step_failed", how=child.describe_end(), **facts)
            self._restart_or_fail(child, facts)
        elif child.state == "starting" and time.monotonic() - child.started_at > self.settings.start_timeout:
            raise Terminal("embedded.slow", seconds=round(self.settings.start_timeout), **facts)

    def _restart_or_fail(self, child: Child, facts: dict[str, Any]) -> None:
        is_expendable = child.unit.expendable and (self.state == "ready" or child.restarts < FIRST_RESTARTS)
        allowed = is_expendable or child.restarts < self.settings.restarts
        if not child.unit.restartable or not allowed:
            raise Terminal("embedded.crashed", how=child.describe_end(), **facts)
        child.finish(time.monotonic())
        child.restarts += 1
        child.not_before = time.monotonic() + min(BACK_OFF * 2 ** (child.restarts - 1), LONGEST_BACK_OFF)
        child.state = "waiting"

    def _stop(self) -> None:
        """Stop in the reverse order of need: first all that need PostgreSQL, at once, then PostgreSQL."""
        self.state = "stopping"
        self._tell()
        for child in self.children.values():
            if child.unit.listening:
                child.unit.listening.close()  # who comes now is refused, and not left waiting
        server = [child for child in self.children.values() if child.unit.name == "postgres"]
        others = [child for child in self.children.values() if child.unit.name != "postgres"]
        for group in (others, server):
            until = time.monotonic() + self.settings.stop_timeout
            for child in group:
                child.ask_to_stop()
            for child in group:
                child.finish(until)
        leftovers.end(leftovers.find_marked(self.home), signal.SIGKILL, 1)
        self.state = "failed" if self.failure else "stopped"
        self._record()
        self._tell()
        (self.home.run / "supervisor.json").unlink(missing_ok=True)

    def _record(self) -> None:
        alive = {name: child.identity for name, child in self.children.items() if child.is_alive}
        write_json(self.home.run / "children.json", alive)

    def _tell(self) -> None:
        status = {
            "state": self.state,
            "addresses": self.addresses,
            "services": {
                name: {
                    "state": child.state,
                    "pid": child.identity["pid"] if child.identity and child.is_alive else None,
                    "restarts": child.restarts,
                }
                for name, child in self.children.items()
            },
            "failure": {"code": self.failure.code, "facts": {k: str(v) for k, v in self.failure.facts.items()}}
            if self.failure
            else None,
        }
        if status != self._last:
            self._last = status
            write_json(self.home.run / "status.json", status)
            self.listener(status)

    def _ask_stop(self, _number: int, _frame: FrameType | None) -> None:
        self.stop_asked = True


@contextlib.contextmanager
def only_one(home: Home) -> Any:
    """Hold the lock of this installation; yields False when another supervisor has it. The kernel frees it however its holder ends."""
    home.prepare()
    with (home.run / "lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


def main(arguments: list[str]) -> int:
    """Run detached; return 1 after a failure, which status.json tells."""
    home = find_home()
    with only_one(home) as free:
        if not free:
            return 2
        failure = Supervisor(home, EmbeddedSettings()).run("--no-airflow" not in arguments, "--no-api" not in arguments)
    if failure:
        sys.stdout.write(f"{failure}\n")
    return 1 if failure else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
