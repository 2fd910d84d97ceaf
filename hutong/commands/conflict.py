"""Why: a steward sees what sources contradict each other on, decides where he must, and takes back what he decided wrongly. Values are masked unless
asked for in clear. Called by `hutong conflict`.
"""

from typing import Annotated

import typer
from sqlalchemy.orm import Session

from hutong.commands.tables import plain_table
from hutong.commands.tables import show as print_table
from libraries import rulings
from libraries.disputing import listing, tickets
from libraries.disputing.listing import Wanted
from schemas.database import transaction
from schemas.errors import Invalid
from schemas.grounds import Grounds
from schemas.library import library
from schemas.tables.library import Conflict
from schemas.tables.rulings import Ruling

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Where sources contradict each other; rulings. 来源不一致与裁定"
)
KINDS = {
    "format": "写法 format",
    "missing_precision": "精度 precision",
    "near": "相近 near",
    "substantive": "实质 substantive",
}
Number = Annotated[int, typer.Argument(help="Conflict as hutong conflict list numbers it. 编号")]
LibraryOption = Annotated[str | None, typer.Option("--library", help="Only of this library. 基础库")]
By = Annotated[str, typer.Option("--by", help="Who decides. 裁定人")]
Reason = Annotated[str, typer.Option("--reason", help="Why, so that others can check it. 理由")]
Reveal = Annotated[bool, typer.Option("--reveal", help="Print values in clear; they may be personal data. 明文显示")]


@app.command("list")
def list_(
    of: Annotated[
        str | None, typer.Option(metavar="LIBRARY[.ATTRIBUTE]", help="Only of this library or attribute. 范围")
    ] = None,
    kind: Annotated[str | None, typer.Option(help="format | missing_precision | near | substantive 类型")] = None,
    least: Annotated[int, typer.Option("--from", min=0, max=100, help="At least so grave. 最低分值")] = 0,
    everything: Annotated[bool, typer.Option("--all", help="Closed ones too. 包括已关闭的")] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Most lines. 行数上限")] = 50,
) -> None:
    """List open conflicts, gravest first; values masked. 列出来源不一致之处"""
    library_name, _, attribute = (of or "").partition(".")
    wanted = Wanted(library_name or None, attribute or None, kind, least, everything)
    table = plain_table(
        "no. 编号", "score 分值", "kind 类型", "record 记录", "attribute 信息项", "values 取值", "state 状态"
    )
    with transaction("reader") as session:
        for conflict in listing.find(session, wanted, limit):
            shown = listing.show(session, conflict)
            name = library(conflict.library).attribute(conflict.attribute).name
            values = "\n".join(f"{value} ({source})" for source, value in shown.said)
            table.add_row(
                str(conflict.number), str(conflict.score), KINDS[conflict.kind], f"{conflict.library} {shown.key}",
                f"{name} {conflict.attribute}", values, _state(conflict),
            )  # fmt: skip
    print_table(table)


@app.command()
def show(number: Number, reveal: Reveal = False) -> None:
    """Show one conflict and the rulings on it, also those taken back. 查看一处不一致及其裁定"""
    with transaction("reader") as session:
        conflict = listing.get(session, number)
        shown = listing.show(session, conflict, is_revealed=reveal)
        made = rulings.find(session, conflict.library, conflict.record_key, withdrawn=True)
        typer.echo(f"{conflict.library} {shown.key} {conflict.attribute}: {conflict.kind}, {conflict.score}")
        typer.echo(f"{_state(conflict)}, found 发现 {conflict.found_at:%Y-%m-%d %H:%M}")
        for source, value in shown.said:
            typer.echo(f"  {source} = {value}")
        for ruling in made:
            if ruling.attribute == conflict.attribute:
                typer.echo(_told(ruling, is_revealed=reveal))


@app.command()
def settle(
    number: Number,
    reason: Reason,
    by: By,
    take: Annotated[str | None, typer.Option(help="Take this resource's word. 采信的来源")] = None,
    value: Annotated[str | None, typer.Option(help="Or say what it is. 直接给值")] = None,
) -> None:
    """Rule one conflict by its number: one source's word, or a value. 按编号裁定一处不一致"""
    if (take is None) == (value is None):
        raise Invalid("conflict.one_word", conflict=number)
    with transaction("ingest") as session:
        conflict = listing.get(session, number)
        word = listing.value_of(session, conflict, take) if take is not None else str(value)
        _rule(session, (conflict.library, conflict.record_key), {conflict.attribute: word}, Grounds(reason, by))


