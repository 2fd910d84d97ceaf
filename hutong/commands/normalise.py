"""Why: whoever delivered a value may ask what was made of it. Shows a batch's declared repairs, before and after. Called by `hutong normalise`."""

from typing import Annotated

import typer

from hutong.commands.tables import plain_table
from hutong.commands.tables import show as print_table
from libraries import batches, repairs
from libraries.holding import concealing
from schemas.database import transaction

app = typer.Typer(no_args_is_help=True, add_completion=False, help="What was repaired in a batch. 规范化")


@app.callback()
def root() -> None:
    """Look at declared repairs. 查看规范化"""


@app.command()
def show(
    batch: Annotated[str, typer.Argument(help="Batch id, as hutong ingest prints it. 批次")],
    item: Annotated[str | None, typer.Option(help="Only this item. 信息项")] = None,
    examples: Annotated[int, typer.Option(min=0, max=100, help="Values to show of each repair.")] = 3,
    reveal: Annotated[
        bool, typer.Option("--reveal", help="Show values in clear; they may be personal data. 明文显示")
    ] = False,
) -> None:
    """Print per item and repair how many values it changed, with examples before → after, masked. 查看规范化前后"""
    with transaction("ingest") as session:
        document = batches.get(session, batch).document
        found = repairs.show(session, batch, item, examples)
    known = concealing.concealers(document)
    table = plain_table("item 信息项", "repair 规范化", "changed 改动", "before → after 前后")
    for one in found:
        mask = str if reveal else known[one.item]
        shown = [f"{e.row}: {mask(e.before)!r} → {mask(e.after) if e.after else '∅'!r}" for e in one.examples]
        table.add_row(one.item, one.name, f"{one.changed:,}", "\n".join(shown))
    print_table(table)
