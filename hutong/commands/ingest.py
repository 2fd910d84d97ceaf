"""Why: take a resource from its source system into its library from a shell, without Airflow. Called by `hutong ingest`; the work is `libraries.ingest`'s."""

import time
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from catalog import directory
from libraries import batches, quarantine
from libraries.ingest import ingest as take_in
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


def ingest(resource: Resource = None, run_id: RunId = None, everything: Everything = False) -> None:
    """Collect one resource now, without Airflow: plan, land, check, merge, publish. 立即归集一个资源"""
    if bool(resource) == everything:
        raise typer.BadParameter("name one RESOURCE, or --all 请指定一个资源或使用 --all")
    failures = []
    for name in _all() if everything else [str(resource)]:
        try:
            _take_in(name, run_id)
        except HutongError as error:
            if not everything:
                raise
            failures.append(error)
            for language in ("zh", "en"):
                console.print(f"  [red]✗[/] {error.title(language)} {error.remedy(language)}", markup=True)
    if failures:
        raise failures[0]


def _all() -> list[str]:
    """Return the published resources with a source: profiles before the registers whose entries refer to them."""
    with transaction("ingest") as session:
        documents = [found.document for found in directory.published(session) if found.document.source]
    if not documents:
        raise Invalid("directory.unknown_resource", resource="*")
    order: dict[str, int] = {name: place for place, name in enumerate(LIBRARIES)}
    return [d.id for d in sorted(documents, key=lambda d: (order.get(str(d.library), len(order)), d.id))]


def _take_in(resource: str, run_id: str | None) -> None:
    began = time.monotonic()
    with console.status(f"{resource} …") as status:
        batch_id = take_in(resource, run_id, lambda step: status.update(f"{resource}: {STEPS[step]} …"))
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
