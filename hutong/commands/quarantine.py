"""Why: a held row waits for somebody. Look at what is held and why, send it to its department and take it back mended, follow the tickets. Values are
masked unless asked for in clear. Called by `hutong quarantine`.
"""

from collections import Counter
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.orm import Session

from hutong.commands.tables import plain_table
from hutong.commands.tables import show as print_table
from libraries import batches, quarantine
from libraries.holding import concealing, tickets, waived
from libraries.quarantine import MALFORMED, Wanted
from schemas.database import transaction
from schemas.errors import Invalid
from schemas.tables.landing import QuarantinedRow

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Rows held back, with their reasons. 隔离区")
Resource = Annotated[str, typer.Argument(help="Resource id, e.g. civil_affairs.marriage. 资源标识")]
Reason = Annotated[str | None, typer.Option(help="Only rows with this reason, e.g. name.required. 原因")]
OlderThan = Annotated[
    float | None, typer.Option(min=0, metavar="DAYS", help="Only rows that wait at least so long. 等待天数")
]
RowId = Annotated[int, typer.Argument(help="Row as hutong quarantine list numbers it. 编号")]


class By(StrEnum):
    """What `list` counts by."""

    ROW, REASON, AGE = "row", "reason", "age"


@app.command("list")
def list_(
    resource: Resource,
    by: Annotated[By, typer.Option(help="A line a row, a reason or an age. 按行、原因或等待时间")] = By.ROW,
    reason: Reason = None,
    older_than: OlderThan = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Most rows to show.")] = 50,
) -> None:
    """List waiting rows, longest waiting first, with all their reasons; values stay hidden or masked. 列出被隔离的行"""
    wanted = Wanted(reason, timedelta(days=older_than) if older_than is not None else None)
    if by is By.AGE:
        return _by_age(resource)
    return _by_reason(resource, wanted) if by is By.REASON else _by_row(resource, wanted, limit)


def _by_row(resource: str, wanted: Wanted, limit: int) -> None:
    table = plain_table("row 编号", "batch 批次", "line 行号", "waits 等待", "reasons 原因")
    with transaction("ingest") as session:
        for row in quarantine.find(session, resource_id=resource, wanted=wanted, limit=limit):
            cells = (str(row.id), row.batch_id, str(row.row_number), _age(row.waiting_since), ", ".join(row.reasons))
            table.add_row(*cells)
    print_table(table)


def _by_reason(resource: str, wanted: Wanted) -> None:
    table = plain_table("reason 原因", "rows 行数", "oldest 最久", "due 期限", "examples 示例")
    with transaction("ingest") as session:
        due = {ticket.reason: ticket.due_date for ticket in tickets.find(session, resource)}
        for group in quarantine.groups(session, resource, wanted):
            day = due.get(group.reason)
            shown = [_example(session, row_id, group.reason) for row_id in group.examples]
            table.add_row(
                group.reason, f"{group.rows:,}", _age(group.since), day.isoformat() if day else "—", "\n".join(shown)
            )
    print_table(table)


def _by_age(resource: str) -> None:
    table = plain_table("days 天", "rows 行数")
    with transaction("ingest") as session:
        for name, count in quarantine.ages(session, resource).items():
            table.add_row(name, f"{count:,}")
    print_table(table)


@app.command()
def show(
    row: RowId,
    reveal: Annotated[
        bool, typer.Option("--reveal", help="Print values in clear; they may be personal data. 明文显示")
    ] = False,
) -> None:
    """Print one row as it came, masked; also one that waits no longer, and where it went. 查看一行"""
    with transaction("ingest") as session:
        found = quarantine.get(session, row)
        document = batches.get(session, found.batch_id).document
        typer.echo(f"{found.batch_id}, {', '.join(found.reasons)}, {_state(found)}")
        values = found.values if reveal else concealing.conceal(document, found.values)
    for item, value in values.items():
        typer.echo(f"  {item} = {value if value is not None else ''}")


@app.command()
def replay(
    row: RowId,
    corrections: Annotated[
        list[str] | None, typer.Option("--set", metavar="ITEM=VALUE", help="A corrected value; may be repeated.")
    ] = None,
) -> None:
    """Send a mended row through the same check and merge; it ends where it would have ended had it come right. 更正后重放"""
    from libraries.ingest import replay as send

    values: dict[str, str] = {}
    for correction in corrections or []:
        item, equals, value = correction.partition("=")
        if not equals:
            raise Invalid("quarantine.not_a_correction", given=correction)
        values[item] = value
    typer.echo(f"{row} → {send(row, values)}")


