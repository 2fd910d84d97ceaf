"""Why: the authority opens the subject access ledger from a shell: who looked at this person's data. Called by `hutong access`; the ledger is
`exchange_api.guarding.subject_access`. The identifier is asked for, never an argument: arguments stand in the shell's history and in the list of processes.
"""

import csv
import io
import json
import os
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated

import typer

from exchange_api.guarding import subject_access
from exchange_api.guarding.subject_access import Ledger, Wish
from exchange_api.keys import keys_folder
from hutong.commands.acting import actor_of
from hutong.commands.quota import day_of
from schemas.calendar import CHINA, today
from schemas.database import transaction

YEAR = timedelta(days=365)


def access(
    officer: Annotated[str, typer.Option("--as", help="The authority's officer who looks. 主管部门经办人")],
    reason: Annotated[str, typer.Option(help="What the look is for; recorded for good. 查询用途，永久留痕")],
    case: Annotated[str, typer.Option(help="Number of the case, e.g. of the citizen's request. 办件编号")],
    period: Annotated[
        str, typer.Option(help="First and last day: 2026-01-01..2026-12-31; default the last year. 期间")
    ] = "",
    out: Annotated[
        str, typer.Option(help="A new file (.json or .csv, mode 0600), or - for JSON on the screen. 导出文件")
    ] = "",
) -> None:
    """Say who saw which of a person's or company's items, when, for which case; the identifier is asked for. The look is recorded. 查询留痕台账"""
    wish, file = Wish(*_days(period), reason, case), Path(out)
    if out not in ("", "-") and (file.exists() or file.suffix not in (".json", ".csv")):
        raise typer.BadParameter("须为尚不存在的 .json 或 .csv 文件 / a .json or .csv file that is not there yet")
    subject = typer.prompt("标识 Identifier", hide_input=sys.stdin.isatty(), err=True).strip()
    with transaction("exchange") as session:
        actor = actor_of(session, officer, "")
        found = subject_access.open_ledger(session, actor, subject, wish, Path(keys_folder()))
    if out == "-":
        typer.echo(_json(found), nl=False)
    elif out:
        _write(file, _csv(found) if file.suffix == ".csv" else _json(found))
    else:
        _show(found)
    _close(found)


def _close(found: Ledger) -> None:
    """Say on standard error how complete it is, and under which receipt the look stands."""
    if found.is_cut:
        typer.echo("… 记录过多，仅列出一部分，请缩短期间。Too many: ask for a shorter period.", err=True)
    if found.behind:
        typer.echo(
            f"… 最近 {found.behind} 条存证尚未编入索引。The last {found.behind} entries are not searched yet.", err=True
        )
    typer.echo(f"{len(found.sights)} 条 entries  留痕 recorded as {found.receipt}", err=True)


def _show(found: Ledger) -> None:
    for one in found.sights:
        who = "  ".join(filter(None, (one.department, one.application, one.grant, one.service_item)))
        typer.echo(f"{one.at.astimezone(CHINA):%Y-%m-%d %H:%M:%S}  {one.outcome}  {who}")
        items = one.items if one.are_exact or not one.items else f"≤ {one.items}"
        typer.echo(f"    办件 case {one.case or '-'}  {one.library}  {items}  {one.receipt}")


def _json(found: Ledger) -> str:
    told = {
        "recorded_as": found.receipt,
        "is_cut": found.is_cut,
        "not_searched_yet": found.behind,
        "entries": found.rows(),
    }
    return json.dumps(told, ensure_ascii=False, indent=1) + "\n"


def _csv(found: Ledger) -> str:
    """Spell for spreadsheets: a cell that would be taken for a formula gets an apostrophe before it."""
    out = io.StringIO()
    rows = [{name: _plain(value) for name, value in row.items()} for row in found.rows()]
    names = list(rows[0]) if rows else ["receipt"]
    writer = csv.DictWriter(out, names)
    writer.writeheader()
    writer.writerows(rows)
    return "\ufeff" + out.getvalue()


def _plain(value: object) -> str:
    text = str(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _write(file: Path, text: str) -> None:
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
        out.write(text)


def _days(period: str) -> tuple[date, date]:
    if not period:
        return today() - YEAR, today()
    first, _, last = period.partition("..")
    return day_of(first), day_of(last or first)
