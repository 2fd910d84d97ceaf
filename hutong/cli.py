"""Why: the one command people type. It only knows which module holds which sub-command and imports that module when it is called, so that
`hutong --help` answers at once and a missing part of the house hides nothing else. Called by the `hutong` script and `python -m hutong`.

To add a sub-command: write `hutong/commands/<name>.py` with a function (or a `typer.Typer` for a family) and add one line to COMMANDS.
"""

import importlib
import importlib.util
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from hutong.embedded.environment import connect
from schemas.errors import HutongError


@dataclass(frozen=True)
class Entry:
    """Where a sub-command lives; `connected` ones find the running services without anything being exported."""

    target: str
    help: str
    connected: bool = True

    def exists(self) -> bool:
        """Tell whether its module is there; `hutong --help` lists no others."""
        return importlib.util.find_spec(self.target.partition(":")[0]) is not None

    def load(self, name: str) -> Any:
        """Import the module and return its command under `name`."""
        module, _, attribute = self.target.partition(":")
        found = getattr(importlib.import_module(module), attribute)
        if isinstance(found, typer.Typer):
            family = typer.main.get_group(found)
            family.name = name
            return family
        single = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        single.command(name)(found)
        return typer.main.get_command(single)


COMMANDS: dict[str, Entry] = {
    "up": Entry(
        "hutong.commands.services:up", "Start PostgreSQL, Airflow and the exchange API. 启动全部服务", connected=False
    ),
    "down": Entry("hutong.commands.services:down", "Stop them; data stays. 停止服务，保留数据", connected=False),
    "status": Entry(
        "hutong.commands.services:status", "Show what runs, where, and since when. 查看服务状态", connected=False
    ),
    "logs": Entry("hutong.commands.services:logs", "Show the log of a service. 查看服务日志", connected=False),
    "reset": Entry(
        "hutong.commands.services:reset",
        "Stop everything and delete all data below var/. 停止并清除全部数据",
        connected=False,
    ),
    "migrate": Entry("hutong.commands.migrate:migrate", "Bring the database to the newest tables. 升级数据库结构"),
    "demo": Entry("hutong.commands.demo:demo", "Run the demonstration city. 运行演示城市"),
    "catalog": Entry("hutong.commands.catalog:app", "Import, list, show and publish resources. 资源目录"),
    "ingest": Entry("hutong.commands.ingest:ingest", "Collect one resource now, without Airflow. 立即归集一个资源"),
    "inbox": Entry("hutong.commands.inbox:app", "Bring files for resources and see what came of them. 收件箱"),
    "batch": Entry("hutong.commands.batch:app", "List batches; take one back. 批次及撤回"),
    "reconcile": Entry("hutong.commands.reconcile:reconcile", "Compare a source with what landed of it. 与来源对账"),
    "lineage": Entry("hutong.commands.lineage:app", "Where values come from; resend events. 数据血缘"),
    "quarantine": Entry("hutong.commands.quarantine:app", "Look at held rows, mend and replay them. 隔离区"),
    "conflict": Entry(
        "hutong.commands.conflict:app", "Where sources contradict each other; the steward's rulings. 来源不一致与裁定"
    ),
    "identity": Entry("hutong.commands.identity:app", "Keys that followed one another. 身份变更"),
    "quality": Entry("hutong.commands.quality:app", "Scores, grades, trends and stewards' rules. 数据质量"),
    "normalise": Entry("hutong.commands.normalise:app", "What was repaired in a batch, before and after. 规范化"),
    "library": Entry(
        "hutong.commands.library:app", "How the base libraries stand, their rules, their declarations. 基础库"
    ),
    "resolution": Entry("hutong.commands.resolution:app", "Who may be one under two keys; judge it. 实体解析"),
    "record": Entry("hutong.commands.record:app", "Show a record and where each value came from. 查看记录及来源"),
    "credit": Entry(
        "hutong.commands.credit:app", "One subject's credit over time, orphans, what came late. 社会信用库"
    ),
    "certificate": Entry("hutong.commands.certificate:app", "Certificates: types, files, flags, stock. 电子证照"),
    "export": Entry("hutong.commands.export:app", "Files in bulk for application systems. 批量导出"),
    "recall": Entry("hutong.commands.recall:app", "Call back what was handed out wrong. 召回错误数据"),
    "grant": Entry("hutong.commands.grant:app", "What may be asked, by whom, how long; its health and use. 授权"),
    "dispute": Entry("hutong.commands.dispute:app", "Refusals that are disputed, and their decisions. 争议协调"),
    "objection": Entry("hutong.commands.objection:app", "Values that are doubted, and their answers. 异议校核"),
    "supervision": Entry("hutong.commands.supervision:app", "Supervision and assessment. 电子监察与考核"),
    "deadline": Entry("hutong.commands.deadline:app", "Deadlines, lamps, extensions. 期限与电子监察"),
    "calendar": Entry("hutong.commands.calendar:app", "Working days, holidays and make-up days. 工作日历"),
    "notices": Entry("hutong.commands.notices:app", "What departments are told, and where it goes. 通知"),
    "demand": Entry("hutong.commands.demand:app", "What departments need, from draft to acceptance. 数据需求"),
    "supply": Entry("hutong.commands.supply:app", "What providers are asked, and their word on it. 供给任务"),
    "match": Entry("hutong.commands.match:app", "Find items for a demand in plain words. 需求匹配"),
    "trace": Entry("hutong.commands.trace:trace", "Walk the chain from any id, both ways. 全链追溯"),
    "ask": Entry("hutong.commands.ask:ask", "Ask a signed question, keep its receipt. 签名查询与核验"),
    "verify": Entry("hutong.commands.verify:verify", "Check a receipt offline. 离线验证凭证", connected=False),
    "conformance": Entry(
        "hutong.commands.conformance:conformance",
        "Hold a deployment against the protocol, from outside. 协议符合性检查",
        connected=False,
    ),
    "access": Entry(
        "hutong.commands.access:access", "Who saw which of a subject's items, when, for which case. 查询留痕"
    ),
    "guard": Entry("hutong.commands.guard:app", "Networks, protected subjects, what detectors found. 访问防护"),
    "doctor": Entry(
        "hutong.commands.doctor:doctor", "Check configuration and surroundings, with remedies. 配置与环境检查"
    ),
    "keys": Entry("hutong.commands.keys:app", "Signing keys of the hub and of application systems. 签名密钥"),
    "officers": Entry("hutong.commands.officers:app", "People who may sign in to the portal. 门户用户"),
    "clients": Entry("hutong.commands.clients:app", "Office systems that act at the desks over HTTP. 经办客户端"),
    "worker": Entry(
        "hutong.commands.worker:worker", "Run tasks on a further machine until stopped. 在另一台机器上运行任务"
    ),
    "errors": Entry(
        "hutong.commands.errors:errors", "List error codes with their remedy. 错误代码与处理办法", connected=False
    ),
    "applications": Entry(
        "hutong.commands.applications:app", "Application systems and their public keys. 应用系统及公钥"
    ),
    "sandbox": Entry("hutong.commands.sandbox:app", "Applications in testing, answered from made-up records. 测试环境"),
    "sequencer": Entry(
        "hutong.commands.sequencer:sequencer", "Run the evidence sequencer in the foreground. 运行存证定序"
    ),
    "log": Entry("hutong.commands.log:app", "Audit and archive the evidence log. 存证日志审计与归档"),
    "witness": Entry("hutong.commands.witness:app", "Witness the evidence logs of hubs. 见证存证日志", connected=False),
}


class LazyGroup(TyperGroup):
    """A group that lists from the table and imports a sub-command only to run it."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, entry in COMMANDS.items():
            if entry.exists():
                self.add_command(TyperCommand(name, help=entry.help), name)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Replace the listed stand-in by the real command, its environment prepared."""
        name, command, rest = super().resolve_command(ctx, args)
        if name in COMMANDS:
            if COMMANDS[name].connected:
                connect()
            command = COMMANDS[name].load(name)
        return name, command, rest


app = typer.Typer(cls=LazyGroup, no_args_is_help=True, pretty_exceptions_enable=False)


def _version(wanted: bool) -> None:
    if wanted:
        try:
            typer.echo(f"hutong {version('hutong')}")
        except PackageNotFoundError:
            typer.echo("hutong (not installed: run from its checkout)")
        raise typer.Exit


@app.callback()
def root(
    _show_version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """Hutong (互通): data sharing between departments, every answer signed and evidenced."""


def main() -> None:
    """Run the command line; a catalogued failure is told in words with its remedy, exit code 1."""
    try:
        app()
    except HutongError as error:
        for language in ("zh", "en"):
            typer.echo(f"{error.title(language)} {error.remedy(language)}", err=True)
        typer.echo(f"[{error.code}]", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
