"""Why: start, stop and look at the services from a shell. Called by `hutong up | down | status | logs | reset`; the work is in hutong/embedded."""

import os
import shutil
import subprocess
import sys
import time
from collections import deque
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from hutong.embedded import leftovers
from hutong.embedded.environment import MARK, connect, disconnect
from hutong.embedded.home import CODE, Home, find_home, read_json, read_secrets
from hutong.embedded.settings import EmbeddedSettings
from schemas.errors import Terminal

MARKS = {
    "ready": "[green]●[/]",
    "done": "[green]✓[/]",
    "starting": "[yellow]…[/]",
    "waiting": "[dim]·[/]",
    "crashed": "[red]✗[/]",
    "stopped": "[dim]○[/]",
}
console = Console(highlight=False, soft_wrap=True)

NoAirflow = Annotated[bool, typer.Option("--no-airflow", help="Without Airflow. 不启动 Airflow")]
NoApi = Annotated[bool, typer.Option("--no-api", help="Without exchange API and sequencer. 不启动交换接口")]
Foreground = Annotated[bool, typer.Option("--foreground", help="Stay here and stop everything on Ctrl-C. 前台运行")]


def up(foreground: Foreground = False, no_airflow: NoAirflow = False, no_api: NoApi = False) -> None:
    """Start everything and return when all is ready; what runs already is left alone. 启动全部服务"""
    disconnect()
    home = find_home()
    home.prepare()
    if leftovers.read_supervisor(home):
        _follow(home, None)
        console.print("Already running. 服务已在运行。")
    elif foreground:
        _run_here(home, no_airflow, no_api)
        return
    else:
        _start(home, no_airflow, no_api)
    connect(home)
    _print_addresses(home)


def down() -> None:
    """Stop everything, also what a crashed supervisor left behind; data stays. 停止全部服务，数据保留"""
    home = find_home()
    home.prepare()
    settings = EmbeddedSettings()
    supervisor = leftovers.read_supervisor(home)
    if supervisor:
        console.print("Stopping … 正在停止 …")
        supervisor.terminate()
        patience = 2 * settings.stop_timeout + 15
        if not leftovers.wait_gone(supervisor, patience):
            raise Terminal("embedded.still_running", seconds=round(patience), log=home.log / "supervisor.log")
    ended = leftovers.end_leftovers(home, settings.stop_timeout)
    if ended:
        console.print(f"Ended what a crash had left: {', '.join(ended)}. 已清理残留进程。")
    console.print(
        "Stopped; data stays in var/. 已停止，数据保留在 var/。"
        if supervisor or ended
        else "Nothing was running. 没有服务在运行。"
    )


def status() -> None:
    """Show every service and its address; exit code 0 only when all are ready. 查看服务状态"""
    home = find_home()
    document = read_json(home.run / "status.json") or {"state": "stopped", "services": {}, "failure": None}
    if not leftovers.read_supervisor(home):
        if document["state"] not in ("stopped", "failed"):
            left = ", ".join(leftovers.find_leftovers(home)) or "nothing"
            console.print(
                f"The supervisor is gone, left running: {left}. Run `hutong down` or `hutong up`. 监管进程已消失，请运行 `hutong down`。"
            )
        elif document["failure"]:
            console.print(str(_failure(document)), style="red")
        console.print("Stopped. 已停止。")
        raise typer.Exit(1)
    table = Table(box=None, header_style="dim")
    for column in ("service", "state", "pid", "restarts"):
        table.add_column(column)
    for name, service in document["services"].items():
        table.add_row(
            name,
            f"{MARKS[service['state']]} {service['state']}",
            str(service["pid"] or ""),
            str(service["restarts"] or ""),
        )
    console.print(table)
    _print_addresses(home)
    raise typer.Exit(0 if document["state"] == "ready" else 1)


