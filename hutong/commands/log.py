"""Why: the evidence log is only worth what can be recomputed from it. Called by `hutong log`."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hutong.commands.tables import plain_table, show
from schemas.calendar import CHINA
from schemas.database import transaction

if TYPE_CHECKING:
    from exchange_api.evidence.audit.walk import Audit

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Audit and archive the evidence log. 存证日志审计与归档"
)
FORMATS, SHOWN = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], 50


@app.command()
def audit(
    begin: Annotated[
        datetime | None, typer.Option("--from", formats=FORMATS, help="Only from this day on. 起始日")
    ] = None,
    end: Annotated[
        datetime | None, typer.Option("--to", formats=FORMATS, help="Only before this day. 截止日（不含）")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    processes: Annotated[
        int | None, typer.Option("--processes", min=1, help="How many share the work; default: one a core. 并行进程数")
    ] = None,
) -> None:
    """Recompute the log from its entries and name every altered, missing or added row. 审计存证日志

    Exit codes: 0 whole, 1 something was found, 130 interrupted (nothing was changed; ask again). 退出码：0 完整，1 有发现，130 中断
    """
    from exchange_api.evidence.audit.walk import Wish, audit_log
    from exchange_api.evidence.log import LogSettings
    from exchange_api.evidence.vouching_settings import VouchingSettings

    between = [one and one.replace(tzinfo=CHINA) for one in (begin, end)]
    wish = Wish(
        LogSettings().log_origin, between[0], between[1], VouchingSettings().authority, processes or os.cpu_count() or 1
    )
    begun = time.monotonic()
    with transaction("reader") as session, _progress(sys.stderr.isatty()) as told:
        found = audit_log(session, wish, told)
    if as_json:
        typer.echo(json.dumps(_told(found), ensure_ascii=False, indent=2))
    else:
        _tell(found, time.monotonic() - begun)
    raise typer.Exit(1 if found.findings.total else 0)


@app.command()
def archive(
    out: Annotated[Path, typer.Option("--out", help="Folder of the archives. 归档目录", file_okay=False)],
    before: Annotated[
        datetime | None, typer.Option("--before", formats=FORMATS, help="Only what was signed before. 截止日")
    ] = None,
) -> None:
    """Write what came into the log since the last archive there; it proves itself, and nothing is removed. 归档存证日志"""
    from exchange_api.evidence.archive import write_archive

    until = before.replace(tzinfo=CHINA) if before else datetime.now(CHINA)
    with transaction("reader") as session:
        place = write_archive(session, out, until)
    typer.echo(str(place) if place else "没有新条目 nothing new")


@app.command("check-archive")
def check_archive_(
    file: Annotated[Path, typer.Argument(help="Manifest (.json) beside its entries", exists=True, dir_okay=False)],
    keys: Annotated[Path | None, typer.Option(help="The hub's JWKS file; default: of this installation")] = None,
) -> None:
    """Recompute an archive offline, up to the root that the hub signed. 核验归档"""
    from exchange_api.evidence.archive import check_archive
    from exchange_api.evidence.receipt import read_jwks

    count = check_archive(file, read_jwks(keys)[0])
    typer.echo(f"归档完整 whole: {count:,}")


@app.command()
def retire(
    archives: Annotated[
        Path, typer.Option("--archives", help="Folder of the archives. 归档目录", exists=True, file_okay=False)
    ],
    keep_months: Annotated[
        int | None,
        typer.Option("--keep-months", min=6, help="Months that stay; default: HUTONG_EVIDENCE_KEEP_MONTHS. 保留月数"),
    ] = None,
    is_meant: Annotated[
        bool, typer.Option("--yes", help="Retire; without it only show what would leave. 确认清退")
    ] = False,
) -> None:
    """Show, or with --yes let go, the months of entries that are old enough and archived; the log tells of it, proofs and audits go on. 清退已归档的存证"""
    from exchange_api.evidence import retiring
    from exchange_api.keys import jwks

    kept = keep_months or retiring.RetentionSettings().evidence_keep_months
    if kept is None:
        typer.echo("未设保留期，全部保留。No retention is set (HUTONG_EVIDENCE_KEEP_MONTHS): all is kept.")
        return
    with transaction("owner") as session:
        reach = retiring.archived(session, archives, jwks(session))
        leaving = retiring.plan(session, reach, kept)
    table = plain_table("月 month", "条目 entries", "占用 MB", "归档 archived")
    for one in leaving:
        table.add_row(
            one.month.table,
            f"{one.entries:,}",
            f"{one.month.bytes / 1e6:,.0f}",
            "是 yes" if one.is_archived else "否 no",
        )
    show(table)
    for one in leaving if is_meant else ():
        with transaction("owner") as session:  # a month each: what was retired stays so when the next cannot
            retiring.retire(session, one, reach)
        typer.echo(f"已清退 retired: {one.month.table} {one.entries:,}")
    if leaving and not is_meant:
        typer.echo("未作改动；加 --yes 执行。Nothing was changed; --yes retires them.")


@app.command()
def vkey() -> None:
    """Print the verifier keys of this log, in use and announced: witnesses trust them. 打印日志公钥"""
    from exchange_api.evidence.cosignature import LOG, VerifierKey
    from exchange_api.evidence.log import LogSettings
    from exchange_api.keys import jwks
    from exchange_api.signing import public_key_from_jwk

    with transaction("reader") as session:
        found = jwks(session)["keys"]
    for jwk in found:
        if jwk.get("crv") == "Ed25519" and jwk["hutong:state"] in ("next", "active"):
            key = public_key_from_jwk({name: jwk[name] for name in ("kty", "crv", "x")})
            typer.echo(f"{VerifierKey(LogSettings().log_origin, LOG, key)}  {jwk['hutong:state']}")


@contextmanager
def _progress(is_shown: bool) -> Iterator[Callable[[int, int], None] | None]:
    """Show how far an audit came and how long it may still take, on the error stream; None where nobody looks on."""
    if not is_shown:
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn("审计 audit"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("audit", total=None)
        yield lambda done, size: bar.update(task, completed=done, total=size)


def _told(found: "Audit") -> dict[str, object]:
    named = [{"kind": one.kind, "row": one.row, "detail": one.detail} for one in found.findings.named]
    gone_through = {
        name: getattr(found, name)
        for name in ("begin", "size", "entries", "retired", "pending", "checkpoints", "vouchers")
    }
    return gone_through | {"found": found.findings.total, "counts": dict(found.findings.counts), "findings": named}


def _tell(found: "Audit", seconds: float) -> None:
    typer.echo(
        f"存证 entries {found.entries:,}（待入日志 pending {found.pending:,}）  检查点 checkpoints {found.checkpoints:,}  "
        f"见证与时间戳 vouchers {found.vouchers:,}  {seconds:.1f} s"
    )
    if found.retired:
        typer.echo(
            f"已清退 {found.retired:,} 条，仅核对日志叶；其内容见归档。Retired {found.retired:,}: held to their leaves; check-archive has the rest."
        )
    if not found.findings.total:
        typer.echo(f"日志至大小 {found.size:,} 完整无改动。The log is whole and unaltered up to size {found.size:,}.")
        return
    table = plain_table("问题 what", "行 row", "说明 how it shows")
    for one in found.findings.named[:SHOWN]:
        table.add_row(one.kind, one.row, one.detail)
    show(table)
    typer.echo(f"共发现 {found.findings.total:,} 处。{found.findings.total:,} found; --json lists the first 1,000.")