@app.command()
def rule(
    library_name: Annotated[str, typer.Argument(metavar="LIBRARY", help="population | legal_entity | … 基础库")],
    key: Annotated[str, typer.Argument(help="Key of the record, as hutong record show prints it. 记录标识")],
    settings: Annotated[list[str], typer.Option("--set", metavar="ATTRIBUTE=VALUE", help="May be repeated. 可重复")],
    reason: Reason,
    by: By,
) -> None:
    """Rule attributes of any record; the same again changes nothing. 裁定记录的信息项"""
    values: dict[str, str] = {}
    for setting in settings:
        attribute, equals, value = setting.partition("=")
        if not equals:
            raise Invalid("conflict.not_an_assignment")
        values[attribute] = value
    with transaction("ingest") as session:
        _rule(session, (library_name, key), values, Grounds(reason, by))


@app.command()
def withdraw(
    ruling: Annotated[int, typer.Argument(help="Ruling as hutong conflict rulings numbers it. 裁定编号")],
    reason: Reason,
    by: By,
) -> None:
    """Take a ruling back: what the sources say counts again. 撤销裁定"""
    with transaction("ingest") as session:
        found = rulings.withdraw(session, ruling, Grounds(reason, by))
        typer.echo(f"{found.id}: withdrawn 已撤销 {found.withdrawn_at:%Y-%m-%d %H:%M} {found.withdrawn_by}")


@app.command("rulings")
def rulings_(
    library_name: LibraryOption = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Most lines, the newest. 行数上限")] = 50,
) -> None:
    """List rulings in force; values masked. 列出有效裁定"""
    table = plain_table("ruling 裁定", "record 记录", "attribute 信息项", "value 值", "by 裁定人", "reason 理由")
    with transaction("reader") as session:
        for ruling in rulings.find(session, library_name)[-limit:]:
            spec = library(ruling.library)
            value = listing.masked(spec.attribute(ruling.attribute), ruling.value)
            key = f"{ruling.library} {listing.masked_key(spec, ruling.record_key)}"
            table.add_row(str(ruling.id), key, ruling.attribute, value, ruling.ruled_by, ruling.reason)
    print_table(table)


@app.command("tickets")
def tickets_(
    library_name: LibraryOption = None,
    everything: Annotated[bool, typer.Option("--all", help="Closed ones too. 包括已关闭的")] = False,
) -> None:
    """List what departments were asked to verify, soonest due first. 列出核实工单"""
    headers = (
        "ticket 工单",
        "department 部门",
        "library 基础库",
        "attribute 信息项",
        "conflicts 处",
        "due 期限",
        "state 状态",
    )
    table = plain_table(*headers)
    with transaction("reader") as session:
        for one in tickets.find(session, library_name, closed=everything):
            due = one.due_date.isoformat() if one.due_date else "—"
            table.add_row(
                str(one.id), one.department_id, one.library, one.attribute, f"{one.conflicts:,}", due, one.state
            )
    print_table(table)


@app.command()
def answer(
    ticket: Annotated[int, typer.Argument(help="Ticket as hutong conflict tickets numbers it. 工单编号")],
    note: Annotated[str, typer.Option(help="What the department says. 答复内容")],
) -> None:
    """Write down what a department answered; the ticket closes by itself when its conflicts are gone. 登记部门答复"""
    with transaction("ingest") as session:
        found = tickets.answer(session, ticket, note)
        typer.echo(f"{found.id} {found.state}")


def _rule(session: Session, record: tuple[str, str], values: dict[str, str], grounds: Grounds) -> None:
    for ruling in rulings.rule(session, *record, values, grounds):
        typer.echo(f"ruling 裁定 {ruling.id}: {ruling.library} {ruling.attribute}, {ruling.ruled_by}")


def _told(ruling: Ruling, *, is_revealed: bool) -> str:
    attribute = library(ruling.library).attribute(ruling.attribute)
    value = ruling.value if is_revealed else listing.masked(attribute, ruling.value)
    told = f"ruling 裁定 {ruling.id}: {value}, {ruling.ruled_by} {ruling.ruled_at:%Y-%m-%d}: {ruling.reason}"
    if ruling.confirmed_at is not None:
        told += f"\n  confirmed 重申 {ruling.confirmed_at:%Y-%m-%d} {ruling.confirmed_by}: {ruling.confirmed_reason}"
    if ruling.withdrawn_at is not None:
        told += f"\n  withdrawn 撤销 {ruling.withdrawn_at:%Y-%m-%d} {ruling.withdrawn_by}: {ruling.withdrawn_reason}"
    return told


def _state(conflict: Conflict) -> str:
    if conflict.ruling is not None:
        return f"ruled 已裁定 ({conflict.ruling})"
    return "settled 已一致" if conflict.closed_at is not None else "open 未决"