def logs(
    name: Annotated[str, typer.Argument(help="Service, as `hutong status` names it. 服务名")] = "supervisor",
    lines: Annotated[int, typer.Option("--lines", "-n", min=1)] = 50,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on as lines arrive; end with Ctrl-C. 持续显示")
    ] = False,
) -> None:
    """Show the end of a service's log. 查看服务日志"""
    home = find_home()
    path = home.log / f"{name}.log"
    if not path.is_file():
        raise Terminal(
            "embedded.no_such_log", name=name, names=", ".join(sorted(p.stem for p in home.log.glob("*.log"))) or "-"
        )
    with path.open(errors="replace") as file:
        for line in deque(file, maxlen=lines):
            sys.stdout.write(line)
        while follow:
            sys.stdout.write(file.read())
            sys.stdout.flush()
            time.sleep(0.3)


def reset(yes: Annotated[bool, typer.Option("--yes", help="Do not ask. 不再询问")] = False) -> None:
    """Stop everything and delete all data, logs and keys of this installation. 停止并删除全部数据"""
    home = find_home()
    if not yes:
        typer.confirm(f"Delete all data in {home.var}? 确认删除全部数据？", abort=True)
    down()
    kept = read_json(home.state / "postgres.json")
    if kept and home.root not in Path(kept["data"]).parents:
        shutil.rmtree(Path(kept["data"]).parent, ignore_errors=True)
    shutil.rmtree(home.var)
    console.print("Everything deleted. 已全部删除。")


def _start(home: Home, no_airflow: bool, no_api: bool) -> None:
    (home.run / "status.json").unlink(missing_ok=True)
    options = ["--no-airflow"] * no_airflow + ["--no-api"] * no_api
    with (home.log / "supervisor.log").open("ab") as log:
        process = subprocess.Popen(  # noqa: S603 — our own command line, no shell
            [sys.executable, "-m", "hutong.embedded.supervisor", *options],
            cwd=home.root,
            env=_environment(home),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _follow(home, process)


def _environment(home: Home) -> dict[str, str]:
    path = os.pathsep.join(part for part in (str(CODE), os.environ.get("PYTHONPATH", "")) if part)
    return {k: v for k, v in os.environ.items() if k != MARK} | {"HUTONG_ROOT": str(home.root), "PYTHONPATH": path}


def _run_here(home: Home, no_airflow: bool, no_api: bool) -> None:
    from hutong.embedded.supervisor import Supervisor, only_one

    def listen(document: dict[str, Any]) -> None:
        console.print(_line(document))
        if document["state"] == "ready":
            _print_addresses(home)
            console.print("Ctrl-C stops everything. 按 Ctrl-C 停止全部服务。")

    with only_one(home) as free:
        failure = Supervisor(home, EmbeddedSettings(), listen).run(not no_airflow, not no_api) if free else None
    if failure:
        raise failure


def _follow(home: Home, process: subprocess.Popen[bytes] | None) -> None:
    """Show progress until all is ready; raise what the supervisor reports."""
    with console.status("Starting … 正在启动 …") as display:
        while True:
            ended = process.poll() is not None if process else leftovers.read_supervisor(home) is None
            document = read_json(home.run / "status.json")
            if document and document["failure"]:
                raise _failure(document)
            if document and document["state"] == "ready":
                return
            if ended:
                raise Terminal("embedded.supervisor_lost", log=home.log / "supervisor.log")
            if document:
                display.update(_line(document))
            time.sleep(0.1)


def _line(document: dict[str, Any]) -> str:
    return (
        "  ".join(f"{MARKS[service['state']]} {name}" for name, service in document["services"].items())
        or document["state"]
    )


def _failure(document: dict[str, Any]) -> Terminal:
    return Terminal(document["failure"]["code"], **document["failure"]["facts"])


def _print_addresses(home: Home) -> None:
    document = read_json(home.run / "status.json") or {"addresses": {}}
    for name, address in document["addresses"].items():
        console.print(f"  {name:<14} {address}")
    if "airflow" in document["addresses"]:
        console.print(f"  {'airflow login':<14} admin / {read_secrets(home)['airflow_admin']}")
    console.print("  Stop with `hutong down`. 停止：`hutong down`")
