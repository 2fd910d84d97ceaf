"""Why: departments, their reforms, and the names nobody could place, from a shell. `hutong catalog departments`; the work is the catalog storey's."""

from datetime import datetime
from typing import Annotated

import typer

from catalog import departments
from catalog.reform import department_names, reforms
from catalog.snapshot import write_snapshot
from exchange_api.grant import foundations
from hutong.commands.catalog.department_words import (
    body_of,
    change_of,
    day_of,
    likely,
    named,
    new_department,
    pair,
    print_json,
    row_of,
    suggestion_of,
    tell,
    told,
)
from hutong.commands.tables import plain_table
from hutong.commands.tables import show as print_table
from schemas.database import transaction

app = typer.Typer(no_args_is_help=True, help="Departments, reforms, names to be placed. 部门、机构变动与名称核对")
STATES = {"active": "在册", "proposed": "拟登记", "dissolved": "已撤销"}

DepartmentId = Annotated[str, typer.Argument(help="Department id. 部门标识")]
On = Annotated[
    datetime | None,
    typer.Option(formats=["%Y-%m-%d"], help="Day it takes effect; default today. A future day waits. 生效日期"),
]
Basis = Annotated[str, typer.Option(help="Decision and its number, e.g. 兴编办〔2026〕3号. 依据文件")]
By = Annotated[str, typer.Option(help="Officer who answers for it. 经办人")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON. 输出 JSON")]


@app.command("list")
def list_(
    state: Annotated[str | None, typer.Option(help="active | proposed | dissolved; default all. 状态")] = None,
    as_json: AsJson = False,
) -> None:
    """List departments. 列出部门"""
    with transaction("reader") as session:
        rows = [row_of(one) for one in departments.find(session, state=state)]
    if as_json:
        print_json(rows)
        return
    table = plain_table("标识", "名称", "简称", "状态", "起", "止")
    for row in rows:
        table.add_row(
            row["id"], row["name"], row["short_name"], STATES[row["state"]], row["from"] or "-", row["to"] or "-"
        )
    print_table(table)


@app.command()
def show(
    department: Annotated[str, typer.Argument(help="Department id, or any name it bears or bore. 部门标识或名称")],
    on: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Who bore the name on that day. 查询该日的名称归属")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show a department: names with their dates, reforms, what it owns. 查看部门"""
    with transaction("reader") as session:
        found = named(session, department, on.date() if on else None)
        bodies = [body_of(session, one) for one in found]
    if as_json:
        print_json(bodies)
        return
    for body in bodies:
        typer.echo(f"{body['id']}  {body['name']}（{body['short_name']}）  {STATES[body['state']]}")
        if body["former_names"]:
            typer.echo(f"  曾用名 former names: {'、'.join(body['former_names'])}")
        for name in body["names"]:
            typer.echo(f"  名称 name: {name['name']}  {name['from'] or '…'} – {name['to'] or '…'}  {name['source']}")
        for change in body["reforms"]:
            typer.echo(f"  {told(change)}")
        for kind, ids in body["owns"].items():
            typer.echo(f"  {kind}: {len(ids)}  {', '.join(ids[:10])}{' …' if len(ids) > 10 else ''}")


@app.command()
def rename(  # noqa: PLR0913 - each is an option of the command
    department: DepartmentId,
    name: Annotated[str, typer.Argument(help="New full name. 新名称")],
    basis: Basis,
    short_name: Annotated[str | None, typer.Option(help="New short name. 新简称")] = None,
    on: On = None,
    by: By = "",
) -> None:
    """Rename a department; its former name stays known. 部门更名"""
    with transaction() as session:
        act = reforms.Act(day_of(on), basis, by)
        tell(session, reforms.rename(session, department, name, act, short_name=short_name))


@app.command()
def found(  # noqa: PLR0913 - each is an option of the command
    department: DepartmentId,
    name: Annotated[str, typer.Argument(help="Full name. 名称")],
    basis: Basis,
    short_name: Annotated[str | None, typer.Option(help="Short name. 简称")] = None,
    on: On = None,
    by: By = "",
) -> None:
    """Found a department. 设立部门"""
    with transaction() as session:
        document = new_department(department, name, short_name)
        tell(session, reforms.found(session, document, reforms.Act(day_of(on), basis, by)))


@app.command()
def merge(  # noqa: PLR0913 - each is an option of the command
    former: Annotated[list[str], typer.Argument(help="Departments that end. 被合并的部门")],
    into: Annotated[str, typer.Option(help="Department that takes all of it. 承接部门")],
    basis: Basis,
    name: Annotated[str | None, typer.Option(help="Found it under this name. 若新设，其名称")] = None,
    short_name: Annotated[str | None, typer.Option(help="Its short name. 简称")] = None,
    on: On = None,
    by: By = "",
) -> None:
    """Merge departments; resources, cases, officers follow. 部门合并"""
    with transaction() as session:
        target = new_department(into, name, short_name) if name else into
        tell(session, reforms.merge(session, former, target, reforms.Act(day_of(on), basis, by)))


@app.command()
def split(  # noqa: PLR0913 - each is an option of the command
    department: DepartmentId,
    basis: Basis,
    to: Annotated[
        list[str], typer.Option(help="DEPARTMENT=ID,ID,… of resources, service items, officers … 部门=标识,标识")
    ] = [],  # noqa: B006 - typer reads the default, nobody changes it
    new: Annotated[list[str], typer.Option(help="DEPARTMENT=NAME of one this founds. 新设部门=名称")] = [],  # noqa: B006
    rest: Annotated[
        str | None, typer.Option(help="Department that takes what nobody names. 承接其余全部的部门")
    ] = None,
    on: On = None,
    by: By = "",
) -> None:
    """Split a department, saying what goes where; whatever is not named stops it. 部门拆分"""
    with transaction() as session:
        founded = {one: new_department(one, name, None) for one, name in map(pair, new)}
        shares = {one: reforms.Share(founded=document) for one, document in founded.items()}
        for target, names in map(pair, to):
            given = [name.strip() for name in names.split(",") if name.strip()]
            shares[target] = reforms.share(session, department, given, founded.get(target))
        act = reforms.Act(day_of(on), basis, by)
        tell(session, reforms.split(session, department, shares, act, rest=rest))


@app.command()
def dissolve(department: DepartmentId, basis: Basis, on: On = None, by: By = "") -> None:
    """Dissolve a department that owns nothing any more. 撤销部门"""
    with transaction() as session:
        tell(session, reforms.dissolve(session, department, reforms.Act(day_of(on), basis, by)))
        foundations.hold(session)


@app.command("reforms")
def list_reforms(department: Annotated[str | None, typer.Argument(help="Only this one's. 部门标识")] = None) -> None:
    """List reforms, newest first, those that wait for their day included. 列出机构变动"""
    with transaction("reader") as session:
        for change in reforms.find(session, department):
            typer.echo(told(change_of(change)))


@app.command()
def apply() -> None:
    """Apply the reforms whose day has come; the directory's pipeline does it daily. 执行到期的机构变动"""
    with transaction() as session:
        done = reforms.apply_due(session)
        if done.changes:
            foundations.hold(session)
            write_snapshot(session)
        lines = [told(change_of(change)) for change in done.changes]
    for line in lines:
        typer.echo(line)
    for change, error in done.failures:
        typer.echo(f"✗ {change.id}: {error.title('zh')} {error.remedy('zh')}", err=True)
        typer.echo(f"  {error.title('en')} {error.remedy('en')} [{error.code}]", err=True)
    typer.echo(f"{len(done.changes)} applied, {len(done.failures)} failed")
    if done.failures:
        raise typer.Exit(1)


@app.command("suggestions")
def list_suggestions(
    state: Annotated[str, typer.Option(help="open | accepted | rejected | all 状态")] = "open", as_json: AsJson = False
) -> None:
    """List names that wait to be placed, each with its likely departments and why. 列出待核对的部门名称"""
    with transaction("reader") as session:
        rows = [suggestion_of(row) for row in department_names.find(session, None if state == "all" else state)]
    if as_json:
        print_json(rows)
        return
    table = plain_table("编号", "名称", "次数", "候选部门及理由")
    for row in rows:
        shown = "\n".join(likely(one) for one in row["candidates"]) or (row["decision"] or "-")
        table.add_row(str(row["id"]), row["given"], str(len(row["places"])), shown)
    print_table(table)
    typer.echo(f"{len(rows)} {state}")


@app.command()
def accept(
    suggestion: Annotated[int, typer.Argument(help="Number of the suggestion. 建议编号")],
    department: Annotated[str | None, typer.Argument(help="Department; default the best candidate. 部门标识")] = None,
    new: Annotated[bool, typer.Option("--new", help="It is a department of its own. 登记为新部门")] = False,
    name: Annotated[str | None, typer.Option(help="With --new: its proper name. 规范名称")] = None,
    by: By = "",
) -> None:
    """Place a name: its resources follow, and it is certain from now on. 确认名称归属"""
    with transaction() as session:
        decide = department_names.confirm if new else department_names.accept
        target = decide(session, suggestion, name if new else department, by)
        write_snapshot(session)
    typer.echo(f"{suggestion} → {target}")


@app.command()
def reject(
    suggestion: Annotated[int, typer.Argument(help="Number of the suggestion. 建议编号")],
    reason: Annotated[str, typer.Option(help="Why no candidate is right. 理由")],
    by: By = "",
) -> None:
    """Say that no candidate is right; the name stays proposed. 否定候选"""
    with transaction() as session:
        department_names.reject(session, suggestion, reason, by)
    typer.echo(f"{suggestion} rejected 已否定")
