"""Why: more than a day's quota is asked for and decided from a shell too. Called by `hutong grant quota`; the desk is exchange_api.grant.quota_requests."""

from datetime import date
from typing import Annotated

import typer

from exchange_api.grant import quota_requests
from hutong.commands.acting import Acting, actor_of
from hutong.commands.tables import plain_table
from hutong.commands.tables import show as print_table
from hutong.commands.words_of_grants import ORIGINS, QUOTA_STATES
from schemas.calendar import today
from schemas.database import transaction

app = typer.Typer(no_args_is_help=True, help="More than the day's quota: ask, approve, decline. 加量申请")
RequestId = Annotated[int, typer.Argument(metavar="REQUEST", help="Number of the request. 申请编号")]
Officer = Annotated[str, typer.Option("--as", help="An officer of the using department. 使用部门经办人")]
Quota = Annotated[int, typer.Option("--quota", min=1, help="Subjects a day. 每日对象数")]


def day_of(text: str) -> date:
    """Return a day written as 2027-12-31; a usage error when it is none."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text}: 请写成 2027-12-31 / write it like 2027-12-31") from None


@app.command("list")
def list_(
    grant: Annotated[str | None, typer.Option(help="Only this grant's. 授权编号")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Decided ones too. 包括已办结的")] = False,
) -> None:
    """List requests for more. 列出加量申请"""
    table = plain_table(
        "request 申请", "state 状态", "grant 授权", "day 日期", "origin 来由", "wanted 需要", "approved 批准"
    )
    with transaction("reader") as session:
        for one in quota_requests.find(session, grant, waiting=not everything):
            given = f"{one.quota} → {one.until}" if one.quota else "-"
            wanted, day = str(one.wanted or "-"), one.day.isoformat()
            table.add_row(str(one.id), QUOTA_STATES[one.state], one.grant_id, day, ORIGINS[one.origin], wanted, given)
    print_table(table)


@app.command()
def ask(
    grant_id: Annotated[str, typer.Argument(metavar="GRANT", help="Number of the grant. 授权编号")],
    quota: Quota,
    why: Annotated[str, typer.Option("--why", help="The reason. 理由")],
    officer: Officer,
    day: Annotated[str | None, typer.Option(help="First day; default today. 起始日期，缺省为今日")] = None,
) -> None:
    """Ask for more beforehand, as an officer of the using department. 事先申请加量"""
    with transaction("exchange") as session:
        actor = actor_of(session, officer, "console")
        wanted = quota, day_of(day) if day else today()
        found = quota_requests.ask(session, actor, grant_id, wanted, why)
        typer.echo(f"{found.id}  {QUOTA_STATES[found.state]}")


@app.command()
def approve(
    request_id: RequestId,
    quota: Quota,
    until: Annotated[str | None, typer.Option("--until", help="Last day; default today. 截止日期，缺省为今日")] = None,
    acting: Acting = None,
) -> None:
    """Allow more for some days; counted everywhere within a second. 批准加量"""
    with transaction("exchange") as session:
        actor = actor_of(session, acting, "console", "authority")
        found = quota_requests.approve(session, actor, request_id, quota, day_of(until) if until else today())
        typer.echo(f"{found.id}  {QUOTA_STATES[found.state]}  {found.quota} → {found.until}")


@app.command()
def decline(
    request_id: RequestId,
    why: Annotated[str, typer.Option("--why", help="The reason. 理由")],
    acting: Acting = None,
) -> None:
    """Say no, and why. 不予加量"""
    with transaction("exchange") as session:
        actor = actor_of(session, acting, "console", "authority")
        found = quota_requests.decline(session, actor, request_id, why)
        typer.echo(f"{found.id}  {QUOTA_STATES[found.state]}")
