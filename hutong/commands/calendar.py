"""Why: next year's holidays come by a notice in November, and the authority enters them from a shell. Called by `hutong calendar`; the desk is
exchange_api.clocks.calendar_desk. Every change names the notice it rests on.
"""

from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from catalog import calendar_edits
from catalog.calendar_edits import DayEdit, YearView
from catalog.findings import Findings
from catalog.lists import holiday_list
from exchange_api.clocks import calendar_desk, recomputing
from exchange_api.clocks.clock_upkeep import NOTICE_MONTH
from hutong.commands.acting import Acting, actor_of
from hutong.commands.tables import plain_table
from hutong.commands.tables import show as print_table
from schemas.calendar import CHINA, today
from schemas.database import transaction
from schemas.errors import Invalid

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Working days, holidays and make-up days. 工作日历")
Year = Annotated[int, typer.Argument(min=2004, max=2100, help="Year. 年份")]
Source = Annotated[str, typer.Option(help="The notice it rests on, e.g. 国办发明电〔2026〕1号. 依据的通知")]
WEEKDAYS = "一二三四五六日"


class Kind(StrEnum):
    """What a day may be set to."""

    working = "working"
    holiday = "holiday"
    published = "published"


@app.command()
def show(year: Year) -> None:
    """Show a year: days off, make-up days, edits, and whether it is confirmed. 查看一年的工作日历"""
    with transaction("reader") as session:
        seen = calendar_edits.view(session, year)
        missing = not calendar_edits.view(session, today().year + 1).is_confirmed
        _tell(seen)
    if missing and today().month >= NOTICE_MONTH:
        following = today().year + 1
        typer.echo(
            f"{following} 年的工作日历尚未录入或确认；跨年期限为暂定。The calendar of {following} is missing: "
            f"enter it with `hutong calendar import {following} FILE`, then `hutong calendar confirm {following}`.",
            err=True,
        )


@app.command("set")
def set_(
    day: Annotated[datetime, typer.Argument(formats=["%Y-%m-%d"], help="Day, 2027-02-06. 日期")],
    kind: Annotated[Kind, typer.Argument(help="working 上班, holiday 放假, published 恢复已公布的安排")],
    source: Source,
    name: Annotated[str | None, typer.Option(help="Name of the holiday. 节日名称")] = None,
    acting: Acting = None,
) -> None:
    """Set one day; provisional due dates follow, fixed ones stay. 设定某日上班或放假"""
    with transaction() as session:
        actor = actor_of(session, acting, "", calendar_desk.ROLE)
        if kind is Kind.published:
            changed = calendar_desk.clear(session, actor, day.date(), source)
        else:
            edit = DayEdit(day.date(), kind is Kind.working, name)
            changed = bool(calendar_desk.edit(session, actor, [edit], source))
    moved = recomputing.recompute_all(actor, f"{day:%Y-%m-%d} {kind}: {source}")
    typer.echo(f"{'已更改 changed' if changed else '无变化 nothing changed'}，{_moved(moved)}")


@app.command("import")
def import_(
    year: Year,
    file: Annotated[
        Path, typer.Argument(help="CSV (from,to,kind,name) or YAML (holidays, make_up_days). 放假安排文件")
    ],
    source: Source,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check only; change nothing. 只检查不导入")] = False,
    acting: Acting = None,
) -> None:
    """Take in the notice of a year, all of it or nothing; twice changes nothing. 导入一年的放假通知"""
    findings = Findings()
    edits = holiday_list.read(file, year, findings)
    for one in findings:
        typer.echo(
            f"{one.place.words()}: {one.words()} {one.remedy()}\n  {one.words('en')} {one.remedy('en')}", err=True
        )
    if findings.errors:
        raise Invalid("calendar.refused", file=file.name, errors=str(findings.errors))
    off = sum(not one.is_working for one in edits)
    typer.echo(f"{year}: 放假 {off} 天 days off，补班 {len(edits) - off} 天 make-up days")
    if dry_run:
        typer.echo("仅检查，未导入。Checked only; nothing was taken in.")
        return
    with transaction() as session:
        actor = actor_of(session, acting, "", calendar_desk.ROLE)
        changed = calendar_desk.edit(session, actor, edits, source)
    moved = recomputing.recompute_all(actor, f"{year}: {source}")
    typer.echo(f"更改 {len(changed)} 天 days changed，{_moved(moved)}")
    typer.echo(f"核对无误后请确认 when it is right: `hutong calendar confirm {year} --source …`")


@app.command()
def confirm(year: Year, source: Source, acting: Acting = None) -> None:
    """Confirm a year: provisional due dates in it become final, and whoever owes a step hears when one moved. 确认一年的工作日历"""
    with transaction() as session:
        actor = actor_of(session, acting, "", calendar_desk.ROLE)
        is_new = calendar_desk.confirm(session, actor, year, source)
    moved = recomputing.recompute_all(actor, f"{year} 年工作日历已确认 confirmed: {source}")
    typer.echo(f"{year} {'已确认 confirmed' if is_new else '先前已确认 was confirmed before'}，{_moved(moved)}")


@app.command("export")
def export(
    year: Year,
    out: Annotated[Path | None, typer.Option(help="File; default the console. 输出文件，缺省为屏幕")] = None,
) -> None:
    """Write a year's days off and make-up days as CSV, ready to be imported again. 导出一年的放假安排"""
    with transaction("reader") as session:
        text = holiday_list.write(calendar_edits.view(session, year))
    if out is None:
        typer.echo(text, nl=False)
        return
    out.write_text(text, "utf-8")
    typer.echo(f"{out}")


def _tell(seen: YearView) -> None:
    by = (
        f"{seen.confirmed.confirmed_by} {seen.confirmed.confirmed_at.astimezone(CHINA):%Y-%m-%d}"
        if seen.confirmed
        else ""
    )
    known = (
        "已公布 published"
        if seen.is_published
        else f"已确认 confirmed ({by})"
        if by
        else "未确认，期限暂定 not confirmed"
    )
    typer.echo(f"{seen.year}  {known}\n放假 off      {_days(seen.off)}\n补班 make-up  {_days(seen.make_up)}")
    table = plain_table("day 日期", "", "is 为", "name 名称", "by 经办", "source 依据")
    for row in seen.edits:
        said = "上班 working" if row.is_working else "放假 off"
        table.add_row(
            row.day.isoformat(), f"周{WEEKDAYS[row.day.weekday()]}", said, row.name or "", row.changed_by, row.source
        )
    if seen.edits:
        print_table(table)


def _days(days: tuple[date, ...]) -> str:
    return " ".join(f"{day:%m-%d}" for day in days) or "-"


def _moved(moved: list[int]) -> str:
    return f"重新计算 {len(moved)} 个暂定期限 clocks counted anew"
