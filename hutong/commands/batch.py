"""Why: an operator looks at the batches of a resource and takes back one that should never have been believed, after seeing what that would do. Called by
`hutong batch`; the work is `libraries.retracting`'s.
"""

import json
from datetime import datetime
from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Console

from exchange_api.recalls import recall
from hutong.commands.tables import plain_table
from hutong.commands.tables import show as print_table
from libraries import batches
from libraries.retracting import taken_back
from libraries.retracting.retract import Report
from libraries.retracting.retract import retract as take_back
from schemas.calendar import CHINA
from schemas.database import transaction
from schemas.errors import HutongError
from schemas.masking import mask_of
from schemas.tables.landing import BATCH_STATES, Batch

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Batches, and taking one back. 批次及撤回")
State = StrEnum("State", list(BATCH_STATES))  # type: ignore[misc]
BatchId = Annotated[str, typer.Argument(metavar="BATCH", help="Batch as hutong batch list names it. 批次标识")]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON. 输出 JSON")]
STATES = {
    "planned": "已计划", "landed": "已落地", "checked": "已检查", "merged": "已归并", "rejected": "已拒收", "retracted": "已撤回",
}  # fmt: skip
STEPS = {
    "find": "Finding what the batch touched. 查找受影响的记录", "restore": "Restoring claims. 恢复来源数据",
    "judge": "Judging golden records again. 重新评定主记录", "write down": "Writing down whom it concerns. 登记受影响的记录",
}  # fmt: skip
COUNTS = {
    "claims_withdrawn": "claims withdrawn 撤下的来源数据", "claims_restored": "claims restored 恢复的来源数据",
    "claims_unchanged": "claims unchanged 不变的来源数据", "golden_added": "records that come back 恢复的主记录",
    "golden_changed": "records changed 改变的主记录", "golden_removed": "records removed 移除的主记录",
    "conflicts_found": "conflicts found 新的来源不一致", "conflicts_closed": "conflicts closed 消除的来源不一致",
    "records_records": "records that bore its values 曾采用其数据的记录", "records_current": "… until now 当前仍采用",
    "records_changed": "… with other values now 数据已不同", "batches_heard": "later batches heard again 重读的后续批次",
    "rows_let_go": "quarantined rows let go 不再等待的隔离行", "rows_waiting": "quarantined rows that wait again 重新等待的隔离行",
}  # fmt: skip


@app.command("list")
def list_(
    resource: Annotated[str | None, typer.Argument(help="Only of this resource. 资源标识")] = None,
    state: Annotated[State | None, typer.Option(help="Only in this state. 状态")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Most lines. 行数上限")] = 30,
    as_json: AsJson = False,
) -> None:
    """List batches, the newest first: how far each came and what it held. 列出批次"""
    with transaction("reader") as session:
        found = batches.listed(session, resource, state.value if state else None, limit)
    if as_json:
        typer.echo(json.dumps([_document(batch) for batch in found], ensure_ascii=False, indent=2))
        return
    table = plain_table("batch 批次", "state 状态", "rows 行数", "good 合格", "held 隔离", "landed 落地时间")
    for batch in found:
        rows = [_number(count) for count in (batch.rows_in, batch.rows_good, batch.rows_quarantined)]
        table.add_row(batch.id, f"{STATES[batch.state]} {batch.state}", *rows, _moment(batch.landed_at))
    print_table(table)


@app.command()
def show(batch: BatchId, as_json: AsJson = False) -> None:
    """Show one batch: its way, its rows, and what taking it back did. 查看批次"""
    with transaction("reader") as session:
        found = batches.get(session, batch).batch
        made = taken_back.of(session, batch)
    document = _document(found)
    if made is not None:
        told = {"by": made.retracted_by, "reason": made.reason, "number": made.id, "counts": made.counts}
        document["retraction"] = told
    if as_json:
        typer.echo(json.dumps(document, ensure_ascii=False, indent=2))
        return
    for name, value in document.items():
        if name != "retraction" and value is not None:
            typer.echo(f"  {name} = {value}")
    if made is not None:
        typer.echo(f"  taken back by 撤回人 {made.retracted_by}: {made.reason} (no. 编号 {made.id})")
        _print_counts(made.counts)


@app.command()
def retract(
    batch: BatchId,
    reason: Annotated[str, typer.Option("--reason", help="Why, so that others can check it. 撤回理由")] = "",
    by: Annotated[str, typer.Option("--by", help="Who takes it back. 操作人")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what it would do. 仅预演，不作改动")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask. 不再确认")] = False,
) -> None:
    """Take a merged batch back, with a name and a reason: the libraries say what the other batches say, and which records it concerns is written down.
    Merges into the library wait meanwhile. 撤回批次
    """
    if not (dry_run or yes):
        question = f"Take {batch} back? --dry-run shows what it would do. 确认撤回该批次？可先用 --dry-run 预演"
        typer.confirm(question, abort=True)
    console = Console(stderr=True, highlight=False)
    with console.status(STEPS["find"]) as status:
        report = take_back(
            batch, reason=reason, by=by, dry_run=dry_run,
            progress=lambda step: status.update(STEPS.get(step, f"Hearing 重读 {step}")),
        )  # fmt: skip
    _print(report)
    if report.retraction is not None and not dry_run:
        _call_back(report.retraction)


