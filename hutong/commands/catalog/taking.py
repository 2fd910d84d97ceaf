"""Why: ways into the directory from a shell. Part of `hutong catalog`; the work is the catalog storey's.

To add a format: one line in IMPORTERS with a function `take_in(session, path, *, partial, by) -> Outcome`.
"""

import importlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from sqlalchemy.orm import Session

from catalog import directory
from catalog.findings import Finding, Outcome
from catalog.snapshot import write_snapshot
from exchange_api.grant import foundations, grants
from schemas.database import transaction
from schemas.errors import Invalid

app = typer.Typer()
SHOWN = 20  # errors printed; the report has them all
CONTRACT_WITHIN = 4096  # bytes in which a contract's kind stands
INTERRUPTED = 130


class Format(StrEnum):
    """How the directory may come in."""

    auto = "auto"
    folder = "folder"
    xlsx = "xlsx"
    csv = "csv"
    odcs = "odcs"
    services = "services"


IMPORTERS = {
    Format.folder: ("catalog.folder", "take_in"),
    Format.xlsx: ("catalog.workbook.reading", "take_in"),
    Format.csv: ("catalog.lists.pairs", "take_in"),
    Format.odcs: ("catalog.contract", "take_in"),
    Format.services: ("catalog.lists.service_list", "take_in"),
}


@app.command("import")
def import_(  # noqa: PLR0913 - each is an option of the command
    path: Annotated[
        Path, typer.Argument(help="Workbook, YAML folder or file, folder with resources.csv, contract, list")
    ],
    form: Annotated[Format, typer.Option("--format", help="auto looks at the path.")] = Format.auto,
    department: Annotated[
        str | None, typer.Option(help="xlsx: department id of resources that name no provider.")
    ] = None,
    partial: Annotated[bool, typer.Option("--partial", help="Take in what is right, refuse the rest.")] = False,
    publish: Annotated[bool, typer.Option("--publish", help="Publish every new draft at once.")] = False,
    report: Annotated[Path | None, typer.Option(help="Write the findings to this workbook, marked in place.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
    by: Annotated[str, typer.Option(help="Officer who answers for it.")] = "",
) -> None:
    """Take in part of the directory: all of it or nothing; twice changes nothing. 导入目录"""
    form = guess(path) if form is Format.auto else form
    _require_report_elsewhere(path, report)
    try:
        with transaction() as session, _progress(form, department) as options:
            outcome = _importer(form)(session, path, partial=partial, by=by, **options)
            published = _publish(session, outcome) if publish else []
            foundations.hold(session)
            write_snapshot(session)
    except KeyboardInterrupt:
        typer.echo("已中断，未导入任何内容。Interrupted; nothing was imported.", err=True)
        raise typer.Exit(INTERRUPTED) from None
    if report:
        _write_report(report, outcome, path if form is Format.xlsx else None)
    _tell(outcome, published, report, as_json=as_json)
    if outcome.findings.errors and not (outcome.created or outcome.changed or outcome.unchanged):
        raise typer.Exit(1)


def guess(path: Path) -> Format:
    """Return the format a path most likely has. Raises Invalid `directory.unknown_format`."""
    if path.is_dir():
        if (path / "resources.csv").is_file():
            return Format.csv
        return Format.odcs if any(path.glob("*.odcs.y*ml")) else Format.folder
    if path.suffix.lower() in (".yml", ".yaml") and path.is_file():
        return _yaml_form(path)
    endings = {".xlsx": Format.xlsx, ".xlsm": Format.xlsx, ".xls": Format.xlsx, ".et": Format.xlsx, ".csv": Format.csv}
    if found := endings.get(path.suffix.lower()):
        return found
    raise Invalid("directory.unknown_format", file=str(path))


def _yaml_form(path: Path) -> Format:
    """A data contract says of itself that it is one; other YAML is ours."""
    with path.open("rb") as file:
        start = file.read(CONTRACT_WITHIN)
    return Format.odcs if b"DataContract" in start else Format.folder


def _importer(form: Format) -> Callable[..., Outcome]:
    module, name = IMPORTERS[form]
    found: Callable[..., Outcome] = getattr(importlib.import_module(module), name)
    return found


def _publish(session: Session, outcome: Outcome) -> list[str]:
    drafts = [*outcome.created, *outcome.changed]
    for resource_id in drafts:
        directory.publish(session, resource_id)
    grants.follow(session, drafts)
    return drafts


@contextmanager
def _progress(form: Format, department: str | None) -> Iterator[dict[str, Any]]:
    """Show a bar on a terminal; only a workbook says how far it is."""
    if form is not Format.xlsx:
        yield {}
        return
    from catalog.workbook.reading import Options

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("读取并保存 reading and saving", total=None)
        yield {"options": Options(department, lambda done, total: bar.update(task, completed=done, total=total))}


def _require_report_elsewhere(path: Path, report: Path | None) -> None:
    if report and report.resolve() == path.resolve():
        raise Invalid("workbook.report_over_source", file=str(path))


def _write_report(report: Path, outcome: Outcome, source: Path | None) -> None:
    from catalog.workbook.report import write_report

    write_report(report, outcome, source)


def _tell(outcome: Outcome, published: list[str], report: Path | None, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(_document(outcome, published), ensure_ascii=False, indent=2))
        return
    errors = [finding for finding in outcome.findings if finding.is_error]
    for finding in errors[:SHOWN]:
        zh, en = finding.words("zh"), finding.words("en")
        typer.echo(f"✗ {finding.place.words()}: {zh} {en}", err=True)
        typer.echo(f"  → {finding.remedy('zh')} {finding.remedy('en')}", err=True)
    if outcome.findings.errors > SHOWN and not report:
        more = outcome.findings.errors - SHOWN
        typer.echo(
            f"… 另有 {more} 处错误，用 --report FILE.xlsx 查看全部。{more} more errors; --report has all.", err=True
        )
    if errors and not (outcome.created or outcome.changed or outcome.unchanged):
        typer.echo("未导入任何内容；更正后重试，或用 --partial 只导入无误的部分。", err=True)
        typer.echo("Nothing was imported; mend it and try again, or take in the good part with --partial.", err=True)
    typer.echo(outcome.summary() + (f"; {len(published)} published" if published else ""))
    if report:
        typer.echo(str(report))


def _document(outcome: Outcome, published: list[str]) -> dict[str, Any]:
    return {
        "created": outcome.created, "changed": outcome.changed, "unchanged": outcome.unchanged, "refused": outcome.refused,
        "published": published, "errors": outcome.findings.errors, "counts": dict(outcome.findings.counts),
        "findings": [_finding(finding) for finding in outcome.findings],
    }  # fmt: skip


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "file": finding.file, "sheet": finding.sheet, "row": finding.row, "column": finding.column, "value": finding.value,
        "code": finding.code, "is_error": finding.is_error,
        "words": {"zh": finding.words("zh"), "en": finding.words("en")},
        "remedy": {"zh": finding.remedy("zh"), "en": finding.remedy("en")},
    }  # fmt: skip
