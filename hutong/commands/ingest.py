"""Why: take a resource from its source system into its library from a shell, without Airflow; hold it back, let it go on, fetch a past period again.
Called by `hutong ingest`; the work is `libraries.ingest`'s and `control`'s.
"""

import time
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from catalog import directory
from hutong.commands.tables import plain_table
from hutong.commands.tables import show as print_table
from libraries import batches, quarantine
from libraries.batches import Period
from libraries.collecting import control
from libraries.ingest import ingest as take_in
from schemas.calendar import CHINA
from schemas.database import transaction
from schemas.errors import HutongError, Invalid
from schemas.library import LIBRARIES

console = Console(highlight=False)
STEPS = {"land": "landing 落地", "check": "checking 检查", "merge": "merging 合并", "publish": "publishing 发布"}
Resource = Annotated[str | None, typer.Argument(help="Resource id, e.g. public_security.resident. 资源标识")]
RunId = Annotated[
    str | None,
    typer.Option(
        "--run-id", help="Same id, same batch; without, a half-done batch is finished or a new one begun. 运行标识"
    ),
]
Everything = Annotated[bool, typer.Option("--all", help="Every published resource that has a source. 全部已发布资源")]


Start = Annotated[
    str | None,
    typer.Option("--from", help="Fetch a past period again, from this watermark on (time or number). 补采起点（含）"),
]
End = Annotated[str | None, typer.Option("--to", help="End of the period, no longer part of it. 补采终点（不含）")]
Paused = Annotated[bool, typer.Option("--pause", help="Take nothing more from its source until --resume. 暂停归集")]
Resumed = Annotated[bool, typer.Option("--resume", help="Let a paused resource be collected again. 恢复归集")]
Status = Annotated[bool, typer.Option("--status", help="Show where resources stand, and which are paused. 查看状态")]
Reason = Annotated[str, typer.Option("--reason", help="Why it is paused, for whoever looks. 暂停原因")]


def ingest(  # noqa: PLR0913 - each is an option of the command
    resource: Resource = None,
    run_id: RunId = None,
    everything: Everything = False,
    start: Start = None,
    end: End = None,
    paused: Paused = False,
    resumed: Resumed = False,
    status: Status = False,
    reason: Reason = "",
) -> None:
    """Collect one resource now, without Airflow: plan, land, check, merge, publish; or a past period; or pause it. 立即归集一个资源"""
    if sum((paused, resumed, status, everything, start is not None or end is not None)) > 1:
        raise typer.BadParameter("one of --all, --from/--to, --pause, --resume, --status 只能选择一种操作")
    if status:
        return _show(resource)
    if bool(resource) == everything:
        raise typer.BadParameter("name one RESOURCE, or --all 请指定一个资源或使用 --all")
    if paused or resumed:
        return _hold(str(resource), paused, reason)
    return _take_all(_all(), run_id) if everything else _take_in(str(resource), run_id, _period(start, end))


def _period(start: str | None, end: str | None) -> Period | None:
    if start is None and end is None:
        return None
    if start is None or end is None:
        raise typer.BadParameter("--from and --to belong together 起止须同时给出")
    return Period(start, end)


def _take_all(resources: list[str], run_id: str | None) -> None:
    failures = []
    for name in resources:
        try:
            _take_in(name, run_id)
        except HutongError as error:
            if error.code != "landing.paused":
                failures.append(error)
            for language in ("zh", "en"):
                console.print(f"  [red]✗[/] {error.title(language)} {error.remedy(language)}", markup=True)
    if failures:
        raise failures[0]


def _hold(resource: str, paused: bool, reason: str) -> None:
    with transaction("ingest") as session:
        if paused:
            control.pause(session, resource, reason)
        was_paused = paused or control.resume(session, resource)
    said = "paused 已暂停" if paused else "resumed 已恢复" if was_paused else "was not paused 未暂停"
    console.print(f"{resource}: {said}")


def _show(resource: str | None) -> None:
    table = plain_table("resource 资源", "state 状态", "at 时间", "paused 暂停", "batch 批次")
    with transaction("ingest") as session:
        for one in control.standings(session, resource):
            held = f"{_moment(one.paused_at)} {one.reason or ''}".strip() if one.paused_at else "-"
            state = f"{one.state} ({one.error_code})" if one.error_code else one.state or "-"
            table.add_row(one.resource, state, _moment(one.at), held, one.batch or "-")
    print_table(table)


def _moment(at: datetime | None) -> str:
    return at.astimezone(CHINA).isoformat(" ", "minutes")[:16] if at else "-"


def _all() -> list[str]:
    """Return the published resources with a source: profiles before the registers whose entries refer to them."""
    with transaction("ingest") as session:
        documents = [found.document for found in directory.published(session) if found.document.source]
    if not documents:
        raise Invalid("directory.unknown_resource", resource="*")
    order: dict[str, int] = {name: place for place, name in enumerate(LIBRARIES)}
    return [d.id for d in sorted(documents, key=lambda d: (order.get(str(d.library), len(order)), d.id))]


def _take_in(resource: str, run_id: str | None, period: Period | None = None) -> None:
    began = time.monotonic()
    with console.status(f"{resource} …") as status:
        batch_id = take_in(resource, run_id, lambda step: status.update(f"{resource}: {STEPS[step]} …"), period)
    with transaction("ingest") as session:
        batch = batches.get(session, batch_id).batch
        reasons = quarantine.count_reasons(session, batch_id)
    console.print(f"[green]✓[/] [bold]{resource}[/] {time.monotonic() - began:.1f} s  [dim]{batch_id}[/]")
    console.print(_summary(batch, reasons))


def _summary(batch: Any, reasons: dict[str, int]) -> Table:
    table = Table(show_header=False, box=None, padding=(0, 1, 0, 2))
    table.add_row("rows in 收到", f"{batch.rows_in:,}")
    table.add_row("good 合格", f"{batch.rows_good:,}")
    table.add_row("quarantined 隔离", f"{batch.rows_quarantined:,}")
    for reason, count in reasons.items():
        table.add_row(f"[dim]  {reason}[/]", f"[dim]{count:,}[/]")
    if batch.repairs:
        table.add_row("repaired 修复", f"{sum(batch.repairs.values()):,}")
        for name, count in sorted(batch.repairs.items()):
            table.add_row(f"[dim]  {name}[/]", f"[dim]{count:,}[/]")
    table.add_row("score 得分", f"{batch.score:.2f}" if batch.score is not None else "-")
    return table