def _call_back(retraction: int) -> None:
    """Tell everyone who received its values; where that cannot be done now, the hourly task does it."""
    try:
        with transaction("exchange") as session:
            opened = recall.open_recall(session, retraction)
            recipients = len(recall.recipients_of(session, opened.id))
    except HutongError as error:
        typer.echo(
            f"{error.title('zh')} {error.title('en')} 召回未开启 not recalled yet: hutong recall open {retraction}",
            err=True,
        )
        return
    typer.echo(
        f"{opened.id}: {recipients} recipients notified 已通知接收方 {recipients} 个 · hutong recall show {opened.id}"
    )


def _print(report: Report) -> None:
    said = "would be taken back 将被撤回（预演，未作改动）" if report.is_dry_run else "is taken back 已撤回"
    if report.is_known:
        said = "was taken back before 此前已撤回"
    typer.echo(f"{report.batch} {said} · {report.library} · {report.seconds:.1f} s")
    _print_counts(report.counts)
    if report.examples:
        table = plain_table("record 记录", "from the batch 来自该批次的信息项", "other now 现已不同")
        for key, attributes, changed in report.examples:
            table.add_row(mask_of("tail4")(key), ", ".join(attributes), ", ".join(changed) or "—")
        print_table(table)
    for replay in report.replays:
        typer.echo(
            f"! {replay}: mended rows of it stand; take them back too if they are wrong 其隔离行更正后的数据仍有效"
        )
    if report.retraction is not None:
        resource = report.batch.rpartition(".")[0]
        typer.echo(f"→ hutong recall open {report.retraction}: whoever was told its values 通知已获取其数据的部门")
        typer.echo(
            f"→ The source is asked again for what the batch brought. Until it is mended: hutong ingest {resource} --pause"
            " 来源更正前请暂停归集，否则下次仍会归集原数据"
        )


def _print_counts(counts: dict[str, int]) -> None:
    table = plain_table("", "")
    for name, words in COUNTS.items():
        table.add_row(f"  {words}", _number(counts.get(name, 0)))
    print_table(table)


def _document(batch: Batch) -> dict[str, object]:
    names = (
        "id", "number", "resource_id", "resource_version_id", "run_id", "state", "rows_in", "rows_good", "rows_quarantined",
        "score", "error_code", "path", "watermark",
    )  # fmt: skip
    moments = ("created_at", "landed_at", "checked_at", "merged_at", "retracted_at")
    times = {name: None if (at := getattr(batch, name)) is None else at.isoformat() for name in moments}
    return {name: getattr(batch, name) for name in names} | times


def _number(count: int | None) -> str:
    return "—" if count is None else f"{count:,}"


def _moment(at: datetime | None) -> str:
    return "—" if at is None else at.astimezone(CHINA).strftime("%Y-%m-%d %H:%M")
