"""Why: find out, without taking a table over again, whether the hub holds what its source holds. Called by `hutong reconcile`; keys stay masked unless
asked for. Exit code 0: the same; 3: something differs; 1: it could not be told.
"""

import json
from dataclasses import asdict
from typing import Annotated, Any

import typer

from hutong.commands.tables import plain_table, show
from libraries.comparing import reconcile as comparing
from libraries.comparing.reconcile import Limits, Report
from schemas.calendar import CHINA
from schemas.database import transaction
from schemas.masking import mask_of

DIFFERS = 3
KINDS = {
    "missing": "来源有、平台无 missing",
    "extra": "平台有、来源无 extra",
    "different": "内容不同 different",
    "waiting": "归集后有变化 waiting",
}
Resource = Annotated[str, typer.Argument(help="Resource id, e.g. public_security.resident. 资源标识")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Full = Annotated[bool, typer.Option("--full", help="Read every row of the source. 逐行比对，读取全部数据")]
Keys = Annotated[bool, typer.Option("--keys", help="Show keys as they are; they may be personal data. 显示完整主键")]
Most = Annotated[int, typer.Option("--most-rows", min=0, help="Most rows read from the source to name keys.")]
Past = Annotated[
    bool, typer.Option("--past", help="Show what former comparisons found, and compare nothing. 查看历史对账")
]
Timeout = Annotated[
    float,
    typer.Option("--timeout", min=1, help="Seconds one statement at the source may take, unless its binding says."),
]


def reconcile(  # noqa: PLR0913 — options of a command
    resource: Resource, as_json: AsJson = False, full: Full = False, keys: Keys = False, most_rows: Most = 100_000,
    timeout: Timeout = comparing.TIMEOUT, past: Past = False,
) -> None:  # fmt: skip
    """Compare a source with what landed of it, by counts and digests of key ranges. 与来源对账"""
    if past:
        _print_past(resource, as_json)
        return
    report = comparing.reconcile(resource, Limits(full, most_rows, timeout))
    document = _document(report, keys)
    if as_json:
        typer.echo(json.dumps(document, ensure_ascii=False, indent=2))
    else:
        _print(document)
    if not report.found.is_same:
        raise typer.Exit(DIFFERS)


def _document(report: Report, keys: bool) -> dict[str, Any]:
    shown = str if keys or report.method == "files" else mask_of("tail4")
    found = {kind: [shown(_bare(key)) for key in getattr(report.found, kind)] for kind in KINDS}
    facts = {name: value for name, value in asdict(report).items() if name != "found"}
    return {**facts, **found, "is_whole": report.found.is_whole, "is_same": report.found.is_same}


def _bare(key: str) -> str:
    """Return a key without the marks that tell its parts from nothing."""
    return "/".join(part.removeprefix(":") for part in key.split("/"))


def _print(document: dict[str, Any]) -> None:
    rows = "-" if document["source_rows"] is None else f"{document['source_rows']:,}"
    typer.echo(f"{document['resource']}  {document['method']}  {document['batch']}")
    typer.echo(f"  来源 source {rows}, 落地 landed {document['landed_rows']:,}, 隔离 held {document['held']:,}")
    typer.echo(f"  比对区段 ranges {document['ranges']:,}, 读取行 rows read {document['rows_read']:,}")
    if document["method"] == "rows":
        typer.echo("  已读取来源全部数据 every row of the source was read")
    if document["method"] == "counts":
        typer.echo(
            "  来源不支持摘要，仅比较行数；--full 逐行比对 no digests in this dialect: only counts were compared, --full reads all"
        )
    elif document["left_out"]:
        typer.echo(f"  未参与比对 not compared: {', '.join(document['left_out'])}")
    for kind, label in KINDS.items():
        if keys := document[kind]:
            typer.echo(f"  {label} {len(keys):,}: {', '.join(keys[:20])}{' …' if len(keys) > 20 else ''}")
    if not document["is_whole"]:
        typer.echo("  差异过多，未全部读取；见 --most-rows more differs than was read; see --most-rows")
    if document["is_same"]:
        typer.echo("  一致 the same")


def _print_past(resource: str, as_json: bool) -> None:
    with transaction("reader") as session:
        rows = [
            {
                "at": one.finished_at.astimezone(CHINA).isoformat(" ", "seconds"), "batch": one.batch_id, "method": one.method,
                "source_rows": one.source_rows, "landed_rows": one.landed_rows, "missing": one.missing, "extra": one.extra,
                "different": one.different, **one.facts,
            }
            for one in comparing.find_past(session, resource)
        ]  # fmt: skip
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    names = ("at", "method", "source_rows", "landed_rows", "missing", "extra", "different")
    table = plain_table(*names)
    for row in rows:
        table.add_row(*(str(row[name]) for name in names))
    show(table)
