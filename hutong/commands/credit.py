"""Why: the credit register is looked at by subject, by what hangs in the air and by what came late. Called by `hutong credit`; the reading is
`libraries.credit`'s.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated, Any

import typer

from hutong.commands.tables import plain_table
from hutong.commands.tables import show as print_table
from libraries.credit import orphans as lost
from libraries.credit import templates, timeliness, withdrawals
from libraries.credit.entries import SPEC
from libraries.credit.view import Seen
from libraries.credit.view import view as view_of
from schemas.calendar import today
from schemas.codes import code_table
from schemas.database import transaction

app = typer.Typer(no_args_is_help=True, add_completion=False, help="The credit register. 社会信用库")
AsJson = Annotated[bool, typer.Option("--json", help="As JSON. 输出 JSON")]
Limit = Annotated[int, typer.Option(min=1, max=100_000, help="Most entries to list. 最多列出条数")]
Reveal = Annotated[
    bool, typer.Option("--reveal", help="Natural persons' codes and names in clear. 明文显示自然人代码和姓名")
]
DAYS = ["%Y-%m-%d"]


@app.callback()
def family() -> None:
    """The credit register. 社会信用库"""


@app.command()
def view(
    subject: Annotated[str, typer.Argument(help="Unified social credit code or citizen id. 主体代码")],
    as_of: Annotated[datetime | None, typer.Option("--as-of", formats=DAYS, help="On this day. 截至某日")] = None,
    reveal: Reveal = False,
    as_json: AsJson = False,
) -> None:
    """Show all entries about a subject over time: how each stands, and whether it is served. 查看一个主体的全部信用条目"""
    day = as_of.date() if as_of else today()
    with transaction("reader") as session:
        found = view_of(session, subject, day, clear=reveal)
    if as_json:
        return _as_json([asdict(one) for one in found])
    if not found:
        typer.echo("no entry 没有信用条目")
        return None
    typer.echo(f"{found[0].subject}  {found[-1].subject_name or ''}  {day}")
    table = plain_table(
        "document 文书号",
        "kind 类别",
        "title 名称",
        "from 自",
        "until 至",
        "state 状态",
        "served 提供",
        "over time 变化",
    )
    for one in found:
        table.add_row(*_row(one))
    print_table(table)
    return None


@app.command()
def orphans(
    limit: Limit = 50,
    reveal: Reveal = False,
    notify: Annotated[
        bool, typer.Option("--notify", help="Tell the departments; not twice the same. 通知部门")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List entries about subjects that neither legal_entity nor population holds. 列出主体不在库的信用条目"""
    with transaction("reader") as session:
        counts, found = lost.count(session), lost.find(session, limit, clear=reveal)
    told: dict[str, int] = {}
    if notify:
        with transaction() as session:
            told = lost.notify(session)
    if as_json:
        return _as_json(
            {"departments": {str(k): v for k, v in counts.items()}, "entries": [asdict(one) for one in found]}
        )
    for department, number in sorted(counts.items(), key=lambda one: -one[1]):
        typer.echo(f"{department or '-'}: {number:,}" + ("  told 已通知" if department in told else ""))
    if not counts:
        typer.echo("no orphans 没有孤立条目")
    for one in found:
        typer.echo(f"  {one.entry}  {one.subject}")
    return None


@app.command()
def late(
    since: Annotated[datetime | None, typer.Option(formats=DAYS, help="Decided from this day on. 决定日期起")] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """Show what was published or withdrawn after the law's days, by department. 列出超期公示、超期撤回的条目"""
    first = since.date() if since else None
    with transaction("reader") as session:
        counts, found = timeliness.count(session, first), timeliness.find(session, limit, first)
        overdue = [_clock(one) for one in withdrawals.find(session, late=today())]
    if as_json:
        departments = [asdict(one) | {"rate": one.rate} for one in counts]
        return _as_json({"departments": departments, "published": [asdict(one) for one in found], "withdrawn": overdue})
    table = plain_table("department 部门", "rate 及时率", "in time 按期", "late 超期", "unstated 未注明")
    for one in counts:
        rate = "n/a" if one.rate is None else f"{one.rate:.1%}"
        table.add_row(one.department or "-", rate, f"{one.in_time:,}", f"{one.late:,}", f"{one.unstated:,}")
    print_table(table)
    for entry in found:
        typer.echo(f"  published 公示 {entry.entry}  {entry.published_on} > {entry.due}")
    for clock in overdue:
        typer.echo(f"  withdrawn 撤回 {clock['entry']}  {clock['ended_on'] or '…'} > {clock['due_date']}")
    return None


@app.command()
def template(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="permit | penalty 许可或处罚")],
    department: Annotated[str, typer.Option(help="Department id. 部门标识")],
    connection: Annotated[str, typer.Option(help="Connection id. 连接标识")],
) -> None:
    """Write the declaration of the national 双公示 template for one department, ready for `hutong catalog import`. 输出双公示模板的目录声明"""
    typer.echo(templates.declaration(kind, department, connection), nl=False)


def _row(one: Seen) -> Sequence[str]:
    until = [one.values[name] for name in ("valid_until", "publication_until") if one.values[name]]
    moves = " → ".join(f"{_label('credit_entry_state', move.state)} {move.known_on}" for move in one.moves)
    return (
        str(one.values["document_number"]),
        _label("credit_entry_kind", one.values["entry_kind"]),
        str(one.values["title"] or ""),
        str(one.values["valid_from"] or one.values["decision_date"] or ""),
        str(min(until)) if until else "",
        _label("credit_entry_state", one.stands),
        "yes 是" if one.not_served is None else f"no 否: {SPEC.attribute(one.not_served).name} {one.not_served}",
        moves,
    )


def _label(table: str, code: str | None) -> str:
    known = code_table(table)
    return f"{code} {known.label(code)}" if code in known.entries else (code or "-")


def _clock(one: Any) -> dict[str, Any]:
    return {name: getattr(one, name) for name in ("entry", "department_id", "changed_on", "due_date", "ended_on")}


def _as_json(found: Any) -> None:
    typer.echo(json.dumps(found, ensure_ascii=False, indent=1, default=date.isoformat))
