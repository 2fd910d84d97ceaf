"""Why: follow an attribute of a library back to the fields it comes from, and send events that wait for their receiver. Called by `hutong lineage`."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from hutong.commands.tables import plain_table
from hutong.commands.tables import show as print_table
from libraries.tracing import lineage, lineage_delivery
from schemas.database import transaction

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Where values come from. 数据血缘")


@app.command()
def show(
    attribute: Annotated[
        str, typer.Argument(metavar="ATTRIBUTE", help="library.LIBRARY.ATTRIBUTE, e.g. library.population.name")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the source fields that feed an attribute, the one with the highest authority first. 查看属性的来源字段"""
    with transaction("reader") as session:
        found = lineage.feeding(session, attribute)
    if as_json:
        typer.echo(json.dumps([asdict(feed) for feed in found], ensure_ascii=False, indent=2))
        return
    table = plain_table("来源字段 source field", "资源 resource", "信息项 item", "规范化 repairs", "属性 attribute")
    for feed in found:
        source = f"{feed.connection}: {feed.container}.{feed.column}"
        table.add_row(source, feed.resource, feed.item, ", ".join(feed.repairs) or "-", feed.attribute)
    print_table(table)


@app.command()
def send() -> None:
    """Send the events that wait for the address of HUTONG_LINEAGE; ends with code 1 when some still wait. 补发血缘事件"""
    sent = lineage_delivery.send()
    typer.echo(f"sent 已发送 {sent.taken}, refused 被拒 {sent.refused}, waiting 待发 {sent.waiting}")
    if sent.waiting:
        raise typer.Exit(1)
