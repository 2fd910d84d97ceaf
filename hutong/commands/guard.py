"""Why: the authority keeps the guards' lists and judges what detectors found from a shell. Called by `hutong guard`; the work is `exchange_api.guarding`."""

import sys
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

import typer

from exchange_api.evidence.ledger import subject_secret
from exchange_api.guarding import findings, lists
from exchange_api.guarding.rules import rules
from exchange_api.guarding.settings import GuardSettings
from exchange_api.keys import keys_folder
from hutong.commands.acting import actor_of
from hutong.commands.quota import day_of
from hutong.commands.tables import plain_table
from hutong.commands.tables import show as print_table
from schemas.calendar import CHINA
from schemas.database import transaction

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Networks, protected subjects, detectors. 访问防护")
As = Annotated[str, typer.Option("--as", help="The authority's officer. 主管部门经办人")]


@app.command("networks")
def networks(
    application: Annotated[str | None, typer.Argument(help="Application system; none: list all. 应用系统")] = None,
    allow: Annotated[list[str] | None, typer.Option(help="Network, e.g. 10.1.2.0/24; repeatable. 允许的网段")] = None,
    anywhere: Annotated[bool, typer.Option(help="Take all networks away: from anywhere. 不限")] = False,
    officer: Annotated[str | None, typer.Option("--as", help="The authority's officer. 主管部门经办人")] = None,
) -> None:
    """List or set from where an application may ask; what is given replaces what was. 允许地址"""
    if application and (allow or anywhere):
        if officer is None:
            raise typer.BadParameter("--as")
        with transaction("exchange") as session:
            actor = actor_of(session, officer, "")
            kept = lists.set_networks(session, actor, application, allow or [])
        typer.echo(f"{application}  {', '.join(kept) or '不限 anywhere'}")
        return
    table = plain_table("application 应用", "networks 网段", "by 经办", "since 时间")
    with transaction("reader") as session:
        for one in lists.networks(session):
            if application in (None, one.application_id):
                when = f"{one.set_at.astimezone(CHINA):%Y-%m-%d %H:%M}"
                table.add_row(one.application_id, ", ".join(one.networks), one.set_by, when)
    print_table(table)


@app.command()
def protect(
    officer: As,
    level: Annotated[
        Literal["alert", "case"], typer.Option(help="alert: tell; case: a case is needed too. 级别")
    ] = "alert",
    until: Annotated[str | None, typer.Option(help="Last day of protection. 截止日期")] = None,
) -> None:
    """Put a subject under protection; the identifier is asked for. 列入受保护对象"""
    last: date | None = day_of(until) if until else None
    subject = _ask_subject()
    with transaction("exchange") as session:
        actor = actor_of(session, officer, "")
        named = lists.protect(session, actor, subject_secret(Path(keys_folder())), subject, (level, last))
    typer.echo(f"已保护 protected in: {', '.join(named)}")


@app.command()
def unprotect(officer: As) -> None:
    """Take a subject off the list; the identifier is asked for. 移出受保护对象"""
    subject = _ask_subject()
    with transaction("exchange") as session:
        actor = actor_of(session, officer, "")
        gone = lists.unprotect(session, actor, subject_secret(Path(keys_folder())), subject)
    typer.echo(f"{gone} 条移除 removed")


@app.command("findings")
def show_findings(
    grant: Annotated[str | None, typer.Option(help="Of one grant only. 授权编号")] = None,
    unreviewed: Annotated[bool, typer.Option(help="Only those nobody judged yet. 仅未复核")] = False,
) -> None:
    """List what detectors found, the newest first. 异常发现"""
    words = {one.key: f"{one.zh} / {one.en}" for one in rules(GuardSettings().guard_rules)}
    table = plain_table(
        "no 编号", "when 时间", "grant 授权", "what 内容", "measured 计数", "suspended 暂停", "review 复核"
    )
    with transaction("reader") as session:
        for one in findings.find(session, grant_id=grant, unreviewed_only=unreviewed):
            cells = (
                str(one.id),
                f"{one.at.astimezone(CHINA):%Y-%m-%d %H:%M:%S}",
                one.grant_id,
                words.get(one.rule, one.rule),
            )
            table.add_row(
                *cells, f"{one.measured:g} > {one.above:g}", "✓" if one.has_suspended else "", one.review or ""
            )
    print_table(table)


@app.command()
def review(
    number: Annotated[int, typer.Argument(help="Number of the finding. 编号")],
    officer: As,
    false_alarm: Annotated[bool, typer.Option("--false-alarm/--abuse", help="What it was. 误报或滥用")],
) -> None:
    """Say what a finding was; the grant is let go on by `hutong grant resume`. 复核异常发现"""
    with transaction("exchange") as session:
        actor = actor_of(session, officer, "")
        found = findings.review(session, actor, number, is_false_alarm=false_alarm)
        typer.echo(f"{found.id}  {found.grant_id}  {'误报 false alarm' if false_alarm else '滥用 abuse'}")


def _ask_subject() -> str:
    answer: str = typer.prompt("标识 Identifier", hide_input=sys.stdin.isatty(), err=True)
    return answer.strip()
