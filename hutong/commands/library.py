"""Why: a base library answers for itself: how it stands, whether it keeps its rules. Called by `hutong library`; the reading is `libraries.auditing`'s."""

import json
from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from hutong.commands.tables import plain_table
from hutong.commands.tables import show as print_table
from libraries.auditing import check as holding
from libraries.auditing import stats as standing
from libraries.auditing.found import Finding
from libraries.auditing.stats import Filled, LibraryStats
from schemas.calendar import CHINA
from schemas.database import database_url, transaction
from schemas.errors import Invalid
from schemas.library import LIBRARIES
from schemas.masking import mask_of

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


@app.command()
def check(
    library: LibraryName = None,
    as_json: AsJson = False,
    keys: Annotated[
        bool, typer.Option("--keys", help="Show keys as they are; they may be personal data. 显示完整主键")
    ] = False,
) -> None:
    """Hold libraries to their rules: golden records are what claims say, history has no gaps. Exit code 1 when one is broken. 检查基础库不变式"""
    names = chosen(library)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console, found = Console(stderr=True), list[Finding]()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        rules = bar.add_task("", total=sum(map(holding.steps, names)))
        rows = bar.add_task("row hashes 行摘要", total=None, visible=False)
        for name in names:
            bar.update(rules, description=name)
            for finding in holding.check(name, lambda count: bar.update(rows, advance=count, visible=True)):
                found.append(finding)
                bar.advance(rules)
    documents = [_document(finding, keys) for finding in found]
    typer.echo(json.dumps(documents, ensure_ascii=False, indent=2)) if as_json else _print_check(found, documents)
    if any(finding.violations for finding in found):
        raise typer.Exit(1)


def _document(finding: Finding, is_clear: bool) -> dict[str, object]:
    shown = str if is_clear else mask_of("tail4")
    return asdict(finding) | {"keys": [shown(key) for key in finding.keys]}


def _print_check(found: list[Finding], documents: list[dict[str, object]]) -> None:
    for name in dict.fromkeys(finding.library for finding in found):
        typer.secho(name, bold=True)
        table = plain_table("rule 规则", "looked at 检查", "broken 违反", "s 秒", "what holds 应满足")
        for one in found:
            if one.library == name:
                words = f"{one.zh} · {one.en}"
                table.add_row(one.invariant, f"{one.looked:,}", f"{one.violations:,}", f"{one.seconds:.1f}", words)
        print_table(table)
    for one, document in zip(found, documents, strict=True):
        if one.violations:
            more = " …" if one.violations > len(one.keys) else ""
            typer.echo(f"✗ {one.library} {one.invariant}: {', '.join(map(str, document['keys']))}{more}")  # type: ignore[call-overload]
    broken = sum(bool(finding.violations) for finding in found)
    typer.echo(f"{len(found)} rules, {broken} broken / 共 {len(found)} 条规则，{broken} 条被违反")


@app.command()
def migrate(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show the SQL; nothing is changed. 只显示 SQL，不执行")
    ] = False,
) -> None:
    """Bring the database to the declared libraries and attributes; does nothing when it is there. 按声明升级基础库"""
    from schemas.migrations import declare, planned

    url = database_url("owner").render_as_string(hide_password=False)
    if dry_run:
        statements = planned(url)
        for statement in statements:
            typer.echo(f"{statement};")
        typer.echo(f"{len(statements)} statements, nothing changed. 共 {len(statements)} 条语句，未执行。", err=True)
        return
    count = declare(url, lambda statement: typer.echo(f"{statement.partition('(')[0].strip()} …"))
    done = f"{count} statements done. Restart what runs. 已执行 {count} 条语句，请重启运行中的服务。"
    typer.echo(done if count else "The libraries are as declared. 基础库与声明一致。")


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
