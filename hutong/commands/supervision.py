"""Why: weeks are counted, looked at, counted again and supervised from a shell too. Called by `hutong supervision`; the desk is
exchange_api.supervision.
"""

from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import select

from exchange_api.clocks import supervising
from exchange_api.supervision import definitions, objecting, recomputing, reporting, snapshots, weekly, weeks
from exchange_api.supervision.report_book import workbook
from hutong.commands.acting import Acting, actor_of
from hutong.commands.tables import plain_table
from hutong.commands.tables import show as print_table
from schemas.database import transaction
from schemas.errors import Language
from schemas.tables.supervision import SupervisionFigure, SupervisionWeek

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Supervision and assessment. 电子监察与考核")
WeekName = Annotated[str | None, typer.Argument(help="Week, e.g. 2026-W47; default: the last whole one. 周次")]
Department = Annotated[str | None, typer.Option(help="Only this department (id). 部门")]
WHAT = {
    "score": "得分 score",
    "figure": "指标 figure",
    "digest": "摘要 digest",
    "new": "新增 new",
    "gone": "消失 gone",
    "changed": "变化 changed",
}


@app.command("indicators")
def list_indicators() -> None:
    """List the indicators with formula, weight and basis. 列出考核指标"""
    table = plain_table("key 指标", "name 名称", "weight 权重", "formula 公式", "no source 无数据来源")
    for one in definitions.indicators():
        missing = f"{one.no_source['zh']} {one.no_source['en']}" if one.no_source else ""
        table.add_row(one.key, f"{one.zh} {one.en}", str(one.weight), one.formula["zh"], missing)
    print_table(table)


@app.command("weeks")
def list_weeks() -> None:
    """List the weeks that were counted, the newest first. 列出已统计的周次"""
    table = plain_table("week 周次", "from 起", "to 止", "definitions 口径", "digest 摘要", "by 出具人")
    with transaction("reader") as session:
        for one in session.scalars(select(SupervisionWeek).order_by(SupervisionWeek.week.desc())):
            table.add_row(
                one.week, str(one.first_day), str(one.last_day), one.definition_version, one.digest[:12], one.made_by
            )
    print_table(table)


@app.command()
def count(acting: Acting = None) -> None:
    """Count every whole week that was not, as the weekly DAG does. 统计尚未统计的周次"""
    with transaction("exchange") as session:
        actor = actor_of(session, acting, "", "authority") if acting else None
    for name in weekly.keep_weeks(actor):
        typer.echo(f"{name}  已统计 counted")


@app.command()
def report(
    week: WeekName = None,
    out: Annotated[Path | None, typer.Option(help="Write it as XLSX to this file. 另存为 XLSX")] = None,
    language: Annotated[Language, typer.Option(help="Language of the XLSX. 文件语言")] = "zh",
) -> None:
    """Show the scores of a week with their change, or write its report as XLSX. 查看周报"""
    name = weeks.read(week).name if week else weeks.last_whole().name
    with transaction("reader") as session:
        found = reporting.get(session, name)
        if out:
            out.write_bytes(workbook(found, language))
            typer.echo(str(out))
            return
    table = plain_table("rank 名次", "department 部门", "score 得分", "change 较上周", "revision 版次")
    for one in found.board:
        change = "" if one.change is None else f"{one.change:+.1f}"
        table.add_row(str(one.rank or "-"), f"{one.name} {one.department_id}", one.words, change, str(one.revision))
    print_table(table)


@app.command()
def show(
    department: Annotated[str, typer.Argument(help="Department (id). 部门")],
    week: WeekName = None,
) -> None:
    """Show every figure of one department's score: numerator, denominator, share. 查看部门得分"""
    name = weeks.read(week).name if week else weeks.last_whole().name
    table = plain_table("key 指标", "name 名称", "numerator 分子", "denominator 分母", "value 值")
    with transaction("reader") as session:
        kept = snapshots.get(session, name, department)
        known = {one.key: one for one in snapshots.defined(session, name)[0]}
        for one in session.scalars(select(SupervisionFigure).where(SupervisionFigure.score_id == kept.id)):
            shown = (
                "样本不足 n/a"
                if one.value is None
                else f"{one.value:.0%}"
                if known[one.key].direction == "up"
                else f"{one.value:g}"
            )
            table.add_row(
                one.key, f"{known[one.key].zh} {known[one.key].en}", f"{one.numerator:g}", f"{one.denominator:g}", shown
            )
    print_table(table)
    typer.echo(
        f"{name}  {department}  得分 score {'n/a' if kept.score is None else kept.score}  版次 revision {kept.revision}"
    )


@app.command()
def recompute(
    week: WeekName = None,
    department: Department = None,
    today: Annotated[
        bool, typer.Option("--today", help="Against the hub's data as they are now. 与现有数据比对")
    ] = False,
) -> None:
    """Count a week again from its kept cases, and name what differs: nothing, unless it was tampered with. 重新计算并指出差异"""
    name = weeks.read(week).name if week else weeks.last_whole().name
    with transaction("reader") as session:
        found = (recomputing.compare if today else recomputing.check)(session, name, department)
    table = plain_table("department 部门", "what 差异", "key 指标", "case 事项", "was 原值", "now 现值")
    for one in found:
        table.add_row(one.department_id, WHAT[one.what], one.key, one.case, one.was, one.now)
    if found:
        print_table(table)
    typer.echo(f"{name}  {len(found)} 处差异 differences")
    if found and not today:
        raise typer.Exit(1)


@app.command()
def supervise(
    clock: Annotated[int, typer.Argument(help="Number of the clock. 期限编号")],
    why: Annotated[str, typer.Option("--why", help="What is expected of who owes the step. 督办意见")],
    acting: Acting = None,
) -> None:
    """Supervise an overdue step as the authority. 督办超期事项"""
    with transaction("exchange") as session:
        supervising.supervise(session, actor_of(session, acting, "", "authority"), clock, why)
    typer.echo(f"{clock}  督办 supervised")


@app.command()
def objections(department: Department = None) -> None:
    """List objections to scores, open ones first. 列出考核异议"""
    table = plain_table(
        "objection 异议", "department 部门", "indicator 指标", "case 事项", "state 状态", "due 复核期限"
    )
    with transaction("reader") as session:
        for one in objecting.find(session, department):
            table.add_row(
                one.id, one.department_id, one.key, f"{one.case_kind} {one.case_id}", one.state, str(one.due_date)
            )
    print_table(table)


@app.command()
def decide(
    objection: Annotated[str, typer.Argument(help="Number of the objection. 异议编号")],
    why: Annotated[str, typer.Option("--why", help="The reason. 理由")],
    uphold: Annotated[
        bool, typer.Option("--uphold/--reject", help="The case counts no longer, or it stays. 采纳或驳回")
    ],
    acting: Acting = None,
) -> None:
    """Decide an objection to a score as the authority. 复核考核异议"""
    with transaction("exchange") as session:
        decided = objecting.decide(
            session, actor_of(session, acting, "", "authority"), objection, why, is_upheld=uphold
        )
    typer.echo(f"{decided.id}  {decided.state}")
