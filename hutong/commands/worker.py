"""Why: a further machine joins by one command. Called by `hutong worker`; the work is in hutong/embedded/worker.py."""

import os
import socket
import sys
from typing import Annotated

import typer

from hutong.embedded.home import find_home
from hutong.embedded.worker import NEEDED, environment
from schemas.errors import Terminal


def worker(
    name: Annotated[str | None, typer.Option("--name", help="Its name; default: the machine's. 名称")] = None,
) -> None:
    """Run collecting tasks here until Ctrl-C or SIGTERM: running ones are finished first. 在本机运行归集任务"""
    missing = [variable for variable in NEEDED if not os.environ.get(variable)]
    if missing:
        raise Terminal("embedded.worker_unconfigured", names=", ".join(missing))
    home = find_home()
    home.prepare()
    command = [sys.executable, "-m", "hutong.embedded.worker", name or socket.gethostname(), "--far"]
    os.chdir(home.var)
    os.execve(sys.executable, command, environment(home))  # noqa: S606 — our own command line, no shell
