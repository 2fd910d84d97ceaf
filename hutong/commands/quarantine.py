"""Why: a held row waits for somebody. Look at what is held and why, mend a row, send it the same way again. Called by `hutong quarantine`."""

from typing import Annotated

import typer

from hutong.commands.tables import plain_table
from hutong.commands.tables import show as print_table
from libraries import quarantine
from schemas.database import transaction
from schemas.errors import Invalid

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Rows held back, with their reasons. 隔离区")


@app.command("list")
def list_(
    resource: Annotated[str, typer.Argument(help="Resource id, e.g. civil_affairs.marriage")],
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Most rows to show.")] = 50,
) -> None:
    """List held rows of a resource with all their reasons; values stay hidden. 列出被隔离的行"""
    table = plain_table("row 编号", "batch 批次", "line 行号", "reasons 原因")
    with transaction("ingest") as session:
        for row in quarantine.find(session, resource_id=resource, limit=limit):
            table.add_row(str(row.id), row.batch_id, str(row.row_number), ", ".join(row.reasons))
    print_table(table)


@app.command()
def show(row: Annotated[int, typer.Argument(help="Row as `hutong quarantine list` numbers it")]) -> None:
    """Print one held row as it came. It may hold personal data. 查看一行"""
    with transaction("ingest") as session:
        found, values = quarantine.corrected(session, row, {})
        typer.echo(f"{found.batch_id}, {', '.join(found.reasons)}")
    for item, value in values.items():
        typer.echo(f"  {item} = {value if value is not None else ''}")


@app.command()
def replay(
    row: Annotated[int, typer.Argument(help="Row as `hutong quarantine list` numbers it")],
    corrections: Annotated[
        list[str] | None, typer.Option("--set", metavar="ITEM=VALUE", help="A corrected value; may be repeated.")
    ] = None,
) -> None:
    """Send a mended row through the same check and merge; it ends where it would have ended had it come right. 更正后重放"""
    from libraries.ingest import replay as send

    values: dict[str, str] = {}
    for correction in corrections or []:
        item, equals, value = correction.partition("=")
        if not equals:
            raise Invalid("quarantine.not_a_correction", given=correction)
        values[item] = value
    typer.echo(f"{row} → {send(row, values)}")