@app.command()
def export(
    resource: Resource,
    out: Annotated[Path, typer.Option(help="File to write, .xlsx or .csv. 输出文件")],
    reason: Reason = None,
    older_than: OlderThan = None,
) -> None:
    """Write the waiting rows as a file for their department to mend, in clear: it goes to nobody else. 导出待更正文件"""
    from libraries.correcting.corrections import export as write

    wanted = Wanted(reason, timedelta(days=older_than) if older_than is not None else None)
    with transaction("ingest") as session:
        count = write(session, resource, out, wanted)
    typer.echo(
        f"{out}: {count} rows in clear, for {resource.split('.')[0]} only / {count} 行明文数据，仅限数源部门使用"
    )


@app.command()
def fix(
    file: Annotated[Path, typer.Argument(help="A file of hutong quarantine export, with cells corrected. 更正文件")],
) -> None:
    """Take a mended file in: only changed cells count, every line is answered; sent again it does nothing twice. 导入更正文件"""
    from libraries.correcting.corrections import fix as take_in

    answers = take_in(file)
    table = plain_table("line 行", "row 编号", "state 结果", "detail 说明")
    for answer in answers:
        if answer.state != "released" or len(answers) <= 100:
            table.add_row(str(answer.line), str(answer.row_id or "—"), answer.state, answer.detail)
    print_table(table)
    counts = Counter(answer.state for answer in answers)
    typer.echo(", ".join(f"{state} {count}" for state, count in sorted(counts.items())) or "no lines / 没有数据行")


@app.command("tickets")
def tickets_(
    resource: Annotated[str | None, typer.Argument(help="Only of this resource. 资源标识")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Closed ones too. 包括已关闭的")] = False,
) -> None:
    """List what departments were asked to correct, soonest due first. 列出数据质量工单"""
    table = plain_table("ticket 工单", "resource 资源", "reason 原因", "rows 行数", "due 期限", "state 状态")
    with transaction("ingest") as session:
        for one in tickets.find(session, resource, closed=everything):
            due = one.due_date.isoformat() if one.due_date else "—"
            table.add_row(str(one.id), one.resource_id, one.reason, f"{one.rows:,}", due, one.state)
    print_table(table)


@app.command()
def answer(
    ticket: Annotated[int, typer.Argument(help="Ticket as hutong quarantine tickets numbers it. 工单编号")],
    note: Annotated[str, typer.Option(help="What the department says. 答复内容")],
) -> None:
    """Write down what a department answered; the ticket closes by itself when its rows are gone. 登记部门答复"""
    with transaction("ingest") as session:
        found = tickets.answer(session, ticket, note)
        typer.echo(f"{found.id} {found.state}")


def _example(session: Session, row_id: int, reason: str) -> str:
    """Return an example of one reason: the row, its key and the values the reason is about, masked."""
    row = quarantine.get(session, row_id)
    document = batches.get(session, row.batch_id).document
    shown = concealing.conceal(document, row.values)
    if reason == MALFORMED:
        return f"{row_id}: {shown.get('file', '')} {shown.get('line') or ''}".strip()
    items = reason.split(".")[0].split("+")
    values = ", ".join(f"{item}={shown[item] if shown[item] is not None else '∅'}" for item in items if item in shown)
    return f"{row_id}: {concealing.key_of(document, row.values)} {values}"


def _age(since: datetime) -> str:
    waited = datetime.now(UTC) - since
    return f"{waited.days} d" if waited.days else f"{waited.seconds // 3600} h"


def _state(row: QuarantinedRow) -> str:
    if row.released_at is not None:
        return f"released by {row.released_by_batch_id} / 已放行"
    if row.superseded_how == waived.HOW:
        return "left out by a steward / 不予更正"
    if row.superseded_at is not None:
        return f"superseded ({row.superseded_how}) by {row.superseded_by_batch_id} / 已有结论"
    return f"waits since {row.waiting_since:%Y-%m-%d} / 待处理"
