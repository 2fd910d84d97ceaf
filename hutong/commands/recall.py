"""Why: whoever took a batch back must see that everyone who was given its values hears of it, and how far each has come. Called by `hutong recall`."""

from typing import Annotated

import typer
from rich.table import Table

from exchange_api.recalls import recall, recall_upkeep
from exchange_api.recalls.recall_progress import Progress, find, of_recipients
from hutong.commands.tables import plain_table
from hutong.commands.tables import show as print_table
from schemas.calendar import CHINA
from schemas.database import transaction

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Call back what was handed out wrong. 召回已提供的错误数据"
)
STATES = {
    "open": "待通知 open",
    "notified": "已通知 notified",
    "acknowledged": "已确认 acknowledged",
    "done": "已办结 done",
}
RecallId = Annotated[str, typer.Argument(metavar="RECALL", help="Number of the recall, e.g. ZH-2026-000001. 召回编号")]


@app.command("open")
def open_(
    retraction: Annotated[
        int | None, typer.Argument(help="Number of one retraction; without, all that wait. 撤回编号，缺省为全部")
    ] = None,
) -> None:
    """Find everyone who received values of a retracted batch and notify them; doing it again changes nothing. 开启召回并通知"""
    with transaction("exchange") as session:
        retractions = [retraction] if retraction is not None else recall_upkeep.waiting(session)[0]
        objections = [] if retraction is not None else recall_upkeep.waiting(session)[1]
    typer.echo(f"Searching the evidence for {len(retractions) + len(objections)} recalls. 正在检索存证……", err=True)
    for one in retractions:
        with transaction("exchange") as session:
            opened = recall.open_recall(session, one).id
        _tell(opened)
    for objection in objections:
        with transaction("exchange") as session:
            opened = recall.open_correction(session, objection).id
        _tell(opened)


@app.command("list")
def list_(
    everything: Annotated[bool, typer.Option("--all", help="Closed ones too. 包括已办结的")] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Most lines. 行数上限")] = 50,
) -> None:
    """List recalls, the newest first, with how far their recipients have come. 列出召回及进度"""
    table = plain_table(
        "recall 召回", "resource 资源", "reason 原因", "recipients 接收方", "notified 已通知", "acknowledged 已确认", "done 已办结",
        "overdue 超期", "due 期限",
    )  # fmt: skip
    with transaction("reader") as session:
        for one in find(session, live=not everything, limit=limit):
            counts = [str(count) for count in (one.recipients, one.notified, one.acknowledged, one.done, one.overdue)]
            table.add_row(one.recall, one.resource, one.reason, *counts, one.due.isoformat())
    print_table(table)


@app.command()
def show(recall_id: RecallId) -> None:
    """Show one recall with every recipient: what it received, and how far it came. 查看召回进度"""
    with transaction("reader") as session:
        found = recall.find(session, recall_id)
        typer.echo(f"{found.id}  {found.library}  {found.batch_id}  {found.department_id}")
        typer.echo(f"原因 reason: {found.reason}")
        ended = f"{found.closed_at.astimezone(CHINA):%Y-%m-%d %H:%M}" if found.closed_at else "-"
        typer.echo(f"{found.opened_at.astimezone(CHINA):%Y-%m-%d %H:%M} → {ended}, 期限 due {found.due_date}")
        table = plain_table(
            "application 应用系统", "state 状态", "receipts 回执", "subjects 主体", "asked again 已重新查询", "first 最早", "last 最近",
            "items 信息项",
        )  # fmt: skip
        for one in of_recipients(session, found):
            _add(table, one)
    print_table(table)


@app.command()
def follow() -> None:
    """Do what is due for recalls now, as the hourly DAG does: open, notify, note who asked again, remind. 处理召回到期事项"""
    done = recall_upkeep.keep_recalls()
    typer.echo(
        f"{len(done.opened)} opened, {len(done.finished)} finished, {len(done.overdue)} overdue. "
        f"开启 {len(done.opened)}，办结 {len(done.finished)}，超期 {len(done.overdue)}。"
    )
    for line in (*done.opened, *done.finished, *done.overdue):
        typer.echo(f"  {line}")


def _tell(recall_id: str) -> None:
    with transaction("reader") as session:
        found = recall.recipients_of(session, recall_id)
        receipts = sum(one.receipts for one in found)
    typer.echo(f"{recall_id}  {len(found)} recipients, {receipts} receipts 接收方 {len(found)} 个，回执 {receipts} 份")


def _add(table: Table, one: Progress) -> None:
    state = STATES[one.state] + (" · 超期 overdue" if one.is_overdue else "")
    times = [f"{moment.astimezone(CHINA):%Y-%m-%d %H:%M}" for moment in (one.first_received_at, one.last_received_at)]
    table.add_row(
        one.application,
        state,
        str(one.receipts),
        str(one.subjects),
        str(one.asked_again),
        *times,
        ", ".join(one.attributes),
    )
