"""Why: after a crash of the supervisor itself (kill -9, out of memory) its children live on. Whoever comes next — `up` or `down` — finds them and ends
them, and never anybody else: a process is ours only when number and start time are those we wrote down, or when it carries our mark with our root.
Called by the supervisor and the service commands.
"""

import contextlib
import os
import signal
import time
from typing import TypedDict

import psutil

from hutong.embedded.environment import MARK
from hutong.embedded.home import Home, read_json, write_json


class Identity(TypedDict):
    """A process for certain: its number and when it started (seconds since 1970); `signal` ends it politely."""

    pid: int
    started: float
    signal: int


def identify(pid: int, stop_signal: int) -> Identity:
    """Return the identity of the running process `pid`. Raises psutil.NoSuchProcess."""
    return {"pid": pid, "started": psutil.Process(pid).create_time(), "signal": stop_signal}


def find(identity: Identity | None) -> psutil.Process | None:
    """Return the process of `identity` if it still runs."""
    if not identity:
        return None
    try:
        process = psutil.Process(identity["pid"])
        if abs(process.create_time() - identity["started"]) < 0.02 and process.status() != psutil.STATUS_ZOMBIE:
            return process
    except psutil.NoSuchProcess:
        pass
    return None


def read_children(home: Home) -> dict[str, Identity]:
    """Return the identities the last supervisor wrote down, by name, in the order of their start."""
    return read_json(home.run / "children.json") or {}


def read_supervisor(home: Home) -> psutil.Process | None:
    """Return the running supervisor of this installation, if any."""
    return find(read_json(home.run / "supervisor.json"))


def find_leftovers(home: Home) -> list[str]:
    """Return the names of recorded children that still run."""
    return [name for name, identity in read_children(home).items() if find(identity)]


def end_leftovers(home: Home, patience: float) -> list[str]:
    """End what a dead supervisor left, last started first, then every marked descendant; return the names of what was found."""
    ended = []
    for name, identity in reversed(read_children(home).items()):
        process = find(identity)
        if process:
            ended.append(name)
            end([process], identity["signal"], patience)
    end(find_marked(home), signal.SIGTERM, 3)
    write_json(home.run / "children.json", {})
    return ended


def find_marked(home: Home) -> list[psutil.Process]:
    """Return the processes that carry our mark with our root, except this one and its ancestors."""
    near = {os.getpid(), *(process.pid for process in psutil.Process().parents())}
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.pid not in near and process.environ().get(MARK) == str(home.root):
                found.append(process)
    return found


def end(processes: list[psutil.Process], stop_signal: int, patience: float) -> None:
    """Ask `processes` to stop, wait up to `patience` seconds, kill the rest with their groups."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(stop_signal)
    _, alive = psutil.wait_procs(processes, timeout=patience)
    for process in alive:
        kill_group(process.pid)
    if alive:
        psutil.wait_procs(alive, timeout=5)


def kill_group(pid: int) -> None:
    """Kill `pid` and, when it leads a process group, that group."""
    with contextlib.suppress(ProcessLookupError):
        if os.getpgid(pid) == pid:
            os.killpg(pid, signal.SIGKILL)
        else:
            os.kill(pid, signal.SIGKILL)


def wait_gone(process: psutil.Process, seconds: float) -> bool:
    """Wait until `process` has ended; tell whether it did."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with contextlib.suppress(psutil.TimeoutExpired):
            process.wait(0.2)
            return True
    return not process.is_running()
