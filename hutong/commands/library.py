"""Why: a base library answers for itself: how it stands, whether it keeps its rules. Called by `hutong library`; the reading is `libraries.auditing`'s."""

import json
from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer

from hutong.commands.tables import plain_table
from hutong.commands.tables import show as print_table
from libraries.auditing import stats as standing
from libraries.auditing.stats import Filled, LibraryStats
from schemas.calendar import CHINA
from schemas.database import transaction
from schemas.errors import Invalid
from schemas.library import LIBRARIES

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Base libraries as a whole. 基础库")
LibraryName = Annotated[
    str | None, typer.Argument(metavar="[LIBRARY]", help="Only this library; without: all. 基础库标识，缺省为全部")
]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON. 输出 JSON")]
UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


@app.callback()
def family() -> None:
    """Base libraries as a whole. 基础库"""


@app.command()
def stats(library: LibraryName = None, as_json: AsJson = False) -> None:
    """Show how much a library holds, from whom, and what is missing. 查看基础库统计"""
    found: list[LibraryStats] = []
    for name in chosen(library):
        with transaction("reader") as session:
            found.append(standing.read(session, name))
        if not as_json:
            _print_stats(found[-1])
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in found], ensure_ascii=False, indent=2, default=datetime.isoformat))


def chosen(name: str | None) -> tuple[str, ...]:
    """Return the libraries asked for. Raises Invalid `record.unknown_library`."""
    if name is not None and name not in LIBRARIES:
        raise Invalid("record.unknown_library", library=name, known=", ".join(LIBRARIES))
    return (name,) if name else tuple(LIBRARIES)


def _print_stats(found: LibraryStats) -> None:
    typer.secho(f"{found.name['zh']} {found.library}", bold=True)
    typer.echo(
        f"  记录 records {found.records:,} · 主体 subjects {found.subjects:,} · 断言 claims {found.claims:,}"
        f" · 历史断言 past claims {found.past_claims:,} · 历史版本 past versions {found.past_versions:,}"
    )
    typer.echo(
        f"  未决冲突 open conflicts {found.conflicts_open:,} · 裁定 rulings {found.rulings:,} · 隔离待处理 rows in quarantine"
        f" {found.quarantined:,} · 磁盘 on disk {_size(found.bytes)}"
    )
    typer.echo(f"  最早 oldest {_local(found.oldest)} · 最新 newest {_local(found.newest)}")
    if not found.records:
        return
    table = plain_table("source 来源", "department 部门", "claims 断言", "golden values 采信值")
    for voice in found.sources:
        table.add_row(voice.source, voice.department_name or voice.department, f"{voice.claims:,}", f"{voice.wins:,}")
    print_table(table)
    table = plain_table("attribute 信息项", "values 有值", "missing 缺失", "won by 采信来源")
    for one in found.attributes:
        table.add_row(f"{one.id} {one.name}", f"{one.values:,}", f"{one.missing:,}", _shares(one))
    print_table(table)


def _shares(one: Filled) -> str:
    return ", ".join(f"{source} {count / one.values:.0%}" for source, count in one.wins.items())


def _size(count: float) -> str:
    unit = 0
    while count >= 1024 and unit < len(UNITS) - 1:
        count, unit = count / 1024, unit + 1
    return f"{count:.0f} {UNITS[unit]}" if not unit else f"{count:.1f} {UNITS[unit]}"


def _local(moment: datetime | None) -> str:
    return moment.astimezone(CHINA).strftime("%Y-%m-%d %H:%M") if moment else "—"
